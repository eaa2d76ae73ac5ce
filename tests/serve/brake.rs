//! A brake that can't be used says so where people look, and as long as it is so: in the
//! state, in the verdict and in the switch's own row.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tripline::action::SwitchDir;
use tripline::action::switch::{KillNote, NetworkFs, TripOutcome};
use tripline::domain::Wall;

use super::daemon::{Daemon, kept, serve, status_follows, status_until};
use super::disk::Mounted;
use super::sandbox::{Sandbox, now};

fn armed(dir: &str) -> String {
    format!(
        "[switch]\ndir = {dir:?}\narmed = true\n\
         [[rule]]\nname = \"all-fail\"\nmetric = \"errors.ratio\"\n\
         match = {{ outcome = \"failed\" }}\nabove = 0.9\nclear = 0.1\nfor = \"10ms\"\n\
         keep_firing_for = \"1s\"\nmin_requests = 1\nseverity = \"critical\"\n\
         actions = [\"trip:all\"]\n"
    )
}

/// One that follows a log and is armed; the log and the directory of kill files.
fn armed_in(sandbox: &Sandbox, dir: &str) -> (Daemon, PathBuf, PathBuf) {
    let (log, dir) = (sandbox.file("gw.log", ""), sandbox.path(dir));
    fs::create_dir(&dir).unwrap();
    let daemon = Daemon::start(serve(sandbox, &armed(dir.to_str().unwrap()), &[&log]));
    status_follows(sandbox);
    status_until(sandbox, "it is armed", |status| all(status)["state"] == "armed");
    (daemon, log, dir)
}

fn call(status: u16) -> String {
    let at = now();
    format!(
        "{{\"at\":\"{at}\",\"provider\":\"p\",\"model\":\"m\",\"status\":{status},\"latency_ms\":1}}\n"
    )
}

