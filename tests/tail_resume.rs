//! Stopped and started again: the next run reads on where the committed batches
//! end, wherever rotation has put the rest, and reads nothing twice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "files have real times")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use tail_rig::{Rig, gzip, rotate};
use tripline::domain::Generation;
use tripline::source::tail::{POLL, ROTATE_WAIT, UNENDED};
use tripline::source::{SourceState, Turn};

/// Fifty lines are read and committed, then nobody reads while `tell` happens.
fn while_down(story: &str, tell: impl FnOnce(&mut Rig, File)) {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    assert_eq!(rig.heard.len(), 50, "{story}");
    stopped(story, rig, writer, tell);
}

/// Nobody reads while `tell` happens; all of it is read after that, and once.
fn stopped(story: &str, mut rig: Rig, writer: File, tell: impl FnOnce(&mut Rig, File)) {
    rig.stop();
    tell(&mut rig, writer);
    rig.start();
    rig.assert_exact(story);
    let heard = rig.heard.len();
    for _ in 0..2 {
        rig.start();
        rig.settle();
        assert_eq!(rig.heard.len(), heard, "{story}: nothing is new to a third run");
        rig.pass(ROTATE_WAIT);
    }
}

#[test]
fn nothing_happened() {
    while_down("nothing", |_, _| {});
}

#[test]
fn grown_while_down() {
    while_down("grown", |rig, mut writer| rig.lines(&mut writer, 5000));
}

#[test]
fn rotated_once_and_several_times_while_down() {
    while_down("rotated", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        let mut writer = rotate(rig);
        rig.lines(&mut writer, 20);
    });
    while_down("rotated thrice", |rig, mut writer| {
        for _ in 0..3 {
            rig.lines(&mut writer, 700);
            writer = rotate(rig);
        }
        rig.lines(&mut writer, 20);
    });
    while_down("rotated, nothing new in the old file", |rig, _| {
        let mut writer = rotate(rig);
        rig.lines(&mut writer, 20);
        rotate(rig);
    });
}

#[test]
fn rotated_and_compressed_while_down() {
    while_down("compressed", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        let mut writer = rotate(rig);
        gzip(rig, "app.log.1");
        rig.lines(&mut writer, 20);
    });
    while_down("a chain, compressed but for the newest", |rig, mut writer| {
        for round in 0..3 {
            rig.lines(&mut writer, 3000);
            writer = rotate(rig);
            if round < 2 {
                gzip(rig, "app.log.1");
            }
        }
        rig.lines(&mut writer, 20);
    });
}

#[test]
fn what_was_there_before_the_first_run_stays_unread() {
    let mut rig = Rig::new(&["app.log"]);
    rig.stop();
    fs::write(rig.path("app.log.2"), "ancient\n").unwrap();
    fs::write(rig.path("app.log.1"), "old\n").unwrap();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 20);
    rig.start();
    rig.settle();
    rig.stop();
    rig.lines(&mut writer, 20);
    let mut writer = rotate(&rig);
    rig.lines(&mut writer, 20);
    rig.start();
    rig.assert_exact("history");
}

#[test]
fn a_rotated_file_with_late_lines_is_read_to_its_end_by_the_next_run() {
    let mut rig = Rig::new(&["app.log"]);
    let mut old = rig.writer("app.log");
    rig.lines(&mut old, 50);
    rig.settle();
    let mut fresh = rotate(&rig);
    rig.lines(&mut fresh, 10);
    rig.settle();
    rig.stop();
    rig.lines(&mut old, 10);
    rig.lines(&mut fresh, 10);
    rig.start();
    rig.assert_exact("late lines");
    assert_eq!(rig.store.open().len(), 1, "the old one is finished");
}

