//! The tail against real files and a manual clock: what rotation, truncation
//! and deletion do to a log, no line may be lost and none counted twice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/need.rs"]
mod need;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tripline::domain::{
    Batch, FaultReason, Item, LineAt, Mono, Observation, Origin, Progress, SourceId, Stamp, Wall,
};
use tripline::source::tail::{POLL, ROTATE_WAIT, UNENDED};
use tripline::source::{LineSink, Resume, SourceSpec, SourceState, Start, Tail, Turn};

/// What all sinks of a rig were given.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    long: Vec<u64>,
    largest_part: usize,
    finished: usize,
}

struct Recorder {
    heard: Arc<Mutex<Heard>>,
    parts: u64,
}

impl LineSink for Recorder {
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        let text = String::from_utf8_lossy(line).trim_start_matches('\0').to_owned();
        if !text.is_empty() {
            self.heard.lock().unwrap().lines.push(text);
        }
        out.items.push(Item { line: at.number, seen: Observation::Ignored { reason: "test" } });
    }
    fn long_part(&mut self, part: &[u8]) {
        let mut heard = self.heard.lock().unwrap();
        heard.largest_part = heard.largest_part.max(part.len());
        self.parts += part.len() as u64;
    }
    fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch) {
        assert_eq!(len, std::mem::take(&mut self.parts), "the parts make up the line");
        self.heard.lock().unwrap().long.push(len);
        out.items.push(Item { line: at.number, seen: Observation::Ignored { reason: "test" } });
    }
    fn finish(&mut self, _: LineAt, _: &mut Batch) {
        self.heard.lock().unwrap().finished += 1;
    }
    fn memo(&self) -> String {
        String::new()
    }
    fn recall(&mut self, _memo: &str) {}
    fn format(&self) -> Option<&str> {
        Some("test")
    }
    fn open_since(&self) -> Option<u64> {
        None
    }
}

/// A directory, a tail that follows `app.log` in it, and a manual clock.
struct Rig {
    dir: tempfile::TempDir,
    tail: Tail,
    now: Stamp,
    heard: Arc<Mutex<Heard>>,
    /// What must be heard in the end, how often.
    wrote: BTreeMap<String, i64>,
    progress: Progress,
    items: usize,
    torn: u64,
    /// Highest line number that passed as backlog.
    backlog: u64,
    next: u64,
}

impl Rig {
    fn new(paths: &[&str]) -> Rig {
        Rig::starting_at(paths, Start::Beginning)
    }

    fn starting_at(paths: &[&str], start: Start) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let for_sinks = Arc::clone(&heard);
        let full = |path: &&str| dir.path().join(path).to_str().unwrap().to_owned();
        let paths = paths.iter().map(full).collect();
        let spec = SourceSpec { name: "test".into(), paths, start, ..SourceSpec::default() };
        let sinks = Box::new(move |_: SourceId, _: &Path| -> Box<dyn LineSink + Send> {
            Box::new(Recorder { heard: Arc::clone(&for_sinks), parts: 0 })
        });
        Rig {
            dir,
            tail: Tail::new(&[(SourceId(3), spec)], sinks, &Resume::Never).unwrap(),
            now: Stamp { mono: Mono(5), wall: Wall::from_secs(1_700_000_000) },
            heard,
            wrote: BTreeMap::new(),
            progress: Progress::default(),
            items: 0,
            torn: 0,
            backlog: 0,
            next: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Open for appending, as a writer does; creates the file.
    fn writer(&self, name: &str) -> File {
        OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap()
    }

    /// Write `count` new lines that must be heard once each.
    fn lines(&mut self, file: &mut File, count: u64) {
        for _ in 0..count {
            let line = self.fresh_line();
            writeln!(file, "{line}").unwrap();
        }
    }

    fn fresh_line(&mut self) -> String {
        self.next += 1;
        let line = format!("line {:06} {}", self.next, "x".repeat((self.next % 7) as usize * 9));
        *self.wrote.entry(line.clone()).or_default() += 1;
        line
    }

    /// Time passes; turns until nothing is left to read.
    fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono.plus(time);
        self.now.wall = self.now.wall.plus(time);
        while self.turn() == Turn::More {}
    }

