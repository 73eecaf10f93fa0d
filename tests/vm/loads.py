#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives every tool of tools/ to this kernel's verifier: each is loaded, attached and taken off (--dry-run). Prints TAP.

A tool of which nothing can be attached here (its event or program is not there) says so in one sentence and is a
skip; a refusal by the verifier is a failure wherever it happens.
"""
import argparse
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--sonde", required=True)
    ap.add_argument("--progs")
    o = ap.parse_args()
    folder = os.path.join(ROOT, "tools")
    tools = sorted(f for f in os.listdir(folder) if f.endswith(".bt")) if os.path.isdir(folder) else []
    failed = 0
    for n, name in enumerate(tools, 1):
        r = subprocess.run([o.sonde, "--dry-run", "--unsafe", os.path.join(folder, name)], stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="backslashreplace", timeout=300)
        refused = "verifier" in r.stdout
        if r.returncode == 0:
            print(f"ok {n} - load.{name}")
        elif not refused and ("ERROR" in r.stdout or "HINT" in r.stdout):
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
