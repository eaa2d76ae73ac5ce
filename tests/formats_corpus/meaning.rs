//! What a line means, however its writer puts it: how a call ended, what it used, when it
//! was, and whether it is one at all.

use serde_json::{Value, json};
use tripline::domain::{ErrorKind, FaultReason, NameKind, Observation, Tokens, Wall};

use crate::support::corpus;
use crate::trace_variants::Read;

fn call(more: &Value) -> Read {
    let mut line = json!({"ts": "2026-11-20T15:11:17Z", "model": "gpt-4o", "duration_ms": 12});
    for (key, value) in more.as_object().into_iter().flatten() {
        line[key] = value.clone();
    }
    Read::lines(&[line])
}

#[test]
fn a_status_is_a_number_a_status_line_or_a_word() {
    use ErrorKind as K;
    let mut wrong = Vec::new();
    for (said, status, kind) in [
        (json!({"status": 200}), Some(200), None),
        (json!({"status": "429"}), Some(429), Some(K::RateLimit)),
        (json!({"status": "429 Too Many Requests"}), Some(429), Some(K::RateLimit)),
        (json!({"status": "HTTP/1.1 503"}), Some(503), Some(K::Unavailable)),
        (json!({"status": "HTTP/2 529 "}), Some(529), Some(K::Overloaded)),
        (json!({"status": "200 OK"}), Some(200), None),
        (json!({"http_status": "504 Gateway Timeout"}), Some(504), Some(K::Timeout)),
        (json!({"status": "error", "status_code": 529}), Some(529), Some(K::Overloaded)),
        (json!({"status": "Rate-Limited"}), None, Some(K::RateLimit)),
        (json!({"status": "TooManyRequests"}), None, Some(K::RateLimit)),
        (json!({"status": "FAILED"}), None, Some(K::Error)),
        (json!({"status": "ok"}), None, None),
        (json!({"response": {"status": 503}}), Some(503), Some(K::Unavailable)),
        (json!({"code": 429}), Some(429), Some(K::RateLimit)),
        (json!({"code": 1300}), None, None),
        (json!({"success": false}), None, Some(K::Error)),
        (json!({"success": true}), None, None),
        (json!({"ok": "false"}), None, Some(K::Error)),
        (json!({"is_error": true}), None, Some(K::Error)),
        (json!({"failed": 1}), None, Some(K::Error)),
        (json!({"outcome": "failure"}), None, Some(K::Error)),
        (json!({"outcome": "timed_out"}), None, Some(K::Timeout)),
        (json!({"outcome": "success"}), None, None),
        (json!({"result": "error"}), None, Some(K::Error)),
        (json!({"error": true}), None, Some(K::Error)),
        (json!({"error": "boom"}), None, Some(K::Error)),
        (json!({"error": {"message": "boom"}}), None, Some(K::Error)),
        (json!({"error": {"code": 529, "message": "x"}}), Some(529), Some(K::Overloaded)),
        (json!({"error": false}), None, None),
        (json!({"error": "none"}), None, None),
        (json!({"error": null, "success": false, "status": 200}), Some(200), Some(K::Error)),
        (json!({"error_kind": "SomethingOdd"}), None, Some(K::Error)),
        (json!({"level": "error"}), None, None),
    ] {
        let one = call(&said).one();
        if (one.status, one.failure.kind) != (status, kind) {
            wrong.push(format!("{said}: {:?} {:?}", one.status, one.failure.kind));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same in camel case.
fn camel(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let name = |key: &str| {
        let mut words = key.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let (head, rest) = word.split_at(1);
            name + &head.to_uppercase() + rest
        })
    };
    members.iter().map(|(key, value)| (name(key), camel(value))).collect()
}

#[test]
fn raw_usage_is_read_in_every_dialect_wherever_it_stands() {
    let chat = json!({"usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 10}}});
    let responses = json!({"usage": {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150,
        "input_tokens_details": {"cached_tokens": 40}, "output_tokens_details": {"reasoning_tokens": 10}}});
    let anthropic = json!({"usage": {"input_tokens": 50, "output_tokens": 50,
        "cache_read_input_tokens": 40, "cache_creation_input_tokens": 10}});
    let gemini = json!({"usage_metadata": {"prompt_token_count": 90, "candidates_token_count": 40,
        "thoughts_token_count": 10, "cached_content_token_count": 40,
        "tool_use_prompt_token_count": 10, "total_token_count": 150}});
    for said in [chat, responses, anthropic, gemini] {
        for said in [camel(&said), said] {
            let mut places = vec![said.clone()];
            places.extend(["response", "result", "data"].map(|key| json!({key: said})));
            for more in places {
                let read = call(&more);
                let Tokens { input, output, cached_input, unreadable, .. } = read.one().tokens;
                let counts = (input, output, cached_input, unreadable);
                assert_eq!(counts, (Some(100), Some(50), Some(40), false), "{more}");
            }
            let mut response = said.clone();
            response["model"] = "m".into();
            let line = json!({"time": "2026-11-20T15:11:17Z", "response": response});
            let read = Read::lines(&[line]);
            assert_eq!(read.model(&read.one()).as_deref(), Some("m"), "{said}");
        }
    }
}

#[test]
fn a_count_that_is_there_and_unreadable_is_told() {
    for more in [
        json!({"input_tokens": "many", "output_tokens": 5}),
        json!({"input_tokens": 5, "output_tokens": -1}),
        json!({"input_tokens": 5, "output_tokens": 5, "cached_input_tokens": "x"}),
        json!({"response": {"usage": {"prompt_tokens": 5, "completion_tokens": "x"}}}),
    ] {
        let read = call(&more);
        assert!(read.one().tokens.unreadable, "{more}");
        assert_eq!(read.faults(), [FaultReason::TokensUnreadable], "{more}");
    }
    // Embeddings have no output, and their total says so.
    let embedding = call(&json!({"usage": {"prompt_tokens": 8, "total_tokens": 8}})).one();
    assert_eq!((embedding.tokens.input, embedding.tokens.output), (Some(8), Some(0)));
}

#[test]
fn a_time_before_the_record_is_that_of_a_record_without_one() {
    let own = Wall::from_secs(1_795_187_477);
    let record = r#"{"model":"gpt-4o","status":200,"duration_ms":12}"#;
    for words in [
        "2026-11-20T15:11:17Z INFO ",
        "2026-11-20T15:11:17.000+0000\tINFO\tapp/main.go:12\tcall\t",
        "2026-11-20T15:11:17.000Z\t2f4c1b1c-1\tINFO\t",
        "I1120 15:11:17.000000       1 main.go:12] ",
        "2026-11-20 15:11:17,000 - name - INFO - ",
        "[2026-11-20 15:11:17,000] INFO in app: ",
        "[INFO] 2026/11/20 15:11:17 ",
        "2026-11-20T15:11:30Z stdout F 2026-11-20T15:11:17Z INFO ",
    ] {
        let read = Read::of(format!("{words}{record}").as_bytes());
        let call = read.one();
        assert_eq!((call.at, call.at_logged), (own, true), "{words}");
        // A time of its own is nearer.
        let timed = record.replace("{\"", "{\"ts\":\"2026-11-20T15:11:10Z\",\"");
        let call = Read::of(format!("{words}{timed}").as_bytes()).one();
        assert_eq!(call.at, Wall::from_secs(1_795_187_470), "{words}");
    }
    let read = Read::of(format!("INFO:app: {record}").as_bytes());
    assert!(!read.one().at_logged);
}

/// Lines of each access log for a path, with a status.
fn access(path: &str, status: u16) -> [String; 6] {
    [
        format!(r#"10.0.0.7 - - [20/Nov/2026:15:11:17 +0000] "POST {path} HTTP/1.1" {status} 302 "-" "curl/8""#),
        json!({"time": "2026-11-20T15:11:17+00:00", "status": status, "request_uri": path, "request_time": 0.032}).to_string(),
        json!({"ts": 1_795_187_477.7, "request": {"method": "POST", "uri": path, "headers": {}}, "status": status,
            "duration": 0.8, "resp_headers": {}}).to_string(),
        json!({"start_time": "2026-11-20T15:11:17.894Z", "response_code": status, "response_flags": "-",
            "duration": 15, "path": path}).to_string(),
        format!("10.0.0.7:54598 [20/Nov/2026:15:14:05.594] llm be/s1 0/0/0/514/514 {status} 1661 - - ---- 1/1/0/0/0 0/0 \"POST {path} HTTP/1.1\""),
        format!(r#"INFO:     10.0.3.7:52344 - "POST {path} HTTP/1.1" {status} OK"#),
    ]
}

#[test]
fn of_an_access_log_the_calls_of_models_count() {
    for path in ["/healthz", "/favicon.ico", "/static/app.js", "/", "/api/orders?page=2"] {
        for line in access(path, 200).iter().chain(&access(path, 503)) {
            let read = Read::of(line.as_bytes());
            assert!(read.told().is_empty(), "{line}");
            let ignored = Observation::Ignored { reason: "not_a_call" };
            assert!(read.batch.items.iter().any(|item| item.seen == ignored), "{line}");
            assert_eq!(read.names.find(NameKind::Endpoint, path), None, "{line}");
        }
    }
    for path in [
        "/v1/chat/completions",
        "/llm/v1/messages",
        "/openai/deployments/x/chat/completions?api-version=1",
        "/bedrock/model/x/invoke",
        "/v1beta/models/gemini-2.5-flash:generateContent?key=x",
    ] {
        for line in access(path, 429) {
            assert_eq!(Read::of(line.as_bytes()).told().len(), 1, "{line}");
        }
    }
}

#[test]
fn a_path_of_ones_own_counts_by_what_only_calls_have() {
    for more in [
        json!({"upstream_http_x_ratelimit_remaining_requests": "499"}),
        json!({"model": "gpt-4o"}),
        json!({"provider": "openai"}),
        json!({"input_tokens": "9"}),
        json!({"cost_usd": "0.1"}),
        json!({"status": 429, "upstream_http_retry_after": "7"}),
    ] {
        let mut line = json!({"time": "2026-11-20T15:11:17+00:00", "status": 200, "request_uri": "/ask", "request_time": 0.03});
        assert!(Read::lines(&[line.clone()]).told().is_empty());
        for (key, value) in more.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        assert_eq!(Read::lines(&[line]).told().len(), 1, "{more}");
    }
    // A model of a program is none of a provider.
    let django = json!({"model": "app.User", "status": 200, "latency_ms": 3});
    assert!(Read::lines(std::slice::from_ref(&django)).told().is_empty());
    let mut priced = django;
    priced["cost_usd"] = "0.01".into();
    assert_eq!(Read::lines(&[priced]).told().len(), 1);
}

#[test]
fn doubled_lines_of_gateways_count_once() {
    for sample in [
        "apisix_logger.jsonl",
        "caddy_access.jsonl",
        "envoy_access_default.log",
        "envoy_ai_gateway.jsonl",
        "gemini_cli_telemetry.log",
        "kong_ai_proxy.jsonl",
        "litellm_spend_logs.jsonl",
        "litellm_standard_logging.jsonl",
        "nginx_json.jsonl",
        "ollama_api_final_chunk.jsonl",
        "otlp_logs_codex.jsonl",
    ] {
        let once = corpus(&format!("logs/samples/{sample}"));
        let twice = [&once[..], b"\n", &once[..]].concat();
        let (once, twice) = (Read::of(&once), Read::of(&twice));
        assert_eq!(twice.counted().len(), once.counted().len(), "{sample}");
        assert_eq!(twice.told().len(), 2 * once.told().len(), "{sample}");
    }
    // The exchanges of an archive, told by two.
    let archive = corpus("logs/samples/flows.har");
    let [one, two] = [Read::of(&archive), Read::of(&archive)];
    let prints = |read: &Read| read.told().iter().map(|call| call.dedup).collect::<Vec<_>>();
    assert_eq!(prints(&one), prints(&two));
    assert!(prints(&one).iter().all(Option::is_some));
}

#[test]
fn a_payload_of_litellm_and_the_row_of_its_spend_are_one_call() {
    let samples = ["litellm_standard_logging.jsonl", "litellm_spend_logs.jsonl"];
    let [payloads, rows] = samples.map(|sample| corpus(&format!("logs/samples/{sample}")));
    let both = Read::of(&[&payloads[..], b"\n", &rows[..]].concat());
    let apart = Read::of(&payloads).counted().len() + Read::of(&rows).counted().len();
    assert_eq!(both.counted().len(), apart - 5, "five rows are of calls with a payload");
}

#[test]
fn an_id_that_a_client_chooses_hides_no_other_call() {
    let line = |at: &str, duration: u32| {
        json!({"start_time": at, "response_code": 200, "response_flags": "-", "duration": duration,
            "path": "/v1/chat/completions", "x-request-id": "mine"})
    };
    let first = line("2026-11-20T15:11:17.894Z", 15);
    let read = Read::lines(&[
        first.clone(),
        line("2026-11-20T15:11:17.895Z", 15),
        line("2026-11-20T15:11:17.894Z", 16),
        first,
    ]);
    assert_eq!((read.told().len(), read.counted().len()), (4, 3));
}

#[test]
fn a_record_under_a_key_of_its_logger_is_read_with_the_loggers_time() {
    let record = json!({"model": "gpt-4o", "status": 200, "input_tokens": 10, "output_tokens": 5});
    for key in ["data", "llm", "context", "extra", "attributes", "fields", "detail"] {
        let line =
            json!({"ts": "2026-11-20T15:11:17Z", "level": "info", "msg": "done", key: record});
        let call = Read::lines(std::slice::from_ref(&line)).one();
        assert_eq!(
            (call.tokens.input, call.at),
            (Some(10), Wall::from_secs(1_795_187_477)),
            "{key}"
        );
        // Money beside it would be lost.
        let mut priced = line.clone();
        priced["request_cost"] = "0.1".into();
        assert!(Read::lines(&[priced]).told().is_empty(), "{key}");
    }
    let phone = json!({"ts": "2026-11-20T15:11:17Z", "device": {"model": "p9", "status": 200}});
    assert!(Read::lines(&[phone]).told().is_empty());
}

#[test]
fn limits_in_an_error_that_python_has_printed_are_read() {
    let google = "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': 'You exceeded your current quota', 'details': [{'violations': [{'quotaId': 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier', 'quotaValue': '15'}]}, {'retryDelay': '48s'}]}}";
    let openrouter = "Error code: 429 - {'error': {'code': 429, 'metadata': {'headers': {'X-RateLimit-Limit': '50', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '1795305600000'}}}}";
    let xai = "Error code: 429 - {'error': 'Too many requests: Requests per Minute (actual/limit): 480/480'}";
    for (text, limit, reset) in
        [(google, 15.0, false), (openrouter, 50.0, true), (xai, 480.0, false)]
    {
        for key in ["error", "msg"] {
            let read = call(&json!({"status": 429, key: text}));
            let limits: Vec<_> = read
                .batch
                .items
                .iter()
                .filter_map(|item| match item.seen {
                    Observation::Limit(limit) => {
                        Some((limit.limit?.as_f64(), limit.reset.is_some()))
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(limits, [(limit, reset)], "{key}: {text}");
            assert_eq!(read.one().failure.kind, Some(ErrorKind::RateLimitRequests), "{text}");
        }
    }
}
