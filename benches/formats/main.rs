//! What reading each family of formats costs: `tripline`'s decoder with prices, beside
//! `wc -l` and `serde_json::Value` on the same file in the same run.
//!
//!     cargo bench --bench formats -- [--quick] [--megabytes N] [--rounds N] [FAMILY…]
//!
//! The lines are those of the corpus, with other ids and numbers in each. CPU
//! nanoseconds of one core, medians over rounds in which all take turns. Other calls than
//! were written, or any fault, end the run.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a bench that can't go on must end")]

#[path = "../support/args.rs"]
mod args;
#[path = "../support/cpu.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod cpu;
mod lines;
#[path = "../support/rng.rs"]
#[allow(dead_code, reason = "shared with other benches")]
mod rng;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use args::Args;
use lines::{FAMILIES, Family, Text};
use tripline::decode::{DecodeOptions, Decoder, Formats, Texts};
use tripline::domain::{Batch, LineAt, Names, Observation, Wall};
use tripline::pricing::{PriceTable, Pricer};

/// When the lines are read: a while after they were captured.
const NOW: Wall = Wall::from_secs(1_795_190_000);
/// Lines whose observations are kept at once.
const BATCH: u64 = 512;

/// A file of one family.
struct Log {
    path: PathBuf,
    text: Text,
}

/// What was read from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Read {
    calls: u64,
    faults: u64,
}

fn main() {
    let args = Args::read();
    let megabytes = args.number("--megabytes", if args.quick { 1 } else { 16 });
    let rounds = args.number("--rounds", if args.quick { 1 } else { 5 });
    let dir = tempfile::tempdir().unwrap();
    println!(
        "{:<20} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8}",
        "", "B/line", "ns/line", "wc ns", "Value ns", "x wc", "x Value"
    );
    for family in FAMILIES.iter().filter(|family| args.wants(family.name)) {
        let text = family.write(megabytes << 20);
        let path = dir.path().join(family.name);
        fs::write(&path, &text.bytes).unwrap();
        let log = Log { path, text };
        measure(family, &log, rounds);
        fs::remove_file(&log.path).unwrap();
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(family: &Family, log: &Log, rounds: u64) {
    let formats = Arc::new(Formats::builtin());
    let (mut wc, mut value, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let spent = [
            cpu::child_ns(Command::new("wc").arg("-l").arg(&log.path)),
            values(&log.text.bytes),
            tripline(&formats, family, log),
        ];
        // The first round warms caches.
        if round > 0 {
            let [a, b, c] = spent.map(|ns| ns as f64 / log.text.lines as f64);
            wc.push(a);
            value.push(b);
            ours.push(c);
        }
    }
    let [wc, value, ours] = [wc, value, ours].map(|mut all| cpu::median(&mut all));
    let of = |base: f64, known: bool| if known { format!("{base:.2}") } else { "-".into() };
    let ns = |base: f64| if family.json { format!("{base:.0}") } else { "-".into() };
    println!(
        "{:<20} {:>7} {ours:>9.0} {wc:>9.1} {:>9} {:>8} {:>8}",
        family.name,
        log.text.bytes.len() as u64 / log.text.lines,
        ns(value),
        of(ours / wc, true),
        of(ours / value, family.json),
    );
}

/// Each line as a `serde_json::Value`, as far as it is one.
fn values(text: &[u8]) -> u64 {
    let before = cpu::own_ns();
    let mut objects = 0_u64;
    for line in text.split(|byte| *byte == b'\n') {
        let value = serde_json::from_slice::<serde_json::Value>(line);
        objects += u64::from(value.is_ok_and(|value| value.is_object()));
    }
    std::hint::black_box(objects);
    cpu::own_ns().saturating_sub(before)
}

fn tripline(formats: &Arc<Formats>, family: &Family, log: &Log) -> u64 {
    let names = Names::default();
    let options = DecodeOptions { texts: Texts::Skip, ..DecodeOptions::default() };
    let mut decoder = Decoder::new(Arc::clone(formats), &names, options).unwrap();
    let mut pricer = Pricer::new(PriceTable::builtin(), names);
    let mut batch = Batch::default();
    let (mut read, mut number, mut offset) = (Read::default(), 0, 0);
    let before = cpu::own_ns();
    for line in log.text.bytes.split(|byte| *byte == b'\n') {
        number += 1;
        decoder.line(line, LineAt { number, offset, received: NOW }, &mut batch);
        offset += line.len() as u64 + 1;
        if number.is_multiple_of(BATCH) {
            read.end(&mut batch, &mut pricer);
        }
    }
    decoder.finish(LineAt { number, offset, received: NOW }, &mut batch);
    read.end(&mut batch, &mut pricer);
    let spent = cpu::own_ns().saturating_sub(before);
    let written = Read { calls: log.text.calls, faults: 0 };
    assert_eq!(read, written, "{}: not what was written", family.name);
    spent
}

impl Read {
    fn end(&mut self, batch: &mut Batch, pricer: &mut Pricer) {
        pricer.price_batch(&mut batch.items, 0);
        for item in &batch.items {
            match item.seen {
                Observation::Request { .. } => self.calls += 1,
                Observation::Fault { .. } | Observation::Quarantined { .. } => self.faults += 1,
                _ => {}
            }
        }
        batch.clear();
    }
}
