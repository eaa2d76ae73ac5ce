//! What other commands and the journal say while a run keeps the ledger.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::known::finding;
use super::sandbox::{PATIENCE, Running, Sandbox, until};

/// `serve` whose standard error goes to a file, as that of a service goes to a journal.
fn serve_into(sandbox: &Sandbox, config: &str, logs: &[&Path], file: &Path) -> Daemon {
    let mut command = serve(sandbox, config, logs);
    command.stderr(Stdio::from(fs::File::create(file).unwrap()));
    let daemon = Daemon::spawn_quiet(command);
    until("it serves", || fs::read_to_string(file).unwrap().contains("serving; socket "));
    daemon
}

/// A lock of another program on the ledger.
fn locked(sandbox: &Sandbox) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(sandbox.path("state/ledger.db")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

/// Damage all of a ledger but its first page.
fn damage(ledger: &Path) {
    let mut file = fs::OpenOptions::new().write(true).open(ledger).unwrap();
    let size = usize::try_from(file.metadata().unwrap().len()).unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xa5; size - 4096]).unwrap();
}

#[test]
fn sums_of_a_ledger_that_is_behind_are_not_given_without_a_word() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 50);
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    for args in [&["report"][..], &["ledger", "show"], &["ledger", "verify"]] {
        let ran = sandbox.run(args).ok();
        assert_eq!(ran.err(), "", "{args:?}: nothing is wrong");
    }
    assert!(sandbox.run(["report", "--json"]).ok().json().get("behind").is_none());
    let other = locked(&sandbox);
    truth.log(&log, 50);
    let late = |status: &Value| truth.is(status) && status["ledger"]["state"] == "behind";
    status_until(&sandbox, "the ledger is behind", late);
    let who = format!(
        "a running tripline (process {}) knows more: the ledger is behind by ",
        daemon.pid()
    );
    for args in [&["report"][..], &["ledger", "show"], &["ledger", "verify"], &["ledger", "export"]]
    {
        sandbox.run(args).ok().says(&who);
    }
    for args in [&["report", "--json"][..], &["ledger", "show", "--json"]] {
        let json = sandbox.run(args).ok().says(&who).json();
        assert_eq!(json["behind"]["pid"], daemon.pid(), "{json:#}");
        assert!(json["behind"]["behind_s"].is_number(), "{json:#}");
        assert!(json["behind"]["problem"].as_str().unwrap().contains("busy"), "{json:#}");
    }
    other.execute_batch("ROLLBACK").unwrap();
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    assert_eq!(sandbox.run(["report"]).ok().err(), "");
    daemon.stop();
    // Without an answer only what is known is said.
    assert_eq!(sandbox.run(["report"]).ok().err(), "");
}

#[test]
fn who_keeps_the_ledger_and_answers_nobody_is_named() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 5);
    let text = format!("[[source]]\nname = \"gw\"\npaths = [{:?}]\n", log.to_str().unwrap());
    let config = sandbox.file("config.toml", text);
    let mut command = sandbox.command();
    command.arg("--config").arg(&config).args(["watch", "--every", "50ms"]);
    let watch = Running::start(command);
    watch.wait_for("all is kept", |line| {
        line["ledger"]["state"] == "ok"
            && line["ledger"].get("behind_s").is_none()
            && line["totals"]["requests"] == 5
    });
    let lock: Value =
        serde_json::from_slice(&fs::read(sandbox.path("state/ledger.lock")).unwrap()).unwrap();
    let seen = status(&sandbox);
    let who = format!("process {}", lock["pid"]);
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(verdict.contains(&who) && verdict.contains("keeps the ledger"), "{verdict}");
    assert!(verdict.contains("tripline serve"), "{verdict}");
    assert!(!verdict.contains("nothing is known since"), "{verdict}");
    assert_eq!(seen["sources"][0]["state"], "not_asked", "{seen:#}");
    let human = sandbox.run(["status"]).ok().out();
    assert!(human.contains(&format!("from     the ledger, which {who} keeps")), "{human}");
    assert!(!human.contains("not_running") && !human.contains("no `serve` runs"), "{human}");
    drop(watch);
    // Its note stays in the lock file, and says nothing any more.
    let seen = status(&sandbox);
    assert_eq!(seen["sources"][0]["state"], "not_running");
    assert!(seen["verdict"].as_str().unwrap().contains("o `serve` runs"), "{seen:#}");
}

