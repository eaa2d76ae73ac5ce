//! What else agents write: other sessions, history copied, answers still growing.

use serde_json::{Value, json};
use tripline::domain::{ErrorKind, Observation};

use crate::trace_variants::Read;

fn meta(id: &str, forked: Option<&str>) -> Value {
    json!({"timestamp": "2026-11-20T15:17:24Z", "type": "session_meta",
        "payload": {"id": id, "forked_from_id": forked}})
}

fn count(total: u64) -> Value {
    let usage = |n: u64| {
        json!({"input_tokens": n, "cached_input_tokens": 0, "output_tokens": 5,
        "reasoning_output_tokens": 0, "total_tokens": n + 5})
    };
    json!({"timestamp": "2026-11-20T15:17:25Z", "type": "event_msg", "payload": {
        "type": "token_count", "info": {"total_token_usage": usage(total), "last_token_usage": usage(7)}}})
}

#[test]
fn sessions_of_codex_with_equal_totals_are_two_and_a_fork_repeats_the_other() {
    let two = [meta("a", None), count(7), meta("b", None), count(7)];
    assert_eq!(Read::lines(&two).counted().len(), 2);
    let fork = [
        meta("a", None),
        count(7),
        count(14),
        meta("b", Some("a")),
        count(7),
        count(14),
        count(21),
    ];
    assert_eq!(Read::lines(&fork).counted().len(), 3);
    // The same total again moves limits only.
    assert_eq!(Read::lines(&[meta("a", None), count(7), count(7)]).counted().len(), 1);
}

fn turn(id: Option<&str>, second: u32) -> Value {
    json!({"timestamp": format!("2026-11-20T15:18:{second:02}Z"), "type": "turn_context",
        "payload": {"turn_id": id, "model": "gpt-5.4"}})
}

fn event(second: u32, payload: &Value) -> Value {
    json!({"timestamp": format!("2026-11-20T15:18:{second:02}Z"), "type": "event_msg",
        "payload": payload})
}

#[test]
fn limits_of_codex_without_usage_are_no_call() {
    let limits = |id: Option<&str>, minutes: u32| {
        json!({"type": "token_count", "info": null, "rate_limits": {"limit_id": id,
            "primary": {"used_percent": 40.0, "window_minutes": minutes, "resets_at": 1_795_193_964}}})
    };
    let lines = [
        turn(Some("t1"), 1),
        event(2, &limits(Some("codex"), 300)),
        event(3, &limits(Some("codex_other"), 300)),
        // As older versions write the same window.
        event(4, &limits(None, 299)),
    ];
    let read = Read::lines(&lines);
    assert!(read.told().is_empty(), "{:?}", read.batch.items);
    let limits = read.batch.items.iter().filter_map(|item| match item.seen {
        Observation::Limit(limit) => Some((limit.id, limit.remaining)),
        _ => None,
    });
    let limits: Vec<_> = limits.collect();
    assert_eq!(limits.len(), 3);
    assert_ne!(limits[0], limits[1], "two limits with one window are two");
    assert_eq!(limits[0], limits[2]);
}

#[test]
fn what_ends_a_turn_of_codex_is_a_failed_call() {
    use ErrorKind as K;
    let hit = "You’ve hit your usage limit. Try again at 4:59 PM.";
    let attempts = json!({"response_too_many_failed_attempts": {"http_status_code": 429}});
    let cut = json!({"response_stream_disconnected": {"http_status_code": null}});
    let lost = json!({"http_connection_failed": {"http_status_code": null}});
    let refused = json!({"http_connection_failed": {"http_status_code": 503}});
    for (info, message, kind, status) in [
        (json!("usage_limit_exceeded"), hit, K::UsageLimit, None),
        (Value::Null, hit, K::UsageLimit, None),
        (json!("context_window_exceeded"), "x", K::ContextLength, None),
        (json!("server_overloaded"), "Selected model is at capacity.", K::Overloaded, None),
        (json!("internal_server_error"), "x", K::ServerError, None),
        (json!("unauthorized"), "x", K::Auth, None),
        (json!("other"), "x", K::Error, None),
        (
            attempts,
            "exceeded retry limit, last status: 429 Too Many Requests",
            K::RateLimit,
            Some(429),
        ),
        (cut, "stream disconnected before completion", K::StreamInterrupted, None),
        (lost, "x", K::Connection, None),
        (refused, "x", K::Unavailable, Some(503)),
    ] {
        let error = json!({"type": "error", "message": message, "codex_error_info": info});
        let complete = json!({"type": "task_complete", "turn_id": "t", "duration_ms": 9,
            "error": {"message": message, "codex_error_info": info}});
        for ends in [&[&error][..], &[&complete], &[&error, &complete]] {
            let ends = ends.iter().map(|end| event(2, end));
            let lines: Vec<Value> = [turn(Some("t"), 1)].into_iter().chain(ends).collect();
            let read = Read::lines(&lines);
            let call = read.one();
            assert_eq!((call.failure.kind, call.status), (Some(kind), status), "{lines:?}");
            assert_eq!(read.model(&call), Some("gpt-5.4".into()));
        }
    }
    let error = |second| event(second, &json!({"type": "error", "message": hit}));
    // Two turns that end alike fail twice, also where a turn has no id.
    for ids in [[Some("t1"), Some("t2")], [None, None]] {
        let lines = [turn(ids[0], 1), error(2), turn(ids[1], 3), error(4)];
        assert_eq!(Read::lines(&lines).counted().len(), 2, "{ids:?}");
    }
    let sandbox = json!({"type": "error", "message": "x", "codex_error_info": "sandbox_error"});
    assert!(Read::lines(&[turn(None, 1), event(2, &sandbox)]).told().is_empty());
}

