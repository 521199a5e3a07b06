/* servers/toys/toy.h: four services small enough to be looked at while a server model is: echo, upper, time, sum.
 *
 * Each is a handler in blocking style, and knows nothing of models; and a handler of datagrams, which answers one with one.
 * They keep nothing between two calls. Their limits of time are the server's (coir/serve.h: idle, whole). */
#ifndef CR_SERVERS_TOYS_TOY_H
#define CR_SERVERS_TOYS_TOY_H

#include <coir/serve.h>

enum {
    CR_TOY_LINE = 4096, /* bytes of a line, or of a datagram that is a line, without its end */
    CR_TOY_ANSWER =
        3 * CR_TOY_LINE /* of the answer to one: no character's capitals take more than three times its bytes */
};

/* Writes what is answered to a line, both without line end, to answer (CR_TOY_ANSWER bytes): how many bytes. What cannot be
 * answered is told by a line that begins with "error: ". Does not suspend. */
typedef size_t cr_toy_answer(const char *line, size_t size, char *answer);

/* Suspends. In lines.c. Answers line by line up to the end: 0, or what ended it. A line that is too long is told so. */
int cr_toy_answer_lines(struct coir_stream *stream, cr_toy_answer *answer);
/* The same of one datagram, with or without a line end. */
int cr_toy_answer_datagram(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes,
                           size_t size, cr_toy_answer *answer);
/* Sends to whoever sent. -EDESTADDRREQ: he has no address (a Unix socket without a name). */
int cr_toy_reply(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size);

cr_toy_answer cr_upper_of; /* in capitals, by Unicode: "straße" becomes "STRASSE" */
cr_toy_answer cr_sum_of;   /* of whole numbers of 64 bits between blanks; exact */

coir_handler cr_echo_serve, cr_upper_serve, cr_time_serve, cr_sum_serve;
coir_datagram_handler cr_echo_reply, cr_upper_reply, cr_time_reply, cr_sum_reply;

struct cr_toy {
    const char *name;
    const char *summary;
    coir_handler *serve;
    coir_datagram_handler *reply;
};

/* NULL behind the last; of a name that none has. Static. */
const struct cr_toy *cr_toy_at(size_t index);
const struct cr_toy *cr_toy_find(const char *name);

#endif
