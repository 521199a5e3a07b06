/* backend/descriptor.c: a reserved table over all numbers a process may have, 16 bytes a row; only the rows of
 * descriptors in use are ever touched. */
#include "backend/descriptor.h"
#include "base/world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

enum { ROWS = 2 * CR_VIRTUAL, SLOTS = 64 };

struct row {
    CR_ATOMIC(uint64_t) attached; /* a bit for each slot */
    CR_ATOMIC(uint32_t) generation;
};

static struct row *rows;
/* Who has which slot. Under lock: close must not meet an instance that is just going. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const struct cr_backend *backend;
    void *self;
} slots[SLOTS];

int
cr_descriptor_join(const struct cr_backend *backend)
{
    int slot = -EAGAIN;
    pthread_mutex_lock(&lock);
    if (!rows)
        rows = cr_world.map(ROWS * sizeof *rows);
    for (int i = 0; rows && slot < 0 && i < SLOTS; i++)
        if (!slots[i].backend)
            slot = i;
    if (slot >= 0) {
        slots[slot].backend = backend;
        slots[slot].self = NULL;
    }
    pthread_mutex_unlock(&lock);
    return rows ? slot : -ENOMEM;
}

int
cr_descriptor_inherit(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

void
cr_descriptor_settle(unsigned slot, void *self)
{
    pthread_mutex_lock(&lock);
    slots[slot].self = self;
    pthread_mutex_unlock(&lock);
}

void
cr_descriptor_leave(unsigned slot)
{
    pthread_mutex_lock(&lock);
    slots[slot].backend = NULL;
    slots[slot].self = NULL;
    pthread_mutex_unlock(&lock);
}

int
cr_descriptor_check(int fd)
{
    return fd < 0 ? -EBADF : fd < ROWS ? 0 : -EMFILE;
}

uint32_t
cr_descriptor_generation(int fd)
{
    return cr_load_acq(&rows[fd].generation); /* pairs with close */
}

void
cr_descriptor_attach(int fd, unsigned slot)
{
    (void)cr_or_ar(&rows[fd].attached, UINT64_C(1) << slot);
}

uint64_t
cr_descriptor_attached(int fd)
{
    return cr_load_acq(&rows[fd].attached); /* pairs with attach */
}

void
cr_descriptor_forget(int fd)
{
    if (rows && fd >= 0 && fd < ROWS) {
        uint64_t attached = cr_swap_ar(&rows[fd].attached, 0);
        if (attached) {
            pthread_mutex_lock(&lock);
            for (unsigned i = 0; i < SLOTS; i++)
                if (attached >> i & 1 && slots[i].self)
                    slots[i].backend->detach(slots[i].self, fd);
            pthread_mutex_unlock(&lock);
        }
        cr_store_rel(&rows[fd].generation, cr_load_rlx(&rows[fd].generation) + 1);
    }
}

int
cr_descriptor_close(int fd)
{
    cr_descriptor_forget(fd);
    return cr_world.close(fd);
}
