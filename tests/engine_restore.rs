//! What an engine hands to a ledger, and what a later engine makes of it: sums
//! that go on as if there had been one run.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/book.rs"]
mod book;

use std::time::Duration;

use book::{Book, spent};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use tripline::domain::{
    Batch, Checkpoint, Cost, CostSource, Dedup, Dimension, Generation, Item, Keep, Mono, NameKind,
    Names, NanoUsd, Observation, Progress, Request, SourceId, Stamp, Sym, TextRef, Tokens, Wall,
};
use tripline::engine::spend::View;
use tripline::engine::{
    CapSpec, Engine, EngineSpec, Grounds, Limits, Period, SourceName, SourceStatus, Window,
};

/// 2026-11-20 12:00 UTC.
const NOON: i64 = 1_795_176_000;

fn at(second: i64) -> Stamp {
    let since = u64::try_from(second).unwrap() + 1_000_000;
    Stamp { mono: Mono(since * 1_000_000_000), wall: Wall::from_secs(NOON + second) }
}

fn spec() -> EngineSpec {
    let cap = |name: &str, period, label: Option<(&str, &str)>| CapSpec {
        each: None,
        zone: None,
        name: name.into(),
        matches: label.iter().map(|(l, value)| ((*l).to_owned(), (*value).to_owned())).collect(),
        period,
        cap: NanoUsd(1_000_000_000),
    };
    EngineSpec {
        caps: vec![
            cap("day", Period::Day, None),
            cap("month", Period::Month, None),
            cap("web", Period::Day, Some(("key", "key-1"))),
            cap("any key", Period::Month, Some(("key", "*"))),
            cap("model", Period::Month, Some(("model", "model-2"))),
            cap("user", Period::Day, Some(("user", "user-3"))),
            cap("hour", rolling(1), None),
            cap("day just past", rolling(24), Some(("model", "model-1"))),
            cap("days just past", rolling(14 * 24), None),
            CapSpec { each: Some(Dimension::Key), ..cap("each key", Period::Week, None) },
            CapSpec { each: Some(Dimension::User), ..cap("each user", rolling(24), None) },
        ],
        rules: Vec::new(),
        limits: Limits::default(),
        timezone: TimeZone::UTC,
        sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
        prices_of: None,
    }
}

fn rolling(hours: u64) -> Period {
    Period::Rolling(Window::new(Duration::from_secs(hours * 3600)).unwrap())
}

/// A call: seconds after noon, who, and what it cost.
#[derive(Clone, Copy, Debug)]
struct Call {
    second: i64,
    who: u8,
    nano: Option<u32>,
    dedup: Option<u8>,
}

fn request(call: Call, names: &Names) -> Request {
    let mut request = Request::at(Wall::from_secs(NOON + call.second));
    let name = |kind, what: &str, n: u8| names.intern(kind, &format!("{what}-{n}"));
    request.provider = Some(name(NameKind::Provider, "provider", call.who % 2));
    request.model = Some(name(NameKind::Model, "model", call.who % 3));
    request.caller.key =
        (!call.who.is_multiple_of(5)).then(|| name(NameKind::Key, "key", call.who % 4));
    request.caller.user = Some(name(NameKind::User, "user", call.who));
    request.tokens.input = Some(u64::from(call.who));
    request.cost =
        call.nano.map(|nano| Cost { usd: NanoUsd(nano.into()), source: CostSource::Reported });
    request.tokens.output = Some(u64::from(call.who / 3));
    if call.who.is_multiple_of(7) {
        // A part of a call, without what was used.
        (request.tokens, request.cost) = (Tokens::default(), None);
        request.status = Some(200);
    }
    // Whose call it was an earlier run does not tell.
    let keeps: Vec<Keep> =
        Keep::ALL.iter().copied().filter(|keep| *keep != Keep::FirstNamed).collect();
    let keep = |n: u8| keeps[usize::from(n) % keeps.len()];
    request.dedup = call.dedup.map(|n| Dedup { fingerprint: n.into(), keep: keep(n) });
    request
}

