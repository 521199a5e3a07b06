/* echo.c: a server that gives back what it gets, one task for each connection, and its client, in one program. */
#include <coir/listener.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <coir/stream.h>
#include <stdio.h>

static int
echo(void *arg)
{
    struct coir_stream *stream = arg;
    char bytes[4096];
    ssize_t count;
    int error = 0;
    while (!error && (count = coir_stream_read(stream, bytes, sizeof bytes, coir_after(COIR_MINUTE))) > 0)
        error = coir_stream_write(stream, bytes, (size_t)count, coir_after(COIR_MINUTE));
    coir_stream_close(stream);
    return error;
}

/* Until it is canceled. */
static int
serve(void *arg)
{
    struct coir_stream *stream;
    int error;
    while ((error = coir_listener_accept(arg, &stream, COIR_NEVER)) == 0)
        if (coir_go_spread(echo, stream, NULL, NULL))
            coir_stream_close(stream); /* no memory for its task: let it go */
    return error;
}

static int
say(const char *address, const char *what)
{
    struct coir_stream *stream;
    char line[64];
    ssize_t length;
    int error = coir_stream_dial(address, NULL, &stream, coir_after(5 * COIR_SECOND));
    if (error)
        return error;
    error = coir_stream_print(stream, coir_after(5 * COIR_SECOND), "%s\n", what);
    if (!error) {
        length = coir_stream_read_line(stream, line, sizeof line, coir_after(5 * COIR_SECOND));
        error = length < 0 ? (int)length : 0;
    }
    if (!error)
        printf("echo: %s\n", line);
    coir_stream_close(stream);
    return error;
}

static int
both(void *arg)
{
    struct coir_listener *listener;
    struct coir_address address;
    char text[COIR_ADDRESS_TEXT];
    int error = coir_listener_open("127.0.0.1:0", NULL, &listener);
    (void)arg;
    if (error) {
        fprintf(stderr, "echo: %s\n", coir_error_detail());
        return error;
    }
    {
        COIR_SCOPE(scope); /* its end cancels the server */
        error = coir_scope_go(&scope, serve, listener, NULL);
        if (!error)
            error = coir_listener_local(listener, &address);
        coir_address_text(&address, text, sizeof text);
        if (!error)
            error = say(text, "is anybody there?");
        if (!error)
            error = say(text, "good bye");
    }
    coir_listener_close(listener);
    return error;
}

int
main(void)
{
    return coir_run(both, NULL, NULL) != 0;
}
