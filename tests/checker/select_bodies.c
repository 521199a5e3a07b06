/* select_bodies.c: one of several things, between plain threads: what was put is got once, whichever way it goes, and what
 * was not chosen is as if nothing had been. The end of a task as one of them needs a runtime. */
#include <coir/event.h>
#include <coir/queue.h>
#include <coir/select.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"

static struct {
    struct coir_queue *queues[2];
    struct coir_event event;
    uint32_t put[2], got; /* a bit for each item; put by its putter */
} counter;

static void
open_counter(void)
{
    memset(&counter, 0, sizeof counter);
    for (int i = 0; i < 2; i++)
        counter.queues[i] = coir_queue_new(sizeof(uint64_t), 1, NULL);
    coir_event_init(&counter.event);
}

/* What was put and not got is still inside, and the queues are not waited for. */
static void
close_counter(void)
{
    uint64_t item;
    for (int i = 0; i < 2; i++) {
        while (coir_queue_get(counter.queues[i], &item, COIR_NOW) == 0)
            counter.got += (uint32_t)item;
        coir_queue_free(counter.queues[i]);
    }
    CR_CHECK_IS(counter.got, counter.put[0] | counter.put[1]);
    coir_event_fini(&counter.event);
}

static const uint64_t no_item = 1 << 20;

/* From either queue; whether one came before the deadline. */
static bool
get_one(coir_time deadline)
{
    uint64_t items[2] = {no_item, no_item};
    struct coir_case cases[2] = {coir_case_get(counter.queues[0], &items[0]),
                                 coir_case_get(counter.queues[1], &items[1])};
    int which = coir_select(cases, 2, deadline);
    CR_CHECK_THAT(which >= 0 || (deadline != COIR_NEVER && which == -ETIMEDOUT));
    for (int i = 0; i < 2; i++) {
        CR_SHARED_READ_BYTES(&items[i], sizeof items[i]);
        CR_CHECK_IS(items[i] == no_item, i != which);
    }
    if (which < 0)
        return false;
    CR_CHECK_IS(cases[which].result, 0);
    CR_CHECK_IS(counter.got & items[which], 0);
    counter.got |= (uint32_t)items[which];
    return true;
}

static void
put_into(int queue, uint64_t item)
{
    CR_CHECK_IS(coir_queue_put(counter.queues[queue], &item, COIR_NEVER), 0);
    counter.put[queue] |= (uint32_t)item;
}

static void
put_1(void *arg)
{
    (void)arg;
    put_into(0, 1);
}

static void
put_2(void *arg)
{
    (void)arg;
    put_into(1, 2);
}

static void
get_two(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(get_one(COIR_NEVER));
    CR_CHECK_THAT(get_one(COIR_NEVER));
}

static void
select_get(void *arg)
{
    (void)arg;
    open_counter();
    play_three(put_1, put_2, get_two, NULL);
    close_counter();
}

static void
get_in_time(void *arg)
{
    (void)arg;
    (void)get_one(coir_after(COIR_MS));
    (void)get_one(coir_after(2 * COIR_MS));
    if (counter.got != 3) /* no waking is left over for the next wait */
        CR_CHECK_IS(coir_event_wait(&counter.event, coir_after(3 * COIR_MS)), -ETIMEDOUT);
}

static void
select_late(void *arg)
{
    (void)arg;
    open_counter();
    play_three(put_1, put_2, get_in_time, NULL);
    close_counter();
}

/* Two select from the same queues, one item comes into each. */
static void
get_1(void *arg)
{
    uint64_t item = 0;
    struct coir_case cases[2] = {coir_case_get(counter.queues[1], &item), coir_case_get(counter.queues[0], &item)};
    int which = coir_select(cases, 2, COIR_NEVER);
    CR_CHECK_THAT(which >= 0 && cases[which].result == 0);
    CR_CHECK_IS(item, which ? 1 : 2);
    (void)__atomic_fetch_or((uint32_t *)arg, (uint32_t)item, __ATOMIC_SEQ_CST);
}

static void
put_both(void *arg)
{
    (void)arg;
    put_into(0, 1);
    put_into(1, 2);
}

static void
select_two(void *arg)
{
    uint32_t got = 0;
    (void)arg;
    open_counter();
    play_three(get_1, get_1, put_both, &got);
    counter.got = got;
    CR_CHECK_IS(got, 3);
    close_counter();
}

