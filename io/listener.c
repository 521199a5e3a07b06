/* io/listener.c: accepting connections, also when descriptors run out.
 *
 * One descriptor is held in reserve for the whole process. When accept finds no free number (EMFILE, ENFILE), the reserve
 * is given up, the connection is accepted with it and closed at once, so that its client learns it, and the reserve is
 * taken again; then accepting pauses for 10 ms, doubling up to 500 ms while it lasts. A naive loop burns a whole processor
 * here (534,000 failures a second). Lack of buffers (ENOBUFS, ENOMEM) only pauses; so does lack of our own memory for a
 * connection that has been accepted, which is closed. */
#include "io/listener.h"
#include <coir/log.h>

#include "backend/descriptor.h"
#include "base/memory.h"
#include "io/stream.h"
#include "io/unix.h"
#include "sched/operate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BACKLOG = 1024 };
#define FIRST_PAUSE (10 * COIR_MS)
#define LONGEST_PAUSE (500 * COIR_MS)

struct coir_listener {
    int fd;
    bool is_tcp;
    struct cr_lock in; /* accepts take turns */
    struct coir_address address;
    coir_time pause; /* the last, */
    coir_time rests; /* and when it ends; under in */
    bool eager;      /* somebody is likely to be there already (cr_op.eager); under in */
};

/* The reserve, and when a lack was last logged. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int reserve = -1;
static coir_time logged;

static void
hold_reserve(void)
{
    pthread_mutex_lock(&lock);
    if (reserve < 0)
        reserve = cr_world.open_nothing();
    pthread_mutex_unlock(&lock);
}

/* Accepts one connection with the reserve and closes it; two workers must not do so at once. */
static void
shed(int fd)
{
    struct cr_op op = {.kind = CR_OP_ACCEPT, .fd = fd, .try_only = true};
    int shed_fd;
    pthread_mutex_lock(&lock);
    if (reserve >= 0)
        (void)cr_world.close(reserve);
    shed_fd = cr_operation_try(&op);
    if (shed_fd >= 0)
        (void)cr_world.close(shed_fd);
    reserve = cr_world.open_nothing();
    pthread_mutex_unlock(&lock);
}

static void
complain(int failure)
{
    coir_time now = cr_now();
    bool due;
    pthread_mutex_lock(&lock);
    due = now - logged >= COIR_SECOND || now < logged; /* a virtual clock that has begun again */
    if (due)
        logged = now;
    pthread_mutex_unlock(&lock);
    if (due)
        coir_log(COIR_LOG_WARN, "accept: %s: connections are turned away; see ulimit -n", coir_error_text(failure));
}

static int
refuse(const char *address, bool is_unix, int error)
{
    if (is_unix && error == -ENOENT)
        return cr_fail(error, "cannot listen on %s: its folder is not there", address);
    return cr_fail(error, "cannot listen on %s: %s%s", address, coir_error_text(error),
                   error == -EACCES && !is_unix ? "; choose a port above 1023 or grant CAP_NET_BIND_SERVICE" : "");
}

