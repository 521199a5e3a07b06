/* coir/file.h: files as streams, what stands in directories, and roots that paths cannot leave.
 *
 * An open file is a stream (coir/stream.h): it is read, written and closed as one. What is written is collected (64 KiB)
 * and goes to the kernel when that is full, by flush, sync, seek or commit, before a read of a regular file, and at
 * the end; a terminal or a pipe that is to answer has to be flushed first. Reading and writing share one place in the file,
 * and all calls on one file take turns.
 *
 * No call keeps a worker waiting for a disk: the ring of io_uring carries it out, or a helper thread. What is in memory
 * already is read at once. A call under way is not given up half-done: deadline and cancel are looked at before each
 * step of at most 1 MiB begins; one that has begun ends, and its result is answered although it is late. With COIR_NOW
 * only what memory has, or what there is room for, is done; all calls on names answer -EAGAIN.
 *
 * A path is looked up inside a root, whatever ".." and links say: what would leave it answers -EXDEV, and so does a path
 * that begins with "/". (Before Linux 5.6, or where openat2(2) is refused: no link inside a root is followed, -ELOOP or
 * -ENOTDIR, and ".." is refused.) Root NULL: as the kernel does it, from the working directory, and no fence. Paths are
 * bytes, as a rule UTF-8. All calls on paths may answer what open(2) and its kin do: -ENOENT, -EACCES, -ENOTDIR, -EROFS,
 * -ENAMETOOLONG, -EMFILE ... */
#ifndef COIR_FILE_H
#define COIR_FILE_H

#include <coir/base.h>

COIR_BEGIN

struct coir_root;
struct coir_directory;
struct coir_stream;

/* A directory as a root: it stays the same one although its name is moved. Borrowed by what is opened in it for the time
 * of the call only. */
COIR_EXPORT int coir_root_open(const char *path, struct coir_root **root, coir_time deadline);
COIR_EXPORT void coir_root_close(struct coir_root *root);

/* mode: "r" read; "w" write, emptied or made; "a" write at the end, wherever that is by then, made if need be; "x" write,
 * made by this call (-EEXIST). Then in any order "+" (both ways), "b" (means nothing), "l" (line-buffered: a write with a
 * line end in it goes to the kernel at once). What is made has the mode 0666 less the umask. -EINVAL: no such mode;
 * -EISDIR. A FIFO is opened without waiting for its other side (-ENXIO: to write, and nobody reads).
 *
 * A write that fails (-ENOSPC, -EIO, -EDQUOT, -EFBIG) loses what was collected and ends the way out: later ones answer
 * -EPIPE; so does a sync that fails, and later ones of it, as nobody knows any more what is on the disk. Each failure is answered once, by the call that met it: if that is coir_stream_close, by that. */
COIR_EXPORT int coir_file_open(struct coir_root *root, const char *path, const char *mode, struct coir_stream **stream,
                               coir_time deadline);

/* A new file for the name path, to be written; nobody sees it there before coir_file_commit. Closed without, it is gone.
 * It has the mode of the file it replaces, less the umask; a link at path is itself replaced. Until then it is a file
 * ".coir-..." beside it: one that is left there is a program's that was killed. */
COIR_EXPORT int coir_file_replace(struct coir_root *root, const char *path, struct coir_stream **stream,
                                  coir_time deadline);
/* Writes what was collected, syncs, renames it to its path, and syncs the directory: at every instant the name shows
 * the whole old file or the whole new one, also after a loss of power. Nothing more can be written. After a failure the
 * old one is there (unless it was the last step that failed), and after -ETIMEDOUT it can be tried again. -EINVAL: no
 * replacement, or committed before; -EPIPE: a write or a sync failed before. */
COIR_EXPORT int coir_file_commit(struct coir_stream *stream, coir_time deadline);

/* What was written and collected goes to the kernel (flush), and to the disk (sync). Streams that are not files have
 * nothing collected: flush answers 0, sync -EINVAL. */
COIR_EXPORT int coir_file_flush(struct coir_stream *stream, coir_time deadline);
COIR_EXPORT int coir_file_sync(struct coir_stream *stream, coir_time deadline);

/* Moves the place by offset bytes from whence (SEEK_SET, SEEK_CUR, SEEK_END): the place, from the beginning.
 * (stream, 0, SEEK_CUR, ...) only tells it. -ESPIPE: it has none; -EINVAL: before the beginning, or another whence. */
COIR_EXPORT int64_t coir_file_seek(struct coir_stream *stream, int64_t offset, int whence, coir_time deadline);

enum coir_file_kind { COIR_FILE, COIR_DIRECTORY, COIR_LINK, COIR_OTHER };
struct coir_entry {
    char name[256];
    enum coir_file_kind kind;
    unsigned mode;    /* permissions: 0 to 07777 */
    int64_t size;     /* bytes */
    int64_t modified; /* when: nanoseconds since 1970 */
};

/* What is at path: 0 and *entry; -ENOENT: nothing. Links are followed. entry->name is the path's last part. */
COIR_EXPORT int coir_file_look(struct coir_root *root, const char *path, struct coir_entry *entry, coir_time deadline);

/* Removes a file, a link, or an empty directory (-ENOTEMPTY). */
COIR_EXPORT int coir_file_remove(struct coir_root *root, const char *path, coir_time deadline);
/* What is at to, but for a directory with something in it, is replaced. -EXDEV also: another file system. */
COIR_EXPORT int coir_file_rename(struct coir_root *root, const char *from, const char *to, coir_time deadline);
/* With the mode 0777 less the umask. -EEXIST. */
COIR_EXPORT int coir_directory_make(struct coir_root *root, const char *path, coir_time deadline);

/* A directory to be listed. One task at a time. */
COIR_EXPORT int coir_directory_open(struct coir_root *root, const char *path, struct coir_directory **listing,
                                    coir_time deadline);
/* The next entry, in the file system's order, without "." and "..": 0; -EPIPE after the last. Links are not followed:
 * COIR_LINK. What comes and goes meanwhile may be missing. -ENAMETOOLONG: a name of more than 255 bytes; the next call
 * goes on. */
COIR_EXPORT int coir_directory_next(struct coir_directory *listing, struct coir_entry *entry, coir_time deadline);
COIR_EXPORT void coir_directory_close(struct coir_directory *listing);

COIR_END

#endif
