#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does sonde print what programs say of themselves?

The programs (values.c, .cc, .rs, .go) print the arguments and results of their own calls. They are built by each compiler
at each level of optimization, with each form of debug information; sonde prints the same calls; each value must be equal, or
be <optimized out> where an independent reader (evidence.py over llvm-dwarfdump) finds no location. Prints a table, whose lines
are TAP; one is "not ok" when a value is wrong or is missing without evidence. Exits with 1 when one is.

    matrix.py --sonde PATH [--work DIR] [-k REGEX] [--quick] [-v]
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import evidence

HERE = os.path.dirname(os.path.abspath(__file__))
GONE = "<optimized out>"
OPT = "O0 O1 O2 O3".split()


class Config:
    def __init__(self, name, source, build, lang, level, after=()):
        self.name, self.source, self.build, self.lang = name, source, build, lang
        self.level, self.after = level, after


def run(args, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)


def strip_with_link(path):
    """debug information goes to a file of its own"""
    debug = path + ".debug"
    return [["objcopy", "--only-keep-debug", path, debug], ["strip", path],
            ["objcopy", "--add-gnu-debuglink=" + debug, path]]


def c_configs(source, compilers, std):
    for cc in compilers:
        short = os.path.basename(cc)
        if not shutil.which(cc):
            continue
        for opt in OPT:
            for dwarf in "4", "5":
                yield Config(f"{short} -{opt} dwarf{dwarf}", source,
                             [cc, *std, "-w", f"-gdwarf-{dwarf}", f"-{opt}"], "c", opt)
            yield Config(f"{short} -{opt} no-pie", source,
                         [cc, *std, "-w", "-g", f"-{opt}", "-no-pie"], "c", opt)
            yield Config(f"{short} -{opt} debuglink", source, [cc, *std, "-w", "-g", f"-{opt}"],
                         "c", opt, ("link",))
            yield Config(f"{short} -{opt} split", source,
                         [cc, *std, "-w", "-g", "-gsplit-dwarf", f"-{opt}"], "c", opt, ("split",))


def rust_configs():
    if not shutil.which("rustc"):
        return
    for level in "0", "1", "2", "3":
        for mangling in "legacy", "v0":
            flags = ["-Csymbol-mangling-version=" + mangling] if mangling == "v0" else []
            yield Config(f"rustc -O{level} {mangling}", "values.rs",
                         ["rustc", "-g", f"-Copt-level={level}", *flags], "rust", "O" + level)
        yield Config(f"rustc -O{level} dwarf5", "values.rs",
                     ["rustc", "-g", f"-Copt-level={level}", "-Cdwarf-version=5"], "rust",
                     "O" + level)
        yield Config(f"rustc -O{level} no-pie", "values.rs",
                     ["rustc", "-g", f"-Copt-level={level}", "-Crelocation-model=static"], "rust",
                     "O" + level)
        yield Config(f"rustc -O{level} debuglink", "values.rs",
                     ["rustc", "-g", f"-Copt-level={level}"], "rust", "O" + level, ("link",))


def go_configs():
    for go in go_commands():
        text = run([go, "version"]).stdout.split()
        version = text[2] if len(text) > 2 else go
        for level, flags in (("O0", ["-gcflags=-N -l"]), ("O2", [])):
            yield Config(f"{version} -{level}", "values.go", [go, "build", *flags], "go", level)
            yield Config(f"{version} -{level} pie", "values.go",
                         [go, "build", "-buildmode=pie", *flags], "go", level)


def go_commands():
    found = [shutil.which("go") or "/usr/local/go/bin/go"]
    # versions that Debian has beside it (scripts/setup.sh test)
    found += sorted(glob.glob("/usr/lib/go-*/bin/go"))
    extra = os.environ.get("SONDE_TEST_GO", "")
    found += [p for p in extra.split(":") if p]
    return [p for p in found if os.path.exists(p)]


