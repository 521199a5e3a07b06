/* io/file.h: what a stream has besides when it is a file that was opened by its name; and how such streams are worked. */
#ifndef CR_FILE_H
#define CR_FILE_H

#include "backend/file_call.h"
#include "io/stream.h"

enum { CR_FILE_ROOM = 64 * 1024 };   /* of the write buffer */
enum { CR_FILE_STEP = 1024 * 1024 }; /* the most that is read or written in one operation */
enum { CR_NAME_MOST = 256 };         /* of a path's part, with its NUL */

/* A new file that stands beside the one it is to replace. */
struct cr_replacement {
    int directory;
    bool is_done;
    char name[CR_NAME_MOST], target[CR_NAME_MOST];
};

/* Under the stream's out. */
struct cr_file {
    bool reads, writes, by_line;
    bool is_lost; /* a sync has failed: what it was about may be gone, and the next one would not know (fsync(2)) */
    char *bytes;  /* CR_FILE_ROOM, collected and not written yet; NULL: none yet */
    size_t size;  /* in use */
    struct cr_replacement *replacement;
};

/* ---- file.c ---- */

/* Makes a stream of a descriptor that was opened with flags; takes it over, also on failure. -EISDIR. */
int cr_file_adopt(int fd, int flags, bool by_line, struct coir_stream **stream);

/* As cr_operate, of a regular file: with COIR_NOW, or after the deadline, what is in memory. One step at most: the
 * operation is cut. */
int cr_file_operate(struct cr_pending *pending, struct cr_lock *side, coir_time deadline);
/* Carries a call out: its result. -EAGAIN, -ETIMEDOUT, -ECANCELED: not begun. */
int cr_file_call(struct cr_file_call *call, coir_time deadline);

/* stream.c's. In the turn: all parts, which are changed on the way; *begun: some of them are out, or lost. */
int cr_file_put(struct coir_stream *stream, struct iovec *parts, size_t count, bool *begun, coir_time deadline);
/* In the turn, before something is written past the buffers: nothing is collected, nothing is read ahead. 0, or -errno. */
int cr_file_ready(struct coir_stream *stream, coir_time deadline);
/* In the turn: what the kernel has, to the disk. After a failure for good: -EPIPE. */
int cr_file_sync(struct coir_stream *stream, coir_time deadline);
/* What was collected, to the kernel. */
int cr_file_write_out(struct coir_stream *stream, coir_time deadline);
/* Before the kernel is asked for more: 0, or why it is not. */
int cr_file_before_reading(struct coir_stream *stream, coir_time deadline);
/* At the end of the stream, whose descriptor is still open: frees; the first failure that nobody has been told of. */
int cr_file_end(struct coir_stream *stream);

/* ---- replace.c ---- */

/* Of a stream that ends: removes what was not committed. */
void cr_replacement_end(struct cr_replacement *replacement);

/* ---- root.c ---- */

/* Opens path below root: a descriptor, or -errno. */
int cr_root_open(const struct coir_root *root, const char *path, int flags, unsigned mode, coir_time deadline);
/* The directory that the last part of a path is in, opened with flags, and that part. */
int cr_root_parent(const struct coir_root *root, const char *path, int flags, char name[CR_NAME_MOST],
                   coir_time deadline);

#endif
