/* fork_limit.c: fork a process as small as this one, which exits at once, and wait for it: ns by the clock. */
#include "bench/measure.h"

#include <sys/wait.h>
#include <unistd.h>

int
main(void)
{
    long rounds = 0;
    int64_t start = bench_wall(), limit = start + 300000000;
    for (; bench_wall() < limit; rounds++) {
        int status;
        pid_t child = fork();
        if (child == 0)
            _exit(7);
        bench_check(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, "waitpid");
    }
    bench_report((double)(bench_wall() - start) / (double)rounds);
    return 0;
}