/* Each offers what the other wants. */
static void
exchange(int in, uint64_t item)
{
    bool sent = false, received = false;
    while (!sent || !received) {
        uint64_t take = no_item;
        struct coir_case cases[2] = {coir_case_put(sent ? NULL : counter.queues[!in], &item),
                                     coir_case_get(received ? NULL : counter.queues[in], &take)};
        int which = coir_select(cases, 2, COIR_NEVER);
        CR_CHECK_THAT(which >= 0 && cases[which].result == 0);
        sent |= which == 0;
        received |= which == 1;
        if (which == 1) {
            CR_CHECK_IS(take, 3 - item);
            counter.put[in] = 0; /* got */
        }
    }
}

static void
exchange_1(void *arg)
{
    (void)arg;
    exchange(0, 1);
}

static void
exchange_2(void *arg)
{
    (void)arg;
    exchange(1, 2);
}

static void
select_exchange(void *arg)
{
    (void)arg;
    open_counter();
    play_two(exchange_1, exchange_2, NULL);
    close_counter();
}

/* The shutdown of a queue against an item and an event. */
static void
shut_first(void *arg)
{
    (void)arg;
    coir_queue_shutdown(counter.queues[0]);
}

static void
set_event(void *arg)
{
    (void)arg;
    coir_event_set(&counter.event);
}

static void
select_any_end(void *arg)
{
    uint64_t item = no_item;
    struct coir_case cases[2] = {coir_case_get(counter.queues[0], &item), coir_case_event(&counter.event)};
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int which = coir_select(cases, 2, COIR_NEVER);
        CR_CHECK_THAT(which >= 0);
        CR_CHECK_IS(cases[which].result, which ? 0 : -EPIPE);
        cases[which].object = NULL;
    }
    CR_CHECK_IS(item, no_item);
    coir_queue_free(counter.queues[0]); /* at once */
    coir_event_fini(&counter.event);
    cr_tell_freed(&counter.event, sizeof counter.event);
}

static void
select_shut(void *arg)
{
    (void)arg;
    open_counter();
    play_three(shut_first, set_event, select_any_end, NULL);
    coir_queue_free(counter.queues[1]);
}

/* ---- In a runtime ---- */

static int
end_with_7(void *arg)
{
    (void)arg;
    return 7;
}

static int
set_and_end(void *arg)
{
    (void)arg;
    coir_event_set(&counter.event);
    return 8;
}

static int
select_ends(void *arg)
{
    struct coir_task *tasks[2];
    struct coir_case cases[3];
    (void)arg;
    CR_CHECK_IS(coir_go_spread(end_with_7, NULL, NULL, &tasks[0]), 0);
    CR_CHECK_IS(coir_go_spread(set_and_end, NULL, NULL, &tasks[1]), 0);
    cases[0] = coir_case_task(tasks[0]);
    cases[1] = coir_case_task(tasks[1]);
    cases[2] = coir_case_event(&counter.event);
    for (int i = 0; i < 3; i++) {
        int result = 0, which = coir_select(cases, 3, COIR_NEVER);
        CR_CHECK_THAT(which >= 0 && cases[which].object);
        cases[which].object = NULL;
        if (which == 2)
            continue;
        CR_CHECK_IS(coir_join(tasks[which], &result, COIR_NOW), 0);
        CR_CHECK_IS(result, 7 + which);
    }
    return 0;
}

static void
select_end(void *arg)
{
    (void)arg;
    memset(&counter, 0, sizeof counter);
    play_run(2, select_ends, NULL);
}

/* Given up while the task ends, and tried again. */
static int
select_end_in_bits(void *arg)
{
    struct coir_task *task;
    struct coir_case one, never = coir_case_event(&counter.event);
    int result = 0, which;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(end_with_7, NULL, NULL, &task), 0);
    one = coir_case_task(task);
    which = coir_select(&one, 1, coir_after(COIR_MS));
    if (which == -ETIMEDOUT) {
        CR_CHECK_IS(coir_select(&never, 1, coir_after(COIR_MS)), -ETIMEDOUT); /* nobody looks at the old records */
        which = coir_select(&one, 1, COIR_NEVER);
    }
    CR_CHECK_IS(which, 0);
    CR_CHECK_IS(coir_join(task, &result, COIR_NOW), 0);
    CR_CHECK_IS(result, 7);
    return 0;
}

static void
select_end_late(void *arg)
{
    (void)arg;
    memset(&counter, 0, sizeof counter);
    play_run(2, select_end_in_bits, NULL);
}

const struct body select_bodies[] = {
    {"select-get", select_get, false, 2, 1},          {"select-late", select_late, true, 1, 0},
    {"select-two", select_two, false, 1, 1},          {"select-exchange", select_exchange, false, 2, 1},
    {"select-shut", select_shut, false, 2, 1},        {"select-end", select_end, false, 0, 0},
    {"select-end-late", select_end_late, true, 0, 0},
};
const uint32_t select_count = sizeof select_bodies / sizeof select_bodies[0];
