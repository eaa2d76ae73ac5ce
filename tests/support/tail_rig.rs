//! A tail over a directory, with a ledger that keeps what is committed and
//! forgets what is not: a line counts when its batch was committed.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tripline::domain::{
    Batch, Checkpoint, FaultReason, Generation, Item, LineAt, Mono, Observation, Origin, Progress,
    SourceId, Stamp, Wall,
};
use tripline::source::tail::{POLL, ROTATE_WAIT};
use tripline::source::{Left, LineSink, Resume, SourceSpec, SourceState, Start, Tail, Turn};

/// Keeps checkpoints as their documentation asks for.
#[derive(Default)]
pub struct Store {
    open: HashMap<(u64, u64), Checkpoint>,
    finished: Vec<Checkpoint>,
    /// Whether the source was looked at.
    looked: bool,
}

impl Store {
    fn keep(&mut self, checkpoints: &[Checkpoint]) {
        for checkpoint in checkpoints {
            self.open.remove(&checkpoint.place);
            match checkpoint.progress {
                Generation::Open => drop(self.open.insert(checkpoint.place, checkpoint.clone())),
                Generation::Finished => self.finished.push(checkpoint.clone()),
            }
        }
    }

    pub fn all(&self) -> Vec<Checkpoint> {
        self.finished.iter().chain(self.open.values()).cloned().collect()
    }

    /// Whether a file is kept of which nothing was consumed.
    pub fn has_empty(&self, inode: u64) -> bool {
        self.open.values().any(|open| open.place.1 == inode && open.offset == 0)
    }

    /// The system gives the inode of a file that is gone to another one.
    pub fn give_out_again(&mut self, from: u64, to: u64) {
        for file in self.open.values_mut().filter(|file| file.place.1 == from) {
            file.place.1 = to;
        }
    }

    pub fn open(&self) -> Vec<&Checkpoint> {
        self.open.values().collect()
    }
}

/// Writes each line into the batch, so that it shares the batch's fate. A line
/// `(` opens a record that `)` closes; its lines count when it is closed.
#[derive(Default)]
struct Writer {
    record: Option<(u64, Vec<String>)>,
    count: u64,
    settled: u64,
    long: u64,
}

impl LineSink for Writer {
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        self.count += 1;
        let text = String::from_utf8_lossy(line).trim_start_matches('\0').to_owned();
        match (&mut self.record, text.as_str()) {
            (None, "(") => self.record = Some((at.offset, Vec::new())),
            (Some(_), ")") => {
                for text in self.record.take().map(|(_, lines)| lines).unwrap_or_default() {
                    say(&text, at, out);
                }
            }
            (Some((_, lines)), _) => lines.push(text),
            (None, "") => {}
            (None, _) => say(&text, at, out),
        }
        if self.record.is_none() {
            self.settled = self.count;
        }
    }
    fn long_part(&mut self, part: &[u8]) {
        self.long += part.len() as u64;
    }
    fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch) {
        assert_eq!(len, std::mem::take(&mut self.long));
        say(&format!("long {len}"), at, out);
    }
    fn finish(&mut self, at: LineAt, out: &mut Batch) {
        for text in self.record.take().map(|(_, lines)| lines).unwrap_or_default() {
            say(&text, at, out);
        }
    }
    fn format(&self) -> Option<&str> {
        Some("test")
    }
    fn open_since(&self) -> Option<u64> {
        self.record.as_ref().map(|(since, _)| *since)
    }
    fn memo(&self) -> String {
        self.settled.to_string()
    }
    fn recall(&mut self, memo: &str) {
        self.count = memo.parse().unwrap();
        self.settled = self.count;
    }
}

/// The lines of a batch.
fn texts(batch: &Batch) -> impl Iterator<Item = String> {
    batch.items.iter().filter_map(|item| match item.seen {
        Observation::Fault { what, .. } => {
            Some(String::from_utf8_lossy(batch.text_of(what)).into_owned())
        }
        _ => None,
    })
}

