//! Random file actions, stops and kills against the real tail and a model that
//! knows which lines must be delivered: each exactly once, in order.
//!
//! The model knows these limits, and those exactly: of a generation that was
//! truncated or unlinked unread nothing is left; one that comes and goes between
//! two looks is found beside what was read, but not where a link has led to it,
//! for its name says nothing then, nor where the file it was in is the same as
//! before and nothing of that was consumed.
//!
//! `TAIL_MODEL_CASES` sets the number of cases, `PROPTEST_RNG_SEED` which they are.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tail_rig::Rig;
use tripline::source::tail::{POLL, ROTATE_WAIT};

#[derive(Clone, Debug)]
enum Action {
    /// Whole lines to the live file.
    Lines(u64),
    /// A piece of a line; what comes next continues it.
    Piece,
    /// Lines to the file that was rotated last.
    LateLines(u64),
    /// Rename away, or let the link lead elsewhere, and create.
    Rotate,
    CopyTruncate,
    Truncate,
    /// Truncate and grow longer than it was, unseen.
    Rewrite,
    Delete,
    Create,
    /// The directory goes with all that is in it, and comes back empty.
    RemoveDirectory,
    /// Compress the newest rotated file that is not.
    Gzip,
    Look,
    /// Long enough for rotated files to be closed.
    Wait,
    Stop,
    Start,
    /// Die in the middle of a look, after so many batches.
    Kill(usize),
}

fn actions() -> impl Strategy<Value = ((bool, bool), Vec<Action>)> {
    let action = prop_oneof![
        6 => (1..40_u64).prop_map(Action::Lines),
        1 => (400..900_u64).prop_map(Action::Lines),
        2 => Just(Action::Piece),
        2 => (1..10_u64).prop_map(Action::LateLines),
        4 => Just(Action::Rotate),
        2 => Just(Action::CopyTruncate),
        1 => Just(Action::Truncate),
        1 => Just(Action::Rewrite),
        1 => Just(Action::Delete),
        1 => Just(Action::Create),
        1 => Just(Action::RemoveDirectory),
        2 => Just(Action::Gzip),
        7 => Just(Action::Look),
        1 => Just(Action::Wait),
        2 => Just(Action::Stop),
        2 => Just(Action::Start),
        2 => (0..4_usize).prop_map(Action::Kill),
    ];
    (any::<(bool, bool)>(), proptest::collection::vec(action, 1..40))
}

/// What was written from a creation or truncation on.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Generation {
    bytes: Vec<u8>,
    /// Which file it is in.
    file: usize,
    /// Bytes that must have been heard by now.
    due: usize,
    /// The tail has, or has left, a checkpoint of it.
    opened: bool,
    /// Read for good: nothing more of it will be heard.
    finished: bool,
    /// It was cut off in this file, and its copy is in `file`: the next look
    /// finds it.
    copied: Option<usize>,
    /// No file holds it any more.
    gone: bool,
    /// It is in the file in which it was read last.
    home: bool,
    /// Its compressed copy, while the original is still open.
    archive: Option<usize>,
}

struct Inode {
    /// Where it is; nowhere if unlinked.
    name: Option<String>,
    packed: bool,
    writer: Option<File>,
    /// The tail has it open.
    held: bool,
    inode: u64,
    /// Time of its last change.
    written: u64,
    /// The same when it was read last, and its length.
    read: u64,
    length: usize,
}

struct World {
    rig: Rig,
    linked: bool,
    generations: Vec<Generation>,
    files: Vec<Inode>,
    live: Option<usize>,
    /// Where the tail has seen the path lead last, and of which time that was.
    led: Option<(Option<usize>, u64)>,
    /// The file that was rotated last.
    last: Option<usize>,
    running: bool,
    resolved: bool,
    clock: u64,
    names: u64,
    next: u64,
}

