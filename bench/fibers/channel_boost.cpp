/* channel_boost.cpp: a message between two Boost fibers through buffered channels of the least capacity, there and back:
 * ns per message. */
#include "bench/measure.h"

#include <boost/fiber/all.hpp>

int
main()
{
    boost::fibers::buffered_channel<uint64_t> there(2), back(2);
    boost::fibers::fiber echo([&] {
        uint64_t message;
        while (there.pop(message) == boost::fibers::channel_op_status::success)
            back.push(message);
    });
    auto round_trip = [&](uint64_t i) {
        uint64_t answer = 0;
        there.push(i);
        bench_check(back.pop(answer) == boost::fibers::channel_op_status::success && answer == i, "pop");
    };
    for (uint64_t i = 0; i < 1000; i++)
        round_trip(i);
    const uint64_t enough = 200000;
    int64_t start = bench_cpu();
    for (uint64_t i = 0; i < enough; i++)
        round_trip(i);
    bench_report(static_cast<double>(bench_cpu() - start) / static_cast<double>(2 * enough));
    there.close();
    echo.join();
}
