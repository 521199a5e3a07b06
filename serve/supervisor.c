/* serve/supervisor.c: keeps processes that serve.
 *
 * It is a plain loop over a poller, without threads: a fork has only the thread that calls it. Each worker is a copy of the
 * server with the doors that were open before; in it server.c runs as it does anywhere. All accept from the same sockets, so
 * that a worker which ends, dies, or is stopped leaves what waits in the backlog to the others. Under `fork` the supervisor accepts,
 * and the copy has one connection and no doors.
 *
 * A worker says on a line that it accepts, or why it cannot. The supervisor learns its end from a descriptor that the kernel makes
 * readable then (pidfd); where there are none, by looking. A worker is told to end by TERM, once; one that has not ended three
 * seconds after the grace it has is killed, whether the server ends or workers are exchanged.
 *
 * While they are exchanged there are as many old workers as new ones are still missing, whatever becomes of either meanwhile, and
 * however often it is asked for. */
#include <coir/log.h>
#include <coir/poller.h>

#include "backend/descriptor.h"
#include "backend/process.h"
#include "backend/signal.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/time.h"
#include "base/world.h"
#include "sched/fork.h"
#include "sched/task.h"
#include "serve/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READY = 32, BURST = 16 /* accepted before something else is looked at */ };
#define LONG_ENOUGH COIR_SECOND /* of a life: it did not fail at once */
#define FIRST_PAUSE (100 * COIR_MS)
#define LONGEST_PAUSE (10 * COIR_SECOND)
#define BREATH (10 * COIR_MS)  /* after a failure to accept or to fork */
#define LATE (3 * COIR_SECOND) /* for a worker to end, beyond the grace of its handlers, and to say which do not */

struct worker {
    struct cr_list link;
    unsigned number; /* from 1; of a connection 0 */
    pid_t pid;
    int watch; /* pidfd; negative: none */
    int share; /* its place among the shares */
    coir_time begun;
    bool ready, old /* to be exchanged */, leaving /* has been told */;
    coir_time kill_at; /* once it has been told */
    bool has_host;
    uint8_t host[16];
};

struct supervisor {
    struct coir_server *server;
    struct coir_poller *poller;
    struct coir_signals *signals;
    struct coir_stream *line[2]; /* workers write into the second */
    struct cr_list workers;
    size_t count;
    unsigned numbers;   /* given so far */
    unsigned failures;  /* workers in a row that did not live long enough */
    coir_time next;     /* when the next may be started */
    coir_time doors_at; /* when doors may be looked at again; 0: now */
    bool doors_watched; /* only under fork */
    bool announced;     /* that it is ready */
    bool exchanging;    /* there are old ones */
    bool looks;         /* there is no pidfd here */
    bool look_at_all;   /* a child has been stopped or goes on */
    bool ending;
    coir_time kill_at; /* of a worker: the first, or before it */
    int result;
};

/* What comes on the line. */
struct word {
    pid_t pid;
    int error; /* 0: it accepts */
};

/* ---- Workers ---- */

static void
remove_worker(struct supervisor *self, struct worker *worker)
{
    if (worker->watch >= 0) {
        (void)coir_poller_remove(self->poller, worker->watch);
        (void)cr_world.close(worker->watch);
    }
    cr_list_remove(&worker->link);
    cr_shares_turn(self->server->shares, worker->share, CR_SHARE_FREE);
    self->count--;
    cr_free(worker);
}

/* A copy's: error 0: it accepts. */
static void
say(struct coir_server *server, int error)
{
    struct word word = {.pid = cr_process_self(), .error = error};
    (void)coir_stream_write(server->line, &word, sizeof word, coir_after(COIR_SECOND));
}

static void
say_ready(struct coir_server *server)
{
    say(server, 0);
}

/* What the supervisor has open is not a copy's: else one among many would have few descriptors left, and hold doors open that are
 * shut. They are closed as numbers: a listener that is closed takes its Unix socket's file away. */
