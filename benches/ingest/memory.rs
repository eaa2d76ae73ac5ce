//! Memory while millions of lines go through: it must not grow with them.

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use super::truth::Truth;
use super::{RATE, cpu, lean, now_ms};

pub fn measure(lines: u64) {
    println!("\nmemory: `tripline once -` while {lines} lean lines go through a pipe");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tripline"))
        .args(["once", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = BufWriter::with_capacity(256 * 1024, child.stdin.take().unwrap());
    let mut lean = lean::Lean::new(now_ms() - lines / RATE, RATE);
    let mut truth = Truth::default();
    for number in 1..=lines {
        lean.line(&mut pipe, &mut truth).unwrap();
        if number % (lines / 10).max(1) == 0 {
            let (now, most) = cpu::memory_kib(child.id());
            println!("{number:>10} lines: RSS {:>6.1} MiB, peak {:>6.1} MiB", mib(now), mib(most));
        }
    }
    pipe.flush().unwrap();
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
