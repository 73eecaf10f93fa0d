# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs under soak: servers with clients that check every answer, and programs that check their own.

Each can be started from copies of its program and libraries in a folder of its own, which no other tracer on this machine knows.
"""
import glob
import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
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


def ask_redis(port):
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


# ---- what runs ----

class Target:
    """a program that is traced. name, tools that must be there; binary: whose functions matter most; command, {tmp}, {port} and {progs} filled in"""
    engines = ("kernel", "user")
    is_steady = False  # it starts no threads and loads no libraries in a run
    is_still = False   # it maps nothing at all
    has_usdt = False

    def __init__(self, name, tools, binary, command, prepare=None, **more):
        self.name, self.tools, self.binary, self.command, self.prepare = name, tools, binary, command, prepare
        self.__dict__.update(more)
        self.answers = self.wrong = self.crashes = self.cycles = self.probes = self.hits = 0
        self.fault, self.stop, self.port = None, False, 0
        self.kept, self.skip, self.seconds, self.prepared, self.memory = (0, 0), None, 0, 0, [0, 0]

    def fail(self, why):
        self.fault = self.fault or why

    def fill(self, word):
        return word.format(tmp=self.tmp, port=self.port, progs=self.progs)

    def missing(self, progs):
        """a tool that is not there, or None. An empty file is a program that could not be built"""
        tools = [t.format(progs=progs) for t in self.tools]
        return next((t for t in tools if not shutil.which(t) or not os.path.getsize(shutil.which(t))), None)

    def own(self, path):
        return os.path.join(self.tmp, os.path.basename(path))

    def copy(self):
        """the kernel's probes of others, on the same files, would meet our jumps"""
        real = os.path.realpath(self.binary)
        if not self.binary.startswith(self.tmp):
            shutil.copy(real, self.own(self.binary))
            self.command = [self.own(self.binary)] + self.command[1:]
            self.binary = self.own(self.binary)
        os.mkdir(self.own("lib"))
        needs = subprocess.run(["ldd", real], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for path in re.findall(r"=> (/\S+)", needs):
            shutil.copy(os.path.realpath(path), os.path.join(self.own("lib"), os.path.basename(path)))
        return dict(os.environ, LD_LIBRARY_PATH=self.own("lib"))

    def start(self, tmp, progs, is_copied):
        self.tmp, self.progs = os.path.join(tmp, self.name), progs
        os.mkdir(self.tmp)
        self.port = free_port()
        if self.prepare:
            self.prepare(self)
        self.binary = self.fill(self.binary)
        env = self.copy() if is_copied else None
        self.command = [self.fill(w) for w in self.command]
        with open(self.own("log"), "wb") as log:
            self.p = subprocess.Popen(self.command, cwd=self.tmp, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      start_new_session=True, preexec_fn=lambda: os.nice(5))  # the tracer is what we wait for
        self.wait_ready()

    def wait_until(self, what, condition, seconds=60):
        limit = time.time() + seconds
        while not condition():
            if time.time() > limit or self.p.poll() is not None:
                raise OSError(f"{what}: {self.log()}")
            time.sleep(0.05)

    def log(self):
        with open(self.own("log"), errors="replace") as f:
            return f.read()[-600:]

    def worker(self):
        """the process that answers: nginx's first one only looks after it"""
        with open(f"/proc/{self.p.pid}/task/{self.p.pid}/children") as f:
            children = f.read().split()
        return int(children[0]) if self.name == "nginx" and children else self.p.pid

    def end(self):
        self.stop = True
        if self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGTERM)
        try:
            self.p.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait()


class Server(Target):
    """asked by clients without a pause: path(n) is answered by want(n)"""
    path = want = None

    def wait_ready(self):
        def connects():
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                return False
        self.wait_until("no connection", connects)

    def client(self):
        try:
            for _ in (ask_http(self.port, self.path, self.want) if self.path else ask_redis(self.port)):
                self.answers += 1
                if self.stop:
                    return
                if self.answers % 50 == 0:
                    time.sleep(0.002)  # the fastest servers would leave no processor to the others
        except Exception as e:  # whatever went wrong is what is looked for
            if not self.stop:
                self.wrong += 1
                self.fail(f"client: {type(e).__name__}: {e}")

    def work(self):
        for _ in range(CLIENTS):
            threading.Thread(target=self.client, daemon=True).start()
        self.wait_until("no answers", lambda: self.answers > 50 or self.fault)

    def check_alive(self):
        """without probes it answers still"""
        before = self.answers
        try:
            self.wait_until("no answer after the last detachment", lambda: self.answers > before or self.fault)
        except OSError as e:
            self.fail(str(e))


