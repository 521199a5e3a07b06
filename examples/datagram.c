/* datagram.c: UDP: a server that sends each message back, and its client. What is sent as one message comes as one, or not at
 * all: so the client asks again when no answer has come in time. */
#include <coir/datagram.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <stdio.h>
#include <string.h>

/* Until it is canceled. */
static int
serve(void *server)
{
    struct coir_address from;
    char bytes[1500];
    ssize_t size;
    while ((size = coir_datagram_receive(server, bytes, sizeof bytes, &from, COIR_NEVER)) >= 0)
        (void)coir_datagram_send(server, bytes, (size_t)size, &from, coir_after(COIR_SECOND)); /* or it is lost */
    return (int)size;
}

static void
ask(struct coir_datagram *client, const struct coir_address *server, const char *question)
{
    char answer[64] = "";
    ssize_t size = -ETIMEDOUT;
    for (int attempt = 0; attempt < 5 && size == -ETIMEDOUT; attempt++) {
        size = coir_datagram_send(client, question, strlen(question), server, coir_after(COIR_SECOND));
        if (!size)
            size = coir_datagram_receive(client, answer, sizeof answer, NULL, coir_after(COIR_SECOND));
    }
    printf("%s: '%.*s'\n", size < 0 ? coir_error_text((int)size) : "answer", size < 0 ? 64 : (int)size, answer);
}

static int
both(void *arg)
{
    struct coir_datagram *server = NULL, *client = NULL;
    struct coir_address address;
    struct coir_task *task = NULL;
    (void)arg;
    if (coir_datagram_open("udp://127.0.0.1:0", NULL, &server) || coir_datagram_local(server, &address) ||
        coir_datagram_open("127.0.0.1:0", NULL, &client) || coir_go(serve, server, NULL, &task)) {
        fprintf(stderr, "datagram: %s\n", coir_error_detail());
    } else {
        ask(client, &address, "is anybody there?");
        ask(client, &address, "a message has a border; what does not fit into the memory that is given is cut off");
        coir_cancel(task);
        (void)coir_join(task, NULL, COIR_NEVER);
    }
    coir_datagram_close(client);
    coir_datagram_close(server);
    return task ? 0 : -1;
}

int
main(void)
{
    return coir_run(both, NULL, NULL) != 0;
}
