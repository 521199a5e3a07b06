/* servers/chat/name.c: names can be seen, told apart, and are nobody else's.
 *
 * What is told apart is the key: the name case-folded and normalised by NFKC, so that "Ann", "ANN" and a full-width
 * "ann" are one name, as are both ways to write an accent. Names without blanks keep the line protocol unambiguous:
 * in "ann: hello" the name ends at the first ": ", and no name can begin a line with "* ".
 *
 * Left out on purpose: look-alikes of different scripts (a Cyrillic letter in a Latin name) are different names.
 * Refusing mixed scripts refuses many honest names, and the tables of look-alikes change every year. */
#include "servers/chat/name.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "protocol/utf8.h"

/* Bytes looked at, at most. A character normalised from more than this many on average does not exist. */
enum { INPUT_LIMIT = CR_NAME_SIZE * 4 };

static const char no_memory[] = "the hub is out of memory";

/* Keys of names nobody may have. */
static const char *const reserved[] = {"administrator"};

static void
trim(const char **text, size_t *size)
{
    while (*size && (*text)[0] == ' ')
        ++*text, --*size;
    while (*size && (*text)[*size - 1] == ' ')
        --*size;
}

static int
refuse(const char **reason, const char *why)
{
    *reason = why;
    return -EINVAL;
}

/* A mark belongs to the letter before it; at the beginning it would sit on whatever stands there. */
static bool
begins_with_mark(const char *text, size_t size)
{
    uint32_t point;
    return cr_utf8_decode(text, size, &point) > 0 && uc_is_general_category(point, UC_MARK);
}

/* Takes what libunistring made of valid text, in place itself or in memory of its own (NULL: there was none), and
 * ends it with NUL. */
static int
keep(uint8_t *made, size_t size, char *place, size_t limit)
{
    int error = !made ? -ENOMEM : size > limit ? -EMSGSIZE : 0;
    if (!error) {
        if (made != (uint8_t *)place)
            memcpy(place, made, size);
        place[size] = '\0';
    }
    if (made != (uint8_t *)place)
        free(made);
    return error;
}

static int
normalise(const char *text, size_t size, struct cr_name *name)
{
    size_t made_size = CR_NAME_SIZE;
    uint8_t *made = u8_normalize(UNINORM_NFC, (const uint8_t *)text, size, (uint8_t *)name->text, &made_size);
    return keep(made, made_size, name->text, CR_NAME_SIZE);
}

static int
make_key(struct cr_name *name)
{
    size_t made_size = CR_NAME_KEY_SIZE;
    uint8_t *made = u8_casefold((const uint8_t *)name->text, strlen(name->text), NULL, UNINORM_NFKC,
                                (uint8_t *)name->key, &made_size);
    return keep(made, made_size, name->key, CR_NAME_KEY_SIZE);
}

static bool
is_reserved(const struct cr_name *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(name->key, reserved[i]) == 0)
            return true;
    return false;
}

int
cr_name_read(const char *text, size_t size, struct cr_name *name, const char **reason)
{
    static const char too_long[] = "a name has at most 24 characters";
    trim(&text, &size);
    if (size == 0)
        return refuse(reason, "a name has at least one character");
    if (size > INPUT_LIMIT)
        return refuse(reason, too_long);
    ssize_t characters = cr_utf8_visible(text, size, CR_UTF8_NAME);
    if (characters == -EILSEQ)
        return refuse(reason, "that is not UTF-8 text");
    if (characters < 0)
        return refuse(reason, "a name has visible characters only, and no blanks");
    if (begins_with_mark(text, size))
        return refuse(reason, "a name cannot begin with a mark that belongs to a letter");
    int error = normalise(text, size, name);
    if (!error && cr_utf8_visible(name->text, strlen(name->text), CR_UTF8_NAME) > CR_NAME_CHARACTERS)
        error = -EMSGSIZE;
    if (!error)
        error = make_key(name);
    if (error == -EMSGSIZE)
        return refuse(reason, too_long);
    if (error) {
        *reason = no_memory;
        return error;
    }
    return is_reserved(name) ? refuse(reason, "that name is the administrator's") : 0;
}
