/* rwlock_test.c: what coir/rwlock.h promises, for fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/queue.h>
#include <coir/rwlock.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Who may be inside together ---- */

struct attempt {
    struct coir_rwlock *lock;
    bool writes;
    coir_time deadline;
};

static int
attempt(void *arg)
{
    struct attempt *own = arg;
    int result = own->writes ? coir_rwlock_write(own->lock, own->deadline) : coir_rwlock_read(own->lock, own->deadline);
    if (!result)
        coir_rwlock_unlock(own->lock);
    return result;
}

static int
try_now(struct coir_rwlock *lock, bool writes)
{
    struct core_actor actor;
    struct attempt own = {lock, writes, COIR_NOW};
    core_start(&actor, attempt, &own);
    return core_end(&actor);
}

/* Until a writer waits, or would have given up if it did. */
static void
await_writer(struct coir_rwlock *lock, coir_time deadline)
{
    while (try_now(lock, false) == 0 && coir_now() < deadline)
        (void)coir_yield();
}

static int
states(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT, made;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_rwlock_read(&lock, COIR_NOW), 0);
    MUST_BE(try_now(&lock, false), 0);
    MUST_BE(try_now(&lock, true), -EAGAIN);
    core_start(&actor, attempt, &(struct attempt){&lock, true, core_past()});
    MUST_BE(core_end(&actor), -ETIMEDOUT);
    MUST_BE(try_now(&lock, false), 0); /* nobody waits any more */
    coir_rwlock_unlock(&lock);
    MUST_BE(coir_rwlock_write(&lock, core_past()), 0);
    MUST_BE(try_now(&lock, false), -EAGAIN);
    MUST_BE(try_now(&lock, true), -EAGAIN);
    core_start(&actor, attempt, &(struct attempt){&lock, false, coir_after(COIR_MS)});
    MUST_BE(core_end(&actor), -ETIMEDOUT);
    coir_rwlock_unlock(&lock);
    MUST_BE(try_now(&lock, true), 0);
    coir_rwlock_fini(&lock);
    coir_rwlock_init(&made);
    MUST_BE(try_now(&made, true), 0);
    coir_rwlock_fini(&made);
    return 0;
}

START_TEST(many_read_or_one_writes)
{
    core_play((enum core_cast)_i, states, NULL);
}
END_TEST

/* ---- Order ---- */

struct line {
    struct coir_rwlock lock;
    int next;                /* atomic: how many have come in */
    struct coir_event leave; /* readers stay until it is set */
};

struct place {
    struct line *line;
    bool writes;
    int from, to; /* it is the from-th to the to-th who comes in */
};

static int
come_in(void *arg)
{
    struct place *place = arg;
    struct line *line = place->line;
    int number;
    MUST_BE(place->writes ? coir_rwlock_write(&line->lock, core_soon()) : coir_rwlock_read(&line->lock, core_soon()),
            0);
    number = __atomic_fetch_add(&line->next, 1, __ATOMIC_SEQ_CST);
    MUST(number >= place->from && number <= place->to);
    if (!place->writes) {
        if (number == place->to) /* the last of its batch: all of it are inside */
            coir_event_set(&line->leave);
        MUST_BE(coir_event_wait(&line->leave, core_soon()), 0);
    } else {
        coir_event_clear(&line->leave);
    }
    coir_rwlock_unlock(&line->lock);
    return 0;
}

