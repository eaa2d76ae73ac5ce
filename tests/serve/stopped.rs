//! Stopped for a while, as by a debugger or a paused machine: events overflow and
//! whole generations come and go, and every call is counted once.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::Value;

use super::calls::Truth;
use super::caps::{CAPS, spent};
use super::daemon::{Daemon, kept, serve, status_until};
use super::need;
use super::sandbox::{Sandbox, rfc3339};

#[test]
fn twenty_thousand_writes_and_many_rotations_while_it_is_stopped() {
    let sandbox = Sandbox::new();
    let logs: Vec<PathBuf> = (0..50).map(|n| sandbox.path(&format!("gw-{n}.log"))).collect();
    let mut truth = Truth::default();
    for log in &logs {
        truth.log(log, 1);
    }
    let paths: Vec<_> = logs.iter().map(PathBuf::as_path).collect();
    let daemon = Daemon::start(serve(&sandbox, "", &paths));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    daemon.signal("STOP");
    for round in 0..400 {
        for (n, log) in logs.iter().enumerate() {
            truth.log(log, 1);
            if n < 3 && round % 100 == 50 {
                fs::rename(log, sandbox.path(&format!("gw-{n}.log.{round}"))).unwrap();
                truth.log(log, 1);
            }
        }
    }
    daemon.signal("CONT");
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!(seen["totals"]["duplicates"], 0);
    daemon.stop();
}

/// Whether the caps are at the time of the status: they go with it once a second.
fn rolled(status: &Value) -> bool {
    let moment = |at: &Value| at.as_str().unwrap().parse::<Timestamp>().unwrap();
    let hours = status["caps"].as_array().unwrap().iter().find(|cap| cap["name"] == "hours");
    let covered = moment(&status["at"]).duration_since(moment(&hours.unwrap()["period_start"]));
    (6 * 3600..6 * 3600 + 120).contains(&covered.as_secs())
}

#[test]
fn a_clock_that_is_set_back_and_forward_loses_and_doubles_nothing() {
    let Some(library) = need::library("faketime/libfaketime.so.1") else { return };
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let clock = sandbox.file("clock", "+0");
    let start = || {
        let mut command = serve(&sandbox, CAPS, &[&log]);
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1");
        command.env("NO_FAKE_STAT", "1");
        Daemon::start(command)
    };
    let mut daemon = start();
    for step in ["+0", "-90d", "+365d", "-1h", "+0"] {
        sandbox.file("clock", step);
        truth.log(&log, 20);
        let seen = status_until(&sandbox, step, |status| truth.is(status) && kept(status));
        let is_now = seen["at"].as_str().unwrap()[..4] == rfc3339(SystemTime::now())[..4];
        assert_eq!(is_now, step != "+365d", "the clock is another one: {}", seen["at"]);
        fs::rename(&log, sandbox.path(&format!("gw.log.{}", truth.requests))).unwrap();
        truth.log(&log, 20);
        let of_now = |status: &Value| truth.is(status) && kept(status) && rolled(status);
        let seen = status_until(&sandbox, step, of_now);
        // What the next run finds in the ledger is what this one shows.
        let before = spent(&seen);
        daemon.kill();
        daemon = start();
        status_until(&sandbox, step, |seen| spent(seen) == before);
    }
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!(seen["totals"]["duplicates"], 0);
    daemon.stop();
}