#[test]
fn copytruncate_while_down() {
    while_down("copytruncate", |rig, mut writer| {
        rig.lines(&mut writer, 30);
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        writer.set_len(0).unwrap();
        rig.lines(&mut writer, 400);
    });
    while_down("copytruncate and gzip", |rig, mut writer| {
        rig.lines(&mut writer, 30);
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        writer.set_len(0).unwrap();
        gzip(rig, "app.log.1");
        rig.lines(&mut writer, 10);
    });
    while_down("copied, not truncated", |rig, mut writer| {
        rig.lines(&mut writer, 30);
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.lines(&mut writer, 30);
    });
}

#[test]
fn copytruncate_while_running_and_the_copy_is_never_read_again() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    for round in 0..6 {
        rig.lines(&mut writer, 60);
        rig.settle();
        rig.lines(&mut writer, 10);
        let copy = format!("app.log.{round}");
        fs::copy(rig.path("app.log"), rig.path(&copy)).unwrap();
        writer.set_len(0).unwrap();
        if round % 2 == 1 {
            gzip(&rig, &copy);
        }
        rig.lines(&mut writer, 5);
        rig.settle();
        if round % 3 == 2 {
            rig.pass(ROTATE_WAIT);
        }
        rig.start();
        rig.settle();
    }
    rig.assert_exact("copytruncate over restarts");
    rig.lines(&mut writer, 9);
    rig.settle();
    assert_eq!(rig.tail().statuses()[0].findings, [], "nothing unsafe in this run");
    rig.lines(&mut writer, 1);
    fs::copy(rig.path("app.log"), rig.path("app.log.9")).unwrap();
    writer.set_len(0).unwrap();
    gzip(&rig, "app.log.9");
    rig.settle();
    writer.set_len(0).unwrap();
    rig.lines(&mut writer, 1);
    rig.assert_exact("unsafe rotation");
    let findings: Vec<_> = rig.tail().statuses()[0].findings.iter().map(|f| &*f.text).collect();
    let findings = findings.join("\n");
    for part in ["rotated by copy and truncate", "compressed before it was read"] {
        assert_eq!(findings.matches(part).count(), 1, "{findings}");
    }
}

#[test]
fn an_inode_given_out_again_to_an_archive_hides_none_of_its_predecessors() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 20);
    rig.settle();
    drop(rotate(&rig));
    rig.settle();
    let empty = fs::metadata(rig.path("app.log")).unwrap().ino();
    assert!(rig.store.has_empty(empty), "it was seen, and nothing of it was consumed");
    rig.stop();
    for _ in 0..3 {
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 20);
        drop(rotate(&rig));
        gzip(&rig, "app.log.1");
    }
    let newest = fs::metadata(rig.path("app.log.1.gz")).unwrap().ino();
    rig.store.give_out_again(empty, newest);
    rig.start();
    rig.assert_exact("inode given out again");
}

#[test]
fn what_was_compressed_after_all_of_it_was_read_is_no_finding() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 20);
    rig.settle();
    rig.stop();
    drop(rotate(&rig));
    gzip(&rig, "app.log.1");
    rig.start();
    rig.assert_exact("compressed");
    assert_eq!(rig.tail().statuses()[0].findings, []);
    // Copied after all was read, and compressed before the cut is seen.
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 20);
    rig.settle();
    fs::copy(rig.path("app.log"), rig.path("app.log.2")).unwrap();
    writer.set_len(0).unwrap();
    gzip(&rig, "app.log.2");
    rig.assert_exact("copied");
    let kinds: Vec<_> = rig.tail().statuses()[0].findings.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["copytruncate"]);
}

