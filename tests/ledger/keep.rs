//! What goes in comes out, whatever the order and however often it is merged,
//! closed and opened.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tripline::domain::{Commit, NameKind, NanoUsd, SourceCounters, SourceId, Wall};
use tripline::ledger::{Aged, Committed, Dimension, Reader};

use super::book::{Book, Model, START, bucket, checkpoint, counted, kept, minute, seen, sum};

/// One commit in numbers, which a test can shrink.
#[derive(Clone, Debug)]
struct Step {
    buckets: Vec<(i64, u8, u8, i64, i64)>,
    checkpoints: Vec<(u64, u64)>,
    seen: Vec<u64>,
    sources: Vec<(u32, u64)>,
    replaceable: Vec<(i64, u8, u64)>,
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
        vec((START - 3000..START + 3000, 0..3u8, any::<u64>()), 0..4),
        vec(any::<i64>(), 0..2),
        then,
    )
        .prop_map(|(buckets, checkpoints, seen, sources, replaceable, history, then)| Step {
            buckets,
            checkpoints,
            seen,
            sources,
            replaceable,
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
        replaceable: step
            .replaceable
            .iter()
            .map(|(minute, key, n)| counted(&id(*minute, *key, 1), *n, &book.names))
            .collect(),
        history: step.history.iter().map(|at| (Wall(*at), format!("{{\"at\":{at}}}"))).collect(),
        standing: None,
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
                    model.replaceable_equals(&opened.kept, &book.names);
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
        model.replaceable_equals(&reader.load().unwrap(), &book.names);
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
fn a_sum_too_large_is_kept_apart_and_nothing_after_it_has_to_wait() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let id = book.id(START, &[(Dimension::Key, "k")]);
    let other = book.id(START, &[(Dimension::Key, "other")]);
    let most = i128::from(i64::MAX);
    let spend = |nano: i128, offset: u64| Commit {
        buckets: vec![
            (id, tripline::domain::Bucket { cost: NanoUsd(nano), ..bucket(1, 0) }),
            (other, bucket(1, 0)),
        ],
        checkpoints: vec![checkpoint(1, offset)],
        ..Commit::default()
    };
    kept(&mut ledger, spend(most - 5, 0));
    kept(&mut ledger, spend(4, 1));
    let wrong = [5, 6, most, most + 1, i128::MAX, i128::MIN];
    for (offset, nano) in (2..).zip(wrong) {
        let answer = ledger.commit(spend(nano, offset)).unwrap();
        assert_eq!(answer, Committed::KeptBut { refused: 1 }, "{nano}");
        assert!(ledger.held().is_empty());
        let after = Reader::open(&book.state()).unwrap();
        assert_eq!(after.load().unwrap().checkpoints[0].offset, offset);
        let totals = after.totals().unwrap();
        assert_eq!(
            (totals.cost, totals.requests),
            (NanoUsd(most - 1), 3 + i64::try_from(offset).unwrap())
        );
        assert_eq!(after.refused().unwrap(), u32::try_from(offset).unwrap() - 1);
        // A new start makes no difference.
        drop(ledger);
        ledger = book.open().ledger;
    }
    let sums: String = book.ask("SELECT sums FROM refused WHERE id = 4");
    let sums: serde_json::Value = serde_json::from_str(&sums).unwrap();
    assert_eq!((&sums["cost_usd"], &sums["requests"]), (&"9223372036.854775808".into(), &1.into()));
    assert_eq!(ledger.reader().unwrap().verify().unwrap(), Vec::<String>::new());
    // What takes away fits again.
    kept(&mut ledger, spend(-7, 100));
    kept(&mut ledger, spend(7, 101));
}

#[test]
fn a_row_that_something_else_made_too_large_takes_no_more_and_stops_nothing() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let commit = |key: &str| Commit {
        buckets: vec![(book.id(START, &[(Dimension::Key, key)]), bucket(10, 7))],
        sources: vec![(SourceId(0), SourceCounters { lines: u64::MAX, ..Default::default() })],
        ..Commit::default()
    };
    kept(&mut ledger, commit("k"));
    drop(ledger);
    let db = rusqlite::Connection::open(book.file()).unwrap();
    db.execute_batch(&format!("UPDATE quarter SET input_tokens = {}", i64::MAX)).unwrap();
    let mut ledger = book.open().ledger;
    assert_eq!(ledger.commit(commit("k")).unwrap(), Committed::KeptBut { refused: 1 });
    kept(&mut ledger, commit("other"));
    let kept = ledger.reader().unwrap().load().unwrap();
    assert_eq!((kept.totals.requests, kept.sources[0].1.lines), (20, i64::MAX as u64));
}

#[test]
fn calls_that_may_be_replaced_are_remembered_up_to_their_number_and_the_oldest_go() {
    let book = Book::new();
    let mut ledger = book.open().ledger;
    let call = |n: u64| {
        let mut call = counted(&book.id(START, &[]), n, &book.names);
        call.request.dedup.as_mut().unwrap().fingerprint = n;
        call
    };
    let mut model = Model::default();
    // Some come again, and stand where they stood.
    for range in [0..100, 50..5000, 4000..9000, 8900..8192 + 4000] {
        let commit = Commit { replaceable: range.map(call).collect(), ..Commit::default() };
        model.take(&commit);
        kept(&mut ledger, commit);
        let surplus = model.replaceable.len().saturating_sub(Commit::REPLACEABLE_KEPT);
        model.replaceable.drain(..surplus);
        model.replaceable_equals(&ledger.reader().unwrap().load().unwrap(), &book.names);
    }
    assert_eq!(model.replaceable.len(), Commit::REPLACEABLE_KEPT);
    // What waits is bounded the same way.
    let mut waiting = Commit::default();
    for range in [0..6000, 3000..9000] {
        waiting.merge(Commit { replaceable: range.map(call).collect(), ..Commit::default() });
    }
    assert_eq!(waiting.replaceable.len(), Commit::REPLACEABLE_KEPT);
    assert_eq!(waiting.replaceable.last(), Some(&call(8999)));
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
