//! The present of a file is heard while its past is still being read, and once more in its
//! turn: whatever happens meanwhile, each line is counted once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use tail_rig::{Rig, gzip, rotate};
use tripline::source::tail::POLL;
use tripline::source::{SourceState, Turn};

/// Lines of a backlog that takes many turns.
const PAST: u64 = 60_000;

/// `app.log` was read in part by an earlier run, and has a long backlog now.
fn behind(ahead_beyond: u64) -> (Rig, File) {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    rig.stop();
    rig.lines(&mut writer, PAST);
    rig.ahead_beyond = ahead_beyond;
    rig.start();
    look(&mut rig);
    (rig, writer)
}

/// One turn, with a look at the paths.
fn look(rig: &mut Rig) -> Turn {
    rig.now.mono = rig.now.mono.plus(POLL);
    rig.now.wall = rig.now.wall.plus(POLL);
    rig.turn()
}

/// A line is written and heard within some turns, but is in no sum yet.
#[track_caller]
fn is_heard_ahead(rig: &mut Rig, writer: &mut File) -> String {
    let line = rig.fresh_line();
    writeln!(writer, "{line}").unwrap();
    look(rig);
    if !rig.ahead.contains(&line) {
        look(rig); // What comes first to an empty file makes the tail look around.
    }
    assert!(rig.ahead.contains(&line), "{} of the past are heard", rig.heard.len());
    assert_eq!(rig.tail().statuses()[0].state, SourceState::CatchingUp);
    assert!(!rig.heard.contains(&line));
    line
}

#[test]
fn what_comes_behind_a_backlog_is_heard_at_once_and_known_again_in_its_turn() {
    let (mut rig, mut writer) = behind(0);
    let mut fresh: Vec<String> = (0..3).map(|_| is_heard_ahead(&mut rig, &mut writer)).collect();
    assert_eq!(rig.ahead.len(), 3, "nothing of the past is");
    rig.assert_exact("in the end");
    fresh.sort();
    let mut again: Vec<String> = rig.again.iter().cloned().collect();
    again.sort();
    assert_eq!(again, fresh);
    // From here on it is read as it comes.
    rig.lines(&mut writer, 1);
    rig.assert_exact("later");
    assert_eq!((rig.ahead.len(), rig.again.len()), (3, 3));
    assert_eq!(rig.numbers.last(), Some(&(PAST + 54)), "lines are numbered as they stand");
}

#[test]
fn a_short_backlog_is_read_without_ado() {
    let (mut rig, mut writer) = behind(16 << 20);
    rig.lines(&mut writer, 3);
    look(&mut rig);
    assert!(rig.ahead.is_empty());
    rig.assert_exact("in the end");
    assert!(rig.again.is_empty());
}

#[test]
fn a_line_half_of_which_was_there_is_heard_whole() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, PAST);
    let (half, line) = (rig.fresh_line(), rig.fresh_line());
    writer.write_all(&half.as_bytes()[..5]).unwrap();
    rig.start();
    look(&mut rig);
    write!(writer, "{}\n{line}\n", &half[5..]).unwrap();
    look(&mut rig);
    assert!(rig.ahead.contains(&half) && rig.ahead.contains(&line), "{:?}", rig.ahead);
    rig.assert_exact("in the end");
    assert_eq!(rig.again, rig.ahead);
}

/// Where no line can be seen to begin, none is heard in part.
#[test]
fn a_line_too_long_to_look_back_over_is_heard_in_its_turn() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, PAST);
    writer.write_all(&vec![b'x'; 700_000]).unwrap();
    rig.start();
    look(&mut rig);
    let line = rig.fresh_line();
    write!(writer, "{}\n{line}\n", "x".repeat(700_000)).unwrap();
    *rig.wrote.entry("long 1400000".to_owned()).or_default() += 1;
    for _ in 0..4 {
        look(&mut rig);
    }
    assert_eq!(rig.ahead.iter().collect::<Vec<_>>(), [&line]);
    rig.assert_exact("in the end");
    assert_eq!(rig.again, rig.ahead, "what was passed over is new in its turn");
}

