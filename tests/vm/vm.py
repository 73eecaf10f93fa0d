#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs sonde on Debian's own kernels, each in a virtual machine with all of it emulated in software (never KVM).

  tests/vm/vm.py --build build [--chosen | -k REGEX] [--kernel TEXT] [--loads]
  tests/vm/vm.py --build build --kernel 6.1 --command 'sonde --info'

The kernels are those that scripts/setup.sh vm has put into build-vm/kernels. The machine's files are this machine's
own, in a cpio archive at the same paths: sonde, the traced programs, the tests, Python, the commands that the tests
name, and what tests build with a compiler, which runs here. In it tests/run/runner.py runs tests/run/*.test and
tests/vm/*.test, and loads.py gives each program and tool to the verifier. What the machine printed is kept in
build-vm/KERNEL.log. Prints TAP and, as the last line, "vm: N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "run")]
import image  # noqa: E402
import kernels  # noqa: E402
import runner  # noqa: E402
import user_engine  # noqa: E402

WORK = os.path.join(ROOT, "build-vm")
PREPARED = f"/tmp/sonde-vm-{os.getpid()}"  # the same path in both; of this run
MUSL = "/lib/ld-musl-x86_64.so.1"  # which its programs name
SLOW = 20  # software emulation, on machines that are busy
COMMAND_PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
# what the machine itself and the runner need; tests name the rest
COMMANDS = """bash sh mount ln mkdir ip stty uname cut cat sleep ls ps kill dmesg env setpriv python3 awk sed grep sort
    uniq head tail tr wc diff cmp cp mv rm touch chmod seq test true false tee timeout dd stat find findmnt xargs mktemp
    basename dirname readlink nproc paste date id hostname getconf taskset nm readelf""".split()
# too large for a machine in memory, or of no use without a network
LEFT_OUT = set("""gcc g++ clang clang-14 rustc go java javac node perl strace valgrind apt make meson ninja gdb lldb
    objcopy strip dwz as ld ar cc c++ clang++-14 bpftrace python perf vim less man top git tmux sudo""".split())
PYTHON_LEFT_OUT = set("""test idlelib lib2to3 ensurepip tkinter turtledemo unittest pydoc_data sqlite3 venv curses dbm
    wsgiref distutils xmlrpc""".split())


def add_python(im):
    im.add(os.path.realpath("/usr/bin/python3"))
    im.add("/usr/bin/python3")
    lib = "/usr/lib/" + os.path.basename(os.path.realpath("/usr/bin/python3"))
    for name in sorted(os.listdir(lib)):
        if name not in PYTHON_LEFT_OUT and not name.startswith(("config-", "dist-packages")):
            im.add(os.path.join(lib, name))


def commands_of(tests):
    """the commands of this machine that the tests' texts have as words"""
    words = set(COMMANDS)
    for t in tests:
        for key, text in t.items:
            if not key.startswith("EXPECT"):
                words |= set(re.findall(r"[A-Za-z0-9][\w.+-]*", text))
                words |= set(re.findall(r"/usr/s?bin/([\w.+-]+)", text))
    return sorted(w for w in words - LEFT_OUT if shutil.which(w, path=COMMAND_PATH))


def prepare(o, tests):
    """what tests build is built here; -> folders"""
    shutil.rmtree(PREPARED, ignore_errors=True)
    wanted = [t for t in tests if any(k == "SETUP" and runner.BUILDS.search(v) for k, v in t.items)]
    if not wanted:
        return
    names = "^(" + "|".join(re.escape(t.full) for t in wanted) + ")$"
    os.makedirs(PREPARED)
    subprocess.run([sys.executable, os.path.join(ROOT, "tests/run/runner.py"), "--sonde", o.sonde, "--progs", o.progs,
                    "--engine", o.engine, "--prepare", PREPARED, "--no-leak-check", "-k", names, *o.files],
                   stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def make_image(o, tests, commands):
    im = image.Image()
    add_python(im)
    for name in commands_of(tests):
        im.add(shutil.which(name, path=COMMAND_PATH))
    # without what compilers leave beside them: of crates that is hundreds of megabytes
    progs = [os.path.join(o.progs, name) for name in sorted(os.listdir(o.progs)) if not name.endswith(".p")]
    for path in (o.sonde, *progs, os.path.join(ROOT, "tests/run"), os.path.join(ROOT, "tests/tracing.py"), os.path.join(ROOT, "tests/vm"),
                 os.path.join(ROOT, "tests/progs"), os.path.join(ROOT, "tools"), "/etc/passwd", "/etc/group",
                 "/etc/nsswitch.conf", "/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/hosts", "/etc/services",
                 "/usr/lib/locale/C.utf8", "/usr/lib/x86_64-linux-gnu/ruby/3.1.0/enc"):
        if os.path.exists(path):
            im.add(path)
    if os.path.isdir(PREPARED):
        im.add(PREPARED)
    if os.path.exists(MUSL):
        im.add(MUSL)
    # where the source documents' script looks for it
    for lib in ("libssl.so.3", "libcrypto.so.3"):
        real = os.path.join("/usr/lib/x86_64-linux-gnu", lib)
        if os.path.exists(real):
            im.add(real)
    im.link("/usr/local/lib/libssl.so", "/usr/lib/x86_64-linux-gnu/libssl.so.3")
    im.link("/usr/local/bin/sonde", o.sonde)
    im.add(os.path.join(HERE, "guest.sh"))
    im.link("/init", os.path.join(HERE, "guest.sh"))
    im.text("/vm/commands", commands)
    path = os.path.join(WORK, "initrd")
    with open(path, "wb") as f:
        im.write(f)
    return path


def qemu(kernel, initrd):
    """a machine that boots quickly: no disks, no network card, no hypervisor. Both processors by one thread of QEMU: with
    a thread for each, programs with many single-stepped probes crashed now and then (one of 8 runs; none with one thread), and
    it is no quicker on a busy machine. Without cx16, because QEMU 7.2 gave a processor wrong flags after cmpxchg16b, which
    ended the kernel in a double fault"""
    words = ["console=ttyS0", "quiet", "loglevel=5", "panic=-1", "reboot=t", "mitigations=off", "nowatchdog", "nokaslr",
             "random.trust_cpu=on", "audit=0", "lsm=yama,bpf", "no_timer_check", "rdinit=/init",
             "8250.nr_uarts=1"]
    return ["qemu-system-x86_64", "-machine", "pc,usb=off,graphics=off", "-accel", "tcg,thread=single",
            "-cpu", "max,la57=off,cx16=off", "-smp", "2", "-m", "1536", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
            "-serial", "stdio", "-kernel", kernel, "-initrd", initrd, "-append", " ".join(words)]


class Machine:
    """one boot: its lines as they come, all of them in a log"""

    def __init__(self, version, kernel, initrd):
        self.log_path = os.path.join(WORK, version + ".log")
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(["nice", *qemu(kernel, initrd)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def lines(self, seconds):
        """until the machine has ended; a machine that takes longer is stopped"""
        rest, end = b"", time.time() + seconds
        out = self.process.stdout
        while True:
            left = end - time.time()
            if left <= 0:
                yield f"vm: stopped after {seconds} s"
                break
            if not select.select([out], [], [], left)[0]:
                continue
            data = os.read(out.fileno(), 65536)
            if not data:
                break
            self.log.write(data)
            self.log.flush()
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "backslashreplace").rstrip("\r")
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()


def run_kernel(o, version, path, initrd):
    """-> [passed, failed, skipped]"""
    start, count, ended = time.time(), [0, 0, 0], False
    m = Machine(version, kernels.elf_of(path), initrd)
    try:
        for line in m.lines(o.seconds):
            tap = re.match(r"(not )?ok (\d+)(.*)", line)
            if tap:
                skip = re.search(r"# SKIP", line)
                count[1 if tap.group(1) else 2 if skip else 0] += 1
                line = f"{tap.group(1) or ''}ok {sum(count)} - {version}.{tap.group(3).lstrip(' -')}"
            ended |= line.startswith("vm: end")
            if o.command or tap or line.startswith(("#", "vm:")):
                print(line, flush=True)
    finally:
        m.close()
    if not ended:
        print(f"not ok {sum(count) + 1} - {version}: the machine did not come to its end, see {m.log_path}")
        with open(m.log_path, errors="replace") as f:
            print("".join("# " + line for line in f.readlines()[-30:]))
        count[1] += 1
    print(f"# {version}: {count[0]} passed, {count[1]} failed, {count[2]} skipped in {time.time() - start:.0f} s", flush=True)
    return count


def chosen():
    with open(os.path.join(HERE, "chosen")) as f:
        names = [line.split("#")[0].strip() for line in f]
    return "^(" + "|".join(n for n in names if n) + ")"


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--build", default="build")
    ap.add_argument("--kernel", default="", help="only those with this in their version")
    ap.add_argument("--chosen", action="store_true", help="the tests that tests/vm/chosen names")
    ap.add_argument("-k", dest="only", default="", help="regex over file.name")
    ap.add_argument("--engine", choices=runner.ENGINES, default="kernel", help="user: as runner.py's")
    ap.add_argument("--loads", action="store_true", help="the verifier's word on every program and tool, too")
    ap.add_argument("--command", help="run this in it and show what it prints")
    ap.add_argument("--seconds", type=int, default=3000, help="after which a machine is stopped")
    ap.add_argument("-v", dest="verbose", action="store_true")
    o = ap.parse_args()
    build = os.path.abspath(o.build)
    o.sonde, o.progs = os.path.join(build, "src/cli/sonde"), os.path.join(build, "tests/progs")
    found = [k for k in kernels.find(os.path.join(WORK, "kernels")) if o.kernel in k[0]]
    if not found or not shutil.which("qemu-system-x86_64"):
        print("1..1\nok 1 - vm # SKIP no kernels or no QEMU: scripts/setup.sh vm\nvm: 0 passed, 0 failed, 1 skipped")
        return 0
    folders = [os.path.join(ROOT, "tests", f) for f in ("run", "vm")]
    o.files = sorted(os.path.join(d, f) for d in folders for f in os.listdir(d) if f.endswith(".test"))
    only = chosen() if o.chosen else o.only
    tests = [] if o.command and not o.only else [t for f in o.files for t in runner.parse_file(f) if re.search(only, t.full)]
    if o.engine == "user":
        out = user_engine.excluded(os.path.join(ROOT, "tests/run/user-engine.excluded"))
        tests = [t for t in tests if not user_engine.why_not(t) and t.full not in out]
    os.makedirs(WORK, exist_ok=True)
    prepare(o, tests)
    commands = o.command
    if not commands:
        # reading is emulated as well: what waits in rings for the reader is more than on a real machine
        commands = (f"export BPFTRACE_PERF_RB_PAGES=2048\npython3 {ROOT}/tests/run/runner.py --sonde {o.sonde} --progs {o.progs} --prepared {PREPARED} "
                    f"--slow {SLOW} --jobs 2 --engine {o.engine} -k {shlex.quote(only)} {' '.join(o.files)}\n")
        if o.loads:
            commands += f"python3 {ROOT}/tests/vm/loads.py --sonde {o.sonde} --progs {o.progs}\n"
    initrd = make_image(o, tests, commands)
    # a machine is one thread: all at once, unless somebody wants to see what they say one after the other
    with concurrent.futures.ThreadPoolExecutor(1 if o.command else len(found)) as pool:
        counts = list(pool.map(lambda k: run_kernel(o, *k, initrd), found))
    total = [sum(c) for c in zip(*counts)]
    shutil.rmtree(PREPARED, ignore_errors=True)
    print(f"vm: {total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
