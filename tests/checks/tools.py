#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every tool compiles on this machine, knows its own options, and has a whole manual. Prints TAP.

  tests/checks/tools.py SONDE [NAME...]

A script is compiled without any option and with all that its head declares (with the values of VALUES, or 1), so that an
option that the script does not read is found. What it wants to probe may be missing here: that is a warning then, not a
failure. Front ends, which make their script from the words, are called with the words of WORDS.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import gen_tools  # noqa: E402

VALUES = {"RUNTIME": "java", "LANG": "java", "TYPE": "java", "NAME": "x", "FILE": "/dev/null", "TEXT": "x", "PATH": "/", "REGEX": "x"}  # by what the head calls the value
# a script that needs words: those, else each required word is "1"
WORDS = {
    "argdist": ["-C", "p:c:malloc(size_t n):size_t:n:n > 1"], "list": ["t:sched:*"], "trace": ["c:malloc \"%d\", arg1"], "count": ["c:malloc"], "stackcount": ["c:malloc"], "latency": ["c:malloc"],
    "slower": ["c:malloc"],
}


def declared(manual):
    """-> list of words that set each option"""
    words = []
    for line in manual.get("OPTIONS"):
        if not line.strip().startswith("-"):
            continue
        left = re.split(r"  ", line.strip())[0]
        name = re.search(r"--([\w-]+)|-(\w)", left)
        value = re.search(r"[ =]([A-Z][\w.|:-]*)$", left)
        word = "--" + name.group(1) if name.group(1) else "-" + name.group(2)
        words += [word] + ([VALUES.get(value.group(1), "1")] if value else [])
    return words


def required(manual):
    usage = re.sub(r"\[[^][]*(\[[^]]*\])?[^][]*\]", "", manual.get("USAGE")[0])
    return [w for w in usage.split()[2:] if not w.startswith("-")]


def call(sonde, words):
    try:
        r = subprocess.run([sonde, *words], stdin=subprocess.DEVNULL, text=True, errors="replace", capture_output=True,
                           timeout=60)
        return r.returncode, r.stdout, r.stderr
    except subprocess.TimeoutExpired:
        return -1, "", "does not end"


def compile_text(sonde, m, words):
    """-> what is wrong, or None, and whether this machine lacks what it needs"""
    status, script, err = call(sonde, [m.name, "--script", *words])
    if status:
        return err, False
    status, _, err = call(sonde, [m.name, "--compile-only", *words])
    if not status:
        return None, False
    # what is not on this machine cannot be attached to: nothing is wrong with the script
    errors = [ln for ln in err.splitlines() if "ERROR" in ln]
    lacks = re.compile(r"not found|No such|no such|does not exist|No matches|could not|cannot find|is not there|there is no")
    return err, bool(errors) and all(lacks.search(ln) for ln in errors)


def main():
    sonde = os.path.abspath(sys.argv[1])
    folder, n, failed = os.path.join(ROOT, "tools"), 0, 0
    listed = gen_tools.listed(folder)
    for file in sorted(os.listdir(folder)):
        if not file.endswith((".bt", ".head")) or (sys.argv[2:] and file.rsplit(".")[0] not in sys.argv[2:]):
            continue
        m = gen_tools.Manual(os.path.join(folder, file))
        if m.name not in listed:
            continue  # gen-docs.py --check says so
        bad, skip = "; ".join(m.faults) or None, None
        if not bad:
            status, out, err = call(sonde, [m.name, "--help"])
            if status or m.summary not in out or "OPTIONS OF EVERY TOOL" not in out:
                bad = f"--help: {err or out}"
        if not bad and (file.endswith(".bt") or m.name in WORDS):
            words = WORDS.get(m.name, ["1"] * len(required(m)))
            for extra in ([], declared(m)) if file.endswith(".bt") else ([],):
                why, lacks = compile_text(sonde, m, [*extra, *words])
                if why and lacks:
                    skip = why.splitlines()[0]
                elif why:
                    bad = f"with {' '.join(extra) or 'no options'}: {why}"
                    break
        n += 1
        failed += bad is not None
        print(f"{'not ok' if bad else 'ok'} {n} - {m.name}" + (f" # SKIP {skip}" if skip and not bad else ""))
        for line in (bad or "").splitlines():
            print(f"#   {line}")
    print(f"1..{n}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
