//! Killed at random moments, again and again, while a gateway logs and rotates:
//! in the end every request, token and nano-dollar is counted, once.
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
    let mut writer = Writer::new(&log, Dice(seed));
    let config = "[[cap]]\nname = \"all\"\nusd = 1000000\nperiod = \"month\"\n";
    // What was rotated before the log was ever seen is no part of it.
    writer.write();
    let first = Daemon::start(serve(&sandbox, config, &[&log]));
    status_until(&sandbox, "it is known", |status| writer.truth.is(status) && kept(status));
    first.kill();
    let writer = std::thread::spawn(move || writer.run(&stopped));
    let mut dice = Dice(seed + 1);
    for _ in 0..kills {
        if dice.below(2) == 0 {
            std::thread::sleep(Duration::from_micros(dice.below(300_000)));
        }
        let daemon = Daemon::spawn(serve(&sandbox, config, &[&log]));
        // From before it has opened anything to well into its work.
        let longest = if dice.below(3) == 0 { 40_000 } else { 400_000 };
        let alive = Duration::from_micros(dice.below(longest));
        std::thread::sleep(alive);
        daemon.kill();
    }
    drop(stop);
    let (truth, rotations) = writer.join().unwrap();
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let same = |status: &serde_json::Value| {
        // More than there is will never be less again.
        let counted = status["totals"]["requests"].as_u64().unwrap();
        assert!(counted <= truth.requests, "{counted} of {truth:?}: {status:#}");
        truth.is(status)
    };
    let unread = Unread(&sandbox);
    let seen = status_until(&sandbox, &format!("all of {truth:?}"), same);
    std::mem::forget(unread);
    assert_eq!(seen["caps"][0]["spent_usd"], seen["totals"]["cost_usd"]);
    daemon.stop();
    assert!(same(&status(&sandbox)));
    // What is left lying around is not read again later.
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let lines = seen["sources"][0]["lines"].clone();
    let later = status_until(&sandbox, "live", |status| status["sources"][0]["state"] == "live");
    assert!(truth.is(&later), "{later:#}");
    assert_eq!(later["sources"][0]["lines"], lines);
    daemon.stop();
    println!(
        "kills survived: {kills}, lines: {}, rotations: {rotations}, seed: {seed}",
        truth.requests
    );
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

/// A gateway's log: lines, sometimes torn over two writes, and renames.
struct Writer {
    path: PathBuf,
    file: File,
    truth: Truth,
    rotations: u64,
    dice: Dice,
}

impl Writer {
    fn new(path: &Path, dice: Dice) -> Writer {
        Writer {
            path: path.to_owned(),
            file: open(path),
            truth: Truth::default(),
            rotations: 0,
            dice,
        }
    }

    fn run(mut self, stopped: &Receiver<()>) -> (Truth, u64) {
        loop {
            self.write();
            if self.dice.below(60) == 0 {
                self.rotate(stopped);
            }
            let pause = Duration::from_micros(self.dice.below(4000));
            if stopped.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return (self.truth, self.rotations);
            }
        }
    }

    fn write(&mut self) {
        let mut text = String::new();
        for _ in 0..=self.dice.below(12) {
            text += &line(self.truth.requests, SystemTime::now());
            self.truth.count();
        }
        let cut = usize::try_from(self.dice.below(text.len() as u64)).unwrap();
        self.file.write_all(&text.as_bytes()[..cut]).unwrap();
        self.file.write_all(&text.as_bytes()[cut..]).unwrap();
    }

    /// As logrotate does it: the writer still has the old file for a moment.
    fn rotate(&mut self, stopped: &Receiver<()>) {
        let to = format!("{}.{}", self.path.display(), self.rotations);
        fs::rename(&self.path, to).unwrap();
        self.rotations += 1;
        self.write();
        let _ = stopped.recv_timeout(Duration::from_micros(self.dice.below(20_000)));
        self.write();
        self.file = open(&self.path);
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
