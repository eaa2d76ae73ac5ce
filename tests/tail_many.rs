//! More files than a process may have open: all are read, in turn.
//!
//! A process of its own, for the limit holds for all of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fs;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tail_rig::Rig;
use tripline::source::SourceState;
use tripline::source::tail::{POLL, ROTATE_WAIT, UNENDED};

const FILES: usize = 5000;

fn name(file: usize) -> String {
    format!("in/{file:04}.log")
}

/// Milliseconds of processor time, in ticks of ten.
fn busy_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}

fn handles() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The handles of the process, for one test at a time.
fn with_256_handles() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).unwrap();
    alone
}

/// Few handles are open, and each line that was written was heard.
fn assert_balanced(rig: &Rig, what: &str) {
    assert!(handles() < 200, "{what}: {} handles", handles());
    let (lost, repeated, some) = rig.balance();
    assert_eq!((lost, repeated), (0, 0), "{what}: {some:?}");
}

#[test]
fn five_thousand_files_with_256_handles() {
    let _alone = with_256_handles();
    let mut rig = Rig::new(&["in"]);
    fs::create_dir(rig.path("in")).unwrap();
    for file in 0..FILES {
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 3);
    }
    let before = busy_ms();
    rig.settle();
    eprintln!("{FILES} files opened and read: {} ms of processor time", busy_ms() - before);
    assert_eq!(rig.heard.len(), 3 * FILES);
    assert!(handles() < 200, "{} handles", handles());
    let status = &rig.tail().statuses()[0];
    assert_eq!((status.state, status.files, &status.problem), (SourceState::Live, FILES, &None));

    // Growing, rotated, deleted and new files, whether they are open or not.
    for round in 0..3 {
        for file in (round..FILES).step_by(7) {
            let mut writer = rig.writer(&name(file));
            rig.lines(&mut writer, 2);
            if file.is_multiple_of(200) {
                fs::rename(rig.path(&name(file)), rig.path(&format!("{}.1", name(file)))).unwrap();
                rig.lines(&mut writer, 1);
                let mut writer = rig.writer(&name(file));
                rig.lines(&mut writer, 1);
            }
        }
        rig.settle();
        assert!(handles() < 256, "{} handles", handles());
        let (lost, repeated, some) = rig.balance();
        assert_eq!((lost, repeated), (0, 0), "round {round}: {some:?}");
    }
    let before = busy_ms();
    for _ in 0..20 {
        rig.pass(POLL);
    }
    eprintln!("{FILES} idle files: {} ms of processor time for 5 s of polling", busy_ms() - before);

    let before = busy_ms();
    rig.start();
    rig.settle();
    eprintln!("{FILES} files found again: {} ms of processor time", busy_ms() - before);
    rig.assert_exact("5000 files");
}

#[test]
fn four_hundred_files_are_all_rotated_at_once() {
    let _alone = with_256_handles();
    let mut rig = Rig::new(&["in/*.log"]);
    fs::create_dir(rig.path("in")).unwrap();
    let rotated = |file, at| format!("{}.{at}", name(file));
    let rename =
        |rig: &Rig, from: &str, to: &str| fs::rename(rig.path(from), rig.path(to)).unwrap();
    for file in 0..400 {
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 1);
    }
    for _ in 0..3 {
        rig.settle();
    }
    assert_balanced(&rig, "followed");

    // Lines before the rename and after it, into what is open and what is closed.
    for file in 0..400 {
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 1);
        rename(&rig, &name(file), &rotated(file, 1));
        rig.lines(&mut writer, 1);
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 1);
    }
    rig.settle();
    assert_balanced(&rig, "rotated");

    // Late lines, wherever the file is by then.
    for file in 0..400_usize {
        let at = 1 + u32::from(file.is_multiple_of(3));
        if at == 2 {
            rename(&rig, &rotated(file, 1), &rotated(file, 2));
        }
        let mut writer = rig.writer(&rotated(file, at));
        rig.lines(&mut writer, 1);
    }
    rig.settle();
    assert_balanced(&rig, "late");
    // The last line has no newline, and never will: it counts when the file is done with.
    for file in (1..400).step_by(3) {
        let line = rig.fresh_line();
        write!(rig.writer(&rotated(file, 1)), "{line}").unwrap();
    }
    rig.settle();
    rig.pass(ROTATE_WAIT);
    rig.settle();
    assert_balanced(&rig, "done with");

    // Once more while nothing runs, so that all is to be read before what follows it.
    rig.stop();
    for file in 0..400 {
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 1);
        rename(&rig, &name(file), &rotated(file, 3));
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 1);
    }
    rig.start();
    rig.settle();
    assert_balanced(&rig, "found again");
    rig.assert_exact("400 rotated files");
}

