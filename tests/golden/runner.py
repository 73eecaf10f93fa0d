#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden tests: what sonde prints for a program, compared to the byte. No root, nothing is attached.

  tests/golden/runner.py --sonde build/src/cli/sonde [-k REGEX] [FILE...]
  SONDE_REWRITE=1 tests/golden/runner.py ...    writes what is printed now; review the diff

A file (tests/golden/*.golden) is a list of blocks:

  ARGS: -d ast                options of the following blocks (default: -d ast)
  === name of the block
  begin { print(1); }         the program, given with -e
  ---
  what stdout and stderr together print; a last line [exit N] when the status is not 0

A line that starts with '#' before the first block is a comment. {{FILE}} in ARGS gives the program as a file named
prog.bt instead of -e, {{PROGRAM}} as the argument that stands there. `REQUIRES: cmd` skips the blocks up to the next
ARGS where the command fails: what they show is different on this machine. progs/ holds the traced programs. Prints TAP and a line of counts.
"""
import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

TIMEOUT = 10
HERE = os.path.dirname(os.path.abspath(__file__))


class Block:
    def __init__(self, path, line, name, args, requires):
        self.path, self.line, self.name, self.args, self.requires = path, line, name, args, requires
        self.program, self.want = [], []


def parse(path):
    """-> (the file as a list of text lines and blocks, in order)"""
    parts, block, part, args, requires = [], None, None, "-d ast", None
    with open(path) as f:
        for no, raw in enumerate(f, 1):
            line = raw.rstrip("\n")
            if line.startswith("ARGS:") and part != "program":
                args, block, part, requires = line[5:].strip(), None, None, None
                parts.append(line)
            elif line.startswith("REQUIRES:") and part != "program":
                requires, block, part = line[9:].strip(), None, None
                parts.append(line)
            elif line.startswith("=== "):
                block, part = Block(path, no, line[4:].strip(), args, requires), "program"
                parts.append(block)
            elif block is None:
                if line and not line.startswith("#"):
                    raise SystemExit(f"{path}:{no}: text before the first '=== name'")
                parts.append(line)
            elif line == "---" and part == "program":
                part = "want"
            else:
                getattr(block, part).append(line)
    for b in parts:
        if isinstance(b, Block):
            b.blank = 0
            while b.want and b.want[-1] == "":  # empty lines between blocks
                b.want.pop()
                b.blank += 1
    return parts


def progs_of(sonde):
    """the programs of tests/progs: those that gcc built, whose operands and offsets the messages show"""
    given = os.path.join(HERE, "..", "..", "build", "tests", "progs")
    return given if os.path.isdir(given) else os.path.join(os.path.dirname(sonde), "..", "..", "tests", "progs")


def is_skipped(sonde, block):
    if not block.requires:
        return False
    with tempfile.TemporaryDirectory(prefix="sonde-golden-") as tmp:
        os.symlink(progs_of(sonde), os.path.join(tmp, "progs"))
        return subprocess.run(["bash", "-c", block.requires], cwd=tmp, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0


def command(sonde, block, folder, more=()):
    """the command line of a block, to be run in the folder"""
    os.symlink(progs_of(sonde), os.path.join(folder, "progs"))
    program = "\n".join(block.program)
    args = shlex.split(block.args)
    if "{{FILE}}" in args:
        with open(os.path.join(folder, "prog.bt"), "w") as f:
            f.write(program + "\n")
    elif "{{PROGRAM}}" not in args:
        args += ["-e", program]
    return [sonde, *more, *({"{{FILE}}": "prog.bt", "{{PROGRAM}}": program}.get(a, a) for a in args)]


def actual(sonde, block):
    with tempfile.TemporaryDirectory(prefix="sonde-golden-") as tmp:
        cmd = command(sonde, block, tmp)
        try:
            r = subprocess.run(cmd, cwd=tmp, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=TIMEOUT, env=dict(os.environ, LC_ALL="C.UTF-8"))
        except subprocess.TimeoutExpired:
            return [f"[no end after {TIMEOUT} s]"]
    lines = r.stdout.decode("utf-8", "backslashreplace").split("\n")
    while lines and lines[-1] == "":
        lines.pop()
    if r.returncode:
        lines.append(f"[exit {r.returncode}]" if r.returncode > 0 else f"[signal {-r.returncode}]")
    return lines


def write(path, parts):
    out = []
    for p in parts:
        if isinstance(p, Block):
            out += [f"=== {p.name}"] + p.program + ["---"] + p.want + [""] * p.blank
        else:
            out.append(p)
    with open(path, "w") as f:
        f.write("\n".join(out).rstrip("\n") + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--sonde", required=True)
    ap.add_argument("-k", dest="only", default="", help="regex over file.name")
    ap.add_argument("files", nargs="*")
    o = ap.parse_args()
    o.sonde = os.path.abspath(o.sonde)
    rewrite = os.environ.get("SONDE_REWRITE") == "1"
    files = o.files or sorted(os.path.join(d, f) for d, _, fs in os.walk(HERE) for f in fs if f.endswith(".golden"))
    if not os.access(o.sonde, os.X_OK):
        raise SystemExit(f"'{o.sonde}' is not there: build it first")
    passed = failed = skipped = 0
    for path in files:
        suite, parts, changed = os.path.basename(path).rsplit(".", 1)[0], parse(path), False
        for b in parts:
            if not isinstance(b, Block) or not re.search(o.only, f"{suite}.{b.name}"):
                continue
            if is_skipped(o.sonde, b):
                skipped += 1
                print(f"ok {passed + failed + skipped} - {suite}.{b.name} # SKIP requires {b.requires}")
                continue
            got = actual(o.sonde, b)
            if got == b.want:
                passed += 1
                print(f"ok {passed + failed + skipped} - {suite}.{b.name}")
            elif rewrite and not (got and got[-1].startswith("[signal")):
                b.want, changed, passed = got, True, passed + 1
                b.blank = max(b.blank, 1)
                print(f"ok {passed + failed + skipped} - {suite}.{b.name} (rewritten)")
            else:
                failed += 1
                print(f"not ok {passed + failed + skipped} - {suite}.{b.name} ({path}:{b.line})")
                for line in difflib.unified_diff(b.want, got, "want", "got", lineterm=""):
                    print("#   " + line)
        if changed:
            write(path, parts)
    print(f"1..{passed + failed + skipped}")
    print(f"golden: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
