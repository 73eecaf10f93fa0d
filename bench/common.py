# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmarks share: interleaved runs of sonde and any installed bpftrace, medians, ratios."""
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

NOTIFY = b"__BPFTRACE_NOTIFY_PROBES_ATTACHED"


class Tracer:
    def __init__(self, name, path, begin):
        self.name, self.path, self.begin = name, path, begin

    def program(self, text):
        """older releases know BEGIN, the newest knows begin too"""
        return text.replace("begin {", self.begin + " {")


def tracers(argv):
    """sonde (the first argument) first, then each bpftrace that is installed or named after it"""
    path = os.path.abspath(argv[1] if len(argv) > 1 else "build/src/cli/sonde")
    if not os.access(path, os.X_OK):
        raise SystemExit(f"'{path}' is not there: build it first")
    if os.geteuid() != 0:
        raise SystemExit("the benchmarks attach probes: run them as root")
    found = [Tracer("sonde", path, "begin")]
    for other in argv[2:] or filter(None, [shutil.which("bpftrace")]):
        out = subprocess.run([other, "--version"], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout.strip()
        found.append(Tracer(out or other, other, "BEGIN"))
    if len(found) == 1:
        print("no bpftrace is installed: only sonde's own figures")
    return found


def whole_run(cmd):
    """-> (seconds, peak resident bytes, exit status) of a process from start to end. The peak is that of a child of
    time(1): a child of ours would begin with the size of this interpreter."""
    with tempfile.NamedTemporaryFile("r") as told:
        r = subprocess.run(["/usr/bin/time", "-f", "%M", "-o", told.name, *cmd], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = int(told.read().split()[-1]) * 1024
    start = time.perf_counter()
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    p.wait()
    return time.perf_counter() - start, peak, r.returncode or p.returncode


class Attached:
    """A tracer that is running: time to the attachment, then stop() gives the time to its end and its output"""

    def __init__(self, tracer, program, limit=60, more=()):
        start = time.perf_counter()
        self.p = subprocess.Popen([tracer.path, "-q", *more, "-e", tracer.program(program)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                                  env=dict(os.environ, __BPFTRACE_NOTIFY_PROBES_ATTACHED="1"))
        self.fd, self.buf = self.p.stdout.fileno(), b""
        os.set_blocking(self.fd, False)
        while NOTIFY not in self.buf:
            if not select.select([self.fd], [], [], limit)[0]:
                self.p.kill()
                raise SystemExit(f"{tracer.name} did not attach within {limit} s")
            data = os.read(self.fd, 1 << 20)
            if not data:
                raise SystemExit(f"{tracer.name} failed:\n{self.buf.decode(errors='replace')}")
            self.buf += data
        self.attach_seconds = time.perf_counter() - start

    def drain(self, seconds=0.0):
        while select.select([self.fd], [], [], seconds)[0]:
            data = os.read(self.fd, 1 << 20)
            if not data:
                return False
            self.buf += data
        return True

    def while_running(self, cmd):
        """run a command to its end and read what the tracer prints meanwhile -> the command's output"""
        with tempfile.TemporaryFile() as out:
            w = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            while w.poll() is None:
                self.drain(0.02)
            out.seek(0)
            return out.read().decode(errors="replace")

    def stop(self):
        """-> (seconds from SIGINT to the end, output)"""
        start = time.perf_counter()
        self.p.send_signal(signal.SIGINT)
        while self.drain(0.5):
            pass
        self.p.wait()
        return time.perf_counter() - start, self.buf.decode(errors="replace")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Redis:
    """A private redis-server on a unix socket, and where it is wanted on a port of 127.0.0.1"""

    def __init__(self, has_port=False):
        self.port = free_port() if has_port else 0

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="sonde-bench-")
        self.socket = os.path.join(self.dir, "s")
        self.p = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                                   "--unixsocket", self.socket, "--save", "",
                                   "--appendonly", "no", "--dir", self.dir], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            r = subprocess.run(["redis-cli", "-s", self.socket, "ping"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
            if r.stdout.strip() == "PONG":
                return self
            time.sleep(0.05)
        raise SystemExit("redis-server does not answer")

    def __exit__(self, *_):
        self.p.terminate()
        self.p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def benchmark(self, n):
        return ["redis-benchmark", "-s", self.socket, "-t", "set", "-n", str(n), "--csv"]


def requests_per_second(text):
    m = re.search(r'^"SET","([\d.]+)"', text, re.M)
    if not m:
        raise SystemExit("redis-benchmark said: " + text)
    return float(m.group(1))


def median(values):
    return statistics.median(values)


def ratio(title, unit, values, less_is_better=True):
    """values: tracer name -> list; prints the medians and each peer as a multiple of sonde"""
    mid = {k: median(v) for k, v in values.items()}
    own = mid["sonde"]
    parts = [f"sonde {own:.4g} {unit}"]
    for name, v in mid.items():
        if name != "sonde":
            r = own / v if v else float("inf")
            how = f"sonde takes 1/{1 / r:.1f}" if less_is_better and r < 1 else f"sonde has {r:.2f} times that"
            parts.append(f"{name} {v:.4g} {unit} ({how})")
    print(f"{title}: " + "; ".join(parts))
    sys.stdout.flush()
