//! Rows of exports and what APIs answer, records that stand in an object by their names,
//! and ids that providers give.

use serde_json::json;
use tripline::domain::{ErrorKind, Observation, QueueReading, Resource};

use crate::gateway_variants::said;
use crate::support::corpus;
use crate::trace_variants::Read;

#[test]
fn each_model_of_a_run_of_gemini_counts_by_itself() {
    let read = Read::of(&corpus("logs/samples/gemini_cli_output.json"));
    let call = read.one();
    assert_eq!((call.tokens.input, call.tokens.output), (Some(148), Some(257)));
    assert_eq!((call.status, call.timing.latency_ms), (Some(200), Some(537.0)));
    let model = |requests: u64, errors: u64, prompt: u64, candidates: u64| {
        json!({"api": {"totalRequests": requests, "totalErrors": errors, "totalLatencyMs": 900},
            "tokens": {"prompt": prompt, "candidates": candidates, "thoughts": 1, "cached": 3,
                "tool": 2, "total": prompt + candidates}})
    };
    let run = json!({"session_id": "s", "response": "x", "stats": {"tools": {}, "models": {
        "gemini-2.5-pro": model(2, 0, 100, 10), "gemini-2.5-flash": model(1, 1, 0, 0)}}});
    let read = Read::lines(&[run]);
    let [pro, flash] = read.told()[..] else { panic!("{:?}", read.batch.items) };
    assert_eq!(read.model(&pro), Some("gemini-2.5-pro".into()));
    assert_eq!((pro.tokens.input, pro.tokens.output), (Some(102), Some(11)));
    assert_eq!((pro.tokens.cached_input, pro.timing.latency_ms), (Some(3), None));
    assert_eq!(read.model(&flash), Some("gemini-2.5-flash".into()));
    assert_eq!((flash.status, flash.failure.kind), (None, Some(ErrorKind::Error)));
}

#[test]
fn headers_by_themselves_are_limits_and_no_call() {
    let text = "{\"date\":[\"Fri, 20 Nov 2026 15:11:17 GMT\"],\n\
        \"content-type\":[\"application/json\"],\n\
        \"x-ratelimit-limit-requests\":[\"500\"],\n\
        \"x-ratelimit-remaining-requests\":[\"499\"],\n\
        \"set-cookie\":[\"a=1\",\"b=2\"]\n}\n";
    let read = Read::of(text.as_bytes());
    assert!(read.told().is_empty() && read.faults().is_empty(), "{:?}", read.batch.items);
    let limit = read.batch.items.iter().find_map(|item| match item.seen {
        Observation::Limit(limit) => Some(limit),
        _ => None,
    });
    let limit = limit.unwrap();
    assert_eq!((limit.id.resource, limit.at.0), (Resource::Requests, 1_795_187_477_000_000_000));
}

#[test]
fn each_backend_of_haproxy_is_a_queue() {
    let read = Read::of(&corpus("logs/samples/haproxy_show_stat.csv"));
    let queues: Vec<QueueReading> = read
        .batch
        .items
        .iter()
        .filter_map(|item| match item.seen {
            Observation::Queue(queue) => Some(queue),
            _ => None,
        })
        .collect();
    let [queue] = queues[..] else { panic!("{:?}", read.batch.items) };
    assert_eq!(queue.depth, Some(0));
    assert_eq!(queue.name.map(|name| read.names.text(name).to_string()), Some("openai".into()));
    assert!(read.faults().is_empty(), "{:?}", read.faults());
}

#[test]
fn rows_of_log_analytics_and_records_of_the_event_hub_are_one_call() {
    let tokens = json!({"TimeGenerated": "2026-11-20T15:11:17Z", "CorrelationId": "a1",
        "ModelName": "gpt-4o-mini", "PromptTokens": 26, "CompletionTokens": 42, "SequenceNumber": 0});
    let text = json!({"TimeGenerated": "2026-11-20T15:11:17Z", "CorrelationId": "a1",
        "SequenceNumber": 1, "RequestMessages": "x"});
    let outcome = json!({"TimeGenerated": "2026-11-20T15:11:17Z", "CorrelationId": "a1",
        "ResponseCode": 429, "TotalTime": 812, "ApimSubscriptionId": "web",
        "BackendResponseHeaders": {"retry-after": "7"}});
    let record = json!({"time": "2026-11-20T15:11:17Z", "category": "GatewayLogs",
        "correlationId": "a1", "durationMs": 812, "properties": {"responseCode": 429}});
    let read = Read::lines(&[tokens, text, json!({"records": [outcome, record]})]);
    let told = read.told();
    assert_eq!(told.len(), 3, "{:?}", read.batch.items);
    assert!(told.iter().all(|call| call.dedup == told[0].dedup && call.dedup.is_some()));
    assert_eq!((told[0].tokens.output, told[1].status), (Some(42), Some(429)));
    assert_eq!(told[1].timing.latency_ms, Some(812.0));
}