    /// A look at everything.
    fn settle(&mut self) {
        for _ in 0..5 {
            self.pass(POLL);
        }
    }

    fn turn(&mut self) -> Turn {
        let (progress, items) = (&mut self.progress, &mut self.items);
        let (torn, backlog) = (&mut self.torn, &mut self.backlog);
        self.tail.turn(self.now, &mut |batch| {
            assert_eq!(batch.source, SourceId(3));
            assert!(batch.items.len() <= Batch::FULL);
            *progress = batch.progress;
            *items += batch.items.len();
            if let Some(last) = batch.items.last().filter(|_| batch.origin == Origin::Backlog) {
                *backlog = last.line;
            }
            for item in &batch.items {
                if let Observation::Quarantined { reason: FaultReason::Torn, len, .. } = item.seen {
                    *torn += len;
                }
            }
            batch
        })
    }

    fn state(&self) -> SourceState {
        self.tail.statuses()[0].state
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().lines.clone()
    }

    /// The end of every story: each line heard exactly once, none pending.
    fn assert_exact(&mut self, story: &str) {
        self.settle();
        self.pass(ROTATE_WAIT);
        self.settle();
        let mut balance = self.wrote.clone();
        for line in self.heard() {
            *balance.entry(line).or_default() -= 1;
        }
        balance.retain(|_, count| *count != 0);
        let lost = balance.values().filter(|count| **count > 0).count();
        let repeated = balance.values().filter(|count| **count < 0).count();
        assert_eq!(
            (lost, repeated),
            (0, 0),
            "{story}: lost, repeated; {:?} {:?}",
            balance.iter().take(5),
            self.progress
        );
        assert_eq!(self.items as u64, self.progress.lines, "{story}: each line says one thing");
        assert_eq!(self.progress.bytes_behind, 0, "{story}");
        assert_ne!(self.state(), SourceState::CatchingUp, "{story}");
    }
}

/// Tell a story of faults over `app.log` that already has some lines, read.
fn check(story: &str, tell: impl FnOnce(&mut Rig, File)) {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    assert_eq!(rig.heard().len(), 50, "{story}");
    tell(&mut rig, writer);
    rig.assert_exact(story);
}

#[test]
fn rename_and_create_with_late_writes_to_the_old_file() {
    check("rename_create", |rig, mut writer| {
        for round in 0..8 {
            fs::rename(rig.path("app.log"), rig.path(&format!("app.log.{round}"))).unwrap();
            rig.lines(&mut writer, 3);
            let mut fresh = rig.writer("app.log");
            rig.lines(&mut fresh, 20);
            rig.settle();
            rig.lines(&mut writer, 10);
            rig.lines(&mut fresh, 5);
            rig.settle();
            writer = fresh;
        }
    });
}

#[test]
fn rotated_before_it_was_ever_looked_at_again() {
    check("unread at rotation", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        let mut fresh = rig.writer("app.log");
        rig.lines(&mut fresh, 20);
    });
}

#[test]
fn copytruncate_reads_the_unread_rest_from_the_copy() {
    check("copytruncate", |rig, mut writer| {
        for round in 0..6 {
            rig.lines(&mut writer, 10);
            fs::copy(rig.path("app.log"), rig.path(&format!("app.log.{round}"))).unwrap();
            writer.set_len(0).unwrap();
            rig.lines(&mut writer, 1 + round * 40);
            rig.settle();
            rig.lines(&mut writer, 10);
        }
    });
}

#[test]
fn copytruncate_of_what_was_read_counts_nothing_twice() {
    check("copytruncate, all read", |rig, mut writer| {
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.settle();
        writer.set_len(0).unwrap();
        rig.settle();
        rig.lines(&mut writer, 90);
    });
}

#[test]
fn truncated_in_place_and_grown_longer_between_two_looks() {
    check("truncate_longer", |rig, mut writer| {
        writer.set_len(0).unwrap();
        rig.lines(&mut writer, 200);
    });
}

#[test]
fn a_new_generation_may_start_with_the_same_first_line() {
    check("same_first_line", |rig, mut writer| {
        let first = rig.heard()[0].clone();
        writer.set_len(0).unwrap();
        writeln!(writer, "{first}").unwrap();
        *rig.wrote.entry(first).or_default() += 1;
        rig.lines(&mut writer, 90);
    });
}

