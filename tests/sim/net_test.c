/* net_test.c: a healthy virtual network: coir's calls on hosts of it, from fibers of one worker, of three, and from plain
 * threads: the loop number says which. What goes wrong on purpose is in trouble_test.c. */
#include <check.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/core.h"
#include "backend/descriptor.h"
#include "backend/operation.h"
#include "base/world.h"
#include "hosts.h"

static const int casts[] = {1, 3, HOSTS_PLAIN};
enum { CASTS = 3 };
static int cast; /* workers of the program under test */

/* Two programs, on host 0 and on host 1. */
struct play {
    coir_function *here, *there;
};

static void
raise_curtain(void *arg)
{
    const struct play *play = arg;
    if (play->there)
        (void)hosts_start(1, casts[(cast + 1) % CASTS], play->there, NULL);
    (void)hosts_start(0, casts[cast], play->here, NULL);
}

static struct cr_sim_outcome
act(int number, coir_function *here, coir_function *there)
{
    struct play play = {here, there};
    cast = number;
    return hosts_run((uint64_t)number, raise_curtain, &play);
}

static char
next_byte(struct coir_stream *stream)
{
    char byte;
    MUST_BE(coir_stream_read(stream, &byte, 1, hosts_soon()), 1);
    return byte;
}

/* ---- Meeting ---- */

static int
serve_five(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9000");
    (void)arg;
    for (int i = 0; i < 5; i++) {
        struct coir_stream *stream = hosts_accept(listener);
        struct coir_address address;
        char text[COIR_ADDRESS_TEXT];
        hosts_expect(stream, "hello");
        MUST_BE(coir_stream_local(stream, &address), 0);
        MUST_BE(coir_stream_print(stream, hosts_soon(), "%s", coir_address_text(&address, text, sizeof text)), 0);
        MUST_BE(coir_stream_peer(stream, &address), 0);
        MUST_BE(coir_stream_print(stream, hosts_soon(), " %s", coir_address_text(&address, text, sizeof text)), 0);
        MUST_BE(coir_stream_close(stream), 0);
    }
    coir_listener_close(listener);
    return 0;
}

static int
visit_there(void *arg)
{
    static const char *const ways[] = {"10.0.0.2:9000", "tcp://h2:9000"};
    (void)arg;
    hosts_pause(1);
    for (int i = 0; i < 2; i++) {
        coir_time before = coir_now();
        struct coir_stream *stream = hosts_dial(ways[i]);
        MUST(coir_now() - before >= 200 * COIR_US);
        hosts_put(stream, "hello");
        hosts_expect(stream, "tcp://[::ffff:10.0.0.2]:9000 tcp://[::ffff:10.0.0.1]:");
        MUST_BE(coir_stream_close(stream), 0);
    }
    return 0;
}

static int
visit_at_home(void *arg)
{
    static const struct {
        const char *way, *answer;
    } table[] = {{"127.0.0.1:9000", "tcp://[::ffff:127.0.0.1]:9000 tcp://[::ffff:127.0.0.1]:"},
                 {"[::1]:9000", "tcp://[::1]:9000 tcp://[::1]:"},
                 {"h2:9000", "tcp://[::ffff:10.0.0.2]:9000 tcp://[::ffff:10.0.0.2]:"}};
    coir_time before = coir_now();
    (void)arg;
    for (int i = 0; i < 3; i++) {
        struct coir_stream *stream = hosts_dial(table[i].way);
        hosts_put(stream, "hello");
        hosts_expect(stream, table[i].answer);
        MUST_BE(coir_stream_close(stream), 0);
    }
    MUST_BE(coir_now(), before); /* a host is no way from itself */
    return 0;
}

static int
serve_and_visit(void *arg)
{
    struct hosts_task visitor, server;
    hosts_go(&server, serve_five, arg);
    hosts_pause(10);
    hosts_go(&visitor, visit_at_home, NULL);
    return hosts_join(&visitor) | hosts_join(&server);
}

START_TEST(addresses_and_names)
{
    (void)act(_i, visit_there, serve_and_visit);
}
END_TEST

