//! Lines that are read ahead of a backlog and once more in their turn are, to the engine,
//! lines that were read once: each window and each sum counts them, and none twice.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::domain::{
    Amount, Batch, Commit, Cost, CostSource, Dedup, ErrorKind, Item, Keep, LimitId, LimitReading,
    Mono, NameKind, Names, NanoUsd, Observation, Origin, Progress, QueueReading, ReadingSource,
    Request, Resource, SourceId, Stamp, TextRef, Wall,
};
use tripline::engine::{Effect, Engine, EngineSpec, SourceName, SourceStatus};
use tripline::snapshot::{self, Snapshot};

/// 2026-11-20 12:00 UTC.
const NOON: i64 = 1_795_176_000;

/// A cap that nothing reaches, and no rules: those tell in which order things came.
const QUIET: &str = r#"
[builtin_rules]
enabled = false
[[cap]]
name = "day"
usd = 1000000
period = "day"
"#;

const RULES: &str = r#"
[builtin_rules]
enabled = false
[[cap]]
name = "day"
usd = 1
period = "day"
[[rule]]
name = "refused"
metric = "errors.ratio"
match = { outcome = "rate_limited" }
above = 0.5
for = "10ms"
min_requests = 3
severity = "critical"
actions = ["trip:model"]
[[rule]]
name = "spent"
metric = "spend.used_ratio"
match = { cap = "day" }
above = 1
for = "10ms"
min_requests = 1
severity = "critical"
actions = ["trip:all"]
"#;

fn now(second: i64) -> Stamp {
    let since = u64::try_from(second).unwrap() + 1_000_000;
    Stamp { mono: Mono(since * 1_000_000_000), wall: Wall::from_secs(NOON + second) }
}

/// A line, so many seconds before the present.
#[derive(Clone, Copy, Debug)]
enum Line {
    Call { ago: i64, who: u8, nano: u32, dedup: Option<u8>, left: Option<u8> },
    Queue { depth: u8 },
    Ignored,
}

struct World {
    engine: Engine,
    names: Names,
    effects: Vec<Effect>,
    lines: u64,
}

impl World {
    fn new(rules: &str) -> World {
        let file = ConfigFile::Bytes { name: "test".into(), bytes: rules.as_bytes().to_vec() };
        let config = Config::load(&LoadInput { file: Some(file), ..LoadInput::default() }).unwrap();
        let names = Names::default();
        let source = SourceName { name: "gw".into(), kind: "file", ..SourceName::default() };
        let spec = EngineSpec {
            caps: config.caps,
            rules: config.rules,
            limits: config.engine,
            timezone: TimeZone::UTC,
            sources: vec![source],
            prices_of: None,
        };
        let mut engine = Engine::new(spec, names.clone(), now(0));
        engine.keep_deltas();
        let status = SourceStatus { state: "catching_up", ..SourceStatus::default() };
        engine.set_source(SourceId(0), status, now(0));
        World { engine, names, effects: Vec::new(), lines: 0 }
    }

    fn hear(&mut self, lines: &[Line], origin: Origin) {
        let mut batch = Batch { origin, ..Batch::default() };
        for line in lines {
            let mut say = |seen| batch.items.push(Item { line: 1, seen });
            match *line {
                Line::Call { left, .. } => {
                    let request = self.request(line);
                    let (request_id, dedup_key) = (TextRef::default(), TextRef::default());
                    let finish_reason = TextRef::default();
                    say(Observation::Request { request, request_id, dedup_key, finish_reason });
                    if let Some(left) = left {
                        let mut id = LimitId::of(Resource::Requests);
                        id.provider = request.provider;
                        let reading = LimitReading::silent(id, request.at, ReadingSource::Log);
                        let (limit, left) = (Amount::whole(255), Amount::whole(left.into()));
                        let reading =
                            LimitReading { limit: Some(limit), remaining: Some(left), ..reading };
                        say(Observation::Limit(reading));
                    }
                }
                Line::Queue { depth } => say(Observation::Queue(queue(depth))),
                Line::Ignored => say(Observation::Ignored { reason: "test" }),
            }
        }
        if origin != Origin::Ahead {
            self.lines += lines.len() as u64;
        }
        batch.progress = Progress { lines: self.lines, ..Progress::default() };
        self.engine.apply(&batch, now(100), &mut self.effects);
    }