fn batch(calls: &[Call], names: &Names, lines: u64) -> Batch {
    let seen = |call: &Call| Observation::Request {
        request: request(*call, names),
        request_id: TextRef::default(),
        dedup_key: TextRef::default(),
        finish_reason: TextRef::default(),
    };
    Batch {
        items: calls.iter().map(|call| Item { line: 1, seen: seen(call) }).collect(),
        progress: Progress { lines, ..Progress::default() },
        checkpoints: vec![checkpoint(1, lines, Generation::Open)],
        ..Batch::default()
    }
}

fn checkpoint(inode: u64, offset: u64, progress: Generation) -> Checkpoint {
    Checkpoint {
        source: "gateway".into(),
        path: "/log".into(),
        place: (1, inode),
        head: inode,
        head_len: 1,
        window: offset,
        window_len: 1,
        offset,
        lines: offset,
        memo: String::new(),
        since: None,
        progress,
    }
}

proptest! {
    #[test]
    fn runs_that_end_anywhere_add_up_to_one_run(
        calls in prop::collection::vec(
            (-100_000i64..100, any::<u8>(), prop::option::of(any::<u32>()), prop::option::of(0u8..40))
                .prop_map(|(second, who, nano, dedup)| Call { second, who, nano, dedup }),
            1..120,
        ),
        commits in prop::collection::vec(any::<bool>(), 12),
        ends in prop::collection::vec(any::<bool>(), 12),
    ) {
        let names = Names::default();
        let now = at(200);
        let mut whole = Engine::new(spec(), names.clone(), now);
        let mut book = Book::default();
        let begin = |book: &Book| {
            let mut engine = Engine::new(spec(), names.clone(), now);
            book.restore(&mut engine, now);
            engine.keep_deltas();
            engine
        };
        let mut engine = begin(&book);
        let (mut lines, mut out) = (0, Vec::new());
        let mut lines_of_run = 0;
        for (n, calls) in calls.chunks(10).enumerate() {
            lines += calls.len() as u64;
            lines_of_run += calls.len() as u64;
            whole.apply(&batch(calls, &names, lines), now, &mut out);
            engine.apply(&batch(calls, &names, lines_of_run), now, &mut out);
            if commits[n % 12] || ends[n % 12] {
                book.take(engine.take_commit(now));
                prop_assert!(!engine.has_deltas(now.mono));
                prop_assert!(engine.take_commit(now).is_empty());
                prop_assert_eq!(book.offset, lines_of_run);
            }
            if ends[n % 12] {
                engine = begin(&book);
                lines_of_run = 0;
            }
        }
        prop_assert_eq!(engine.totals(), whole.totals());
        prop_assert_eq!(engine.counters(), whole.counters());
        prop_assert_eq!(spent(&engine, now), spent(&whole, now));
        book.take(engine.take_commit(now));
        prop_assert_eq!(&book.restored.totals, whole.totals());
    }
}

#[test]
fn without_a_ledger_nothing_is_remembered() {
    let names = Names::default();
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    let call = Call { second: 0, who: 1, nano: Some(5), dedup: None };
    engine.apply(&batch(&[call], &names, 1), at(0), &mut Vec::new());
    assert!(!engine.has_deltas(at(0).mono) && engine.take_commit(at(0)).is_empty());
    assert_eq!(engine.totals().requests, 1);
}

#[test]
fn a_cap_that_was_spent_before_is_spent_and_no_call_of_then_counts_as_let_through() {
    let names = Names::default();
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    let mut book = Book::default();
    engine.keep_deltas();
    let dear = Call { second: 0, who: 1, nano: Some(u32::MAX), dedup: None };
    engine.apply(&batch(&[dear], &names, 1), at(0), &mut Vec::new());
    book.take(engine.take_commit(at(0)));
    let mut later = Engine::new(spec(), names.clone(), at(60));
    book.restore(&mut later, at(60));
    let view = view_of(&later, at(60));
    assert!(view.used_ratio.unwrap() > 4.0);
    // What is read late was logged before anybody could stop it.
    let late = Call { second: 50, who: 1, nano: Some(1), dedup: None };
    later.apply(&batch(&[late], &names, 1), at(61), &mut Vec::new());
    assert_eq!(view_of(&later, at(61)).not_enforced, 0);
    let passed = Call { second: 100, ..late };
    later.apply(&batch(&[passed], &names, 2), at(101), &mut Vec::new());
    assert_eq!(view_of(&later, at(101)).not_enforced, 1);
}

