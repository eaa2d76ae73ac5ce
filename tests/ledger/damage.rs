//! Damaged, foreign, old and new files.

use std::collections::BTreeMap;
use std::fs;

use tripline::domain::{Checkpoint, Commit, Generation, SourceCounters, SourceId, Standing, Wall};
use tripline::ledger::{Dimension, Ledger, LedgerError, Opened, Reader};

use super::book::{Book, Model, START, bucket, checkpoint, counted, kept, minute, seen, sum};

/// Bytes that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// A ledger with something in every table; answers what it holds.
fn fill(book: &Book) -> Model {
    let mut ledger = book.open().ledger;
    let mut model = Model::default();
    for n in 0..30u8 {
        let key = format!("key-{}", n % 7);
        let at = START + i64::from(n) * 97;
        let id = book.id(at, &[(Dimension::Key, &key), (Dimension::Provider, "openai")]);
        let commit = Commit {
            buckets: vec![(id, bucket(1 + i64::from(n), 1_000_000_007 * i64::from(n)))],
            sources: vec![(SourceId(0), SourceCounters { lines: n.into(), ..Default::default() })],
            checkpoints: vec![checkpoint(u64::from(n % 4), u64::from(n) * 1000)],
            seen: vec![seen(n.into())],
            replaceable: vec![counted(&id, u64::from(n) << 20, &book.names)],
            history: vec![(minute(at), format!("{{\"n\":{n}}}"))],
            standing: Some(Standing { at: minute(at), items: vec![n.to_string()] }),
        };
        model.take(&commit);
        kept(&mut ledger, commit);
    }
    model
}

#[test]
fn flipped_bytes_never_panic_and_never_give_wrong_totals_unnoticed() {
    let whole = Book::new();
    let model = fill(&whole);
    let bytes = fs::read(whole.file()).unwrap();
    let (mut noticed, mut harmless, mut set_aside) = (0, 0, 0);
    for round in 0..400u64 {
        let mut random = Random(round * 7919 + 1);
        let mut damaged = bytes.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(damaged.len());
            damaged[at] ^= 1 << random.below(8);
        }
        let book = Book::new();
        fs::create_dir(book.state()).unwrap();
        fs::write(book.file(), &damaged).unwrap();
        let look = || {
            let reader = Reader::open(&book.state())?;
            let wrong = reader.verify()?;
            let spent = reader.spent(Wall(i64::MIN), None);
            Ok::<_, LedgerError>((wrong, reader.load(), spent, reader.history(100)))
        };
        match look() {
            Ok((wrong, kept, spent, _)) if wrong.is_empty() => {
                model.equals(&kept.unwrap());
                let spent = spent.unwrap();
                assert_eq!(sum(spent.iter().map(|(_, part)| part)), model.totals(), "{round}");
                harmless += 1;
            }
            _ => noticed += 1,
        }
        // Whatever it is, a run begins, and its first commit is kept.
        let opened = match Ledger::open(book.setup(), minute(START)) {
            Ok(opened) => opened,
            // A header that claims a later version is left alone.
            Err(error) => {
                assert!(matches!(error, LedgerError::Newer { .. }), "{round}: {error}");
                continue;
            }
        };
        set_aside += u32::from(opened.set_aside.is_some());
        let mut ledger = opened.ledger;
        let id = book.id(START, &[(Dimension::Key, "new")]);
        let commit = Commit { buckets: vec![(id, bucket(1, 1))], ..Commit::default() };
        match ledger.commit(commit) {
            Ok(_) => {}
            Err(LedgerError::Corrupt { .. } | LedgerError::Overflow { .. }) => {
                assert_eq!(ledger.held().buckets.len(), 1);
            }
            Err(error) => panic!("{round}: {error}"),
        }
    }
    assert!(noticed > 50 && harmless > 50 && set_aside > 20, "{noticed} {harmless} {set_aside}");
}

