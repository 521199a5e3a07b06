/* sim/seed.c: see seed.h. */
#include "sim/seed.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 100, PATIENCE = 60 }; /* seeds in a process; seconds of real time for a seed */

/* What a child writes and its parent reads. */
struct progress {
    uint64_t seed; /* under way */
    bool failed;
    struct cr_sim_tally tally;
};

static const char *const ends[] = {
    [CR_SIM_DONE] = "done",
    [CR_SIM_STUCK] = "everyone waits",
    [CR_SIM_LATE] = "took too long in virtual time",
    [CR_SIM_ENDLESS] = "made too many choices",
    [CR_SIM_FAILED] = "failed",
};

static struct cr_sim_outcome
run(const struct cr_sim_scenario *scenario, uint64_t seed, bool *well, char *text, size_t size)
{
    struct cr_sim_options options = {.seed = seed, .limit = scenario->limit};
    struct cr_sim_outcome outcome;
    const char *wrong = NULL;
    if (scenario->before)
        scenario->before(seed, scenario->arg);
    outcome = cr_sim_run(&options, scenario->play, scenario->arg);
    if (outcome.end == CR_SIM_DONE && scenario->after)
        wrong = scenario->after(scenario->arg);
    *well = outcome.end == CR_SIM_DONE && !wrong;
    if (!*well)
        snprintf(text, size, "%s: %s", wrong ? "at the end" : ends[outcome.end], wrong ? wrong : outcome.text);
    return outcome;
}

static void
add_up(struct cr_sim_tally *tally, const struct cr_sim_outcome *outcome)
{
    tally->runs++;
    tally->choices += outcome->choices;
    tally->virtual_time += outcome->time;
    tally->hash = (tally->hash ^ outcome->hash) * UINT64_C(0x9e3779b97f4a7c15);
}

static void
fail_with(struct cr_sim_tally *tally, uint64_t seed, const char *text)
{
    if (tally->failures++)
        return;
    tally->first_failure = seed;
    snprintf(tally->text, sizeof tally->text, "%s", text);
}

/* What malloc has given out. Exact only without its caches for threads (GLIBC_TUNABLES, as tests/CMakeLists.txt sets it);
 * with them, and under sanitizers, which look for leaks themselves, it is always 0. */
static size_t
bytes_in_use(void)
{
    const char *tunables = getenv("GLIBC_TUNABLES");
    return tunables && strstr(tunables, "tcache_count=0") ? mallinfo2().uordblks : 0;
}

static size_t
bytes_left(const struct cr_sim_scenario *scenario, uint64_t seed)
{
    if (scenario->before)
        scenario->before(seed, scenario->arg); /* forgets what the run has left on purpose */
    return bytes_in_use();
}

/* After a run nothing more may be in use than before it. What is kept for good (slabs of task blocks) grows when a run
 * needs more than any before it, so one that has left something runs again: then that is there, and a leak shows. */
static bool
is_clean(const struct cr_sim_scenario *scenario, uint64_t seed, char *text, size_t size)
{
    static size_t settled;
    size_t bytes = bytes_left(scenario, seed);
    bool well;
    if (bytes > settled) {
        settled = bytes;
        (void)run(scenario, seed, &well, text, size);
        bytes = bytes_left(scenario, seed);
    }
    if (bytes > settled)
        snprintf(text, size, "%zu bytes are left", bytes - settled);
    return bytes <= settled;
}

static void
run_batch(const struct cr_sim_scenario *scenario, uint64_t end, struct progress *progress)
{
    char text[CR_SIM_TEXT];
    bool well;
    for (; progress->seed < end; progress->seed++) {
        struct cr_sim_outcome outcome;
        alarm(PATIENCE);
        outcome = run(scenario, progress->seed, &well, text, sizeof text);
        add_up(&progress->tally, &outcome);
        if (well && is_clean(scenario, progress->seed, text, sizeof text))
            continue;
        fail_with(&progress->tally, progress->seed, text);
        progress->failed = true;
        break; /* what the run had in hand is lost: the rest is for a new process */
    }
    /* Without what other parts of the program would do at their ends; leaks are looked for all the same. */
    fflush(NULL);
    if (!progress->failed)
        exit(0);
    _exit(0);
}

