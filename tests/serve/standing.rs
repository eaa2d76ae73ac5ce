//! Alerts and the proof of a stop over the end of a process: told once, known for as long
//! as they are so.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status, status_follows, status_until, stop_at};
use super::sandbox::{Sandbox, now, until};

fn append(log: &Path, fields: &str) {
    let mut file = OpenOptions::new().append(true).open(log).unwrap();
    let at = now();
    let line = format!("{{\"at\":\"{at}\",\"provider\":\"openai\",\"model\":\"m\",{fields}}}\n");
    file.write_all(line.as_bytes()).unwrap();
}

fn alert<'s>(status: &'s Value, rule: &str) -> Option<&'s Value> {
    status["alerts"].as_array().unwrap().iter().find(|alert| alert["rule"] == rule)
}

fn is(status: &Value, rule: &str, state: &str) -> bool {
    alert(status, rule).is_some_and(|alert| alert["state"] == state)
}

/// Kinds of the events that were kept of a rule, oldest first.
fn told(sandbox: &Sandbox, rule: &str) -> Vec<String> {
    let ledger = tripline::ledger::Reader::open(&sandbox.state()).unwrap();
    let events = ledger.history(1000).unwrap();
    let events = events.iter().map(|(_, event)| serde_json::from_str::<Value>(event).unwrap());
    let of_rule = events.filter(|event| event["rule"] == rule);
    of_rule.map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

/// The events of all trips that were kept.
fn trips(sandbox: &Sandbox) -> Vec<Value> {
    let ledger = tripline::ledger::Reader::open(&sandbox.state()).unwrap();
    let events = ledger.history(1000).unwrap();
    let events = events.iter().map(|(_, event)| serde_json::from_str::<Value>(event).unwrap());
    events.filter(|event| event["event"] == "switch.tripped").collect()
}

/// What hosts did about the stop that is shown first.
fn hosts(status: &Value) -> &Value {
    &status["switches"][0]["hosts"]
}

fn left(left: u32) -> String {
    format!(
        r#""status":200,"latency_ms":1,"headers":{{"x-ratelimit-limit-requests":"100","x-ratelimit-remaining-requests":"{left}","x-ratelimit-reset-requests":"60s"}}"#
    )
}

const LOW: &str = r#"
[builtin_rules]
enabled = false
[[rule]]
name = "low"
metric = "limit.remaining_ratio"
below = 0.3
for = "0s"
severity = "critical"
"#;

#[test]
fn an_alert_is_told_once_however_often_the_process_ends() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let mut since = None;
    for round in 0..4 {
        let daemon = Daemon::start(serve(&sandbox, LOW, &[&log]));
        let seen = status_follows(&sandbox);
        if let Some(since) = &since {
            let alert = alert(&seen, "low").unwrap();
            assert_eq!((&alert["state"], &alert["since"]), (&"no_data".into(), since), "{alert}");
        }
        append(&log, &left(2));
        let seen = status_until(&sandbox, "it fires", |status| {
            is(status, "low", "firing") && kept(status)
        });
        let now = alert(&seen, "low").unwrap()["since"].clone();
        assert_eq!(*since.get_or_insert(now.clone()), now);
        if round % 2 == 0 {
            daemon.kill();
        } else {
            daemon.stop();
        }
        // What nothing is known of now is told by a look at what is kept, too.
        assert!(is(&status(&sandbox), "low", "no_data"));
    }
    let daemon = Daemon::start(serve(&sandbox, LOW, &[&log]));
    status_follows(&sandbox);
    append(&log, &left(90));
    status_until(&sandbox, "it is over", |status| is(status, "low", "resolved"));
    daemon.stop();
    assert_eq!(told(&sandbox, "low"), ["alert.firing", "alert.resolved"]);
}

#[test]
fn who_did_not_obey_a_stop_is_known_after_a_crash() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_follows(&sandbox);
    sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
    let rule = "switch-not-obeyed";
    let seen = status_until(&sandbox, "a call that began after the trip", |status| {
        append(&log, r#""status":200,"latency_ms":1,"host":"gw-1""#);
        is(status, rule, "firing")
    });
    assert_eq!(seen["switches"][0]["hosts"][0]["obeyed"], false, "{seen:#}");
    // What was counted by now is kept by the time that no more comes.
    let seen = status_until(&sandbox, "all is kept", kept);
    let disobeyed = |status: &Value| {
        status["switches"][0]["hosts"][0]["started_after_trip"].as_u64().unwrap_or(0)
    };
    let before = disobeyed(&seen);
    daemon.kill();
    assert!(disobeyed(&status(&sandbox)) >= before);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen = status_until(&sandbox, "it fires as before", |status| is(status, rule, "firing"));
    assert!(disobeyed(&seen) >= before, "{seen:#}");
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(verdict.contains("NOT OBEYED"), "{verdict}");
    daemon.stop();
    assert_eq!(told(&sandbox, rule), ["alert.firing"]);
}