#[test]
fn an_inode_given_out_again_is_a_new_file() {
    check("inode_reuse", |rig, writer| {
        drop(writer);
        for _ in 0..4 {
            fs::remove_file(rig.path("app.log")).unwrap();
            rig.settle();
            rig.pass(ROTATE_WAIT); // The old file is closed: its inode is free.
            rig.settle();
            let mut fresh = rig.writer("app.log");
            rig.lines(&mut fresh, 90);
            rig.settle();
        }
    });
}

#[test]
fn file_and_directory_may_appear_later() {
    let mut rig = Rig::new(&["in/deep/app.log", "more"]);
    rig.settle();
    assert_eq!(rig.state(), SourceState::Waiting);
    fs::create_dir_all(rig.path("in/deep")).unwrap();
    fs::create_dir(rig.path("more")).unwrap();
    rig.settle();
    let mut writer = rig.writer("in/deep/app.log");
    rig.lines(&mut writer, 50);
    let mut writer = rig.writer("more/a.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    assert_eq!(rig.state(), SourceState::Live);
    assert_eq!(rig.heard().len(), 100, "picked up within a second or so");
    rig.assert_exact("appears_later");
}

#[test]
fn a_partial_line_waits_for_its_end() {
    check("partial_line", |rig, mut writer| {
        let line = rig.fresh_line();
        let (head, tail) = line.split_at(8);
        write!(writer, "{head}").unwrap();
        rig.settle();
        assert_eq!(rig.heard().len(), 50);
        assert_eq!(rig.progress.pending_bytes, 8);
        rig.pass(ROTATE_WAIT * 2);
        writeln!(writer, "{tail}").unwrap();
        rig.settle();
        assert_eq!(rig.progress.pending_bytes, 0);
    });
}

#[test]
fn a_whole_document_needs_no_newline() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 2);
    write!(writer, "{{\"a\":{{\"b\":\"}}\"}}").unwrap();
    rig.settle();
    rig.pass(UNENDED);
    assert_eq!(rig.heard().len(), 2, "a brace is missing");
    write!(writer, "}}").unwrap();
    rig.settle();
    assert_eq!(rig.heard().len(), 2, "it may still be being written");
    rig.pass(UNENDED);
    assert_eq!(rig.heard()[2..], ["{\"a\":{\"b\":\"}\"}}"]);
    assert_eq!(rig.progress.pending_bytes, 0);
    // Whatever follows is the next line, if only an empty one.
    writeln!(writer).unwrap();
    rig.lines(&mut writer, 1);
    rig.settle();
    assert_eq!((rig.heard().len(), rig.progress.blank), (4, 1));
    let size = fs::metadata(rig.path("app.log")).unwrap().len();
    assert_eq!(rig.progress.bytes, size);
}

#[test]
fn a_document_that_was_there_is_not_new() {
    let mut rig = Rig::starting_at(&["app.log"], Start::End);
    let mut writer = rig.writer("app.log");
    write!(writer, "line\n{{\"a\":1}}").unwrap();
    rig.settle();
    rig.pass(UNENDED);
    assert_eq!(rig.heard(), [""; 0]);
    writeln!(writer).unwrap();
    rig.lines(&mut writer, 1);
    rig.settle();
    assert_eq!(rig.heard().len(), 1);
}

#[test]
fn the_last_line_before_a_rotation_may_lack_its_newline() {
    check("no_newline_rotate", |rig, mut writer| {
        let line = rig.fresh_line();
        write!(writer, "{line}").unwrap();
        rig.settle();
        fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        let mut fresh = rig.writer("app.log");
        rig.lines(&mut fresh, 5);
        rig.settle();
        assert_eq!(rig.heard().len(), 55, "it may still be being written");
        assert_eq!(rig.progress.pending_bytes, line.len() as u64);
    });
}