#[test]
fn the_journal_is_told_of_each_change_once() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 10);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    daemon.stop();
    damage(&sandbox.path("state/ledger.db"));
    let journal = sandbox.path("journal");
    let said = |what: &str| fs::read_to_string(&journal).unwrap().matches(what).count();
    let bad = sandbox.path("bad.log");
    symlink("/dev/null", &bad).unwrap();
    let daemon = serve_into(&sandbox, "", &[&log, &bad], &journal);
    until("the damage is said", || {
        said("tripline: CRITICAL: the ledger was damaged and a new one begun") == 1
    });
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    let other = locked(&sandbox);
    truth.log(&log, 10);
    until("it is behind", || said("tripline: the ledger is behind: ") == 1);
    // It stays behind for some looks, and nothing more is said.
    status_until(&sandbox, "behind for long", |status| {
        status["ledger"]["behind_s"].as_f64().is_some_and(|behind_s| behind_s > 3.5)
    });
    other.execute_batch("ROLLBACK").unwrap();
    until("it caught up", || said("tripline: the ledger has caught up") == 1);
    assert_eq!(said("the ledger is behind"), 1, "{}", fs::read_to_string(&journal).unwrap());
    // What can't be read from the start on, until it is gone.
    until("the source is said", || said("tripline: source ") == 1);
    fs::remove_file(&bad).unwrap();
    until("it is over", || said(": in order again") == 1);
    daemon.stop();
    let all = fs::read_to_string(&journal).unwrap();
    assert!(all.lines().all(|line| line.starts_with("tripline: ")), "{all}");
    assert!(all.lines().count() < 10, "{all}");
}

#[test]
fn a_ledger_damaged_while_it_is_kept_is_critical_and_nobody_is_invited_to_restart() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    truth.log(&log, 50);
    status_until(&sandbox, "kept", |status| truth.is(status) && kept(status));
    let ledger = sandbox.path("state/ledger.db");
    // Without a write-ahead log nothing of it is elsewhere.
    let other = rusqlite::Connection::open(&ledger).unwrap();
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(other);
    damage(&ledger);
    truth.log(&log, 50);
    let seen = status_until(&sandbox, "it is said", |status| {
        truth.is(status) && status["state"] == "critical"
    });
    let found = finding(&seen, "ledger_broken").expect("it is found");
    assert_eq!(found["severity"], "critical");
    let text = found["text"].as_str().unwrap();
    for part in
        ["is damaged", "do not restart", "what is in memory is right", "tripline status --json"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(verdict.contains("damaged"), "{verdict}");
    let report = sandbox.run(["report"]);
    assert!(report.err().contains("do not restart it"), "{}", report.err());
    drop(daemon);
}

#[test]
fn files_that_two_sources_count_are_said_at_the_start_too() {
    let sandbox = Sandbox::new();
    let log: PathBuf = sandbox.file("gw.log", "");
    let dir = sandbox.path("").display().to_string();
    let config = format!(
        "[[source]]\nname = \"a\"\npaths = [\"{dir}/gw.log\"]\n[[source]]\nname = \"b\"\npaths = [\"{dir}/*.log\"]\n"
    );
    let mut command = serve(&sandbox, &config, &[]);
    let journal = sandbox.path("journal");
    command.stderr(Stdio::from(fs::File::create(&journal).unwrap()));
    let daemon = Daemon::spawn_quiet(command);
    let said = || fs::read_to_string(&journal).unwrap();
    until("it is said", || said().contains("source 'a' counts it too"));
    let said = said();
    assert!(
        said.contains("tripline: warning: source 'b': ") && said.contains("count twice"),
        "{said}"
    );
    assert!(said.contains(log.to_str().unwrap()), "{said}");
    daemon.stop();
}
