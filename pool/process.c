/* pool/process.c: see process.h. Jobs go to the process by a socket, one at a time, and come back by another: with one for both
 * ways the program would be woken when an order is taken out of it, too, because there is room again.
 *
 * The process is a task of the runtime (sched/process.h), forked from its helper: so a function has to travel by name
 * (base/function.h), and what it works on as bytes. Each name is told once in a row.
 *
 * It may die at any moment. A watcher, a task that does nothing but join it, then shuts our ends of the sockets: what it has
 * answered can be read still, then nothing comes any more, also if a child of its own holds the other end. */
#include "pool/process.h"
#include "backend/process.h"
#include "base/fault.h"
#include "base/function.h"
#include "base/memory.h"
#include "pool/pool.h"
#include "sched/runtime.h"
#include <coir/log.h>
#include <coir/stream.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define GRACE (2 * COIR_SECOND) /* for a process that has nothing to do and is told to end */

enum { TRIES = 3, DETAIL_MOST = 65536 }; /* of a worker that dies while it starts; bytes of a sentence */

/* What is said before the bytes: to the process, and by it. */
struct order {
    uint64_t size, each;
    uint32_t is_named; /* a struct cr_function_name comes first; else it is the last one's */
    uint32_t is_start; /* the function is the pool's start function */
};
struct answer {
    int64_t result;
    uint64_t size;   /* of the bytes; 0 after a failure */
    uint64_t detail; /* of the sentence behind them */
};

/* ---- In the process ---- */

struct server {
    struct coir_stream *orders, *answers;
    coir_function *function;
    int unknown; /* why the function is not here */
    char *bytes;
    size_t room;
};

static int
take_order(struct server *server, struct order *order)
{
    struct cr_function_name name;
    if (coir_stream_read_full(server->orders, order, sizeof *order, COIR_NEVER) != sizeof *order)
        return -EPIPE;
    cr_moment(CR_MOMENT_JOB_HEAD);
    if (order->is_named) {
        if (coir_stream_read_full(server->orders, &name, sizeof name, COIR_NEVER) != sizeof name)
            return -EPIPE;
        server->unknown = cr_function_find(&name, &server->function);
    }
    if (order->size > server->room) {
        cr_free(server->bytes);
        server->room = 0;
        server->bytes = cr_alloc(order->size);
        if (!server->bytes)
            return -ENOMEM;
        server->room = order->size;
    }
    return coir_stream_read_full(server->orders, server->bytes, order->size, COIR_NEVER) == (ssize_t)order->size
               ? 0
               : -EPIPE;
}

static int
reply(struct server *server, const struct order *order, int result)
{
    const char *detail = result < 0 ? coir_error_detail() : "";
    struct answer said = {result, result < 0 ? 0 : order->size, strlen(detail)};
    struct iovec parts[] = {{&said, sizeof said}, {server->bytes, said.size}, {(void *)(uintptr_t)detail, said.detail}};
    return coir_stream_write_parts(server->answers, parts, 3, COIR_NEVER);
}

/* The process's own function: 0 when it is told that there is no more. */
static int
serve(void *arg)
{
    struct server server = {.function = NULL};
    struct order order;
    int32_t pid = cr_process_self();
    int error = coir_stream_from(coir_task_descriptor(0), &server.orders);
    (void)arg;
    cr_moment(CR_MOMENT_JOB_FIRST);
    if (!error)
        error = coir_stream_from(coir_task_descriptor(1), &server.answers);
    if (!error)
        error = coir_stream_write(server.answers, &pid, sizeof pid, COIR_NEVER);
    while (!error && !(error = take_order(&server, &order))) {
        int result = server.unknown ? cr_fail(-ENOEXEC, "a worker of the pool does not have this function: %s",
                                              coir_error_text(server.unknown))
                                    : 0;
        cr_moment(order.is_start ? CR_MOMENT_JOB_START : CR_MOMENT_JOB);
        if (!result) {
            cr_detail_clear(coir_self());
            result = cr_pool_run_items(server.function, order.size ? server.bytes : NULL, order.each, order.size);
        }
        cr_moment(order.is_start ? CR_MOMENT_JOB_STARTED : CR_MOMENT_JOB_DONE);
        error = reply(&server, &order, result);
        cr_moment(CR_MOMENT_JOB_ANSWERED);
    }
    cr_moment(CR_MOMENT_JOB_LAST);
    coir_stream_close(server.orders);
    coir_stream_close(server.answers);
    cr_free(server.bytes);
    return error == -EPIPE ? 0 : error;
}

