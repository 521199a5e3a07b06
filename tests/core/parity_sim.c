/* parity_sim.c: what the table of behaviours needs beyond coir's public calls, from the virtual network. */
#include "parity.h"

#include "base/fault.h"
#include "sim/net.h"

static void
await_arrived(struct coir_stream *stream, int count)
{
    coir_time end = core_soon();
    while (cr_net_arrived(coir_stream_fd(stream)) < (size_t)count) {
        MUST(coir_now() < end);
        (void)coir_yield();
    }
}

static void
open_pipe(struct coir_stream *ends[2])
{
    int fds[2];
    MUST_BE(cr_net_pipe(fds), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_from(fds[i], &ends[i]), 0);
}

static void
lack_a_descriptor(void)
{
    cr_fault_arm(UINT64_C(1) << CR_FAULT_ACCEPT, 1, false);
}

static void
lack_no_more(void)
{
    (void)cr_fault_disarm();
}

const struct parity_wire parity_sim_wire = {
    .await_arrived = await_arrived,
    .pipe = open_pipe,
    .lack_a_descriptor = lack_a_descriptor,
    .lack_no_more = lack_no_more,
    .known_name = "127.1",
    .unknown_name = "nobody.invalid",
};