/// After a restart what was rotated is read first, and the log that is written to waits.
#[test]
fn what_waits_for_an_older_generation_is_heard_at_once() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    rig.stop();
    rig.lines(&mut writer, PAST);
    let mut writer = rotate(&rig);
    rig.lines(&mut writer, 2);
    rig.start();
    look(&mut rig);
    is_heard_ahead(&mut rig, &mut writer);
    // It is rotated itself before its turn.
    let mut newest = rotate(&rig);
    look(&mut rig);
    is_heard_ahead(&mut rig, &mut newest);
    is_heard_ahead(&mut rig, &mut writer);
    rig.assert_exact("in the end");
    assert_eq!(rig.again, rig.ahead);
    assert_eq!(rig.ahead.len(), 3);
    assert_eq!(rig.tail().statuses()[0].findings, [], "it grew while it waited, and was not cut");
}

#[test]
fn a_rotation_meanwhile_hides_nothing() {
    let (mut rig, mut old) = behind(0);
    is_heard_ahead(&mut rig, &mut old);
    let mut new = rotate(&rig);
    is_heard_ahead(&mut rig, &mut old);
    let line = rig.fresh_line();
    writeln!(new, "{line}").unwrap();
    look(&mut rig);
    assert!(rig.heard.contains(&line), "nothing of the new file is old");
    rig.assert_exact("in the end");
    assert_eq!(rig.again.len(), 2);
}

/// Of what was copied away the end was heard, and it is not heard of as new.
#[test]
fn copied_and_cut_meanwhile() {
    let (mut rig, mut writer) = behind(0);
    is_heard_ahead(&mut rig, &mut writer);
    fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    writer.set_len(0).unwrap();
    let line = rig.fresh_line();
    writeln!(writer, "{line}").unwrap();
    look(&mut rig);
    look(&mut rig);
    assert!(rig.ahead.contains(&line), "the log waits for its copy");
    assert!(!rig.heard.contains(&line));
    rig.assert_exact("in the end");
    assert_eq!(rig.again, rig.ahead);
}

/// The same into an archive.
#[test]
fn packed_and_cut_meanwhile() {
    let (mut rig, mut writer) = behind(0);
    for _ in 0..3 {
        is_heard_ahead(&mut rig, &mut writer);
    }
    fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    gzip(&rig, "app.log.1");
    writer.set_len(0).unwrap();
    rig.lines(&mut writer, 3);
    look(&mut rig);
    rig.assert_exact("in the end");
    assert_eq!(rig.again, rig.ahead);
}

/// It is not how long one log is that makes the present late.
#[test]
fn many_logs_together_are_far_behind() {
    let mut rig = Rig::new(&["*.log"]);
    let names = ["a.log", "b.log", "c.log"];
    let mut writers = names.map(|name| rig.writer(name));
    for writer in &mut writers {
        rig.lines(writer, PAST);
    }
    let short = fs::metadata(rig.path("a.log")).unwrap().len();
    rig.ahead_beyond = 2 * short;
    rig.start();
    look(&mut rig);
    for writer in &mut writers {
        is_heard_ahead(&mut rig, writer);
    }
    rig.assert_exact("in the end");
    assert_eq!(rig.again, rig.ahead);
}

#[test]
fn truncated_and_rewritten_meanwhile() {
    let (mut rig, mut writer) = behind(0);
    is_heard_ahead(&mut rig, &mut writer);
    let read = rig.heard.len();
    writer.set_len(0).unwrap();
    // What was not read is gone.
    rig.wrote = rig.heard.iter().map(|line| (line.clone(), 1)).collect();
    rig.lines(&mut writer, PAST + 3000);
    rig.assert_exact("in the end");
    assert!(rig.heard.len() > read);
    assert!(rig.again.is_empty(), "what is there now was never heard");
}

/// What comes behind the cut is as new as any other line.
#[test]
fn cut_back_meanwhile() {
    let (mut rig, mut writer) = behind(0);
    let gone = is_heard_ahead(&mut rig, &mut writer);
    let kept = fs::metadata(rig.path("app.log")).unwrap().len() - gone.len() as u64 - 1;
    writer.set_len(kept).unwrap();
    rig.wrote.remove(&gone);
    look(&mut rig);
    rig.lines(&mut writer, 40);
    rig.pass(Duration::ZERO);
    rig.assert_exact("in the end");
    assert!(rig.again.is_empty());
}

#[test]
fn a_stop_at_any_moment_of_it_loses_and_repeats_nothing() {
    for turns in 0..16 {
        let (mut rig, mut writer) = behind(0);
        for _ in 0..turns {
            rig.lines(&mut writer, 5);
            look(&mut rig);
        }
        rig.dies_after = Some(usize::try_from(turns).unwrap() % 5);
        while rig.tail.is_some() && look(&mut rig) == Turn::More {}
        rig.start();
        rig.assert_exact("killed");
    }
}
