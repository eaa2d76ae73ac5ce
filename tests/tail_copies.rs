//! A copy under any name that the source's pattern means as well is no log of its own:
//! what is read of the original is not read again, and what is nowhere else is read there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "files have real times")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fs::{self, File};
use std::io::Write;

use tail_rig::{Rig, gzip};
use tripline::source::tail::{POLL, ROTATE_WAIT};

/// Sorted before the original and after it.
const NAMES: [&str; 3] = ["app-20261122.log", "app.1.log", "bak.log"];

fn started() -> (Rig, File) {
    let mut rig = Rig::new(&["*.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 700);
    rig.settle();
    (rig, writer)
}

fn copy(rig: &Rig, name: &str) {
    fs::copy(rig.path("app.log"), rig.path(name)).unwrap();
}

#[test]
fn a_copy_beside_a_log_that_is_written_on_is_not_read() {
    for name in NAMES {
        let (mut rig, mut writer) = started();
        rig.lines(&mut writer, 30);
        copy(&rig, name);
        rig.settle();
        rig.lines(&mut writer, 30);
        rig.assert_exact(name);
        rig.stop();
        rig.lines(&mut writer, 30);
        rig.start();
        rig.assert_exact(&format!("{name}, and a restart"));
        rig.start();
        rig.assert_exact(&format!("{name}, and another"));
        assert_eq!(rig.tail().statuses()[0].findings, []);
    }
}

#[test]
fn copied_and_truncated_the_rest_is_read_from_the_copy() {
    for name in NAMES {
        for restart in [false, true] {
            for seen in [false, true] {
                let story = format!("{name}, restart {restart}, seen {seen}");
                let (mut rig, mut writer) = started();
                for round in 0..3 {
                    let name = format!("{round}{name}").replace("0app", "app");
                    rig.lines(&mut writer, 400);
                    copy(&rig, &name);
                    if seen {
                        rig.settle();
                    }
                    if restart {
                        rig.start();
                        rig.settle();
                    }
                    writer.set_len(0).unwrap();
                    rig.lines(&mut writer, 300);
                    rig.settle();
                    if round == 1 {
                        rig.pass(ROTATE_WAIT);
                    }
                }
                rig.assert_exact(&story);
                rig.start();
                rig.assert_exact(&format!("{story}: another run"));
                rig.lines(&mut writer, 3);
                rig.assert_exact(&format!("{story}: written on"));
                let wrong = ["rotated_gone", "truncated"];
                assert!(findings(&rig).iter().all(|kind| !wrong.contains(kind)), "{story}");
            }
        }
    }
}

#[test]
fn copied_and_truncated_while_down() {
    for name in NAMES {
        let (mut rig, mut writer) = started();
        rig.stop();
        rig.lines(&mut writer, 400);
        copy(&rig, name);
        writer.set_len(0).unwrap();
        rig.lines(&mut writer, 300);
        rig.start();
        rig.assert_exact(name);
        let findings = &rig.tail().statuses()[0].findings;
        assert!(findings.iter().all(|one| one.kind != "rotated_gone"), "{name}: {findings:?}");
        rig.start();
        rig.assert_exact(&format!("{name}: another run"));
    }
}

#[test]
fn a_copy_that_is_still_being_made_is_one() {
    for name in NAMES {
        for from_empty in [false, true] {
            let (mut rig, mut writer) = started();
            let bytes = fs::read(rig.path("app.log")).unwrap();
            let mut to = rig.writer(name);
            if from_empty {
                rig.settle();
            }
            for part in bytes.chunks(5000) {
                to.write_all(part).unwrap();
                rig.settle();
            }
            writer.set_len(0).unwrap();
            rig.lines(&mut writer, 300);
            rig.assert_exact(&format!("{name}, from empty {from_empty}"));
        }
    }
}

/// Of so little nothing tells whether it is a copy: more of it has to come first.
#[test]
fn a_copy_that_was_short_when_it_was_seen_first_is_one() {
    for name in NAMES {
        for restart in [false, true] {
            let (mut rig, mut writer) = started();
            let bytes = fs::read(rig.path("app.log")).unwrap();
            let mut to = rig.writer(name);
            for part in bytes.chunks(1500) {
                to.write_all(part).unwrap();
                rig.settle();
                if restart {
                    rig.start();
                }
            }
            rig.assert_exact(&format!("{name}, restarts {restart}"));
            writer.set_len(0).unwrap();
            rig.lines(&mut writer, 300);
            rig.assert_exact(&format!("{name}, restarts {restart}: cut"));
            assert!(!findings(&rig).contains(&"truncated"), "{name}: nothing is lost");
        }
    }
}

/// What is read no more is known by 4 KiB of it, and that much counts again.
#[test]
fn a_short_copy_of_what_was_read_counts_no_further_than_it_is_short() {
    let (mut rig, _) = started();
    let mut writer = tail_rig::rotate(&rig);
    rig.lines(&mut writer, 300);
    rig.assert_exact("rotated");
    let bytes = fs::read(rig.path("app.log.1")).unwrap();
    let mut to = rig.writer("bak.log");
    for part in bytes.chunks(1500) {
        to.write_all(part).unwrap();
        rig.settle();
    }
    rig.pass(ROTATE_WAIT);
    let known = bytes[..4096].split(|byte| *byte == b'\n').count() - 1;
    let (lost, repeated, _) = rig.balance();
    assert!(lost == 0 && repeated <= known, "{repeated} lines count again");
}

#[test]
fn a_copy_that_is_cut_while_it_is_made_is_still_one() {
    for name in NAMES {
        let (mut rig, mut writer) = started();
        let bytes = fs::read(rig.path("app.log")).unwrap();
        let mut to = rig.writer(name);
        to.write_all(&bytes[..9000]).unwrap();
        rig.settle();
        writer.set_len(0).unwrap();
        rig.lines(&mut writer, 300);
        rig.settle();
        to.write_all(&bytes[9000..]).unwrap();
        rig.assert_exact(name);
    }
}

#[test]
fn a_log_that_goes_on_in_a_copy_is_read_on_there() {
    for name in NAMES {
        let (mut rig, _) = started();
        copy(&rig, name);
        rig.settle();
        let mut writer = rig.writer(name);
        rig.lines(&mut writer, 50);
        rig.assert_exact(name);
        rig.start();
        rig.lines(&mut writer, 50);
        rig.assert_exact(&format!("{name}: another run"));
    }
}

#[test]
fn logs_that_begin_alike_are_logs_of_their_own() {
    let mut rig = Rig::new(&["*.log"]);
    let (mut one, mut other) = (rig.writer("app.log"), rig.writer("other.log"));
    let header = rig.fresh_line();
    rig.wrote.insert(header.clone(), 2);
    for file in [&mut one, &mut other] {
        writeln!(file, "{header}").unwrap();
    }
    rig.assert_exact("the same first line");
    rig.lines(&mut one, 700);
    rig.lines(&mut other, 700);
    rig.assert_exact("and others");
    // As much is alike as tells two files apart, but no more.
    let alike: Vec<String> = (0..200).map(|_| rig.fresh_line()).collect();
    for name in ["third.log", "fourth.log"] {
        let mut file = rig.writer(name);
        for line in &alike {
            writeln!(file, "{line}").unwrap();
        }
        rig.lines(&mut file, 200);
    }
    for line in alike {
        rig.wrote.insert(line, 2);
    }
    rig.assert_exact("a long beginning");
}

/// Who names the archives too means no other files by that.
#[test]
fn archives_that_the_paths_name_as_well_are_read_once() {
    for batches in 0..6 {
        for at in 0..4 {
            let story = format!("killed after {batches} batches, at {at}");
            let mut rig = Rig::new(&["*.log", "*.log.*"]);
            let mut writer = rig.writer("app.log");
            rig.lines(&mut writer, 200);
            rig.settle();
            for round in 0..4 {
                rig.lines(&mut writer, 150);
                let dies = |rig: &mut Rig| {
                    rig.dies_after = Some(batches);
                    rig.pass(POLL);
                    rig.start();
                };
                if at == 0 {
                    dies(&mut rig);
                }
                let mut late = std::mem::replace(&mut writer, tail_rig::rotate(&rig));
                if at == 3 {
                    // The log is not made again before somebody writes to it.
                    fs::remove_file(rig.path("app.log")).unwrap();
                    dies(&mut rig);
                    rig.settle();
                    writer = rig.writer("app.log");
                }
                rig.lines(&mut writer, 150);
                rig.lines(&mut late, 10);
                if at == 1 {
                    dies(&mut rig);
                }
                if rig.path("app.log.2").exists() {
                    gzip(&rig, "app.log.2");
                }
                if at == 2 {
                    dies(&mut rig);
                }
                if round == 2 {
                    rig.pass(ROTATE_WAIT);
                }
            }
            rig.assert_exact(&story);
            assert!(!findings(&rig).contains(&"rotated_gone"), "{story}: {:?}", findings(&rig));
            rig.start();
            rig.assert_exact(&format!("{story}: another run"));
            assert!(!findings(&rig).contains(&"rotated_gone"), "{story}: {:?}", findings(&rig));
        }
    }
}

/// Lines that were copied away and not read yet are in an archive with a name as
/// `extension .log` makes them.
#[test]
fn copied_truncated_and_compressed_while_down() {
    for path in ["*.log", "app.log"] {
        for name in ["app.1.log", "app-20261122.log"] {
            let mut rig = Rig::new(&[path]);
            let mut writer = rig.writer("app.log");
            rig.lines(&mut writer, 700);
            rig.settle();
            rig.stop();
            rig.lines(&mut writer, 400);
            copy(&rig, name);
            writer.set_len(0).unwrap();
            gzip(&rig, name);
            rig.lines(&mut writer, 300);
            rig.start();
            rig.assert_exact(&format!("{path}, {name}"));
            assert!(!findings(&rig).contains(&"rotated_gone"), "{path}, {name}");
            rig.start();
            rig.assert_exact(&format!("{path}, {name}: another run"));
            assert_eq!(findings(&rig), [""; 0]);
        }
    }
}

/// The same while it is looked on.
#[test]
fn a_copy_under_a_name_that_the_source_does_not_mean_is_found_too() {
    for packed in [false, true] {
        let mut rig = Rig::new(&["app.log"]);
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 700);
        rig.settle();
        rig.lines(&mut writer, 400);
        copy(&rig, "app.1.log");
        writer.set_len(0).unwrap();
        if packed {
            gzip(&rig, "app.1.log");
        }
        rig.lines(&mut writer, 300);
        rig.assert_exact(&format!("packed {packed}"));
        let said = ["copytruncate", "compressed_unread"];
        assert_eq!(findings(&rig), said[..=usize::from(packed)]);
    }
}

/// What a source read that is no more is nothing that this one misses.
#[test]
fn what_another_source_has_left_is_not_missed_at_a_path_of_our_own() {
    let mut rig = Rig::new(&["app.log"]);
    rig.spec.name = "other".into();
    rig.start();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 700);
    rig.settle();
    let (left, ours) = (rig.store.all(), std::mem::take(&mut rig.spec.name));
    assert_eq!((left.len(), ours.as_str()), (1, "other"));
    fs::remove_file(rig.path("app.log")).unwrap();
    // Ours was there all the time.
    let mut rig = Rig { store: tail_rig::Store::default(), ..rig };
    rig.spec.name = "test".into();
    rig.start();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 200);
    rig.settle();
    rig.left_by_others = left;
    rig.start();
    rig.assert_exact("the other one is gone");
    assert_eq!(findings(&rig), [""; 0]);
}

