/* process_scale_fork.c PROCESSES: computing work on bare forked processes, an equal share for each, in memory that all have: wall
 * time in ns of one item. */
#include "bench/measure.h"
#include "bench/pools/work.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct work *items;

static void
compute_all(long processes)
{
    for (long number = 0; number < processes; number++) {
        pid_t child = fork();
        bench_check(child >= 0, "fork");
        if (child)
            continue;
        for (long i = number; i < WORK_ITEMS; i += processes)
            work_item(&items[i]);
        _exit(0);
    }
    for (long number = 0; number < processes; number++)
        bench_check(wait(NULL) > 0, "wait");
}

int
main(int argc, char **argv)
{
    long processes = bench_argument(argc, argv, 1, 2);
    items = mmap(NULL, WORK_ITEMS * sizeof *items, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_check(items != MAP_FAILED, "mmap");
    compute_all(processes);
    int64_t start = bench_wall();
    compute_all(processes);
    bench_report((double)(bench_wall() - start) / WORK_ITEMS);
    return 0;
}
