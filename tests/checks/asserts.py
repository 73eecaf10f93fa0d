#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the CHECKs of tests/run assert is looked at. Prints TAP, a test for each file.

They run under `set -e`, which passes over `! cmd` and over `a && b` where something follows them: an assertion that stands so cannot fail.
`cmd && exit 1` and `a; b` say the same and can.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "run"))
import runner  # noqa: E402

OPENS = re.compile(r"^((do|then|else)\b|\{)\s*")
ASKS = re.compile(r"^(if|elif|while|until|for|case)\b")  # what stands there is a question
# behind &&: what is done if, not what must be so
DOES = re.compile(r"^(break|continue|exit|return|touch|echo|kill)\b|^\w+=")
# what a text is taken out of the code by, and how that ends
CLOSES = {"'": "'", '"': '"', "(": ")", "$(": ")", "`": "`"}


def split(text, *ends):
    """-> pieces between these, which stand outside of quotes and parentheses"""
    pieces, piece, open_, i = [], "", [], 0
    while i < len(text):
        top = open_[-1] if open_ else ""
        step = 2 if text[i] == "\\" and top != "'" or text.startswith("$(", i) and top != "'" else 1
        word = text[i:i + step]
        end = next((e for e in ends if not open_ and text.startswith(e, i)), None)
        if end:
            pieces.append(piece)
            piece, i = "", i + len(end)
            continue
        if top and word == CLOSES[top]:
            open_.pop()
        elif word in CLOSES and top != "'" and (top != '"' or word in ("$(", "`")):
            open_.append(word)
        piece, i = piece + word, i + step
    return [p.strip() for p in pieces + [piece] if p.strip()]


def idle(check):
    """-> statements whose failure nobody sees"""
    found = []
    for text in split(check, ";", "\n")[:-1]:
        while OPENS.match(text):
            text = OPENS.sub("", text)
        if ASKS.match(text) or len(split(text, "||")) > 1:
            continue
        parts = split(text, "&&")
        if parts and (text.startswith("! ") or len(parts) > 1 and not DOES.match(parts[-1])):
            found.append(text)
    return found


def main():
    for check, want in ((("test 1 = 1; ! grep x y"), 0), ("! grep x y; test 1 = 1", 1), ("grep x y && test 1 = 1; diff a b", 1),
                        ("grep 'a; b && c; d' y; test \"$(a && b; c)\" = 1", 0), ("for i in 1 2; do a && b; done", 1),
                        ("grep x y && exit 1; while a && b; do c; done", 0), ("a && b || exit 1; c", 0)):
        if len(idle(check)) != want:
            print(f"Bail out! {check}: {idle(check)}")
            return 1
    folder = os.path.join(ROOT, "tests", "run")
    files = sorted(f for f in os.listdir(folder) if f.endswith(".test"))
    print(f"1..{len(files)}")
    failed = False
    for n, name in enumerate(files, 1):
        bad = [f"{t.full}: {text}" for t in runner.parse_file(os.path.join(folder, name)) for _, check in t.all("CHECK")
               for text in idle(check)]
        print(f"{'not ok' if bad else 'ok'} {n} - {name}" + "".join(f"\n# {line}" for b in bad for line in b.splitlines()))
        failed |= bool(bad)
    return failed


if __name__ == "__main__":
    sys.exit(main())