/* ---- In the program ---- */

/* Joins the process; when it is canceled the process has some time left. */
static int
watch(void *arg)
{
    struct cr_pool_process *process = arg;
    if (coir_join(process->task, &process->how, COIR_NEVER)) {
        COIR_SHIELD();
        if (coir_join(process->task, &process->how, coir_after(GRACE))) {
            (void)coir_task_kill(process->task, SIGKILL);
            (void)coir_join(process->task, &process->how, COIR_NEVER);
        }
    }
    cr_store_rel(&process->has_ended, true); /* pairs with cr_pool_process_lives */
    (void)cr_world.shutdown(coir_stream_fd(process->orders), SHUT_RDWR);
    (void)cr_world.shutdown(coir_stream_fd(process->answers), SHUT_RDWR);
    return 0;
}

bool
cr_pool_process_lives(const struct cr_pool_process *process)
{
    return process->orders && !cr_load_acq(&process->has_ended);
}

static void
let_go(struct cr_pool_process *process)
{
    (void)coir_stream_close(process->orders);
    (void)coir_stream_close(process->answers);
    process->orders = process->answers = NULL;
}

void
cr_pool_process_end(struct cr_pool_process *process)
{
    COIR_SHIELD();
    if (!process->orders)
        return;
    (void)coir_stream_shutdown(process->orders, COIR_NEVER);
    coir_cancel(process->watcher);
    (void)coir_join(process->watcher, NULL, COIR_NEVER);
    let_go(process);
}

/* It has died: what is to be told of that. */
static int
bury(struct cr_pool_process *process, const char *doing)
{
    const char *how;
    cr_pool_process_end(process);
    how = process->how < 0 ? coir_error_text(process->how) : "it has ended by itself";
    coir_log(COIR_LOG_ERROR, "pool '%s': its worker, process %d, %s: %s", process->pool->name, (int)process->pid, doing,
             how);
    return cr_fail(-EOWNERDEAD, "a worker of the pool %s: %s", doing, how);
}

/* Its first word is its number. It may have died before, and there may never have been one. */
static int
greet(struct cr_pool_process *process)
{
    COIR_SHIELD();
    process->pid = 0;
    if (coir_stream_read_full(process->answers, &process->pid, sizeof process->pid, COIR_NEVER) == sizeof process->pid)
        return 0;
    cr_pool_process_end(process);
    if (process->how < 0 && !coir_killed_by(process->how))
        return cr_fail(process->how, "no process for a worker of a pool: %s", coir_error_text(process->how));
    return cr_fail(-EOWNERDEAD, "a worker of the pool has died as it began");
}

/* The process, and its watcher, which uses our ends of the sockets. */
static int
begin_with(struct cr_pool_process *process, const int fds[2])
{
    struct coir_task_options options = {.name = process->pool->name,
                                        .carrier = COIR_ON_PROCESS,
                                        .descriptors = fds,
                                        .descriptor_count = 2,
                                        .daemon = true};
    int error;
    process->known = NULL;
    cr_store_rel(&process->has_ended, false);
    error = coir_go(serve, NULL, &options, &process->task);
    if (error)
        return error;
    options = (struct coir_task_options){.name = process->pool->name, .carrier = COIR_ON_FIBER};
    error = coir_go(watch, process, &options, &process->watcher);
    if (error) {
        COIR_SHIELD(); /* else a canceled task would leave the other one's handle behind */
        (void)coir_stream_shutdown(process->orders, COIR_NEVER);
        (void)coir_join(process->task, NULL, COIR_NEVER);
    }
    return error;
}