/* W R R R W W R R: each batch of readers is inside as a whole, and nobody overtakes. */
static int
wait_in_line(void *arg)
{
    enum { MANY = 8 };
    struct line line = {.lock = COIR_RWLOCK_INIT, .leave = COIR_EVENT_INIT};
    struct place places[MANY] = {{&line, true, 0, 0}, {&line, false, 1, 3}, {&line, false, 1, 3}, {&line, false, 1, 3},
                                 {&line, true, 4, 4}, {&line, true, 5, 5},  {&line, false, 6, 7}, {&line, false, 6, 7}};
    struct core_actor actors[MANY];
    (void)arg;
    MUST_BE(coir_rwlock_write(&line.lock, COIR_NOW), 0);
    for (int i = 0; i < MANY; i++) {
        core_start(&actors[i], come_in, &places[i]);
        core_await_waiting(&actors[i]);
    }
    coir_rwlock_unlock(&line.lock);
    for (int i = 0; i < MANY; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(line.next, MANY);
    coir_rwlock_fini(&line.lock);
    return 0;
}

START_TEST(first_come_first_served_readers_together)
{
    core_play((enum core_cast)_i, wait_in_line, NULL);
}
END_TEST

static int
read_behind(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    struct core_actor writer, reader;
    (void)arg;
    MUST_BE(coir_rwlock_read(&lock, COIR_NOW), 0);
    core_start(&writer, attempt, &(struct attempt){&lock, true, core_soon()});
    core_await_waiting(&writer);
    MUST_BE(try_now(&lock, false), -EAGAIN); /* it does not overtake the writer */
    core_start(&reader, attempt, &(struct attempt){&lock, false, core_soon()});
    core_await_waiting(&reader);
    coir_rwlock_unlock(&lock);
    MUST_BE(core_end(&writer), 0);
    MUST_BE(core_end(&reader), 0);
    coir_rwlock_fini(&lock);
    return 0;
}

START_TEST(a_reader_waits_behind_a_writer_that_waits)
{
    core_play((enum core_cast)_i, read_behind, NULL);
}
END_TEST

/* The writer at the head of the line gives up: who reads does not stand in the way of those behind it. */
static int
writer_gives_up(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    struct attempt patient = {&lock, false, core_soon()};
    coir_time deadline = coir_after(50 * COIR_MS);
    struct core_actor writer, readers[3], second;
    (void)arg;
    MUST_BE(coir_rwlock_read(&lock, COIR_NOW), 0);
    core_start(&writer, attempt, &(struct attempt){&lock, true, deadline});
    await_writer(&lock, deadline);
    for (int i = 0; i < 3; i++)
        core_start(&readers[i], attempt, &patient);
    for (int i = 0; i < 3; i++)
        MUST_BE(core_end(&readers[i]), 0); /* while we still read */
    core_start(&second, attempt, &(struct attempt){&lock, true, core_soon()});
    core_await_waiting(&second);
    MUST_BE(core_end(&writer), -ETIMEDOUT);
    coir_rwlock_unlock(&lock);
    MUST_BE(core_end(&second), 0);
    coir_rwlock_fini(&lock);
    return 0;
}

START_TEST(a_writer_that_gives_up_stands_in_nobodys_way)
{
    core_play((enum core_cast)_i, writer_gives_up, NULL);
}
END_TEST

struct stream {
    struct coir_rwlock lock;
    bool writers;
    int over; /* atomic */
};

static int
keep_it_busy(void *arg)
{
    struct stream *stream = arg;
    while (!__atomic_load_n(&stream->over, __ATOMIC_SEQ_CST)) {
        MUST_BE(stream->writers ? coir_rwlock_write(&stream->lock, core_soon())
                                : coir_rwlock_read(&stream->lock, core_soon()),
                0);
        (void)coir_yield(); /* with readers there is always one inside */
        coir_rwlock_unlock(&stream->lock);
        if (stream->writers)
            (void)coir_yield();
    }
    return 0;
}

static int
come_between(void *arg)
{
    (void)arg;
    for (int writers = 0; writers < 2; writers++) {
        struct stream stream = {.lock = COIR_RWLOCK_INIT, .writers = writers};
        struct core_actor actors[4];
        core_start_all(actors, 4, keep_it_busy, &stream);
        for (int i = 0; i < 20; i++) {
            MUST_BE(writers ? coir_rwlock_read(&stream.lock, core_soon())
                            : coir_rwlock_write(&stream.lock, core_soon()),
                    0);
            coir_rwlock_unlock(&stream.lock);
            (void)coir_yield();
        }
        __atomic_store_n(&stream.over, 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 4; i++)
            MUST_BE(core_end(&actors[i]), 0);
        coir_rwlock_fini(&stream.lock);
    }
    return 0;
}

START_TEST(nobody_starves)
{
    core_play((enum core_cast)_i, come_between, NULL);
}
END_TEST

/* ---- Deadlines race, cancels do nothing ---- */

enum { ACTORS = 8 };

struct book {
    struct coir_rwlock lock;
    long rounds;
    int reading, writing; /* atomic: how many are inside */
    long written;         /* under the lock */
};

static int
use_book(void *arg)
{
    struct book *book = arg;
    long wrote = 0;
    for (long i = 0; i < book->rounds; i++) {
        bool writes = coir_random(4) == 0;
        coir_time deadline = i % 4 == 0   ? COIR_NOW
                             : i % 4 == 1 ? COIR_NEVER
                                          : coir_after((coir_time)coir_random(30) * COIR_US);
        int result = writes ? coir_rwlock_write(&book->lock, deadline) : coir_rwlock_read(&book->lock, deadline);
        if (result) {
            MUST(result == -EAGAIN || result == -ETIMEDOUT);
            (void)coir_yield();
            continue;
        }
        if (writes) {
            MUST_BE(__atomic_add_fetch(&book->writing, 1, __ATOMIC_SEQ_CST), 1);
            book->written++;
            wrote++;
        } else {
            __atomic_add_fetch(&book->reading, 1, __ATOMIC_SEQ_CST);
        }
        if (i % 3 == 0)
            (void)coir_yield();
        MUST_BE(__atomic_load_n(writes ? &book->reading : &book->writing, __ATOMIC_SEQ_CST), 0);
        __atomic_sub_fetch(writes ? &book->writing : &book->reading, 1, __ATOMIC_SEQ_CST);
        coir_rwlock_unlock(&book->lock);
    }
    return (int)wrote;
}

static int
race(void *arg)
{
    struct book book = {.lock = COIR_RWLOCK_INIT, .rounds = core_rounds(5000)};
    struct core_actor actors[ACTORS];
    long wrote = 0;
    (void)arg;
    core_start_all(actors, ACTORS, use_book, &book);
    for (int i = 0; i < ACTORS; i += 2)
        core_cancel(&actors[i]);
    for (int i = 0; i < ACTORS; i++)
        wrote += core_end(&actors[i]);
    MUST(wrote > 0);
    MUST_BE(book.written, wrote);
    coir_rwlock_fini(&book.lock); /* neither held nor waited for */
    return 0;
}

START_TEST(deadlines_and_cancels_race_with_unlocking)
{
    core_play((enum core_cast)_i, race, NULL);
}
END_TEST

static int
cancel_waiters(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    struct attempt both[2] = {{&lock, true, COIR_NEVER}, {&lock, false, COIR_NEVER}};
    struct core_actor actors[2];
    (void)arg;
    MUST_BE(coir_rwlock_write(&lock, COIR_NOW), 0);
    for (int i = 0; i < 2; i++) {
        core_start(&actors[i], attempt, &both[i]);
        core_await_waiting(&actors[i]);
        coir_cancel(actors[i].self);
    }
    for (int i = 0; i < 100; i++)
        MUST_BE(coir_yield(), 0);
    MUST_BE(try_now(&lock, false), -EAGAIN);
    coir_rwlock_unlock(&lock);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&actors[i]), 0);
    coir_rwlock_fini(&lock);
    return 0;
}

