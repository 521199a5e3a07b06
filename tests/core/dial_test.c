/* dial_test.c: what coir_stream_dial promises, and the addresses of both ends. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/world.h"

/* A TCP socket that has a port of its own, so that no other process gets that, but does not listen: the kernel refuses. */
static int
open_refusing(struct coir_address *address)
{
    struct sockaddr *place = (struct sockaddr *)&address->storage;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    MUST_BE(coir_address_parse("127.0.0.1:0", address), 0);
    MUST_BE(bind(fd, place, address->size), 0);
    MUST_BE(getsockname(fd, place, &address->size), 0);
    return fd;
}

static int
dial_in_vain(void *arg)
{
    struct coir_address address;
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    int result, refuses = open_refusing(&address);
    (void)arg;
    coir_address_text(&address, text, sizeof text);
    MUST_BE(coir_stream_dial(text, NULL, &stream, core_soon()), -ECONNREFUSED);
    MUST(!stream && strstr(coir_error_detail(), text));
    close(refuses);
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

/* A full backlog answers nothing, until there is room in it. */
struct silent {
    int listens, others[4];
    struct coir_address address;
};

static void
open_silent(struct silent *silent)
{
    struct sockaddr *place = (struct sockaddr *)&silent->address.storage;
    silent->listens = open_refusing(&silent->address);
    MUST_BE(listen(silent->listens, 0), 0);
    for (int i = 0; i < 4; i++) {
        silent->others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(silent->others[i], place, silent->address.size);
    }
}

/* Room in it, which none of the others takes. */
static void
make_room(struct silent *silent)
{
    int fd;
    for (int i = 0; i < 4; i++)
        close(silent->others[i]);
    while ((fd = accept(silent->listens, NULL, NULL)) >= 0)
        close(fd);
}

static void
close_silent(struct silent *silent)
{
    make_room(silent);
    close(silent->listens);
}

static int
dial_the_silent(void *arg)
{
    struct silent silent;
    char text[COIR_ADDRESS_TEXT];
    struct coir_stream *stream;
    coir_time deadline;
    (void)arg;
    open_silent(&silent);
    deadline = coir_after(20 * COIR_MS);
    MUST_BE(coir_stream_dial(coir_address_text(&silent.address, text, sizeof text), NULL, &stream, deadline),
            -ETIMEDOUT);
    MUST(!stream && coir_now() >= deadline);
    close_silent(&silent);
    return 0;
}

START_TEST(a_deadline_ends_a_dial)
{
    core_play((enum core_cast)_i, dial_the_silent, NULL);
}
END_TEST

/* ---- Names with several addresses ---- */

/* What the name stands for: a letter for each address: S nobody answers, R refuses, G good. */
static const struct race {
    const char *addresses;
    int result;
    coir_time span; /* until the deadline; 0: long */
} races[] = {
    {"G", 0, 0},
    {"RG", 0, 0},
    {"RRG", 0, 0},
    {"GS", 0, 0},
    {"SG", 0, 0},
    {"SSG", 0, 0},
    {"R", -ECONNREFUSED, 0},
    {"RR", -ECONNREFUSED, 0},
    {"S", -ETIMEDOUT, 20 * COIR_MS},
    {"SR", -ETIMEDOUT, 300 * COIR_MS},
    {"RSS", -ETIMEDOUT, 270 * COIR_MS},
};

static struct {
    struct coir_address places[3];
    struct addrinfo list[3];
} book;

static int
look_in_book(const char *host, const char *port, struct addrinfo **list, const char **reason)
{
    MUST(!strcmp(host, "several.test") && !strcmp(port, "1"));
    *list = book.list;
    *reason = "";
    return 0;
}

static void
close_book(struct addrinfo *list)
{
    MUST(list == book.list);
}

static void
write_book(const char *addresses, const struct coir_address *silent, const struct coir_address *refuses,
           const struct coir_address *good)
{
    int count = (int)strlen(addresses);
    for (int i = 0; i < count; i++) {
        book.places[i] = *(addresses[i] == 'S' ? silent : addresses[i] == 'R' ? refuses : good);
        book.list[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&book.places[i].storage,
                                         .ai_addrlen = book.places[i].size,
                                         .ai_next = i + 1 < count ? &book.list[i + 1] : NULL};
    }
    cr_world.resolve = look_in_book;
    cr_world.resolve_free = close_book;
}

/* Not the bells of threads, which come and go. */
static int
open_sockets(void)
{
    struct stat status;
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    return count;
}

static int
run_races(void *arg)
{
    char good_text[COIR_ADDRESS_TEXT], text[COIR_ADDRESS_TEXT];
    struct coir_address good, refuses, peer;
    struct coir_listener *listener = wire_listen("127.0.0.1:0", good_text);
    struct silent silent;
    int refusing = open_refusing(&refuses), open_before;
    (void)arg;
    MUST_BE(coir_listener_local(listener, &good), 0);
    open_silent(&silent);
    open_before = -1;
    for (size_t i = 0; i < sizeof races / sizeof races[0]; i++) {
        struct coir_stream *stream;
        int result;
        write_book(races[i].addresses, &silent.address, &refuses, &good);
        result =
            coir_stream_dial("several.test:1", NULL, &stream, races[i].span ? coir_after(races[i].span) : core_soon());
        if (result != races[i].result)
            ck_abort_msg("%s: %d", races[i].addresses, result);
        MUST(!stream == (result < 0));
        if (!result) {
            MUST_BE(coir_stream_peer(stream, &peer), 0);
            MUST(!strcmp(coir_address_text(&peer, text, sizeof text), good_text));
        }
        coir_stream_close(stream);
        if (open_before < 0) /* what is made once is there now */
            open_before = open_sockets();
        MUST_BE(open_sockets(), open_before);
    }
    close_silent(&silent);
    close(refusing);
    coir_listener_close(listener);
    return 0;
}

START_TEST(the_first_address_that_answers)
{
    core_play(_i ? CORE_THREADS : CORE_FOUR, run_races, NULL);
}
END_TEST

static int
dial_several(void *arg)
{
    return coir_stream_dial("several.test:1", NULL, arg, COIR_NEVER);
}

/* Two that do not answer; then the first does, at the kernel's next attempt (a second later: the second has begun). And a
 * cancel ends it. */
static int
an_older_one_answers(void *arg)
{
    struct silent first, second;
    struct core_actor dialer;
    struct coir_stream *stream;
    struct coir_address peer;
    char text[2][COIR_ADDRESS_TEXT];
    (void)arg;
    open_silent(&first);
    open_silent(&second);
    write_book("SR", &first.address, &second.address, NULL);
    core_start(&dialer, dial_several, &stream);
    core_await_waiting(&dialer);
    core_cancel(&dialer);
    MUST_BE(core_end(&dialer), -ECANCELED);
    core_start(&dialer, dial_several, &stream);
    core_await_waiting(&dialer);
    make_room(&first);
    MUST_BE(core_end(&dialer), 0);
    MUST_BE(coir_stream_peer(stream, &peer), 0);
    MUST(!strcmp(coir_address_text(&peer, text[0], sizeof text[0]),
                 coir_address_text(&first.address, text[1], sizeof text[1])));
    coir_stream_close(stream);
    close(first.listens);
    close_silent(&second);
    return 0;
}

START_TEST(an_older_attempt_may_still_win)
{
    core_play(CORE_ONE, an_older_one_answers, NULL);
}
END_TEST

static int
dial_from(void *arg)
{
    struct coir_listener *listener;
    struct coir_stream *ends[2];
    struct coir_address address;
    char text[COIR_ADDRESS_TEXT];
    (void)arg;
    listener = wire_listen("127.0.0.1:0", text);
    MUST_BE(coir_stream_dial(text, &(struct coir_stream_options){.local = "127.0.0.2:0"}, &ends[0], core_soon()), 0);
    MUST_BE(coir_listener_accept(listener, &ends[1], core_soon()), 0);
    MUST_BE(coir_stream_peer(ends[1], &address), 0);
    MUST(!strncmp(coir_address_text(&address, text, sizeof text), "tcp://127.0.0.2:", 16));
    wire_close(ends);
    MUST_BE(coir_stream_dial(text, &(struct coir_stream_options){.local = "192.0.2.1:0"}, &ends[0], core_soon()),
            -EADDRNOTAVAIL);
    coir_listener_close(listener);
    return 0;
}

START_TEST(dials_from_an_address_of_its_own)
{
    core_run(1, dial_from, NULL);
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
    tcase_add_loop_test(cases, the_first_address_that_answers, 0, 2);
    tcase_add_test(cases, an_older_attempt_may_still_win);
    tcase_add_test(cases, dials_from_an_address_of_its_own);
    tcase_add_test(cases, addresses_of_both_ends);
}

int
main(void)
{
    return core_main("dial", add);
}
