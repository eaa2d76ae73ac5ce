//! What stands when a run ends goes on in the next one: nobody is told of it twice, nothing
//! is stopped on what was, and what is over meanwhile is said to be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::sync::Arc;

use serde_json::Value;
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Mono, Names, Origin, Stamp, Wall};
use tripline::engine::switches::{Armed, SwitchState, Trip};
use tripline::engine::{Effect, Engine, EngineSpec, EventKind, Restored, SourceName, Standing};
use tripline::snapshot;

const START: i64 = 1_795_183_200;

/// Each run has a monotonic clock of its own.
fn stamp(second: i64, run: u64) -> Stamp {
    let mono = u64::try_from(second).unwrap() + 1_000_000 * (run + 1);
    Stamp { mono: Mono(mono * 1_000_000_000), wall: Wall::from_secs(START + second) }
}

fn config(rule: &str) -> String {
    format!("[builtin_rules]\nenabled = false\n[[rule]]\n{rule}")
}

const BROKEN: &str = r#"
name = "broken"
metric = "errors.ratio"
match = { outcome = "failed" }
above = 0.5
for = "5s"
min_requests = 1
severity = "critical"
"#;

const LOW: &str = r#"
name = "low"
metric = "limit.remaining_ratio"
below = 0.1
for = "0s"
severity = "critical"
"#;

fn trips(rule: &str) -> String {
    format!("{rule}actions = [\"trip:model\"]\n")
}

struct World {
    config: String,
    names: Names,
    engine: Engine,
    decoder: Decoder,
    second: i64,
    run: u64,
    effects: Vec<Effect>,
    tripped: Vec<(String, i64)>,
    armed: Armed,
    /// Whether a person has reset what does not stand any more when a run begins.
    was_reset: bool,
}

impl World {
    fn new(rule: &str) -> World {
        let names = Names::default();
        let decoder = decoder(&names);
        let config = config(rule);
        let engine = engine(&config, &names, stamp(0, 0));
        let (effects, tripped) = (Vec::new(), Vec::new());
        World {
            config,
            names,
            engine,
            decoder,
            second: 0,
            run: 0,
            effects,
            tripped,
            armed: Armed::Armed,
            was_reset: true,
        }
    }

    fn now(&self) -> Stamp {
        stamp(self.second, self.run)
    }

    fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.second += 1;
            self.engine.tick(self.now(), &mut self.effects);
        }
    }

    fn line(&mut self, fields: &str) {
        let now = self.now();
        let at = now.wall.rfc3339();
        let line = format!(r#"{{"at":"{at}","provider":"p","model":"m",{fields}}}"#);
        let mut batch = Batch { origin: Origin::Live, ..Batch::default() };
        let place = LineAt { number: 1, offset: 0, received: now.wall };
        self.decoder.line(line.as_bytes(), place, &mut batch);
        assert!(!batch.items.is_empty());
        batch.progress.lines = self.engine.sources()[0].progress.lines + 1;
        self.engine.apply(&batch, now, &mut self.effects);
    }

    fn fail(&mut self) {
        self.line(r#""status":500,"latency_ms":1"#);
    }

    fn left(&mut self, left: u32) {
        self.line(&format!(
            r#""status":200,"latency_ms":1,"headers":{{"x-ratelimit-limit-requests":"100","x-ratelimit-remaining-requests":"{left}","x-ratelimit-reset-requests":"60s"}}"#
        ));
    }

    /// The switch directory, as it is.
    fn switch(&mut self) {
        let now = self.now();
        let state = |scope: &str, trip| SwitchState {
            scope: scope.into(),
            path: "/k".into(),
            trip,
            armed: self.armed,
            problem: None,
            failed: false,
            in_doubt: false,
        };
        let trip = |at: i64| Trip {
            at: Wall::from_secs(START + at),
            by: Some("tripline".into()),
            is_told: true,
            ..Trip::default()
        };
        let mut states: Vec<_> =
            self.tripped.iter().map(|(scope, at)| state(scope, Some(trip(*at)))).collect();
        states.push(state("all", None));
        self.engine.set_switches(states, now, &mut self.effects);
    }

    /// End this run, and begin another one `down` seconds later.
    fn restart(&mut self, down: i64) {
        self.restart_with(down, |kept| kept);
    }

    /// The same with what is kept as another version kept it.
    fn restart_with(&mut self, down: i64, as_kept: impl Fn(String) -> String) {
        self.engine.say_what_stands();
        let stood = self.engine.take_standing(self.now());
        let at = self.now().wall;
        // As it is kept.
        let kept = as_kept(serde_json::to_string(&stood.unwrap_or_default()).unwrap());
        let standing: Vec<Standing> = serde_json::from_str(&kept).unwrap();
        (self.second, self.run) = (self.second + down, self.run + 1);
        self.names = Names::default();
        self.decoder = decoder(&self.names);
        self.engine = engine(&self.config, &self.names, self.now());
        let restored = Restored { standing: (at, standing), ..Restored::default() };
        let now = self.now();
        self.engine.restore(&restored, now);
        self.engine.keep_deltas();
        self.switch();
        self.engine.take_up_stops(|_, _| self.was_reset, now);
    }

    /// Events since this was last asked, and scopes that are to be tripped.
    fn told(&mut self) -> (Vec<(EventKind, String)>, Vec<String>) {
        let (mut events, mut trips) = (Vec::new(), Vec::new());
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Event(event) => events.push((event.kind, event.summary)),
                Effect::Trip { scope, .. } => trips.push(scope),
            }
        }
        (events, trips)
    }

    fn kinds(&mut self) -> Vec<EventKind> {
        let alert = |kind: &EventKind| {
            use EventKind::{AlertFiring, AlertPending, AlertResolved};
            matches!(kind, AlertFiring | AlertPending | AlertResolved)
        };
        self.told().0.into_iter().map(|(kind, _)| kind).filter(alert).collect()
    }

    fn picture(&self) -> Value {
        serde_json::to_value(snapshot::build(&self.engine, self.now())).unwrap()
    }

    /// State, since and who took it, of the only alert.
    fn alert(&self) -> (String, String, Option<String>) {
        let picture = self.picture();
        let [alert] = &picture["alerts"].as_array().unwrap()[..] else { panic!("{picture:#}") };
        let text = |name: &str| alert[name].as_str().map(str::to_owned);
        (text("state").unwrap(), text("since").unwrap(), text("acked_by"))
    }
}

fn decoder(names: &Names) -> Decoder {
    Decoder::new(Arc::new(Formats::builtin()), names, DecodeOptions::default()).unwrap()
}

fn engine(text: &str, names: &Names, now: Stamp) -> Engine {
    let bytes = text.as_bytes().to_vec();
    let file = Some(ConfigFile::Bytes { name: "test".into(), bytes });
    let config = Config::load(&LoadInput { file, ..LoadInput::default() }).unwrap();
    let spec = EngineSpec {
        prices_of: None,
        caps: config.caps,
        rules: config.rules,
        limits: config.engine,
        timezone: config.timezone.zone,
        sources: vec![SourceName { name: "gw".into(), kind: "file", ..SourceName::default() }],
    };
    let mut engine = Engine::new(spec, names.clone(), now);
    engine.keep_deltas();
    engine
}

use EventKind::{AlertFiring, AlertPending, AlertResolved};

#[test]
fn an_alert_goes_on_over_a_restart_and_is_told_once() {
    let mut world = World::new(LOW);
    world.wait(10);
    world.left(2);
    assert_eq!(world.kinds(), [AlertPending, AlertFiring][1..]);
    let (_, since, _) = world.alert();
    let labels = world.engine.book().shown(world.now())[0].labels.clone();
    assert!(world.engine.acknowledge("low", &labels, "ana"));
    world.wait(3);
    for _ in 0..2 {
        world.restart(100);
        assert_eq!(world.alert(), ("no_data".into(), since.clone(), Some("ana".into())));
        world.wait(2);
        assert_eq!(world.kinds(), [], "nothing is known of it yet");
        world.left(1);
        assert_eq!(world.alert(), ("firing".into(), since.clone(), Some("ana".into())));
        world.wait(2);
        assert_eq!(world.kinds(), [], "it was told");
    }
    world.left(90);
    world.wait(1);
    assert_eq!(world.kinds(), [AlertResolved]);
}

