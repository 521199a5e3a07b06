/* hosts.c: see hosts.h. */
#include "hosts.h"

#include <coir/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/core.h"

struct program {
    coir_function *function;
    void *arg;
    uint32_t host;
    int workers;
};

static void
run_program(void *arg)
{
    struct program program = *(struct program *)arg;
    int result;
    free(arg);
    cr_sim_host_set(program.host);
    if (program.workers == HOSTS_PLAIN)
        result = program.function(program.arg);
    else
        result = coir_run(program.function, program.arg, &(struct coir_runtime_options){.workers = program.workers});
    if (result)
        ck_abort_msg("a program on host %u answers %d: %s %s", program.host, result, coir_error_text(result),
                     coir_error_detail());
}

struct cr_sim_thread *
hosts_start(uint32_t host, int workers, coir_function *function, void *arg)
{
    struct program *program = malloc(sizeof *program);
    MUST(program);
    *program = (struct program){function, arg, host, workers};
    return cr_sim_start(run_program, program, "program");
}

static int
run_task(void *arg)
{
    struct hosts_task *task = arg;
    task->self = coir_self();
    task->result = task->function(task->arg);
    return 0;
}

static void
run_task_on_thread(void *arg)
{
    (void)run_task(arg);
}

void
hosts_go(struct hosts_task *task, coir_function *function, void *arg)
{
    *task = (struct hosts_task){.function = function, .arg = arg};
    if (coir_runtime_self())
        MUST_BE(coir_go_spread(run_task, task, NULL, &task->task), 0);
    else
        task->thread = cr_sim_start(run_task_on_thread, task, "task");
}

int
hosts_join(struct hosts_task *task)
{
    if (task->task)
        MUST_BE(coir_join(task->task, NULL, COIR_NEVER), 0);
    else
        cr_sim_join(task->thread);
    return task->result;
}

struct cr_sim_outcome
hosts_try(uint64_t seed, void (*first)(void *arg), void *arg)
{
    cr_net_reset();
    return cr_sim_run(&(struct cr_sim_options){.seed = seed}, first, arg);
}

struct cr_sim_outcome
hosts_run(uint64_t seed, void (*first)(void *arg), void *arg)
{
    struct cr_sim_outcome outcome = hosts_try(seed, first, arg);
    char text[2000];
    if (outcome.end != CR_SIM_DONE)
        ck_abort_msg("seed %llu ended as %d: %s. %s", (unsigned long long)seed, outcome.end, outcome.text,
                     cr_net_describe(text, sizeof text));
    for (uint32_t host = 0; host < CR_NET_HOSTS; host++)
        if (cr_net_open_descriptors(host))
            ck_abort_msg("seed %llu, host %u has %u descriptors: %s", (unsigned long long)seed, host,
                         cr_net_open_descriptors(host), cr_net_describe(text, sizeof text));
    return outcome;
}

coir_time
hosts_in(long milliseconds)
{
    return coir_after(milliseconds * COIR_MS);
}

coir_time
hosts_soon(void)
{
    return hosts_in(20000);
}

void
hosts_pause(long milliseconds)
{
    MUST_BE(coir_sleep(hosts_in(milliseconds)), 0);
}

struct coir_listener *
hosts_listen(const char *where)
{
    struct coir_listener *listener;
    MUST_BE(coir_listener_open(where, NULL, &listener), 0);
    return listener;
}

struct coir_stream *
hosts_accept(struct coir_listener *listener)
{
    struct coir_stream *stream;
    MUST_BE(coir_listener_accept(listener, &stream, hosts_soon()), 0);
    return stream;
}

struct coir_stream *
hosts_dial(const char *where)
{
    struct coir_stream *stream;
    MUST_BE(coir_stream_dial(where, NULL, &stream, hosts_soon()), 0);
    return stream;
}

void
hosts_put(struct coir_stream *stream, const char *text)
{
    MUST_BE(coir_stream_write(stream, text, strlen(text), hosts_soon()), 0);
}

void
hosts_expect(struct coir_stream *stream, const char *text)
{
    char bytes[256];
    size_t size = strlen(text), done = 0;
    ssize_t count = 1;
    MUST(size < sizeof bytes);
    while (done < size && count > 0) {
        count = coir_stream_read(stream, bytes + done, size - done, hosts_soon());
        done += count > 0 ? (size_t)count : 0;
    }
    if (done != size || memcmp(bytes, text, size) != 0)
        ck_abort_msg("read '%.*s' and then %zd, not '%s'", (int)done, bytes, count, text);
}

void
hosts_begin(void)
{
    cr_net_install();
}

void
hosts_end(void)
{
    cr_net_uninstall();
}
