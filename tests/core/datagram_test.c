/* datagram_test.c: datagrams over UDP and Unix sockets, each from fibers of one worker, of four, from threads, and mixed: the
 * loop number is cast and kind. */
#include <coir/datagram.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "sim/net.h"
#include "sim/thread.h"

enum kind { UDP4, UDP6, PATH, ABSTRACT, KINDS };
static enum kind kind;
static char folder[] = "/tmp/coir-datagram-XXXXXX";

static void
place(char text[COIR_ADDRESS_TEXT])
{
    static int number;
    static const char *const where[] = {[UDP4] = "udp://127.0.0.1:0", [UDP6] = "udp://[::1]:0"};
    if (kind == PATH)
        snprintf(text, COIR_ADDRESS_TEXT, "unix:%s/%d-%d", folder, (int)getpid(),
                 __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
    else if (kind == ABSTRACT)
        snprintf(text, COIR_ADDRESS_TEXT, "unix:@coir-datagram-%d-%d", (int)getpid(),
                 __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
    else
        snprintf(text, COIR_ADDRESS_TEXT, "%s", where[kind]);
}

static struct coir_datagram *
open_at(const char *address, const char *peer, struct coir_address *local)
{
    struct coir_datagram *made;
    int error = coir_datagram_open(address, &(struct coir_datagram_options){.peer = peer}, &made);
    if (error)
        ck_abort_msg("%s: %d, %s", address ? address : "NULL", error, coir_error_detail());
    MUST_BE(coir_datagram_local(made, local), 0);
    return made;
}

/* One that sends: to the peer, or to whom it says. */
static struct coir_datagram *
open_client(const char *peer)
{
    char text[COIR_ADDRESS_TEXT];
    struct coir_address local;
    place(text);
    return open_at(peer ? NULL : text, peer, &local);
}

/* One that receives, and its address as text. */
static struct coir_datagram *
open_server(char text[COIR_ADDRESS_TEXT])
{
    struct coir_datagram *server;
    struct coir_address local;
    place(text);
    server = open_at(text, NULL, &local);
    coir_address_text(&local, text, COIR_ADDRESS_TEXT);
    return server;
}

static void
put(struct coir_datagram *from, const char *text, const struct coir_address *to)
{
    MUST_BE(coir_datagram_send(from, text, strlen(text), to, core_soon()), 0);
}

static void
expect(struct coir_datagram *at, const char *text, struct coir_address *from)
{
    char bytes[64];
    MUST_BE(coir_datagram_receive(at, bytes, sizeof bytes, from, core_soon()), strlen(text));
    MUST(!memcmp(bytes, text, strlen(text)));
}

static bool
same(const struct coir_address *a, const struct coir_address *b)
{
    char one[COIR_ADDRESS_TEXT], other[COIR_ADDRESS_TEXT];
    return !strcmp(coir_address_text(a, one, sizeof one), coir_address_text(b, other, sizeof other)) &&
           a->size == b->size;
}

/* ---- Messages ---- */

static int
borders(void *arg)
{
    static char large[1 << 20];
    char text[COIR_ADDRESS_TEXT], own[COIR_ADDRESS_TEXT], cut[2];
    struct coir_address local, from;
    struct coir_datagram *server = open_server(text), *client;
    (void)arg;
    place(own);
    client = open_at(own, text, &local);
    put(client, "one", NULL);
    put(client, "", NULL);
    put(client, "three", NULL);
    put(client, "four", NULL);
    expect(server, "one", &from);
    MUST(same(&from, &local) && from.type == SOCK_DGRAM);
    expect(server, "", NULL);
    MUST_BE(coir_datagram_receive(server, cut, sizeof cut, &from, core_soon()), -EMSGSIZE);
    MUST(!memcmp(cut, "th", 2) && same(&from, &local));
    expect(server, "four", NULL); /* the rest of a cut one is gone */
    put(server, "answer", &from);
    expect(client, "answer", &from);
    coir_address_text(&from, own, sizeof own);
    MUST(!strcmp(own, text));
    MUST_BE(coir_datagram_send(server, "x", 1, NULL, COIR_NOW), -EDESTADDRREQ);
    MUST_BE(coir_datagram_send(client, large, sizeof large, NULL, core_soon()), -EMSGSIZE);
    coir_datagram_close(client);
    coir_datagram_close(server);
    return 0;
}

static int received; /* atomic */

static int
receive_one(void *arg)
{
    char byte;
    int result = (int)coir_datagram_receive(arg, &byte, 1, NULL, COIR_NEVER);
    __atomic_add_fetch(&received, result > 0, __ATOMIC_SEQ_CST);
    return result;
}

/* Not: until the socket is empty, for a busy kernel may not have brought it yet. */
static void
await_received(void)
{
    coir_time end = core_soon();
    while (!__atomic_load_n(&received, __ATOMIC_SEQ_CST)) {
        MUST(coir_now() < end);
        (void)coir_yield();
    }
}

static int
waits_end(void *arg)
{
    char text[COIR_ADDRESS_TEXT], byte;
    struct coir_address local;
    struct coir_datagram *server = open_server(text), *client;
    struct core_actor receivers[3];
    (void)arg;
    received = 0;
    client = open_at(NULL, text, &local);
    MUST_BE(coir_datagram_receive(server, &byte, 1, NULL, COIR_NOW), -EAGAIN);
    MUST_BE(coir_datagram_receive(server, &byte, 1, NULL, core_past()), -ETIMEDOUT);
    MUST_BE(coir_datagram_receive(server, &byte, 1, NULL, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start_all(receivers, 3, receive_one, server);
    for (int i = 0; i < 3; i++)
        core_await_waiting(&receivers[i]);
    core_cancel(&receivers[0]);
    MUST_BE(core_end(&receivers[0]), -ECANCELED);
    put(client, "x", NULL); /* one of the others has it */
    await_received();
    coir_datagram_abort(server);
    MUST_BE(core_end(&receivers[1]) + core_end(&receivers[2]), 1 - EPIPE);
    MUST_BE(coir_datagram_receive(server, &byte, 1, NULL, COIR_NOW), -EPIPE);
    MUST_BE(coir_datagram_send(server, "x", 1, &local, COIR_NOW), -EPIPE);
    coir_datagram_close(server);
    coir_datagram_close(client);
    return 0;
}

enum { SENDERS = 3, EACH = 200 };

struct sending {
    char text[COIR_ADDRESS_TEXT];
    bool has_peer;
};

/* Into a Unix socket, which holds a few messages only, so that there is much waiting; by UDP they fit into the buffer. */
static int
send_numbers(void *arg)
{
    const struct sending *sending = arg;
    struct coir_address target;
    struct coir_datagram *socket = open_client(sending->has_peer ? sending->text : NULL);
    MUST_BE(coir_address_parse(sending->text, &target), 0);
    for (int i = 0; i < EACH; i++)
        MUST_BE(coir_datagram_send(socket, &i, sizeof i, sending->has_peer ? NULL : &target, core_soon()), 0);
    coir_datagram_close(socket);
    return 0;
}

static int
many_messages(void *has_peer)
{
    struct sending sending = {.has_peer = has_peer != NULL};
    struct coir_datagram *server = open_server(sending.text);
    struct core_actor senders[SENDERS];
    int seen[EACH] = {0}, size = 1 << 20;
    MUST_BE(coir_datagram_set_option(server, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    core_start_all(senders, SENDERS, send_numbers, &sending);
    for (int n = 0; n < SENDERS * EACH; n++) {
        int i;
        MUST_BE(coir_datagram_receive(server, &i, sizeof i, NULL, core_soon()), sizeof i);
        seen[i]++;
    }
    for (int i = 0; i < EACH; i++)
        MUST_BE(seen[i], SENDERS);
    for (int i = 0; i < SENDERS; i++)
        MUST_BE(core_end(&senders[i]), 0);
    coir_datagram_close(server);
    return 0;
}

static int
send_one(void *arg)
{
    return coir_datagram_send(arg, "one", 3, NULL, COIR_NEVER);
}

static struct coir_address full_target;

static int
send_one_there(void *arg)
{
    return coir_datagram_send(arg, "one", 3, &full_target, COIR_NEVER);
}

/* A Unix receiver that is full: with a peer, and without. */
static int
full_receiver(void *has_peer)
{
    char text[COIR_ADDRESS_TEXT], bytes[8];
    struct coir_datagram *server = open_server(text), *client;
    const struct coir_address *to = has_peer ? NULL : &full_target;
    struct core_actor sender;
    int result, sent = 0;
    MUST_BE(coir_address_parse(text, &full_target), 0);
    client = open_client(has_peer ? text : NULL);
    while ((result = coir_datagram_send(client, "fill", 4, to, COIR_NOW)) == 0)
        sent++;
    MUST_BE(result, -EAGAIN);
    MUST(sent > 0);
    MUST_BE(coir_datagram_send(client, "late", 4, to, core_past()), -ETIMEDOUT);
    MUST_BE(coir_datagram_send(client, "late", 4, to, coir_after(3 * COIR_MS)), -ETIMEDOUT);
    core_start(&sender, has_peer ? send_one : send_one_there, client);
    core_await_waiting(&sender);
    for (int i = 0; i < sent; i++)
        MUST_BE(coir_datagram_receive(server, bytes, sizeof bytes, NULL, core_soon()), 4);
    MUST_BE(core_end(&sender), 0);
    MUST_BE(coir_datagram_receive(server, bytes, sizeof bytes, NULL, core_soon()), 3);
    while (coir_datagram_send(client, "fill", 4, to, COIR_NOW) == 0)
        ;
    core_start(&sender, has_peer ? send_one : send_one_there, client);
    core_await_waiting(&sender);
    coir_datagram_abort(client);
    MUST_BE(core_end(&sender), -EPIPE);
    coir_datagram_close(client);
    coir_datagram_close(server);
    return 0;
}

static void
play(int number, coir_function *director, void *arg)
{
    kind = (enum kind)(number % KINDS);
    core_play((enum core_cast)(number / KINDS), director, arg);
}

START_TEST(messages_have_borders)
{
    play(_i, borders, NULL);
}
END_TEST

START_TEST(deadline_cancel_and_abort_end_waits)
{
    play(_i, waits_end, NULL);
}
END_TEST

START_TEST(nothing_is_lost_in_the_machine)
{
    play(_i, many_messages, NULL);
    play(_i, many_messages, &kind);
}
END_TEST

START_TEST(senders_wait_for_a_full_receiver)
{
    if (_i % KINDS < PATH) /* UDP drops */
        return;
    play(_i, full_receiver, NULL);
    play(_i, full_receiver, &kind);
}
END_TEST

/* ---- UDP's own ---- */

static int
only_from_the_peer(void *arg)
{
    char text[COIR_ADDRESS_TEXT];
    struct coir_address local, other;
    struct coir_datagram *server = open_server(text), *client = open_at(NULL, text, &local),
                         *stranger = open_at(kind == UDP4 ? "127.0.0.1:0" : "[::1]:0", NULL, &other);
    (void)arg;
    put(stranger, "from a stranger", &local);
    put(server, "from the peer", &local);
    expect(client, "from the peer", NULL);
    MUST_BE(coir_datagram_receive(client, text, sizeof text, NULL, COIR_NOW), -EAGAIN);
    coir_datagram_close(server);
    /* Nobody is there any more: the kernel says so once, after the next message. */
    put(client, "anybody?", NULL);
    MUST_BE(coir_datagram_receive(client, text, sizeof text, NULL, core_soon()), -ECONNREFUSED);
    MUST_BE(coir_datagram_receive(client, text, sizeof text, NULL, COIR_NOW), -EAGAIN);
    coir_datagram_close(client);
    coir_datagram_close(stranger);
    return 0;
}

START_TEST(a_peer)
{
    if (_i % KINDS <= UDP6)
        play(_i, only_from_the_peer, NULL);
}
END_TEST

START_TEST(both_families_in_one_socket)
{
    struct coir_address own, four, six, from;
    struct coir_datagram *both = open_at(NULL, NULL, &own), *at_four = open_at("127.0.0.1:0", NULL, &four),
                         *at_six = open_at("udp://[::1]:0", NULL, &six);
    put(both, "four", &four);
    put(both, "six", &six);
    expect(at_four, "four", &from);
    MUST(from.storage.ss_family == AF_INET);
    put(at_four, "answer 4", &from);
    expect(both, "answer 4", &from);
    MUST(same(&from, &four));
    expect(at_six, "six", &from);
    put(at_six, "answer 6", &from);
    expect(both, "answer 6", &from);
    MUST(same(&from, &six));
    coir_datagram_close(both);
    coir_datagram_close(at_four);
    coir_datagram_close(at_six);
}
END_TEST

START_TEST(broadcast_has_to_be_asked_for)
{
    struct coir_address local, target;
    struct coir_datagram *receiver = open_at("0.0.0.0:0", NULL, &target),
                         *sender = open_at("127.0.0.1:0", NULL, &local);
    struct sockaddr_in *place = (struct sockaddr_in *)&target.storage;
    place->sin_addr.s_addr = htonl(0x7fffffff); /* 127.255.255.255 */
    MUST_BE(coir_datagram_send(sender, "x", 1, &target, COIR_NOW), -EACCES);
    coir_datagram_close(sender);
    MUST_BE(coir_datagram_open("127.0.0.1:0", &(struct coir_datagram_options){.broadcast = true}, &sender), 0);
    put(sender, "to all", &target);
    expect(receiver, "to all", NULL);
    coir_datagram_close(sender);
    coir_datagram_close(receiver);
}
END_TEST

START_TEST(multicast_by_options)
{
    struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xefff0102), .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    struct coir_address local, target;
    struct coir_datagram *receiver = open_at("0.0.0.0:0", NULL, &target),
                         *sender = open_at("127.0.0.1:0", NULL, &local);
    struct sockaddr_in *place = (struct sockaddr_in *)&target.storage;
    int error = coir_datagram_set_option(receiver, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
    if (error == -ENODEV || error == -ENOPROTOOPT) {
        printf("SKIP: no multicast here\n");
        return;
    }
    MUST_BE(error, 0);
    if (!core_is_emulated()) /* the emulator knows only the longer form of this option */
        MUST_BE(coir_datagram_set_option(sender, IPPROTO_IP, IP_MULTICAST_IF, &group.imr_interface,
                                         sizeof group.imr_interface),
                0);
    place->sin_addr = group.imr_multiaddr;
    put(sender, "to the group", &target);
    expect(receiver, "to the group", NULL);
    MUST_BE(coir_datagram_set_option(receiver, IPPROTO_IP, 9999, &group, sizeof group), -ENOPROTOOPT);
    coir_datagram_close(sender);
    coir_datagram_close(receiver);
}
END_TEST

/* ---- Opening ---- */

static void
refused(const char *address, const struct coir_datagram_options *options, int error, const char *sentence)
{
    struct coir_datagram *socket = (struct coir_datagram *)(uintptr_t)1;
    MUST_BE(coir_datagram_open(address, options, &socket), error);
    MUST(!socket);
    if (!strstr(coir_error_detail(), sentence))
        ck_abort_msg("'%s' has no '%s'", coir_error_detail(), sentence);
}

START_TEST(opening)
{
    struct coir_datagram_options shared = {.share_port = true};
    struct coir_datagram *one, *other;
    struct coir_address local;
    struct stat status;
    char text[COIR_ADDRESS_TEXT];
    int open_before = core_open_descriptors();
    refused("tcp://127.0.0.1:0", NULL, -EINVAL, "datagrams are udp:// or unix:");
    refused("nobody.invalid:1", NULL, -EINVAL, "names are for");
    refused("127.0.0.1:0", &(struct coir_datagram_options){.peer = "what"}, -EINVAL, "a port is missing");
    refused(NULL, &(struct coir_datagram_options){.peer = "unix:@nobody-is-here"}, -ECONNREFUSED,
            "cannot open datagrams at any port with unix:@nobody-is-here: ");
    kind = UDP4;
    one = open_server(text);
    refused(text, NULL, -EADDRINUSE, "cannot open datagrams at udp://127.0.0.1:");
    coir_datagram_close(one);
    MUST_BE(coir_datagram_open("127.0.0.1:0", &shared, &one), 0);
    MUST_BE(coir_datagram_local(one, &local), 0);
    coir_address_text(&local, text, sizeof text);
    MUST_BE(coir_datagram_open(text, &shared, &other), 0);
    coir_datagram_close(one);
    coir_datagram_close(other);
    /* A file: only its owner's, in use, left over, gone. */
    kind = PATH;
    one = open_server(text);
    MUST(!stat(text + 5, &status) && (status.st_mode & 07777) == 0600);
    refused(text, NULL, -EADDRINUSE, text);
    MUST_BE(close(coir_datagram_fd(one)), 0); /* as if its process had died */
    other = open_at(text, NULL, &local);
    coir_datagram_close(other);
    MUST(stat(text + 5, &status) && errno == ENOENT);
    MUST_BE(dup2(0, coir_datagram_fd(one)), coir_datagram_fd(one));
    coir_datagram_close(one);
    coir_datagram_close(NULL);
    MUST_BE(core_open_descriptors(), open_before);
}
END_TEST

static void
open_virtually(void *arg)
{
    (void)arg;
    refused("127.0.0.1:0", NULL, -EOPNOTSUPP, "not supported");
}

START_TEST(not_in_a_virtual_world)
{
    struct cr_sim_outcome outcome;
    cr_net_install();
    cr_net_reset();
    outcome = cr_sim_run(&(struct cr_sim_options){.seed = 1}, open_virtually, NULL);
    MUST_BE(outcome.end, CR_SIM_DONE);
    cr_net_uninstall();
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, messages_have_borders, 0, CORE_CASTS * KINDS);
    tcase_add_loop_test(cases, deadline_cancel_and_abort_end_waits, 0, CORE_CASTS * KINDS);
    tcase_add_loop_test(cases, nothing_is_lost_in_the_machine, 0, CORE_CASTS * KINDS);
    tcase_add_loop_test(cases, senders_wait_for_a_full_receiver, 0, CORE_CASTS * KINDS);
    tcase_add_loop_test(cases, a_peer, 0, CORE_CASTS * KINDS);
    tcase_add_test(cases, both_families_in_one_socket);
    tcase_add_test(cases, broadcast_has_to_be_asked_for);
    tcase_add_test(cases, multicast_by_options);
    tcase_add_test(cases, opening);
    tcase_add_test(cases, not_in_a_virtual_world);
}

int
main(void)
{
    int failed;
    MUST(mkdtemp(folder));
    failed = core_main("datagram", add);
    (void)rmdir(folder);
    return failed;
}
