#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which way includes may point: the table of the architecture, enforced. Prints TAP, one line per folder.

probe/point.h is plain data (what a probe is attached to): the compiler and the image may name it.
A folder may include itself, base and diag besides what its row says. `foo.c` includes `foo.h` first.
"""
import os
import re
import sys

RT, MEMORY, PROCESS, CODE, PATCH, TRAMPOLINE, PLACE, BATCH, TARGET, GUARDIAN = (
    "engine/user/" + room
    for room in ("rt", "memory", "process", "code", "patch", "trampoline", "place", "batch", "target", "guardian"))
PROBE = ["probe/point.h", "probe/providers.def", "probe/patchable.h", "probe/go_room.h"]

# folder of src/ -> folders or single headers that it may include
MAY = {
    "base": None,  # None: libc only
    "diag": [],
    "proto": [],
    "types": [],
    "arch": ["types"],
    "lang": ["types"],
    "sema": ["lang", "types", "probe/point.h", "probe/providers.def", "proto/decoders.def"],
    "ir": ["sema", "lang", "types", "arch", "probe/point.h", "probe/providers.def", "image/image.h",
           "image/disasm.h"],
    "ebpf": ["ir", "image", "types", "arch"],
    "image": ["types", "probe/point.h"],
    "objfile": ["types", "arch"],
    "probe": ["objfile", "lang/ast.h", "types", "arch", "proto/messages.def"],
    "engine": ["image", "types", "objfile", "probe/point.h", "probe/providers.def", "arch"],
    "engine/kernel": ["engine/engine.h", "image", "types", "objfile", "probe/point.h", "probe/providers.def",
                      "arch", "ebpf/insn.h"],
    # the rooms of engine/user, from what runs in a process up to the engine itself
    "engine/user/rt": None,
    "engine/user/memory": [RT, "image", "types", "objfile"],
    "engine/user/process": ["image", "types", "objfile"],
    "engine/user/code": [RT, "ebpf/insn.h", "rt_blob.h"],
    "engine/user/patch": [CODE, PROCESS, "arch", "objfile"],
    "engine/user/trampoline": [RT, CODE, PATCH, "arch", "ebpf/insn.h"],
    "engine/user/place": [PATCH, "image", "types", "objfile", *PROBE],
    "engine/user/batch": [RT, MEMORY, PROCESS, CODE, PATCH, TRAMPOLINE, PLACE, "image", "types", "objfile", *PROBE],
    "engine/user/target": ["engine/engine.h", MEMORY, PROCESS, PLACE, BATCH, "image", "types", "objfile"],
    "engine/user/guardian": [PROCESS, PATCH, "engine/user/batch/area.h", "objfile"],
    "engine/user": [MEMORY, CODE, PLACE, TARGET, GUARDIAN, "engine/engine.h", "image", "types", "objfile", *PROBE],
    "engine/both": ["engine/engine.h", "image", "types", "objfile", "probe/point.h", "engine/user/place/sites.h",
                    "engine/user/user_refusal.h"],
    "output": ["image", "types", "objfile", "probe/point.h", "engine/engine.h"],
    "stream": ["proto", "image", "types", "objfile", "output", "probe/point.h", "engine/engine.h"],
    "session": "all",
    "object": ["types", "output", "image", "objfile", "probe", "lang/ast.h", "engine/engine.h", "ebpf/insn.h",
               "engine/user/code/context_use.h"],
    "tools": ["object", "session", "output", "engine", "probe", "objfile", "image", "ebpf", "ir", "sema", "lang", "arch", "types"],
    "cli": "all",
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def folder_of(path):
    parts = path.split("/")
    if parts[0] == "engine" and len(parts) > 2:
        return "/".join(parts[:3 if parts[1] == "user" and len(parts) > 3 else 2])
    return parts[0]


def allowed(folder, target):
    may = MAY.get(folder)
    where = folder_of(target)
    if where == folder or where == "base":
        return True
    if may is None:
        return False
    return where == "diag" or may == "all" or where in may or target in may


def reach(root, header):
    """headers that this one includes, at any depth"""
    found, todo = set(), [header]
    while todo:
        path = os.path.join(root, todo.pop())
        if os.path.exists(path):
            with open(path) as f:
                new = set(INCLUDE.findall(f.read())) - found
            found |= new
            todo += new
    return found


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src")
    faults = {}
    for base, _, files in os.walk(root):
        for name in files:
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.relpath(os.path.join(base, name), root)
            folder = folder_of(path)
            bad = faults.setdefault(folder, [])
            if folder not in MAY:
                bad.append(f"src/{path}: folder '{folder}' has no row in tests/checks/includes.py")
                continue
            with open(os.path.join(base, name)) as f:
                found = INCLUDE.findall(f.read())
            for inc in found:
                here = os.path.normpath(os.path.join(os.path.dirname(path), inc))
                target = here if os.path.exists(os.path.join(root, here)) and "/" not in inc else inc
                if not allowed(folder, target):
                    bad.append(f'src/{path}: may not include "{inc}"')
            own = path[:-2] + ".h"
            if name.endswith(".c") and os.path.exists(os.path.join(root, own)):
                # a private header of the same folder, which includes it, may stand in for it
                first = found[0] if found else ""
                if os.path.basename(first) != os.path.basename(own) and \
                        not (folder_of(first) == folder and own in reach(root, first)):
                    bad.append(f"src/{path}: must include its own header first")
    failed = 0
    for n, folder in enumerate(sorted(faults), 1):
        failed += bool(faults[folder])
        print(f"{'not ok' if faults[folder] else 'ok'} {n} - includes of src/{folder}")
        for line in faults[folder]:
            print(f"# {line}")
    print(f"1..{len(faults)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