#[test]
fn a_link_that_moves_on_is_followed_and_its_old_target_drained() {
    let mut rig = Rig::new(&["current.log"]);
    let mut old = rig.writer("0.log");
    symlink(rig.path("0.log"), rig.path("current.log")).unwrap();
    rig.lines(&mut old, 50);
    rig.settle();
    for round in 1..7 {
        let target = format!("{round}.log");
        let mut fresh = rig.writer(&target);
        rig.lines(&mut old, 30);
        rig.lines(&mut fresh, 30);
        symlink(rig.path(&target), rig.path("swap")).unwrap();
        fs::rename(rig.path("swap"), rig.path("current.log")).unwrap();
        rig.lines(&mut old, 30);
        rig.settle();
        rig.lines(&mut old, 5);
        old = fresh;
    }
    rig.assert_exact("symlink_swap");
}

#[test]
fn a_link_that_moves_on_twice_between_two_looks_hides_nothing() {
    for (first, second, third) in [
        ("9.log", "10.log", "11.log"),
        ("a-2026-11-30.log", "a-2026-12-01.log", "a-2026-12-02.log"),
    ] {
        let mut rig = Rig::new(&["current.log"]);
        // They were there before, and are another's.
        let mut before = rig.writer("7.log");
        before.write_all(b"no line of ours\n").unwrap();
        before.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9)).unwrap();
        let mut writer = rig.writer(first);
        symlink(rig.path(first), rig.path("current.log")).unwrap();
        rig.lines(&mut writer, 50);
        rig.settle();
        for target in [second, third] {
            rig.lines(&mut writer, 30);
            writer = rig.writer(target);
            rig.lines(&mut writer, 30);
            symlink(rig.path(target), rig.path("swap")).unwrap();
            fs::rename(rig.path("swap"), rig.path("current.log")).unwrap();
        }
        rig.writer("b-2026-12-02.log").write_all(b"no line of ours\n").unwrap();
        rig.assert_exact(third);
    }
}

#[test]
fn a_file_reached_by_two_paths_counts_once_even_when_the_link_moves_on() {
    let mut rig = Rig::new(&["*.log"]);
    let mut first = rig.writer("app-1.log");
    symlink(rig.path("app-1.log"), rig.path("a-current.log")).unwrap();
    rig.lines(&mut first, 50);
    rig.settle();
    let mut second = rig.writer("app-2.log");
    rig.lines(&mut second, 50);
    symlink(rig.path("app-2.log"), rig.path("swap")).unwrap();
    fs::rename(rig.path("swap"), rig.path("a-current.log")).unwrap();
    rig.settle();
    rig.pass(ROTATE_WAIT);
    rig.lines(&mut first, 5);
    rig.lines(&mut second, 5);
    rig.assert_exact("alias");
}

#[test]
fn unlinked_while_we_are_behind() {
    check("unlinked_behind", |rig, mut writer| {
        rig.lines(&mut writer, 40_000);
        rig.turn();
        assert!(rig.heard().len() < 40_000, "still behind");
        fs::remove_file(rig.path("app.log")).unwrap();
        rig.settle();
        assert_eq!(rig.state(), SourceState::Waiting);
        rig.lines(&mut writer, 10);
    });
}

#[test]
fn a_hole_of_nuls_before_a_line() {
    check("nul_hole", |rig, writer| {
        let end = fs::metadata(rig.path("app.log")).unwrap().len();
        drop(writer);
        let plain = OpenOptions::new().write(true).open(rig.path("app.log")).unwrap();
        plain.set_len(0).unwrap();
        rig.settle();
        let line = rig.fresh_line();
        plain.write_at(format!("{line}\n").as_bytes(), end + 4096).unwrap();
    });
}

#[test]
fn a_directory_deleted_and_made_again() {
    let mut rig = Rig::new(&["in/app.log"]);
    fs::create_dir(rig.path("in")).unwrap();
    for _ in 0..3 {
        let mut writer = rig.writer("in/app.log");
        rig.lines(&mut writer, 50);
        rig.settle();
        rig.lines(&mut writer, 7);
        fs::remove_dir_all(rig.path("in")).unwrap();
        rig.settle();
        assert_eq!(rig.state(), SourceState::Waiting);
        fs::create_dir(rig.path("in")).unwrap();
    }
    rig.assert_exact("directory_recreated");
}

