/* pair_boostcontext.cpp: one switch between two Boost contexts, no scheduler: ns. */
#include "bench/measure.h"

#include <boost/context/fiber.hpp>

int
main()
{
    namespace context = boost::context;
    bool done = false;
    context::fiber other([&done](context::fiber &&back) {
        while (!done)
            back = std::move(back).resume();
        return std::move(back);
    });
    for (int i = 0; i < 1000; i++)
        other = std::move(other).resume();
    const long enough = 5000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++)
        other = std::move(other).resume();
    bench_report(static_cast<double>(bench_cpu() - start) / static_cast<double>(2 * enough));
    done = true;
    other = std::move(other).resume();
}
