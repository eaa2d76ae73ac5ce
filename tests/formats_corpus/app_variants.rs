//! What else applications and tools write: durations without units, errors as objects,
//! archives of browsers.

use serde_json::{Value, json};
use tripline::domain::ErrorKind;

use crate::gateway_variants::said;
use crate::trace_variants::Read;

#[test]
fn a_duration_is_read_by_its_unit_or_its_writer_and_else_not_at_all() {
    let slog = json!({"time": "2026-11-20T15:11:17.7Z", "level": "INFO", "msg": "m", "model": "m"});
    let zap = json!({"ts": 1_795_187_477.5, "level": "info", "caller": "a.go:3", "msg": "m", "model": "m"});
    let other = json!({"timestamp": "2026-11-20T15:11:17.7Z", "level": "info", "message": "m", "model": "m"});
    for (line, key, value, is) in [
        (&slog, "latency", json!(513_271_000), Some(513.271)),
        (&slog, "duration", json!("1.042311s"), Some(1042.311)),
        (&zap, "latency", json!(0.513), Some(513.0)),
        (&zap, "duration", json!(1.5e-2), Some(15.0)),
        (&zap, "elapsed", json!("512.345µs"), Some(0.512_345)),
        (&other, "duration", json!(873), Some(873.0)),
        (&other, "durationMs", json!(873.5), Some(873.5)),
        (&other, "elapsed_seconds", json!(0.25), Some(250.0)),
        (&other, "latency_ns", json!(250_000), Some(0.25)),
        (&other, "responseTime", json!(7), Some(7.0)),
        // Seconds, or milliseconds?
        (&other, "latency", json!(1.25), None),
        (&other, "elapsed", json!(12), None),
    ] {
        let mut line = line.clone();
        line[key] = value;
        let read = Read::lines(&[line.clone()]);
        let got = read.one().timing.latency_ms;
        let same = match (got, is) {
            (Some(got), Some(is)) => (got - is).abs() < 1e-6,
            (got, is) => got == is,
        };
        assert!(same, "{line}: {got:?}, not {is:?}");
        assert!(read.faults().is_empty(), "{line}");
    }
}

#[test]
fn errors_as_objects_and_usage_of_sdks_for_javascript() {
    let winston = json!({"level": "error", "message": "llm failed", "timestamp": "2026-11-20T15:11:17Z",
        "model": "claude-sonnet-4-5", "error": {"status": 529, "requestID": "req_1",
        "error": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}}});
    let call = Read::lines(&[winston]).one();
    assert_eq!((call.status, call.failure.kind), (Some(529), Some(ErrorKind::Overloaded)));
    let vercel = json!({"level": "info", "time": 1_795_188_616_351_u64, "msg": "done", "model": "gpt-4o",
        "usage": {"inputTokens": 26, "outputTokens": 42, "cachedInputTokens": 6, "reasoningTokens": 8}});
    let call = Read::lines(&[vercel]).one();
    let tokens = call.tokens;
    assert_eq!((tokens.input, tokens.output), (Some(26), Some(42)));
    assert_eq!((tokens.cached_input, tokens.reasoning), (Some(6), Some(8)));
    // A web server's own errors are no calls of models.
    let web = json!({"level": 50, "time": 1_795_188_617_273_u64, "req": {"url": "/cart"}, "responseTime": 9,
        "err": {"type": "Error", "message": "no cart", "status": 500}, "msg": "request errored"});
    assert!(Read::lines(&[web]).told().is_empty());
}

