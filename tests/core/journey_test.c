/* journey_test.c: the way of a byte, as ARCHITECTURE.md tells it, step by step, on each backend. checks/journey has seen that its
 * table and the marks in the code name the same files; here the marks are seen to be passed, in the table's order and no
 * other. Only builds with a sanitizer tell of the steps (base/fault.h): each message goes this way. */
#include "base/fault.h"
#include "wire.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined CR_ASAN || defined CR_TSAN
enum { STEPS_ARE_TOLD = 1 };
#else
enum { STEPS_ARE_TOLD = 0 };
#endif

static const char *const backends[] = {"epoll", "poll", "select", "epoll-level", "spin", "sigio", "uring"};

static char trace[64]; /* the numbers of the steps passed */
static int peer;       /* sends when the fiber's operation has been left with the backend; -1: nothing is to come */
static const char coming = 'x';

/* On the worker's thread; there is no other one and no other fiber. */
static void
note(enum cr_moment moment)
{
    size_t length = strlen(trace);
    MUST(moment >= CR_MOMENT_STEP_0 && moment <= CR_MOMENT_STEP_5 && length + 1 < sizeof trace);
    trace[length] = (char)('0' + (moment - CR_MOMENT_STEP_0));
    if (moment == CR_MOMENT_STEP_1 && peer >= 0)
        MUST_BE(send(peer, &coming, 1, MSG_NOSIGNAL), 1);
}

static void
begin_trace(int fd)
{
    memset(trace, 0, sizeof trace);
    peer = fd;
    cr_store_rlx(&cr_moment_told, note);
}

static void
end_trace(const char *wanted, const char *what)
{
    cr_store_rlx(&cr_moment_told, NULL);
    if (strcmp(trace, wanted))
        ck_abort_msg("%s: the steps were %s, not %s", what, trace, wanted);
}

/* The other end is a bare descriptor, so that only one side's steps are seen. */
static struct coir_stream *
connect_to(int *other)
{
    struct coir_address address;
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", text);
    MUST_BE(coir_address_parse(text, &address), 0);
    *other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST_BE(connect(*other, (const struct sockaddr *)&address.storage, address.size), 0);
    MUST_BE(coir_listener_accept(listener, &stream, core_soon()), 0);
    coir_listener_close(listener);
    return stream;
}

static int
go_the_way(void *arg)
{
    char bytes[8];
    int other;
    struct coir_stream *stream = connect_to(&other);
    (void)arg;
    for (int i = 0; i < 5; i++) { /* from the third on uring has a standing receive */
        begin_trace(other);
        MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, core_soon()), 1);
        end_trace("012345", "a read that has to wait");
        MUST_BE(bytes[0], coming);

        begin_trace(-1);
        MUST_BE(coir_stream_write(stream, "answer", 6, core_soon()), 0);
        end_trace("", "the answer");
        MUST_BE(recv(other, bytes, 6, MSG_WAITALL), 6);
    }
    MUST_BE(coir_stream_close(stream), 0);
    close(other);
    return 0;
}

/* What is there already is received at once, without backend and loop. */
static int
take_what_is_there(void *arg)
{
    char bytes[8];
    int other;
    struct coir_stream *stream = connect_to(&other);
    (void)arg;
    MUST_BE(send(other, "there", 5, 0), 5);
    begin_trace(-1);
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, core_soon()), 5);
    end_trace("05", "a read of what is there");
    MUST_BE(coir_stream_close(stream), 0);
    close(other);
    return 0;
}

static coir_function *const ways[] = {go_the_way, take_what_is_there};
enum { WAYS = sizeof ways / sizeof ways[0], BACKENDS = sizeof backends / sizeof backends[0] };

START_TEST(the_way_of_a_byte)
{
    const char *backend = backends[_i / WAYS];
    if (core_refused(backend))
        return;
    core_play_with(CORE_ONE, &(struct coir_runtime_options){.workers = 1, .backend = backend}, ways[_i % WAYS], NULL);
}
END_TEST

START_TEST(not_told)
{
    printf("SKIP: only builds with a sanitizer tell of the steps\n");
}
END_TEST

static void
add(TCase *cases)
{
    if (!STEPS_ARE_TOLD || core_is_on_threads())
        tcase_add_test(cases, not_told);
    else
        tcase_add_loop_test(cases, the_way_of_a_byte, 0, BACKENDS * WAYS);
}

int
main(void)
{
    return core_main("journey", add);
}