START_TEST(cancels_do_not_end_the_waiting)
{
    core_play((enum core_cast)_i, cancel_waiters, NULL);
}
END_TEST

/* ---- Waiting for oneself ---- */

static int
stand_in_own_way(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT, others[12];
    struct core_actor writer;
    coir_time deadline;
    (void)arg;
    MUST_BE(coir_rwlock_write(&lock, COIR_NEVER), 0);
    MUST_BE(coir_rwlock_write(&lock, COIR_NEVER), -EDEADLK);
    MUST(*coir_error_detail());
    MUST_BE(coir_rwlock_read(&lock, core_soon()), -EDEADLK);
    coir_rwlock_unlock(&lock);

    MUST_BE(coir_rwlock_read(&lock, COIR_NEVER), 0);
    MUST_BE(coir_rwlock_write(&lock, COIR_NEVER), -EDEADLK); /* an upgrade */
    MUST_BE(coir_rwlock_read(&lock, COIR_NEVER), 0);         /* nobody waits: read twice */
    coir_rwlock_unlock(&lock);
    MUST_BE(coir_rwlock_write(&lock, COIR_NEVER), -EDEADLK); /* it still reads once */

    core_start(&writer, attempt, &(struct attempt){&lock, true, COIR_NEVER});
    core_await_waiting(&writer);
    MUST_BE(coir_rwlock_read(&lock, COIR_NEVER), -EDEADLK); /* it would wait for the writer, the writer for it */
    MUST_BE(coir_rwlock_read(&lock, COIR_NOW), -EDEADLK);
    coir_rwlock_unlock(&lock);
    MUST_BE(core_end(&writer), 0);

    /* The writer has a deadline: nothing is dead. */
    MUST_BE(coir_rwlock_read(&lock, COIR_NEVER), 0);
    deadline = coir_after(50 * COIR_MS);
    core_start(&writer, attempt, &(struct attempt){&lock, true, deadline});
    await_writer(&lock, deadline);
    MUST_BE(coir_rwlock_read(&lock, core_soon()), 0);
    MUST_BE(core_end(&writer), -ETIMEDOUT);
    coir_rwlock_unlock(&lock);
    coir_rwlock_unlock(&lock);

    /* Other locks are no matter; what was given up is forgotten. */
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 12; i++) {
            if (!round)
                coir_rwlock_init(&others[i]);
            MUST_BE(coir_rwlock_read(&others[i], COIR_NOW), 0);
            if (i >= 4)
                coir_rwlock_unlock(&others[i - 4]);
            for (int k = 8; i == 11 && k < 12; k++)
                coir_rwlock_unlock(&others[k]);
        }
    for (int i = 0; i < 12; i++) {
        MUST_BE(coir_rwlock_write(&others[i], COIR_NEVER), 0);
        coir_rwlock_unlock(&others[i]);
        coir_rwlock_fini(&others[i]);
    }
    coir_rwlock_fini(&lock);
    return 0;
}

