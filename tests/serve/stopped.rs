//! Stopped for a while, as by a debugger or a paused machine: events overflow and
//! whole generations come and go, and every call is counted once.

use std::fs;
use std::path::PathBuf;

use super::calls::Truth;
use super::daemon::{Daemon, kept, serve, status_until};
use super::sandbox::Sandbox;

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
