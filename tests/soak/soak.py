#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers under load while sonde attaches to 200 of their functions, entry and return, and detaches, once a second.

  tests/soak/soak.py --sonde build/src/cli/sonde --seconds 30 [-k REGEX] [--engine user]

redis-server, nginx, CPython, a Go server and a Rust server, each with clients that check every answer. What must not happen: a
server ends, an answer is wrong, sonde fails, something stays attached. TAP, a line for each server. A tool that is not
installed is a skip. With the user engine the servers' code is compared with their files after each detachment, too.
"""
import argparse
import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "run"))
import leaks  # noqa: E402
import own_bytes  # noqa: E402

FUNCTIONS = 200
CLIENTS = 2


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Wrong(Exception):
    pass


# ---- clients: forever one question after the other ----

def ask_http(port, path, want):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    n = 0
    while True:
        n = (n + 17) % 10007
        c.request("GET", path(n))
        r = c.getresponse()
        body = r.read()
        if r.status != 200 or body != want(n):
            raise Wrong(f"{path(n)}: {r.status} {body[:80]!r}, want {want(n)[:80]!r}")
        yield


def ask_redis(port, path, want):
    f = socket.create_connection(("127.0.0.1", port), timeout=20).makefile("rwb", buffering=0)

    def call(*words):
        f.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return reply()

    def line():
        text = b""
        while not text.endswith(b"\r\n"):
            more = f.readline()
            if not more:
                raise Wrong("the connection was closed")
            text += more
        return text[:-2]

    def reply():
        head = line()
        if head[:1] == b"*":
            return [reply() for _ in range(int(head[1:]))]
        if head[:1] != b"$":
            return head
        n, text = int(head[1:]), b""
        while n >= 0 and len(text) < n + 2:
            text += f.read(n + 2 - len(text))
        return text[:-2] if n >= 0 else None

    me, n = b"%d" % random.randrange(1 << 40), 0
    while True:
        n += 1
        num = b"%d" % n
        for words, want_reply in (((b"SET", me, num), b"+OK"), ((b"GET", me), num),
                                  ((b"INCRBY", me, b"5"), b":%d" % (n + 5)),
                                  ((b"RPUSH", me + b"l", num), b":1"), ((b"LPOP", me + b"l"), num),
                                  ((b"HSET", me + b"h", b"f", num), None), ((b"HGET", me + b"h", b"f"), num),
                                  ((b"EVAL", b"return {1,ARGV[1]}", b"0", num), [b":1", num]),
                                  ((b"NOSUCH",), False)):
            got = call(*words)
            if want_reply is False and not got.startswith(b"-ERR") or want_reply and got != want_reply:
                raise Wrong(f"{words}: {got!r}, want {want_reply!r}")
            yield


# ---- servers ----

class Server:
    def __init__(self, name, tools, binary, command, path=None, want=None, ask=ask_http, prepare=None):
        self.name, self.tools, self.binary, self.command = name, tools, binary, command
        self.path, self.want, self.ask, self.prepare = path, want, ask, prepare
        self.answers, self.fault, self.stop = 0, None, False
        self.is_copied = False  # it runs a copy of its own of the program
        self.rounds = self.probes = self.hits = 0

    def start(self, tmp):
        self.tmp = os.path.join(tmp, self.name)
        os.mkdir(self.tmp)
        self.port = free_port()
        if self.prepare:
            self.prepare(self)
        self.binary = self.binary.format(tmp=self.tmp)
        if self.is_copied and not self.binary.startswith(self.tmp):
            # the kernel's probes of others, on the same file, would meet our jumps
            own = os.path.join(self.tmp, os.path.basename(self.binary))
            shutil.copy(os.path.realpath(self.binary), own)
            self.command = [own] + self.command[1:]
            self.binary = own
        with open(os.path.join(self.tmp, "log"), "wb") as log:
            self.p = subprocess.Popen([w.format(tmp=self.tmp, port=self.port) for w in self.command], cwd=self.tmp,
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        limit = time.time() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.time() > limit or self.p.poll() is not None:
                    raise
                time.sleep(0.05)

    def client(self):
        try:
            for _ in self.ask(self.port, self.path, self.want):
                self.answers += 1
                if self.stop:
                    return
        except Exception as e:  # whatever went wrong is what is looked for
            if not self.stop:
                self.fault = self.fault or f"client: {type(e).__name__}: {e}"

    def functions(self, o):
        out = subprocess.run([o.sonde, "-l", f"uprobe:{self.binary}:*"], text=True, errors="replace",
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        head = f"uprobe:{self.binary}:"
        names = (line[len(head):] for line in out.splitlines() if line.startswith(head))
        return sorted(n for n in names if n.isascii())

    def worker(self):
        """the process that answers: nginx's first one only looks after it"""
        with open(f"/proc/{self.p.pid}/task/{self.p.pid}/children") as f:
            children = f.read().split()
        return int(children[0]) if self.name == "nginx" and children else self.p.pid

    def tracer(self, o, end):
        names = self.functions(o)
        if not names:
            self.fault = "no functions are listed"
        while (time.time() < end or not self.rounds) and not self.fault and self.p.poll() is None:
            chosen = random.sample(names, min(FUNCTIONS, len(names)))
            script = "config = { missing_probes = warn; max_probes = 1000000 } " + "".join(
                f"{kind}:{self.binary}:* {{ @{kind} = count(); }} " for kind in ("uprobe", "uretprobe")) + \
                f"interval:ms:{100 if o.engine == 'user' else 700} {{ exit(); }}"
            only = "^interval|:(" + "|".join(re.sub(r"\W", lambda c: r"\^" if c[0] == "^" else f"[{c[0]}]", n)
                                             for n in chosen) + ")$"
            where = ["--engine", "user", "-p", str(self.worker())] if o.engine == "user" else []
            r = subprocess.run([o.sonde, "-q", *where, "--probe-filter", only, "-e", script], text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
            if r.returncode:
                said = [x for x in r.stderr.splitlines() if "ERROR" in x] or [r.stderr]
                self.fault = f"sonde: exit {r.returncode}: {said[0][-500:]}\n{script}"
            elif where:
                self.fault = "; ".join(f"{n} bytes of {f} differ, the first at {at:#x}"
                                       for at, f, n in own_bytes.changed(self.worker(), os.path.realpath(self.tmp)))
            self.rounds += 1
            self.probes += 2 * len(chosen)
            self.hits += sum(int(x) for x in re.findall(r"^@\w+: (\d+)$", r.stdout, re.M))
        if self.p.poll() is not None:
            with open(os.path.join(self.tmp, "log"), errors="replace") as f:
                self.fault = f"the server ended ({self.p.returncode}): {f.read()[-600:]}"

    def end(self):
        self.stop = True
        if self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGTERM)
        try:
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait()


