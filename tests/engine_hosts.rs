//! Which hosts are expected to obey a stop, and what is made of clocks that are off.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Mono, Names, Origin, Stamp, Wall};
use tripline::engine::switches::{Armed, SwitchState, Trip};
use tripline::engine::{Engine, EngineSpec, Limits, SourceName};
use tripline::snapshot::{Snapshot, Switch, SwitchHost, build};

/// An engine, its decoder and the time since the start, which only the test moves.
struct World {
    engine: Engine,
    decoder: Decoder,
    ms: i64,
    calls: u64,
    /// Of the calls to come.
    origin: Origin,
}

fn stamp(ms: i64) -> Stamp {
    let wall = Wall::from_millis(1_795_183_407_000 + ms);
    Stamp { mono: Mono(1 << 50).plus(Duration::from_millis(ms.unsigned_abs())), wall }
}

impl World {
    fn new() -> World {
        let names = Names::default();
        let formats = Arc::new(Formats::builtin());
        let decoder = Decoder::new(formats, &names, DecodeOptions::default()).unwrap();
        let spec = EngineSpec {
            caps: Vec::new(),
            rules: tripline::rules::builtin(),
            limits: Limits::default(),
            timezone: TimeZone::UTC,
            sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
            prices_of: None,
        };
        World {
            engine: Engine::new(spec, names, stamp(0)),
            decoder,
            ms: 0,
            calls: 0,
            origin: Origin::Live,
        }
    }

    /// A call that ends now and took 200 ms, by a clock that is so many seconds ahead.
    fn call(&mut self, host: &str, model: &str, ahead_s: i64, answer: &str) {
        let now = stamp(self.ms);
        let ended = now.wall.offset_nanos(ahead_s * 1_000_000_000);
        let (at, began) = (ended.rfc3339(), ended.minus(Duration::from_millis(200)).rfc3339());
        self.calls += 1;
        let line = format!(
            r#"{{"at":"{at}","started_at":"{began}","latency_ms":200,"host":"{host}","provider":"p","model":"{model}","request_id":"r{}",{answer}}}"#,
            self.calls
        );
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        let now = stamp(self.ms);
        let mut batch = Batch { origin: self.origin, ..Batch::default() };
        let place = LineAt { number: self.calls, offset: 0, received: now.wall };
        self.decoder.line(line.as_bytes(), place, &mut batch);
        assert!(!batch.items.is_empty(), "{line}");
        self.engine.apply(&batch, now, &mut Vec::new());
    }

    /// Seconds of calls, four a second, that pass or are refused.
    fn calls(&mut self, seconds: i64, host: &str, ahead_s: i64, answer: &str) {
        for _ in 0..seconds * 4 {
            self.wait(250);
            self.call(host, "m", ahead_s, answer);
        }
    }

    fn wait(&mut self, ms: i64) {
        self.ms += ms;
        self.engine.tick(stamp(self.ms), &mut Vec::new());
    }

    fn trip(&mut self, scope: &str) {
        let now = stamp(self.ms);
        let state = SwitchState {
            scope: scope.into(),
            path: "/k".into(),
            trip: Some(Trip { at: now.wall, by: Some("ada".into()), ..Trip::default() }),
            armed: Armed::Armed,
            failed: false,
            in_doubt: false,
            problem: None,
        };
        self.engine.set_switches(vec![state], now, &mut Vec::new());
    }

    fn picture(&self) -> Snapshot {
        build(&self.engine, stamp(self.ms))
    }

    fn switch(&self) -> Switch {
        self.picture().switches[0].clone()
    }

    fn host(&self, name: &str) -> SwitchHost {
        let found = self.switch().hosts.into_iter().find(|host| &*host.host == name);
        found.unwrap_or_else(|| panic!("{name} is in no list"))
    }

    fn off(&self) -> Vec<String> {
        let picture = self.picture();
        let found = picture.findings.iter().filter(|finding| finding.kind == "clock_off");
        found.map(|finding| finding.text.to_string()).collect()
    }
}

const PASSES: &str = r#""status":200"#;
const REFUSED: &str = r#""status":503,"error":{"code":"llm_kill_switch","type":"kill_switch"}"#;

