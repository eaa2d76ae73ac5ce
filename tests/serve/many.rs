//! Thousands of files and a large one: each in its turn.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::calls::{Truth, line, nanos};
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::sandbox::{Sandbox, until};

const SMALL: u64 = 2000;
const CAPS: &str = "[[cap]]\nname = \"small\"\nusd = 900\nperiod = \"31d\"\n\
                    match = { team = \"small\" }\n";

/// Whether the small ones were all counted while much of the large one was not.
fn in_turns(calls: u64) -> bool {
    let sandbox = Sandbox::new();
    let (mut truth, mut small) = (Truth::default(), Truth::default());
    let dir = sandbox.path("in");
    fs::create_dir(&dir).unwrap();
    let at = SystemTime::now() - Duration::from_secs(600);
    let mut large = String::new();
    for _ in 0..calls {
        large += &line(truth.requests, at);
        truth.count();
    }
    // By its name and its size the first to be read.
    fs::write(dir.join("0000.log"), large).unwrap();
    for file in 1..=SMALL {
        let mut text = String::new();
        for _ in 0..2 {
            let (key, team) = ("\"user_api_key_alias\"", "\"user_api_key_team_alias\":\"small\"");
            text += &line(truth.requests, at).replace(key, &format!("{team},{key}"));
            small.nano_usd += super::calls::nano_usd(truth.requests);
            truth.count();
        }
        fs::write(dir.join(format!("{file:04}.log")), text).unwrap();
    }
    let config = format!("{CAPS}[[source]]\npaths = [{:?}]\n", dir.to_str().unwrap());
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    let all_small =
        |status: &Value| status["caps"][0]["spent_usd"].as_str().map(nanos) == Some(small.nano_usd);
    let seen = status_until(&sandbox, "the small ones", all_small);
    let fair = seen["totals"]["requests"].as_u64().unwrap() < truth.requests;
    // A crash in between, and none of 2,001 files is read twice or left out.
    daemon.kill();
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    status_until(&sandbox, "all", |status| truth.is(status) && kept(status));
    daemon.stop();
    assert!(truth.is(&status(&sandbox)) && all_small(&status(&sandbox)));
    fair
}

/// The limit that a shell sets by itself is no reason to close files in between.
#[test]
fn as_many_files_are_open_as_the_system_lets_it_have() {
    let sandbox = Sandbox::new();
    let (mut truth, dir) = (Truth::default(), sandbox.path("in"));
    fs::create_dir(&dir).unwrap();
    for file in 0..200 {
        truth.log(&dir.join(format!("{file}.log")), 1);
    }
    let plain = serve(&sandbox, "", &[&dir]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -Sn 128 && exec \"$0\" \"$@\""]);
    limited.arg(plain.get_program()).args(plain.get_args());
    limited.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(plain.get_current_dir().unwrap()).stdin(Stdio::null());
    let daemon = Daemon::start(limited);
    status_until(&sandbox, "all calls", |status| truth.is(status));
    let open = || fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    until("all are open", || open() > 200);
    daemon.stop();
}

#[test]
fn two_thousand_small_files_wait_for_no_large_one() {
    // So long that it takes some time to read, on this machine.
    let mut calls = 50_000;
    while !in_turns(calls) {
        calls *= 2;
        assert!(calls <= 400_000, "the large file is always done before the small ones");
    }
}
