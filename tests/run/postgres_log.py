#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""postgres_log.py OUT LOG N: what OUT (sonde postgres --parameters --json) says of each backend is what the server's own jsonlog says
(log_statement=all, log_min_duration_statement=0): texts, parameters, users, databases, errors, in order; times are not shorter
than the server's. At least N queries.
"""
import json
import re
import sys
import time

out, log, least = sys.argv[1:]


def why_not():
    """None: they are the same"""
    truth, took = {}, {}
    lines = open(log).read()
    if not lines.endswith("\n"):
        return "the log ends in the midst of a line"
    for line in lines.splitlines():
        e = json.loads(line)
        m = re.match(r"(statement|execute [^:]+): (.*)", e["message"], re.S)
        d = re.match(r"duration: ([0-9.]+) ms$", e["message"])
        rows = truth.setdefault(e["pid"], [])
        who = (e.get("dbname"), e.get("user"))
        if m:
            detail = e.get("detail", "")
            rows.append([*who, m.group(2), detail.replace("parameters: ", "") if "parameters" in detail else "", "-", 0.0])
        elif d and rows:  # of parsing and binding, too: those have a text behind the number
            rows[-1][5] = float(d.group(1))
        elif e["error_severity"] == "ERROR" and e["state_code"] == "42601":  # a syntax error has no "statement" line
            rows.append([*who, e["statement"], "", e["state_code"], 0.0])
        elif e["error_severity"] == "ERROR" and rows:
            rows[-1][4] = e["state_code"]
    # those that asked whether it is there came before
    truth = {pid: rows for pid, rows in truth.items() if rows and rows[0][2] != "select 'ready'"}
    got = {}
    for line in open(out):
        e = json.loads(line)
        f = e.get("fields", {})
        if e["type"] == "printf" and "query" in f and f["pid"] in truth:
            got.setdefault(f["pid"], []).append([f["database"], f["user"], f["query"], f["parameters"], f["code"], float(f["lat_ms"])])
    for pid, rows in truth.items():
        mine = got.get(pid, [])
        for n, (a, b) in enumerate(zip(mine, rows)):
            if a[:5] != b[:5] or a[5] + 0.1 < b[5]:
                return f"query {n} of {pid}: {a}, the server says {b}"
        if len(mine) != len(rows):
            return f"{len(mine)} queries of {pid}, the server says {len(rows)}: {mine[-1:]} {rows[-1:]}"
    n = sum(map(len, truth.values()))
    if n < int(least):
        return f"the server says {n} queries"
    return None


end = time.time() + 10  # what the server has written a moment ago may not be in the file yet
why = why_not()
while why and time.time() < end:
    time.sleep(0.1)
    why = why_not()
sys.exit(why)
