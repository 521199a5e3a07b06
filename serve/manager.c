/* serve/manager.c: what a service manager (systemd and others) and a server say to each other, by three words in the environment.
 * See sd_listen_fds(3) and sd_notify(3) for the words; no library of theirs is needed for them. */
#include <coir/datagram.h>

#include "backend/process.h"
#include "base/world.h"
#include "serve/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
cr_manager_tell(const struct coir_server *server, const char *state)
{
    const char *place = cr_world.environment("NOTIFY_SOCKET");
    struct coir_datagram *socket;
    char address[128];
    int error;
    if (!place || !*place)
        return;
    snprintf(address, sizeof address, "unix:%s", place);
    error = coir_datagram_open(NULL, &(struct coir_datagram_options){.peer = address}, &socket);
    if (!error) {
        error = coir_datagram_send(socket, state, strlen(state), NULL, coir_after(COIR_SECOND));
        coir_datagram_close(socket);
    }
    if (error)
        cr_server_log(server, COIR_LOG_WARN, "cannot tell the service manager (NOTIFY_SOCKET=%s): %s", place,
                      coir_error_text(error));
}

int
cr_manager_sockets(void)
{
    static bool taken;
    const char *pid = cr_world.environment("LISTEN_PID"), *count = cr_world.environment("LISTEN_FDS");
    if (taken || !pid || !count || atol(pid) != cr_process_self())
        return 0;
    taken = true;
    return atoi(count);
}
