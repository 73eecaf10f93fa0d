// SPDX-License-Identifier: GPL-2.0-or-later
// Traced program: a Rust function that takes known times; prints "work MICROSECONDS" for each call.
use std::time::{Duration, Instant};

pub struct Job {
    pub name: String,
    pub ms: u64,
}

impl Job {
    #[inline(never)]
    pub fn work(&self) -> u64 {
        let start = Instant::now();
        std::thread::sleep(Duration::from_millis(self.ms));
        let us = start.elapsed().as_micros() as u64;
        println!("work {} {}", us, self.name);
        us
    }
}

fn main() {
    for ms in [1u64, 15, 2, 30] {
        let job = Job { name: format!("job-{}", ms), ms };
        std::hint::black_box(job.work());
    }
}
