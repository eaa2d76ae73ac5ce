//! What goes in comes out, whatever the order and however often it is merged,
//! closed and opened.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tripline::domain::{Commit, NameKind, NanoUsd, SourceCounters, SourceId, Wall};
use tripline::ledger::{Aged, Dimension, LedgerError, Reader};

use super::book::{Book, Model, START, bucket, checkpoint, kept, minute, seen, sum};

/// One commit in numbers, which a test can shrink.
#[derive(Clone, Debug)]
struct Step {
    buckets: Vec<(i64, u8, u8, i64, i64)>,
    checkpoints: Vec<(u64, u64)>,
    seen: Vec<u64>,
    sources: Vec<(u32, u64)>,
    history: Vec<i64>,
    then: Then,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Commit,
    MergeWithTheNext,
    Reopen,
    /// Minutes before this one, counted from the start, are old.
    Age(i64),
    /// What ended before this minute goes.
    Prune(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let then = prop_oneof![
        5 => Just(Then::Commit),
        2 => Just(Then::MergeWithTheNext),
        1 => Just(Then::Reopen),
        1 => (-3000..3000i64).prop_map(Then::Age),
        1 => (-3000..3000i64).prop_map(Then::Prune),
    ];
    let at = prop_oneof![START - 40..START + 40, START - 3000..START + 3000];
    let bucket = (at, 0..4u8, 0..3u8, -3..20i64, -5_000_000..9_000_000_000i64);
    (
        vec(bucket, 0..12),
        vec((0..6u64, any::<u64>()), 0..3),
        vec(any::<u64>().prop_map(|n| n / 4_000_000_000), 0..5),
        vec((0..4u32, 0..=i64::MAX as u64), 0..3),
        vec(any::<i64>(), 0..2),
        then,
    )
        .prop_map(|(buckets, checkpoints, seen, sources, history, then)| Step {
            buckets,
            checkpoints,
            seen,
            sources,
            history,
            then,
        })
}

fn commit(book: &Book, step: &Step) -> Commit {
    let id = |minute, key: u8, model: u8| {
        let (key, model) = (format!("key-{key}"), format!("model-{model}"));
        let mut who = vec![(Dimension::Key, &*key), (Dimension::Provider, "openai")];
        // Some calls name no model.
        if model != "model-0" {
            who.push((Dimension::Model, &*model));
        }
        book.id(minute, &who)
    };
    Commit {
        buckets: step
            .buckets
            .iter()
            .map(|(minute, key, model, calls, cost)| {
                (id(*minute, *key, *model), bucket(*calls, *cost))
            })
            .collect(),
        checkpoints: step.checkpoints.iter().map(|(id, offset)| checkpoint(*id, *offset)).collect(),
        seen: step.seen.iter().map(|n| seen(*n)).collect(),
        sources: step
            .sources
            .iter()
            .map(|(id, lines)| {
                (SourceId(*id), SourceCounters { lines: *lines, faults: 3, ..Default::default() })
            })
            .collect(),
        history: step.history.iter().map(|at| (Wall(*at), format!("{{\"at\":{at}}}"))).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_equals_the_naive_model(
        steps in vec(step(), 1..14),
        from in -3100..3100i64,
        length in 0..4000i64,
        seconds in 0..60i64,
    ) {
        let book = Book::new();
        let mut model = Model::default();
        let mut ledger = book.open().ledger;
        let mut waiting = Commit::default();
        for step in &steps {
            let next = commit(&book, step);
            model.take(&next);
            waiting.merge(next);
            if matches!(step.then, Then::MergeWithTheNext) {
                continue;
            }
            kept(&mut ledger, std::mem::take(&mut waiting));
            match step.then {
                Then::Reopen => {
                    drop(ledger);
                    let opened = book.open();
                    model.equals(&opened.kept);
                    ledger = opened.ledger;
                }
                Then::Age(old) => {
                    // A row counts as old when there were enough days after it.
                    let days = (0..=62).map(|day| START + old + day * 1440);
                    let id = |minute| book.id(minute, &[]);
                    let buckets = days.map(|at| (id(at), bucket(1, 1))).collect();
                    let later = Commit { buckets, ..Commit::default() };
                    model.take(&later);
                    kept(&mut ledger, later);
                    let now = minute(START + old + 62 * 1440);
                    prop_assert_eq!(ledger.age(now).unwrap(), Aged::Done);
                }
                Then::Prune(old) => {
                    let mut pruned = ledger.prune(minute(START + old)).unwrap();
                    while pruned.aged == Aged::More {
                        pruned.add(&ledger.prune(minute(START + old)).unwrap());
                    }
                    let before = model.pruned.len();
                    model.prune(START + old);
                    prop_assert_eq!(pruned.sums, sum(model.pruned[before..].iter()));
                    prop_assert_eq!(pruned.aged, Aged::Done);
                }
                Then::Commit | Then::MergeWithTheNext => {}
            }
        }
        kept(&mut ledger, waiting);
        let reader = ledger.reader().unwrap();
        model.equals(&reader.load().unwrap());
        prop_assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
        let floors = ["minute", "quarter"].map(|grain| {
            book.ask(&format!("SELECT value FROM state WHERE key = '{grain}_from'"))
        });
        let history = reader.history(1000).unwrap();
        prop_assert_eq!(&history, &model.history);
        prop_assert_eq!(reader.history(2).unwrap(), &history[history.len().saturating_sub(2)..]);
        // From the middle of a minute on is from the next minute on.
        let (from, until) = (START + from, START + from + length);
        let moment = |m: i64| Wall(minute(m).0 - seconds * 1_000_000_000);
        let spent = reader.spent(moment(from), Some(moment(until))).unwrap();
        let by_name: BTreeMap<_, _> = spent.iter().cloned().collect();
        prop_assert_eq!(by_name.len(), spent.len());
        prop_assert_eq!(by_name, model.spent(&book.names, from, until, floors));
        let since: BTreeMap<_, _> = reader.spent(moment(from), None).unwrap().into_iter().collect();
        prop_assert_eq!(since, model.spent(&book.names, from, i64::MAX, floors));
        drop(ledger);
        let other = Reader::open(&book.state()).unwrap();
        model.equals(&other.load().unwrap());
    }
}

#[test]
fn names_may_hold_anything_and_kinds_share_them() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let odd = ["", "gpt-4o", "a\0b", "日本\u{202e}", "'; DROP TABLE name; --", "x\n=1+1"];
    let mut model = Model::default();
    for name in odd {
        let id = book.id(START, &[(Dimension::Model, name), (Dimension::User, name)]);
        let commit = Commit { buckets: vec![(id, bucket(1, 5))], ..Commit::default() };
        model.take(&commit);
        kept(&mut ledger, commit);
    }
    let spent = ledger.reader().unwrap().spent(minute(START), None).unwrap();
    assert_eq!(
        spent.into_iter().collect::<BTreeMap<_, _>>(),
        model.spent(&book.names, 0, i64::MAX, [i64::MIN; 2])
    );
    assert_eq!(book.ask::<u32>("SELECT count(*) FROM name") as usize, odd.len());
}

#[test]
fn a_name_unknown_to_the_call_is_not_a_name_that_is_empty() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let unnamed = (book.id(START, &[]), bucket(1, 1));
    let empty = (book.id(START, &[(Dimension::Key, "")]), bucket(2, 2));
    kept(&mut ledger, Commit { buckets: vec![unnamed, empty], ..Commit::default() });
    let spent = ledger.reader().unwrap().spent(minute(START), None).unwrap();
    let calls = |key: Option<&str>| {
        let of = spent.iter().find(|(who, _)| who.get(Dimension::Key).map(|k| &**k) == key);
        of.unwrap().1.requests
    };
    assert_eq!((calls(None), calls(Some(""))), (1, 2));
}

