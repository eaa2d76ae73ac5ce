//! Killed in the middle of a record of several lines: the next run tells of it
//! once, and of nothing else again.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::daemon::{Daemon, kept, serve, status_until};
use super::sandbox::{Sandbox, rfc3339};

fn append(log: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Both parts are logged, with a kill between them; the totals before and after,
/// which a third run must not change.
fn torn(format: &str, before: (&str, u64), after: &str, calls: (u64, u64)) -> [Value; 2] {
    let sandbox = Sandbox::new();
    let log = sandbox.path("app.log");
    append(&log, "");
    let config = if format.is_empty() {
        String::new()
    } else {
        let log = log.to_str().unwrap();
        format!("[[source]]\nname = \"app\"\npaths = [{log:?}]\nformat = {format:?}\n")
    };
    let paths: &[&Path] = if format.is_empty() { &[&log] } else { &[] };
    let daemon = Daemon::start(serve(&sandbox, &config, paths));
    append(&log, before.0);
    let read = |status: &Value| {
        kept(status)
            && status["sources"][0]["lines"] == before.1
            && status["totals"]["requests"] == calls.0
    };
    let first = status_until(&sandbox, "the first part is read and kept", read);
    daemon.kill();
    let daemon = Daemon::start(serve(&sandbox, &config, paths));
    append(&log, after);
    let whole = |status: &Value| kept(status) && status["totals"]["requests"] == calls.1;
    let second = status_until(&sandbox, "the whole", whole);
    daemon.kill();
    let daemon = Daemon::start(serve(&sandbox, &config, paths));
    let lines = before.0.matches('\n').count() + after.matches('\n').count();
    let third = status_until(&sandbox, "live", |status| {
        // More than there are will never be less again.
        let told = usize::try_from(status["sources"][0]["lines"].as_u64().unwrap()).unwrap();
        assert!(told <= lines, "{told} of {lines} lines: {status:#}");
        status["sources"][0]["state"] == "live" && told == lines
    });
    assert_eq!(third["totals"], second["totals"]);
    daemon.stop();
    [first["totals"].clone(), second["totals"].clone()]
}

fn call(cost: &str) -> String {
    let at = rfc3339(SystemTime::now());
    format!(
        "{{\"ts\":\"{at}\",\"model\":\"gpt-4o\",\"input_tokens\":10,\"output_tokens\":1,\"cost\":{cost}}}"
    )
}

#[test]
fn a_line_split_by_a_container_runtime_while_another_stream_went_on() {
    let at = rfc3339(SystemTime::now());
    let split = call("1");
    let (one, other) = split.split_at(30);
    let before = format!(
        "{at} stderr F {}\n{at} stdout P {one}\n{at} stderr F {}\n{at} stderr F {}\n",
        call("10"),
        call("20"),
        call("20")
    );
    let [first, second] = torn("", (&before, 4), &format!("{at} stdout F {other}\n"), (3, 4));
    assert_eq!(first["cost_usd"], "50.000000");
    assert_eq!(second["cost_usd"], "51.000000", "{second:#}");
    assert_eq!(second["quarantined"], 0);
}

#[test]
fn an_object_over_several_lines() {
    let whole = pretty("1");
    let (before, after) = whole.split_at(whole.find("\"output").unwrap());
    let before = format!("{}{before}", pretty("10"));
    let lines = before.matches('\n').count() as u64;
    let [_, second] = torn("", (&before, lines), after, (1, 2));
    assert_eq!(second["cost_usd"], "11.000000", "{second:#}");
    assert_eq!(second["quarantined"], 0);
}

fn one(cost: &str) -> String {
    format!("{}\n", call(cost))
}

fn pretty(cost: &str) -> String {
    call(cost).replace(',', ",\n  ").replace('{', "{\n  ").replace('}', "\n}\n")
}

#[test]
fn records_on_one_line_and_on_several_by_turns() {
    let before = pretty("10") + &one("20");
    let lines = before.matches('\n').count() as u64;
    let after = one("40") + &pretty("1") + &one("80");
    let [_, second] = torn("", (&before, lines), &after, (2, 5));
    assert_eq!(second["cost_usd"], "151.000000", "{second:#}");
    assert_eq!((&second["quarantined"], &second["faults"]), (&0.into(), &0.into()));
}

/// Where each line is a record, one over several lines looks like lines that were
/// torn: an alarm, and no part of it counts, wherever the kill falls.
#[test]
fn an_object_over_several_lines_in_a_file_of_lines() {
    let odd = pretty("1");
    let ends = odd.match_indices('\n').map(|(at, _)| at + 1);
    for cut in ends.take(odd.matches('\n').count() - 1) {
        let (head, tail) = odd.split_at(cut);
        let before = one("10") + &one("20") + head;
        let lines = before.matches('\n').count() as u64;
        let after = tail.to_owned() + &one("40") + &one("80");
        let [first, second] = torn("", (&before, lines), &after, (2, 4));
        assert_eq!(first["cost_usd"], "30.000000", "{first:#}");
        assert_eq!(second["cost_usd"], "150.000000", "cut after {head:?}: {second:#}");
        let bad = |of: &str| second[of].as_u64().unwrap();
        assert_eq!(bad("quarantined") + bad("faults"), 7, "{second:#}");
        assert!(bad("quarantined") > 0, "{second:#}");
    }
}

#[test]
fn a_dump_of_a_response_and_its_body() {
    let log = "HTTP/2 200\ncontent-type: application/json\nx-ratelimit-remaining-requests: 9\n\n\
               {\"model\":\"gpt-4o-2024-08-06\",\"usage\":{\"prompt_tokens\":1000,\n\
               \"completion_tokens\":100}}\n";
    let cut = log.find("\"completion").unwrap();
    let next = "HTTP/2 200\ncontent-type: application/json\n\n{}\n";
    let after = format!("{}{next}", &log[cut..]);
    let [_, second] = torn("", (&log[..cut], 5), &after, (0, 1));
    assert_eq!((&second["input_tokens"], &second["output_tokens"]), (&1000.into(), &100.into()));
}

#[test]
fn a_session_whose_model_was_named_before_the_kill() {
    let log = include_str!("../corpus/logs/samples/codex_rollout.jsonl");
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let count = |lines: &[&str]| {
        let usage = lines.iter().filter(|line| line.contains("\"last_token_usage\"")).count();
        usage as u64
    };
    let named = lines.iter().position(|line| line.contains("\"turn_context\"")).unwrap() + 1;
    assert!(count(&lines[named..]) > 0, "what counts comes later");
    let sandbox = Sandbox::new();
    let whole = sandbox.file("whole.jsonl", log);
    let daemon = Daemon::start(serve(&sandbox, "", &[&whole]));
    let read = |status: &Value| status["sources"][0]["lines"] == lines.len();
    let at_once = status_until(&sandbox, "the whole", read)["totals"].clone();
    daemon.stop();
    assert_ne!(at_once["cost_usd"], "0.000000");
    let requests = at_once["requests"].as_u64().unwrap();
    let (before, after) = (lines[..named].concat(), lines[named..].concat());
    let [_, second] = torn("", (&before, named as u64), &after, (0, requests));
    assert_eq!(second, at_once);
}
