#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tls_server.sh [PROTOCOLS]: in the current folder a page of 20,000 bytes (www/page), a key with its certificate, and the
# configuration of an nginx (nginx -p "$PWD" -c conf) on a free port (file port), which logs who got what (file log). A client may have
# it before nginx is through with it: ./logged N waits until N answers are in the log.
set -e
mkdir -p www
python3 - <<'PYTHON'
import socket
open("www/page", "wb").write(b"".join(b"%07d line of the page\n" % i for i in range(1000))[:20000])
s = socket.socket()
s.bind(("127.0.0.1", 0))
open("port", "w").write("%d\n" % s.getsockname()[1])
PYTHON
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
cat >conf <<CONF
daemon off; master_process off; pid pid; error_log err.log;
events {}
http {
    log_format l '\$remote_addr \$remote_port \$server_addr \$server_port \$request_uri \$status \$body_bytes_sent \$server_protocol \$ssl_protocol';
    access_log log l; root www;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    server { listen 127.0.0.1:$(cat port) ssl http2; ssl_protocols ${*:-TLSv1.2 TLSv1.3};
        ssl_certificate cert.pem; ssl_certificate_key key.pem; location /ready { access_log off; return 204; } }
}
CONF
cat >logged <<'LOGGED'
#!/bin/sh
until test "$(wc -l <log)" -ge "$1"; do sleep 0.05; done
LOGGED
chmod +x logged
