/* sim/source.c: who waits for what: readiness as epoll(7) reports it, for workers; a level to wait for, for plain threads.
 *
 * A backend instance keeps what it is attached to, as an epoll instance does. Each change of a socket (cr_socket_changed)
 * marks its attachments; a wait hands over what is marked, in the order in which it was, with the socket's state as it
 * is then; attaching marks, too. "No room" is told by setting wants_room: then the room that comes is a change.
 *
 * A plain thread waits for a socket and for its own bell: a descriptor that only rings. */
#include "sim/socket.h"

#include "backend/block.h"
#include "backend/descriptor.h"
#include "backend/ready.h"
#include "base/fault.h"
#include "base/memory.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

enum { EVENTS = 256 }; /* taken at once */

struct event {
    int fd;
    uint32_t generation;
    unsigned events; /* CR_EVENT_... */
};

struct source {
    struct cr_ready ready;
    struct cr_list attached, marked;
    bool rung;
    struct event events[EVENTS];
};

/* One descriptor in one instance. */
struct attachment {
    struct cr_list of_socket, of_source, mark;
    struct source *source;
    struct cr_socket *socket;
    int fd;
    uint32_t generation;
};

/* A plain thread in poll. On its stack. */
struct poller {
    struct cr_list link;
    const void *key; /* what it waits by */
    unsigned wanted;
};

/* ---- What a socket is ready for ---- */

bool
cr_socket_has_room(const struct cr_socket *socket)
{
    if (!cr_socket_is_tcp(socket))
        return !socket->peer || socket->peer->in.size * 4 <= socket->send_room;
    return socket->out.size < socket->send_room && socket->send_room - socket->out.size >= socket->out.size / 2;
}

static unsigned
ready_tcp(struct cr_socket *socket)
{
    unsigned events = socket->error ? POLLERR : 0u;
    if (socket->state == CR_SOCKET_LISTENING)
        return events | (cr_list_is_empty(&socket->queue) ? 0u : POLLIN);
    if (socket->state == CR_SOCKET_CLOSED || socket->shut == CR_SHUT_BOTH)
        events |= POLLHUP;
    if (socket->shut & CR_SHUT_IN)
        events |= POLLIN | POLLRDHUP;
    if (socket->state == CR_SOCKET_CONNECTING)
        return events;
    if (socket->in.size)
        events |= POLLIN;
    if (socket->shut & CR_SHUT_OUT || cr_socket_has_room(socket))
        events |= POLLOUT;
    return events;
}

static unsigned
ready_local(struct cr_socket *socket)
{
    unsigned events = socket->error ? POLLERR : 0u;
    if (socket->state == CR_SOCKET_LISTENING)
        return events | (cr_list_is_empty(&socket->queue) ? 0u : POLLIN);
    if (socket->state == CR_SOCKET_CLOSED || socket->shut == CR_SHUT_BOTH)
        events |= POLLHUP;
    if (socket->shut & CR_SHUT_IN)
        events |= POLLIN | POLLRDHUP;
    if (socket->in.size)
        events |= POLLIN;
    return events | (cr_socket_has_room(socket) ? POLLOUT : 0u);
}

unsigned
cr_socket_ready(struct cr_socket *socket)
{
    unsigned events;
    if (socket->family == AF_UNSPEC)
        return socket->rung ? POLLIN : 0u;
    if (socket->dead)
        return POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR;
    events = cr_socket_is_tcp(socket) ? ready_tcp(socket) : ready_local(socket);
    if (!(events & POLLOUT))
        socket->wants_room = true;
    return events;
}

/* ---- Changes ---- */

static void
mark(struct attachment *attachment)
{
    struct source *source = attachment->source;
    if (!cr_list_is_empty(&attachment->mark))
        return;
    cr_list_append(&source->marked, &attachment->mark);
    cr_sim_wake(source, 1);
}

void
cr_socket_changed(struct cr_socket *socket)
{
    for (struct cr_list *link = socket->attached.next; link != &socket->attached; link = link->next)
        mark(cr_container(link, struct attachment, of_socket));
    for (struct cr_list *link = socket->pollers.next; link != &socket->pollers; link = link->next) {
        struct poller *poller = cr_container(link, struct poller, link);
        if (cr_socket_ready(socket) & poller->wanted)
            cr_sim_wake(poller->key, 1);
    }
}

