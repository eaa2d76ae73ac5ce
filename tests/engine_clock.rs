//! Clocks that are set to a wrong time and set right again: what was spent is found
//! again, no reading is waited for until that time comes, and what a run shows is
//! what its ledger would say.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/book.rs"]
mod book;

use std::time::Duration;

use book::{Book, spent};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use tripline::domain::{
    Batch, Cost, CostSource, ErrorKind, Item, MetricKind, MetricReading, Mono, NameKind, Names,
    NanoUsd, Observation, QueueReading, Request, Stamp, TextRef, Wall,
};
use tripline::engine::switches::{Armed, SwitchState, Trip};
use tripline::engine::{CapSpec, Effect, Engine, EngineSpec, Limits, Period, SourceName, Window};
use tripline::rules;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// 2026-10-24 12:00 UTC. The day after it has 25 hours in Berlin.
const NOON: i64 = 1_792_843_200;
const USD: i128 = 1_000_000_000;

/// An engine, what a ledger would hold of it, and the two clocks.
struct World {
    names: Names,
    engine: Engine,
    book: Book,
    zone: TimeZone,
    mono_s: i64,
    /// What the civil clock is ahead.
    ahead_s: i64,
    effects: Vec<Effect>,
}

fn rolling(hours: u64) -> Period {
    Period::Rolling(Window::new(Duration::from_secs(hours * 3600)).unwrap())
}

fn spec(zone: TimeZone) -> EngineSpec {
    let cap = |name: &str, period| CapSpec {
        each: None,
        zone: None,
        name: name.into(),
        matches: rules::Match::default(),
        period,
        cap: NanoUsd(100 * USD),
    };
    let built_in = rules::builtin().into_iter();
    EngineSpec {
        caps: vec![
            cap("day", Period::Day),
            cap("week", Period::Week),
            cap("month", Period::Month),
            cap("1h", rolling(1)),
            cap("24h", rolling(24)),
            cap("14d", rolling(14 * 24)),
        ],
        rules: built_in.filter(|rule| rule.name == "spend-cap").collect(),
        limits: Limits::default(),
        timezone: zone,
        sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
        prices_of: None,
    }
}

impl World {
    fn new(zone: &str) -> World {
        let (names, zone) = (Names::default(), TimeZone::get(zone).unwrap());
        let engine = Engine::new(spec(zone.clone()), names.clone(), stamp(0, 0));
        let (book, effects) = (Book::default(), Vec::new());
        let mut world = World { names, engine, book, zone, mono_s: 0, ahead_s: 0, effects };
        world.engine.keep_deltas();
        world
    }

    fn now(&self) -> Stamp {
        stamp(self.mono_s, self.ahead_s)
    }

    /// Let real time pass.
    fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds.min(5) {
            self.mono_s += seconds / seconds.min(5);
            self.engine.tick(self.now(), &mut self.effects);
        }
    }

    /// Set the clock: so much ahead of the real time.
    fn set(&mut self, ahead_s: i64) {
        self.ahead_s = ahead_s;
        self.engine.tick(self.now(), &mut self.effects);
    }

    fn see(&mut self, seen: &Observation) {
        let items = vec![Item { line: 1, seen: *seen }];
        let batch = Batch { items, ..Batch::default() };
        self.engine.apply(&batch, self.now(), &mut self.effects);
    }

    /// A call that its log dates `late_s` before our clock.
    fn call(&mut self, usd: i128, late_s: i64) {
        let mut request = Request::at(self.now().wall.offset_nanos(-late_s * 1_000_000_000));
        request.status = Some(200);
        request.cost = Some(Cost { usd: NanoUsd(usd * USD), source: CostSource::Reported });
        self.answered(&request);
    }

    fn answered(&mut self, request: &Request) {
        let request = *request;
        let none = TextRef::default();
        let (request_id, dedup_key, finish_reason) = (none, none, none);
        self.see(&Observation::Request { request, request_id, dedup_key, finish_reason });
    }

    /// Dollars that a cap shows.
    fn spent(&self, cap: &str) -> i128 {
        let row = self.engine.caps().iter().find(|row| row.spec.name == cap).unwrap();
        let spent = row.view(self.now(), self.engine.spend_known()).spent.unwrap().0;
        assert_eq!(spent % USD, 0);
        spent / USD
    }

    /// The next run: what this one's ledger knows, and nothing else.
    fn restart(&mut self) {
        let now = self.now();
        self.book.take(self.engine.take_commit(now));
        self.engine = Engine::new(spec(self.zone.clone()), self.names.clone(), now);
        self.book.restore(&mut self.engine, now);
        self.engine.keep_deltas();
    }

    fn firing(&mut self) -> usize {
        let is_firing = |effect: &Effect| match effect {
            Effect::Event(event) => event.kind == tripline::engine::EventKind::AlertFiring,
            Effect::Trip { .. } => false,
        };
        self.effects.drain(..).filter(is_firing).count()
    }
}

