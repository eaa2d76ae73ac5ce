//! What became of attempts that got no answer, a refusal under a status of success, or
//! that were no calls of a model at all.

use serde_json::{Value, json};
use tripline::domain::{ErrorKind, Observation, Outcome, Request, Resource, Wall};

use crate::trace_variants::Read;

fn provider(read: &Read, call: &Request) -> Option<String> {
    call.provider.map(|provider| read.names.text(provider).to_string())
}

/// Kind and attempt of all calls.
fn failures(read: &Read) -> Vec<Option<ErrorKind>> {
    read.told().iter().map(|call| call.failure.kind).collect()
}

#[test]
fn the_code_of_an_error_under_200_is_why_the_call_failed() {
    use ErrorKind as K;
    for (code, kind, outcome) in [
        (json!(429), K::RateLimit, Outcome::RateLimited),
        (json!("429"), K::RateLimit, Outcome::RateLimited),
        (json!(402), K::QuotaExhausted, Outcome::QuotaExhausted),
        (json!(502), K::BadGateway, Outcome::Failed),
        (json!(503), K::Unavailable, Outcome::Overloaded),
        (json!(1001), K::Error, Outcome::Failed),
        (json!(200), K::Error, Outcome::Failed),
    ] {
        let line = json!({"at": "2026-11-20T15:11:17Z", "status": 200, "provider": "openrouter",
            "model": "x", "headers": {}, "body": {"error": {"message": "Provider returned error",
            "code": code, "metadata": {"provider_name": "Chutes"}}}});
        let one = Read::lines(&[line]).one();
        assert_eq!((one.status, one.failure.kind), (Some(200), Some(kind)), "{code}");
        assert_eq!(one.outcome(), outcome, "{code}");
    }
    // In a stream that began well, and in a line without a body.
    let cut = "data: {\"id\":\"g\",\"model\":\"x\"}\n\ndata: {\"error\":{\"code\":502,\"message\":\"Provider disconnected\"}}\n";
    let line = json!({"at": "2026-11-20T15:11:17Z", "status": 200, "headers": {}, "body": cut});
    assert_eq!(Read::lines(&[line]).one().failure.kind, Some(K::BadGateway));
    let line = json!({"ts": "2026-11-20T15:11:17Z", "model": "gpt-4o", "status": 200,
        "error": {"code": 503, "message": "no"}});
    assert_eq!(Read::lines(&[line]).one().failure.kind, Some(K::Unavailable));
}

fn claude(more: &Value) -> Value {
    let mut line = json!({"type": "system", "subtype": "api_error", "level": "error",
        "sessionId": "s1", "uuid": "u1", "cwd": "/w", "timestamp": "2026-11-20T15:11:15.000Z",
        "retryInMs": 600, "retryAttempt": 2, "maxRetries": 10});
    for (key, value) in more.as_object().into_iter().flatten() {
        line[key] = value.clone();
    }
    line
}

#[test]
fn each_failed_attempt_of_claude_code_is_a_call() {
    let refused = claude(&json!({"error": {"status": 429, "requestID": "req_012",
        "headers": {"anthropic-ratelimit-unified-5h-utilization": "1.02",
            "anthropic-ratelimit-unified-5h-reset": "1795190000",
            "anthropic-ratelimit-unified-status": "rejected", "retry-after": "600"},
        "error": {"type": "error", "error": {"type": "rate_limit_error",
            "message": "This request would exceed your account's rate limit."}}}}));
    // A resumed session copies it.
    let read = Read::lines(&[refused.clone(), refused]);
    let one = read.one();
    assert_eq!(provider(&read, &one).as_deref(), Some("anthropic"));
    assert_eq!((one.status, one.attempt), (Some(429), Some(2)));
    assert_eq!(one.outcome(), Outcome::RateLimited);
    assert_eq!(one.failure.retry_after_s, Some(600.0));
    let plan = |seen: &Observation| match seen {
        Observation::Limit(limit) => limit.id.resource == Resource::PlanUsage,
        _ => false,
    };
    assert!(read.batch.items.iter().any(|item| plan(&item.seen)), "{:?}", read.batch.items);

    let overloaded = json!({"status": 529, "error": {"type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"}}});
    for (error, kind) in [
        (json!({"error": overloaded}), ErrorKind::Overloaded),
        (json!({"cause": {"code": "ECONNRESET"}, "error": {}}), ErrorKind::Connection),
        (json!({"error": {"cause": {"code": "FailedToOpenSocket"}}}), ErrorKind::Connection),
        (json!({"error": {"message": "Request timed out."}}), ErrorKind::Timeout),
        (json!({"error": {}}), ErrorKind::Error),
    ] {
        let one = Read::lines(&[claude(&error)]).one();
        assert_eq!(one.failure.kind, Some(kind), "{error}");
    }
    let told = claude(&json!({"subtype": "local_command"}));
    assert!(Read::lines(&[told]).told().is_empty());
}

