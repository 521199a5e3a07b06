/* base/place.h: an address in the program as text that a person can look up. */
#ifndef CR_PLACE_H
#define CR_PLACE_H

#include <stddef.h>

/* "function+0x12 (program+0x34a2)", or without the function where none is known; addr2line -e program 0x34a2 knows the
 * line. text. */
char *cr_place_text(const void *address, char *text, size_t size);

#endif
