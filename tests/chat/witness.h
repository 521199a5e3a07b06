/* tests/chat/witness.h: what the members of rooms heard, and whether it can have been one truth.
 *
 * A session is one member from his welcome to his end, in one room, under a name nobody else has had there. The rule is
 * about pairs: from the moment B came in until one of them is gone, A and B have heard the same, in the same order, each
 * without what he said himself. If that does not hold something was lost, doubled, or told in two orders. */
#ifndef CR_TESTS_CHAT_WITNESS_H
#define CR_TESTS_CHAT_WITNESS_H

#include <stdbool.h>
#include <stddef.h>

enum { CR_WITNESS_TEXT = 512 };

struct cr_session_heard {
    unsigned room;
    char name[32];
    char *welcome; /* the line that let him in */
    char **lines;  /* after it */
    size_t count, room_for;
};

struct cr_witness {
    struct cr_session_heard **sessions;
    size_t count, room_for;
    char text[CR_WITNESS_TEXT]; /* of the contradiction */
};

/* A new session that has been welcomed with this line. It stays the witness's. */
struct cr_session_heard *cr_witness_enters(struct cr_witness *witness, unsigned room, const char *name,
                                           const char *welcome);
void cr_witness_hears(struct cr_session_heard *session, const char *line);
/* Whether a line with this text has been heard in the session. */
bool cr_witness_has_heard(const struct cr_session_heard *session, const char *line);

/* NULL, or a sentence about two sessions that cannot both be true. */
const char *cr_witness_contradiction(struct cr_witness *witness);

void cr_witness_forget(struct cr_witness *witness);

#endif
