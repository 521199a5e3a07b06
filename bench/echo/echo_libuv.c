/* echo_libuv.c CONNECTIONS MESSAGES: libuv; one read buffer for all, answers by uv_try_write. */
#include "bench/echo/count.h"

#include <netinet/in.h>
#include <uv.h>

static void
room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char bytes[ECHO_BUFFER];
    (void)handle, (void)suggested;
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void
closed(uv_handle_t *handle)
{
    free(handle);
}

static void
came(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    if (got < 0) {
        uv_close((uv_handle_t *)stream, closed);
        return;
    }
    uv_buf_t answer = uv_buf_init(buffer->base, (unsigned)got);
    if (got && uv_try_write(stream, &answer, 1) == got)
        echo_answered();
}

static void
connected(uv_stream_t *listener, int status)
{
    uv_tcp_t *stream = malloc(sizeof *stream);
    bench_check(stream && !status && !uv_tcp_init(listener->loop, stream), "uv_tcp_init");
    bench_check(!uv_accept(listener, (uv_stream_t *)stream), "uv_accept");
    uv_tcp_nodelay(stream, 1);
    uv_read_start((uv_stream_t *)stream, room, came);
}

int
main(int argc, char **argv)
{
    echo_expect(argc, argv);
    uv_tcp_t listener;
    struct sockaddr_in address;
    int size = sizeof address;
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    bench_check(!uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
    bench_check(!uv_listen((uv_stream_t *)&listener, 4096, connected), "uv_listen");
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
    echo_port(ntohs(address.sin_port));
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