static int
begin(struct cr_pool_process *process)
{
    struct coir_stream *there[2], *back[2];
    int error = coir_stream_pair(there);
    if (error)
        return error;
    error = coir_stream_pair(back);
    process->orders = there[0];
    process->answers = back[0];
    if (!error)
        error = begin_with(process, (int[]){coir_stream_fd(there[1]), coir_stream_fd(back[1])});
    (void)coir_stream_close(there[1]);
    (void)coir_stream_close(back[1]);
    if (!error)
        return greet(process);
    let_go(process);
    return error;
}

/* Says the order and reads the answer; bytes go there and come back. 0, -EPIPE: it has died; its result in *said. */
static int
exchange(struct cr_pool_process *process, struct order *order, const struct cr_function_name *name, void *bytes,
         struct answer *said, char **detail)
{
    struct iovec parts[] = {
        {order, sizeof *order}, {(void *)(uintptr_t)name, order->is_named ? sizeof *name : 0}, {bytes, order->size}};
    if (coir_stream_write_parts(process->orders, parts, 3, COIR_NEVER) ||
        coir_stream_read_full(process->answers, said, sizeof *said, COIR_NEVER) != sizeof *said ||
        said->size > order->size || said->detail > DETAIL_MOST ||
        coir_stream_read_full(process->answers, bytes, said->size, COIR_NEVER) != (ssize_t)said->size)
        return -EPIPE;
    if (!said->detail)
        return 0;
    *detail = cr_alloc_zero(said->detail + 1);
    if (!*detail)
        return -EPIPE; /* what it said is in the way of all that follows */
    if (coir_stream_read_full(process->answers, *detail, said->detail, COIR_NEVER) != (ssize_t)said->detail)
        return -EPIPE;
    return 0;
}

static char *
copy_of(const char *text)
{
    char *copy = cr_alloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* The result of function in the process. */
static int
order(struct cr_pool_process *process, coir_function *function, void *bytes, size_t size, size_t each, bool is_start,
      char **detail)
{
    struct order order = {size, each, process->known != function, is_start};
    struct cr_function_name name;
    struct answer said;
    COIR_SHIELD(); /* a runtime that stops ends its daemons, so this ends */
    *detail = NULL;
    if (order.is_named && cr_function_name(function, &name))
        return cr_fail(-ENOEXEC, "the function is in no file that another process could find it in");
    if (!exchange(process, &order, &name, bytes, &said, detail)) {
        process->known = function;
        return (int)said.result;
    }
    cr_free(*detail);
    (void)bury(process, is_start ? "has died in its start function" : "has died with a job");
    *detail = copy_of(coir_error_detail());
    return -EOWNERDEAD;
}

int
cr_pool_process_run(struct cr_pool_process *process, struct coir_future *job, char **detail)
{
    return order(process, job->function, job->arg, job->size, job->each, false, detail);
}

int
cr_pool_process_begin(struct cr_pool_process *process)
{
    const struct coir_pool *pool = process->pool;
    size_t size = pool->options.start_arg_size;
    int result = -EOWNERDEAD;
    for (int i = 0; i < TRIES && result == -EOWNERDEAD; i++) {
        char *detail = NULL;
        void *copy = cr_alloc(size + 1);
        result = copy ? begin(process) : -ENOMEM;
        if (!result && pool->options.start) {
            memcpy(copy, pool->start_arg, size);
            result = order(process, pool->options.start, copy, size, size, true, &detail);
        }
        cr_free(copy);
        if (result < 0) {
            if (detail)
                (void)cr_fail(result, "%s", detail);
            cr_pool_process_end(process);
        }
        cr_free(detail);
    }
    return result;
}