def nginx_files(s):
    with open(os.path.join(s.tmp, "index.html"), "w") as f:
        f.write("nginx answers\n" * 50)
    with open(os.path.join(s.tmp, "nginx.conf"), "w") as f:
        f.write(f"""worker_processes 1; daemon off; error_log stderr; pid {s.tmp}/pid; user root;
events {{ worker_connections 64; }}
http {{ access_log {s.tmp}/access; client_body_temp_path {s.tmp}/b; proxy_temp_path {s.tmp}/p; fastcgi_temp_path {s.tmp}/f;
  uwsgi_temp_path {s.tmp}/u; scgi_temp_path {s.tmp}/s; gzip on;
  server {{ listen 127.0.0.1:{s.port}; root {s.tmp};
    location /n {{ rewrite ^/n/(.*)$ /index.html break; }} }} }}
""")


def build(*command):
    def run(s):
        subprocess.run([w.format(tmp=s.tmp) for w in command], check=True, cwd=HERE, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, GO111MODULE="off"))
    return run


def twice(n):
    return n * 2 if n % 7 else -1


def servers():
    query = "/?n={}".format
    return [
        Server("redis", ["redis-server"], shutil.which("redis-server") or "", ["redis-server", "--port", "{port}",
               "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], ask=ask_redis),
        Server("nginx", ["nginx"], shutil.which("nginx") or "", ["nginx", "-p", "{tmp}", "-c", "{tmp}/nginx.conf"],
               lambda n: f"/n/{n}", lambda n: b"nginx answers\n" * 50, prepare=nginx_files),
        Server("python", ["/usr/bin/python3"], "/usr/bin/python3",
               ["/usr/bin/python3", os.path.join(HERE, "server.py"), "{port}"], query,
               lambda n: b"[%d, %d, %d]\n" % (n % 200, twice(n), n % 50)),
        Server("go", ["go"], "{tmp}/server", ["{tmp}/server", "{port}"], query,
               lambda n: b"%d %d\n" % (n % 500, twice(n)),
               prepare=build("go", "build", "-o", "{tmp}/server", os.path.join(HERE, "server.go"))),
        Server("rust", ["rustc"], "{tmp}/server", ["{tmp}/server", "{port}"], query,
               lambda n: b"%d %d %d\n" % (n % 300, twice(n), n % 20),
               prepare=build("rustc", "--edition", "2021", "-O", "-g", "-o", "{tmp}/server",
                             os.path.join(HERE, "server.rs"))),
    ]


def run(s, o, end):
    clients = [threading.Thread(target=s.client, daemon=True) for _ in range(CLIENTS)]
    for c in clients:
        c.start()
    try:
        s.tracer(o, end)
    except Exception as e:
        s.fault = f"{type(e).__name__}: {e}"
    before = s.answers
    limit = time.time() + 20
    while s.answers == before and time.time() < limit:  # without probes it answers still
        time.sleep(0.1)
    if not s.fault and s.answers == before:
        s.fault = "no answer after the last detachment"
    if not s.fault and (s.hits == 0 or s.rounds == 0):
        s.fault = f"{s.hits} hits in {s.rounds} rounds"


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--sonde", required=True)
    ap.add_argument("--seconds", type=int, default=30)
    ap.add_argument("--seed", type=int, default=int(time.time()))
    ap.add_argument("-k", dest="only", default="")
    ap.add_argument("--engine", default="kernel", choices=("kernel", "user"))
    ap.add_argument("--no-leak-check", action="store_true", help="others use BPF on this machine")
    o = ap.parse_args()
    o.sonde = os.path.abspath(o.sonde)
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    random.seed(o.seed)
    print(f"# seed {o.seed}, {o.seconds} s")
    os.environ["PATH"] += ":/usr/sbin:/usr/local/go/bin:" + os.path.expanduser("~/.cargo/bin")
    baseline, failed = leaks.snapshot(), 0
    chosen = [s for s in servers() if re.search(o.only, s.name)]
    print(f"1..{len(chosen) + 1}")
    with tempfile.TemporaryDirectory(prefix="sonde-soak-") as tmp:
        started = []
        for n, s in enumerate(chosen, 1):
            missing = [t for t in s.tools if not shutil.which(t)]
            if missing:
                print(f"ok {n} - soak {s.name} # SKIP {missing[0]} is not installed")
                continue
            s.is_copied = o.engine == "user"
            try:
                s.start(tmp)
                started.append((n, s))
            except (OSError, subprocess.CalledProcessError) as e:
                failed += 1
                print(f"not ok {n} - soak {s.name}: does not start: {e}")
        end = time.time() + o.seconds
        threads = [threading.Thread(target=run, args=(s, o, end)) for _, s in started]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for n, s in started:
            s.end()
            failed += bool(s.fault)
            print(f"{'not ok' if s.fault else 'ok'} {n} - soak {s.name}: {s.rounds} times {s.probes // max(1, s.rounds)} "
                  f"probes, {s.hits} hits, {s.answers} answers right")
            if s.fault:
                print("".join(f"# {line}\n" for line in s.fault.splitlines()), end="")
    left = [] if o.no_leak_check else leaks.left(baseline)
    failed += bool(left)
    print(f"{'not ok' if left else 'ok'} {len(chosen) + 1} - soak leaves nothing in the kernel {'; '.join(left)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
