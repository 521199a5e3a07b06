/* sim/net.c: the network as a whole: what there is, what goes wrong, and what can be seen of it from outside.
 *
 * Its memory is the C library's, not coir's: cr_alloc's faults are for what is tested. */
#include "sim/socket.h"

#include "backend/block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MILLION = 1000000, BUFFER = 64 * 1024 };

static struct cr_list sockets = {&sockets, &sockets};
static uint64_t last_id;
static struct cr_net_faults faults;
static coir_time faults_until;
static struct cr_world world_before;
static struct cr_block block_before;
static bool installed;

/* ---- Memory and bytes ---- */

void *
cr_net_alloc(size_t size)
{
    void *memory = calloc(1, size);
    cr_always(memory);
    return memory;
}

static void
make_room(struct cr_bytes *bytes, size_t size)
{
    if (bytes->begin + bytes->size + size <= bytes->room)
        return;
    if (bytes->begin)
        memmove(bytes->memory, bytes->memory + bytes->begin, bytes->size);
    bytes->begin = 0;
    if (bytes->size + size <= bytes->room)
        return;
    while (bytes->room < bytes->size + size)
        bytes->room = bytes->room ? 2 * bytes->room : 256;
    bytes->memory = realloc(bytes->memory, bytes->room);
    cr_always(bytes->memory);
}

void
cr_bytes_put(struct cr_bytes *bytes, const void *from, size_t size)
{
    if (!size)
        return;
    make_room(bytes, size);
    memcpy(bytes->memory + bytes->begin + bytes->size, from, size);
    bytes->size += size;
}

void
cr_bytes_take(struct cr_bytes *bytes, void *to, size_t size)
{
    if (to && size)
        memcpy(to, bytes->memory + bytes->begin, size);
    bytes->begin += size;
    bytes->size -= size;
    if (!bytes->size)
        bytes->begin = 0;
}

void
cr_bytes_free(struct cr_bytes *bytes)
{
    free(bytes->memory);
    *bytes = (struct cr_bytes){0};
}

/* ---- Sockets ---- */

struct cr_list *
cr_sockets(void)
{
    return &sockets;
}

struct cr_socket *
cr_socket_new(uint32_t host, int family)
{
    struct cr_socket *socket = cr_net_alloc(sizeof *socket);
    socket->id = ++last_id;
    socket->host = host;
    socket->family = family;
    socket->fd = -1;
    socket->send_room = socket->receive_room = BUFFER;
    socket->idle_span = 7200 * COIR_SECOND; /* Linux's */
    cr_list_init(&socket->attached);
    cr_list_init(&socket->pollers);
    cr_list_init(&socket->queue);
    cr_list_init(&socket->queue_link);
    cr_list_init(&socket->chain);
    cr_list_init(&socket->port_link);
    cr_list_append(&sockets, &socket->link);
    return socket;
}

static void
free_socket(struct cr_socket *socket)
{
    cr_list_remove(&socket->link);
    cr_bytes_free(&socket->in);
    cr_bytes_free(&socket->out);
    free(socket);
}

void
cr_socket_let_go(struct cr_socket *socket)
{
    if (socket->fd < 0 && socket->state == CR_SOCKET_CLOSED && !socket->listener && !socket->planned)
        free_socket(socket);
}

void
cr_socket_plan(struct cr_socket *socket, coir_time when, void (*happen)(void *socket))
{
    socket->planned++;
    cr_sim_at(when, happen, socket);
}

bool
cr_socket_came(struct cr_socket *socket)
{
    bool useful = socket->fd >= 0 || socket->state != CR_SOCKET_CLOSED || socket->listener;
    socket->planned--;
    cr_socket_let_go(socket);
    return useful;
}

/* ---- Chance ---- */

static const struct cr_net_faults *
active(void)
{
    static const struct cr_net_faults none;
    return cr_sim_now() < faults_until ? &faults : &none;
}

const struct cr_net_faults *
cr_net_plan(void)
{
    return active();
}

bool
cr_net_draw(uint32_t ppm, const char *label)
{
    return ppm && cr_sim_chance(MILLION, label) < ppm;
}

/* In microseconds where nanoseconds do not fit. */
coir_time
cr_net_span(coir_time most, const char *label)
{
    if (most <= 0)
        return 0;
    if (most < UINT32_MAX)
        return cr_sim_chance((uint32_t)most + 1, label);
    most /= COIR_US;
    return cr_sim_chance(most < UINT32_MAX ? (uint32_t)most : UINT32_MAX, label) * COIR_US;
}

void
cr_net_note(const char *label, const struct cr_socket *socket, int64_t value)
{
    cr_sim_note(label, socket->id << 32 ^ (uint64_t)value);
}

void
cr_net_faults_set(const struct cr_net_faults *plan, coir_time until)
{
    faults = plan ? *plan : (struct cr_net_faults){0};
    faults_until = plan ? until : 0;
}

/* ---- Life and death ---- */

