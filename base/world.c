/* base/world.c: the real world. Thin: a row is its system call, with errno turned into a result. */
#include "base/world.h"
#include "base/fault.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static int
result(long answer)
{
    return answer < 0 ? -errno : (int)answer;
}

/* ---- Time and chance ---- */

static coir_time
real_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return CR_CLOCK_START + now.tv_sec * COIR_SECOND + now.tv_nsec;
}

static int64_t
real_wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * COIR_SECOND + now.tv_nsec;
}

static uint64_t
real_entropy(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)real_clock() * UINT64_C(0x9e3779b97f4a7c15);
    return seed;
}

/* ---- Memory in pages ---- */

static void *
real_map(size_t size)
{
    void *memory;
    if (CR_FAIL(CR_FAULT_MAP))
        return NULL;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* With transparent huge pages "always" one parked fiber would cost 2 MiB. */
    (void)madvise(memory, size, MADV_NOHUGEPAGE);
    return memory;
}

static void
real_unmap(void *memory, size_t size)
{
    (void)munmap(memory, size);
}

/* One process_madvise for all ranges (it takes at most 1,024), else one madvise for each. A new pidfd for each batch:
 * a batch is hundreds of microseconds, and a descriptor kept would be one more thing to lose in a fork. */
static int
real_guard(const struct iovec *ranges, size_t count)
{
    size_t total = 0;
    long done = -1;
    int self;
    if (CR_FAIL(CR_FAULT_GUARD))
        return -ENOSYS;
    for (size_t i = 0; i < count; i++)
        total += ranges[i].iov_len;
    self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self >= 0) {
        done = syscall(SYS_process_madvise, self, ranges, count, MADV_GUARD_INSTALL, 0);
        close(self);
    }
    if (done == (long)total)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (madvise(ranges[i].iov_base, ranges[i].iov_len, MADV_GUARD_INSTALL))
            return -ENOSYS; /* EINVAL: an older kernel, or mlockall */
    /* An emulator may say yes to advice it does not know: a guard that can be written to is none. */
    return getrandom(ranges[count - 1].iov_base, 1, GRND_NONBLOCK) == 1 ? -ENOSYS : 0;
}

static int
real_protect(void *memory, size_t size)
{
    return CR_FAIL(CR_FAULT_GUARD) ? -ENOMEM : result(mprotect(memory, size, PROT_NONE));
}

static int
real_discard(void *memory, size_t size)
{
    return result(madvise(memory, size, MADV_DONTNEED));
}

static size_t
real_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t
real_resident(void *memory, size_t size)
{
    unsigned char present[64];
    size_t page = real_page_size(), offset = 0;
    while (offset < size) {
        size_t part = size - offset < sizeof present * page ? size - offset : sizeof present * page;
        if (mincore((char *)memory + offset, part, present))
            return 0;
        for (size_t i = 0; i < part / page; i++)
            if (present[i] & 1)
                return size - offset - i * page;
        offset += part;
    }
    return 0;
}

static long
real_map_limit(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    long limit = 65530; /* the kernel's default */
    if (file) {
        if (fscanf(file, "%ld", &limit) != 1)
            limit = 65530;
        fclose(file);
    }
    return limit;
}

/* ---- Threads ---- */

struct cr_thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
    char name[16]; /* what the kernel keeps, the NUL included */
};

static void *
thread_main(void *arg)
{
    struct cr_thread *thread = arg;
    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->arg);
    return NULL;
}

/* All signals are blocked in threads that coir makes: handlers belong to the program's own threads. */
static int
real_thread_start(void (*run)(void *arg), void *arg, const char *name, struct cr_thread **thread)
{
    struct cr_thread *made = CR_FAIL(CR_FAULT_THREAD) ? NULL : cr_alloc_zero(sizeof *made);
    sigset_t all, before;
    int error;
    *thread = NULL;
    if (!made)
        return -EAGAIN;
    made->run = run;
    made->arg = arg;
    snprintf(made->name, sizeof made->name, "%s", name);
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    sigdelset(&all, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&made->id, NULL, thread_main, made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        cr_free(made);
        return -error;
    }
    *thread = made;
    return 0;
}

static void
real_thread_join(struct cr_thread *thread)
{
    (void)pthread_join(thread->id, NULL);
    cr_free(thread);
}

static int
real_thread_bounds(void **bottom, size_t *size)
{
    pthread_attr_t attributes;
    int error = pthread_getattr_np(pthread_self(), &attributes);
    if (error)
        return -error;
    error = pthread_attr_getstack(&attributes, bottom, size);
    pthread_attr_destroy(&attributes);
    return -error;
}

static void
real_thread_pause(void)
{
    (void)sched_yield();
}

typedef void leave_function(void *value);
static pthread_key_t leaving;
static pthread_once_t leaving_once = PTHREAD_ONCE_INIT;
static CR_ATOMIC(leave_function *) leave_thread; /* written before the key is made, always the same */