START_TEST(who_would_wait_for_itself_is_told)
{
    core_play((enum core_cast)_i, stand_in_own_way, NULL);
}
END_TEST

/* More locks than a task's own row remembers: a lone reader's name is in the lock itself. */
static int
read_many(void *arg)
{
    enum { MANY = 100 };
    struct coir_rwlock locks[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        coir_rwlock_init(&locks[i]);
        MUST_BE(coir_rwlock_read(&locks[i], COIR_NEVER), 0);
    }
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_rwlock_write(&locks[i], COIR_NEVER), -EDEADLK);
    for (int i = 0; i < MANY; i++)
        coir_rwlock_unlock(&locks[i]);
    for (int i = 0; i < MANY; i++) {
        MUST_BE(coir_rwlock_write(&locks[i], COIR_NEVER), 0);
        coir_rwlock_unlock(&locks[i]);
        coir_rwlock_fini(&locks[i]);
    }
    return 0;
}

START_TEST(any_number_is_remembered)
{
    core_play((enum core_cast)_i, read_many, NULL);
}
END_TEST

/* ---- Freed at once ---- */

struct shared {
    struct coir_rwlock lock;
    int users; /* atomic */
};

/* Each looks, while it reads, whether it is the last; the last one waits until it is alone. */
static int
use_and_free(void *arg)
{
    struct coir_queue *queue = arg;
    struct shared *shared;
    for (long i = 0; coir_queue_get(queue, &shared, COIR_NEVER) == 0; i++) {
        int left;
        if (i % 2) {
            MUST_BE(coir_rwlock_read(&shared->lock, COIR_NEVER), 0);
            left = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_SEQ_CST);
            coir_rwlock_unlock(&shared->lock);
            if (left)
                continue;
            MUST_BE(coir_rwlock_write(&shared->lock, COIR_NEVER), 0);
            coir_rwlock_unlock(&shared->lock);
        } else {
            MUST_BE(coir_rwlock_write(&shared->lock, COIR_NEVER), 0);
            left = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_SEQ_CST);
            coir_rwlock_unlock(&shared->lock);
            if (left)
                continue;
            MUST_BE(coir_rwlock_write(&shared->lock, COIR_NEVER), 0);
            coir_rwlock_unlock(&shared->lock);
        }
        free(shared);
    }
    return 0;
}