#[test]
fn a_host_that_falls_silent_at_the_trip_is_not_proven() {
    let mut world = World::new();
    world.calls(5, "gw-2", 0, PASSES);
    world.calls(2, "gw-1", 0, PASSES);
    world.trip("all");
    assert!(world.picture().verdict.contains("no call since"), "{}", world.picture().verdict);
    world.calls(5, "gw-1", 0, REFUSED);
    assert_eq!((world.host("gw-2").obeyed, world.host("gw-2").silent), (None, true));
    assert_eq!((world.host("gw-1").obeyed, world.host("gw-1").silent), (Some(true), false));
    let verdict = world.picture().verdict.to_string();
    assert!(verdict.contains("obeyed by 1 of 2 hosts, not proven of gw-2: silent"), "{verdict}");
    world.call("gw-2", "m", 0, REFUSED);
    assert!(world.picture().verdict.contains("obeyed by 2 of 2 hosts"));
}

#[test]
fn only_hosts_that_sent_what_is_stopped_and_lately_are_expected() {
    let mut world = World::new();
    world.call("gone", "m", 0, PASSES);
    world.wait(400_000);
    world.call("other", "n", 0, PASSES);
    world.call("gw-1", "m", 0, PASSES);
    world.trip("model/p/m");
    let hosts: Vec<String> =
        world.switch().hosts.iter().map(|host| host.host.to_string()).collect();
    assert_eq!(hosts, ["gw-1"]);
}

/// What a host sent was in its log before anything read it.
#[test]
fn hosts_of_what_was_logged_before_the_start_are_expected_if_they_called_lately() {
    let logged = |world: &mut World, calls: &[(&str, i64)]| {
        world.origin = Origin::Backlog;
        for (host, ago) in calls {
            world.call(host, "m", -ago, PASSES);
        }
        world.origin = Origin::Live;
    };
    let mut world = World::new();
    logged(&mut world, &[("last-week", 604_800), ("gone", 310), ("gw-1", 4), ("gw-2", 3)]);
    assert_eq!(world.picture().hosts.len(), 2, "{:?}", world.picture().hosts);
    world.wait(2000);
    world.trip("all");
    world.wait(1000);
    world.call("gw-1", "m", 0, REFUSED);
    let verdict = world.picture().verdict.to_string();
    assert!(verdict.contains("obeyed by 1 of 2 hosts, not proven of gw-2: silent"), "{verdict}");
    // It was heard when it called, and not when that was read.
    let mut world = World::new();
    logged(&mut world, &[("gw-1", 290)]);
    world.wait(20_000);
    world.trip("all");
    assert_eq!(world.switch().hosts.len(), 0);
    // And whoever is read after the stop was seen called before it all the same.
    let mut world = World::new();
    world.wait(400_000);
    world.trip("model/p/m");
    world.wait(1000);
    logged(&mut world, &[("gone", 310), ("gw-1", 20), ("gw-2", 200)]);
    world.call("gw-1", "m", 0, REFUSED);
    let verdict = world.picture().verdict.to_string();
    assert!(verdict.contains("obeyed by 1 of 2 hosts, not proven of gw-2: silent"), "{verdict}");
}

#[test]
fn a_clock_that_is_ahead_is_named_and_no_proof_of_disobedience() {
    for ahead in [4, 600] {
        let mut world = World::new();
        world.calls(5, "fast", ahead, PASSES);
        world.trip("all");
        // It began 100 ms before the trip.
        world.wait(100);
        world.call("fast", "m", ahead, PASSES);
        world.calls(5, "fast", ahead, REFUSED);
        let host = world.host("fast");
        assert_eq!((host.obeyed, host.started_after_trip), (Some(true), 0), "{ahead}");
        let off = world.off();
        assert!(off.len() == 1 && off[0].contains("fast") && off[0].contains("ahead"), "{off:?}");
        // And it is found out if it does not obey.
        world.calls(3, "fast", ahead, PASSES);
        assert_eq!(world.host("fast").obeyed, Some(false), "{ahead}");
    }
}

#[test]
fn a_clock_that_is_behind_is_named_and_proves_of_no_call_that_it_began_before() {
    let mut world = World::new();
    world.calls(8, "slow", -100, PASSES);
    world.trip("all");
    world.calls(5, "slow", -100, REFUSED);
    assert_eq!(world.host("slow").obeyed, Some(true));
    world.calls(5, "slow", -100, PASSES);
    let host = world.host("slow");
    assert!(host.obeyed.is_none() && host.start_unknown >= 15, "{host:?}");
    let off = world.off();
    assert!(off.len() == 1 && off[0].contains("slow is 100 s behind"), "{off:?}");
    // By its own clock, too, they begin after the trip.
    world.calls(110, "slow", -100, PASSES);
    assert_eq!(world.host("slow").obeyed, Some(false));
}

