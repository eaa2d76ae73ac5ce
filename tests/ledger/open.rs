//! Who may open a ledger, and what it finds.

use std::os::unix::fs::PermissionsExt;

use tripline::domain::Commit;
use tripline::ledger::{LedgerError, Reader};

use super::book::{Book, START, bucket, kept};

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
