/* io/root.c: paths, and roots that they cannot leave.
 *
 * The kernel itself holds the fence (openat2(2), RESOLVE_BENEATH, Linux 5.6): no link, no ".." and no race with somebody
 * who moves directories about leads out. Calls that know no fence (unlink, rename, mkdir) get the directory of the path's
 * last part, opened so, and that part, which is never followed. Where there is no openat2, or a filter refuses it, a path
 * is walked part by part, links and ".." being refused: less than the kernel can do, and as safe.
 *
 * A look opens what is there (O_PATH, which needs no right to read it) and looks at that. */
#include "base/memory.h"
#include "io/file.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct coir_root {
    int fd;
    bool walks; /* no openat2 */
};

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)

/* ---- Opening ---- */

int
cr_root_open(const struct coir_root *root, const char *path, int flags, unsigned mode, coir_time deadline)
{
    struct cr_file_call call = {
        .kind = root && root->walks ? CR_CALL_WALK : CR_CALL_OPEN,
        .fd = root ? root->fd : AT_FDCWD,
        .path = path,
        .how = {.flags = (unsigned)(flags | O_CLOEXEC), .mode = mode, .resolve = root ? BENEATH : 0}};
    int fd = cr_file_call(&call, deadline);
    return fd == -EXDEV ? cr_fail(-EXDEV, "'%.200s' leads out of its root", path) : fd;
}

int
cr_root_parent(const struct coir_root *root, const char *path, int flags, char name[CR_NAME_MOST], coir_time deadline)
{
    char parent[PATH_MAX];
    size_t length = strlen(path), begin;
    while (length > 1 && path[length - 1] == '/')
        length--;
    begin = length;
    while (begin && path[begin - 1] != '/')
        begin--;
    if (length - begin >= CR_NAME_MOST || begin + 2 > sizeof parent)
        return -ENAMETOOLONG;
    memcpy(name, path + begin, length - begin);
    name[length - begin] = '\0';
    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        return *path ? cr_fail(-EINVAL, "'%.200s' ends in no name", path) : -ENOENT;
    memcpy(parent, begin ? path : ".", begin ? begin : 1);
    parent[begin ? begin : 1] = '\0';
    return cr_root_open(root, parent, flags | O_DIRECTORY, 0, deadline);
}

int
coir_root_open(const char *path, struct coir_root **root, coir_time deadline)
{
    struct coir_root *made;
    int fd = cr_root_open(NULL, path, O_PATH | O_DIRECTORY, 0, deadline), probe;
    *root = NULL;
    if (fd < 0)
        return fd;
    made = cr_alloc_zero(sizeof *made);
    if (!made) {
        (void)cr_world.close(fd);
        return -ENOMEM;
    }
    made->fd = fd;
    probe = cr_root_open(made, ".", O_PATH, 0, deadline);
    if (probe == -ENOSYS || probe == -EPERM) {
        made->walks = true;
    } else if (probe < 0) {
        coir_root_close(made);
        return probe;
    } else {
        (void)cr_world.close(probe);
    }
    *root = made;
    return 0;
}

void
coir_root_close(struct coir_root *root)
{
    if (!root)
        return;
    (void)cr_world.close(root->fd);
    cr_free(root);
}

/* ---- Looking ---- */

static void
last_part(const char *path, char name[sizeof((struct coir_entry *)NULL)->name])
{
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    begin = end;
    while (begin && path[begin - 1] != '/' && end - begin < CR_NAME_MOST - 1)
        begin--;
    if (begin == end)
        begin = 0; /* "/" itself */
    memcpy(name, path + begin, end - begin);
    name[end - begin] = '\0';
}

int
coir_file_look(struct coir_root *root, const char *path, struct coir_entry *entry, coir_time deadline)
{
    struct statx look;
    struct cr_file_call call = {.kind = CR_CALL_LOOK, .fd = AT_FDCWD, .path = path, .look = &look};
    int error;
    if (root) {
        call.fd = cr_root_open(root, path, O_PATH, 0, deadline);
        if (call.fd < 0)
            return call.fd;
        call.path = "";
        call.flags = AT_EMPTY_PATH;
    }
    error = cr_file_call(&call, deadline);
    if (root)
        (void)cr_world.close(call.fd);
    if (error)
        return error;
    if (root && S_ISLNK(look.stx_mode))
        return -ELOOP; /* a walk does not follow it */
    memset(entry, 0, sizeof *entry);
    cr_file_describe(&look, entry);
    last_part(path, entry->name);
    return 0;
}

/* ---- Changing ---- */

/* Where a path's last part is looked up: for a root its directory, opened; else the path as it is. */
struct place {
    int fd;
    const char *path;
    char name[CR_NAME_MOST];
};

static int
find(const struct coir_root *root, const char *path, struct place *place, coir_time deadline)
{
    place->fd = AT_FDCWD;
    place->path = path;
    if (!root)
        return 0;
    place->fd = cr_root_parent(root, path, O_PATH, place->name, deadline);
    place->path = place->name;
    return place->fd < 0 ? place->fd : 0;
}

static void
leave(const struct place *place)
{
    if (place->fd >= 0)
        (void)cr_world.close(place->fd);
}

int
coir_file_remove(struct coir_root *root, const char *path, coir_time deadline)
{
    struct place place;
    struct cr_file_call call = {.kind = CR_CALL_REMOVE};
    int error = find(root, path, &place, deadline);
    if (error)
        return error;
    call.fd = place.fd;
    call.path = place.path;
    error = cr_file_call(&call, deadline);
    if (error == -EISDIR) {
        call.flags = AT_REMOVEDIR;
        error = cr_file_call(&call, deadline);
    }
    leave(&place);
    return error;
}

int
coir_file_rename(struct coir_root *root, const char *from, const char *to, coir_time deadline)
{
    struct place here, there;
    struct cr_file_call call = {.kind = CR_CALL_RENAME};
    int error = find(root, from, &here, deadline);
    if (error)
        return error;
    error = find(root, to, &there, deadline);
    if (error)
        goto fail_leave;
    call.fd = here.fd;
    call.path = here.path;
    call.to_fd = there.fd;
    call.to = there.path;
    error = cr_file_call(&call, deadline);
    leave(&there);
fail_leave:
    leave(&here);
    return error;
}

int
coir_directory_make(struct coir_root *root, const char *path, coir_time deadline)
{
    struct place place;
    struct cr_file_call call = {.kind = CR_CALL_MAKE, .mode = 0777};
    int error = find(root, path, &place, deadline);
    if (error)
        return error;
    call.fd = place.fd;
    call.path = place.path;
    error = cr_file_call(&call, deadline);
    leave(&place);
    return error;
}
