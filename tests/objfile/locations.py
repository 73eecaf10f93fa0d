#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Locations of variables against other readers: llvm-dwarfdump for the expressions, readelf for the frame.

For functions of a program: at the beginning of every range of a location list (and in the middle of the function for
variables with one location), what sonde's reader says (location_dump) must be what the expression means there.
TAP. Forms that this script cannot work out are counted as not compared.

    locations.py --dump PATH [--functions N] PROGRAM...
"""
import argparse
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "matrix"))
import evidence  # noqa: E402

REGS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()


def frame_rows(path):
    """(address, CFA rule) in order, None where there is none"""
    text = subprocess.run(["readelf", "--debug-dump=frames-interp", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    rows, end = [], None
    for line in text.splitlines():
        m = re.search(r"pc=([0-9a-f]+)\.\.([0-9a-f]+)", line)
        if m:
            end = int(m.group(2), 16)
            last = (int(m.group(1), 16), "rsp+8")
            rows += [last, (end, None)]
            continue
        m = re.match(r"([0-9a-f]{16}) (\S+)", line)
        if m and end:
            rows.append((int(m.group(1), 16), m.group(2)))
    rows.sort(key=lambda r: (r[0], r[1] is not None))
    return rows


class Frames:
    def __init__(self, path):
        self.rows = frame_rows(path)
        self.at = [r[0] for r in self.rows]

    def cfa(self, pc):
        import bisect
        i = bisect.bisect_right(self.at, pc)
        rule = self.rows[i - 1][1] if i else None
        m = re.fullmatch(r"(\w+)\+(\d+)", rule or "")
        return (m.group(1), int(m.group(2))) if m else None


def place(reg, offset):
    return f"{reg} {offset:+d}" if offset else reg


def simple(expr, frame, size):
    """what one simple location means, in location_dump's words; None: not worked out here"""
    m = re.fullmatch(r"DW_OP_reg(\d+) \w+", expr)
    if m:
        n = int(m.group(1))
        return f"reg {REGS[n]}" if n < 16 else f"xmm{n - 17}" if n < 33 else None
    m = re.fullmatch(r"DW_OP_fbreg ([-+]?\d+)", expr)
    if m:
        return f"mem {place(frame[0], frame[1] + int(m.group(1)))}" if frame else None
    m = re.fullmatch(r"DW_OP_call_frame_cfa", expr)
    if m:
        return f"mem {place(*frame)}" if frame else None
    m = re.fullmatch(r"DW_OP_breg(\d+) \w+([-+]\d+)(, DW_OP_stack_value)?", expr)
    if m:
        n, k = int(m.group(1)), int(m.group(2))
        if m.group(3):
            return f"value {place(REGS[n], k)}" if k else f"reg {REGS[n]}"
        return f"mem {place(REGS[n], k)}"
    m = re.fullmatch(r"DW_OP_(?:lit(\d+)|const\w+ ([-+]?(?:0x)?[0-9a-f]+)), DW_OP_stack_value", expr)
    if m:
        value = int(m.group(1)) if m.group(1) else int(m.group(2), 0)
        return f"const {value & ((1 << 8 * min(size, 8)) - 1)}"
    m = re.fullmatch(r"DW_OP_(?:GNU_)?entry_value\(DW_OP_reg(\d+) \w+\), DW_OP_stack_value", expr)
    if m and int(m.group(1)) < 16:
        return f"value {REGS[int(m.group(1))]}@entry"
    return None


def blocks(die, pc, proof):
    """variables in scope, innermost last"""
    for child in die.children:
        if child.tag in ("DW_TAG_variable", "DW_TAG_formal_parameter"):
            yield child
        elif child.tag == "DW_TAG_lexical_block":
            yield from blocks(child, pc, proof)


class Program:
    def __init__(self, path):
        text = subprocess.run([evidence.DWARFDUMP, "--debug-info", path], stdout=subprocess.PIPE,
                              text=True, errors="replace").stdout
        self.dies = evidence.parse(text)
        self.proof = evidence.Evidence.__new__(evidence.Evidence)
        self.frames = Frames(path)

    def questions(self, limit):
        """(address, name, expression) for variables whose name is unique in their function"""
        functions = [d for d in self.dies.values()
                     if d.tag == "DW_TAG_subprogram" and self.proof.low_pc(d) and
                     "call_frame_cfa" in d.get("DW_AT_frame_base")]
        random.Random(1).shuffle(functions)
        for fn in functions[:limit]:
            names = {}
            for var in blocks(fn, 0, self.proof):
                names.setdefault(self.proof.name_of(self.dies, var), []).append(var)
            low = self.proof.low_pc(fn)
            for name, found in names.items():
                if len(found) != 1 or not name:
                    continue
                for a, b, expr in evidence.RANGE.findall(found[0].get("DW_AT_location")):
                    # at the entry the rules of conventions decide
                    if int(a, 16) < int(b, 16) and int(a, 16) > low + 4 and expr:
                        yield int(a, 16), name, expr.split("\n")[0].rstrip(")") + \
                            (")" if expr.count("(") > expr.split("\n")[0].rstrip(")").count(")") else "")


def ask(dump, path, addresses):
    text = "".join(f"{a:x}\n" for a in addresses)
    done = subprocess.run([dump, path], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    answers = {}
    for line in done.stdout.splitlines():
        m = re.match(r"([0-9a-f]+) (\S+) (\d+): (.*)", line)
        if m:
            answers.setdefault((int(m.group(1), 16), m.group(2)), []).append(
                (int(m.group(3)), m.group(4).strip()))
    return answers


BORROWED = "absent its only place belongs to another variable"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dump", required=True)
    p.add_argument("--functions", type=int, default=200)
    p.add_argument("programs", nargs="+")
    opts = p.parse_args()
    failed = False
    if not evidence.DWARFDUMP:
        print("ok 1 - locations # SKIP needs llvm-dwarfdump-14")
        return
    for number, path in enumerate(opts.programs, 1):
        program = Program(path)
        wanted = list(program.questions(opts.functions))
        answers = ask(opts.dump, path, sorted({w[0] for w in wanted}))
        right = wrong = skipped = borrowed = 0
        for pc, name, expr in wanted:
            got = answers.get((pc, name))
            size = got[0][0] if got else 8
            want = simple(expr, program.frames.cfa(pc), size)
            if want is None or not got or len(got) > 1:
                skipped += 1
            elif got[0][1] == want:
                right += 1
            elif got[0][1] == BORROWED:
                borrowed += 1
            else:
                wrong += 1
                if wrong <= 10:
                    print(f"# {pc:x} {name}: '{expr}' is '{want}', shown as '{got[0][1]}'")
        bad = wrong or not right
        failed = failed or bad
        print(f"{'not ok' if bad else 'ok'} {number} - {os.path.basename(path)}: {right} equal, {wrong} not, "
              f"{borrowed} not believed, {skipped} not compared")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