/// What the SDKs for Python log at DEBUG when the provider does not answer: each attempt
/// once, whatever is raised in the end.
#[test]
fn attempts_that_got_no_response_are_calls() {
    use ErrorKind as K;
    let read = Read::of(
        b"[2026-11-20 15:15:15 - openai._base_client:519 - DEBUG] Request options: {'method': 'post'}
[2026-11-20 15:15:15 - openai._base_client:1076 - DEBUG] Sending HTTP Request: POST https://api.openai.com/v1/chat/completions
[2026-11-20 15:15:20 - openai._base_client:1086 - DEBUG] Encountered a timeout exception
Traceback (most recent call last):
httpx.ReadTimeout: The read operation timed out
[2026-11-20 15:15:20 - openai._base_client:1172 - INFO] Retrying request to /chat/completions in 0.412 seconds
[2026-11-20 15:15:21 - openai._base_client:1103 - DEBUG] Encountered Exception
[2026-11-20 15:15:21 - openai._base_client:1114 - DEBUG] Raising connection error
[2026-11-20 15:15:22 - anthropic._base_client:1458 - DEBUG] Encountered httpx2.TimeoutException
[2026-11-20 15:15:22 - openai._base_client:1130 - DEBUG] Encountered an HTTP status error
2026-11-20 15:15:23,123 - app - DEBUG - Encountered Exception",
    );
    let kinds = failures(&read);
    assert_eq!(kinds, [Some(K::Timeout), Some(K::Connection), Some(K::Timeout)], "{read:?}");
    let [first, _, last] = read.told()[..] else { panic!("three") };
    assert_eq!(first.at, Wall::from_secs(1_795_187_720));
    assert_eq!(provider(&read, &first).as_deref(), Some("openai"));
    assert_eq!(provider(&read, &last).as_deref(), Some("anthropic"));
    let endpoint = first.endpoint.map(|endpoint| read.names.text(endpoint));
    assert_eq!(endpoint.as_deref(), Some("/v1/chat/completions"));

    // Since 3.0 OpenAI's says neither URL nor headers.
    let read = Read::of(
        b"[2026-11-20 15:15:15 - openai._base_client:606 - DEBUG] Building HTTP request: method=POST retries_taken=0
[2026-11-20 15:15:15 - openai._base_client:1179 - DEBUG] Sending HTTP Request: POST
[2026-11-20 15:15:16 - httpx2:1079 - INFO] HTTP Request: POST https://api.openai.com/v1/responses \"HTTP/1.1 429 Too Many Requests\"
[2026-11-20 15:15:16 - openai._base_client:1220 - DEBUG] HTTP Response: POST 429
[2026-11-20 15:15:16 - openai._base_client:1230 - DEBUG] Encountered an HTTP status error: 429
[2026-11-20 15:15:16 - openai._base_client:1272 - INFO] Retrying request in 0.4 seconds (retry 1 of 2)
[2026-11-20 15:15:17 - openai._base_client:1189 - DEBUG] Encountered a timeout exception: ReadTimeout
[2026-11-20 15:15:18 - openai._base_client:1206 - DEBUG] Encountered exception: ConnectError",
    );
    let kinds = failures(&read);
    assert_eq!(kinds, [Some(K::RateLimit), Some(K::Timeout), Some(K::Connection)], "{read:?}");
    assert_eq!(read.told()[0].status, Some(429));
    assert!(read.told().iter().all(|call| provider(&read, call).as_deref() == Some("openai")));

    let read = Read::of(
        b"[log_a1b2c3] post https://api.openai.com/v1/chat/completions succeeded with status 200 in 812ms
[log_a1b2c4] connection failed - retrying, 2 attempts remaining
[log_a1b2c4] connection failed (retrying, 2 attempts remaining)
[log_a1b2c5, retryOf: log_a1b2c4] connection timed out - error; no more retries left",
    );
    assert_eq!(failures(&read), [None, Some(K::Connection), Some(K::Timeout)], "{read:?}");
}