fn stamp(mono_s: i64, ahead_s: i64) -> Stamp {
    let since = Duration::from_secs(mono_s.unsigned_abs());
    let mono = Mono(0).plus(Duration::from_secs(400 * 86_400)).plus(since);
    Stamp { mono, wall: Wall::from_secs(NOON + mono_s + ahead_s) }
}

#[test]
fn a_day_that_a_wrong_clock_left_is_found_again_and_its_rule_fires() {
    for wrong in [HOUR * 13, DAY, 3 * DAY, 365 * DAY, -DAY, -90 * DAY] {
        let mut world = World::new("Europe/Berlin");
        world.call(80, 0);
        world.wait(10);
        world.set(wrong);
        assert_eq!(world.spent("day"), 0, "{wrong}: another day");
        world.wait(5);
        world.set(0);
        assert_eq!(world.spent("day"), 80, "{wrong}");
        world.firing();
        world.call(40, 0);
        assert_eq!(world.spent("day"), 120, "{wrong}");
        assert_eq!(world.firing(), 6, "{wrong}: each cap is spent");
    }
}

#[test]
fn a_rolling_sum_is_found_again_and_knows_what_lies_in_another_time() {
    for wrong in [2 * HOUR, 3 * DAY, 365 * DAY, -3 * DAY] {
        let mut world = World::new("UTC");
        world.call(40, 0);
        world.wait(60);
        world.set(wrong);
        assert_eq!(world.spent("1h"), 0, "{wrong}: another hour");
        world.call(7, 0);
        assert_eq!(world.spent("1h"), 7, "{wrong}");
        world.wait(60);
        world.set(0);
        assert_eq!(world.spent("1h"), 40, "{wrong}: the others are of another hour");
        world.call(5, 0);
        world.wait(3480);
        assert_eq!(world.spent("1h"), 45, "{wrong}");
        world.wait(120);
        assert_eq!(world.spent("1h"), 5, "{wrong}: the first is out of it");
    }
}

#[test]
fn calls_whose_gateway_had_the_right_time_are_found_when_ours_is_right_again() {
    let mut world = World::new("Europe/Berlin");
    world.call(10, 0);
    world.set(3 * DAY);
    world.call(20, 3 * DAY);
    assert_eq!((world.spent("day"), world.spent("24h")), (0, 0));
    world.set(0);
    for cap in ["day", "week", "month", "1h", "24h", "14d"] {
        assert_eq!(world.spent(cap), 30, "{cap}");
    }
}

#[test]
fn a_start_under_a_wrong_clock_finds_the_day_that_it_is_set_to() {
    for (wrong, other) in [(DAY, 0), (365 * DAY, 9), (365 * DAY, 0), (-20_000 * DAY, 0)] {
        let mut world = World::new("Europe/Berlin");
        world.call(80, 0);
        world.set(wrong);
        // What an earlier run counted under that clock hides nothing either.
        world.call(other, 0);
        world.wait(5);
        world.restart();
        assert_eq!(world.spent("day"), other, "{wrong}");
        world.set(0);
        for cap in ["day", "week", "month", "1h", "24h", "14d"] {
            let also = wrong == DAY && ["week", "month"].contains(&cap);
            assert_eq!(world.spent(cap), 80 + if also { other } else { 0 }, "{wrong} {cap}");
        }
        world.call(40, 0);
        assert_eq!(world.spent("day"), 120, "{wrong}");
        world.restart();
        assert_eq!(world.spent("day"), 120, "{wrong}");
    }
}

#[test]
fn a_day_of_25_hours_is_one_day_whatever_the_clock_did_in_it() {
    let mut world = World::new("Europe/Berlin");
    // To 00:30 of the long day, in summer time; an hour is told twice in it.
    world.wait(10 * HOUR + 1800);
    world.call(30, 0);
    world.set(25 * HOUR);
    assert_eq!(world.spent("day"), 0, "half past midnight of the day after");
    world.restart();
    world.set(0);
    world.wait(24 * HOUR);
    world.call(20, 0);
    assert_eq!(world.spent("day"), 50, "half past eleven in the night, in winter time");
    world.set(-HOUR);
    world.call(10, 0);
    world.set(0);
    assert_eq!(world.spent("day"), 60);
    world.wait(HOUR);
    assert_eq!(world.spent("day"), 0);
}

#[test]
fn what_the_next_day_held_already_is_no_rate_of_it() {
    let mut world = World::new("UTC");
    world.set(DAY);
    world.call(90, 0);
    world.set(0);
    // To a minute before midnight; a gateway's clock is two minutes fast.
    world.wait(12 * HOUR - 60);
    world.call(1, -120);
    world.wait(90);
    assert_eq!(world.spent("day"), 91);
    let cap = world.engine.caps().iter().find(|cap| cap.spec.name == "day").unwrap();
    let rate = cap.view(world.now(), world.engine.spend_known()).usd_per_hour.unwrap();
    assert!(rate < 360.0, "of one dollar in some seconds: {rate}");
}

