//! What rules and gauges make of awkward times: switches that are armed late,
//! clocks that are wrong, trips that are over, logs that are replayed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::decode::{DecodeOptions, Decoder, Formats, Texts};
use tripline::domain::{Batch, LineAt, Mono, Names, Origin, SourceId, Stamp, Wall};
use tripline::engine::switches::{Armed, SwitchState, Trip};
use tripline::engine::{Effect, Engine, EngineSpec, Event, EventKind, SourceName, Withheld};
use tripline::pricing::PriceTable;
use tripline::runtime::{Replay, Watcher, replay};
use tripline::snapshot::{self, Snapshot};
use tripline::source::{Pipelines, SourceSpec};

const START: i64 = 1_795_183_200;

const TRIPS: &str = r#"
[builtin_rules]
enabled = false
[[rule]]
name = "model-broken"
metric = "errors.ratio"
match = { outcome = "failed" }
above = 0.5
for = "1s"
min_requests = 1
severity = "critical"
actions = ["trip:model"]
"#;

fn config(text: &str) -> Config {
    let bytes = text.as_bytes().to_vec();
    let file = Some(ConfigFile::Bytes { name: "test".into(), bytes });
    Config::load(&LoadInput { file, ..LoadInput::default() }).unwrap()
}

fn spec(config: Config) -> EngineSpec {
    EngineSpec {
        prices_of: None,
        caps: config.caps,
        rules: config.rules,
        limits: config.engine,
        timezone: config.timezone.zone,
        sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
    }
}

/// An engine, its decoder and a clock that only the test moves.
struct World {
    engine: Engine,
    decoder: Decoder,
    second: f64,
    effects: Vec<Effect>,
}

impl World {
    fn new(text: &str) -> World {
        let names = Names::default();
        let formats = Arc::new(Formats::builtin());
        let decoder = Decoder::new(formats, &names, DecodeOptions::default()).unwrap();
        let engine = Engine::new(spec(config(text)), names, stamp(0.0));
        World { engine, decoder, second: 0.0, effects: Vec::new() }
    }

    fn now(&self) -> Stamp {
        stamp(self.second)
    }

    /// Let a second pass at a time.
    fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.second += 1.0;
            self.engine.tick(self.now(), &mut self.effects);
        }
    }

    /// A line logged `ahead` seconds from now.
    fn line(&mut self, fields: &str, ahead: i64) {
        let at = self.now().wall.offset_nanos(ahead * 1_000_000_000).rfc3339();
        let line = format!(r#"{{"at":"{at}","provider":"p","model":"m",{fields}}}"#);
        self.read(&line, Origin::Live);
    }

    fn read(&mut self, line: &str, origin: Origin) {
        let now = self.now();
        let mut batch = Batch { origin, ..Batch::default() };
        let place = LineAt { number: 1, offset: 0, received: now.wall };
        self.decoder.line(line.as_bytes(), place, &mut batch);
        assert!(!batch.items.is_empty());
        batch.progress.lines = self.engine.sources()[0].progress.lines + 1;
        self.engine.apply(&batch, now, &mut self.effects);
    }

    fn switch(&mut self, armed: Armed, tripped: &[&str]) {
        let now = self.now();
        let state = |scope: &str, trip| SwitchState {
            scope: scope.into(),
            path: "/k".into(),
            trip,
            armed,
            problem: None,
            failed: false,
            in_doubt: false,
        };
        let trip = |by: &str| Trip {
            at: now.wall,
            by: Some(by.into()),
            reason: Some("why".into()),
            is_told: true,
            ..Trip::default()
        };
        let mut states: Vec<_> = tripped.iter().map(|s| state(s, Some(trip("ada")))).collect();
        states.push(state("all", None));
        self.engine.set_switches(states, now, &mut self.effects);
    }

    fn trips(&mut self) -> Vec<String> {
        let trip = |effect: Effect| match effect {
            Effect::Trip { scope, .. } => Some(scope),
            Effect::Event(_) => None,
        };
        self.effects.drain(..).filter_map(trip).collect()
    }

    fn events(&mut self, kind: EventKind) -> Vec<Event> {
        let event = |effect: Effect| match effect {
            Effect::Event(event) if event.kind == kind => Some(event),
            _ => None,
        };
        self.effects.drain(..).filter_map(event).collect()
    }

    fn picture(&self) -> Snapshot {
        snapshot::build(&self.engine, self.now())
    }
}

