/* parity_sync.c: events, semaphores, mutexes and queues between tasks that read and write. */
#include "parity.h"

#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/semaphore.h>

static int
wait_for_event(void *event)
{
    return coir_event_wait(event, COIR_NEVER);
}

static void
events(struct parity *play)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct core_actor waiters[3];
    parity_note(play, "now", coir_event_wait(&event, COIR_NOW));
    parity_note(play, "late", coir_event_wait(&event, core_past()));
    parity_note(play, "until the deadline", coir_event_wait(&event, coir_after(COIR_MS)));
    for (int i = 0; i < 3; i++) {
        core_start(&waiters[i], wait_for_event, &event);
        core_await_waiting(&waiters[i]);
    }
    coir_cancel(waiters[1].self);
    parity_note(play, "canceled", core_end(&waiters[1]));
    coir_event_set(&event);
    coir_event_clear(&event);
    parity_note(play, "set", core_end(&waiters[0]));
    parity_note(play, "set", core_end(&waiters[2]));
    parity_note(play, "cleared", coir_event_wait(&event, COIR_NOW));
    coir_event_set(&event);
    parity_note(play, "late but set", coir_event_wait(&event, core_past()));
    coir_event_fini(&event);
}

struct reading {
    struct coir_stream *stream;
    struct coir_event got;
    char byte;
};

static int
read_and_tell(void *arg)
{
    struct reading *own = arg;
    own->byte = (char)parity_read_byte(own->stream);
    coir_event_set(&own->got);
    return 0;
}

static void
an_event_set_by_a_reader(struct parity *play)
{
    struct reading own = {0};
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    own.stream = ends[0];
    core_start(&reader, read_and_tell, &own);
    parity_note(play, "not yet", coir_event_wait(&own.got, coir_after(COIR_MS)));
    parity_put(ends[1], "e");
    parity_note(play, "wait", coir_event_wait(&own.got, core_soon()));
    parity_byte(play, "read", own.byte);
    MUST_BE(core_end(&reader), 0);
    parity_close(ends);
}

static int
acquire(void *semaphore)
{
    return coir_semaphore_acquire(semaphore, COIR_NEVER);
}

static void
semaphores(struct parity *play)
{
    struct coir_semaphore semaphore = COIR_SEMAPHORE_INIT(1, 2);
    struct core_actor waiters[3];
    parity_note(play, "acquire", coir_semaphore_acquire(&semaphore, core_past()));
    parity_note(play, "now", coir_semaphore_acquire(&semaphore, COIR_NOW));
    parity_note(play, "late", coir_semaphore_acquire(&semaphore, core_past()));
    parity_note(play, "until the deadline", coir_semaphore_acquire(&semaphore, coir_after(COIR_MS)));
    for (int i = 0; i < 3; i++) {
        core_start(&waiters[i], acquire, &semaphore);
        core_await_waiting(&waiters[i]);
    }
    coir_cancel(waiters[0].self);
    parity_note(play, "canceled", core_end(&waiters[0]));
    for (int i = 1; i < 3; i++) {
        MUST_BE(coir_semaphore_release(&semaphore), 0);
        parity_note(play, "the next", core_end(&waiters[i]));
    }
    parity_note(play, "release", coir_semaphore_release(&semaphore));
    parity_note(play, "release", coir_semaphore_release(&semaphore));
    parity_note(play, "too many", coir_semaphore_release(&semaphore));
    coir_semaphore_fini(&semaphore);
}

struct limited {
    struct coir_semaphore semaphore;
    struct coir_listener *listener;
    int inside, most, served; /* atomic */
};