/// The log is empty when it is left: nothing was ever read that tells what is new. What
/// stands beside it is of a time before the first look.
fn while_empty(story: &str, tell: impl FnOnce(&mut Rig, File)) {
    let mut rig = Rig::new(&["app.log"]);
    rig.stop();
    for (at, age) in [(3, 9000), (4, 20_000)] {
        let old = File::create(rig.path(&format!("app.log.{at}"))).unwrap();
        writeln!(&old, "of before {at}").unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    gzip(&rig, "app.log.4");
    let writer = rig.writer("app.log");
    rig.start();
    rig.settle();
    assert_eq!(rig.heard.len(), 0, "{story}");
    stopped(story, rig, writer, tell);
}

#[test]
fn what_comes_to_an_empty_log_while_down_is_read_wherever_it_went() {
    while_empty("renamed", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        rotate(rig);
    });
    while_empty("compressed", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        let mut writer = rotate(rig);
        gzip(rig, "app.log.1");
        rig.lines(&mut writer, 5);
    });
    while_empty("compressed, and not created anew", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        drop(rotate(rig));
        fs::remove_file(rig.path("app.log")).unwrap();
        gzip(rig, "app.log.1");
    });
    while_empty("several times", |rig, mut writer| {
        for _ in 0..3 {
            rig.lines(&mut writer, 20);
            writer = rotate(rig);
            gzip(rig, "app.log.1");
        }
        rig.lines(&mut writer, 5);
    });
    while_empty("late lines, and its inode given out again", |rig, mut late| {
        let inode = late.metadata().unwrap().ino();
        rig.lines(&mut late, 2);
        let mut writer = rotate(rig);
        rig.lines(&mut writer, 20);
        rig.lines(&mut late, 20);
        drop((late, rotate(rig)));
        gzip(rig, "app.log.2");
        gzip(rig, "app.log.1");
        let fresh = fs::metadata(rig.path("app.log")).unwrap().ino();
        rig.store.give_out_again(inode, fresh);
    });
    while_empty("copied and cut", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        writer.set_len(0).unwrap();
    });
    while_empty("copied, cut, compressed and written", |rig, mut writer| {
        rig.lines(&mut writer, 20);
        fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        writer.set_len(0).unwrap();
        gzip(rig, "app.log.1");
        rig.lines(&mut writer, 5);
    });
    while_empty("nothing came", |rig, writer| drop((writer, rotate(rig))));
}

#[test]
fn a_finished_generation_is_not_read_again_under_another_name() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    for _ in 0..4 {
        rig.lines(&mut writer, 300);
        rig.settle();
        writer = rotate(&rig);
        rig.settle();
        rig.pass(ROTATE_WAIT);
        rig.settle();
    }
    rig.stop();
    gzip(&rig, "app.log.2");
    gzip(&rig, "app.log.3");
    fs::rename(rig.path("app.log.1"), rig.path("app.log-20260101")).unwrap();
    fs::copy(rig.path("app.log-20260101"), rig.path("app.log.bak")).unwrap();
    fs::remove_file(rig.path("app.log")).unwrap();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 20);
    rig.start();
    rig.assert_exact("other names");
}

#[test]
fn truncated_deleted_and_inode_reused_while_down() {
    while_down("truncated and grown longer", |rig, mut writer| {
        writer.set_len(0).unwrap();
        rig.lines(&mut writer, 200);
    });
    while_down("same first line", |rig, mut writer| {
        let first = rig.heard[0].clone();
        writer.set_len(0).unwrap();
        writeln!(writer, "{first}").unwrap();
        *rig.wrote.entry(first).or_default() += 1;
        rig.lines(&mut writer, 90);
    });
    while_down("deleted and created again", |rig, writer| {
        drop(writer);
        for _ in 0..3 {
            fs::remove_file(rig.path("app.log")).unwrap();
            rig.writer("app.log");
        }
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 300);
    });
    while_down("deleted", |rig, writer| {
        drop(writer);
        fs::remove_file(rig.path("app.log")).unwrap();
    });
}

#[test]
fn a_file_that_is_away_for_a_run_is_read_on_when_it_is_back() {
    let mut rig = Rig::new(&["in/app.log"]);
    fs::create_dir(rig.path("in")).unwrap();
    let mut writer = rig.writer("in/app.log");
    rig.lines(&mut writer, 50);
    rig.settle();
    rig.stop();
    fs::rename(rig.path("in"), rig.path("away")).unwrap();
    rig.start();
    rig.settle();
    assert_eq!(rig.tail().statuses()[0].state, SourceState::Waiting);
    rig.lines(&mut writer, 5);
    fs::rename(rig.path("away"), rig.path("in")).unwrap();
    rig.assert_exact("unmounted at first");
}

