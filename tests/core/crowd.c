/* crowd.c: see crowd.h. */
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct use {
    long memory, tables; /* KiB: resident; page tables */
    long mappings;
};

static long
status_kib(const char *field)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long value = -1;
    MUST(file);
    while (value < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, field, strlen(field)))
            value = atol(line + strlen(field) + 1);
    fclose(file);
    return value;
}

static long
mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    long count = 0;
    MUST(file);
    for (int c; (c = fgetc(file)) != EOF;)
        count += c == '\n';
    fclose(file);
    return count;
}

static struct use
use_now(void)
{
    return (struct use){status_kib("VmRSS"), status_kib("VmPTE"), mappings()};
}

static bool
is_ours(void)
{
    return !CORE_ASAN && !CORE_TSAN && !core_is_emulated();
}

static int
stay(void *event)
{
    return coir_event_wait(event, COIR_NEVER);
}

/* Lets all of them end, and measures while they are parked. */
static struct use
park_all(long many)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_task **tasks = calloc((size_t)many, sizeof *tasks);
    struct use peak;
    MUST(tasks);
    for (long i = 0; i < many; i++)
        MUST_BE(coir_go(stay, &event, NULL, &tasks[i]), 0);
    for (long i = 0; i < many; i++)
        core_await_parked(tasks[i]);
    peak = use_now();
    peak.memory -= many * (long)sizeof *tasks / 1024;
    coir_event_set(&event);
    for (long i = 0; i < many; i++)
        MUST_BE(coir_join(tasks[i], NULL, coir_after(COIR_MINUTE)), 0);
    free(tasks);
    return peak;
}

static int
come_and_go(void *arg)
{
    long many = *(const long *)arg;
    struct use before = use_now(), peak = park_all(many), after;
    long memory = peak.memory - before.memory, tables = peak.tables - before.tables;
    if (!is_ours())
        return 0;
    MUST(memory * 1024 / many <= 4400);
    MUST(peak.mappings - before.mappings < 50 + many / 1000);
    /* A span that is promised, not one to get in step: what is free goes back within three seconds of quiet. */
    MUST_BE(coir_sleep(coir_after(3 * COIR_SECOND)), 0);
    after = use_now();
    MUST(memory > 0 && (after.memory - before.memory) * 20 <= memory);
    MUST(tables > 0 && (after.tables - before.tables) * 20 <= tables);
    MUST(after.memory - before.memory <= before.memory / 20 + 8192);
    MUST(after.tables - before.tables <= before.tables / 20 + 2048 + many * 8 / 1024);
    return 0;
}

void
crowd_come_and_go(int workers, long many)
{
    core_run(workers, come_and_go, &many);
}