#[test]
fn a_damaged_ledger_is_set_aside_whole_and_a_new_one_begun() {
    let book = Book::new();
    fill(&book);
    for (n, content) in
        [&b"no database"[..], &[0x55; 9000], b"SQLite format 3\0 and then nothing", b""]
            .iter()
            .enumerate()
    {
        fs::write(book.file(), content).unwrap();
        let opened = book.open();
        let aside = opened.set_aside.unwrap();
        assert_eq!(&fs::read(&aside.path).unwrap(), content, "nothing is deleted");
        let name = aside.path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(name, format!("ledger.db.corrupt-20261120T060000000Z{}", "x".repeat(n)));
        assert!(!aside.why.is_empty());
        assert_eq!(opened.kept, tripline::ledger::Kept::default());
        let mut ledger = opened.ledger;
        let id = book.id(START, &[]);
        kept(&mut ledger, Commit { buckets: vec![(id, bucket(1, 1))], ..Commit::default() });
        drop(ledger);
        assert_eq!(book.open().kept.totals.requests, 1);
    }
}

#[test]
fn another_programs_database_is_not_written() {
    let book = Book::new();
    fs::create_dir(book.state()).unwrap();
    let db = rusqlite::Connection::open(book.file()).unwrap();
    db.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (7)").unwrap();
    drop(db);
    let aside = book.open().set_aside.unwrap();
    assert!(aside.why.contains("no ledger"), "{}", aside.why);
    let db = rusqlite::Connection::open(&aside.path).unwrap();
    assert_eq!(db.query_row("SELECT x FROM theirs", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
}

#[test]
fn a_part_that_can_no_longer_be_read_sets_the_ledger_aside() {
    for damage in [
        "UPDATE checkpoint SET bytes = bytes + 1",
        "UPDATE seen SET packed = x'00' WHERE id = 3",
        "UPDATE seen SET calls = 9 WHERE id = 3",
        "UPDATE replaceable SET counted_at = counted_at + 1",
        "UPDATE replaceable SET call = replace(call, '\"keep\"', '\"kept\"')",
        "UPDATE replaceable SET series = 1 + series % 2",
        "UPDATE source SET lines = -1",
        "DELETE FROM totals",
        "DELETE FROM state",
        "DROP TABLE source",
    ] {
        let book = Book::new();
        fill(&book);
        let db = rusqlite::Connection::open(book.file()).unwrap();
        db.execute_batch(damage).unwrap();
        drop(db);
        assert!(!Reader::open(&book.state()).unwrap().verify().unwrap().is_empty(), "{damage}");
        assert!(book.open().set_aside.is_some(), "{damage}");
    }
}

#[test]
fn sums_that_do_not_add_up_are_found() {
    for (damage, said) in [
        ("UPDATE day SET requests = requests + 1", "requests: the total is"),
        ("UPDATE totals SET unpriced = 77 WHERE what = 'pruned'", "unpriced: the total is"),
        ("UPDATE quarter SET failed = failed - 1 WHERE series = 2", "rows by day"),
        ("UPDATE minute SET output_tokens = 0", "rows by quarter"),
        ("DELETE FROM minute WHERE series = 1", "rows by quarter"),
        ("UPDATE minute SET series = 9000 WHERE series = 1", "belong to no series"),
        ("UPDATE series SET key = 9000 WHERE id = 1", "a name that is missing"),
        ("CREATE TABLE more (x)", "its tables"),
        ("CREATE TRIGGER t AFTER INSERT ON day BEGIN DELETE FROM day; END", "its tables"),
    ] {
        let book = Book::new();
        fill(&book);
        let db = rusqlite::Connection::open(book.file()).unwrap();
        db.execute_batch(damage).unwrap();
        drop(db);
        let wrong = Reader::open(&book.state()).unwrap().verify().unwrap().join("\n");
        assert!(wrong.contains(said), "{damage}: {wrong}");
    }
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let book = Book::new();
    fill(&book);
    let db = rusqlite::Connection::open(book.file()).unwrap();
    db.pragma_update(None, "user_version", 7).unwrap();
    drop(db);
    let before = fs::read(book.file()).unwrap();
    let error = book.try_open().unwrap_err();
    assert!(matches!(error, LedgerError::Newer { found: 7, known: 6, .. }), "{error}");
    assert!(matches!(Reader::open(&book.state()), Err(LedgerError::Newer { .. })));
    assert_eq!(fs::read(book.file()).unwrap(), before);
}

/// What every earlier version holds in these tests.
fn is_brought_up_to_date(version: i64, made: &str) -> (Book, Opened) {
    let book = Book::new();
    fs::create_dir(book.state()).unwrap();
    let db = rusqlite::Connection::open(book.file()).unwrap();
    db.execute_batch(made).unwrap();
    drop(db);
    let refused = Reader::open(&book.state());
    assert!(matches!(refused, Err(LedgerError::Older { found, .. }) if found == version));
    let mut opened = book.open();
    assert_eq!(opened.set_aside, None);
    assert_eq!((opened.kept.totals.requests, opened.kept.totals.unpriced), (15, 5));
    let counters =
        SourceCounters { lines: 100, faults: 1, quarantined: 2, ignored: 3, duplicates: 4 };
    assert_eq!(opened.kept.sources, [("gateway".to_owned(), counters)]);
    assert_eq!((opened.kept.seen[0].fingerprint, opened.kept.seen[0].at), (1, Wall(2)));
    // Before, as what they were counted was not kept.
    assert_eq!(opened.kept.replaceable.len(), usize::from(version > 2));
    let reader = opened.ledger.reader().unwrap();
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
    let spent = |from: i64, to: Option<i64>| -> BTreeMap<Option<String>, i64> {
        let rows = reader.spent(minute(from), to.map(minute)).unwrap();
        let key = |key: &std::sync::Arc<str>| key.to_string();
        rows.iter().map(|(who, sum)| (who.get(Dimension::Key).map(key), sum.requests)).collect()
    };
    let named = |calls| (Some("prod-web".to_owned()), calls);
    assert_eq!(spent(START, None), BTreeMap::from([named(7), (None, 5)]));
    assert_eq!(spent(START - 1, Some(START)), BTreeMap::from([named(2)]));
    assert_eq!(spent(-1440, Some(0)), BTreeMap::from([(None, 1)]));
    // And it goes on.
    let id = book.id(START, &[(Dimension::Key, "prod-web")]);
    let call = counted(&id, 0x0123_4567_89ab_cdef, &book.names);
    let commit =
        Commit { buckets: vec![(id, bucket(1, 1))], replaceable: vec![call], ..Commit::default() };
    kept(&mut opened.ledger, commit);
    let reader = opened.ledger.reader().unwrap();
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
    assert_eq!(reader.load().unwrap().replaceable.pop().unwrap().named(&book.names), call);
    let copy =
        rusqlite::Connection::open(book.state().join(format!("ledger.db.v{version}"))).unwrap();
    let kept: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(kept, version);
    (book, opened)
}

#[test]
fn version_1_is_brought_up_to_date_and_kept_beside() {
    let (book, opened) = is_brought_up_to_date(1, include_str!("v1.sql"));
    assert_eq!(book.open_twice(opened), 16);
}

#[test]
fn version_2_is_brought_up_to_date_and_kept_beside() {
    let (book, opened) = is_brought_up_to_date(2, include_str!("v2.sql"));
    let file = &opened.kept.checkpoints[0];
    assert_eq!(
        (file.path.to_str(), file.offset, &*file.memo),
        (Some("/var/log/gw.log"), 4400, "{\"line\":8}")
    );
    assert_eq!(book.ask::<i64>("SELECT value FROM state WHERE key = 'minute_from'"), 1440);
    assert_eq!(book.open_twice(opened), 16);
}

/// Whose they are was not kept: each source that follows the path may go on from them,
/// and leaves its own beside them.
#[test]
fn version_3_is_brought_up_to_date_and_kept_beside() {
    let (book, mut opened) = is_brought_up_to_date(3, include_str!("v3.sql"));
    let files = opened.kept.checkpoints.clone();
    let told = |file: &Checkpoint| (file.source.to_string(), file.offset, file.progress);
    assert_eq!(
        files.iter().map(told).collect::<Vec<_>>(),
        [(String::new(), 4400, Generation::Open), (String::new(), 9000, Generation::Finished)]
    );
    assert_eq!(opened.ledger.reader().unwrap().refused().unwrap(), 1);
    let of =
        |source: &str, offset| Checkpoint { source: source.into(), offset, ..files[0].clone() };
    for (source, offset) in [("a", 5000), ("b", 4500), ("a", 6000)] {
        let commit = Commit { checkpoints: vec![of(source, offset)], ..Commit::default() };
        kept(&mut opened.ledger, commit);
    }
    let open: Vec<_> = opened.ledger.reader().unwrap().load().unwrap().checkpoints;
    let open: Vec<_> = open.iter().map(told).filter(|one| one.2 == Generation::Open).collect();
    let named = |source: &str, offset| (source.to_owned(), offset, Generation::Open);
    assert_eq!(open, [named("", 4400), named("b", 4500), named("a", 6000)]);
    assert_eq!(book.open_twice(opened), 16);
}

/// No call told of an account, and of no file is known since when its siblings are new.
#[test]
fn version_4_is_brought_up_to_date_and_kept_beside() {
    let (book, mut opened) = is_brought_up_to_date(4, include_str!("v4.sql"));
    assert!(opened.kept.checkpoints.iter().all(|file| file.since.is_none()));
    let who = [(Dimension::Key, "prod-web"), (Dimension::Account, "acme")];
    let id = book.id(START, &who);
    kept(&mut opened.ledger, Commit { buckets: vec![(id, bucket(2, 2))], ..Commit::default() });
    let reader = opened.ledger.reader().unwrap();
    let spent = reader.spent(minute(START), None).unwrap();
    let of = |who: &tripline::ledger::Who| who.get(Dimension::Account).map(ToString::to_string);
    let named: Vec<i64> =
        spent.iter().filter(|(who, _)| of(who).is_some()).map(|(_, sum)| sum.requests).collect();
    assert_eq!(named, [2]);
    assert_eq!(
        book.ask::<i64>(
            "SELECT sum(requests) FROM spend WHERE account = 'acme' AND key = 'prod-web'"
        ),
        2
    );
    assert_eq!(book.open_twice(opened), 18);
}

/// Nothing is known to have stood; what does from now on is kept whole, and replaced whole.
#[test]
fn version_5_is_brought_up_to_date_and_kept_beside() {
    let (book, mut opened) = is_brought_up_to_date(5, include_str!("v5.sql"));
    assert_eq!(opened.kept.standing, Standing::default());
    let stands = |at, items: &[&str]| Standing {
        at: Wall(at),
        items: items.iter().map(ToString::to_string).collect(),
    };
    let (first, second) = (stands(5, &["{}", "[1]"]), stands(6, &["[2]"]));
    for standing in [Some(first), None, Some(second.clone()), None] {
        kept(&mut opened.ledger, Commit { standing, ..Commit::default() });
    }
    let reader = opened.ledger.reader().unwrap();
    assert_eq!(reader.load().unwrap().standing, second);
    drop(opened);
    let db = rusqlite::Connection::open(book.file()).unwrap();
    db.execute("UPDATE standing SET item = '[3]'", []).unwrap();
    drop(db);
    let what = Reader::open(&book.state()).unwrap().load().unwrap_err().to_string();
    assert!(what.contains("what stands is not as it was written"), "{what}");
}

impl Book {
    /// Close and open again; answers all requests.
    fn open_twice(&self, opened: Opened) -> i64 {
        drop(opened);
        self.open().kept.totals.requests
    }
}
