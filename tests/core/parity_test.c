/* parity_test.c: the table of behaviours (parity.h), played on every stage: the same text everywhere.
 *
 * A case is a row on a stage; it asks which backend it was played on. At the end a line for each stage says how many rows
 * were played there and how many operations were carried out for them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/operation.h"
#include "parity.h"
#include "sim/net.h"
#include "sim/thread.h"

static const struct parity_row *const tables[] = {parity_dial,  parity_accept,   parity_read, parity_line,
                                                  parity_write, parity_end,      parity_task, parity_sync,
                                                  parity_frame, parity_datagram, parity_file};
enum { TABLES = sizeof tables / sizeof tables[0], ROWS_MOST = 200 };

/* All that a new backend needs: a row. */
static const struct stage {
    const char *name;
    enum core_cast cast;
    struct coir_runtime_options options; /* backend NULL: none, plain threads wait in the kernel */
    const struct parity_wire *wire;
    int seeds; /* in a virtual world, so many different runs; 0: in the real one */
} stages[] = {
#ifdef CR_URING
    {"uring, 1 worker", CORE_ONE, {.workers = 1, .backend = "uring"}, &parity_real_wire, 0},
    {"uring, 3 workers", CORE_FOUR, {.workers = 3, .backend = "uring"}, &parity_real_wire, 0},
#endif
    {"epoll, 1 worker", CORE_ONE, {.workers = 1, .backend = "epoll"}, &parity_real_wire, 0},
    {"epoll, 3 workers", CORE_FOUR, {.workers = 3, .backend = "epoll"}, &parity_real_wire, 0},
    {"poll, 1 worker", CORE_ONE, {.workers = 1, .backend = "poll"}, &parity_real_wire, 0},
    {"poll, 3 workers", CORE_FOUR, {.workers = 3, .backend = "poll"}, &parity_real_wire, 0},
    {"select, 1 worker", CORE_ONE, {.workers = 1, .backend = "select"}, &parity_real_wire, 0},
    {"select, 3 workers", CORE_FOUR, {.workers = 3, .backend = "select"}, &parity_real_wire, 0},
    {"epoll-level, 1 worker", CORE_ONE, {.workers = 1, .backend = "epoll-level"}, &parity_real_wire, 0},
    {"epoll-level, 3 workers", CORE_FOUR, {.workers = 3, .backend = "epoll-level"}, &parity_real_wire, 0},
    {"sigio, 1 worker", CORE_ONE, {.workers = 1, .backend = "sigio"}, &parity_real_wire, 0},
    {"sigio, 3 workers", CORE_FOUR, {.workers = 3, .backend = "sigio"}, &parity_real_wire, 0},
    {"spin, 1 worker", CORE_ONE, {.workers = 1, .backend = "spin"}, &parity_real_wire, 0},
    {"spin, 3 workers", CORE_FOUR, {.workers = 3, .backend = "spin"}, &parity_real_wire, 0},
    {"block, plain threads", CORE_THREADS, {0}, &parity_real_wire, 0},
    {"sim, 1 worker", CORE_ONE, {.workers = 1, .backend = "sim"}, &parity_sim_wire, 5},
    {"sim, 3 workers", CORE_FOUR, {.workers = 3, .backend = "sim"}, &parity_sim_wire, 20},
    {"sim, plain threads", CORE_THREADS, {0}, &parity_sim_wire, 20},
};
enum { STAGES = sizeof stages / sizeof stages[0] };

/* In memory that the cases' processes share; atomic. */
static struct count {
    uint64_t rows, done, fibers_only, real_only;
} * counts;

static const struct parity_row *rows[ROWS_MOST];
static int row_count;

static void
collect(void)
{
    for (int i = 0; i < TABLES; i++)
        for (const struct parity_row *row = tables[i]; row->name; row++) {
            MUST(row_count < ROWS_MOST);
            rows[row_count++] = row;
        }
}

/* ---- How many operations were carried out ---- */

static cr_operation_attempt *const *under;
static uint64_t *done; /* of the stage's count; atomic */

static int
count_and_try(struct cr_op *op)
{
    int result = under[op->kind](op);
    if (result != -EAGAIN)
        __atomic_add_fetch(done, 1, __ATOMIC_RELAXED);
    return result;
}

