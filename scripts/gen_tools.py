# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of the tools, for gen-docs.py: docs/man/sonde-NAME.1 of each and docs/tools.md, from the heads in tools/.

What a head looks like: docs/howto/add-a-tool.md. src/tools/manual.c reads the same at run time."""
import os
import re

SECTIONS = ("USAGE", "OPTIONS", "EXAMPLE", "NOTES")


class Manual:
    def __init__(self, path):
        with open(path) as f:
            text = f.read()
        self.name = os.path.basename(path).rsplit(".", 1)[0]
        comments = [c for c in re.findall(r"/\*(.*?)\*/", text, re.S) if "USAGE:" in c]
        self.faults, self.sections, self.summary = [], {}, ""
        if not comments:
            self.faults.append("has no comment with a line 'USAGE:' at its head")
            return
        lines = self.unframed(comments[0])
        title, now = lines[0] if lines else "", None
        name, dash, self.summary = title.partition(" - ")
        if name != self.name or not dash:
            self.faults.append(f"does not begin with '{self.name} - ...'")
        for line in lines[1:]:
            m = re.match(r"(USAGE|OPTIONS|EXAMPLE|NOTES|UNSAFE)S?:(.*)", line)
            if m:
                now = m.group(1)
                self.sections[now] = [m.group(2).strip()] if m.group(2).strip() else []
            elif now:
                self.sections[now].append(line)
        for s in SECTIONS:
            while self.sections.get(s) and not self.sections[s][-1].strip():
                self.sections[s].pop()
            if not self.sections.get(s) and s != "OPTIONS":
                self.faults.append(f"has no section {s}")
        if not re.match(rf"sonde {re.escape(self.name)}( |$)", " ".join(self.get("USAGE")[:1])):
            self.faults.append(f"has a usage that does not begin with 'sonde {self.name}'")

    @staticmethod
    def unframed(comment):
        lines = comment.split("\n")
        first, rest = lines[0].strip(), lines[1:]
        filled = [ln for ln in rest if ln.strip()]
        if all(ln.lstrip().startswith("*") for ln in filled):
            rest = [re.sub(r"^\s*\*[ \t]?", "", ln).rstrip() for ln in rest]
        else:
            least = min((len(ln) - len(ln.lstrip()) for ln in filled), default=0)
            rest = [ln[least:].rstrip() for ln in rest]
        lines = ([first] if first else []) + rest
        while lines and not lines[0]:
            lines.pop(0)
        return lines

    def get(self, section):
        return self.sections.get(section, [])


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\`").replace("'", "\\(aq")
    return "\\&" + text if text[:1] in (".", "'") else text


def literal(lines):
    return [".Bd \\-literal -compact".replace("\\-", "-")] + [escape(ln) for ln in lines] + [".Ed"]


def man_page(m):
    out = [".\\\" SPDX-License-Identifier: GPL-2.0-or-later", ".\\\" made by scripts/gen-docs.py from the head of the tool",
           ".Dd November 21, 2026", f".Dt SONDE-{m.name.upper()} 1", ".Os Linux", ".Sh NAME", f".Nm sonde-{m.name}",
           f".Nd {escape(m.summary)}", ".Sh SYNOPSIS"]
    out += literal(m.get("USAGE"))
    if m.get("OPTIONS"):
        out += [".Sh OPTIONS"] + literal(m.get("OPTIONS")) + [".Pp"]
    else:
        out += [".Sh OPTIONS"]
    out += ["The options of every tool are listed by", f".Ql sonde {m.name} --help .", ".Sh EXAMPLES"]
    out += literal(m.get("EXAMPLE"))
    out += [".Sh NOTES"] + literal(m.get("NOTES"))
    out += [".Sh SEE ALSO", ".Xr sonde 1"]
    return "\n".join(out) + "\n"


def overview(manuals):
    out = ["# Tools", "",
           "`sonde NAME [options]` answers one question. `sonde help` lists the tools, `sonde NAME --help` says all of one, `sonde NAME",
           "--script` prints the script behind it. This page is made by scripts/gen-docs.py from the heads of the scripts in",
           "[tools/](../tools); [howto/add-a-tool.md](howto/add-a-tool.md) says how to write one.", "",
           "Every tool takes `-p PID`, `-c CMD`, `--follow`, `--cgroup PATH`, `--container ID`, `-d SECONDS`, `--max-events N`, `--json`,",
           "`-o FILE`, `--script`, `-v` and `--help`, unless its own option of that letter goes before.", ""]
    out += ["| tool | what it shows |", "|---|---|"]
    out += [f"| [`{m.name}`](#{m.name}) | {m.summary} |" for m in manuals]
    for m in manuals:
        out += ["", f"## {m.name}", "", m.summary[:1].upper() + m.summary[1:] + ".", "", "```", *m.get("USAGE")]
        if m.get("OPTIONS"):
            out += [""] + m.get("OPTIONS")
        out += ["```", "", "```", *m.get("EXAMPLE"), "```", ""]
        out += [ln.strip() for ln in m.get("NOTES")]
    return "\n".join(out) + "\n"


def listed(folder):
    """names in tools/meson.build"""
    with open(os.path.join(folder, "meson.build")) as f:
        return re.findall(r"^  '([\w-]+)',$", f.read(), re.M)


def pages(root, faults):
    """-> (path, text) of every page; what is wrong with a head goes to faults"""
    folder, manuals, found = os.path.join(root, "tools"), [], []
    known = listed(folder)
    for name in sorted(os.listdir(folder)):
        if not name.endswith((".bt", ".head")):
            continue
        m = Manual(os.path.join(folder, name))
        faults += [f"tools/{name} {fault}" for fault in m.faults]
        if m.name not in known:
            faults.append(f"tools/{name} is not in tools/meson.build")
        if not m.faults:
            manuals.append(m)
    for m in manuals:
        found.append((f"docs/man/sonde-{m.name}.1", man_page(m)))
    names = {os.path.basename(p) for p, _ in found}
    for old in os.listdir(os.path.join(root, "docs/man")) if os.path.isdir(os.path.join(root, "docs/man")) else []:
        if old not in names:
            faults.append(f"docs/man/{old} belongs to no tool")
    return found + [("docs/tools.md", overview(manuals))]