fn say(text: &str, at: LineAt, out: &mut Batch) {
    let what = out.keep_text(text.as_bytes());
    let seen = Observation::Fault { reason: FaultReason::NotJson, what };
    out.items.push(Item { line: at.number, seen });
}

pub struct Rig {
    pub dir: tempfile::TempDir,
    pub spec: SourceSpec,
    pub tail: Option<Tail>,
    pub now: Stamp,
    pub store: Store,
    /// What sources have left that are no more.
    pub left_by_others: Vec<Checkpoint>,
    pub heard: Vec<String>,
    /// What this run has heard ahead of its turn, and in its turn.
    pub ahead: HashSet<String>,
    pub again: HashSet<String>,
    /// Bytes of the past beyond which the present is read ahead.
    pub ahead_beyond: u64,
    /// Line numbers, as heard.
    pub numbers: Vec<u64>,
    /// What must be heard in the end, how often.
    pub wrote: BTreeMap<String, i64>,
    pub progress: Progress,
    pub torn: u64,
    pub quarantined: Vec<FaultReason>,
    /// Batches until the process dies.
    pub dies_after: Option<usize>,
    pub next: u64,
}

impl Rig {
    /// Follow these paths in a fresh directory, from the start of time.
    pub fn new(paths: &[&str]) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let full = |path: &&str| dir.path().join(path).to_str().unwrap().to_owned();
        let paths = paths.iter().map(full).collect();
        let spec = SourceSpec { name: "test".into(), paths, ..SourceSpec::default() };
        let mut rig = Rig {
            dir,
            spec,
            tail: None,
            now: Stamp { mono: Mono(5), wall: Wall::from_secs(1_700_000_000) },
            store: Store::default(),
            left_by_others: Vec::new(),
            heard: Vec::new(),
            ahead: HashSet::new(),
            again: HashSet::new(),
            ahead_beyond: 0,
            numbers: Vec::new(),
            wrote: BTreeMap::new(),
            progress: Progress::default(),
            torn: 0,
            quarantined: Vec::new(),
            dies_after: None,
            next: 0,
        };
        rig.start();
        rig
    }

    pub fn start_at_end(&mut self) {
        self.spec.start = Start::End;
        self.start();
    }

    /// Begin anew with what was committed.
    pub fn start(&mut self) {
        let sinks = Box::new(|_: SourceId, _: &Path| -> Box<dyn LineSink + Send> {
            Box::new(Writer::default())
        });
        let sources = self.store.looked.then(|| self.spec.name.clone()).into_iter().collect();
        let checkpoints = [self.left_by_others.clone(), self.store.all()].concat();
        let resume = Resume::From(Left { checkpoints, sources });
        let sources = [(SourceId(3), self.spec.clone())];
        self.progress = Progress::default();
        self.dies_after = None;
        let tail = Tail::new(&sources, sinks, &resume).unwrap();
        self.tail = Some(tail.reading_ahead_beyond(self.ahead_beyond));
        self.ahead.clear();
        self.again.clear();
    }

    pub fn stop(&mut self) {
        self.tail = None;
    }

    pub fn tail(&self) -> &Tail {
        self.tail.as_ref().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Open for appending, as a writer does; creates the file.
    pub fn writer(&self, name: &str) -> File {
        OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap()
    }

    /// Write `count` new lines that must be heard once each.
    pub fn lines(&mut self, file: &mut File, count: u64) {
        for _ in 0..count {
            let line = self.fresh_line();
            writeln!(file, "{line}").unwrap();
        }
    }

    pub fn fresh_line(&mut self) -> String {
        self.next += 1;
        let line = format!("line {:06} {}", self.next, "x".repeat((self.next % 7) as usize * 9));
        *self.wrote.entry(line.clone()).or_default() += 1;
        line
    }

    pub fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono.plus(time);
        self.now.wall = self.now.wall.plus(time);
        while self.turn() == Turn::More {}
    }

    /// A look at everything.
    pub fn settle(&mut self) {
        for _ in 0..5 {
            self.pass(POLL);
        }
    }

    /// One turn; what the process had not committed when it died is forgotten.
    pub fn turn(&mut self) -> Turn {
        let Some(mut tail) = self.tail.take() else { return Turn::Idle };
        let turn = tail.turn(self.now, &mut |batch| {
            match &mut self.dies_after {
                Some(0) => return batch,
                Some(left) => *left -= 1,
                None => {}
            }
            assert_eq!(batch.source, SourceId(3));
            if batch.origin == Origin::Ahead {
                assert!(batch.checkpoints.is_empty(), "what is read ahead is read again");
                let progress = Progress { bytes_behind: 0, ..batch.progress };
                assert_eq!(progress, Progress { bytes_behind: 0, ..self.progress });
                for text in texts(&batch) {
                    assert!(self.ahead.insert(text.clone()), "twice ahead: {text}");
                }
                return batch;
            }
            if batch.origin == Origin::Again {
                for text in texts(&batch) {
                    assert!(self.ahead.contains(&text), "not ahead: {text}");
                    self.again.insert(text);
                }
            }
            let mut places: Vec<_> =
                batch.checkpoints.iter().map(|c| (c.place, c.progress, c.offset)).collect();
            places.sort_by_key(|(place, progress, offset)| (*place, *progress as u8, *offset));
            let before = places.len();
            places.dedup();
            assert_eq!(before, places.len(), "each state of a file is said once per batch");
            self.store.keep(&batch.checkpoints);
            self.progress = batch.progress;
            for item in &batch.items {
                match item.seen {
                    Observation::Fault { what, .. } => {
                        self.heard.push(String::from_utf8_lossy(batch.text_of(what)).into_owned());
                        self.numbers.push(item.line);
                    }
                    Observation::Quarantined { reason: FaultReason::Torn, len, .. } => {
                        self.torn += len;
                    }
                    Observation::Quarantined { reason, .. } => self.quarantined.push(reason),
                    _ => {}
                }
            }
            batch
        });
        if self.dies_after == Some(0) {
            return Turn::Idle;
        }
        self.store.looked = true;
        self.tail = Some(tail);
        turn
    }

    /// Lines lost and lines repeated so far.
    pub fn balance(&self) -> (usize, usize, Vec<(String, i64)>) {
        let mut balance = self.wrote.clone();
        for line in &self.heard {
            *balance.entry(line.clone()).or_default() -= 1;
        }
        balance.retain(|_, count| *count != 0);
        let lost = balance.values().filter(|count| **count > 0).count();
        let repeated = balance.values().filter(|count| **count < 0).count();
        (lost, repeated, balance.into_iter().take(6).collect())
    }

    /// The end of every story: each line heard exactly once.
    #[track_caller]
    pub fn assert_exact(&mut self, story: &str) {
        self.settle();
        self.pass(ROTATE_WAIT);
        self.settle();
        let (lost, repeated, some) = self.balance();
        assert_eq!((lost, repeated), (0, 0), "{story}: lost, repeated; {some:?}");
        assert_eq!(self.progress.bytes_behind, 0, "{story}");
        assert_ne!(
            self.tail.as_ref().unwrap().statuses()[0].state,
            SourceState::CatchingUp,
            "{story}"
        );
    }
}

/// Rename away as logrotate does, the oldest first; gives the new file.
pub fn rotate(rig: &Rig) -> File {
    for at in (1..9).rev() {
        for ending in ["", ".gz"] {
            let from = rig.path(&format!("app.log.{at}{ending}"));
            if from.exists() {
                fs::rename(from, rig.path(&format!("app.log.{}{ending}", at + 1))).unwrap();
            }
        }
    }
    fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    rig.writer("app.log")
}

/// As `gzip` does: the same content and time of change, and the original goes.
pub fn gzip(rig: &Rig, name: &str) {
    let from = rig.path(name);
    let to = File::create(rig.path(&format!("{name}.gz"))).unwrap();
    let mut to = GzEncoder::new(to, Compression::fast());
    to.write_all(&fs::read(&from).unwrap()).unwrap();
    let to = to.finish().unwrap();
    to.set_modified(fs::metadata(&from).unwrap().modified().unwrap()).unwrap();
    fs::remove_file(from).unwrap();
}