def configs():
    yield from c_configs("values.c", ["gcc", "clang-14"], [])
    yield from c_configs("values.cc", ["g++", "clang++-14"], ["-std=c++17"])
    yield from rust_configs()
    yield from go_configs()


# ---- what to ask ----

SPEC = re.compile(r"//@ (\S.*?)\(((?:args|str\(args).*)\) (\S.*)$")


def specs(source):
    """(function, argument expressions, result expressions)"""
    for line in open(os.path.join(HERE, source)):
        m = SPEC.search(line.rstrip("\n"))
        if m:
            result = [] if m.group(3) == "-" else m.group(3).split()
            yield m.group(1), m.group(2).split(), result


AT = re.compile(r"//@at (\S+) (.*)$")


def lines(source):
    """(line number, name, expressions): locals at a line"""
    for number, line in enumerate(open(os.path.join(HERE, source)), 1):
        m = AT.search(line.rstrip("\n"))
        if m:
            yield number, m.group(1) + " at", m.group(2).split()


def probes(binary, source, level):
    out = []
    # optimized code may run a line at several places, or at none
    for number, name, exprs in lines(source) if level == "O0" else ():
        form = "|%s" * len(exprs)
        out.append(f'uprobe:{binary}@{source}:{number} '
                   f'{{ printf("E|{name}{form}\\n", {", ".join(exprs)}); }}')
    for name, args, result in specs(source):
        form = "|%s" * len(args)
        out.append(f'uprobe:{binary}:"{name}" {{ printf("E|{name}{form}\\n", {", ".join(args)}); }}')
        if result:
            form = "|%s" * len(result)
            out.append(f'uretprobe:{binary}:"{name}" '
                       f'{{ printf("R|{name}{form}\\n", {", ".join(result)}); }}')
    return out


def by_call(text):
    """lines by kind and function, in order"""
    calls = {}
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) > 2 and parts[0] in "ER":
            calls.setdefault((parts[0], parts[1]), []).append(parts[2:])
    return calls


class Table:
    def __init__(self):
        self.right = self.gone = self.unproven = self.wrong = 0
        self.notes = []

    def add(self, other):
        self.right += other.right
        self.gone += other.gone
        self.unproven += other.unproven
        self.wrong += other.wrong


def build(config, work):
    binary = os.path.join(work, "values")
    source = os.path.join(HERE, config.source)
    env = dict(os.environ, GOFLAGS="-buildvcs=false", HOME=os.environ.get("HOME", "/root"))
    if config.lang == "go":
        shutil.copy(source, os.path.join(work, "values.go"))
        source = "values.go"
    done = run([*config.build, "-o", binary, source], cwd=work, env=env)
    if done.returncode:
        raise RuntimeError(done.stdout)
    return binary


def build_twin(config, binary, work):
    """what evidence is read from: split units refer to addresses in the program, a program built without has the same code"""
    if "split" not in config.after:
        return binary
    twin = os.path.join(work, "twin")
    flags = [f for f in config.build if f != "-gsplit-dwarf"]
    subprocess.check_call([*flags, "-o", twin, os.path.join(HERE, config.source)], cwd=work)
    return twin


def dress(config, binary):
    """what is done to the program after its evidence was read"""
    if "link" in config.after:
        for command in strip_with_link(binary):
            subprocess.check_call(command, cwd=os.path.dirname(binary))