static void
make_key(void)
{
    cr_always(pthread_key_create(&leaving, cr_load_rlx(&leave_thread)) == 0);
}

static void
real_thread_leaving(void (*leave)(void *value), void *value)
{
    cr_store_rlx(&leave_thread, leave);
    (void)pthread_once(&leaving_once, make_key);
    (void)pthread_setspecific(leaving, value);
}

/* TSan keeps a signal back until the thread calls something that it watches, and the bare futex call is nothing such: so that
 * it is looked for, nobody sleeps for long there. */
#ifdef CR_TSAN
static coir_time
to_look_again(coir_time until)
{
    coir_time next = real_clock() + 100 * COIR_MS;
    sigset_t pending;
    (void)sigpending(&pending);
    return next < until ? next : until;
}
#else
static coir_time
to_look_again(coir_time until)
{
    return until;
}
#endif

static int
real_futex_wait(CR_ATOMIC(uint32_t) * word, uint32_t value, coir_time until)
{
    coir_time next = to_look_again(until), moment = next == COIR_NEVER ? 0 : next - CR_CLOCK_START;
    struct timespec limit = {moment / COIR_SECOND, moment % COIR_SECOND};
    /* FUTEX_WAIT_BITSET takes an absolute time on the monotonic clock. */
    long answer = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
                          next == COIR_NEVER ? NULL : &limit, NULL, FUTEX_BITSET_MATCH_ANY);
    return answer < 0 && errno == ETIMEDOUT && next == until ? -ETIMEDOUT : 0;
}

/* io_uring's workers are threads of the process by name only. */
static bool
is_the_kernels(const char *number)
{
    char path[64], name[32] = "";
    int fd;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", number);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false; /* it has ended; or the kernel could not find it just now, which happens while others come */
    if (read(fd, name, sizeof name - 1) < 0)
        name[0] = '\0';
    close(fd);
    return strncmp(name, "iou-", 4) == 0;
}

static int
threads_counted(void)
{
    static const char label[] = "\nThreads:";
    char text[2048];
    const char *at;
    ssize_t size;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size < 0 ? 0 : size] = '\0';
    at = strstr(text, label);
    return at ? atoi(at + sizeof label - 1) : -ENOTSUP;
}

/* The list of threads is not to be trusted for their number: while others come and go it was seen with half of them (Linux
 * 6.18). So the kernel's own count is taken, less what is known to be the kernel's: an incomplete list makes it too large. */
static int
real_threads(void)
{
    int count = threads_counted(), kernels = 0;
    DIR *folder = opendir("/proc/self/task");
    if (!folder)
        return -errno;
    for (const struct dirent *entry; (entry = readdir(folder));)
        kernels += entry->d_name[0] != '.' && is_the_kernels(entry->d_name);
    closedir(folder);
    if (count > 0 && threads_counted() != count)
        return -EAGAIN;
    return count > 0 ? count - kernels : count;
}

static void
real_quit(int status)
{
    (void)fflush(NULL);
    _exit(status);
}

static void
real_futex_wake(CR_ATOMIC(uint32_t) * word, int count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

static int
real_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

static const char *
real_environment(const char *name)
{
    return getenv(name);
}

static void (*fault_reporter)(const void *address);

static void
on_fault(int number, siginfo_t *info, void *context)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    (void)context;
    if (info->si_code > 0)
        fault_reporter(info->si_addr);
    /* Back to the default: the instruction faults again, with a core file if they are on. One that somebody has sent does not. */
    sigaction(number, &standard, NULL);
    if (info->si_code <= 0)
        (void)raise(number);
}

static int
real_fault_handler(void (*handler)(const void *address))
{
    static const int numbers[] = {SIGSEGV, SIGBUS};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK}, before;
    for (int i = 0; i < 2; i++) {
        if (sigaction(numbers[i], NULL, &before))
            return -errno;
        if (before.sa_flags & SA_SIGINFO ? before.sa_sigaction != on_fault : before.sa_handler != SIG_DFL)
            return -EBUSY;
    }
    fault_reporter = handler;
    for (int i = 0; i < 2; i++)
        if (sigaction(numbers[i], &action, NULL))
            return -errno;
    return 0;
}

enum { FAULT_STACK = 64 * 1024 }; /* bytes; AVX-512 frames alone take 3 KiB */

static void *
real_fault_stack_open(void)
{
    stack_t now, stack = {.ss_size = FAULT_STACK};
    if (sigaltstack(NULL, &now) || !(now.ss_flags & SS_DISABLE))
        return NULL; /* the program (or a sanitizer) has one: it will do */
    stack.ss_sp = real_map(FAULT_STACK);
    if (stack.ss_sp && sigaltstack(&stack, NULL)) {
        real_unmap(stack.ss_sp, FAULT_STACK);
        return NULL;
    }
    return stack.ss_sp;
}

static void
real_fault_stack_close(void *stack)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    if (!stack)
        return;
    (void)sigaltstack(&none, NULL);
    real_unmap(stack, FAULT_STACK);
}