fn append(log: &Path, text: &str) {
    OpenOptions::new().append(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
}

/// The row of everything.
fn all(status: &Value) -> &Value {
    let switches = status["switches"].as_array().unwrap();
    switches.iter().find(|switch| switch["scope"] == "all").unwrap()
}

fn verdict(status: &Value) -> &str {
    status["verdict"].as_str().unwrap()
}

#[test]
fn a_stop_that_can_t_be_made_is_the_first_thing_said_until_it_is_made() {
    let sandbox = Sandbox::new();
    let Some(disk) = Mounted::tmpfs(&sandbox.path("disk"), "size=1m,mode=755") else { return };
    let (daemon, log, dir) = armed_in(&sandbox, "disk/kill.d");
    // A kill file can't be made where something else that is no file has its name.
    fs::create_dir(dir.join("all.kill")).unwrap();
    append(&log, &call(500).repeat(5));
    let seen = status_until(&sandbox, "the failure", |status| all(status)["failed"] == true);
    assert_eq!(all(&seen)["state"], "unknown", "{seen}");
    assert_eq!(seen["state"], "critical", "{}", verdict(&seen));
    assert!(verdict(&seen).starts_with("KILL all FAILED, NOT stopped: "), "{}", verdict(&seen));
    let findings = seen["findings"].as_array().unwrap();
    let alarm = findings.iter().find(|finding| finding["kind"] == "trip_failed").unwrap();
    assert_eq!(alarm["severity"], "critical", "{alarm}");
    // It is made as soon as it can be.
    fs::remove_dir(dir.join("all.kill")).unwrap();
    let made = |status: &Value| all(status)["state"] == "tripped";
    let seen = status_until(&sandbox, "the stop", made);
    assert!(!verdict(&seen).contains("FAILED"), "{}", verdict(&seen));
    daemon.stop();
    drop(disk);
}

#[test]
fn a_stop_that_nobody_asks_for_any_more_has_not_failed() {
    let sandbox = Sandbox::new();
    let (daemon, log, dir) = armed_in(&sandbox, "kill.d");
    fs::create_dir(dir.join("all.kill")).unwrap();
    append(&log, &call(500));
    status_until(&sandbox, "the failure", |status| all(status)["failed"] == true);
    append(&log, &call(200).repeat(99));
    let seen = status_until(&sandbox, "it is withdrawn", |status| all(status)["failed"].is_null());
    assert_eq!(all(&seen)["state"], "unknown", "a directory is no stop and no peace: {seen}");
    assert!(all(&seen)["problem"].as_str().unwrap().contains("a directory, not a file"));
    daemon.stop();
}

#[test]
fn what_stands_in_the_place_of_one_kill_file_disarms_no_other() {
    let sandbox = Sandbox::new();
    let (daemon, log, dir) = armed_in(&sandbox, "kill.d");
    let link = dir.join("env.x.kill");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let row = |status: &Value| {
        let switches = status["switches"].as_array().unwrap();
        switches.iter().find(|switch| switch["scope"] == "env/x").cloned()
    };
    let seen = status_until(&sandbox, "the link", |status| row(status).is_some());
    let link_row = row(&seen).unwrap();
    assert_eq!((&link_row["state"], &link_row["armed"]), (&"unknown".into(), &true.into()));
    assert_eq!((&all(&seen)["state"], &all(&seen)["armed"]), (&"armed".into(), &true.into()));
    // It was no stop, so none ends with it.
    fs::remove_file(&link).unwrap();
    let seen = status_until(&sandbox, "it is gone", |status| row(status).is_none());
    let findings = seen["findings"].to_string();
    assert!(!findings.contains("not stopped any more"), "{findings}");
    append(&log, &call(500));
    status_until(&sandbox, "the trip", |status| all(status)["state"] == "tripped");
    daemon.stop();
}

#[test]
fn a_directory_that_can_t_be_used_at_the_start_is_told_and_no_stop_in_it_is_lost() {
    let sandbox = Sandbox::new();
    let (daemon, log, dir) = armed_in(&sandbox, "kill.d");
    append(&log, &call(500));
    let tripped = |status: &Value| all(status)["state"] == "tripped";
    status_until(&sandbox, "the trip", |status| tripped(status) && kept(status));
    daemon.stop();
    fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    let daemon = Daemon::start(serve(&sandbox, &armed(dir.to_str().unwrap()), &[&log]));
    let found = |status: &Value, kind: &str| {
        let findings = status["findings"].as_array().unwrap();
        findings.iter().any(|finding| finding["kind"] == kind)
    };
    let told = |status: &Value| found(status, "switch_problem");
    let seen = status_until(&sandbox, "it is told", told);
    assert!(seen["findings"].to_string().contains("others may write"), "{seen}");
    assert!(!found(&seen, "stop_lost"), "{seen}");
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    let seen = status_until(&sandbox, "it is used", |status| !told(status) && tripped(status));
    assert!(!found(&seen, "stop_lost"), "{seen}");
    daemon.stop();
}

#[test]
fn a_directory_that_others_may_write_is_not_trusted_any_more() {
    let sandbox = Sandbox::new();
    let (daemon, log, dir) = armed_in(&sandbox, "kill.d");
    fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    let unsafe_now = |status: &Value| all(status)["state"] == "unknown";
    let seen = status_until(&sandbox, "it is not trusted", unsafe_now);
    let problem = all(&seen)["problem"].as_str().unwrap();
    assert!(problem.contains("others may write") && problem.contains("chmod go-w"), "{problem}");
    let findings = seen["findings"].as_array().unwrap();
    let told = |finding: &&Value| finding["kind"] == "switch_problem";
    assert_eq!(findings.iter().find(told).unwrap()["severity"], "critical");
    // A rule that wants a stop now says that there is none.
    append(&log, &call(500).repeat(5));
    status_until(&sandbox, "the failure", |status| all(status)["failed"] == true);
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    status_until(&sandbox, "it is used again", |status| all(status)["state"] == "tripped");
    let settled = |status: &Value| {
        let kinds = ["switch_problem", "trip_failed"];
        let findings = status["findings"].as_array().unwrap();
        !findings.iter().any(|finding| kinds.contains(&finding["kind"].as_str().unwrap()))
    };
    let seen = status_until(&sandbox, "what was wrong is told no more", settled);
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(!verdict.contains("NOT tripped") && !verdict.contains("others may"), "{verdict}");
    daemon.stop();
}

/// Another tripline on the same directory, which has its lock.
fn another_on(dir: &Path) -> SwitchDir {
    let mut other = SwitchDir::open(dir, &NetworkFs::Refuse).unwrap();
    other.claim(0).unwrap();
    other
}

fn tripped_by_ada(other: &mut SwitchDir, scope: &str) {
    let note = KillNote {
        reason: "runaway".into(),
        rule: None,
        by: "ada".into(),
        host: "gw-1".into(),
        at: Wall(1_795_183_407_000_000_000),
    };
    let TripOutcome::Tripped(made) = other.trip(&scope.parse().unwrap(), &note).unwrap() else {
        panic!("{scope} was tripped before");
    };
    made.confirm().unwrap();
}

fn audited(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.path("state/audit.jsonl")).unwrap_or_default()
}