static void
leave_behind(struct supervisor *self, bool doors)
{
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next) {
        const struct worker *worker = cr_container(link, struct worker, link);
        if (worker->watch >= 0)
            (void)cr_world.close(worker->watch);
    }
    coir_poller_close(self->poller);
    for (size_t i = 0; doors && i < self->server->door_count; i++)
        (void)cr_descriptor_close(coir_listener_fd(self->server->doors[i].listener));
    if (doors)
        self->server->door_count = 0;
}

/* The rest of a copy's life. */
__attribute__((noreturn)) static void
be_worker(struct supervisor *self, pid_t parent, struct coir_stream *only)
{
    int error;
    cr_fork_part(cr_task_self());
    if (!cr_process_follow(parent, SIGTERM))
        cr_process_end(1);
    leave_behind(self, only);
    self->server->line = self->line[1];
    error = cr_server_run(self->server, only, only ? NULL : say_ready);
    if (error < 0 && error != -ETIMEDOUT) {
        cr_server_log(self->server, COIR_LOG_ERROR, "a worker cannot serve: %s",
                      *coir_error_detail() ? coir_error_detail() : coir_error_text(error));
        say(self->server, error);
    }
    cr_process_end(error ? 1 : 0);
}

static int
start_worker(struct supervisor *self, struct coir_stream *only)
{
    struct worker *worker = cr_alloc_zero(sizeof *worker);
    pid_t parent = cr_process_self(), pid;
    if (!worker)
        return -ENOMEM;
    worker->share = self->server->share = only ? -1 : cr_shares_take(self->server->shares);
    pid = cr_signal_fork();
    if (pid == 0)
        be_worker(self, parent, only);
    if (pid < 0) {
        cr_shares_turn(self->server->shares, worker->share, CR_SHARE_FREE);
        cr_free(worker);
        return pid;
    }
    worker->number = only ? 0 : ++self->numbers;
    worker->pid = pid;
    worker->begun = cr_now();
    worker->watch = cr_process_watch(pid);
    if (worker->watch >= 0 && coir_poller_add(self->poller, worker->watch, COIR_READABLE, worker)) {
        (void)cr_world.close(worker->watch);
        worker->watch = -1;
    }
    self->looks |= worker->watch < 0;
    if (only)
        worker->has_host = cr_sessions_find_host(only, worker->host);
    cr_list_append(&self->workers, &worker->link);
    self->count++;
    return 0;
}

static coir_time
earlier(coir_time one, coir_time other)
{
    return one < other ? one : other;
}

static void
tell_to_end(struct supervisor *self, struct worker *worker)
{
    if (worker->leaving)
        return;
    (void)cr_process_kill(worker->pid, worker->watch, SIGTERM);
    worker->leaving = true;
    worker->kill_at = coir_after(self->server->options.grace + LATE);
    self->kill_at = earlier(self->kill_at, worker->kill_at);
    cr_shares_turn(self->server->shares, worker->share, CR_SHARE_APART);
}

static void
tell_all_to_end(struct supervisor *self)
{
    if (self->ending)
        return;
    self->ending = true;
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next)
        tell_to_end(self, cr_container(link, struct worker, link));
}

/* Those that have been told, and are late. */
static void
kill_late(struct supervisor *self)
{
    coir_time now = cr_now();
    if (self->kill_at > now)
        return;
    self->kill_at = COIR_NEVER;
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next) {
        struct worker *worker = cr_container(link, struct worker, link);
        if (!worker->leaving)
            continue;
        if (worker->kill_at <= now) {
            cr_server_log(self->server, COIR_LOG_WARN, "process %d has been told to end and does not: killed it",
                          (int)worker->pid);
            (void)cr_process_kill(worker->pid, worker->watch, SIGKILL);
            worker->kill_at = now + LATE;
        }
        self->kill_at = earlier(self->kill_at, worker->kill_at);
    }
}

static void
kill_all(struct supervisor *self)
{
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next) {
        struct worker *worker = cr_container(link, struct worker, link);
        (void)cr_process_kill(worker->pid, worker->watch, SIGKILL);
    }
}

/* How many there are of those that are to stay. */
static int
count_staying(const struct supervisor *self)
{
    int count = 0;
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next) {
        const struct worker *worker = cr_container(link, struct worker, link);
        count += !worker->old && !worker->leaving;
    }
    return count;
}

