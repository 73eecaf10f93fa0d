// SPDX-License-Identifier: GPL-2.0-or-later
// Traced program: panics that pass through frames and are caught. Prints entries and returns as a script's maps are printed.
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static IN: [AtomicU32; 3] = [AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0)];
static OUT: [AtomicU32; 3] = [AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0)];

fn leave(id: usize, v: u32) -> u32 {
    OUT[id].fetch_add(1, Relaxed);
    black_box(v)
}

#[no_mangle]
#[inline(never)]
pub fn panicker(n: u32) -> u32 {
    IN[0].fetch_add(1, Relaxed);
    if n % 2 == 1 {
        panic!("odd {n}");
    }
    leave(0, n)
}

#[no_mangle]
#[inline(never)]
pub fn carrier(n: u32) -> u32 {
    let s = "x".repeat(n as usize + 3);
    IN[1].fetch_add(1, Relaxed);
    let v = panicker(n) + s.len() as u32;
    leave(1, v)
}

#[no_mangle]
#[inline(never)]
pub fn keeper(n: u32) -> u32 {
    IN[2].fetch_add(1, Relaxed);
    let v = std::panic::catch_unwind(|| carrier(n)).unwrap_or(0);
    leave(2, v)
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    for i in 0..20 {
        keeper(i);
    }
    for (i, name) in ["panicker", "carrier", "keeper"].iter().enumerate() {
        println!("@in[{name}]: {}", IN[i].load(Relaxed));
        println!("@out[{name}]: {}", OUT[i].load(Relaxed));
    }
}
