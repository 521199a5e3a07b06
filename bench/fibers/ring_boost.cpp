/* ring_boost.cpp [FIBERS]: one turn of a ring of equal Boost fibers, three frames deep, by yield: ns. */
#include "bench/measure.h"

#include <boost/fiber/all.hpp>

#include <vector>

static uint64_t turns;
static bool done;

static __attribute__((noinline)) void
third()
{
    boost::this_fiber::yield();
    turns++;
}

static __attribute__((noinline)) void
second()
{
    third();
    __asm__ volatile("");
}

static __attribute__((noinline)) void
first()
{
    second();
    __asm__ volatile("");
}

int
main(int argc, char **argv)
{
    long fibers = bench_argument(argc, argv, 1, 64);
    std::vector<boost::fibers::fiber> others;
    for (long i = 1; i < fibers; i++)
        others.emplace_back(std::allocator_arg, boost::fibers::fixedsize_stack(), [] {
            while (!done)
                first();
        });
    for (int i = 0; i < 3; i++)
        first();
    uint64_t enough = 1000000 + 2 * static_cast<uint64_t>(fibers), before = turns;
    int64_t start = bench_cpu();
    while (turns - before < enough)
        first();
    bench_report(static_cast<double>(bench_cpu() - start) / static_cast<double>(turns - before));
    done = true;
    for (auto &fiber : others)
        fiber.join();
}