def trace(sonde, script, binary, work):
    path = os.path.join(work, "script.bt")
    out = os.path.join(work, "out")
    with open(path, "w") as f:
        f.write("\n".join(script) + "\n")
    done = subprocess.run([sonde, "-o", out, "-c", binary, path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=work, timeout=120)
    text = open(out).read() if os.path.exists(out) else ""
    return done, text


def compare(config, truth, seen, said, proof, table):
    asked = list(specs(config.source))
    if config.level == "O0":
        asked += [(name, exprs, []) for _, name, exprs in lines(config.source)]
    for name, args, result in asked:
        for kind, exprs in ("E", args), ("R", result):
            want, got = truth.get((kind, name), []), seen.get((kind, name), [])
            if not exprs or (not want and not got):
                continue
            if len(want) != len(got):
                if not got and proof.not_probed(kind, name):
                    continue
                # sonde has said that it does not see the returns by way of a tail call
                if kind == "R" and f"'{name}': its returns by way of a tail call" in said:
                    want = [w for w in want if w in got]
                    table.gone += len(want) - len(got)
            if len(want) != len(got):
                table.wrong += max(1, abs(len(want) - len(got)))
                table.notes.append(f"{kind} {name}: {len(want)} calls, {len(got)} seen")
                continue
            for w, g in zip(want, got):
                for expr, x, y in zip(exprs, w, g):
                    judge(config, kind, name, expr, x, y, proof, table)


def judge(config, kind, name, expr, want, got, proof, table):
    got = got.strip('"') if not want.startswith('"') else got
    if want.strip('"') == got:
        table.right += 1
    elif GONE in got or re.match(r"<in [a-z0-9]+>", got):
        why = proof.is_gone(kind, name, expr, config.level)
        if why:
            table.gone += 1
        else:
            table.unproven += 1
            table.notes.append(f"{kind} {name} {expr}: {want} is {got}, but has a location")
    else:
        table.wrong += 1
        table.notes.append(f"{kind} {name} {expr}: {want} is shown as {got}")


def one(config, opts, work):
    table = Table()
    binary = build(config, work)
    proof = evidence.Evidence(build_twin(config, binary, work), config)
    dress(config, binary)
    script = probes(binary, config.source, config.level)
    done, text = trace(opts.sonde, script, binary, work)
    if done.returncode:
        table.wrong += 1
        table.notes.append("sonde failed: " + done.stderr[:3000])
    compare(config, by_call(done.stdout), by_call(text), done.stderr, proof, table)
    return table, done


def attempt(config, opts, work):
    """one(), in a folder of its own; what goes wrong with it is a result"""
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        return one(config, opts, work)
    except Exception as e:
        table = Table()
        table.wrong += 1
        table.notes.append(f"{type(e).__name__}: {e}")
        return table, None


def chosen(opts):
    seen = set()
    for config in configs():
        if not re.search(opts.k, config.name + " " + config.source):
            continue
        if opts.quick:
            key = config.build[0], config.level, config.source
            if key in seen or config.level not in ("O0", "O2"):
                continue
            seen.add(key)
        yield config


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--sonde", required=True, type=os.path.abspath)
    p.add_argument("--work")
    p.add_argument("-k", default="")
    p.add_argument("--quick", action="store_true", help="-O0 and -O2 in one form each")
    p.add_argument("-v", action="store_true")
    opts = p.parse_args()
    total, failed = Table(), False
    base = opts.work or tempfile.mkdtemp(prefix="sonde-matrix-")
    print(f"{'# values':41}{'right':>7}{'gone':>6}{'unproven':>10}{'wrong':>7}")
    if os.geteuid() or not evidence.DWARFDUMP:
        print("ok 1 - matrix # SKIP needs root and llvm-dwarfdump-14")
        return
    wanted, count = list(chosen(opts)), 0
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
    works = [os.path.join(base, str(n)) for n in range(len(wanted))]
    for config, (table, done) in zip(wanted, pool.map(attempt, wanted, [opts] * len(wanted), works)):
        bad, count = table.unproven or table.wrong, count + 1
        print(f"{'not ok' if bad else 'ok'} {count} - {config.name:{30 if bad else 34}}"
              f"{table.right:7}{table.gone:6}{table.unproven:10}{table.wrong:7}", flush=True)
        if bad:
            failed = True
            for note in dict.fromkeys(table.notes):
                print("#   " + note.replace("\n", "\n#   "))
        if opts.v and done:
            print(done.stderr)
        total.add(table)
    print(f"{'# all':41}{total.right:7}{total.gone:6}{total.unproven:10}{total.wrong:7}")
    if not opts.work:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
