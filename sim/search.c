/* sim/search.c: see search.h.
 *
 * The child writes each schedule's deviations to shared memory while it makes them, so that its parent knows them also
 * if the child dies of an assertion. Exhaustive search first learns which sites touch shared places from some random
 * schedules; when a later one teaches another, the search begins anew. */
#include "sim/search.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LESSONS = 60, SHRINKS = 400, PATIENCE = 120 }; /* random schedules; attempts; seconds for a child */

static const char *const models[] = {[CR_MODEL_SC] = "sc", [CR_MODEL_TSO] = "tso", [CR_MODEL_C11] = "c11"};

/* What child and parent share. */
struct shared {
    struct cr_check_result result;
    struct cr_run_outcome outcome; /* of the schedule under way */
    struct cr_schedule schedule;   /* its deviations */
    struct cr_schedule replay;     /* to be repeated */
};

/* ---- In the child ---- */

/* false: it failed. */
static bool
run_one(const struct cr_check *check, const struct cr_run_options *options, struct shared *shared)
{
    struct cr_check_result *result = &shared->result;
    cr_run_once(options, check->body, check->arg, &shared->schedule, &shared->outcome);
    result->schedules += !shared->outcome.redundant;
    result->redundant += shared->outcome.redundant;
    result->seen |= shared->outcome.seen;
    if (shared->outcome.steps > result->longest)
        result->longest = shared->outcome.steps;
    if (!shared->outcome.failed)
        return true;
    result->failed = true;
    snprintf(result->text, sizeof result->text, "%s", shared->outcome.text);
    return false;
}

/* The first schedules: they touch what is only touched once, and show what is shared. */
static bool
learn(const struct cr_check *check, struct shared *shared)
{
    struct cr_run_options options = check->run;
    options.every_point = options.unpruned = true;
    for (int i = 0; i < LESSONS; i++) {
        cr_strategy_begin(&(struct cr_strategy_options){.kind = i ? CR_PCT : CR_REPLAY,
                                                        .seed = (uint64_t)i,
                                                        .depth = 4,
                                                        .replay = &(struct cr_schedule){.count = 0}});
        (void)cr_strategy_next();
        if (!run_one(check, &options, shared))
            return false;
    }
    shared->result.schedules = 0; /* those after these count */
    return true;
}

static void
search(const struct cr_check *check, uint64_t limit, struct shared *shared)
{
    struct cr_strategy_options options = {.kind = check->strategy, .seed = check->seed, .depth = check->depth};
    struct cr_run_options run = check->run;
    uint64_t done = 0;
    run.unpruned |= check->strategy != CR_EXHAUSTIVE;
    run.sleep_sets = check->preemptions >= CR_UNBOUNDED;
    options.bounds[CR_DECIDE_THREAD] = check->preemptions;
    options.bounds[CR_DECIDE_VALUE] = check->overlooked;
    if (!learn(check, shared))
        return;
    cr_strategy_begin(&options);
    while (!(limit && done >= limit)) {
        if (check->strategy == CR_PCT && !check->depth)
            cr_strategy_deepen(2 + (uint32_t)(done % 4));
        if (!cr_strategy_next()) {
            shared->result.complete = true;
            return;
        }
        if (!run_one(check, &run, shared))
            return;
        done++;
        if (cr_strategy_is_confused()) {
            snprintf(shared->result.text, sizeof shared->result.text, "the body does not repeat itself");
            shared->result.failed = true;
            return;
        }
        if (shared->outcome.learned && check->strategy == CR_EXHAUSTIVE)
            cr_strategy_restart();
    }
}

static void
repeat(const struct cr_check *check, bool trace, struct shared *shared)
{
    struct cr_run_options options = check->run;
    struct cr_schedule none = {.count = 0};
    options.every_point = options.unpruned = true;
    cr_strategy_begin(&(struct cr_strategy_options){.kind = CR_REPLAY, .replay = &none});
    (void)cr_strategy_next();
    if (!run_one(check, &options, shared)) /* as the first lesson; it may have been the one */
        return;
    options.trace = trace;
    cr_strategy_begin(&(struct cr_strategy_options){.kind = CR_REPLAY, .replay = &shared->replay});
    (void)cr_strategy_next();
    (void)run_one(check, &options, shared);
}

/* ---- In the parent ---- */

enum task { SEARCH, REPEAT, TRACE };

