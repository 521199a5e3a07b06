#!/usr/bin/env python3
"""pool_python.py stream|round|process-round|process-flight|process-fork: tiny jobs through concurrent.futures: ns of CPU time for
one; with processes ns by the clock: one and its result, 32 under way, a process for each."""
import multiprocessing
import sys
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

JOBS = 5000
IN_FLIGHT = 32


def stream(pool):
    for future in [pool.submit(int) for _ in range(JOBS)]:
        future.result()


def round_trips(pool):
    for _ in range(JOBS):
        pool.submit(int).result()


def flight(pool):
    under_way = deque(pool.submit(int) for _ in range(IN_FLIGHT))
    for _ in range(JOBS):
        under_way.popleft().result()
        under_way.append(pool.submit(int))


def measure(pool, run, clock):
    with pool:
        for future in [pool.submit(int) for _ in range(100)]:
            future.result()
        start = clock()
        run(pool)
        print(f"{(clock() - start) / JOBS:.2f}")


def forks():
    context = multiprocessing.get_context("fork")
    start, count = time.monotonic_ns(), 0
    while time.monotonic_ns() < start + 300_000_000:
        process = context.Process(target=int)
        process.start()
        process.join()
        count += 1
    print(f"{(time.monotonic_ns() - start) / count:.2f}")


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "process-fork":
        forks()
    elif what.startswith("process-"):
        measure(ProcessPoolExecutor(2), flight if what == "process-flight" else round_trips, time.monotonic_ns)
    else:
        measure(ThreadPoolExecutor(2), stream if what == "stream" else round_trips, time.process_time_ns)
