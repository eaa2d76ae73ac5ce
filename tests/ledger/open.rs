//! Who may open a ledger, and what it finds.

use std::os::unix::fs::PermissionsExt;

use tripline::domain::{Commit, Names};
use tripline::ledger::{Committed, Ledger, LedgerError, Reader};

use super::book::{Book, START, bucket, checkpoint, kept, minute, seen, setup};
use crate::disk::Mounted;

#[test]
fn the_files_are_private_to_their_owner() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    kept(
        &mut ledger,
        Commit { buckets: vec![(book.id(START, &[]), bucket(1, 1))], ..Commit::default() },
    );
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&book.state()), 0o700);
    for entry in std::fs::read_dir(book.state()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_writer_is_told_who_holds_it_and_readers_are_not_in_the_way() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    kept(
        &mut ledger,
        Commit { buckets: vec![(book.id(START, &[]), bucket(1, 1))], ..Commit::default() },
    );
    let error = book.try_open().unwrap_err();
    assert!(matches!(&error, LedgerError::Held { holder: Some(by), .. } if by.host == "gw-1"));
    let said = error.to_string();
    let pid = std::process::id();
    assert!(said.contains(&format!("process {pid} on gw-1 since 2026-11-20")), "{said}");
    let reader = Reader::open(&book.state()).unwrap();
    assert_eq!(reader.totals().unwrap().requests, 1);
    kept(
        &mut ledger,
        Commit { buckets: vec![(book.id(START, &[]), bucket(1, 1))], ..Commit::default() },
    );
    assert_eq!(reader.totals().unwrap().requests, 2);
    drop(ledger);
    assert_eq!(book.open().kept.totals.requests, 2);
}

fn one(book: &Book) -> Commit {
    Commit { buckets: vec![(book.id(START, &[]), bucket(1, 1))], ..Commit::default() }
}

#[test]
fn a_ledger_that_vanishes_is_noticed_and_not_written_on() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    kept(&mut ledger, one(&book));
    std::fs::remove_dir_all(book.state()).unwrap();
    for waiting in 1..4 {
        let error = ledger.commit(one(&book)).unwrap_err();
        assert!(matches!(error, LedgerError::Moved { .. }), "{error}");
        assert_eq!(ledger.held().buckets[0].1.requests, waiting);
    }
    drop(ledger);
    assert_eq!(book.open().kept.totals.requests, 0);
}

#[test]
fn a_program_that_holds_sqlites_lock_makes_the_ledger_wait_and_nothing_is_lost() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let other = rusqlite::Connection::open(book.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = ledger.commit(one(&book)).unwrap_err();
    assert!(matches!(error, LedgerError::Busy { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    kept(&mut ledger, one(&book));
    assert_eq!(ledger.reader().unwrap().totals().unwrap().requests, 2);
    assert!(ledger.held().is_empty());
}

/// A program that reads for long keeps the write-ahead log from being reused: it grows
/// meanwhile, no commit waits, and afterwards it is short again.
#[test]
fn a_reader_that_does_not_end_holds_up_no_commit_and_the_log_is_short_again_after_it() {
    const SHORT: u64 = 17 << 20;
    let book = Book::new();
    let mut ledger = book.open().ledger;
    kept(&mut ledger, one(&book));
    let other = rusqlite::Connection::open(book.file()).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").unwrap();
    let log = || std::fs::metadata(book.state().join("ledger.db-wal")).map_or(0, |meta| meta.len());
    let mut calls = 1;
    while log() < SHORT + (2 << 20) {
        let minutes = (calls..calls + 20_000).map(|n| (book.id(START - n, &[]), bucket(1, 1)));
        let commit = Commit { buckets: minutes.collect(), ..Commit::default() };
        calls += 20_000;
        kept(&mut ledger, commit);
    }
    other.execute_batch("ROLLBACK").unwrap();
    for _ in 0..3 {
        calls += 1;
        kept(&mut ledger, one(&book));
    }
    assert!(log() < SHORT, "{}", log());
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.totals().unwrap().requests, calls);
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn on_a_full_disk_commits_wait_and_are_exact_when_there_is_space_again() {
    let book = Book::new();
    let at = book.dir.path().join("disk");
    let Some(disk) = Mounted::tmpfs(&at, "size=400k") else { return };
    let state = disk.path().join("state");
    let mut ledger = Ledger::open(setup(&state, &book.names), minute(START)).unwrap().ledger;
    let (mut calls, mut full) = (0, 0);
    for n in 0..300u32 {
        let at = START + i64::from(n) * 3;
        let commit = Commit {
            buckets: vec![(book.id(at, &[]), bucket(2, 7))],
            checkpoints: vec![checkpoint(1, n.into())],
            seen: (0..100).map(|k| seen(u64::from(n) * 100 + k)).collect(),
            ..Commit::default()
        };
        calls += 2;
        match ledger.commit(commit) {
            Ok(Committed::Kept) => {}
            Ok(Committed::KeptAfter { trouble, .. }) => assert!(!trouble.is_empty()),
            Err(LedgerError::Full { .. } | LedgerError::Disk { .. }) => full += 1,
            other => panic!("{other:?}"),
        }
        if full > 20 {
            break;
        }
    }
    assert!(full > 20, "the disk was never full");
    disk.remount("size=40M");
    let _ = ledger.commit(Commit::default()).unwrap();
    assert!(ledger.held().is_empty());
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.totals().unwrap().requests, calls);
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_read_only_directory_refuses_a_writer_and_serves_readers() {
    let book = Book::new();
    let at = book.dir.path().join("disk");
    let Some(disk) = Mounted::tmpfs(&at, "size=4M") else { return };
    let state = disk.path().join("state");
    let open = || Ledger::open(setup(&state, &Names::default()), minute(START));
    disk.remount("ro");
    let error = open().unwrap_err().to_string();
    assert!(error.contains("create the directory"), "{error}");
    disk.remount("rw");
    let mut ledger = Ledger::open(setup(&state, &book.names), minute(START)).unwrap().ledger;
    kept(&mut ledger, one(&book));
    drop(ledger);
    disk.remount("ro");
    let error = open().unwrap_err();
    assert!(error.to_string().contains("ledger.lock"), "{error}");
    assert_eq!(Reader::open(&state).unwrap().totals().unwrap().requests, 1);
}
