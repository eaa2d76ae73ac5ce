//! Letting go of what is old: by the days that have spend, in small steps, and never
//! because a clock was wrong for a while.

use std::fs;
use std::os::unix::fs::MetadataExt;

use tripline::domain::{Checkpoint, Commit, Dimension, Generation, NameKind, Wall};
use tripline::ledger::{Aged, Ledger, Place};

use super::book::{Book, START, bucket, checkpoint, kept, minute};

const DAY: i64 = 1440;

fn age(ledger: &mut Ledger, now: Wall) {
    while ledger.age(now).unwrap() == Aged::More {}
    let gone: Vec<_> = ledger.places().unwrap().into_iter().filter(Place::is_gone).collect();
    while ledger.forget(&gone, now).unwrap() == Aged::More {}
}

fn day_of_calls(book: &Book, day: i64) -> Commit {
    let minutes = (0..24).map(|hour| START + day * DAY + hour * 60);
    let id = |minute| book.id(minute, &[(Dimension::Key, "k")]);
    Commit { buckets: minutes.map(|at| (id(at), bucket(1, 1))).collect(), ..Commit::default() }
}

fn rows(book: &Book) -> [i64; 3] {
    ["minute", "quarter", "day"].map(|table| book.ask(&format!("SELECT count(*) FROM {table}")))
}

#[test]
fn minutes_go_after_8_days_quarters_after_62_and_days_never() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    for day in 0..100 {
        kept(&mut ledger, day_of_calls(&book, day));
        age(&mut ledger, minute(START + (day + 1) * DAY - 60));
    }
    // A day of UTC begins six hours before, and each has some of two.
    let [minutes, quarters, days] = rows(&book);
    assert!((8 * 24..10 * 24).contains(&minutes), "{minutes}");
    assert!((62 * 24..64 * 24).contains(&quarters), "{quarters}");
    assert_eq!(days, 101);
    assert_eq!(ledger.reader().unwrap().verify().unwrap(), Vec::<String>::new());
    assert_eq!(ledger.reader().unwrap().totals().unwrap().requests, 2400);
}

#[test]
fn a_clock_a_year_ahead_takes_nothing_away_and_forbids_nothing() {
    for then in [365 * DAY, 0] {
        let book = Book::new();
        let mut ledger = book.open().ledger;
        for day in 0..6 {
            kept(&mut ledger, day_of_calls(&book, day));
        }
        let ahead = book.id(START + 365 * DAY, &[(Dimension::Key, "k")]);
        kept(&mut ledger, Commit { buckets: vec![(ahead, bucket(1, 1))], ..Commit::default() });
        let before = rows(&book);
        age(&mut ledger, minute(START + 6 * DAY + then));
        assert_eq!(rows(&book), before);
        // The floors forbid no minute of the days to come.
        kept(&mut ledger, day_of_calls(&book, 6));
        assert_eq!(rows(&book)[0], before[0] + 24);
    }
}