static int
serve_limited(void *arg)
{
    struct limited *own = arg;
    struct coir_stream *stream;
    for (;;) {
        int result, inside, most;
        MUST_BE(coir_semaphore_acquire(&own->semaphore, core_soon()), 0);
        result = coir_listener_accept(own->listener, &stream, core_soon());
        if (result) {
            MUST_BE(coir_semaphore_release(&own->semaphore), 0);
            return result;
        }
        inside = __atomic_add_fetch(&own->inside, 1, __ATOMIC_SEQ_CST);
        most = __atomic_load_n(&own->most, __ATOMIC_SEQ_CST);
        while (inside > most &&
               !__atomic_compare_exchange_n(&own->most, &most, inside, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        MUST(parity_read_byte(stream) == 'c');
        __atomic_add_fetch(&own->served, 1, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&own->inside, 1, __ATOMIC_SEQ_CST);
        MUST_BE(coir_stream_close(stream), 0);
        MUST_BE(coir_semaphore_release(&own->semaphore), 0);
    }
}

/* Four serve, but two at a time. */
static void
a_semaphore_limits_connections(struct parity *play)
{
    struct limited own = {.semaphore = COIR_SEMAPHORE_INIT(2, 0)};
    char address[COIR_ADDRESS_TEXT];
    struct core_actor servers[4];
    struct coir_stream *diallers[6];
    own.listener = parity_listen(play, NULL, address);
    for (int i = 0; i < 6; i++)
        MUST_BE(coir_stream_dial(address, NULL, &diallers[i], core_soon()), 0);
    core_start_all(servers, 4, serve_limited, &own);
    for (int i = 0; i < 4; i++)
        core_await_waiting(&servers[i]);
    for (int i = 0; i < 6; i++) {
        parity_put(diallers[i], "c");
        MUST_BE(coir_stream_read(diallers[i], (char[1]){0}, 1, core_soon()), 0); /* it has been served */
        MUST_BE(coir_stream_close(diallers[i]), 0);
    }
    coir_listener_abort(own.listener);
    for (int i = 0; i < 4; i++)
        MUST_BE(core_end(&servers[i]), -EPIPE);
    parity_note(play, "served", own.served);
    parity_note(play, "at most", own.most);
    coir_listener_close(own.listener);
}

struct locking {
    struct coir_mutex mutex;
    struct coir_stream *stream;
    int wrong; /* under mutex */
};

static int
lock_and_unlock(void *arg)
{
    struct coir_mutex *mutex = arg;
    int result = coir_mutex_lock(mutex, COIR_NEVER);
    if (!result)
        coir_mutex_unlock(mutex);
    return result;
}

static int
lock_now_and_late(void *arg)
{
    struct coir_mutex *mutex = arg;
    MUST_BE(coir_mutex_lock(mutex, COIR_NOW), -EAGAIN);
    MUST_BE(coir_mutex_lock(mutex, core_past()), -ETIMEDOUT);
    return coir_mutex_lock(mutex, coir_after(COIR_MS));
}

static void
mutexes(struct parity *play)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT, recursive = COIR_MUTEX_INIT_RECURSIVE;
    struct core_actor actor;
    parity_note(play, "lock", coir_mutex_lock(&mutex, COIR_NOW));
    parity_note(play, "again", coir_mutex_lock(&mutex, core_soon()));
    core_start(&actor, lock_now_and_late, &mutex);
    parity_note(play, "another", core_end(&actor));
    core_start(&actor, lock_and_unlock, &mutex);
    core_await_waiting(&actor);
    coir_cancel(actor.self); /* clean-up must lock: no cancel ends that */
    coir_mutex_unlock(&mutex);
    parity_note(play, "canceled", core_end(&actor));
    MUST_BE(coir_mutex_lock(&recursive, core_soon()), 0);
    parity_note(play, "recursive", coir_mutex_lock(&recursive, COIR_NOW));
    coir_mutex_unlock(&recursive);
    coir_mutex_unlock(&recursive);
    coir_mutex_fini(&mutex);
    coir_mutex_fini(&recursive);
}

/* A question and its answer belong together: both under the mutex. */
static int
ask(void *arg)
{
    struct locking *own = arg;
    for (char i = 'a'; i < 'a' + 10; i++) {
        char answer;
        MUST_BE(coir_mutex_lock(&own->mutex, core_soon()), 0);
        MUST_BE(coir_stream_write(own->stream, &i, 1, core_soon()), 0);
        MUST_BE(coir_stream_read(own->stream, &answer, 1, core_soon()), 1);
        own->wrong += answer != i - 'a' + 'A';
        coir_mutex_unlock(&own->mutex);
    }
    return 0;
}

static int
answer_all(void *stream)
{
    int question, count = 0;
    for (; (question = parity_read_byte(stream)) > 0; count++) {
        char answer = (char)(question - 'a' + 'A');
        MUST_BE(coir_stream_write(stream, &answer, 1, core_soon()), 0);
    }
    return count;
}

static void
a_mutex_around_questions(struct parity *play)
{
    struct locking own = {.mutex = COIR_MUTEX_INIT};
    struct coir_stream *ends[2];
    struct core_actor askers[3], answerer;
    parity_open(play, PARITY_USUAL, ends);
    own.stream = ends[0];
    core_start(&answerer, answer_all, ends[1]);
    core_start_all(askers, 3, ask, &own);
    for (int i = 0; i < 3; i++)
        MUST_BE(core_end(&askers[i]), 0);
    MUST_BE(coir_stream_shutdown(ends[0], core_soon()), 0);
    parity_note(play, "answers", core_end(&answerer));
    parity_note(play, "wrong", own.wrong);
    parity_close(ends);
}

static int
get_char(void *queue)
{
    char item;
    int result = coir_queue_get(queue, &item, COIR_NEVER);
    return result ? result : item;
}

static int
put_char(void *queue)
{
    return coir_queue_put(queue, "p", COIR_NEVER);
}

static int
join_queue(void *queue)
{
    return coir_queue_join(queue, COIR_NEVER);
}

static void
queues(struct parity *play)
{
    struct coir_queue *queue = coir_queue_new(1, 2, NULL);
    struct core_actor actors[3];
    char item = 0;
    parity_note(play, "get now", coir_queue_get(queue, &item, COIR_NOW));
    parity_note(play, "late", coir_queue_get(queue, &item, core_past()));
    parity_note(play, "until the deadline", coir_queue_get(queue, &item, coir_after(COIR_MS)));
    for (int i = 0; i < 3; i++) {
        core_start(&actors[i], get_char, queue);
        core_await_waiting(&actors[i]);
    }
    coir_cancel(actors[0].self);
    parity_note(play, "canceled", core_end(&actors[0]));
    for (int i = 1; i < 3; i++) {
        MUST_BE(coir_queue_put(queue, i == 1 ? "1" : "2", core_soon()), 0);
        parity_byte(play, "get", core_end(&actors[i]));
    }
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_queue_put(queue, i ? "b" : "a", COIR_NOW), 0);
    parity_note(play, "put now", coir_queue_put(queue, "x", COIR_NOW));
    parity_note(play, "until the deadline", coir_queue_put(queue, "x", coir_after(COIR_MS)));
    core_start(&actors[0], put_char, queue);
    core_await_waiting(&actors[0]);
    for (int i = 0; i < 3; i++) {
        parity_byte(play, "get", get_char(queue));
        if (!i)
            parity_note(play, "put", core_end(&actors[0]));
    }
    coir_queue_free(queue);
}