fn stamp(second: f64) -> Stamp {
    let since = Duration::from_secs_f64(second);
    let mono = Mono(0).plus(Duration::from_secs(500 * 86_400)).plus(since);
    Stamp { mono, wall: Wall::from_secs(START).plus(since) }
}

const FAILED: &str = r#""status":500,"latency_ms":1,"error":"server_error""#;

#[test]
fn a_rule_that_fires_when_the_switch_is_armed_acts_then() {
    let mut world = World::new(TRIPS);
    world.switch(Armed::Disarmed, &[]);
    world.line(FAILED, 0);
    world.wait(3);
    assert_eq!(world.trips(), ["model/p/m"]);
    let now = world.now();
    world.engine.withhold("model-broken", "model/p/m", Withheld::Disarmed, now);
    for _ in 0..20 {
        world.line(FAILED, 0);
        world.wait(1);
    }
    assert_eq!(world.trips(), Vec::<String>::new());
    world.switch(Armed::Armed, &[]);
    world.wait(1);
    assert_eq!(world.trips(), ["model/p/m"]);
    world.wait(5);
    assert_eq!(world.trips(), Vec::<String>::new());
}

#[test]
fn a_trip_that_failed_is_tried_again_after_a_pause() {
    let mut world = World::new(TRIPS);
    world.switch(Armed::Armed, &[]);
    world.line(FAILED, 0);
    world.wait(3);
    assert_eq!(world.trips().len(), 1);
    let now = world.now();
    world.engine.withhold("model-broken", "model/p/m", Withheld::Failed, now);
    world.wait(9);
    assert_eq!(world.trips().len(), 0);
    world.wait(2);
    assert_eq!(world.trips(), ["model/p/m"]);
}

#[test]
fn an_acting_rule_whose_data_went_old_does_not_fire_for_ever() {
    let mut world = World::new(TRIPS);
    world.line(FAILED, 0);
    world.wait(30);
    assert_eq!(world.picture().alerts[0].state, "firing");
    world.wait(200);
    assert_eq!(world.picture().alerts[0].state, "no_data");
}

