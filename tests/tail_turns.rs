//! Rotations of every kind between any two turns, with backlogs that keep files
//! waiting for theirs, stops and kills: each line is heard once, and nothing that
//! is there is said to be gone.
//!
//! Nothing is written between a copy and the cut after it, and nothing to a file that
//! is being compressed: so what is lost is lost by the reader.
//!
//! `TAIL_TURNS_CASES` sets the number of cases, `PROPTEST_RNG_SEED` which they are.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tail_rig::Rig;
use tripline::source::tail::{POLL, ROTATE_WAIT};

/// Room for a block of a file with few lines.
const LINE: usize = 16 * 1024;

#[derive(Clone, Debug)]
enum Action {
    Lines(u64),
    /// To what was renamed last, while its writer still has it.
    LateLines(u64),
    Rename,
    /// Copy to `.1` and cut.
    CopyTruncate,
    /// Copy into `.1.gz` and cut.
    PackTruncate,
    /// Compress what was rotated last, perhaps under a name of its own until it is whole.
    Compress(bool),
    /// Somebody begins to compress it, and is not done.
    BeginToCompress,
    /// So many turns without a look at the paths.
    Turns(usize),
    Look,
    /// Long enough for rotated files to be closed.
    Wait,
    Start,
    /// Die after so many batches more.
    Kill(usize),
}

fn actions() -> impl Strategy<Value = (bool, Vec<Action>)> {
    let action = prop_oneof![
        3 => (1..4_u64).prop_map(Action::Lines),
        3 => (20..90_u64).prop_map(Action::Lines),
        1 => (1..4_u64).prop_map(Action::LateLines),
        2 => Just(Action::Rename),
        2 => Just(Action::CopyTruncate),
        1 => Just(Action::PackTruncate),
        2 => any::<bool>().prop_map(Action::Compress),
        1 => Just(Action::BeginToCompress),
        4 => (1..4_usize).prop_map(Action::Turns),
        4 => Just(Action::Look),
        1 => Just(Action::Wait),
        2 => Just(Action::Start),
        2 => (0..6_usize).prop_map(Action::Kill),
    ];
    (any::<bool>(), proptest::collection::vec(action, 1..40))
}

struct World {
    rig: Rig,
    writer: File,
    /// Who still has what was renamed last.
    late: Option<File>,
    /// What is being compressed under another name.
    begun: Option<PathBuf>,
    /// The beginning of a line, which is not heard.
    filler: String,
}

impl World {
    fn new(ahead: bool) -> World {
        let mut rig = Rig::new(&["app.log"]);
        rig.ahead_beyond = if ahead { 0 } else { u64::MAX };
        rig.start();
        let writer = rig.writer("app.log");
        let filler = "\0".repeat(LINE);
        let mut world = World { rig, writer, late: None, begun: None, filler };
        // Of a log that was never looked at nothing says what is new.
        world.rig.settle();
        world
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Lines(count) => {
                let text = self.text(count);
                self.writer.write_all(text.as_bytes()).unwrap();
            }
            Action::LateLines(count) if self.late.is_some() => {
                let text = self.text(count);
                self.late.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
            }
            Action::LateLines(_) => {}
            Action::Rename => self.rename(),
            Action::CopyTruncate => {
                self.shift();
                fs::copy(self.name("app.log"), self.name("app.log.1")).unwrap();
                self.cut();
            }
            Action::PackTruncate => {
                self.shift();
                pack(&self.name("app.log"), &self.name("app.log.1.gz"));
                self.cut();
            }
            Action::Compress(apart) => self.compress(apart),
            Action::BeginToCompress => self.begin_to_compress(),
            Action::Turns(count) => {
                for _ in 0..count {
                    self.rig.turn();
                }
            }
            Action::Look => {
                self.rig.now.mono = self.rig.now.mono.plus(POLL);
                self.rig.now.wall = self.rig.now.wall.plus(POLL);
                self.rig.turn();
            }
            Action::Wait => {
                self.late = None;
                self.rig.pass(POLL);
                self.rig.pass(ROTATE_WAIT + Duration::from_secs(1));
            }
            Action::Start => self.start(),
            Action::Kill(batches) => {
                self.rig.dies_after = Some(batches);
                self.rig.pass(POLL);
                KILLS.fetch_add(usize::from(self.rig.tail.is_none()), Ordering::Relaxed);
                self.rig.dies_after = None;
            }
        }
    }

    fn start(&mut self) {
        self.check();
        AHEAD.fetch_add(self.rig.ahead.len(), Ordering::Relaxed);
        AGAIN.fetch_add(self.rig.again.len(), Ordering::Relaxed);
        self.rig.start();
    }

    /// Nothing is gone as long as the writer keeps all of it.
    fn check(&self) {
        let Some(tail) = &self.rig.tail else { return };
        for finding in &tail.statuses()[0].findings {
            let known = ["copytruncate", "compressed_unread"];
            assert!(known.contains(&finding.kind), "{finding:?}");
        }
    }

    fn name(&self, name: &str) -> PathBuf {
        self.rig.path(name)
    }

    fn text(&mut self, count: u64) -> String {
        let mut text = String::new();
        for _ in 0..count {
            self.rig.next += 1;
            let line = format!("line {:06}", self.rig.next);
            writeln!(text, "{line}\n{}{line} again", self.filler).unwrap();
            *self.rig.wrote.entry(format!("{line} again")).or_default() += 1;
            *self.rig.wrote.entry(line).or_default() += 1;
        }
        text
    }

    /// Move all that was rotated on by one, the oldest first.
    fn shift(&mut self) {
        if let Some(begun) = self.begun.take() {
            fs::remove_file(begun).unwrap();
        }
        for at in (1..99).rev() {
            for ending in ["", ".gz"] {
                let from = self.name(&format!("app.log.{at}{ending}"));
                if from.exists() {
                    fs::rename(from, self.name(&format!("app.log.{}{ending}", at + 1))).unwrap();
                }
            }
        }
        self.late = None;
        ROTATIONS.fetch_add(1, Ordering::Relaxed);
    }

    fn rename(&mut self) {
        self.shift();
        fs::rename(self.name("app.log"), self.name("app.log.1")).unwrap();
        let fresh = self.rig.writer("app.log");
        self.late = Some(std::mem::replace(&mut self.writer, fresh));
    }

    fn cut(&mut self) {
        self.writer.set_len(0).unwrap();
    }

    fn newest(&self) -> Option<PathBuf> {
        let names = (1..99).map(|at| self.name(&format!("app.log.{at}")));
        names.into_iter().find(|name| name.exists())
    }

    fn compress(&mut self, apart: bool) {
        let Some(from) = self.newest() else { return };
        self.late = None;
        let to = PathBuf::from(format!("{}.gz", from.display()));
        if apart {
            let begun = PathBuf::from(format!("{}.gz.tmp", from.display()));
            pack(&from, &begun);
            fs::rename(begun, &to).unwrap();
            self.begun = None;
        } else {
            pack(&from, &to);
        }
        fs::remove_file(from).unwrap();
    }

    /// Until the next rotation somebody compresses it, and writes what he has so far.
    fn begin_to_compress(&mut self) {
        let Some(from) = self.newest() else { return };
        self.late = None;
        let begun = PathBuf::from(format!("{}.gz.tmp", from.display()));
        pack(&from, &begun);
        let whole = fs::read(&begun).unwrap();
        fs::write(&begun, &whole[..whole.len() / 2]).unwrap();
        self.begun = Some(begun);
    }

    fn end(mut self) {
        if self.rig.tail.is_none() {
            self.start();
        }
        self.rig.assert_exact("in the end");
        self.check();
        let heard = self.rig.heard.len();
        self.start();
        self.rig.assert_exact("once more");
        self.check();
        assert_eq!(self.rig.heard.len(), heard, "nothing is new to another run");
    }
}

