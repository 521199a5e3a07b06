/* sim/table.c: which socket a packet is for: connections by their four numbers, listeners and bound sockets by walking.
 *
 * A chain is walked in the order of arrival; where a chain begins depends on numbers only. */
#include "sim/socket.h"

#include <errno.h>
#include <netinet/in.h>

enum { CHAINS = 4096, HASH_SHIFT = 64 - 12 };

static struct cr_list chains[CHAINS];      /* connections, through chain */
static struct cr_list bound[CR_NET_HOSTS]; /* listeners, and whoever has called bind: through chain, too */
static struct cr_list ports[CHAINS];       /* all of both, through port_link */

static struct cr_list *
chain_of(uint32_t host, uint16_t local, struct cr_place remote)
{
    uint64_t key = ((uint64_t)host << 58) ^ ((uint64_t)local << 40) ^ ((uint64_t)remote.port << 20) ^ remote.ip;
    return &chains[key * UINT64_C(0x9e3779b97f4a7c15) >> HASH_SHIFT];
}

static struct cr_list *
port_chain(uint32_t host, uint16_t port)
{
    return &ports[((uint64_t)host << 16 | port) * UINT64_C(0x9e3779b97f4a7c15) >> HASH_SHIFT];
}

static bool
is_same(struct cr_place one, struct cr_place other)
{
    return one.ip == other.ip && one.port == other.port;
}

/* A connection, or (no remote port) a bound socket. */
void
cr_table_add(struct cr_socket *socket)
{
    cr_table_remove(socket);
    cr_list_append(port_chain(socket->host, socket->local.port), &socket->port_link);
    cr_list_append(socket->remote.port ? chain_of(socket->host, socket->local.port, socket->remote)
                                       : &bound[socket->host],
                   &socket->chain);
}

void
cr_table_remove(struct cr_socket *socket)
{
    cr_list_remove(&socket->chain);
    cr_list_remove(&socket->port_link);
}

struct cr_socket *
cr_table_find(uint32_t host, struct cr_place local, struct cr_place remote)
{
    struct cr_list *chain = chain_of(host, local.port, remote);
    for (struct cr_list *link = chain->next; link != chain; link = link->next) {
        struct cr_socket *socket = cr_container(link, struct cr_socket, chain);
        if (socket->host == host && is_same(socket->local, local) && is_same(socket->remote, remote))
            return socket;
    }
    return NULL;
}

/* ---- Listeners ---- */

/* Whether a socket bound to any address is also for this one. */
static bool
any_takes(const struct cr_socket *socket, uint32_t ip)
{
    if (ip == CR_IP_SIX)
        return socket->family == AF_INET6;
    return socket->family == AF_INET || !socket->only_six;
}

/* The one bound to that very address goes before those for any; of several (SO_REUSEPORT) one by chance. */
struct cr_socket *
cr_table_listener(uint32_t host, struct cr_place local)
{
    struct cr_socket *best = NULL;
    uint32_t count = 0;
    for (struct cr_list *link = bound[host].next; link != &bound[host]; link = link->next) {
        struct cr_socket *socket = cr_container(link, struct cr_socket, chain);
        bool exact = socket->local.ip == local.ip;
        if (socket->state != CR_SOCKET_LISTENING || socket->local.port != local.port ||
            !(exact || (socket->local.ip == CR_IP_ANY && any_takes(socket, local.ip))))
            continue;
        if (best && best->local.ip == local.ip && !exact)
            continue;
        if (best && best->local.ip != local.ip && exact)
            count = 0;
        if (cr_sim_chance(++count, "listener") == 0)
            best = socket;
    }
    return best;
}

static bool
overlap(const struct cr_socket *one, uint32_t one_ip, const struct cr_socket *other, uint32_t other_ip)
{
    if (one_ip == CR_IP_ANY && other_ip == CR_IP_ANY)
        return one->family == other->family || !(one->family == AF_INET6 ? one : other)->only_six;
    return one_ip == other_ip || (one_ip == CR_IP_ANY && any_takes(one, other_ip)) ||
           (other_ip == CR_IP_ANY && any_takes(other, one_ip));
}

int
cr_table_may_bind(const struct cr_socket *socket, struct cr_place local)
{
    const struct cr_list *chain = port_chain(socket->host, local.port);
    for (const struct cr_list *link = chain->next; link != chain; link = link->next) {
        const struct cr_socket *other = cr_container(link, const struct cr_socket, port_link);
        if (other == socket || other->host != socket->host || other->local.port != local.port ||
            !overlap(socket, local.ip, other, other->local.ip))
            continue;
        if (socket->share && other->share && other->state != CR_SOCKET_OLD)
            continue;
        if (!socket->reuse || !other->reuse || other->state == CR_SOCKET_LISTENING)
            return -EADDRINUSE;
    }
    return 0;
}

void
cr_table_reset_all(void)
{
    for (int i = 0; i < CHAINS; i++) {
        cr_list_init(&chains[i]);
        cr_list_init(&ports[i]);
    }
    for (int i = 0; i < CR_NET_HOSTS; i++)
        cr_list_init(&bound[i]);
}