#[test]
fn an_event_of_tracing_is_a_call_only_if_it_says_how_one_went() {
    let event = |fields: Value| {
        json!({"timestamp": "2026-11-20T15:30:31.379108Z", "level": "INFO",
        "target": "app", "fields": fields, "span": {"name": "send"},
        "spans": [{"model": "gpt-4o-mini", "provider": "openai", "name": "llm_call"}, {"name": "send"}]})
    };
    let started = event(json!({"message": "sending"}));
    let ended = event(
        json!({"message": "done", "status": 200, "elapsed": "1.5s", "usage.input_tokens": 3}),
    );
    let flat = json!({"timestamp": "2026-11-20T15:30:32Z", "level": "INFO", "target": "app",
        "message": "done", "status": 429, "latency": "15ms", "span": {"model": "m", "name": "c"}});
    let read = Read::lines(&[started, ended, flat]);
    let calls = read.counted();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        calls.iter().map(|call| call.timing.latency_ms).collect::<Vec<_>>(),
        [Some(1500.0), Some(15.0)]
    );
    assert_eq!(read.model(&calls[0]), Some("gpt-4o-mini".into()));
    assert_eq!(calls[1].failure.kind, Some(ErrorKind::RateLimit));
}

fn entry(url: &str, status: u16, timings: &Value, text: &str) -> Value {
    json!({"startedDateTime": "2026-11-20T15:15:08.288Z", "time": 435.5, "timings": timings,
        "request": {"method": "POST", "url": url, "postData": {"mimeType": "application/json",
            "text": "{\"model\":\"gpt-4o-mini\"}"}},
        "response": {"status": status, "headers": [{"name": "x-request-id", "value": "req_1"}],
            "content": {"mimeType": "application/json", "text": text}}})
}

#[test]
fn of_an_archive_the_calls_of_models_count() {
    let unused = json!({"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0.5, "wait": 30, "receive": 1});
    let archive = json!({"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "entries": [
        entry("https://app.example/cart", 200, &unused, "{}"),
        entry("https://api.openai.com/v1/chat/completions", 429, &unused,
            "{\"error\":{\"message\":\"on tokens per min (TPM)\",\"code\":\"rate_limit_exceeded\"}}"),
        entry("https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent?key=x", 200,
            &unused, "{\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":7,\"thoughtsTokenCount\":1}}"),
        entry("https://api.openai.com/v1/responses", 0, &unused, ""),
    ]}});
    let pretty = serde_json::to_string_pretty(&archive).unwrap_or_default();
    let read = Read::of(pretty.as_bytes());
    let calls = read.counted();
    let seen: Vec<_> = calls.iter().map(|c| (c.status, c.failure.kind)).collect();
    assert_eq!(
        seen,
        [
            (Some(429), Some(ErrorKind::RateLimitTokens)),
            (Some(200), None),
            (None, Some(ErrorKind::Connection))
        ]
    );
    assert_eq!(calls[0].timing.ttft_ms, Some(30.5));
    assert_eq!((calls[1].tokens.input, calls[1].tokens.output), (Some(5), Some(8)));
    assert_eq!(read.model(&calls[1]), Some("gemini-2.5-flash".into()));
    assert!(read.faults().is_empty());
}

#[test]
fn a_transfer_of_curl_that_failed_has_no_status() {
    let failed = json!({"http_code": 0, "exitcode": 28, "errormsg": "Operation timed out",
        "time_total": 30.001, "time_starttransfer": 0.0, "url_effective": "https://api.openai.com/v1/responses"});
    let read = Read::lines(&[failed]);
    let call = read.one();
    assert_eq!((call.status, call.failure.kind), (None, Some(ErrorKind::Timeout)));
    assert_eq!((call.timing.latency_ms, call.timing.ttft_ms), (Some(30_001.0), None));
    assert_eq!(call.provider.map(|p| read.names.text(p).to_string()), Some("openai".into()));
}

#[test]
fn a_record_of_no_format_counts_where_any_format_has_a_word_for_its_cost() {
    let call = json!({"ts": "2026-11-20T15:11:17Z", "model": "m", "status": 200, "cost_usd": 1});
    for (record, calls) in [
        (json!({"event": "settled", "total_cost": 0.5}), 2),
        (json!({"event": "settled", "usage": {"cost": "0.5"}}), 2),
        (json!({"event": "settled", "usage.cost": 0.5}), 2),
        (json!({"event": "settled", "total_cost": 0}), 1),
        (json!({"event": "settled", "costs": 0.5, "n": 14}), 1),
    ] {
        let read = Read::lines(&[call.clone(), record.clone()]);
        assert_eq!(read.counted().len(), calls, "{record}");
    }
}

