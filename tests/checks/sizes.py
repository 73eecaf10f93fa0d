#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes of files and functions: none over the limit, and the medians to aim at as a remark. Prints TAP.

A function that is mostly one table-like switch may be longer than the limit: it counts the lines without
those that are a `case` label, a `break`, or one-line case.
"""
import os
import re
import statistics
import sys

FILE_LIMIT, FUNCTION_LIMIT = 1000, 150
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def functions(lines):
    """-> (name, first line, text lines) of each function: in kernel style its braces stand in column 0"""
    head, start = "", None
    for no, line in enumerate(lines, 1):
        if start is None:
            if line == "{":
                start = no
            elif line and not line[0].isspace() and not line.startswith(("#", "/", "}", "*")):
                head = line
        elif line.startswith("}"):
            names = NAME.findall(head)
            if names:
                yield names[-1] if head.startswith("TEST") else names[0], start, lines[start:no - 1]
            start = None


def long_part(body):
    plain = [ln for ln in body if not re.match(r"\s*(case\b.*|default:.*|break;|return\b[^;]*;)\s*$", ln)]
    return len(body) if len(plain) > len(body) * 0.5 else len(plain)


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    files, funcs, bad_files, bad_funcs = [], [], [], []
    for top in ("src", "tests", "lib"):
        for base, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if not name.endswith((".c", ".h", ".py")):
                    continue
                path = os.path.join(base, name)
                shown = os.path.relpath(path, root)
                with open(path, errors="replace") as f:
                    lines = f.read().split("\n")
                files.append(len(lines))
                if len(lines) > FILE_LIMIT:
                    bad_files.append(f"{shown}: {len(lines)} lines")
                if not name.endswith(".c"):
                    continue
                for fname, at, body in functions(lines):
                    funcs.append(len(body))
                    if long_part(body) > FUNCTION_LIMIT:
                        bad_funcs.append(f"{shown}:{at}: {fname}() has {len(body)} lines")
    for n, (what, bad) in enumerate(((f"files of at most {FILE_LIMIT} lines", bad_files),
                                     (f"functions of at most {FUNCTION_LIMIT} lines", bad_funcs)), 1):
        print(f"{'not ok' if bad else 'ok'} {n} - {what}")
        for line in sorted(bad):
            print(f"# {line}")
    funcs.sort()
    if files and funcs:
        print(f"# {len(files)} files, median {int(statistics.median(files))} lines; {len(funcs)} functions, "
              f"median {funcs[len(funcs) // 2]}, 90th percentile {funcs[len(funcs) * 9 // 10]} lines")
    print("1..2")
    return 1 if bad_files or bad_funcs else 0


if __name__ == "__main__":
    sys.exit(main())
