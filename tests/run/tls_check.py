#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tls_check.py JSON COMM LIB DIRECTION [LOG [WHICH]]: what `sonde ssl --json` saw of COMM, by LIB.

The body of the response, which COMM received or sent (DIRECTION recv, sent), must be the file www/page, byte for byte, of the connection to the port in the file port (other tests use theirs);
addresses and ports must be those of line WHICH (default: the last one) of the server's access log."""
import hashlib
import json
import sys

out, comm, lib, direction = sys.argv[1:5]
rows = [json.loads(line) for line in open(out, errors="surrogateescape") if line.startswith("{")]
rows = [r["fields"] for r in rows if r["type"] == "printf" and "fields" in r]
port = int(open("port").read())
mine = [r for r in rows if r["comm"] == comm and r["lib"] == lib and port in (r["lport"], r["rport"])]
assert mine, "nothing of %s by %s: %s" % (comm, lib, sorted({(r["comm"], r["lib"]) for r in rows}))
want = open("www/page").read()
text = "".join(r["data"] for r in mine if r["dir"] == direction)
other = "".join(r["data"] for r in mine if r["dir"] != direction)
assert sum(r["bytes"] for r in mine if r["dir"] == direction) == len(text), "lengths do not fit the text"
head, _, body = text.partition("\r\n\r\n")
assert head.startswith("HTTP/1."), head[:80]
assert "GET /page" in other, other[:80]
print(len(body), "of", len(want), hashlib.sha256(body.encode()).hexdigest())
assert body == want, "%d bytes, of %d" % (len(body), len(want))
if len(sys.argv) > 5:
    words = open(sys.argv[5]).read().splitlines()[int(sys.argv[6]) if len(sys.argv) > 6 else -1].split()
    client, server = (words[0], int(words[1])), (words[2], int(words[3]))
    ends = (client, server) if direction == "recv" else (server, client)
    for r in mine:
        got = ((r["laddr"], r["lport"]), (r["raddr"], r["rport"]))
        assert got == ends, "%s, not %s" % (got, ends)
