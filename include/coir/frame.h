/* coir/frame.h: messages over any stream. A stream has no borders: what was written in two calls may arrive in one read or
 * in five ("sticky packets"). A framing says where a message ends: its length comes first, or a text that is not in it comes
 * last, or all are of one size. Framings are constant descriptions and cost nothing; each call names the one it means.
 *
 *     static const struct coir_framing framing = COIR_FRAMES_PREFIXED(4, COIR_BIG_ENDIAN);
 *
 * What is read does not depend on how the bytes were cut on the way. Frames, lines and bytes may be read in turn. */
#ifndef COIR_FRAME_H
#define COIR_FRAME_H

#include <coir/base.h>
#include <coir/stream.h>

COIR_BEGIN

enum coir_framing_kind { COIR_FRAMING_PREFIXED, COIR_FRAMING_DELIMITED, COIR_FRAMING_FIXED };
enum coir_byte_order { COIR_BIG_ENDIAN, COIR_LITTLE_ENDIAN };
enum { COIR_DELIMITER_MOST = 16 }; /* bytes */

struct coir_framing {
    enum coir_framing_kind kind;
    enum coir_byte_order order; /* of a prefix */
    size_t size;                /* bytes of the prefix (1, 2, 4 or 8), of the delimiter (1 to 16), of each frame */
    const char *delimiter;
};

/* clang-format off */
#define COIR_FRAMES_PREFIXED(width, order) {COIR_FRAMING_PREFIXED, order, width, NULL}
#define COIR_FRAMES_DELIMITED(text) {COIR_FRAMING_DELIMITED, COIR_BIG_ENDIAN, sizeof(text) - 1, text}
#define COIR_FRAMES_FIXED(size) {COIR_FRAMING_FIXED, COIR_BIG_ENDIAN, size, NULL}
/* clang-format on */

/* One whole frame without its prefix or delimiter: its size, which may be 0. -EPIPE after the last; -EPROTO: the stream
 * ended inside one; -EMSGSIZE: it is longer than size, and is skipped; the next call gets the next. On -ETIMEDOUT and
 * -ECANCELED nothing is lost: what has come of a frame waits inside the stream, in memory of at most about twice size.
 * -EINVAL: there is no such framing. */
COIR_EXPORT COIR_MUSTCHECK ssize_t coir_frame_read(struct coir_stream *stream, const struct coir_framing *framing,
                                                   void *bytes, size_t size, coir_time deadline);

/* All or a failure, as coir_stream_write; frames of several tasks never interleave. Nothing is written on -EMSGSIZE: the
 * prefix cannot say so much; -EINVAL: there is no such framing, the bytes are not of its fixed size, or its delimiter would
 * be found in them. */
COIR_EXPORT int coir_frame_write(struct coir_stream *stream, const struct coir_framing *framing, const void *bytes,
                                 size_t size, coir_time deadline);

COIR_END

#endif