#[test]
fn the_path_may_be_something_else_for_a_while() {
    check("replaced by a directory", |rig, mut writer| {
        fs::rename(rig.path("app.log"), rig.path("aside")).unwrap();
        fs::create_dir(rig.path("app.log")).unwrap();
        rig.lines(&mut writer, 5);
        rig.settle();
        fs::remove_dir(rig.path("app.log")).unwrap();
        fs::rename(rig.path("aside"), rig.path("app.log")).unwrap();
        rig.settle();
        assert_eq!(rig.state(), SourceState::Live);
        rig.lines(&mut writer, 5);
    });
}

#[test]
fn a_rewritten_copy_in_the_place_of_the_file_is_read_on() {
    check("cp and mv over", |rig, writer| {
        drop(writer);
        fs::copy(rig.path("app.log"), rig.path("edit")).unwrap();
        fs::rename(rig.path("edit"), rig.path("app.log")).unwrap();
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 5);
    });
}

#[test]
fn rewritten_to_the_very_same_size() {
    check("same_size", |rig, mut writer| {
        let size = fs::metadata(rig.path("app.log")).unwrap().len();
        // Past the tick of the file system's clock, for there is nothing else to see.
        let before = fs::metadata(rig.path("app.log")).unwrap().modified().unwrap();
        writer.set_len(0).unwrap();
        let line = "y".repeat(usize::try_from(size).unwrap() - 1);
        writeln!(writer, "{line}").unwrap();
        rig.wrote.insert(line, 1);
        writer.set_modified(before + Duration::from_secs(1)).unwrap();
    });
}

#[test]
fn moved_away_for_long_and_back_is_read_on() {
    check("moved back", |rig, mut writer| {
        fs::rename(rig.path("app.log"), rig.path("aside")).unwrap();
        rig.settle();
        rig.pass(ROTATE_WAIT);
        assert_eq!(rig.tail.statuses()[0].files, 0, "closed");
        rig.lines(&mut writer, 5);
        fs::rename(rig.path("aside"), rig.path("app.log")).unwrap();
        rig.settle();
        rig.lines(&mut writer, 5);
    });
}

#[test]
fn a_sibling_that_only_ends_alike_is_no_copy() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    let alike = "the same line\n".repeat(100);
    write!(writer, "ours\n{alike}").unwrap();
    rig.settle();
    fs::write(rig.path("app.log.1"), format!("them\n{alike}not ours\n")).unwrap();
    writer.set_len(0).unwrap();
    rig.wrote.insert("ours".into(), 1);
    // It was made since the last look, so it is a generation of its own.
    rig.wrote.insert("them".into(), 1);
    rig.wrote.insert("not ours".into(), 1);
    rig.wrote.insert("the same line".into(), 200);
    rig.lines(&mut writer, 3);
    rig.assert_exact("alike");
}

#[test]
fn a_sibling_that_is_followed_itself_is_not_read_twice() {
    let mut rig = Rig::new(&["app.log", "app.log.1"]);
    let mut writer = rig.writer("app.log");
    writeln!(writer, "in both").unwrap();
    let mut copy = rig.writer("app.log.1");
    writeln!(copy, "in both").unwrap();
    rig.wrote.insert("in both".into(), 2);
    rig.settle();
    rig.lines(&mut copy, 3);
    writer.set_len(0).unwrap();
    rig.assert_exact("followed sibling");
}

#[test]
fn a_torn_line_is_quarantined_once_and_its_bytes_are_accounted_for() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 3);
    write!(writer, "half a li").unwrap();
    rig.settle();
    let first = fs::metadata(rig.path("app.log")).unwrap().len();
    writer.set_len(0).unwrap();
    rig.lines(&mut writer, 2);
    rig.assert_exact("torn");
    assert_eq!(rig.torn, 9);
    let second = fs::metadata(rig.path("app.log")).unwrap().len();
    assert_eq!(rig.progress.bytes, first + second);
    assert_eq!(rig.progress.lines, 6);
}

#[test]
fn starting_at_the_end_takes_only_what_comes_then() {
    let mut rig = Rig::starting_at(&["app.log"], Start::End);
    let mut writer = rig.writer("app.log");
    write!(writer, "old\nold\nhalf").unwrap();
    rig.settle();
    assert_eq!(rig.progress.pending_bytes, 4);
    writeln!(writer, " and half").unwrap();
    rig.wrote.insert("half and half".into(), 1);
    rig.lines(&mut writer, 5);
    rig.settle();
    fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    let mut fresh = rig.writer("app.log");
    rig.lines(&mut fresh, 5);
    rig.assert_exact("start = end");
}