#[test]
fn partial_lines_and_rotation_without_a_newline_over_a_restart() {
    while_down("partial", |rig, mut writer| {
        let line = rig.fresh_line();
        let (head, rest) = line.split_at(8);
        write!(writer, "{head}").unwrap();
        rig.start();
        rig.settle();
        assert_eq!(rig.progress.pending_bytes, 8);
        rig.stop();
        writeln!(writer, "{rest}").unwrap();
    });
    while_down("no newline", |rig, mut writer| {
        let line = rig.fresh_line();
        write!(writer, "{line}").unwrap();
        let mut fresh = rotate(rig);
        rig.lines(&mut fresh, 5);
    });
}

#[test]
fn a_link_that_moves_on_while_down() {
    let mut rig = Rig::new(&["current.log"]);
    let mut old = rig.writer("0.log");
    symlink(rig.path("0.log"), rig.path("current.log")).unwrap();
    rig.lines(&mut old, 50);
    rig.settle();
    rig.stop();
    rig.lines(&mut old, 30);
    let mut fresh = rig.writer("1.log");
    rig.lines(&mut fresh, 30);
    symlink(rig.path("1.log"), rig.path("swap")).unwrap();
    fs::rename(rig.path("swap"), rig.path("current.log")).unwrap();
    rig.start();
    rig.assert_exact("link moved");
    // As the kubelet rotates: the target is renamed, and compressed later.
    rig.stop();
    rig.lines(&mut fresh, 30);
    fs::rename(rig.path("1.log"), rig.path("1.log.20260101-120000")).unwrap();
    gzip(&rig, "1.log.20260101-120000");
    let mut fresh = rig.writer("1.log");
    rig.lines(&mut fresh, 30);
    rig.start();
    rig.assert_exact("target rotated");
}

#[test]
fn a_hole_of_nuls_while_down() {
    while_down("hole", |rig, writer| {
        let end = fs::metadata(rig.path("app.log")).unwrap().len();
        drop(writer);
        let plain = OpenOptions::new().write(true).open(rig.path("app.log")).unwrap();
        let line = rig.fresh_line();
        plain.write_at(format!("{line}\n").as_bytes(), end + 4096).unwrap();
    });
}

#[test]
fn killed_at_any_batch_counts_each_line_once() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    let mut random = 7_u64;
    let mut kills = 0;
    for round in 0..60 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let dice = (random >> 33) as usize;
        rig.lines(&mut writer, 1 + (dice % 900) as u64);
        if dice.is_multiple_of(4) {
            writer = rotate(&rig);
            rig.lines(&mut writer, (dice % 500) as u64);
        }
        rig.dies_after = Some(dice % 6);
        rig.settle();
        if rig.tail.is_none() {
            kills += 1;
        }
        if dice.is_multiple_of(7) && rig.path("app.log.3").exists() {
            gzip(&rig, "app.log.3");
        }
        if round % 2 == 0 || rig.tail.is_none() {
            rig.start();
        }
    }
    assert!(kills >= 25, "{kills} kills");
    rig.assert_exact("kill -9");
}

#[test]
fn a_record_of_many_lines_is_read_again_from_its_first_line() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 3);
    writeln!(writer, "(").unwrap();
    rig.lines(&mut writer, 4000);
    rig.settle();
    assert_eq!(rig.heard.len(), 3);
    assert_eq!(rig.store.open()[0].lines, 3);
    rig.start();
    rig.settle();
    rig.lines(&mut writer, 2);
    rig.settle();
    rig.start();
    writeln!(writer, ")").unwrap();
    rig.lines(&mut writer, 3);
    rig.settle();
    assert_eq!(rig.heard.len(), 4008);
    assert_eq!(*rig.numbers.last().unwrap(), 4010, "lines keep their numbers");
    rig.assert_exact("record");
    assert_eq!(rig.store.open()[0].memo, "4010");
}

