/* tests/chat/witness.c: see witness.h. */
#include "tests/chat/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more pointer, doubling. */
static void
grow(void **array, size_t count, size_t *room)
{
    if (count < *room)
        return;
    *room = *room ? 2 * *room : 16;
    *array = realloc(*array, *room * sizeof(void *));
    if (!*array)
        abort();
}

struct cr_session_heard *
cr_witness_enters(struct cr_witness *witness, unsigned room, const char *name, const char *welcome)
{
    struct cr_session_heard *session = calloc(1, sizeof *session);
    if (!session)
        abort();
    session->room = room;
    snprintf(session->name, sizeof session->name, "%s", name);
    session->welcome = strdup(welcome);
    grow((void **)&witness->sessions, witness->count, &witness->room_for);
    witness->sessions[witness->count++] = session;
    return session;
}

void
cr_witness_hears(struct cr_session_heard *session, const char *line)
{
    grow((void **)&session->lines, session->count, &session->room_for);
    session->lines[session->count++] = strdup(line);
}

bool
cr_witness_has_heard(const struct cr_session_heard *session, const char *line)
{
    for (size_t i = 0; i < session->count; i++)
        if (strcmp(session->lines[i], line) == 0)
            return true;
    return false;
}

/* Where in a session's lines this is told of somebody: his index, or the count of lines. */
static size_t
told(const struct cr_session_heard *session, const char *name, const char *what)
{
    char line[64];
    size_t at = 0;
    snprintf(line, sizeof line, "* %s %s", name, what);
    while (at < session->count && strcmp(session->lines[at], line) != 0)
        at++;
    return at;
}

static bool
said_by(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncmp(line, name, length) == 0 && line[length] == ':';
}

/* The same of a session's last line, which may have been cut short before the name's end. */
static bool
may_be_said_by(const struct cr_session_heard *session, size_t at, const char *name)
{
    const char *line = session->lines[at];
    return said_by(line, name) || (at + 1 == session->count && strncmp(line, name, strlen(line)) == 0);
}

/* The next line not said by name, from *at on; NULL at end. */
static const char *
next_not_by(const struct cr_session_heard *session, size_t *at, size_t end, const char *name)
{
    while (*at < end && may_be_said_by(session, *at, name))
        ++*at;
    return *at < end ? session->lines[(*at)++] : NULL;
}

/* Whether line is the last that its session heard, and only the beginning of what it should have been. */
static bool
is_cut_short(const struct cr_session_heard *session, size_t after, const char *line, const char *whole)
{
    return after == session->count && strncmp(line, whole, strlen(line)) == 0;
}

/* B came in while A was there: whether they heard the same from then on. */
static bool
agree(const struct cr_session_heard *a, const struct cr_session_heard *b, size_t came, char *text)
{
    size_t at = came + 1, bt = 0, a_end = told(a, b->name, "left");
    for (;;) {
        const char *one = next_not_by(a, &at, a_end, b->name), *other = next_not_by(b, &bt, b->count, a->name);
        if (!one && other && a_end < a->count) {
            snprintf(text, CR_WITNESS_TEXT, "%s heard \"%.100s\" after %s had heard him leave", b->name, other,
                     a->name);
            return false;
        }
        if (!one || !other)
            return true;
        if (strcmp(one, other) == 0)
            continue;
        if (is_cut_short(a, at, one, other) || is_cut_short(b, bt, other, one))
            return true;
        snprintf(text, CR_WITNESS_TEXT, "%s heard \"%.100s\" where %s heard \"%.100s\"", a->name, one, b->name, other);
        return false;
    }
}

/* Whether a list of names, ", " between them, has this one. */
static bool
lists(const char *welcome, const char *name)
{
    const char *at = strstr(welcome, " here: ");
    size_t length = strlen(name);
    for (at = at ? at + 7 : NULL; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

/* A name may be heard to come, and to leave, once at most. */
static bool
heard_twice(const struct cr_session_heard *session, char *text)
{
    for (size_t i = 0; i < session->count; i++)
        for (size_t k = i + 1; k < session->count; k++)
            if (strcmp(session->lines[i], session->lines[k]) == 0) {
                snprintf(text, CR_WITNESS_TEXT, "%s heard \"%.100s\" twice", session->name, session->lines[i]);
                return true;
            }
    return false;
}

static bool
pair_is_true(const struct cr_session_heard *a, const struct cr_session_heard *b, char *text)
{
    size_t came = told(a, b->name, "came in");
    if (came == a->count)
        return true; /* A was gone, or not there yet */
    if (!lists(b->welcome, a->name)) {
        snprintf(text, CR_WITNESS_TEXT, "%s heard %s come in, whose welcome does not list him: %.200s", a->name,
                 b->name, b->welcome);
        return false;
    }
    return agree(a, b, came, text);
}

const char *
cr_witness_contradiction(struct cr_witness *witness)
{
    for (size_t i = 0; i < witness->count; i++) {
        if (heard_twice(witness->sessions[i], witness->text))
            return witness->text;
        for (size_t k = 0; k < witness->count; k++)
            if (i != k && witness->sessions[i]->room == witness->sessions[k]->room &&
                !pair_is_true(witness->sessions[i], witness->sessions[k], witness->text))
                return witness->text;
    }
    return NULL;
}

void
cr_witness_forget(struct cr_witness *witness)
{
    for (size_t i = 0; i < witness->count; i++) {
        struct cr_session_heard *session = witness->sessions[i];
        for (size_t k = 0; k < session->count; k++)
            free(session->lines[k]);
        free(session->lines);
        free(session->welcome);
        free(session);
    }
    free(witness->sessions);
    *witness = (struct cr_witness){.sessions = NULL};
}