#[test]
fn backlog_is_marked_until_it_is_read_and_every_byte_is_in_one_place() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 20_000);
    writeln!(writer, "\n \t\r").unwrap();
    write!(writer, "rest").unwrap();
    let size = fs::metadata(rig.path("app.log")).unwrap().len();
    assert_eq!(rig.turn(), Turn::More);
    assert_eq!(rig.state(), SourceState::CatchingUp);
    let p = rig.progress;
    assert_eq!(p.bytes + p.pending_bytes + p.bytes_behind, size);
    rig.settle();
    let p = rig.progress;
    assert_eq!((p.blank, p.pending_bytes, rig.state()), (2, 4, SourceState::Live));
    assert_eq!(p.bytes + p.pending_bytes, size);
}

#[test]
fn a_fresh_line_never_passes_for_backlog() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 8000);
    assert_eq!(rig.turn(), Turn::More);
    rig.lines(&mut writer, 5);
    rig.assert_exact("fresh");
    assert_eq!(rig.backlog, 8000);
}

#[test]
fn a_lone_line_leaves_at_once_and_a_huge_file_does_not_delay_a_small_one() {
    let mut rig = Rig::new(&["huge.log", "small.log"]);
    let mut huge = rig.writer("huge.log");
    rig.lines(&mut huge, 40_000);
    let mut small = rig.writer("small.log");
    rig.turn();
    writeln!(small, "me").unwrap();
    assert_eq!(rig.turn(), Turn::More);
    assert!(rig.heard().contains(&"me".to_owned()));
}

