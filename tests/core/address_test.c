/* address_test.c: addresses as text and back, and names. */
#include "core.h"

#include <coir/address.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* text NULL: refused. */
static const struct {
    const char *in, *text;
    int type, family;
} table[] = {
    {"tcp://127.0.0.1:9000", "tcp://127.0.0.1:9000", SOCK_STREAM, AF_INET},
    {"127.0.0.1:9000", "tcp://127.0.0.1:9000", SOCK_STREAM, AF_INET},
    {"udp://127.0.0.1:53", "udp://127.0.0.1:53", SOCK_DGRAM, AF_INET},
    {"udp://[::1]:53", "udp://[::1]:53", SOCK_DGRAM, AF_INET6},
    {"[::1]:0", "tcp://[::1]:0", SOCK_STREAM, AF_INET6},
    {"[2001:db8:0:0:0:0:0:1]:65535", "tcp://[2001:db8::1]:65535", SOCK_STREAM, AF_INET6},
    {"localhost:80", "tcp://127.0.0.1:80", SOCK_STREAM, AF_INET},
    {"*:80", "tcp://[::]:80", SOCK_STREAM, AF_INET6},
    {"0.0.0.0:1", "tcp://0.0.0.0:1", SOCK_STREAM, AF_INET},
    {"unix:/tmp/x y:z", "unix:/tmp/x y:z", SOCK_STREAM, AF_UNIX},
    {"unix:@name", "unix:@name", SOCK_STREAM, AF_UNIX},
    {"unix:relative", "unix:relative", SOCK_STREAM, AF_UNIX},
    {"", NULL, 0, 0},
    {":", NULL, 0, 0},
    {":80", NULL, 0, 0},
    {"127.0.0.1", NULL, 0, 0},
    {"127.0.0.1:", NULL, 0, 0},
    {"127.0.0.1:65536", NULL, 0, 0},
    {"127.0.0.1:-1", NULL, 0, 0},
    {"127.0.0.1:+1", NULL, 0, 0},
    {"127.0.0.1: 1", NULL, 0, 0},
    {"127.0.0.1:80x", NULL, 0, 0},
    {"127.0.0.1:99999999999999999999", NULL, 0, 0},
    {"127.0.0.1:80:90", NULL, 0, 0},
    {"::1:80", NULL, 0, 0},
    {"[::1]", NULL, 0, 0},
    {"[::1]80", NULL, 0, 0},
    {"[::1:80", NULL, 0, 0},
    {"[]:80", NULL, 0, 0},
    {"127.0.0:80", NULL, 0, 0},
    {"example.org:80", NULL, 0, 0},
    {"http://127.0.0.1:80", NULL, 0, 0},
    {"tcp://", NULL, 0, 0},
    {"unix:", NULL, 0, 0},
    {"localhost:http", NULL, 0, 0},
};

START_TEST(parses_and_prints)
{
    struct coir_address address, again;
    char text[COIR_ADDRESS_TEXT];
    int result = coir_address_parse(table[_i].in, &address);
    if (!table[_i].text) {
        ck_assert_int_eq(result, -EINVAL);
        ck_assert_ptr_nonnull(strstr(coir_error_detail(), table[_i].in));
        ck_assert_uint_gt(strlen(coir_error_detail()), strlen(table[_i].in));
        return;
    }
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(address.type, table[_i].type);
    ck_assert_int_eq(address.storage.ss_family, table[_i].family);
    ck_assert_ptr_eq(coir_address_text(&address, text, sizeof text), text);
    ck_assert_str_eq(text, table[_i].text);
    ck_assert_int_eq(coir_address_parse(text, &again), 0);
    ck_assert(again.size == address.size && !memcmp(&again.storage, &address.storage, address.size));
    for (size_t size = 1; size < sizeof text; size++) { /* cut to size */
        char little[COIR_ADDRESS_TEXT];
        memset(little, 'Z', sizeof little);
        coir_address_text(&address, little, size);
        ck_assert(strlen(little) < size && !strncmp(little, text, strlen(little)) && little[size] == 'Z');
    }
}
END_TEST

START_TEST(long_ones)
{
    struct coir_address address;
    char text[600] = "unix:", out[COIR_ADDRESS_TEXT];
    memset(text + 5, 'p', 107);
    ck_assert_int_eq(coir_address_parse(text, &address), 0);
    ck_assert_str_eq(coir_address_text(&address, out, sizeof out), text);
    text[5] = '@';
    ck_assert_int_eq(coir_address_parse(text, &address), 0);
    ck_assert_str_eq(coir_address_text(&address, out, sizeof out), text);
    memset(text + 5, 'p', 108);
    ck_assert_int_eq(coir_address_parse(text, &address), -EINVAL);
    memset(text, 'h', 500);
    strcpy(text + 500, ":80");
    ck_assert_int_eq(coir_address_parse(text, &address), -EINVAL);
}
END_TEST

static int
resolve(void *arg)
{
    struct coir_address addresses[8];
    char text[COIR_ADDRESS_TEXT];
    int count;
    (void)arg;
    MUST_BE(coir_address_resolve("127.0.0.1:80", addresses, 8, COIR_NOW), 1);
    MUST_BE(coir_address_resolve("unix:@x", addresses, 8, COIR_NOW), 1);
    MUST_BE(coir_address_resolve("127.0.0.1:x", addresses, 8, core_soon()), -EINVAL);
    MUST_BE(coir_address_resolve("unix:", addresses, 8, core_soon()), -EINVAL);
    MUST_BE(coir_address_resolve("no-name-yet:80", addresses, 8, COIR_NOW), -EAGAIN);
    count = coir_address_resolve("ip6-localhost:80", addresses, 8, core_soon());
    if (count > 0)
        MUST(!strcmp(coir_address_text(&addresses[0], text, sizeof text), "tcp://[::1]:80"));
    else
        MUST((count == -ENOENT || count == -EHOSTUNREACH) && *coir_error_detail());
    count = coir_address_resolve("nobody.invalid:80", addresses, 8, core_soon());
    MUST(count == -ENOENT || count == -EHOSTUNREACH);
    MUST(strstr(coir_error_detail(), "nobody.invalid"));
    return 0;
}

START_TEST(resolves_names)
{
    core_play((enum core_cast)_i, resolve, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, parses_and_prints, 0, sizeof table / sizeof table[0]);
    tcase_add_test(cases, long_ones);
    tcase_add_loop_test(cases, resolves_names, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("address", add);
}