#[test]
fn an_unfinished_long_line_is_read_again_from_its_first_byte() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 3);
    let offset = fs::metadata(rig.path("app.log")).unwrap().len();
    writer.write_all(&vec![b'x'; 3 << 20]).unwrap();
    rig.settle();
    assert_eq!(rig.store.open()[0].offset, offset);
    rig.start();
    rig.settle();
    writer.write_all(b"x\n").unwrap();
    rig.wrote.insert(format!("long {}", (3 << 20) + 1), 1);
    rig.lines(&mut writer, 3);
    rig.assert_exact("long line");
}

#[test]
fn a_gzip_bomb_stops_with_an_alarm() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 500);
    rig.settle();
    rig.stop();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&fs::read(rig.path("app.log")).unwrap()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..200 {
        bomb.write_all(&zeros).unwrap();
    }
    fs::write(rig.path("app.log.1.gz"), bomb.finish().unwrap()).unwrap();
    fs::remove_file(rig.path("app.log")).unwrap();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 5);
    rig.start();
    rig.assert_exact("bomb");
    assert_eq!(rig.quarantined.len(), 1);
    let problem = rig.tail().statuses()[0].findings[0].text.clone();
    assert!(problem.contains("app.log.1.gz: can't be read: expands to more"), "{problem}");
    rig.start();
    rig.settle();
    assert_eq!(rig.quarantined.len(), 1, "once");
}

#[test]
fn a_checkpoint_tells_no_byte_of_the_log() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    writeln!(writer, "sk-secret").unwrap();
    rig.settle();
    let told = format!("{:?}", rig.store.all());
    assert!(!told.contains("secret") && told.contains("app.log"), "{told}");
}

#[test]
fn checkpoints_come_with_each_batch_and_only_if_wanted() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 2000);
    let size = fs::metadata(rig.path("app.log")).unwrap().len();
    rig.dies_after = Some(3);
    assert_eq!(rig.turn(), Turn::Idle);
    let open = rig.store.open()[0].clone();
    assert_eq!(rig.heard.len() as u64, open.lines);
    assert!(open.offset < size && open.progress == Generation::Open);
    rig.start();
    rig.now.mono = rig.now.mono.plus(POLL);
    rig.assert_exact("with each batch");
}

#[test]
fn starting_at_the_end_means_the_first_start() {
    let mut rig = Rig::new(&["app.log"]);
    fs::write(rig.path("app.log"), "before\n").unwrap();
    rig.start_at_end();
    rig.settle();
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 5);
    rig.settle();
    rig.stop();
    rig.lines(&mut writer, 5);
    let mut writer = rotate(&rig);
    rig.lines(&mut writer, 5);
    rig.start();
    rig.assert_exact("start = end");
}

/// As `cp` does it: the copy keeps its inode, and what was in it before is gone.
#[test]
fn copied_again_and_again_into_the_same_copy() {
    for (copy, story) in ["app.log.1", "app.log.bak", "app.log-saved"].iter().zip(0..) {
        for (unread, look, restart) in [
            (0, false, false),
            (5, false, false),
            (5, true, false),
            (0, true, true),
            (5, false, true),
        ] {
            let mut rig = Rig::new(&["app.log"]);
            let mut writer = rig.writer("app.log");
            rig.lines(&mut writer, 50);
            rig.settle();
            for round in 0..6 {
                rig.lines(&mut writer, 5 + story);
                rig.settle();
                rig.lines(&mut writer, unread);
                fs::copy(rig.path("app.log"), rig.path(copy)).unwrap();
                if look {
                    rig.settle();
                }
                if restart && round % 2 == 1 {
                    rig.start();
                }
                writer.set_len(0).unwrap();
                rig.lines(&mut writer, round % 3);
                rig.settle();
            }
            let found = rig.tail().statuses()[0].findings.clone();
            assert!(restart || found.iter().all(|one| one.kind == "copytruncate"), "{found:?}");
            rig.assert_exact(&format!("{copy} {unread} {look} {restart}"));
        }
    }
}

