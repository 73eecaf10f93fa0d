#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""mysql_log.py OUT LOG N: the commands that OUT (sonde mysql --all --json) says are those of the server's general log, in its order,
at least N. The log shows the parameters of what is executed in place of the question marks; and no Ping.
"""
import json
import re
import sys
import time

out, log, least = sys.argv[1:]
entry = re.compile(r"^(?:\d{6} +[\d:]+)?\t+ *(\d+) ([A-Z][A-Za-z ]*)\t(.*)$")


def why_not():
    """None: they are the same"""
    truth = []
    for line in open(log).read().split("\n")[3:]:
        m = entry.match(line)
        if m:
            truth.append([m.group(2), m.group(3)])
        elif line and truth:  # a text of several lines
            truth[-1][1] += "\n" + line
    truth = [t for t in truth if t[0] not in ("Quit", "Close stmt") and t != ["Query", "select 'ready'"]]
    # what SQL's own PREPARE and EXECUTE do is no command of the protocol
    truth = [t for n, t in enumerate(truth) if not (n and truth[n - 1][0] == "Query" and t[0] in ("Prepare", "Execute"))]
    got = []
    for line in open(out):
        f = json.loads(line).get("fields", {})
        if "query" in f and f["command"] != "Ping":
            got.append([f["command"], f["query"], f])
    while truth and got and truth[0][0] == "Connect" and len(truth) > len(got):
        truth.pop(0)  # of the ones that asked whether it is ready
    for n, (a, b) in enumerate(zip(got, truth)):
        if a[0] == b[0] == "Connect":
            who = re.match(r"(\w+)@\w* (?:as \S+ )?on (\w*)", b[1])
            if [a[2]["user"], a[2]["database"].replace("-", "")] != [who.group(1), who.group(2)]:
                return f"command {n}: {a}, the server says {b}"
            continue
        same = re.fullmatch(re.escape(a[1]).replace(r"\?", ".*"), b[1], re.S) if a[0] == "Execute" else a[1] == b[1]
        if a[0] != b[0] or not same:
            return f"command {n}: {a}, the server says {b}"
    if len(got) != len(truth) or len(got) < int(least):
        return f"{len(got)} commands, the server says {len(truth)}: {got[-1:]} {truth[-1:]}"
    return None


end = time.time() + 10  # what the server has written a moment ago may not be in the file yet
why = why_not()
while why and time.time() < end:
    time.sleep(0.1)
    why = why_not()
sys.exit(why)