/// A browser's preflight and a poll for a result run no model.
#[test]
fn what_other_methods_ask_is_no_call() {
    let lines = |method: &str, path: &str, status: u16| {
        let at = "2026-11-20T15:11:17+00:00";
        [
            format!(
                r#"10.0.0.7 - - [20/Nov/2026:15:11:17 +0000] "{method} {path} HTTP/1.1" {status} 0 "-" "-""#
            ),
            json!({"time_iso8601": at, "request": format!("{method} {path} HTTP/1.1"),
                "status": status, "request_time": 0.1, "upstream_status": "200",
                "provider": "openai"})
            .to_string(),
            format!(r#"INFO:     10.0.3.7:52344 - "{method} {path} HTTP/1.1" {status} X"#),
            format!(
                r#"2026-11-20 15:11:17 INFO httpx HTTP Request: {method} https://api.openai.com{path} "HTTP/1.1 {status} X""#
            ),
            json!({"ts": at, "method": method, "path": path, "model": "gpt-4o",
                "status": status, "duration_ms": 3})
            .to_string(),
            json!({"log": {"version": "1.2", "entries": [{"startedDateTime": at, "time": 1,
                "request": {"method": method, "url": format!("https://api.openai.com{path}")},
                "response": {"status": status}}]}})
            .to_string(),
        ]
    };
    for (method, path, status, calls) in [
        ("POST", "/v1/chat/completions", 200, 1),
        ("OPTIONS", "/v1/chat/completions", 204, 0),
        ("HEAD", "/v1/chat/completions", 200, 0),
        ("GET", "/v1/responses/resp_123", 200, 0),
        ("DELETE", "/v1/messages/batches/x", 200, 0),
        ("GET", "/v1/messages/stream", 200, 0),
        // What refuses is seen, whatever was asked.
        ("GET", "/v1/models", 401, 1),
        ("GET", "/v1/models", 429, 1),
        ("GET", "/v1/batches/batch_1", 503, 1),
        ("GET", "/v1/messages/stream", 429, 1),
        ("GET", "/v1/realtime", 401, 1),
        ("GET", "/v1/responses", 101, 1),
    ] {
        for line in lines(method, path, status) {
            // Of an archive only known endpoints are of interest at all.
            if line.contains("entries") && path != "/v1/chat/completions" {
                continue;
            }
            let read = Read::of(line.as_bytes());
            assert_eq!(read.told().len(), calls, "{line}");
            assert_eq!(read.faults(), [], "{line}");
            let ignored = Observation::Ignored { reason: "not_a_call" };
            let said = read.batch.items.iter().any(|item| item.seen == ignored);
            assert_eq!(said, calls == 0, "{line}");
        }
    }
    // What used tokens ran a model, whatever asked for it.
    let used = json!({"ts": "2026-11-20T15:11:17Z", "method": "GET", "path": "/v1/ask",
        "model": "gpt-4o", "input_tokens": 5, "output_tokens": 7});
    assert_eq!(Read::lines(&[used]).told().len(), 1);
    // What the headers of another answer say is left holds all the same.
    let asked = json!({"ts": "2026-11-20T15:11:17Z", "method": "GET", "url": "https://api.openai.com/v1/responses/r1",
        "provider": "openai", "headers": {"x-ratelimit-remaining-requests": "3"}, "status": 200, "duration_ms": 3});
    let read = Read::lines(&[asked]);
    assert!(read.told().is_empty(), "{read:?}");
    assert!(
        read.batch.items.iter().any(|item| matches!(item.seen, Observation::Limit(_))),
        "{read:?}"
    );
}

/// Bodies seldom end in a newline, so that what curl says next stands behind them.
#[test]
fn what_curl_says_behind_a_body_is_not_its_end() {
    let head = "> POST /v1/chat/completions HTTP/2\n> Host: api.openai.com\n> \n< HTTP/2 200 \n\
                < date: Fri, 20 Nov 2026 15:11:17 GMT\n< \n";
    let body = r#"{"model":"gpt-4o","usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    for behind in [
        "\n* Connection #0 to host api.openai.com left intact\n",
        "* Connection #0 to host api.openai.com left intact\n",
        "* Closing connection\n",
        "* shutting down connection #0\n",
        "\n* Connection #0 to host x left intact\ncurl: (28) Operation timed out\n",
        "\n* connect to 1.2.3.4 port 443 failed: Connection refused\n",
    ] {
        let read = Read::of(format!("{head}{body}{behind}").as_bytes());
        let one = read.one();
        assert_eq!((one.tokens.input, one.tokens.output), (Some(10), Some(5)), "{behind}");
        assert_eq!(read.model(&one).as_deref(), Some("gpt-4o"), "{behind}");
    }
    // An answer may speak of the same.
    let said = r#"{"model":"gpt-4o","text":"* Connection #0","usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    let one = Read::of(format!("{head}{said}\n").as_bytes()).one();
    assert_eq!(one.tokens.input, Some(10));
}

