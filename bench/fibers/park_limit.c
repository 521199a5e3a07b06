/* park_limit.c [FIBERS]: what a parked fiber on a guarded stack costs at least, when all memory is cold. A slab of 64 MiB
 * of address space is mapped (no reserve, no huge pages), the guards of its 256 stacks are installed by one
 * process_madvise (Linux 6.13; else one mprotect each, while mappings last), and one page of each stack is touched.
 * Prints create (ns each), rss, tables, total (bytes each) and mappings (for a million). */
#include "bench/measure.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { STRIDE = 256 * 1024, GUARD = 64 * 1024, SLAB = 64 * 1024 * 1024, STACKS = SLAB / STRIDE, BLOCK = 256 };
enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL, younger than Debian 12's headers */

static int self;

static void
guard(char *slab)
{
    struct iovec guards[STACKS];
    for (size_t i = 0; i < STACKS; i++)
        guards[i] = (struct iovec){slab + i * STRIDE, GUARD};
    if (syscall(SYS_process_madvise, self, guards, STACKS, GUARD_INSTALL, 0) == (long)STACKS * GUARD)
        return;
    for (size_t i = 0; i < STACKS; i++)
        if (mprotect(guards[i].iov_base, 4096, PROT_NONE))
            return;
}

int
main(int argc, char **argv)
{
    long fibers = bench_argument(argc, argv, 1, 1000000);
    self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    char *blocks =
        mmap(NULL, (size_t)fibers * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bench_check(blocks != MAP_FAILED, "mmap");
    double rss = bench_status("VmRSS:"), tables = bench_status("VmPTE:");
    int64_t start = bench_cpu();
    char *slab = NULL;
    for (long i = 0; i < fibers; i++) {
        if (i % STACKS == 0) {
            slab = mmap(NULL, SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1,
                        0);
            bench_check(slab != MAP_FAILED, "mmap");
            madvise(slab, SLAB, MADV_NOHUGEPAGE);
            guard(slab);
        }
        char *top = slab + (i % STACKS + 1) * STRIDE - i % 16 * 128;
        memset(top - 256, 1, 256);                          /* its frames */
        *(char **)(void *)(blocks + i * BLOCK) = top - 256; /* its block */
    }
    double count = (double)fibers;
    bench_report_named("create", (double)(bench_cpu() - start) / count);
    rss = (bench_status("VmRSS:") - rss) / count;
    tables = (bench_status("VmPTE:") - tables) / count;
    bench_report_named("rss", rss);
    bench_report_named("tables", tables);
    bench_report_named("total", rss + tables);
    bench_report_named("mappings", (double)bench_mappings() * 1e6 / count);
    return 0;
}
