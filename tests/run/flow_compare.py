#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""flow_compare.py PROGRAM-LOG TRACE PREFIX: does sonde flow show what the program printed of itself? The program's lines are
"[TASK ]INDENT-> NAME" and "<- NAME", two blanks a level; other lines are left out. Compared for each task by itself, without names
that the program does not print."""
import collections
import re
import sys

HEAD = 41  # columns before the calls

said, seen = collections.defaultdict(list), collections.defaultdict(list)
for line in open(sys.argv[1]):
    m = re.match(r"(?:(\d+) )?( *)(->|<-) (\w+)$", line)
    if m:
        said[m[1]].append((len(m[2]) // 2, m[3], m[4]))
names = {name for lines in said.values() for _, _, name in lines}
for line in open(sys.argv[2]):
    task = line[21:29].strip()
    m = re.match(r"( *)(->|<-) %s(\w+)$" % re.escape(sys.argv[3]), line[HEAD:].rstrip())
    if m and re.match(r" *\d+ \d+ +$", line[:21]) and m[3] in names:
        seen[task if None not in said else None].append((len(m[1]) // 2, m[2], m[3]))
if not said or said != seen:
    for task in sorted(set(said) | set(seen), key=str):
        for text, lines in (("said", said[task]), ("seen", seen[task])):
            print(text, task, *("%d%s%s" % x for x in lines))
    sys.exit(1)