/// A cap is spent, its rule has tripped, a person has reset that: the rule does not trip
/// again before the cap is not spent any more, whoever ends the process and how.
#[test]
fn a_persons_reset_holds_over_restarts() {
    let config = stop_at(0.01) + "[builtin_rules]\nenabled = false\n";
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.file("gw.log", ""), Truth::default());
    let kill_file = sandbox.path("state/kill.d/all.kill");
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    status_follows(&sandbox);
    truth.log(&log, 30);
    until("the trip", || kill_file.exists());
    status_until(&sandbox, "all is kept", |status| truth.is(status) && kept(status));
    sandbox.run(["switch", "reset", "all", "--reason", "paid", "--config", "config.toml"]).ok();
    // The reset itself may be known by the next run alone.
    daemon.kill();
    for round in 0..3 {
        let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
        status_follows(&sandbox);
        truth.log(&log, 5);
        let seen = status_until(&sandbox, "the alert goes on", |status| {
            truth.is(status) && is(status, "stop", "firing") && kept(status)
        });
        let summary = alert(&seen, "stop").unwrap()["summary"].as_str().unwrap();
        assert!(summary.contains("reset since, will not trip again before it clears"), "{summary}");
        if round % 2 == 0 {
            daemon.stop();
        } else {
            daemon.kill();
        }
        assert!(!kill_file.exists(), "tripped again");
    }
    assert_eq!(told(&sandbox, "stop").iter().filter(|kind| *kind == "switch.tripped").count(), 1);
}

/// A reboot empties a directory in memory.
#[test]
fn a_stop_that_went_away_while_nothing_ran_is_said_and_is_no_reset() {
    let config = stop_at(0.01) + "[builtin_rules]\nenabled = false\n";
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.file("gw.log", ""), Truth::default());
    let kill_file = sandbox.path("state/kill.d/all.kill");
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    status_follows(&sandbox);
    truth.log(&log, 30);
    until("the trip", || kill_file.exists());
    sandbox.run(["switch", "trip", "env/prod", "--reason", "by hand"]).ok();
    let stands = |status: &Value| status["switches"].to_string().contains("env/prod");
    status_until(&sandbox, "all is kept", |status| {
        truth.is(status) && stands(status) && kept(status)
    });
    daemon.kill();
    fs::remove_file(&kill_file).unwrap();
    fs::remove_file(sandbox.path("state/kill.d/env.prod.kill")).unwrap();
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    let lost = |status: &Value, scope: &str| {
        let findings = status["findings"].as_array().unwrap();
        let about = format!("{scope} is not stopped any more");
        findings.iter().any(|finding| {
            finding["severity"] == "critical" && finding["text"].to_string().contains(&about)
        })
    };
    status_until(&sandbox, "both are said", |status| {
        lost(status, "all") && lost(status, "env/prod")
    });
    // What only a person asked for is a person's to ask for again.
    truth.log(&log, 5);
    until("the rule's stop again", || kill_file.exists());
    assert!(!sandbox.path("state/kill.d/env.prod.kill").exists());
    daemon.stop();
}

/// Requests and tokens run low on one call: two alerts of one rule ask for the same stop.
#[test]
fn a_stop_that_two_alerts_ask_for_is_told_once_and_its_proof_is_kept() {
    let config = "
[builtin_rules]
enabled = false
[switch]
armed = true
[[rule]]
name = \"low\"
metric = \"limit.remaining_ratio\"
below = 0.1
for = \"10ms\"
min_requests = 1
severity = \"critical\"
actions = [\"trip:provider\"]
";
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    status_follows(&sandbox);
    let kills = sandbox.path("state/kill.d");
    until("files are prepared", || kills.join(".staged-0").exists());
    let low = r#""status":200,"latency_ms":1,"host":"gw-1","headers":{"x-ratelimit-limit-requests":"100","x-ratelimit-remaining-requests":"2","x-ratelimit-reset-requests":"60s","x-ratelimit-limit-tokens":"1000","x-ratelimit-remaining-tokens":"20","x-ratelimit-reset-tokens":"60s"}"#;
    append(&log, low);
    until("the trip", || kills.join("provider.openai.kill").exists());
    let obeys = r#""status":503,"latency_ms":1,"host":"gw-2","error":"kill_switch""#;
    let proven = |status: &Value| {
        hosts(status)
            .as_array()
            .is_some_and(|hosts| hosts.iter().any(|host| host["obeyed"] == true))
    };
    let seen = status_until(&sandbox, "gw-2 obeys", |status| {
        append(&log, obeys);
        proven(status)
    });
    let switch = &seen["switches"][0];
    assert_eq!((&switch["scope"], &switch["rule"]), (&"provider/openai".into(), &"low".into()));
    status_until(&sandbox, "all is kept", |status| proven(status) && kept(status));
    daemon.stop();
    for _ in 0..2 {
        let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
        let seen = status_follows(&sandbox);
        assert!(proven(&seen), "{:#}", seen["switches"]);
        daemon.stop();
    }
    let trips = trips(&sandbox);
    assert_eq!(trips.len(), 1, "{trips:#?}");
    assert_eq!(trips[0]["rule"], "low");
    let summary = trips[0]["summary"].as_str().unwrap();
    assert!(summary.starts_with("provider/openai tripped: openai "), "{summary}");
}

/// What is known of the first stop is not taken for what is known of the second.
#[test]
fn the_proof_of_a_scope_that_was_tripped_before_is_kept_too() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_follows(&sandbox);
    let is = |state: &'static str| move |status: &Value| status["switches"][0]["state"] == state;
    let obeys = r#""status":503,"latency_ms":1,"host":"gw-1","error":"kill_switch""#;
    let proven = |status: &Value| hosts(status)[0]["obeyed"] == true;
    for round in 0..2 {
        sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
        status_until(&sandbox, "it obeys", |status| {
            append(&log, obeys);
            is("tripped")(status) && proven(status)
        });
        if round == 0 {
            sandbox.run(["switch", "reset", "all", "--reason", "over"]).ok();
            status_until(&sandbox, "it is over", is("disarmed"));
        }
    }
    status_until(&sandbox, "all is kept", |status| proven(status) && kept(status));
    daemon.stop();
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let seen = status_follows(&sandbox);
    assert!(proven(&seen), "{:#}", seen["switches"]);
    daemon.stop();
    assert_eq!(trips(&sandbox).len(), 2);
}
