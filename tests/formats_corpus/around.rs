//! What stands in front of a call's line, or beside it in the object that carries it.

use std::sync::{Arc, LazyLock};

use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, Names, Observation, Wall};

use crate::gateway_variants::said;
use crate::support::at;

/// `said` of each of these lines as lines of one log.
fn all_said(lines: &[String]) -> Vec<String> {
    static BUILTIN: LazyLock<Arc<Formats>> = LazyLock::new(|| Formats::builtin().into());
    let names = Names::default();
    let mut decoder =
        Decoder::new(Arc::clone(&BUILTIN), &names, DecodeOptions::default()).expect("decodes");
    let mut told = Vec::new();
    for (number, line) in (1..).zip(lines) {
        let mut batch = Batch::default();
        let now = Wall::from_secs(1_795_190_000);
        decoder.line(line.as_bytes(), at(number, 0, now), &mut batch);
        for item in &batch.items {
            told.push(match item.seen {
                Observation::Request { request, .. } => {
                    let host = request.host.map(|host| names.text(host).to_string());
                    let end = request.at.0.div_euclid(1_000_000) - 1_795_187_000_000;
                    let end = if request.at_logged { end.to_string() } else { "?".to_owned() };
                    let kind = request.failure.kind.map_or("ok", |kind| kind.word());
                    format!("{kind} {end} {}", host.as_deref().unwrap_or("-"))
                }
                Observation::Ignored { reason } => reason.to_owned(),
                _ => "other".to_owned(),
            });
        }
    }
    told
}

const ACCESS: &str =
    r#"10.0.3.7:52344 - "POST /v1/chat/completions HTTP/1.1" 429 Too Many Requests"#;
const ASKED: &str = r#"HTTP Request: POST https://api.openai.com/v1/chat/completions "HTTP/1.1 429 Too Many Requests""#;
const NODE: &str = r#"[log_a1b2c3, request-id: "req_1"] post https://api.openai.com/v1/chat/completions failed with status 429 in 812ms"#;

#[test]
fn a_time_that_a_runtime_puts_in_front_is_the_time_of_the_line() {
    for line in [
        format!("INFO:     {ACCESS}"),
        format!("INFO:uvicorn.access:{ACCESS}"),
        format!("INFO:httpx:{ASKED}"),
        format!("WARNING:httpx:{ASKED}"),
        NODE.to_owned(),
    ] {
        for (before, host) in
            [("", "-"), ("vllm-1  | ", "vllm-1"), ("[pod/vllm-0/vllm] ", "vllm-0")]
        {
            // Each line is read like the first of its log.
            let line = format!("{before}2026-11-20T15:11:17.123456789Z {line}");
            let expected = format!("rate_limit 477123 {host}");
            assert_eq!(all_said(&vec![line.clone(); 2]), vec![expected; 2], "{line}");
        }
    }
    let lost =
        "2026-11-20T15:11:17.5Z [log_a1b2c4] connection failed - retrying, 2 attempts remaining";
    assert_eq!(said(lost), "sdk-node connection end:477500");
    // What nobody knows is still for people.
    assert_eq!(said("2026-11-20T15:11:17.5Z INFO: ready"), "none ignored:other_text");
}

#[test]
fn a_time_that_a_logger_puts_in_front_is_the_time_of_the_line() {
    for (line, end) in [
        (format!("[2026-11-20 15:11:17] INFO:     {ACCESS}"), 477_000),
        (format!("2026-11-20 15:11:17,123 - uvicorn.access - INFO - {ACCESS}"), 477_123),
        (format!("2026-11-20 15:11:17,123 INFO uvicorn.access {ACCESS}"), 477_123),
        (format!("2026-11-20 15:11:17,123 | INFO | {ACCESS}"), 477_123),
        (format!("[2026-11-20 15:11:17] {NODE}"), 477_000),
    ] {
        let expected = format!("rate_limit {end} -");
        assert_eq!(all_said(&vec![line.clone(); 2]), vec![expected; 2], "{line}");
        // A plain line before makes no difference.
        let mixed = [format!("INFO:     {ACCESS}"), line.clone()];
        assert_eq!(all_said(&mixed)[1], format!("rate_limit {end} -"), "{line}");
    }
}

