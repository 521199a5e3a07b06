/* park_boost.cpp [FIBERS]: Boost fibers (stacks of 64 KiB from malloc, no guard) that wait on a condition: create (ns
 * each), rss, tables and total (bytes each), mappings (for a million). */
#include "bench/measure.h"

#include <boost/fiber/all.hpp>

#include <vector>

int
main(int argc, char **argv)
{
    long fibers = bench_argument(argc, argv, 1, 100000);
    boost::fibers::mutex mutex;
    boost::fibers::condition_variable condition;
    bool done = false;
    std::vector<boost::fibers::fiber> parked;
    parked.reserve(static_cast<size_t>(fibers));
    double count = static_cast<double>(fibers), rss = bench_status("VmRSS:"), tables = bench_status("VmPTE:");
    int64_t start = bench_cpu();
    for (long i = 0; i < fibers; i++)
        parked.emplace_back(boost::fibers::launch::dispatch, std::allocator_arg,
                            boost::fibers::fixedsize_stack(64 * 1024), [&] {
                                std::unique_lock<boost::fibers::mutex> lock(mutex);
                                while (!done)
                                    condition.wait(lock);
                            });
    bench_report_named("create", static_cast<double>(bench_cpu() - start) / count);
    rss = (bench_status("VmRSS:") - rss) / count;
    tables = (bench_status("VmPTE:") - tables) / count;
    bench_report_named("rss", rss);
    bench_report_named("tables", tables);
    bench_report_named("total", rss + tables);
    bench_report_named("mappings", static_cast<double>(bench_mappings()) * 1e6 / count);
    _Exit(0);
}
