/* pool/process.c: see process.h. The process is a task of the runtime (sched/process.h), forked from its helper: so a function has
 * to travel by name (base/function.h), and what it works on as bytes, through a channel (pool/channel.h). Each name is told once in
 * a row.
 *
 * A process whose jobs are short has several at once, so that neither side sleeps after each; but a job must not stand behind
 * one that takes long, or that waits for it, while others could run it. So each order has a ticket, a round in the upper half
 * and a number in the lower one, and the channel's mark is the ticket of the order that was begun last. The process begins one
 * by moving the mark from the ticket before it; the program takes back what has not been begun by moving the mark to the next
 * round: an order of an earlier one is then thrown away by the process. Of the two moves only one succeeds.
 *
 * It may die at any moment. A watcher, a task that does nothing but join it, then ends the channel: what it has answered can
 * be read still, then nothing comes any more, also if a child of its own holds the other end. The mark says whether it died
 * with a job. */
#include "pool/process.h"
#include "backend/process.h"
#include "base/fault.h"
#include "base/function.h"
#include "base/memory.h"
#include "sched/runtime.h"
#include <coir/log.h>
#include <coir/stream.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#define GRACE (2 * COIR_SECOND)   /* for a process that has nothing to do and is told to end */
#define LONG COIR_MS              /* for a job that others stand behind */
#define AHEAD_OF (100 * COIR_US)  /* the time that the jobs which a process has may take, as far as one knows */
#define TELL_EVERY (50 * COIR_US) /* its answers, while there are more jobs */
/* After a taking back what a job usually takes is LONG, and each answer brings that down by at most an eighth: more answers
 * come than a process has jobs before it has two again. So the orders that it throws away have left the channel by then. */

enum { TRIES = 3, DETAIL_MOST = 65536 }; /* of a worker that dies while it starts; bytes of a sentence */

/* What is said before the bytes: to the process, and by it. */
struct order {
    uint64_t size, each, ticket;
    uint32_t is_named; /* a struct cr_function_name comes first; else it is the last one's */
    uint32_t is_start; /* the function is the pool's start function */
};
struct answer {
    int64_t result;
    uint64_t size;   /* of the bytes; 0 after a failure */
    uint64_t detail; /* of the sentence behind them */
    int64_t took;    /* ns */
};

/* One further in the same round. */
static uint64_t
next_ticket(uint64_t ticket)
{
    return (ticket & ~(uint64_t)UINT32_MAX) | (uint32_t)(ticket + 1);
}

static bool
is_same_round(uint64_t one, uint64_t other)
{
    return one >> 32 == other >> 32;
}

/* ---- In the process ---- */

struct server {
    struct cr_channel channel;
    coir_function *function;
    int unknown; /* why the function is not here */
    char *bytes;
    size_t room;
    int64_t told; /* when the program was told of answers */
};

/* 0: the order is begun; -ECANCELED: it has been taken back, and a new round has not begun; -EPROTO: somebody has written over
 * the mark. */
static int
begin_order(struct server *server, const struct order *order)
{
    uint64_t mark = (order->ticket & ~(uint64_t)UINT32_MAX) | (uint32_t)(order->ticket - 1);
    if (cr_cas_ar(&server->channel.memory->mark, &mark, order->ticket))
        return 0;
    return (uint32_t)mark == 0 && !is_same_round(mark, order->ticket) ? -ECANCELED : -EPROTO;
}

