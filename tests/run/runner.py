#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the runtime tests: sonde on real programs, compared with a truth that does not come from sonde.

  tests/run/runner.py --sonde build/src/cli/sonde --progs build/tests/progs [-k REGEX] [--jobs N] [FILE...]

For tests/vm, which runs the tests where there is no compiler: --prepare DIR runs no test, only what its SETUP builds, and
leaves each test's folder in DIR; --prepared DIR takes the folders from there. DIR has to be at the same path in both.

Reads tests/run/*.test (or the files named). A test is a block of directives, blocks are separated by
empty lines, a line that starts with '#' is a comment. docs/howto/write-a-test.md explains each directive.
After every test the kernel's own lists are asked whether anything stayed attached.
Up to three tests that failed get a second attempt at the end, alone: docs/decisions/second-attempt.md.
Prints TAP and, as the last line, "runtime: N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import leaks  # noqa: E402
import tracing  # noqa: E402
import user_engine  # noqa: E402

ATTACHED = re.compile(rb"__BPFTRACE_NOTIFY_PROBES_ATTACHED\r?\n")
ATTACH_LIMIT = 15.0  # seconds until the probes must be attached
DEFAULT_TIMEOUT = 10  # seconds from there to the end
END_LIMIT = 5.0  # seconds from SIGINT to the end of the process
# these, and a test's own TIMEOUT, are for a quiet machine: they find what hangs, so on a busy one nothing is lost by many times as much
PATIENCE = 8
SECOND_ATTEMPTS = 3  # of one run; where more fail that is not bad luck
FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE)
# what no busy machine can make of a program that is right
BROKEN = re.compile(r"(Address|Leak|UndefinedBehavior|Thread)Sanitizer|\.[ch]:\d+:\d+: runtime error: |Segmentation fault|Assertion .* failed|core dumped")
# commands that want a compiler or a tool chain
BUILDS = re.compile(r"(?<!\w)(go (version|build)|bin/go|gcc|g\+\+|clang(\+\+)?(-14)?|rustc|go_build\.sh|javac|objcopy|strip|nm|dwz|dwp)"
                    r"(?![\w+])")
ENGINES = ("kernel", "user")
ONE_LINE = ("NAME", "RUN", "ARGS", "TIMEOUT", "SETUP", "CLEANUP", "ENV", "RETURN_CODE", "WILL_FAIL", "ENGINE",
            "HOLD", "END", "REQUIRES", "BEFORE", "READY", "AFTER", "CHECK")
EXPECTS = ("EXPECT", "EXPECT_NONE", "EXPECT_REGEX", "EXPECT_REGEX_NONE", "EXPECT_FILE", "EXPECT_JSON",
           "EXPECT_OUTPUT")
MULTI = ("PROG",) + EXPECTS + ("CHECK", "AFTER", "SETUP", "RUN")  # go on in lines indented below their text


class Test:
    """One block: directives by name, in the order of the file."""

    def __init__(self, suite, line):
        self.suite, self.line, self.items = suite, line, []

    def all(self, *keys):
        return [(k, v) for k, v in self.items if k in keys]

    def get(self, key, default=None):
        found = [v for k, v in self.items if k == key]
        return found[-1] if found else default

    @property
    def full(self):
        return f"{self.suite}.{self.get('NAME', '?')}"


def parse_file(path):
    suite = os.path.basename(path).rsplit(".", 1)[0]
    tests, test = [], None
    with open(path) as f:
        for no, raw in enumerate(f, 1):
            line = raw.rstrip("\n")
            if line.startswith("#"):
                continue
            if not line.strip():
                test = None
                continue
            if test is None:
                test = Test(suite, no)
                tests.append(test)
            if test.items and test.items[-1][0] in MULTI:
                indent = len(test.items[-1][0]) + 1
                if line[:indent].strip() == "":
                    test.items[-1][1] += "\n" + line[indent:]
                    continue
            key, _, val = line.partition(" ")
            if key not in ONE_LINE + EXPECTS + ("PROG",):
                raise SystemExit(f"{path}:{no}: unknown directive '{key}'")
            test.items.append([key, val])
    for t in tests:
        if not t.get("NAME") or (t.get("RUN") is None) == (t.get("PROG") is None):
            raise SystemExit(f"{path}:{t.line}: NAME and one of RUN, PROG are wanted")
        if not t.all(*EXPECTS) and not t.all("CHECK") and t.get("RETURN_CODE") is None \
                and t.get("WILL_FAIL") is None:
            raise SystemExit(f"{path}:{t.line}: a test that expects nothing cannot fail")
    return tests


class Failure(Exception):
    pass


class Broken(Failure):
    """of the kind that is none of time: there is no second attempt"""


class Skip(Exception):
    pass


def end_group(p):
    """end what this runner started: each command leads a session, so its group is its own"""
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    p.wait()


class Streams:
    """standard output and error of the tracer, read as they come"""

    def __init__(self, p):
        self.out, self.err = p.stdout, p.stderr
        self.data = {p.stdout: b"", p.stderr: b""}
        self.open = [p.stdout, p.stderr]

    def read(self, seconds):
        """False when both have ended"""
        for f in select.select(self.open, [], [], seconds)[0]:
            more = os.read(f.fileno(), 65536)
            self.data[f] += more
            if not more:
                self.open.remove(f)
        return bool(self.open)

    def take_attached(self):
        """the line that tells of the attachment is for us alone"""
        found = any(ATTACHED.search(d) for d in self.data.values())
        for f in self.data:
            self.data[f] = ATTACHED.sub(b"", self.data[f])
        return found

    def close(self):
        self.out.close()
        self.err.close()


class Running:
    """One test being run. cwd of every command is a folder of its own, $TMP and {{TMP}}."""

    def __init__(self, o, test):
        self.o, self.t = o, test
        self.procs = []
        self.before_pids = []
        self.is_prepared = False
        self.held = None  # AFTER, when the traced program has to be there first
        self.make_folder()
        self.out, self.err, self.rc = b"", b"", None

    def make_folder(self):
        if self.o.prepare or self.o.prepared:
            self.tmp = os.path.join(self.o.prepare or self.o.prepared, self.t.full)
            self.is_prepared = os.path.isdir(self.tmp)
            os.makedirs(self.tmp, exist_ok=True)
        else:
            self.tmp = tempfile.mkdtemp(prefix="sonde-test-")
        self.progs = os.path.join(self.tmp, "progs")
        if not self.is_prepared:
            self.copy_progs()
        elif self.o.prepared:  # for a second attempt
            shutil.copytree(self.tmp, self.tmp + ".fresh", symlinks=True)

    def copy_progs(self):
        """a uprobe is on a file: with files of its own a test does not see what the tests beside it run"""
        os.mkdir(self.progs)
        text = "\n".join(v for _, v in self.t.items)
        wanted = set(re.findall(r"\{\{PROGS\}\}/([\w.-]+)", text))
        if re.search(r"\{\{PROGS\}\}(?!/[\w])", text):  # the folder as such
            wanted = set(os.listdir(self.o.progs)) if os.path.isdir(self.o.progs) else set()
        for name in wanted:
            path = os.path.join(self.o.progs, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                shutil.copy2(path, self.progs)

    def fill(self, s):
        pids = {"BEFORE_PID" + (str(i + 1) if i else ""): str(p) for i, p in enumerate(self.before_pids)}
        for k, v in (*pids.items(), ("SONDE", self.o.sonde), ("PROGS", self.progs), ("TMP", self.tmp), ("SRC", self.o.src)):
            s = s.replace("{{" + k + "}}", v)
        return s

    def env(self):
        env = dict(os.environ, __BPFTRACE_NOTIFY_PROBES_ATTACHED="1", TMP=self.tmp, LC_ALL="C.UTF-8")
        for kv in shlex.split(self.fill(self.t.get("ENV", ""))):
            k, _, v = kv.partition("=")
            env[k] = v
        return env

    def shell(self, what, cmd):
        """run to the end; a failure of it is one of the test. CHECK: of any of its commands, not of the last one alone"""
        r = subprocess.run(["bash", "-ec" if what == "CHECK" else "-c", self.fill(cmd)], cwd=self.tmp, stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150 * self.o.slow, errors="replace")
        if r.returncode:
            raise Failure(f"{what} failed (exit {r.returncode}): {cmd}\n{r.stdout.strip()}")

    def spawn(self, cmd, log):
        # exec: the pid is that of the command itself when it is a single one
        with open(os.path.join(self.tmp, log), "wb") as f:
            p = subprocess.Popen(["bash", "-c", self.fill(cmd)], cwd=self.tmp, env=self.env(), stdout=f,
                                 stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
        self.procs.append(p)
        return p

    def start_before(self, n, cmd):
        """a program to be traced; it is there when it says so: prints a line, or is asleep or running
        as something else than the shell"""
        p = self.spawn("exec " + cmd, f"before{n or ''}")
        limit = time.time() + 10 * self.o.slow
        while time.time() < limit:
            if p.poll() is not None:
                break
            try:
                with open(f"/proc/{p.pid}/comm") as f:
                    comm = f.read().strip()
            except OSError:
                break
            if comm != "bash" or cmd.startswith("bash"):
                time.sleep(0.05)  # let it come to its main()
                self.before_pids.append(p.pid)
                return
            time.sleep(0.01)
        with open(os.path.join(self.tmp, f"before{n or ''}"), errors="replace") as f:
            raise Failure(f"BEFORE ended at once: {cmd}\n{f.read().strip()}")

    def wait_ready(self, cmd):
        """until the command succeeds: a server that answers"""
        limit = time.time() + 10 * self.o.slow
        while subprocess.run(["bash", "-c", self.fill(cmd)], cwd=self.tmp, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            if time.time() > limit:
                raise Failure(f"READY did not succeed within {10 * self.o.slow:g} s: {cmd}")
            time.sleep(0.05)

    def command(self):
        sonde = self.o.sonde
        if self.o.engine == "user":
            sonde += " " + user_engine.options(self, self.held)
        if self.t.get("RUN") is not None:
            return self.fill(user_engine.put_options(self.t.get("RUN"), sonde[len(self.o.sonde):]))
        # a file keeps the program free of the shell's quoting
        return f"{sonde} {self.fill(self.t.get('ARGS', '-q'))} -e {shlex.quote(self.fill(self.t.get('PROG')))}"

    def prepare(self):
        """what needs a compiler, on a machine that has one; the rest of SETUP is for where the test runs"""
        setup = self.t.all("SETUP")
        if not any(BUILDS.search(cmd) for _, cmd in setup):
            shutil.rmtree(self.tmp)
            return
        for _, cmd in self.t.all("REQUIRES"):
            if subprocess.run(["bash", "-c", self.fill(cmd)], cwd=self.tmp, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
                raise Skip(f"requires {cmd}")
        for _, cmd in setup:
            self.shell("SETUP", cmd)

    def run(self):
        for _, cmd in self.t.all("REQUIRES"):
            if self.is_prepared and BUILDS.search(cmd):
                continue
            if subprocess.run(["bash", "-c", self.fill(cmd)], cwd=self.tmp, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
                raise Skip(f"requires {cmd}")
        for _, cmd in self.t.all("SETUP") if not self.is_prepared else []:
            self.shell("SETUP", cmd)
        for n, (_, cmd) in enumerate(self.t.all("BEFORE")):
            self.start_before(n, cmd)
        for _, cmd in self.t.all("READY"):
            self.wait_ready(cmd)
        self.trace()
        with open(os.path.join(self.tmp, "out"), "wb") as f:
            f.write(self.out)
        with open(os.path.join(self.tmp, "err"), "wb") as f:
            f.write(self.err)
        self.judge()

    def trace(self):
        """start sonde, wait until it says that it is attached, run AFTER, wait for its end"""
        slow = self.o.slow
        timeout = float(self.t.get("TIMEOUT", DEFAULT_TIMEOUT)) * slow
        attach_limit, end_limit = ATTACH_LIMIT * slow, END_LIMIT * slow
        ends = self.t.get("END", "after" if self.t.get("AFTER") else "self")
        if self.o.engine == "user" and user_engine.wants_hold(self.t):
            self.held = user_engine.hold(self)
        cmd = self.command()
        p = subprocess.Popen(["bash", "-c", "exec " + cmd if self.t.get("RUN") is None else cmd], cwd=self.tmp,
                             env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
        self.procs.append(p)
        streams, attached, after, told, late = Streams(p), False, None, False, None
        deadline = time.time() + max(attach_limit, timeout)
        while streams.read(0.02 if after else 0.1):
            if not attached and streams.take_attached():
                attached = True
                deadline = time.time() + timeout
                if self.held:
                    after = self.held.go()
                elif self.t.get("AFTER"):
                    after = self.spawn(self.t.get("AFTER"), "after")
                elif ends.startswith("timeout"):
                    deadline = time.time() + float(ends.split()[1])
            if after and after.poll() is not None and ends == "after" and not told:
                told = True
                self.signal_tracer(p)
                deadline = time.time() + end_limit
            if time.time() > deadline:
                if attached and ends.startswith("timeout") and not told:
                    told = True
                    self.signal_tracer(p)
                    deadline = time.time() + end_limit
                    continue
                late = ("was not attached after %g s" % max(attach_limit, timeout) if not attached else
                        "did not end after SIGINT" if told else "did not end within %g s" % timeout)
                break
        streams.take_attached()
        if late:
            end_group(p)
        self.rc = p.wait()
        self.out, self.err = streams.data[p.stdout], streams.data[p.stderr]
        streams.close()
        if late:
            raise Failure("sonde " + late)
        if after:  # its output may be the truth: let it come to its end
            try:
                after.wait(timeout)
            except subprocess.TimeoutExpired:
                raise Failure("AFTER did not end") from None

    def signal_tracer(self, p):
        """SIGINT to sonde: the process itself, or its shell's children when RUN is a pipeline"""
        try:
            if self.t.get("RUN") is None:
                os.kill(p.pid, signal.SIGINT)
            else:
                os.killpg(p.pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    def judge(self):
        out = self.out.decode("utf-8", "backslashreplace")
        both = out + self.err.decode("utf-8", "backslashreplace")
        want = self.t.get("RETURN_CODE")
        if self.t.get("WILL_FAIL") is not None:
            if self.rc == 0:
                raise Failure("exit 0, but WILL_FAIL")
            if self.rc < 0:
                raise Broken(f"killed by signal {-self.rc}")
        elif self.rc != int(want or 0):
            if -self.rc in FAULTS or self.rc - 128 in FAULTS:  # sonde's, and what a shell says of it
                raise Broken(f"killed by a signal: exit {self.rc}")
            raise Failure(f"exit {self.rc}, want {want or 0}")
        for kind, text in self.t.all(*EXPECTS):
            text = self.fill(text)
            if not self.matches(kind, text, out, both):
                raise Failure(f"want {kind} {text}")
        for _, cmd in self.t.all("CHECK"):
            self.shell("CHECK", cmd)

    def matches(self, kind, want, out, both):
        if kind in ("EXPECT", "EXPECT_NONE"):  # whole lines
            return bool(re.search(r"^[ \t]*" + re.escape(want) + r"[ \t]*$", both, re.M)) == (kind == "EXPECT")
        if kind in ("EXPECT_REGEX", "EXPECT_REGEX_NONE"):
            return bool(re.search(want, both, re.M)) == (kind == "EXPECT_REGEX")
        if kind == "EXPECT_OUTPUT":  # standard output is this and nothing else
            return out.strip("\n") == want.strip("\n")
        with open(os.path.join(self.tmp, want), errors="backslashreplace") as f:
            text = f.read()
        if kind == "EXPECT_FILE":
            return out.strip("\n") == text.strip("\n")
        lines, wanted = out.strip().splitlines(), text.strip().splitlines()
        return len(lines) == len(wanted) and all(json.loads(a) == json.loads(b) for a, b in zip(lines, wanted))

    def clean(self):
        for p in self.procs:
            end_group(p)
        try:
            for _, cmd in self.t.all("CLEANUP") if not self.o.prepare else []:
                self.shell("CLEANUP", cmd)
        finally:
            if not self.o.prepare:
                shutil.rmtree(self.tmp, ignore_errors=True)

    def forget(self, will_come_again):
        """what was kept for a second attempt"""
        if os.path.isdir(self.tmp + ".fresh"):
            if will_come_again:
                os.rename(self.tmp + ".fresh", self.tmp)
            else:
                shutil.rmtree(self.tmp + ".fresh", ignore_errors=True)


def run_test(o, test):
    """-> (status, reason, milliseconds); status is pass, fail, skip, or broken: a failure that is no question of time"""
    start = time.time()
    engine = test.get("ENGINE", "both")
    status, reason = "pass", ""
    r = Running(o, test)
    try:
        if engine not in ("both", o.engine):
            raise Skip(f"engine {engine}")
        if o.prepare:
            r.prepare()
            return status, reason, int((time.time() - start) * 1000)
        r.run()
    except Skip as e:
        status, reason = "skip", str(e)
    except (Failure, user_engine.Unsuited, OSError, ValueError, subprocess.TimeoutExpired) as e:
        out, err = (text.decode("utf-8", "backslashreplace") for text in (r.out, r.err))
        status, reason = "fail", f"{e}\n--- stdout\n{out[-3000:]}\n--- stderr\n{err[-2000:]}"
        if isinstance(e, Broken) or BROKEN.search(f"{e}\n{out}\n{err}"):
            status = "broken"
    try:
        r.clean()
    except (Failure, subprocess.TimeoutExpired) as e:
        status, reason = "fail", str(e)
    r.forget(status == "fail")
    return status, reason, int((time.time() - start) * 1000)


def comment(text, head=""):
    return f"# {head}\n" * bool(head) + "".join(f"# {line}\n" for line in text.splitlines())


class Report:
    """TAP lines from several threads, and the leak check whenever no test is running"""

    def __init__(self, baseline):
        self.lock, self.n, self.running = threading.Lock(), 0, []
        self.count = {"pass": 0, "fail": 0, "skip": 0}
        self.beside = {}  # test -> those that ran at the same time, for a while at least
        self.again = []  # failed at the first attempt
        self.baseline, self.since = baseline, []

    def begin(self, test):
        with self.lock:
            self.beside[test] = set(self.running)
            for other in self.running:
                self.beside[other].add(test)
            self.running.append(test)
            self.since.append(test.full)

    def end(self, test, status, reason, ms, is_second=False):
        with self.lock:
            self.running.remove(test)
            if not self.running and status != "skip":
                left = leaks.left(self.baseline)
                if left:
                    reason = (reason + "\n" if status in ("fail", "broken") else "") + \
                        "left in the kernel after " + ", ".join(self.since) + ": " + "; ".join(left[:20]) + f" and {len(left) - 20} more" * (len(left) > 20)
                    status = "broken"
                    self.baseline = leaks.snapshot()
                self.since = []
            if status == "fail" and not is_second:
                self.again.append((test, ms))
                print(comment(reason, f"first attempt, beside {len(self.beside[test])} others: {test.full} ({ms} ms)"), end="")
            else:
                self.say(test, status, reason, ms, "second attempt" if is_second and status == "pass" else "")
            sys.stdout.flush()

    def say(self, test, status, reason, ms, note=""):
        status = "fail" if status == "broken" else status
        self.n += 1
        self.count[status] += 1
        note = f"SKIP {reason}" if status == "skip" else note
        print(f"{'not ok' if status == 'fail' else 'ok'} {self.n} - {test.full} ({ms} ms)" + (f" # {note}" if note else ""))
        if status == "fail":
            print(comment(reason), end="")

    def second_attempts(self, attempt):
        """of what failed beside others, if that is little"""
        again, self.again = self.again, []
        for test, ms in again:
            if len(again) > SECOND_ATTEMPTS:
                self.say(test, "fail", f"see its first attempt; {len(again)} failed, and no more than {SECOND_ATTEMPTS} have a second one", ms)
            else:
                self.begin(test)
                self.end(test, *attempt(test), is_second=True)
        sys.stdout.flush()


def run_all(o, tests, baseline):
    """-> exit status"""
    print(f"1..{len(tests)}")
    report = Report(baseline)

    unanswered = tracing.needing("runtime")

    def one(test):
        report.begin(test)
        report.end(test, *(("skip", tracing.REASON, 0) if test.full in unanswered else run_test(o, test)))

    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, o.jobs)) as pool:
        list(pool.map(one, tests))
    report.second_attempts(lambda test: run_test(o, test))
    c = report.count
    print(f"runtime: {c['pass']} passed, {c['fail']} failed, {c['skip']} skipped")
    return 1 if c["fail"] or not tests else 0


def main():
    here = HERE
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--sonde", required=True)
    ap.add_argument("--progs", default="/nonexistent", help="folder of the programs built from tests/progs")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("-k", dest="only", default="", help="regex over file.name")
    ap.add_argument("--engine", choices=ENGINES, default="kernel",
                    help="user: the tests that are about the user engine, but for those of tests/run/user-engine.excluded")
    ap.add_argument("--excluded", action="store_true", help="with --engine user: those instead")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--slow", type=float, default=PATIENCE, help="all times that a test is given, by so much")
    ap.add_argument("--prepare", help="see above")
    ap.add_argument("--prepared", help="see above")
    ap.add_argument("--no-leak-check", action="store_true", help="others use BPF on this machine")
    ap.add_argument("files", nargs="*")
    o = ap.parse_args()
    o.sonde, o.progs, o.src = os.path.abspath(o.sonde), os.path.abspath(o.progs), os.path.dirname(os.path.dirname(here))
    files = o.files or sorted(os.path.join(here, f) for f in os.listdir(here) if f.endswith(".test"))
    tests = [t for f in files for t in parse_file(f) if re.search(o.only, t.full)]
    if o.engine == "user":
        out = user_engine.excluded(os.path.join(here, "user-engine.excluded"))
        tests = [t for t in tests if not user_engine.why_not(t)]
        idle = set() if o.only or o.files else set(out) - {t.full for t in tests}
        if idle:
            raise SystemExit(f"tests/run/user-engine.excluded names what is no test under the user engine: {', '.join(sorted(idle))}")
        tests = [t for t in tests if (t.full in out) == o.excluded]
    if o.list:
        print("\n".join(t.full for t in tests))
        return 0
    if not os.access(o.sonde, os.X_OK):
        raise SystemExit(f"'{o.sonde}' is not there: build it first")
    if os.geteuid() != 0:
        print("1..0 # SKIP runtime tests need root")
        print(f"runtime: 0 passed, 0 failed, {len(tests)} skipped")
        return 0
    if o.no_leak_check:
        leaks.left, leaks.snapshot = lambda baseline: [], set
    return run_all(o, tests, leaks.snapshot())


if __name__ == "__main__":
    sys.exit(main())
