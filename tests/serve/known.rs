//! What was known to be missing is said as long as it matters, over restarts too.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::sandbox::Sandbox;

pub fn finding<'s>(status: &'s Value, kind: &str) -> Option<&'s Value> {
    status["findings"].as_array().unwrap().iter().find(|finding| finding["kind"] == kind)
}

/// What a person reads.
fn human(sandbox: &Sandbox) -> String {
    sandbox.run(["--config", "config.toml", "status"]).ok().out()
}

/// Make the ledger of a state directory unreadable.
fn damage(sandbox: &Sandbox) {
    let ledger = sandbox.path("state/ledger.db");
    let mut bytes = fs::read(&ledger).unwrap();
    let middle = bytes.len() / 8;
    bytes[middle..].fill(0xa5);
    fs::write(&ledger, bytes).unwrap();
}

fn set_aside(state: &Path) -> Vec<PathBuf> {
    let files = state.read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains("corrupt")).collect()
}

#[test]
fn a_ledger_that_was_set_aside_is_said_until_its_file_is_moved() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 40);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    daemon.stop();
    damage(&sandbox);
    let is_said = |status: &Value| {
        let found = finding(status, "ledger_set_aside").expect("it is said");
        assert_eq!(
            (&found["severity"], &status["state"]),
            (&"critical".into(), &"critical".into())
        );
        // When it was set aside, however often that is said.
        let at = |text: &str| text.replace(['-', ':', '.'], "");
        let files = set_aside(&sandbox.state());
        let at = at(found["at"].as_str().unwrap());
        assert!(files.iter().any(|file| file.to_str().unwrap().ends_with(&at)), "{found:#}");
        assert!(status["verdict"].as_str().unwrap().contains("ledger was damaged"), "{status:#}");
        let human = human(&sandbox);
        assert!(human.starts_with("CRITICAL: "), "{human}");
        let aside = set_aside(&sandbox.state());
        let file = aside.iter().find(|path| human.contains(&format!("{} ", path.display())));
        assert!(file.is_some() && human.contains("delete"), "{human}");
        for args in [&["report"][..], &["ledger", "show"], &["ledger", "export"]] {
            sandbox.run(args).ok().says("the ledger was damaged and a new one begun");
        }
    };
    for _ in 0..2 {
        let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
        is_said(&status_until(&sandbox, "all of it", |status| truth.is(status) && kept(status)));
        daemon.stop();
        is_said(&status(&sandbox));
    }
    // Who has seen it says so by moving it, while it runs or not.
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    for file in set_aside(&sandbox.state()) {
        fs::rename(&file, sandbox.path("").join(file.file_name().unwrap())).unwrap();
    }
    let seen = status_until(&sandbox, "it is not said any more", |status| {
        finding(status, "ledger_set_aside").is_none()
    });
    assert_ne!(seen["state"], "critical", "{seen:#}");
    daemon.stop();
    assert!(finding(&status(&sandbox), "ledger_set_aside").is_none());
    assert!(!human(&sandbox).contains("damaged"));
}

#[test]
fn a_loss_that_a_cap_may_lack_is_said_after_a_restart_and_not_for_ever() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 20);
    status_until(&sandbox, "read", |status| truth.is(status));
    fs::write(&log, "").unwrap();
    let seen = status_until(&sandbox, "a loss", |status| finding(status, "truncated").is_some());
    let lost = finding(&seen, "truncated").unwrap().clone();
    let text = lost["text"].as_str().unwrap();
    // A line whose money nobody can count.
    truth.log(&log, 1);
    let mut lines = fs::read_to_string(&log).unwrap();
    lines += &lines.replace("\"response_cost\":", "\"response_cost\":-").replace("c-", "d-");
    fs::write(&log, lines).unwrap();
    status_until(&sandbox, "and another", |status| {
        finding(status, "quarantined").is_some() && kept(status) && truth.is(status)
    });
    daemon.kill();
    for runs in [false, true, false] {
        let daemon = runs.then(|| Daemon::start(serve(&sandbox, "", &[&log])));
        let seen = status(&sandbox);
        let again = finding(&seen, "truncated").expect("it is said again");
        assert_eq!((&again["text"], &again["at"]), (&lost["text"], &lost["at"]), "{seen:#}");
        assert!(finding(&seen, "quarantined").is_some(), "{seen:#}");
        assert!(human(&sandbox).contains(text), "{}", human(&sandbox));
        if let Some(daemon) = daemon {
            daemon.stop();
        }
    }
    // Of a month that is over no cap counts anything.
    let month = Timestamp::now().to_zoned(TimeZone::UTC).date().first_of_month();
    let before = month.to_zoned(TimeZone::UTC).unwrap().timestamp().as_nanosecond() - 1;
    let ledger = rusqlite::Connection::open(sandbox.path("state/ledger.db")).unwrap();
    let changed = ledger.execute("UPDATE history SET at = ?1", [i64::try_from(before).unwrap()]);
    assert!(changed.unwrap() >= 2, "each loss is in the history once");
    drop(ledger);
    assert!(finding(&status(&sandbox), "truncated").is_none());
    // Unless one is configured that counts for longer.
    let cap = "[[cap]]\nname = \"long\"\nusd = 9\nperiod = \"31d\"\n";
    sandbox.file("config.toml", cap);
    assert!(finding(&status(&sandbox), "truncated").is_some());
}

#[test]
fn what_was_pruned_of_the_time_of_a_cap_is_said() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let config = "[[cap]]\nname = \"m\"\nusd = 9\nperiod = \"month\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    truth.log(&log, 20);
    status_until(&sandbox, "read", |status| truth.is(status) && kept(status));
    daemon.stop();
    assert!(finding(&status(&sandbox), "pruned").is_none());
    let tomorrow = Timestamp::now().to_zoned(TimeZone::UTC).date().tomorrow().unwrap().to_string();
    let cut = ["ledger", "prune", "--config", "config.toml", "--older-than", &tomorrow];
    sandbox.run(cut).exits(77);
    sandbox.run(cut.iter().chain(&["--force"])).ok();
    for runs in [false, true, false] {
        let daemon = runs.then(|| Daemon::start(serve(&sandbox, config, &[&log])));
        let seen = status(&sandbox);
        let said = finding(&seen, "pruned").expect("it is said");
        assert!(said["text"].as_str().unwrap().contains("caps lack it"), "{said}");
        assert_eq!(said["severity"], "warning", "{said}");
        if let Some(daemon) = daemon {
            daemon.stop();
        }
    }
}
