# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel whose trace events answer nobody.

When a task dies in the kernel with the lock of all trace events, whoever opens an event or reads a list of them afterwards waits for ever
and cannot be killed, until the machine is booted again. The rest (BPF, uprobe_multi, raw tracepoints, the user engine) goes on. So the tests
look first, and on such a machine run with tracefs out of sight: those that need it (tests/needs-tracing) are skipped, with the reason.
"""
import ctypes
import os
import subprocess

HIDDEN = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing", "/sys/devices/uprobe")  # the last: perf events of uprobes
VARIABLE = "SONDE_TESTS_NO_TRACING"
REASON = "the trace events of this machine's kernel answer nobody any more; it has to be booted again"
PATIENCE_S = 60  # a busy machine takes a second
WAITS = ("dyn_event_seq_start", "f_start", "t_start", "perf_trace_init", "perf_uprobe_init", "instance_mkdir")
CLONE_NEWNS, MS_RDONLY, MS_REC, MS_PRIVATE = 0x20000, 1, 0x4000, 0x40000


def is_hidden():
    return VARIABLE in os.environ


def waits_for_ever(pid):
    """a process that has waited in the kernel for the lock of all events for longer than anybody holds it"""
    try:
        with open(f"/proc/{pid}/wchan") as f, open(f"/proc/{pid}/stat") as g, open("/proc/uptime") as h:
            state, *rest = g.read().rpartition(")")[2].split()
            age = float(h.read().split()[0]) - int(rest[18]) / os.sysconf("SC_CLK_TCK")
            return state == "D" and age > 5 * PATIENCE_S and f.read() in WAITS
    except (OSError, ValueError, IndexError):
        return False


def is_stuck():
    path = os.path.join(HIDDEN[0], "uprobe_events")
    if os.geteuid() != 0 or not os.path.exists(path):
        return False
    if any(waits_for_ever(pid) for pid in os.listdir("/proc") if pid.isdigit()):
        return True
    # a process of its own: it may never come back
    p = subprocess.Popen(["cat", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        p.wait(PATIENCE_S)
        return False
    except subprocess.TimeoutExpired:
        return True


def hide():
    """for this process and those that it starts"""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, kind, flags):
        return libc.mount(source, target.encode(), kind, flags, None)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    # for nobody else; in a chroot / need not be a mount
    for path in ("/", "/sys", *HIDDEN):
        mount(None, path, None, MS_REC | MS_PRIVATE)
    for path in HIDDEN:
        if os.path.isdir(path) and mount(b"none", path, b"tmpfs", MS_RDONLY):
            raise OSError(ctypes.get_errno(), f"mount over {path}")
    os.environ[VARIABLE] = "1"


def explains(lines):
    """what a test says that failed: is it that trace events are hidden?"""
    return is_hidden() and any("ERROR: Cannot read the kernel's tracepoints" in line for line in lines)


def needing(kind):
    """names of tests of that kind that need trace events, if they are hidden"""
    if not is_hidden():
        return set()
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "needs-tracing")) as f:
        words = (line.split() for line in f if line.strip() and not line.startswith("#"))
        return {name for k, name in words if k == kind}
