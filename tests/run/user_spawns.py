#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs programs from several threads and forks, until the file that is its argument is there; says whether all went well."""
import os
import subprocess
import sys
import threading

done, wrong = [0], []


def spawn():
    while not os.path.exists(sys.argv[1]):
        r = subprocess.run(["/bin/echo", "x"], capture_output=True)
        if r.returncode or r.stdout != b"x\n":
            wrong.append(r)
        done[0] += 1


def fork():
    while not os.path.exists(sys.argv[1]):
        pid = os.fork()
        if not pid:
            os._exit(len(str([str(i) for i in range(1000)])) % 200)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != len(str([str(i) for i in range(1000)])) % 200:
            wrong.append("fork")
        done[0] += 1


threads = [threading.Thread(target=t) for t in (spawn, spawn, spawn, fork)]
for t in threads:
    t.start()
print("ready", flush=True)
for t in threads:
    t.join()
print(f"ran {done[0]}, wrong: {wrong}")
