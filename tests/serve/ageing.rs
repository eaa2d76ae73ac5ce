//! A daemon that runs lets go of what is old, and counts on meanwhile.

use std::time::{Duration, Instant, SystemTime};

use tripline::domain::{Bucket, BucketId, Commit, Names, Wall};
use tripline::ledger::{Holder, LEDGER_FILE, Ledger, Setup};

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status_until};
use super::sandbox::Sandbox;

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
