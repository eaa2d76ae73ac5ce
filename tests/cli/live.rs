//! `watch` on a log that grows: alerts, trips, signals, and a death in between.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::contract;
use super::need;
use super::sandbox::{Running, Sandbox, now, rfc3339, until};

const CONFIG: &str = r#"
[switch]
armed = true
[[rule]]
name = "all-fail"
metric = "errors.ratio"
match = { outcome = "failed" }
above = 0.9
for = "1s"
min_requests = 20
severity = "critical"
actions = ["trip:model"]
"#;

fn append(log: &Path, lines: usize, status: u16) {
    let line = format!(
        "{{\"at\":\"{}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",\"status\":{status},\"latency_ms\":20}}\n",
        now()
    );
    let mut file = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(line.repeat(lines).as_bytes()).unwrap();
}

fn watch(sandbox: &Sandbox, log: &Path, more: &[&str]) -> Running {
    let config = sandbox.file("config.toml", CONFIG);
    let mut command: Command = sandbox.command();
    command.arg("--config").arg(config).args(["watch", "--ndjson"]).args(more).arg(log);
    let running = Running::start(command);
    if log.exists() {
        running.follows();
    }
    running
}

#[test]
fn a_growing_log_raises_alerts_trips_and_ends_quietly() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let mut running = watch(&sandbox, &log, &["--every", "200ms"]);
    let first = running.wait_for("a snapshot", |line| line["schema"] == "tripline.snapshot/v1");
    assert_eq!(contract::snapshot(&first), [""; 0]);
    append(&log, 30, 500);
    let pending = running.wait_for_event("alert.pending");
    assert_eq!(contract::event(&pending), [""; 0]);
    let firing = running.wait_for("all-fail fires", |line| {
        line["event"] == "alert.firing" && line["rule"] == "all-fail"
    });
    assert_eq!(firing["labels"]["model"], "gpt-4o");
    let tripped = running.wait_for_event("switch.tripped");
    assert_eq!(tripped["scope"], "model/openai/gpt-4o");
    assert_eq!(tripped["rule"], "all-fail");
    assert!(sandbox.path("state/kill.d/model.openai.gpt-4o.kill").is_file());
    let snapshot = running
        .wait_for("tripped in the picture", |line| line["switches"][0]["state"] == "tripped");
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    assert_eq!(snapshot["state"], "critical");
    // Calls that start after the stop and are let through are the worst news,
    // once a gateway has had its second to see the file.
    let later = rfc3339(std::time::SystemTime::now() + Duration::from_millis(1200));
    running.wait_for("a second later", |line| {
        line["schema"] == "tripline.snapshot/v1" && line["at"].as_str() > Some(&later)
    });
    append(&log, 1, 200);
    running.wait_for("disobedience is seen", |line| line["rule"] == "switch-not-obeyed");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn that_a_host_obeys_is_told_once() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let running = watch(&sandbox, &log, &["--every", "200ms"]);
    let calls = |host: &str, how: &str| {
        let line = format!(
            "{{\"at\":\"{}\",\"host\":\"{host}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",\"latency_ms\":1,{how}}}\n",
            now()
        );
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(line.repeat(3).as_bytes()).unwrap();
    };
    calls("gw-1", r#""status":200"#);
    calls("gw-2", r#""status":200"#);
    running.wait_for("all calls", |line| line["totals"]["requests"] == 6);
    sandbox.run(["switch", "trip", "all", "--reason", "runaway"]).ok();
    running.wait_for_event("switch.tripped");
    let refused = r#""status":503,"error":{"code":"kill_switch","layer":"gateway"}"#;
    for (host, of) in [("gw-1", "(1 of 2 hosts)"), ("gw-2", "(2 of 2 hosts)")] {
        calls(host, refused);
        let obeyed = running.wait_for_event("switch.obeyed");
        assert_eq!(contract::event(&obeyed), [""; 0]);
        assert_eq!((&obeyed["scope"], &obeyed["labels"]["host"]), (&"all".into(), &host.into()));
        let summary = obeyed["summary"].as_str().unwrap();
        assert!(summary.contains(host) && summary.contains(of), "{summary}");
        calls(host, refused);
    }
}

/// A rule may call a provider as its SDK does: what it stops is what gateways look for.
#[test]
fn a_rule_trips_a_provider_by_its_one_name() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let text = CONFIG.replace("trip:model", "trip:provider/google");
    let config = sandbox.file("config.toml", text);
    let mut command: Command = sandbox.command();
    command.arg("--config").arg(config).args(["watch", "--ndjson", "--every", "200ms"]).arg(&log);
    let running = Running::start(command);
    running.follows();
    append(&log, 30, 500);
    assert_eq!(running.wait_for_event("switch.tripped")["scope"], "provider/gemini");
    assert!(sandbox.path("state/kill.d/provider.gemini.kill").is_file());
    assert!(!sandbox.path("state/kill.d/provider.google.kill").exists());
}