#[test]
fn counted_calls_are_remembered_up_to_their_number_and_the_oldest_go() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let mut model = Model::default();
    let mut next = 0..;
    for size in [1, 50_000, 15_535, 1, 0, 20_000, 80_000, 7] {
        let commit =
            Commit { seen: next.by_ref().take(size).map(seen).collect(), ..Commit::default() };
        model.take(&commit);
        kept(&mut ledger, commit);
        let kept = ledger.reader().unwrap().load().unwrap();
        model.equals(&kept);
        assert!(kept.seen.len() >= model.seen.len().min(Commit::SEEN_KEPT));
        assert!(kept.seen.len() <= 2 * Commit::SEEN_KEPT);
    }
    drop(ledger);
    model.equals(&book.open().kept);
}

#[test]
fn finished_generations_are_forgotten_one_day_and_open_ones_never() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let open = checkpoint(0, 5);
    kept(&mut ledger, Commit { checkpoints: vec![open.clone()], ..Commit::default() });
    let finished = |n: u64| checkpoint(3 * n + 2, n);
    for first in (0..12_000).step_by(3000) {
        let files = (first..first + 3000).map(finished).collect();
        kept(&mut ledger, Commit { checkpoints: files, ..Commit::default() });
    }
    let files = ledger.reader().unwrap().load().unwrap().checkpoints;
    assert_eq!(files.len(), 10_001);
    assert_eq!(files.first(), Some(&open));
    assert!(files.contains(&finished(11_999)) && !files.contains(&finished(1)));
}