    fn request(&self, line: &Line) -> Request {
        let Line::Call { ago, who, nano, dedup, .. } = *line else { panic!("no call") };
        let mut request = Request::at(Wall::from_secs(NOON + 100 - ago));
        let name = |kind, n: u8| Some(self.names.intern(kind, &format!("n-{n}")));
        request.provider = name(NameKind::Provider, who % 2);
        request.model = name(NameKind::Model, who % 3);
        request.caller.key = name(NameKind::Key, who % 4);
        request.failure.kind = who.is_multiple_of(5).then_some(ErrorKind::RateLimit);
        request.timing.latency_ms = Some(f64::from(who));
        request.timing.queue_ms = Some(f64::from(who / 2));
        request.tokens.input = Some(who.into());
        request.tokens.output = Some(u64::from(nano % 7));
        request.cost = Some(Cost { usd: NanoUsd(nano.into()), source: CostSource::Reported });
        let keep = |n: u8| Keep::ALL[usize::from(n) % Keep::ALL.len()];
        request.dedup = dedup.map(|n| Dedup { fingerprint: n.into(), keep: keep(n) });
        request
    }

    /// Who asked for a trip, with the second look that each of them needs.
    fn trips(&mut self) -> Vec<String> {
        let Stamp { mono, wall } = now(100);
        let wait = Duration::from_millis(20);
        let later = Stamp { mono: mono.plus(wait), wall: wall.plus(wait) };
        self.engine.tick(later, &mut self.effects);
        let trip = |effect: Effect| match effect {
            Effect::Trip { rule, .. } => Some(rule.to_string()),
            Effect::Event(_) => None,
        };
        self.effects.drain(..).filter_map(trip).collect()
    }

    /// All that is known in the end, and what a ledger gets.
    fn end(mut self) -> (Snapshot, Commit) {
        let status = SourceStatus { state: "live", ..SourceStatus::default() };
        self.engine.set_source(SourceId(0), status, now(100));
        self.engine.tick(now(100), &mut self.effects);
        (self.picture(), self.engine.take_commit(now(100)))
    }

    fn picture(&self) -> Snapshot {
        snapshot::build(&self.engine, now(100))
    }
}

fn queue(depth: u8) -> QueueReading {
    QueueReading {
        at: now(100).wall,
        name: None,
        host: None,
        priority: None,
        lane: None,
        depth: Some(depth.into()),
        running: None,
        oldest_age_s: None,
        enqueued_total: None,
        dequeued_total: None,
        dropped_total: None,
    }
}

fn call(who: u8, nano: u32) -> Line {
    Line::Call { ago: 1, who, nano, dedup: None, left: None }
}

