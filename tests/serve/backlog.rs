//! What was logged before the start: counted, shown as such, and no reason to
//! stop anything.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calls::{Truth, line};
use super::contract;
use super::daemon::{Daemon, serve, status, status_until, stop_at};
use super::sandbox::{Sandbox, until};

/// Log calls of before the start.
fn log_old(truth: &mut Truth, log: &Path, calls: u64, age: Duration) {
    let mut text = String::new();
    let at = SystemTime::now() - age;
    for _ in 0..calls {
        text += &line(truth.requests, at);
        truth.count();
    }
    let mut file = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn source<'s>(status: &'s Value, name: &str) -> &'s Value {
    let mut sources = status["sources"].as_array().unwrap().iter();
    sources.find(|source| source["name"].as_str().unwrap().ends_with(name)).unwrap()
}

/// However young they are: what was there before the start was there for whoever
/// decided to start it.
#[test]
fn a_backlog_over_a_cap_trips_nothing_and_fresh_calls_do() {
    for age in [Duration::from_secs(600), Duration::from_secs(45), Duration::ZERO] {
        over_the_cap_at_the_start(|truth, log| log_old(truth, log, 1000, age));
    }
}

/// Without times of their own lines are as old as their arrival; not so those that
/// were there.
#[test]
fn a_backlog_without_times_trips_nothing_either() {
    over_the_cap_at_the_start(|truth, log| {
        log_old(truth, log, 1000, Duration::ZERO);
        let text = fs::read_to_string(log).unwrap();
        fs::write(log, text.replace("endTime", "noTime")).unwrap();
    });
}

/// Nor does its last line, which is taken only when nothing came for a while.
#[test]
fn a_backlog_without_a_last_newline_trips_nothing_either() {
    over_the_cap_at_the_start(|truth, log| {
        log_old(truth, log, 1000, Duration::ZERO);
        let text = fs::read_to_string(log).unwrap();
        fs::write(log, text.replace("endTime", "noTime").trim_end()).unwrap();
    });
}

fn over_the_cap_at_the_start(write: impl Fn(&mut Truth, &Path)) {
    let sandbox = Sandbox::new();
    let log = sandbox.path("gw.log");
    let mut truth = Truth::default();
    write(&mut truth, &log);
    let daemon = Daemon::start(serve(&sandbox, &stop_at(0.5), &[&log]));
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
    // How fast it reads is told after some seconds: as many calls as last that long here.
    let mut calls = 200_000;
    while !catches_up_in_sight(calls) {
        calls *= 2;
        assert!(calls <= 1_600_000, "what it reads is never long enough to be seen being read");
    }
}

/// Whether it could be looked at, and killed, while it caught up with so many calls.
fn catches_up_in_sight(calls: u64) -> bool {
    let sandbox = Sandbox::new();
    let (old, new) = (sandbox.path("old.log"), sandbox.path("new.log"));
    let (mut truth, mut fresh) = (Truth::default(), Truth::default());
    log_old(&mut truth, &old, calls, Duration::from_secs(600));
    let daemon = Daemon::start(serve(&sandbox, "", &[&old, &new]));
    let catching_up = |status: &Value| source(status, "old.log")["state"] == "catching_up";
    let says = |status: &Value| source(status, "old.log")["catch_up_in_s"].is_f64();
    let seen = status_until(&sandbox, "it says how long, or is done", |status| {
        says(status) || truth.is(status)
    });
    if !says(&seen) || source(&seen, "old.log")["bytes_behind"] == 0 {
        return false;
    }
    assert_eq!(contract::snapshot(&seen), [""; 0]);
    let ratio = source(&seen, "old.log")["catch_up_ratio"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&ratio), "{ratio}");
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("Catching up") && verdict.contains("%, "), "{verdict}");
    fresh.log(&new, 3);
    let seen =
        status_until(&sandbox, "the present", |status| source(status, "new.log")["lines"] == 3);
    if !catching_up(&seen) {
        return false;
    }
    // A crash in the middle: it goes on, and counts nothing twice.
    daemon.kill();
    let kept = status(&sandbox);
    let before = kept["totals"]["requests"].as_u64().unwrap();
    assert!(before > 0, "nothing was kept of a long time's reading");
    if before >= truth.requests {
        return false;
    }
    let daemon = Daemon::start(serve(&sandbox, "", &[&old, &new]));
    let all = |status: &Value| status["totals"]["requests"].as_u64() == Some(truth.requests + 3);
    let seen = status_until(&sandbox, "all of it", all);
    let usd = super::calls::nanos(seen["totals"]["cost_usd"].as_str().unwrap());
    assert_eq!(usd, truth.nano_usd + fresh.nano_usd);
    status_until(&sandbox, "live", |status| source(status, "old.log")["state"] == "live");
    daemon.stop();
    assert_eq!(status(&sandbox)["totals"], seen["totals"]);
    true
}

