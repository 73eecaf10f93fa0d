// SPDX-License-Identifier: GPL-2.0-or-later
// get PORT PATH: fetches a page by rustls, with a request in two pieces, and prints its body
// serve PORT KEY CERTIFICATE PAGE: gives that page (DER files; the key in PKCS 8) to whoever asks, over and over
use rustls::client::{ServerCertVerified, ServerCertVerifier};
use rustls::{Certificate, ClientConfig, ClientConnection, Error, KeyLogFile, PrivateKey};
use rustls::{ServerConfig, ServerConnection, ServerName, Stream};
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &Certificate,
        _: &[Certificate],
        _: &ServerName,
        _: &mut dyn Iterator<Item = &[u8]>,
        _: &[u8],
        _: std::time::SystemTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
}

fn get(port: u16, path: &str) {
    let mut config = ClientConfig::builder()
        .with_safe_defaults()
        .with_custom_certificate_verifier(Arc::new(Any))
        .with_no_client_auth();
    config.key_log = Arc::new(KeyLogFile::new());
    let mut c = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut s = Stream::new(&mut c, &mut socket);
    let request = format!("GET {} HTTP/1.0\r\n\r\n", path);
    let (a, b) = request.as_bytes().split_at(7);
    let n = s.write_vectored(&[IoSlice::new(a), IoSlice::new(b)]).unwrap();
    assert_eq!(n, request.len());
    let mut all = Vec::new();
    // whether the server says good-bye does not matter
    let _ = s.read_to_end(&mut all);
    let at = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    std::io::stdout().write_all(&all[at + 4..]).unwrap();
}

fn serve(port: u16, key: &str, certificate: &str, page: &str) {
    let read = |name| std::fs::read(name).unwrap();
    let config = ServerConfig::builder()
        .with_safe_defaults()
        .with_no_client_auth()
        .with_single_cert(vec![Certificate(read(certificate))], PrivateKey(read(key)))
        .unwrap();
    let config = Arc::new(config);
    let page = read(page);
    for socket in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        let mut socket = socket.unwrap();
        let mut c = ServerConnection::new(config.clone()).unwrap();
        let mut s = Stream::new(&mut c, &mut socket);
        let mut request = [0u8; 4096];
        if s.read(&mut request).unwrap_or(0) == 0 {
            continue;
        }
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", page.len());
        s.write_all(head.as_bytes()).unwrap();
        s.write_all(&page).unwrap();
        s.conn.send_close_notify();
        s.flush().unwrap();
    }
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let port = a[2].parse().unwrap();
    match a[1].as_str() {
        "get" => get(port, &a[3]),
        _ => serve(port, &a[3], &a[4], &a[5]),
    }
}