static cr_operation_attempt *const counting[CR_OP_KINDS] = {[0 ... CR_OP_KINDS - 1] = count_and_try};

/* ---- One row on one stage ---- */

struct performance {
    const struct parity_row *row;
    const struct stage *stage;
};

static int
direct(void *arg)
{
    const struct performance *own = arg;
    const struct coir_runtime *runtime = coir_runtime_self();
    const char *wanted = own->stage->options.backend;
    if (!wanted) {
        MUST(!runtime);
    } else {
        MUST(runtime && !strcmp(coir_runtime_backend(runtime), wanted));
        MUST_BE(coir_runtime_workers(runtime), own->stage->options.workers);
    }
    for (int way = 1; way <= PARITY_PAIR; way *= 2) {
        struct parity play = {.way = (enum parity_way)way};
        if (!(own->row->manner & way) && (own->row->manner & PARITY_ANY || way > 1))
            continue;
        own->row->body(&play);
        if (strcmp(play.text, own->row->text))
            ck_abort_msg("%s, way %d, on %s:\n  %s\nnot\n  %s", own->row->name, way, own->stage->name, play.text,
                         own->row->text);
    }
    return 0;
}

static int
play(void *arg)
{
    const struct performance *own = arg;
    under = cr_operation_install(counting);
    core_play_with(own->stage->cast, &own->stage->options, direct, arg);
    (void)cr_operation_install(under);
    return 0;
}

static void
play_as_first_thread(void *arg)
{
    (void)play(arg);
}

static void
play_virtually(void *arg, uint64_t seed)
{
    const struct performance *own = arg;
    struct cr_sim_outcome outcome;
    cr_net_reset();
    outcome = cr_sim_run(&(struct cr_sim_options){.seed = seed}, play_as_first_thread, arg);
    if (outcome.end != CR_SIM_DONE)
        ck_abort_msg("%s, on %s, seed %d: end %d: %s", own->row->name, own->stage->name, (int)seed, outcome.end,
                     outcome.text);
    MUST_BE(cr_net_open_descriptors(0), 0);
}

static int
perform(void *arg)
{
    const struct performance *own = arg;
    parity_wire = own->stage->wire;
    done = &counts[own->stage - stages].done;
    if (!own->stage->seeds)
        return play(arg);
    cr_net_install();
    for (int seed = 0; seed == 0 || seed < core_rounds(own->stage->seeds); seed++)
        play_virtually(arg, (uint64_t)seed);
    cr_net_uninstall();
    return 0;
}

START_TEST(a_row_on_a_stage)
{
    struct performance own = {rows[_i % row_count], &stages[_i / row_count]};
    struct count *count = &counts[_i / row_count];
    if (own.row->manner & PARITY_FIBERS && own.stage->cast == CORE_THREADS) {
        __atomic_add_fetch(&count->fibers_only, 1, __ATOMIC_RELAXED);
        return;
    }
    if (own.row->manner & PARITY_REAL && own.stage->seeds) {
        __atomic_add_fetch(&count->real_only, 1, __ATOMIC_RELAXED);
        return;
    }
    if (!own.stage->seeds && core_refused(own.stage->options.backend))
        return;
    if (own.row->manner & PARITY_DIES)
        core_must_die(perform, &own, SIGABRT, own.row->text);
    else
        perform(&own);
    __atomic_add_fetch(&count->rows, 1, __ATOMIC_RELAXED);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_row_on_a_stage, 0, STAGES * row_count);
}

int
main(void)
{
    int failed;
    counts = mmap(NULL, STAGES * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(counts != MAP_FAILED);
    collect();
    failed = core_main("parity", add);
    for (int i = 0; i < STAGES; i++)
        printf("parity: %s: %llu of %d behaviours alike, %llu for fibers only, %llu not in a virtual world, %llu "
               "operations\n",
               stages[i].name, (unsigned long long)counts[i].rows, row_count, (unsigned long long)counts[i].fibers_only,
               (unsigned long long)counts[i].real_only, (unsigned long long)counts[i].done);
    return failed;
}