/* ---- Descriptors ---- */

static int
real_socket(int family, int type)
{
    return CR_FAIL(CR_FAULT_SOCKET) ? -EMFILE : result(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int
real_pair(int ends[2])
{
    return CR_FAIL(CR_FAULT_SOCKET) ? -EMFILE : result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
}

static int
real_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    return CR_FAIL(CR_FAULT_BIND) ? -EADDRINUSE : result(bind(fd, address, size));
}

static int
real_listen(int fd, int backlog)
{
    return CR_FAIL(CR_FAULT_BIND) ? -EADDRINUSE : result(listen(fd, backlog));
}

static int
real_set_option(int fd, int level, int name, const void *value, socklen_t size)
{
    return result(setsockopt(fd, level, name, value, size));
}

static int
real_get_option(int fd, int level, int name, void *value, socklen_t *size)
{
    return result(getsockopt(fd, level, name, value, size));
}

static int
real_local(int fd, struct sockaddr *address, socklen_t *size)
{
    return result(getsockname(fd, address, size));
}

static int
real_peer(int fd, struct sockaddr *address, socklen_t *size)
{
    return result(getpeername(fd, address, size));
}

static int
real_shutdown(int fd, int how)
{
    return result(shutdown(fd, how));
}

static int
real_close(int fd)
{
    /* EINTR on Linux: it is closed all the same. */
    return close(fd) && errno != EINTR ? -errno : 0;
}

static int
real_kind(int fd, enum cr_file_kind *kind)
{
    struct stat status;
    int flags;
    if (fstat(fd, &status) || (flags = fcntl(fd, F_GETFL)) < 0)
        return -errno;
    *kind = S_ISSOCK(status.st_mode)                             ? CR_KIND_SOCKET
            : S_ISFIFO(status.st_mode)                           ? CR_KIND_PIPE
            : S_ISREG(status.st_mode)                            ? CR_KIND_FILE
            : S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) ? CR_KIND_DEVICE
                                                                 : CR_KIND_OTHER;
    if (*kind == CR_KIND_PIPE && (flags & O_ACCMODE) == O_WRONLY)
        *kind = CR_KIND_PIPE_OUT;
    return 0;
}

static int
real_open_nothing(void)
{
    return result(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static int
real_unlink_socket(const char *path)
{
    struct stat status;
    if (lstat(path, &status))
        return -errno;
    return S_ISSOCK(status.st_mode) ? result(unlink(path)) : -ENOTSOCK;
}

static int
real_set_mode(const char *path, unsigned mode)
{
    return result(chmod(path, (mode_t)mode));
}

static int
real_resolve(const char *host, const char *port, struct addrinfo **list, const char **reason)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    int error = CR_FAIL(CR_FAULT_RESOLVE) ? EAI_MEMORY : getaddrinfo(host, port, &hints, list);
    *reason = error ? gai_strerror(error) : "";
    switch (error) {
    case 0:
        return 0;
    case EAI_NONAME:
    case EAI_NODATA:
        return -ENOENT;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SERVICE:
        return -EINVAL;
    default:
        return -EHOSTUNREACH;
    }
}

static void
real_resolve_free(struct addrinfo *list)
{
    freeaddrinfo(list);
}

static long
real_write(int fd, const char *bytes, size_t size)
{
    ssize_t written;
    do
        written = write(fd, bytes, size);
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : written;
}

static long
real_write_error(const char *bytes, size_t size)
{
    return write(STDERR_FILENO, bytes, size);
}

struct cr_world cr_world = {
    .clock = real_clock,
    .wall_clock = real_wall_clock,
    .entropy = real_entropy,
    .map = real_map,
    .unmap = real_unmap,
    .guard = real_guard,
    .protect = real_protect,
    .discard = real_discard,
    .resident = real_resident,
    .page_size = real_page_size,
    .map_limit = real_map_limit,
    .thread_start = real_thread_start,
    .thread_join = real_thread_join,
    .thread_bounds = real_thread_bounds,
    .thread_pause = real_thread_pause,
    .thread_leaving = real_thread_leaving,
    .futex_wait = real_futex_wait,
    .futex_wake = real_futex_wake,
    .threads = real_threads,
    .quit = real_quit,
    .processors = real_processors,
    .environment = real_environment,
    .fault_handler = real_fault_handler,
    .fault_stack_open = real_fault_stack_open,
    .fault_stack_close = real_fault_stack_close,
    .socket = real_socket,
    .pair = real_pair,
    .bind = real_bind,
    .listen = real_listen,
    .set_option = real_set_option,
    .get_option = real_get_option,
    .local = real_local,
    .peer = real_peer,
    .shutdown = real_shutdown,
    .close = real_close,
    .kind = real_kind,
    .open_nothing = real_open_nothing,
    .unlink_socket = real_unlink_socket,
    .set_mode = real_set_mode,
    .resolve = real_resolve,
    .resolve_free = real_resolve_free,
    .write = real_write,
    .write_error = real_write_error,
};
