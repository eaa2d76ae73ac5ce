//! Several lines about one call, with a kill between any two of them: the totals,
//! caps and reports are those of a run that saw them all.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::daemon::{Daemon, kept, serve, status, status_until};
use super::sandbox::{Sandbox, rfc3339};

const CAPS: &str = "
[[cap]]
name = \"all\"
usd = 100
period = \"month\"
[[cap]]
name = \"each model\"
usd = 100
period = \"24h\"
each = \"model\"
[[cap]]
name = \"each team\"
usd = 100
period = \"week\"
each = \"team\"
";

fn append(log: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// What caps have spent, by name.
fn spent(status: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let caps = status["caps"].as_array().unwrap().iter();
    let caps = caps.filter(|cap| cap["spent_usd"] != "0.000000");
    let mut spent: Vec<_> =
        caps.map(|cap| (text(&cap["name"]), text(&cap["of"]), text(&cap["spent_usd"]))).collect();
    spent.sort();
    spent
}

/// Each line in a run of its own, every other one of which is killed.
#[track_caller]
fn in_many_runs(lines: &[String]) {
    let sandbox = Sandbox::new();
    let log = sandbox.path("calls.jsonl");
    let mut last = Value::Null;
    for (n, line) in lines.iter().enumerate() {
        let daemon = Daemon::start(serve(&sandbox, CAPS, &[&log]));
        append(&log, line);
        last = status_until(&sandbox, "the line", |status| {
            status["sources"][0]["lines"] == n + 1 && kept(status)
        });
        if n % 2 == 0 {
            daemon.kill();
        } else {
            daemon.stop();
        }
    }
    let mut once = sandbox.command();
    once.arg("--config").arg(sandbox.path("config.toml")).args(["once", "--json"]).arg(&log);
    let whole: Value = serde_json::from_slice(&once.output().unwrap().stdout).unwrap();
    assert_ne!(whole["totals"]["cost_usd"], "0.000000", "{whole:#}");
    assert!(whole["totals"]["requests"].as_u64().unwrap() < lines.len() as u64, "{whole:#}");
    assert_eq!(last["totals"], whole["totals"]);
    assert_eq!(spent(&last), spent(&whole));
    assert_eq!(status(&sandbox)["totals"], whole["totals"]);
    sandbox.run(["ledger", "verify"]).ok();
    let report =
        sandbox.run(["report", "--from", "7d", "--by", "model,team", "--json"]).ok().json();
    for total in ["requests", "input_tokens", "output_tokens", "cost_usd", "unpriced"] {
        assert_eq!(report["total"][total], whole["totals"][total], "{total}");
    }
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["requests"].as_i64().unwrap() >= 0), "{report:#}");
}

fn now() -> String {
    rfc3339(SystemTime::now())
}

#[test]
fn the_fullest_of_a_streams_lines() {
    let line = |id: &str, model: &str, output: u32| {
        format!(
            "{{\"sessionId\":\"s\",\"uuid\":\"u-{id}-{output}\",\"type\":\"assistant\",\"timestamp\":\"{}\",\"message\":{{\"id\":\"{id}\",\"role\":\"assistant\",\"model\":\"{model}\",\"usage\":{{\"input_tokens\":838,\"cache_creation_input_tokens\":80,\"cache_read_input_tokens\":600,\"output_tokens\":{output}}}}}}}\n",
            now()
        )
    };
    let (sonnet, haiku) = ("claude-sonnet-4-5", "claude-haiku-4-5");
    in_many_runs(&[
        line("one", sonnet, 1),
        line("one", sonnet, 61),
        line("two", haiku, 7),
        line("one", sonnet, 61),
        line("two", haiku, 900),
        line("one", sonnet, 300),
        line("two", haiku, 8),
    ]);
}

