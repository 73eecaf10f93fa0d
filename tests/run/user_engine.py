# SPDX-License-Identifier: GPL-2.0-or-later
"""Runtime tests under the user engine: which ones, and how their commands are given to it.

The user engine traces processes that are there. A test that starts the traced program by AFTER has it started before sonde
instead, held at its entry by tests/progs/hold, and let go when the probes are attached. Everything else stays as the test says.
"""
import os
import re
import time

USER_KIND = re.compile(r"(?<![\w/.$@])(?:uprobe|uretprobe|usdt|u|ur|U):((?:\{\{\w+\}\}|[^:\s,{])+)")
# a word, a colon and a name: in a program of user probes that is another kind's
OTHER_KIND = re.compile(r"(?<![\w/.$@])(?:kprobe|kretprobe|k|kr|tracepoint|t|rawtracepoint|rt|profile|p|hardware|h|software|s|"
                        r"watchpoint|w|asyncwatchpoint|aw|iter|it|fentry|fexit|f|fr|kfunc|kretfunc|bench|test):(?!:)")
OWN_PROCESS = re.compile(r"(?:^|\s)(?:-c|-p|--pid|--cmd|--follow|--cgroup|--container)(?:\s|=|$)")
LISTS = re.compile(r"\{\{SONDE\}\}\s+(?:-\w*[lv]\b|--info|--emit|list\b)")
START_LIMIT = 10.0  # seconds until AFTER has come to its program's entry


class Unsuited(Exception):
    pass


def why_not(test):
    """None: the test says something about the user engine; else why it does not"""
    text = test.get("PROG") or test.get("RUN")
    if "--engine" in text + test.get("ARGS", ""):
        return "names its engine"
    if not USER_KIND.search(text):
        return "no user probes"
    if OTHER_KIND.search(text):
        return "other kinds of probes"
    if test.get("RUN") and (LISTS.search(text) or "{{SONDE}}" not in text):
        return "lists, or runs another program"
    if not test.get("AFTER") and not test.get("BEFORE") and not OWN_PROCESS.search(test.get("ARGS", "") + " " + text):
        return "no process is traced"
    return None


def excluded(path):
    """test -> why it is not run: lines of a name, a colon and the reason; '#' begins a comment"""
    found = {}
    with open(path) as f:
        for line in f:
            name, _, reason = line.partition(":")
            if name.strip() and not name.startswith("#"):
                found[name.strip()] = reason.strip()
    return found


SHELLS_OWN = {"exec", "cd", "for", "echo", "until", "test", "touch", "if", "then", "else", "fi", "do", "done", "while", "true", "[",
              "sleep", "printf", "{", "}", "unshare", "chroot", "timeout", "sh", "-m", "-c", "!", "wait", "cp", "mv", "rm"}


def commands_of(text):
    """the words that a shell would run as commands, but for its own and those that run others"""
    for part in re.split(r"[;|&()\n]+|\$\(", text):
        for word in part.split():
            if re.match(r"\w+=", word) or word in SHELLS_OWN:
                continue
            yield word.strip("'\"")
            break


def name_to_hold(test, fill):
    """the file name of the program in AFTER that the probes are in, or that runs the library they are in"""
    names = [os.path.basename(word) for word in commands_of(fill(test.get("AFTER")))]
    probed = {os.path.basename(p) for p in USER_KIND.findall(fill(test.get("PROG") or test.get("RUN")))}
    for name in names:
        if name in probed:
            return name
    if not names:
        raise Unsuited("AFTER names no program")
    return names[0]


class Waiting:
    """AFTER, whose shell waits before its first command: it and all that it starts is traced"""
    options = " --follow"

    def __init__(self, running):
        self.gate = os.path.join(running.tmp, "gate")
        os.mkfifo(self.gate)
        after = os.path.join(running.tmp, "after-command")
        with open(after, "w") as f:
            f.write(f"read -r _ <{self.gate}\n" + running.fill(running.t.get("AFTER")) + "\n")
        self.process = running.spawn(f"exec bash {after}", "after")
        self.pid = self.process.pid
        limit = time.time() + START_LIMIT * running.o.slow
        while not self.waits():
            if self.process.poll() is not None or time.time() > limit:
                raise Unsuited("the shell of AFTER does not come to its gate")
            time.sleep(0.005)

    def waits(self):
        """it is the shell of the script, and asleep: nothing but the gate can hold it"""
        with open(f"/proc/{self.pid}/stat") as stat, open(f"/proc/{self.pid}/cmdline") as line:
            return stat.read().rsplit(")", 1)[1].split()[0] == "S" and "after-command" in line.read()

    def go(self):
        with open(self.gate, "w") as f:
            f.write("\n")
        return self.process


class Held:
    """AFTER, started before the tracer"""
    options = ""

    def __init__(self, running):
        self.dir = os.path.join(running.tmp, "held")
        os.mkdir(self.dir)
        name = running.t.get("HOLD") or name_to_hold(running.t, running.fill)
        after = os.path.join(running.tmp, "after-command")
        with open(after, "w") as f:
            f.write(running.fill(running.t.get("AFTER")))
        self.process = running.spawn(f"exec {running.o.progs}/hold {name} {self.dir} bash {after}", "after")
        limit = time.time() + START_LIMIT * running.o.slow
        while not os.path.exists(os.path.join(self.dir, "pid")):
            if self.process.poll() is not None or time.time() > limit:
                raise Unsuited(f"AFTER does not come to a program '{name}'")
            time.sleep(0.005)
        with open(os.path.join(self.dir, "pid")) as f:
            self.pid = int(f.read())

    def go(self):
        open(os.path.join(self.dir, "go"), "w").close()
        return self.process


def options(running, held):
    """what is put behind sonde's name"""
    text = running.t.get("ARGS", "") + " " + (running.t.get("RUN") or "")
    if held:
        before = "".join(f" -p {pid}" for pid in running.before_pids)
        return f"--engine user -p {held.pid}{before}{held.options}"
    if OWN_PROCESS.search(text) or not running.before_pids:
        return "--engine user"
    more = Waiting.options if running.t.get("HOLD") == "shell" else ""
    return "--engine user" + "".join(f" -p {pid}" for pid in running.before_pids) + more


def put_options(command, more):
    """behind sonde's name, or behind the tool's"""
    return re.sub(r"\{\{SONDE\}\}( [a-z]+(?= ))?", lambda m: m.group() + more, command)


def hold(running):
    return Waiting(running) if running.t.get("HOLD") == "shell" else Held(running)


def wants_hold(test):
    """AFTER is what is traced, unless something that runs already is"""
    text = test.get("ARGS", "") + " " + (test.get("RUN") or "")
    before = test.get("BEFORE") and test.get("HOLD") != "shell"
    return bool(test.get("AFTER")) and not before and not OWN_PROCESS.search(text)