/// The first cap, `day`.
fn view_of(engine: &Engine, now: Stamp) -> View {
    engine.caps()[0].view(now, engine.spend_known())
}

/// A tenth of a cent each second.
fn steady(engine: &mut Engine, names: &Names, seconds: std::ops::Range<i64>) {
    for second in seconds {
        let call = Call { second, who: 1, nano: Some(1_000_000), dedup: None };
        engine.apply(&batch(&[call], names, 1), at(second), &mut Vec::new());
    }
}

#[test]
fn how_fast_a_cap_is_spent_is_known_over_a_restart_and_acts_on_nothing() {
    let names = Names::default();
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    engine.keep_deltas();
    steady(&mut engine, &names, 0..400);
    let before = view_of(&engine, at(400));
    let mut book = Book::default();
    book.take(engine.take_commit(at(400)));

    let mut later = Engine::new(spec(), names.clone(), at(402));
    book.restore(&mut later, at(402));
    let after = view_of(&later, at(402));
    let near = |a: Option<f64>, b: Option<f64>| (a.unwrap() / b.unwrap() - 1.0).abs() < 0.05;
    assert!(near(before.usd_per_hour, Some(3.6)), "{before:?}");
    assert!(near(after.usd_per_hour, before.usd_per_hour), "{after:?}");
    assert!(near(after.cap_in_s, before.cap_in_s), "{after:?}");
    assert!(near(after.burn_long, before.burn_long), "{after:?}");
    assert_eq!(after.evidence, 0, "no rule may act on what was restored");
    let heard = later.caps()[0].heard.grounds(at(402).mono, Duration::from_secs(120));
    assert_eq!(heard, Grounds::Old);
    // A minute later the restored and the new part are one rate.
    steady(&mut later, &names, 402..462);
    assert!(near(view_of(&later, at(462)).usd_per_hour, Some(3.6)));

    // An hour later nothing is known of the time between.
    let mut stale = Engine::new(spec(), names, at(4000));
    book.restore(&mut stale, at(4000));
    assert_eq!(view_of(&stale, at(4000)).usd_per_hour, None);
}

#[test]
fn what_was_spent_before_a_gap_is_in_no_rate_of_the_time_since() {
    // Four dollars in one minute, and a new run half an hour later: what was between nobody
    // knows, and they are not of its first seconds.
    let names = Names::default();
    let dear = Call { second: 0, who: 1, nano: Some(4_000_000_000), dedup: None };
    let cheap = |second| Call { second, nano: Some(1_000_000), ..dear };
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    engine.keep_deltas();
    engine.apply(&batch(&[dear], &names, 1), at(0), &mut Vec::new());
    let mut book = Book::default();
    book.take(engine.take_commit(at(0)));
    for gap in [315, 1800] {
        let mut later = Engine::new(spec(), names.clone(), at(gap));
        book.restore(&mut later, at(gap));
        assert_eq!(view_of(&later, at(gap)).burn_long, None);
        later.apply(&batch(&[cheap(gap + 5)], &names, 1), at(gap + 5), &mut Vec::new());
        let view = view_of(&later, at(gap + 6));
        // A tenth of a cent in six seconds, and the cap of a dollar in a day.
        let near = |rate: Option<f64>, wanted: f64| (rate.unwrap() / wanted - 1.0).abs() < 0.01;
        assert!(near(view.usd_per_hour, 0.6), "{gap}: {view:?}");
        assert!(near(view.burn_long, 0.6 * 24.0), "{gap}: {view:?}");
    }
}

