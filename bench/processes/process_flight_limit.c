/* process_flight_limit.c: words to another process and their answers by a socket pair, 32 under way, as many with each system
 * call as there are: ns by the clock for one. */
#include "bench/measure.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN_FLIGHT = 32 };

/* How many words have come. */
static size_t
receive(int fd, uint64_t *words)
{
    ssize_t size = read(fd, words, IN_FLIGHT * sizeof *words), more;
    bench_check(size > 0, "read");
    for (; (size_t)size % sizeof *words; size += more)
        bench_check((more = read(fd, (char *)words + size, sizeof *words - (size_t)size % sizeof *words)) > 0, "read");
    return (size_t)size / sizeof *words;
}

static void
send_all(int fd, const uint64_t *words, size_t count)
{
    bench_check(write(fd, words, count * sizeof *words) == (ssize_t)(count * sizeof *words), "write");
}

int
main(void)
{
    uint64_t words[IN_FLIGHT] = {0};
    size_t count = IN_FLIGHT;
    long done = 0;
    int ends[2];
    bench_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    pid_t child = fork();
    while (child == 0) {
        count = receive(ends[1], words);
        for (size_t i = 0; i < count; i++)
            words[i]++;
        send_all(ends[1], words, count);
    }
    int64_t start = bench_wall(), limit = start + 300000000;
    for (; bench_wall() < limit; done += (long)count) {
        send_all(ends[0], words, count);
        count = receive(ends[0], words);
    }
    bench_report((double)(bench_wall() - start) / (double)done);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