#[test]
fn a_place_in_a_file_is_forgotten_62_days_after_the_file() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let file = |name: &str| {
        let path = book.dir.path().join(name);
        fs::write(&path, name).unwrap();
        let meta = path.metadata().unwrap();
        Checkpoint { path, place: (meta.dev(), meta.ino()), ..checkpoint(0, 5) }
    };
    let (there, gone, back) = (file("there"), file("gone"), file("back"));
    let journal = Checkpoint { path: "journal".into(), ..checkpoint(3, 1) };
    let finished = checkpoint(2, 9);
    assert_eq!((finished.progress, gone.progress), (Generation::Finished, Generation::Open));
    let all = vec![there.clone(), gone.clone(), back.clone(), journal.clone(), finished.clone()];
    kept(&mut ledger, Commit { checkpoints: all, ..Commit::default() });
    let names = |ledger: &mut Ledger| {
        let files = ledger.reader().unwrap().load().unwrap().checkpoints;
        let mut names: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
        names.sort();
        names
    };
    let mut known = names(&mut ledger);
    assert_eq!(known.len(), 5);
    let aside = book.dir.path().join("aside");
    fs::rename(&back.path, &aside).unwrap();
    fs::remove_file(&gone.path).unwrap();
    // A clock that was ahead when the file was missed first does not spare it for long.
    age(&mut ledger, minute(START + 400 * DAY));
    age(&mut ledger, minute(START));
    fs::rename(&aside, &back.path).unwrap();
    age(&mut ledger, minute(START + 30 * DAY));
    fs::rename(&back.path, &aside).unwrap();
    age(&mut ledger, minute(START + 62 * DAY - 1));
    assert_eq!(names(&mut ledger), known, "not yet");
    drop(ledger);
    let mut ledger = book.open().ledger;
    age(&mut ledger, minute(START + 62 * DAY));
    known.retain(|path| *path != gone.path);
    assert_eq!(names(&mut ledger), known, "the other one was back in between");
    assert_eq!(book.ask::<i64>("SELECT count(*) FROM state WHERE key LIKE 'gone %'"), 1);
    // What is written again is not gone since then.
    let moved = Checkpoint { offset: 6, ..back.clone() };
    kept(&mut ledger, Commit { checkpoints: vec![moved], ..Commit::default() });
    age(&mut ledger, minute(START + 62 * DAY + 100 * DAY));
    assert_eq!(names(&mut ledger), known);
}

#[test]
fn days_names_and_events_go_in_steps_that_add_up() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let (users, events) = (4000, 50_000);
    let mut id = book.id(START - 3 * DAY, &[]);
    for day in 0..12 {
        id.minute = START - (day + 3) * DAY;
        let user = |n: i64| {
            let user = book.names.intern(NameKind::User, &format!("user-{n}"));
            (tripline::domain::BucketId { user: Some(user), ..id }, bucket(1, 2))
        };
        kept(&mut ledger, Commit { buckets: (0..users).map(user).collect(), ..Commit::default() });
    }
    let event = |n: i64| (minute(START - 10 * DAY).offset_nanos(n), "{}".to_owned());
    kept(&mut ledger, Commit { history: (0..events).map(event).collect(), ..Commit::default() });
    let removed_at_once = |ledger: &mut Ledger| {
        let step = ledger.prune(minute(START)).unwrap();
        assert!(step.days <= 20_000 && step.events <= 20_000, "{step:?}");
        step
    };
    let mut removed = removed_at_once(&mut ledger);
    while removed.aged == Aged::More {
        // Whoever ends here leaves a ledger that is sound.
        assert_eq!(ledger.reader().unwrap().verify().unwrap(), Vec::<String>::new());
        removed.add(&removed_at_once(&mut ledger));
    }
    assert_eq!((removed.days, removed.events), (12 * 4000, 50_000));
    assert_eq!((removed.sums.requests, removed.sums.cost.0), (12 * 4000, 2 * 12 * 4000));
    let left = ["series", "name", "history"]
        .map(|t| book.ask::<i64>(&format!("SELECT count(*) FROM {t}")));
    assert_eq!(left, [0, 0, 0]);
}

/// Else it would take as much room again as all that is let go of, on a disk that is
/// perhaps full.
#[test]
fn what_is_pruned_does_not_gather_in_the_write_ahead_log() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    kept(&mut ledger, day_of_calls(&book, 0));
    drop(ledger);
    let db = rusqlite::Connection::open(book.file()).unwrap();
    // Users of which nothing is left, in no order: each step touches most of their index.
    let many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 300000) \
                INSERT INTO series (host, provider, model, key, team, user, environment, account) \
                SELECT 0, 0, 0, 0, 0, n * 104729 % 1000003, 0, 0 FROM n";
    db.execute(many, []).unwrap();
    drop(db);
    let mut ledger = book.open().ledger;
    let wal = book.state().join("ledger.db-wal");
    let mut longest = 0;
    while ledger.prune(minute(START + 2 * DAY)).unwrap().aged == Aged::More {
        longest = longest.max(fs::metadata(&wal).unwrap().len());
    }
    assert_eq!(book.ask::<i64>("SELECT count(*) FROM series"), 0);
    assert!(longest > 1 << 20 && longest < 32 << 20, "{longest} bytes");
}
