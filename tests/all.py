#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""All tests of sonde, one after the other, and one line of counts at the end: N passed, N failed, N skipped.

  tests/all.py check               no root, under a minute: unit, golden, what tests/checks looks at
  tests/all.py test                check + second compiler with sanitizers + runtime tests + Debian's kernels + fuzzers + soak
  tests/all.py soak --seconds N    servers under load, the runtime tests over and over under ASan and UBSan, hundreds of kills,
                                   all tests on Debian's kernels, the fuzzers: what has no end of its own, N seconds each

Every step is a program of its own that can be run alone; this one starts them, shows what they print and adds up.
The reasons of skips stand above the last line. The exit status is 0 when nothing failed.
"""
import argparse
import collections
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import tracing

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 30       # of the short versions of long runs
FUZZ_SECONDS = 50  # of each of some 25 fuzzers, which get what the tests beside them leave: 4 s of a processor or so
JOBS = "4"         # of runtime tests at once: they wait for their programs half of the time
# those whose programs and files are the test's own: an empty root has no shell, no redis, no libssl
EMPTY_ROOT_TESTS = (r"^(uprobe\.(?!child_command)|usdt\.(?!a_probe_that_lets)|end\.(exit_|output_|sig(int_prints|term))|"
                    r"scripts\.(exec_counts|interval|syscalls|begin|profile))")
# tools that are scripts, with servers and runtimes that take their time: what is C in them runs in other tests, too. `make soak`
# has all of them under the sanitizers
NOT_SCRIPTS_OF_SERVERS = (r"^(?!(postgres|mysql|redis_tool|dns|nginx|gc|flow|calls|stat|gohttp|goroutine|memleak|offcpu|profile|"
                          r"deadlock|snoops|objnew|threads|java|ssl)\.)")
# those that build no programs; all of them: tests/run/runner.py --engine user
USER_ENGINE_TESTS = (r"^(uprobe|usdt|user_engine|end|filter|flame|frames|functions|loops|process|processes|redis|typed|trace|libsonde|object|"
                     r"placement|names|count|latency|argdist|scripts|go\.(entries|returns|typed|http_requests)|unwind\.(?!go|rust)|"
                     r"returns\.(?!every))\.?")
SANITIZER_ENV = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
                 "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=98"}

Count = collections.namedtuple("Count", "passed failed skipped")
SECOND_ATTEMPTS = 3  # of the unit tests of one build; tests/run/runner.py has the same for its own
SANITIZERS = re.compile(r"(Address|Leak|UndefinedBehavior)Sanitizer|\.[ch]:\d+:\d+: runtime error: ")


class Tally:
    def __init__(self):
        self.total = [0, 0, 0]
        self.failures, self.skips = [], collections.Counter()
        self.second = []  # what failed beside others and passed alone: docs/decisions/second-attempt.md
        self.start = time.time()
        self.lock = threading.Lock()

    def step(self, name, count, text=""):
        """text: what a step in the background has to tell"""
        with self.lock:
            for i in range(3):
                self.total[i] += count[i]
            print(text + f"== {name}: {count[0]} passed, {count[1]} failed, {count[2]} skipped "
                  f"[{time.time() - self.start:.0f} s]", flush=True)
            if count[1]:
                self.failures.append(name)

    def finish(self):
        if self.failures:
            print("failed in: " + ", ".join(self.failures))
        for reason, n in sorted(self.skips.items()):
            print(f"skipped {n}: {reason}")
        second = f" ({len(self.second)} at the second attempt: {', '.join(self.second)})" if self.second else ""
        print(f"{self.total[0]} passed, {self.total[1]} failed, {self.total[2]} skipped{second}")
        return 1 if self.total[1] or not self.total[0] else 0


def is_told(line):
    """all but what passed, and what passed only alone"""
    return not re.match(r"ok \d+", line) or line.rstrip().endswith("# second attempt")


def run(cmd, env=None, show=True, timeout=None):
    """-> (exit status, output); what fails is shown whole"""
    p = subprocess.Popen(cmd, cwd=ROOT, env=dict(os.environ, **(env or {})), text=True, errors="replace",
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    try:
        for line in p.stdout:
            lines.append(line)
            if show and is_told(line):
                print("  " + line, end="", flush=True)
        return p.wait(timeout), "".join(lines)
    except BaseException:
        p.terminate()
        raise


def tap(tally, status, text, name):
    """count TAP lines; a program that ended badly without a 'not ok' is one failure"""
    passed = skipped = failed = 0
    lines = text.splitlines()
    for i, line in enumerate(lines):
        m = re.match(r"(not )?ok \d+(.*)", line)
        if not m:
            continue
        if m.group(1) and tracing.explains(itertools.takewhile(lambda s: s.startswith("#"), lines[i + 1:])):
            status, skipped = 0, skipped + 1
            tally.skips[f"{name}: {tracing.REASON}"] += 1
            continue
        skip = re.search(r"# SKIP\S* *(.*)", m.group(2), re.I)
        if m.group(2).endswith("# second attempt"):
            tally.second.append(f"{name}: {m.group(2).split()[1]}")
        if m.group(1):
            failed += 1
        elif skip:
            skipped += 1
            tally.skips[f"{name}: {skip.group(1)}"] += 1
        else:
            passed += 1
    if status and not failed:
        failed = 1
    return Count(passed, failed, skipped)


def build(tally, target, name):
    status, out = run(["make", "--no-print-directory", target], show=False)
    if status:
        print("".join(f"  {line}\n" for line in out.splitlines()[-60:]))
    tally.step(name, Count(int(not status), int(bool(status)), 0))
    return not status


def unit_tests(folder):
    listed = subprocess.run(["meson", "test", "-C", folder, "--list"], cwd=ROOT, text=True, stdout=subprocess.PIPE).stdout
    return set(re.findall(r"^(?:\S+ / )?(\w+)$", listed, re.M))


def meson_test(folder, env, names=(), log="testlog"):
    """-> (results as meson logs them, what it printed)"""
    out_of_sight = tracing.needing("unit")
    if out_of_sight and not names:
        names = sorted(unit_tests(folder) - out_of_sight)
    status, out = run(["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", "1" if log == "second" else "2",
                       "--print-errorlogs", "--quiet", "--logbase", log, *names], env, show=False)
    try:
        with open(os.path.join(ROOT, folder, "meson-logs", log + ".json")) as f:
            results = [json.loads(line) for line in f if line.strip()]
    except (OSError, ValueError) as e:
        return [], f"{e}\n{out}"
    bad = any(map(has_failed, results))
    return results if bool(status) == bad else [], out


def has_failed(result):
    return result["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")


def said(result):
    return result.get("stdout", "") + result.get("stderr", "")


def second_units(folder, results, env):
    """what failed beside others, alone: name -> result, of those that pass now. Never what no busy machine does to a right program"""
    failed = [r for r in results if has_failed(r)]
    again = [r for r in failed if (r["result"] == "TIMEOUT" or r["returncode"] >= 0) and not SANITIZERS.search(said(r))]
    if not again or len(failed) > SECOND_ATTEMPTS:
        return {}
    found, _ = meson_test(folder, env, [r["name"] for r in again], "second")
    return {r["name"]: r for r in found if not has_failed(r)}


def unit(tally, folder, name, env=None):
    results, out = meson_test(folder, env)
    again = second_units(folder, results, env)
    total = Count(0, 0, 0)
    for r in results:
        if has_failed(r):
            print(f"  {r['name']}: {r['result']}" + (", and passed alone. The first attempt:" if r["name"] in again else ""))
            lines = said(r).splitlines()
            for line in lines if r["name"] in again else lines[-60:]:
                if not re.match(r"ok \d+", line):
                    print("    " + line)
        if r["name"] in again:
            r = again[r["name"]]
            tally.second.append(f"{name}: {r['name']}")
        c = tap(tally, int(has_failed(r)), r.get("stdout", ""), r["name"])
        total = Count(*map(sum, zip(total, c)))
    if not results:
        print(out)
        total = Count(0, 1, 0)
    for test in tracing.needing("unit"):
        tally.skips[f"{test}: {tracing.REASON}"] += 1
        total = Count(total.passed, total.failed, total.skipped + 1)
    tally.step(name, total)


def script(tally, name, cmd, env=None):
    """a TAP program of ours"""
    status, out = run(cmd, env)
    tally.step(name, tap(tally, status, out, name))
    return out


def sonde(folder):
    return os.path.join(folder, "src", "cli", "sonde")


def golden(tally, folder, name, env=None):
    script(tally, name, [sys.executable, "tests/golden/runner.py", "--sonde", sonde(folder)], env)


def runtime(tally, folder, name, env=None, more=()):
    script(tally, name, [sys.executable, "tests/run/runner.py", "--sonde", sonde(folder),
                         "--progs", "build/tests/progs", *more], env)


def format_report():
    """deviations from .clang-format are told, not counted: reading decides"""
    tool = shutil.which("clang-format-14")
    if not tool:
        print("  format: clang-format-14 is not installed")
        return
    files = subprocess.run(["git", "ls-files", "src/*.[ch]", "tests/*.[ch]", "lib/*.[ch]"], cwd=ROOT, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    r = subprocess.run([tool, "--dry-run", *files], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    n = collections.Counter(line.split(":")[0] for line in r.stdout.splitlines() if "warning:" in line)
    print(f"== format: {len(files) - len(n)} of {len(files)} files as clang-format writes them, "
          f"{sum(n.values())} places differ in the others")


def check(tally):
    if build(tally, "all", "build with gcc, no warnings"):
        without_root(tally)


def without_root(tally):
    unit(tally, "build", "unit")
    golden(tally, "build", "golden")
    for name in ("includes", "sizes", "diagcodes", "docs", "runner", "asserts", "examples", "tools"):
        script(tally, f"check {name}", [sys.executable, f"tests/checks/{name}.py"] +
               ([sonde("build")] if name in ("diagcodes", "examples", "tools") else []))
    script(tally, "check generated tables", [sys.executable, "scripts/gen-docs.py", "--check"])
    format_report()


VM = [sys.executable, "tests/vm/vm.py", "--build", "build"]


def vm(tally, what, *more):
    """Debian's own kernels, emulated; a skip where there is no QEMU or none of the kernels"""
    script(tally, f"Debian's kernels in virtual machines, {what}", [*VM, *more])


