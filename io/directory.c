/* io/directory.c: what stands in a directory, one entry at a time. The kernel is asked for some 30 entries and what they are
 * in one call, on a helper thread: no ring reads directories. */
#include "base/memory.h"
#include "io/file.h"

#include <string.h>

struct coir_directory {
    size_t given; /* of the listing's entries */
    bool at_end;
    struct cr_listing listing;
};

int
coir_directory_open(struct coir_root *root, const char *path, struct coir_directory **listing, coir_time deadline)
{
    struct coir_directory *made;
    int fd = cr_root_open(root, path, O_RDONLY | O_DIRECTORY, 0, deadline);
    *listing = NULL;
    if (fd < 0)
        return fd;
    made = cr_alloc_zero(sizeof *made);
    if (!made) {
        (void)cr_world.close(fd);
        return -ENOMEM;
    }
    made->listing.fd = fd;
    *listing = made;
    return 0;
}

int
coir_directory_next(struct coir_directory *directory, struct coir_entry *entry, coir_time deadline)
{
    struct cr_listing *listing = &directory->listing;
    struct cr_file_call call = {.kind = CR_CALL_LIST, .fd = listing->fd, .listing = listing};
    int error = cr_enter(cr_task_self(), deadline), count;
    if (error)
        return error;
    if (directory->given == listing->count && !directory->at_end) {
        count = cr_file_call(&call, deadline);
        directory->given = 0;
        if (count < 0) {
            listing->count = 0; /* none is left to be given: the next call asks again */
            return count;
        }
        directory->at_end = count == 0;
    }
    if (directory->at_end)
        return -EPIPE;
    *entry = listing->entries[directory->given++];
    return *entry->name ? 0 : -ENAMETOOLONG;
}

void
coir_directory_close(struct coir_directory *directory)
{
    if (!directory)
        return;
    (void)cr_world.close(directory->listing.fd);
    cr_free(directory);
}