static int
dial_nowhere(void *arg)
{
    static const struct {
        const char *way;
        int answer;
    } table[] = {{"h2:9", -ECONNREFUSED},
                 {"127.0.0.1:9", -ECONNREFUSED},
                 {"[::1]:9", -ECONNREFUSED},
                 {"h65:9", -ENOENT},
                 {"h0:9", -ENOENT},
                 {"somebody:9", -ENOENT},
                 {"192.0.2.1:9", -EHOSTUNREACH},
                 {"[2001:db8::1]:9", -EHOSTUNREACH},
                 {"10.0.0.2:0", -ECONNREFUSED},
                 {"unix:/nobody", -ECONNREFUSED},
                 {"unix:@nobody", -ECONNREFUSED}};
    (void)arg;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct coir_stream *stream;
        int result = coir_stream_dial(table[i].way, NULL, &stream, hosts_soon());
        if (result != table[i].answer)
            ck_abort_msg("%s: %d, not %d", table[i].way, result, table[i].answer);
    }
    return 0;
}

START_TEST(nobody_there)
{
    MUST_BE(act(_i, dial_nowhere, NULL).time / COIR_US, 200); /* there and back, once */
}
END_TEST

static int
take_ports(void *arg)
{
    struct coir_listener *first = hosts_listen("127.0.0.1:700"), *other;
    struct coir_listener_options share = {.share_port = true};
    (void)arg;
    MUST_BE(coir_listener_open("127.0.0.1:700", NULL, &other), -EADDRINUSE);
    MUST_BE(coir_listener_open("*:700", NULL, &other), -EADDRINUSE);
    MUST_BE(coir_listener_open("127.0.0.1:700", &share, &other), -EADDRINUSE);
    MUST_BE(coir_listener_open("10.0.0.2:700", NULL, &other), -EADDRNOTAVAIL);
    MUST_BE(coir_listener_open("10.0.0.1:700", NULL, &other), 0);
    coir_listener_close(other);
    MUST_BE(coir_listener_open("[::1]:700", NULL, &other), 0);
    coir_listener_close(other);
    coir_listener_close(first);
    MUST_BE(coir_listener_open("127.0.0.1:700", &share, &first), 0);
    MUST_BE(coir_listener_open("127.0.0.1:700", &share, &other), 0);
    coir_listener_close(other);
    coir_listener_close(first);
    return 0;
}

static int
run_out_of_ports(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *stream = hosts_dial("127.0.0.1:9"), *peer = hosts_accept(listener), *other;
    (void)arg;
    MUST_BE(coir_stream_dial("127.0.0.1:9", NULL, &other, hosts_soon()), -EADDRNOTAVAIL);
    coir_stream_close(stream);
    coir_stream_close(peer);
    MUST_BE(coir_stream_dial("127.0.0.1:9", NULL, &other, hosts_soon()), -EADDRNOTAVAIL); /* kept for a minute */
    hosts_pause(61000);
    coir_stream_close(hosts_dial("127.0.0.1:9"));
    coir_listener_close(listener);
    return 0;
}

static int
few_ports(void *arg)
{
    cr_net_host_set(0, &(struct cr_net_host){.first_port = 40000, .last_port = 40000});
    return take_ports(arg) | run_out_of_ports(arg);
}

START_TEST(ports)
{
    (void)act(_i, few_ports, NULL);
}
END_TEST

static int
accept_after_a_while(void *arg)
{
    struct coir_listener *listener;
    (void)arg;
    MUST_BE(coir_listener_open("*:9", &(struct coir_listener_options){.backlog = 1}, &listener), 0);
    hosts_pause(500);
    for (int i = 0; i < 3; i++)
        coir_stream_close(hosts_accept(listener));
    coir_listener_close(listener);
    return 0;
}

