/* park_coir.c [FIBERS [BATCH [SECONDS]]]: fibers that are started and wait for one event, all memory cold; BATCH of them
 * (1,000) are started before they may run, as in a server where many connect at once. Then all end.
 * Prints create (ns each), rss, tables, total (bytes each), mappings (for a million), end (ns each) and, if SECONDS are
 * given, what is left so long after the end: left_rss, left_tables and their sum, left (bytes for each fiber there
 * was). */
#include "bench/measure.h"

#include <coir/event.h>
#include <coir/runtime.h>

static long fibers, batch, parked, ended, seconds;
static struct coir_event batch_parked = COIR_EVENT_INIT, release = COIR_EVENT_INIT, all_ended = COIR_EVENT_INIT;

static int
waiter(void *arg)
{
    (void)arg;
    if (++parked % batch == 0 || parked == fibers)
        coir_event_set(&batch_parked);
    bench_check(!coir_event_wait(&release, COIR_NEVER), "coir_event_wait");
    if (++ended == fibers)
        coir_event_set(&all_ended);
    return 0;
}

static int
measure(void *arg)
{
    (void)arg;
    double count = (double)fibers, rss = bench_status("VmRSS:"), tables = bench_status("VmPTE:");
    int64_t start = bench_cpu();
    for (long i = 0; i < fibers; i += batch) {
        for (long j = i; j < i + batch && j < fibers; j++)
            bench_check(!coir_go(waiter, NULL, NULL, NULL), "coir_go");
        bench_check(!coir_event_wait(&batch_parked, COIR_NEVER), "coir_event_wait");
        coir_event_clear(&batch_parked);
    }
    bench_report_named("create", (double)(bench_cpu() - start) / count);
    double rss_parked = bench_status("VmRSS:") - rss, tables_parked = bench_status("VmPTE:") - tables;
    bench_report_named("rss", rss_parked / count);
    bench_report_named("tables", tables_parked / count);
    bench_report_named("total", (rss_parked + tables_parked) / count);
    bench_report_named("mappings", (double)bench_mappings() * 1e6 / count);

    start = bench_cpu();
    coir_event_set(&release);
    bench_check(!coir_event_wait(&all_ended, COIR_NEVER), "coir_event_wait");
    bench_report_named("end", (double)(bench_cpu() - start) / count);
    if (seconds) {
        bench_check(!coir_sleep(coir_after(seconds * COIR_SECOND)), "coir_sleep");
        double left_rss = bench_status("VmRSS:") - rss, left_tables = bench_status("VmPTE:") - tables;
        bench_report_named("left_rss", left_rss / count);
        bench_report_named("left_tables", left_tables / count);
        bench_report_named("left", (left_rss + left_tables) / count);
    }
    return 0;
}

int
main(int argc, char **argv)
{
    fibers = bench_argument(argc, argv, 1, 1000000);
    batch = bench_argument(argc, argv, 2, 1000);
    seconds = bench_argument(argc, argv, 3, 0);
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
