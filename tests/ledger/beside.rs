//! Reading beside a writer that never rests, and what the writer costs the disk.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tripline::domain::{Bucket, Checkpoint, Commit, Dimension};
use tripline::ledger::Reader;

use super::book::{Book, START, bucket, checkpoint, kept, minute, seen};

/// Commit again and again while `read` looks, until it has seen `wanted` answers in
/// each of which several commits came.
fn beside_a_writer(wanted: u32, read: impl Fn(&Reader)) {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    // Rows enough for an answer to take longer than a commit.
    let names: Vec<String> = (0..300).map(|n| format!("key-{n}")).collect();
    for day in 0..30 {
        let id = |name: &String| book.id(START - day * 1440, &[(Dimension::Key, name)]);
        let buckets = names.iter().map(|name| (id(name), bucket(2, 2))).collect();
        kept(&mut ledger, Commit { buckets, ..Commit::default() });
    }
    let before = ledger.reader().unwrap().totals().unwrap().requests.unsigned_abs();
    let (commits, done) = (AtomicU64::new(0), AtomicBool::new(false));
    // One call at the edge of a period and one in the middle of it: as many in both.
    let edge = book.id(START + 1, &[(Dimension::Key, "key-0")]);
    let middle = book.id(START - 10 * 1440, &[(Dimension::Key, "key-1")]);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let n = commits.load(Ordering::Relaxed) + 1;
                let commit = Commit {
                    buckets: vec![(edge, bucket(1, 1)), (middle, bucket(1, 1))],
                    checkpoints: vec![Checkpoint { lines: before + 2 * n, ..checkpoint(0, n) }],
                    ..Commit::default()
                };
                kept(&mut ledger, commit);
                commits.store(n, Ordering::Relaxed);
            }
        });
        let reader = Reader::open(&book.state()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut beside = 0;
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            while beside < wanted {
                assert!(Instant::now() < deadline, "{beside} answers only");
                let first = commits.load(Ordering::Relaxed);
                read(&reader);
                beside += u32::from(commits.load(Ordering::Relaxed) > first + 1);
            }
        }));
        done.store(true, Ordering::Relaxed);
        answered.unwrap();
    });
}

#[test]
fn a_sound_ledger_is_sound_while_it_is_written() {
    beside_a_writer(10, |reader| {
        assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
    });
}

#[test]
fn what_is_loaded_or_added_up_is_of_one_moment() {
    beside_a_writer(10, |reader| {
        let spent = reader.spent(minute(START - 20 * 1440), None).unwrap();
        let calls: i64 = spent.iter().map(|(_, part): &(_, Bucket)| part.requests).sum();
        assert_eq!(calls % 2, 0, "a commit is half in it");
        let moment = reader.moment().unwrap();
        let kept = reader.load().unwrap();
        let lines = kept.checkpoints.first().map(|file| file.lines);
        assert!(lines.is_none_or(|lines| lines == kept.totals.requests.unsigned_abs()));
        let (size, days) = (reader.size().unwrap(), reader.spent(minute(0), None).unwrap());
        let all: i64 = days.iter().map(|(_, part)| part.requests).sum();
        assert_eq!(all, kept.totals.requests, "{size:?}");
        drop(moment);
    });
}

#[test]
fn the_log_is_brought_in_when_it_is_long_and_not_with_each_commit_after() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let wal = book.state().join("ledger.db-wal");
    // Its header counts how often it began anew.
    let begun = || {
        let header = fs::read(&wal).unwrap();
        (u32::from_be_bytes(header[12..16].try_into().unwrap()), header.len())
    };
    let mut longest = 0;
    let mut next = 0..;
    for _ in 0..400 {
        let calls = next.by_ref().take(8000).map(seen).collect();
        kept(&mut ledger, Commit { seen: calls, ..Commit::default() });
        longest = longest.max(begun().1);
    }
    // Of 50 MB and more in 16 at a time.
    let (times, _) = begun();
    assert!((2..=8).contains(&times), "{times} times");
    assert!(longest < 24 << 20, "{longest} bytes");
}