#[test]
fn a_path_that_is_no_text_comes_back_as_it_was() {
    use std::os::unix::ffi::OsStringExt;
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let mut file = checkpoint(7, 1);
    file.path = std::ffi::OsString::from_vec(b"/var/log/\xff\xfe.log".to_vec()).into();
    kept(&mut ledger, Commit { checkpoints: vec![file.clone()], ..Commit::default() });
    assert_eq!(ledger.reader().unwrap().load().unwrap().checkpoints, [file]);
}

#[test]
fn a_sum_too_large_is_an_error_and_nothing_of_its_commit_is_kept() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let id = book.id(START, &[(Dimension::Key, "k")]);
    let most = i128::from(i64::MAX);
    let spend = |nano: i128| Commit {
        buckets: vec![(id, tripline::domain::Bucket { cost: NanoUsd(nano), ..bucket(1, 0) })],
        checkpoints: vec![checkpoint(1, u64::try_from(nano & 0xffff).unwrap())],
        ..Commit::default()
    };
    kept(&mut ledger, spend(most - 5));
    let before = ledger.reader().unwrap().load().unwrap();
    for nano in [4, 5, 6, most, most + 1, i128::MAX, i128::MIN] {
        let book_error = ledger.commit(spend(nano));
        if nano == 4 {
            assert!(book_error.is_ok());
            continue;
        }
        assert!(matches!(book_error, Err(LedgerError::Overflow { .. })), "{nano}: {book_error:?}");
        let after = Reader::open(&book.state()).unwrap().load().unwrap();
        assert_eq!(after.totals.cost, NanoUsd(most - 1), "{before:?}");
        assert_eq!(after.totals.requests, 2);
        assert_eq!(after.checkpoints[0].offset, 4);
        // What can't be kept is held: a new start reads it again.
        drop(ledger);
        ledger = book.open().ledger;
    }
}

#[test]
fn overflow_of_names_is_a_name_of_its_own() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let mut commit = Commit::default();
    for n in 0..5000 {
        let user = book.names.intern(NameKind::User, &format!("user-{n}"));
        let id = tripline::domain::BucketId { user: Some(user), ..book.id(START, &[]) };
        commit.buckets.push((id, bucket(1, 1)));
    }
    kept(&mut ledger, commit);
    let spent = ledger.reader().unwrap().spent(minute(START), None).unwrap();
    let other =
        spent.iter().find(|(who, _)| who.get(Dimension::User).is_some_and(|u| &**u == "__other__"));
    assert_eq!(other.unwrap().1.requests, 5000 - 4096);
}