/* Does it in a child; what it says on standard error goes to said, or is shown if that is NULL. */
static void
in_child(const struct cr_check *check, enum task task, uint64_t limit, struct shared *shared, char *said, size_t size)
{
    int ends[2] = {-1, -1}, status = 0;
    char rest[4096];
    size_t length = 0;
    ssize_t count;
    pid_t child;
    memset(&shared->result, 0, sizeof shared->result);
    fflush(NULL);
    cr_always(!said || pipe2(ends, O_CLOEXEC) == 0);
    child = fork();
    cr_always(child >= 0);
    if (!child) {
        if (said)
            dup2(ends[1], STDERR_FILENO);
        alarm(PATIENCE);
        if (task == SEARCH)
            search(check, limit, shared);
        else
            repeat(check, task == TRACE, shared);
        _exit(0);
    }
    if (said) {
        close(ends[1]);
        while (length < size - 1 && (count = read(ends[0], said + length, size - 1 - length)) > 0)
            length += (size_t)count;
        said[length] = '\0';
        while (read(ends[0], rest, sizeof rest) > 0) /* or it would wait for room */
            continue;
        close(ends[0]);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return;
    shared->result.failed = true;
    snprintf(shared->result.text, sizeof shared->result.text, "%s%s%s",
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "its process ended", said && *said ? ": " : "",
             said ? said : "");
}

/* Leaves out deviations one after the other, and all behind, as long as it still fails. */
static void
shrink(const struct cr_check *check, struct shared *shared, struct cr_schedule *best)
{
    static struct cr_schedule attempt;
    char said[CR_CHECK_TEXT / 2];
    int left = SHRINKS;
    for (uint32_t width = best->count; width > 0; width /= 2)
        for (uint32_t from = 0; from < best->count && left > 0; left--) {
            uint32_t to = from + width < best->count ? from + width : best->count;
            attempt = *best;
            memmove(attempt.deviations + from, attempt.deviations + to,
                    (attempt.count - to) * sizeof attempt.deviations[0]);
            attempt.count -= to - from;
            shared->replay = attempt;
            in_child(check, REPEAT, 0, shared, said, sizeof said);
            if (shared->result.failed && shared->schedule.count <= best->count - (to - from))
                *best = shared->schedule; /* as it was made: without what had no effect */
            else
                from = to;
        }
}

static void
tell_failure(const struct cr_check *check, struct shared *shared, struct cr_check_result *result)
{
    static struct cr_schedule best;
    char said[CR_CHECK_TEXT / 2];
    best = shared->schedule;
    cr_schedule_write(&best, result->replay, sizeof result->replay);
    if (check->is_expected_to_fail)
        return;
    shared->replay = best;
    in_child(check, REPEAT, 0, shared, said, sizeof said);
    if (shared->result.failed) {
        shrink(check, shared, &best);
        shared->replay = best;
        in_child(check, REPEAT, 0, shared, said, sizeof said);
        snprintf(result->text, sizeof result->text, "%s", shared->result.text);
        cr_schedule_write(&best, result->replay, sizeof result->replay);
    } else {
        snprintf(result->text + strlen(result->text), sizeof result->text - strlen(result->text),
                 " (and not when it is repeated: the body depends on more than its schedule)");
    }
    fprintf(stderr, "%s.%s failed in schedule %llu: %s\n    repeat it: CK_FORK=no COIR_CHECK_REPLAY='%s.%s:%s' %s\n",
            check->name, models[check->run.model], (unsigned long long)result->schedules, result->text, check->name,
            models[check->run.model], result->replay, program_invocation_name);
}

static struct cr_check_result
repeat_as_told(const struct cr_check *check, const char *wanted, struct shared *shared)
{
    struct cr_check_result result = {.failed = false};
    char name[200];
    size_t length = (size_t)snprintf(name, sizeof name, "%s.%s:", check->name, models[check->run.model]);
    if (strncmp(wanted, name, length) != 0)
        return result;
    if (!cr_schedule_read(&shared->replay, wanted + length))
        cr_misuse("COIR_CHECK_REPLAY: no schedule: %s", wanted + length);
    in_child(check, TRACE, 0, shared, NULL, 0);
    fprintf(stderr, "%s: %s\n", check->name, shared->result.failed ? shared->result.text : "nothing was wrong");
    return shared->result;
}

struct cr_check_result
cr_check(const struct cr_check *check)
{
    const char *wanted = getenv("COIR_CHECK_REPLAY"), *times = getenv("COIR_CHECK_TIMES");
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct cr_check_result result;
    char said[CR_CHECK_TEXT / 2];
    cr_always(shared != MAP_FAILED);
    if (wanted) {
        result = repeat_as_told(check, wanted, shared);
    } else {
        in_child(check, SEARCH, check->schedules * (times ? strtoull(times, NULL, 10) : 1), shared, said, sizeof said);
        result = shared->result;
        if (result.failed)
            tell_failure(check, shared, &result);
    }
    munmap(shared, sizeof *shared);
    return result;
}