#[test]
fn every_ending_signal_ends_it_with_success() {
    for signal in ["TERM", "INT"] {
        let sandbox = Sandbox::new();
        let log = sandbox.file("gw.log", "");
        let mut running = watch(&sandbox, &log, &["--every", "50ms"]);
        running.wait_for("a snapshot", |line| line["schema"] == "tripline.snapshot/v1");
        running.signal(signal);
        assert_eq!(running.end(), Some(0), "{signal}");
    }
}

#[test]
fn a_hangup_does_not_end_it() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let mut running = watch(&sandbox, &log, &["--every", "50ms"]);
    running.wait_for("a snapshot", |line| line["schema"] == "tripline.snapshot/v1");
    running.signal("HUP");
    append(&log, 30, 500);
    running.wait_for_event("alert.firing");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn a_log_that_does_not_exist_yet_is_waited_for() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("later.log");
    let running = watch(&sandbox, &log, &["--every", "100ms"]);
    running.wait_for("waiting", |line| line["sources"][0]["state"] == "waiting");
    append(&log, 3, 200);
    let seen = running.wait_for("three calls", |line| line["totals"]["requests"] == 3);
    assert_eq!(seen["sources"][0]["lines"], 3);
}

#[test]
fn killed_while_tripped_it_starts_as_tripped_with_who_and_why_and_counts_once() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let mut running = watch(&sandbox, &log, &["--every", "100ms"]);
    append(&log, 30, 500);
    running.wait_for_event("switch.tripped");
    let kill_file = sandbox.path("state/kill.d/model.openai.gpt-4o.kill");
    let content =
        || -> serde_json::Value { serde_json::from_slice(&fs::read(&kill_file).unwrap()).unwrap() };
    // The stop comes first, who and why a moment later.
    until("who and why are in the file", || content()["rule"] == "all-fail");
    running.signal("KILL");
    assert_eq!(running.end(), None);
    let content = content();
    assert_eq!(content["schema"], "tripline.kill/v1");
    assert_eq!(content["rule"], "all-fail");

    let mut again = watch(&sandbox, &log, &["--every", "100ms"]);
    let snapshot = again.wait_for("the picture", |line| {
        line["switches"][0]["state"] == "tripped" && line["totals"]["requests"] == 30
    });
    let switch = &snapshot["switches"][0];
    assert_eq!(switch["scope"], "model/openai/gpt-4o");
    assert_eq!(switch["rule"], "all-fail");
    assert!(switch["reason"].as_str().unwrap().contains("gpt-4o"), "{switch}");
    assert_eq!(switch["since"], content["at"]);
    // And a person at a shell sees the same.
    let status = sandbox.run(["switch", "status", "--json"]).ok().json();
    assert_eq!(status["switches"][0]["rule"], "all-fail");
    sandbox.run(["switch", "reset", "model/openai/gpt-4o", "--reason", "fixed"]).ok();
    again.wait_for_event("switch.reset");
    assert!(!kill_file.exists());
    again.signal("TERM");
    assert_eq!(again.end(), Some(0));
    sandbox.run(["audit", "verify"]).ok();
}

