//! What `docs/LEDGER.md` tells operators, tried.

use std::collections::BTreeSet;

use tripline::domain::{Commit, SourceCounters, SourceId};
use tripline::ledger::Dimension;

use super::book::{Book, START, bucket, checkpoint, kept, minute, seen};

#[test]
fn every_query_of_the_document_answers() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let who = [
        (Dimension::Key, "prod-web"),
        (Dimension::Model, "gpt-4o"),
        (Dimension::Provider, "openai"),
        (Dimension::Team, "web"),
    ];
    let buckets =
        (0..3000).map(|n| (book.id(START - n, &who), bucket(20, 3_000_000_000))).collect();
    kept(
        &mut ledger,
        Commit {
            buckets,
            checkpoints: vec![checkpoint(0, 9), checkpoint(2, 9)],
            seen: vec![seen(1)],
            replaceable: Vec::new(),
            sources: vec![(SourceId(0), SourceCounters { faults: 1, ..SourceCounters::default() })],
            history: vec![(minute(START), r#"{"event":"switch.tripped"}"#.into())],
            standing: None,
        },
    );
    drop(ledger);
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/LEDGER.md")).unwrap();
    let queries: Vec<&str> =
        text.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(queries.len() >= 6, "{}", queries.len());
    let db = rusqlite::Connection::open_with_flags(
        book.file(),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .unwrap();
    for query in queries {
        let mut statement = db.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let rows = statement.query_map([], |_| Ok(())).unwrap().map(Result::unwrap).count();
        assert!(rows > 0, "no rows: {query}");
    }
}

#[test]
fn every_table_and_view_is_in_the_document() {
    let book = Book::new();
    drop(book.open());
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/LEDGER.md")).unwrap();
    let db = rusqlite::Connection::open(book.file()).unwrap();
    let mut select =
        db.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").unwrap();
    let names: BTreeSet<String> =
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 12, "{names:?}");
    for name in names {
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
    }
}
