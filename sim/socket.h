/* sim/socket.h: what the files of the virtual network share: a socket, a packet, and who does what with them.
 *
 * A socket is in these states:
 *
 *   CLOSED      new; or over, with a descriptor that still knows how it ended
 *   LISTENING
 *   CONNECTING  SYN sent
 *   ANSWERING   SYN received: a listener's child, not in its queue yet
 *   OPEN        connected; how far it has been shut is in shut, ending, end_received
 *   OLD         has no descriptor and answers the peer's repeated last packet for a minute (TIME_WAIT)
 *
 *   CLOSED -> LISTENING;  CLOSED -> CONNECTING -> OPEN -> CLOSED;  ANSWERING -> OPEN;  a new one -> OLD
 *
 * It lives until its descriptor is closed, it is on no queue, it is over, and no event will come for it (planned). */
#ifndef CR_SIM_SOCKET_H
#define CR_SIM_SOCKET_H

#include "backend/descriptor.h"
#include "base/check.h"
#include "base/list.h"
#include "base/world.h"
#include "sim/net.h"
#include "sim/thread.h"

#include <sys/un.h>

enum cr_socket_state {
    CR_SOCKET_CLOSED,
    CR_SOCKET_LISTENING,
    CR_SOCKET_CONNECTING,
    CR_SOCKET_ANSWERING,
    CR_SOCKET_OPEN,
    CR_SOCKET_OLD,
};

enum { CR_SHUT_IN = 1, CR_SHUT_OUT = 2, CR_SHUT_BOTH = 3 };

/* An address in host byte order. */
struct cr_place {
    uint32_t ip; /* CR_IP_... */
    uint16_t port;
};
#define CR_IP_ANY UINT32_C(0)
#define CR_IP_LOOP UINT32_C(0x7f000001)
#define CR_IP_SIX UINT32_MAX /* ::1 */

/* Bytes in a row, in memory that grows. */
struct cr_bytes {
    char *memory;
    size_t begin, size, room;
};

struct cr_socket {
    struct cr_list link; /* among all of the network, oldest first */
    uint64_t id;
    uint32_t host, planned; /* planned: events that will come for it */
    int fd;                 /* -1: it has none */
    int family;             /* AF_UNSPEC: a bell */
    enum cr_socket_state state;
    unsigned shut;
    int error;    /* what SO_ERROR would say */
    bool done;    /* the end has been received: reads say so rather than error */
    bool dead;    /* its host is down: all that is left is a descriptor */
    bool rung;    /* a bell */
    bool is_pipe; /* one end of it, made like a Unix socket that goes one way */

    /* Options. */
    bool reuse, share, only_six, reset_at_close;
    size_t send_room, receive_room;
    bool keepalive;
    coir_time idle_span; /* TCP_KEEPIDLE */

    /* Who waits for it. */
    struct cr_list attached, pollers;
    bool wants_room; /* somebody has been told that it cannot be written to */

    /* A listener, and those in its queue. */
    struct cr_list queue, queue_link;
    struct cr_socket *listener;
    uint32_t queued, backlog;

    /* A stream. */
    struct cr_bytes in, out; /* out: TCP only, from unacked on */

    /* Unix. */
    struct cr_socket *peer;
    struct sockaddr_un name, peer_name;
    socklen_t name_size, peer_name_size;

    /* TCP. Bytes of a stream are counted from 0, its end as one more. */
    struct cr_list chain, port_link; /* of the tables (sim/table.c) */
    struct cr_place local, remote;   /* port 0: none yet */
    uint32_t remote_host;
    uint64_t peer_id;        /* which socket it speaks with; 0: not known yet */
    uint64_t unacked, next;  /* the first byte not acknowledged, the first not sent */
    uint64_t edge;           /* the peer takes bytes below */
    uint64_t received, told; /* the next byte to come; the edge the peer knows */
    coir_time latest;        /* when its last packet arrives */
    coir_time due, alarm;    /* when to send again; when the event for it comes. 0: never */
    coir_time heard;         /* when the peer was last heard of */
    uint32_t tries, probes;  /* in vain, so far */
    bool bound;              /* by a call of bind */
    bool ending, end_acked, end_received;
    bool second; /* the peer's end came before ours */
    bool lossy;  /* a packet of the connection has been lost */
    bool muted;
};

