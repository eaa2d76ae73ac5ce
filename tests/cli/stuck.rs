//! Output that nobody reads: it may be late, and it keeps nobody from ending.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::sandbox::{PATIENCE, Sandbox, now, until};
use super::unread::{Started, full_pipe};

const CONFIG: &str = r#"
[switch]
armed = true
[[rule]]
name = "all-fail"
metric = "errors.ratio"
match = { outcome = "failed" }
above = 0.9
for = "100ms"
min_requests = 20
severity = "critical"
actions = ["trip:all"]
"#;

/// A call that failed, now.
fn failed() -> String {
    format!(
        "{{\"at\":\"{}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",\"status\":500,\"latency_ms\":20}}\n",
        now()
    )
}

/// Log what the rule trips on, once the log is followed, and wait for the stop.
fn trips(sandbox: &Sandbox, log: &Path) {
    let growing = fs::OpenOptions::new().append(true).open(log).unwrap();
    let looks = Cell::new(0);
    until("it trips", || {
        // What is logged before it is followed stops nothing, so it is logged again.
        if looks.replace(looks.get() + 1) % 100 == 0 {
            (&growing).write_all(failed().repeat(30).as_bytes()).unwrap();
        }
        sandbox.path("state/kill.d/all.kill").exists()
    });
}

/// `watch` into a pipe, which has stopped what it should whether anybody reads or not.
fn watch_into(sandbox: &Sandbox, writer: PipeWriter) -> Started {
    let (log, config) = (sandbox.file("gw.log", ""), sandbox.file("config.toml", CONFIG));
    let mut command = sandbox.command();
    command.arg("--config").arg(config).args(["watch", "--ndjson", "--every", "5ms"]);
    let running = Started::of(command.arg(&log).stdout(writer));
    drop(command);
    trips(sandbox, &log);
    running
}

#[test]
fn an_unread_pipe_keeps_watch_neither_from_its_work_nor_from_its_end() {
    for signal in ["TERM", "INT"] {
        let sandbox = Sandbox::new();
        let (reader, writer) = full_pipe();
        let mut running = watch_into(&sandbox, writer);
        running.signal(signal);
        assert_eq!(running.end().code(), Some(0), "{signal}");
        drop(reader);
    }
}

#[test]
fn who_reads_late_reads_every_line_in_order() {
    let sandbox = Sandbox::new();
    let (reader, writer) = full_pipe();
    let mut running = watch_into(&sandbox, writer);
    let mut lines =
        BufReader::new(reader).lines().map(Result::unwrap).filter(|line| !line.is_empty());
    let (mut seen, mut last) = (Vec::new(), String::new());
    for line in lines.by_ref() {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line["schema"] == "tripline.snapshot/v1" {
            let at = line["at"].as_str().unwrap().to_owned();
            assert!(at >= last, "{at} after {last}");
            last = at;
            if seen.contains(&"switch.tripped".to_owned()) {
                break;
            }
        } else if let Some(kind) = line["event"].as_str() {
            seen.push(kind.to_owned());
        }
    }
    let place = |kind: &str| seen.iter().position(|seen| seen == kind);
    assert!(place("alert.firing").is_some(), "{seen:?}");
    assert!(place("alert.firing") < place("switch.tripped"), "{seen:?}");
    running.signal("TERM");
    // What is left is read to its end, each line of it whole.
    lines.for_each(|line| drop(serde_json::from_str::<serde_json::Value>(&line).unwrap()));
    assert_eq!(running.end().code(), Some(0));
}

#[test]
fn a_demo_ends_on_time_though_nobody_reads_it() {
    let sandbox = Sandbox::new();
    let (reader, writer) = full_pipe();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", sandbox.path("home"));
    command.args(["demo", "--headless", "--duration", "1s"]).stdout(writer);
    let mut running = Started::of(&mut command);
    assert_eq!(running.end().code(), Some(0));
    drop(reader);
}

#[test]
fn words_that_nobody_reads_keep_watch_from_nothing() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    // Configured twice: it has something to say before it begins.
    let source = format!("[[source]]\nname = \"NAME\"\npaths = [{log:?}]\n");
    let config = source.replace("NAME", "one") + &source.replace("NAME", "two");
    let config = sandbox.file("config.toml", config);
    let (reader, writer) = full_pipe();
    let mut command = sandbox.command();
    command.arg("--config").arg(config).args(["watch", "--ndjson", "--every", "20ms"]);
    let mut running = Started::of(command.stderr(writer).stdout(Stdio::piped()));
    let mut first = String::new();
    let mut out = BufReader::new(running.0.stdout.take().unwrap());
    let (send, read) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = out.read_line(&mut first);
        let _ = send.send(first);
        let _ = std::io::copy(&mut out, &mut std::io::sink());
    });
    let first = read.recv_timeout(PATIENCE).expect("a picture");
    assert!(first.contains("tripline.snapshot/v1"), "{first}");
    running.signal("TERM");
    assert_eq!(running.end().code(), Some(0));
    drop(reader);
}

#[test]
fn help_and_version_that_can_not_be_written_are_a_failure() {
    let sandbox = Sandbox::new();
    for args in
        [&["--help"][..], &["--version"], &["help", "switch"], &["switch", "trip", "--help"]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = sandbox.command().args(args).stdout(full).output().unwrap();
        assert_eq!(ran.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(said.contains("cannot write to standard output"), "{args:?}: {said}");
        // Who went away has read enough.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = sandbox.command().args(args).stdout(writer).output().unwrap();
        assert_eq!((ran.status.code(), ran.stderr), (Some(0), Vec::new()), "{args:?}");
    }
}

#[test]
fn what_a_killed_demo_left_is_in_nobodys_way() {
    let sandbox = Sandbox::new();
    let scratch = sandbox.path("tmp");
    fs::create_dir(&scratch).unwrap();
    let mut command = Command::new("sh");
    let script = "mkdir \"$TMPDIR/tripline-demo-$$\" && touch \"$TMPDIR/tripline-demo-$$/kept\" \
                  && exec \"$0\" demo --headless --duration 100ms";
    command.args(["-c", script, env!("CARGO_BIN_EXE_tripline")]);
    command.env("TMPDIR", &scratch).env("HOME", sandbox.path("")).current_dir(sandbox.path(""));
    let ran = super::sandbox::Ran(command.output().unwrap()).ok();
    assert!(ran.out().contains("tripline.snapshot/v1"));
    let left: Vec<_> = fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.len() == 1 && left[0].join("kept").exists(), "another's is left alone: {left:?}");
}
