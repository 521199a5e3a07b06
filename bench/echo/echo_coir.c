/* echo_coir.c CONNECTIONS MESSAGES [BACKEND]: one fiber for each connection, plain blocking reads and writes, one worker. */
#include "bench/echo/count.h"

#include <coir/listener.h>
#include <coir/runtime.h>
#include <netinet/in.h>

static int
connection(void *arg)
{
    struct coir_stream *stream = arg;
    char bytes[ECHO_BUFFER];
    ssize_t got;
    while ((got = coir_stream_read(stream, bytes, sizeof bytes, COIR_NEVER)) > 0) {
        if (coir_stream_write(stream, bytes, (size_t)got, COIR_NEVER) < 0)
            break;
        echo_answered();
    }
    return coir_stream_close(stream);
}

static int
serve(void *arg)
{
    (void)arg;
    struct coir_listener *listener;
    struct coir_stream *stream;
    struct coir_address address;
    struct coir_listener_options options = {.backlog = 4096};
    bench_check(!coir_listener_open("tcp://127.0.0.1:0", &options, &listener), "coir_listener_open");
    bench_check(!coir_listener_local(listener, &address), "coir_listener_local");
    echo_port(ntohs(((struct sockaddr_in *)(void *)&address.storage)->sin_port));
    while (!coir_listener_accept(listener, &stream, COIR_NEVER))
        bench_check(!coir_go(connection, stream, NULL, NULL), "coir_go");
    return 0;
}

int
main(int argc, char **argv)
{
    echo_expect(argc, argv);
    const char *backend = argc > 3 ? argv[3] : "epoll";
    return coir_run(serve, NULL, &(struct coir_runtime_options){.workers = 1, .backend = backend}) != 0;
}
