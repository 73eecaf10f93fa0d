# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeds of the fuzzers of protocol decoders: short conversations in the form of fuzz_proto.h."""


def said(direction, data):
    return bytes([(0x80 if direction else 0) | len(data) >> 8, len(data) & 255]) + data


def ask(data):
    return said(1, data)


def reply(data):
    return said(0, data)


def h2(kind, flags, stream, data=b""):
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data


def pg(kind, data=b""):
    return kind + (len(data) + 4).to_bytes(4, "big") + data


def my(sequence, data):
    return len(data).to_bytes(3, "little") + bytes([sequence]) + data


def dns(flags, answers, more=b""):
    return b"\0\1" + flags + b"\0\1" + answers + b"\0\0\0\0\3www\7example\3org\0\0\1\0\1" + more


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GREETING = (b"\x0a5.5.5-10.11.6-MariaDB\0\1\0\0\0saltsalt\0\xfe\xf7\x2d\2\0\xff\x81\x15" + b"\0" * 10 + b"moresaltmore\0mysql")
LOGIN = b"\x88\x82\x08\0\0\0\0\1\x21" + b"\0" * 23 + b"joe\0\2pwshop\0my"
EOF_PACKET = b"\xfe\0\0\2\0"
FOUND = dns(b"\x81\x80", b"\0\2", b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3web\xc0\x10\xc0\x2d\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1")

TALKS = {
    "http": [
        ask(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n") +
        reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ask(PREFACE + h2(4, 0, 0) + h2(1, 5, 1, b"\x82\x86\x84\x41\x01a") + h2(1, 0x2d, 3, b"\2\0\0\0\0\1\x82\x84\x40\1a\1b\0\0") +
            h2(0, 1, 3, b"x")) +
        reply(h2(4, 0, 0) + h2(1, 4, 1, b"\x88") + h2(0, 1, 1, b"xx") + h2(1, 5, 3, b"\x8d") + h2(3, 0, 5, b"\0\0\0\x08")),
        ask(b"GET /a HTTP/1.1\r\nUpgrade: h2c\r\n\r\n") +
        reply(b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n" + h2(4, 0, 0) + h2(1, 5, 1, b"\x88")),
    ],
    "redis": [
        ask(b"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$5\r\nv\nv\rv\r\nPING hello\r\n*1\r\n$4\r\nEXEC\r\n") +
        reply(b"+OK\r\n$5\r\nhello\r\n*2\r\n_\r\n-ERR x\r\n"),
        ask(b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\naxbb\r\n") + reply(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>1\r\n+message\r\n"),
    ],
    "postgres": [
        ask(pg(b"", b"\0\3\0\0user\0joe\0\0") + pg(b"Q", b"SELECT 1\0") + pg(b"P", b"a\0SELECT $1\0\0\0") +
            pg(b"B", b"\0a\0\0\0\0\1\0\0\0\3abc\0\0") + pg(b"E", b"\0\0\0\0\0") + pg(b"S")) +
        reply(pg(b"R", b"\0\0\0\0") + pg(b"Z", b"I") + pg(b"D", b"\0\0") + pg(b"C", b"SELECT 1\0") + pg(b"Z", b"I") + pg(b"1") +
              pg(b"2") + pg(b"E", b"SERROR\0C1234\0Mx\0\0") + pg(b"Z", b"I")),
    ],
    "mysql": [
        ask(my(0, b"\3select 1") + my(0, b"\x16select ?") + my(0, b"\x17\7\0\0\0\0\1\0\0\0") + my(0, b"\1")) +
        reply(my(1, b"\1") + my(2, b"def") + my(3, b"\x011") + my(4, EOF_PACKET) + my(1, b"\0\7\0\0\0\1\0\1\0\0\0\0") +
              my(2, b"def") + my(3, EOF_PACKET) + my(1, b"\xff\xdb\4#HY000x")),
        reply(my(0, GREETING)) + ask(my(1, LOGIN)) + reply(my(2, b"\0\0\0\2\0\0\0")),
    ],
    "dns": [
        ask(dns(b"\1\0", b"\0\0")) + reply(FOUND),
        ask(b"\0\x21" + dns(b"\1\0", b"\0\0")) + reply(len(FOUND).to_bytes(2, "big") + FOUND),
    ],
}
