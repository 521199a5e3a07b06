/* process_round_limit.c pipe|futex: a word to another process and its answer, through two pipes, or through memory that both
 * have, with a futex: ns by the clock. */
#include "bench/measure.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THERE, BACK };
static int pipes[2][2];
static uint32_t *words; /* one for each way: how many have gone it */

static void
send_by_pipe(int way, uint32_t value)
{
    bench_check(write(pipes[way][1], &value, sizeof value) == sizeof value, "write");
}

static void
receive_by_pipe(int way, uint32_t value)
{
    uint32_t got;
    bench_check(read(pipes[way][0], &got, sizeof got) == sizeof got && got == value, "read");
}

static void
send_by_futex(int way, uint32_t value)
{
    __atomic_store_n(&words[way], value, __ATOMIC_RELEASE);
    syscall(SYS_futex, &words[way], FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void
receive_by_futex(int way, uint32_t value)
{
    while (__atomic_load_n(&words[way], __ATOMIC_ACQUIRE) != value)
        syscall(SYS_futex, &words[way], FUTEX_WAIT, value - 1, NULL, NULL, 0);
}

int
main(int argc, char **argv)
{
    bool by_futex = argc > 1 && !strcmp(argv[1], "futex");
    void (*send)(int way, uint32_t value) = by_futex ? send_by_futex : send_by_pipe;
    void (*receive)(int way, uint32_t value) = by_futex ? receive_by_futex : receive_by_pipe;
    uint32_t rounds = 0, warm = 1000;
    int64_t start = 0, limit = INT64_MAX;
    bench_check(!pipe(pipes[THERE]) && !pipe(pipes[BACK]), "pipe");
    words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_check(words != MAP_FAILED, "mmap");
    pid_t child = fork();
    for (uint32_t value = 1; child == 0; value++) {
        receive(THERE, value);
        send(BACK, value);
    }
    for (; rounds % 100 || bench_wall() < limit; rounds++) {
        if (rounds == warm)
            start = bench_wall(), limit = start + 200000000;
        send(THERE, rounds + 1);
        receive(BACK, rounds + 1);
    }
    bench_report((double)(bench_wall() - start) / (double)(rounds - warm));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