static int
bind_listener(int fd, const struct coir_address *address, const struct coir_listener_options *options)
{
    int one = 1, none = 0, error = 0;
    if (address->storage.ss_family != AF_UNIX)
        error = cr_world.set_option(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (!error && options->share_port)
        error = cr_world.set_option(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (!error && address->storage.ss_family == AF_INET6)
        (void)cr_world.set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof none); /* both families */
    /* What accepted sockets inherit is set once, here. */
    if (!error)
        error = cr_stream_settle(fd, address->storage.ss_family != AF_UNIX, &options->stream);
    if (error)
        return error;
    error = cr_unix_bind(fd, address, SOCK_STREAM, options->mode);
    return error ? error : cr_world.listen(fd, options->backlog ? options->backlog : BACKLOG);
}

int
coir_listener_open(const char *address, const struct coir_listener_options *wanted, struct coir_listener **listener)
{
    struct coir_listener_options options = wanted ? *wanted : (struct coir_listener_options){0};
    struct coir_listener *made;
    struct coir_address parsed;
    int error = coir_address_parse(address, &parsed);
    *listener = NULL;
    if (error)
        return error;
    if (parsed.type != SOCK_STREAM)
        return cr_fail(-EINVAL, "cannot listen on %s: listeners are tcp:// or unix:", address);
    made = cr_alloc_zero(sizeof *made);
    if (!made)
        return -ENOMEM;
    made->address = parsed;
    made->is_tcp = parsed.storage.ss_family != AF_UNIX;
    made->eager = true;
    made->fd = cr_world.socket(parsed.storage.ss_family, SOCK_STREAM);
    error = made->fd < 0 ? made->fd : cr_descriptor_check(made->fd);
    if (error)
        goto fail_free;
    error = bind_listener(made->fd, &parsed, &options);
    if (error)
        goto fail_close;
    hold_reserve();
    *listener = made;
    return 0;

fail_close:
    (void)cr_world.close(made->fd);
fail_free:
    cr_free(made);
    return refuse(address, parsed.storage.ss_family == AF_UNIX, error);
}

int
coir_listener_from(int fd, const struct coir_listener_options *wanted, struct coir_listener **listener)
{
    struct coir_listener *made;
    int listens = 0, family = 0, error = cr_descriptor_check(fd);
    socklen_t size = sizeof listens;
    *listener = NULL;
    if (!error)
        error = cr_world.get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    if (error == -ENOTSOCK || (!error && !listens))
        return cr_fail(-EINVAL, "coir_listener_from: descriptor %d is no socket that listens", fd);
    if (!error)
        error = cr_world.get_option(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    if (!error)
        error = cr_descriptor_inherit(fd);
    if (error)
        return error;
    made = cr_alloc_zero(sizeof *made);
    if (!made)
        return -ENOMEM;
    made->is_tcp = family != AF_UNIX;
    error = cr_stream_settle(fd, made->is_tcp, wanted ? &wanted->stream : NULL);
    if (error) {
        cr_free(made);
        return error;
    }
    made->fd = fd;
    made->eager = true;
    hold_reserve();
    *listener = made;
    return 0;
}

static const struct cr_edge_kind relief_kind = {.text = "descriptors or memory to accept with"};
static const struct cr_edge relief = {.kind = &relief_kind};
static const struct cr_edge_kind turn_kind = {.text = "its turn to accept"};
static const struct cr_edge turn = {.kind = &turn_kind};

/* Until the pause is over: 0. */
static int
rest(struct coir_listener *listener, coir_time deadline)
{
    struct cr_wait wait;
    int result;
    cr_wait_begin_for(&wait, cr_task_self(), &relief);
    wait.closed = &listener->in.word;
    wait.closed_bit = CR_LOCK_CLOSED;
    result = cr_park(&wait, deadline < listener->rests ? deadline : listener->rests);
    return result == -ETIMEDOUT && deadline > listener->rests ? 0 : result;
}

/* After a lack of something: sleeps a little, longer each time; who may not sleep does so when he waits (cr_listener_await). */
static int
recover(struct coir_listener *listener, int failure, coir_time deadline)
{
    if (failure == -EMFILE || failure == -ENFILE)
        shed(listener->fd);
    complain(failure);
    listener->pause = !listener->pause                      ? FIRST_PAUSE
                      : listener->pause * 2 < LONGEST_PAUSE ? listener->pause * 2
                                                            : LONGEST_PAUSE;
    listener->rests = cr_now() + listener->pause;
    return deadline == COIR_NOW ? -EAGAIN : rest(listener, deadline);
}

static bool
is_lack(int result)
{
    return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

static int
accept_one(struct coir_listener *listener, struct coir_stream **stream, coir_time deadline)
{
    for (;;) {
        struct cr_pending pending;
        int result;
        pending.op = (struct cr_op){.kind = CR_OP_ACCEPT, .fd = listener->fd, .eager = listener->eager};
        result = cr_operate(&pending, &listener->in, deadline);
        listener->eager = pending.op.eager;
        if (result >= 0) {
            int fd = result;
            result = cr_stream_open(fd, listener->is_tcp, stream);
            if (result)
                (void)cr_world.close(fd); /* its client learns it */
        }
        if (!is_lack(result)) {
            listener->pause = 0;
            return result;
        }
        result = recover(listener, result, deadline);
        if (result)
            return result;
    }
}

static int
take_turn(struct coir_listener *listener, struct coir_task *self, coir_time deadline)
{
    int result = cr_enter(self, deadline);
    return result ? result : cr_lock_take(&listener->in, self, deadline, CR_LOCK_CANCELABLE, &turn);
}

int
coir_listener_accept(struct coir_listener *listener, struct coir_stream **stream, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int result = take_turn(listener, self, deadline);
    *stream = NULL;
    if (result)
        return result;
    result = accept_one(listener, stream, deadline);
    cr_lock_give(&listener->in, self);
    return result;
}

int
cr_listener_await(struct coir_listener *listener, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_pending pending;
    int result = take_turn(listener, self, deadline);
    if (result)
        return result;
    pending.op = (struct cr_op){.kind = CR_OP_READABLE, .fd = listener->fd};
    if (listener->rests > cr_now())
        result = rest(listener, deadline);
    if (!result)
        result = cr_operate(&pending, &listener->in, deadline);
    cr_lock_give(&listener->in, self);
    return result;
}

void
coir_listener_abort(struct coir_listener *listener)
{
    cr_lock_close(&listener->in);
}

int
coir_listener_local(const struct coir_listener *listener, struct coir_address *address)
{
    int error;
    *address = (struct coir_address){.size = sizeof address->storage, .type = SOCK_STREAM};
    error = cr_world.local(listener->fd, (struct sockaddr *)&address->storage, &address->size);
    return error;
}

int
coir_listener_fd(const struct coir_listener *listener)
{
    return listener->fd;
}

void
coir_listener_close(struct coir_listener *listener)
{
    if (!listener)
        return;
    if (cr_load_acq(&listener->in.word) >> CR_LOCK_SHIFT)
        cr_misuse("coir_listener_close: it is in use; coir_listener_abort wakes those that wait in it");
    (void)cr_descriptor_close(listener->fd);
    cr_unix_leave(&listener->address);
    cr_free(listener);
}
