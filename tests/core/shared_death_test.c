/* shared_death_test.c: a process is killed or stopped at each step of what it does with a shared object; the others go on. */
#include "core.h"
#include "other.h"

#include <coir/shared.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int ways[] = {SIGKILL, SIGSTOP};
enum { WAYS = 2 };

/* The n-th scene of a loop is played by each cast; under an emulator by one, another one for each scene. */
static int
casts(void)
{
    return core_is_emulated() ? 1 : CORE_CASTS;
}

static int
scene_of(int n)
{
    return n / casts();
}

static enum core_cast
cast_of(int n)
{
    return (enum core_cast)(n % CORE_CASTS);
}

/* ---- Queues ---- */

enum { FEW = 5, BYTES = 6000 };

/* What the other process does until its moment. */
static int
produce(void *queue)
{
    return coir_shared_queue_put(queue, "v", 1, core_soon());
}

static int
consume(void *queue)
{
    char item;
    MUST_BE(coir_shared_queue_get(queue, &item, 1, core_soon()), 1);
    coir_shared_queue_done(queue);
    return 0;
}

static int
produce_too_much(void *queue)
{
    while (!coir_shared_queue_put(queue, "f", 1, core_soon()))
        continue;
    return 1;
}

static int
await_all(void *queue)
{
    return coir_shared_queue_join(queue, core_soon());
}

/* From the items a, b, c on: which of them it may have taken with it, whether it may have brought one, and what there is to say
 * to who joins afterwards. */
static const struct row {
    enum cr_moment moment;
    coir_function *role;
    bool takes, brings, fills, has_hand;
} rows[] = {
    {CR_MOMENT_PUT, produce, .brings = true},
    {CR_MOMENT_PUT_SENT, produce, .brings = true},
    {CR_MOMENT_WAIT, produce_too_much, .fills = true},
    {CR_MOMENT_GET, consume, .takes = false},
    {CR_MOMENT_GET_HAND, consume, .has_hand = true},
    {CR_MOMENT_GET_TAKEN, consume, .takes = true, .has_hand = true},
    {CR_MOMENT_DONE, consume, .takes = true, .has_hand = true},
    {CR_MOMENT_DONE_TOLD, consume, .takes = true},
    {CR_MOMENT_WAIT, await_all, .takes = false},
};
enum { ROWS = sizeof rows / sizeof *rows };

struct scene {
    const struct row *row;
    struct coir_shared_queue *queue;
    pid_t other;
    int way;
};

static int
put_few(void *queue)
{
    for (int i = 0; i < FEW; i++)
        MUST_BE(coir_shared_queue_put(queue, &"12345"[i], 1, core_soon()), 0);
    return 0;
}

static int
await_joined(void *queue)
{
    return coir_shared_queue_join(queue, core_soon());
}

/* All that is inside by now, as text; f's are not kept. */
static void
drain(struct coir_shared_queue *queue, char *text, size_t size)
{
    size_t length = 0;
    char item;
    while (length < size - 1 && coir_shared_queue_get(queue, &item, 1, COIR_NOW) == 1) {
        coir_shared_queue_done(queue);
        if (item != 'f')
            text[length++] = item;
    }
    text[length] = '\0';
}

/* The letters of wanted in this order, with others between. */
static bool
has_in_order(const char *text, const char *wanted)
{
    for (; *text && *wanted; text++)
        wanted += *text == *wanted;
    return !*wanted;
}

static int
go_on(void *arg)
{
    struct scene *scene = arg;
    const struct row *row = scene->row;
    struct core_actor putter, joiner;
    char text[64];
    core_start(&putter, put_few, scene->queue);
    if (!row->fills)
        MUST_BE(core_end(&putter), 0);
    drain(scene->queue, text, sizeof text);
    if (row->fills) { /* it was full: the putter had to wait for room */
        MUST_BE(core_end(&putter), 0);
        drain(scene->queue, text + strlen(text), sizeof text - strlen(text));
    }
    if (!has_in_order(text, row->takes ? "bc12345" : "abc12345") ||
        strlen(text) > strlen("abc12345") - row->takes + row->brings)
        ck_abort_msg("%s: got %s", cr_moment_name(row->moment), text);
    if (scene->way == SIGSTOP && row->has_hand) { /* the joiner is there when it dies */
        MUST_BE(coir_shared_queue_join(scene->queue, coir_after(COIR_MS)), -ETIMEDOUT);
        core_start(&joiner, await_joined, scene->queue);
        core_await_waiting(&joiner);
        other_kill(scene->other);
        MUST_BE(core_end(&joiner), -EOWNERDEAD);
    } else {
        MUST_BE(coir_shared_queue_join(scene->queue, core_soon()), row->has_hand ? -EOWNERDEAD : 0);
    }
    MUST_BE(coir_shared_queue_join(scene->queue, COIR_NOW), 0);
    return 0;
}

