/* backend/file_call.h: what is done with names and files besides reading and writing them: one record, one call.
 *
 * Such a call is an operation (CR_OP_FILE, its data is this record), so it is carried out by the ring where there is one,
 * else on a helper thread, and by plain threads in place. None of them can be waited for by readiness, and none is given
 * up once it has begun: what it does is whole or not at all, and somebody has to be told. */
#ifndef CR_FILE_CALL_H
#define CR_FILE_CALL_H

#include "base/atomic.h"
#include <coir/file.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>

struct statx;

enum cr_call_kind {
    CR_CALL_OPEN,     /* fd, path, how: the new descriptor, close-on-exec */
    CR_CALL_WALK,     /* the same beneath fd, component by component; no link is followed, ".." is refused: -EXDEV */
    CR_CALL_SYNC,     /* fd: until it is on the disk */
    CR_CALL_LOOK,     /* fd, path, flags (AT_...): fills look */
    CR_CALL_REMOVE,   /* fd, path, flags: AT_REMOVEDIR or 0 */
    CR_CALL_RENAME,   /* fd, path, to_fd, to */
    CR_CALL_MAKE,     /* fd, path, mode: a directory */
    CR_CALL_LIST,     /* listing: fills its entries: how many, 0 after the last */
    CR_CALL_SEEK,     /* fd, offset, flags (whence): offset becomes the place */
    CR_CALL_COPY,     /* fd, to_fd, size: copy_file_range, both at their places: how many */
    CR_CALL_SENDFILE, /* fd, to_fd, size: into a socket that does not block: how many; CR_CALL_FULL */
    CR_CALL_KINDS
};
enum { CR_CALL_FULL = -5004 }; /* the socket takes nothing at present */

/* A directory that is being read. */
struct cr_listing {
    int fd;
    size_t begin, end; /* of raw */
    size_t count;      /* entries that the last call filled in */
    struct coir_entry entries[32];
    char raw[4096] __attribute__((aligned(8)));
};

struct cr_file_call {
    enum cr_call_kind kind;
    int fd, to_fd; /* a file, or the directory that the path begins at; AT_FDCWD */
    const char *path, *to;
    struct open_how how; /* OPEN, WALK; resolve 0: a plain open */
    int flags;           /* all others */
    unsigned mode;
    size_t size;
    int64_t offset;
    struct statx *look; /* of sys/stat.h */
    struct cr_listing *listing;
};

/* Carries it out, waiting in the kernel: the result, or -errno; never -EAGAIN. */
int cr_file_call_do(struct cr_file_call *call);
/* What it does, in a word, for reports. */
const char *cr_file_call_name(const struct cr_file_call *call);

/* What statx(2) said, but for the name. */
void cr_file_describe(const struct statx *look, struct coir_entry *entry);

/* What can be said of a descriptor at once: the place of a file is moved (SEEK_SET, SEEK_CUR). */
int64_t cr_file_move(int fd, int64_t offset, int whence);
/* Switches O_NONBLOCK: whether it was on, or -errno. Of descriptions that coir has made only. */
int cr_file_set_nonblocking(int fd, bool on);
/* Moves bytes from a pipe into a socket that does not block, or another pipe, without a copy: how many, 0 at the end,
 * CR_CALL_FULL: one side is not ready. */
int cr_file_splice(int fd, int to_fd, size_t size);

/* For tests: as if the kernel had no openat2. */
extern CR_ATOMIC(bool) cr_file_call_is_old;

#endif
