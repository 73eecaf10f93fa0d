// SPDX-License-Identifier: GPL-2.0-or-later
// Traced program: results that lie where the caller said (a hidden pointer), in two registers, of recursive functions.
// Prints them as a script's printf does. With a number, a call that takes so many milliseconds comes first; with "threads", threads
// that panic in a call.
use std::hint::black_box;

#[derive(Debug, Clone)]
#[allow(dead_code)]
pub struct Big {
    a: u64,
    b: u32,
    c: String,
}

#[inline(never)]
pub fn make(n: u64) -> Big {
    if n > 1000000 {
        panic!("too many");
    }
    if n > 100 {
        std::thread::sleep(std::time::Duration::from_millis(n));
    }
    black_box(Big { a: n, b: n as u32 * 2, c: format!("s{n}") })
}

#[inline(never)]
pub fn opt(n: u64) -> Option<u32> {
    if black_box(n) % 2 == 0 {
        Some(n as u32)
    } else {
        None
    }
}

#[inline(never)]
pub fn nest(n: u64) -> Vec<u64> {
    if n == 0 {
        return vec![];
    }
    let mut v = nest(black_box(n) - 1);
    v.push(n);
    println!("nest = {v:?}");
    v
}

// every other one ends in the midst of its call
fn threads() {
    std::panic::set_hook(Box::new(|_| {}));
    for i in 0..20u64 {
        let t = std::thread::spawn(move || make(i + i % 2 * 1000000).a);
        println!("make = {}", t.join().map_or(-1, |v| v as i64));
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("threads") => return threads(),
        Some(ms) => drop(make(ms.parse().unwrap())),
        None => (),
    }
    for i in 0..4 {
        println!("make = {:?}", make(i));
        println!("opt = {:?}", opt(i));
        nest(i);
        println!("nest0 = []");
    }
}