fn findings(rig: &Rig) -> Vec<&'static str> {
    rig.tail().statuses()[0].findings.iter().map(|finding| finding.kind).collect()
}

/// Of a log with a date in its name fifty lines are read. While nobody reads, more is
/// written, `tell` happens to it, and the next day's log begins or not.
fn a_day_ends(next_day: bool, tell: impl Fn(&mut Rig)) -> Rig {
    let mut rig = Rig::new(&["gw-*.log"]);
    rig.spec.olddir = Some(rig.path("old"));
    fs::create_dir(rig.path("old")).unwrap();
    rig.start();
    let mut writer = rig.writer(DAY);
    rig.lines(&mut writer, 50);
    rig.settle();
    rig.stop();
    rig.lines(&mut writer, 20);
    tell(&mut rig);
    if next_day {
        let mut writer = rig.writer("gw-2026-11-22.log");
        rig.lines(&mut writer, 5);
    }
    rig.start();
    rig
}

const DAY: &str = "gw-2026-11-21.log";

#[test]
fn a_log_that_was_rotated_away_while_down_is_read_to_its_end() {
    let moved_to = |rig: &Rig, to: &str| fs::rename(rig.path(DAY), rig.path(to)).unwrap();
    for next_day in [true, false] {
        let check = |story: &str, tell: &dyn Fn(&mut Rig)| {
            let mut rig = a_day_ends(next_day, tell);
            rig.assert_exact(&format!("{story}, next day {next_day}"));
            assert!(!findings(&rig).contains(&"rotated_gone"), "{story}");
            rig.start();
            rig.assert_exact(&format!("{story}, next day {next_day}: another run"));
            assert_eq!(rig.store.open().len(), usize::from(next_day), "{story}");
        };
        check("compressed", &|rig| gzip(rig, DAY));
        check("renamed", &|rig| moved_to(rig, "gw-2026-11-21.log.1"));
        check("moved", &|rig| moved_to(rig, "old/gw-2026-11-21.log"));
        check("moved and compressed", &|rig| {
            moved_to(rig, "old/gw-2026-11-21.log");
            gzip(rig, "old/gw-2026-11-21.log");
        });
    }
}

