/* dial_test.c: what coir_stream_dial promises, and the addresses of both ends. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
dial_in_vain(void *arg)
{
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    int result;
    (void)arg;
    coir_listener_close(wire_listen("127.0.0.1:0", text)); /* nobody is there any more */
    MUST_BE(coir_stream_dial(text, NULL, &stream, core_soon()), -ECONNREFUSED);
    MUST(!stream && strstr(coir_error_detail(), text));
    MUST_BE(coir_stream_dial("unix:/tmp/coir-nobody-here", NULL, &stream, core_soon()), -ECONNREFUSED);
    MUST_BE(coir_stream_dial("no port", NULL, &stream, core_soon()), -EINVAL);
    MUST(!stream && *coir_error_detail());
    MUST_BE(coir_stream_dial("http://127.0.0.1:80", NULL, &stream, core_soon()), -EINVAL);
    result = coir_stream_dial("nobody.invalid:80", NULL, &stream, core_soon());
    MUST(result == -ENOENT || result == -EHOSTUNREACH); /* the second: no resolver here */
    MUST(!stream && strstr(coir_error_detail(), "nobody.invalid"));
    return 0;
}

START_TEST(dials_in_vain)
{
    core_play((enum core_cast)_i, dial_in_vain, NULL);
}
END_TEST

/* A full backlog answers nothing: the deadline ends it. */
static int
dial_the_silent(void *arg)
{
    int silent = socket(AF_INET, SOCK_STREAM, 0), others[4];
    struct sockaddr_storage place = {.ss_family = AF_INET};
    socklen_t size = sizeof(struct sockaddr_storage);
    struct coir_address address = {.type = SOCK_STREAM};
    char text[COIR_ADDRESS_TEXT];
    struct coir_stream *stream;
    coir_time deadline;
    (void)arg;
    MUST_BE(coir_address_parse("127.0.0.1:0", &address), 0);
    MUST_BE(bind(silent, (struct sockaddr *)&address.storage, address.size), 0);
    MUST_BE(listen(silent, 0), 0);
    MUST_BE(getsockname(silent, (struct sockaddr *)&place, &size), 0);
    address.storage = place;
    for (int i = 0; i < 4; i++) {
        others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(others[i], (struct sockaddr *)&place, size);
    }
    deadline = coir_after(20 * COIR_MS);
    MUST_BE(coir_stream_dial(coir_address_text(&address, text, sizeof text), NULL, &stream, deadline), -ETIMEDOUT);
    MUST(!stream && coir_now() >= deadline);
    for (int i = 0; i < 4; i++)
        close(others[i]);
    close(silent);
    return 0;
}

START_TEST(a_deadline_ends_a_dial)
{
    core_play((enum core_cast)_i, dial_the_silent, NULL);
}
END_TEST

static int
look_at_addresses(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_address one, other;
    char text[2][COIR_ADDRESS_TEXT];
    (void)arg;
    wire_open(WIRE_TCP, 0, ends);
    MUST_BE(coir_stream_local(ends[0], &one), 0);
    MUST_BE(coir_stream_peer(ends[1], &other), 0);
    MUST(!strcmp(coir_address_text(&one, text[0], sizeof text[0]), coir_address_text(&other, text[1], sizeof text[1])));
    MUST(!strncmp(text[0], "tcp://127.0.0.1:", 16));
    wire_close(ends);
    wire_open(WIRE_PAIR, 0, ends);
    MUST_BE(coir_stream_local(ends[0], &one), 0);
    MUST(coir_stream_fd(ends[0]) != coir_stream_fd(ends[1]));
    MUST(fcntl(coir_stream_fd(ends[0]), F_GETFD) & FD_CLOEXEC);
    wire_close(ends);
    MUST_BE(coir_stream_close(NULL), 0);
    return 0;
}

START_TEST(addresses_of_both_ends)
{
    core_run(1, look_at_addresses, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, dials_in_vain, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_deadline_ends_a_dial, 0, CORE_CASTS);
    tcase_add_test(cases, addresses_of_both_ends);
}

int
main(void)
{
    return core_main("dial", add);
}
