/* shared_test.c: what coir/shared.h promises, between two handles in one process and between processes; to fibers and threads. */
#include "core.h"
#include "other.h"

#include <coir/shared.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/bag.h"
#include "shared/members.h"

/* A second handle, over a descriptor of its own. */
#define AGAIN(noun, handle, other) MUST_BE(coir_shared_##noun##_from(dup(coir_shared_##noun##_fd(handle)), other), 0)

/* ---- Queues ---- */

struct post {
    struct coir_shared_queue *queue, *other;
};

static void
open_post(struct post *post, size_t bytes)
{
    MUST_BE(coir_shared_queue_open(bytes, &post->queue), 0);
    AGAIN(queue, post->queue, &post->other);
}

static void
close_post(struct post *post)
{
    coir_shared_queue_close(post->queue);
    coir_shared_queue_close(post->other);
    coir_shared_queue_close(NULL);
}

static int
items(void *arg)
{
    static char large[60000], got[60000];
    struct post post;
    (void)arg;
    open_post(&post, sizeof large + 512);
    MUST_BE(coir_shared_queue_size(post.queue), 0);
    MUST_BE(coir_shared_queue_get(post.queue, got, sizeof got, COIR_NOW), -EAGAIN);
    MUST_BE(coir_shared_queue_get(post.queue, got, sizeof got, core_past()), -ETIMEDOUT);
    MUST_BE(coir_shared_queue_get(post.queue, got, sizeof got, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_shared_queue_put(post.queue, "one", 3, COIR_NOW), 0);
    MUST_BE(coir_shared_queue_put(post.other, "", 0, core_past()), 0);
    MUST_BE(coir_shared_queue_put(post.queue, "three", 5, core_soon()), 0);
    MUST_BE(coir_shared_queue_size(post.other), 3);
    MUST_BE(coir_shared_queue_get(post.other, got, sizeof got, core_soon()), 3);
    MUST(!memcmp(got, "one", 3));
    MUST_BE(coir_shared_queue_get(post.other, got, sizeof got, COIR_NOW), 0);
    MUST_BE(coir_shared_queue_get(post.other, got, 2, core_past()), -EMSGSIZE); /* cut, and gone */
    MUST_BE(coir_shared_queue_size(post.queue), 0);
    MUST_BE(coir_shared_queue_put(post.queue, large, sizeof large + 513, core_soon()), -EMSGSIZE);
    memset(large, 'L', sizeof large);
    MUST_BE(coir_shared_queue_put(post.queue, large, sizeof large, COIR_NOW), 0);
    MUST_BE(coir_shared_queue_get(post.queue, got, sizeof got, COIR_NOW), sizeof large);
    MUST(!memcmp(got, large, sizeof large));
    close_post(&post);
    return 0;
}

START_TEST(a_queue_has_items_of_any_size_in_order)
{
    core_play((enum core_cast)_i, items, NULL);
}
END_TEST

static int
get_one(void *queue)
{
    char item[64];
    return (int)coir_shared_queue_get(queue, item, sizeof item, core_soon());
}

static int
put_one(void *queue)
{
    return coir_shared_queue_put(queue, "x", 1, core_soon());
}

static int
fill(struct coir_shared_queue *queue)
{
    int count = 0;
    while (!coir_shared_queue_put(queue, "x", 1, COIR_NOW))
        count++;
    return count;
}

static int
wait_for_items(void *arg)
{
    struct core_actor actors[3];
    struct post post;
    int many;
    (void)arg;
    open_post(&post, 8 * 513);
    core_start_all(actors, 3, get_one, post.queue);
    for (int i = 0; i < 3; i++)
        core_await_waiting(&actors[i]);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_shared_queue_put(post.other, "abc", (size_t)3, COIR_NOW), 0);
    for (int i = 0; i < 3; i++)
        MUST_BE(core_end(&actors[i]), 3);
    many = fill(post.queue);
    MUST(many >= 8);
    MUST_BE(coir_shared_queue_put(post.queue, "x", 1, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start_all(actors, 2, put_one, post.queue);
    for (int i = 0; i < 2; i++)
        core_await_waiting(&actors[i]);
    for (int i = 0; i < 2; i++)
        MUST_BE(get_one(post.queue), 1); /* room for one is enough */
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(coir_shared_queue_size(post.queue), many);
    close_post(&post);
    return 0;
}

START_TEST(who_waits_for_items_or_room_gets_them)
{
    core_play((enum core_cast)_i, wait_for_items, NULL);
}
END_TEST

static int
end_queue(void *arg)
{
    struct core_actor getter, putter;
    struct post post, full;
    int many;
    (void)arg;
    open_post(&post, 4096);
    open_post(&full, 4096);
    many = fill(full.queue);
    core_start(&getter, get_one, post.queue);
    core_start(&putter, put_one, full.queue);
    core_await_waiting(&getter);
    core_await_waiting(&putter);
    coir_shared_queue_shutdown(post.other);
    coir_shared_queue_shutdown(full.other);
    MUST_BE(core_end(&getter), -EPIPE);
    MUST_BE(core_end(&putter), -EPIPE);
    MUST_BE(coir_shared_queue_put(full.queue, "x", 1, COIR_NOW), -EPIPE);
    for (int i = 0; i < many; i++) /* what is inside still comes out */
        MUST_BE(get_one(full.other), 1);
    MUST_BE(get_one(full.queue), -EPIPE);
    MUST_BE(coir_shared_queue_get(full.queue, NULL, 0, COIR_NOW), -EPIPE);
    coir_shared_queue_shutdown(full.queue);
    close_post(&post);
    close_post(&full);
    return 0;
}

START_TEST(after_shutdown_what_is_inside_comes_out)
{
    core_play((enum core_cast)_i, end_queue, NULL);
}
END_TEST

static int
join(void *queue)
{
    return coir_shared_queue_join(queue, core_soon());
}

static int
join_queue(void *arg)
{
    struct core_actor joiner;
    struct post post;
    (void)arg;
    open_post(&post, 4096);
    MUST_BE(coir_shared_queue_join(post.queue, COIR_NOW), 0);
    MUST_BE(put_one(post.queue), 0);
    MUST_BE(put_one(post.queue), 0);
    MUST_BE(coir_shared_queue_join(post.queue, COIR_NOW), -EAGAIN);
    MUST_BE(coir_shared_queue_join(post.queue, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start(&joiner, join, post.queue);
    core_await_waiting(&joiner);
    MUST_BE(get_one(post.other), 1);
    MUST_BE(get_one(post.other), 1);
    MUST_BE(coir_shared_queue_get(post.other, NULL, 0, COIR_NOW), -EAGAIN);
    coir_shared_queue_done(post.other);
    MUST_BE(coir_shared_queue_join(post.queue, COIR_NOW), -EAGAIN);
    coir_shared_queue_done(post.other);
    MUST_BE(core_end(&joiner), 0);
    MUST_BE(put_one(post.queue), 0);
    MUST_BE(get_one(post.other), 1);
    coir_shared_queue_shutdown(post.queue); /* changes nothing about that */
    MUST_BE(coir_shared_queue_join(post.queue, COIR_NOW), -EAGAIN);
    coir_shared_queue_close(post.other); /* with one in its hand */
    MUST_BE(coir_shared_queue_join(post.queue, core_soon()), -EOWNERDEAD);
    MUST_BE(coir_shared_queue_join(post.queue, COIR_NOW), 0);
    coir_shared_queue_close(post.queue);
    return 0;
}

START_TEST(join_waits_until_all_are_done)
{
    core_play((enum core_cast)_i, join_queue, NULL);
}
END_TEST

static int
do_too_much(void *arg)
{
    struct coir_shared_queue *queue;
    (void)arg;
    MUST_BE(coir_shared_queue_open(4096, &queue), 0);
    MUST_BE(put_one(queue), 0);
    coir_shared_queue_done(queue);
    return 0;
}

static int
give_what_is_not_mine(void *arg)
{
    struct coir_shared_mutex *mutex;
    (void)arg;
    MUST_BE(coir_shared_mutex_open(&mutex), 0);
    coir_shared_mutex_unlock(mutex);
    return 0;
}

START_TEST(mistakes_stop_the_process)
{
    core_must_die(do_too_much, NULL, SIGABRT, "coir_shared_queue_done: more often than");
    core_must_die(give_what_is_not_mine, NULL, SIGABRT, "coir_shared_mutex_unlock: this task has not got it");
}
END_TEST

/* ---- Cancel ---- */

struct waits {
    struct coir_shared_queue *queue, *full;
    struct coir_shared_semaphore *semaphore;
    struct coir_shared_event *event;
    struct coir_shared_mutex *mutex;
};

static int
wait_to_get(void *arg)
{
    return get_one(((struct waits *)arg)->queue);
}

static int
wait_to_put(void *arg)
{
    return put_one(((struct waits *)arg)->full);
}

static int
wait_to_join(void *arg)
{
    return join(((struct waits *)arg)->full);
}

static int
wait_for_permit(void *arg)
{
    return coir_shared_semaphore_acquire(((struct waits *)arg)->semaphore, core_soon());
}

static int
wait_for_event(void *arg)
{
    return coir_shared_event_wait(((struct waits *)arg)->event, core_soon());
}

static int
wait_for_mutex(void *arg)
{
    int result = coir_shared_mutex_lock(((struct waits *)arg)->mutex, core_soon());
    coir_shared_mutex_unlock(((struct waits *)arg)->mutex);
    return result ? result : coir_sleep(core_soon()); /* canceled by now */
}

static int
cancel_all(void *arg)
{
    static coir_function *const functions[] = {wait_to_get,     wait_to_put,    wait_to_join,
                                               wait_for_permit, wait_for_event, wait_for_mutex};
    enum { COUNT = sizeof functions / sizeof *functions };
    struct core_actor actors[COUNT];
    struct waits waits;
    (void)arg;
    MUST_BE(coir_shared_queue_open(4096, &waits.queue), 0);
    MUST_BE(coir_shared_queue_open(4096, &waits.full), 0);
    MUST_BE(coir_shared_semaphore_open(0, 0, &waits.semaphore), 0);
    MUST_BE(coir_shared_event_open(&waits.event), 0);
    MUST_BE(coir_shared_mutex_open(&waits.mutex), 0);
    (void)fill(waits.full);
    MUST_BE(coir_shared_mutex_lock(waits.mutex, COIR_NOW), 0);
    for (int i = 0; i < COUNT; i++) {
        core_start(&actors[i], functions[i], &waits);
        core_await_waiting(&actors[i]);
    }
    for (int i = 0; i < COUNT; i++)
        core_cancel(&actors[i]);
    coir_shared_mutex_unlock(waits.mutex); /* a lock is taken all the same */
    for (int i = 0; i < COUNT; i++)
        MUST_BE(core_end(&actors[i]), -ECANCELED);
    coir_shared_queue_close(waits.queue);
    coir_shared_queue_close(waits.full);
    coir_shared_semaphore_close(waits.semaphore);
    coir_shared_event_close(waits.event);
    coir_shared_mutex_close(waits.mutex);
    return 0;
}

START_TEST(cancel_ends_all_waits_but_for_a_lock)
{
    core_play((enum core_cast)_i, cancel_all, NULL);
}
END_TEST

/* ---- Semaphores and events ---- */

static int
acquire(void *semaphore)
{
    return coir_shared_semaphore_acquire(semaphore, core_soon());
}

static int
permits(void *arg)
{
    struct coir_shared_semaphore *semaphore, *other;
    struct core_actor actors[3];
    (void)arg;
    MUST_BE(coir_shared_semaphore_open(3, 2, &semaphore), -EINVAL);
    MUST(!semaphore);
    MUST_BE(coir_shared_semaphore_open(1, 2, &semaphore), 0);
    AGAIN(semaphore, semaphore, &other);
    MUST_BE(coir_shared_semaphore_acquire(other, COIR_NOW), 0);
    MUST_BE(coir_shared_semaphore_acquire(other, COIR_NOW), -EAGAIN);
    MUST_BE(coir_shared_semaphore_acquire(other, core_past()), -ETIMEDOUT);
    core_start_all(actors, 3, acquire, semaphore);
    for (int i = 0; i < 3; i++)
        core_await_waiting(&actors[i]);
    for (int i = 0; i < 3; i++) {
        coir_time end = core_soon();
        int error;
        while ((error = coir_shared_semaphore_release(other)) == -EOVERFLOW && coir_now() < end)
            (void)coir_yield(); /* two are free, until somebody comes */
        MUST_BE(error, 0);
    }
    for (int i = 0; i < 3; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(coir_shared_semaphore_release(semaphore), 0);
    MUST_BE(coir_shared_semaphore_release(semaphore), 0);
    MUST_BE(coir_shared_semaphore_release(other), -EOVERFLOW);
    coir_shared_semaphore_close(semaphore);
    coir_shared_semaphore_close(other);
    coir_shared_semaphore_close(NULL);
    MUST_BE(coir_shared_semaphore_open(0, 0, &semaphore), 0);
    for (int i = 0; i < 5; i++)
        MUST_BE(coir_shared_semaphore_release(semaphore), 0);
    for (int i = 0; i < 5; i++)
        MUST_BE(coir_shared_semaphore_acquire(semaphore, core_past()), 0);
    MUST_BE(coir_shared_semaphore_acquire(semaphore, COIR_NOW), -EAGAIN);
    coir_shared_semaphore_close(semaphore);
    return 0;
}

START_TEST(a_semaphore_has_so_many_permits)
{
    core_play((enum core_cast)_i, permits, NULL);
}
END_TEST

static int
wait_event(void *event)
{
    return coir_shared_event_wait(event, core_soon());
}

static int
events(void *arg)
{
    struct coir_shared_event *event, *other;
    struct core_actor actors[3];
    (void)arg;
    MUST_BE(coir_shared_event_open(&event), 0);
    AGAIN(event, event, &other);
    for (int round = 0; round < 3; round++) {
        MUST(!coir_shared_event_is_set(other));
        MUST_BE(coir_shared_event_wait(other, COIR_NOW), -EAGAIN);
        MUST_BE(coir_shared_event_wait(other, core_past()), -ETIMEDOUT);
        core_start_all(actors, 3, wait_event, other);
        for (int i = 0; i < 3; i++)
            core_await_waiting(&actors[i]);
        coir_shared_event_set(event);
        for (int i = 0; i < 3; i++)
            MUST_BE(core_end(&actors[i]), 0);
        coir_shared_event_set(event);
        MUST(coir_shared_event_is_set(other));
        MUST_BE(coir_shared_event_wait(other, COIR_NOW), 0);
        coir_shared_event_clear(other);
        coir_shared_event_clear(event);
    }
    coir_shared_event_close(event);
    coir_shared_event_close(other);
    coir_shared_event_close(NULL);
    return 0;
}

START_TEST(an_event_wakes_all_and_stays_set)
{
    core_play((enum core_cast)_i, events, NULL);
}
END_TEST

/* ---- Mutexes ---- */

struct counter {
    struct coir_shared_mutex *mutex;
    volatile long *value; /* in memory of all */
    long rounds;
};

static int
count_up(void *arg)
{
    struct counter *counter = arg;
    for (long i = 0; i < counter->rounds; i++) {
        MUST_BE(coir_shared_mutex_lock(counter->mutex, core_soon()), 0);
        *counter->value += 1;
        if (i % 64 == 0)
            (void)coir_yield();
        coir_shared_mutex_unlock(counter->mutex);
    }
    return 0;
}

static int
count_with_others(void *arg)
{
    struct counter *counter = arg;
    struct core_actor actors[3];
    core_start_all(actors, 3, count_up, counter);
    for (int i = 0; i < 3; i++)
        MUST_BE(core_end(&actors[i]), 0);
    return 0;
}

START_TEST(one_at_a_time_has_a_mutex)
{
    struct counter counter = {.rounds = core_rounds(2000)};
    pid_t others[2];
    void *memory = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    counter.value = memory;
    MUST_BE(coir_shared_mutex_open(&counter.mutex), 0);
    for (int i = 0; i < 2; i++)
        others[i] = other_start(count_up, &counter); /* with the handle they have inherited */
    core_play((enum core_cast)_i, count_with_others, &counter);
    for (int i = 0; i < 2; i++)
        other_end(others[i]);
    MUST_BE(*counter.value, 5 * counter.rounds);
    coir_shared_mutex_close(counter.mutex);
    munmap(memory, sizeof(long));
}
END_TEST

static int
lock_and_give(void *mutex)
{
    int result = coir_shared_mutex_lock(mutex, core_soon());
    coir_shared_mutex_unlock(mutex);
    return result;
}

static int
lock_mutex(void *arg)
{
    struct coir_shared_mutex *mutex, *other;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_shared_mutex_open(&mutex), 0);
    AGAIN(mutex, mutex, &other);
    MUST_BE(coir_shared_mutex_lock(mutex, COIR_NOW), 0);
    MUST_BE(coir_shared_mutex_lock(mutex, COIR_NOW), -EDEADLK);
    MUST_BE(coir_shared_mutex_lock(mutex, core_soon()), -EDEADLK);
    MUST_BE(coir_shared_mutex_lock(other, COIR_NOW), -EAGAIN);
    MUST_BE(coir_shared_mutex_lock(other, core_past()), -ETIMEDOUT);
    core_start(&actor, lock_and_give, other);
    core_await_waiting(&actor);
    coir_shared_mutex_unlock(mutex);
    MUST_BE(core_end(&actor), 0);
    MUST_BE(coir_shared_mutex_lock(mutex, core_soon()), 0);
    coir_shared_mutex_close(mutex); /* in possession: as if it had died */
    core_start(&actor, lock_and_give, other);
    MUST_BE(core_end(&actor), -EOWNERDEAD);
    MUST_BE(coir_shared_mutex_lock(other, COIR_NOW), 0);
    coir_shared_mutex_unlock(other);
    coir_shared_mutex_close(other);
    coir_shared_mutex_close(NULL);
    return 0;
}

START_TEST(a_mutex_is_got_when_it_is_given_back)
{
    core_play((enum core_cast)_i, lock_mutex, NULL);
}
END_TEST

/* ---- Between processes ---- */

struct ways {
    struct coir_shared_queue *there, *back;
    struct coir_shared_event *go;
    struct coir_shared_semaphore *turns;
    long rounds;
};

/* The other one: numbers come, their doubles go back. */
static int
double_all(void *arg)
{
    struct ways *ways = arg;
    long number;
    MUST_BE(coir_shared_event_wait(ways->go, core_soon()), 0);
    while (coir_shared_queue_get(ways->there, &number, sizeof number, core_soon()) == sizeof number) {
        MUST_BE(coir_shared_semaphore_acquire(ways->turns, core_soon()), 0);
        number *= 2;
        MUST_BE(coir_shared_queue_put(ways->back, &number, sizeof number, core_soon()), 0);
        coir_shared_queue_done(ways->there);
    }
    MUST_BE(coir_shared_queue_get(ways->there, &number, sizeof number, COIR_NOW), -EPIPE);
    coir_shared_queue_shutdown(ways->back);
    return 0;
}

static int
double_in_runtime(void *arg)
{
    return coir_run(double_all, arg, &(struct coir_runtime_options){.workers = 1});
}

static int
give_numbers(void *arg)
{
    struct ways *ways = arg;
    for (long i = 0; i < ways->rounds; i++) {
        MUST_BE(coir_shared_queue_put(ways->there, &i, sizeof i, core_soon()), 0);
        MUST_BE(coir_shared_semaphore_release(ways->turns), 0);
    }
    MUST_BE(coir_shared_queue_join(ways->there, core_soon()), 0);
    coir_shared_queue_shutdown(ways->there);
    return 0;
}

static int
play_ways(void *arg)
{
    struct ways *ways = arg;
    struct core_actor giver;
    long number, count = 0, sum = 0;
    core_start(&giver, give_numbers, ways);
    core_await_waiting(&giver);
    coir_shared_event_set(ways->go);
    while (coir_shared_queue_get(ways->back, &number, sizeof number, core_soon()) == sizeof number) {
        coir_shared_queue_done(ways->back);
        sum += number;
        count++;
    }
    MUST_BE(core_end(&giver), 0);
    MUST_BE(count, ways->rounds);
    MUST_BE(sum, ways->rounds * (ways->rounds - 1));
    return 0;
}

START_TEST(what_goes_to_another_process_comes_back)
{
    struct ways ways = {.rounds = core_rounds(3000)};
    pid_t other;
    MUST_BE(coir_shared_queue_open(2000, &ways.there), 0);
    MUST_BE(coir_shared_queue_open(50000, &ways.back), 0);
    MUST_BE(coir_shared_event_open(&ways.go), 0);
    MUST_BE(coir_shared_semaphore_open(0, 0, &ways.turns), 0);
    other = other_start(_i % 2 ? double_in_runtime : double_all, &ways);
    core_play((enum core_cast)(_i / 2), play_ways, &ways);
    other_end(other);
    coir_shared_queue_close(ways.there);
    coir_shared_queue_close(ways.back);
    coir_shared_event_close(ways.go);
    coir_shared_semaphore_close(ways.turns);
}
END_TEST

/* ---- What is no shared object, or a spoilt one ---- */

static int
pack(const struct cr_label *label, size_t size, const int *fds, size_t count)
{
    int bag = cr_bag_pack(label, size, fds, count);
    MUST(bag >= 0);
    return bag;
}

static void
must_refuse(int fd, const char *sentence)
{
    struct coir_shared_queue *queue;
    int before = core_open_descriptors();
    MUST_BE(coir_shared_queue_from(fd, &queue), -EINVAL);
    MUST(!queue && strstr(coir_error_detail(), sentence));
    MUST_BE(core_open_descriptors(), before);
    MUST_BE(fcntl(fd, F_GETFD) & ~FD_CLOEXEC, 0); /* still the caller's */
    close(fd);
}

START_TEST(something_else_is_refused_with_a_sentence)
{
    struct cr_label right = {CR_LABEL_MAGIC, CR_LABEL_VERSION, CR_BAG_QUEUE, 0, 4096}, label;
    int post = cr_post_open(4096), bell = cr_bell_open(0, false),
        memory = cr_memory_open(sizeof(struct cr_shared_memory)), small = cr_memory_open(4096),
        unsealed = memfd_create("unsealed", MFD_CLOEXEC), ends[2];
    MUST_BE(ftruncate(unsealed, sizeof(struct cr_shared_memory)), 0);
    MUST_BE(pipe(ends), 0);
    must_refuse(open("/dev/null", O_RDONLY), "no shared object");
    must_refuse(dup(ends[0]), "no shared object");
    must_refuse(dup(post), "no shared object"); /* a socket without a message */
    must_refuse(pack(&right, sizeof right - 1, (int[]){post, bell, memory}, 3), "no shared object");
    label = right;
    label.magic++;
    must_refuse(pack(&label, sizeof label, (int[]){post, bell, memory}, 3), "was not made by coir");
    label = right;
    label.version++;
    must_refuse(pack(&label, sizeof label, (int[]){post, bell, memory}, 3), "version 3");
    label = right;
    label.kind = CR_BAG_EVENT;
    must_refuse(pack(&label, sizeof label, (int[]){post, bell, memory}, 3), "is a shared event");
    label.kind = 77;
    must_refuse(pack(&label, sizeof label, (int[]){post, bell, memory}, 3), "is a shared ?");
    must_refuse(pack(&right, sizeof right, (int[]){post, bell}, 2), "damaged");
    must_refuse(pack(&right, sizeof right, (int[]){bell, bell, memory}, 3), "damaged");
    must_refuse(pack(&right, sizeof right, (int[]){post, ends[0], memory}, 3), "damaged");
    must_refuse(pack(&right, sizeof right, (int[]){post, bell, small}, 3), "damaged"); /* its size is a lie */
    must_refuse(pack(&right, sizeof right, (int[]){post, bell, unsealed}, 3), "damaged");
    must_refuse(pack(&right, sizeof right, (int[]){post, bell, bell}, 3), "damaged");
}
END_TEST

START_TEST(each_kind_refuses_the_others)
{
    struct coir_shared_mutex *mutex;
    struct coir_shared_semaphore *semaphore;
    struct coir_shared_event *event;
    struct cr_label label = {CR_LABEL_MAGIC, CR_LABEL_VERSION, CR_BAG_MUTEX, 0, 0};
    int nothing = open("/dev/null", O_RDONLY), bell = cr_bell_open(0, false), bag;
    MUST_BE(coir_shared_event_open(&event), 0);
    MUST_BE(coir_shared_mutex_from(coir_shared_event_fd(event), &mutex), -EINVAL);
    MUST(strstr(coir_error_detail(), "is a shared event"));
    MUST_BE(coir_shared_semaphore_from(coir_shared_event_fd(event), &semaphore), -EINVAL);
    coir_shared_event_close(event);
    MUST_BE(coir_shared_mutex_open(&mutex), 0);
    MUST_BE(coir_shared_event_from(coir_shared_mutex_fd(mutex), &event), -EINVAL);
    MUST(strstr(coir_error_detail(), "is a shared mutex"));
    coir_shared_mutex_close(mutex);
    bag = pack(&label, sizeof label, (int[]){bell, nothing}, 2);
    MUST_BE(coir_shared_mutex_from(bag, &mutex), -EINVAL);
    close(bag);
    label.kind = CR_BAG_EVENT;
    bag = pack(&label, sizeof label, &nothing, 1);
    MUST_BE(coir_shared_event_from(bag, &event), -EINVAL);
    close(bag);
    label.kind = CR_BAG_SEMAPHORE;
    label.detail = 7; /* a limit, but one bell */
    bag = pack(&label, sizeof label, &bell, 1);
    MUST_BE(coir_shared_semaphore_from(bag, &semaphore), -EINVAL);
    close(bag);
    label.kind = CR_BAG_MUTEX;
    label.space = cr_life_space() + 1;
    bag = pack(&label, sizeof label, &bell, 1);
    if (cr_life_space())
        MUST_BE(coir_shared_mutex_from(bag, &mutex), -EXDEV);
    MUST_BE(coir_shared_queue_open(0, &(struct coir_shared_queue *){NULL}), -EINVAL);
    MUST_BE(coir_shared_queue_open(SIZE_MAX, &(struct coir_shared_queue *){NULL}), -EINVAL);
}
END_TEST

/* A mutex over memory of ours. */
static struct coir_shared_mutex *
spoilt_mutex(struct cr_shared_memory **memory)
{
    struct cr_label label = {CR_LABEL_MAGIC, CR_LABEL_VERSION, CR_BAG_MUTEX, 0, 0};
    int things[] = {cr_bell_open(0, false), cr_memory_open(sizeof **memory)};
    struct coir_shared_mutex *mutex;
    void *mapped;
    MUST_BE(cr_memory_map(things[1], sizeof **memory, &mapped), 0);
    *memory = mapped;
    MUST_BE(coir_shared_mutex_from(pack(&label, sizeof label, things, 2), &mutex), 0);
    return mutex;
}

/* Whatever is in the memory, no more than an answer comes of it. */
START_TEST(spoilt_memory_does_no_harm)
{
    struct cr_shared_memory *memory;
    struct coir_shared_mutex *mutex = spoilt_mutex(&memory);
    memset(memory, 0xff, sizeof *memory);
    MUST_BE(coir_shared_mutex_lock(mutex, coir_after(COIR_MS)), -EOWNERDEAD); /* nobody has such a number */
    coir_shared_mutex_unlock(mutex);
    coir_shared_mutex_close(mutex);
    for (unsigned seed = 1; seed <= 50; seed++) {
        int result;
        mutex = spoilt_mutex(&memory);
        for (size_t i = 0; i < sizeof *memory; i++)
            ((unsigned char *)memory)[i] = (unsigned char)coir_random(256);
        result = coir_shared_mutex_lock(mutex, COIR_NOW);
        MUST(result == 0 || result == -EOWNERDEAD || result == -EAGAIN || result == -EUSERS);
        coir_shared_mutex_close(mutex);
        munmap(memory, sizeof *memory);
    }
}
END_TEST

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static pid_t
one_that_has_ended(void)
{
    pid_t pid = other_start(do_nothing, NULL);
    other_end(pid);
    return pid;
}

static int
lock_and_leave(void *mutex)
{
    return coir_shared_mutex_lock(mutex, COIR_NOW);
}

START_TEST(too_many_processes_are_refused)
{
    struct cr_shared_memory *memory;
    struct coir_shared_mutex *mutex = spoilt_mutex(&memory);
    pid_t ended = one_that_has_ended();
    for (int i = 0; i < CR_MEMBERS; i++)
        memory->members[i].pid = getppid();
    MUST_BE(coir_shared_mutex_lock(mutex, COIR_NOW), -EUSERS);
    memory->members[200].pid = ended;
    memory->members[200].hand = (uint64_t)ended << 32 | 3;
    MUST_BE(coir_shared_mutex_lock(mutex, COIR_NOW), 0);
    MUST_BE(memory->members[200].pid, getpid());
    MUST_BE(memory->lost, 1);
    memory->members[200].born -= 1000000; /* as if this number were another process's by now */
    if (cr_life_born(getpid())) {
        MUST(cr_owner_has_ended(memory, memory->owner));
        MUST_BE(cr_owner_member(memory->owner), 200);
    }
    coir_shared_mutex_close(mutex);
}
END_TEST

/* Who ended and who has its number now: what is done for the one must not be done to the other. */
START_TEST(numbers_are_used_again)
{
    struct cr_shared_memory *memory;
    struct coir_shared_mutex *mutex = spoilt_mutex(&memory), *other;
    struct cr_member *member = &memory->members[0];
    pid_t ended = one_that_has_ended();
    uint64_t ours;
    AGAIN(mutex, mutex, &other);
    MUST_BE(coir_shared_mutex_lock(mutex, COIR_NOW), 0);
    ours = memory->owner;
    MUST_BE(cr_owner_pid(ours), getpid());
    coir_shared_mutex_unlock(mutex);
    coir_shared_mutex_close(mutex);
    other_end(other_start(lock_and_leave, other)); /* by the same task, in another process */
    MUST_BE(cr_owner_member(memory->owner), cr_owner_member(ours));
    MUST(memory->owner != ours);
    MUST(cr_owner_has_ended(memory, ours) && cr_owner_has_ended(memory, memory->owner));
    MUST_BE(coir_shared_mutex_lock(other, COIR_NOW), -EOWNERDEAD);
    coir_shared_mutex_unlock(other);
    coir_shared_mutex_close(other);
    member->pid = ended;
    member->hand = (uint64_t)ended << 32 | 2;
    MUST(!cr_members_have(memory));
    MUST_BE(cr_hand_items(member->hand), 0);
    MUST_BE(memory->lost, 1);
    memory->lost = 0;
    member->hand = (uint64_t)getpid() << 32 | 1; /* the next one's, whom who looks has not seen come */
    (void)cr_members_have(memory);
    MUST_BE(cr_hand_items(member->hand), 1);
    MUST_BE(memory->lost, 0);
}
END_TEST

/* ---- Failing calls ---- */

static int
make_all(void)
{
    struct coir_shared_queue *queue = NULL, *queue_again = NULL;
    struct coir_shared_mutex *mutex = NULL, *mutex_again = NULL;
    struct coir_shared_semaphore *semaphore = NULL, *semaphore_again = NULL;
    struct coir_shared_event *event = NULL, *event_again = NULL;
    int copies[4] = {-1, -1, -1, -1};
    int error = coir_shared_queue_open(4096, &queue);
    if (!error)
        error = coir_shared_mutex_open(&mutex);
    if (!error)
        error = coir_shared_semaphore_open(1, 2, &semaphore);
    if (!error)
        error = coir_shared_event_open(&event);
    if (!error)
        error = coir_shared_queue_from(copies[0] = dup(coir_shared_queue_fd(queue)), &queue_again);
    if (!error)
        error = coir_shared_mutex_from(copies[1] = dup(coir_shared_mutex_fd(mutex)), &mutex_again);
    if (!error)
        error = coir_shared_semaphore_from(copies[2] = dup(coir_shared_semaphore_fd(semaphore)), &semaphore_again);
    if (!error)
        error = coir_shared_event_from(copies[3] = dup(coir_shared_event_fd(event)), &event_again);
    if (!error)
        error = coir_shared_queue_put(queue, "x", 1, COIR_NOW);
    if (!error && (error = coir_shared_queue_join(queue, coir_after(COIR_MS))) == -ETIMEDOUT)
        error = 0;
    if (!queue_again)
        close(copies[0]);
    if (!mutex_again)
        close(copies[1]);
    if (!semaphore_again)
        close(copies[2]);
    if (!event_again)
        close(copies[3]);
    coir_shared_queue_close(queue);
    coir_shared_queue_close(queue_again);
    coir_shared_mutex_close(mutex);
    coir_shared_mutex_close(mutex_again);
    coir_shared_semaphore_close(semaphore);
    coir_shared_semaphore_close(semaphore_again);
    coir_shared_event_close(event);
    coir_shared_event_close(event_again);
    return error;
}

START_TEST(what_fails_leaves_nothing)
{
    uint64_t calls;
    int before;
    (void)make_all(); /* the thread's own bell stays */
    before = core_open_descriptors();
    cr_fault_arm(0, 0, false);
    MUST_BE(make_all(), 0);
    calls = cr_fault_disarm();
    MUST(calls > 20);
    for (uint64_t n = 1; n <= calls; n++) {
        int error;
        cr_fault_arm(0, n, false);
        error = make_all();
        cr_fault_disarm();
        if (error >= 0 || error < -200)
            ck_abort_msg("call %d of %d fails: %d", (int)n, (int)calls, error);
        MUST_BE(core_open_descriptors(), before);
    }
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_queue_has_items_of_any_size_in_order, 0, CORE_CASTS);
    tcase_add_loop_test(cases, who_waits_for_items_or_room_gets_them, 0, CORE_CASTS);
    tcase_add_loop_test(cases, after_shutdown_what_is_inside_comes_out, 0, CORE_CASTS);
    tcase_add_loop_test(cases, join_waits_until_all_are_done, 0, CORE_CASTS);
    tcase_add_test(cases, mistakes_stop_the_process);
    tcase_add_loop_test(cases, cancel_ends_all_waits_but_for_a_lock, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_semaphore_has_so_many_permits, 0, CORE_CASTS);
    tcase_add_loop_test(cases, an_event_wakes_all_and_stays_set, 0, CORE_CASTS);
    tcase_add_loop_test(cases, one_at_a_time_has_a_mutex, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_mutex_is_got_when_it_is_given_back, 0, CORE_CASTS);
    tcase_add_loop_test(cases, what_goes_to_another_process_comes_back, 0, 2 * CORE_CASTS);
    tcase_add_test(cases, something_else_is_refused_with_a_sentence);
    tcase_add_test(cases, each_kind_refuses_the_others);
    tcase_add_test(cases, spoilt_memory_does_no_harm);
    tcase_add_test(cases, too_many_processes_are_refused);
    tcase_add_test(cases, numbers_are_used_again);
    tcase_add_test(cases, what_fails_leaves_nothing);
}

int
main(void)
{
    return core_main("shared", add);
}