static int
dial_three(void *arg)
{
    struct coir_stream *stream[3];
    coir_time before;
    (void)arg;
    hosts_pause(1);
    stream[0] = hosts_dial("h2:9");
    stream[1] = hosts_dial("h2:9"); /* a queue of n holds n + 1 */
    before = coir_now();
    stream[2] = hosts_dial("h2:9"); /* asks again after a second */
    MUST_BE((coir_now() - before) / COIR_MS, 1000);
    for (int i = 0; i < 3; i++)
        coir_stream_close(stream[i]);
    return 0;
}

START_TEST(a_full_queue_lets_wait)
{
    (void)act(_i, dial_three, accept_after_a_while);
}
END_TEST

/* ---- Ends ---- */

static int
half_close(void *arg)
{
    struct coir_stream *stream = hosts_dial("h2:9");
    char bytes[8];
    (void)arg;
    hosts_put(stream, "question");
    MUST_BE(coir_stream_shutdown(stream, hosts_soon()), 0);
    MUST_BE(coir_stream_write(stream, "x", 1, hosts_soon()), -EPIPE);
    hosts_expect(stream, "answer");
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), 0);
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), 0);
    coir_stream_close(stream);
    return 0;
}

/* What the other side does with each connection in turn, and what that looks like. */
static int
end_in_many_ways(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *stream = hosts_accept(listener);
    char bytes[8];
    (void)arg;
    hosts_expect(stream, "question");
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), 0);
    hosts_put(stream, "answer");
    coir_stream_close(stream);

    stream = hosts_accept(listener); /* aborted with bytes under way */
    hosts_put(stream, "last");
    hosts_pause(10);
    coir_stream_abort(stream);
    coir_stream_close(stream);

    stream = hosts_accept(listener); /* closed with bytes unread */
    MUST_BE(next_byte(stream), 'a');
    hosts_pause(10);
    coir_stream_close(stream);

    stream = hosts_accept(listener); /* closed; the peer goes on writing */
    coir_stream_close(stream);

    stream = hosts_accept(listener); /* its listener is closed before it is accepted */
    coir_stream_close(stream);
    hosts_pause(100);
    coir_listener_close(listener);
    return 0;
}

static int
see_ends(void *arg)
{
    struct coir_stream *stream;
    struct coir_address address;
    char bytes[8];
    hosts_pause(1);
    MUST_BE(half_close(arg), 0);

    stream = hosts_dial("h2:9");
    hosts_pause(100);
    hosts_expect(stream, "last"); /* what has come is not lost */
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), -ECONNRESET);
    MUST_BE(coir_stream_write(stream, "x", 1, hosts_soon()), -EPIPE);
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), 0);
    MUST_BE(coir_stream_peer(stream, &address), -ENOTCONN);
    MUST_BE(coir_stream_shutdown(stream, hosts_soon()), -EPIPE);
    coir_stream_close(stream);

    stream = hosts_dial("h2:9");
    hosts_put(stream, "a");
    hosts_put(stream, "bcd");
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), -ECONNRESET);
    coir_stream_close(stream);

    stream = hosts_dial("h2:9");
    hosts_pause(100);
    hosts_put(stream, "into the void"); /* the first does not know yet */
    hosts_pause(100);
    MUST_BE(coir_stream_write(stream, "x", 1, hosts_soon()), -EPIPE);
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), 0); /* the end came before the reset */
    coir_stream_close(stream);

    coir_stream_close(hosts_dial("h2:9"));
    stream = hosts_dial("h2:9"); /* in a queue that nobody looks into */
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), -ECONNRESET);
    coir_stream_close(stream);
    return 0;
}

START_TEST(ends_and_resets)
{
    (void)act(_i, see_ends, end_in_many_ways);
}
END_TEST

/* What the kernel says and coir's own words hide: an error once, then -EPIPE. */
static int
see_errors_once(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *stream = hosts_dial("127.0.0.1:9"), *peer = hosts_accept(listener);
    struct iovec part = {(void *)(uintptr_t) "x", 1};
    struct cr_op op = {.kind = CR_OP_SEND, .fd = coir_stream_fd(stream), .parts = &part, .count = 1};
    (void)arg;
    coir_stream_abort(peer);
    coir_stream_close(peer);
    MUST_BE(cr_operation_try(&op), -ECONNRESET);
    MUST_BE(cr_operation_try(&op), -EPIPE);
    op.fd = 0; /* not of this world */
    MUST_BE(cr_operation_try(&op), -EBADF);
    coir_stream_close(stream);
    MUST_BE(cr_world.close(op.fd), -EBADF);
    coir_listener_close(listener);
    return 0;
}

