//! A brake that can't be used says so where people look, and as long as it is so: in the
//! state, in the verdict and in the switch's own row.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::daemon::{Daemon, serve, status_follows, status_until};
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