START_TEST(whoever_ends_in_a_queue_leaves_the_others_working)
{
    struct scene scene = {.row = &rows[scene_of(_i) / WAYS], .way = ways[scene_of(_i) % WAYS]};
    MUST_BE(coir_shared_queue_open(BYTES, &scene.queue), 0);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_shared_queue_put(scene.queue, &"abc"[i], 1, COIR_NOW), 0);
    scene.other = other_start_to(scene.row->role, scene.queue, scene.row->moment, scene.way);
    other_await(scene.other, scene.way);
    core_play(cast_of(_i), go_on, &scene);
    if (scene.way == SIGSTOP)
        other_kill(scene.other);
    coir_shared_queue_close(scene.queue);
}
END_TEST

/* A getter that waits for items is killed, one is stopped: what is put afterwards is for who lives. */
static int
get_what_is_put(void *queue)
{
    char item;
    for (int i = 0; i < FEW; i++) {
        MUST_BE(coir_shared_queue_put(queue, "x", 1, core_soon()), 0);
        MUST_BE(coir_shared_queue_get(queue, &item, 1, core_soon()), 1);
        coir_shared_queue_done(queue);
    }
    return coir_shared_queue_join(queue, core_soon());
}

/* It gets until it is told by an empty item; then it waits for the next, of which there is none. */
static int
wait_for_more(void *queue)
{
    char item;
    MUST_BE(coir_shared_queue_get(queue, &item, 1, core_soon()), 0);
    coir_shared_queue_done(queue);
    return coir_shared_queue_get(queue, &item, 1, core_soon()) != 1;
}

START_TEST(who_sleeps_for_items_takes_none_with_it)
{
    struct coir_shared_queue *queue;
    pid_t other;
    MUST_BE(coir_shared_queue_open(BYTES, &queue), 0);
    other = other_start(wait_for_more, queue);
    MUST_BE(coir_shared_queue_put(queue, NULL, 0, core_soon()), 0);
    MUST_BE(coir_shared_queue_join(queue, core_soon()), 0); /* it goes to sleep about now */
    MUST_BE(kill(other, SIGSTOP), 0);
    other_await(other, SIGSTOP);
    core_play(cast_of(_i), get_what_is_put, queue);
    other_kill(other);
    core_play(cast_of(_i), get_what_is_put, queue);
    coir_shared_queue_close(queue);
}
END_TEST

/* ---- Mutexes ---- */

struct lock_scene {
    struct coir_shared_mutex *mutex;
    struct coir_shared_event *locked, *go; /* it has the mutex; it may give it back */
    pid_t other;
    int way;
};

static int
hold(void *arg)
{
    struct lock_scene *scene = arg;
    MUST_BE(coir_shared_mutex_lock(scene->mutex, core_soon()), 0);
    coir_shared_event_set(scene->locked);
    MUST_BE(coir_shared_event_wait(scene->go, core_soon()), 0);
    coir_shared_mutex_unlock(scene->mutex);
    return 0;
}

static int
lock_and_give(void *arg)
{
    struct lock_scene *scene = arg;
    int result = coir_shared_mutex_lock(scene->mutex, core_soon());
    coir_shared_mutex_unlock(scene->mutex);
    return result;
}

static void
begin_lock(struct lock_scene *scene, int way)
{
    scene->way = way;
    MUST_BE(coir_shared_mutex_open(&scene->mutex), 0);
    MUST_BE(coir_shared_event_open(&scene->locked), 0);
    MUST_BE(coir_shared_event_open(&scene->go), 0);
}

static void
end_lock(struct lock_scene *scene)
{
    if (scene->way == SIGSTOP)
        other_kill(scene->other);
    MUST_BE(coir_shared_mutex_lock(scene->mutex, COIR_NOW), 0); /* told once */
    coir_shared_mutex_unlock(scene->mutex);
    coir_shared_mutex_close(scene->mutex);
    coir_shared_event_close(scene->locked);
    coir_shared_event_close(scene->go);
}

static int
want_it(void *arg)
{
    struct lock_scene *scene = arg;
    struct core_actor actors[2];
    int results[2], told;
    core_start_all(actors, 2, lock_and_give, scene);
    if (scene->way == SIGSTOP) { /* who holds it, holds it */
        for (int i = 0; i < 2; i++)
            core_await_waiting(&actors[i]);
        MUST_BE(coir_shared_mutex_lock(scene->mutex, COIR_NOW), -EAGAIN);
        MUST_BE(coir_shared_mutex_lock(scene->mutex, coir_after(COIR_MS)), -ETIMEDOUT);
        other_kill(scene->other);
    }
    for (int i = 0; i < 2; i++)
        results[i] = core_end(&actors[i]);
    told = results[0] ? 0 : 1; /* one of them is told, the other has an ordinary lock */
    MUST_BE(results[told], -EOWNERDEAD);
    MUST_BE(results[1 - told], 0);
    return 0;
}