static void
remove_attachment(struct attachment *attachment)
{
    cr_list_remove(&attachment->of_socket);
    cr_list_remove(&attachment->of_source);
    cr_list_remove(&attachment->mark);
    free(attachment);
}

void
cr_source_detach_all(struct cr_socket *socket)
{
    while (!cr_list_is_empty(&socket->attached))
        remove_attachment(cr_container(socket->attached.next, struct attachment, of_socket));
}

void
cr_socket_forget(struct cr_socket *socket)
{
    cr_source_detach_all(socket);
    while (!cr_list_is_empty(&socket->pollers)) {
        struct poller *poller = cr_container(socket->pollers.next, struct poller, link);
        cr_list_remove(&poller->link);
        cr_sim_wake(poller->key, 1);
    }
}

static void
move_all(struct cr_list *from, struct cr_list *to)
{
    while (!cr_list_is_empty(from)) {
        struct cr_list *link = from->next;
        cr_list_remove(link);
        cr_list_append(to, link);
    }
}

void
cr_source_move(struct cr_socket *from, struct cr_socket *to)
{
    move_all(&from->attached, &to->attached);
    move_all(&from->pollers, &to->pollers);
    for (struct cr_list *link = to->attached.next; link != &to->attached; link = link->next)
        cr_container(link, struct attachment, of_socket)->socket = to;
}

/* ---- The source under backend/ready.c ---- */

static int
source_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct source *source = (struct source *)ready;
    struct cr_socket *socket = cr_host_socket(fd);
    struct attachment *attachment;
    if (!socket)
        return -EBADF;
    attachment = cr_net_alloc(sizeof *attachment);
    attachment->source = source;
    attachment->socket = socket;
    attachment->fd = fd;
    attachment->generation = generation;
    cr_list_append(&socket->attached, &attachment->of_socket);
    cr_list_append(&source->attached, &attachment->of_source);
    cr_list_init(&attachment->mark);
    if (cr_socket_ready(socket))
        mark(attachment);
    return 0;
}

static void
source_detach(struct cr_ready *ready, int fd)
{
    struct source *source = (struct source *)ready;
    struct cr_socket *socket = cr_host_socket(fd);
    if (!socket)
        return;
    for (struct cr_list *link = socket->attached.next; link != &socket->attached; link = link->next) {
        struct attachment *attachment = cr_container(link, struct attachment, of_socket);
        if (attachment->source == source) {
            remove_attachment(attachment);
            return;
        }
    }
}

static unsigned
events_of(unsigned ready)
{
    return (ready & POLLIN ? CR_EVENT_IN : 0u) | (ready & POLLOUT ? CR_EVENT_OUT : 0u) |
           (ready & (POLLRDHUP | POLLHUP | POLLERR) ? CR_EVENT_FINAL : 0u);
}

/* What is marked, as far as it is ready for anything. */
static int
fetch(struct source *source)
{
    int count = 0;
    while (count < EVENTS && !cr_list_is_empty(&source->marked)) {
        struct attachment *attachment = cr_container(source->marked.next, struct attachment, mark);
        unsigned ready = cr_socket_ready(attachment->socket);
        cr_list_remove(&attachment->mark);
        if (!ready)
            continue;
        cr_net_note("event", attachment->socket, ready);
        source->events[count++] = (struct event){attachment->fd, attachment->generation, events_of(ready)};
    }
    return count;
}

/* Between the fetching of events and their use others may run, and close what these are about. */
static int
source_wait(struct cr_ready *ready, coir_time until)
{
    struct source *source = (struct source *)ready;
    int count;
    if (cr_list_is_empty(&source->marked) && !source->rung)
        (void)cr_sim_wait(source, until, "the network");
    source->rung = false;
    count = fetch(source);
    if (count)
        cr_sim_point();
    for (int i = 0; i < count; i++)
        cr_ready_event(ready, source->events[i].fd, source->events[i].generation, source->events[i].events);
    return 0;
}