#[test]
fn arming_and_disarming_reach_a_running_process() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    sandbox.run(["switch", "disarm"]).ok();
    let running = watch(&sandbox, &log, &["--every", "100ms"]);
    running.wait_for("a snapshot", |line| line["schema"] == "tripline.snapshot/v1");
    append(&log, 30, 500);
    running
        .wait_for("it fires", |line| line["event"] == "alert.firing" && line["rule"] == "all-fail");
    running.wait_for("a picture after it", |line| line["schema"] == "tripline.snapshot/v1");
    let kill_file = sandbox.path("state/kill.d/model.openai.gpt-4o.kill");
    assert!(!kill_file.exists(), "disarmed");
}

/// `watch` as the child of another program, which does something to it.
fn watch_under(sandbox: &Sandbox, log: &Path, around: &[&str]) -> Running {
    let config = sandbox.file("config.toml", CONFIG);
    let plain = sandbox.command();
    let mut command = Command::new(around[0]);
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(sandbox.path(""));
    command.args(&around[1..]).arg(plain.get_program()).args(plain.get_args());
    command.arg("--config").arg(config).args(["watch", "--ndjson", "--every", "100ms"]).arg(log);
    Running::start(command)
}

#[test]
fn without_a_watch_left_it_polls_and_says_so() {
    let limited = "echo 0 > /proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"";
    let around = ["unshare", "-Ur", "sh", "-c", limited];
    let Some(()) = need::around(&around) else { return };
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let running = watch_under(&sandbox, &log, &around);
    let said = running.wait_for("polling", |line| {
        let problem = line["sources"][0]["problem"].as_str();
        problem.is_some_and(|problem| problem.contains("polling"))
    });
    assert_eq!(said["sources"][0]["state"], "live");
    append(&log, 3, 200);
    running.wait_for("three calls", |line| line["totals"]["requests"] == 3);
}

#[test]
fn a_disk_that_fails_for_a_while_loses_and_repeats_nothing() {
    let around = ["strace", "-qq", "-f", "-o", "/dev/null"];
    let Some(()) = need::around(&around) else { return };
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    append(&log, 500, 200);
    let path = log.to_str().unwrap();
    let inject = "inject=pread64,read:error=EIO:when=1..12";
    let failing = ["-P", path, "-e", "trace=pread64,read", "-e", inject];
    let running = watch_under(&sandbox, &log, &[&around[..], &failing[..]].concat());
    let failed = running.wait_for("an error", |line| line["sources"][0]["state"] == "error");
    let problem = failed["sources"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("gw.log: can't be read: Input/output error"), "{problem}");
    running.wait_for("all of it", |line| {
        line["totals"]["requests"] == 500 && line["sources"][0]["state"] == "live"
    });
    append(&log, 5, 200);
    let end = running.wait_for("more", |line| line["totals"]["requests"].as_u64() > Some(500));
    assert_eq!(end["sources"][0]["duplicates"].as_u64().unwrap_or(0) % 505, 0);
    running.wait_for("the rest", |line| line["totals"]["requests"] == 505);
}

#[test]
fn who_watches_hears_whether_rules_may_trip() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let mut running = watch(&sandbox, &log, &["--every", "200ms"]);
    let config = sandbox.path("config.toml");
    for word in ["disarm", "arm"] {
        sandbox
            .run(["--config", config.to_str().unwrap(), "switch", word, "--reason", "a test"])
            .ok();
        let told =
            running.wait_for("it is told", |line| line["labels"]["kind"] == format!("{word}ed"));
        assert_eq!(contract::event(&told), [""; 0]);
    }
    running.signal("TERM");
    running.end();
}

#[test]
fn the_format_of_standard_input_is_told_while_it_is_watched() {
    let sandbox = Sandbox::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = sandbox.command();
    command.args(["watch", "--ndjson", "--every", "50ms", "-"]).stdin(reader);
    let mut running = Running::start(command);
    let line =
        format!("{{\"at\":\"{}\",\"provider\":\"p\",\"model\":\"m\",\"status\":200}}\n", now());
    writer.write_all(line.as_bytes()).unwrap();
    let told = |state: &str| {
        running.wait_for(state, |line| {
            let source = &line["sources"][0];
            source["state"] == state && source["format"].is_string()
        });
    };
    told("live");
    drop(writer);
    told("ended");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}
