//! More files than a process may have open: all are read, in turn.
//!
//! A process of its own, for the limit holds for all of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/tail_rig.rs"]
mod tail_rig;

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tail_rig::Rig;
use tripline::source::SourceState;
use tripline::source::tail::POLL;

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

#[test]
fn five_thousand_files_with_256_handles() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).unwrap();
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
