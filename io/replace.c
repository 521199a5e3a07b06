/* io/replace.c: files that appear whole or not at all.
 *
 * What is written goes into a new file beside the target (so a rename is all that is needed, on the same file system),
 * under a name that nobody else takes. A commit is: written out, on the disk, renamed, and the directory on the disk. The
 * rename is what everybody sees; before it only the old file is there, after it only the new one. If that is not reached,
 * the new file is removed when its stream is closed.
 *
 * Not O_TMPFILE, which would leave nothing behind in a crash: a link cannot take the place of a name that is there. */
#include "base/memory.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TRIES = 8 }; /* names, of 2^64 */

/* The permissions of what is there, or those of a new file. */
static int
mode_of(const struct cr_replacement *own, unsigned *mode, coir_time deadline)
{
    struct statx look;
    struct cr_file_call call = {
        .kind = CR_CALL_LOOK, .fd = own->directory, .path = own->target, .flags = AT_SYMLINK_NOFOLLOW, .look = &look};
    int error = cr_file_call(&call, deadline);
    *mode = 0666;
    if (error == -ENOENT)
        return 0;
    if (!error && S_ISDIR(look.stx_mode))
        return -EISDIR;
    if (!error && S_ISREG(look.stx_mode))
        *mode = look.stx_mode & 0777;
    return error;
}

static int
open_beside(struct cr_replacement *own, coir_time deadline)
{
    struct cr_file_call call = {.kind = CR_CALL_OPEN, .fd = own->directory, .path = own->name};
    unsigned mode;
    int fd = mode_of(own, &mode, deadline);
    if (fd)
        return fd;
    call.how = (struct open_how){.flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, .mode = mode};
    fd = -EEXIST;
    for (int i = 0; i < TRIES && fd == -EEXIST; i++) {
        snprintf(own->name, sizeof own->name, ".coir-%016llx", (unsigned long long)coir_random(0));
        fd = cr_file_call(&call, deadline);
    }
    return fd;
}

static int
remove_it(const struct cr_replacement *own)
{
    struct cr_file_call call = {.kind = CR_CALL_REMOVE, .fd = own->directory, .path = own->name};
    return cr_file_call(&call, COIR_NEVER);
}

int
coir_file_replace(struct coir_root *root, const char *path, struct coir_stream **stream, coir_time deadline)
{
    struct cr_replacement *own = cr_alloc_zero(sizeof *own);
    int error = -ENOMEM, fd;
    *stream = NULL;
    if (!own)
        return -ENOMEM;
    own->directory = error = cr_root_parent(root, path, O_RDONLY, own->target, deadline);
    if (error < 0)
        goto fail_free;
    fd = error = open_beside(own, deadline);
    if (error < 0)
        goto fail_close;
    error = cr_file_adopt(fd, O_WRONLY, false, stream);
    if (error)
        goto fail_remove;
    (*stream)->file->replacement = own;
    return 0;

fail_remove : {
    COIR_SHIELD();
    (void)remove_it(own);
}
fail_close:
    (void)cr_world.close(own->directory);
fail_free:
    cr_free(own);
    return error;
}

/* In the turn. */
static int
commit(struct coir_stream *stream, coir_time deadline)
{
    struct cr_replacement *own = stream->file->replacement;
    struct cr_file_call sync = {.kind = CR_CALL_SYNC, .fd = own->directory};
    struct cr_file_call rename = {
        .kind = CR_CALL_RENAME, .fd = own->directory, .path = own->name, .to_fd = own->directory, .to = own->target};
    int error = stream->out_ended ? -EPIPE : cr_file_write_out(stream, deadline);
    if (!error)
        error = cr_file_sync(stream, deadline);
    if (!error)
        error = cr_file_call(&rename, deadline);
    if (error)
        return error;
    own->is_done = stream->out_ended = true;
    COIR_SHIELD(); /* deadline and cancel were for what could still be left undone */
    return cr_file_call(&sync, COIR_NEVER);
}

int
coir_file_commit(struct coir_stream *stream, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int error = cr_stream_begin_writing(stream, self, deadline);
    if (error)
        return error;
    if (!stream->file || !stream->file->replacement || stream->file->replacement->is_done) {
        error = cr_fail(-EINVAL, "coir_file_commit: this is no replacement, or was committed before");
    } else {
        error = commit(stream, deadline);
    }
    cr_lock_give(cr_stream_out(stream), self);
    return error;
}

void
cr_replacement_end(struct cr_replacement *own)
{
    if (!own->is_done)
        (void)remove_it(own);
    (void)cr_world.close(own->directory);
    cr_free(own);
}