static void
start_missing(struct supervisor *self)
{
    int missing = self->server->choice.processes - count_staying(self);
    while (missing-- > 0 && !self->ending && self->next <= cr_now()) {
        int error = start_worker(self, NULL);
        if (!error)
            continue;
        cr_server_log(self->server, COIR_LOG_ERROR, "cannot start a worker: %s", coir_error_text(error));
        self->next = coir_after(LONGEST_PAUSE);
    }
}

/* ---- Their ends ---- */

static const char *
describe_end(int result, char *text, size_t size)
{
    if (result <= -COIR_KILLED)
        snprintf(text, size, "was ended by signal %d (%s)", -result - COIR_KILLED, strsignal(-result - COIR_KILLED));
    else
        snprintf(text, size, "exited with code %d", result);
    return text;
}

/* One that was to stay. */
static void
mourn(struct supervisor *self, const struct worker *worker, int result)
{
    coir_time pause = 0;
    char end[128];
    if (cr_now() - worker->begun >= LONG_ENOUGH)
        self->failures = 0;
    else if (self->failures++ < 16)
        pause = FIRST_PAUSE << (self->failures - 1);
    else
        pause = LONGEST_PAUSE;
    pause = pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
    self->next = cr_now() + pause;
    cr_server_log(self->server, COIR_LOG_WARN, "worker %u (process %d) %s; a new one begins %s%.1f s", worker->number,
                  (int)worker->pid, describe_end(result, end, sizeof end), pause ? "in " : "now, after ",
                  (double)(pause ? pause : cr_now() - worker->begun) / (double)COIR_SECOND);
}

static void
look_for_end(struct supervisor *self, struct worker *worker)
{
    int result = 0, error = cr_process_reap(worker->pid, worker->watch, CR_REAP_NOW, &result);
    char end[128];
    if (error == -EAGAIN)
        return;
    if (error)
        result = 0; /* somebody else has waited for it */
    if (worker->leaving)
        self->result = !self->result && self->ending && result ? -ETIMEDOUT : self->result;
    else if (worker->number)
        mourn(self, worker, result);
    else if (result <= -COIR_KILLED)
        cr_server_log(self->server, COIR_LOG_WARN, "the process %d of a connection %s", (int)worker->pid,
                      describe_end(result, end, sizeof end));
    remove_worker(self, worker);
}

static void
look_at_workers(struct supervisor *self)
{
    struct cr_list *link = self->workers.next;
    while (link != &self->workers) {
        struct worker *worker = cr_container(link, struct worker, link);
        int stopped = cr_process_stopped(worker->pid, worker->watch);
        link = link->next;
        if (stopped >= 0 && worker->ready && !worker->leaving)
            cr_shares_turn(self->server->shares, worker->share, stopped ? CR_SHARE_APART : CR_SHARE_COUNTS);
        if (stopped >= 0)
            cr_server_log(self->server, COIR_LOG_WARN, "worker %u (process %d) %s", worker->number, (int)worker->pid,
                          stopped ? "has been stopped: its connections wait until it is continued (SIGCONT)"
                                  : "goes on");
        look_for_end(self, worker);
    }
}

/* ---- Beginning and exchanging ---- */

static void
announce(struct supervisor *self)
{
    if (!self->announced && self->server->options.ready)
        self->server->options.ready(self->server, self->server->options.ready_arg);
    self->announced = true;
    cr_manager_tell(self->server, "READY=1");
}

/* The old ones that are too many now, and those first that do not accept. */
static void
retire(struct supervisor *self, int surplus)
{
    for (int ready = 0; ready <= 1; ready++)
        for (struct cr_list *link = self->workers.next; link != &self->workers && surplus > 0; link = link->next) {
            struct worker *worker = cr_container(link, struct worker, link);
            if (!worker->old || worker->leaving || worker->ready != ready)
                continue;
            tell_to_end(self, worker);
            surplus--;
        }
}

