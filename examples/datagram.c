/* datagram.c: UDP: a server that answers each message in capitals, and its client. What is sent as one message comes as one, or
 * not at all: so the client asks again when no answer has come in time. */
#include <coir/datagram.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Until it is canceled. */
static int
serve(void *arg)
{
    struct coir_datagram *socket = arg;
    struct coir_address from;
    char bytes[1500];
    ssize_t size;
    while ((size = coir_datagram_receive(socket, bytes, sizeof bytes, &from, COIR_NEVER)) >= 0) {
        for (ssize_t i = 0; i < size; i++)
            bytes[i] = (char)toupper((unsigned char)bytes[i]);
        if (coir_datagram_send(socket, bytes, (size_t)size, &from, coir_after(COIR_SECOND)))
            break;
    }
    return 0;
}

static int
ask(struct coir_datagram *client, const char *question)
{
    char answer[64];
    ssize_t size = -ETIMEDOUT;
    for (int attempt = 0; attempt < 5 && size == -ETIMEDOUT; attempt++) {
        int error = coir_datagram_send(client, question, strlen(question), NULL, coir_after(COIR_SECOND));
        if (error)
            return error;
        size = coir_datagram_receive(client, answer, sizeof answer, NULL, coir_after(COIR_SECOND));
    }
    if (size == -EMSGSIZE)
        printf("the answer is cut: '%.*s...'\n", (int)sizeof answer, answer);
    else if (size >= 0)
        printf("answer of %zd bytes: '%.*s'\n", size, (int)size, answer);
    return size < 0 && size != -EMSGSIZE ? (int)size : 0;
}

static int
both(void *arg)
{
    struct coir_datagram *server, *client = NULL;
    struct coir_address address;
    char text[COIR_ADDRESS_TEXT];
    int error = coir_datagram_open("udp://127.0.0.1:0", NULL, &server);
    (void)arg;
    if (!error) {
        COIR_SCOPE(scope); /* its end cancels the server */
        error = coir_scope_go(&scope, serve, server, NULL);
        if (!error)
            error = coir_datagram_local(server, &address);
        coir_address_text(&address, text, sizeof text);
        if (!error)
            error = coir_datagram_open(NULL, &(struct coir_datagram_options){.peer = text}, &client);
        if (!error)
            error = ask(client, "is anybody there?");
        if (!error)
            error =
                ask(client, "a message has a border; what does not fit into the memory it is received in is cut off");
    }
    coir_datagram_close(client);
    coir_datagram_close(server);
    return error;
}

int
main(void)
{
    return coir_run(both, NULL, NULL) != 0;
}
