#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Children that live on when those who traced them end: user_family.py MODE SONDE PROGRAM

PROGRAM is tests/progs/family: its first process makes some that go on for ever, and ends. sonde follows them. MODE:
  stop     sonde is ended by SIGINT
  front    sonde is killed
  guardian the guardian is killed: sonde takes the probes out, says so, and ends
  both     both are killed; sonde clean takes them out
Each time all of them must have their own bytes again, and go on calling. Prints TAP: one test.
"""
import ctypes
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile

import own_bytes
from user_kills import Bad, LIMIT, SUBREAPER, children, guardian_of, wait_until

N = 3


def running(path):
    """those whose parent has ended are ours (PR_SET_CHILD_SUBREAPER), sonde and its guardian are others"""
    found = []
    for pid in children(os.getpid()):
        try:
            if os.readlink(f"/proc/{pid}/exe") == path:
                found.append(pid)
        except OSError:
            pass
    return found


def hits(counts):
    with open(counts, "rb") as f:
        return struct.unpack("Q", f.read(8))[0]


def go_on(counts):
    before = hits(counts)
    wait_until("the children go on", lambda: hits(counts) > before + 5 * N)


def is_patched(pids, path):
    return [bool(own_bytes.changed(pid, os.path.dirname(path))) for pid in pids]


def end_sonde(mode, t, sonde, pids):
    if mode == "stop":
        t.send_signal(signal.SIGINT)
    elif mode == "front":
        t.kill()
    elif mode == "guardian":
        os.kill(guardian_of(t), signal.SIGKILL)
    else:
        killed = guardian_of(t)
        os.kill(t.pid, signal.SIGSTOP)
        os.kill(killed, signal.SIGKILL)
        t.kill()
        # what it traced goes on then, with the probes in
        wait_until("nobody traces them", lambda: all(tracer_of(pid) == 0 for pid in pids))
        if not all(is_patched(pids, sys.argv[3])):
            raise Bad("nothing was left to clean")
        r = subprocess.run([sonde, "clean", *map(str, pids)], capture_output=True, text=True)
        print("".join("# " + line + "\n" for line in r.stdout.splitlines() if "restored" in line), end="")
        if r.returncode:
            raise Bad(f"clean: {r}")


def tracer_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("TracerPid:"))


def run(mode, sonde, path, counts):
    script = f"uprobe:{path}:hit {{ @ = count(); }}"
    said = counts + ".said"
    with open(said, "wb") as f:  # no pipe: the children have it, too
        t = subprocess.Popen([sonde, "-q", "--engine", "user", "--follow", "-c", f"{path} {counts} lasting {N}", "-e", script],
                             stdout=f, stderr=f)
    wait_until("the children are there", lambda: len(running(path)) == N)
    pids = running(path)
    wait_until("they are probed", lambda: all(is_patched(pids, path)))
    go_on(counts)
    end_sonde(mode, t, sonde, pids)
    t.wait(LIMIT)
    wait_until("their own bytes are back", lambda: not any(is_patched(pids, path)))
    go_on(counts)
    with open(said) as f:
        text = f.read()
    count = re.search(r"^@: (\d+)", text, re.M)
    if mode in ("stop", "guardian") and (not count or int(count[1]) < 5 * N):
        raise Bad(repr(text))
    if mode == "guardian" and "was killed" not in text:
        raise Bad(repr(text))
    if sorted(running(path)) != sorted(pids):
        raise Bad("not all of them are alive")


def main():
    mode, sonde, path = sys.argv[1:4]
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    ok = True
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(mode, sonde, path, os.path.join(folder, "counts"))
        except (Bad, subprocess.TimeoutExpired) as e:
            print("#", e)
            ok = False
        finally:
            for pid in children(os.getpid()):
                os.kill(pid, signal.SIGKILL)
    print("1..1\n" + ("ok" if ok else "not ok") + f" 1 - {mode}")
    return not ok


if __name__ == "__main__":
    sys.exit(main())
