#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""redis_monitor.py OUT MONITOR N: the commands that servers got in OUT (sonde redis --json) are those of `redis-cli monitor`, in
its order, and at least N. MONITOR shows neither refused commands nor passwords, and those of scripts by the side ("lua").
"""
import json
import re
import sys

WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
HIDDEN = ("monitor", "ping", "auth", "debug")


def words(text):
    """each word with its quotes and escapes resolved; the name in small letters"""
    found = [m.group(1).encode("latin-1").decode("unicode_escape") if m.group(1) is not None else m.group(2)
             for m in WORD.finditer(text)]
    return [found[0].lower(), *(w[:900] for w in found[1:])]  # sonde cuts what is longer than 1024 bytes


out, monitor, want = sys.argv[1:]
said = [line.split("] ", 1)[1] for line in open(monitor, encoding="latin-1") if "] " in line and " lua] " not in line]
truth = [w for w in map(words, said) if w[0] not in HIDDEN]
events = [json.loads(line)["fields"] for line in open(out) if '"printf"' in line]
got = [words(e["command"]) for e in events if e["role"] == "server" and not e.get("error")]
got = [w for w in got if w[0] not in HIDDEN]
for n, (a, b) in enumerate(zip(got, truth)):
    if a != b:
        sys.exit(f"command {n}: {a}, the server says {b}")
if len(got) != len(truth) or len(got) < int(want):
    sys.exit(f"{len(got)} commands, the server says {len(truth)}, at least {want} were given")