#[test]
fn a_call_beside_a_text_is_no_mark_of_who_carries_it() {
    let call = r#"{"provider":"openai","model":"gpt-4o","status":200,"cost_usd":0.42,"input_tokens":50,"output_tokens":3}"#;
    let expected = "app-json openai /gpt-4o 200 in:50 out:3 nano:420000000 end:477000";
    for key in ["attrs", "labels", "kubernetes", "stream", "extra", "docker", "resource"] {
        for text in [
            r#""msg":"llm call done""#,
            r#""message":"llm call done""#,
            r#""log":"llm call done""#,
            r#""msg":"""#,
            r#""msg":"llm call done","level":"info""#,
            // It says less of the same call.
            r#""msg":"HTTP Request: POST https://api.openai.com/v1/chat/completions \"HTTP/1.1 200 OK\"""#,
        ] {
            let line = format!(r#"{{"time":"2026-11-20T15:11:17Z",{text},"{key}":{call}}}"#);
            assert_eq!(said(&line), expected, "{line}");
            let escaped = line.replace('\\', r"\\").replace('"', r#"\""#);
            let docker = format!(
                r#"{{"log":"{escaped}\n","stream":"stdout","attrs":{{"tag":"a"}},"time":"2026-11-20T15:11:18Z"}}"#
            );
            assert_eq!(said(&docker), expected, "{docker}");
        }
    }
    for key in ["attrs", "labels", "extra"] {
        let line = format!(
            r#"{{"time":"2026-11-20T15:11:17Z","message":"llm call done","{key}":{{"provider":"openai","model":"gpt-4o","status":429,"error":"Rate limit reached"}}}}"#
        );
        assert_eq!(said(&line), "app-json openai /gpt-4o 429 rate_limit end:477000");
    }
}

#[test]
fn a_cost_beside_a_text_that_cannot_be_read_is_told() {
    for key in ["attrs", "labels", "extra"] {
        let line = format!(
            r#"{{"time":"2026-11-20T15:11:17Z","message":"llm call done","{key}":{{"model":"gpt-4o","prompt_tokens":10,"completion_tokens":5,"cost_usd":"0,0042"}}}}"#
        );
        assert!(said(&line).ends_with("cost_unreadable"), "{line}: {}", said(&line));
    }
}

#[test]
fn a_mark_of_who_carries_a_line_is_no_call() {
    let inner =
        r#"{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"status\":200,\"cost_usd\":0.42}"#;
    for beside in [
        r#""attrs":{"tag":"web","cost_center":"a","model":"m"}"#,
        r#""kubernetes":{"pod_name":"p-1","labels":{"cost-center":"llm","app":"x"}}"#,
        r#""labels":{"app":"x","cost":"low"}"#,
        r#""kubernetes":{"pod_name":"p-1","labels":{"cost":"5","app":"x"}}"#,
    ] {
        let line = |log: &str| {
            format!(
                r#"{{"log":"{log}\n","stream":"stdout","time":"2026-11-20T15:11:17Z",{beside}}}"#
            )
        };
        let expected = "app-json openai /gpt-4o 200 nano:420000000 end:477000";
        assert_eq!(said(&line(inner)), expected, "{beside}");
        assert_eq!(said(&line("started")), "none ignored:other_text", "{beside}");
    }
    // Nor is what an answer says of all its rows.
    let rows = r#"{"data":[{"ts":"2026-11-20T15:11:17Z","provider":"openai","model":"gpt-4o","status":200,"cost_usd":0.42}],"meta":{"page":1,"total_cost":0.42}}"#;
    assert_eq!(said(rows), "app-json openai /gpt-4o 200 nano:420000000 end:477000");
    // Of two that have a cost nobody knows which is the call's.
    let both = format!(
        r#"{{"log":"{inner}","stream":"stdout","time":"2026-11-20T15:11:17Z","attrs":{{"model":"gpt-4o","cost_usd":0.1}}}}"#
    );
    assert!(said(&both).ends_with("cost_ambiguous"), "{}", said(&both));
}

/// A log record as an application's exporter sends it.
fn exported(body: &str, attributes: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = attributes
        .iter()
        .map(|(key, value)| format!(r#"{{"key":"{key}","value":{value}}}"#))
        .collect();
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"k8s.pod.name","value":{{"stringValue":"p-1"}}}}]}},"scopeLogs":[{{"scope":{{}},"logRecords":[{{"timeUnixNano":"1795187477000000000","severityText":"INFO"{body},"attributes":[{}]}}]}}]}}]}}"#,
        pairs.join(",")
    )
}

#[test]
fn what_an_application_exports_as_telemetry_is_what_it_would_log() {
    let text =
        |text: &str| format!(r#","body":{{"stringValue":"{}"}}"#, text.replace('"', r#"\""#));
    let call = r#"{"model":"gpt-4o","provider":"openai","status":200,"cost_usd":0.42,"input_tokens":50,"output_tokens":3}"#;
    let called = [
        ("model", r#"{"stringValue":"gpt-4o"}"#),
        ("provider", r#"{"stringValue":"openai"}"#),
        ("status", r#"{"intValue":"200"}"#),
        ("input_tokens", r#"{"intValue":"50"}"#),
        ("output_tokens", r#"{"intValue":"3"}"#),
        ("cost_usd", r#"{"doubleValue":0.42}"#),
    ];
    let pairs: Vec<String> =
        called.iter().map(|(k, v)| format!(r#"{{"key":"{k}","value":{v}}}"#)).collect();
    let list = format!(r#","body":{{"kvlistValue":{{"values":[{}]}}}}"#, pairs.join(","));
    let expected = "app-json openai /gpt-4o 200 in:50 out:3";
    for line in [
        exported(&text(call), &[]),
        exported(&list, &[]),
        exported(&text("llm call"), &called),
        exported("", &called),
        exported(&text(&format!("INFO:app:{call}")), &[]),
    ] {
        assert_eq!(said(&line), format!("{expected} nano:420000000 end:477000"), "{line}");
        assert_eq!(all_said(&[line]), ["ok 477000 p-1"]);
    }
    let tokens = exported(&text("llm call"), &called[..5]);
    assert_eq!(said(&tokens), format!("{expected} end:477000"));
    let mut refused = called[..3].to_vec();
    refused[2].1 = r#"{"intValue":"429"}"#;
    let refused = exported(&text("llm call"), &refused);
    assert_eq!(said(&refused), "app-json openai /gpt-4o 429 rate_limit end:477000");
    let access = exported(&text(&format!("INFO:     {ACCESS}")), &[]);
    assert_eq!(said(&access), "uvicorn 429 rate_limit end:477000");
    // Of two costs nobody knows which is the call's.
    assert!(said(&exported(&text(call), &called)).ends_with("cost_ambiguous"));
    for other in [exported(&text("started"), &[]), exported(&text("x"), &called[..1])] {
        assert_eq!(said(&other), "none ignored:other_record");
    }
}