fn lines(ids: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Line>> {
    let dedup = prop::option::of(ids);
    let left = prop::option::of(any::<u8>());
    let line = prop_oneof![
        8 => (0..90_i64, any::<u8>(), any::<u32>(), dedup, left)
            .prop_map(|(ago, who, nano, dedup, left)| Line::Call { ago, who, nano, dedup, left }),
        1 => any::<u8>().prop_map(|depth| Line::Queue { depth }),
        1 => Just(Line::Ignored),
    ];
    prop::collection::vec(line, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn read_ahead_and_again_is_read_once(
        past in lines(100..120),
        present in lines(0..12),
        after in lines(0..12),
        at in any::<prop::sample::Index>(),
    ) {
        let (mut once, mut ahead) = (World::new(QUIET), World::new(QUIET));
        let (first, rest) = past.split_at(at.index(past.len() + 1));
        // The rows of both come in the same order.
        for world in [&mut once, &mut ahead] {
            world.hear(first, Origin::Backlog);
        }
        ahead.hear(&present, Origin::Ahead);
        once.hear(&present, Origin::Live);
        once.hear(rest, Origin::Backlog);
        ahead.hear(rest, Origin::Backlog);
        ahead.hear(&present, Origin::Again);
        for world in [&mut once, &mut ahead] {
            world.hear(&after, Origin::Live);
        }
        let ((once, mut kept), (ahead, mut later)) = (once.end(), ahead.end());
        prop_assert_eq!(format!("{once:#?}"), format!("{ahead:#?}"));
        for commit in [&mut kept, &mut later] {
            commit.buckets.sort_by_key(|(id, _)| format!("{id:?}"));
            commit.seen.sort_by_key(|call| call.fingerprint);
            commit.replaceable.sort_by_key(|call| format!("{call:?}"));
        }
        prop_assert_eq!(format!("{kept:?}"), format!("{later:?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Lines of one call stand on both sides of where the present begins.
    #[test]
    fn what_the_past_says_better_counts_once_in_the_present(
        past in lines(0..6),
        present in lines(0..6),
        after in lines(0..6),
        at in any::<prop::sample::Index>(),
    ) {
        let (mut once, mut ahead) = (World::new(QUIET), World::new(QUIET));
        let (first, rest) = past.split_at(at.index(past.len() + 1));
        once.hear(&past, Origin::Backlog);
        once.hear(&present, Origin::Live);
        ahead.hear(first, Origin::Backlog);
        ahead.hear(&present, Origin::Ahead);
        ahead.hear(rest, Origin::Backlog);
        ahead.hear(&present, Origin::Again);
        for world in [&mut once, &mut ahead] {
            world.hear(&after, Origin::Live);
        }
        let told = |world: World| {
            let (picture, _) = world.end();
            let rows = picture.traffic.iter().filter(|row| row.requests > 0);
            let mut rows: Vec<_> = rows
                .map(|row| format!("{:?} {:?} {}", row.provider, row.model, row.requests))
                .collect();
            rows.sort();
            let tokens = picture.overall.tokens_per_min;
            (picture.overall.requests, tokens, rows, format!("{:?}", picture.totals))
        };
        prop_assert_eq!(told(once), told(ahead));
    }
}

/// A source that can't be read for a moment has not forgotten what it read ahead.
#[test]
fn a_repeat_is_one_after_its_source_was_in_trouble() {
    let mut world = World::new(RULES);
    let twice = Line::Call { ago: 1, who: 1, nano: 7, dedup: Some(0), left: None };
    let behind = Progress { bytes_behind: 1, ..Progress::default() };
    let mut batch = Batch { origin: Origin::Backlog, ..Batch::default() };
    batch.progress = behind;
    world.hear(&[twice], Origin::Ahead);
    world.engine.arrive(&batch, now(100));
    let status = SourceStatus { state: "error", ..SourceStatus::default() };
    world.engine.set_source(SourceId(0), status, now(100));
    world.engine.tick(now(100), &mut world.effects);
    world.hear(&[twice], Origin::Ahead);
    assert_eq!(world.picture().overall.requests, 1);
}

#[test]
fn what_is_read_ahead_is_in_the_windows_and_in_no_sum() {
    let mut world = World::new(RULES);
    world.hear(&[call(1, 7), call(2, 7), Line::Ignored], Origin::Ahead);
    let picture = world.picture();
    assert_eq!(picture.overall.requests, 2);
    assert_eq!(picture.totals.requests, 0);
    let cap = &world.engine.caps()[0];
    assert_eq!(cap.view(now(100), world.engine.spend_known()).calls, 0);
    assert_eq!(picture.sources[0].lines, 0);
    assert!(world.engine.take_commit(now(100)).buckets.is_empty());
    world.hear(&[call(1, 7), call(2, 7), Line::Ignored], Origin::Again);
    let picture = world.picture();
    assert_eq!(picture.overall.requests, 2);
    assert_eq!(picture.totals.requests, 2);
    assert_eq!(world.engine.take_commit(now(100)).buckets.len(), 2);
}

/// What refuses calls now trips at once; a sum trips when it is known.
#[test]
fn a_window_trips_by_what_is_read_ahead_and_a_cap_by_what_comes_again() {
    let mut world = World::new(RULES);
    let refused = [call(10, 0), call(10, 0), call(10, 600_000_000), call(10, 600_000_000)];
    world.hear(&refused, Origin::Backlog);
    assert_eq!(world.trips(), [""; 0], "what was there before trips nothing");
    let mut world = World::new(RULES);
    world.hear(&refused, Origin::Ahead);
    assert_eq!(world.trips(), ["refused"]);
    world.hear(&refused, Origin::Again);
    assert_eq!(world.trips(), ["spent"]);
}

/// How old the data are is told by the newest line; how far behind the sums are, by the
/// newest that is in them.
#[test]
fn the_present_is_not_old_while_the_sums_are_behind() {
    let mut world = World::new(RULES);
    let old = Line::Call { ago: 900, who: 1, nano: 1, dedup: None, left: None };
    let tell = |world: &mut World| {
        let mut batch = Batch { origin: Origin::Backlog, ..Batch::default() };
        batch.progress = Progress { lines: 1, bytes_behind: 1, ..Progress::default() };
        world.engine.arrive(&batch, now(100));
        let source = world.picture().sources[0].clone();
        (source.last_line_age_s, source.seconds_behind)
    };
    world.hear(&[old], Origin::Backlog);
    assert_eq!(tell(&mut world), (Some(900.0), Some(900.0)));
    world.hear(&[call(1, 1)], Origin::Ahead);
    assert_eq!(tell(&mut world), (Some(1.0), Some(900.0)));
}
