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
use tripline::source::tail::{POLL, UNENDED};

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

/// What every file, and every day, has lost is said, and not only the first of it.
#[test]
fn each_loss_is_said_of_each_file_and_on_each_day() {
    let mut rig = Rig::new(&["*.log"]);
    let (mut a, mut b) = (rig.writer("a.log"), rig.writer("b.log"));
    rig.lines(&mut a, 5);
    rig.lines(&mut b, 5);
    rig.settle();
    let cut = |rig: &mut Rig, writer: &mut File| {
        writer.set_len(0).unwrap();
        rig.lines(writer, 1);
        rig.settle();
        rig.pass(UNENDED);
        rig.settle();
    };
    let told = |rig: &Rig, name: &str| -> Vec<String> {
        let found = rig.tail().statuses()[0].findings.clone().into_iter();
        let found = found.filter(|one| one.kind == "truncated" && one.text.contains(name));
        found.map(|one| one.text).collect()
    };
    cut(&mut rig, &mut a);
    let first = told(&rig, "a.log");
    assert_eq!((first.len(), told(&rig, "b.log").len()), (1, 0));
    cut(&mut rig, &mut b);
    assert_eq!(told(&rig, "b.log").len(), 1, "of another file");
    cut(&mut rig, &mut a);
    assert_eq!(told(&rig, "a.log"), first, "once a day");
    rig.pass(Duration::from_secs(100 * 24 * 3600));
    cut(&mut rig, &mut a);
    let later = told(&rig, "a.log");
    assert_eq!(later.len(), 1);
    assert_ne!(later, first, "what is lost in March is said in March");
    assert_eq!(told(&rig, "b.log").len(), 1);
}

/// Many at once are not said one by one.
#[test]
fn what_many_files_have_lost_is_counted() {
    let mut rig = Rig::new(&["*.log"]);
    let mut files: Vec<File> = (0..40).map(|n| rig.writer(&format!("{n}.log"))).collect();
    for file in &mut files {
        rig.lines(file, 5);
    }
    rig.settle();
    for file in &mut files {
        file.set_len(0).unwrap();
        rig.lines(file, 1);
    }
    rig.settle();
    rig.pass(UNENDED);
    rig.settle();
    let found = &rig.tail().statuses()[0].findings;
    assert_eq!(found.len(), 17, "{found:#?}");
    assert!(found[16].text.starts_with("16 or more"), "{found:#?}");
    rig.assert_exact("many");
}

/// More than one file of a log may be gone.
#[test]
fn all_that_is_gone_of_a_log_is_said() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 300);
    rig.settle();
    let first = fs::metadata(rig.path("app.log")).unwrap().len();
    let mut writer = rotate(&rig);
    rig.lines(&mut writer, 500);
    rig.settle();
    let second = fs::metadata(rig.path("app.log")).unwrap().len();
    rig.stop();
    for name in ["app.log", "app.log.1"] {
        fs::remove_file(rig.path(name)).unwrap();
    }
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 5);
    rig.start();
    rig.assert_exact("all gone");
    let found = &rig.tail().statuses()[0].findings;
    assert_eq!((found.len(), found[0].kind), (1, "rotated_gone"), "{found:#?}");
    for place in [first, second] {
        assert!(found[0].text.contains(&place.to_string()), "{place}: {found:#?}");
    }
}