static void
the_end_of_a_queue(struct parity *play)
{
    struct coir_queue *queue = coir_queue_new(1, 1, NULL);
    struct core_actor putter, getter, joiner;
    core_start(&getter, get_char, queue);
    core_await_waiting(&getter);
    coir_queue_shutdown(queue);
    parity_note(play, "get", core_end(&getter));
    coir_queue_free(queue);
    queue = coir_queue_new(1, 1, NULL);
    MUST_BE(coir_queue_put(queue, "i", COIR_NOW), 0);
    core_start(&putter, put_char, queue);
    core_await_waiting(&putter);
    core_start(&joiner, join_queue, queue);
    core_await_waiting(&joiner);
    coir_queue_shutdown(queue);
    parity_note(play, "put", core_end(&putter));
    parity_byte(play, "get", get_char(queue));
    parity_note(play, "get", get_char(queue));
    parity_note(play, "put now", coir_queue_put(queue, "x", COIR_NOW));
    coir_queue_done(queue);
    parity_note(play, "join", core_end(&joiner));
    coir_queue_free(queue);
}

struct belt {
    struct coir_stream *from, *to;
    struct coir_queue *queue;
};

static int
read_into_queue(void *arg)
{
    const struct belt *own = arg;
    int result;
    while ((result = parity_read_byte(own->from)) > 0) {
        char item = (char)result;
        MUST_BE(coir_queue_put(own->queue, &item, core_soon()), 0);
    }
    coir_queue_shutdown(own->queue);
    return result;
}

