// SPDX-License-Identifier: GPL-2.0-or-later
//! A future that is polled three times, a closure with two captured variables, a trait object, values behind references: for
//! tests/run/values.test.
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

pub trait Area {
    fn area(&self) -> i32;
}
pub struct Sq(pub i32);
impl Area for Sq {
    #[inline(never)]
    fn area(&self) -> i32 {
        self.0 * self.0
    }
}

#[inline(never)]
pub fn shape(d: &dyn Area) -> i32 {
    d.area()
}

#[inline(never)]
pub fn apply<F: Fn(i32) -> i32>(f: F) -> i32 {
    f(3)
}

#[inline(never)]
pub fn sizes(v: &Vec<u8>, m: &HashMap<u8, u8>, s: &String, o: &Option<u8>) -> usize {
    v.len() + m.len() + s.len() + o.map_or(0, |n| n as usize)
}

/// pending at the first poll, ready at the second
struct Once(bool);
impl Future for Once {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}

#[inline(never)]
async fn work(n: i32) -> i32 {
    Once(false).await;
    Once(false).await;
    n + 1
}

fn waker() -> RawWaker {
    fn clone(_: *const ()) -> RawWaker {
        waker()
    }
    fn nothing(_: *const ()) {}
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);
    RawWaker::new(std::ptr::null(), &TABLE)
}

fn main() {
    let (k, s) = (7, String::from("cap"));
    println!("{}", shape(&Sq(3)));
    println!("{}", apply(|x| x + k + s.len() as i32));
    let mut v = Vec::with_capacity(8);
    v.extend([1, 2, 3]);
    println!("{}", sizes(&v, &HashMap::from([(1, 2)]), &s, &Some(9)));
    let w = unsafe { Waker::from_raw(waker()) };
    let mut cx = Context::from_waker(&w);
    let mut f = Box::pin(work(5));
    loop {
        if let Poll::Ready(n) = f.as_mut().poll(&mut cx) {
            println!("{}", n);
            break;
        }
    }
}