fn fires(status: &Value) -> bool {
    let alerts = status["alerts"].as_array().unwrap();
    alerts.iter().any(|alert| alert["rule"] == "all-fail" && alert["state"] == "firing")
}

#[test]
fn what_another_tripline_has_stopped_has_not_failed_here() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("kill.d");
    let mut other = another_on(&dir);
    tripped_by_ada(&mut other, "all");
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, &armed(dir.to_str().unwrap()), &[&log]));
    status_follows(&sandbox);
    append(&log, &call(500).repeat(5));
    let seen = status_until(&sandbox, "the rule asks", fires);
    let row = all(&seen);
    assert_eq!((&row["state"], &row["by"]), (&"tripped".into(), &"ada".into()), "{row}");
    assert!(row["failed"].is_null() && row["problem"].is_null(), "{row}");
    assert!(verdict(&seen).starts_with("KILL all tripped by ada"), "{}", verdict(&seen));
    assert!(!seen.to_string().contains("NOT T"), "{seen}");
    daemon.stop();
    assert!(!audited(&sandbox).contains("failed"), "{}", audited(&sandbox));
}

#[test]
fn a_rule_trips_although_another_tripline_holds_the_directory() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("kill.d");
    let _other = another_on(&dir);
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, &armed(dir.to_str().unwrap()), &[&log]));
    status_follows(&sandbox);
    append(&log, &call(500).repeat(5));
    let seen = status_until(&sandbox, "the rule asks", fires);
    assert_eq!(
        (&all(&seen)["state"], &all(&seen)["rule"]),
        (&"tripped".into(), &"all-fail".into())
    );
    assert!(all(&seen)["failed"].is_null() && dir.join("all.kill").exists(), "{seen}");
    daemon.stop();
}

/// What a wider stop covers passes nowhere; once that is reset it is asked for again.
#[test]
fn a_stop_that_a_wider_one_covers_fails_only_when_that_is_reset() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("kill.d");
    let mut other = another_on(&dir);
    tripped_by_ada(&mut other, "all");
    fs::create_dir(dir.join("provider.p.kill")).unwrap();
    let log = sandbox.file("gw.log", "");
    let config = armed(dir.to_str().unwrap()).replace("trip:all", "trip:provider/p");
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    status_follows(&sandbox);
    append(&log, &call(500).repeat(5));
    let seen = status_until(&sandbox, "the rule asks", fires);
    assert!(!seen.to_string().contains("NOT T") && !verdict(&seen).contains("FAILED"), "{seen}");
    assert!(!audited(&sandbox).contains("failed"), "{}", audited(&sandbox));
    sandbox.run(["switch", "--dir", dir.to_str().unwrap(), "reset", "all", "--reason", "x"]).ok();
    let calls = || append(&log, &call(500));
    status_until(&sandbox, "it is told that it can't be made", |status| {
        calls();
        verdict(status).starts_with("KILL provider/p FAILED, NOT stopped: ")
    });
    daemon.stop();
}