static int
write_from_queue(void *arg)
{
    const struct belt *own = arg;
    int result;
    while ((result = get_char(own->queue)) > 0) {
        char item = (char)result;
        MUST_BE(coir_stream_write(own->to, &item, 1, core_soon()), 0);
    }
    MUST_BE(coir_stream_shutdown(own->to, core_soon()), 0);
    return result;
}

/* From a connection through a short queue into another. */
static void
a_queue_between_connections(struct parity *play)
{
    struct coir_stream *in[2], *out[2];
    struct core_actor reader, writer;
    struct coir_buffer all = COIR_BUFFER_INIT(100);
    struct belt own;
    parity_open(play, PARITY_USUAL, in);
    parity_open(play, PARITY_USUAL, out);
    own = (struct belt){in[1], out[0], coir_queue_new(1, 2, NULL)};
    core_start(&reader, read_into_queue, &own);
    core_start(&writer, write_from_queue, &own);
    parity_put(in[0], "the quick brown fox");
    MUST_BE(coir_stream_shutdown(in[0], core_soon()), 0);
    MUST_BE(coir_stream_read_rest(out[1], &all, core_soon()), 0);
    parity_say(play, all.bytes);
    parity_note(play, "reader", core_end(&reader));
    parity_note(play, "writer", core_end(&writer));
    coir_buffer_fini(&all);
    coir_queue_free(own.queue);
    parity_close(in);
    parity_close(out);
}

static int
unlock_it(void *mutex)
{
    coir_mutex_unlock(mutex);
    return 0;
}

static void
unlocked_by_another(struct parity *play)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    struct core_actor other;
    parity_note(play, "lock", coir_mutex_lock(&mutex, core_soon()));
    core_start(&other, unlock_it, &mutex);
    (void)core_end(&other);
}

const struct parity_row parity_sync[] = {
    {"events", events,
     "now -EAGAIN, late -ETIMEDOUT, until the deadline -ETIMEDOUT, canceled -ECANCELED, set 0, set 0, cleared -EAGAIN, "
     "late but set 0",
     0},
    {"an event set by a reader", an_event_set_by_a_reader, "not yet -ETIMEDOUT, wait 0, read 'e'", PARITY_ANY},
    {"semaphores", semaphores,
     "acquire 0, now -EAGAIN, late -ETIMEDOUT, until the deadline -ETIMEDOUT, canceled -ECANCELED, the next 0, "
     "the next 0, release 0, release 0, too many -EOVERFLOW",
     0},
    {"a semaphore limits connections", a_semaphore_limits_connections, "served 6, at most 2", PARITY_NAMED},
    {"mutexes", mutexes, "lock 0, again -EDEADLK, another -ETIMEDOUT, canceled 0, recursive 0", 0},
    {"a mutex around questions", a_mutex_around_questions, "answers 30, wrong 0", PARITY_ANY},
    {"queues", queues,
     "get now -EAGAIN, late -ETIMEDOUT, until the deadline -ETIMEDOUT, canceled -ECANCELED, get '1', get '2', "
     "put now -EAGAIN, until the deadline -ETIMEDOUT, get 'a', put 0, get 'b', get 'p'",
     0},
    {"the end of a queue", the_end_of_a_queue, "get -EPIPE, put -EPIPE, get 'i', get -EPIPE, put now -EPIPE, join 0",
     0},
    {"a queue between two connections", a_queue_between_connections, "the quick brown fox, reader 0, writer -EPIPE",
     PARITY_ANY},
    {"a mutex unlocked by another", unlocked_by_another, "coir_mutex_unlock", PARITY_DIES},
    {0}};
