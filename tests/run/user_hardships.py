#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hard cases of the user engine, end to end: user_hardships.py SONDE PROGRAM CASE...

PROGRAM is tests/progs/hardships. Each case makes it hard to trace, traces it, and says whether sonde's count is the program's own, or with
which words it was refused; then that the program has its own bytes, still works, and ends with status 0. Numbers of processes are PID.
"""
import os
import re
import select
import shutil
import signal
import subprocess
import sys

import own_bytes
from user_kills import Bad, LIMIT, wait_until

AS_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
COUNT = "uprobe:{}:hit {{ @n = count(); }}"
WITH_TEXT = "uprobe:{}:hit {{ @n[str(arg0, 6)] = count(); }}"


started = []


def fail(text):
    print("BAD:", text)
    sys.exit(1)


def too_late(*_):
    fail("the case takes too long")


def start(words, **how):
    started.append(subprocess.Popen(words, **how))
    return started[-1]


def status(pid, key):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(key + ":"):
                return line.split(":", 1)[1].strip()
    return ""


class Program:
    """the traced one. It is a copy of its own: other tests may trace the same file"""

    def __init__(self, *ways, before=(), **how):
        shutil.copy(PROGRAM, "hardships")
        self.path = os.path.abspath("hardships")
        self.p = start([*before, self.path, *ways], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how)
        self.pid = self.p.pid
        if not any(w.startswith("execs") for w in ways):
            self.hear("ready")

    def hear(self, what):
        line = self.p.stdout.readline().decode().strip()
        if not line.startswith(what):
            fail(f"the program says '{line}' instead of '{what}'; status {self.p.poll()}")
        return line

    def do(self, letter, answer):
        self.p.stdin.write(letter)
        self.p.stdin.flush()
        return self.hear(answer)

    def calls(self):
        """makes a round of calls -> how many, by its own count"""
        return int(self.do(b"g", "hits").split()[1])

    def is_patched(self):
        return bool(self.changed())

    def changed(self):
        """a first thread that has ended has no memory"""
        tid = max(os.listdir(f"/proc/{self.pid}/task"), key=int)
        return own_bytes.changed(tid, os.path.dirname(self.path))

    def end(self):
        """own bytes, right answers, its own way out"""
        if self.is_patched():
            fail(f"bytes differ: {self.changed()}")
        self.do(b"g", "hits")
        self.do(b"e", "ends")
        if self.p.wait():
            fail(f"the program ended with {self.p.returncode}")
        print("own bytes, ends well")


class Tracer:
    def __init__(self, pid, script, engine="user", before=(), more=()):
        words = [*before, SONDE, "-q", "--engine", engine, *(["-p", str(pid)] if pid else []), *more, "-e", script]
        self.p = start(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=dict(os.environ, __BPFTRACE_NOTIFY_PROBES_ATTACHED="1"))
        self.pids = [str(pid)]

    def is_attached(self):
        """waits for what it says first; False: it has ended"""
        while True:
            line = self.p.stdout.readline()
            if "PROBES_ATTACHED" in line:
                return True
            if not line:
                return False

    def must_attach(self):
        if not self.is_attached():
            fail(f"sonde ended with {self.p.wait()}: {self.p.stderr.read()}")
        return self

    def words(self, text):
        for pid in self.pids:
            text = re.sub(rf"\b{pid}\b", "PID", text)
        return text.strip()

    def say_refusal(self):
        if self.is_attached():
            fail("it was not refused")
        print(self.words(self.p.stderr.read()))
        if not self.p.wait():
            fail("status 0")
        return self

    def stop(self):
        """-> what it prints"""
        self.p.send_signal(signal.SIGINT)
        out, err = self.p.communicate(timeout=LIMIT)
        if err:
            print(self.words(err))
        return out.strip()


def compare(truth, out):
    """what the program did, what sonde has printed"""
    got = re.findall(r"^@n.*: (\d+)$", out, re.M)
    print("counts are the program's" if got == [str(truth)] else f"BAD: {out!r}, and {truth} calls")


def counted(program, script=COUNT, **how):
    """attached, one round of calls: both say how many; then it is over"""
    t = Tracer(program.pid, script.format(program.path), **how).must_attach()
    compare(program.calls(), t.stop())
    program.end()


def refused(program, script=COUNT, **how):
    Tracer(program.pid, script.format(program.path), **how).say_refusal()
    program.end()


# ---- seccomp ----

def filter_and_root():
    counted(Program("filter"))


def filter_and_reads():
    refused(Program("filter"), WITH_TEXT)


def strict_and_root():
    counted(Program("strict"))


def filter_and_nobody():
    refused(Program("filter", before=AS_NOBODY), before=AS_NOBODY)


def filter_later_and_reads():
    """sonde has time to see the filter before it would kill"""
    p = Program()
    t = Tracer(p.pid, WITH_TEXT.format(p.path)).must_attach()
    p.do(b"g", "hits")
    p.do(b"f", "filtered")
    wait_until("sonde says something", lambda: select.select([t.p.stderr], [], [], 0)[0])
    p.do(b"g", "hits")
    print(t.stop())
    p.end()


def permissive_filter():
    """a filter that allows what programs do: those who write filters for containers do"""
    counted(Program("permissive"), WITH_TEXT)


def filter_later():
    p = Program()
    t = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    p.do(b"f", "filtered")
    compare(p.calls(), t.stop())
    p.end()


# ---- the process's own limits ----

def mdwe():
    counted(Program("mdwe"))


def full():
    refused(Program("full"))


def locked():
    counted(Program("locked"))


def locked_nobody():
    """nothing more may be locked"""
    refused(Program("locked", before=AS_NOBODY), before=AS_NOBODY)


def undumpable_and_root():
    counted(Program("undumpable"))


def undumpable_and_nobody():
    refused(Program("undumpable", before=AS_NOBODY), before=AS_NOBODY)


# ---- threads and processes ----

def threads_1000():
    counted(Program("threads=1000"))


def headless():
    p = Program("headless")
    wait_until("its first thread ends", lambda: status(p.pid, "State").startswith("Z"))
    counted(p)


def forks():
    p = Program("forks")
    for _ in range(3):
        Tracer(p.pid, COUNT.format(p.path)).must_attach().stop()
    print("attached thrice")
    p.end()


def execs():
    """becomes itself again and again from another thread, while sonde attaches, and after"""
    p = Program("execs=40")
    t = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    p.hear("ready")
    wait_until("it is probed again", p.is_patched)
    compare(p.calls(), t.stop())
    p.end()


def a_user_namespace():
    counted(Program(before=("unshare", "--user", "--map-root-user")))


def set_user_id():
    """its owner's program, started by nobody: nobody may not, root may"""
    shutil.copy(PROGRAM, "owned")
    os.chmod("owned", 0o4755)
    p = Program(before=(*AS_NOBODY, "env", "-C", ".", "sh", "-c", "exec ./owned"))
    p.path = os.path.abspath("owned")
    print("effective user", status(p.pid, "Uid").split()[1])
    Tracer(p.pid, COUNT.format(p.path), before=AS_NOBODY).say_refusal()
    counted(p)