#[test]
fn the_last_state_of_an_observation() {
    let line = |id: &str, model: &str, tokens: u32, usd: &str| {
        let now = now();
        format!(
            "{{\"id\":\"{id}\",\"traceId\":\"t\",\"type\":\"GENERATION\",\"startTime\":\"{now}\",\"endTime\":\"{now}\",\"model\":\"{model}\",\"metadata\":{{\"team\":\"payments\"}},\"usageDetails\":{{\"input\":{tokens},\"output\":{tokens},\"total\":{}}},\"calculatedTotalCost\":{usd},\"latency\":0.8123456789,\"environment\":\"prod\"}}\n",
            2 * tokens
        )
    };
    in_many_runs(&[
        line("a", "gpt-4o-mini", 26, "0.0000291"),
        // Corrected: another model, and less.
        line("a", "gpt-4o", 20, "0.00001"),
        line("b", "gpt-4o", 5, "1.5"),
        line("a", "gpt-4o", 21, "0.000000002"),
        line("b", "gpt-4o", 5, "0.5"),
    ]);
}

#[test]
fn the_parts_of_a_call() {
    let usage = |id: &str| {
        format!(
            "{{\"time\":\"{}\",\"category\":\"GatewayLlmLogs\",\"correlationId\":\"{id}\",\"properties\":{{\"sequenceNumber\":0,\"deploymentName\":\"gpt-4o-mini\",\"modelName\":\"gpt-4o-mini-2024-07-18\",\"promptTokens\":2600,\"completionTokens\":420}}}}\n",
            now()
        )
    };
    let outcome = |id: &str, status: u16| {
        format!(
            "{{\"time\":\"{}\",\"durationMs\":812.3,\"category\":\"GatewayLogs\",\"correlationId\":\"{id}\",\"properties\":{{\"apimSubscriptionId\":\"web\",\"operationId\":\"chat\",\"responseCode\":{status}}}}}\n",
            now()
        )
    };
    let (first, second) = (outcome("a", 200), usage("b"));
    in_many_runs(&[
        first.clone(),
        usage("a"),
        second.clone(),
        first,
        outcome("b", 429),
        second,
        outcome("c", 200),
    ]);
}

#[test]
fn what_adds_up_to_too_much_is_an_alarm_and_keeps_nothing_else_out() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("calls.jsonl");
    // Somebody has switched off what keeps such costs out.
    let config = "[engine]\nmax_request_usd = 100000000000\n";
    let call = |key: &str, usd: &str| {
        format!(
            "{{\"litellm_call_id\":\"c-{key}-{usd}\",\"call_type\":\"acompletion\",\"status\":\"success\",\"model\":\"gpt-4o\",\"endTime\":\"{}\",\"prompt_tokens\":1,\"completion_tokens\":1,\"response_cost\":{usd},\"metadata\":{{\"user_api_key_alias\":\"{key}\"}}}}\n",
            now()
        )
    };
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    append(&log, &call("web", "9000000000"));
    status_until(&sandbox, "kept", |s| s["totals"]["requests"] == 1 && kept(s));
    append(&log, &(call("batch", "300000000") + &call("web", "0.5")));
    let seen = status_until(&sandbox, "kept, too", |s| s["totals"]["requests"] == 3 && kept(s));
    let findings = seen["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["kind"] == "ledger_refused").unwrap();
    assert_eq!((&found["severity"], &found["count"]), (&"critical".into(), &1.into()));
    append(&log, &call("web", "0.25"));
    status_until(&sandbox, "and later ones", |s| s["totals"]["requests"] == 4 && kept(s));
    daemon.kill();
    let after = status(&sandbox);
    assert_eq!(after["totals"]["cost_usd"], "9000000000.750000");
    assert_eq!(
        (&after["totals"]["requests"], &after["sources"][0]["lines"]),
        (&3.into(), &4.into())
    );
    sandbox.run(["ledger", "verify"]).ok();
    let shown = sandbox.run(["ledger", "show"]).ok().out();
    assert!(shown.contains("1 sum does not fit and is in no total"), "{shown}");
    let shown = sandbox.run(["ledger", "show", "--json"]).ok().json();
    assert_eq!(shown["refused"], 1);
}
