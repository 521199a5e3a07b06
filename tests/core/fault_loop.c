/* fault_loop.c: see fault_loop.h. What a process holds is looked at after the first run, in which the library makes what
 * it keeps for good, and must be the same after the second and the third. */
#include "fault_loop.h"

#include <coir/log.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "base/world.h"

enum { TIME_LIMIT = 15 }; /* seconds for three runs of some milliseconds */

/* A kernel that takes nothing from a ring for ever ends nothing that was begun there, either: that is waited out. */
#define LASTING (~(UINT64_C(1) << CR_FAULT_ENTER))

/* Of one process, for its parent. */
static struct outcome {
    uint64_t count; /* calls that could have failed */
    const char *where;
} * outcome;

static bool is_lasting;

/* What must not grow. */
struct holdings {
    int64_t blocks, mapped; /* blocks of memory; bytes of stacks */
    int descriptors, threads;
};

static CR_ATOMIC(int64_t) blocks;
static CR_ATOMIC(int64_t) mapped;
static void *(*map_really)(size_t size);
static void (*unmap_really)(void *memory, size_t size);

static void *
map(size_t size)
{
    void *memory = map_really(size);
    if (memory)
        cr_add_rlx(&mapped, (int64_t)size);
    return memory;
}

static void
unmap(void *memory, size_t size)
{
    cr_add_rlx(&mapped, -(int64_t)size);
    unmap_really(memory, size);
}

static void
watch(void)
{
    cr_memory_count_in(&blocks);
    map_really = cr_world.map;
    unmap_really = cr_world.unmap;
    cr_world.map = map;
    cr_world.unmap = unmap;
}

static int
threads_now(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = 0;
    MUST(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* The thread's last failure in words is a block, if there was memory for it: there is one now. */
static void
fail_in_words(void)
{
    MUST_BE(coir_run(NULL, NULL, &(struct coir_runtime_options){.workers = -1}), -EINVAL);
}

static struct holdings
holdings_now(void)
{
    fail_in_words();
    return (struct holdings){cr_load_rlx(&blocks), cr_load_rlx(&mapped), core_open_descriptors(), threads_now()};
}

static void
must_hold(const struct holdings *before)
{
    struct holdings now = holdings_now();
    /* One that has been joined may be listed for some moments more; then, or before. */
    for (coir_time end = core_soon(); now.threads > before->threads && !CORE_TSAN && coir_now() < end;) {
        sched_yield();
        now.threads = threads_now();
    }
    if (CORE_TSAN || now.threads < before->threads) /* it has a thread of its own */
        now.threads = before->threads;
    if (memcmp(&now, before, sizeof now) != 0)
        ck_abort_msg("held: %lld blocks, %lld bytes mapped, %d descriptors, %d threads, not %lld, %lld, %d, %d",
                     (long long)now.blocks, (long long)now.mapped, now.descriptors, now.threads,
                     (long long)before->blocks, (long long)before->mapped, before->descriptors, before->threads);
}

static void
quiet(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

static void
say(const char *where)
{
    outcome->where = where;
}

/* In the child. */
static void
play(const struct fault_program *program, int workers, uint64_t n, bool on)
{
    struct coir_runtime_options options = {.workers = workers, .log = quiet};
    struct holdings before;
    int result;
    (void)signal(SIGALRM, SIG_DFL); /* libcheck's own would end this process's parent */
    alarm(TIME_LIMIT);
    watch();
    (void)coir_self();
    say("well");
    MUST_BE(coir_run(program->run, NULL, &options), 0);
    before = holdings_now();
    say("with a fault");
    is_lasting = on;
    cr_fault_arm(on ? LASTING : 0, n, on);
    result = coir_run(program->run, NULL, &options);
    outcome->count = cr_fault_disarm();
    is_lasting = false;
    MUST(result <= 0);
    MUST(result != -ETIMEDOUT);
    if (outcome->count < n && !on) /* else it may have given up: it is less patient then (fault_is_lasting) */
        MUST_BE(result, 0);
    must_hold(&before);
    say("well again");
    MUST_BE(coir_run(program->run, NULL, &options), 0);
    must_hold(&before);
}

static void
must_live(const struct fault_program *program, int workers, uint64_t n, bool on)
{
    int status;
    pid_t child;
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (!child) {
        play(program, workers, n, on);
        exit(0); /* where leaks are looked for */
    }
    MUST_BE(waitpid(child, &status, 0), child);
    if (!status)
        return;
    printf("fault: %s, %d workers, call %llu%s fails, %s:\n", program->name, workers, (unsigned long long)n,
           on ? " and all after it" : "", outcome->where);
    fflush(stdout);
    ck_abort_msg("ended by signal %d, exit code %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                 WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

void
fault_loop(const struct fault_program *program, int workers, bool on)
{
    const char *only = getenv("COIR_FAULT");           /* this n */
    const char *step = getenv("COIR_TEST_FAULT_STEP"); /* every so many-th n, where each takes long */
    uint64_t n = only ? strtoull(only, NULL, 10) : 1, last = only ? n : FAULT_MOST;
    outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(outcome != MAP_FAILED);
    for (; n <= last; n += step ? strtoull(step, NULL, 10) : 1) {
        must_live(program, workers, n, on);
        if (outcome->count < n)
            break;
    }
    MUST(only || n > program->fewest);
    (void)munmap(outcome, sizeof *outcome);
}

bool
fault_is_lasting(void)
{
    return is_lasting;
}