/* One child, from progress->seed on. */
static void
run_child(const struct cr_sim_scenario *scenario, uint64_t end, struct progress *progress)
{
    char text[200];
    int status = 0;
    pid_t child;
    fflush(NULL);
    child = fork();
    cr_always(child >= 0);
    if (child == 0)
        run_batch(scenario, end, progress);
    while (waitpid(child, &status, 0) != child)
        continue;
    if (progress->failed) {
        progress->failed = false;
        progress->seed++;
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    progress->tally.runs++;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(text, sizeof text, "not done after %d s", PATIENCE);
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "the process of this and earlier seeds ended with exit code %d",
                 WEXITSTATUS(status));
    fail_with(&progress->tally, progress->seed, text);
    progress->seed++;
}

static struct cr_sim_tally
run_one_here(const struct cr_sim_scenario *scenario, uint64_t seed)
{
    struct cr_sim_tally tally = {0};
    struct cr_sim_outcome outcome;
    char text[CR_SIM_TEXT];
    bool well;
    cr_sim_trace(getenv("COIR_SIM_TRACE") ? STDERR_FILENO : -1);
    outcome = run(scenario, seed, &well, text, sizeof text);
    cr_sim_trace(-1);
    add_up(&tally, &outcome);
    if (!well)
        fail_with(&tally, seed, text);
    return tally;
}

/* Of this process and its children that have ended. */
static coir_time
cpu_time(void)
{
    struct rusage own, children;
    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return (own.ru_utime.tv_sec + own.ru_stime.tv_sec + children.ru_utime.tv_sec + children.ru_stime.tv_sec) *
               COIR_SECOND +
           (own.ru_utime.tv_usec + own.ru_stime.tv_usec + children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000;
}

static void
tell_failure(const struct cr_sim_scenario *scenario, const struct cr_sim_tally *tally)
{
    fprintf(stderr,
            "%s, seed %llu: %s\nrepeat it: CK_FORK=no COIR_SIM_SCENARIO=%s COIR_SIM_SEED=%llu COIR_SIM_TRACE=1 %s\n",
            scenario->name, (unsigned long long)tally->first_failure, tally->text, scenario->name,
            (unsigned long long)tally->first_failure, program_invocation_name);
}

struct cr_sim_tally
cr_sim_seeds(const struct cr_sim_scenario *scenario, uint64_t first, uint64_t count, bool stop)
{
    const char *only = getenv("COIR_SIM_SEED"), *name = getenv("COIR_SIM_SCENARIO");
    coir_time began = cpu_time();
    struct cr_sim_tally tally = {0};
    struct progress *progress;
    if (name && strcmp(name, scenario->name) != 0)
        return tally;
    if (only) {
        tally = run_one_here(scenario, strtoull(only, NULL, 10));
    } else {
        progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_always(progress != MAP_FAILED);
        progress->seed = first;
        while (progress->seed < first + count && !(stop && progress->tally.failures)) {
            uint64_t end = progress->seed + BATCH;
            run_child(scenario, end < first + count ? end : first + count, progress);
        }
        tally = progress->tally;
        munmap(progress, sizeof *progress);
    }
    tally.cpu_time = cpu_time() - began;
    if (tally.failures)
        tell_failure(scenario, &tally);
    return tally;
}

bool
cr_sim_repeats(const struct cr_sim_scenario *scenario, uint64_t seed)
{
    uint64_t hashes[2];
    char text[CR_SIM_TEXT];
    bool well;
    for (int i = 0; i < 2; i++)
        hashes[i] = run(scenario, seed, &well, text, sizeof text).hash;
    return hashes[0] == hashes[1];
}
