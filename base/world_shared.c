/* base/world_shared.c: see world_shared.h. */
#include "base/world_shared.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

static int
result(long answer)
{
    return answer < 0 ? -errno : (int)answer;
}

/* Closes fd, for a failure. */
static int
undo(int fd, int failure)
{
    (void)close(fd);
    return failure;
}

/* ---- Bells ---- */

int
cr_bell_open(uint32_t rings, bool one_by_one)
{
    if (CR_FAIL(CR_FAULT_DESCRIPTOR))
        return -EMFILE;
    return result(eventfd(rings, EFD_CLOEXEC | EFD_NONBLOCK | (one_by_one ? EFD_SEMAPHORE : 0)));
}

int
cr_bell_ring(int bell)
{
    uint64_t one = 1;
    return write(bell, &one, sizeof one) < 0 ? -errno : 0;
}

int
cr_bell_take(int bell)
{
    uint64_t rings;
    return read(bell, &rings, sizeof rings) < 0 ? -errno : 0;
}

bool
cr_bell_rings(int bell)
{
    struct pollfd poller = {.fd = bell, .events = POLLIN};
    return poll(&poller, 1, 0) > 0;
}

/* What is no bell might block who takes a ring. */
bool
cr_is_bell(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && flags & O_NONBLOCK && !fstat(fd, &status) && !(status.st_mode & S_IFMT);
}

/* ---- Posts ---- */

/* The kernel's books hold twice what is asked for, which is a process's right up to net.core.wmem_max. */
static int
set_room(int post, size_t bytes)
{
    int wanted = (int)bytes, got = 0;
    socklen_t size = sizeof got;
    if (setsockopt(post, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) &&
        setsockopt(post, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted))
        return -errno;
    if (getsockopt(post, SOL_SOCKET, SO_SNDBUF, &got, &size))
        return -errno;
    return got / 2 < wanted ? -ENOBUFS : 0;
}

int
cr_post_open(size_t bytes)
{
    struct sockaddr_un self = {.sun_family = AF_UNIX};
    socklen_t size = sizeof self.sun_family; /* no name: the kernel finds one */
    int error, post = CR_FAIL(CR_FAULT_SOCKET) ? (errno = EMFILE, -1)
                                               : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (post < 0)
        return -errno;
    error = set_room(post, bytes);
    if (error)
        return undo(post, error);
    if (bind(post, (struct sockaddr *)&self, size))
        return undo(post, -errno);
    size = sizeof self;
    if (getsockname(post, (struct sockaddr *)&self, &size) || connect(post, (struct sockaddr *)&self, size))
        return undo(post, -errno);
    return post;
}

int
cr_post_send(int post, const void *item, size_t size)
{
    ssize_t answer;
    if (CR_FAIL(CR_FAULT_SEND))
        return -ENOBUFS;
    do
        answer = send(post, item, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (answer < 0 && errno == EINTR);
    return answer < 0 ? -errno : 0;
}

/* Two looks: an item that came before the end is seen by the second. */
ssize_t
cr_post_receive(int post, void *item, size_t size)
{
    struct pollfd poller = {.fd = post, .events = POLLRDHUP};
    for (bool shut = false;; shut = true) {
        ssize_t answer = recv(post, item, size, MSG_DONTWAIT | MSG_TRUNC);
        if (answer >= 0)
            return answer;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return -errno;
        if (shut)
            return -EPIPE;
        if (poll(&poller, 1, 0) <= 0 || !(poller.revents & (POLLRDHUP | POLLHUP)))
            return -EAGAIN;
    }
}

bool
cr_post_is_empty(int post)
{
    return recv(post, NULL, 0, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

int
cr_post_shut(int post)
{
    return result(shutdown(post, SHUT_RDWR));
}

bool
cr_is_post(int fd)
{
    int family = 0, type = 0;
    socklen_t size = sizeof family;
    return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) && family == AF_UNIX &&
           !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_DGRAM;
}

/* ---- Memory ---- */

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

int
cr_memory_open(size_t size)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : memfd_create("coir", flags | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("coir", flags);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, SEALS))
        return undo(fd, -errno);
    return fd;
}

/* Of another size it lies; without the seals it could become smaller under our feet. */
int
cr_memory_map(int fd, size_t size, void **memory)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) || status.st_size != (off_t)size)
        return -EINVAL;
    *memory = CR_FAIL(CR_FAULT_MAP) ? (errno = ENOMEM, MAP_FAILED)
                                    : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return *memory == MAP_FAILED ? -errno : 0;
}

void
cr_memory_unmap(void *memory, size_t size)
{
    (void)munmap(memory, size);
}

/* ---- Bags ---- */

