/* scope.c: three parts of a page at once: the first failure, or two seconds, end them all. Each part comes from a small
 * server in the same program; in the second round one of them has nothing to say. */
#include <coir/listener.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <coir/stream.h>
#include <errno.h>
#include <stdio.h>

struct part {
    struct coir_listener *listener;
    const char *says; /* NULL: hangs up without a word */
    char text[64];
};

static int
serve(void *arg)
{
    struct part *part = arg;
    struct coir_stream *stream;
    int error = coir_listener_accept(part->listener, &stream, COIR_NEVER);
    if (error)
        return error;
    if (part->says)
        error = coir_stream_print(stream, COIR_NEVER, "%s\n", part->says);
    coir_stream_close(stream);
    return error;
}

static int
load(void *arg)
{
    struct part *part = arg;
    struct coir_address address;
    char text[COIR_ADDRESS_TEXT];
    struct coir_stream *stream;
    ssize_t length;
    int error = coir_listener_local(part->listener, &address);
    if (!error)
        error = coir_stream_dial(coir_address_text(&address, text, sizeof text), NULL, &stream, COIR_NEVER);
    if (error)
        return error; /* the scope has the limit */
    length = coir_stream_read_line(stream, part->text, sizeof part->text, COIR_NEVER);
    coir_stream_close(stream);
    return length < 0 ? (int)length : 0;
}

static int
page(void *arg)
{
    struct part *parts = arg;
    int error;
    COIR_SCOPE(scope);
    for (int i = 0; i < 3; i++) {
        coir_scope_go(&scope, serve, &parts[i], NULL);
        coir_scope_go(&scope, load, &parts[i], NULL);
    }
    error = coir_scope_wait(&scope, coir_after(2 * COIR_SECOND)); /* after this none of them runs */
    if (error)
        printf("no page: %s\n", coir_error_text(error));
    else
        printf("%s | %s | %s\n", parts[0].text, parts[1].text, parts[2].text);
    return error;
}

static int
two_pages(void *arg)
{
    struct part parts[3] = {{.says = "head"}, {.says = "body"}, {.says = "foot"}};
    int error = 0;
    (void)arg;
    for (int i = 0; !error && i < 3; i++)
        error = coir_listener_open("127.0.0.1:0", NULL, &parts[i].listener);
    if (!error)
        error = page(parts);
    parts[1].says = NULL;
    if (!error)
        error = page(parts) == -EPIPE ? 0 : -1;
    for (int i = 0; i < 3; i++)
        coir_listener_close(parts[i].listener);
    return error;
}

int
main(void)
{
    return coir_run(two_pages, NULL, NULL) != 0;
}
