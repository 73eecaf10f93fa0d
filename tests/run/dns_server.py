#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dns_server.py ADDRESS LOG: a name server over UDP and TCP at port 53 of an address, which notes what it was asked and what it said:
TYPE NAME RCODE ANSWERS. It knows *.test: one address of each kind by the name's length; slow.* is answered after 0.1 s,
alias.* by way of another name, silent.* never; all other names do not exist.
"""
import socket
import struct
import sys
import threading
import time

TYPES = {1: "A", 28: "AAAA", 15: "MX", 12: "PTR"}
address, log = sys.argv[1], open(sys.argv[2], "a", buffering=1)


def label(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def answer(q):
    at, parts = 12, []
    while q[at]:
        parts.append(q[at + 1:at + 1 + q[at]].decode())
        at += 1 + q[at]
    name, (kind,) = ".".join(parts), struct.unpack(">H", q[at + 1:at + 3])
    question, rr, said = q[12:at + 5], b"", []
    here = b"\xc0\x0c"
    known = name.endswith(".test")
    if known and name.startswith("silent."):
        print(TYPES.get(kind, kind), name, "none", file=log)
        return None
    n = 0
    if known and name.startswith("alias."):
        rr += here + struct.pack(">HHIH", 5, 1, 60, len(label("real.test"))) + label("real.test")
        here, n = label("real.test"), 1
        said.append("real.test")
    if known and kind == 1:
        rr += here + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, len(name)])
        n += 1
        said.append(f"192.0.2.{len(name)}")
    elif known and kind == 28:
        rr += here + struct.pack(">HHIH", 28, 1, 60, 16) + socket.inet_pton(socket.AF_INET6, f"2001:db8::{len(name):x}")
        n += 1
        said.append(f"2001:db8::{len(name):x}")
    if name.startswith("slow."):
        time.sleep(0.1)
    print(TYPES.get(kind, kind), name, "NOERROR" if known else "NXDOMAIN", *said, file=log)
    return q[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, n, 0, 0) + question + rr


def stream(c):
    f = c.makefile("rb")
    while True:
        head = f.read(2)
        if len(head) < 2:
            return
        a = answer(f.read(struct.unpack(">H", head)[0]))
        if a:
            c.sendall(struct.pack(">H", len(a)) + a)


def accept():
    t = socket.create_server((address, 53))
    while True:
        threading.Thread(target=stream, args=(t.accept()[0],), daemon=True).start()


u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((address, 53))
threading.Thread(target=accept, daemon=True).start()
while True:
    q, who = u.recvfrom(4096)
    a = answer(q)
    if a:
        u.sendto(a, who)