#[test]
fn one_line_of_the_future_hides_no_disobedience_and_late_lines_are_no_clock() {
    let mut world = World::new();
    world.calls(5, "gw-1", 0, PASSES);
    world.call("gw-1", "m", 40_000, PASSES);
    world.trip("all");
    world.calls(15, "gw-1", 0, PASSES);
    assert_eq!(world.host("gw-1").obeyed, Some(false));

    let mut world = World::new();
    for _ in 0..10 {
        // Lines that were held back come together, the last one at once.
        world.wait(8000);
        for late in (0..8).rev() {
            world.call("held", "m", -late, PASSES);
        }
    }
    assert_eq!(world.off(), Vec::<String>::new());
}

/// A refusal as an access log has it that tells nothing of whose call it was.
fn bare_refusal(world: &mut World, host: &str, names: &str) {
    let at = stamp(world.ms).wall.rfc3339();
    let number = world.calls;
    let line = format!(
        r#"{{"time":"{at}","hostname":"{host}","request_id":"b{number}","method":"POST","uri":"/v1/chat/completions","status":"503","request_time":"0.001","upstream_addr":"","sent_http_x_kill_switch":"{names}"}}"#
    );
    world.line(&line);
}

#[test]
fn a_refusal_that_names_a_stop_is_proof_of_it_whatever_else_is_logged() {
    let mut world = World::new();
    world.calls(2, "gw-1", 0, PASSES);
    world.trip("model/p/m");
    world.wait(1000);
    bare_refusal(&mut world, "gw-1", "model/p/m");
    let host = world.host("gw-1");
    assert_eq!((host.obeyed, host.refused, host.refused_by_another), (Some(true), 1, 0));
    // Where another model is logged, such as the one that was asked for at first.
    let named = r#""status":503,"headers":{"X-Kill-Switch":"model/p/m"}"#;
    world.call("gw-1", "another", 0, named);
    assert_eq!(world.host("gw-1").refused, 2);
}

#[test]
fn a_host_that_names_another_stop_is_not_silent() {
    let mut world = World::new();
    world.calls(2, "gw-1", 0, PASSES);
    world.trip("model/p/m");
    world.wait(1000);
    bare_refusal(&mut world, "gw-1", "all");
    let host = serde_json::to_value(world.host("gw-1")).unwrap();
    assert_eq!((&host["silent"], &host["refused"]), (&false.into(), &0.into()), "{host}");
    assert_eq!((&host["refused_by_another"], &host["other_stop"]), (&1.into(), &"all".into()));
    let verdict = world.picture().verdict.to_string();
    assert!(verdict.contains("not proven: calls are refused by another stop, all"), "{verdict}");
    // Another provider's is no such call.
    world.call("gw-1", "another", 0, REFUSED);
    assert_eq!(world.host("gw-1").refused_by_another, 1);
}

#[test]
fn whether_calls_still_pass_is_said_where_some_did() {
    let mut world = World::new();
    world.calls(2, "gw-1", 0, PASSES);
    world.trip("all");
    world.calls(3, "gw-1", 0, PASSES);
    let passed = world.host("gw-1").started_after_trip;
    let last =
        |world: &World| serde_json::to_value(world.host("gw-1")).unwrap()["last_passed_s"].as_f64();
    assert!(passed > 0 && last(&world).is_some_and(|s| s < 0.5), "{:?}", last(&world));
    // Where nothing is heard, nothing is known.
    world.wait(20_000);
    let verdict = |world: &World| world.picture().verdict.to_string();
    assert!(verdict(&world).contains("NOT OBEYED by gw-1."), "{}", verdict(&world));
    world.calls(3, "gw-1", 0, PASSES);
    world.calls(12, "gw-1", 0, REFUSED);
    assert_eq!(last(&world).map(f64::round), Some(12.0));
    let said = verdict(&world);
    assert!(said.contains("NOT OBEYED by gw-1 (none passed for 12 s)"), "{said}");
    world.calls(1, "gw-1", 0, PASSES);
    assert!(verdict(&world).contains("NOT OBEYED by gw-1."), "{}", verdict(&world));
    world.trip("key/other");
    assert_eq!(world.switch().hosts.len(), 0);
}
