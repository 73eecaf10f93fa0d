#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""mysql_client.py SOCKET: prepares a statement and executes it three times over the binary protocol, which the command-line client does
not speak; prints the number of rows of each. The server must not ask for a password.
"""
import socket
import struct
import sys

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")


def read():
    n, _ = struct.unpack("<I", f.read(4))[0] & 0xffffff, None
    return f.read(n)


def send(payload, seq=0):
    s.sendall(struct.pack("<I", len(payload) | seq << 24) + payload)


read()  # the greeting
# 4.1 protocol, secure connection, transactions, with a database
send(struct.pack("<IIB23x", 0x8200 | 0x2000 | 8 | 1, 1 << 24, 33) + b"root\0\0shop\0", 1)
assert read()[0] == 0
send(b"\x16select a, b from t where a <= ?")
ok = read()
statement = ok[1:5]
for _ in range(1 + 1 + 2 + 1):  # a parameter, two columns, EOF behind both
    read()
for limit in (3, 0, 700):
    send(b"\x17" + statement + b"\0\1\0\0\0" + b"\0\1\x03\x00" + struct.pack("<i", limit))
    for _ in range(read()[0] + 1):
        read()
    n = 0
    while True:
        p = read()
        if p[0] == 0xfe and len(p) < 9:
            break
        n += 1
    print(n)
send(b"\x19" + statement)
send(b"\x0e")
assert read()[0] == 0
send(b"\x01")