@contextlib.contextmanager
def beside(cmd, end):
    """a command, while other tests wait for their programs most of the time; end(status, text) when both are over"""
    with tempfile.TemporaryFile("w+") as out:
        p = subprocess.Popen(cmd, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield
            status = p.wait()
        except BaseException:
            p.terminate()
            p.wait()
            raise
        out.seek(0)
        end(status, out.read())


FUZZ = ["make", "--no-print-directory", "fuzz"]


def fuzz(tally, seconds):
    status, out = run([*FUZZ, f"SECONDS={seconds}"])
    tally.step(f"fuzz, {seconds} s each", tap(tally, status, out, "fuzz"))


class Background(threading.Thread):
    """what wants nothing but processors, one after the other: it gets what the tests in front, which wait for their programs
    much of the time, do not want. The front says when what it needs is there, and waits for its end"""

    def __init__(self, tally, steps):
        super().__init__(daemon=True)
        self.tally, self.steps, self.process = tally, list(steps), None
        self.ready = {name: threading.Event() for name, _, _ in steps}
        self.is_over = False

    def run(self):
        while self.steps:
            name, nice, cmd = self.steps[0]
            self.ready[name].wait()
            if self.is_over:
                return
            with tempfile.TemporaryFile("w+", errors="replace") as out:
                self.process = subprocess.Popen(["nice", "-n", str(nice), *cmd], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                                stderr=subprocess.STDOUT)
                status = self.process.wait()
                out.seek(0)
                text = out.read()
            if self.is_over:
                return
            told = "".join(f"  {line}\n" for line in filter(is_told, text.splitlines()))
            self.tally.step(name, tap(self.tally, status, text, name), told)
            del self.steps[0]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind:  # interrupted
            self.is_over = True
            if self.process and self.process.poll() is None:
                self.process.terminate()
        for event in self.ready.values():
            event.set()
        self.join()
        for name, _, _ in [] if kind else self.steps:  # the thread did not come so far
            self.tally.step(name, Count(0, 1, 0))


def servers_and_programs(tally, seconds, cycles=0):
    """under load, while probes come and go"""
    servers = [sys.executable, "tests/soak/soak.py", "--sonde", sonde("build"), "--seconds", str(seconds)]
    name = f"programs under the user engine, {seconds} s" + (f" and {cycles} cycles" if cycles else "")

    def end(status, text):
        print("".join(f"  {line}\n" for line in text.splitlines() if re.match(r"# \d+ cycles|(not )?ok|# ", line)), end="")
        tally.step(name, tap(tally, status, text, name))
    # they run copies of their programs, which the kernel's probes do not know; what is left in the kernel is the others' to say
    few = ["--cycles", str(cycles), "--jobs", "3"] if cycles else []
    with beside([*servers, "--engine", "user", "--no-leak-check", *few], end):
        script(tally, f"servers under load, {seconds} s", servers)


def sanitized_rounds(tally, seconds, more=()):
    """of the runtime tests, until the time is over; one at least"""
    finish, n = time.time() + seconds, 0
    while n == 0 or time.time() < finish:
        n += 1
        runtime(tally, "build-asan", f"runtime under ASan and UBSan, round {n}", SANITIZER_ENV, more)


def random_programs(tally, seconds):
    """of the code generator: what the IR means, the interpreter, the JIT and the kernel's TEST_RUN; beside others"""
    name = f"random programs, {seconds} s"

    def end(status, text):
        print("".join(f"  {line}\n" for line in text.splitlines()[-3:]), end="")
        tally.step(name, tap(tally, status, text, name))
    return beside(["env", f"SONDE_RANDOM_SECONDS={seconds}", f"SONDE_RANDOM_SEED={int(time.time())}", "nice", "-n", "19",
                   "build/tests/unit/test_ebpf_random"], end)


def kills(tally, n=200):
    """of tracers and of traced programs, at random moments"""
    for mode in ("front", "target"):
        script(tally, f"kill -9, {n} times: {mode}", [sys.executable, "tests/run/user_kills.py", mode, str(n),
                                                      os.path.abspath(sonde("build")), os.path.abspath("build/tests/progs/checks")])


def static(tally):
    """the static binary where there is nothing but /proc, /sys and what is traced"""
    if not build(tally, "static", "static binary"):
        return
    env = {"SONDE_STATIC": os.path.join(ROOT, "build-static", "sonde")}
    size = os.path.getsize(env["SONDE_STATIC"])
    tally.step(f"static binary of {size} bytes is under 8 MB", Count(int(size < 8e6), int(size >= 8e6), 0))
    status, out = run([sys.executable, "tests/run/runner.py", "--sonde", "tests/run/empty_root.sh", "--progs",
                       "build/tests/progs", "-k", EMPTY_ROOT_TESTS], env)
    tally.step("runtime, static in an empty root", tap(tally, status, out, "empty root"))


def test(tally):
    if not build(tally, "all", "build with gcc, no warnings"):
        return
    vm_name, fuzz_name = "Debian's kernels in virtual machines, chosen tests", f"fuzz, {FUZZ_SECONDS} s each"
    with Background(tally, [(vm_name, 0, [*VM, "--chosen"]), (fuzz_name, 19, [*FUZZ, f"SECONDS={FUZZ_SECONDS}"])]) as background:
        background.ready[vm_name].set()
        without_root(tally)
        # one build for all three: the second compiler's warnings and code, its sanitizers, and the fuzzers
        is_built = build(tally, "asan", "build with clang, ASan and UBSan, no warnings")
        background.ready[fuzz_name].set()
        if is_built:
            unit(tally, "build-asan", "unit, clang with sanitizers", SANITIZER_ENV)
            golden(tally, "build-asan", "golden, clang with sanitizers", SANITIZER_ENV)
        runtime(tally, "build", "runtime", None, ("--jobs", JOBS))
        # alone: a kernel uprobe in a file that a process of the user engine has mapped would destroy that process
        runtime(tally, "build", "runtime under the user engine", None, ("--jobs", JOBS, "--engine", "user", "-k", USER_ENGINE_TESTS))
        script(tally, "matrix of programs that print their own truth",
               [sys.executable, "tests/matrix/matrix.py", "--sonde", sonde("build")])
        static(tally)
        servers_and_programs(tally, SECONDS)
        if is_built:
            sanitized_rounds(tally, 0, ("--jobs", JOBS, "-k", NOT_SCRIPTS_OF_SERVERS))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("what", choices=("check", "test", "soak"))
    ap.add_argument("--seconds", type=int, default=600)
    ap.add_argument("--cycles", type=int, default=1000, help="soak: attachments of the user engine to each program, at least")
    o = ap.parse_args()
    if tracing.is_stuck():
        print(f"NOTE: {tracing.REASON}. Tests that need them are skipped", flush=True)
        tracing.hide()
    tally = Tally()
    if o.what == "check":
        check(tally)
    elif o.what == "test":
        test(tally)
    else:
        with random_programs(tally, o.seconds):
            servers_and_programs(tally, o.seconds, o.cycles)
            sanitized_rounds(tally, o.seconds)
            kills(tally)
        vm(tally, "all tests", "--loads")
        fuzz(tally, o.seconds)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