/// The host of an export is the one that wrote the line.
#[test]
fn a_shippers_host_may_be_an_object() {
    let call = r#"{"ts":"2026-11-20T15:11:17Z","model":"gpt-4o","status":200,"duration_ms":12}"#;
    for (around, host) in [
        (json!({"agent": {"type": "filebeat"}, "host": {"name": "h1"}}), Some("h1")),
        (json!({"agent": {"type": "filebeat"}, "host": {"hostname": "h1"}}), Some("h1")),
        (json!({"agent": {"type": "filebeat"}, "host": "h1"}), Some("h1")),
        (json!({"kubernetes": {"pod": {"name": "gw-1"}}}), Some("gw-1")),
        (json!({"kubernetes": {"pod_name": "gw-1"}}), Some("gw-1")),
        (json!({"agent": {"type": "filebeat"}, "host": {"ip": ["10.0.0.1"]}}), None),
    ] {
        let mut line = around.clone();
        line["@timestamp"] = "2026-11-20T15:11:18Z".into();
        line["message"] = call.into();
        let read = Read::lines(&[line]);
        let one = read.one();
        let found = one.host.map(|host| read.names.text(host).to_string());
        assert_eq!(found.as_deref(), host, "{around}");
    }
}

/// An access log has a field for each header: what `headers` reads of a dialect, it reads.
#[test]
fn access_logs_know_the_headers_of_every_dialect() {
    for (dialect, headers) in [
        ("kong", vec![("x-ratelimit-limit-minute", "5"), ("x-ratelimit-remaining-minute", "0")]),
        (
            "fireworks",
            vec![
                ("x-ratelimit-limit-tokens-prompt", "60000"),
                ("x-ratelimit-remaining-tokens-prompt", "59000"),
            ],
        ),
        (
            "codex",
            vec![("x-codex-primary-used-percent", "42"), ("x-codex-primary-window-minutes", "300")],
        ),
        (
            "ietf",
            vec![
                ("ratelimit", "\"default\";r=50;t=30"),
                ("ratelimit-policy", "\"default\";q=100;w=60"),
            ],
        ),
        (
            "mistral",
            vec![("ratelimitbysize-limit", "500000"), ("ratelimitbysize-remaining", "499900")],
        ),
        (
            "helicone",
            vec![
                ("helicone-ratelimit-limit", "100"),
                ("helicone-ratelimit-remaining", "7"),
                ("helicone-ratelimit-policy", "100;w=60"),
            ],
        ),
        (
            "unified",
            vec![
                ("anthropic-ratelimit-unified-7d_opus-utilization", "0.5"),
                ("anthropic-ratelimit-unified-7d_opus-reset", "1795190000"),
            ],
        ),
    ] {
        let limits = |line: &Value| {
            let read = Read::lines(std::slice::from_ref(line));
            let limit = |seen: &Observation| match seen {
                Observation::Limit(limit) => Some(format!(
                    "{:?} {:?} {:?} {:?}",
                    limit.id.resource, limit.limit, limit.remaining, limit.used_ratio
                )),
                _ => None,
            };
            let mut all: Vec<_> =
                read.batch.items.iter().filter_map(|item| limit(&item.seen)).collect();
            all.sort();
            all
        };
        let object: serde_json::Map<String, Value> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let told = json!({"at": "2026-11-20T15:11:17Z", "status": 200, "headers": object});
        let expected = limits(&told);
        assert!(!expected.is_empty(), "{dialect}");
        for prefix in ["upstream_http_", "resp_"] {
            let mut line = json!({"time_iso8601": "2026-11-20T15:11:17+00:00", "status": 200,
                "request": "POST /v1/chat/completions HTTP/1.1", "request_time": 0.1,
                "upstream_status": "200"});
            for (name, value) in &headers {
                line[format!("{prefix}{}", name.replace('-', "_"))] = json!(value);
            }
            assert_eq!(limits(&line), expected, "{dialect}: {line}");
        }
    }
}

