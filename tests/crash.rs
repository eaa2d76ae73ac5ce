//! Killed at random moments, again and again, while a gateway logs in bursts and its log
//! is rotated in every way there is: in the end every request, token and nano-dollar is
//! counted, once. Nothing is written between a copy and the cut after it, so what is lost
//! is lost by the reader.
//!
//! `TRIPLINE_KILLS=200` for the long run, `TRIPLINE_SEED` for another one.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]

#[path = "serve/calls.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod calls;
#[path = "serve/daemon.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod daemon;
#[path = "cli/sandbox.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sandbox;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

use calls::{Truth, line};
use daemon::{Daemon, kept, serve, status, status_until};
use sandbox::Sandbox;

#[test]
fn every_call_is_counted_once_whenever_it_is_killed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let kills = number("TRIPLINE_KILLS").unwrap_or(10);
    let seed = number("TRIPLINE_SEED").unwrap_or(1);
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let (stop, stopped) = channel();
    let writer = known_log(&sandbox, &log, kills / 4 + 2, seed);
    let writer = std::thread::spawn(move || writer.run(&stopped));
    let mut dice = Dice(seed + 1);
    for _ in 0..kills {
        if dice.below(2) == 0 {
            std::thread::sleep(Duration::from_micros(dice.below(300_000)));
        }
        let daemon = Daemon::spawn(serve(&sandbox, CONFIG, &[&log]));
        // From before it has opened anything to well into its work.
        let longest = if dice.below(3) == 0 { 40_000 } else { 400_000 };
        let alive = Duration::from_micros(dice.below(longest));
        std::thread::sleep(alive);
        daemon.kill();
    }
    drop(stop);
    let (truth, rotations) = writer.join().unwrap();
    each_is_counted_once(&sandbox, &log, truth);
    println!(
        "kills survived: {kills}, lines: {}, rotations: {rotations:?}, seed: {seed}",
        truth.requests
    );
}

/// The present is being read ahead of a long past whenever it is killed.
#[test]
fn every_call_is_counted_once_though_it_is_killed_while_it_reads_ahead() {
    let mut backlog = 32 << 20;
    let kills = loop {
        match killed_ahead(backlog) {
            kills @ 2.. => break kills,
            _ => backlog *= 2,
        }
        assert!(backlog <= 512 << 20, "its past is always read before anybody can look");
    };
    println!("{kills} of 6 kills came while it read ahead of {backlog} bytes");
}

/// How many of six kills came while the present was known and the past was not.
fn killed_ahead(backlog: usize) -> u32 {
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let (stop, stopped) = channel();
    let mut writer = known_log(&sandbox, &log, 0, 7);
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    writer.write_old(backlog, hour_ago);
    let writer = std::thread::spawn(move || writer.run(&stopped));
    let (mut dice, mut ahead) = (Dice(8), 0);
    for _ in 0..6 {
        let daemon = Daemon::start(serve(&sandbox, CONFIG, &[&log]));
        let is_ahead = |source: &serde_json::Value| {
            source["seconds_behind"].as_f64() > Some(1800.0)
                && source["last_line_age_s"].as_f64() < Some(60.0)
        };
        let seen = status_until(&sandbox, "the present", |status| {
            status["sources"][0]["last_line_age_s"].as_f64() < Some(60.0)
        });
        ahead += u32::from(is_ahead(&seen["sources"][0]));
        std::thread::sleep(Duration::from_micros(dice.below(120_000)));
        daemon.kill();
    }
    drop(stop);
    let (truth, _) = writer.join().unwrap();
    each_is_counted_once(&sandbox, &log, truth);
    ahead
}

const CONFIG: &str = "[[cap]]\nname = \"all\"\nusd = 1000000\nperiod = \"month\"\n";

/// A log of which the first lines are read: what was rotated before it was ever seen is no
/// part of it.
fn known_log(sandbox: &Sandbox, log: &Path, bursts: u64, seed: u64) -> Writer {
    let mut writer = Writer::new(log, bursts, Dice(seed));
    writer.write(12);
    let first = Daemon::start(serve(sandbox, CONFIG, &[log]));
    status_until(sandbox, "it is known", |status| writer.truth.is(status) && kept(status));
    first.kill();
    writer
}

fn each_is_counted_once(sandbox: &Sandbox, log: &Path, truth: Truth) {
    let daemon = Daemon::start(serve(sandbox, CONFIG, &[log]));
    let same = |status: &serde_json::Value| {
        // More than there is will never be less again.
        let counted = status["totals"]["requests"].as_u64().unwrap();
        assert!(counted <= truth.requests, "{counted} of {truth:?}: {status:#}");
        truth.is(status)
    };
    let unread = Unread(sandbox);
    let seen = status_until(sandbox, &format!("all of {truth:?}"), same);
    std::mem::forget(unread);
    assert_eq!(seen["caps"][0]["spent_usd"], seen["totals"]["cost_usd"]);
    daemon.stop();
    assert!(same(&status(sandbox)));
    // What is left lying around is not read again later.
    let daemon = Daemon::start(serve(sandbox, CONFIG, &[log]));
    let lines = seen["sources"][0]["lines"].clone();
    let later = status_until(sandbox, "live", |status| status["sources"][0]["state"] == "live");
    assert!(truth.is(&later), "{later:#}");
    assert_eq!(later["sources"][0]["lines"], lines);
    daemon.stop();
}

