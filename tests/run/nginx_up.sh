#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# nginx_up.sh PORT: nginx in this folder, in the foreground, with a log of status, times and request; an upstream that takes 50 ms, which
# listens on PORT + 1; TLS with HTTP/2 on PORT + 2. Both end with this script.
port=$1
mkdir -p html && echo hello >html/index.html
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost 2>/dev/null
cat >upstream.py <<END
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.05)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", $((port + 1))), Handler).serve_forever()
END
cat >nginx.conf <<END
daemon off;
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/error.log;
events { worker_connections 64; }
http {
	log_format plain '\$status \$request_time \$upstream_header_time \$request \$pid';
	access_log $PWD/log plain;
	client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3; uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
	server {
		listen 127.0.0.1:$port;
		listen 127.0.0.1:$((port + 2)) ssl http2;
		ssl_certificate $PWD/cert;
		ssl_certificate_key $PWD/key;
		root $PWD/html;
		location /up/ { proxy_pass http://127.0.0.1:$((port + 1))/; }
		location /no { return 503; }
	}
}
END
chmod -R a+rX . 2>/dev/null
python3 upstream.py &
upstream=$!
nginx -c "$PWD/nginx.conf" -e "$PWD/error.log" &
server=$!
trap 'kill $server $upstream 2>/dev/null; wait' EXIT
trap 'exit 0' TERM INT
wait $server
