/* house.c: see house.h. The child tells its port over a pipe when it is ready, and how it ended as its exit code. */
#include "house.h"
#include "backend/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const struct house_model house_models[] = {
    {"iterative", true, false},  {"fork", false, true},       {"thread", false, false},     {"threads:1", true, false},
    {"threads:4", false, false}, {"processes:1", true, true}, {"processes:4", false, true}, {"spin", false, false},
    {"select", false, false},    {"poll", false, false},      {"epoll", false, false},      {"sigio", false, false},
    {"uring", false, false},     {"fiber:3", false, false},   {"hybrid:2x2", false, true},
};
const int house_model_count = sizeof house_models / sizeof house_models[0];

struct news {
    int port, error;
};

static int teller;

static void
tell(const struct coir_server *server, void *arg)
{
    struct coir_address address;
    struct news news = {.error = coir_server_local(server, 0, &address)};
    (void)arg;
    if (address.storage.ss_family == AF_INET)
        news.port = ntohs(((struct sockaddr_in *)&address.storage)->sin_port);
    MUST_BE(write(teller, &news, sizeof news), sizeof news);
}

static int
keep_house(const char *addresses, coir_handler *handler, coir_datagram_handler *datagram,
           struct coir_serve_options options)
{
    int error;
    options.ready = tell;
    error = handler ? coir_serve(addresses, handler, NULL, &options)
                    : coir_serve_datagrams(addresses, datagram, NULL, &options);
    if (error)
        coir_log(COIR_LOG_ERROR, "coir_serve: %d, %s", error, coir_error_detail());
    return error;
}

int
house_try(struct house *house, const char *addresses, coir_handler *handler, coir_datagram_handler *datagram,
          const struct coir_serve_options *options)
{
    int log[2], line[2];
    struct news news;
    *house = (struct house){.pid = -1};
    MUST_BE(pipe2(log, O_CLOEXEC), 0);
    MUST_BE(pipe2(line, O_CLOEXEC), 0);
    house->pid = fork();
    MUST(house->pid >= 0);
    if (!house->pid) {
        dup2(log[1], STDERR_FILENO);
        close(log[0]);
        teller = line[1];
        _exit(-keep_house(addresses ? addresses : "127.0.0.1:0", handler, datagram, *options) & 0xff);
    }
    close(log[1]);
    close(line[1]);
    house->log = log[0];
    fcntl(house->log, F_SETFL, O_NONBLOCK);
    if (read(line[0], &news, sizeof news) != sizeof news) {
        close(line[0]);
        return house_end(house, 0);
    }
    close(line[0]);
    MUST_BE(news.error, 0);
    house->port = news.port;
    return 0;
}

bool
house_is_refused(const char *model, int error)
{
    bool is_missing = !strcmp(model, "uring") && !cr_backend_choice("uring", 0); /* the library was built without it */
    if (error != -ENOSYS && error != -EPERM && !(error == -EINVAL && is_missing) &&
        !(error == -EBUSY && core_is_emulated())) /* the emulator has threads of its own */
        return false;
    printf("SKIP: %s is refused here\n", model);
    return true;
}

bool
house_open(struct house *house, const char *model, coir_handler *handler, struct coir_serve_options options)
{
    int error;
    options.model = model;
    error = house_try(house, NULL, handler, NULL, &options);
    if (house_is_refused(model, error))
        return false;
    if (error)
        ck_abort_msg("%s: %d; it said: %s", model, error, house->said);
    return true;
}

static void
listen_to(struct house *house)
{
    ssize_t count;
    while ((count = read(house->log, house->said + house->length, sizeof house->said - 1 - house->length)) > 0)
        house->length += (size_t)count;
    house->said[house->length] = '\0';
}

int
house_end(struct house *house, int signal)
{
    int status;
    if (signal)
        MUST_BE(kill(house->pid, signal), 0);
    MUST_BE(waitpid(house->pid, &status, 0), house->pid);
    listen_to(house);
    close(house->log);
    return WIFSIGNALED(status) ? -(COIR_KILLED + WTERMSIG(status)) : -WEXITSTATUS(status);
}

bool
house_says(struct house *house, const char *text)
{
    listen_to(house);
    return strstr(house->said, text);
}

void
house_await(struct house *house, const char *text)
{
    coir_time end = core_soon();
    while (!house_says(house, text)) {
        struct pollfd more = {.fd = house->log, .events = POLLIN};
        if (coir_now() > end)
            ck_abort_msg("it does not say '%s', but: %s", text, house->said);
        (void)poll(&more, 1, 100);
    }
}

int
house_dial(const struct house *house)
{
    struct sockaddr_in place = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)house->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0);
    MUST_BE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    MUST_BE(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    MUST_BE(connect(fd, (struct sockaddr *)&place, sizeof place), 0);
    return fd;
}

void
house_say(int fd, const char *text)
{
    MUST_BE(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void
house_must_hear(int fd, const char *text)
{
    char heard[256] = "";
    MUST_BE(recv(fd, heard, strlen(text), MSG_WAITALL), strlen(text));
    if (strcmp(heard, text) != 0)
        ck_abort_msg("'%s', not '%s'", heard, text);
}

void
house_must_end(int fd)
{
    char byte;
    ssize_t count = recv(fd, &byte, 1, 0);
    if (count > 0 || (count < 0 && errno != ECONNRESET))
        ck_abort_msg("no end: %zd, %s", count, count < 0 ? strerror(errno) : "a byte");
}

long
house_ask_pid(int fd)
{
    char answer[32] = "";
    house_say(fd, "pid");
    MUST(recv(fd, answer, sizeof answer - 1, 0) > 0);
    return atol(answer);
}

int
house_echo(struct coir_stream *stream, void *arg)
{
    char bytes[4096];
    ssize_t size;
    (void)arg;
    while ((size = coir_stream_read(stream, bytes, sizeof bytes, COIR_NEVER)) > 0) {
        int error = 0;
        if (size == 5 && !memcmp(bytes, "crash", 5))
            raise(SIGSEGV);
        else if (size == 5 && !memcmp(bytes, "sleep", 5))
            error = coir_sleep(COIR_NEVER);
        else if (size == 3 && !memcmp(bytes, "pid", 3))
            error = coir_stream_print(stream, COIR_NEVER, "%d", (int)getpid());
        else
            error = coir_stream_write(stream, bytes, (size_t)size, COIR_NEVER);
        if (error || (size == 4 && !memcmp(bytes, "last", 4)))
            return error;
    }
    return (int)size;
}
