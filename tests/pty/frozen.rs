//! A terminal that takes nothing more must not delay a decision.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::termios::{Action, tcflow};

use crate::console::{Console, Launch, PATIENCE, append, until};
use crate::logs;

const CONFIG: &str = r#"
[[source]]
name = "gateway"
paths = ["gateway.log"]

[[cap]]
name = "day"
period = "day"
usd = 10

[[rule]]
name = "cap-reached"
metric = "spend.used_ratio"
above = 1.0
for = "10ms"
severity = "critical"
actions = ["trip:all"]
min_requests = 5

[switch]
armed = true
"#;

fn armed() -> (Console, PathBuf, PathBuf) {
    let launch = Launch::new(&["--config", "config.toml"]).size(200, 60);
    let home = launch.home().to_owned();
    std::fs::write(home.join("config.toml"), CONFIG).unwrap();
    let log = home.join("gateway.log");
    append(&log, &(0..20).map(|number| logs::call(number, "0.001")).collect::<Vec<_>>());
    let mut console = launch.start();
    console.wait_for("KILL armed", PATIENCE);
    console.wait_for("gpt-4o", PATIENCE);
    (console, log, home.join(".local/state/tripline/kill.d/all.kill"))
}

/// Crosses the rule, with frames to draw before, and sees the switch tripped.
fn trips_in_time(console: &mut Console, log: &PathBuf, kill_file: &std::path::Path) {
    // Each key is a frame of its own.
    console.send(&"?".repeat(40));
    for number in 20..40 {
        append(log, &[logs::call_of(&format!("model-{number}"), number)]);
    }
    assert!(!kill_file.exists());
    append(log, &[logs::call(41, "20")]);
    until("the kill file", PATIENCE, || kill_file.exists());
    assert!(console.is_alive());
    console.signal(Signal::TERM);
}

fn takes_bytes(tty: &File) -> bool {
    let mut fds = [PollFd::new(tty, PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn a_reader_that_stops_delays_no_trip_and_no_end() {
    let (mut console, log, kill_file) = armed();
    console.freeze();
    // Frames fill what the system buffers, so that one of them is stuck halfway.
    let mut columns = 200;
    until("a full terminal", PATIENCE, || {
        columns ^= 1;
        console.resize(columns, 60);
        !takes_bytes(console.tty())
    });
    trips_in_time(&mut console, &log, &kill_file);
    until("its end", PATIENCE, || !console.is_alive());
    assert!(console.modes_are_restored());
    // When the reader comes back, the screen is that of the shell again.
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Err("Terminated".into()), ""));
}

#[test]
fn output_held_by_ctrl_s_delays_no_trip_and_no_end() {
    let (mut console, log, kill_file) = armed();
    tcflow(console.tty(), Action::OOff).unwrap();
    trips_in_time(&mut console, &log, &kill_file);
    until("its end", PATIENCE, || !console.is_alive());
    assert!(console.modes_are_restored());
}

#[test]
fn a_reader_that_comes_back_sees_the_newest_picture() {
    let (mut console, log, kill_file) = armed();
    console.freeze();
    // What the system buffers is full, so that the very next frame is stuck.
    let mut tty = console.tty();
    while tty.write(&[b' '; 4096]).is_ok() {}
    append(&log, &[logs::call(41, "20")]);
    until("the kill file", PATIENCE, || kill_file.exists());
    console.thaw();
    console.wait_for("KILL TRIPPED all", PATIENCE);
    console.send("q");
    assert_eq!(console.end(PATIENCE).status, Ok(0));
}
