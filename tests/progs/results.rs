// SPDX-License-Identifier: GPL-2.0-or-later
// Traced program: results that lie where the caller said (a hidden pointer), in two registers, of recursive functions.
// Prints them as a script's printf does. With an argument, a call that takes so many milliseconds comes first.
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

fn main() {
    if let Some(ms) = std::env::args().nth(1) {
        make(ms.parse().unwrap());
    }
    for i in 0..4 {
        println!("make = {:?}", make(i));
        println!("opt = {:?}", opt(i));
        nest(i);
        println!("nest0 = []");
    }
}
