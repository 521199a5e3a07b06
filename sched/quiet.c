/* sched/quiet.c: see quiet.h. */
#include "sched/quiet.h"

#include "base/memory.h"
#include "sched/inspect.h"
#include "sched/runtime.h"

enum {
    TOLD = 64, /* tasks that are named */
    LINE = 512,
    PATIENCE = 100, /* looks at the number of threads */
    EXIT = 3,
};
#define ONE_IN ((UINT64_C(1) << 32) + 1) /* how often somebody came in; how many are */

static CR_ATOMIC(uint64_t) active;
static CR_ATOMIC(uint32_t) known;
static CR_ATOMIC(uint32_t) suspicion_told, told; /* once each */

struct report {
    uint64_t active; /* as it was */
    uint32_t count;  /* of those that wait */
    uint32_t lines_count;
    bool somebody_is_awake;
    enum coir_on_deadlock policy;
    char (*lines)[LINE]; /* NULL: no memory, nobody is named */
};

/* ---- Looking ---- */

static bool
all_workers_sleep(void)
{
    for (struct coir_runtime *runtime = cr_runtimes_first(); runtime; runtime = runtime->next)
        for (unsigned i = 0; i < runtime->count; i++)
            if (!cr_inbox_is_dozing(&runtime->workers[i].inbox))
                return false;
    return true;
}

/* A thread, or one of coir's own: whether it has been woken. */
static bool
is_awake(const struct coir_task *task)
{
    uint64_t state = cr_load_acq(&task->claim) & CR_CLAIM_STATE;
    if (cr_load_acq(&task->flags) & CR_TASK_SERVANT)
        return state == CR_CLAIMED;
    return state != CR_WAITING || cr_load_acq(&task->futex) != CR_ASLEEP;
}

static void
look_at(struct coir_task *task, void *arg)
{
    struct report *report = arg;
    uint32_t flags = cr_load_acq(&task->flags);
    if (!cr_load_acq(&task->id) || cr_load_acq(&task->life) & CR_ENDED)
        return;
    if (flags & CR_TASK_THREAD)
        report->somebody_is_awake |= is_awake(task);
    if (!(flags & (CR_TASK_DAEMON | CR_TASK_SERVANT)) && (cr_load_acq(&task->claim) & CR_CLAIM_STATE) == CR_WAITING)
        report->count++;
}

static void
write_down(struct coir_task *task, void *arg)
{
    struct report *report = arg;
    struct coir_task_info info;
    if (report->lines_count < TOLD && cr_inspect(task, NULL, &info))
        (void)cr_inspect_line(&info, report->lines[report->lines_count++], LINE);
}

/* Whether nobody can wake any of those that wait. */
static bool
is_quiet(struct report *report)
{
    uint64_t before = cr_load_acq(&active);
    bool quiet;
    report->active = before;
    if ((uint32_t)before)
        return false;
    cr_runtimes_hold();
    quiet = all_workers_sleep();
    if (cr_runtimes_first())
        report->policy = cr_runtimes_first()->options.on_deadlock;
    if (quiet)
        cr_task_each(look_at, report);
    quiet = quiet && !report->somebody_is_awake && report->count && cr_load_acq(&active) == before;
    if (quiet && report->lines)
        cr_task_each(write_down, report);
    cr_runtimes_let();
    return quiet;
}

/* ---- Telling ---- */

static void
tell(const struct report *report)
{
    coir_log(COIR_LOG_ERROR, "everyone waits: %u tasks, and nothing is left that could wake any of them",
             report->count);
    for (uint32_t i = 0; i < report->lines_count; i++)
        coir_log(COIR_LOG_ERROR, "  %s", report->lines[i]);
    if (report->lines_count == TOLD)
        coir_log(COIR_LOG_ERROR, "  and so on");
    if (report->policy == COIR_DEADLOCK_ABORT)
        cr_misuse("everyone waits: stopped, as on_deadlock says; the tasks are named above");
    if (report->policy == COIR_DEADLOCK_ERROR)
        cr_world.quit(EXIT);
}

/* Whether all threads of the process are known. One that is just ending is waited for, a little. Asked before and after: who
 * comes, or leaves, while they are counted must not stand for one that is not known. (Who leaves is not known any more
 * before he is gone; and if one came for one that left, active has changed.) */
static bool
are_all_known(void)
{
    for (int i = 0; i < PATIENCE; i++, cr_world.thread_pause()) {
        uint32_t before = cr_load_acq(&known);
        int threads = cr_world.threads();
        if (threads > 0 && (uint32_t)threads <= before && cr_load_acq(&known) == before)
            return true;
    }
    return false;
}

static __attribute__((noinline)) void
look(void)
{
    struct report first = {.count = 0}, report = {.count = 0};
    if (!cr_world.threads || !is_quiet(&first)) /* NULL: it cannot be known here */
        return;
    if (!are_all_known()) {
        if (!cr_swap_ar(&suspicion_told, 1))
            coir_log(
                COIR_LOG_WARN,
                "suspected: everyone waits, %u tasks; a thread that has never called coir may wake them, nobody else "
                "can",
                first.count);
        return;
    }
    /* Who was unknown and has gone since may have woken somebody before. If somebody came in since, he looks when he leaves. */
    report.lines = cr_alloc(TOLD * sizeof report.lines[0]);
    if (is_quiet(&report) && report.active == first.active && !cr_swap_ar(&told, 1))
        tell(&report);
    cr_free(report.lines);
}

/* ---- Counting ---- */

void
cr_quiet_begin(void)
{
    cr_store_rlx(&active, 0);
    cr_store_rlx(&known, 0);
    cr_store_rlx(&told, 0);
    cr_store_rlx(&suspicion_told, 0);
}

void
cr_quiet_in(void)
{
    (void)cr_add_ar(&active, ONE_IN);
}

void
cr_quiet_out(void)
{
    if ((uint32_t)cr_sub_ar(&active, 1) == 1) /* all that the others did before they left is visible now */
        look();
}

void
cr_quiet_know(int32_t more)
{
    (void)cr_add_ar(&known, (uint32_t)more);
}
