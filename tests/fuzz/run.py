#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs every fuzzer of a fuzz build for some seconds each: `make fuzz SECONDS=60`. Prints TAP.

Inputs that once broke something (tests/fuzz/findings/NAME/*) are replayed first. Seeds: tests/fuzz/seeds and
tests/run/scripts for scripts, the traced programs of tests/progs for ELF files. What breaks a fuzzer now is kept in
BUILD/findings and named.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import talks  # noqa: E402

# name of the fuzzer -> (kind of seeds, longest input, dictionary)
KINDS = {
    "fuzz_lex": ("scripts", 4096, "script.dict"),
    "fuzz_parse": ("scripts", 4096, "script.dict"),
    "fuzz_compile": ("scripts", 4096, "script.dict"),
    "fuzz_elf": ("programs", 65536, None),
    "fuzz_returns": ("programs", 65536, None),
    "fuzz_code": ("codes", 4096, None),
    "fuzz_placement": ("programs", 65536, None),
    "fuzz_cfi": ("frames", 4096, None),
    "fuzz_usdt": ("operands", 512, "usdt.dict"),
    "fuzz_demangle": ("names", 512, None),
    "fuzz_proc": ("texts", 4096, None),
    "fuzz_gotab": ("gotabs", 4096, None),
    "fuzz_dwarf": ("dwarfs", 4096, None),
    "fuzz_btf": ("btfs", 4096, None),
    "fuzz_relocate": ("objects", 16384, None),
    **{"fuzz_proto_" + name: ("talk:" + name, 4096, None) for name in talks.TALKS},
}
OPERANDS = ["-4@%eax 8@152(%rdi)", "8@$5 -1@-44(%rbp)", "-8@(%rdx,%rax,8)", "4@global+8(%rip)", "8f@%xmm0"]
NAMES = ["_ZN3foo3barEv", "_RNvC6_123foo3bar", "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE",
         "_ZNSt6vectorIiSaIiEE9push_backERKi"]

# prologues, loops, a switch, a jump behind a lock prefix
CODES = ["f30f1efa4154534883ec184889fb5bc3", "31c04801f89048ffcf75f7c3", "83ff04770a486304ba4801d0ffe0c3",
         "7401f0480fb10fc3", "4c8d5424084883e4e055c3", "8b075389370f1f440000c3"]

# the first byte picks the reader: see fuzz_proc.c
TEXTS = ["\x00401000-402000 r-xp 00001000 fe:01 12 /bin/x (deleted)\n", "\x011000 20 method\n0x1010 8 newer\n",
         "\x02ffffffff81000000 T _stext\nffffffffc0000000 t f\t[mod]\n", "\x03glibc-ld.so.cache1.1" + "\x01\0\0\0" * 12]


# the first byte: 1 for .debug_frame. A CIE "zR" and an FDE, as tests/unit/test_objfile_cfi.c has them; a signal frame's rules
CIE = "14000000" "00000000" "017a5200" "01781001" "040c0708" "90010000"
FRAMES = ["00" + CIE + "20000000" "1c000000" "0010400000000000" "4000000000000000" "00" "410e10860243" "0d06000000",
          "00" + CIE + "24000000" "1c000000" "0010400000000000" "4000000000000000" "00" "0f0477a001061006027778" "1010" "037701a8000000",
          "00" + CIE + "28000000" "1c000000" "0010400000000000" "4000000000000000" "00" "0f0b77088000 3f1a3b2a332422".replace(" ", "") + "0a41c60b00000000"]


def go_table(magic):
    """a table of functions as tests/unit/test_objfile_go.c builds it: two functions, one with an inlined copy"""
    t = bytearray(0xe00)
    t[0:8] = magic.to_bytes(4, "little") + bytes([0, 0, 1, 8])
    for i, v in enumerate((2, 1, 0x401000, 0x60, 0x90, 0xa0, 0xc0, 0x200)):
        t[8 + 8 * i:16 + 8 * i] = v.to_bytes(8, "little")
    t[0x60:0x74] = b"main.a\0main.b\0main.c"
    t[0xa0:0xa9] = b"/src/p.go"
    pcs = bytes([0, 2, 4, 0x80, 1, 0x20, 0, 2, 0x24, 0, 22, 4, 2, 0x20, 0, 2, 8, 1, 0x1c, 0])
    t[0xc0:0xc0 + len(pcs)] = pcs
    words = {0x204: 0x40, 0x208: 0x40, 0x20c: 0xa0, 0x210: 0x80}
    for i, r in enumerate((0x240, 0x2a0)):
        words.update({r: 0x40 * i, r + 4: 7 * i, r + 16: 1, r + 20: 7, r + 24: 10, r + 28: 3, r + 36: 9, r + 40: 4 << 24,
                      r + 52: 15, r + 56: 0xffffffff, r + 60: 0xffffffff, r + 64: 0xffffffff, r + 68: 0})
    words.update({0xd04: 14, 0xd08: 2, 0xd0c: 30})
    for at, v in words.items():
        t[at:at + 4] = v.to_bytes(4, "little")
    for i, v in {0: 0x401000, 1: 0x401060, 22: 0x401000, 23: 0x401080, 37: 0x401d80, 38: 0x401e00, 40: 0x401d00}.items():
        t[0xb00 + 8 * i:0xb08 + 8 * i] = v.to_bytes(8, "little")
    return bytes([0x10, 0xb0]) + bytes(t)


DWARF_SOURCE = """static inline int twice(int a) { return a * 2; } struct s { int a; };
static int apart(struct s *p) { return twice(p->a) + 3; } int all(struct s *p) { return apart(p) + twice(p->a); }"""


def dwarf_seeds(folder):
    """sections of a small object file, as fuzz_dwarf.c wants them: flag, then size and bytes of each"""
    with tempfile.TemporaryDirectory() as work:
        for i, cc in enumerate(("gcc -gdwarf-4", "gcc -gdwarf-5", "clang-14 -gdwarf-5", "clang-14 -gdwarf-3")):
            made = subprocess.run("%s -O1 -x c -c -o o.o -" % cc, shell=True, cwd=work, input=DWARF_SOURCE, text=True,
                                  capture_output=True)
            if made.returncode:
                continue
            seed = b"\0\0"
            for name in ("info", "abbrev", "str_offsets"):
                subprocess.run("rm -f s; objcopy -O binary --only-section=.debug_%s --set-section-flags "
                               ".debug_%s=alloc o.o s" % (name, name), shell=True, cwd=work, capture_output=True)
                path = os.path.join(work, "s")
                data = open(path, "rb").read() if os.path.exists(path) else b""
                seed += len(data).to_bytes(2, "little") + data
            with open(os.path.join(folder, str(i)), "wb") as f:
                f.write(seed)


def seeds(kind, build, folder):
    if kind == "scripts":
        for src in (os.path.join(HERE, "seeds"), os.path.join(HERE, "..", "run", "scripts")):
            for name in os.listdir(src):
                shutil.copy(os.path.join(src, name), folder)
    elif kind == "programs":
        progs = os.path.join(HERE, "..", "..", "build", "tests", "progs")
        for name in os.listdir(progs):
            path = os.path.join(progs, name)
            if os.path.isfile(path) and os.access(path, os.X_OK) and os.path.getsize(path) < 65536:
                shutil.copy(path, folder)
    elif kind == "gotabs":
        for i, magic in enumerate((0xfffffff1, 0xfffffff0, 0xfffffffa)):
            with open(os.path.join(folder, str(i)), "wb") as f:
                f.write(bytes([0x10 | i]) + go_table(magic)[1:])
    elif kind == "btfs":
        subprocess.run("clang-14 -target bpf -g -O1 -x c -c -o o.o - && objcopy -I elf64-little -O binary "
                       "--only-section=.BTF --set-section-flags .BTF=alloc o.o seed; rm -f o.o", shell=True, cwd=folder,
                       input=DWARF_SOURCE, text=True, capture_output=True)
    elif kind == "objects":
        bpf = os.path.join(HERE, "..", "progs", "bpf")
        for name in ("wild", "perf"):
            subprocess.run("clang-14 -target bpf -g -O2 -D__TARGET_ARCH_x86 -I/usr/include/$(uname -m)-linux-gnu -c "
                           f"{bpf}/{name}.bpf.c -o {name}; llvm-strip-14 -g {name} || true", shell=True, cwd=folder,
                           capture_output=True)
    elif kind == "dwarfs":
        dwarf_seeds(folder)
    elif kind and kind.startswith("talk:"):
        for i, talk in enumerate(talks.TALKS[kind[5:]]):
            with open(os.path.join(folder, str(i)), "wb") as f:
                f.write(talk)
    elif kind == "frames":
        for i, text in enumerate(FRAMES):
            with open(os.path.join(folder, str(i)), "wb") as f:
                f.write(bytes.fromhex(text))
    elif kind == "codes":
        for i, code in enumerate(CODES):
            with open(os.path.join(folder, str(i)), "wb") as f:
                f.write(bytes([i * 11 & 0x3f]) + bytes.fromhex(code))
    elif kind:  # None: any bytes will do
        for i, text in enumerate({"operands": OPERANDS, "names": NAMES, "texts": TEXTS}[kind]):
            with open(os.path.join(folder, str(i)), "w") as f:
                f.write(text)


def run(cmd, limit):
    try:
        r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=limit, errors="replace", text=True)
        return r.returncode, r.stdout
    except subprocess.TimeoutExpired as e:
        return 1, f"no end after {limit} s\n{e.output or ''}"


def fuzz(o, folder, findings, name):
    """-> (exit status, output) of one fuzzer: what broke it before, then new inputs"""
    kind, longest, words = KINDS.get(name, (None, 4096, None))
    binary = os.path.join(folder, name)
    old = os.path.join(HERE, "findings", name)
    if os.path.isdir(old):
        status, out = run([binary, *(os.path.join(old, f) for f in sorted(os.listdir(old)))], 600)
        if status:
            return status, out
    with tempfile.TemporaryDirectory(prefix="sonde-fuzz-") as corpus:
        seeds(kind, o.build, corpus)
        cmd = [binary, corpus, f"-max_total_time={o.seconds}", f"-max_len={longest}", f"-timeout={30 * share_of(o)}",
               "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={findings}/{name}-"]
        if words:
            cmd.append("-dict=" + os.path.join(HERE, words))
        return run(cmd, o.seconds + 60 * share_of(o))


def share_of(o):
    """how many fuzzers share a CPU"""
    return 7 if o.seconds <= 60 else 1  # so that two processors have all of them in two rounds


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--build", required=True)
    ap.add_argument("--seconds", type=int, default=30)
    ap.add_argument("--only", default="", help="regex over the names")
    o = ap.parse_args()
    folder = os.path.join(o.build, "tests", "fuzz")
    names = sorted(n for n in os.listdir(folder) if n.startswith("fuzz_") and not n.endswith(".p")
                   and re.search(o.only, n))
    findings = os.path.join(o.build, "findings")
    os.makedirs(findings, exist_ok=True)
    failed = 0
    # the short runs of `make test` share the CPUs, long ones have one each: a fuzzer is one thread
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) * share_of(o)) as pool:
        results = pool.map(lambda name: fuzz(o, folder, findings, name), names)
        for n, (name, (status, out)) in enumerate(zip(names, results), 1):
            done = re.search(r"number_of_executed_units: (\d+)", out)
            failed += bool(status)
            print(f"{'not ok' if status else 'ok'} {n} - {name}, {done.group(1) if done else '?'} inputs", flush=True)
            if status:
                for line in out.splitlines()[-50:]:
                    print("# " + line)
    print(f"1..{len(names)}")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
