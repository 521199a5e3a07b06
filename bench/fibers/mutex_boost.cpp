/* mutex_boost.cpp: an uncontended lock and unlock of a Boost fiber mutex: ns. */
#include "bench/measure.h"

#include <boost/fiber/all.hpp>

int
main()
{
    boost::fibers::mutex mutex;
    const long enough = 2000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++) {
        mutex.lock();
        mutex.unlock();
    }
    bench_report(static_cast<double>(bench_cpu() - start) / static_cast<double>(enough));
}
