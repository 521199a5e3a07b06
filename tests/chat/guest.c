/* tests/chat/guest.c: each step of a conversation has a time limit and fails the test by itself, on whatever stack. */
#include "tests/chat/guest.h"

#include <check.h>
#include <coir/log.h>
#include <coir/runtime.h>
#include <stdlib.h>
#include <string.h>

#include "servers/chat/line_member.h"

static coir_time
patience(void)
{
    return coir_after(CR_GUEST_PATIENCE * COIR_SECOND);
}

void
cr_guest_run(coir_function *body)
{
    coir_log_set_level(COIR_LOG_ERROR);
    ck_assert_int_eq(coir_run(body, NULL, NULL), 0);
}

static int
serve(void *arg)
{
    struct cr_guest *guest = arg;
    int result = cr_line_member_serve(guest->far, guest->room, guest->name_time);
    coir_stream_close(guest->far);
    return result;
}

void
cr_guest_connect(struct cr_guest *guest, struct cr_room *room, coir_time name_time)
{
    struct coir_stream *ends[2];
    ck_assert_int_eq(coir_stream_pair(ends), 0);
    *guest = (struct cr_guest){.near = ends[0], .far = ends[1], .room = room, .name_time = name_time};
    ck_assert_int_eq(coir_go_spread(serve, guest, NULL, &guest->session), 0);
}

void
cr_guest_dial(struct cr_guest *guest, const char *address)
{
    *guest = (struct cr_guest){.near = NULL};
    ck_assert_int_eq(coir_stream_dial(address, NULL, &guest->near, patience()), 0);
}

void
cr_guest_enter(struct cr_guest *guest, struct cr_room *room, const char *name)
{
    char line[8192];
    cr_guest_connect(guest, room, COIR_MINUTE);
    cr_guest_expect_bytes(guest, "name? ");
    cr_guest_send(guest, name);
    cr_guest_send(guest, "\n");
    ssize_t size = coir_stream_read_line(guest->near, line, sizeof line, patience());
    ck_assert_msg(size > 0 && strncmp(line, "* welcome, ", 11) == 0, "%s got %zd: %s", name, size,
                  size > 0 ? line : "");
}

void
cr_guest_send(struct cr_guest *guest, const char *text)
{
    ck_assert_int_eq(coir_stream_write(guest->near, text, strlen(text), patience()), 0);
}

void
cr_guest_expect(struct cr_guest *guest, const char *expected)
{
    char line[8192];
    ssize_t size = coir_stream_read_line(guest->near, line, sizeof line, patience());
    ck_assert_msg(size >= 0, "\"%s\" was expected, but reading answered %zd", expected, size);
    ck_assert_str_eq(line, expected);
}

void
cr_guest_expect_bytes(struct cr_guest *guest, const char *expected)
{
    char bytes[256] = "";
    ssize_t size = coir_stream_read_full(guest->near, bytes, strlen(expected), patience());
    ck_assert_msg(size >= 0, "\"%s\" was expected, but reading answered %zd", expected, size);
    ck_assert_str_eq(bytes, expected);
}

void
cr_guest_expect_end(struct cr_guest *guest)
{
    char byte;
    ssize_t size = coir_stream_read(guest->near, &byte, 1, patience());
    ck_assert_msg(size == 0, "the end was expected, but reading answered %zd (%c)", size, byte);
}

void
cr_guest_half_close(struct cr_guest *guest)
{
    ck_assert_int_eq(coir_stream_shutdown(guest->near, patience()), 0);
}

int
cr_guest_leave(struct cr_guest *guest)
{
    int result = 0;
    coir_stream_close(guest->near);
    if (guest->session)
        ck_assert_int_eq(coir_join(guest->session, &result, patience()), 0);
    return result;
}
