/* serve.c: one handler under any model: ./serve fork serves at 127.0.0.1:7000 until it is told to end (coir models lists the
 * models). Without a model it tries three of those that run beside a program, and asks each of them something. */
#include <coir/runtime.h>
#include <coir/serve.h>
#include <stdio.h>

static int
greet(struct coir_stream *stream, void *arg)
{
    char name[64];
    int error = 0;
    while (!error && coir_stream_read_line(stream, name, sizeof name, coir_after(COIR_MINUTE)) >= 0)
        error = coir_stream_print(stream, coir_after(COIR_MINUTE), "%s, %s\n", (const char *)arg, name);
    return error;
}

static int
ask(const struct coir_address *address, const char *model)
{
    char text[COIR_ADDRESS_TEXT], answer[64];
    struct coir_stream *stream;
    coir_time deadline = coir_after(10 * COIR_SECOND);
    int error = coir_stream_dial(coir_address_text(address, text, sizeof text), NULL, &stream, deadline);
    if (!error)
        error = coir_stream_print(stream, deadline, "%s\n", model);
    if (!error)
        error = (int)coir_stream_read_line(stream, answer, sizeof answer, deadline);
    if (error > 0)
        puts(answer);
    coir_stream_close(stream);
    return error < 0 ? error : 0;
}

static int
try_model(const char *model)
{
    struct coir_server *server;
    struct coir_address address;
    int error = coir_server_start("127.0.0.1:0", greet, "hello", &(struct coir_serve_options){.model = model}, &server);
    if (error)
        return error;
    coir_server_local(server, 0, &address);
    error = ask(&address, model);
    int end = coir_server_stop(server, coir_after(10 * COIR_SECOND));
    return error ? error : end;
}

int
main(int argc, char **argv)
{
    static const char *const models[] = {"iterative", "threads:2", "fiber:2"};
    struct coir_serve_options options = {.model = argc > 1 ? argv[1] : NULL};
    int error = argc > 1 ? coir_serve("127.0.0.1:7000", greet, "hello", &options) : 0;
    for (size_t i = 0; argc == 1 && i < sizeof models / sizeof models[0] && !error; i++)
        error = try_model(models[i]);
    if (error)
        fprintf(stderr, "serve: %s: %s\n", coir_error_text(error), coir_error_detail());
    return error != 0;
}
