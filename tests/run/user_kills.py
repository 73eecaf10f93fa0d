#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tracers and traced programs of the user engine that are killed: user_kills.py MODE N SONDE PROGRAM

PROGRAM is tests/progs/checks or gochecks: threads that check their own answers. MODE:
  front    the front end is killed with SIGKILL at a random moment, N times: each time the program has its own bytes again soon
  both     front end and guardian are killed while the probes are in; sonde clean gives the program its bytes back
  guardian the guardian is killed while the probes are in: the front end takes them out, says so, and ends
  target   the program is killed at a random moment: sonde ends by itself and prints what was counted
Prints TAP: one test.
"""
import ctypes
import os
import random
import signal
import subprocess
import sys
import time

import own_bytes

SUBREAPER = 36
LIMIT = 120  # for what takes a moment: a machine may be busy


class Bad(Exception):
    pass


def wait_until(what, condition):
    limit = time.time() + LIMIT
    while not condition():
        if time.time() > limit:
            raise Bad(f"not within {LIMIT} s: {what}")
        time.sleep(0.002)


def children(parent):
    """by everybody's parent: the kernel's list of children can miss some while others end"""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(pid))
        except OSError:
            pass
    return found


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


class Program:
    """the traced one, and tracers of it"""

    def __init__(self, sonde, path):
        self.sonde, self.path = sonde, path
        self.p = subprocess.Popen([path], stdout=subprocess.PIPE, text=True)
        self.p.stdout.readline()

    def trace(self, **streams):
        script = f"uprobe:{self.path}:*by_* {{ @ = count(); }}"
        return subprocess.Popen([self.sonde, "-q", "--engine", "user", "-p", str(self.p.pid), "-e", script],
                                env=dict(os.environ, __BPFTRACE_NOTIFY_PROBES_ATTACHED="1"), **(streams or {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}))

    def changed(self):
        return own_bytes.changed(self.p.pid, os.path.dirname(self.path))

    def is_patched(self):
        return bool(self.changed())

    def collect(self):
        """what is orphaned becomes a child of this one; all of it but the program has to end"""
        def only_program():
            for pid in children(os.getpid()):
                if pid != self.p.pid:
                    try:
                        os.waitpid(pid, os.WNOHANG)
                    except ChildProcessError:
                        pass
            return children(os.getpid()) in ([self.p.pid], [])
        wait_until("tracers end", only_program)

    def end(self):
        self.p.send_signal(signal.SIGTERM)
        line = self.p.stdout.readline().strip()
        if self.p.wait() or not line.endswith(" 0 wrong"):
            raise Bad(f"the program says '{line}' and ends with {self.p.returncode}")
        print("#", line)


def measure_attach(program):
    begun = time.time()
    t = program.trace()
    wait_until("probes are in", program.is_patched)
    took = time.time() - begun
    t.send_signal(signal.SIGINT)
    t.wait()
    program.collect()
    if program.is_patched():
        raise Bad("bytes differ after SIGINT")
    return took


def front(program, n):
    took, n_patched = measure_attach(program), 0
    for i in range(n):
        t = program.trace()
        if i == n - 1:
            wait_until("probes are in", program.is_patched)
        else:
            time.sleep(random.uniform(0, min(2 * took, 3)))
        n_patched += program.is_patched()
        t.kill()
        t.wait()
        program.collect()
        if program.is_patched():
            raise Bad(f"after kill {i}: {program.changed()}")
    program.end()
    print(f"# {n} kills, {n_patched} of them while probes were in")


def guardian_of(tracer):
    guardians = [x for x in children(tracer.pid) if name_of(x) == "sonde-guardian"]
    if len(guardians) != 1:
        raise Bad(f"{len(guardians)} guardians")
    return guardians[0]


def guardian(program, n):
    for _ in range(n):
        t = program.trace(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # not before the front end has heard that they are in
        while "PROBES_ATTACHED" not in t.stdout.readline():
            if t.poll() is not None:
                raise Bad(f"sonde ended with {t.returncode}: {t.stderr.read()}")
        killed = guardian_of(t)
        os.kill(killed, signal.SIGKILL)
        out, err = t.communicate(timeout=LIMIT)
        if program.is_patched() or "@: " not in out:
            raise Bad(f"{out!r}, {err!r}, {program.changed()}")
        print(*("# " + line.replace(str(killed), "PID") for line in err.splitlines() if "guardian" in line), sep="\n")
        program.collect()
    program.end()


def both(program, n):
    for _ in range(n):
        t = program.trace()
        wait_until("probes are in", program.is_patched)
        killed = guardian_of(t)
        clean = [program.sonde, "clean", str(program.p.pid)]
        r = subprocess.run(clean, capture_output=True, text=True)
        if r.returncode != 1 or f"guardian is process {killed})" not in r.stderr or not program.is_patched():
            raise Bad(f"clean while it runs: {r}")
        # the guardian first: a front end that lives mends what it left
        os.kill(t.pid, signal.SIGSTOP)
        os.kill(killed, signal.SIGKILL)
        t.kill()
        t.wait()
        program.collect()
        if not program.is_patched():
            raise Bad("nothing was left to clean")
        r = subprocess.run(clean, capture_output=True, text=True)
        print("#", r.stdout.replace(str(program.p.pid), "PID"), end="")
        if r.returncode or program.is_patched():
            raise Bad(f"after clean: {r}, {program.changed()}")
    program.end()


def target(sonde, path, n):
    n_counted = 0
    program = Program(sonde, path)
    took = measure_attach(program)
    program.end()
    for i in range(n):
        program = Program(sonde, path)
        t = program.trace(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if i == n - 1:
            wait_until("probes are in", program.is_patched)
            time.sleep(0.02)
        else:
            time.sleep(random.uniform(0, min(2 * took, 3)))
        program.p.kill()
        program.p.wait()
        out, err = t.communicate(timeout=LIMIT)
        program.collect()
        count = out.partition("@: ")[2].strip()
        n_counted += bool(count) and int(count) > 0
        # killed before sonde looked: that is said, and is no success
        if t.returncode and "ERROR" not in err:
            raise Bad(f"status {t.returncode}, {out!r}, {err!r}")
        if t.returncode < 0:
            raise Bad(f"sonde died of signal {-t.returncode}")
    if not n_counted:
        raise Bad("nothing was counted in any of them")
    print(f"# {n} programs killed, {n_counted} with counts")


def main():
    mode, n, sonde, path = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        if mode == "target":
            target(sonde, path, n)
        else:
            {"front": front, "both": both, "guardian": guardian}[mode](Program(sonde, path), n)
    except Bad as e:
        print(f"# {e}\n1..1\nnot ok 1 - {mode}")
        for pid in children(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        sys.exit(1)
    print(f"1..1\nok 1 - {mode}")


if __name__ == "__main__":
    main()
