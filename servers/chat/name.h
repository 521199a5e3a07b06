/* servers/chat/name.h: what a member may be called. */
#ifndef CR_SERVERS_CHAT_NAME_H
#define CR_SERVERS_CHAT_NAME_H

#include <stddef.h>

enum {
    CR_NAME_CHARACTERS = 24, /* the most a name has */
    CR_NAME_SIZE = CR_NAME_CHARACTERS * 4,
    CR_NAME_KEY_SIZE =
        2 * CR_NAME_SIZE /* bytes; a name whose key is longer (ligatures of whole sentences) is refused */
};

struct cr_name {
    char text[CR_NAME_SIZE + 1];    /* to be shown; normalised (NFC) */
    char key[CR_NAME_KEY_SIZE + 1]; /* to be compared: equal for names that differ in case, width or composition only */
};

/* Reads a name: blanks around it do not count. 0; -EINVAL: *reason says why not, static, to follow "* "; -ENOMEM
 * (with a reason, too). Does not suspend. */
int cr_name_read(const char *text, size_t size, struct cr_name *name, const char **reason);

#endif
