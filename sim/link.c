/* sim/link.c: the ways between hosts: packets take time, wait, get lost.
 *
 * A packet is judged when it leaves (lost? held back?) and when it arrives (is the way cut now, is the host silent?). What
 * takes no time, as on one host by default, does not become an event, which would come only when all threads wait: it
 * is put into a row that cr_link_settle works off before the call that caused it returns, as a loopback device does.
 *
 * A packet that is lost is told to both of its sockets at once (cr_tcp_lost): they send again what TCP would after it
 * had waited for an answer in vain. So there are no timers as long as nothing is lost, and a run in which all wait for
 * each other comes to its end. */
#include "sim/socket.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 16 * 1024, HALF = 2, PACES = 7 };

/* From one host to another. */
struct way {
    struct cr_net_link link;
    uint32_t pace; /* times an eighth: of the delay, for ever; 0: not drawn yet */
    bool set, cut;
    coir_time cut_until, clear_at; /* no packet arrives before clear_at */
};

/* Packets that arrive together. */
struct landing {
    struct cr_list link, packets;
    coir_time when;
};

static struct way ways[CR_NET_HOSTS][CR_NET_HOSTS];
static struct cr_list landings = {&landings, &landings}; /* planned */
static struct cr_list arriving = {&arriving, &arriving}; /* now */
static struct landing *last;                             /* planned; NULL: it has happened */
static bool settling;
static struct cr_net_count count;

struct cr_packet *
cr_packet_new(size_t size)
{
    struct cr_packet *packet = cr_net_alloc(sizeof *packet + size);
    packet->size = size;
    return packet;
}

static void
note(const char *label, const struct cr_packet *packet)
{
    cr_sim_note(label, (uint64_t)packet->from_host << 56 | (uint64_t)packet->to_host << 48 |
                           (uint64_t)packet->from.port << 32 | (uint64_t)packet->flags << 24 | packet->size);
}

static void
lose(struct cr_packet *packet)
{
    note("packet is lost", packet);
    count.lost++;
    cr_tcp_lost(packet);
    free(packet);
}

/* ---- What a way is like now ---- */

static struct cr_net_link
nature(uint32_t from, uint32_t to)
{
    const struct cr_net_link *extra = &cr_net_plan()->link;
    struct way *way = &ways[from][to];
    struct cr_net_link link = way->link;
    if (!way->set && from != to)
        link.delay = 100 * COIR_US;
    if (from == to)
        return link;
    link.delay += extra->delay;
    link.spread += extra->spread;
    link.long_delay += extra->long_delay;
    link.clog += extra->clog;
    link.cut += extra->cut;
    link.long_ppm += extra->long_ppm;
    link.loss_ppm += extra->loss_ppm;
    link.reset_ppm += extra->reset_ppm;
    link.mute_ppm += extra->mute_ppm;
    link.split_ppm += extra->split_ppm;
    link.merge_ppm += extra->merge_ppm;
    link.clog_ppm += extra->clog_ppm;
    link.cut_ppm += extra->cut_ppm;
    link.unlike |= extra->unlike;
    return link;
}

static coir_time
delay(const struct cr_net_link *link, struct way *way)
{
    coir_time span = link->delay + cr_net_span(link->spread, "delay");
    if (link->unlike) {
        if (!way->pace)
            way->pace = 1u << cr_sim_chance(PACES, "pace of a way");
        span = span * way->pace / 8;
    }
    if (cr_net_draw(link->long_ppm, "long delay"))
        span += cr_net_span(link->long_delay, "how long");
    return span;
}

static bool
is_cut(uint32_t from, uint32_t to)
{
    const struct way *way = &ways[from][to];
    return way->cut || cr_sim_now() < way->cut_until;
}

static void
mute(struct cr_place local, struct cr_place remote, uint32_t host)
{
    struct cr_socket *socket = cr_table_find(host, local, remote);
    if (socket)
        socket->muted = true;
}

/* What chance does to the way, and to the packet's connection, before it leaves. */
static void
befall(const struct cr_packet *packet, const struct cr_net_link *link)
{
    uint32_t from = packet->from_host, to = packet->to_host;
    struct way *way = &ways[from][to];
    if (cr_net_draw(link->clog_ppm, "clog"))
        cr_net_clog(from, to, cr_net_span(link->clog, "how long"));
    if (cr_net_draw(link->cut_ppm, "cut")) {
        way->cut_until = cr_sim_now() + cr_net_span(link->cut, "how long");
        if (cr_sim_chance(HALF, "both ways"))
            ways[to][from].cut_until = way->cut_until;
        cr_sim_note("way is cut", (uint64_t)from << 32 | to);
    }
    if (cr_net_draw(link->mute_ppm, "mute")) {
        mute(packet->from, packet->to, from);
        mute(packet->to, packet->from, to);
        note("connection is mute", packet);
    }
}

/* ---- The way of a packet ---- */

static void
arrive(struct cr_packet *packet)
{
    cr_list_remove(&packet->link);
    if ((packet->from_host != packet->to_host && is_cut(packet->from_host, packet->to_host)) ||
        cr_host_is_silent(packet->to_host)) {
        lose(packet);
        return;
    }
    note("packet arrives", packet);
    if (packet->flags & CR_RST)
        count.resets++;
    cr_tcp_receive(packet);
    free(packet);
}

void
cr_link_settle(void)
{
    if (settling)
        return;
    settling = true;
    while (!cr_list_is_empty(&arriving))
        arrive(cr_container(arriving.next, struct cr_packet, link));
    settling = false;
}

