//! What reading a log costs: `tripline`, stage by stage, beside `wc -l` and a
//! `serde_json` reader on the same file in the same run.
//!
//!     cargo bench --bench ingest -- [--quick] [--megabytes N] [--rounds N] [--lines N]
//!         [--keep DIR] [lean] [fat] [memory]
//!
//! CPU seconds of one core, medians over rounds in which all take turns. Each
//! reader's sums must equal what the generator wrote, or the run ends.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a bench that can't go on must end")]

#[path = "../support/args.rs"]
mod args;
#[path = "../support/cpu.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod cpu;
#[path = "../support/fat.rs"]
mod fat;
#[path = "../support/lean.rs"]
mod lean;
mod memory;
mod readers;
#[path = "../support/rng.rs"]
mod rng;
mod serde_reader;
#[path = "../support/truth.rs"]
mod truth;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use args::Args;
use truth::Truth;

/// Lines in each millisecond of the made access log.
const RATE: u64 = 10;

/// A log that was made, and what it says.
struct Log {
    name: &'static str,
    path: PathBuf,
    bytes: u64,
    lines: u64,
    truth: Truth,
    /// Time of its first line, in milliseconds since 1970.
    start_ms: u64,
}

/// A way to read a log; answers with the nanoseconds of CPU it took.
type Candidate = (&'static str, fn(&Log) -> u64);

const LEAN: &[Candidate] = &[
    ("wc -l", wc),
    ("serde_json struct", serde_reader::lean),
    ("tripline scan", readers::scan_lean),
    ("tripline decode", readers::decode),
    ("tripline whole", readers::whole),
];
const FAT: &[Candidate] = &[
    ("wc -l", wc),
    ("serde_json struct", serde_reader::fat),
    ("tripline scan", readers::scan_fat),
    ("tripline decode", readers::decode),
    ("tripline whole", readers::whole),
];

fn main() {
    let args = Args::read();
    let megabytes = args.number("--megabytes", if args.quick { 8 } else { 256 });
    let rounds = args.number("--rounds", if args.quick { 2 } else { 5 });
    let temporary = tempfile::tempdir().unwrap();
    let dir = args.text("--keep").map_or(temporary.path(), Path::new);
    if args.wants("lean") {
        measure(&lean_log(dir, megabytes << 20).unwrap(), LEAN, rounds);
    }
    if args.wants("fat") {
        measure(&fat_log(dir, megabytes << 20).unwrap(), FAT, rounds);
    }
    if args.wants("memory") {
        memory::measure(args.number("--lines", if args.quick { 100_000 } else { 10_000_000 }));
    }
}

fn lean_log(dir: &Path, size: u64) -> io::Result<Log> {
    let lines = size / 440;
    let start_ms = now_ms() - lines / RATE;
    let mut lean = lean::Lean::new(start_ms, RATE);
    write_log(dir, "lean", size, start_ms, |out, truth| lean.line(out, truth))
}

fn fat_log(dir: &Path, size: u64) -> io::Result<Log> {
    let start_ms = now_ms() - size / 14_000;
    let mut fat = fat::Fat::new(start_ms);
    write_log(dir, "fat", size, start_ms, |out, truth| fat.line(out, truth))
}

fn write_log(
    dir: &Path,
    name: &'static str,
    size: u64,
    start_ms: u64,
    mut line: impl FnMut(&mut Counted, &mut Truth) -> io::Result<()>,
) -> io::Result<Log> {
    let path = dir.join(name).with_extension("jsonl");
    let mut out =
        Counted { inner: BufWriter::with_capacity(1 << 20, File::create(&path)?), bytes: 0 };
    let (mut truth, mut lines) = (Truth::default(), 0);
    while out.bytes < size {
        line(&mut out, &mut truth)?;
        lines += 1;
    }
    out.flush()?;
    Ok(Log { name, path, bytes: out.bytes, lines, truth, start_ms })
}

/// A file that knows how much was written.
struct Counted {
    inner: BufWriter<File>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(log: &Log, candidates: &[Candidate], rounds: u64) {
    let mut times = vec![Vec::new(); candidates.len()];
    for round in 0..=rounds {
        for ((_, run), times) in candidates.iter().zip(&mut times) {
            let spent = run(log) as f64;
            // The first round warms caches.
            if round > 0 {
                times.push(spent);
            }
        }
    }
    let ratios = |to: usize, of: &[f64]| {
        let each = of.iter().zip(times.get(to).into_iter().flatten());
        cpu::median(&mut each.map(|(one, base)| one / base).collect::<Vec<_>>())
    };
    println!(
        "\n{}: {:.0} MB, {} lines of {} B in the mean, {rounds} rounds",
        log.name,
        log.bytes as f64 / 1e6,
        log.lines,
        log.bytes / log.lines
    );
    println!(
        "{:<20} {:>8} {:>11} {:>10} {:>8} {:>8}",
        "", "GB/cpu-s", "lines/cpu-s", "ns/line", "x wc", "x serde"
    );
    for ((name, _), spent) in candidates.iter().zip(&times) {
        let ns = cpu::median(&mut spent.clone());
        println!(
            "{name:<20} {:>8.2} {:>11.0} {:>10.0} {:>8.2} {:>8.2}",
            log.bytes as f64 / ns,
            log.lines as f64 / ns * 1e9,
            ns / log.lines as f64,
            ratios(0, spent),
            ratios(1, spent),
        );
    }
}

fn wc(log: &Log) -> u64 {
    cpu::child_ns(Command::new("wc").arg("-l").arg(&log.path))
}

#[allow(clippy::disallowed_methods, reason = "the log is to be of now")]
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}