/// What pino makes of an error that Vercel's SDK throws: all there is of a refused call.
#[test]
fn an_error_of_vercels_sdk_is_a_refused_call() {
    let line = |key: &str, url: &str| {
        format!(
            r#"{{"level":50,"time":1795187477000,"msg":"llm failed","{key}":{{"type":"AI_APICallError","message":"Too Many Requests","url":"{url}","requestBodyValues":{{"model":"gpt-4o"}},"statusCode":429,"responseHeaders":{{"retry-after":"2","x-ratelimit-limit-requests":"500","x-ratelimit-remaining-requests":"0"}},"responseBody":"{{\\"error\\":{{\\"message\\":\\"x\\",\\"type\\":\\"requests\\"}}}}","isRetryable":true}}}}"#
        )
    };
    for key in ["err", "error"] {
        let said = said(&line(key, "https://api.openai.com/v1/responses"));
        assert_eq!(
            said,
            "app-json openai /gpt-4o 429 rate_limit_requests by:upstream wait:2 end:477000 [requests 0/500]",
            "{key}"
        );
        let other = line(key, "https://api.example.com/orders");
        assert!(!self::said(&other).contains("429"), "{other}");
    }
}

#[test]
fn thoughts_that_the_total_holds_beside_the_output_are_output() {
    let said = said(
        r#"{"ts":"2026-11-20T15:11:17Z","model":"m","prompt_tokens":100,"completion_tokens":20,"thoughts_tokens":30,"total_tokens":150}"#,
    );
    assert!(said.contains("in:100 out:50"), "{said}");
}

#[test]
fn a_refusal_that_names_the_switch_is_the_switchs() {
    for more in [
        r#""status":503,"error_type":"kill_switch""#,
        r#""status":503,"error_code":"llm_kill_switch""#,
        r#""status":503,"error":"kill-switch""#,
        r#""status":503,"outcome":"blocked_by_kill_switch""#,
        r#""status_code":503,"error":{"code":"kill_switch"}"#,
        r#""status_code":503,"kill_switch":"all""#,
    ] {
        let line = format!(r#"{{"ts":"2026-11-20T15:11:17Z","model":"m",{more}}}"#);
        assert!(said(&line).contains("kill_switch"), "{line}: {}", said(&line));
    }
    // In other answers the same word is somebody's text.
    for more in
        [r#""status":500,"error":"kill-switch""#, r#""status":503,"error":"no kill_switch""#]
    {
        let line = format!(r#"{{"ts":"2026-11-20T15:11:17Z","model":"m",{more}}}"#);
        assert!(!said(&line).contains("kill_switch"), "{line}: {}", said(&line));
    }
}

#[test]
fn a_model_tells_its_provider_and_a_duration_its_unit() {
    let line = |model: &str, more: &str| {
        said(&format!(r#"{{"ts":"2026-11-20T15:11:17Z","model":"{model}","status":200{more}}}"#))
    };
    assert!(line("groq/llama-3.3-70b", "").starts_with("app-json groq /groq/llama-3.3-70b"));
    let routed = line("openai/gpt-4o", r#","provider":"openrouter""#);
    assert!(routed.starts_with("app-json openrouter /openai/gpt-4o"), "{routed}");
    assert!(line("m", r#","latency_ms":"1.2s""#).contains("ms:1200.0"));
    assert!(!line("m", r#","latency_ms":"soon""#).contains("ms:"));
}

#[test]
fn what_nginx_refused_without_asking_is_the_gateways() {
    for (status, upstream, by_gateway) in
        [(503, "", true), (403, "-", true), (503, "503", false), (200, "", false)]
    {
        let line = json!({"time": "2026-11-20T15:11:17+00:00", "status": status.to_string(),
            "upstream_status": upstream, "request_uri": "/v1/chat/completions", "request_time": 0.0});
        let said = said(&line.to_string());
        assert_eq!(said.contains("by:gateway"), by_gateway, "{line}: {said}");
    }
}