/* A new one accepts: an old one may go. */
static void
count_ready(struct supervisor *self)
{
    int fresh = 0, old = 0;
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next) {
        const struct worker *worker = cr_container(link, struct worker, link);
        fresh += worker->ready && !worker->old && !worker->leaving;
        old += worker->old && !worker->leaving;
    }
    retire(self, old + fresh - self->server->choice.processes);
    if (fresh < self->server->choice.processes || (self->announced && !self->exchanging))
        return;
    if (self->exchanging)
        cr_server_log(self->server, COIR_LOG_INFO, "the workers have been exchanged");
    self->exchanging = false;
    announce(self);
}

/* It may come from one that has ended since. */
static void
take_word(struct supervisor *self, const struct word *word)
{
    if (self->ending)
        return;
    if (word->error && !self->announced) {
        self->result =
            cr_fail(word->error, "the workers cannot serve: %s; the log says more", coir_error_text(word->error));
        tell_all_to_end(self);
    }
    for (struct cr_list *link = self->workers.next; link != &self->workers && !word->error; link = link->next) {
        struct worker *worker = cr_container(link, struct worker, link);
        if (worker->pid != word->pid || worker->leaving)
            continue;
        worker->ready = true;
        cr_shares_turn(self->server->shares, worker->share, CR_SHARE_COUNTS);
        count_ready(self);
        return;
    }
}

static void
hear_line(struct supervisor *self)
{
    struct word word;
    while (coir_stream_read_full(self->line[0], &word, sizeof word, COIR_NOW) == sizeof word)
        take_word(self, &word);
}

static void
exchange(struct supervisor *self)
{
    char state[64];
    if (!self->server->choice.processes) {
        cr_server_log(self->server, COIR_LOG_INFO,
                      "HUP: nothing to exchange, each connection has a process of its own");
        return;
    }
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)((cr_now() - CR_CLOCK_START) / COIR_US));
    cr_manager_tell(self->server, state);
    cr_server_log(self->server, COIR_LOG_INFO, "exchanging the workers");
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next)
        cr_container(link, struct worker, link)->old = true;
    self->exchanging = true;
    self->next = 0;
}

static void
hear_signals(struct supervisor *self)
{
    int number;
    while ((number = coir_signals_wait(self->signals, COIR_NOW)) > 0) {
        if (number == SIGCHLD) {
            self->look_at_all = true;
        } else if (number == SIGHUP) {
            if (!self->ending)
                exchange(self);
        } else if (self->ending) {
            kill_all(self);
            _exit(128 + number);
        } else {
            cr_server_log(self->server, COIR_LOG_INFO, "told to end: %zu %s drain", self->count,
                          self->count == 1 ? "process has to" : "processes have to");
            cr_manager_tell(self->server, "STOPPING=1");
            tell_all_to_end(self);
        }
    }
}

/* ---- A process for each connection ---- */

static bool
has_too_many(const struct supervisor *self, const struct coir_stream *stream)
{
    size_t most = self->server->options.connections_per_address, count = 0;
    uint8_t host[16];
    if (!most || !cr_sessions_find_host(stream, host))
        return false;
    for (struct cr_list *link = self->workers.next; link != &self->workers; link = link->next) {
        const struct worker *worker = cr_container(link, struct worker, link);
        count += worker->has_host && !memcmp(worker->host, host, sizeof host);
    }
    return count >= most;
}

static void
take_connections(struct supervisor *self, struct cr_serve_door *door)
{
    for (int i = 0; i < BURST && self->count < self->server->options.connections; i++) {
        struct coir_stream *stream;
        int error = coir_listener_accept(door->listener, &stream, COIR_NOW);
        if (!error && !has_too_many(self, stream))
            error = start_worker(self, stream);
        if (stream)
            coir_stream_close(stream); /* it is the copy's now */
        if (error && error != -EAGAIN)
            cr_server_log(self->server, COIR_LOG_WARN, "cannot start a process for a connection: %s",
                          coir_error_text(error));
        if (error && (error != -EAGAIN || i == 0))
            self->doors_at = coir_after(BREATH);
        if (error)
            return;
    }
}

