#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU time of a command as a multiple of another's: cpu_ratio.py MOST A... -- B... ends with status 1 when it is more than MOST.

Both run in turns, many times, and their times of all runs are compared: what else the machine does slows both.
"""
import os
import subprocess
import sys

ROUNDS = 15


def seconds(cmd):
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    usage = os.wait4(p.pid, 0)[2]
    return usage.ru_utime + usage.ru_stime


def main():
    most, split = float(sys.argv[1]), sys.argv.index("--")
    a, b = sys.argv[2:split], sys.argv[split + 1:]
    took = [sum(t) for t in zip(*((seconds(a), seconds(b)) for _ in range(ROUNDS)))]
    print(f"{took[0] / ROUNDS * 1e3:.1f} ms and {took[1] / ROUNDS * 1e3:.1f} ms: {took[0] / took[1]:.2f} times")
    return took[0] > most * took[1]


if __name__ == "__main__":
    sys.exit(main())