static void
land(void *arg)
{
    struct landing *landing = arg;
    if (last == landing)
        last = NULL;
    cr_list_remove(&landing->link);
    settling = true; /* what they cause comes after them */
    while (!cr_list_is_empty(&landing->packets))
        arrive(cr_container(landing->packets.next, struct cr_packet, link));
    settling = false;
    free(landing);
    cr_link_settle();
}

/* What arrives at the same moment does so together, or with time for threads in between. */
static void
fly(struct cr_packet *packet, coir_time when)
{
    if (when <= cr_sim_now()) {
        cr_list_append(&arriving, &packet->link);
        return;
    }
    if (!last || last->when != when || cr_sim_chance(HALF, "together")) {
        last = cr_net_alloc(sizeof *last);
        last->when = when;
        cr_list_init(&last->packets);
        cr_list_append(&landings, &last->link);
        cr_sim_at(when, land, last);
    }
    cr_list_append(&last->packets, &packet->link);
}

/* A machine between the two ends both of the connection: each gets a reset that looks like the other's. */
static void
reset_both(struct cr_packet *packet, coir_time when)
{
    struct cr_packet *back = cr_packet_new(0);
    back->from = packet->to;
    back->to = packet->from;
    back->from_host = packet->to_host;
    back->to_host = packet->from_host;
    back->from_id = packet->to_id;
    back->to_id = packet->from_id;
    back->flags = packet->flags = CR_RST;
    packet->size = 0;
    note("connection is reset", packet);
    fly(packet, when);
    fly(back, when);
}

void
cr_link_send(struct cr_socket *from, struct cr_packet *packet)
{
    struct cr_net_link link = nature(packet->from_host, packet->to_host);
    struct way *way = &ways[packet->from_host][packet->to_host];
    coir_time when;
    count.sent++;
    if (packet->from_host != packet->to_host)
        befall(packet, &link);
    if (cr_host_is_silent(packet->from_host) || (from && from->muted) ||
        (packet->from_host != packet->to_host && is_cut(packet->from_host, packet->to_host)) ||
        cr_net_draw(link.loss_ppm, "loss")) {
        lose(packet);
        return;
    }
    when = cr_sim_now() + delay(&link, way);
    if (when < way->clear_at)
        when = way->clear_at;
    if (from && when < from->latest)
        when = from->latest;
    if (from)
        from->latest = when;
    if (packet->size && cr_net_draw(link.reset_ppm, "reset"))
        reset_both(packet, when);
    else
        fly(packet, when);
}

/* How many of the bytes that could go as one packet do. */
size_t
cr_link_cut(uint32_t from, uint32_t to, size_t size)
{
    struct cr_net_link link = nature(from, to);
    if (size > PIECE)
        size = PIECE;
    return size > 1 && cr_net_draw(link.split_ppm, "split") ? 1 + cr_sim_chance((uint32_t)size - 1, "where") : size;
}

bool
cr_link_merges(uint32_t from, uint32_t to)
{
    return cr_net_draw(nature(from, to).merge_ppm, "merge");
}

/* ---- By hand ---- */

void
cr_net_link_set(uint32_t a, uint32_t b, const struct cr_net_link *link)
{
    ways[a][b].link = ways[b][a].link = *link;
    ways[a][b].set = ways[b][a].set = true;
}

void
cr_net_partition(uint32_t a, uint32_t b, bool both)
{
    cr_sim_note("partition", (uint64_t)both << 63 | (uint64_t)a << 32 | b);
    ways[a][b].cut = true;
    if (both)
        ways[b][a].cut = true;
}

void
cr_net_clog(uint32_t a, uint32_t b, coir_time span)
{
    coir_time until = cr_sim_now() + span;
    cr_sim_note("clog", (uint64_t)a << 32 | b);
    if (ways[a][b].clear_at < until)
        ways[a][b].clear_at = until;
}

void
cr_net_heal(void)
{
    cr_sim_note("heal", 0);
    for (uint32_t a = 0; a < CR_NET_HOSTS; a++)
        for (uint32_t b = 0; b < CR_NET_HOSTS; b++) {
            ways[a][b].cut = false;
            ways[a][b].cut_until = ways[a][b].clear_at = 0;
        }
    for (struct cr_list *link = cr_sockets()->next; link != cr_sockets(); link = link->next)
        cr_container(link, struct cr_socket, link)->muted = false;
    cr_net_faults_set(NULL, 0);
}

static void
forget(struct cr_list *packets)
{
    while (!cr_list_is_empty(packets)) {
        struct cr_packet *packet = cr_container(packets->next, struct cr_packet, link);
        cr_list_remove(&packet->link);
        free(packet);
    }
}

void
cr_link_reset_all(void)
{
    while (!cr_list_is_empty(&landings)) {
        struct landing *landing = cr_container(landings.next, struct landing, link);
        forget(&landing->packets);
        cr_list_remove(&landing->link);
        free(landing);
    }
    forget(&arriving);
    memset(ways, 0, sizeof ways);
    last = NULL;
    settling = false;
    count = (struct cr_net_count){0};
}

uint64_t
cr_net_bytes_in_flight(void)
{
    uint64_t bytes = 0;
    for (struct cr_list *at = landings.next; at != &landings; at = at->next) {
        struct cr_list *packets = &cr_container(at, struct landing, link)->packets;
        for (struct cr_list *link = packets->next; link != packets; link = link->next)
            bytes += cr_container(link, struct cr_packet, link)->size;
    }
    return bytes;
}

struct cr_net_count
cr_net_count(void)
{
    return count;
}
