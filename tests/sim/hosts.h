/* hosts.h: what the tests of the virtual network share: programs on hosts, and a run of them. */
#ifndef TESTS_SIM_HOSTS_H
#define TESTS_SIM_HOSTS_H

#include <coir/listener.h>
#include <coir/stream.h>
#include <stdint.h>

#include "sim/net.h"
#include "sim/thread.h"

enum { HOSTS_PLAIN = 0 }; /* instead of a number of workers: function runs on a plain thread */

/* Starts function(arg) on a host, in a runtime of so many workers; the thread. Its result is to be 0. */
struct cr_sim_thread *hosts_start(uint32_t host, int workers, coir_function *function, void *arg);
/* Starts a task next to the caller, fiber or thread alike; waits for its end and result. */
struct hosts_task {
    coir_function *function;
    void *arg;
    int result;
    struct coir_task *self; /* once it runs */
    struct coir_task *task;
    struct cr_sim_thread *thread;
};
void hosts_go(struct hosts_task *task, coir_function *function, void *arg);
int hosts_join(struct hosts_task *task);

/* A fresh network and a run from this seed that must end well, with no descriptor left on any host. */
struct cr_sim_outcome hosts_run(uint64_t seed, void (*first)(void *arg), void *arg);
/* The same without the demands. */
struct cr_sim_outcome hosts_try(uint64_t seed, void (*first)(void *arg), void *arg);

/* A deadline, virtual: so many milliseconds from now. */
coir_time hosts_in(long milliseconds);
/* Until a healthy call is done. */
coir_time hosts_soon(void);
/* Sleeps, on any carrier. */
void hosts_pause(long milliseconds);

struct coir_listener *hosts_listen(const char *where);
struct coir_stream *hosts_accept(struct coir_listener *listener);
struct coir_stream *hosts_dial(const char *where);
void hosts_put(struct coir_stream *stream, const char *text);
/* Until the end, or so many bytes. */
void hosts_expect(struct coir_stream *stream, const char *text);

/* cr_net_install and cr_net_uninstall, as fixtures. */
void hosts_begin(void);
void hosts_end(void);

#endif
