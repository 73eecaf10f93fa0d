#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives every tool to this kernel's verifier: each is loaded, attached and taken off (--dry-run). Prints TAP.

A tool whose place is not there (a kernel module, a program) says so and is a skip; everything else that goes wrong,
a refusal by the verifier first of all, is a failure.
"""
import argparse
import os
import re
import subprocess
import sys

# tools that have to be told what to look at; {progs}: the folder of the traced programs
WORDS = {
    "argdist": ["-H", "p:{progs}/calls:add(long x, long y):long:x"],
    "count": ["{progs}/calls:*"],
    "latency": ["{progs}/calls:add"],
    "slower": ["{progs}/calls:add"],
    "stackcount": ["{progs}/calls:add"],
    "trace": ["{progs}/calls:add \"%d\", arg0"],
    "flow": ["{progs}/calls:add"],
}
NO_SCRIPT = ("run", "list")
# what a tool says when there is nothing here that it could be attached to
ABSENT = re.compile(r"No matches for|does not exist|No such file|not found|nothing to attach|no process|is not loaded|"
                    r"There is no|there is no|no probes|not traceable|needs to be told|has no ")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--sonde", required=True)
    ap.add_argument("--progs", default="")
    o = ap.parse_args()
    listed = subprocess.run([o.sonde, "help"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    tools = [t for t in re.findall(r"^  ([a-z]\w*) ", listed, re.M) if t not in NO_SCRIPT]
    failed = 0
    for n, name in enumerate(tools, 1):
        words = [w.replace("{progs}", o.progs) for w in WORDS.get(name, ())]
        try:
            r = subprocess.run([o.sonde, name, "--dry-run", *words], stdin=subprocess.DEVNULL, text=True, timeout=120,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="backslashreplace")
        except subprocess.TimeoutExpired:
            failed += 1
            print(f"not ok {n} - load.{name} (did not end)")
            continue
        if r.returncode == 0:
            print(f"ok {n} - load.{name}")
        elif "verifier" not in r.stdout and ABSENT.search(r.stdout):
            first = next((line for line in r.stdout.splitlines() if "ERROR" in line), "")
            print(f"ok {n} - load.{name} # SKIP {first}")
        else:
            failed += 1
            print(f"not ok {n} - load.{name} (exit {r.returncode})")
            print("".join(f"# {line}\n" for line in r.stdout.splitlines()[:40]), end="")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
