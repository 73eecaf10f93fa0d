// SPDX-License-Identifier: GPL-2.0-or-later
// Server under soak: answers GET /?n=N with f(N); some calls panic and are caught.
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

#[inline(never)]
fn deep(n: u64) -> u64 {
    let room = std::hint::black_box([n; 8]);
    if n == 0 {
        return 0;
    }
    deep(n - 1) + room[(n % 8) as usize] / n
}

#[inline(never)]
fn risky(n: u64) -> i64 {
    let words: Vec<String> = (0..n % 5 + 1).map(|i| format!("w{i}")).collect();
    if n % 7 == 0 {
        panic!("seven, {} words", words.len());
    }
    n as i64 * 2
}

fn answer(n: u64) -> String {
    let safe = std::panic::catch_unwind(|| risky(n)).unwrap_or(-1);
    let mut seen = HashMap::new();
    for i in 0..n % 20 {
        *seen.entry(i % 3).or_insert(0u64) += 1;
    }
    let total: u64 = seen.values().sum();
    format!("{} {} {}\n", deep(n % 300), safe, total)
}

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let n = line.split("n=").nth(1).and_then(|r| r.split(' ').next()).and_then(|t| t.parse().ok()).unwrap_or(0);
        loop {
            let mut head = String::new();
            if input.read_line(&mut head)? <= 2 {
                break;
            }
        }
        let body = answer(n);
        let all = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        out.write_all(all.as_bytes())?; // at once: two small writes would wait for each other
    }
}

fn main() {
    let port = std::env::args().nth(1).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    for stream in TcpListener::bind(format!("127.0.0.1:{port}")).unwrap().incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}
