//! A ledger in trouble: said, never in the engine's way, and exact again once
//! the trouble is over.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::disk::Mounted;
use super::known::finding;
use super::need;
use super::sandbox::{PATIENCE, Sandbox, rfc3339};

#[test]
fn a_damaged_ledger_is_set_aside_loudly_and_the_logs_are_read_again() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 40);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status));
    daemon.stop();
    let ledger = sandbox.path("state/ledger.db");
    let mut bytes = fs::read(&ledger).unwrap();
    let middle = bytes.len() / 8;
    bytes[middle..].fill(0xa5);
    fs::write(&ledger, bytes).unwrap();
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 5);
    let seen = status_until(&sandbox, "all of it again", |status| truth.is(status));
    let found = finding(&seen, "ledger_set_aside").expect("it is said");
    assert_eq!(found["severity"], "critical");
    let text = found["text"].as_str().unwrap();
    let aside = sandbox.state().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<PathBuf> =
        aside.filter(|path| path.to_string_lossy().contains("corrupt")).collect();
    assert!(!aside.is_empty(), "the evidence stays");
    assert!(aside.iter().any(|path| text.contains(path.to_str().unwrap())), "{text}");
    daemon.stop();
    assert!(truth.is(&status(&sandbox)));
}

#[test]
fn a_state_directory_that_goes_away_is_an_alarm_and_the_engine_goes_on() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    // The socket must outlive what is removed here.
    let config = format!(
        "[serve]\nsocket = {:?}\n[[rule]]\nname = \"ledger-late\"\nmetric = \"ledger.behind_s\"\nabove = 0.5\nseverity = \"critical\"\n",
        sandbox.path("sock").to_str().unwrap()
    );
    let mut daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    truth.log(&log, 10);
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    fs::remove_dir_all(sandbox.state()).unwrap();
    truth.log(&log, 10);
    let seen = status_until(&sandbox, "it is said", |status| {
        let fires = |alert: &Value| alert["rule"] == "ledger-late" && alert["state"] == "firing";
        truth.is(status)
            && status["ledger"]["state"] == "behind"
            && status["alerts"].as_array().unwrap().iter().any(fires)
    });
    assert!(seen["ledger"]["problem"].is_string(), "{seen:#}");
    assert!(finding(&seen, "ledger_behind").is_some());
    assert!(seen["verdict"].as_str().unwrap().contains("ledger behind by "), "{seen:#}");
    assert_eq!(seen["state"], "critical");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(1), "it does not end as if all were kept");
}

#[test]
fn a_state_directory_that_may_not_be_written_is_refused_at_the_start() {
    if rustix::process::geteuid().is_root() {
        need::skipped("root may write everywhere; see the test on a read-only file system");
        return;
    }
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    fs::create_dir(sandbox.state()).unwrap();
    fs::set_permissions(sandbox.state(), fs::Permissions::from_mode(0o500)).unwrap();
    refused(&sandbox, &log);
    fs::set_permissions(sandbox.state(), fs::Permissions::from_mode(0o700)).unwrap();
}

fn refused(sandbox: &Sandbox, log: &Path) {
    let output = serve(sandbox, "", &[log]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ledger") && said.contains("hint: "), "{said}");
}

#[test]
fn a_read_only_file_system_is_refused_at_the_start() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let Some(_mounted) = Mounted::tmpfs(&sandbox.state(), "size=1m,ro") else { return };
    refused(&sandbox, &log);
}

#[test]
fn a_full_disk_leaves_the_ledger_behind_and_it_is_exact_when_space_returns() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let Some(disk) = Mounted::tmpfs(&sandbox.state(), "size=1m") else { return };
    let config = "[[cap]]\nname = \"all\"\nusd = 100\nperiod = \"month\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    truth.log(&log, 100);
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    let filler = sandbox.path("state/filler");
    // Until nothing fits any more.
    let _ = fs::write(&filler, vec![0; 2 << 20]);
    let seen = loop {
        truth.log(&log, 400);
        let seen = status_until(&sandbox, "the engine goes on", |status| truth.is(status));
        if seen["ledger"]["problem"].is_string() {
            break seen;
        }
    };
    assert_eq!(seen["ledger"]["state"], "behind");
    assert_ne!(seen["state"], "ok", "{seen:#}");
    assert!(seen["ledger"]["problem"].as_str().unwrap().contains("space"), "{seen:#}");
    assert!(finding(&seen, "ledger_behind").is_some());
    assert_eq!(seen["totals"]["cost_usd"], seen["caps"][0]["spent_usd"]);
    // A crash now loses what is not kept, and reads it again.
    disk.remount("size=40m");
    status_until(&sandbox, "it recovers", |status| status["ledger"]["state"] == "ok");
    truth.log(&log, 100);
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    daemon.kill();
    assert!(truth.is(&status(&sandbox)), "{:#}", status(&sandbox));
    drop(disk);
}