#[test]
fn a_log_that_is_gone_after_a_restart_is_said_to_be_once() {
    for (foreign, kind) in [(false, "rotated_gone"), (true, "rotated_not_gzip")] {
        let mut rig = a_day_ends(true, |rig| {
            if foreign {
                let magic = [0x28, 0xb5, 0x2f, 0xfd, 0, 0];
                fs::write(rig.path("gw-2026-11-21.log.zst"), magic).unwrap();
            }
            fs::remove_file(rig.path(DAY)).unwrap();
        });
        rig.settle();
        assert_eq!(findings(&rig), [kind]);
        rig.start();
        rig.settle();
        assert_eq!(findings(&rig), [""; 0]);
    }
}

#[test]
fn a_directory_that_is_empty_may_have_to_be_mounted() {
    let mut rig = Rig::new(&["logs/*.log"]);
    fs::create_dir(rig.path("logs")).unwrap();
    let mut writer = rig.writer("logs/app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    rig.stop();
    rig.lines(&mut writer, 20);
    fs::rename(rig.path("logs/app.log"), rig.path("away")).unwrap();
    rig.start();
    rig.settle();
    assert_eq!(findings(&rig), [""; 0]);
    fs::rename(rig.path("away"), rig.path("logs/app.log")).unwrap();
    for _ in 0..4 {
        rig.settle();
    }
    rig.assert_exact("mounted");
}

/// Written to, copied, written to once more and read: then the log is cut while nothing runs.
/// The copy holds nothing that was not read.
#[test]
fn a_copy_that_ends_before_what_was_read_is_no_new_log() {
    for (name, packed) in
        [("app.log.1", false), ("app.log.1", true), ("app.log-20261122", true), ("bak.log", false)]
    {
        for path in ["*.log", "app.log"] {
            let story = format!("{path}, {name}, packed {packed}");
            let mut rig = Rig::new(&[path]);
            let mut writer = rig.writer("app.log");
            rig.lines(&mut writer, 700);
            rig.settle();
            copy(&rig, name);
            if packed {
                gzip(&rig, name);
            }
            rig.lines(&mut writer, 1);
            rig.settle();
            rig.stop();
            writer.set_len(0).unwrap();
            rig.lines(&mut writer, 1);
            rig.start();
            rig.assert_exact(&story);
            let told = findings(&rig);
            assert_eq!(told, ["rotated_gone"], "{story}: what else was cut nobody knows");
            rig.start();
            rig.assert_exact(&format!("{story}: another run"));
        }
    }
}

/// Who compresses at once has not seen the last line of a writer that has it open still.
#[test]
fn an_archive_without_the_last_line_that_was_read_is_no_new_log() {
    for filled in [false, true] {
        let mut rig = Rig::new(&["app.log"]);
        let mut old = rig.writer("app.log");
        rig.lines(&mut old, 700);
        rig.settle();
        fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        let mut fresh = rig.writer("app.log");
        gzip(&rig, "app.log.1");
        rig.lines(&mut old, 1);
        rig.settle();
        rig.stop();
        rig.lines(&mut fresh, u64::from(filled));
        rig.start();
        rig.assert_exact(&format!("filled {filled}"));
        rig.lines(&mut fresh, 5);
        rig.assert_exact(&format!("filled {filled}, and more"));
        rig.start();
        rig.assert_exact(&format!("filled {filled}: another run"));
    }
}

/// The part of a line that was taken already is not taken again.
#[test]
fn a_long_line_goes_on_in_the_archive_of_the_copy() {
    for packed in [false, true] {
        let mut rig = Rig::new(&["app.log"]);
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 20);
        let (begun, rest) = (vec![b'y'; 1_800_000], vec![b'y'; 1_200_000]);
        writer.write_all(&begun).unwrap();
        rig.settle();
        writer.write_all(&rest).unwrap();
        writer.write_all(b"\n").unwrap();
        rig.wrote.insert("long 3000000".to_owned(), 1);
        rig.lines(&mut writer, 3);
        let mut bytes = fs::metadata(rig.path("app.log")).unwrap().len();
        copy(&rig, "app.log.1");
        writer.set_len(0).unwrap();
        if packed {
            gzip(&rig, "app.log.1");
        }
        rig.lines(&mut writer, 2);
        bytes += fs::metadata(rig.path("app.log")).unwrap().len();
        rig.assert_exact(&format!("packed {packed}"));
        assert_eq!((rig.progress.bytes, rig.progress.pending_bytes), (bytes, 0));
        assert_eq!(rig.quarantined, []);
        rig.start();
        rig.assert_exact(&format!("packed {packed}: another run"));
    }
}

/// Killed after each turn while the rest of a record is read from what was copied: the
/// record is whole all the same.
#[test]
fn a_record_that_is_open_is_read_again_from_the_archive_of_the_copy() {
    for packed in [false, true] {
        for turns in 1..12 {
            let mut rig = Rig::new(&["app.log"]);
            let mut writer = rig.writer("app.log");
            rig.lines(&mut writer, 20);
            writeln!(writer, "(").unwrap();
            rig.lines(&mut writer, 300);
            rig.settle();
            assert_eq!((rig.heard.len(), rig.progress.open_lines), (20, 301));
            rig.lines(&mut writer, 20_000);
            writeln!(writer, ")").unwrap();
            rig.lines(&mut writer, 3);
            copy(&rig, "app.log.1");
            writer.set_len(0).unwrap();
            if packed {
                gzip(&rig, "app.log.1");
            }
            rig.lines(&mut writer, 2);
            for _ in 0..turns {
                rig.now.mono = rig.now.mono.plus(POLL);
                rig.turn();
            }
            rig.start();
            rig.assert_exact(&format!("packed {packed}, killed after {turns}"));
            assert_eq!(rig.progress.open_lines, 0);
        }
    }
}
