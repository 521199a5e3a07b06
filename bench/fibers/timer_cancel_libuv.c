/* timer_cancel_libuv.c [TIMERS]: uv_timer_start and uv_timer_stop, 100,000 others being armed: ns. */
#include "bench/measure.h"

#include <uv.h>

enum { TURNS = 500000 };

static uint64_t
chance(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return 60000 + state % 60000;
}

static void
never(uv_timer_t *timer)
{
    (void)timer;
    abort();
}

int
main(int argc, char **argv)
{
    long timers = bench_argument(argc, argv, 1, 100000);
    uv_timer_t *armed = calloc((size_t)timers, sizeof *armed), mine;
    bench_check(armed != NULL, "calloc");
    for (long i = 0; i < timers; i++) {
        uv_timer_init(uv_default_loop(), &armed[i]);
        uv_timer_start(&armed[i], never, chance(), 0);
    }
    uv_timer_init(uv_default_loop(), &mine);
    int64_t start = bench_cpu();
    for (int i = 0; i < TURNS; i++) {
        uv_timer_start(&mine, never, chance(), 0);
        uv_timer_stop(&mine);
    }
    bench_report((double)(bench_cpu() - start) / TURNS);
    return 0;
}