/* Doors are looked at unless there is no room, or something has just failed. */
static void
watch_doors(struct supervisor *self)
{
    bool wanted = self->server->choice.process_each && !self->ending && self->count < self->server->options.connections;
    if (self->doors_at <= cr_now())
        self->doors_at = 0;
    wanted = wanted && !self->doors_at; /* else next_look says when */
    for (size_t i = 0; i < self->server->door_count && wanted != self->doors_watched; i++) {
        struct cr_serve_door *door = &self->server->doors[i];
        int fd = coir_listener_fd(door->listener);
        if (wanted)
            (void)coir_poller_add(self->poller, fd, COIR_READABLE, door);
        else
            (void)coir_poller_remove(self->poller, fd);
    }
    self->doors_watched = wanted;
}

/* ---- The loop ---- */

static coir_time
next_look(const struct supervisor *self)
{
    coir_time until = earlier(self->looks ? coir_after(FIRST_PAUSE) : COIR_NEVER, self->kill_at);
    if (self->ending)
        return until;
    if (self->doors_at)
        until = earlier(until, self->doors_at);
    return count_staying(self) < self->server->choice.processes ? earlier(until, self->next) : until;
}

static void
heed(struct supervisor *self, const struct coir_ready *ready)
{
    const struct cr_serve_door *doors = self->server->doors;
    if (ready->data == self->signals)
        hear_signals(self);
    else if (ready->data == self->line)
        hear_line(self);
    else if ((struct cr_serve_door *)ready->data >= doors &&
             (struct cr_serve_door *)ready->data < doors + CR_SERVE_DOORS)
        take_connections(self, ready->data);
    else
        look_for_end(self, ready->data);
}

static int
keep_workers(struct supervisor *self)
{
    struct coir_ready ready[READY];
    while (!self->ending || self->count) {
        int count;
        start_missing(self);
        watch_doors(self);
        count = coir_poller_wait(self->poller, ready, READY, next_look(self));
        for (int i = 0; i < count; i++)
            heed(self, &ready[i]);
        if (self->looks || self->look_at_all)
            look_at_workers(self);
        self->look_at_all = false; /* now that no worker is named by what was ready */
        if (count == -ECANCELED && !self->ending) {
            self->result = -ECANCELED;
            tell_all_to_end(self);
        } else if (count < 0 && count != -ETIMEDOUT && count != -ECANCELED) {
            kill_all(self);
            return count;
        }
        kill_late(self);
    }
    return self->result;
}

static int
open_supervisor(struct supervisor *self)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    int error = coir_poller_open(NULL, &self->poller);
    if (!error)
        error = coir_signals_open(numbers, sizeof numbers / sizeof numbers[0], &self->signals);
    if (!error)
        error = coir_stream_pair(self->line);
    if (!error)
        error = coir_poller_add(self->poller, coir_signals_fd(self->signals), COIR_READABLE, self->signals);
    if (!error)
        error = coir_poller_add(self->poller, coir_stream_fd(self->line[0]), COIR_READABLE, self->line);
    return error;
}

static void
close_supervisor(struct supervisor *self)
{
    coir_poller_close(self->poller);
    coir_signals_close(self->signals);
    coir_stream_close(self->line[0]);
    coir_stream_close(self->line[1]);
}

static int
check(const struct coir_server *server)
{
    char who[32];
    if (coir_runtime_self())
        return cr_fail(-EBUSY,
                       "model %s: it forks, which a process with a runtime must not; call coir_serve outside of it",
                       server->choice.name);
    if (server->options.leave_signals)
        return cr_fail(-EINVAL,
                       "model %s: its supervisor is told by signals; leave_signals is for models in one process",
                       server->choice.name);
    snprintf(who, sizeof who, "model %s", server->choice.name);
    return cr_fork_check(who, -EBUSY, "call coir_serve before there are threads");
}

int
cr_server_supervise(struct coir_server *server)
{
    struct supervisor self = {.server = server, .kill_at = COIR_NEVER};
    int error = check(server);
    if (error)
        return error;
    cr_list_init(&self.workers);
    if (server->choice.processes && !server->choice.one_each)
        server->shares = cr_shares_open();
    error = open_supervisor(&self);
    if (!error && server->choice.process_each)
        announce(&self);
    if (!error)
        error = keep_workers(&self);
    close_supervisor(&self);
    cr_shares_close(server->shares);
    return error;
}
