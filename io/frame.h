/* io/frame.h: where frames begin and end, in bytes that may still be coming: without a stream, for stream.c and frame.c. */
#ifndef CR_FRAME_H
#define CR_FRAME_H

#include <coir/frame.h>

/* What is left of something too long: bytes by number, or up to a text and with it. */
struct cr_skip {
    uint64_t bytes; /* if size is 0 */
    size_t size;    /* of until */
    char until[COIR_DELIMITER_MOST];
};

/* How many of these bytes belong to it; *over: it ends with them. */
size_t cr_skip_in(struct cr_skip *skip, const char *bytes, size_t count, bool *over);

enum cr_frame_answer { CR_FRAME_MORE, CR_FRAME_WHOLE, CR_FRAME_LONG };

struct cr_frame_look {
    size_t seen;         /* DELIMITED: where no delimiter begins; 0 at first */
    size_t head, length; /* WHOLE: where it is */
    size_t used;         /* WHOLE, LONG: bytes that are done with */
    size_t wanted;       /* MORE: so many bytes in all, at least */
    struct cr_skip skip; /* LONG: and then */
    bool has_rest;       /* LONG: whether there is something to skip */
};

/* Looks at the bytes from the beginning of a frame on. limit: the most it may have. */
enum cr_frame_answer cr_frame_look(const struct coir_framing *framing, size_t limit, const char *bytes, size_t count,
                                   struct cr_frame_look *look);

#endif
