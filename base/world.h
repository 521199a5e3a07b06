/* base/world.h: the one door to the world outside.
 *
 * Whatever is not an operation on a wire (those are backend/'s) and needs the system is a row of this table: clock,
 * chance, memory, threads, sockets' making and settling, the environment. base/world.c fills it with the real thing; a
 * simulation exchanges rows before the first runtime starts. Only base/world.c and backend/ make system calls: a check
 * over the undefined symbols of all other objects fails the test run.
 *
 * All rows answer 0, a count or a value, or -errno; none touches errno for its caller. */
#ifndef CR_WORLD_H
#define CR_WORLD_H

#include "base/atomic.h"
#include <coir/base.h>

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* coir's clock starts here: no span is as long, no moment as short. 36 years of nanoseconds. */
#define CR_CLOCK_START ((coir_time)1 << 60)

struct addrinfo;

enum cr_file_kind {
    CR_KIND_OTHER,
    CR_KIND_SOCKET,
    CR_KIND_PIPE,
    CR_KIND_PIPE_OUT, /* open for writing only */
    CR_KIND_DEVICE,
    CR_KIND_FILE
};

struct cr_thread; /* a started thread; joined once */

struct cr_world {
    /* Time and chance. */
    coir_time (*clock)(void); /* monotonic, from CR_CLOCK_START on */
    int64_t (*wall_clock)(void);
    uint64_t (*entropy)(void); /* a seed */

    /* Memory in pages. */
    void *(*map)(size_t size); /* address space for stacks, nothing reserved; NULL */
    void (*unmap)(void *memory, size_t size);
    int (*guard)(const struct iovec *ranges, size_t count); /* touching them is a fault; -ENOSYS: not here */
    int (*protect)(void *memory, size_t size);              /* the same, at the price of a mapping each */
    int (*discard)(void *memory, size_t size);              /* gives the pages back; they read as zeros */
    size_t (*resident)(void *memory, size_t size);          /* bytes from the lowest page present to the end */
    size_t (*page_size)(void);
    long (*map_limit)(void); /* vm.max_map_count */

    /* Threads. */
    int (*thread_start)(void (*run)(void *arg), void *arg, const char *name, struct cr_thread **thread);
    void (*thread_join)(struct cr_thread *thread);
    int (*thread_bounds)(void **bottom, size_t *size); /* the calling thread's own stack */
    void (*thread_pause)(void);                        /* lets other threads run */
    /* When the calling thread ends leave(value) is called; leave is the same in all calls. */
    void (*thread_leaving)(void (*leave)(void *value), void *value);
    /* Between two steps of a worker, if it has them one by one: a simulation lets others run here. NULL: it has not. */
    void (*turn)(void);
    int (*futex_wait)(CR_ATOMIC(uint32_t) * word, uint32_t value, coir_time until); /* 0 whatever woke it; -ETIMEDOUT */
    void (*futex_wake)(CR_ATOMIC(uint32_t) * word, int count);
    int (*threads)(void);     /* how many this process has, but for the kernel's own; NULL: it cannot be known */
    void (*quit)(int status); /* ends the process at once, with what has been printed */
    int (*processors)(void);  /* how many this process may use */
    const char *(*environment)(const char *name);
    /* Calls handler(address of the fault) on an alternate stack for SIGSEGV and SIGBUS; -EBUSY: somebody else handles
     * them. Then the signal has its former effect. */
    int (*fault_handler)(void (*handler)(const void *address));
    void *(*fault_stack_open)(void); /* the calling thread's alternate stack; NULL: none */
    void (*fault_stack_close)(void *stack);

    /* Descriptors; those that are made are close-on-exec. */
    int (*socket)(int family, int type);
    int (*pair)(int ends[2]);
    int (*bind)(int fd, const struct sockaddr *address, socklen_t size);
    int (*listen)(int fd, int backlog);
    int (*set_option)(int fd, int level, int name, const void *value, socklen_t size);
    int (*get_option)(int fd, int level, int name, void *value, socklen_t *size);
    int (*local)(int fd, struct sockaddr *address, socklen_t *size);
    int (*peer)(int fd, struct sockaddr *address, socklen_t *size);
    int (*shutdown)(int fd, int how);
    int (*close)(int fd);
    int (*kind)(int fd, enum cr_file_kind *kind);
    int (*open_nothing)(void);              /* a descriptor that is only held */
    int (*unlink_socket)(const char *path); /* -ENOTSOCK: something else is there */
    int (*set_mode)(const char *path, unsigned mode);
    int (*resolve)(const char *host, const char *port, struct addrinfo **list, const char **reason); /* blocks */
    void (*resolve_free)(struct addrinfo *list);

    long (*write)(int fd, const char *bytes, size_t size); /* blocks */
    long (*write_error)(const char *bytes, size_t size);   /* to standard error */
};

extern struct cr_world cr_world;

#endif