#[test]
fn a_rule_whose_trip_was_reset_says_what_it_will_do() {
    let mut world = World::new(&format!("{TRIPS}cooldown = \"10m\"\n"));
    let alert = |world: &World| world.picture().alerts[0].clone();
    world.switch(Armed::Armed, &[]);
    world.line(FAILED, 0);
    world.wait(3);
    assert_eq!(world.trips(), ["model/p/m"]);
    world.switch(Armed::Armed, &["model/p/m"]);
    assert_eq!(alert(&world).withheld, None);
    assert_eq!(&*alert(&world).trips[0], "model/p/m");
    assert_eq!(alert(&world).then.as_deref(), Some("will not trip again before it clears"));
    world.switch(Armed::Armed, &[]);
    let spent = alert(&world);
    assert_eq!((spent.state, spent.withheld), ("firing", Some("won't trip")));
    let says = "Z, reset since, will not trip again before it clears: ";
    assert!(spent.summary.starts_with("acted ") && spent.summary.contains(says), "{spent:?}");
    // Its kill file was made again: it is stopped, and that is all there is to say.
    world.switch(Armed::Armed, &["model/p/m"]);
    assert_eq!(alert(&world).withheld, None);
    world.switch(Armed::Armed, &[]);
    // It clears, and crosses again while it cools down.
    for _ in 0..3 {
        world.line(r#""status":200,"latency_ms":1"#, 0);
    }
    world.wait(3);
    let cleared = alert(&world);
    assert_eq!((cleared.state, cleared.withheld, cleared.then), ("resolved", None, None));
    let until = world.now().wall.plus(Duration::from_secs(600)).rfc3339();
    for _ in 0..20 {
        world.line(FAILED, 0);
    }
    world.wait(3);
    assert_eq!(world.trips(), Vec::<String>::new());
    let cools = alert(&world);
    assert_eq!((cools.state, cools.withheld), ("firing", Some("cools down")));
    let says = format!("cools down until {}", &until[11..15]);
    assert!(cools.summary.starts_with(&says), "{says}: {cools:?}");
    assert!(cools.summary.contains(", then trips again: "), "{cools:?}");
    for _ in 0..62 {
        world.line(FAILED, 0);
        world.wait(10);
    }
    assert_eq!(world.trips(), ["model/p/m"]);
    assert_eq!(alert(&world).withheld, None);
}

#[test]
fn disobedience_is_over_when_the_trip_is() {
    let mut world = World::new("");
    world.switch(Armed::Armed, &["model/p/m"]);
    world.wait(10);
    world.line(r#""status":200,"latency_ms":1"#, 0);
    world.wait(1);
    assert_eq!(world.picture().alerts[0].rule.as_ref(), "switch-not-obeyed");
    world.effects.clear();
    world.switch(Armed::Armed, &[]);
    let reset = world.events(EventKind::SwitchReset);
    assert_eq!(reset[0].summary, "model/p/m is not stopped any more");
    assert_eq!(reset[0].by, None);
    // And that soon: nobody is woken for a stop that a person has ended.
    world.wait(5);
    let picture = world.picture();
    let alert = picture.alerts.iter().find(|alert| &*alert.rule == "switch-not-obeyed").unwrap();
    assert_eq!(alert.state, "resolved");
    assert!(!picture.verdict.contains("after the trip"), "{}", picture.verdict);
    let told = world.events(EventKind::AlertResolved);
    assert_eq!(told[0].summary, "model/p/m ?: calls let through after the trip 1");
}

#[test]
fn a_call_without_a_known_start_is_not_called_draining() {
    let mut world = World::new("");
    world.switch(Armed::Armed, &["model/p/m"]);
    world.wait(60);
    world.line(r#""status":200"#, 0);
    let host = |world: &World| world.picture().switches[0].hosts[0].clone();
    let counted = |world: &World| {
        let host = host(world);
        (host.draining, host.start_unknown, host.started_after_trip)
    };
    assert_eq!(counted(&world), (0, 1, 0));
    world.wait(1200);
    world.line(r#""status":200"#, 0);
    assert_eq!(counted(&world), (0, 1, 1), "no call lasts that long");
}

#[test]
fn one_line_from_the_future_blinds_nothing() {
    // Further ahead, and the decoder does not believe it either.
    let tomorrow = 20 * 3600;
    let limit = |left: u32| {
        format!(
            r#""status":200,"headers":{{"x-ratelimit-limit-requests":"100","x-ratelimit-remaining-requests":"{left}"}}"#
        )
    };
    let mut world = World::new("[[cap]]\nname = \"day\"\nperiod = \"day\"\nusd = 10\n");
    world.line(&limit(90), tomorrow);
    world.wait(1);
    world.line(&limit(40), 0);
    let picture = world.picture();
    let left = picture.limits[0].remaining.unwrap().0;
    assert!((left - 40.0).abs() < 1e-9, "{left}");
    world.wait(100);
    let age = world.picture().sources[0].last_line_age_s;
    assert!(age.is_none_or(|age| age > 99.0), "{age:?}");
    assert!(world.engine.sources()[0].last_line_age_s(world.now()) > 99.0);
    // Two successful calls without a price: both of today.
    assert_eq!(picture.caps[0].unpriced_requests, 2);
}

/// One rule of each family of metrics that lines can move.
const OF_LINES: [(&str, &str); 9] = [
    ("limit.used_ratio", "above = 0.5"),
    ("errors.ratio", "match = { outcome = \"failed\" }\nabove = 0.1"),
    ("retries.amplification", "above = 1.5"),
    ("queue.depth", "above = 5"),
    ("spend.used_ratio", "above = 1"),
    ("key.usd_share", "above = 0.5"),
    ("source.quarantined_per_min", "above = 0"),
    ("source.quarantined_ratio", "above = 0.1"),
    ("source.implausible_per_min", "above = 0"),
];

#[test]
fn what_was_there_before_the_start_stops_nothing_by_any_metric() {
    let call = r#""at":"{at}","provider":"p","model":"m","key_id":"k""#;
    let lines = [
        format!(r#"{{{call},"status":200,"attempt":1,"cost_usd":"2","input_tokens":1}}"#),
        format!(r#"{{{call},"status":500,"attempt":2,"latency_ms":9}}"#),
        format!(r#"{{{call},"status":200,"input_tokens":1,"cost_usd":"nine"}}"#),
        format!(r#"{{{call},"status":200,"input_tokens":1,"cost_usd":"1e999"}}"#),
        r#"{"kind":"queue","at":"{at}","queue":"q","depth":9}"#.to_owned(),
        r#"{"at":"{at}","status":200,"provider":"openai","headers":{"x-ratelimit-limit-requests":"100","x-ratelimit-remaining-requests":"9"}}"#.to_owned(),
    ];
    for (metric, rest) in OF_LINES {
        let mut world = World::new(&format!(
            "[builtin_rules]\nenabled = false\n[[cap]]\nname = \"c\"\nusd = 1\nperiod = \"day\"\n\
             [[rule]]\nname = \"r\"\nmetric = \"{metric}\"\n{rest}\nfor = \"10ms\"\nmin_requests = 1\n\
             severity = \"critical\"\nactions = [\"trip:all\"]\n"
        ));
        world.switch(Armed::Armed, &[]);
        for (origin, trips) in [(Origin::Backlog, false), (Origin::Live, true)] {
            for line in &lines {
                let at = world.now().wall.rfc3339();
                world.read(&line.replace("{at}", &at), origin);
            }
            // The last minute's lines are neither of the past nor of the present.
            world.wait(if origin == Origin::Backlog { 65 } else { 2 });
            assert_eq!(!world.trips().is_empty(), trips, "{metric} by {origin:?}");
        }
    }
}

#[test]
fn what_only_informs_says_so() {
    let rules = TRIPS.replace("critical", "info").replace("actions = [\"trip:model\"]", "");
    let mut world = World::new(&rules);
    world.line(FAILED, 0);
    world.wait(3);
    let json = serde_json::to_value(world.picture()).unwrap();
    assert_eq!(json["alerts"][0]["severity"], "info");
    assert_eq!(world.events(EventKind::AlertFiring)[0].severity.unwrap().word(), "info");
}

#[test]
fn a_finding_is_an_event_once() {
    let mut world = World::new("");
    let now = world.now();
    world.engine.report("trip_failed", "all NOT tripped", now);
    world.engine.report("trip_failed", "all NOT tripped", now);
    world.wait(2);
    let told = world.events(EventKind::Finding);
    assert_eq!(told.len(), 1);
    assert_eq!(&*told[0].labels["kind"], "trip_failed");
}

#[derive(Default)]
struct Told {
    events: Vec<Event>,
    steps: usize,
}

impl Watcher for Told {
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
    }
    fn step(&mut self, _: Wall, _: Wall) -> Duration {
        self.steps += 1;
        Duration::ZERO
    }
    fn is_over(&self) -> bool {
        false
    }
}

/// A log of a call at each of these seconds.
fn log_of(root: &std::path::Path, name: &str, seconds: impl Iterator<Item = i64>) -> SourceSpec {
    let call = |second: i64| {
        let at = Wall::from_secs(START + second).rfc3339();
        r#"{"at":"@","provider":"p","model":"m","status":200}"#.replace('@', &at) + "\n"
    };
    let path = root.join(name);
    std::fs::write(&path, seconds.map(call).collect::<String>()).unwrap();
    let path = path.display().to_string();
    SourceSpec { name: path.clone(), paths: vec![path], ..SourceSpec::default() }
}

fn replayed(sources: &[SourceSpec]) -> Told {
    let names = Names::default();
    let pipelines = Pipelines {
        formats: Arc::new(Formats::builtin()),
        prices: PriceTable::builtin().into(),
        names: names.clone(),
        max_request_usd: config("").max_request_usd,
        key_salt: 7,
        host: "gw-1".into(),
        texts: Texts::Skip,
    };
    let recipe = pipelines.of(&sources[0]).unwrap();
    let mut told = Told::default();
    let options = Replay { received: Wall::from_secs(START + 86_400), ..Replay::default() };
    let mut sinks = move |_: SourceId, _: &std::path::Path| {
        Box::new(recipe.pipeline()) as Box<dyn tripline::source::LineSink + Send>
    };
    let end = replay(sources, spec(config("")), names, &mut sinks, &options, &mut told);
    assert_eq!(end.unwrap().snapshot.totals.faults, 0);
    told
}

#[test]
fn a_replayed_log_is_silent_only_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let busy =
        |name: &str, seconds: std::ops::Range<i64>| log_of(root.path(), name, seconds.step_by(5));
    let is_silent = |sources: &[SourceSpec]| {
        let events = replayed(sources).events;
        events.iter().any(|event| event.summary.contains("silent"))
    };
    // A log, and the one that it was rotated to: each has its time.
    assert!(!is_silent(&[busy("old.log", 0..900), busy("new.log", 900..2000)]));
    // Ten minutes without a line in the middle.
    let seconds = (0..100).chain(700..800).step_by(5);
    assert!(is_silent(&[log_of(root.path(), "gap.log", seconds)]));
}

#[test]
fn of_the_quiet_time_of_a_log_only_what_changes_something_is_played() {
    let root = tempfile::tempdir().unwrap();
    let told = replayed(&[log_of(root.path(), "seldom.log", (0..20).map(|n| n * 3000))]);
    // It falls silent, which is an alert, at its time.
    let of = |kind: EventKind| {
        let events = told.events.iter().filter(move |event| event.kind == kind);
        events.map(|event| (event.at.0 / 1_000_000 - START * 1000) % 3_000_000).collect::<Vec<_>>()
    };
    // A step is a second at most.
    for kind in [EventKind::SourceStale, EventKind::AlertFiring] {
        let at = of(kind);
        assert_eq!(at.len(), 19, "{at:?}");
        assert!(at.iter().all(|at| (300_000..=301_000).contains(at)), "{at:?}");
    }
    assert!(told.steps < 20 * 800, "{} steps in 20 gaps of 3000 s", told.steps);
}

#[test]
fn an_old_price_table_says_so() {
    let found = |days: i64| {
        let collected = Some(Wall(stamp(0.0).wall.0 - days * 86_400_000_000_000));
        let spec = EngineSpec { prices_of: collected, ..spec(config("")) };
        let engine = Engine::new(spec, Names::default(), stamp(0.0));
        engine.findings().rows().iter().map(|finding| finding.text.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(44), Vec::<String>::new());
    assert!(found(61)[0].contains("61 days old"), "{:?}", found(61));
}

/// A reset and another stop may both come between two looks.
#[test]
fn a_stop_that_takes_the_place_of_another_ends_that_one() {
    let mut world = World::new("");
    world.switch(Armed::Armed, &["env/x"]);
    assert_eq!(world.effects.drain(..).count(), 1);
    world.wait(1);
    world.switch(Armed::Armed, &["env/x"]);
    let kind = |effect: Effect| match effect {
        Effect::Event(event) => Some((event.kind, event.scope)),
        Effect::Trip { .. } => None,
    };
    let told: Vec<_> = world.effects.drain(..).filter_map(kind).collect();
    let scope = Some("env/x".to_owned());
    assert_eq!(told, [(EventKind::SwitchReset, scope.clone()), (EventKind::SwitchTripped, scope)]);
}

#[test]
fn what_is_withdrawn_because_its_calls_are_stopped_says_so() {
    let mut world = World::new(&TRIPS.replace("for = \"1s\"", "for = \"60s\""));
    world.switch(Armed::Armed, &[]);
    for _ in 0..3 {
        world.line(&format!(r#""host":"gw-1",{FAILED}"#), 0);
        world.wait(1);
    }
    assert_eq!(world.events(EventKind::AlertPending).len(), 1);
    world.switch(Armed::Armed, &["provider/p"]);
    world.wait(1);
    let at = world.now().wall.rfc3339();
    let refused = r#""status":503,"latency_ms":1,"error":{"code":"kill_switch","layer":"gateway"}"#;
    let line = format!(r#"{{"at":"{at}","host":"gw-1","provider":"p","model":"other",{refused}}}"#);
    world.read(&line, Origin::Live);
    world.wait(3);
    let ended = world.events(EventKind::AlertResolved);
    let [event] = ended.as_slice() else { panic!("{ended:?}") };
    let words = "withdrawn before it fired, its calls are stopped: p m";
    assert!(event.summary.starts_with(words), "{}", event.summary);
}
