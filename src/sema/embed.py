#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py IN OUT NAME: a C file that holds the bytes of IN as `const struct str NAME`."""
import sys

data = open(sys.argv[1], "rb").read()
rows = [", ".join(str(b) for b in data[i:i + 20]) for i in range(0, len(data), 20)]
with open(sys.argv[2], "w") as out:
    out.write('/* made by src/sema/embed.py */\n#include "sema/stdlib_text.h"\n\nstatic const char bytes[] = {\n\t')
    out.write(",\n\t".join(rows))
    out.write("\n};\n\nconst struct str %s = { bytes, sizeof(bytes) };\n" % sys.argv[3])
