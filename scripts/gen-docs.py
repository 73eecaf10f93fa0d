#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the tables of the documentation from the tables of the source, between markers in the pages.

  scripts/gen-docs.py            write them
  scripts/gen-docs.py --check    TAP; a page that would change, or a list that does not fit the source, is a failure

A table stands in a page between

    <!-- generated: NAME -->
    <!-- end: NAME -->

The pages of the tools, docs/man/ and docs/tools.md, are written as a whole (gen_tools.py). A table comes from src/lang/builtins.def, src/sema/stdlib.bt, src/sema/config.def (defaults: config.c), src/probe/*.def and
docs/compat.list. What is between the markers is not edited by hand.
"""
import ast
import os
import re
import sys

import gen_tools

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = ("docs/language.md", "docs/probes.md", "docs/compat.md")
STATES = ("same", "differs", "part", "not yet", "no", "sonde")


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def rows_of(path, macro):
    """arguments of every MACRO(...) line of a .def file, strings as strings, words as words"""
    rows = []
    for line in read(path).splitlines():
        m = re.match(rf"{macro}\((.*)\)$", line)
        if not m:
            continue
        parts = [p for p in re.findall(r'\s*("(?:[^"\\]|\\.)*"|[^,"]*?)\s*(?:,|$)', m.group(1) + ",")][:-1]
        rows.append([ast.literal_eval(p) if p.startswith('"') else p for p in parts])
    return rows


def table(head, rows):
    def cell(text):
        return str(text).replace("|", "\\|")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]) + "\n"


# ---- the language ----

def builtins():
    """name, least and most arguments, flags, result, what"""
    found = []
    for ident, name, least, most, flags, summary in rows_of("src/lang/builtins.def", "BUILTIN"):
        if flags == "I":  # made by the checker: nobody can write its name
            continue
        result, _, what = summary.partition(": ")
        # hints to the code generator are none of the reader's business
        what = re.sub(r"; (call\.info|mode and limit).*$", "", what)
        found.append((name if ident != "ARG" else "arg0", int(least), int(most), flags, result, what))
    return found


def stdlib():
    """macros of the standard library: name -> list of parameter lists"""
    found = {}
    for name, params in re.findall(r"^macro (\w+)\(([^)]*)\)", read("src/sema/stdlib.bt"), re.M):
        found.setdefault(name, []).append(params)
    return found


def arity(least, most):
    if most >= 129:
        return f"{least}..." if least else "any"
    return str(least) if least == most else f"{least}-{most}"


def table_variables():
    rows = [(f"`{n}`" if n != "arg0" else "`arg0`, `arg1`, ...", f"`{r}`", w, "yes" if most else "")
            for n, least, most, flags, r, w in builtins() if "V" in flags]
    return table(("name", "type", "what it is", "may take arguments"), rows)


def table_functions(wanted):
    rows = []
    for n, least, most, flags, r, w in builtins():
        if "V" in flags or not wanted(flags):
            continue
        marks = [text for c, text in (("U", "`--unsafe`"), ("A", "in user space"), ("C", "when compiled")) if c in flags]
        rows.append((f"`{n}`", arity(least, most), "" if r == "none" else f"`{r}`", w, ", ".join(marks)))
    return table(("name", "arguments", "result", "what it does", "note"), rows)


def table_aggregations():
    return table(("name", "arguments", "what it keeps"),
                 [(f"`{n}`", arity(least, most), w) for n, least, most, flags, r, w in builtins() if "G" in flags])


def table_stdlib():
    return table(("macro", "called as"),
                 [(f"`{name}`", ", ".join(f"`{name}({p})`" if p else f"`{name}`" for p in params))
                  for name, params in sorted(stdlib().items())])


def config_defaults():
    text = re.search(r"static void set_defaults.*?^}", read("src/sema/config.c"), re.S | re.M).group(0)
    found = dict(re.findall(r"\.(\w+) = (.+?),\n", text))
    for name, value in found.items():
        if re.fullmatch(r"\d+ << \d+", value):
            found[name] = str(eval(value))  # "64 << 20"
        elif value.startswith("STR("):
            found[name] = value[4:-1]
        elif value.startswith("s->opts->is_bpftrace"):
            found[name] = "false; true under the name bpftrace"
        elif re.fullmatch(r"[A-Z_]+", value):
            found[name] = value.split("_")[-1].lower()
    return found


def table_config():
    defaults, rows = config_defaults(), []
    for name, form, member, words, summary in rows_of("src/sema/config.def", "CONFIG"):
        values = {"INT": "number", "BOOL": "true, false", "TEXT": "string", "LICENSE": "a licence of the kernel's list",
                  "FEATURE": "warn, enable, error", "NONE": "anything"}.get(form) or ", ".join(words.split())
        default = defaults.get(name, {"INT": "0", "BOOL": "false", "WORD": words.split()[0] if words else ""}.get(form, ""))
        rows.append((f"`{name}`", values, default, summary))
    return table(("name", "values", "default", "what it does"), rows)


# ---- probes ----

def table_providers():
    rows = []
    for kind, name, alias, is_user, old in rows_of("src/probe/providers.def", "PROVIDER"):
        rows.append((f"[`{name}`](#{SECTION_OF.get(name, name)})", f"`{alias}`" if alias else "", f"`{old}`" if old else "",
                     "user" if is_user == "true" else "kernel"))
    return table(("probe type", "short", "former name", "a plain pointer is read from"), rows)


# several probe types share a section of docs/probes.md
SECTION_OF = {"begin": "begin-and-end", "end": "begin-and-end", "self": "self", "test": "test-and-bench",
              "bench": "test-and-bench", "uprobe": "uprobe-and-uretprobe", "uretprobe": "uprobe-and-uretprobe",
              "profile": "profile-and-interval", "interval": "profile-and-interval",
              "software": "software-and-hardware", "hardware": "software-and-hardware",
              "kprobe": "kprobe-and-kretprobe", "kretprobe": "kprobe-and-kretprobe",
              "fentry": "fentry-and-fexit", "fexit": "fentry-and-fexit"}


def table_perf_events():
    rows = [(f"`software:{n}`", count) for n, _, count in rows_of("src/probe/perf_events.def", "SOFTWARE")]
    rows += [(f"`hardware:{n}`", count) for n, _, count in rows_of("src/probe/perf_events.def", "HARDWARE")]
    return table(("event", "one hit every, unless said"), rows)


def table_nearest():
    return table(("kernel functions", "offered instead"),
                 [(f"`{p}`", f"`{t}`") for p, t in rows_of("src/probe/kernel_events.def", "KERNEL_EVENT")])


def table_messages():
    rows, kind = [], ""
    types = {"U64": "uint64", "I64": "int64", "BOOL": "bool", "DURATION": "int64, ns"}
    for line in read("src/proto/messages.def").splitlines():
        m = re.match(r'MESSAGE_BEGIN\((\w+), "(.*)"\)', line)
        if m:
            kind = m.group(1)
            rows.append((f"`message:{kind}`", "", "", m.group(2)))
        m = re.match(r'FIELD\((\w+), (\w+), (\w+), (\d+), "(.*)"\)', line)
        if m:
            of = types.get(m.group(3)) or f"string[{m.group(4)}]"
            rows.append(("", f"`args.{m.group(2)}`", f"`{of}`", m.group(5)))
    return table(("probe", "field", "type", "what it is"), rows)


# ---- beside bpftrace ----

def compat():
    rows = []
    for line in read("docs/compat.list").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        rows.append([part.strip() for part in line.split("|", 3)])
    return rows


def table_compat(section):
    def name(text):
        return ", ".join(f"`{t}`" for t in text.split(", ")) if section != "syntax" else text
    state = {"sonde": "sonde only", "part": "in part"}
    return table(("", "sonde", ""), [(name(n), state.get(s, s), note) for sec, n, s, note in compat() if sec == section])


def compat_faults():
    """the list against the source"""
    faults, listed = [], {}
    for row in compat():
        if len(row) != 4 or row[2] not in STATES:
            faults.append(f"docs/compat.list: not understood: {' | '.join(row)}")
            continue
        if row[2] in ("no", "not yet") and not row[3]:
            faults.append(f"docs/compat.list: '{row[1]}' lacks the reason")
        listed.setdefault(row[0], {})[row[1]] = row[2]
    macros = set(stdlib())
    flags = {n: f for n, _, _, f, _, _ in builtins()}
    words = {"sizeof", "offsetof", "typeof", "typeinfo"}  # the parser's own
    have = {
        # dw_ustack: another name, in builtins.c
        "variable": {"dw_ustack"} | {n if n != "arg0" else "argN" for n, f in flags.items() if "V" in f},
        "function": {n for n, f in flags.items() if "V" not in f and "G" not in f} | words,
        "aggregation": {n for n, f in flags.items() if "G" in f},
        "probe": {r[1] for r in rows_of("src/probe/providers.def", "PROVIDER")},
        "config": {r[0] for r in rows_of("src/sema/config.def", "CONFIG")},
    }
    for section, names in have.items():
        present = {n for n, s in listed[section].items() if s not in ("no", "not yet")}
        either = names | macros if section in ("variable", "function") else names
        faults += [f"docs/compat.list: {section} '{n}' is not in the list" for n in sorted(names - present)]
        faults += [f"docs/compat.list: {section} '{n}' is not in the source" for n in sorted(present - either)
                   if not n.startswith("$")]
    in_list = set(listed["variable"]) | set(listed["function"])
    faults += [f"docs/compat.list: macro '{n}' of stdlib.bt is not in the list" for n in sorted(macros - in_list)]
    opts = read("src/cli/opts.c")
    long_names = set(re.findall(r'\{ "([\w-]+)", (?:no|required)_argument', opts))
    flags_listed = " ".join(listed["flag"])
    manual = read("docs/sonde.1") if os.path.exists(os.path.join(ROOT, "docs/sonde.1")) else ""
    for name in sorted(long_names):
        if not re.search(rf"--{re.escape(name)}\b", flags_listed):
            faults.append(f"docs/compat.list: flag --{name} of src/cli/opts.c is not in the list")
        if not re.search(rf"^\.It .*Fl -{re.escape(name)}( |$)", manual, re.M):
            faults.append(f"docs/sonde.1: flag --{name} of src/cli/opts.c is not explained")
    for c in re.search(r'getopt_long\(n, argv, ":([\w:]+)"', opts).group(1).replace(":", ""):
        if not re.search(rf"(^|, | )-{c}(,|$| )", flags_listed):
            faults.append(f"docs/compat.list: flag -{c} of src/cli/opts.c is not in the list")
        if not re.search(rf"^\.It .*Fl {c}( |$)", manual, re.M):
            faults.append(f"docs/sonde.1: flag -{c} of src/cli/opts.c is not explained")
    return faults


TABLES = {
    "variables": table_variables,
    "functions": lambda: table_functions(lambda f: "G" not in f and "C" not in f),
    "compile-time functions": lambda: table_functions(lambda f: "C" in f),
    "aggregations": table_aggregations,
    "standard library": table_stdlib,
    "configuration": table_config,
    "providers": table_providers,
    "perf events": table_perf_events,
    "nearest tracepoints": table_nearest,
    "messages": table_messages,
    **{f"compat {s}": (lambda s=s: table_compat(s)) for s in
       ("variable", "function", "aggregation", "probe", "syntax", "config", "environment", "flag")},
}
BLOCK = re.compile(r"(<!-- generated: ([\w -]+) -->\n)(.*?)(<!-- end: \2 -->\n)", re.S)


def filled(text, faults, page):
    def one(m):
        if m.group(2) not in TABLES:
            faults.append(f"{page}: there is no table '{m.group(2)}'")
            return m.group(0)
        return m.group(1) + "\n" + TABLES[m.group(2)]() + "\n" + m.group(4)
    return BLOCK.sub(one, text)


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    faults = compat_faults()
    pages = [(page, filled(read(page), faults, page)) for page in PAGES] + gen_tools.pages(ROOT, faults)
    for page, new in pages:
        path = os.path.join(ROOT, page)
        text = read(page) if os.path.exists(path) else None
        if new != text and check:
            faults.append(f"{page} is stale: run scripts/gen-docs.py")
        elif new != text:
            with open(path, "w") as f:
                f.write(new)
    if not check:
        print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
        return 1 if faults else 0
    print(f"{'not ok' if faults else 'ok'} 1 - generated tables and lists of the documentation fit the source")
    for fault in faults:
        print(f"#   {fault}")
    print("1..1")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
