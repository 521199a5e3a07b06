/* serve/serve.c: the calls of coir/serve.h: a server is opened (open.c), and run in this process (server.c) or in others
 * (supervisor.c). */
#include "serve/server.h"

#include "sched/task.h"

#include <errno.h>

static bool
has_processes(const struct coir_server *server)
{
    return server->choice.processes || server->choice.process_each;
}

static void
announce(struct coir_server *server)
{
    if (server->options.ready)
        server->options.ready(server, server->options.ready_arg);
    cr_manager_tell(server, "READY=1");
}

static int
serve(const char *addresses, const struct coir_server *wanted)
{
    struct coir_server *server;
    int error = cr_server_open(addresses, wanted, true, &server);
    if (error)
        return error;
    error = has_processes(server) ? cr_server_supervise(server) : cr_server_run(server, NULL, announce);
    if (!server->runtime) /* else some of its handlers still run */
        cr_server_free(server);
    return error;
}

static const struct coir_serve_options no_options;

int
coir_serve(const char *addresses, coir_handler *handler, void *arg, const struct coir_serve_options *options)
{
    return serve(addresses,
                 &(struct coir_server){.handler = handler, .arg = arg, .options = options ? *options : no_options});
}

int
coir_serve_datagrams(const char *addresses, coir_datagram_handler *handler, void *arg,
                     const struct coir_serve_options *options)
{
    return serve(addresses, &(struct coir_server){
                                .datagram_handler = handler, .arg = arg, .options = options ? *options : no_options});
}

int
coir_server_start(const char *addresses, coir_handler *handler, void *arg, const struct coir_serve_options *options,
                  struct coir_server **server)
{
    struct coir_server wanted = {.handler = handler, .arg = arg, .options = options ? *options : no_options};
    int error = cr_server_open(addresses, &wanted, false, server);
    if (error)
        return error;
    if (has_processes(*server))
        error = cr_fail(-EINVAL,
                        "model %s: its processes need a supervisor, which coir_serve is and coir_server_start has not",
                        (*server)->choice.name);
    else
        error = cr_server_begin(*server);
    if (error) {
        cr_server_free(*server);
        *server = NULL;
    }
    return error;
}

int
coir_server_stop(struct coir_server *server, coir_time deadline)
{
    int error = cr_server_end(server, deadline);
    if (!server->runtime)
        cr_server_free(server);
    return error;
}

struct coir_runtime *
coir_server_runtime(const struct coir_server *server)
{
    return server->runtime;
}
