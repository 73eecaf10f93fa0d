#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every code of src/diag/diag.def is shown by a golden test. Prints TAP.

  tests/checks/diagcodes.py SONDE

A block of tests/golden/*.golden shows a code when its title begins with the code's name, `=== PARSE_UNEXPECTED: a brace
is missing`, and its program, compiled with -v, which names the codes, really gives that code.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden"))
import runner  # noqa: E402


def codes_of(sonde, block):
    """numbers of the codes that this program gives"""
    with tempfile.TemporaryDirectory(prefix="sonde-codes-") as tmp:
        r = subprocess.run(runner.command(sonde, block, tmp, ["-v"]), cwd=tmp, stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, errors="replace", timeout=20)
    return set(re.findall(r"^sonde: E(\d+): ", r.stderr, re.M))


def main():
    sonde = os.path.abspath(sys.argv[1])
    with open(os.path.join(ROOT, "src", "diag", "diag.def")) as f:
        codes = re.findall(r"^DIAG\((\w+), (\d+)\)", f.read(), re.M)
    shown, wrong = set(), {}
    folder = os.path.join(ROOT, "tests", "golden")
    for path in sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".golden")):
        for block in runner.parse(path):
            name = re.match(r"([A-Z][A-Z0-9_]+)\b", block.name) if isinstance(block, runner.Block) else None
            if not name:
                continue
            if runner.is_skipped(sonde, block):
                shown.add(name.group(1))  # on another machine
                continue
            number = dict(codes).get(name.group(1))
            given = codes_of(sonde, block)
            if number in given:
                shown.add(name.group(1))
            else:
                others = [n for n, v in codes if v in given]
                wrong[name.group(1)] = f"'{block.name}' gives {', '.join(others) or 'no code'}"
    failed = 0
    for n, (code, _) in enumerate(codes, 1):
        failed += code not in shown
        print(f"{'ok' if code in shown else 'not ok'} {n} - {code}" +
              ("" if code in shown else ": " + wrong.get(code, "no golden test shows it")))
    for code in sorted(set(wrong) - {c for c, _ in codes}):
        failed += 1
        print(f"not ok - {code} is no code")
    print(f"1..{len(codes)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