START_TEST(an_error_is_told_once)
{
    (void)act(_i, see_errors_once, NULL);
}
END_TEST

/* ---- Numbers ---- */

static int
read_one(void *arg)
{
    char byte;
    ssize_t count = coir_stream_read(arg, &byte, 1, COIR_NEVER);
    return count == 1 ? byte : (int)count;
}

static int
reuse_numbers(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *streams[4], *peers[4];
    struct hosts_task reader;
    int low;
    (void)arg;
    for (int i = 0; i < 4; i++) {
        streams[i] = hosts_dial("127.0.0.1:9");
        peers[i] = hosts_accept(listener);
    }
    low = coir_stream_fd(streams[1]);
    MUST(low >= CR_VIRTUAL && low < coir_stream_fd(peers[1]) && coir_stream_fd(peers[1]) < coir_stream_fd(streams[2]));
    for (int i = 0; i < 50; i++) { /* a waiting reader is thrown out, and its number is another one's at once */
        hosts_go(&reader, read_one, streams[1]);
        hosts_pause(1);
        hosts_put(peers[1], "o");
        coir_stream_abort(streams[1]);
        MUST(hosts_join(&reader) == -EPIPE || reader.result == 'o');
        coir_stream_close(streams[1]);
        coir_stream_close(peers[1]);
        streams[1] = hosts_dial("127.0.0.1:9");
        MUST_BE(coir_stream_fd(streams[1]), low);
        peers[1] = hosts_accept(listener);
        hosts_go(&reader, read_one, streams[1]);
        hosts_pause(1);
        hosts_put(peers[1], "n");
        MUST_BE(hosts_join(&reader), 'n');
    }
    MUST(cr_net_open_descriptors(0) >= 9);
    for (int i = 0; i < 4; i++) {
        coir_stream_close(streams[i]);
        coir_stream_close(peers[i]);
    }
    coir_listener_close(listener);
    return 0;
}

START_TEST(numbers_are_used_again)
{
    (void)act(_i, reuse_numbers, NULL);
}
END_TEST

static int
hold_some(void *arg)
{
    struct coir_stream *streams[9];
    int count = 0, turned_away = 0;
    char byte;
    (void)arg;
    hosts_pause(10);
    for (; count < 9; count++) {
        streams[count] = hosts_dial("h2:9");
        turned_away += coir_stream_read(streams[count], &byte, 1, hosts_in(2000)) != 1;
    }
    MUST(turned_away >= 3);
    while (count > 0)
        coir_stream_close(streams[--count]);
    hosts_pause(5000);
    streams[0] = hosts_dial("h2:9");
    MUST_BE(next_byte(streams[0]), 'k');
    coir_stream_close(streams[0]);
    return 0;
}

static int
keep_until_end(void *stream)
{
    char byte;
    hosts_put(stream, "k");
    MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), 0);
    return coir_stream_close(stream);
}

static int
run_out(void *arg)
{
    struct coir_listener *listener;
    struct hosts_task keepers[32];
    int count = 0, result;
    struct coir_stream *stream;
    (void)arg;
    cr_net_host_set(1, &(struct cr_net_host){.descriptors = 10});
    listener = hosts_listen("*:9");
    while ((result = coir_listener_accept(listener, &stream, hosts_in(30000))) == 0)
        hosts_go(&keepers[count++], keep_until_end, stream);
    MUST_BE(result, -ETIMEDOUT);
    MUST(count >= 2 && count < 7); /* a plain thread that waits needs a number, too */
    for (int i = 0; i < count; i++)
        MUST_BE(hosts_join(&keepers[i]), 0);
    coir_listener_close(listener);
    return 0;
}