#[test]
fn a_step_of_a_minute_over_midnight_ends_no_day_twice() {
    let mut world = World::new("UTC");
    world.call(120, 0);
    world.wait(12 * HOUR + 20);
    assert_eq!(world.spent("day"), 0);
    world.firing();
    world.set(-60);
    world.wait(10);
    assert_eq!((world.spent("day"), world.firing()), (0, 0), "yesterday's cap is not spent again");
    world.call(3, 0);
    world.wait(60);
    world.call(4, 0);
    assert_eq!(world.spent("day"), 4, "a call of yesterday's last minute is yesterday's");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// However a clock was set, and whenever a run ended: once it is right again, the
    /// caps show what the ledger says of their time.
    #[test]
    fn what_a_run_shows_is_what_its_ledger_says(
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
        steps in prop::collection::vec(
            (
                prop::sample::select(vec![
                    0, 0, 60, HOUR, DAY, 3 * DAY, 400 * DAY, -60, -2 * HOUR, -DAY, -90 * DAY,
                ]),
                1..3 * HOUR,
                1i128..100,
                prop::sample::select(vec![0, 0, 0, -200, 7, 2 * HOUR, DAY]),
                prop::bool::weighted(0.2),
            ),
            1..14,
        ),
    ) {
        let mut world = World::new(zone);
        for (ahead, pause, usd, late, ends) in steps {
            world.set(ahead);
            world.wait(pause);
            world.call(usd, late);
            if ends {
                world.restart();
            }
        }
        world.set(0);
        // Past any step of a minute, which is no reason to go back by a day.
        world.wait(400);
        let live = spent(&world.engine, world.now());
        world.restart();
        prop_assert_eq!(live, spent(&world.engine, world.now()));
    }
}

#[test]
fn readings_from_a_wrong_clock_hide_none_of_the_right_one() {
    let mut world = World::new("UTC");
    let name = world.names.intern(NameKind::Label, "inflight");
    let read = |world: &mut World, value: u32| {
        let at = world.now().wall;
        let (labels, host) = (None, None);
        let (value, depth) = (f64::from(value), u64::from(value));
        let kind = MetricKind::Gauge;
        world.see(&Observation::Metric(MetricReading { at, name, labels, host, value, kind }));
        world.see(&Observation::Queue(QueueReading {
            at,
            name: Some(name),
            host,
            priority: None,
            lane: None,
            depth: Some(depth),
            running: None,
            oldest_age_s: None,
            enqueued_total: None,
            dequeued_total: None,
            dropped_total: None,
        }));
    };
    let shown = |world: &World| {
        let now = world.now();
        let metric = world.engine.measures().rows()[0].view(now.mono);
        let queue = world.engine.queues().iter().next().unwrap().view(now.mono);
        assert!(!metric.stale && !queue.stale);
        (metric.value, queue.depth)
    };
    read(&mut world, 1);
    world.set(DAY);
    read(&mut world, 2);
    assert_eq!(shown(&world), (2.0, Some(2)));
    world.wait(60);
    world.set(0);
    read(&mut world, 3);
    assert_eq!(shown(&world), (3.0, Some(3)));
    // Of two that are only a little apart the older one says nothing new.
    world.set(-3);
    read(&mut world, 4);
    assert_eq!(shown(&world), (3.0, Some(3)));
}

#[test]
fn a_refusal_under_a_wrong_clock_holds_no_limit_down_for_a_year() {
    let mut world = World::new("UTC");
    let answer = |world: &mut World, status| {
        let mut request = Request::at(world.now().wall);
        request.status = Some(status);
        request.failure.kind = (status == 429).then_some(ErrorKind::RateLimit);
        request.failure.retry_after_s = (status == 429).then_some(30.0);
        world.answered(&request);
    };
    let exhausted =
        |world: &World| world.engine.gauges().iter().next().unwrap().view(world.now()).exhausted;
    world.set(365 * DAY);
    answer(&mut world, 429);
    assert!(exhausted(&world));
    world.set(0);
    assert!(!exhausted(&world), "nobody has refused anything yet");
    answer(&mut world, 429);
    assert!(exhausted(&world));
    world.wait(31);
    assert!(!exhausted(&world));
}

#[test]
fn a_trip_that_a_wrong_clock_dated_is_still_to_be_obeyed() {
    for (dated, now) in [(DAY, 0), (0, -DAY), (0, 0)] {
        let mut world = World::new("UTC");
        world.set(dated);
        let state = SwitchState {
            scope: "all".into(),
            path: "/k".into(),
            trip: Some(Trip { at: world.now().wall, ..Trip::default() }),
            armed: Armed::Armed,
            failed: false,
            in_doubt: false,
            problem: None,
        };
        let stamp = world.now();
        world.engine.set_switches(vec![state], stamp, &mut world.effects);
        world.set(now);
        let passed = |world: &mut World| {
            let mut request = Request::at(world.now().wall);
            request.started_at = Some(request.at.offset_nanos(-2_000_000_000));
            world.answered(&request);
            world.engine.switches().started_after("all", None)
        };
        world.wait(1);
        assert_eq!(passed(&mut world), 0, "{dated} {now}: it began before");
        world.wait(10);
        assert_eq!(passed(&mut world), 1, "{dated} {now}");
    }
}
