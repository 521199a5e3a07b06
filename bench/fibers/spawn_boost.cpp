/* spawn_boost.cpp: start, run and join an empty Boost fiber, stacks from a pool: ns. */
#include "bench/measure.h"

#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>

int
main()
{
    boost::fibers::pooled_fixedsize_stack pool(64 * 1024);
    auto spawn = [&pool] { boost::fibers::fiber(std::allocator_arg, pool, [] {}).join(); };
    for (int i = 0; i < 1000; i++)
        spawn();
    const int enough = 200000;
    int64_t start = bench_cpu();
    for (int i = 0; i < enough; i++)
        spawn();
    bench_report(static_cast<double>(bench_cpu() - start) / enough);
}
