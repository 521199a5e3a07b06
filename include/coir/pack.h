/* coir/pack.h: numbers and short texts as bytes in a given order, for headers and records: the format language of Python's
 * struct. Nothing here suspends or allocates.
 *
 * A format is a mark, which may be left out, and letters, each with a count before it, which may be left out, too; blanks
 * between them do not count.
 *
 *   @   byte order, sizes and alignment as the compiler has them (so it is without a mark)
 *   =   byte order of this machine, standard sizes, no alignment      < little-endian    > and ! big-endian (network)
 *
 *   letter   bytes    given to coir_pack                     coir_unpack's pointer
 *            (= < > !)
 *   x        1        nothing; a zero                        nothing; skipped
 *   c        1        char                                   char
 *   b  B     1        signed, unsigned char                  the same
 *   ?        1        bool                                   bool
 *   h  H     2        short, unsigned short                  the same
 *   i  I     4        int, unsigned                          the same
 *   l  L     4        long, unsigned long (whatever the mark) the same
 *   q  Q     8        int64_t, uint64_t                      the same
 *   n  N     @ only   ssize_t, size_t                        the same
 *   P        @ only   void *                                 void *
 *   e  f     2, 4     double (half and single precision)     float
 *   d        8        double                                 double
 *   9s       9        two: bytes, and how many (int)         9 bytes
 *   9p       9        two: bytes, and how many (int)         two: 8 bytes, and an int: how many
 *
 * A count is so many values, each an argument of its own ("3h": three); of s and p it is the size in bytes: what is given
 * beyond it is cut off, what is missing are zeros. p has its length in the first byte (255 at most). With @, "0l" at the end
 * pads up to where a long could stand. */
#ifndef COIR_PACK_H
#define COIR_PACK_H

#include <coir/base.h>
#include <sys/types.h>

COIR_BEGIN

/* Into size bytes: how many were written. -EINVAL: the format; -EMSGSIZE: it is more than size, nothing was written;
 * -EOVERFLOW: a value is beyond its letter's bytes. coir_error_detail names the column. */
COIR_EXPORT ssize_t coir_pack(void *bytes, size_t size, const char *format, ...);

/* From size bytes, of which there may be more than needed: how many were read. -EINVAL; -EMSGSIZE: there are too few, and
 * nothing was stored. */
COIR_EXPORT ssize_t coir_unpack(const void *bytes, size_t size, const char *format, ...);

/* How many bytes a format is; -EINVAL. */
COIR_EXPORT ssize_t coir_packed_size(const char *format);

COIR_END

#endif