#[test]
fn a_rate_is_over_what_is_known_not_over_what_one_row_has_seen() {
    let names = Names::default();
    let dear = Call { second: 600, who: 1, nano: Some(100_000_000), dedup: None };
    // Watched for ten minutes, one call at the end: ten cents in five minutes …
    let mut watched = Engine::new(spec(), names.clone(), at(0));
    watched.apply(&batch(&[dear], &names, 1), at(600), &mut Vec::new());
    let rate = view_of(&watched, at(606)).usd_per_hour.unwrap();
    assert!((1.1..1.3).contains(&rate), "{rate}");
    // … and of a run that has only begun, nobody knows.
    let mut begun = Engine::new(spec(), names.clone(), at(599));
    begun.apply(&batch(&[dear], &names, 1), at(600), &mut Vec::new());
    assert_eq!(view_of(&begun, at(603)).usd_per_hour, None);
    // While a source still reads what was there before, neither.
    let status = SourceStatus { state: "catching_up", ..SourceStatus::default() };
    watched.set_source(SourceId(0), status, at(600));
    assert_eq!(view_of(&watched, at(606)).usd_per_hour, None);
}

#[test]
fn a_flood_of_users_is_folded_said_and_still_counted() {
    let names = Names::default();
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    engine.keep_deltas();
    let mut out = Vec::new();
    let calls = 70_000;
    for minute in 0..20i64 {
        let minutes: Vec<Call> = (0..calls / 20)
            .map(|_| Call { second: -minute * 60, who: 1, nano: Some(1), dedup: None })
            .collect();
        let mut batch = batch(&minutes, &names, 1);
        for (n, item) in batch.items.iter_mut().enumerate() {
            if let Observation::Request { request, .. } = &mut item.seen {
                request.caller.user = Some(names.intern(NameKind::User, &format!("u-{n}")));
            }
        }
        engine.apply(&batch, at(0), &mut out);
    }
    let commit = engine.take_commit(at(0));
    assert!(commit.buckets.len() <= 65_536 + 20, "{}", commit.buckets.len());
    let requests: i64 = commit.buckets.iter().map(|(_, part)| part.requests).sum();
    assert_eq!(requests, calls);
    assert!(commit.buckets.iter().any(|(id, _)| id.user == Some(Sym::OTHER)));
    assert!(engine.findings().rows().iter().any(|finding| finding.kind == "ledger_folded"));
}

#[test]
fn names_without_a_row_of_their_own_count_as_others() {
    let names = Names::default();
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    let mut calls = vec![Call { second: 0, who: 1, nano: Some(1), dedup: None }; 5000];
    calls.extend_from_within(..);
    let mut batch = batch(&calls, &names, 1);
    for (n, item) in batch.items.iter_mut().enumerate() {
        if let Observation::Request { request, .. } = &mut item.seen {
            request.caller.user = Some(names.intern(NameKind::User, &format!("u-{}", n % 5000)));
        }
    }
    engine.apply(&batch, at(0), &mut Vec::new());
    let rows = engine.caps().iter().filter(|cap| cap.spec.name == "each user");
    let rows: Vec<(Option<Sym>, i128)> = rows
        .map(|cap| {
            (cap.of.map(|(_, name)| name), cap.view(at(0), engine.spend_known()).spent.unwrap().0)
        })
        .collect();
    assert!(rows.len() <= 4097, "{}", rows.len());
    assert_eq!(rows.iter().map(|(_, spent)| spent).sum::<i128>(), 10_000);
    let other: i128 =
        rows.iter().filter(|(of, _)| *of == Some(Sym::OTHER)).map(|(_, spent)| spent).sum();
    // Two names had taken their room before.
    assert_eq!(other, 2 * (5000 - 4094));
}

#[test]
fn of_each_place_the_newest_checkpoint_goes_and_finished_ones_all_do() {
    let names = Names::default();
    let mut engine = Engine::new(spec(), names.clone(), at(0));
    engine.keep_deltas();
    for checkpoints in [
        vec![checkpoint(1, 10, Generation::Open), checkpoint(2, 5, Generation::Open)],
        vec![checkpoint(1, 20, Generation::Finished)],
        vec![checkpoint(1, 3, Generation::Open), checkpoint(2, 9, Generation::Open)],
    ] {
        let batch = Batch { source: SourceId(0), checkpoints, ..Batch::default() };
        engine.apply(&batch, at(0), &mut Vec::new());
    }
    let files = engine.take_commit(at(0)).checkpoints;
    let said: Vec<_> = files.iter().map(|file| (file.place.1, file.offset)).collect();
    assert_eq!(said, [(1, 20), (1, 3), (2, 9)]);
}
