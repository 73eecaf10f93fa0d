#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every code of src/diag/diag.def has a golden test, and is used by the source. Prints TAP.

A block of tests/golden/*.golden shows a code when its title begins with the code's name:
`=== PARSE_UNEXPECTED: a brace is missing`; its expected text must hold an ERROR or a WARNING.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def golden_codes():
    found = set()
    for base, _, files in os.walk(os.path.join(ROOT, "tests", "golden")):
        for name in files:
            if name.endswith(".golden"):
                with open(os.path.join(base, name)) as f:
                    for block in re.split(r"^=== ", f.read(), flags=re.M)[1:]:
                        code = re.match(r"([A-Z][A-Z0-9_]+)\b", block)
                        if code and re.search(r"(ERROR|WARNING): ", block.partition("\n---\n")[2]):
                            found.add(code.group(1))
    return found


def main():
    with open(os.path.join(ROOT, "src", "diag", "diag.def")) as f:
        codes = re.findall(r"^DIAG\((\w+)", f.read(), re.M)
    shown = golden_codes()
    used = set(re.findall(r"\bD_([A-Z0-9_]+)\b", subprocess.run(
        ["git", "grep", "-hoE", r"\bD_[A-Z0-9_]+", "--", "src/*.c", "src/*.h"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE).stdout))
    failed = 0
    for n, code in enumerate(codes, 1):
        why = [] if code in shown else ["no golden test shows it"]
        if code not in used:
            why.append("no source file uses it")
        failed += bool(why)
        print(f"{'not ok' if why else 'ok'} {n} - {code}" + (": " + ", ".join(why) if why else ""))
    for code in sorted(shown - set(codes)):
        print(f"# a golden test is named {code}, which is no code")
    print(f"1..{len(codes)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