static void
source_wake(struct cr_ready *ready)
{
    struct source *source = (struct source *)ready;
    source->rung = true;
    cr_sim_wake(source, 1);
}

static const struct cr_source source_rows = {
    .attach = source_attach,
    .detach = source_detach,
    .wait = source_wait,
    .wake = source_wake,
};

static int
source_open(void **opened, unsigned slot)
{
    struct source *source = CR_FAIL(CR_FAULT_DESCRIPTOR) ? NULL : cr_alloc_zero(sizeof *source);
    int error;
    if (!source)
        return -EMFILE;
    error = cr_ready_init(&source->ready, &source_rows, slot);
    if (error) {
        cr_free(source);
        return error;
    }
    cr_list_init(&source->attached);
    cr_list_init(&source->marked);
    *opened = source;
    return 0;
}

static void
source_close(void *opened)
{
    struct source *source = opened;
    while (!cr_list_is_empty(&source->attached))
        remove_attachment(cr_container(source->attached.next, struct attachment, of_source));
    cr_ready_fini(&source->ready);
    cr_free(source);
}

/* Another task may come in between before each operation, as it may on other processors. */
static int
source_start(void *self, struct cr_op *op)
{
    cr_sim_point();
    return cr_ready_start(self, op);
}

const struct cr_backend cr_backend_sim = {
    .name = "sim",
    .open = source_open,
    .close = source_close,
    .start = source_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};

/* ---- Plain threads ---- */

static int
bell_open(void)
{
    struct cr_socket *bell;
    int fd;
    if (CR_FAIL(CR_FAULT_DESCRIPTOR))
        return -EMFILE;
    bell = cr_socket_new(cr_host_self(), AF_UNSPEC);
    fd = cr_host_open(bell);
    if (fd < 0)
        cr_socket_let_go(bell);
    return fd;
}

static void
bell_ring(int fd)
{
    struct cr_socket *bell = cr_host_socket(fd);
    bell->rung = true;
    cr_socket_changed(bell);
}

/* As in the real one, the ring that has been announced is waited for. */
static void
bell_hush(int fd)
{
    struct cr_socket *bell = cr_host_socket(fd);
    struct poller poller = {.wanted = POLLIN, .key = &poller};
    cr_list_append(&bell->pollers, &poller.link);
    while (!bell->rung)
        (void)cr_sim_wait(&poller, COIR_NEVER, "a bell");
    cr_list_remove(&poller.link);
    bell->rung = false;
}

static void
bell_close(int fd)
{
    struct cr_socket *bell = cr_host_socket(fd);
    cr_host_close(fd);
    cr_socket_forget(bell);
    cr_socket_let_go(bell);
}

static int
block_wait(const struct cr_op *op, int bell, coir_time until)
{
    const int fds[2] = {op->fd, bell};
    struct poller pollers[2];
    bool is_ready = false;
    cr_sim_point();
    if (until <= cr_sim_now())
        return -ETIMEDOUT;
    for (int i = 0; i < 2; i++) {
        struct cr_socket *socket = cr_host_socket(fds[i]);
        pollers[i].key = pollers;
        pollers[i].wanted = POLLHUP | POLLERR | (i == 0 && cr_op_direction(op) == CR_OP_OUT ? POLLOUT : POLLIN);
        cr_list_init(&pollers[i].link);
        if (socket)
            cr_list_append(&socket->pollers, &pollers[i].link);
        is_ready |= !socket || cr_socket_ready(socket) & pollers[i].wanted;
    }
    if (!is_ready)
        (void)cr_sim_wait(pollers, until, "the network");
    for (int i = 0; i < 2; i++)
        cr_list_remove(&pollers[i].link);
    return 0;
}

void
cr_source_install(void)
{
    cr_block = (struct cr_block){
        .bell_open = bell_open,
        .bell_ring = bell_ring,
        .bell_hush = bell_hush,
        .bell_close = bell_close,
        .wait = block_wait,
    };
    cr_backend_install(&cr_backend_sim);
}