#[test]
fn other_writings_of_known_logs_are_read() {
    let vhost = r#"gw.example.com:443 10.0.0.7 - - [20/Nov/2026:15:11:20 +0000] "POST /v1/chat/completions HTTP/1.1" 429 12 "-" "OpenAI/Python""#;
    assert_eq!(Read::of(vhost.as_bytes()).one().status, Some(429));
    let bedrock = r#"10.0.0.7 - - [20/Nov/2026:15:11:20 +0000] "POST /model/anthropic.claude-sonnet-4-5/converse HTTP/1.1" 200 12 "-" "x""#;
    let read = Read::of(bedrock.as_bytes());
    let one = read.one();
    assert_eq!(provider(&read, &one).as_deref(), Some("bedrock"));
    assert_eq!(read.model(&one).as_deref(), Some("anthropic.claude-sonnet-4-5"));
    let depth = "INFO 11-20 15:11:17 metrics.py:455] Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 5.5 tokens/s, Running: 1 reqs, Swapped: 0 reqs, Pending: 7 reqs, GPU KV cache usage: 0.5%, CPU KV cache usage: 0.0%.";
    let read = Read::of(depth.as_bytes());
    let queue = read.batch.items.iter().find_map(|item| match item.seen {
        Observation::Queue(reading) => reading.depth,
        _ => None,
    });
    assert_eq!(queue, Some(7), "{read:?}");
    let listed = json!({"time": "2026-11-20T15:11:18.0Z", "category": "RequestResponse",
        "operationName": "ListDeployments", "durationMs": 5, "resultSignature": "200",
        "properties": "{}"});
    let mut called = listed.clone();
    called["operationName"] = "ChatCompletions_Create".into();
    assert_eq!(Read::lines(&[listed, called]).told().len(), 1);
}

#[test]
fn a_window_that_lacks_a_minute_is_the_same_window() {
    let windows = |primary: u32, secondary: u32| {
        let line = json!({"timestamp": "2026-11-20T15:11:05.000Z", "type": "event_msg",
            "payload": {"type": "token_count", "info": null, "rate_limits": {
            "primary": {"used_percent": 100.0, "window_minutes": primary, "resets_in_seconds": 600},
            "secondary": {"used_percent": 10.0, "window_minutes": secondary, "resets_in_seconds": 600}}}});
        let read = Read::lines(&[line]);
        let window = |seen: &Observation| match seen {
            Observation::Limit(limit) => {
                Some((limit.id.window_s, limit.id.label.map(|label| read.names.text(label))))
            }
            _ => None,
        };
        read.batch.items.iter().filter_map(|item| window(&item.seen)).collect::<Vec<_>>()
    };
    let whole = windows(300, 10080);
    assert_eq!(whole, [(Some(18_000), Some("5h".into())), (Some(604_800), Some("7d".into()))]);
    assert_eq!(windows(299, 10079), whole);
}

/// Of a subscription the word on all of its windows may be all there is.
#[test]
fn a_subscription_that_rejects_is_used_up_whichever_window_it_is() {
    let kind = |status: u16, word: &str| {
        let line = json!({"at": "2026-11-20T15:11:17Z", "status": status,
            "headers": {"anthropic-ratelimit-unified-status": word}});
        Read::lines(&[line]).one().failure.kind
    };
    assert_eq!(kind(429, "rejected"), Some(ErrorKind::UsageLimit));
    assert_eq!(kind(429, "allowed"), Some(ErrorKind::RateLimit));
    assert_eq!(kind(200, "rejected"), None);
}