def frozen(folder):
    """a group of processes that stands still"""
    group = f"{folder}/sonde-hard-{os.getpid()}"
    is_first = os.path.exists(f"{folder}/cgroup.clone_children")

    def write(name, text):
        with open(f"{group}/{name}", "w") as f:
            f.write(text)

    def freeze(how):
        write("freezer.state" if is_first else "cgroup.freeze", how)
    p = Program()
    os.mkdir(group)
    try:
        write("cgroup.procs", str(p.pid))
        freeze("FROZEN" if is_first else "1")
        Tracer(p.pid, COUNT.format(p.path)).say_refusal()
        freeze("THAWED" if is_first else "0")
        # those that did not stop are let go when they do
        wait_until("nobody traces it", lambda: status(p.pid, "TracerPid") == "0")
        p.end()
    finally:
        p.p.kill()
        p.p.wait()
        wait_until("the group is empty", lambda: not open(f"{group}/cgroup.procs").read())
        os.rmdir(group)


def frozen_first():
    frozen("/sys/fs/cgroup/freezer")


def frozen_second():
    frozen("/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup")


# ---- other tracers ----

def gdb(p, *commands):
    return subprocess.run(["gdb", "-q", "-nx", "-batch", "-p", str(p.pid), *(w for c in commands for w in ("-ex", c))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL).stdout


def gdb_after():
    """a debugger comes while probes are in, looks at one, and goes"""
    p = Program()
    t = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    n = p.calls()
    seen = gdb(p, "x/1xb hit", "info threads")
    print("gdb sees the jump" if "0xe9" in seen else f"BAD: {seen}")
    compare(n + p.calls(), t.stop())
    p.end()


def strace_stays():
    """sonde ends while a debugger has the process: that is said, and can be mended when the debugger has gone"""
    p = Program()
    t = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    n = p.calls()
    d = start(["strace", "-qq", "-o", "/dev/null", "-p", str(p.pid)], stderr=subprocess.DEVNULL)
    wait_until("a tracer has it", lambda: status(p.pid, "TracerPid") != "0")
    t.pids.append(str(d.pid))
    compare(n, t.stop())
    p.do(b"g", "hits")
    d.send_signal(signal.SIGINT)
    d.wait()
    p.do(b"g", "hits")
    print("left" if p.is_patched() else "nothing is left")
    print(t.words(subprocess.run([SONDE, "clean", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout))
    p.end()


def twice():
    """a second user engine at the same function, and at another one"""
    p = Program()
    first = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    Tracer(p.pid, COUNT.format(p.path)).say_refusal()
    other = Tracer(p.pid, COUNT.format(p.path).replace(":hit", ":leave")).must_attach()
    truth = p.calls()
    compare(truth, first.stop())
    compare(truth, other.stop())
    p.end()


def twice_among_others():
    """the function that a first user engine has is not named: so many cannot be probed for another reason"""
    p = Program()
    first = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    Tracer(p.pid, COUNT.replace("{}:hit", "{0}:hit,uprobe:{0}:tiny_*").format(p.path)).say_refusal()
    compare(p.calls(), first.stop())
    p.end()


def kernel_after():
    """the kernel's probe at the function that the user engine has"""
    p = Program()
    first = Tracer(p.pid, COUNT.format(p.path)).must_attach()
    other = Tracer(p.pid, COUNT.format(p.path), engine="kernel")
    is_in = other.is_attached()
    print("the other is attached" if is_in else other.words(other.p.stderr.read()))
    compare(p.calls(), first.stop())
    if is_in:
        print(other.stop())
    p.end()


def kernel_before():
    p = Program()
    first = Tracer(p.pid, COUNT.format(p.path), engine="kernel").must_attach()
    Tracer(p.pid, COUNT.format(p.path)).say_refusal()
    compare(p.calls(), first.stop())
    p.end()


def run(case):
    """in a folder of its own"""
    os.mkdir(case)
    os.chdir(case)
    os.chmod(".", 0o755)
    try:
        globals()[case]()
    except Bad as e:
        fail(e)
    finally:
        os.chdir("..")
        for p in started:
            if p.poll() is None:
                p.kill()
                p.wait()
        started.clear()


def main():
    global SONDE, PROGRAM
    SONDE, PROGRAM = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    os.chmod(".", 0o755)
    signal.signal(signal.SIGALRM, too_late)
    for case in sys.argv[3:]:
        print(f"== {case}", flush=True)
        signal.alarm(3 * LIMIT)
        run(case)


if __name__ == "__main__":
    main()