#[test]
fn copied_slowly_into_the_same_copy() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    for round in 0..4 {
        rig.lines(&mut writer, 50);
        rig.settle();
        let copy = File::create(rig.path("app.log.1")).unwrap();
        if round % 2 == 0 {
            rig.settle();
        }
        let content = fs::read(rig.path("app.log")).unwrap();
        let (begin, rest) = content.split_at(content.len() / 2);
        (&copy).write_all(begin).unwrap();
        rig.settle();
        (&copy).write_all(rest).unwrap();
        writer.set_len(0).unwrap();
        rig.settle();
    }
    rig.assert_exact("slow copy");
}

/// `cp` or `scp` onto the log itself, with the same and more.
#[test]
fn written_over_with_the_same_and_more() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 200);
    rig.settle();
    for (round, stop) in [0, 2500, 9000, 200_000].into_iter().enumerate() {
        let mut content = fs::read(rig.path("app.log")).unwrap();
        let mut more = rig.writer("more");
        rig.lines(&mut more, 50);
        content.extend(fs::read(rig.path("more")).unwrap());
        fs::remove_file(rig.path("more")).unwrap();
        let over = File::create(rig.path("app.log")).unwrap();
        if round % 2 == 0 {
            rig.pass(POLL);
        }
        let (begin, rest) = content.split_at(stop.min(content.len()));
        if begin.len() >= 4096 {
            (&over).write_all(begin).unwrap();
            rig.pass(POLL);
            (&over).write_all(rest).unwrap();
        } else {
            (&over).write_all(&content).unwrap();
        }
        rig.settle();
        if round == 2 {
            rig.start();
        }
    }
    rig.assert_exact("written over");
}

/// Somebody copies the same and more over it, and is seen at any moment of that.
#[test]
fn what_is_being_written_over_is_not_said_to_be_lost() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 300);
    rig.settle();
    let mut content = fs::read(rig.path("app.log")).unwrap();
    let mut more = rig.writer("more");
    rig.lines(&mut more, 50);
    content.extend(fs::read(rig.path("more")).unwrap());
    let mut over = File::create(rig.path("app.log")).unwrap();
    rig.settle();
    for part in content.chunks(1000) {
        over.write_all(part).unwrap();
        rig.pass(POLL);
    }
    rig.assert_exact("written over");
    assert_eq!(rig.tail().statuses()[0].findings, []);
    // What stays empty, or is filled with something else, is said.
    for lines in [0, 20] {
        let mut over = File::create(rig.path("app.log")).unwrap();
        rig.lines(&mut over, lines);
        rig.assert_exact("cut");
        assert_eq!(rig.tail().statuses()[0].findings[0].kind, "truncated", "{lines} lines");
        rig.start();
        let mut writer = rig.writer("app.log");
        rig.lines(&mut writer, 300);
        rig.settle();
    }
}

#[test]
fn a_log_that_is_cut_back_to_a_part_of_itself_is_said_to_be_read_again() {
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 300);
    rig.settle();
    let content = fs::read_to_string(rig.path("app.log")).unwrap();
    let kept = content[..content.len() - 700].rfind('\n').unwrap() + 1;
    writer.set_len(kept as u64).unwrap();
    rig.lines(&mut writer, 3);
    rig.settle();
    rig.pass(UNENDED);
    rig.settle();
    let kinds: Vec<_> = rig.tail().statuses()[0].findings.iter().map(|one| one.kind).collect();
    assert!(kinds.contains(&"rewritten"), "{kinds:?}");
    assert_eq!(rig.balance().0, 0, "nothing is lost");
}
