#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py OUT FILE...: a C file that holds the text of each FILE, in the order of their names (see table.h).

What a script imports stands in its text, in place of the import: each file once. Parts of the standard library, which sonde
has itself, are imported before.
"""
import os
import re
import sys


def name_of(path):
    return os.path.basename(path).rsplit(".", 1)[0]


def text_of(path, seen):
    with open(path, "rb") as f:
        text = f.read()

    def imported(m):
        if m.group(1).startswith(b"stdlib/"):  # sonde has those itself
            return m.group(0)
        other = os.path.join(os.path.dirname(path), m.group(1).decode())
        if other in seen:
            return b""
        seen.add(other)
        return text_of(other, seen).rstrip(b"\n")
    return re.sub(rb'^import "((?!stdlib/)[^"]+\.bt)";$', imported, text, flags=re.M)


files = sorted(sys.argv[2:], key=name_of)
with open(sys.argv[1], "w") as out:
    out.write('/* made by src/tools/embed.py */\n#include "tools/table.h"\n\n')
    for i, path in enumerate(files):
        data = text_of(path, {path})
        rows = [", ".join(str(b) for b in data[k:k + 20]) for k in range(0, len(data), 20)]
        out.write("/* %s */\nstatic const unsigned char text_%d[] = {\n\t%s\n};\n" % (path, i, ",\n\t".join(rows)))
    out.write("\nconst struct tool_text tool_texts[] = {\n")
    for i, path in enumerate(files):
        is_script = str(path.endswith(".bt")).lower()
        out.write('\t{ "%s", { (const char *)text_%d, sizeof(text_%d) }, %s },\n' % (name_of(path), i, i, is_script))
    out.write("\t{ 0 },\n};\n\nconst unsigned tool_n_texts = %d;\n" % len(files))
