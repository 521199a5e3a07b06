/* sim/net.h: the virtual network: machines, the ways between them, and what goes wrong on these.
 *
 * Hosts are numbers (cr_sim_thread.host). Host N has the address 10.0.0.N+1 and the name "hN+1": host 0 is h1, 10.0.0.1.
 * 127.0.0.1 and ::1 are each host itself, * both families. A host's programs have their descriptors (numbers from
 * CR_VIRTUAL on, the lowest free one first), ports and Unix sockets' paths in common, as one process would. Its
 * "TCP" is one that answers as Linux does (sim/tcp.c), over packets that links delay, hold back and lose.
 *
 * Installed, the network is what cr_world's rows about descriptors do, how operations are tried, how plain threads wait
 * for descriptors, and the backend "sim" before all others. It lives inside cr_sim_run. All chance is drawn from
 * cr_sim_chance, all that happens is noted (cr_sim_note): the same seed gives the same run.
 *
 * Rates are in parts per million (PPM), spans in nanoseconds. A fault whose rate is 0 draws nothing. */
#ifndef CR_SIM_NET_H
#define CR_SIM_NET_H

#include "backend/backend.h"
#include <coir/base.h>

enum { CR_NET_HOSTS = 64, CR_NET_DESCRIPTORS = 1024 };

/* Everything virtual from here on. Not inside a run. */
void cr_net_install(void);
/* As it was before. */
void cr_net_uninstall(void);
/* A new network: no sockets, links as by default, no faults. Before each run; what the last one left is freed. */
void cr_net_reset(void);

extern const struct cr_backend cr_backend_sim;

/* ---- Links ---- */

/* What a way from one host to another does to each packet (a piece of a stream of at most 16 KiB, an answer, ...). */
struct cr_net_link {
    coir_time delay, spread; /* it takes delay and a chance part of spread; packets of a connection stay in order */
    coir_time long_delay;    /* or, with long_ppm, up to so much more */
    coir_time clog, cut;     /* the longest that each lasts */
    uint32_t long_ppm;
    uint32_t loss_ppm;  /* it is lost, and comes again after 0.2 s, 0.4 s, ... (a connect after 1 s, 2 s, ...) */
    uint32_t reset_ppm; /* its connection is reset, at both ends */
    uint32_t mute_ppm;  /* from it on all packets of its connection vanish, both ways: no end, no reset, until heal */
    uint32_t split_ppm; /* it becomes two, the cut anywhere */
    uint32_t merge_ppm; /* it waits a little for more bytes to come along */
    uint32_t clog_ppm;  /* the way stands still for a while: packets come later, all of them */
    uint32_t cut_ppm;   /* it is cut for a while, half the time both ways: packets are lost */
    bool unlike;        /* each way is once and for all up to 8 times slower or faster than delay and spread say */
};

/* Of both ways between two hosts (or of a host to itself). By default a packet takes 100 us, and no time on the same
 * host. */
void cr_net_link_set(uint32_t a, uint32_t b, const struct cr_net_link *link);
/* Cut from a to b, or both ways: packets are lost until heal. Connections survive what is short, as TCP's do. */
void cr_net_partition(uint32_t a, uint32_t b, bool both);
/* The way from a to b stands still for so long: what is sent meanwhile comes afterwards. */
void cr_net_clog(uint32_t a, uint32_t b, coir_time span);
/* No way is cut or clogged any more, no connection mute, and no faults are active. Hosts that are down stay down. */
void cr_net_heal(void);

/* ---- Faults ---- */

/* A plan of what fails, for all hosts. The last three are decided where the packet, or the call, arrives. */
struct cr_net_faults {
    struct cr_net_link link; /* is added to that of each way (not on a host itself) */
    uint32_t short_read_ppm, short_write_ppm;
    uint32_t again_ppm;   /* -EAGAIN though something is there: it comes a little later */
    uint32_t socket_ppm;  /* a new socket: EMFILE, ENFILE, ENOBUFS or ENOMEM */
    uint32_t accept_ppm;  /* the same for an accepted one; the connection stays in the queue */
    uint32_t resolve_ppm; /* a name: no answer after some seconds */
    uint32_t refuse_ppm;  /* a connection is refused though somebody listens */
    uint32_t backlog_ppm; /* the same, but as if the queue was full */
};

/* From now on until that moment. NULL: none. */
void cr_net_faults_set(const struct cr_net_faults *faults, coir_time until);

/* ---- Hosts ---- */

struct cr_net_host {
    uint32_t descriptors;           /* a program may have; 0: 1,024, at most 16,000 */
    uint16_t first_port, last_port; /* that are given out; 0: 32768 to 60999 */
};

void cr_net_host_set(uint32_t host, const struct cr_net_host *options);

enum cr_net_death {
    CR_NET_CLOSED, /* its program is killed: the kernel closes all it had, as close does */
    CR_NET_RESET,  /* it is killed and each connection reset */
    CR_NET_SILENT  /* the machine is off: no answer to anything */
};

/* Until revive the host is down: all its sockets are gone, each call on what its threads still hold, and each new socket,
 * answers -ENETDOWN, so that its programs come to their ends. Peers see what that death lets them see; new packets are
 * answered by a reset, or by nothing. */
void cr_net_kill(uint32_t host, enum cr_net_death death);
/* A host that can be used again, with nothing listening. */
void cr_net_revive(uint32_t host);

/* A pipe between programs of the calling thread's host: to read from ends[0], to write into ends[1]; 0, or -EMFILE, ... */
int cr_net_pipe(int ends[2]);

/* ---- What is there, for oracles and reports ---- */

/* Bytes that can be read from a descriptor without waiting. */
size_t cr_net_arrived(int fd);

/* Descriptors of a host's programs: sockets, and the bells of plain threads that have waited. */
uint32_t cr_net_open_descriptors(uint32_t host);
/* Bytes of streams in packets that are under way. */
uint64_t cr_net_bytes_in_flight(void);
/* Packets sent and lost since reset. */
struct cr_net_count {
    uint64_t sent, lost, resets;
};
struct cr_net_count cr_net_count(void);
/* All open sockets in words, cut to size; text. */
const char *cr_net_describe(char *text, size_t size);

#endif
