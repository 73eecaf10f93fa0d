#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Links of the documentation point at files that exist, and at headings that exist; the tests that documents.md names exist.
Prints TAP, one line per page."""
import glob
import os
import re
import subprocess
import sys

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def anchors(path):
    """heading -> anchor, as GitHub and GitLab make them"""
    found = set()
    with open(path) as f:
        text = re.sub(r"^```.*?^```", "", f.read(), flags=re.S | re.M)
    for head in re.findall(r"^#+\s+(.*)$", text, re.M):
        head = re.sub(r"[`*]", "", head.strip().lower())
        found.add(re.sub(r"[^\w\- ]", "", head).replace(" ", "-"))
    return found


def missing_tests(root):
    """names in the last column of documents.md that no test has: `file.case`, or `file.*`; and rows that are not there"""
    cases = set()
    for path in glob.glob(os.path.join(root, "tests/run/*.test")) + glob.glob(os.path.join(root, "tests/vm/*.test")):
        name = os.path.basename(path)[:-len(".test")]
        cases.add(name + ".*")
        with open(path) as f:
            cases |= {f"{name}.{case}" for case in re.findall(r"^NAME (\S+)", f.read(), re.M)}
    with open(os.path.join(root, "docs/documents.md")) as f:
        rows = re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", f.read(), re.M)
    bad = [f"row {n}: no test is named '{test}'" for n, tests in rows for test in re.findall(r"`([^`]+)`", tests)
           if test not in cases]
    return bad + [f"row {n} is missing" for n in range(1, 119) if str(n) not in {row for row, _ in rows}]


def main():
    root = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=root, text=True, check=True,
                           stdout=subprocess.PIPE).stdout.split()
    failed = 0
    for n, page in enumerate(pages, 1):
        bad = []
        with open(os.path.join(root, page)) as f:
            text = re.sub(r"^```.*?^```", "", f.read(), flags=re.S | re.M)
        text = re.sub(r"`[^`\n]*`", "", text)
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            path = os.path.normpath(os.path.join(root, os.path.dirname(page), target)) if target else \
                os.path.join(root, page)
            if not os.path.exists(path):
                bad.append(f"{page}: '{link}' is not there")
            elif anchor and path.endswith(".md") and anchor not in anchors(path):
                bad.append(f"{page}: '{link}' names no heading")
        failed += bool(bad)
        print(f"{'not ok' if bad else 'ok'} {n} - links of {page}")
        for line in bad:
            print(f"# {line}")
    bad = missing_tests(root)
    failed += bool(bad)
    print(f"{'not ok' if bad else 'ok'} {len(pages) + 1} - tests of docs/documents.md")
    for line in bad:
        print(f"# {line}")
    print(f"1..{len(pages) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
