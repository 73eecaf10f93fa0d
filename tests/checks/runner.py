#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The runner of the runtime tests and the counting of tests/all.py: what fails is said to have failed. Prints TAP.

Above all the second attempt (docs/decisions/second-attempt.md): it saves what fails once, never what fails twice, what is broken
(a signal, a sanitizer's words, something left in the kernel) or more than three tests of a run.
"""
import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "run")]
import all as everything  # noqa: E402
import leaks  # noqa: E402
import runner  # noqa: E402

# fails the first time only; {0} is a folder that stays, {1} the test's name
ONCE = "RUN test -e {0}/{1} || {{ touch {0}/{1}; echo octi; exit 1; }}"
TESTS = {
    "passes": "RUN echo octi",
    "once": ONCE,
    "twice": "RUN echo octi; exit 1",
    "half": "RUN echo octi\nCHECK test 1 = 2; test 1 = 1",
    "late": "RUN test -e {0}/{1} || {{ touch {0}/{1}; echo __BPFTRACE_NOTIFY_PROBES_ATTACHED; sleep 60; }}\nTIMEOUT 0.1",
    "dies": "RUN test -e {0}/{1} || {{ touch {0}/{1}; kill -SEGV $$; }}",
    "sanitized": "RUN test -e {0}/{1} || {{ touch {0}/{1}; echo 'ERROR: AddressSanitizer: octi' >&2; exit 1; }}",
    **{f"once{i}": ONCE for i in range(4)},
}
done = []


def check(ok, name, text=""):
    done.append(bool(ok))
    print(f"{'ok' if ok else 'not ok'} {len(done)} - {name}")
    if not ok:
        print("".join(f"# {line}\n" for line in text.splitlines()), end="")


def run(*names, jobs=2):
    """-> (status, output) of the runner with these tests"""
    out = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="sonde-runner-") as folder:
        tests = []
        path = os.path.join(folder, "t.test")
        with open(path, "w") as f:
            for name in names:
                f.write(f"NAME {name}\n" + TESTS[name].format(folder, name) + "\nRETURN_CODE 0\n\n")
        tests = runner.parse_file(path)
        o = argparse.Namespace(sonde="/bin/true", progs=folder, src=ROOT, jobs=jobs, engine="kernel", slow=1, prepare=None, prepared=None)
        with contextlib.redirect_stdout(out):
            status = runner.run_all(o, tests, {})
    return status, out.getvalue()


def lines_with(text, *parts):
    return [line for line in text.splitlines() if all(p in line for p in parts)]


def second_attempts():
    status, text = run("passes", "once")
    check(status == 0 and "2 passed, 0 failed" in text, "what fails once is saved", text)
    check(lines_with(text, "ok 2 - t.once", "# second attempt") and lines_with(text, "# first attempt, beside", "t.once"), "and that is said", text)
    check(lines_with(text, "# octi") and lines_with(text, "# exit 1, want 0"), "with all that the first attempt printed", text)
    status, text = run("passes", "twice")
    check(status == 1 and "1 passed, 1 failed" in text and lines_with(text, "not ok 2 - t.twice"), "what fails twice fails", text)
    status, text = run("late")
    check(status == 0 and lines_with(text, "# sonde did not end within 0.1 s"), "what takes too long once is saved", text)
    for name in ("dies", "sanitized"):
        status, text = run(name, "passes")
        check(status == 1 and "1 passed, 1 failed" in text and "second attempt" not in text, f"no second attempt for what is broken: {name}", text)
    status, text = run("once", "once0", "once1")
    check(status == 0 and text.count("# second attempt") == 3, "three are saved", text)
    status, text = run("once", "once0", "once1", "once2", "passes")
    check(status == 1 and "1 passed, 4 failed" in text and "# second attempt" not in text and lines_with(text, "4 failed, and no more than 3"), "four are not: that is no bad luck", text)
    status, text = run("once", "twice")
    check(status == 1 and "1 passed, 1 failed" in text, "one saved, one failed", text)


def checks_are_looked_at():
    status, text = run("half")
    check(status == 1 and "0 passed, 1 failed" in text, "a CHECK fails with its first command", text)


def leaks_are_broken():
    said = [["program 7 octi"]]
    was = leaks.left, leaks.snapshot
    leaks.left, leaks.snapshot = (lambda baseline: said.pop() if said else []), (lambda: {})
    try:
        status, text = run("passes")
    finally:
        leaks.left, leaks.snapshot = was
    check(status == 1 and "0 passed, 1 failed" in text and lines_with(text, "# left in the kernel", "octi") and "attempt" not in text,
          "no second attempt for what is left in the kernel", text)


def totals():
    """of tests/all.py"""
    tally = everything.Tally()
    out = io.StringIO()
    count = everything.tap(tally, 0, "1..3\nok 1 - a.b (1 ms)\nok 2 - a.c (1 ms) # SKIP requires go\nok 3 - a.d (9 ms) # second attempt\n", "runtime")
    with contextlib.redirect_stdout(out):
        tally.step("runtime", count)
        status = tally.finish()
    check(status == 0 and out.getvalue().endswith("2 passed, 0 failed, 1 skipped (1 at the second attempt: runtime: a.d)\n"),
          "the last line names what was saved", out.getvalue())
    check(everything.tap(everything.Tally(), 1, "not ok 1 - a.b\n", "x") == (0, 1, 0), "a test that failed is counted")
    check(everything.tap(everything.Tally(), 1, "ok 1 - a.b\n", "x") == (1, 1, 0), "so is a program that ends badly without saying why")


def units():
    """of meson, for which tests/all.py makes the second attempt"""
    def result(name, **how):
        return {"name": name, "result": "ERROR", "returncode": 1, "stdout": "not ok 1 - octi\n", **how}
    asked = []

    def alone(folder, env, names, log):
        asked.append(list(names))
        return [result(n, **({"result": "OK", "returncode": 0} if n != "twice" else {})) for n in names], ""
    was, everything.meson_test = everything.meson_test, alone
    try:
        found = everything.second_units("build", [result("ok", result="OK"), result("once"), result("twice"), result("dead", returncode=-11)], None)
        check(list(found) == ["once"] and asked == [["once", "twice"]], "unit tests: once is saved, twice and a signal are not", f"{found} {asked}")
        found = everything.second_units("build", [result("a", stderr="x.c:1:2: runtime error: octi")], None)
        check(not found, "nor a sanitizer's words", f"{found}")
        found = everything.second_units("build", [result(str(i)) for i in range(4)], None)
        check(not found and len(asked) == 1, "nor four of them", f"{found} {asked}")
    finally:
        everything.meson_test = was


def main():
    leaks.snapshot, leaks.left = (lambda: {}), (lambda baseline: [])
    second_attempts()
    checks_are_looked_at()
    leaks_are_broken()
    totals()
    units()
    print(f"1..{len(done)}")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
