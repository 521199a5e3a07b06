#!/usr/bin/env python3
"""pool_python.py stream|round: tiny jobs through concurrent.futures: ns of CPU time for one."""
import sys
import time
from concurrent.futures import ThreadPoolExecutor

JOBS = 5000

with ThreadPoolExecutor(2) as pool:
    for future in [pool.submit(int) for _ in range(100)]:
        future.result()
    start = time.process_time_ns()
    if sys.argv[1] == "stream":
        for future in [pool.submit(int) for _ in range(JOBS)]:
            future.result()
    else:
        for _ in range(JOBS):
            pool.submit(int).result()
    print(f"{(time.process_time_ns() - start) / JOBS:.2f}")
