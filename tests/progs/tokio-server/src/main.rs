// SPDX-License-Identifier: GPL-2.0-or-later
// Server under soak: answers GET /?n=N with f(N), by tasks that wait for each other, for timers and for blocking threads.
use std::collections::HashMap;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

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

#[inline(never)]
async fn count(n: u64) -> u64 {
    let (to, mut from) = mpsc::channel(4);
    tokio::spawn(async move {
        for i in 0..n {
            if to.send(i % 3).await.is_err() {
                return;
            }
        }
    });
    let mut seen = HashMap::new();
    while let Some(i) = from.recv().await {
        *seen.entry(i).or_insert(0u64) += 1;
    }
    seen.values().sum()
}

#[inline(never)]
async fn later(n: u64) -> u64 {
    let (to, from) = oneshot::channel();
    tokio::spawn(async move {
        if n % 11 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = to.send(deep(n % 300));
    });
    from.await.unwrap_or(u64::MAX)
}

#[inline(never)]
async fn answer(n: u64) -> String {
    // a task that panics is an error to who waits for it
    let safe = if n % 2 == 0 { tokio::spawn(async move { risky(n) }).await } else { tokio::task::spawn_blocking(move || risky(n)).await };
    let (deep, total) = tokio::join!(later(n), count(n % 20));
    format!("{} {} {}\n", deep, safe.unwrap_or(-1), total)
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let (input, mut out) = stream.split();
    let mut input = BufReader::new(input);
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let n = line.split("n=").nth(1).and_then(|r| r.split(' ').next()).and_then(|t| t.parse().ok()).unwrap_or(0);
        loop {
            let mut head = String::new();
            if input.read_line(&mut head).await? <= 2 {
                break;
            }
        }
        let body = answer(n).await;
        let all = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        out.write_all(all.as_bytes()).await?;
    }
}

#[tokio::main(worker_threads = 3)]
async fn main() {
    let port = std::env::args().nth(1).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}
