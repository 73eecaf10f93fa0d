#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""typist.py LINE...: types lines into an interactive bash on a terminal of its own, once the file "go" is there. The shell's pid is
in the file "pid" when it waits, and the file "done" is there when it has ended."""
import os
import pty
import sys
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])


def wait_for(text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 1000)


# the terminal echoes what is typed, which must not look like the prompt
os.write(terminal, b"PS1=rea''dy%\n")
wait_for(b"ready%")
with open("pid.new", "w") as f:
    f.write(str(pid))
os.rename("pid.new", "pid")
while not os.path.exists("go"):
    time.sleep(0.02)
for line in sys.argv[1:]:
    os.write(terminal, line.encode() + b"\n")
    wait_for(b"ready%")
os.write(terminal, b"\4")
os.waitpid(pid, 0)
open("done", "w").close()