/* What a packet is, besides bytes. */
enum { CR_SYN = 1, CR_ACK = 2, CR_FIN = 4, CR_RST = 8, CR_PROBE = 16 };

struct cr_packet {
    struct cr_list link; /* among those under way */
    struct cr_place from, to;
    uint32_t from_host, to_host;
    uint64_t from_id, to_id; /* which sockets; 0: not known */
    unsigned flags;
    uint64_t at, ack, edge; /* its first byte's number; the next the sender expects, and the edge of what it takes */
    size_t size;
    char bytes[];
};

/* sim/net.c: all there is */
void *cr_net_alloc(size_t size); /* zeroed; not coir's malloc: its faults are not ours */
struct cr_socket *cr_socket_new(uint32_t host, int family);
/* Who held it lets go: it is freed if nobody and nothing else does. */
void cr_socket_let_go(struct cr_socket *socket);
/* happen(socket) at that moment; it has to begin with cr_socket_came. */
void cr_socket_plan(struct cr_socket *socket, coir_time when, void (*happen)(void *socket));
/* Whether it is still of any use: else it is freed. */
bool cr_socket_came(struct cr_socket *socket);
struct cr_list *cr_sockets(void);
bool cr_net_draw(uint32_t ppm, const char *label);
coir_time cr_net_span(coir_time most, const char *label); /* from 0 to most */
const struct cr_net_faults *cr_net_plan(void);            /* all 0 when none is active */
void cr_net_note(const char *label, const struct cr_socket *socket, int64_t value);

void cr_bytes_put(struct cr_bytes *bytes, const void *from, size_t size);
void cr_bytes_take(struct cr_bytes *bytes, void *to, size_t size); /* to may be NULL */
void cr_bytes_free(struct cr_bytes *bytes);

/* sim/host.c: descriptors, ports, addresses, names */
uint32_t cr_host_self(void);
bool cr_host_has_number(uint32_t host);                          /* one that is free */
int cr_host_open(struct cr_socket *socket);                      /* gives it a descriptor; or -EMFILE */
void cr_host_close(int fd);                                      /* the number is free */
void cr_host_move(struct cr_socket *from, struct cr_socket *to); /* the descriptor */
struct cr_socket *cr_host_socket(int fd);                        /* NULL: none has this number */
bool cr_host_is_down(uint32_t host);
bool cr_host_is_silent(uint32_t host);
void cr_host_down(uint32_t host, bool silent);
void cr_host_reset_all(void);
void cr_host_install(void);
int cr_host_give_port(struct cr_socket *socket, const struct cr_place *remote); /* 0 or -EADDRNOTAVAIL, -EADDRINUSE */
bool cr_host_owns(uint32_t host, uint32_t ip);
int cr_host_of(uint32_t self, uint32_t ip);          /* -ENETUNREACH */
uint32_t cr_host_source(uint32_t host, uint32_t to); /* the address to speak from */
int cr_place_read(const struct cr_socket *socket, const struct sockaddr *address, socklen_t size,
                  struct cr_place *place);
bool cr_place_is_mapped(const struct cr_socket *socket, struct cr_place place); /* IPv4 on an IPv6 socket */
void cr_place_write(const struct cr_socket *socket, struct cr_place place, struct sockaddr *address, socklen_t *size);

/* sim/link.c: packets */
struct cr_packet *cr_packet_new(size_t size);
void cr_link_send(struct cr_socket *from, struct cr_packet *packet); /* from may be NULL */
void cr_link_settle(void); /* all that takes no time happens; the last act of every entry */
size_t cr_link_cut(uint32_t from, uint32_t to, size_t size);
bool cr_link_merges(uint32_t from, uint32_t to);
void cr_link_reset_all(void);