/// As `gzip` does, with the time of the last change.
fn pack(from: &Path, to: &Path) {
    let mut packer = GzEncoder::new(File::create(to).unwrap(), Compression::fast());
    packer.write_all(&fs::read(from).unwrap()).unwrap();
    let to = packer.finish().unwrap();
    to.set_modified(fs::metadata(from).unwrap().modified().unwrap()).unwrap();
}

static ACTIONS: AtomicUsize = AtomicUsize::new(0);
static KILLS: AtomicUsize = AtomicUsize::new(0);
static ROTATIONS: AtomicUsize = AtomicUsize::new(0);
/// Lines that were heard ahead of their turn, and of them again in it.
static AHEAD: AtomicUsize = AtomicUsize::new(0);
static AGAIN: AtomicUsize = AtomicUsize::new(0);

#[test]
#[allow(clippy::disallowed_methods, reason = "only the environment can ask for a longer run")]
fn every_line_once_whatever_rotates_between_two_turns() {
    let cases = std::env::var("TAIL_TURNS_CASES").ok().map(|cases| cases.parse().unwrap());
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::with_cases(cases.unwrap_or(200))
    };
    let (cases, seed) = (config.cases, config.rng_seed);
    let told = TestRunner::new(config).run(&actions(), |(ahead, actions)| {
        let mut world = World::new(ahead);
        for action in &actions {
            world.act(action);
        }
        ACTIONS.fetch_add(actions.len(), Ordering::Relaxed);
        world.end();
        Ok(())
    });
    if let Err(e) = told {
        panic!("seed {seed:?}: {e}");
    }
    eprintln!(
        "{cases} cases of seed {seed:?}, {} actions, {} rotations, {} kills, {} lines ahead and \
         {} of them known as such in their turn: 0 lines lost, 0 repeated",
        ACTIONS.load(Ordering::Relaxed),
        ROTATIONS.load(Ordering::Relaxed),
        KILLS.load(Ordering::Relaxed),
        AHEAD.load(Ordering::Relaxed),
        AGAIN.load(Ordering::Relaxed),
    );
}

/// What is said of a generation that is gone is said with what is there in its place.
#[test]
fn killed_after_its_first_batch_it_still_knows_what_is_new() {
    let story = [
        Action::Start,
        Action::Rename,
        Action::Lines(1),
        Action::Compress(false),
        Action::Kill(1),
        Action::Rename,
    ];
    let mut world = World::new(false);
    for action in &story {
        world.act(action);
    }
    world.end();
}