#[test]
fn claude_codes_words_for_a_plan_and_a_key() {
    use ErrorKind as K;
    let mut wrong = Vec::new();
    for (error, text, kind) in [
        (Some("rate_limit"), "5-hour limit reached ∙ resets 3pm", K::UsageLimit),
        (None, "Claude AI usage limit reached|1760000400", K::UsageLimit),
        (None, "Session limit reached ∙ resets 6pm", K::UsageLimit),
        (None, "Weekly limit reached ∙ resets Oct 9 at 5pm", K::UsageLimit),
        (None, "Opus weekly limit reached ∙ resets 7pm", K::UsageLimit),
        (None, "Opus limit reached ∙ resets 7pm", K::UsageLimit),
        (Some("rate_limit"), "You've hit your limit · resets 3pm (Europe/Berlin)", K::UsageLimit),
        (None, "You’ve hit your weekly limit · resets Mon 12:00am", K::UsageLimit),
        (None, "You've hit your session limit · resets 7:40pm (UTC)", K::UsageLimit),
        (None, "You've hit your Sonnet limit · resets 7:40pm", K::UsageLimit),
        (None, "You've reached your weekly limit. It resets Friday at 3pm.", K::UsageLimit),
        (None, "You're out of extra usage · resets 4pm", K::UsageLimit),
        (Some("billing_error"), "Credit balance is too low", K::QuotaExhausted),
        (Some("authentication_failed"), "Login expired · Please run /login", K::Auth),
        (None, "Invalid API key · Please run /login", K::Auth),
        (None, "API Error: Request rejected (429) · this is not your usage limit", K::RateLimit),
        (None, "API Error: Request timed out.", K::Timeout),
        (None, "API Error: Unable to connect to API (ECONNREFUSED)", K::Connection),
        (None, "API Error: terminated", K::Error),
    ] {
        let line = json!({"sessionId": "s", "uuid": "u", "type": "assistant", "error": error,
            "timestamp": "2026-11-20T15:11:17Z", "isApiErrorMessage": true,
            "message": {"id": "m", "model": "<synthetic>",
                "usage": {"input_tokens": 0, "output_tokens": 0},
                "content": [{"type": "text", "text": text}]}});
        let got = Read::lines(&[line]).one().failure.kind;
        if got != Some(kind) {
            wrong.push(format!("{text}: {got:?}, not {kind:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn answer(id: &str, output: u64, side: bool) -> Value {
    json!({"sessionId": "s", "uuid": format!("u{output}{side}"), "type": "assistant",
        "isSidechain": side, "timestamp": "2026-11-20T15:11:17Z", "requestId": "r",
        "message": {"id": id, "model": "claude-sonnet-4-5", "usage":
            {"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": output}}})
}

#[test]
fn claude_codes_history_copied_into_another_session_counts_once() {
    let lines = [
        answer("m1", 1, false),
        answer("m1", 50, false),
        answer("m1", 50, true),
        answer("m2", 4, true),
    ];
    let output: Vec<_> =
        Read::lines(&lines).counted().iter().map(|call| call.tokens.output).collect();
    assert_eq!(output, [Some(50), Some(4)]);
    let refused = json!({"sessionId": "s", "uuid": "u", "type": "assistant",
        "timestamp": "2026-11-20T15:11:17Z", "isApiErrorMessage": true,
        "message": {"id": "m3", "model": "<synthetic>", "usage": {"input_tokens": 0, "output_tokens": 0},
            "content": [{"type": "text", "text": "API Error: 529 {\"type\":\"overloaded_error\"}"}]}});
    let read = Read::lines(&[refused]);
    let call = read.one();
    assert_eq!((call.status, call.failure.kind), (Some(529), Some(ErrorKind::Overloaded)));
    assert_eq!(read.model(&call), None);
}

#[test]
fn the_result_of_a_run_is_its_sum() {
    let text = crate::support::corpus("logs/samples/claude_code_print_result.json");
    let read = Read::of(&text);
    let call = read.one();
    assert_eq!((call.tokens.input, call.tokens.output), (Some(8375), Some(50)));
    assert_eq!(call.cost.map(|cost| cost.usd.0), Some(8_412_750));
    assert_eq!((read.model(&call), call.status), (Some("claude-sonnet-4-5".into()), Some(200)));
    assert_eq!(call.timing.latency_ms, Some(862.0));
    let failed = json!({"type": "result", "subtype": "error_during_execution", "is_error": true,
        "api_error_status": 429, "duration_api_ms": 9, "num_turns": 3, "session_id": "s", "uuid": "u",
        "total_cost_usd": 0.5, "result": "API Error: 429 rate limit of 450,000 input tokens per minute",
        "modelUsage": {"a": {}, "b": {}}, "usage": {"input_tokens": 1, "output_tokens": 2}});
    let call = Read::lines(&[failed]).one();
    assert_eq!((call.status, call.model, call.timing.latency_ms), (Some(429), None, None));
    assert_eq!(call.cost.map(|cost| cost.usd.0), Some(500_000_000));
    assert_eq!(call.failure.kind, Some(ErrorKind::RateLimitInputTokens));
}

#[test]
fn the_metric_of_cost_is_read_only_by_its_name() {
    let text = crate::support::corpus("logs/samples/otlp_metrics_claude_code.jsonl");
    let read = Read::of(&text);
    assert!(read.told().is_empty() && read.faults().is_empty());
    let read = Read::named(&text, "otlp-claude-code-metrics");
    let costs = read.told().into_iter().filter_map(|call| call.cost);
    assert_eq!(costs.map(|cost| cost.usd.0).sum::<i128>(), 25_360_800);
    assert_eq!(read.told().len(), 3);
}

#[test]
fn the_last_line_of_a_run_of_gemini_is_its_sum() {
    let read = Read::of(&crate::support::corpus("logs/samples/gemini_cli_stream_json.jsonl"));
    let call = read.one();
    assert_eq!((call.tokens.input, call.tokens.output), (Some(142), Some(329)));
    assert_eq!((read.model(&call), call.status), (Some("gemini-2.5-flash".into()), Some(200)));
    assert!(read.faults().is_empty());
}

#[test]
fn a_chat_of_gemini_is_the_same_as_lines_patch_and_document() {
    let said = json!({"id": "g1", "timestamp": "2026-11-20T15:17:30.041Z", "type": "gemini",
        "content": "x", "model": "gemini-2.5-pro",
        "tokens": {"input": 148, "output": 77, "cached": 40, "thoughts": 180, "tool": 2, "total": 407}});
    let asked =
        json!({"id": "u1", "timestamp": "2026-11-20T15:17:29Z", "type": "user", "content": "?"});
    let patch = json!({"$set": {"messages": [asked, said], "lastUpdated": "2026-11-20T15:17:31Z"}});
    let document = json!({"sessionId": "s", "projectHash": "p", "startTime": "2026-11-20T15:17:29Z",
        "messages": [asked, said]});
    let head = json!({"sessionId": "s", "projectHash": "p", "startTime": "2026-11-20T15:17:29Z"});
    for lines in [
        vec![head, asked.clone(), said.clone()],
        vec![patch.clone()],
        vec![document.clone()],
        vec![said.clone(), patch, document],
    ] {
        let read = Read::lines(&lines);
        let call = read.one();
        assert_eq!((call.tokens.input, call.tokens.output), (Some(150), Some(257)));
        assert_eq!((call.tokens.cached_input, call.tokens.reasoning), (Some(40), Some(180)));
        assert!(read.faults().is_empty());
    }
}

#[test]
fn a_message_of_opencode_counts_when_it_is_done_and_its_parts_never() {
    let message = |completed: Option<u64>, cost: f64| {
        json!({"id": "m", "sessionID": "s",
        "role": "assistant", "modelID": "gpt-5.4", "providerID": "openai", "cost": cost,
        "time": {"created": 1_795_187_501_000_u64, "completed": completed},
        "tokens": {"input": 6, "output": 4, "reasoning": 3, "cache": {"read": 10, "write": 1}}})
    };
    let part = json!({"id": "p", "sessionID": "s", "messageID": "m", "type": "step-finish",
        "cost": 0.5, "tokens": {"input": 6, "output": 4}});
    let user = json!({"id": "u", "sessionID": "s", "role": "user", "time": {"created": 1},
        "model": {"providerID": "openai", "modelID": "gpt-5.4"}});
    let lines = [
        user,
        message(None, 0.0),
        part,
        message(Some(1_795_187_507_000), 0.25),
        message(Some(1_795_187_508_000), 0.5),
    ];
    let read = Read::lines(&lines);
    let call = read.one();
    assert_eq!(call.cost.map(|cost| cost.usd.0), Some(500_000_000));
    assert_eq!((call.tokens.input, call.tokens.output), (Some(17), Some(7)));
    assert_eq!(call.timing.latency_ms, Some(7000.0));
    assert!(read.faults().is_empty());
    let mut stopped = message(None, 0.0);
    stopped["error"] = json!({"name": "MessageAbortedError", "data": {"message": ""}});
    assert_eq!(Read::lines(&[stopped]).one().failure.kind, Some(ErrorKind::Cancelled));
}
