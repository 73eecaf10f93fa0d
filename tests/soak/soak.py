#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs at work while sonde attaches to 200 of their functions, entry and return, and detaches, again and again.

  tests/soak/soak.py --sonde build/src/cli/sonde --seconds 30 [--cycles 1000] [-k REGEX] [--engine user] [--jobs N]

Each program (targets.py) is traced until the time is over and the number of cycles is reached. What must not happen: it ends, an answer is
wrong, sonde fails, something stays attached. With the user engine, after each detachment: all code of the process is compared with the files
that it is from; its threads, mapped files, signal handlers and descriptors are as before (state.py). TAP, a line for each program. A tool
that is not installed is a skip.
"""
import argparse
import concurrent.futures
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "run"))
import leaks  # noqa: E402
import own_bytes  # noqa: E402
import state  # noqa: E402
from targets import targets  # noqa: E402

FUNCTIONS, REFUSED_AT_MOST = 200, 50
COUNTS = "uprobe { @hits = count(); } uretprobe { @back = count(); } "
# of the user engine. Arguments are looked at where there is none, too: reads at any address
SCRIPTS = (
    COUNTS, COUNTS,
    "uprobe { @hits = count(); @s[tid] = nsecs; } "
    "uretprobe /@s[tid]/ { @ns = hist(nsecs - @s[tid]); delete(@s[tid]); } ",
    "uprobe { @hits = count(); @[tid, probe] = count(); } ",
    "uprobe { @hits = count(); @[ustack(6)] = count(); } ",
    "uprobe { @hits = count(); @[str(reg(\"di\"), 16), reg(\"si\")] = count(); } uretprobe { @r = stats(reg(\"ax\")); } ",
    "uprobe { @hits = count(); printf(\"%d %s %d\\n\", tid, comm, reg(\"di\")); } ",
)
FIND = "uprobe { @hits = count(); @[tid, probe] = count(); } "
USDT = "usdt:*:* { @hits = count(); } "


def own_files(s):
    """of the code that the process has mapped, what is a copy of its own; the one that matters first"""
    real = os.path.realpath(s.tmp)
    found = {path for _, _, _, path in own_bytes.code_mappings(s.worker(), real)}
    main = os.path.realpath(s.binary)
    return [main] + sorted(found - {main})


known_files, known_lock = {}, threading.Lock()


def functions(o, path):
    """of a file: programs have copies of the same libraries, which are listed once"""
    with open(path, "rb") as f:
        key = hashlib.sha256(f.read()).digest()
    with known_lock:
        known = known_files.setdefault(key, concurrent.futures.Future())
        is_first = not hasattr(known, "is_asked")
        known.is_asked = True
    if is_first:
        try:
            known.set_result(list_functions(o, path))
        except Exception as e:
            known.set_exception(e)
    return known.result()


def list_functions(o, path):
    out = subprocess.run([o.sonde, "-l", f"uprobe:{path}:*"], text=True, errors="replace", stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout
    head = f"uprobe:{path}:"
    names = (line[len(head):].removeprefix("cpp:") for line in out.splitlines() if line.startswith(head))
    return sorted(n for n in names if n.isascii() and '"' not in n.strip('"') and "\\" not in n)


class Tracer:
    """sonde on one target, once and again"""

    def __init__(self, o, s):
        self.o, self.s, self.is_user = o, s, o.engine == "user"
        self.n_refused = 0  # runs, one after the other
        self.files = own_files(s) if self.is_user else [s.binary]
        self.names = {f: functions(o, f) for f in self.files}
        self.known = {f: set(n) for f, n in self.names.items()}
        self.descriptors = state.usual(s.worker()) if self.is_user else None
        self.hot = {f: set() for f in self.files}  # functions that were hit
        self.files = [f for f in self.files if self.names[f]]
        if not self.files:
            raise OSError("no functions are listed")

    def choose(self):
        """-> probes without their kind, FILE:FUNCTION: of the program itself, every other time of its libraries"""
        files = self.files[:1]
        if len(self.files) > 1 and random.random() < 0.5:
            files = random.sample(self.files, min(3, len(self.files)))
        share = random.choice((FUNCTIONS, 50, 50, 10)) // len(files) if self.is_user else FUNCTIONS
        chosen = []
        for f in files:
            hot = random.sample(sorted(self.hot[f]), min((share + 3) // 4, len(self.hot[f])))
            names = set(hot + random.sample(self.names[f], min(share - len(hot), len(self.names[f]))))
            chosen += [f"{f}:{n}" for n in names]
        return chosen

    def look_for_hot(self):
        """most functions of a large program are never called: those that are, are found by probing many of them at once"""
        f = self.files[0]
        for _ in range(2):
            self.run(FIND, [f"{f}:{n}" for n in random.sample(self.names[f], min(3 * FUNCTIONS, len(self.names[f])))], 300)

    def once(self):
        if not self.is_user:
            self.run(COUNTS, self.choose(), 700)
        elif self.s.has_usdt and random.random() < 0.2:
            self.run(USDT, [], 50)
        else:
            self.run(random.choice(SCRIPTS), self.choose(), random.randrange(10, 100))

    def command(self, template, probes, ms):
        text = re.sub(r"^u(ret)?probe|(?<=} )u(ret)?probe", lambda m: ", ".join(f"{m[0]}:{p}" for p in probes), template)
        script = os.path.join(self.s.tmp, "script.bt")
        with open(script, "w") as f:
            f.write(f"config = {{ missing_probes = warn; max_probes = 100000; max_bpf_progs = 100000 }}\n{text}\ninterval:ms:{ms} {{ exit(); }}\n")
        where = ["--engine", "user", "-p", str(self.s.worker())] if self.is_user else []
        return [self.o.sonde, "-q", "--no-warnings", *where, script]

    def script(self):
        """kept for whoever looks for what went wrong"""
        kept = os.path.join(tempfile.gettempdir(), f"sonde-soak-failed-{self.s.name}.bt")
        shutil.copy(os.path.join(self.s.tmp, "script.bt"), kept)
        return f"the script: {kept}"

    def run(self, template, probes, ms):
        s, cmd = self.s, self.command(template, probes, ms)
        before = state.of(s.worker()) if self.is_user else None
        if before:
            self.descriptors |= before.fds
        r = subprocess.run(cmd, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=300)
        if "nothing can be probed" in r.stderr and "the other tracer" not in r.stderr:
            self.refused()
            return
        self.n_refused = 0
        s.cycles += 1
        s.probes += len(probes) * template.count("probe ") or 1
        s.hits += sum(int(x) for x in re.findall(r"^@hits: (\d+)$", r.stdout, re.M))
        for f, name in re.findall(r"^@\[\d+, uprobe:([^:]*):(.*)\]: \d+$", r.stdout, re.M):
            if name in self.known.get(f, ()):
                self.hot[f].add(name)
        if s.p.poll() is not None:
            s.crashes += 1
            s.fail(f"it ended ({s.p.returncode}): {s.log()}\n{self.script()}")
        elif r.returncode:
            said = [x for x in r.stderr.splitlines() if "ERROR" in x] or [r.stderr]
            s.fail(f"sonde: exit {r.returncode}: {said[0][-500:]}\n{self.script()}")
        elif self.is_user:
            self.look(before)

    def refused(self):
        """all that was chosen: a library of little functions. Not for ever"""
        self.n_refused += 1
        if self.n_refused > REFUSED_AT_MOST:
            self.s.fail(f"nothing could be probed, {self.n_refused} times in a row\n{self.script()}")

    def look(self, before):
        """at what was traced, after sonde"""
        said = [f"{n} bytes of {f} differ, the first at {at:#x}" for at, f, n in own_bytes.changed(self.s.worker(), "/")]
        before = before._replace(fds=self.descriptors)
        said += state.differences(self.s.worker(), before, self.s.is_steady, self.s.is_still)
        if said:
            self.s.fail("\n".join(said) + "\n" + self.script())


def run(s, o, tmp):
    """-> s, whose fields say how it went"""
    missing = s.missing(o.progs)
    if missing:
        s.skip = f"{os.path.basename(missing)} is not installed"
        return s
    begun = time.time()
    try:
        s.start(tmp, o.progs, o.engine == "user")
    except (OSError, subprocess.CalledProcessError) as e:
        s.fail(f"does not start: {e}")
        return s
    try:
        s.work()
        tracer = Tracer(o, s)
        if o.engine == "user" and o.cycles:
            tracer.look_for_hot()
        s.memory[0] = state.memory(s.worker())
        s.prepared = time.time() - begun
        while not s.fault and (s.cycles < max(1, o.cycles) or time.time() < begun + o.seconds):
            tracer.once()
            if s.cycles % 100 == 0:
                print(f"# {s.name}: {s.cycles} cycles, {s.hits} hits, {s.answers} answers right", flush=True)
        if s.p.poll() is None:
            s.kept = state.kept(s.worker()) if o.engine == "user" else (0, 0)
            s.memory[1] = state.memory(s.worker())
            s.check_alive()
        elif not s.fault:
            s.crashes += 1
            s.fail(f"it ended after the last detachment ({s.p.returncode}): {s.log()}")
        if not s.fault and s.hits == 0 and s.cycles > 20:
            s.fail(f"no hits in {s.cycles} cycles")
    except Exception as e:
        s.fail(f"{type(e).__name__}: {e}")
    s.end()
    s.seconds = time.time() - begun
    return s


def report(n, s):
    if s.skip:
        print(f"ok {n} - soak {s.name} # SKIP {s.skip}", flush=True)
        return
    kept = f"; {s.kept[0]} areas of code stay, {s.kept[1] >> 10} KB" if s.kept[0] else ""
    kept += f"; memory {s.memory[0] >> 10} -> {s.memory[1] >> 10} KB"
    print(f"{'not ok' if s.fault else 'ok'} {n} - soak {s.name}: {s.cycles} cycles of {s.probes // max(1, s.cycles)} probes in "
          f"{s.seconds:.0f} s ({s.prepared:.0f} before), {s.hits} hits, {s.answers} answers right, {s.wrong} wrong, {s.crashes} crashes{kept}", flush=True)
    if s.fault:
        print("".join(f"# {line}\n" for line in s.fault.splitlines()), end="", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--sonde", required=True)
    ap.add_argument("--progs", help="folder of the traced programs; that of the same build")
    ap.add_argument("--seconds", type=int, default=30)
    ap.add_argument("--cycles", type=int, default=0, help="at least so many for each program")
    ap.add_argument("--jobs", type=int, default=100, help="programs at a time")
    ap.add_argument("--seed", type=int, default=int(time.time()))
    ap.add_argument("-k", dest="only", default="")
    ap.add_argument("--engine", default="kernel", choices=("kernel", "user"))
    ap.add_argument("--no-leak-check", action="store_true", help="others use BPF on this machine")
    o = ap.parse_args()
    o.sonde = os.path.abspath(o.sonde)
    o.progs = os.path.abspath(o.progs or os.path.join(os.path.dirname(o.sonde), "..", "..", "tests", "progs"))
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    random.seed(o.seed)
    print(f"# seed {o.seed}, {o.seconds} s, {o.cycles} cycles", flush=True)
    os.environ["PATH"] += ":/usr/sbin:/usr/local/go/bin:" + os.path.expanduser("~/.cargo/bin")
    baseline = None if o.no_leak_check else leaks.snapshot()
    chosen = [s for s in targets() if re.search(o.only, s.name) and o.engine in s.engines]
    print(f"1..{len(chosen) + 1}")
    with tempfile.TemporaryDirectory(prefix="sonde-soak-") as tmp, concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for n, done in enumerate(concurrent.futures.as_completed([pool.submit(run, s, o, tmp) for s in chosen]), 1):
            report(n, done.result())
    failed = sum(bool(s.fault) for s in chosen)
    left = [] if o.no_leak_check else leaks.left(baseline)
    print(f"# {sum(s.cycles for s in chosen)} cycles, {sum(s.hits for s in chosen)} hits, {sum(s.answers for s in chosen)} answers right, "
          f"{sum(s.wrong for s in chosen)} wrong, {sum(s.crashes for s in chosen)} crashes")
    print(f"{'not ok' if left else 'ok'} {len(chosen) + 1} - soak leaves nothing in the kernel {'; '.join(left)}")
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main())