#[test]
fn an_alert_goes_on_that_was_kept_before_windows_were_labels() {
    let mut world = World::new(LOW);
    world.line(
        r#""status":200,"latency_ms":1,"headers":{"x-ratelimit-limit-tokens-month":"100","x-ratelimit-remaining-tokens-month":"2"}"#,
    );
    let (_, since, _) = world.alert();
    world.wait(3);
    world.restart_with(100, |kept| {
        let older = kept.replace(r#","window":"2592000s"}"#, r#"},"window_s":2592000"#);
        assert_ne!(older, kept, "{kept}");
        older
    });
    world.line(
        r#""status":200,"latency_ms":1,"headers":{"x-ratelimit-limit-tokens-month":"100","x-ratelimit-remaining-tokens-month":"1"}"#,
    );
    assert_eq!(world.alert(), ("firing".into(), since, None));
}

#[test]
fn what_is_over_when_it_is_heard_of_again_is_said_to_be_over() {
    let mut world = World::new(LOW);
    world.left(2);
    assert_eq!(world.kinds(), [AlertFiring]);
    world.restart(100);
    world.left(90);
    world.wait(1);
    assert_eq!(world.kinds(), [AlertResolved]);
    assert_eq!(world.alert().0, "resolved");
}

/// A share of one minute's calls is not over because the minute has just begun.
#[test]
fn a_share_of_calls_is_over_only_when_a_minute_was_good() {
    let mut world = World::new(BROKEN);
    (0..8).for_each(|_| {
        world.fail();
        world.wait(1);
    });
    assert_eq!(world.kinds(), [AlertPending, AlertFiring]);
    world.restart(2);
    world.line(r#""status":200,"latency_ms":1"#);
    world.wait(2);
    (0..5).for_each(|_| world.fail());
    world.wait(2);
    assert_eq!(world.kinds(), []);
    assert_eq!(world.alert().0, "firing");
    for _ in 0..130 {
        world.line(r#""status":200,"latency_ms":1"#);
        world.wait(1);
    }
    assert_eq!(world.kinds(), [AlertResolved]);
}

#[test]
fn what_pends_goes_on_pending_for_as_long_as_it_was_seen_to() {
    let mut world = World::new(BROKEN);
    world.fail();
    world.wait(3);
    assert_eq!(world.kinds(), [AlertPending]);
    world.restart(4);
    world.fail();
    world.wait(1);
    assert_eq!(world.kinds(), [], "it was seen for 4 s of the 5");
    world.wait(1);
    assert_eq!(world.kinds(), [AlertFiring]);
    // After a longer time than its `for` nobody knows that it crossed all the time.
    let mut world = World::new(BROKEN);
    world.fail();
    world.wait(4);
    world.restart(6);
    world.told();
    world.fail();
    world.wait(4);
    assert_eq!(world.kinds(), [AlertPending]);
    // Where nothing is heard of it again, who heard that it pends hears its end.
    let mut world = World::new(BROKEN);
    world.fail();
    world.wait(3);
    assert_eq!(world.kinds(), [AlertPending]);
    world.restart(1);
    world.wait(1000);
    assert_eq!(world.kinds(), [AlertResolved]);
}

#[test]
fn nothing_is_tripped_by_what_was_and_once_reset_not_by_what_goes_on() {
    let mut world = World::new(&trips(BROKEN));
    world.switch();
    world.fail();
    world.wait(5);
    let trip = "model/p/m".to_owned();
    assert_eq!(world.told().1, std::slice::from_ref(&trip));
    world.tripped = vec![(trip.clone(), 5)];
    world.switch();
    // Somebody resets it while nothing runs, and it goes on failing.
    world.tripped.clear();
    world.restart(2);
    world.wait(2);
    assert_eq!(world.told().1, [""; 0]);
    for _ in 0..20 {
        world.fail();
        world.wait(1);
    }
    let (events, trips) = world.told();
    assert_eq!(trips, [""; 0], "{events:?}");
    let picture = world.picture();
    let summary = picture["alerts"][0]["summary"].as_str().unwrap();
    assert!(summary.contains("reset since, will not trip again before it clears"), "{summary}");
}

/// A reboot empties a directory in memory.
#[test]
fn a_stop_that_went_away_while_nothing_ran_is_said_and_made_again_on_fresh_calls_alone() {
    let mut world = World::new(&trips(BROKEN));
    world.switch();
    world.fail();
    world.wait(5);
    let trip = "model/p/m".to_owned();
    assert_eq!(world.told().1, std::slice::from_ref(&trip));
    world.tripped = vec![(trip.clone(), 5)];
    world.switch();
    world.tripped.clear();
    world.was_reset = false;
    world.restart(2);
    world.wait(20);
    assert_eq!(world.told().1, [""; 0], "not on what was");
    let lost = |world: &World| {
        let findings = world.picture()["findings"].clone();
        let findings = findings.as_array().unwrap().iter();
        let lost = findings.filter(|finding| finding["kind"] == "stop_lost");
        lost.map(|finding| finding["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(lost(&world)[0].starts_with("model/p/m is not stopped any more"), "{:?}", lost(&world));
    world.fail();
    world.wait(10);
    assert_eq!(world.told().1, [trip]);
    world.tripped = vec![("model/p/m".into(), world.second)];
    world.switch();
    world.engine.settle_lost_stops(|_, _| false);
    assert_eq!(lost(&world), [""; 0], "it stands again");
    // Whoever stopped it again before this began has done what was to be done.
    world.tripped = vec![("model/p/m".into(), world.second + 1)];
    world.restart(2);
    assert_eq!(lost(&world), [""; 0]);
}

#[test]
fn what_could_not_be_tripped_is_tripped_on_fresh_calls_alone() {
    let mut world = World::new(&trips(BROKEN));
    world.armed = Armed::Disarmed;
    world.switch();
    world.fail();
    world.wait(5);
    let trip = "model/p/m".to_owned();
    assert_eq!(world.told().1, std::slice::from_ref(&trip));
    let disarmed = tripline::engine::Withheld::Disarmed;
    world.engine.withhold("broken", &trip, disarmed, world.now());
    world.restart(2);
    world.fail();
    world.wait(10);
    assert_eq!(world.told().1, [""; 0], "rules may not trip");
    world.armed = Armed::Armed;
    world.restart(2);
    world.wait(10);
    assert_eq!(world.told().1, [""; 0], "nothing fresh is known");
    world.fail();
    assert_eq!(world.told().1, [trip]);
}

#[test]
fn another_rule_and_another_day_begin_anew() {
    let other = LOW.replace("below = 0.1", "below = 0.2");
    for (down, rule, why) in
        [(2, other.as_str(), "its rule is another now"), (3601, LOW, "nothing ran for too long")]
    {
        let mut world = World::new(LOW);
        world.left(2);
        assert_eq!(world.kinds(), [AlertFiring]);
        world.config = config(rule);
        world.restart(down);
        assert_eq!(world.picture()["alerts"], Value::Array(Vec::new()));
        world.wait(1);
        // Who was told that it fires is told that this is over.
        let events = world.told().0;
        let ended = |(_, text): &(EventKind, String)| {
            text.starts_with("not resolved, but ") && text.contains(why)
        };
        assert!(events.iter().any(ended), "{events:?}");
        world.left(2);
        assert_eq!(world.kinds(), [AlertFiring]);
    }
}

/// How a rule is told is not what it says.
#[test]
fn a_rule_with_another_runbook_is_the_same_rule() {
    let mut world = World::new(LOW);
    world.left(2);
    assert_eq!(world.kinds(), [AlertFiring]);
    world.config = config(&format!("{LOW}runbook = \"https://wiki/low\"\n"));
    world.restart(2);
    world.left(2);
    assert_eq!(world.kinds(), []);
}

/// Its kill file may not be seen at once: the directory can't be read for a while.
#[test]
fn what_hosts_did_about_a_stop_that_is_not_seen_yet_is_not_forgotten() {
    let mut world = World::new(OBEY);
    world.tripped = vec![("all".into(), 0)];
    world.switch();
    world.wait(30);
    world.line(r#""status":200,"latency_ms":1,"host":"gw-1""#);
    world.wait(1);
    let hosts = |world: &World| world.picture()["switches"][0]["hosts"].clone();
    let before = hosts(&world);
    assert_eq!(before[0]["started_after_trip"], 1, "{before:#}");
    let tripped = std::mem::take(&mut world.tripped);
    world.restart(1);
    world.left(2);
    world.restart(1);
    world.tripped = tripped;
    world.switch();
    assert_eq!(hosts(&world)[0]["started_after_trip"], 1);
}

#[test]
fn what_is_not_heard_of_again_ends_with_a_word() {
    let mut world = World::new(LOW);
    world.left(2);
    world.restart(2);
    world.told();
    world.wait(905);
    assert_eq!(world.picture()["alerts"], Value::Array(Vec::new()));
    let events = world.told().0;
    assert!(
        events.iter().any(|(_, text)| text.starts_with("not resolved, but no data")),
        "{events:?}"
    );
}

const OBEY: &str = r#"
name = "disobeyed"
metric = "switch.not_obeyed"
above = 0
for = "0s"
keep_firing_for = "60s"
severity = "critical"
"#;

#[test]
fn who_did_not_obey_is_known_after_a_restart_and_told_once() {
    let mut world = World::new(OBEY);
    world.tripped = vec![("all".into(), 0)];
    world.switch();
    world.wait(30);
    let passed = r#""status":200,"latency_ms":1,"host":"gw-1""#;
    let refused = r#""status":503,"latency_ms":1,"host":"gw-2","error":{"code":"kill_switch","layer":"gateway"}"#;
    (0..3).for_each(|_| world.line(passed));
    world.line(refused);
    world.wait(1);
    assert_eq!(world.kinds(), [AlertFiring]);
    let hosts = |world: &World| world.picture()["switches"][0].clone();
    let before = hosts(&world);
    assert_eq!(before["hosts"][0]["started_after_trip"], 3, "{before:#}");
    world.restart(1);
    world.wait(70);
    let mut after = hosts(&world);
    // How long ago the last call passed goes on, and is all that has changed.
    let last = after["hosts"][0]["last_passed_s"].take();
    assert_eq!(last, 72.0);
    after["hosts"][0]["last_passed_s"] = before["hosts"][0]["last_passed_s"].clone();
    assert_eq!(after["hosts"], before["hosts"]);
    assert_eq!((world.alert().0.as_str(), world.kinds()), ("firing", vec![]));
    world.line(passed);
    assert_eq!(hosts(&world)["hosts"][0]["started_after_trip"], 4);
    // Once it is reset, that is over.
    world.tripped.clear();
    world.restart(1);
    world.wait(70);
    assert_eq!(world.kinds(), [AlertResolved]);
}

/// It is the same stop, and the host has not obeyed it. What it refused is no proof for a
/// file that was made later.
#[test]
fn who_did_not_obey_a_stop_did_not_when_its_file_is_made_again() {
    let mut world = World::new(OBEY);
    world.tripped = vec![("all".into(), 0)];
    world.switch();
    world.wait(30);
    world.line(r#""status":200,"latency_ms":1,"host":"gw-1""#);
    world.line(r#""status":503,"latency_ms":1,"host":"gw-2","error":{"code":"kill_switch","layer":"gateway"}"#);
    world.wait(1);
    assert_eq!(world.kinds(), [AlertFiring]);
    world.tripped.clear();
    world.switch();
    world.wait(1);
    let again = SwitchState {
        scope: "all".into(),
        path: "/k".into(),
        trip: Some(Trip {
            at: Wall::from_secs(START),
            again: Some(world.now().wall),
            is_told: true,
            ..Trip::default()
        }),
        armed: Armed::Armed,
        problem: None,
        failed: false,
        in_doubt: false,
    };
    let now = world.now();
    world.engine.set_switches(vec![again], now, &mut world.effects);
    world.wait(70);
    let hosts = world.picture()["switches"][0]["hosts"].clone();
    assert_eq!((&hosts[0]["host"], &hosts[0]["obeyed"]), (&"gw-1".into(), &false.into()));
    let of_other = hosts.as_array().unwrap().iter().find(|host| host["host"] == "gw-2");
    assert!(of_other.is_none_or(|host| host.get("obeyed").is_none()), "{hosts:#}");
    assert_eq!((world.alert().0.as_str(), world.kinds()), ("firing", vec![]));
}

/// A stop leaves no data, and a person may look for long.
#[test]
fn what_was_reset_is_not_tripped_again_by_the_first_data_after_a_silence() {
    let mut world = World::new(&trips(BROKEN));
    let trip = "model/p/m".to_owned();
    world.switch();
    world.fail();
    world.wait(5);
    assert_eq!(world.told().1, std::slice::from_ref(&trip));
    world.tripped = vec![(trip, 5)];
    world.switch();
    world.wait(2000);
    assert_eq!(world.alert().0, "no_data");
    assert_eq!(world.picture()["state"], "critical", "it is stopped");
    world.tripped.clear();
    world.switch();
    assert_eq!(world.picture()["state"], "unknown");
    for _ in 0..10 {
        world.fail();
        world.wait(1);
    }
    assert_eq!(world.alert().0, "firing");
    let (events, trips) = world.told();
    assert_eq!(trips, [""; 0], "{events:?}");
    assert!(!events.iter().any(|(kind, _)| *kind == AlertFiring), "{events:?}");
}

/// What is heard a day after the reset is new, and a rule that stopped it once may again.
#[test]
fn what_was_reset_days_ago_does_not_stand_for_ever() {
    let mut world = World::new(&trips(BROKEN));
    let trip = "model/p/m".to_owned();
    world.switch();
    world.fail();
    world.wait(5);
    assert_eq!(world.told().1, std::slice::from_ref(&trip));
    world.tripped = vec![(trip.clone(), 5)];
    world.switch();
    world.second += 3 * 86_400;
    world.wait(1);
    assert_eq!(world.alert().0, "no_data", "its stop stands");
    world.tripped.clear();
    world.switch();
    world.second += 86_000;
    world.wait(1);
    assert_eq!(world.alert().0, "no_data");
    world.second += 500;
    world.wait(1);
    assert_eq!(world.picture()["alerts"], Value::Array(Vec::new()));
    world.told();
    (0..10).for_each(|_| {
        world.fail();
        world.wait(1);
    });
    assert_eq!(world.told().1, [trip]);
}

#[test]
fn what_was_critical_is_not_well_because_nobody_calls() {
    let mut world = World::new(BROKEN);
    world.fail();
    world.wait(8);
    assert_eq!(world.picture()["state"], "critical");
    world.wait(70);
    assert_eq!(world.alert().0, "no_data");
    let picture = world.picture();
    assert_eq!(picture["state"], "unknown", "{picture:#}");
    let verdict = picture["verdict"].as_str().unwrap();
    assert!(verdict.to_lowercase().contains("no data any more"), "{verdict}");
}

/// One fact is told once.
#[test]
fn a_cap_that_is_spent_is_not_spent_soon() {
    let rule = "name = \"soon\"\nmetric = \"spend.cap_in_s\"\nbelow = 900\nfor = \"0s\"\n\
                [[cap]]\nname = \"day\"\nusd = 1\nperiod = \"day\"\n";
    let call = |usd: &str| {
        format!("\"status\":200,\"latency_ms\":1,\"input_tokens\":1,\"cost_usd\":\"{usd}\"")
    };
    let mut world = World::new(rule);
    world.wait(120);
    world.line(&call("3"));
    world.wait(60);
    assert_eq!(world.kinds(), []);
    assert_eq!(world.picture()["caps"][0]["used_ratio"], 3.0);
    // It was told before it was spent, and is not over by that.
    let mut world = World::new(rule);
    world.wait(120);
    world.line(&call("0.9"));
    world.wait(1);
    assert_eq!(world.kinds(), [AlertFiring]);
    world.line(&call("3"));
    world.wait(60);
    assert_eq!((world.kinds(), world.alert().0.as_str()), (vec![], "firing"));
}