START_TEST(who_dies_with_a_mutex_is_told_to_the_next)
{
    struct lock_scene scene;
    begin_lock(&scene, ways[scene_of(_i)]);
    scene.other = other_start_to(hold, &scene, CR_MOMENT_LOCKED, scene.way);
    other_await(scene.other, scene.way);
    core_play(cast_of(_i), want_it, &scene);
    end_lock(&scene);
}
END_TEST

/* It has given the mutex back, and told nobody. */
static int
get_it_all_the_same(void *arg)
{
    struct lock_scene *scene = arg;
    struct core_actor actor;
    core_start(&actor, lock_and_give, scene);
    core_await_waiting(&actor);
    coir_shared_event_set(scene->go);
    other_await(scene->other, scene->way);
    if (scene->way == SIGSTOP) { /* nobody knows; but who comes gets it, and tells the others */
        MUST_BE(coir_shared_mutex_lock(scene->mutex, COIR_NOW), 0);
        coir_shared_mutex_unlock(scene->mutex);
    }
    MUST_BE(core_end(&actor), 0);
    return 0;
}

START_TEST(who_ends_while_giving_a_mutex_back_has_given_it)
{
    struct lock_scene scene;
    begin_lock(&scene, ways[scene_of(_i)]);
    scene.other = other_start_to(hold, &scene, CR_MOMENT_UNLOCKED, scene.way);
    MUST_BE(coir_shared_event_wait(scene.locked, core_soon()), 0);
    core_play(cast_of(_i), get_it_all_the_same, &scene);
    end_lock(&scene);
}
END_TEST

START_TEST(who_ends_while_waiting_for_a_mutex_is_not_waited_for)
{
    struct lock_scene scene;
    begin_lock(&scene, ways[_i]);
    MUST_BE(coir_shared_mutex_lock(scene.mutex, COIR_NOW), 0);
    scene.other = other_start_to(hold, &scene, CR_MOMENT_WAIT, scene.way);
    other_await(scene.other, scene.way);
    for (int i = 0; i < 3; i++) {
        coir_shared_mutex_unlock(scene.mutex);
        MUST_BE(coir_shared_mutex_lock(scene.mutex, core_soon()), 0);
    }
    coir_shared_mutex_unlock(scene.mutex);
    end_lock(&scene);
}
END_TEST

/* Others lock and unlock, and are killed at any time; there are more of them than may take part at once. */
static int
lock_for_ever(void *arg)
{
    struct lock_scene *scene = arg;
    for (;;) {
        int result = coir_shared_mutex_lock(scene->mutex, core_soon());
        if (result && result != -EOWNERDEAD)
            return 1;
        coir_shared_mutex_unlock(scene->mutex);
    }
}

static void
lock_twice(struct coir_shared_mutex *mutex)
{
    for (int i = 0; i < 2; i++) {
        int result = coir_shared_mutex_lock(mutex, core_soon());
        MUST(!result || result == -EOWNERDEAD);
        coir_shared_mutex_unlock(mutex);
    }
}

START_TEST(killed_at_any_time)
{
    struct lock_scene scene;
    begin_lock(&scene, SIGKILL);
    for (long round = 0; round < core_rounds(160); round++) {
        pid_t others[2];
        for (int i = 0; i < 2; i++)
            others[i] = other_start(lock_for_ever, &scene);
        for (uint64_t i = coir_random(25); i; i--)
            lock_twice(scene.mutex);
        other_kill(others[0]);
        lock_twice(scene.mutex);
        other_kill(others[1]);
        lock_twice(scene.mutex);
    }
    end_lock(&scene);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, whoever_ends_in_a_queue_leaves_the_others_working, 0, ROWS * WAYS * casts());
    tcase_add_loop_test(cases, who_sleeps_for_items_takes_none_with_it, 0, casts());
    tcase_add_loop_test(cases, who_dies_with_a_mutex_is_told_to_the_next, 0, WAYS * casts());
    tcase_add_loop_test(cases, who_ends_while_giving_a_mutex_back_has_given_it, 0, WAYS * casts());
    tcase_add_loop_test(cases, who_ends_while_waiting_for_a_mutex_is_not_waited_for, 0, WAYS);
    tcase_add_test(cases, killed_at_any_time);
}

int
main(void)
{
    return core_main("shared_death", add);
}
