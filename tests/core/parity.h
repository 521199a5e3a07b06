/* parity.h: behaviours that must be the same whatever carries the operations out: epoll under fibers of one worker or of
 * several, the kernel's own waiting under plain threads, a simulation.
 *
 * A row is a behaviour: a body that plays it, using nothing but coir's public calls, and notes what it saw; and the text
 * that comes of it. Where a connection is needed the body is played over each of the row's ways. Who acts beside the
 * body is an actor of core.h. What coir's own calls cannot show or bring about is a row of struct parity_wire, which a
 * simulation has its own of.
 *
 * The rows stand in parity_NOUN.c by what they are about; parity_test.c plays all of them on every stage. */
#ifndef TESTS_PARITY_H
#define TESTS_PARITY_H

#include <coir/listener.h>
#include <coir/stream.h>

#include "core.h"

enum parity_way { PARITY_TCP = 1, PARITY_UNIX = 2, PARITY_PAIR = 4, PARITY_ANY = 7, PARITY_NAMED = 3 };
enum {
    PARITY_FIBERS = 8, /* it starts tasks of the runtime: not for plain threads */
    PARITY_DIES = 16,  /* it must stop the process, with a sentence that has the text in it */
    PARITY_REAL = 32   /* not in a virtual world, for a reason that its file tells */
};

struct parity {
    enum parity_way way;
    char text[1024]; /* what has been noted */
};

struct parity_row {
    const char *name;
    void (*body)(struct parity *play);
    const char *text; /* what it must note */
    int manner;       /* the ways it is played, none: once, without a connection; and the flags above */
};

/* Each ends with a row without a name. */
extern const struct parity_row parity_dial[], parity_accept[], parity_read[], parity_line[], parity_write[],
    parity_end[], parity_task[], parity_sync[], parity_frame[], parity_datagram[], parity_file[];

/* "what RESULT", the result as a number or as the name of a failure: "read -EPIPE". */
void parity_note(struct parity *play, const char *what, long long result);
/* The same, but what was got is shown if there is something: "read 'abc'". */
void parity_got(struct parity *play, const char *what, ssize_t count, const char *bytes);
/* The same of an actor that answers a byte it has read. */
void parity_byte(struct parity *play, const char *what, int result);
void parity_say(struct parity *play, const char *text);

/* Where to listen, this way. */
void parity_place(struct parity *play, char place[COIR_ADDRESS_TEXT]);
struct coir_listener *parity_listen(struct parity *play, const struct coir_listener_options *options,
                                    char address[COIR_ADDRESS_TEXT]);
/* A connection: the first end has dialled. little: its buffers are small, but of a pair. */
enum parity_buffers { PARITY_USUAL, PARITY_LITTLE };
void parity_open(struct parity *play, enum parity_buffers buffers, struct coir_stream *ends[2]);
void parity_close(struct coir_stream *ends[2]);
void parity_put(struct coir_stream *stream, const char *text);

enum { PARITY_LARGE = 1 << 20 }; /* more than any buffers between two ends hold */
extern char parity_large[PARITY_LARGE + 1];

/* Actors. A stream is their argument. */
int parity_read_byte(void *stream);   /* the byte, or the result */
int parity_read_line(void *stream);   /* its length */
int parity_write_large(void *stream); /* all of parity_large */
int parity_write_byte(void *stream);
int parity_accept_one(void *listener); /* the byte that comes first on it */

struct parity_wire {
    /* Until so many bytes can be read without waiting. */
    void (*await_arrived)(struct coir_stream *stream, int count);
    /* A way to read from and one to write into, of the kind that is no socket. */
    void (*pipe)(struct coir_stream *ends[2]);
    /* The next accept that would succeed finds no free descriptor. */
    void (*lack_a_descriptor)(void);
    void (*lack_no_more)(void);
    /* A host name that a resolver says is 127.0.0.1, and one that nobody has. */
    const char *known_name, *unknown_name;
};
extern const struct parity_wire *parity_wire; /* of the stage that is played on */
extern const struct parity_wire parity_real_wire, parity_sim_wire;

#endif