static int
free_at_once(void *arg)
{
    long rounds = core_rounds(40000);
    struct coir_queue *queues[2];
    struct core_actor actors[2];
    (void)arg;
    for (int k = 0; k < 2; k++) {
        queues[k] = coir_queue_new(sizeof(struct shared *), 16, NULL);
        core_start(&actors[k], use_and_free, queues[k]);
    }
    for (long i = 0; i < rounds; i++) {
        struct shared *shared = malloc(sizeof *shared);
        MUST(shared);
        *shared = (struct shared){COIR_RWLOCK_INIT, 2};
        for (int k = 0; k < 2; k++)
            MUST_BE(coir_queue_put(queues[k], &shared, core_soon()), 0);
    }
    for (int k = 0; k < 2; k++)
        coir_queue_shutdown(queues[k]);
    for (int k = 0; k < 2; k++) {
        MUST_BE(core_end(&actors[k]), 0);
        coir_queue_free(queues[k]);
    }
    return 0;
}

START_TEST(the_last_user_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
unlock_it(void *lock)
{
    coir_rwlock_unlock(lock);
    return 0;
}

static int
unlock_free(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    (void)arg;
    return unlock_it(&lock);
}

static int
unlock_anothers(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_rwlock_write(&lock, COIR_NEVER), 0);
    core_start(&actor, unlock_it, &lock);
    return core_end(&actor);
}

static int
play_unlock_anothers(void *arg)
{
    core_play(*(enum core_cast *)arg, unlock_anothers, NULL);
    return 0;
}

static int
fini_held(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    (void)arg;
    MUST_BE(coir_rwlock_read(&lock, COIR_NEVER), 0);
    coir_rwlock_fini(&lock);
    return 0;
}

static int
say_where(void *arg)
{
    struct coir_rwlock lock = COIR_RWLOCK_INIT;
    (void)arg;
    MUST_BE(coir_rwlock_read(&lock, COIR_NEVER), 0);
    MUST_BE(coir_rwlock_write(&lock, COIR_NEVER), -EDEADLK);
    fprintf(stderr, "%s\n", coir_error_detail());
    abort();
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast one = CORE_ONE, threads = CORE_THREADS;
    core_must_die(unlock_free, NULL, SIGABRT, "coir_rwlock_unlock");
    core_must_die(play_unlock_anothers, &one, SIGABRT, "coir_rwlock_unlock");
    core_must_die(play_unlock_anothers, &threads, SIGABRT, "coir_rwlock_unlock");
    core_must_die(fini_held, NULL, SIGABRT, "coir_rwlock_fini");
    core_must_die(say_where, NULL, SIGABRT, "rwlock_test.c:"); /* where it was made */
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, many_read_or_one_writes, 0, CORE_CASTS);
    tcase_add_loop_test(cases, first_come_first_served_readers_together, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_reader_waits_behind_a_writer_that_waits, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_writer_that_gives_up_stands_in_nobodys_way, 0, CORE_CASTS);
    tcase_add_loop_test(cases, nobody_starves, 0, CORE_CASTS);
    tcase_add_loop_test(cases, deadlines_and_cancels_race_with_unlocking, 0, CORE_CASTS);
    tcase_add_loop_test(cases, cancels_do_not_end_the_waiting, 0, CORE_CASTS);
    tcase_add_loop_test(cases, who_would_wait_for_itself_is_told, 0, CORE_CASTS);
    tcase_add_loop_test(cases, any_number_is_remembered, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_last_user_frees_it, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("rwlock", add);
}
