#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sums of folded lines, for the tests of profile, offcpu, wallclock and memleak.

  fold.py FILE NAME...       for each name the sum of the lines that have such a frame: "NAME SUM"
  fold.py --threads FILE     for each thread of wallclock's lines: "TID SUM ON"
"""
import re
import sys


def lines(path):
    with open(path, errors="replace") as f:
        for line in f:
            stack, _, n = line.rstrip("\n").rpartition(" ")
            if not stack or not n.isdigit():
                sys.exit(f"fold.py: no folded line: {line!r}")
            yield [re.sub(r"(_\[\w+\])+$", "", frame) for frame in stack.split(";")], stack, int(n)


if sys.argv[1] == "--threads":
    total, on = {}, {}
    for frames, stack, n in lines(sys.argv[2]):
        total[frames[1]] = total.get(frames[1], 0) + n
        on[frames[1]] = on.get(frames[1], 0) + (n if stack.endswith("_[on]") else 0)
    for tid in sorted(total):
        print(tid, total[tid], on[tid])
else:
    for name in sys.argv[2:]:
        print(name, sum(n for frames, _, n in lines(sys.argv[1]) if name in frames))
