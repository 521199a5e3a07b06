/* backend/file_call.c: the system calls behind file_call.h. They wait in the kernel: on a helper thread, or a plain one. */
#include "backend/file_call.h"
#include "backend/operation.h"
#include "base/fault.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RACES = 64 }; /* how often an open whose ".." raced with a rename is tried (openat2(2), EAGAIN) */
enum { SECOND = 1000000000 };

CR_ATOMIC(bool) cr_file_call_is_old;

static int
result(long answer)
{
    return answer < 0 ? -errno : (int)answer;
}

/* A plain open(2) may answer EAGAIN, too, of a file that is leased: somebody else is to let it go. */
static int
open_file(struct cr_file_call *call)
{
    int fd = -EAGAIN;
    if (!call->how.resolve)
        fd = result(openat(call->fd, call->path, (int)call->how.flags, (mode_t)call->how.mode));
    else if (cr_load_rlx(&cr_file_call_is_old))
        return -ENOSYS;
    else
        for (int i = 0; i < RACES && fd == -EAGAIN; i++)
            fd = result(syscall(SYS_openat2, call->fd, call->path, &call->how, sizeof call->how));
    return fd == -EAGAIN ? -EBUSY : fd;
}

/* One component of a walk below directory, which is closed unless it is the walk's beginning. */
static int
step(const struct cr_file_call *call, int directory, const char *name, bool is_last)
{
    int flags = is_last ? (int)call->how.flags : O_PATH | O_DIRECTORY | O_CLOEXEC, fd;
    if (!strcmp(name, ".."))
        fd = -EXDEV;
    else
        fd = result(openat(directory, name, flags | O_NOFOLLOW, (mode_t)call->how.mode));
    if (directory != call->fd)
        close(directory);
    return fd;
}

static int
walk(struct cr_file_call *call)
{
    char path[PATH_MAX], *name = path;
    int fd = call->fd;
    if (strlen(call->path) >= sizeof path)
        return -ENAMETOOLONG;
    if (*call->path == '/')
        return -EXDEV;
    strcpy(path, call->path);
    for (size_t length = strlen(path); length && path[length - 1] == '/';)
        path[--length] = '\0';
    for (char *slash; fd >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        *slash = '\0';
        if (*name)
            fd = step(call, fd, name, false);
    }
    return fd < 0 ? fd : step(call, fd, name, true);
}

static int
sync_file(struct cr_file_call *call)
{
    return result(fsync(call->fd));
}

static int
look(struct cr_file_call *call)
{
    return result(statx(call->fd, call->path, call->flags, STATX_BASIC_STATS, call->look));
}

static int
remove_name(struct cr_file_call *call)
{
    return result(unlinkat(call->fd, call->path, call->flags));
}

static int
rename_it(struct cr_file_call *call)
{
    return result(renameat(call->fd, call->path, call->to_fd, call->to));
}

static int
make(struct cr_file_call *call)
{
    return result(mkdirat(call->fd, call->path, call->mode));
}

static int
seek(struct cr_file_call *call)
{
    call->offset = cr_file_move(call->fd, call->offset, call->flags);
    return call->offset < 0 ? (int)call->offset : 0;
}

static int
copy(struct cr_file_call *call)
{
    return result(copy_file_range(call->fd, NULL, call->to_fd, NULL, call->size, 0));
}

static int
send_file(struct cr_file_call *call)
{
    struct cr_held_signal held;
    int answer;
    cr_signal_hold(&held);
    answer = result(sendfile(call->to_fd, call->fd, NULL, call->size));
    cr_signal_release(&held, answer);
    return answer == -EAGAIN ? CR_CALL_FULL : answer;
}

/* ---- Directories ---- */

static enum coir_file_kind
kind_of(unsigned mode)
{
    return S_ISREG(mode) ? COIR_FILE : S_ISDIR(mode) ? COIR_DIRECTORY : S_ISLNK(mode) ? COIR_LINK : COIR_OTHER;
}

