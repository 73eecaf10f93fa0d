# SPDX-License-Identifier: GPL-2.0-or-later
"""Server under soak: answers GET /?n=N with f(N); exceptions, generators, recursion, regular expressions."""
import http.server
import json
import re
import sys
import urllib.parse


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


def safe(n):
    try:
        return n * 2 // (n % 7 and 1)
    except ZeroDivisionError:
        return -1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one write for head and body: two would wait for each other

    def do_GET(self):
        n = int(urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)["n"][0])
        words = sum(1 for _ in re.finditer(r"w\d+", " ".join(f"w{i}" for i in range(n % 50))))
        body = (json.dumps([deep(n % 200), safe(n), words]) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
