#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples of the documentation compile, and print what the page says they print. Prints TAP.

  tests/checks/examples.py SONDE [PAGE...]

A block fenced as ```bpftrace is a script; words behind that are options, words behind '|' its parameters:

    ```bpftrace --unsafe | 42 name

It is compiled. When a ```text block follows at once, the script is also run, and its standard output, without empty
lines at the end, must be that block; running needs root, which is a skip where there is none.
SONDE_REWRITE=1 writes what is printed now into the pages instead; review by diff.
"""
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BLOCK = re.compile(r"^```bpftrace([^\n]*)\n(.*?)^```\n(?:\n?(```text\n)(.*?)^```\n)?", re.S | re.M)


def is_root():
    return os.geteuid() == 0


def call(sonde, options, program, parameters):
    # LC_ALL: nothing of what is printed may depend on where the reader sits
    env = dict(os.environ, LC_ALL="C", TZ="UTC")
    try:
        r = subprocess.run([sonde, "-q", *options, "-e", program, *parameters], env=env, stdin=subprocess.DEVNULL,
                           text=True, errors="replace", capture_output=True, timeout=20)
        return r.returncode, r.stdout.rstrip("\n"), r.stderr
    except subprocess.TimeoutExpired:
        return -1, "", "does not end by itself"


class Page:
    def __init__(self, sonde, path):
        self.sonde, self.path = sonde, path
        with open(path) as f:
            self.text = f.read()
        self.results = []  # (line, what is wrong or None, skipped)
        self.new_text = BLOCK.sub(self.one, self.text)

    def one(self, m):
        line = self.text.count("\n", 0, m.start()) + 1
        options, _, parameters = m.group(1).partition("|")
        options, parameters = shlex.split(options), shlex.split(parameters)
        runs = m.group(3) is not None
        if runs and is_root():
            status, out, err = call(self.sonde, options, m.group(2), parameters)
        else:
            status, out, err = call(self.sonde, ["--mode", "codegen", *options], m.group(2), parameters)
        bad = None
        if status and not (runs and "exit(" in m.group(2) and not err):
            bad = f"status {status}: {err.strip()}"
        elif runs and is_root() and out != m.group(4).rstrip("\n"):
            bad = f"prints\n{out}\ninstead of\n{m.group(4)}"
            if os.environ.get("SONDE_REWRITE"):
                self.results.append((line, None, False))
                return m.group(0)[:m.start(4) - m.start(0)] + out + "\n```\n"
        # names of kernel events are readable for root alone
        needs_root = not is_root() and (runs or "needs root" in (bad or ""))
        self.results.append((line, None if needs_root and "needs root" in (bad or "") else bad, needs_root))
        return m.group(0)


def main():
    sonde = os.path.abspath(sys.argv[1])
    pages = sys.argv[2:] or subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, text=True, check=True,
                                           stdout=subprocess.PIPE).stdout.split()
    n = failed = 0
    for name in pages:
        page = Page(sonde, os.path.join(ROOT, name))
        for line, bad, skipped in page.results:
            n += 1
            failed += bad is not None
            print(f"{'not ok' if bad else 'ok'} {n} - {name}:{line}" +
                  (" # SKIP needs root" if skipped and not bad else ""))
            for text in (bad or "").splitlines():
                print(f"#   {text}")
        if page.new_text != page.text:
            with open(page.path, "w") as f:
                f.write(page.new_text)
    print(f"1..{n}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