#[test]
fn rows_in_the_answer_of_an_api_are_read_and_its_own_money_is_not_passed_over() {
    let row = |id: &str| {
        json!({"id": id, "traceId": "t", "type": "GENERATION", "model": "gpt-4o",
            "startTime": "2026-11-20T15:11:17Z", "endTime": "2026-11-20T15:11:18Z",
            "usageDetails": {"input": 26, "output": 42}})
    };
    for rows in ["data", "result", "results", "records"] {
        let mut answer = json!({"meta": {"page": 1}, "success": true});
        answer[rows] = json!([row("x1"), row("x2")]);
        let read = Read::lines(&[answer]);
        assert_eq!(read.counted().len(), 2, "{rows}: {:?}", read.batch.items);
        assert!(read.faults().is_empty());
    }
}

#[test]
fn what_was_bound_to_a_message_of_loguru_is_read() {
    let line = |extra: serde_json::Value, message: &str| {
        json!({"text": "x\n", "record": {"elapsed": {"repr": "0:00:01", "seconds": 1.0},
            "exception": null, "extra": extra, "file": {"name": "a.py", "path": "/a.py"},
            "function": "f", "level": {"icon": "i", "name": "INFO", "no": 20}, "line": 9,
            "message": message, "module": "a", "name": "a", "process": {"id": 1, "name": "p"},
            "thread": {"id": 1, "name": "t"},
            "time": {"repr": "2026-11-20 15:11:17+00:00", "timestamp": 1_795_187_477.0}}})
    };
    let call =
        json!({"model": "gpt-4o-mini", "status": 200, "input_tokens": 26, "output_tokens": 42});
    let text = json!({"model": "gpt-4o-mini", "status": 429}).to_string();
    let read = Read::lines(&[line(call, "done"), line(json!({}), "hello"), line(json!({}), &text)]);
    let [one, other] = read.told()[..] else { panic!("{:?}", read.batch.items) };
    assert_eq!((one.tokens.output, one.at.0), (Some(42), 1_795_187_477_000_000_000));
    assert_eq!(other.status, Some(429));
    assert!(read.faults().is_empty(), "{:?}", read.faults());
}

#[test]
fn langfuse_tells_when_an_answer_began() {
    let read = Read::lines(&[json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "t", "spanId": "s", "name": "n", "startTimeUnixNano": "1795187477000000000",
        "endTimeUnixNano": "1795187479000000000", "attributes": [
            {"key": "langfuse.observation.type", "value": {"stringValue": "generation"}},
            {"key": "langfuse.observation.model.name", "value": {"stringValue": "gpt-4o"}},
            {"key": "langfuse.observation.completion_start_time",
             "value": {"stringValue": "\"2026-11-20T15:11:17.250Z\""}}]}]}]}]})]);
    let call = read.one();
    assert_eq!((call.timing.latency_ms, call.timing.ttft_ms), (Some(2000.0), Some(250.0)));
}

