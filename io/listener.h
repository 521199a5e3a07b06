/* io/listener.h: a listener, for servers that share its socket with other processes. */
#ifndef CR_LISTENER_H
#define CR_LISTENER_H

#include <coir/listener.h>

/* Until somebody is there to be accepted, by whoever is first: 0. Fails as coir_listener_accept does, and pauses as it does after an
 * accept with COIR_NOW that lacked something. */
int cr_listener_await(struct coir_listener *listener, coir_time deadline);

#endif
