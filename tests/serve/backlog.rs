//! What was logged before the start: counted, shown as such, and no reason to
//! stop anything.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calls::{Truth, line};
use super::contract;
use super::daemon::{Daemon, serve, status, status_until};
use super::sandbox::{Sandbox, until};

const ARMED: &str = "
[switch]
armed = true
[[cap]]
name = \"small\"
usd = 0.5
period = \"month\"
[[rule]]
name = \"stop\"
metric = \"spend.used_ratio\"
match = { cap = \"small\" }
above = 1
for = \"0s\"
min_requests = 1
severity = \"critical\"
actions = [\"trip:all\"]
";

/// Enough to be seen being read.
fn big(log: &Path, calls: u64) -> Truth {
    let mut truth = Truth::default();
    let mut text = String::new();
    let at = SystemTime::now() - Duration::from_secs(600);
    for n in 0..calls {
        text += &line(n, at);
        truth.count();
    }
    fs::write(log, text).unwrap();
    truth
}

fn source<'s>(status: &'s Value, name: &str) -> &'s Value {
    let mut sources = status["sources"].as_array().unwrap().iter();
    sources.find(|source| source["name"].as_str().unwrap().ends_with(name)).unwrap()
}

#[test]
fn a_backlog_over_a_cap_trips_nothing_and_fresh_calls_do() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let mut truth = big(&log, 1000);
    let daemon = Daemon::start(serve(&sandbox, ARMED, &[&log]));
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status));
    assert_eq!(seen["caps"][0]["state"], "critical");
    let tripped = || sandbox.path("state/kill.d/all.kill").exists();
    let second = |status: &Value| status["at"].as_str().unwrap()[..19].to_owned();
    status_until(&sandbox, "another second", |status| second(status) > second(&seen));
    assert!(!tripped());
    truth.log(&log, 2);
    until("fresh calls trip it", tripped);
    daemon.stop();
}

#[test]
fn catching_up_says_how_far_it_is_while_the_present_is_watched() {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.path("old.log"), sandbox.path("new.log"));
    let truth = big(&old, if cfg!(debug_assertions) { 80_000 } else { 1_000_000 });
    let mut fresh = Truth::default();
    let daemon = Daemon::start(serve(&sandbox, "", &[&old, &new]));
    let catching_up = |status: &Value| source(status, "old.log")["state"] == "catching_up";
    let seen = status_until(&sandbox, "it says how long", |status| {
        assert!(catching_up(status) || !truth.is(status), "too fast to be seen: make it bigger");
        source(status, "old.log")["catch_up_in_s"].is_f64()
    });
    assert_eq!(contract::snapshot(&seen), [""; 0]);
    let ratio = source(&seen, "old.log")["catch_up_ratio"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&ratio), "{ratio}");
    assert!(source(&seen, "old.log")["bytes_behind"].as_u64().unwrap() > 0);
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("Catching up") && verdict.contains("%, "), "{verdict}");
    fresh.log(&new, 3);
    let seen =
        status_until(&sandbox, "the present", |status| source(status, "new.log")["lines"] == 3);
    assert!(catching_up(&seen), "the present was watched only after the past");
    // A crash in the middle: it goes on, and counts nothing twice.
    daemon.kill();
    let kept = status(&sandbox);
    let before = kept["totals"]["requests"].as_u64().unwrap();
    assert!(before > 0 && before < truth.requests, "{before}");
    let daemon = Daemon::start(serve(&sandbox, "", &[&old, &new]));
    let all = |status: &Value| status["totals"]["requests"].as_u64() == Some(truth.requests + 3);
    let seen = status_until(&sandbox, "all of it", all);
    let usd = super::calls::nanos(seen["totals"]["cost_usd"].as_str().unwrap());
    assert_eq!(usd, truth.nano_usd + fresh.nano_usd);
    status_until(&sandbox, "live", |status| source(status, "old.log")["state"] == "live");
    daemon.stop();
    assert_eq!(status(&sandbox)["totals"], seen["totals"]);
}