/// Another program holds `SQLite`'s lock: that is said, and nothing waits but the ledger.
#[test]
fn a_program_that_holds_the_ledger_makes_it_late_and_loses_nothing() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 50);
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    let other = rusqlite::Connection::open(sandbox.path("state/ledger.db")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    truth.log(&log, 50);
    let late = |status: &Value| truth.is(status) && status["ledger"]["state"] == "behind";
    let seen = status_until(&sandbox, "the engine goes on, and the ledger is behind", late);
    assert!(finding(&seen, "ledger_behind").is_some(), "{seen:#}");
    let human = sandbox.run(["--config", "config.toml", "status"]).ok().out();
    assert!(human.contains("behind"), "{human}");
    other.execute_batch("ROLLBACK").unwrap();
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    daemon.kill();
    assert!(truth.is(&status(&sandbox)), "{:#}", status(&sandbox));
}

#[test]
fn a_crash_with_a_full_disk_counts_once_afterwards() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let Some(disk) = Mounted::tmpfs(&sandbox.state(), "size=1m") else { return };
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 100);
    status_until(&sandbox, "kept", |s| truth.is(s) && kept(s));
    let _ = fs::write(sandbox.path("state/filler"), vec![0; 2 << 20]);
    loop {
        truth.log(&log, 400);
        let seen = status_until(&sandbox, "the engine goes on", |status| truth.is(status));
        if seen["ledger"]["problem"].is_string() {
            break;
        }
    }
    daemon.kill();
    fs::remove_file(sandbox.path("state/filler")).unwrap();
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all of it, once", |status| truth.is(status));
    daemon.stop();
    assert!(truth.is(&status(&sandbox)));
    drop(disk);
}

/// That no call comes is not known of a log that is not there any more.
#[test]
fn a_log_that_is_deleted_is_no_peace() {
    let sandbox = Sandbox::new();
    let at = |ago| rfc3339(SystemTime::now() - Duration::from_secs(ago));
    let line = |ago| {
        let at = at(ago);
        format!(
            "{{\"at\":\"{at}\",\"provider\":\"p\",\"model\":\"m\",\"status\":200,\"latency_ms\":1}}\n"
        )
    };
    let log = sandbox.file("gw.log", line(45));
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let says = |words: &'static str| {
        move |status: &Value| status["verdict"].as_str().unwrap().contains(words)
    };
    status_until(&sandbox, "calls pass", says("Calls pass"));
    fs::remove_file(&log).unwrap();
    let seen = status_until(&sandbox, "it is gone", says("A log is gone, waiting for "));
    assert!(says("gw.log: nothing is known about the present")(&seen), "{seen:#}");
    assert_eq!((&seen["state"], &seen["alerts"]), (&"unknown".into(), &Value::Array(vec![])));
    // What is made again in its place is followed as ever.
    fs::write(&log, line(0)).unwrap();
    let seen = status_until(&sandbox, "calls pass again", says("Calls pass"));
    assert_eq!(seen["state"], "ok");
    daemon.stop();
}

/// Nor is it passed over in silence beside what is wrong besides.
#[test]
fn a_log_that_is_deleted_is_named_beside_what_else_is_wrong() {
    let sandbox = Sandbox::new();
    let at = rfc3339(SystemTime::now() - Duration::from_secs(45));
    let log = sandbox.file(
        "gw.log",
        format!(
            "{{\"at\":\"{at}\",\"provider\":\"p\",\"model\":\"m\",\"status\":200,\"cost_usd\":2}}\n"
        ),
    );
    let config = "[[cap]]\nname = \"launch\"\nusd = 1\nperiod = \"24h\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let says = |words: &'static str| {
        move |status: &Value| status["verdict"].as_str().unwrap().contains(words)
    };
    status_until(&sandbox, "the cap is spent", says("is spent"));
    fs::remove_file(&log).unwrap();
    let seen = status_until(&sandbox, "it is gone", says("; a log is gone, waiting for "));
    assert!(says("is spent")(&seen), "{seen:#}");
    daemon.stop();
}