START_TEST(survives_a_lack_of_numbers)
{
    coir_log_set_level(COIR_LOG_ERROR);
    (void)act(_i, hold_some, run_out);
}
END_TEST

/* ---- Unix sockets ---- */

static int
meet_by_path(void *arg)
{
    static const char *const places[] = {"unix:/run/place", "unix:@place"};
    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct coir_listener *listener = hosts_listen(places[i]), *other;
        struct coir_stream *stream = hosts_dial(places[i]), *peer = hosts_accept(listener);
        struct coir_address address;
        char text[COIR_ADDRESS_TEXT], bytes[8];
        MUST_BE(coir_listener_open(places[i], NULL, &other), -EADDRINUSE);
        MUST_BE(coir_stream_peer(stream, &address), 0);
        MUST(!strcmp(coir_address_text(&address, text, sizeof text), places[i]));
        hosts_put(stream, "over");
        hosts_put(stream, "there");
        hosts_expect(peer, "overthere");
        MUST_BE(coir_stream_shutdown(peer, hosts_soon()), 0);
        MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), 0);
        hosts_put(stream, "unread");
        coir_stream_close(peer);
        MUST_BE(coir_stream_write(stream, "x", 1, hosts_soon()), -EPIPE);
        MUST_BE(coir_stream_close(stream), 0);
        stream = hosts_dial(places[i]);
        coir_listener_close(listener);
        MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_soon()), -ECONNRESET);
        coir_stream_close(stream);
        MUST_BE(coir_stream_dial(places[i], NULL, &stream, hosts_soon()), -ECONNREFUSED);
    }
    return 0;
}

static int
leave_a_path(void *arg)
{
    struct sockaddr_storage place;
    struct coir_address address;
    struct coir_listener *listener;
    int fd = cr_world.socket(AF_UNIX, SOCK_STREAM);
    (void)arg;
    MUST_BE(coir_address_parse("unix:/left/over", &address), 0);
    place = address.storage;
    MUST_BE(cr_world.bind(fd, (struct sockaddr *)&place, address.size), 0);
    MUST_BE(cr_world.close(fd), 0);
    fd = cr_world.socket(AF_UNIX, SOCK_STREAM);
    MUST_BE(cr_world.bind(fd, (struct sockaddr *)&place, address.size), -EADDRINUSE);
    MUST_BE(cr_world.close(fd), 0);
    MUST_BE(coir_listener_open("unix:/left/over", NULL, &listener), 0); /* nobody listened */
    coir_listener_close(listener);
    MUST_BE(cr_world.unlink_socket("/left/over"), -ENOENT);
    return 0;
}

static int
pairs(void *arg)
{
    struct coir_stream *ends[2];
    char byte;
    (void)arg;
    MUST_BE(coir_stream_pair(ends), 0);
    hosts_put(ends[0], "x");
    hosts_expect(ends[1], "x");
    MUST_BE(coir_stream_read(ends[1], &byte, 1, hosts_in(10)), -ETIMEDOUT);
    coir_stream_close(ends[0]);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, COIR_NEVER), 0);
    coir_stream_close(ends[1]);
    return 0;
}

static int
unix_sockets(void *arg)
{
    return meet_by_path(arg) | leave_a_path(arg) | pairs(arg);
}

static int
other_paths(void *arg)
{
    struct coir_stream *stream;
    MUST_BE(coir_stream_dial("unix:/run/place", NULL, &stream, hosts_soon()), -ECONNREFUSED);
    return unix_sockets(arg);
}

START_TEST(paths_are_a_hosts_own)
{
    (void)act(_i, unix_sockets, other_paths);
}
END_TEST

/* ---- Waiting no longer ---- */

static char much[200000];

