//! `tripline switch drill` against the demo's gateways: it proves that they
//! obey, says so when one does not, and leaves nothing tripped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]

#[path = "support/unread.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod unread;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use tripline::demo::{Demo, DemoOptions, Scenario};
use tripline::domain::Wall;
use tripline::runtime::{Caller, Clock, Heard};

use unread::Started;

fn demo(dir: &Path) -> Demo {
    let options = DemoOptions {
        scenario: Scenario::Quiet,
        seed: 1,
        dir: dir.join("log"),
        kill_dir: dir.join("kill.d"),
    };
    Demo::start(options).unwrap()
}

/// The program, with a switch directory of its own.
fn tripline(dir: &Path, kill_dir: &str) -> Command {
    let config = dir.join("config.toml");
    let kill_dir = dir.join(kill_dir);
    std::fs::write(&config, format!("[switch]\ndir = \"{}\"\n", kill_dir.display())).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", dir).arg("--config").arg(config);
    command
}

fn drill(dir: &Path, kill_dir: &str, demo: &Demo) -> Command {
    let mut command = tripline(dir, kill_dir);
    command.args(["switch", "drill", "key/ci-evals"]);
    for url in demo.gateway_urls() {
        command.arg("--url").arg(format!("{url}/v1/models"));
    }
    command.args(["--header", "Authorization: Bearer demo-ci-evals"]);
    command
}

#[test]
fn a_gateway_that_reads_the_directory_obeys_and_nothing_stays_tripped() {
    let dir = tempfile::tempdir().unwrap();
    let demo = demo(dir.path());
    let said = drill(dir.path(), "kill.d", &demo).assert().success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert_eq!(said.matches(" OBEYED: refused while tripped").count(), 2, "{said}");
    let status = tripline(dir.path(), "kill.d").args(["switch", "status"]).assert().success();
    status.stdout(contains("nothing is tripped"));
    let audit = tripline(dir.path(), "kill.d").args(["audit", "show"]).assert().success();
    audit.stdout(contains("obeyed by all").and(contains("demo-ci-evals").not()));
    demo.stop();
}

#[test]
fn a_gateway_that_reads_another_directory_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let demo = demo(dir.path());
    let said = drill(dir.path(), "elsewhere.d", &demo).assert().code(1);
    said.stdout(contains("NOT OBEYED")).stderr(contains("not every gateway obeys"));
    let status = tripline(dir.path(), "elsewhere.d").args(["switch", "status"]).assert().success();
    status.stdout(contains("nothing is tripped"));
    demo.stop();
}

#[test]
fn a_drill_that_would_stop_traffic_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = tripline(dir.path(), "kill.d");
    command.args(["switch", "drill", "all", "--url", "http://127.0.0.1:9/"]);
    command.assert().code(77).stderr(contains("would stop traffic"));
}

/// A gateway that lets the first call through and says nothing to any other; a drill that
/// waits for its answer.
/// Also when the first call was answered.
fn hanging(dir: &Path) -> (Started, TcpListener, TcpStream, Wall) {
    let gateway = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", gateway.local_addr().unwrap());
    // The same as `tripline`, as a process that can be sent a signal.
    drop(tripline(dir, "kill.d"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", dir).arg("--config").arg(dir.join("config.toml"));
    command.args(["switch", "drill", "key/drill", "--reason", "a test", "--url", &url]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let drill = Started::of(&mut command);
    let (mut first, _) = gateway.accept().unwrap();
    assert_ne!(first.read(&mut [0; 4096]).unwrap(), 0);
    let answered = Clock::start().now().wall;
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    first.write_all(answer).unwrap();
    drop(first);
    let (mut second, _) = gateway.accept().unwrap();
    assert_ne!(second.read(&mut [0; 4096]).unwrap(), 0);
    assert!(dir.join("kill.d/key.drill.kill").exists(), "asked while tripped");
    (drill, gateway, second, answered)
}

#[test]
fn a_drill_that_is_interrupted_leaves_nothing_tripped() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let dir = tempfile::tempdir().unwrap();
        let (drill, _gateway, _call, _) = hanging(dir.path());
        drill.signal(name);
        let ended = drill.ended();
        assert_eq!(ended.status.signal(), Some(number), "{name}: {}", ended.status);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains("interrupted: key/drill is reset"), "{name}: {said}");
        assert!(!dir.path().join("kill.d/key.drill.kill").exists(), "{name}");
        let audit = tripline(dir.path(), "kill.d").args(["audit", "show"]).assert().success();
        audit.stdout(contains("\"result\":\"interrupted\""));
    }
}

#[test]
fn a_drill_that_can_not_reset_says_what_stands() {
    let dir = tempfile::tempdir().unwrap();
    let (drill, _gateway, _call, _) = hanging(dir.path());
    std::fs::create_dir(dir.path().join("kill.d/.key.drill.reset")).unwrap();
    drill.signal("INT");
    let said = String::from_utf8(drill.ended().stderr).unwrap();
    assert!(dir.path().join("kill.d/key.drill.kill").exists());
    assert!(said.contains("key/drill is STILL TRIPPED"), "{said}");
    assert!(said.contains("tripline switch reset key/drill"), "{said}");
}

fn answer(call: &mut TcpStream, head: &str) {
    assert_ne!(call.read(&mut [0; 4096]).unwrap(), 0);
    write!(call, "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
}

#[test]
fn a_long_call_that_began_before_the_stop_could_be_seen_condemns_nobody() {
    let gateway = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", gateway.local_addr().unwrap());
    let (long_enough, wait) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        let (mut first, _) = gateway.accept().unwrap();
        wait.recv().unwrap();
        answer(&mut first, "200 OK");
        let (mut second, _) = gateway.accept().unwrap();
        answer(&mut second, "503 Service Unavailable\r\nx-kill-switch: key/drill");
    });
    // It asks every 20 ms whether it is over, and gives a gateway 2 s.
    let asked = Cell::new(0);
    let over = || {
        asked.set(asked.get() + 1);
        if asked.get() == 120 {
            long_enough.send(()).unwrap();
        }
        false
    };
    let heard = Caller::new(&[]).unwrap().until(&url, |heard| *heard == Heard::Refused, over);
    assert_eq!(heard, Heard::Refused);
    serving.join().unwrap();
}

#[test]
fn the_file_says_when_the_stop_was_made_and_not_when_the_drill_began() {
    let dir = tempfile::tempdir().unwrap();
    let (_drill, _gateway, _call, answered) = hanging(dir.path());
    let file = std::fs::read(dir.path().join("kill.d/key.drill.kill")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let (at, answered) = (told["at"].as_str().unwrap(), answered.rfc3339());
    assert!(at >= answered.as_str(), "{at} is before {answered}");
}
