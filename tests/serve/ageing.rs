//! A daemon that runs lets go of what is old, and counts on meanwhile.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use tripline::domain::{Bucket, BucketId, Commit, Names, Wall};
use tripline::ledger::{Holder, LEDGER_FILE, Ledger, Setup};

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status_until};
use super::need;
use super::sandbox::{Sandbox, until};

#[test]
fn minutes_of_weeks_ago_are_gone_soon_after_the_start() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("state");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let today = i64::try_from(now / 60).unwrap();
    let us = Holder { pid: 1, host: "h".into(), since: "then".into() };
    let setup =
        Setup { state_dir: state.clone(), us, names: Names::default(), sources: Vec::new() };
    let mut ledger = Ledger::open(setup, Wall::from_secs(today * 60)).unwrap().ledger;
    let part = |minute| (BucketId { minute, ..BucketId::default() }, Bucket::default());
    // More of them than go in one step.
    let old = (0..24_000).map(|n| part(today - 20 * 1440 - n));
    let days = (0..20).map(|day| part(today - day * 1440));
    let buckets = old.chain(days).collect();
    let _ = ledger.commit(Commit { buckets, ..Commit::default() }).unwrap();
    drop(ledger);
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let db = rusqlite::Connection::open(state.join(LEDGER_FILE)).unwrap();
    let minutes = |from: i64, to: i64| -> i64 {
        let count = "SELECT count(*) FROM minute WHERE minute >= ?1 AND minute < ?2";
        db.query_row(count, [from, to], |row| row.get(0)).unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while minutes(0, today - 10 * 1440) > 0 {
        assert!(Instant::now() < deadline, "{} are left", minutes(0, today));
        truth.log(&log, 5);
        status_until(&sandbox, "kept", |seen| truth.is(seen) && kept(seen));
    }
    assert!(minutes(today - 8 * 1440, today + 1) >= 8, "those of this week stay");
    daemon.stop();
}

/// A file on a network that does not answer is looked for where nobody waits.
#[test]
fn a_file_system_that_does_not_answer_holds_up_no_commit() {
    let sandbox = Sandbox::new();
    let (log, silent) = (sandbox.path("gw.log"), sandbox.path("silent.log"));
    let mut truth = Truth::default();
    truth.log(&silent, 3);
    let daemon = Daemon::start(serve(&sandbox, "", &[&silent]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    daemon.stop();
    let (Some(strace), Some(setpriv)) = (need::program("strace"), need::program("setpriv")) else {
        return;
    };
    let silence = "inject=statx:delay_enter=3600000000";
    let mut words = vec![strace.to_str().unwrap(), "-f", "-qq", "-e", "trace=statx", "-e", silence];
    words.extend(["-o", "trace", "-P", silent.to_str().unwrap()]);
    // A process in the middle of a call that is held up does not end by itself.
    words.extend([setpriv.to_str().unwrap(), "--pdeathsig", "KILL"]);
    if need::around(&words).is_none() {
        return;
    }
    let command = serve(&sandbox, "", &[&log]);
    let mut traced = Command::new(words[0]);
    traced.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    traced.env_clear().current_dir(sandbox.path(""));
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let daemon = Daemon::start(traced);
    let pid = status_until(&sandbox, "it runs", |_| true)["pid"].as_u64().unwrap();
    let is_asked = || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let mut names = threads.map(|thread| std::fs::read_to_string(thread.path().join("comm")));
        names.any(|name| name.is_ok_and(|name| name.trim() == "gone"))
    };
    until("the file is asked for", is_asked);
    for _ in 0..3 {
        truth.log(&log, 20);
        status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    }
    assert!(is_asked(), "it waits for an answer");
    daemon.kill();
}
