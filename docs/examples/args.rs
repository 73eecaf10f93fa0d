// SPDX-License-Identifier: GPL-2.0-or-later

// Calls hello four times; rustc -O inlines it, so it has no code of its own.
fn hello(i: i32, len: usize) -> i32 {
    println!("hello i={} len={}", i, len);
    i + len as i32
}

fn main() {
    let n = std::env::args().count() + 4;
    for i in 1..5 {
        let ret = hello(i, n);
        println!("ret={}", ret);
    }
}
