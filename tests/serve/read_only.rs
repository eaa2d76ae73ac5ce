//! `--read-only`: a second instance that begins where the ledger ends, beside its
//! writer or alone, and changes nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::sandbox::{Running, Sandbox};

fn config(log: &Path, more: &str) -> String {
    let log = log.to_str().unwrap();
    format!(
        "{more}[[source]]\nname = \"gw\"\npaths = [{log:?}]\n[[cap]]\nname = \"all\"\nusd = 9\nperiod = \"month\"\n"
    )
}

/// `tripline --read-only watch` over what is configured.
fn looking(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command();
    command.arg("--config").arg(sandbox.path("config.toml"));
    command.args(["--read-only", "watch", "--every", "50ms"]);
    command
}

fn finding<'s>(status: &'s Value, kind: &str) -> Option<&'s Value> {
    status["findings"].as_array()?.iter().find(|finding| finding["kind"] == kind)
}

/// Names, sizes and times of change of all files of a directory, but for the empty
/// ones that SQLite makes for any reader.
fn files(dir: &Path) -> Vec<(String, u64, i64, i64)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, meta.len(), meta.mtime(), meta.mtime_nsec())
        })
        .collect();
    files
        .retain(|(name, len, ..)| !(name.ends_with("-shm") || name.ends_with("-wal") && *len == 0));
    files.sort();
    files
}

#[test]
fn beside_a_running_serve_it_shows_what_the_ledger_holds_and_follows() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = config(&log, "");
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    truth.log(&log, 40);
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    // From here on the first calls are in the ledger alone.
    fs::remove_file(&log).unwrap();
    truth.log(&log, 10);
    let served = status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    let commits = |sandbox: &Sandbox| -> i64 {
        let db = rusqlite::Connection::open(sandbox.path("state/ledger.db")).unwrap();
        let asked = db.query_row("SELECT value FROM state WHERE key = 'commits'", [], |r| r.get(0));
        asked.unwrap()
    };
    let looking = Running::start(looking(&sandbox));
    let seen = looking.wait_for("what the ledger holds", |line| truth.is(line));
    assert_eq!(seen["ledger"]["state"], "read_only");
    assert_eq!(seen["ledger"]["path"], served["ledger"]["path"]);
    assert_eq!(seen["caps"][0]["spent_usd"], served["caps"][0]["spent_usd"]);
    let text = finding(&seen, "ledger_looked_at").unwrap()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("read-only: totals go on from the ledger"), "{text}");
    truth.log(&log, 25);
    looking.wait_for("what is logged now", |line| truth.is(line));
    status_until(&sandbox, "both go on", |s| truth.is(s) && kept(s));
    daemon.stop();
    let before = commits(&sandbox);
    truth.log(&log, 5);
    looking.wait_for("also alone", |line| truth.is(line));
    looking.signal("TERM");
    let mut looking = looking;
    assert_eq!(looking.end(), Some(0));
    assert_eq!(commits(&sandbox), before);
    // The next writer reads what the other one only looked at.
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    status_until(&sandbox, "once", |s| truth.is(s) && kept(s));
    daemon.stop();
}

#[test]
fn alone_it_changes_no_file_and_makes_none() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = config(&log, "");
    truth.log(&log, 10);
    sandbox.file("config.toml", &config);
    let look = |truth: &Truth| {
        let looking = Running::start(looking(&sandbox));
        let seen = looking.wait_for("all calls", |line| truth.is(line));
        looking.signal("TERM");
        let mut looking = looking;
        assert_eq!(looking.end(), Some(0));
        seen
    };
    let seen = look(&truth);
    assert!(seen.get("ledger").is_none());
    assert!(!sandbox.state().exists(), "it needs none");
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    daemon.stop();
    let before = files(&sandbox.state());
    fs::remove_file(&log).unwrap();
    truth.log(&log, 3);
    look(&truth);
    assert_eq!(files(&sandbox.state()), before);
}

#[test]
fn a_ledger_that_it_can_not_read_is_an_alarm_and_no_reason_to_show_nothing() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 10);
    sandbox.file("config.toml", config(&log, ""));
    fs::create_dir(sandbox.state()).unwrap();
    let db = rusqlite::Connection::open(sandbox.path("state/ledger.db")).unwrap();
    db.execute_batch(include_str!("../ledger/v1.sql")).unwrap();
    drop(db);
    let before = files(&sandbox.state());
    let looking = Running::start(looking(&sandbox));
    let seen = looking.wait_for("all calls", |line| truth.is(line));
    let found = finding(&seen, "ledger_unreadable").unwrap();
    assert_eq!(found["severity"], "critical");
    assert!(found["text"].as_str().unwrap().contains("has version 1"), "{found}");
    drop(looking);
    assert_eq!(files(&sandbox.state()), before, "not even brought up to date");
}

#[test]
fn a_second_instance_is_told_who_holds_the_ledger_and_what_it_may_do() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = config(&log, "");
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    truth.log(&log, 10);
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    for command in [&["serve"][..], &["watch"]] {
        let mut second = sandbox.command();
        second.arg("--config").arg(sandbox.path("config.toml")).args(command);
        let output = second.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(77), "{said}");
        assert!(said.contains(&format!("is written by process {} on ", daemon.pid())), "{said}");
        assert!(said.contains("hint: `tripline --read-only` goes on from its totals"), "{said}");
        assert!(said.contains("hint: `tripline status` asks"), "{said}");
        assert!(!said.contains("attach"), "{said}");
    }
    assert!(truth.is(&status(&sandbox)));
    daemon.stop();
}