void
cr_file_describe(const struct statx *look, struct coir_entry *entry)
{
    entry->kind = kind_of(look->stx_mode);
    entry->mode = look->stx_mode & 07777;
    entry->size = (int64_t)look->stx_size;
    if (__builtin_mul_overflow((int64_t)look->stx_mtime.tv_sec, (int64_t)SECOND, &entry->modified) ||
        __builtin_add_overflow(entry->modified, (int64_t)look->stx_mtime.tv_nsec, &entry->modified))
        entry->modified = look->stx_mtime.tv_sec < 0 ? INT64_MIN : INT64_MAX; /* beyond the year 2262 */
}

/* 1: it is an entry; 0: it is not, or is no more. */
static int
list_one(int fd, const struct dirent64 *found, struct coir_entry *entry)
{
    struct statx look;
    if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, ".."))
        return 0;
    memset(entry, 0, sizeof *entry);
    if (strlen(found->d_name) >= sizeof entry->name)
        return 1; /* without a name: too long */
    strcpy(entry->name, found->d_name);
    if (statx(fd, entry->name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &look))
        return errno == ENOENT ? 0 : -errno;
    cr_file_describe(&look, entry);
    return 1;
}

static int
list(struct cr_file_call *call)
{
    struct cr_listing *listing = call->listing;
    const size_t most = sizeof listing->entries / sizeof listing->entries[0];
    listing->count = 0;
    while (listing->count < most) {
        const struct dirent64 *found;
        int answer;
        if (listing->begin == listing->end) {
            if (listing->count)
                break;
            answer = result(getdents64(listing->fd, listing->raw, sizeof listing->raw));
            if (answer <= 0)
                return answer;
            listing->begin = 0;
            listing->end = (size_t)answer;
        }
        found = (const struct dirent64 *)(const void *)(listing->raw + listing->begin);
        answer = list_one(listing->fd, found, &listing->entries[listing->count]);
        if (answer < 0 && listing->count)
            break; /* those before it come first; it is met again by the next call */
        listing->begin += found->d_reclen;
        if (answer < 0)
            return answer; /* told once: the next call goes on behind it */
        listing->count += (size_t)answer;
    }
    return (int)listing->count;
}

/* ---- All of them ---- */

static const struct {
    int (*carry_out)(struct cr_file_call *call);
    const char *name;
} calls[CR_CALL_KINDS] = {
    [CR_CALL_OPEN] = {open_file, "open"},
    [CR_CALL_WALK] = {walk, "open"},
    [CR_CALL_SYNC] = {sync_file, "sync"},
    [CR_CALL_LOOK] = {look, "look at"},
    [CR_CALL_REMOVE] = {remove_name, "remove"},
    [CR_CALL_RENAME] = {rename_it, "rename"},
    [CR_CALL_MAKE] = {make, "make"},
    [CR_CALL_LIST] = {list, "list"},
    [CR_CALL_SEEK] = {seek, "seek in"},
    [CR_CALL_COPY] = {copy, "copy"},
    [CR_CALL_SENDFILE] = {send_file, "send"},
};

int
cr_file_call_do(struct cr_file_call *call)
{
    int answer;
    if (CR_FAIL(CR_FAULT_FILE))
        return -EIO;
    do
        answer = calls[call->kind].carry_out(call);
    while (answer == -EINTR);
    return answer;
}

const char *
cr_file_call_name(const struct cr_file_call *call)
{
    return calls[call->kind].name;
}

/* ---- At once ---- */

int64_t
cr_file_move(int fd, int64_t offset, int whence)
{
    off_t place = lseek(fd, offset, whence);
    return place < 0 ? -errno : place;
}

int
cr_file_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (!!(flags & O_NONBLOCK) != on && fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK))
        return -errno;
    return !!(flags & O_NONBLOCK);
}

int
cr_file_splice(int fd, int to_fd, size_t size)
{
    struct cr_held_signal held;
    int answer;
    if (CR_FAIL(CR_FAULT_SEND))
        return -ECONNRESET;
    cr_signal_hold(&held);
    do
        answer = result(splice(fd, NULL, to_fd, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
    while (answer == -EINTR);
    cr_signal_release(&held, answer);
    return answer == -EAGAIN ? CR_CALL_FULL : answer;
}