impl World {
    fn new(linked: bool, ahead: bool) -> World {
        let mut rig = Rig::new(&[if linked { "in/link.log" } else { "in/app.log" }]);
        rig.ahead_beyond = if ahead { 0 } else { u64::MAX };
        rig.start();
        fs::create_dir(rig.path("in")).unwrap();
        let mut world = World {
            rig,
            linked,
            generations: Vec::new(),
            files: Vec::new(),
            live: None,
            led: None,
            last: None,
            running: true,
            resolved: true, // Nothing is known of any past.
            clock: 0,
            names: 0,
            next: 0,
        };
        world.create();
        world
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Lines(count) => self.write(self.live, *count, "\n"),
            Action::Piece => self.write(self.live, 1, ""),
            Action::LateLines(count) => self.write(self.last, *count, "\n"),
            Action::Rotate => self.rotate(),
            Action::CopyTruncate => self.copy_truncate(),
            Action::Truncate => self.truncate(),
            Action::Rewrite => {
                let len = self.live.map_or(0, |live| self.current(live).bytes.len() as u64);
                self.truncate();
                self.write(self.live, len / 8 + 2, "\n");
            }
            Action::Delete => self.delete(),
            Action::Create => {
                if self.live.is_none() {
                    self.create();
                }
            }
            Action::RemoveDirectory => self.remove_directory(),
            Action::Gzip => self.gzip(),
            Action::Look => self.look(),
            Action::Wait => {
                self.look();
                if self.running {
                    self.rig.pass(ROTATE_WAIT + Duration::from_secs(1));
                    self.close_left();
                    self.hear("after a wait");
                }
            }
            Action::Stop => self.stop(),
            Action::Start => {
                self.stop();
                self.rig.start();
                self.running = true;
                self.resolved = self.generations.iter().all(|one| !one.opened);
                self.look();
            }
            Action::Kill(batches) => {
                if self.running {
                    self.look_half(*batches);
                }
            }
        }
    }

    fn name(&self, name: &str) -> std::path::PathBuf {
        self.rig.path("in").join(name)
    }

    fn create(&mut self) {
        let name = if self.linked {
            self.names += 1;
            format!("t{}.log", self.names)
        } else {
            "app.log".to_owned()
        };
        let writer = self.rig.writer(&format!("in/{name}"));
        if self.linked {
            symlink(&name, self.name("swap")).unwrap();
            fs::rename(self.name("swap"), self.name("link.log")).unwrap();
        }
        let file = self.files.len();
        self.files.push(Inode {
            name: Some(name),
            packed: false,
            inode: writer.metadata().unwrap().ino(),
            writer: Some(writer),
            held: false,
            written: self.clock,
            read: 0,
            length: 0,
        });
        self.live = Some(file);
        self.begin(file, false);
        self.touch(file);
    }

    /// A generation begins in a file. Of one of which nothing was consumed only
    /// the file is known, whatever is in it.
    fn begin(&mut self, file: usize, known: bool) {
        self.generations.push(Generation {
            bytes: Vec::new(),
            file,
            due: 0,
            opened: known,
            finished: false,
            copied: None,
            gone: false,
            home: true,
            archive: None,
        });
    }

    fn current(&mut self, file: usize) -> &mut Generation {
        self.generations.iter_mut().rev().find(|one| one.file == file).unwrap()
    }

    /// The times of files are the model's, for there ticks are too coarse.
    fn touch(&mut self, file: usize) {
        self.clock += 1;
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + self.clock);
        self.files[file].written = self.clock;
        self.files[file].writer.as_ref().unwrap().set_modified(at).unwrap();
    }

    fn write(&mut self, file: Option<usize>, count: u64, end: &str) {
        let Some(file) = file.filter(|file| self.files[*file].writer.is_some()) else { return };
        let mut text = String::new();
        for _ in 0..count {
            self.next += 1;
            let filler = "x".repeat((self.next % 50) as usize);
            write!(text, "line {:06} {filler}{end}", self.next).unwrap();
        }
        self.files[file].writer.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        self.current(file).bytes.extend(text.bytes());
        self.touch(file);
    }

    /// Move all rotated files on by one, as logrotate does.
    fn shift(&mut self) {
        let number = |name: &str| -> Option<u64> {
            name.strip_prefix("app.log.")?.trim_end_matches(".gz").parse().ok()
        };
        let mut numbered: Vec<_> = (0..self.files.len())
            .filter_map(|file| Some((number(self.files[file].name.as_deref()?)?, file)))
            .collect();
        numbered.sort_unstable();
        for (at, file) in numbered.into_iter().rev() {
            let ending = if self.files[file].packed { ".gz" } else { "" };
            let to = format!("app.log.{}{ending}", at + 1);
            let from = self.files[file].name.replace(to.clone()).unwrap();
            fs::rename(self.name(&from), self.name(&to)).unwrap();
        }
    }

    fn rotate(&mut self) {
        let Some(live) = self.live else { return };
        if !self.linked {
            self.shift();
            fs::rename(self.name("app.log"), self.name("app.log.1")).unwrap();
            self.files[live].name = Some("app.log.1".into());
        }
        self.last = Some(live);
        self.create();
    }

    fn copy_truncate(&mut self) {
        let Some(live) = self.live.filter(|_| !self.linked) else { return };
        self.shift();
        fs::copy(self.name("app.log"), self.name("app.log.1")).unwrap();
        let copy = self.files.len();
        let writer = self.rig.writer("in/app.log.1");
        self.files.push(Inode {
            name: Some("app.log.1".into()),
            packed: false,
            inode: writer.metadata().unwrap().ino(),
            writer: Some(writer),
            held: false,
            written: 0,
            read: 0,
            length: 0,
        });
        self.touch(copy);
        let held = self.files[live].held;
        let generation = self.current(live);
        let known = generation.is_only_a_file();
        generation.file = copy;
        generation.home = false;
        // What was never consumed can't be recognised in a copy.
        generation.copied = (held && generation.due > 0).then_some(live);
        self.files[live].writer.as_ref().unwrap().set_len(0).unwrap();
        self.begin(live, known);
        self.touch(live);
        self.last = None;
    }

    fn truncate(&mut self) {
        let Some(live) = self.live else { return };
        let generation = self.current(live);
        generation.gone = true;
        let known = generation.is_only_a_file();
        self.files[live].writer.as_ref().unwrap().set_len(0).unwrap();
        self.begin(live, known);
        self.touch(live);
    }

    fn delete(&mut self) {
        let Some(live) = self.live.take() else { return };
        let name = self.files[live].name.take().unwrap();
        fs::remove_file(self.name(&name)).unwrap();
        if self.linked {
            fs::remove_file(self.name("link.log")).unwrap();
        }
    }

    fn remove_directory(&mut self) {
        fs::remove_dir_all(self.rig.path("in")).unwrap();
        fs::create_dir(self.rig.path("in")).unwrap();
        self.files.iter_mut().for_each(|file| file.name = None);
        self.live = None;
        self.last = None;
    }

    fn gzip(&mut self) {
        let plain = |file: &usize| {
            let file = &self.files[*file];
            !file.packed && file.name.is_some()
        };
        let newest = (0..self.files.len()).rev().filter(plain).find(|at| Some(*at) != self.live);
        let Some(file) = newest else { return };
        let name = self.files[file].name.take().unwrap();
        let mut to = GzEncoder::new(Vec::new(), Compression::fast());
        to.write_all(&fs::read(self.name(&name)).unwrap()).unwrap();
        let packed = format!("{name}.gz");
        fs::write(self.name(&packed), to.finish().unwrap()).unwrap();
        let time = fs::metadata(self.name(&name)).unwrap().modified().unwrap();
        File::options().write(true).open(self.name(&packed)).unwrap().set_modified(time).unwrap();
        fs::remove_file(self.name(&name)).unwrap();
        self.last = self.last.filter(|last| *last != file);
        let written = self.files[file].written;
        let into = self.files.len();
        self.files.push(Inode {
            inode: fs::metadata(self.name(&packed)).unwrap().ino(),
            name: Some(packed),
            packed: true,
            writer: None,
            held: false,
            written,
            read: 0,
            length: 0,
        });
        let held = self.files[file].held;
        let generation = self.current(file);
        if held {
            // The tail reads on where it is; only another run looks elsewhere.
            generation.archive = Some(into);
        } else {
            generation.file = into;
            generation.home = false;
        }
    }

    /// A look at everything: what can be read has been read.
    fn look(&mut self) {
        if !self.running {
            return;
        }
        self.rig.pass(POLL);
        self.looked();
        self.hear("after a look");
    }

    /// All that is due was heard; what was heard beyond that, from a file that
    /// nobody had to look into any more, was heard once and in its turn.
    fn hear(&mut self, when: &str) {
        let heard: HashSet<&[u8]> = self.rig.heard.iter().map(String::as_bytes).collect();
        let mut count = 0;
        for one in &mut self.generations {
            let expected = one.due;
            let (due, more) = one.bytes.split_at(one.due);
            for line in lines(due) {
                let line = String::from_utf8_lossy(line);
                assert!(heard.contains(line.as_bytes()), "lost {when}: {line}");
                count += 1;
            }
            for line in more.split_inclusive(|byte| *byte == b'\n') {
                if !heard.contains(line.strip_suffix(b"\n").unwrap_or(line)) {
                    break;
                }
                one.due += line.len();
                one.opened = true;
                count += 1;
            }
            // It was found beside an empty file when that was written to: it is open now.
            let file = &mut self.files[one.file];
            file.held |= one.due > expected && file.name.is_some() && !file.packed;
        }
        assert_eq!(self.rig.heard.len(), count, "lines repeated or out of turn {when}");
    }

    fn looked(&mut self) {
        let noticed = self.led.filter(|(file, _)| *file != self.live).map(|(_, time)| time);
        let since = noticed.into_iter().chain(self.cut()).min();
        if !self.resolved {
            self.resolve();
        }
        if let Some(live) = self.live {
            self.files[live].held = true;
        }
        for at in 0..self.generations.len() {
            if self.generations[at].copied.take().is_some() {
                self.read_on(at);
            }
        }
        if let Some(since) = since {
            self.miss_nothing(since);
        }
        match self.live {
            Some(live) => self.led = Some((Some(live), self.files[live].written)),
            None => self.led = self.led.map(|(_, time)| (None, time)),
        }
        for one in &mut self.generations {
            // A truncation was seen.
            one.finished |= one.gone && self.files[one.file].held;
        }
        for file in 0..self.files.len() {
            if self.files[file].held {
                let generation = self.current(file);
                if !generation.finished && !generation.gone {
                    generation.opened = true;
                    generation.due = generation.complete();
                }
                let length = generation.bytes.len();
                self.files[file].length = length;
                self.files[file].read = self.files[file].written;
            }
        }
    }

    /// When the files were read last that are found to be truncated.
    fn cut(&mut self) -> Vec<u64> {
        let mut cut = Vec::new();
        for file in 0..self.files.len() {
            if !self.files[file].held {
                continue;
            }
            let consumed = self.generations.iter().any(|one| {
                let here = one.copied.unwrap_or(one.file) == file;
                here && !one.finished && one.due > 0 && (one.gone || one.copied.is_some())
            });
            // Of a piece of a line, it is only found out that it became shorter.
            if consumed || self.current(file).bytes.len() < self.files[file].length {
                cut.push(self.files[file].read);
            }
        }
        cut
    }

    /// What came and went since the last look is read, if it is anywhere.
    fn miss_nothing(&mut self, since: u64) {
        for at in 0..self.generations.len() {
            let one = &self.generations[at];
            let file = &self.files[one.file];
            let is_beside = file.name.is_some() && Some(one.file) != self.live && !self.linked;
            let is_known = file.held || (one.opened && one.due > 0);
            if is_beside && !is_known && !one.gone && file.written >= since {
                self.generations[at].finished = false;
                self.read_on(at);
                MISSED.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Read what was left of a generation, if it is anywhere.
    fn read_on(&mut self, at: usize) {
        let generation = &mut self.generations[at];
        let file = &mut self.files[generation.file];
        if file.name.is_none() {
            return;
        }
        generation.opened = true;
        // From now on it is known by that place.
        generation.home = true;
        if file.packed {
            generation.due = generation.bytes.len();
            generation.finished = true;
        } else {
            file.held = true;
        }
    }

    /// What a start makes of what it finds.
    fn resolve(&mut self) {
        let is_live = |one: &Generation| Some(one.file) == self.live;
        // Without a name like the live file's, only an inode leads to it.
        let known_inode = |one: &Generation| {
            let mut others = self.generations.iter().filter(|other| other.file == one.file);
            one.home && others.any(|other| other.opened && !other.finished)
        };
        let here = |one: &Generation| {
            let named = !one.gone && self.files[one.file].name.is_some();
            named && (!self.linked || is_live(one) || known_inode(one))
        };
        let recognised = |one: &Generation| {
            here(one) && one.opened && (one.due > 0 || (one.home && !one.finished))
        };
        let beside: Vec<usize> = (0..self.generations.len())
            .filter(|at| here(&self.generations[*at]) && !is_live(&self.generations[*at]))
            .collect();
        let age = |at: &usize| self.files[self.generations[*at].file].written;
        let (seen, unseen): (Vec<usize>, Vec<usize>) =
            beside.into_iter().partition(|at| recognised(&self.generations[*at]));
        let seen: Vec<usize> = if self.linked {
            seen.into_iter().filter(|at| !self.generations[*at].finished).collect()
        } else {
            seen
        };
        if self.live.is_none() && seen.is_empty() {
            return; // Nothing is there yet.
        }
        self.resolved = true;
        let newest = seen.iter().map(age).max();
        let live = self
            .live
            .map(|live| self.generations.iter().rev().find(|one| one.file == live).unwrap());
        let is_new = live.is_none_or(|live| !live.opened || live.due == 0);
        let unseen: Vec<usize> = unseen
            .into_iter()
            .filter(|at| is_new && newest.is_some_and(|newest| age(at) > newest))
            .filter(|at| !self.generations[*at].bytes.is_empty())
            .collect();
        for at in &unseen {
            // Given up while it was empty: nothing of it is known.
            self.generations[*at].finished = false;
        }
        for at in seen.into_iter().chain(unseen) {
            if !self.generations[at].finished {
                self.read_on(at);
            }
        }
        // What was not found now is not expected any more.
        for at in 0..self.generations.len() {
            let one = &self.generations[at];
            let held = self.files[one.file].held || Some(one.file) == self.live;
            if one.opened && !held {
                self.generations[at].finished = true;
            }
        }
    }

    /// Files that no path leads to are read for good.
    fn close_left(&mut self) {
        for file in 0..self.files.len() {
            if Some(file) != self.live && std::mem::take(&mut self.files[file].held) {
                let generation = self.current(file);
                if !generation.finished && !generation.gone {
                    generation.due = generation.bytes.len();
                    generation.finished = true;
                }
            }
        }
    }

    fn stop(&mut self) {
        self.rig.stop();
        self.running = false;
        self.led = None;
        self.files.iter_mut().for_each(|file| file.held = false);
        for one in &mut self.generations {
            one.copied = None;
            if let Some(archive) = one.archive.take() {
                one.file = archive;
                one.home = false;
            }
        }
    }

    /// A look that may end with the process after some batches.
    fn look_half(&mut self, batches: usize) {
        self.rig.dies_after = Some(batches);
        self.rig.pass(POLL);
        if self.rig.tail.is_some() {
            self.rig.dies_after = None;
            self.looked();
            return self.hear("after a look");
        }
        KILLS.fetch_add(1, Ordering::Relaxed);
        self.hear("before the kill");
        for one in self.generations.iter_mut().filter(|one| !one.finished) {
            let is_begun = self.rig.store.has_empty(self.files[one.file].inode);
            one.opened |= is_begun;
            // What was missed is known by the place where it was found.
            one.home |= is_begun;
        }
        self.stop();
    }

    fn end(mut self) {
        if !self.running {
            self.act(&Action::Start);
        }
        self.act(&Action::Wait);
        let mut places = BTreeMap::new();
        for (at, one) in self.generations.iter().enumerate() {
            for (number, line) in lines(&one.bytes[..one.due]).enumerate() {
                let line = String::from_utf8_lossy(line).into_owned();
                *self.rig.wrote.entry(line.clone()).or_default() += 1;
                places.insert(line, (at, number));
            }
        }
        self.rig.assert_exact("in the end");
        let mut next = vec![0; self.generations.len()];
        for line in &self.rig.heard {
            let (at, number) = places[line];
            assert_eq!(next[at], number, "in order: {line}");
            next[at] += 1;
        }
        let pending = self.live.map_or(0, |live| {
            let live = self.current(live);
            live.bytes.len() - live.complete()
        });
        assert_eq!(self.rig.progress.pending_bytes, pending as u64);
    }
}

impl Generation {
    fn is_only_a_file(&self) -> bool {
        self.opened && self.due == 0 && self.home && !self.finished
    }

    /// Bytes of complete lines.
    fn complete(&self) -> usize {
        self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

static ACTIONS: AtomicUsize = AtomicUsize::new(0);
static KILLS: AtomicUsize = AtomicUsize::new(0);
static STARTS: AtomicUsize = AtomicUsize::new(0);
/// Generations that came and went between two looks.
static MISSED: AtomicUsize = AtomicUsize::new(0);

#[test]
#[allow(clippy::disallowed_methods, reason = "only the environment can ask for a longer run")]
fn every_line_once_whatever_happens_to_the_files() {
    let cases = std::env::var("TAIL_MODEL_CASES").ok().map(|cases| cases.parse().unwrap());
    let config = Config { failure_persistence: None, ..Config::with_cases(cases.unwrap_or(4000)) };
    let (cases, seed) = (config.cases, config.rng_seed);
    let told = TestRunner::new(config).run(&actions(), |((linked, ahead), actions)| {
        let mut world = World::new(linked, ahead);
        for action in &actions {
            world.act(action);
        }
        ACTIONS.fetch_add(actions.len(), Ordering::Relaxed);
        let starts = actions.iter().filter(|action| matches!(action, Action::Start)).count();
        STARTS.fetch_add(starts, Ordering::Relaxed);
        world.end();
        Ok(())
    });
    if let Err(e) = told {
        panic!("seed {seed:?}: {e}");
    }
    eprintln!(
        "{cases} cases of seed {seed:?}, {} actions, {} restarts, {} kills, \
         {} rotations unseen: 0 lines lost, 0 repeated",
        ACTIONS.load(Ordering::Relaxed),
        STARTS.load(Ordering::Relaxed),
        KILLS.load(Ordering::Relaxed),
        MISSED.load(Ordering::Relaxed)
    );
}
