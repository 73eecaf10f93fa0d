// SPDX-License-Identifier: GPL-2.0-or-later
//! Values of many types, each inside of a struct of its own. Prints "type 0xaddress text" for each, the text as {:?} gives it,
//! then "end", and waits for end of input: tests/unit/test_typed.c reads the values from outside and compares.
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::*;
use std::ffi::{CString, OsStr, OsString};
use std::fmt::Debug;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::task::Poll;
use std::time::Duration;

fn show<T: Debug>(name: &str, at: *const T) {
    println!("{} {:p} {:?}", name, at, unsafe { &*at });
}

/// a value in a struct of a name that debug information can be asked for
macro_rules! value {
    ($name:ident, $type:ty, $e:expr) => {
        #[allow(dead_code)]
        pub struct $name {
            v: $type,
        }
        let x: &'static $name = Box::leak(Box::new($name { v: $e }));
        show(std::any::type_name::<$name>(), std::hint::black_box(&x.v));
    };
}

#[derive(Debug, Clone)]
struct Unit;
#[derive(Debug, Clone)]
struct P2 {
    a: u32,
    b: u64,
}
#[derive(Debug, Clone)]
struct Pair(i8, String);
#[derive(Debug, Clone)]
struct Generic<T> {
    inner: T,
    next: Option<Box<Generic<T>>>,
}
#[derive(Debug, Clone)]
#[allow(dead_code)]
enum E {
    A,
    B(i32),
    C { x: u8, y: String },
    D(Box<E>, Vec<E>),
}
#[derive(Debug, Clone, Copy)]
#[allow(dead_code)]
enum Color {
    Red = 3,
    Green = 7,
}
#[derive(Debug, Clone)]
#[allow(dead_code)]
enum Niche {
    Text(String),
    None,
    Some(u8),
    Other,
}
#[derive(Debug, Clone)]
#[allow(dead_code)]
enum Single {
    Only(u16, bool),
}
#[derive(Debug)]
struct Borrow<'a> {
    s: &'a str,
    l: &'a [i16],
    r: &'a P2,
    m: Option<&'a P2>,
}
#[derive(Debug)]
struct Floats {
    f: f32,
    g: f64,
    h: [f64; 3],
    i: (f32, f64),
}
#[derive(Debug)]
struct Wide(u128, i128);
#[derive(Debug)]
struct Numbers {
    a: i8,
    b: u16,
    c: i32,
    d: u64,
    e: isize,
    f: bool,
    g: char,
    h: char,
}

