//! A stop as a running daemon proves it, keeps it and makes it good again: with the
//! shell's `switch` beside it, and a directory that others meddle with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::daemon::{Daemon, serve, status_until};
use super::sandbox::{Sandbox, rfc3339};

/// The switch of that scope in a status.
fn switch<'s>(status: &'s Value, scope: &str) -> Option<&'s Value> {
    status["switches"].as_array().unwrap().iter().find(|switch| switch["scope"] == scope)
}

fn is_tripped(status: &Value, scope: &str) -> bool {
    switch(status, scope).is_some_and(|switch| switch["state"] == "tripped")
}

fn append(log: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_stop_is_not_proven_while_calls_of_unknown_start_pass() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
    status_until(&sandbox, "the trip", |status| is_tripped(status, "all"));
    // Neither a start nor a duration, as many access logs have it.
    let tripped = std::time::SystemTime::now();
    for second in 2..14 {
        let at = rfc3339(tripped + std::time::Duration::from_secs(second));
        let call = |rest: &str| {
            format!("{{\"at\":\"{at}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",{rest}}}\n")
        };
        let refused = r#""status":503,"error":{"code":"kill_switch","layer":"gateway"}"#;
        append(&log, &call(r#""status":200"#).repeat(5));
        append(&log, &call(refused));
    }
    let all_read = |status: &Value| switch(status, "all").unwrap()["hosts"][0]["refused"] == 12;
    let seen = status_until(&sandbox, "all refusals", all_read);
    let host = &switch(&seen, "all").unwrap()["hosts"][0];
    assert_eq!((&host["start_unknown"], &host["draining"]), (&60.into(), &0.into()), "{host}");
    assert_eq!((host.get("obeyed"), &host["started_after_trip"]), (None, &0.into()), "{host}");
    let verdict = seen["verdict"].as_str().unwrap();
    let why = "NOT PROVEN: 60 calls passed since, and no log says when they began";
    assert!(verdict.contains(why) && !verdict.contains("obeyed by"), "{verdict}");
    daemon.stop();
}