/// Says, where the test fails, which files the ledger thinks are not read.
struct Unread<'s>(&'s Sandbox);

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        let ledger = tripline::ledger::Reader::open(&self.0.state()).unwrap();
        let known = ledger.load().unwrap().checkpoints;
        for entry in fs::read_dir(self.0.path("")).unwrap().map(Result::unwrap) {
            let (path, meta) = (entry.path(), entry.metadata().unwrap());
            let same = |file: &&tripline::domain::Checkpoint| file.place.1 == meta.ino();
            let read: Vec<_> = known.iter().filter(same).map(|f| (f.offset, f.progress)).collect();
            if !read.iter().any(|(offset, _)| *offset == meta.len()) {
                let text = format!("{}: {} bytes, read: {read:?}\n", path.display(), meta.len());
                let _ = std::io::stderr().write_all(text.as_bytes());
            }
        }
    }
}

/// How often the log was rotated, and how.
#[derive(Debug, Default)]
struct Rotations {
    renamed: u64,
    renamed_and_packed: u64,
    copied_and_cut: u64,
    packed_and_cut: u64,
}

impl Rotations {
    fn all(&self) -> u64 {
        self.renamed + self.renamed_and_packed + self.copied_and_cut + self.packed_and_cut
    }
}

/// A gateway's log: lines, sometimes torn over two writes, bursts that take a while to read,
/// and rotations.
struct Writer {
    path: PathBuf,
    file: File,
    truth: Truth,
    rotations: Rotations,
    /// Bursts to come.
    bursts: u64,
    dice: Dice,
}

impl Writer {
    fn new(path: &Path, bursts: u64, dice: Dice) -> Writer {
        Writer {
            path: path.to_owned(),
            file: open(path),
            truth: Truth::default(),
            rotations: Rotations::default(),
            bursts,
            dice,
        }
    }

    fn run(mut self, stopped: &Receiver<()>) -> (Truth, Rotations) {
        loop {
            self.write(12);
            if self.bursts > 0 && self.dice.below(250) == 0 {
                self.bursts -= 1;
                self.write(8000);
            }
            if self.dice.below(60) == 0 {
                self.rotate(stopped);
            }
            let pause = Duration::from_micros(self.dice.below(4000));
            if stopped.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return (self.truth, self.rotations);
            }
        }
    }

    fn write(&mut self, most: u64) {
        let mut text = String::new();
        for _ in 0..=self.dice.below(most) {
            text += &line(self.truth.requests, SystemTime::now());
            self.truth.count();
        }
        let cut = usize::try_from(self.dice.below(text.len() as u64)).unwrap();
        self.file.write_all(&text.as_bytes()[..cut]).unwrap();
        self.file.write_all(&text.as_bytes()[cut..]).unwrap();
    }

    /// So many bytes, at least, of lines of that time.
    fn write_old(&mut self, bytes: usize, at: SystemTime) {
        let mut text = String::new();
        while text.len() < bytes {
            text += &line(self.truth.requests, at);
            self.truth.count();
        }
        self.file.write_all(text.as_bytes()).unwrap();
    }

    fn rotate(&mut self, stopped: &Receiver<()>) {
        self.shift();
        let first = self.name(1, "");
        match self.dice.below(4) {
            0 => {
                self.rename(&first, stopped);
                self.rotations.renamed += 1;
            }
            1 => {
                self.rename(&first, stopped);
                self.pack(&first, stopped);
                fs::remove_file(first).unwrap();
                self.rotations.renamed_and_packed += 1;
            }
            2 => {
                fs::copy(&self.path, first).unwrap();
                self.wait(stopped);
                self.file.set_len(0).unwrap();
                self.rotations.copied_and_cut += 1;
            }
            _ => {
                let copy = self.name(1, ".copy");
                fs::copy(&self.path, &copy).unwrap();
                self.pack(&copy, stopped);
                fs::rename(self.name(1, ".copy.gz"), self.name(1, ".gz")).unwrap();
                fs::remove_file(copy).unwrap();
                self.file.set_len(0).unwrap();
                self.rotations.packed_and_cut += 1;
            }
        }
    }

    fn name(&self, number: u64, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}.{number}{ending}", self.path.display()))
    }

    /// Move all that was rotated on by one, the oldest first.
    fn shift(&self) {
        let there = |at: &u64| ["", ".gz"].iter().any(|ending| self.name(*at, ending).exists());
        let last = (1..=self.rotations.all()).rev().find(there).unwrap_or(0);
        for at in (1..=last).rev() {
            for ending in ["", ".gz"] {
                // One of the two is there.
                let _ = fs::rename(self.name(at, ending), self.name(at + 1, ending));
            }
        }
    }

    /// The writer still has the old file for a moment.
    fn rename(&mut self, to: &Path, stopped: &Receiver<()>) {
        fs::rename(&self.path, to).unwrap();
        self.write(12);
        self.wait(stopped);
        self.write(12);
        self.file = open(&self.path);
    }

    /// Compress into a `.gz` beside it, as `gzip` does, or under another name until it is
    /// whole. It takes a while.
    fn pack(&mut self, from: &Path, stopped: &Receiver<()>) {
        let to = PathBuf::from(format!("{}.gz", from.display()));
        let begun = match self.dice.below(2) {
            0 => to.clone(),
            _ => PathBuf::from(format!("{}.tmp", to.display())),
        };
        let mut packer = GzEncoder::new(File::create(&begun).unwrap(), Compression::fast());
        let content = fs::read(from).unwrap();
        let (first, second) = content.split_at(content.len() / 2);
        for part in [first, second] {
            packer.write_all(part).unwrap();
            packer.flush().unwrap();
            self.wait(stopped);
        }
        let packed = packer.finish().unwrap();
        packed.set_modified(fs::metadata(from).unwrap().modified().unwrap()).unwrap();
        fs::rename(begun, to).unwrap();
    }

    fn wait(&mut self, stopped: &Receiver<()>) {
        let _ = stopped.recv_timeout(Duration::from_micros(self.dice.below(20_000)));
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}

/// Equal seeds, equal numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
