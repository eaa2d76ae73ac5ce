//! What is printed must be true of the log that was read: one limit is one row,
//! what no line tells is not said, and refusals do not make times look good.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::{Value, json};
use tripline::decode::DecodeOptions;
use tripline::domain::{Mono, Names, Observation, Stamp, Wall};
use tripline::engine::switches::{Armed, SwitchState, Switches, Trip};
use tripline::runtime::Clock;

mod support;
use support::{Lines, decode_with};

/// Runs the program over a log; answers its standard output.
fn tripline(before: &[&str], config: &str, log: &str) -> String {
    tripline_exits(0, before, config, log)
}

fn tripline_exits(code: i32, before: &[&str], config: &str, log: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, config).unwrap();
    std::fs::write(dir.path().join("gateway.log"), log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", dir.path()).arg("--config").arg(file).args(before);
    let output = command.arg(dir.path().join("gateway.log")).assert().code(code);
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

fn snapshot(printed: &str) -> Value {
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

/// A call that ended so many seconds after ten o'clock, as nginx logs it.
fn nginx(second: u32, status: u16, left: u32, reset: &str, first_byte_s: &str) -> String {
    let (minute, second) = (second / 60, second % 60);
    let line = json!({
        "time": format!("2026-11-20T10:{minute:02}:{second:02}+00:00"),
        "request_id": format!("{minute}-{second}-{status}"),
        "uri": "/v1/chat/completions", "status": status.to_string(),
        "provider": "openai", "model": "gpt-4o",
        "request_time": first_byte_s, "upstream_header_time": first_byte_s,
        "limit_requests": "500", "remaining_requests": left.to_string(), "reset_requests": reset,
    });
    format!("{line}\n")
}

/// A call that cost one cent.
fn cent(second: u32) -> String {
    let (minute, second) = (second / 60, second % 60);
    let line = json!({
        "timestamp": format!("2026-11-20T10:{minute:02}:{second:02}Z"),
        "request_id": format!("cent-{minute}-{second}"), "provider": "openai", "model": "gpt-4o",
        "status": 200, "input_tokens": 10, "output_tokens": 10, "cost_usd": 0.01,
    });
    format!("{line}\n")
}

#[test]
fn a_limit_that_is_sometimes_full_is_one_limit() {
    let log = nginx(1, 200, 500, "0s", "0.1")
        + &nginx(2, 200, 490, "1.2s", "0.1")
        + &nginx(3, 200, 500, "0s", "0.1");
    let limits = snapshot(&tripline(&["replay", "--json"], "", &log))["limits"].clone();
    assert_eq!(limits.as_array().map(Vec::len), Some(1), "{limits}");
    assert_eq!(limits[0]["window_s"], 60);
}

#[test]
fn a_refusal_is_no_first_token_and_no_answer() {
    let log = nginx(1, 200, 499, "120ms", "0.800") + &nginx(2, 429, 0, "60s", "0.010");
    let traffic = snapshot(&tripline(&["replay", "--json"], "", &log))["traffic"][0].clone();
    assert_eq!(traffic["ttft_ms"]["count"], 1, "{traffic}");
    // Nor is a refusal an answer: the more of them, the faster it would look.
    assert_eq!(traffic["latency_ms"]["count"], 1, "{traffic}");
    assert_eq!(traffic["latency_ms"]["p50"], traffic["ttft_ms"]["p50"], "{traffic}");
}

#[test]
fn a_cap_counts_as_not_enforced_only_when_calls_go_on_passing() {
    let cap = "[[cap]]\nname = \"launch\"\nusd = 0.05\nperiod = \"day\"\n";
    let fires = |last: u32| {
        let calls: String = (0..=last).map(cent).collect();
        // A refused call a minute later lets the time pass.
        let printed =
            tripline(&["replay", "--json"], cap, &(calls + &nginx(120, 429, 0, "60s", "0.1")));
        printed
            .lines()
            .any(|line| line.contains("alert.firing") && line.contains("cap-not-enforced"))
    };
    assert!(!fires(20), "calls under way when the cap was reached");
    assert!(fires(45), "calls that pass 40 s later");
}

#[test]
fn what_is_not_a_log_is_not_ok() {
    let text = "root:x:0:0:root:/root:/bin/sh\n".repeat(3);
    let picture = snapshot(&tripline_exits(65, &["once", "--json"], "", &text));
    assert_eq!(picture["state"], "critical", "it is blind");
    let verdict = picture["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("None of 3 lines was understood"), "{verdict}");
}

/// As OpenAI's API answers: no output is told, for there is none.
#[test]
fn an_embedding_costs_what_its_input_does() {
    let call = r#"{"at":"2026-11-20T14:00:00Z","status":200,"provider":"openai","model":"text-embedding-3-small","usage":{"prompt_tokens":500000}}"#;
    let totals =
        snapshot(&tripline(&["once", "--json"], "", &format!("{call}\n")))["totals"].clone();
    assert_eq!((&totals["cost_usd"], &totals["unpriced"]), (&json!("0.010000"), &json!(0)));
}

#[test]
fn tokens_and_cost_that_no_line_tells_are_not_zero() {
    let log = nginx(1, 200, 499, "120ms", "0.1");
    let printed = tripline(&["once"], "", &log);
    assert!(
        printed.contains("calls 1  failed 0  tokens ? (none logged)  cost ?  unpriced 1"),
        "{printed}"
    );
    for command in [["once", "--json"], ["replay", "--json"]] {
        let totals = snapshot(&tripline(&command, "", &log))["totals"].clone();
        assert_eq!((&totals["requests"], &totals["unpriced"]), (&1.into(), &1.into()));
        for field in ["input_tokens", "output_tokens", "cost_usd"] {
            assert_eq!(totals.get(field), None, "{totals}");
        }
    }
    let cap = "[[cap]]\nname = \"launch\"\nusd = 1\nperiod = \"day\"\n";
    let log = log + &nginx(2, 429, 0, "60s", "0.1") + &nginx(3, 429, 0, "60s", "0.1");
    let printed = tripline(&["replay"], cap, &log);
    assert!(printed.contains("launch (day): ? of $1.00, all unpriced"), "{printed}");
    let picture = snapshot(&tripline(&["replay", "--json"], cap, &log));
    let caps = picture["caps"][0].clone();
    for field in ["spent_usd", "used_ratio", "usd_per_hour"] {
        assert_eq!(caps.get(field), None, "{caps}");
    }
    // Of the calls that should have a price: the refused ones cost nothing.
    assert_eq!((&caps["unpriced_requests"], &caps["unpriced_ratio"]), (&1.into(), &1.0.into()));
    assert_eq!(picture["keys"][0].get("tokens_per_min"), None, "{}", picture["keys"]);
    // Without a call there is nothing that could be unknown.
    let totals = snapshot(&tripline(&["once", "--json"], "", "\n"))["totals"].clone();
    assert_eq!((&totals["output_tokens"], &totals["cost_usd"]), (&0.into(), &"0.000000".into()));
}

#[test]
fn calls_of_unknown_start_are_not_mistaken_for_calls_under_way() {
    let trip = |second| Wall(1_795_168_800_000_000_000 + second * 1_000_000_000);
    let names = Names::default();
    // No start and no duration is in these lines.
    let passed_at = |second: i64| {
        let at = trip(second).rfc3339();
        let mut line = String::new();
        write!(
            line,
            r#"{{"at":"{at}","status":200,"provider":"openai","headers":{{"x-request-id":"r"}}}}"#
        )
        .unwrap();
        line.push('\n');
        let batch = decode_with(
            &names,
            Lines::complete(line.as_bytes()),
            trip(second),
            DecodeOptions::default(),
        );
        let seen = batch.items.into_iter().find_map(|item| match item.seen {
            Observation::Request { request, .. } => Some(request),
            _ => None,
        });
        seen.unwrap()
    };
    let after = |second: i64| {
        let mut switches = Switches::default();
        let state = SwitchState {
            scope: "all".into(),
            path: "all.kill".into(),
            trip: Some(Trip { at: trip(0), ..Trip::default() }),
            armed: Armed::Armed,
            failed: false,
            in_doubt: false,
            problem: None,
        };
        let now = Stamp { mono: Mono(1 << 60), wall: trip(second) };
        switches.set(vec![state], &Names::default(), now);
        let disobeyed = switches.call(&passed_at(second), &names, Duration::from_secs(1), now);
        let host = switches.rows()[0].hosts[0];
        assert_eq!(disobeyed, host.started_after == 1);
        (host.draining, host.start_unknown, host.obeys())
    };
    assert_eq!(after(1), (1, 0, None), "no gateway had to know of the trip when it began");
    assert_eq!(after(2), (0, 1, None), "nobody knows when it began, however soon it ended");
    assert_eq!(after(120), (0, 1, None), "nor later");
    assert_eq!(after(900), (0, 0, Some(false)), "no call lasts a quarter of an hour");
}

/// What the first row says in words, the rows below it say in figures.
#[test]
fn the_verdict_rounds_as_the_rows_do() {
    let verdict = |log: &str| {
        let picture = snapshot(&tripline(&["replay", "--json"], "", log));
        picture["verdict"].as_str().unwrap().to_owned()
    };
    let waits = verdict(
        r#"{"at":"2026-11-20T10:00:01Z","status":429,"provider":"openai","model":"gpt-4o","headers":{"x-ratelimit-remaining-requests":"0","retry-after-ms":"45600"}}"#,
    );
    assert!(waits.contains("back in 45 s"), "{waits}");
    let fine = verdict(&nginx(1, 200, 499, "120ms", "0.1"));
    assert!(fine.contains("each known limit is as good as full"), "{fine}");
}

/// Rows that look alike stand in the order of their names, not in that of fractions that
/// change with each call.
#[test]
fn limits_that_look_alike_do_not_change_places() {
    let of =
        |model: &str, second, left| nginx(second, 200, left, "50s", "0.1").replace("gpt-4o", model);
    let order = |log: &str| {
        let picture = snapshot(&tripline(&["replay", "--json"], "", log));
        let limits = picture["limits"].as_array().unwrap().clone();
        let models = limits.iter().map(|limit| limit["model"].as_str().unwrap().to_owned());
        models.collect::<Vec<_>>()
    };
    for (a, b) in [(499, 497), (497, 499), (500, 498)] {
        assert_eq!(order(&(of("b", 1, b) + &of("a", 2, a))), ["a", "b"], "{a} {b}");
    }
    // What is worse to the eye is first.
    assert_eq!(order(&(of("b", 1, 300) + &of("a", 2, 400))), ["b", "a"]);
}

#[test]
fn a_log_that_ended_some_seconds_ago_tells_of_no_clock_that_is_behind() {
    let end = Clock::start().now().wall.minus(Duration::from_secs(20));
    let log = (0..40_000_i64).fold(String::new(), |mut log, n| {
        let at = end.offset_nanos((n - 40_000) * 2_000_000).rfc3339();
        writeln!(
            log,
            r#"{{"ts":"{at}","msg":"x","provider":"openai","model":"m","status":200,"duration_ms":10,"cost_usd":0.001}}"#
        )
        .unwrap();
        log
    });
    let shown = snapshot(&tripline(&["once", "--json"], "", &log));
    assert_eq!(shown["totals"]["requests"], 40_000);
    let findings = shown["findings"].as_array().unwrap();
    assert!(findings.iter().all(|found| found["kind"] != "clock_off"), "{findings:?}");
}
