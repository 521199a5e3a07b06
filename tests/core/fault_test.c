/* fault_test.c: the n-th call that can fail fails, for n from 1 on, in a small program that uses a bit of everything: it
 * may not crash, hang, lose memory (ASan) or descriptors, and each call says so or works. Each n is a process. */
#include "core.h"
#include "wire.h"

#include <coir/queue.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

enum { ROUNDS = 200 };

static int
echo_once(void *arg)
{
    struct coir_listener *listener = arg;
    struct coir_stream *stream;
    char line[64];
    ssize_t length;
    int error = coir_listener_accept(listener, &stream, coir_after(2 * COIR_SECOND));
    if (error)
        return error;
    length = coir_stream_read_line(stream, line, sizeof line, coir_after(2 * COIR_SECOND));
    error = length < 0 ? (int)length : coir_stream_print(stream, coir_after(2 * COIR_SECOND), "%s\n", line);
    coir_stream_close(stream);
    return error;
}

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
talk(struct coir_listener *listener)
{
    struct coir_stream *stream = NULL;
    struct coir_task *task = NULL;
    struct coir_address address;
    char text[COIR_ADDRESS_TEXT], line[64];
    ssize_t length = 0;
    int error = coir_go_spread(echo_once, listener, &(struct coir_task_options){.name = "echo"}, &task);
    if (!error)
        error = coir_listener_local(listener, &address);
    if (!error)
        error = coir_stream_dial(coir_address_text(&address, text, sizeof text), NULL, &stream,
                                 coir_after(2 * COIR_SECOND));
    if (!error)
        error = coir_stream_write(stream, "hello\n", 6, coir_after(2 * COIR_SECOND));
    if (!error)
        length = coir_stream_read_line(stream, line, sizeof line, coir_after(2 * COIR_SECOND));
    coir_stream_close(stream);
    if (error || length < 0)
        coir_listener_abort(listener);
    if (task)
        MUST_BE(coir_join(task, NULL, core_soon()), 0);
    return error ? error : length < 0 ? (int)length : strcmp(line, "hello") ? -EILSEQ : 0;
}

static int
everything(void *arg)
{
    static struct coir_local local = COIR_LOCAL_INIT(NULL);
    struct coir_queue *queue = coir_queue_new(sizeof(int), 4, NULL);
    struct coir_listener *listener = NULL;
    int number = 5, error, failures = !queue;
    COIR_SCOPE(scope);
    if (queue) {
        MUST_BE(coir_queue_put(queue, &number, COIR_NOW), 0);
        MUST_BE(coir_queue_get(queue, &number, COIR_NOW), 0);
    }
    coir_queue_free(queue);
    failures += coir_local_set(&local, arg) < 0;
    for (int i = 0; i < 3; i++)
        failures +=
            coir_scope_go(&scope, do_nothing, &number, &(struct coir_task_options){.arg_size = sizeof number}) < 0;
    failures += coir_offload(do_nothing, NULL) < 0;
    error = coir_scope_wait(&scope, core_soon());
    failures += error != 0;
    failures += coir_listener_open("127.0.0.1:0", NULL, &listener) < 0;
    if (listener) {
        error = talk(listener);
        MUST(error != -EILSEQ);
        failures += error != 0;
    }
    coir_listener_close(listener);
    return failures;
}

static void
quiet(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

/* How many calls there were; 0 failures expected if no fault hit. */
static int
run_with_fault(int workers, long n)
{
    struct coir_runtime_options options = {.workers = workers, .log = quiet};
    int descriptors, result;
    uint64_t count;
    (void)coir_self();
    /* Once without faults: what the library keeps for good is made. */
    result = coir_run(everything, NULL, &options);
    MUST_BE(result, 0);
    descriptors = core_open_descriptors();
    cr_fault_arm(0, (uint64_t)n, false);
    result = coir_run(everything, NULL, &options);
    count = cr_fault_disarm();
    MUST_BE(core_open_descriptors(), descriptors);
    if ((uint64_t)n > count || !n) {
        MUST_BE(result, 0);
        MUST(count > 20); /* the faults are really there */
    }
    result = coir_run(everything, NULL, &options); /* and it works again */
    MUST_BE(result, 0);
    return 0;
}

START_TEST(the_nth_call_fails)
{
    run_with_fault(1 + _i % 2 * 2, _i / 2);
}
END_TEST

/* No thread can be had at all, and two ask at once. */
static int
offload_in_vain(void *arg)
{
    int result = coir_offload(do_nothing, arg);
    MUST(result == -EAGAIN || result == 0);
    return 0;
}

static int
all_offload_in_vain(void *arg)
{
    struct coir_task *tasks[8];
    (void)arg;
    for (long i = 0; i < core_rounds(2000); i++) {
        cr_fault_arm(1u << CR_FAULT_THREAD, 1, true);
        for (int k = 0; k < 8; k++)
            MUST_BE(coir_go_spread(offload_in_vain, NULL, NULL, &tasks[k]), 0);
        for (int k = 0; k < 8; k++)
            MUST_BE(coir_join(tasks[k], NULL, coir_after(5 * COIR_SECOND)), 0);
        (void)cr_fault_disarm();
    }
    return 0;
}

START_TEST(no_helper_for_anybody)
{
    core_run(_i, all_offload_in_vain, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, the_nth_call_fails, 0, 2 * ROUNDS);
    tcase_add_loop_test(cases, no_helper_for_anybody, 1, 5);
}

int
main(void)
{
    return core_main("fault", add);
}
