/* io/unix.h: binding sockets that may be Unix sockets, with their files. */
#ifndef CR_UNIX_H
#define CR_UNIX_H

#include <coir/address.h>

/* Binds. A Unix socket's file that nobody has open any more (its process died) is replaced; a new one gets mode, 0: 0600. */
int cr_unix_bind(int fd, const struct coir_address *address, int type, unsigned mode);
/* Removes the file, if the address has one. */
void cr_unix_leave(const struct coir_address *address);

#endif
