//! What the console makes of pictures that an engine took, and what its keys do there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod console;

use std::sync::Arc;
use std::time::Duration;

use console::driver::Console;
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Mono, Names, Origin, Stamp};
use tripline::engine::{Effect, Engine, EngineSpec, SourceName};
use tripline::runtime::Command;
use tripline::snapshot::{self, Snapshot};
use tripline::tui::{Charset, Panel, Reaction};

const NO_RULES: &str = "[builtin_rules]\nenabled = false\n";

/// An engine, its decoder and a clock that only the test moves.
struct World {
    engine: Engine,
    decoder: Decoder,
    second: u64,
    effects: Vec<Effect>,
}

impl World {
    fn new(rules: &str) -> World {
        let bytes = format!("{NO_RULES}{rules}").into_bytes();
        let file = Some(ConfigFile::Bytes { name: "test".into(), bytes });
        let config = Config::load(&LoadInput { file, ..LoadInput::default() }).unwrap();
        let names = Names::default();
        let formats = Arc::new(Formats::builtin());
        let decoder = Decoder::new(formats, &names, DecodeOptions::default()).unwrap();
        let spec = EngineSpec {
            prices_of: None,
            caps: config.caps,
            rules: config.rules,
            limits: config.engine,
            timezone: config.timezone.zone,
            sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
        };
        World { engine: Engine::new(spec, names, stamp(0)), decoder, second: 0, effects: vec![] }
    }

    /// A call that was logged now, a second after the last one.
    fn call(&mut self, fields: &str) {
        self.second += 1;
        let now = stamp(self.second);
        let at = now.wall.rfc3339();
        let line = format!(r#"{{"at":"{at}","latency_ms":5,{fields}}}"#);
        let mut batch = Batch { origin: Origin::Live, ..Batch::default() };
        let place = LineAt { number: self.second, offset: 0, received: now.wall };
        self.decoder.line(line.as_bytes(), place, &mut batch);
        assert!(!batch.items.is_empty(), "{line}");
        batch.progress.lines = self.second;
        self.engine.apply(&batch, now, &mut self.effects);
        self.engine.tick(now, &mut self.effects);
    }

    fn picture(&self) -> Snapshot {
        snapshot::build(&self.engine, stamp(self.second))
    }
}

fn stamp(second: u64) -> Stamp {
    let since = Duration::from_secs(second);
    Stamp { mono: Mono(1 << 50).plus(since), wall: console::snapshots::now().plus(since) }
}

fn screen(picture: &Snapshot) -> Console {
    Console::new(picture, Charset::Ascii, 120, 40)
}

const TOKENS_LOW: &str = r#"
[[rule]]
name = "tokens-low"
metric = "limit.remaining_ratio"
below = [{ value = 0.5, severity = "warning" }, { value = 0.1, severity = "critical" }]
"#;

/// Of a minute's tokens two fifths are left, of a month's a hundredth.
fn mistral(world: &mut World, of_minute: u32) {
    world.call(&format!(
        r#""provider":"mistral","model":"large","status":200,"headers":{{"x-ratelimit-limit-tokens-minute":"100","x-ratelimit-remaining-tokens-minute":"{of_minute}","x-ratelimit-limit-tokens-month":"1000","x-ratelimit-remaining-tokens-month":"10"}}"#
    ));
}

#[test]
fn of_limits_that_differ_by_their_window_the_marked_one_is_acknowledged() {
    for (marked, keys) in ["a", "aj"].into_iter().enumerate() {
        let mut world = World::new(TOKENS_LOW);
        mistral(&mut world, 40);
        let picture = world.picture();
        let titles: Vec<&str> = picture.alerts.iter().map(|alert| &*alert.title).collect();
        assert_eq!(titles, ["mistral large TPMO", "mistral large TPM"]);
        let mut console = screen(&picture);
        console.keys(keys);
        // The cursor stays where it is while pictures come.
        for _ in 0..3 {
            mistral(&mut world, 40);
            console.show(&world.picture());
        }
        assert_eq!(console.model.selected(), Some((Panel::Alerts, marked)));
        console.keys("a");
        let Some(Reaction::Send(Command::Acknowledge { rule, labels, by })) =
            console.reactions.pop()
        else {
            panic!("{:?}", console.reactions);
        };
        assert!(world.engine.acknowledge(&rule, &labels, &by));
        let taken: Vec<bool> =
            world.picture().alerts.iter().map(|alert| alert.acked_by.is_some()).collect();
        assert_eq!(taken, [marked == 0, marked == 1], "{keys}");
    }
}

#[test]
fn events_say_which_of_two_windows_they_are_about_where_a_log_states_it() {
    let mut world = World::new(TOKENS_LOW);
    mistral(&mut world, 40);
    for _ in 0..3 {
        mistral(&mut world, 90);
    }
    let told: Vec<String> = world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Event(event) if event.rule.is_some() => {
                let window = event.labels.get("window").map_or("", |window| window);
                Some(format!("{} {window}", event.kind.word()))
            }
            _ => None,
        })
        .collect();
    let all = ["alert.firing 60s", "alert.firing 2592000s", "alert.resolved 60s"];
    assert!(all.iter().all(|told_of| told.iter().any(|told| told == told_of)), "{told:?}");
    assert_eq!(told.len(), all.len(), "{told:?}");
    // That a bucket is a minute's was worked out: other readings may not show it.
    let mut world = World::new(TOKENS_LOW);
    world.call(
        r#""provider":"openai","model":"gpt-4o","status":200,"headers":{"x-ratelimit-limit-requests":"500","x-ratelimit-remaining-requests":"2","x-ratelimit-reset-requests":"59.76s"}"#,
    );
    let picture = world.picture();
    assert_eq!(picture.limits[0].window_s, Some(60));
    assert_eq!(picture.alerts[0].labels.get("window"), None);
}

#[test]
fn what_is_overdrawn_was_not_refused() {
    for (remaining, status, says) in [
        ("-5", 200, "exhausted         yes, nothing is left"),
        ("0", 429, "exhausted         yes, a refusal says so"),
    ] {
        let mut world = World::new("");
        world.call(&format!(
            r#""provider":"openai","model":"gpt-4o","status":{status},"headers":{{"x-ratelimit-limit-tokens":"100","x-ratelimit-remaining-tokens":"{remaining}","x-ratelimit-reset-tokens":"60s"}}"#
        ));
        let detail = screen(&world.picture()).keys("j\n").text();
        assert!(detail.contains(says), "{detail}");
    }
}

#[test]
fn the_plan_of_a_trip_names_the_hosts_that_logs_name() {
    let mut world = World::new("");
    for host in ["gw-2", "gw-1", "gw-2"] {
        world
            .call(&format!(r#""host":"{host}","provider":"openai","model":"gpt-4o","status":200"#));
    }
    let mut console = screen(&world.picture());
    assert!(console.text().contains("2 hosts"), "{}", console.text());
    let plan = console.keys("!t\n").text();
    assert!(plan.contains("hosts  gw-1 gw-2"), "{plan}");
}