static int
take_order(struct server *server, const struct order *order)
{
    struct cr_function_name name;
    int error;
    cr_moment(CR_MOMENT_JOB_HEAD);
    if (order->is_named) {
        error = cr_channel_read(&server->channel, &name, sizeof name);
        if (error)
            return error;
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
    return cr_channel_read(&server->channel, server->bytes, order->size);
}

static int
throw_away(struct server *server, const struct order *order)
{
    return cr_channel_read(&server->channel, NULL,
                           order->size + (order->is_named ? sizeof(struct cr_function_name) : 0));
}

static int
run_order(struct server *server, const struct order *order)
{
    int result = 0;
    if (server->unknown)
        result =
            cr_fail(-ENOEXEC, "a worker of the pool does not have this function: %s", coir_error_text(server->unknown));
    cr_moment(order->is_start ? CR_MOMENT_JOB_START : CR_MOMENT_JOB);
    if (!result) {
        cr_detail_clear(coir_self());
        result = cr_pool_run_items(server->function, order->size ? server->bytes : NULL, order->each, order->size);
    }
    cr_moment(order->is_start ? CR_MOMENT_JOB_STARTED : CR_MOMENT_JOB_DONE);
    return result;
}

static int
reply(struct server *server, const struct order *order, int result, int64_t took)
{
    const char *detail = result < 0 ? coir_error_detail() : "";
    struct answer said = {result, result < 0 ? 0 : order->size, strlen(detail), took};
    struct iovec head = {&said, sizeof said};
    struct iovec parts[] = {{server->bytes, said.size}, {(void *)(uintptr_t)detail, said.detail}};
    int error = cr_channel_write(&server->channel, &head, 1);
    if (!order->is_start)
        cr_moment(CR_MOMENT_JOB_HALF);
    return error ? error : cr_channel_write(&server->channel, parts, 2);
}

static int
obey(struct server *server, const struct order *order)
{
    int64_t begun, ended;
    int result, error = take_order(server, order);
    if (error)
        return error;
    begun = cr_now();
    if (begun - server->told > TELL_EVERY) { /* the program does not wait for them while this one runs */
        cr_channel_tell(&server->channel);
        server->told = begun;
    }
    result = run_order(server, order);
    ended = cr_now();
    error = reply(server, order, result, ended - begun);
    cr_moment(CR_MOMENT_JOB_ANSWERED);
    return error;
}

/* The process's own function: 0 when it is told that there is no more. */
static int
serve(void *arg)
{
    struct server server = {.function = NULL};
    struct order order;
    int32_t pid = cr_process_self();
    int error =
        cr_channel_join(&server.channel, coir_task_descriptor(0), coir_task_descriptor(1), coir_task_descriptor(2));
    (void)arg;
    cr_moment(CR_MOMENT_JOB_FIRST);
    if (error)
        return error;
    error = cr_channel_write(&server.channel, &(struct iovec){&pid, sizeof pid}, 1);
    while (!error && !coir_is_canceled() && !(error = cr_channel_read(&server.channel, &order, sizeof order))) {
        error = begin_order(&server, &order);
        if (error != -EPROTO)
            error = error ? throw_away(&server, &order) : obey(&server, &order);
    }
    cr_moment(CR_MOMENT_JOB_LAST);
    cr_channel_close(&server.channel);
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
    cr_channel_cut(&process->channel);
    return 0;
}

bool
cr_pool_process_lives(const struct cr_pool_process *process)
{
    return process->channel.memory && !cr_load_acq(&process->has_ended);
}

void
cr_pool_process_end(struct cr_pool_process *process)
{
    COIR_SHIELD();
    if (!process->channel.memory)
        return;
    cr_channel_end(&process->channel);
    coir_cancel(process->watcher);
    (void)coir_join(process->watcher, NULL, COIR_NEVER);
    cr_channel_close(&process->channel);
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
    if (!cr_channel_read(&process->channel, &process->pid, sizeof process->pid))
        return 0;
    cr_pool_process_end(process);
    if (process->how < 0 && !coir_killed_by(process->how))
        return cr_fail(process->how, "no process for a worker of a pool: %s", coir_error_text(process->how));
    return cr_fail(-EOWNERDEAD, "a worker of the pool has died as it began");
}

/* The process, and its watcher, which uses our ends of the channel. */
static int
begin_with(struct cr_pool_process *process, const struct cr_channel_other *other)
{
    struct coir_task_options options = {
        .name = process->pool->name,
        .carrier = COIR_ON_PROCESS,
        .descriptors = (int[]){other->memory, coir_stream_fd(other->hear), coir_stream_fd(other->ring)},
        .descriptor_count = 3,
        .daemon = true};
    int error;
    process->known = NULL;
    process->ticket = 0;
    process->usual = LONG; /* until one knows better */
    cr_store_rel(&process->has_ended, false);
    error = coir_go(serve, NULL, &options, &process->task);
    if (error)
        return error;
    options = (struct coir_task_options){.name = process->pool->name, .carrier = COIR_ON_FIBER};
    error = coir_go(watch, process, &options, &process->watcher);
    if (error) {
        COIR_SHIELD(); /* else a canceled task would leave the other one's handle behind */
        cr_channel_end(&process->channel);
        (void)coir_join(process->task, NULL, COIR_NEVER);
    }
    return error;
}

static int
begin(struct cr_pool_process *process)
{
    struct cr_channel_other other;
    int error = cr_channel_open(&process->channel, &other);
    if (error)
        return error;
    error = begin_with(process, &other);
    cr_channel_drop(&other);
    if (!error)
        return greet(process);
    cr_channel_close(&process->channel);
    return error;
}

/* ---- Orders and answers ---- */

/* -ENOEXEC: the function has no name. If the process cannot read it there will be no answer. */
static int
say(struct cr_pool_process *process, coir_function *function, const void *bytes, size_t size, size_t each,
    bool is_start)
{
    struct order order = {size, each, next_ticket(process->ticket), process->known != function, is_start};
    struct cr_function_name name;
    struct iovec parts[] = {
        {&order, sizeof order}, {&name, order.is_named ? sizeof name : 0}, {(void *)(uintptr_t)bytes, size}};
    if (order.is_named && cr_function_name(function, &name))
        return cr_fail(-ENOEXEC, "the function is in no file that another process could find it in");
    process->ticket = order.ticket;
    process->known = function;
    if (cr_channel_write(&process->channel, parts, 3))
        cr_channel_cut(&process->channel);
    return 0;
}

/* The answer to what was said first, its bytes to where those of the order were (NULL: nowhere). 0, or < 0: it has died. */
static int
hear(struct cr_pool_process *process, void *bytes, size_t size, struct answer *said, char **detail)
{
    *detail = NULL;
    if (cr_channel_read(&process->channel, said, sizeof *said) || said->size > size || said->detail > DETAIL_MOST ||
        cr_channel_read(&process->channel, bytes, said->size))
        return -EPIPE;
    if (!said->detail)
        return 0;
    *detail = cr_alloc_zero(said->detail + 1);
    if (*detail && !cr_channel_read(&process->channel, *detail, said->detail))
        return 0;
    cr_free(*detail); /* without room for it what it said is in the way of all that follows */
    *detail = NULL;
    return -EPIPE;
}

int64_t
cr_pool_process_room(const struct cr_pool_process *process)
{
    size_t most = CR_PIPE_BYTES - sizeof(struct order) - sizeof(struct cr_function_name);
    /* All of it fits in the channel, as the process may not read while it waits for room for its answer. */
    return process->count < CR_POOL_AHEAD && process->usual * (process->count + 1) <= AHEAD_OF
               ? (int64_t)most - (int64_t)process->bytes
               : -1;
}

static size_t
bytes_of(const struct coir_future *job)
{
    return sizeof(struct order) + sizeof(struct cr_function_name) + job->size;
}

int
cr_pool_process_give(struct cr_pool_process *process, struct coir_future *job)
{
    COIR_SHIELD(); /* a runtime that stops ends its daemons, so this ends */
    int error = say(process, job->function, job->arg, job->size, job->each, false);
    if (error)
        return error;
    process->jobs[(process->first + process->count++) % CR_POOL_AHEAD] = job;
    process->bytes += bytes_of(job);
    return 0;
}

static struct coir_future *
take_first(struct cr_pool_process *process)
{
    struct coir_future *job = process->jobs[process->first];
    process->first = (process->first + 1) % CR_POOL_AHEAD;
    process->count--;
    process->begun -= process->begun != 0;
    process->bytes -= bytes_of(job);
    return job;
}

/* How many of its jobs the process has begun, if this is the mark; no more than there are, whatever it says. */
static unsigned
begun_by(const struct cr_pool_process *process, uint64_t mark)
{
    uint32_t present = process->count - process->begun, begun; /* of this round */
    if (!is_same_round(mark, process->ticket))
        return process->count;
    begun = present - ((uint32_t)process->ticket - (uint32_t)mark);
    return process->begun + (begun < present ? begun : present);
}

/* What the process has not begun so far it will not begin. How many of its jobs it has. */
static unsigned
end_round(struct cr_pool_process *process)
{
    uint64_t next = (process->ticket | UINT32_MAX) + 1;
    unsigned begun = begun_by(process, cr_swap_ar(&process->channel.memory->mark, next));
    process->ticket = next;
    return begun;
}

unsigned
cr_pool_process_take_back(struct cr_pool_process *process, struct coir_future *jobs[CR_POOL_AHEAD])
{
    unsigned count;
    if (process->channel.memory) {
        process->begun = end_round(process);
        process->known = NULL;
        process->usual = LONG;
    }
    count = process->count - process->begun;
    for (unsigned i = count; i-- > 0; process->count--) {
        jobs[i] = process->jobs[(process->first + process->count - 1) % CR_POOL_AHEAD];
        process->bytes -= bytes_of(jobs[i]);
    }
    return count;
}

/* It is no more, or is not to be. Whether it had begun the first of its jobs, which fails then; the others it has not, and will
 * not, if it should live. */
static bool
died_with_a_job(struct cr_pool_process *process)
{
    bool had_begun = end_round(process) != 0;
    process->begun = 0;
    (void)bury(process, had_begun ? "has died with a job" : "has died");
    return had_begun;
}

int
cr_pool_process_answer(struct cr_pool_process *process, struct coir_future **job, int *result, char **detail)
{
    COIR_SHIELD();
    struct coir_future *first = process->jobs[process->first];
    struct answer said;
    /* Also if it has one, and might have overwritten the word that says who is to be woken: */
    while (cr_channel_await(&process->channel, coir_after(process->count > 1 ? LONG : COIR_SECOND)) == -ETIMEDOUT)
        if (process->count > 1)
            return -ETIMEDOUT;
    if (!hear(process, first->arg, first->size, &said, detail)) {
        process->usual += ((said.took >= 0 && said.took < LONG ? said.took : LONG) - process->usual) / 8;
        *result = (int)said.result;
    } else if (died_with_a_job(process)) {
        *result = -EOWNERDEAD;
        *detail = cr_alloc_text(coir_error_detail());
    } else {
        return -EPIPE;
    }
    *job = take_first(process);
    return 0;
}

/* ---- The start function ---- */

static int
run_start(struct cr_pool_process *process, char **detail)
{
    const struct coir_pool *pool = process->pool;
    size_t size = pool->options.start_arg_size;
    struct answer said;
    int error = say(process, pool->options.start, pool->start_arg, size, size, true);
    if (error)
        return error;
    if (hear(process, NULL, size, &said, detail))
        return bury(process, "has died in its start function");
    return (int)said.result;
}

int
cr_pool_process_begin(struct cr_pool_process *process)
{
    int result = -EOWNERDEAD;
    for (int i = 0; i < TRIES && result == -EOWNERDEAD; i++) {
        char *detail = NULL;
        COIR_SHIELD();
        result = begin(process);
        if (!result && process->pool->options.start)
            result = run_start(process, &detail);
        if (result < 0) {
            if (detail)
                (void)cr_fail(result, "%s", detail);
            cr_pool_process_end(process);
        }
        cr_free(detail);
    }
    return result;
}
