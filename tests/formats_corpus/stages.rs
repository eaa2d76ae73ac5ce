//! Which lines are calls that have ended: not what goes on, not a part of a stream, but what
//! an application logs of a request to an API of models, and what failed inside a success.

use crate::gateway_variants::{check, said};

#[test]
fn what_goes_on_is_no_call_yet() {
    let word = |field: &str, word: &str, more: &str| {
        format!(
            r#"{{"ts":"2026-11-20T15:11:17Z","provider":"openai","model":"m","{field}":"{word}"{more}}}"#
        )
    };
    for going in ["started", "pending", "queued", "in_progress", "Running", "streaming"] {
        for field in ["status", "outcome"] {
            check(&[(&word(field, going, ""), "app-json ignored:goes_on")]);
        }
    }
    check(&[
        // What only an end tells, in the same line.
        (
            &word("status", "streaming", r#","output_tokens":7"#),
            "app-json openai /m out:7 end:477000",
        ),
        (
            &word("status", "streaming", r#","input_tokens":9,"latency_ms":812"#),
            "app-json openai /m in:9 ms:812.0 end:477000",
        ),
        (
            &word("status", "running", r#","error":"Error code: 429""#),
            "app-json openai /m error end:477000",
        ),
        (&word("status", "completed", ""), "app-json openai /m end:477000"),
        // Its limits are of now all the same.
        (
            &word(
                "status",
                "started",
                r#","headers":{"x-ratelimit-limit-requests":"500","x-ratelimit-remaining-requests":"3"}"#,
            ),
            "headers other [requests 3/500]",
        ),
        (
            r#"{"type":"response.created","response":{"id":"r","model":"gpt-5","status":"in_progress","usage":null},"model":"gpt-5"}"#,
            "app-json ignored:goes_on",
        ),
    ]);
}

#[test]
fn a_part_of_a_stream_is_no_call() {
    let chunk = |rest: &str| {
        format!(
            r#"{{"id":"c","object":"chat.completion.chunk","created":1795187477,"model":"m",{rest}}}"#
        )
    };
    check(&[
        (
            &chunk(r#""choices":[{"delta":{"content":"x"}}],"usage":null"#),
            "app-json ignored:other_record",
        ),
        (
            &chunk(r#""choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}"#),
            "app-json /m in:10 out:5 end:477000",
        ),
        (
            &chunk(r#""choices":[{"error":{"code":429,"message":"no"}}]"#),
            "app-json /m rate_limit end:477000",
        ),
        (
            // Claude Code says something itself.
            r#"{"sessionId":"s","type":"assistant","message":{"model":"<synthetic>","id":"e","usage":{"input_tokens":0,"output_tokens":0},
"content":[{"type":"text","text":"No response requested."}]},"uuid":"u","timestamp":"2026-11-20T15:11:17Z"}"#,
            "claude-code ignored:other_record",
        ),
    ]);
}

#[test]
fn an_applications_access_lines_are_calls_where_their_path_is_one() {
    let of = |path: &str| {
        vec![
            format!(
                r#"{{"time":"2026-11-20T15:11:17Z","path":"{path}","status":429,"duration_ms":5}}"#
            ),
            format!(
                r#"{{"time":"2026-11-20T15:11:17Z","method":"POST","url":"{path}?x=1","statusCode":429,"responseTime":5}}"#
            ),
            format!(
                r#"{{"time":1795187477000,"req":{{"method":"POST","url":"{path}"}},"res":{{"statusCode":429,"headers":{{"retry-after":"3"}}}},"responseTime":5}}"#
            ),
            format!("time=2026-11-20T15:11:17Z method=POST path={path} status=429 duration=5ms"),
        ]
    };
    let lines = of("/v1/chat/completions");
    check(&[
        (&lines[0], "app-json 429 rate_limit ms:5.0 end:477000"),
        (&lines[1], "app-json 429 rate_limit ms:5.0 end:477000"),
        (&lines[2], "app-json 429 rate_limit wait:3 ms:5.0 end:477000"),
        (&lines[3], "app-logfmt 429 rate_limit ms:5.0 end:477000"),
        (
            r#"{"time":"2026-11-20T15:11:17Z","url":"https://api.groq.com/openai/v1/chat/completions","status":200,"latency_ms":5}"#,
            "app-json groq 200 ms:5.0 end:477000",
        ),
    ]);
    for line in of("/orders") {
        check(&[(&line, "none unknown_format")]);
    }
}

#[test]
fn a_refusal_inside_a_success_is_one() {
    let answer = |body: &str| {
        format!(
            r#"{{"at":"2026-11-20T15:11:17Z","status":200,"provider":"openai","model":"m","headers":{{}},"body":{body}}}"#
        )
    };
    let stream = |event: &str| answer(&serde_json::json!(format!("data: {event}\n\n")).to_string());
    check(&[
        (
            &answer(
                r#"{"choices":[{"error":{"code":429,"message":"Provider returned error"},"finish_reason":"error"}]}"#,
            ),
            "headers openai /m 200 rate_limit end:477000",
        ),
        (
            &stream(
                r#"{"type":"error","code":"insufficient_quota","message":"You exceeded your current quota","param":null}"#,
            ),
            "headers openai /m 200 quota_exhausted end:477000",
        ),
        (
            &stream(
                r#"{"type":"error","code":"rate_limit_exceeded","message":"Rate limit reached for m. Please try again in 20s."}"#,
            ),
            "headers openai /m 200 rate_limit by:upstream wait:20 end:477000",
        ),
        // An answer's own words are none.
        (
            &stream(
                r#"{"type":"response.output_text.delta","code":"insufficient_quota","message":"x"}"#,
            ),
            "headers openai /m 200 end:477000",
        ),
        (
            r#"{"error":{"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits","code":402},"user_id":"u"}"#,
            "app-json 402 quota_exhausted user:u",
        ),
        (
            r#"{"error":{"message":"Payment required for your order","code":402},"user_id":"u"}"#,
            "app-json ignored:not_a_call",
        ),
    ]);
}

#[test]
fn a_quota_is_none_of_permission() {
    let apim = |status: u16, reason: &str, message: &str| {
        format!(
            r#"{{"time":"2026-11-20T15:11:17Z","category":"GatewayLogs","correlationId":"a","durationMs":5,"properties":
{{"url":"https://gw/openai/deployments/m/chat/completions","responseCode":{status},"lastError":{{"reason":"{reason}","message":"{message}"}}}}}}"#
        )
    };
    let bedrock = |status: u16, kind: &str| {
        format!(
            r#"{{"at":"2026-11-20T15:11:17Z","status":{status},"provider":"bedrock","model":"m","headers":{{"x-amzn-errortype":"{kind}:http://x/"}},"body":{{"message":"y"}}}}"#
        )
    };
    check(&[
        (
            &apim(
                403,
                "OpenAITokenQuotaExceeded",
                "Token quota is exceeded. Try again in 13 hours 56 minutes.",
            ),
            "azure-apim azure /m 403 quota_exhausted by:gateway wait:50160 ms:5.0 end:477000",
        ),
        (
            &apim(
                403,
                "QuotaExceeded",
                "Out of call volume quota. Quota will be replenished in 03:14:17.",
            ),
            "azure-apim azure /m 403 quota_exhausted by:gateway wait:11657 ms:5.0 end:477000",
        ),
        (
            &apim(429, "RateLimitExceeded", "Rate limit is exceeded. Try again in 26 seconds."),
            "azure-apim azure /m 429 rate_limit wait:26 ms:5.0 end:477000",
        ),
        (
            &bedrock(400, "ServiceQuotaExceededException"),
            "headers bedrock /m 400 quota_exhausted end:477000",
        ),
        (&bedrock(400, "ValidationException"), "headers bedrock /m 400 invalid_request end:477000"),
        (&bedrock(429, "ModelNotReadyException"), "headers bedrock /m 429 unavailable end:477000"),
    ]);
}

#[test]
fn of_all_that_api_management_manages_the_calls_of_models_count() {
    let record = |url: &str, more: &str| {
        format!(
            r#"{{"time":"2026-11-20T15:11:17Z","category":"GatewayLogs","correlationId":"a","durationMs":5,"properties":{{"url":"https://gw{url}","responseCode":403{more}}}}}"#
        )
    };
    let row = |url: &str, more: &str| {
        format!(
            r#"{{"TimeGenerated":"2026-11-20T15:11:17Z","CorrelationId":"a","ResponseCode":403,"TotalTime":5,"Url":"https://gw{url}"{more}}}"#
        )
    };
    for (record, row, counts) in [
        (record("/health", ""), row("/health", ""), false),
        (record("/orders/7", ""), row("/orders/7", ""), false),
        (record("/ai/v1/responses?x=1", ""), row("/ai/v1/responses?x=1", ""), true),
        (
            record("/ask", r#","backendUrl":"https://x/openai/deployments/m/chat/completions""#),
            row("/ask", r#","BackendUrl":"https://x/openai/deployments/m/chat/completions""#),
            true,
        ),
        (
            record("/ask", r#","lastError":{"source":"llm-token-limit"}"#),
            row("/ask", r#","LastErrorSource":"llm-token-limit""#),
            true,
        ),
    ] {
        for line in [record, row] {
            assert_eq!(!said(&line).contains("ignored:other_record"), counts, "{line}");
        }
    }
}

#[test]
fn a_length_is_no_time() {
    let line = |behind: &str| {
        format!(
            r#"10.0.0.7 - - [20/Nov/2026:15:11:17 +0000] "POST /v1/chat/completions HTTP/2.0" 200 302 "-" "x"{behind}"#
        )
    };
    let ingress = " 512 0.834 [default-llm-8080] [] 10.2.3.4:8080 302 0.832 200 8f3c9a1b2c3d4e5f60718293a4b5c6d7";
    for (behind, ms) in [
        (ingress, " ms:834.0"),
        (" 812345", " ms:812.3"),
        (" 812345 team=web", " ms:812.3 team:web"),
        (" 1.234 1.230", " ms:1234.0"),
        (" 0.834 team=web", " ms:834.0 team:web"),
        (" 512 834", ""),
        // Traefik counts its requests.
        (r#" 414 "llm@docker" "http://172.18.0.4:4000" 30012ms"#, " ms:30012.0"),
        (r#" 414 "-" "-" 0ms"#, " ms:0.0"),
        (" 512ms", " ms:512.0"),
        (" 512 ms", " ms:512.0"),
        (" 1234 512 ms", " ms:512.0"),
        (" 2 s team=web", " ms:2000.0 team:web"),
        (" 1.5s", " ms:1500.0"),
        (" 512us", " ms:0.5"),
        (r#" "203.0.113.9" 0.812"#, " ms:812.0"),
        (r#" "203.0.113.9" "gw" 812345 team=web"#, " ms:812.3 team:web"),
        (r#" "203.0.113.9" team=web"#, " team:web"),
        ("", ""),
    ] {
        check(&[(&line(behind), &format!("nginx-combined 200{ms} end:477000"))]);
    }
    for before in ["", " 0.834", " 512 0.834", " 834", " team=web", " 834 team=web"] {
        let line = line(&format!("{before} rl_req=5/500 rl_tok=100/20000"));
        let told = said(&line);
        for limit in ["[requests 5/500]", "[tokens 100/20000]"] {
            assert!(told.contains(limit), "{before}: {told}");
        }
    }
    // A redirect that says it used nothing is one all the same.
    let moved = r#"{"ts":"2026-11-20T15:11:17Z","status":307,"provider":"openai","model":"gpt-4o","cost_usd":0,"usage":{"prompt_tokens":0,"completion_tokens":0}}"#;
    assert_eq!(said(moved), "app-json ignored:not_a_call");
    // Of two tries none gave a header, and no fault.
    let tries = format!("{} rt=0.2 uht=\"-, -\"", line(""));
    assert_eq!(said(&tries), "nginx-combined 200 ms:200.0 end:477000");
    let caddy = |duration: &str| {
        format!(
            r#"{{"ts":1795187477.0,"request":{{"method":"POST","uri":"/v1/chat/completions","proto":"HTTP/1.1"}},"status":200,"duration":{duration},"resp_headers":{{}}}}"#
        )
    };
    for duration in ["812345678", "0.812345678", "812.345678E-3", r#""812.345678ms""#] {
        check(&[(&caddy(duration), "caddy 200 ms:812.3 end:477000")]);
    }
}
