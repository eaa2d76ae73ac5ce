//! Random file actions against the real tail and a model that knows, byte by
//! byte, what must be heard.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use tripline::source::tail::{POLL, ROTATE_WAIT};

use super::Rig;

#[derive(Clone, Debug)]
enum Action {
    /// Whole lines to the current file.
    Lines(u64),
    /// A piece of a line without its end; what comes next continues it.
    Piece,
    /// Lines to the file that was rotated or deleted last.
    LateLines(u64),
    /// Rename away and create.
    Rotate,
    Delete,
    CopyTruncate,
    Truncate,
    /// The tail's turn.
    Look,
    /// Long enough for rotated files to be closed.
    Wait,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        4 => (1..40_u64).prop_map(Action::Lines),
        1 => (5000..9000_u64).prop_map(Action::Lines),
        2 => Just(Action::Piece),
        2 => (1..10_u64).prop_map(Action::LateLines),
        2 => Just(Action::Rotate),
        1 => Just(Action::Delete),
        2 => Just(Action::CopyTruncate),
        2 => Just(Action::Truncate),
        5 => Just(Action::Look),
        1 => Just(Action::Wait),
    ];
    proptest::collection::vec(action, 1..40)
}

/// A file as its writer knows it.
struct Log {
    file: File,
    /// All of its present generation.
    bytes: Vec<u8>,
    /// How much of that was there when the tail last looked.
    seen: usize,
    /// Whether the tail ever saw this file.
    opened: bool,
}

struct World {
    rig: Rig,
    current: Log,
    /// Rotated and deleted files that the tail still holds, or never saw.
    left: Vec<Log>,
    copies: usize,
}

impl World {
    fn new() -> World {
        let rig = Rig::new(&["app.log"]);
        let current = Log::create(&rig);
        World { rig, current, left: Vec::new(), copies: 0 }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Lines(count) => self.current.write(&mut self.rig, *count, "\n"),
            Action::Piece => self.current.write(&mut self.rig, 1, ""),
            Action::LateLines(count) => {
                if let Some(log) = self.left.last_mut() {
                    log.write(&mut self.rig, *count, "\n");
                }
            }
            Action::Rotate => {
                let aside = self.aside();
                fs::rename(self.rig.path("app.log"), aside).unwrap();
                self.leave();
            }
            Action::Delete => {
                fs::remove_file(self.rig.path("app.log")).unwrap();
                self.leave();
            }
            Action::CopyTruncate => {
                fs::copy(self.rig.path("app.log"), self.aside()).unwrap();
                // A generation is recognised by what was consumed of it.
                let recognised = self.current.seen_lines() > 0;
                let heard = if recognised { self.current.bytes.len() } else { 0 };
                self.truncate(heard);
            }
            Action::Truncate => self.truncate(self.current.seen_lines()),
            Action::Look => self.look(),
            Action::Wait => {
                self.look();
                self.rig.pass(ROTATE_WAIT + Duration::from_secs(1));
                self.close_left();
            }
        }
    }

    fn aside(&mut self) -> std::path::PathBuf {
        self.copies += 1;
        self.rig.path(&format!("app.log.{}", self.copies))
    }

    fn leave(&mut self) {
        let fresh = Log::create(&self.rig);
        self.left.push(std::mem::replace(&mut self.current, fresh));
    }

    fn truncate(&mut self, heard: usize) {
        expect(&mut self.rig, &self.current.bytes[..heard]);
        self.current.file.set_len(0).unwrap();
        self.current.bytes.clear();
        self.current.seen = 0;
    }

    fn look(&mut self) {
        self.rig.pass(POLL);
        self.current.opened = true;
        for log in self.left.iter_mut().chain([&mut self.current]) {
            log.seen = if log.opened { log.bytes.len() } else { 0 };
        }
    }

    /// Files that are left count to their last byte, newline or not.
    fn close_left(&mut self) {
        for log in self.left.drain(..).filter(|log| log.opened) {
            expect(&mut self.rig, &log.bytes);
        }
    }

    fn end(mut self, story: &str) {
        self.look();
        self.close_left();
        expect(&mut self.rig, &self.current.bytes[..self.current.seen_lines()]);
        self.rig.assert_exact(story);
        let pending = self.current.bytes.len() - self.current.seen_lines();
        assert_eq!(self.rig.progress.pending_bytes, pending as u64, "{story}");
    }
}

impl Log {
    fn create(rig: &Rig) -> Log {
        Log { file: rig.writer("app.log"), bytes: Vec::new(), seen: 0, opened: false }
    }

    fn write(&mut self, rig: &mut Rig, count: u64, end: &str) {
        let mut text = String::new();
        for _ in 0..count {
            rig.next += 1;
            let filler = "x".repeat((rig.next % 60) as usize);
            write!(text, "line {:06} {filler}{end}", rig.next).unwrap();
        }
        self.file.write_all(text.as_bytes()).unwrap();
        self.bytes.extend(text.bytes());
    }

    /// Bytes of complete lines the tail has seen.
    fn seen_lines(&self) -> usize {
        self.bytes[..self.seen].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
    }
}

fn expect(rig: &mut Rig, bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).split('\n').filter(|line| !line.is_empty()) {
        *rig.wrote.entry(line.to_owned()).or_default() += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_once_whatever_happens_to_the_files(actions in actions()) {
        let mut world = World::new();
        for action in &actions {
            world.act(action);
        }
        world.end(&format!("{actions:?}"));
    }
}
