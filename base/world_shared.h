/* base/world_shared.h: the kernel's things that processes share, and what one may know of another process.
 *
 * A bell is a counter of rings (eventfd); a post is a datagram socket that is connected to itself: what is sent to it is
 * received from it, whole, in order, by whichever process asks first, and nobody else can reach it. A bag is a socket with one
 * message in it that is looked at and never taken: with each look the descriptors in it come along as new ones. A watch
 * tells of rings and of ends of processes, each once (epoll, by edges), so that nobody has to take a ring away from others.
 *
 * No rows of cr_world: a simulation has one process. All answer 0, a count or a descriptor, or -errno. */
#ifndef CR_WORLD_SHARED_H
#define CR_WORLD_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CR_BAG_MOST = 3, CR_WATCHED_MOST = 256 }; /* descriptors in a bag; processes in a watch */

/* Which process: born is when it began, in ticks since the machine did; 0: not known. */
struct cr_life {
    pid_t pid;
    uint64_t born;
};

int cr_bell_open(uint32_t rings, bool one_by_one); /* one_by_one: cr_bell_take takes one ring, else all */
int cr_bell_ring(int bell);
int cr_bell_take(int bell); /* -EAGAIN: there is none */
bool cr_bell_rings(int bell);
bool cr_is_bell(int fd);

int cr_post_open(size_t bytes); /* -ENOBUFS: more than net.core.wmem_max allows */
/* -EAGAIN: full, or empty; -EPIPE: shut down, and empty; -EMSGSIZE: more than ever fits. */
int cr_post_send(int post, const void *item, size_t size);
ssize_t cr_post_receive(int post, void *item, size_t size); /* the item's own size, though it was cut */
bool cr_post_is_empty(int post);
int cr_post_shut(int post);
bool cr_is_post(int fd);

int cr_memory_open(size_t size); /* zeroes; nobody can change its size */
int cr_memory_map(int fd, size_t size, void **memory);
void cr_memory_unmap(void *memory, size_t size);

int cr_bag_pack(const void *label, size_t size, const int *fds, size_t count); /* the bag */
/* -EINVAL: there is nothing of that size with so many descriptors in it. */
int cr_bag_look(int bag, void *label, size_t size, int fds[CR_BAG_MOST], size_t *count);

struct cr_watch {
    int fd; /* readable: there is news; closed by who has opened it */
    int processes[CR_WATCHED_MOST];
    size_t count;
};
int cr_watch_open(struct cr_watch *watch, int bell, int post);               /* post: of its room, too; -1: none */
int cr_watch_process(struct cr_watch *watch, const struct cr_life *process); /* -ESRCH: it has ended */
void cr_watch_forget(struct cr_watch *watch);                                /* the processes */
void cr_watch_take(struct cr_watch *watch);                                  /* what it has told is not told again */

pid_t cr_life_pid(void);
uint64_t cr_life_born(pid_t pid);
bool cr_life_is_over(const struct cr_life *process);
uint64_t cr_life_space(void); /* within which pids are unique; 0: not known */

#endif
