/* backend/helper.c: see helper.h. All that is said is said in whole packets, or in words of eight bytes, which a Unix socket
 * does not tear. The helper blocks all signals (a key pressed at the terminal is for the program), but SIGCHLD while it
 * waits; it ends when the program's end of its socket is closed, by whatever. */
#include "backend/helper.h"
#include "backend/process.h"
#include "base/fault.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

struct kept {
    pid_t pid;
    int line; /* -1: nobody listens any more */
};

struct server {
    int fd;
    int spare; /* given up for a moment to take a line, on which a lack of descriptors can then be told */
    pid_t program, self;
    bool siblings;
    void (*child)(const struct cr_errand *errand);
    struct kept *kept;
    struct pollfd *pollers; /* of the socket, then of each that is kept */
    size_t count, capacity; /* of kept */
    char *bytes;            /* room for an argument */
};

enum { FIRST_ROOM = 64 };

/* ---- Both sides ---- */

int
cr_word_say(int line, enum cr_word_kind kind, int value)
{
    struct cr_word word = {(int32_t)kind, value};
    return send(line, &word, sizeof word, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof word ? 0 : -errno;
}

/* ---- The helper ---- */

static bool
has_room(struct server *server)
{
    size_t capacity = server->capacity ? 2 * server->capacity : FIRST_ROOM;
    void *kept, *pollers;
    if (server->count < server->capacity)
        return true;
    kept = cr_realloc(server->kept, capacity * sizeof *server->kept);
    if (kept)
        server->kept = kept;
    pollers = kept ? cr_realloc(server->pollers, (capacity + 1) * sizeof *server->pollers) : NULL;
    if (!pollers)
        return false;
    server->pollers = pollers;
    server->capacity = capacity;
    return true;
}

/* All descriptors but 0 to 2 and this one, which becomes 3. */
static int
keep_only(int fd)
{
    if (fd != 3 && dup2(fd, 3) < 0)
        _exit(1);
    if (fd < 3)
        (void)close(fd);
    if (syscall(SYS_close_range, 4, ~0u, 0))
        for (long i = 4, most = sysconf(_SC_OPEN_MAX); i < most; i++)
            (void)close((int)i);
    return 3;
}

/* In a new child of the helper. */
static void
become(const struct server *server, const struct cr_request *request, bool is_sibling, const int *fds)
{
    struct cr_errand errand = {.request = request, .descriptors = fds + 1, .line = fds[0]};
    errand.arg = request->size ? server->bytes : NULL;
    if (!request->orphan)
        errand.parent = is_sibling ? server->program : server->self;
    (void)close(server->fd);
    (void)close(server->spare);
    for (size_t i = 0; i < server->count; i++)
        if (server->kept[i].line >= 0)
            (void)close(server->kept[i].line);
    server->child(&errand);
}

static void
make_child(struct server *server, const struct cr_request *request, int *fds)
{
    bool is_sibling = server->siblings && !request->keep && !request->orphan;
    pid_t pid = is_sibling ? cr_process_clone(true) : -ENOSYS;
    if (is_sibling && (pid == -EINVAL || pid == -ENOSYS))
        is_sibling = server->siblings = false; /* it will not be allowed next time either */
    if (!is_sibling)
        pid = has_room(server) ? cr_process_fork() : -ENOMEM;
    if (pid == 0)
        become(server, request, is_sibling, fds);
    if (pid < 0) {
        (void)cr_word_say(fds[0], CR_WORD_FAILED, pid);
        return;
    }
    (void)cr_word_say(fds[0], is_sibling ? CR_WORD_STARTED : CR_WORD_KEPT, pid);
    if (is_sibling)
        return;
    server->kept[server->count++] = (struct kept){pid, fds[0]};
    fds[0] = -1;
}

static void
have_spare(struct server *server)
{
    if (server->spare < 0)
        server->spare = fcntl(server->fd, F_DUPFD_CLOEXEC, 3);
}

/* One request; false: the program is gone. */
static bool
take_request(struct server *server)
{
    struct cr_request request;
    int fds[1 + CR_HELPER_DESCRIPTORS], count = 0;
    char control[CMSG_SPACE(sizeof fds)] __attribute__((aligned(8)));
    struct iovec parts[2] = {{&request, sizeof request}, {server->bytes, CR_HELPER_BYTES}};
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size;
    const struct cmsghdr *header;
    if (server->spare >= 0)
        (void)close(server->spare);
    server->spare = -1;
    size = recvmsg(server->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    if (size < (ssize_t)sizeof request)
        return false;
    header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
    }
    have_spare(server);
    if (count == (int)request.count + 1 && server->spare >= 0)
        make_child(server, &request, fds);
    else if (count) /* some found no number here, or the next line would not */
        (void)cr_word_say(fds[0], CR_WORD_FAILED, -EMFILE);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    return true;
}

static void
reap(struct server *server)
{
    for (size_t i = server->count; i-- > 0;) {
        struct kept *kept = &server->kept[i];
        int result;
        if (cr_process_reap(kept->pid, -1, CR_REAP_NOW, &result) == -EAGAIN)
            continue;
        if (kept->line >= 0) {
            (void)cr_word_say(kept->line, CR_WORD_ENDED, result);
            (void)close(kept->line);
        }
        *kept = server->kept[--server->count];
    }
}

static void
listen_to(struct kept *kept)
{
    struct cr_word word;
    ssize_t size = recv(kept->line, &word, sizeof word, MSG_DONTWAIT);
    if (size == (ssize_t)sizeof word && word.kind == CR_WORD_KILL)
        (void)kill(kept->pid, word.value); /* it has not been waited for: the number is its own */
    else if (size >= 0 || (errno != EAGAIN && errno != EINTR)) {
        (void)close(kept->line);
        kept->line = -1;
    }
}

static void
look(int signal)
{
    (void)signal; /* it only ends the waiting */
}

static __attribute__((noreturn)) void
serve(struct server *server)
{
    struct sigaction action = {.sa_handler = look};
    sigset_t waiting;
    server->self = getpid();
    (void)prctl(PR_SET_NAME, "coir-helper");
    cr_process_drop_handlers(); /* once, instead of in each child */
    (void)sigaction(SIGCHLD, &action, NULL);
    sigfillset(&waiting);
    sigdelset(&waiting, SIGCHLD);
    server->bytes = cr_alloc(CR_HELPER_BYTES);
    if (!server->bytes || !has_room(server))
        _exit(1);
    for (;;) {
        size_t count = server->count;
        have_spare(server);
        server->pollers[0] = (struct pollfd){.fd = server->fd, .events = POLLIN};
        for (size_t i = 0; i < count; i++)
            server->pollers[i + 1] = (struct pollfd){.fd = server->kept[i].line, .events = POLLIN};
        if (ppoll(server->pollers, count + 1, NULL, &waiting) > 0) {
            for (size_t i = 0; i < count; i++)
                if (server->pollers[i + 1].revents)
                    listen_to(&server->kept[i]);
            if (server->pollers[0].revents && !take_request(server))
                _exit(0);
        }
        reap(server);
    }
}

/* ---- The program ---- */

int
cr_helper_start(struct cr_helper *helper, bool siblings, void (*child)(const struct cr_errand *errand))
{
    struct server server = {.spare = -1, .program = getpid(), .siblings = siblings, .child = child};
    sigset_t all, before;
    int ends[2];
    pid_t pid;
    *helper = (struct cr_helper){.fd = -1, .watch = -1};
    if (CR_FAIL(CR_FAULT_SOCKET))
        return -EMFILE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -errno;
    (void)fflush(NULL); /* else what has been printed would be printed by each child, too */
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = cr_process_clone(false);
    if (pid == -EINVAL || pid == -ENOSYS)
        pid = cr_process_fork();
    if (pid == 0) {
        (void)close(ends[0]); /* it may be one of 0 to 2 */
        server.fd = keep_only(ends[1]);
        serve(&server);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return pid;
    }
    *helper = (struct cr_helper){ends[0], pid, cr_process_watch(pid)};
    return 0;
}

int
cr_helper_ask(const struct cr_helper *helper, const struct cr_request *request, const void *arg, int line,
              const int *descriptors)
{
    int fds[1 + CR_HELPER_DESCRIPTORS];
    char control[CMSG_SPACE(sizeof fds)] __attribute__((aligned(8)));
    size_t size = (request->count + 1) * sizeof(int);
    struct iovec parts[2] = {{(void *)(uintptr_t)request, sizeof *request}, {(void *)(uintptr_t)arg, request->size}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = request->size ? 2 : 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    fds[0] = line;
    if (request->count)
        memcpy(fds + 1, descriptors, request->count * sizeof(int));
    memset(control, 0, message.msg_controllen);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), fds, size);
    if (sendmsg(helper->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    switch (errno) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return -ECHILD;
    case EINTR:
    case ENOBUFS:
    case ETOOMANYREFS: /* descriptors on their way, more than RLIMIT_NOFILE */
        return -EAGAIN;
    default:
        return -errno;
    }
}

void
cr_helper_stop(struct cr_helper *helper)
{
    int result;
    if (helper->fd < 0)
        return;
    (void)close(helper->fd);
    helper->fd = -1;
    /* It may have been stopped, and has nothing to lose. Its number alone may be somebody else's, if SIGCHLD is ignored. */
    if (helper->watch >= 0)
        (void)cr_process_kill(helper->pid, helper->watch, SIGKILL);
    (void)cr_process_reap(helper->pid, helper->watch, CR_REAP_WAIT, &result);
    if (helper->watch >= 0)
        (void)close(helper->watch);
}