class Program(Target):
    """checks its own answers, and says at its end how many were wrong"""
    is_steady = True
    engines = ("user",)

    def wait_ready(self):
        self.wait_until("does not start", lambda: "ready" in self.log())

    def work(self):
        pass

    def check_alive(self):
        if self.p.poll() is None:
            super().end()
        said = re.search(r"(\d+) rounds, (\d+) wrong", self.log())
        if said:
            self.answers, self.wrong = int(said[1]) - int(said[2]), int(said[2])
        # now and then a thread stood in an area of ours for half a second: on a busy machine only
        if self.is_still and self.kept[0] > 1 + self.cycles // 20:
            self.fail(f"{self.kept[0]} areas stay")
        if not said or self.p.returncode or self.wrong:
            self.fail(f"ended with {self.p.returncode}: {self.log()}")


def nginx_files(s):
    with open(s.own("index.html"), "w") as f:
        f.write("nginx answers\n" * 50)
    with open(s.own("nginx.conf"), "w") as f:
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


def java_files(s):
    """a Java of its own: links to all of Debian's but what is code"""
    home = JAVA[0]
    build(os.path.join(home, "bin/javac"), "-d", "{tmp}", os.path.join(HERE, "Server.java"))(s)
    subprocess.run(["cp", "-rs", home, s.own("java")], check=True, stderr=subprocess.DEVNULL)
    for path in glob.glob(s.own("java") + "/bin/java") + glob.glob(s.own("java") + "/lib/*.so") + glob.glob(s.own("java") + "/lib/*/*.so"):
        real = os.path.realpath(path)
        os.unlink(path)
        shutil.copy(real, path)


# SONDE_SOAK_JAVA=/usr/lib/jvm/...: another one, with names of its functions for one
JAVA = [os.environ.get("SONDE_SOAK_JAVA")] if "SONDE_SOAK_JAVA" in os.environ else glob.glob("/usr/lib/jvm/java-17-openjdk-*") or [""]


def targets():
    query = "/?n={}".format
    three = "{} {} {}\n".format
    return [
        Program("hot", [], "{progs}/checks", ["{progs}/checks"], is_still=True),
        Server("redis", ["redis-server"], shutil.which("redis-server") or "", ["redis-server", "--port", "{port}",
               "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], is_steady=True),
        Server("nginx", ["nginx"], shutil.which("nginx") or "", ["nginx", "-p", "{tmp}", "-c", "{tmp}/nginx.conf"], nginx_files,
               path="/n/{}".format, want=lambda n: b"nginx answers\n" * 50, is_steady=True),
        Server("python", ["/usr/bin/python3"], "/usr/bin/python3",
               ["/usr/bin/python3", os.path.join(HERE, "server.py"), "{port}"], path=query,
               want=lambda n: b"[%d, %d, %d]\n" % (n % 200, twice(n), n % 50), is_steady=True),
        Server("go", ["{progs}/soak-go"], "{progs}/soak-go", ["{progs}/soak-go", "{port}"], path=query,
               want=lambda n: b"%d %d\n" % (n % 500, twice(n))),
        Server("rust", ["{progs}/soak-rust"], "{progs}/soak-rust", ["{progs}/soak-rust", "{port}"], path=query,
               want=lambda n: three(n % 300, twice(n), n % 20).encode(), is_steady=True),
        Server("tokio", ["{progs}/tokio-server"], "{progs}/tokio-server", ["{progs}/tokio-server", "{port}"], path=query,
               want=lambda n: three(n % 300, twice(n), n % 20).encode(), engines=("user",)),
        Server("java", [JAVA[0] + "/bin/javac"], "{tmp}/java/lib/server/libjvm.so",
               ["{tmp}/java/bin/java", "-Xmx64m", "-Xshare:auto", "-cp", "{tmp}", "Server", "{port}"], java_files, path=query,
               want=lambda n: three(n % 300, twice(n), n % 20).encode(), engines=("user",), has_usdt=True),
        Program("musl", ["musl-gcc"], "{tmp}/words", ["{tmp}/words"],
                build("musl-gcc", "-O2", "-g", "-static", "-o", "{tmp}/words", os.path.join(HERE, "words.c"))),
    ]
