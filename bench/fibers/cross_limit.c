/* cross_limit.c busy|asleep: a number handed from one thread to another and back, ns of CPU time of both for one way: through one
 * cache line that both watch (busy), or through two eventfds on which they sleep. */
#include "bench/measure.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static uint64_t line __attribute__((aligned(64)));
static int there, back;
static uint64_t enough;

static void
await(uint64_t value)
{
    while (__atomic_load_n(&line, __ATOMIC_ACQUIRE) != value)
        ;
}

static void
ring(int fd)
{
    uint64_t one = 1;
    bench_check(write(fd, &one, sizeof one) == sizeof one, "write");
}

static void
sleep_on(int fd)
{
    uint64_t rings;
    bench_check(read(fd, &rings, sizeof rings) == sizeof rings, "read");
}

static void *
other(void *asleep)
{
    for (uint64_t i = 0; i < enough; i++) {
        if (asleep) {
            sleep_on(there);
            ring(back);
        } else {
            await(2 * i + 1);
            __atomic_store_n(&line, 2 * i + 2, __ATOMIC_RELEASE);
        }
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    bool asleep = argc > 1 && !strcmp(argv[1], "asleep");
    pthread_t thread;
    enough = asleep ? 20000 : 500000;
    there = eventfd(0, EFD_CLOEXEC);
    back = eventfd(0, EFD_CLOEXEC);
    bench_check(there >= 0 && back >= 0, "eventfd");
    bench_check(!pthread_create(&thread, NULL, other, asleep ? &thread : NULL), "pthread_create");
    int64_t start = bench_cpu();
    for (uint64_t i = 0; i < enough; i++) {
        if (asleep) {
            ring(there);
            sleep_on(back);
        } else {
            __atomic_store_n(&line, 2 * i + 1, __ATOMIC_RELEASE);
            await(2 * i + 2);
        }
    }
    bench_report((double)(bench_cpu() - start) / (double)(2 * enough));
    pthread_join(thread, NULL);
    return 0;
}