const REFUSALS: &str = "
[switch]
armed = true
[builtin_rules]
enabled = false
[[rule]]
name = \"refused\"
metric = \"errors.ratio\"
match = { outcome = \"rate_limited\" }
above = 0.5
for = \"10ms\"
min_requests = 10
severity = \"critical\"
actions = [\"trip:all\"]
[[rule]]
name = \"empty\"
metric = \"limit.remaining_ratio\"
below = 0.01
for = \"10ms\"
severity = \"critical\"
";

/// A call that was refused by a limit, of which its headers tell.
fn refusal(truth: &mut Truth) -> String {
    let n = truth.requests;
    truth.count();
    let refused = "\"status\":\"failure\",\"error_information\":{\"error_code\":\"429\",\
        \"error_class\":\"RateLimitError\"},\"hidden_params\":{\"additional_headers\":{\
        \"x-ratelimit-limit-requests\":\"500\",\"x-ratelimit-remaining-requests\":\"0\",\
        \"x-ratelimit-reset-requests\":\"30s\"}}";
    line(n, SystemTime::now()).replace("\"status\":\"success\"", refused)
}

/// Calls of the last minute.
fn of_late(status: &Value) -> u64 {
    let traffic = status["traffic"].as_array().unwrap();
    traffic.iter().map(|row| row["requests"].as_u64().unwrap()).sum()
}

/// Nobody may be blind for as long as it takes to read what is large, least of all after a
/// restart in the middle of an incident.
#[test]
fn the_end_of_a_large_file_is_watched_while_its_past_is_read() {
    let mut calls = 80_000;
    while !is_watched_in_sight(calls) {
        calls *= 2;
        assert!(calls <= 2_000_000, "its past is always read before anybody can look");
    }
}

/// Whether the present was seen before the past of so many calls was read, in two runs of
/// which the first is killed.
fn is_watched_in_sight(calls: u64) -> bool {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    log_old(&mut truth, &log, calls, Duration::from_secs(600));
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    let serve = || serve(&sandbox, REFUSALS, &[&log]);
    let daemon = Daemon::start(serve());
    let opened = |status: &Value, truth: &Truth| {
        status["sources"][0]["state"] == "catching_up" || truth.is(status)
    };
    status_until(&sandbox, "it reads the past", |status| opened(status, &truth));
    for _ in 0..20 {
        file.write_all(refusal(&mut truth).as_bytes()).unwrap();
    }
    let tripped = || sandbox.path("state/kill.d/all.kill").exists();
    until("what is refused now trips", tripped);
    let seen = status(&sandbox);
    assert!(seen["totals"]["requests"].as_u64().unwrap() <= truth.requests);
    let behind = seen["sources"][0]["seconds_behind"].as_f64();
    if seen["sources"][0]["state"] != "catching_up" || behind < Some(300.0) {
        daemon.stop();
        return false;
    }
    assert_eq!(contract::snapshot(&seen), [""; 0]);
    let limits: Vec<_> = seen["limits"].as_array().unwrap().iter().collect();
    let read = |limit: &&Value| limit["stale"] == false && limit["limit"] == 500;
    assert_eq!(limits.into_iter().filter(read).count(), 2, "{:#}", seen["limits"]);
    assert!(seen["sources"][0]["last_line_age_s"].as_f64().unwrap() < 300.0);
    assert_eq!(of_late(&seen), 20);
    let firing = |status: &Value, rule: &str| {
        let mut alerts = status["alerts"].as_array().unwrap().iter();
        alerts.any(|alert| alert["rule"] == rule && alert["state"] == "firing")
    };
    assert!(firing(&seen, "refused") && firing(&seen, "empty"), "{:#}", seen["alerts"]);
    daemon.kill();
    let daemon = Daemon::start(serve());
    // What is logged before the file is open belongs to its past.
    status_until(&sandbox, "it goes on with the past", |status| opened(status, &truth));
    for _ in 0..20 {
        file.write_all(refusal(&mut truth).as_bytes()).unwrap();
    }
    let all = |status: &Value| truth.is(status);
    let seen = status_until(&sandbox, "the present, once more", |status| {
        of_late(status) >= 20 || all(status)
    });
    let in_sight = !all(&seen);
    let seen = status_until(&sandbox, "all of it", all);
    assert!(of_late(&seen) <= 40, "none is counted twice");
    daemon.stop();
    assert_eq!(status(&sandbox)["totals"], seen["totals"]);
    in_sight
}

/// Peak memory of a process, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_hundred_megabytes_without_a_newline_need_no_room_and_hide_nothing() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 10);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "the first calls", |status| truth.is(status));
    let before = peak_kib(daemon.pid());
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    let pending =
        |status: &Value| status["sources"][0]["pending_bytes"].as_u64() == Some(100 << 20);
    status_until(&sandbox, "it waits for the end of the line", pending);
    file.write_all(b"\n").unwrap();
    truth.log(&log, 10);
    let seen = status_until(&sandbox, "the calls behind it", |status| truth.is(status));
    assert_eq!(seen["totals"]["quarantined"], 1, "it is not skipped silently");
    let grown = peak_kib(daemon.pid()) - before;
    assert!(grown < 32 << 10, "{grown} KiB more");
    eprintln!("100 MB without a newline: {grown} KiB more");
    daemon.stop();
}