/* Calls that have to wait, one after the other, on a connection whose peer does nothing. */
static int
wait_in(int call, coir_time deadline)
{
    struct coir_listener *listener = hosts_listen("127.0.0.1:0");
    struct coir_stream *ends[2], *stream = NULL;
    char byte;
    int result = 0;
    MUST_BE(coir_stream_pair(ends), 0);
    switch (call) {
    case 0:
        result = coir_listener_accept(listener, &stream, deadline);
        break;
    case 1:
        result = (int)coir_stream_read(ends[0], &byte, 1, deadline);
        break;
    case 2:
        result = coir_stream_write(ends[0], much, sizeof much, deadline);
        break;
    case 3: /* host 3 is silent */
        result = coir_stream_dial("h4:9", NULL, &stream, deadline);
        break;
    default:
        break;
    }
    MUST(!stream);
    coir_listener_close(listener);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
    return result;
}

enum { CALLS = 4 };

static int
wait_for_ever(void *call)
{
    return wait_in(*(int *)call, COIR_NEVER);
}

static int
give_up(void *arg)
{
    (void)arg;
    cr_net_kill(3, CR_NET_SILENT);
    for (int call = 0; call < CALLS; call++) {
        coir_time before = coir_now();
        struct hosts_task waiter;
        MUST_BE(wait_in(call, COIR_NOW), -EAGAIN);
        MUST_BE(coir_now(), before);
        MUST_BE(wait_in(call, coir_after(-1)), -ETIMEDOUT);
        MUST_BE(wait_in(call, hosts_in(70)), -ETIMEDOUT);
        MUST_BE(coir_now(), before + 70 * COIR_MS);
        hosts_go(&waiter, wait_for_ever, &call);
        hosts_pause(10);
        coir_cancel(waiter.self);
        MUST_BE(hosts_join(&waiter), -ECANCELED);
        MUST_BE(coir_now(), before + 80 * COIR_MS);
    }
    return 0;
}

START_TEST(deadlines_and_cancel)
{
    (void)act(_i, give_up, NULL);
}
END_TEST

/* Held here, as the run is abandoned with them. */
static struct coir_stream *silent[2];
static struct coir_listener *deaf;

static int
read_for_ever(void *arg)
{
    (void)arg;
    silent[0] = hosts_dial("h1:9");
    return read_one(silent[0]);
}

static int
say_nothing(void *arg)
{
    (void)arg;
    deaf = hosts_listen("*:9");
    silent[1] = hosts_accept(deaf);
    return read_one(silent[1]);
}

static void
start_silence(void *arg)
{
    (void)arg;
    (void)hosts_start(0, HOSTS_PLAIN, say_nothing, NULL);
    (void)hosts_start(0, HOSTS_PLAIN, read_for_ever, NULL);
}

START_TEST(those_who_wait_for_each_other_are_seen)
{
    struct cr_sim_outcome outcome = hosts_try(1, start_silence, NULL);
    char text[1000];
    MUST_BE(outcome.end, CR_SIM_STUCK);
    MUST(strstr(outcome.text, "program on host 0 waits for the network"));
    cr_net_describe(text, sizeof text);
    MUST(strstr(text, "host 0: 0.0.0.0:9 listening") && strstr(text, "10.0.0.1:9 open"));
    MUST_BE(cr_net_open_descriptors(0), 5); /* two of them bells */
    MUST(silent[0] && silent[1] && deaf);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_checked_fixture(cases, hosts_begin, hosts_end);
    tcase_add_loop_test(cases, addresses_and_names, 0, CASTS);
    tcase_add_loop_test(cases, nobody_there, 0, CASTS);
    tcase_add_loop_test(cases, ports, 0, CASTS);
    tcase_add_loop_test(cases, a_full_queue_lets_wait, 0, CASTS);
    tcase_add_loop_test(cases, ends_and_resets, 0, CASTS);
    tcase_add_loop_test(cases, an_error_is_told_once, 0, CASTS);
    tcase_add_loop_test(cases, numbers_are_used_again, 0, CASTS);
    tcase_add_loop_test(cases, survives_a_lack_of_numbers, 0, CASTS);
    tcase_add_loop_test(cases, paths_are_a_hosts_own, 0, CASTS);
    tcase_add_loop_test(cases, deadlines_and_cancel, 0, CASTS);
    tcase_add_test(cases, those_who_wait_for_each_other_are_seen);
}

int
main(void)
{
    return core_main("sim_net", add);
}