#[test]
fn a_closed_file_whose_last_line_needs_no_newline() {
    let _alone = with_256_handles();
    let mut rig = Rig::new(&["in/*.log"]);
    fs::create_dir(rig.path("in")).unwrap();
    for file in 0..300 {
        let line = format!("{{\"file\":{file}}}");
        fs::write(rig.path(&name(file)), &line).unwrap();
        *rig.wrote.entry(line).or_default() += 1;
    }
    rig.settle();
    rig.pass(UNENDED);
    rig.settle();
    assert_balanced(&rig, "unended");
}

#[test]
fn a_closed_file_is_rotated_and_the_next_one_begins_with_all_it_held() {
    let _alone = with_256_handles();
    let mut rig = Rig::new(&["in/*.log"]);
    fs::create_dir(rig.path("in")).unwrap();
    for file in 0..300 {
        fs::write(rig.path(&name(file)), "banner\n").unwrap();
    }
    rig.wrote.insert("banner".into(), 600);
    for _ in 0..3 {
        rig.settle();
    }
    for file in 0..300 {
        let mut writer = rig.writer(&name(file));
        rig.lines(&mut writer, 1);
        fs::rename(rig.path(&name(file)), rig.path(&format!("{}.1", name(file)))).unwrap();
        fs::write(rig.path(&name(file)), "banner\n").unwrap();
    }
    rig.settle();
    // It may be a copy of the other one that is still being made.
    rig.pass(UNENDED);
    assert_balanced(&rig, "banners");
}

fn all_handles() -> Vec<fs::File> {
    std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect()
}

/// The rest of a log is in its copy, which can't be looked for just now.
#[test]
fn without_a_handle_left_no_copy_is_given_up() {
    let _alone = with_256_handles();
    let mut rig = Rig::new(&["app.log"]);
    let mut writer = rig.writer("app.log");
    rig.lines(&mut writer, 300);
    rig.settle();
    rig.lines(&mut writer, 50);
    fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    writer.set_len(0).unwrap();
    let taken = all_handles();
    rig.settle();
    drop(taken);
    rig.lines(&mut writer, 50);
    rig.assert_exact("there are handles again");
    assert_eq!(rig.tail().statuses()[0].findings[0].kind, "copytruncate");
}

/// What can't be opened to compare it is no answer: it is tried again.
#[test]
fn without_a_handle_left_nothing_is_taken_for_a_copy_or_for_a_log_of_its_own() {
    let _alone = with_256_handles();
    let mut rig = Rig::new(&["*.log"]);
    let alike: Vec<String> = (0..200).map(|_| rig.fresh_line()).collect();
    let begin = |rig: &Rig, name: &str| {
        let mut file = rig.writer(name);
        for line in &alike {
            writeln!(file, "{line}").unwrap();
        }
        file
    };
    let mut one = begin(&rig, "one.log");
    rig.lines(&mut one, 300);
    rig.settle();
    // Another one begins like it, and is shorter.
    for line in &alike {
        rig.wrote.insert(line.clone(), 2);
    }
    let mut other = begin(&rig, "other.log");
    rig.lines(&mut other, 50);
    let mut taken = all_handles();
    // One to look around, and then to keep the new file open, and one to look into it.
    taken.truncate(taken.len() - 2);
    rig.settle();
    assert_eq!(rig.tail().statuses()[0].state, SourceState::Error);
    assert_eq!(rig.heard.len(), 500);
    drop(taken);
    rig.assert_exact("there are handles again");
}
