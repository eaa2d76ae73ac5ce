//! Generations that come and go between two looks: a burst of rotations, or a
//! reader that was stopped for a while. What is found beside the file and was
//! written since is read; what lay there before, and copies, are not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "files have real times")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, SystemTime};

use tail_rig::{Rig, gzip, rotate};
use tripline::source::tail::POLL;

/// Some lines were read when `tell` happens between two looks.
fn check(story: &str, tell: impl FnOnce(&mut Rig, File)) {
    let mut rig = Rig::new(&["app.log"]);
    let mut before = rig.writer("app.log.7");
    before.write_all(b"from before the first start\n").unwrap();
    before.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    tell(&mut rig, writer);
    rig.assert_exact(story);
    let heard = rig.heard.len();
    rig.start();
    rig.assert_exact(story);
    assert_eq!(rig.heard.len(), heard, "{story}: nothing is new to another run");
}

#[test]
fn a_burst_of_rotations_with_late_writes_to_the_first() {
    check("burst", |rig, mut first| {
        for _ in 0..4 {
            let mut writer = rotate(rig);
            rig.lines(&mut writer, 20);
            rig.lines(&mut first, 3);
        }
    });
}

#[test]
fn compressed_at_once_and_nothing_lives_in_their_place() {
    check("compressed", |rig, _| {
        let mut writer = rotate(rig);
        rig.lines(&mut writer, 20);
        let mut writer = rotate(rig);
        gzip(rig, "app.log.1");
        rig.lines(&mut writer, 20);
        drop(rotate(rig));
        fs::remove_file(rig.path("app.log")).unwrap();
    });
}

#[test]
fn copied_and_truncated_twice() {
    check("copied", |rig, mut writer| {
        for _ in 0..2 {
            rig.lines(&mut writer, 20);
            drop(rotate(rig));
            fs::rename(rig.path("app.log.1"), rig.path("app.log")).unwrap();
            fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
            writer.set_len(0).unwrap();
        }
        rig.lines(&mut writer, 20);
    });
}

#[test]
fn copies_and_what_lay_there_before_are_not_read() {
    check("copies", |rig, mut first| {
        rig.lines(&mut first, 5);
        fs::copy(rig.path("app.log"), rig.path("app.log.bak")).unwrap();
        rig.lines(&mut first, 5);
        let mut writer = rotate(rig);
        gzip(rig, "app.log.8");
        rig.lines(&mut writer, 20);
        fs::copy(rig.path("app.log"), rig.path("app.log.live")).unwrap();
    });
}

#[test]
fn what_was_empty_when_it_was_opened_is_not_read_again_from_its_archive() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.settle();
    rig.lines(&mut writer, 20);
    let mut writer = rotate(&rig);
    gzip(&rig, "app.log.1");
    rig.lines(&mut writer, 20);
    rig.assert_exact("opened empty");
}

#[test]
fn they_are_read_in_the_order_of_their_writing() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 5);
    rig.settle();
    for _ in 0..5 {
        writer = rotate(&rig);
        rig.lines(&mut writer, 5);
    }
    rig.pass(POLL);
    assert_eq!(rig.heard.len(), 30);
    assert!(rig.heard.is_sorted(), "{:?}", rig.heard);
}

#[test]
fn a_kill_between_its_finding_and_its_first_line_loses_no_archive() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    writer.write_all(b"begun").unwrap();
    rig.settle();
    rig.wrote.insert("begun".to_owned(), 1);
    fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    gzip(&rig, "app.log.1");
    fs::remove_file(rig.path("app.log")).unwrap();
    writer.set_len(0).unwrap();
    // The batch that says where it is gets through, no other.
    rig.dies_after = Some(1);
    rig.pass(POLL);
    assert!(rig.tail.is_none(), "it died");
    rig.start();
    rig.assert_exact("killed");
}
