/* fuzz/address.c: libFuzzer target for addresses as text. The input is one text. It is refused with a sentence, or it is an
 * address: then its text, read again, is the same address and the same text, cut to any size it stays within it, and for
 * numbers it is what the C library prints. Resolving without waiting agrees; no name is looked up. */
#include <coir/address.h>
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LIMIT = 512 };

static void
hold(bool condition)
{
    if (!condition)
        abort();
}

/* Every part of it is known, from "tcp://" to the port. */
static void
as_the_library_prints(const struct coir_address *address, const char *text)
{
    char host[64], port[8], expected[COIR_ADDRESS_TEXT];
    bool is_six = address->storage.ss_family == AF_INET6;
    hold(is_six || address->storage.ss_family == AF_INET);
    hold(address->type == SOCK_STREAM || address->type == SOCK_DGRAM);
    hold(!getnameinfo((const struct sockaddr *)&address->storage, address->size, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV));
    snprintf(expected, sizeof expected, "%s://%s%s%s:%s", address->type == SOCK_STREAM ? "tcp" : "udp",
             is_six ? "[" : "", host, is_six ? "]" : "", port);
    hold(!strcmp(text, expected));
}

static void
there_and_back(const char *given, const struct coir_address *address)
{
    struct coir_address again;
    char text[COIR_ADDRESS_TEXT], text_again[COIR_ADDRESS_TEXT];
    hold(address->size > 0 && address->size <= sizeof address->storage);
    hold(coir_address_text(address, text, sizeof text) == text);
    hold(coir_address_parse(text, &again) == 0);
    hold(again.size == address->size && again.type == address->type);
    hold(!memcmp(&again.storage, &address->storage, address->size));
    hold(!strcmp(coir_address_text(&again, text_again, sizeof text_again), text));
    for (size_t room = 1; room <= strlen(text); room++) {
        char *little = malloc(room); /* so that a byte beyond it is seen */
        hold(little != NULL);
        coir_address_text(address, little, room);
        hold(strlen(little) == room - 1 && !strncmp(little, text, room - 1));
        free(little);
    }
    if (address->storage.ss_family == AF_UNIX)
        hold(!strcmp(text, given)); /* nothing of it is read in another way */
    else
        as_the_library_prints(address, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct coir_address address, resolved;
    char text[LIMIT + 1];
    int result, at_once;
    if (size > LIMIT || memchr(bytes, 0, size))
        return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    result = coir_address_parse(text, &address);
    hold(result == 0 || (result == -EINVAL && !strncmp(coir_error_detail(), "address '", 9)));
    at_once = coir_address_resolve(text, &resolved, 1, COIR_NOW);
    if (result) { /* what may be a name would have to be looked up */
        hold(at_once == -EINVAL || (at_once == -EAGAIN && strncmp(text, "unix:", 5) != 0));
        return 0;
    }
    hold(at_once == 1 && resolved.size == address.size && resolved.type == address.type);
    hold(!memcmp(&resolved.storage, &address.storage, address.size));
    there_and_back(text, &address);
    return 0;
}
