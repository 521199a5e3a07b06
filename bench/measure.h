/* measure.h: what every program in bench/ needs: a clock, a way to say the one number, and a way to fail.
 *
 * A program measures one operation for some tens of milliseconds and prints one number, nanoseconds or bytes, on
 * standard output; one that has several to tell prints a line "name number" for each. The clock is the CPU time of the
 * whole process, helper threads included: on a shared machine the time somebody else ran says nothing about us.
 * bench/run repeats the programs of a row in turn and compares only numbers of one run. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t
bench_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* CPU time of all threads of this process, nanoseconds. */
static inline int64_t
bench_cpu(void)
{
    return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int64_t
bench_wall(void)
{
    return bench_clock(CLOCK_MONOTONIC);
}

static inline void
bench_report(double value)
{
    printf("%.2f\n", value);
    fflush(stdout);
}

static inline void
bench_report_named(const char *name, double value)
{
    printf("%s %.2f\n", name, value);
    fflush(stdout);
}

/* Ends the program when a call that cannot fail in a sane set-up has failed. */
static inline void
bench_check(int fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

/* The n-th argument as a number, or a default. */
static inline long
bench_argument(int argc, char **argv, int n, long otherwise)
{
    return argc > n ? strtol(argv[n], NULL, 10) : otherwise;
}

/* A number in kB out of /proc/self/status ("VmRSS:", "VmPTE:"), as bytes. */
static inline double
bench_status(const char *name)
{
    FILE *file = fopen("/proc/self/status", "r");
    bench_check(file != NULL, "/proc/self/status");
    char line[256];
    double bytes = 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            bytes = strtod(line + strlen(name), NULL) * 1024;
    fclose(file);
    return bytes;
}

/* How many mappings this process has. */
static inline long
bench_mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    bench_check(file != NULL, "/proc/self/maps");
    long lines = 0;
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

#endif
