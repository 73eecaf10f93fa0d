#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiles the code that goes into traced processes and writes it as a C array, with the offsets of its functions.

  blob.py OUTPUT SOURCE_ROOT CC SOURCE...     CC may be several words

The code is freestanding, knows no vector registers, has no relocations left and lies in one piece, so that it can be copied to any address.
What cannot be had that way is an error here, not later in a process.
"""
import os
import subprocess
import sys
import tempfile

FLAGS = ["-std=gnu11", "-O2", "-ffreestanding", "-nostdlib", "-static", "-fPIE", "-fvisibility=hidden", "-mgeneral-regs-only",
         "-mno-red-zone", "-mfsgsbase", "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-jump-tables",
         "-fomit-frame-pointer", "-Wall", "-Wextra", "-Werror", "-Wl,-z,noseparate-code", "-Wl,--build-id=none",
         "-Wl,--fatal-warnings"]
SCRIPT = """SECTIONS { . = 0; .text : { *(.text .text.* .rodata .rodata.* .constants) }
  /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) *(.gnu*) }
  .refused : { *(.data .data.* .bss .bss.* .got .got.* COMMON .tbss .tdata) } }
ASSERT(SIZEOF(.refused) == 0, "the code has variables")"""


def main():
    output, root, cc, sources = sys.argv[1], sys.argv[2], sys.argv[3].split(), sys.argv[4:]
    with tempfile.TemporaryDirectory() as work:
        elf, flat, script = (os.path.join(work, n) for n in ("rt.elf", "rt.bin", "rt.ld"))
        with open(script, "w") as f:
            f.write(SCRIPT)
        subprocess.run(cc + FLAGS + ["-I", os.path.join(root, "src"), "-Wl,-T," + script, "-Wl,-e,0", "-o", elf] + sources,
                       check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", elf, flat], check=True)
        symbols = subprocess.run(["nm", elf], check=True, text=True, stdout=subprocess.PIPE).stdout
        relocations = subprocess.run(["readelf", "-rW", elf], check=True, text=True, stdout=subprocess.PIPE).stdout
        if "There are no relocations" not in relocations:
            sys.exit("the code for traced processes has relocations:\n" + relocations)
        with open(flat, "rb") as f:
            code = f.read()
    offsets = sorted((int(a, 16), name) for a, kind, name in (line.split() for line in symbols.splitlines())
                     if name.startswith("rt_"))
    with open(output, "w") as f:
        f.write("/* made by blob.py */\nstatic const unsigned char rt_blob[] = {")
        for i, byte in enumerate(code):
            f.write(("\n\t" if i % 16 == 0 else " ") + f"{byte:#04x},")
        f.write("\n};\n")
        for at, name in offsets:
            f.write(f"#define BLOB_{name[3:]} {at:#x}\n")


if __name__ == "__main__":
    main()