#[test]
fn a_doubled_line_counts_once_where_the_provider_gave_its_id() {
    let line = |field: &str, id: &str, output: u64| {
        let mut line = json!({"ts": "2026-11-20T15:11:17Z", "model": "gpt-4o-mini", "status": 200,
            "input_tokens": 26, "output_tokens": output});
        line[field] = id.into();
        line
    };
    for (field, id) in [
        ("request_id", "req_011CVJxR5uYpZ6qSgNNTgSzj"),
        ("requestId", "req_0c9f1d2e3b4a59687766554433221100"),
        ("response_id", "chatcmpl-BxYzAbCdEfGhIjKlMnOpQrStUvWxY"),
        ("id", "msg_01XFDUDYJgAACzvnptvVoYEL"),
        ("generation_id", "gen-1795187477-aBcDeFgH"),
    ] {
        let twice = [line(field, id, 42), line(field, id, 42)];
        assert_eq!(Read::lines(&twice).counted().len(), 1, "{id}");
        // An id alone never hides a call.
        let others = [line(field, id, 42), line(field, id, 43)];
        assert_eq!(Read::lines(&others).counted().len(), 2, "{id}");
    }
    for id in ["req_1", "c6244e26-1b1c-4a3e-9c1d-7f1f5b1f5b1f", "my-request", "msg_hello"] {
        let twice = [line("request_id", id, 42), line("request_id", id, 42)];
        assert_eq!(Read::lines(&twice).counted().len(), 2, "{id}");
    }
}

#[test]
fn so_it_does_in_pairs_and_in_what_tracing_writes() {
    let logfmt = |id: &str, output: u64| {
        format!(
            "ts=2026-11-20T15:11:17Z model=gpt-4o-mini status=200 dur=812ms in=26 out={output} req_id={id}"
        )
    };
    let text = |id: &str, output: u64| {
        format!(
            "2026-11-20T15:11:17.960Z  INFO llm_call{{request_id={id}}}: app: done model=\"gpt-4o-mini\" status=200 input_tokens=26 output_tokens={output}"
        )
    };
    let event = |id: &str, output: u64| {
        json!({"timestamp": "2026-11-20T15:11:17Z", "level": "INFO", "target": "app",
            "fields": {"status": 200, "input_tokens": 26, "output_tokens": output},
            "span": {"model": "gpt-4o-mini", "request_id": id}})
        .to_string()
    };
    for line in [logfmt as fn(&str, u64) -> String, text, event] {
        let counted = |id: &str, outputs: [u64; 2]| {
            let lines = outputs.map(|output| line(id, output)).join("\n");
            Read::of(lines.as_bytes()).counted().len()
        };
        let given = "req_011CVJxR5uYpZ6qSgNNTgSzj";
        let sample = line(given, 42);
        assert_eq!(counted(given, [42, 42]), 1, "{sample}");
        assert_eq!(counted(given, [42, 43]), 2, "an id alone never hides a call: {sample}");
        assert_eq!(counted("my-request", [42, 42]), 2, "{sample}");
    }
}

#[test]
fn payloads_of_litellm_without_a_call_id_are_told_apart_by_their_own() {
    let payload = |id: Option<&str>, status: &str| {
        json!({"id": id, "call_type": "acompletion", "startTime": 1_795_187_477.0, "model": "m",
            "endTime": 1_795_187_477.5, "status": status, "response_cost": 0.0,
            "hidden_params": {}, "error_information": {"error_code": "400"}})
    };
    for (ids, calls) in [
        ([Some("a"), Some("b"), Some("c")], 3),
        ([Some("a"), Some("a"), Some("c")], 2),
        // Without any nothing says that they are one.
        ([None, None, None], 3),
    ] {
        let lines = ids.map(|id| payload(id, "failure"));
        assert_eq!(Read::lines(&lines).counted().len(), calls, "{ids:?}");
    }
}

#[test]
fn a_generation_of_openrouter_is_the_same_without_what_it_comes_in() {
    let record = r#"{"id":"gen-1795187477-AbCdEfGhIj","created_at":"2026-11-20T15:11:17.000Z","model":"openai/gpt-4o","provider_name":"OpenAI","total_cost":0.0051,"usage":0.0051,"tokens_prompt":1010,"tokens_completion":300,"native_tokens_prompt":1015,"native_tokens_completion":310,"native_tokens_cached":900,"native_tokens_reasoning":10,"latency":412,"generation_time":2311,"streamed":true,"cancelled":false,"finish_reason":"stop"}"#;
    let bare = said(record);
    assert_eq!(bare, said(&format!("{{\"data\":{record}}}")));
    assert!(
        bare.contains("openrouter openai /openai/gpt-4o 200 in:1015 out:310 cached:900"),
        "{bare}"
    );
    assert!(bare.contains("ms:2723.0"), "{bare}");
}
