/* house.h: a server in a process of its own, as a program has it, and clients of it that know nothing of coir. */
#ifndef TESTS_HOUSE_H
#define TESTS_HOUSE_H

#include <coir/serve.h>

#include "../core/core.h"

struct house {
    pid_t pid;
    int port;
    int log; /* what it says on standard error */
    char said[65536];
    size_t length;
};

/* Starts coir_serve (datagram: coir_serve_datagrams) at 127.0.0.1 in a child, and waits until it is ready: 0, or how the child
 * ended instead (the -errno of coir_serve). addresses NULL: a free port. */
int house_try(struct house *house, const char *addresses, coir_handler *handler, coir_datagram_handler *datagram,
              const struct coir_serve_options *options);
/* The same, and it must be ready. false: this model is refused here, which is then said, as a SKIP. */
bool house_open(struct house *house, const char *model, coir_handler *handler, struct coir_serve_options options);
/* Whether this failure to begin says that the model cannot be had here, which is then said, as a SKIP. */
bool house_is_refused(const char *model, int error);
/* Sends signal (0: none) and waits for the end: coir_serve's result; or -(COIR_KILLED + n). */
int house_end(struct house *house, int signal);
/* What it has said so far has this text in it; house_await waits for that. */
bool house_says(struct house *house, const char *text);
void house_await(struct house *house, const char *text);

/* The other side: a connected socket whose calls fail after 20 s. */
int house_dial(const struct house *house);
void house_say(int fd, const char *text);
void house_must_hear(int fd, const char *text); /* exactly that comes next */
void house_must_end(int fd);                    /* the end, or a reset */
long house_ask_pid(int fd);                     /* of who serves; the handler answers "pid" */

/* Echoes what comes; but "pid" is answered by the process's number, "crash" crashes, "sleep" sleeps for ever, "last" is the last:
 * it is echoed, and the handler ends. */
int house_echo(struct coir_stream *stream, void *arg);

/* All models, as they are tested; one_at_a_time: a second connection waits. */
struct house_model {
    const char *name;
    bool one_at_a_time, has_processes;
};
extern const struct house_model house_models[];
extern const int house_model_count;

#endif