/* What a dead host's threads still hold: a descriptor, and nothing behind it. */
static void
leave_shell(struct cr_socket *socket)
{
    struct cr_socket *shell = cr_socket_new(socket->host, socket->family);
    shell->dead = true;
    shell->shut = CR_SHUT_BOTH;
    cr_host_move(socket, shell);
    cr_source_move(socket, shell);
    cr_socket_changed(shell);
}

static void
kill_socket(struct cr_socket *socket, enum cr_net_death death)
{
    if (socket->fd >= 0)
        leave_shell(socket);
    if (death != CR_NET_CLOSED && socket->state == CR_SOCKET_LISTENING)
        death = CR_NET_CLOSED; /* its queue's sockets are met on their own, or reset by this */
    if (death == CR_NET_CLOSED || !cr_socket_is_tcp(socket))
        cr_socket_drop(socket);
    else
        cr_tcp_reset(socket, death == CR_NET_RESET);
}

/* Sockets go while the list is walked: the next to be looked at is found by its number. */
static struct cr_socket *
after(uint64_t id, uint32_t host)
{
    for (struct cr_list *link = sockets.next; link != &sockets; link = link->next) {
        struct cr_socket *socket = cr_container(link, struct cr_socket, link);
        if (socket->id > id && socket->host == host)
            return socket;
    }
    return NULL;
}

void
cr_net_kill(uint32_t host, enum cr_net_death death)
{
    uint64_t newest = last_id;
    struct cr_socket *socket = NULL;
    cr_sim_note("host dies", (uint64_t)death << 32 | host);
    cr_host_down(host, death == CR_NET_SILENT);
    for (uint64_t id = 0; (socket = after(id, host)) && socket->id <= newest;) {
        id = socket->id;
        if (socket->family != AF_UNSPEC && !socket->dead && socket->state != CR_SOCKET_OLD)
            kill_socket(socket, death);
    }
    cr_link_settle();
}

void
cr_net_reset(void)
{
    cr_link_reset_all();
    while (!cr_list_is_empty(&sockets)) {
        struct cr_socket *socket = cr_container(sockets.next, struct cr_socket, link);
        cr_source_detach_all(socket); /* by instances of a run that was abandoned: they are never freed */
        free_socket(socket);
    }
    cr_table_reset_all();
    cr_local_reset_all();
    cr_host_reset_all();
    last_id = 0;
    faults_until = 0;
}

const struct cr_world *
cr_net_world(void)
{
    return &world_before;
}

void
cr_net_install(void)
{
    cr_always(!installed && !cr_sim_is_running());
    installed = true;
    world_before = cr_world;
    block_before = cr_block;
    cr_socket_install();
    cr_local_install();
    cr_host_install();
    cr_attempt_install();
    cr_source_install();
    cr_net_reset();
}

void
cr_net_uninstall(void)
{
    cr_always(installed && !cr_sim_is_running());
    cr_net_reset();
    installed = false;
    cr_world = world_before;
    cr_block = block_before;
    cr_operation_install(NULL);
    cr_backend_install(NULL);
}

/* ---- In words ---- */

static const char *const states[] = {
    [CR_SOCKET_CLOSED] = "closed",       [CR_SOCKET_LISTENING] = "listening", [CR_SOCKET_CONNECTING] = "connecting",
    [CR_SOCKET_ANSWERING] = "answering", [CR_SOCKET_OPEN] = "open",           [CR_SOCKET_OLD] = "old",
};

static int
describe_place(const struct cr_socket *socket, char *text, size_t size)
{
    if (socket->family == AF_UNSPEC)
        return snprintf(text, size, "a bell");
    if (socket->is_pipe)
        return snprintf(text, size, "a pipe to %s", socket->shut & CR_SHUT_OUT ? "read from" : "write into");
    if (socket->family == AF_UNIX)
        return snprintf(text, size, "unix:%.60s %s", socket->name.sun_path, states[socket->state]);
    return snprintf(text, size, "%u.%u.%u.%u:%u %s", socket->local.ip >> 24, socket->local.ip >> 16 & 255,
                    socket->local.ip >> 8 & 255, socket->local.ip & 255, socket->local.port, states[socket->state]);
}

const char *
cr_net_describe(char *text, size_t size)
{
    size_t length = 0;
    *text = '\0';
    for (struct cr_list *link = sockets.next; link != &sockets && length + 160 < size; link = link->next) {
        const struct cr_socket *socket = cr_container(link, struct cr_socket, link);
        if (socket->state == CR_SOCKET_OLD || (socket->fd < 0 && socket->state == CR_SOCKET_CLOSED))
            continue;
        length += (size_t)snprintf(text + length, size - length, "%shost %u: ", length ? "; " : "", socket->host);
        length += (size_t)describe_place(socket, text + length, size - length);
        length += (size_t)snprintf(text + length, size - length, "%s, %zu bytes to read, %zu to send",
                                   socket->fd < 0 ? ", no descriptor" : "", socket->in.size, socket->out.size);
        if (socket->queued)
            length += (size_t)snprintf(text + length, size - length, ", %u in its queue", socket->queued);
    }
    return text;
}