fn main() {
    let p2 = P2 { a: 5, b: 8 };
    value!(V00, String, String::from("hello"));
    value!(V01, String, String::new());
    value!(V02, String, String::from("a'\"\\\n\t\r\0\u{1}\u{7f}é\u{200b}\u{301}\u{1F600}\u{a0}"));
    value!(V03, &'static str, "static");
    value!(V04, Vec<i32>, vec![1, 2, 3]);
    value!(V05, Vec<i32>, vec![]);
    value!(V06, Vec<String>, vec!["a".into(), "b c".into(), "".into()]);
    value!(V07, Vec<Vec<u8>>, vec![vec![1, 2], vec![], vec![255]]);
    value!(V08, VecDeque<i32>, {
        let mut d: VecDeque<i32> = (0..7).collect();
        d.rotate_left(3);
        d.pop_front();
        d.push_back(70);
        d.push_back(71);
        d.push_front(-1);
        d
    });
    value!(V09, Box<i32>, Box::new(4));
    value!(V10, Box<P2>, Box::new(p2.clone()));
    value!(V11, Rc<String>, Rc::new("rc".into()));
    value!(V12, Arc<Vec<u8>>, Arc::new(vec![9, 8]));
    value!(V13, Rc<str>, Rc::from("rcstr"));
    value!(V14, Arc<[u16]>, Arc::from(vec![1u16, 2]));
    value!(V15, Cow<'static, str>, Cow::Borrowed("lent"));
    value!(V16, Cow<'static, str>, Cow::Owned("own".to_string()));
    value!(V17, Option<i32>, Some(4));
    value!(V18, Option<i32>, None);
    value!(V19, Option<&'static str>, Some("x"));
    value!(V20, Option<&'static str>, None);
    value!(V21, Option<Box<P2>>, Some(Box::new(p2.clone())));
    value!(V22, Option<Option<bool>>, Some(None));
    value!(V23, Option<Option<bool>>, None);
    value!(V24, Result<i32, String>, Ok(7));
    value!(V25, Result<i32, String>, Err("neg-1".into()));
    value!(V26, (i32, &'static str), (1, "x"));
    value!(V27, (u8,), (1,));
    value!(V28, P2, p2.clone());
    value!(V29, Unit, Unit);
    value!(V30, Pair, Pair(-1, "p".into()));
    value!(V31, E, E::A);
    value!(V32, E, E::B(-5));
    value!(V33, E, E::C { x: 1, y: "q".into() });
    value!(V34, E, E::D(Box::new(E::B(1)), vec![E::A, E::C { x: 2, y: "z".into() }]));
    value!(V35, Color, Color::Green);
    value!(V36, [Niche; 4], [Niche::Text("t".into()), Niche::None, Niche::Some(3), Niche::Other]);
    value!(V37, Single, Single::Only(3, true));
    value!(V38, Generic<u8>, Generic {
        inner: 1,
        next: Some(Box::new(Generic { inner: 2, next: Some(Box::new(Generic { inner: 3, next: None })) }))
    });
    value!(V39, HashMap<String, i32>, HashMap::from([("a".to_string(), 1), ("b".to_string(), 2), ("c".to_string(), 3)]));
    value!(V40, HashMap<u8, Vec<String>>, HashMap::from([(1, vec!["x".to_string()])]));
    value!(V41, HashMap<String, i32>, HashMap::new());
    value!(V42, HashSet<i64>, HashSet::from([3, -4, 5, 6, 7, 8, 9, 10]));
    value!(V43, BTreeMap<i32, &'static str>, BTreeMap::from([(1, "x"), (2, "y"), (3, "z")]));
    value!(V44, BTreeMap<u16, u8>, (0..60u16).map(|i| (i * 3, i as u8)).collect());
    value!(V45, BTreeSet<String>, BTreeSet::from(["p".to_string(), "q".to_string()]));
    value!(V46, PathBuf, PathBuf::from("/a b"));
    value!(V47, OsString, OsString::from("os"));
    value!(V48, &'static Path, Path::new("/p"));
    value!(V49, &'static OsStr, OsStr::from_bytes(b"x\xff\x01y"));
    value!(V50, CString, CString::new("c").unwrap());
    value!(V51, Cell<i32>, Cell::new(3));
    value!(V52, RefCell<Vec<i32>>, RefCell::new(vec![1]));
    value!(V53, Mutex<String>, Mutex::new("m".into()));
    value!(V54, RwLock<i32>, RwLock::new(3));
    value!(V55, Duration, Duration::from_nanos(1500000000));
    value!(V56, Duration, Duration::from_nanos(1234567));
    value!(V57, Duration, Duration::from_nanos(61000000001));
    value!(V58, Floats, Floats { f: 0.1, g: 1e16, h: [1.0, -0.0, 1e-5], i: (f32::NAN, f64::INFINITY) });
    value!(V59, Wide, Wide(u128::MAX, i128::MIN));
    value!(V60, Numbers, Numbers { a: -1, b: 65535, c: -7, d: u64::MAX, e: -2, f: true, g: 'x', h: '\'' });
    value!(V61, Box<str>, "boxed".into());
    value!(V62, Box<[i32]>, vec![1, 2].into_boxed_slice());
    value!(V63, &'static [u8], &[1, 2, 3][..]);
    value!(V64, std::ops::Range<i32>, 1..3);
    value!(V65, std::ops::RangeInclusive<i32>, 1..=3);
    value!(V66, Option<std::num::NonZeroU32>, std::num::NonZeroU32::new(3));
    value!(V67, LinkedList<i32>, LinkedList::from([1, 2, 3]));
    value!(V68, std::sync::atomic::AtomicUsize, std::sync::atomic::AtomicUsize::new(3));
    value!(V69, (), ());
    value!(V70, BinaryHeap<i32>, BinaryHeap::from([1, 5, 2]));
    value!(V71, std::pin::Pin<&'static i32>, std::pin::Pin::new(&3));
    value!(V72, Poll<Option<u8>>, Poll::Ready(Some(1)));
    value!(V73, Poll<u8>, Poll::Pending);
    value!(V74, std::num::Wrapping<i32>, std::num::Wrapping(3));
    value!(V75, std::cmp::Ordering, std::cmp::Ordering::Less);
    value!(V76, Rc<RefCell<Vec<i32>>>, Rc::new(RefCell::new(vec![1])));
    value!(V77, Borrow<'static>, Borrow {
        s: "s",
        l: &[1, -2],
        r: Box::leak(Box::new(p2.clone())),
        m: None
    });
    value!(V78, [Option<String>; 3], [Some("1".into()), None, Some("3".into())]);
    value!(V79, Vec<(u8, Option<Box<i32>>)>, vec![(1, Some(Box::new(2))), (3, None)]);
    value!(V80, &'static &'static P2, Box::leak(Box::new(&*Box::leak(Box::new(p2.clone())))));
    value!(V81, Vec<()>, vec![(), ()]);
    value!(V82, std::rc::Weak<i32>, std::rc::Weak::new());
    value!(V83, std::marker::PhantomData<i32>, std::marker::PhantomData);
    value!(V84, Vec<bool>, vec![true, false]);
    value!(V85, [[u8; 2]; 2], [[1, 2], [3, 4]]);
    value!(V86, BTreeMap<String, Vec<u8>>, BTreeMap::from([("k".to_string(), vec![1u8]), ("l".to_string(), vec![])]));
    value!(V87, Option<Color>, Some(Color::Red));
    println!("end");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}
