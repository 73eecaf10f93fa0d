# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process is, as far as a tracer could change it: files that it has mapped, threads, signal handlers, descriptors.

before = of(PID); ...; differences(PID, before) -> lines, none when it is as it was. Whether code is the file's: run/own_bytes.py.
"""
import collections
import os
import re
import time

State = collections.namedtuple("State", "status threads files fds anonymous")
KEPT = re.compile(r"r-xp 00000000 00:00 0\s*$")  # code that belongs to no file and cannot be written: only sonde's is so


def lines(path):
    with open(path, errors="replace") as f:
        return f.read().splitlines()


def status(pid):
    """handlers, ignored signals, who traces it"""
    wanted = ("SigIgn", "SigCgt", "TracerPid", "Seccomp", "NoNewPrivs")
    return {k: v.strip() for k, _, v in (x.partition(":") for x in lines(f"/proc/{pid}/status")) if k in wanted}


def threads(pid):
    """names; and that none is stopped"""
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            name, _, rest = lines(f"/proc/{pid}/task/{tid}/stat")[0].partition("(")[2].rpartition(")")
        except (OSError, IndexError):
            continue  # it ended
        found.append(name + (" stopped" if rest.split()[0] in "tT" else ""))
    return collections.Counter(found)


def descriptors(pid):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(re.sub(r"\[\d+\]", "", os.readlink(f"/proc/{pid}/fd/{fd}")))
        except OSError:
            pass
    return collections.Counter(found)


def mappings(pid):
    """-> (mapped files and devices, all else but what sonde keeps)"""
    files, anonymous, front = [], [], None
    for line in reversed(lines(f"/proc/{pid}/maps")):
        start, end = line.split()[0].split("-")
        if KEPT.search(line) or "/memfd:sonde" in line or end == front and "rw-p 00000000 00:00 0" in line:
            front = start  # what is private stands in front of the shared
            continue
        (files if line.split()[4] != "0" else anonymous).append(line)
    return files, anonymous


def of(pid):
    files, anonymous = mappings(pid)
    return State(status(pid), threads(pid), files, descriptors(pid), anonymous)


def kept(pid):
    """-> (areas of sonde's that are still mapped, bytes of them that take memory)"""
    n = used = 0
    is_kept = False
    for line in lines(f"/proc/{pid}/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_kept = bool(KEPT.search(line))
            n += is_kept
        elif is_kept and line.startswith("Rss:"):
            used += int(line.split()[1]) * 1024
    return n, used


def memory(pid):
    """bytes of its own, without files"""
    return sum(int(x.split()[1]) * 1024 for x in lines(f"/proc/{pid}/status") if x.startswith(("RssAnon:", "RssShmem:")))


def usual(pid):
    """descriptors that it has at one time or another: a client comes again while the server still has its last connection"""
    found = collections.Counter()
    for _ in range(5):
        found |= descriptors(pid)
        time.sleep(0.02)
    return found


def compare(pid, before, is_steady, is_still):
    now, said = of(pid), []
    if now.status != before.status:
        said.append(f"status is {now.status}, was {before.status}")
    ours = [x for x in now.threads if "sonde" in x or "stopped" in x]
    if ours or is_steady and now.threads != before.threads:
        said.append(f"threads are {dict(now.threads)}, were {dict(before.threads)}")
    more = now.fds - before.fds
    if more:
        said.append(f"descriptors were opened: {dict(more)}")
    # libraries may be loaded by the program itself, nothing is to be unmapped, and none may be ours
    gone, new = set(before.files) - set(now.files), set(now.files) - set(before.files)
    if gone or [x for x in new if "memfd" in x or is_steady]:
        said.append(f"mapped files: gone {sorted(gone)}, new {sorted(new)}")
    if is_still and now.anonymous != before.anonymous:
        said.append(f"mappings: gone {sorted(set(before.anonymous) - set(now.anonymous))}, "
                    f"new {sorted(set(now.anonymous) - set(before.anonymous))}")
    return said


def differences(pid, before, is_steady, is_still, seconds=5.0):
    """the program opens and closes things of its own: what it does for a moment is not counted"""
    limit = time.time() + seconds
    while True:
        said = compare(pid, before, is_steady, is_still)
        if not said or time.time() > limit:
            return said
        time.sleep(0.02)
