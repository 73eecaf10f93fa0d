// SPDX-License-Identifier: GPL-2.0-or-later
// Calls of all kinds in Rust; see values.c and matrix.py.
#![allow(dead_code)]
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

static SINK: AtomicI64 = AtomicI64::new(0);

fn note(v: i64) {
    SINK.fetch_add(v, Relaxed);
}

#[derive(Debug, Clone, Copy)]
pub struct P2 {
    a: u32,
    b: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Two {
    x: i32,
    y: i32,
}

#[derive(Debug, Clone)]
pub struct Big {
    id: u16,
    name: String,
    at: Two,
}

#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Empty,
    Circle(u32),
    Rect { w: u16, h: u16 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Color {
    Red = 3,
    Green,
}

//@ values::f_ints(args.a args.b args.c args.d args.e) retval
#[inline(never)]
pub fn f_ints(a: i8, b: u16, c: i32, d: u64, e: bool) -> i64 {
    note(a as i64 + b as i64 + c as i64 + d as i64 + e as i64);
    a as i64 + b as i64 + c as i64
}

//@ values::f_str(args.s args.n) retval
#[inline(never)]
pub fn f_str(s: &str, n: u32) -> &str {
    note(s.len() as i64 + n as i64);
    &s[1..]
}

//@ values::f_p2(args.p args.k) retval
#[inline(never)]
pub fn f_p2(p: P2, k: i32) -> P2 {
    note(p.a as i64 + p.b as i64 + k as i64);
    P2 { a: p.a + 1, b: p.b * 2 }
}

//@ values::f_two(args.t args.k) retval
#[inline(never)]
pub fn f_two(t: Two, k: i32) -> Two {
    note((t.x + t.y + k) as i64);
    Two { x: t.y, y: t.x - k }
}

//@ values::f_big(args.b args.k) retval
#[inline(never)]
pub fn f_big(b: Big, k: u16) -> Big {
    note(b.id as i64 + b.name.len() as i64);
    Big { id: b.id + k, ..b }
}

//@ values::f_ref(args.b.id args.b.at.y args.v) retval
#[inline(never)]
pub fn f_ref(b: &Big, v: &[i32]) -> usize {
    note(b.id as i64 + v.len() as i64);
    v.len() + 1
}

//@ values::f_opt(args.o args.p) retval
#[inline(never)]
pub fn f_opt(o: Option<u32>, p: Option<&u64>) -> Option<u32> {
    note(o.unwrap_or(9) as i64 + *p.unwrap_or(&1) as i64);
    o.map(|v| v + 1)
}

//@ values::f_res(args.r) retval
#[inline(never)]
pub fn f_res(r: Result<i32, String>) -> Result<u64, u8> {
    match r {
        Ok(v) => Ok(v as u64 * 10),
        Err(e) => Err(e.len() as u8),
    }
}

//@ values::f_enum(args.s args.c) retval
#[inline(never)]
pub fn f_enum(s: Shape, c: Color) -> Shape {
    match s {
        Shape::Empty => Shape::Circle(c as u32),
        Shape::Circle(r) => Shape::Rect { w: r as u16, h: 2 },
        Shape::Rect { .. } => Shape::Empty,
    }
}

//@ values::f_vec(args.v args.b) retval
#[inline(never)]
pub fn f_vec(v: Vec<u16>, b: Box<i64>) -> Vec<u16> {
    note(*b + v.len() as i64);
    v.iter().map(|x| x + 1).collect()
}

//@ values::f_tuple(args.t args.c) retval
#[inline(never)]
pub fn f_tuple(t: (u8, i64), c: char) -> (i32, bool) {
    note(t.1 + c as i64);
    (t.0 as i32, c == 'x')
}

//@ values::f_private(args.a args.k) retval
#[inline(never)]
fn f_private(a: i32, k: i32) -> i32 {
    note(a as i64);
    a * k
}

//@ values::f_inlined(args.a args.len) retval
#[inline(always)]
fn f_inlined(a: i32, len: usize) -> i32 {
    note(a as i64 + len as i64);
    a + len as i32
}

//@ values::f_locals(args.n) retval
#[inline(never)]
pub fn f_locals(n: i32) -> i64 {
    let first = n as i64 * 2;
    let text = format!("text {}", n);
    let mut total = 0;
    for i in 0..2u8 {
        let pair = Two { x: i as i32, y: n };
        println!("E|f_locals at|{}|{}|{:?}|{}", first, text, pair, i);
        note(first + pair.x as i64 + text.len() as i64); //@at f_locals locals.first locals.text locals.pair locals.i
        total += first;
    }
    total
}

fn calls(n: i32) {
    let u = n as u32;
    println!("E|values::f_ints|{}|{}|{}|{}|{}", -n, n * 7000, n * -9, u as u64 * 5_000_000_000, n % 2 == 0);
    let r = f_ints(-n as i8, (n * 7000) as u16, n * -9, u as u64 * 5_000_000_000, n % 2 == 0);
    println!("R|values::f_ints|{}", r);
    let text = if n % 2 == 0 { "even" } else { "odd text" };
    println!("E|values::f_str|{}|{}", text, u);
    println!("R|values::f_str|{}", f_str(text, u));
    let p = P2 { a: u, b: u as u64 + 10 };
    println!("E|values::f_p2|{:?}|{}", p, n);
    let p = f_p2(p, n);
    println!("R|values::f_p2|{:?}", p);
    let t = Two { x: n, y: n * 2 };
    println!("E|values::f_two|{:?}|{}", t, n);
    let t = f_two(t, n);
    println!("R|values::f_two|{:?}", t);
    let b = Big { id: u as u16, name: format!("name{}", n), at: t };
    println!("E|values::f_ref|{}|{}|{:?}", b.id, b.at.y, &[1, 2, 3][..n as usize % 4]);
    println!("R|values::f_ref|{}", f_ref(&b, &black_box([1, 2, 3])[..n as usize % 4]));
    println!("E|values::f_big|{:?}|{}", b, u);
    let b = f_big(b, u as u16);
    println!("R|values::f_big|{:?}", b);
    let o = if n % 2 == 0 { Some(u) } else { None };
    let k = 77u64;
    let q = if n % 3 == 0 { None } else { Some(&k) };
    println!("E|values::f_opt|{:?}|{:?}", o, q);
    println!("R|values::f_opt|{:?}", f_opt(black_box(o), black_box(q)));
    let r = if n % 2 == 0 { Ok(n) } else { Err(format!("neg-{}", n)) };
    println!("E|values::f_res|{:?}", r);
    println!("R|values::f_res|{:?}", f_res(r));
    let s = match n % 3 {
        0 => Shape::Empty,
        1 => Shape::Circle(u * 100),
        _ => Shape::Rect { w: 5, h: u as u16 },
    };
    let c = if n % 2 == 0 { Color::Red } else { Color::Green };
    println!("E|values::f_enum|{:?}|{:?}", s, c);
    println!("R|values::f_enum|{:?}", f_enum(black_box(s), black_box(c)));
    let v: Vec<u16> = (0..u as u16).collect();
    println!("E|values::f_vec|{:?}|{}", v, n as i64 * 3);
    println!("R|values::f_vec|{:?}", f_vec(v, Box::new(n as i64 * 3)));
    let c = if n % 2 == 0 { 'x' } else { 'é' };
    println!("E|values::f_tuple|({}, {})|{:?}", u as u8, -(n as i64), c);
    println!("R|values::f_tuple|{:?}", f_tuple((u as u8, -(n as i64)), c));
    println!("E|values::f_private|{}|{}", n, 7);
    println!("R|values::f_private|{}", f_private(n, 7));
    println!("E|values::f_inlined|{}|{}", n, n + 4);
    let inlined = f_inlined(n, n as usize + 4);
    println!("R|values::f_inlined|{}", inlined);
    println!("E|values::f_locals|{}", n);
    println!("R|values::f_locals|{}", f_locals(n));
}

fn main() {
    for n in 1..=4 {
        calls(black_box(n));
    }
}