union rights {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(CR_BAG_MOST * sizeof(int))];
};

int
cr_bag_pack(const void *label, size_t size, const int *fds, size_t count)
{
    union rights rights = {.bytes = ""};
    struct iovec part = {.iov_base = (void *)(uintptr_t)label, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int ends[2], error = 0;
    if (CR_FAIL(CR_FAULT_SOCKET))
        return -EMFILE;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return -errno;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    if (sendmsg(ends[1], &message, MSG_NOSIGNAL) < 0)
        error = -errno;
    (void)close(ends[1]);
    return error ? undo(ends[0], error) : ends[0];
}

/* All descriptors that have come, at most so many. */
static size_t
unpack(struct msghdr *message, int fds[CR_BAG_MOST])
{
    size_t count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), count * sizeof(int)); /* no more than we gave room for */
    }
    return count;
}

int
cr_bag_look(int bag, void *label, size_t size, int fds[CR_BAG_MOST], size_t *count)
{
    union rights rights;
    struct iovec part = {.iov_base = label, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    ssize_t got;
    *count = 0;
    if (CR_FAIL(CR_FAULT_DESCRIPTOR))
        return -EMFILE;
    got = recvmsg(bag, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EBADF || errno == EMFILE ? -errno : -EINVAL;
    *count = unpack(&message, fds);
    if ((size_t)got == size && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return 0;
    for (size_t i = 0; i < *count; i++)
        (void)close(fds[i]);
    *count = 0;
    return message.msg_flags & MSG_CTRUNC && (size_t)got == size ? -EMFILE : -EINVAL;
}

/* ---- Watches ---- */

static int
watch_fd(const struct cr_watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLET};
    return CR_FAIL(CR_FAULT_ATTACH) ? -ENOMEM : result(epoll_ctl(watch->fd, EPOLL_CTL_ADD, fd, &event));
}

int
cr_watch_open(struct cr_watch *watch, int bell, int post)
{
    int error;
    watch->count = 0;
    watch->fd = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : epoll_create1(EPOLL_CLOEXEC);
    if (watch->fd < 0)
        return -errno;
    error = watch_fd(watch, bell, EPOLLIN);
    if (!error && post >= 0)
        error = watch_fd(watch, post, EPOLLOUT);
    return error ? undo(watch->fd, error) : 0;
}

/* epoll watches only as long as the descriptor is open. */
int
cr_watch_process(struct cr_watch *watch, const struct cr_life *process)
{
    int error, fd;
    if (watch->count == CR_WATCHED_MOST)
        return -EUSERS;
    fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (fd < 0)
        return -errno;
    error = watch_fd(watch, fd, EPOLLIN);
    if (error)
        return undo(fd, error);
    watch->processes[watch->count++] = fd;
    return 0;
}

void
cr_watch_forget(struct cr_watch *watch)
{
    while (watch->count)
        (void)close(watch->processes[--watch->count]);
}

void
cr_watch_take(struct cr_watch *watch)
{
    struct epoll_event events[16];
    while (epoll_wait(watch->fd, events, 16, 0) == 16)
        continue;
}

/* ---- Processes ---- */

pid_t
cr_life_pid(void)
{
    return getpid();
}

/* The 22nd word of its first thread's stat; the second, its name in brackets, may have any bytes in it. */
uint64_t
cr_life_born(pid_t pid)
{
    char path[48], text[1024], *word;
    ssize_t count;
    int fd;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)pid); /* an emulator makes up /proc/PID/stat */
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    count = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[count > 0 ? count : 0] = '\0';
    word = strrchr(text, ')');
    for (int i = 2; word && i < 22; i++)
        word = strchr(word + 1, ' ');
    return word ? strtoull(word, NULL, 10) : 0;
}

/* A pid that was given to another process meanwhile is told by when that one began; an emulator says that roughly. */
static bool
is_another(const struct cr_life *process)
{
    uint64_t slack = 2 * (uint64_t)sysconf(_SC_CLK_TCK), born = process->born ? cr_life_born(process->pid) : 0;
    return born && (born > process->born + slack || process->born > born + slack);
}

bool
cr_life_is_over(const struct cr_life *process)
{
    struct pollfd poller = {.events = POLLIN};
    int count;
    if (process->pid <= 0)
        return true;
    poller.fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (poller.fd < 0 && errno == ESRCH)
        return true;
    if (poller.fd < 0) /* an older kernel: a zombie passes for a living one */
        return kill(process->pid, 0) && errno == ESRCH;
    count = poll(&poller, 1, 0);
    (void)close(poller.fd);
    return count > 0 || is_another(process);
}

uint64_t
cr_life_space(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) ? 0 : status.st_ino;
}
