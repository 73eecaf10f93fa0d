#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the code of a process is that of its files: own_bytes.py PID FOLDER compares /proc/PID/mem with what is mapped.

Only files in that folder (as the process sees it): uprobes of others can be in all that is shared. Says where it differs and ends with
status 1, or says nothing; status 2: nothing of the folder is mapped. Also a module: changed(PID, FOLDER) -> [(address, path, bytes)].
"""
import sys

BREAKPOINT = 0xcc


def code_mappings(pid, folder):
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            parts = line.split(maxsplit=5)
            if "x" in parts[1] and "w" not in parts[1] and int(parts[4]) and parts[5].startswith(folder):
                start, end = (int(x, 16) for x in parts[0].split("-"))
                yield start, end, int(parts[2], 16), parts[5].rstrip("\n")


def file_bytes(pid, start, end, offset, path):
    """by /proc/PID/map_files, which names the file whatever the process's root is"""
    try:
        f = open(f"/proc/{pid}/map_files/{start:x}-{end:x}", "rb")
    except OSError:
        f = open(f"/proc/{pid}/root{path}", "rb")
    with f:
        f.seek(offset)
        return f.read(end - start)


def changed(pid, folder):
    found = []
    if not any(code_mappings(pid, folder)):
        raise LookupError(f"process {pid} maps no code of {folder}")
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for start, end, offset, path in code_mappings(pid, folder):
            own = file_bytes(pid, start, end, offset, path)
            mem.seek(start)
            now = mem.read(len(own))
            if now == own:
                continue
            # breakpoints are not ours: the kernel's uprobes of others, who trace all programs of a kind
            wrong = [i for i, (a, b) in enumerate(zip(now, own)) if a != b and a != BREAKPOINT]
            if wrong:
                found.append((start + wrong[0], path, len(wrong)))
    return found


if __name__ == "__main__":
    try:
        differences = changed(int(sys.argv[1]), sys.argv[2])
    except LookupError as e:
        print(e)
        sys.exit(2)
    for at, where, count in differences:
        print(f"{count} bytes differ in {where}, the first at {at:#x}")
    sys.exit(bool(differences))
