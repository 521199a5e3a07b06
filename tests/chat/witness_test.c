/* witness_test.c: the oracle of the chat's simulation: true histories pass, each kind of false one is noticed. */
#include "tests/chat/witness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../core/core.h"

/* What two members heard, lines separated by '|'. B comes in while A is there. */
struct history {
    const char *what, *a, *b_welcome, *b;
    const char *complaint; /* a part of it; NULL: it is true */
};

#define WELCOME "* welcome, b; 2 here: a, b"

static const struct history histories[] = {
    {"the same", "* b came in|x: 1|x: 2", WELCOME, "x: 1|x: 2", NULL},
    {"own words left out", "* b came in|b: hi|x: 1", WELCOME, "a: ho|x: 1|a: again", NULL},
    {"one gone earlier", "* b came in|x: 1|x: 2|x: 3", WELCOME, "x: 1", NULL},
    {"the other gone earlier", "* b came in|x: 1", WELCOME, "x: 1|x: 2|* a left|x: 3", NULL},
    {"before he came", "x: 0|* b came in|x: 1", WELCOME, "x: 1", NULL},
    {"a last line cut short", "* b came in|x: 1|x: 2345", WELCOME, "x: 1|x: 2", NULL},
    {"the other's word cut short in his name", "* b came in|x: 1|b", WELCOME, "x: 1|y: 1", NULL},
    {"a name alone, and more after it", "* b came in|b|x: 1", WELCOME, "x: 1", "heard \"b\" where b heard \"x: 1\""},
    {"left and heard of", "* b came in|x: 1|* b left|x: 2", WELCOME, "x: 1", NULL},
    {"lost", "* b came in|x: 1|x: 2|x: 3", WELCOME, "x: 1|x: 3", "heard \"x: 2\" where b heard \"x: 3\""},
    {"lost at the beginning", "* b came in|x: 1|x: 2", WELCOME, "x: 2", "heard \"x: 1\" where b"},
    {"lost by the other", "* b came in|x: 2", WELCOME, "x: 1|x: 2", "heard \"x: 2\" where b heard \"x: 1\""},
    {"doubled", "* b came in|x: 1", WELCOME, "x: 1|x: 1|x: 2", "b heard \"x: 1\" twice"},
    {"two orders", "* b came in|x: 1|y: 1|x: 2", WELCOME, "y: 1|x: 1|x: 2", "where b heard \"y: 1\""},
    {"after leaving", "* b came in|x: 1|* b left", WELCOME, "x: 1|x: 2", "after a had heard him leave"},
    {"not in the welcome", "* b came in", "* welcome, b; 1 here: b", "", "does not list him"},
    {"only the end of a name in it", "* b came in", "* welcome, b; 2 here: aa, b", "", "does not list him"},
    {"came twice", "* b came in|* b came in", WELCOME, "", "twice"},
    {"an own word came back to the other", "* b came in|x: 1", WELCOME, "b: hi|x: 1", "where b heard \"b: hi\""},
};

static void
hear(struct cr_session_heard *session, const char *lines)
{
    char *copy = strdup(lines), *rest = copy, *line;
    while ((line = strsep(&rest, "|")))
        if (*line)
            cr_witness_hears(session, line);
    free(copy);
}

START_TEST(histories_are_judged)
{
    const struct history *history = &histories[_i];
    struct cr_witness witness = {.sessions = NULL};
    const char *complaint;
    hear(cr_witness_enters(&witness, 1, "a", "* welcome, a; 1 here: a"), history->a);
    hear(cr_witness_enters(&witness, 1, "b", history->b_welcome), history->b);
    hear(cr_witness_enters(&witness, 2, "c", "* welcome, c; 1 here: c"), "z: 9"); /* another room */
    complaint = cr_witness_contradiction(&witness);
    if (!history->complaint)
        ck_assert_msg(!complaint, "%s: %s", history->what, complaint);
    else
        ck_assert_msg(complaint && strstr(complaint, history->complaint), "%s: %s", history->what, complaint);
    cr_witness_forget(&witness);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, histories_are_judged, 0, sizeof histories / sizeof histories[0]);
}

int
main(void)
{
    return core_main("chat_witness", add);
}