#[test]
fn what_is_no_file_is_left_out_with_one_problem_and_nothing_hangs() {
    let mut rig = Rig::new(&["in/*"]);
    fs::create_dir_all(rig.path("in/dir")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        rig.path("in/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    symlink("loop", rig.path("in/loop")).unwrap();
    symlink("nowhere", rig.path("in/dangling")).unwrap();
    let mut writer = rig.writer("in/app.log");
    rig.lines(&mut writer, 5);
    rig.writer("in/app.log.1").write_all(b"rotated\n").unwrap();
    rig.writer("in/app.log.2.gz").write_all(b"packed\n").unwrap();
    rig.assert_exact("no files");
    let status = &rig.tail.statuses()[0];
    assert_eq!(status.state, SourceState::Live);
    assert!(status.problem.as_deref().is_some_and(|p| p.contains("left out")), "{status:?}");
    assert_eq!(status.format.as_deref(), Some("test"));
}

#[test]
fn a_pipe_given_by_name_is_refused_in_words() {
    let mut rig = Rig::new(&["pipe"]);
    let mode = rustix::fs::Mode::RUSR;
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, rig.path("pipe"), kind, mode, 0).unwrap();
    rig.settle();
    assert_eq!(rig.state(), SourceState::Error);
    let problem = rig.tail.statuses()[0].problem.clone().unwrap();
    assert!(problem.contains("a named pipe, not a regular file"), "{problem}");
}

#[test]
fn a_line_of_many_megabytes_streams_through_a_bounded_buffer() {
    check("long line", |rig, mut writer| {
        for step in 0..8 {
            writer.write_all(&vec![b'a' + step; 1 << 20]).unwrap();
            rig.settle();
        }
        writer.write_all(b"\n").unwrap();
        rig.lines(&mut writer, 3);
        rig.settle();
        let middling = "m".repeat(900_000);
        writeln!(writer, "{middling}").unwrap();
        rig.wrote.insert(middling, 1);
        rig.settle();
        let heard = rig.heard.lock().unwrap();
        assert_eq!(heard.long, [8 << 20]);
        assert!(heard.largest_part <= tripline::source::BLOCK);
        assert_eq!(rig.progress.pending_bytes, 0);
    });
}

#[test]
fn rotation_inside_a_pattern() {
    let mut rig = Rig::new(&["*.log"]);
    let mut writer = rig.writer("app.log");
    for round in 0..6 {
        rig.lines(&mut writer, 20);
        rig.settle();
        rig.lines(&mut writer, 5);
        for old in (0..round).rev() {
            let (from, to) = (format!("app-{old}.log"), format!("app-{}.log", old + 1));
            fs::rename(rig.path(&from), rig.path(&to)).unwrap();
        }
        fs::rename(rig.path("app.log"), rig.path("app-0.log")).unwrap();
        rig.lines(&mut writer, 5);
        if round % 2 == 1 {
            rig.pass(ROTATE_WAIT);
        }
        writer = rig.writer("app.log");
    }
    rig.assert_exact("rotation inside a pattern");
}

#[test]
fn rotated_copies_named_by_hand_count_once() {
    let mut rig = Rig::new(&["app.log", "app.log.1", "app.log.2"]);
    let mut writer = rig.writer("app.log");
    let mut older = rig.writer("app.log.1");
    rig.lines(&mut older, 30);
    for _ in 0..4 {
        rig.lines(&mut writer, 20);
        rig.settle();
        rig.lines(&mut writer, 5);
        fs::rename(rig.path("app.log.1"), rig.path("app.log.2")).unwrap();
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        writer.set_len(0).unwrap();
        rig.lines(&mut writer, 5);
        rig.settle();
        rig.pass(ROTATE_WAIT);
    }
    for _ in 0..3 {
        rig.lines(&mut writer, 20);
        fs::rename(rig.path("app.log.1"), rig.path("app.log.2")).unwrap();
        fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        writer = rig.writer("app.log");
        rig.settle();
        rig.pass(ROTATE_WAIT);
    }
    rig.assert_exact("named by hand");
}

/// `gw-2` is no earlier part of `gw`.
#[test]
fn logs_of_numbered_instances_are_read_when_they_appear_and_after_their_rotation() {
    let mut rig = Rig::new(&["gw", "gw-2"]);
    let mut first = rig.writer("gw");
    rig.lines(&mut first, 3);
    rig.settle();
    let mut second = rig.writer("gw-2");
    rig.lines(&mut second, 5);
    rig.settle();
    fs::rename(rig.path("gw-2"), rig.path("gw-2.1")).unwrap();
    let mut again = rig.writer("gw-2");
    rig.lines(&mut again, 5);
    rig.settle();
    rig.pass(ROTATE_WAIT);
    rig.assert_exact("numbered instances");
}

#[test]
fn what_was_there_and_forbidden_at_the_first_look_is_not_new_when_it_can_be_read() {
    let mut rig = Rig::starting_at(&["app.log"], Start::End);
    fs::write(rig.path("app.log"), "before\n").unwrap();
    let mut writer = rig.writer("app.log");
    let allow = |rig: &Rig, mode| {
        fs::set_permissions(rig.path("app.log"), fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(&rig, 0o000);
    if File::open(rig.path("app.log")).is_ok() {
        need::skipped("nothing is forbidden to this user");
        return;
    }
    rig.settle();
    assert_eq!(rig.state(), SourceState::Denied);
    rig.lines(&mut writer, 5);
    rig.settle();
    allow(&rig, 0o600);
    rig.settle();
    rig.lines(&mut writer, 5);
    rig.assert_exact("start = end, read late");
}

#[test]
fn permission_lost_and_regained() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    fs::set_permissions(rig.path("app.log"), fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(rig.path("app.log")).is_ok() {
        need::skipped("nothing is forbidden to this user");
        return;
    }
    rig.lines(&mut writer, 5);
    rig.settle();
    assert_eq!(rig.state(), SourceState::Denied);
    let problem = rig.tail.statuses()[0].problem.clone().unwrap();
    assert!(problem.contains("app.log: can't be opened: Permission denied"), "{problem}");
    fs::set_permissions(rig.path("app.log"), fs::Permissions::from_mode(0o600)).unwrap();
    rig.settle();
    assert_eq!(rig.state(), SourceState::Live);
    rig.assert_exact("permission");
}

#[test]
fn a_thousand_rotations_leave_no_open_files() {
    let mut rig = Rig::new(&["app.log"]);
    for _ in 0..1000 {
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 1);
        rig.pass(POLL);
        fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.pass(ROTATE_WAIT);
    }
    rig.pass(ROTATE_WAIT);
    rig.settle();
    assert_eq!(rig.tail.statuses()[0].files, 0);
    rig.assert_exact("1000 rotations");
}
