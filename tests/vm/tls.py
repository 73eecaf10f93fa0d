#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A TLS client and server over loopback that know what a script on SSL_write, SSL_read, tcp_sendmsg, tcp_recvmsg must see.

tls.py CERT KEY ROUNDS: one connection by IPv4 and one by IPv6, each side a process. Each SSL_write is followed by another
send of the same thread (the next message, or the end of the session), and each SSL_read that gave something by another
receive; so there is one address line for each. Prints those lines as the script of the source documents does:
write[N], read[N], send: and recv:, with the addresses and ports that the sockets themselves report.
libssl is called as C programs call it, because Python's own module uses SSL_write_ex.
"""
import ctypes
import os
import socket
import sys

ssl = ctypes.CDLL("libssl.so.3")
for name in ("TLS_client_method", "TLS_server_method", "SSL_CTX_new", "SSL_new"):
    getattr(ssl, name).restype = ctypes.c_void_p


def new(method, s, cert=None, key=None):
    ctx = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(getattr(ssl, method)())))
    if cert:
        ssl.SSL_CTX_use_certificate_file(ctx, cert.encode(), 1)
        ssl.SSL_CTX_use_PrivateKey_file(ctx, key.encode(), 1)
    con = ctypes.c_void_p(ssl.SSL_new(ctx))
    ssl.SSL_set_fd(con, s.fileno())
    return con


def address_line(what, s):
    (here, lport), (there, dport) = s.getsockname()[:2], s.getpeername()[:2]
    return f"{what}: {here:<15} {lport:<5} {there:<15} {dport:<6}"


def write(con, s, text, lines):
    data = text.encode()
    n = ssl.SSL_write(con, data, len(data))
    assert n == len(data), n
    lines += [f"write[{n}] starting", f"write[{n}] ending", address_line("send", s)]


def read(con, s, lines):
    buf = ctypes.create_string_buffer(20000)
    n = ssl.SSL_read(con, buf, len(buf))
    if n > 0:
        lines += [f"read[{n}] starting", f"read[{n}] ending", address_line("recv", s)]
    return n


def side(con, s, handshake, rounds, speaks_first, lines):
    assert getattr(ssl, handshake)(con) == 1, handshake
    for i in range(rounds):
        text = f"{'question' if speaks_first else 'answer'} {i} " + "x" * (i * 97)
        for is_write in (speaks_first, not speaks_first):
            if is_write:
                write(con, s, text, lines)
            else:
                assert read(con, s, lines) > 0
    ssl.SSL_shutdown(con)  # a send; then a receive that finds the other's end
    while read(con, s, lines) > 0:
        pass


def connection(family, cert, key, rounds):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    listener.listen(1)
    out, into = os.pipe()
    child = os.fork()
    lines = []
    if child == 0:
        s, _ = listener.accept()
        side(new("TLS_server_method", s, cert, key), s, "SSL_accept", rounds, False, lines)
        os.write(into, "\n".join(lines).encode())
        os._exit(0)
    os.close(into)
    s = socket.create_connection(listener.getsockname()[:2])
    side(new("TLS_client_method", s), s, "SSL_connect", rounds, True, lines)
    with os.fdopen(out) as f:
        lines += f.read().splitlines()
    assert os.waitpid(child, 0)[1] == 0
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    for f in (socket.AF_INET, socket.AF_INET6):
        connection(f, sys.argv[1], sys.argv[2], int(sys.argv[3]))
