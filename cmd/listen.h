/* cmd/listen.h: what programs that listen have in common. */
#ifndef CR_CMD_LISTEN_H
#define CR_CMD_LISTEN_H

#include <coir/address.h>

/* Prints "KIND  tcp://127.0.0.1:9000   try: nc 127.0.0.1 9000" to standard output. */
void cr_listen_print(const char *kind, const struct coir_address *address);

/* Lets this process have as many descriptors as it may: it has a connection for each. */
void cr_listen_allow(void);

#endif
