# SPDX-License-Identifier: GPL-2.0-or-later
"""What stayed attached, from the kernel's own lists: BPF programs, links, maps, dynamic trace events.

A test machine may run other users of BPF. Objects that a living process holds are theirs (ours have ended
when this is asked); what nobody holds and was not there before is a leak: pinned, or kept by a trace event.
"""
import ctypes
import os
import re
import struct
import time

TRACING = "/sys/kernel/tracing"
EVENT_FILES = ("uprobe_events", "kprobe_events", "dynamic_events")
NR_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
NEXT_ID = {"prog": 11, "map": 12, "link": 31}  # enum bpf_cmd: BPF_{PROG,MAP,LINK}_GET_NEXT_ID

_libc = ctypes.CDLL(None, use_errno=True)


def ids(kind):
    found, attr, last = set(), ctypes.create_string_buffer(128), 0
    while True:
        struct.pack_into("=II", attr, 0, last, 0)
        if _libc.syscall(NR_BPF, NEXT_ID[kind], attr, 128) != 0:
            return found
        last = struct.unpack_from("=II", attr, 0)[1]
        found.add((kind, last))


def events():
    found = set()
    for name in EVENT_FILES:
        try:
            with open(os.path.join(TRACING, name), errors="replace") as f:
                found |= {("event", line.strip()) for line in f if not line.startswith("#")}
        except OSError:
            pass
    return found


def snapshot():
    return ids("prog") | ids("map") | ids("link") | events()


def held():
    """the BPF objects that open files of living processes name"""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    found |= {(k, int(v)) for k, v in re.findall(r"^(prog|map|link)_id:\s*(\d+)", f.read(), re.M)}
        except OSError:
            continue
    return found


def left(baseline, seconds=10.0):
    """names of what is there now, was not there before, and nobody holds; freeing takes the kernel a moment"""
    end = time.time() + seconds
    while True:
        new = snapshot() - baseline
        new = new - held() if new else new
        # maps and programs live as long as the links that use them: name only what holds the rest
        if not new or time.time() > end:
            return [f"{k} {v}" for k, v in sorted(new, key=str)]
        time.sleep(0.1)