/* sim/tcp.c: what a machine makes of them */
#define CR_TCP_OLD_AGE (60 * COIR_SECOND)
int cr_tcp_connect(struct cr_socket *socket, struct cr_place remote);
int cr_tcp_listen(struct cr_socket *socket, int backlog);
void cr_tcp_send(struct cr_socket *socket);  /* what is in out, as far as the peer takes it */
void cr_tcp_taken(struct cr_socket *socket); /* something was taken from in */
void cr_tcp_shutdown(struct cr_socket *socket, unsigned how);
void cr_tcp_close(struct cr_socket *socket); /* its descriptor is gone already */
void cr_tcp_reset(struct cr_socket *socket, bool tell);
bool cr_tcp_is_alone(const struct cr_socket *socket); /* it has no descriptor and will have none */
uint64_t cr_tcp_end(const struct cr_socket *socket);  /* the number behind the last byte to send */
void cr_tcp_packet(struct cr_socket *socket, unsigned flags, uint64_t at,
                   size_t size); /* size bytes of out from at on */
void cr_tcp_acknowledge(struct cr_socket *socket);
void cr_tcp_over(struct cr_socket *socket, int error); /* it is CLOSED, by this error or 0; may free it */
void cr_tcp_finish(struct cr_socket *socket);          /* both ends are said and acknowledged; may free it */
void cr_tcp_too_old(void *socket);                     /* an event */

/* sim/receive.c */
void cr_tcp_receive(const struct cr_packet *packet);

/* sim/again.c: without an answer */
void cr_tcp_lost(const struct cr_packet *packet);
void cr_tcp_arm(struct cr_socket *socket);                  /* to send again after a while */
void cr_tcp_arm_once(struct cr_socket *socket);             /* unless it is to */
bool cr_tcp_is_outstanding(const struct cr_socket *socket); /* something that has to be answered */
void cr_tcp_keepalive(struct cr_socket *socket);

/* sim/table.c: which socket a packet is for */
void cr_table_add(struct cr_socket *socket);
void cr_table_remove(struct cr_socket *socket);
struct cr_socket *cr_table_find(uint32_t host, struct cr_place local, struct cr_place remote);
struct cr_socket *cr_table_listener(uint32_t host, struct cr_place local);
/* 0, or -EADDRINUSE: another one has the port in a way that does not allow it. */
int cr_table_may_bind(const struct cr_socket *socket, struct cr_place local);
void cr_table_reset_all(void);

/* sim/local.c: Unix sockets */
int cr_local_bind(struct cr_socket *socket, const struct sockaddr_un *name, socklen_t size);
int cr_local_listen(struct cr_socket *socket, int backlog);
int cr_local_connect(struct cr_socket *socket, const struct sockaddr_un *name, socklen_t size);
void cr_local_pair(struct cr_socket *one, struct cr_socket *other);
void cr_local_shutdown(struct cr_socket *socket, unsigned how);
void cr_local_close(struct cr_socket *socket);
void cr_local_install(void);
void cr_local_reset_all(void);

/* sim/socket.c: rows of the world */
bool cr_socket_is_tcp(const struct cr_socket *socket);
void cr_socket_drop(struct cr_socket *socket); /* the kernel's part of close, for either kind */
int cr_socket_lack(uint32_t ppm);              /* by chance -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM; else 0 */
void cr_socket_install(void);

/* sim/attempt.c: operations */
void cr_attempt_install(void);
/* A file, which is a real one. (Not what the program was started with: that is not of this world.) */
static inline bool
cr_net_is_file(int fd)
{
    return fd > 2 && fd < CR_VIRTUAL;
}
/* What there was before the virtual network. */
const struct cr_world *cr_net_world(void);

/* sim/source.c: readiness */
unsigned cr_socket_ready(struct cr_socket *socket);      /* POLLIN, POLLOUT, POLLRDHUP, POLLHUP, POLLERR */
bool cr_socket_has_room(const struct cr_socket *socket); /* what POLLOUT means of an open one */
void cr_socket_changed(struct cr_socket *socket);        /* an edge: who waits looks */
void cr_socket_forget(struct cr_socket *socket);         /* nobody waits for it any more */
void cr_source_detach_all(struct cr_socket *socket);
void cr_source_move(struct cr_socket *from, struct cr_socket *to);
void cr_source_install(void);

#endif
