//! The samples' cousins: lines as other writers of the same kind write them.

mod support;

use support::{Lines, decode};
use tripline::decode::DecodeOptions;
use tripline::domain::{Batch, ErrorKind, FaultReason, Layer, Observation, Request, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);

fn read(text: &str) -> Batch {
    decode(Lines::all(text.as_bytes()), NOW, DecodeOptions::default())
}

fn requests(batch: &Batch) -> Vec<Request> {
    let request = |seen: &Observation| match *seen {
        Observation::Request { request, .. } => Some(request),
        _ => None,
    };
    batch.items.iter().filter_map(|item| request(&item.seen)).collect()
}

fn one(text: &str) -> Request {
    let batch = read(text);
    match requests(&batch)[..] {
        [request] => request,
        _ => panic!("not one request: {text}\n{:?}", batch.items),
    }
}

fn spent(text: &str) -> i128 {
    requests(&read(text)).iter().filter_map(|request| request.cost).map(|cost| cost.usd.0).sum()
}

fn remaining(text: &str) -> Vec<(String, Option<f64>)> {
    let batch = read(text);
    let limit = |seen: &Observation| match seen {
        Observation::Limit(limit) => Some((
            format!("{:?} {:?}", limit.id.resource, limit.id.window_s),
            limit.remaining.map(tripline::domain::Amount::as_f64),
        )),
        _ => None,
    };
    batch.items.iter().filter_map(|item| limit(&item.seen)).collect()
}

const HALF: i128 = 500_000_000;

#[test]
fn a_stated_cost_counts_whatever_else_its_record_is() {
    let known = r#"{"ts":"2026-11-20T15:11:17Z","key":"k","model":"m","cost":0.25}"#;
    for line in [
        r#"{"ts":"2026-11-20T15:11:17Z","cost":0.5}"#,
        r#"{"total_cost":0.5,"user":"u"}"#,
        r#"{"kind":"queue","queue":"q","depth":1,"cost":0.5}"#,
        r#"{"queue":"q","depth":1,"key":"k","cost":0.5}"#,
        r#"{"msec":1795187477.5,"status":200,"request_time":0.5,"uri":"/v1/x","cost":0.5}"#,
        r#"{"status":200,"request_time":0.5,"uri":"/","upstream_http_x_litellm_response_cost":"0.5"}"#,
        r#"{"at":"2026-11-20T15:11:17Z","status":200,"headers":{},"total_cost":0.5}"#,
        r#"{"at":"2026-11-20T15:11:17Z","status":200,"headers":[["x-litellm-response-cost","0"],["X-LiteLLM-Response-Cost","0.5"]]}"#,
        r#"{"at":"2026-11-20T15:11:17Z","status":200,"headers":{"x-litellm-response-cost":["0.5","0.1"]}}"#,
    ] {
        assert_eq!(spent(&format!("{known}\n{line}\n")), HALF + HALF / 2, "{line}");
    }
    let many = format!(r#"{{"key":"k","model":"m",{}"cost":0.5}}"#, r#""cost":0,"#.repeat(20));
    assert_eq!(spent(&many), HALF);
    assert_eq!(
        spent("HTTP/2 200\nx-litellm-response-cost: 0\nx-litellm-response-cost: 0.5\n\n"),
        HALF
    );
    // A record without one stays what it is.
    let batch =
        read(&format!("{known}\n{}\n", r#"{"kind":"queue","queue":"q","depth":1,"cost":null}"#));
    assert!(matches!(batch.items[1].seen, Observation::Queue(_)));
    let batch = read(&format!("{known}\n{}\n", r#"{"ts":1,"note":"started"}"#));
    assert!(matches!(batch.items[1].seen, Observation::Ignored { .. }));
}

#[test]
fn a_damaged_record_that_speaks_of_a_cost_is_never_just_ignored() {
    let known = r#"{"ts":"2026-11-20T15:11:17Z","key":"k","model":"m","cost":0.25}"#;
    for line in [
        r#"{"ts":"2026-11-20T15:11:17Z",'key':'k','cost':0.5}"#,
        r#"{"ts":"2026-11-20T15:11:17Z","a":"x" "cost":0.5}"#,
    ] {
        let batch = read(&format!("{known}\n{line}\n"));
        assert!(matches!(batch.items[1].seen, Observation::Quarantined { .. }), "{line}");
    }
    // A line torn anywhere, and the next one written right behind it.
    let torn = r#"{"ts":"2026-11-20T15:11:17Z","key":"k","model":"m","user":"it's, {x}","cost":0.25,"m":{"a":["b"]}}"#;
    for cut in 1..torn.len() {
        let batch = read(&format!("{known}\n{}{known}\n", &torn[..cut]));
        assert!(matches!(batch.items[1].seen, Observation::Quarantined { .. }), "{cut}");
    }
}

#[test]
fn only_a_refusal_can_be_the_kill_switchs() {
    let kind = |status: u16, error: &str| {
        one(&format!(r#"{{"model":"m","status":{status},"error":{error}}}"#)).failure.kind
    };
    for error in
        [r#"{"type":"kill_switch"}"#, r#"{"code":"kill_switch"}"#, r#"{"code":"llm_kill_switch"}"#]
    {
        assert_eq!(kind(503, error), Some(ErrorKind::KillSwitch));
        assert_ne!(
            kind(400, error),
            Some(ErrorKind::KillSwitch),
            "a provider that quotes its client"
        );
    }
}

#[test]
fn a_stray_status_line_does_not_swallow_a_log() {
    let line = r#"{"ts":"2026-11-20T15:11:17Z","key":"k","model":"m","cost":0.25}"#;
    assert_eq!(spent(&format!("HTTP/1.1 200 OK\n{line}\n{line}\n")), HALF);
}

#[test]
fn anthropics_counts_are_added_wherever_they_stand() {
    for (fields, input, cached, written) in [
        (
            r#""input_tokens":100,"cache_read_input_tokens":5000,"cache_creation_input_tokens":2000"#,
            7100,
            Some(5000),
            Some(2000),
        ),
        (r#""input_tokens":100,"cache_creation_input_tokens":2000"#, 2100, None, Some(2000)),
        (
            r#""input_tokens":100,"cache_read_tokens":5,"cache_creation_tokens":20"#,
            125,
            Some(5),
            Some(20),
        ),
        (
            r#""usage":{"input_tokens":100,"cache_creation_input_tokens":2000}"#,
            2100,
            None,
            Some(2000),
        ),
        (
            r#""usage":{"input_tokens":100,"cache_read_input_tokens":7,"cache_creation_input_tokens":null}"#,
            107,
            Some(7),
            None,
        ),
        (r#""input_tokens":10,"cached_input_tokens":1000"#, 1010, Some(1000), None),
        // OpenAI's include what a cache held.
        (
            r#""usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":90}}"#,
            100,
            Some(90),
            None,
        ),
        (r#""prompt_tokens":100,"cached_tokens":90"#, 100, Some(90), None),
    ] {
        let tokens = one(&format!(r#"{{"model":"m","status":200,{fields}}}"#)).tokens;
        assert_eq!(
            (tokens.input, tokens.cached_input, tokens.cache_write),
            (Some(input), cached, written),
            "{fields}"
        );
    }
}

#[test]
fn a_streams_last_count_does_not_lose_what_the_cache_held() {
    let start = r#"data: {"message":{"model":"m","usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}}}"#;
    let end = r#"data: {"usage":{"input_tokens":25,"output_tokens":15}}"#;
    let tokens = one(&format!("HTTP/2 200\n\n{start}\n\n{end}\n")).tokens;
    assert_eq!(
        (tokens.input, tokens.cached_input, tokens.output),
        (Some(125), Some(100), Some(15))
    );
}

#[test]
fn nginx_logs_are_read_under_other_usual_names() {
    let time = r#""time_iso8601":"2026-11-20T15:11:17+00:00""#;
    for (rest, status, latency_ms) in [
        (r#""status":429,"request_time":0.5,"uri":"/v1/x""#, 429, 500.0),
        (r#""http_status":"429","request_time":"0.5","request_uri":"/v1/x?key=y""#, 429, 500.0),
        (
            r#""status_code":429,"request_time":0.5,"request_method":"POST","path":"/v1/x""#,
            429,
            500.0,
        ),
        (r#""status":429,"request_time":0.5,"request":"POST /v1/x?key=y HTTP/1.1""#, 429, 500.0),
        (r#""request_time":0.5,"upstream_status":"502, 429","uri":"/v1/x""#, 429, 500.0),
        (r#""request_time":0.5,"upstream_status":502, 429,"uri":"/v1/x""#, 429, 500.0),
        (
            r#""status":"429","upstream_status":,"request_time":0.500,"upstream_response_time":,"uri":"/v1/x""#,
            429,
            500.0,
        ),
        (r#""status":429,"upstream_response_time":"0.1, 0.4","uri":"/v1/x""#, 429, 500.0),
    ] {
        let got = one(&format!("{{{time},{rest}}}"));
        assert_eq!((got.status, got.timing.latency_ms), (Some(status), Some(latency_ms)), "{rest}");
        assert_eq!(got.failure.kind, Some(ErrorKind::RateLimit), "{rest}");
        assert!(got.at_logged && got.endpoint.is_some(), "{rest}");
    }
}

#[test]
fn nginx_logs_carry_the_headers_of_every_dialect() {
    let line = |rest: &str| format!(r#"{{"status":200,"request_time":0.5,"uri":"/v1/x",{rest}}}"#);
    for (rest, id, left) in [
        (r#""upstream_http_x_ratelimit_remaining_tokens":"55""#, "Tokens None", Some(55.0)),
        (r#""x-ratelimit-remaining-tokens":55"#, "Tokens None", Some(55.0)),
        (
            r#""upstream_http_x_ratelimit_remaining_tokens_minute":"55""#,
            "Tokens Some(60)",
            Some(55.0),
        ),
        (
            r#""upstream_http_x_ratelimit_remaining_requests_day":"5""#,
            "Requests Some(86400)",
            Some(5.0),
        ),
        (r#""sent_http_x_ratelimit_remaining_req_minute":"5""#, "Requests Some(60)", Some(5.0)),
        (
            r#""upstream_http_anthropic_ratelimit_unified_5h_utilization":"0.5""#,
            "PlanUsage Some(18000)",
            None,
        ),
    ] {
        assert_eq!(remaining(&line(rest)), [(id.to_owned(), left)], "{rest}");
    }
}

#[test]
fn a_refusal_that_asked_no_upstream_is_the_gateways() {
    for upstream in [r#""""#, r#""-""#, ""] {
        let line = format!(
            r#"{{"status":429,"request_time":0,"upstream_status":{upstream},"uri":"/v1/x"}}"#
        );
        assert_eq!(one(&line).failure.layer, Layer::Gateway, "{line}");
    }
    let line = r#"{"status":"429","request_time":0,"upstream_status":"429","uri":"/v1/x"}"#;
    assert_eq!(one(line).failure.layer, Layer::Unknown);
}

#[test]
fn headers_may_be_a_list_of_objects_and_need_no_status() {
    let tokens = [("Tokens None".to_owned(), Some(3.0))];
    for line in [
        r#"{"status":200,"headers":[{"name":"X-RateLimit-Remaining-Tokens","value":"3"}]}"#,
        r#"{"at":"2026-11-20T15:11:17Z","headers":{"x-ratelimit-remaining-tokens":3}}"#,
        r#"{"url":"https://x.example/v1/messages","headers":[["x-ratelimit-remaining-tokens",["3"]]]}"#,
    ] {
        assert_eq!(remaining(line), tokens, "{line}");
    }
}

#[test]
fn dumps_are_told_apart_when_a_body_has_no_newline() {
    let text = concat!(
        "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/2 200 \r\ndate: Fri, 20 Nov 2026 15:11:17 GMT\r\n\r\n",
        r#"{"model":"m","note":"}HTTP/2 500 \"","usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
        "HTTP/2 429 \r\nretry-after: 3\r\n\r\n{\"error\":{}}HTTP/1.1 529\r\n\r\n",
    );
    let calls = requests(&read(text));
    let statuses: Vec<_> = calls.iter().map(|call| call.status.unwrap()).collect();
    assert_eq!(statuses, [200, 429, 529]);
    assert_eq!(calls[0].tokens.input, Some(10));
    assert_eq!(calls[1].failure.retry_after_s, Some(3.0));
}

#[test]
fn texts_that_only_people_read_hold_no_prose_and_no_query() {
    let names = tripline::domain::Names::default();
    let line = r#"{"model":"m","status":200,"endpoint":"/v1/x?q=PROMPT","finish_reason":"said PROMPT","request_id":"r1"}"#;
    let batch =
        support::decode_with(&names, Lines::all(line.as_bytes()), NOW, DecodeOptions::default());
    let Observation::Request { request, finish_reason, request_id, .. } = batch.items[0].seen
    else {
        panic!()
    };
    assert_eq!(&*names.text(request.endpoint.unwrap()), "/v1/x");
    assert_eq!((batch.text_of(finish_reason), batch.text_of(request_id)), (&b""[..], &b"r1"[..]));
    assert!(batch.items.iter().all(|item| !matches!(
        item.seen,
        Observation::Fault { reason: FaultReason::KeyInLog, .. }
    )));
}

#[test]
fn litellm_rows_of_other_versions_are_read_whole() {
    let times = r#""startTime":1795187477.5,"endTime":"1795187478.5""#;
    let row = |rest: &str| {
        one(&format!(r#"{{"call_type":"acompletion","model":"openai/gpt-4o",{times},{rest}}}"#))
    };
    for rest in [
        r#""response_cost":0.5,"status":"success""#,
        r#""response_cost":"0.5","status":"success","hidden_params":"None","litellm_call_id":"c""#,
        r#""litellm_call_id":"c","response_cost":5e-1,"status":"success","metadata":null,"model_group":null"#,
    ] {
        let got = row(rest);
        assert_eq!(got.cost.map(|cost| cost.usd.0), Some(HALF), "{rest}");
        assert_eq!((got.status, got.timing.latency_ms), (Some(200), Some(1000.0)), "{rest}");
        assert!(got.at_logged, "{rest}");
    }
    for nothing in [
        r#""response_cost":null"#,
        r#""response_cost":None"#,
        r#""response_cost":"None""#,
        r#""x":1"#,
    ] {
        let got = row(&format!(
            r#""status":"success","prompt_tokens":"12","completion_tokens":null,{nothing}"#
        ));
        assert_eq!(
            (got.cost, got.tokens.input, got.tokens.output),
            (None, Some(12), None),
            "{nothing}"
        );
    }
    let failed = r#""status":"failure","response_cost":0,"error_information":null,"error_str":"litellm.Timeout: Request timed out""#;
    assert_eq!(row(failed).failure.kind, Some(ErrorKind::Timeout));
}

#[test]
fn litellms_plain_counts_beside_a_marked_reset_are_one_bucket() {
    let line = r#"{"at":"2026-11-20T15:11:17Z","status":200,"headers":{"x-ratelimit-limit-tokens":"100","x-ratelimit-remaining-tokens":"40","llm_provider-x-ratelimit-reset-tokens":"36s"}}"#;
    assert_eq!(remaining(line), [("Tokens Some(60)".to_owned(), Some(40.0))]);
}

#[test]
fn headers_that_any_program_logs_are_no_call() {
    let call = [
        r#"{"at":"2026-11-20T15:11:17Z","status":404,"headers":{"server":"x"}}"#,
        r#"{"status":200,"provider":"gemini","headers":{"content-type":"x"}}"#,
        r#"{"status":200,"model":"m","headers":{}}"#,
        r#"{"url":"https://api.openai.com/v1/models","status":200,"headers":{}}"#,
        r#"{"url":"/v1/chat/completions","status":200,"headers":{"server":"x"}}"#,
        r#"{"status":200,"headers":{"X-RateLimit-Remaining-Tokens":"3"}}"#,
        r#"{"status":429,"headers":{"anthropic-ratelimit-tokens-remaining":"0"}}"#,
    ];
    let other = [
        r#"{"status":200,"headers":{"content-type":"text/html"}}"#,
        r#"{"method":"GET","path":"/x","status":200,"headers":{"host":"a","accept":"*/*"}}"#,
        r#"{"url":"/index.html","status":200,"headers":{"server":"x"}}"#,
        r#"{"url":"https://shop.example/cart?next=/v1","status":200,"headers":{}}"#,
        r#"{"level":30,"time":1795187477000,"req":{"url":"/x","headers":{"host":"a"}},"res":{"statusCode":200,"headers":{"x":"y"}},"responseTime":3}"#,
    ];
    for (lines, calls) in [(&call[..], 1), (&other[..], 0)] {
        for line in lines {
            assert_eq!(requests(&read(line)).len(), calls, "{line}");
        }
    }
}

#[test]
fn a_cost_is_found_under_whatever_keys_its_record_lies() {
    let known = r#"{"ts":"2026-11-20T15:11:17Z","key":"k","model":"m","cost":0.25}"#;
    for line in [
        r#"{"ts":1795187477,"a":{"b":{"model":"m","cost_usd":0.5}}}"#,
        r#"{"ts":1795187477,"outer":{"inner":{"model":"m","usage":{"input_tokens":1,"output_tokens":2},"cost":0.5}}}"#,
        r#"{"data":{"result":{"model":"m","usage":{"input_tokens":1,"output_tokens":2},"cost_usd":0.5}}}"#,
        r#"{"response":{"model":"m","usage":{"input_tokens":1,"output_tokens":2,"cost":0.5}}}"#,
        r#"{"data":[{"id":"x","type":"log","attributes":{"timestamp":"2026-11-20T15:11:17Z","attributes":{"model":"m","cost":0.5}}}]}"#,
        r#"{"event":"done","llm":{"model":"m","tokens":{"input":1,"output":2},"cost":{"input":0.1,"output":0.4,"total":0.5}}}"#,
        r#"{"llm":{"model":"m","status":200},"billing":{"total":{"cost_usd":0.5}}}"#,
    ] {
        assert_eq!(spent(line), HALF, "{line}");
        assert_eq!(spent(&format!("{known}\n{line}")), HALF + HALF / 2, "{line}");
    }
    // Two costs may be two calls, or one twice.
    let two = r#"{"first":{"model":"m","cost_usd":0.5},"second":{"model":"n","cost_usd":0.25}}"#;
    let batch = read(two);
    assert!(
        matches!(batch.items[..], [ref one] if matches!(
            one.seen, Observation::Quarantined { reason: FaultReason::CostAmbiguous, .. })),
        "{:?}",
        batch.items
    );
}

#[test]
fn what_a_model_in_training_gets_wrong_is_no_money() {
    let known = r#"{"ts":"2026-11-20T15:11:17Z","key":"k","model":"m","cost":0.25}"#;
    for line in [
        r#"{"ts":1795187477,"model":"xgboost","epoch":3,"cost":0.35}"#,
        r#"{"ts":1795187477,"model":"bert","epoch":1.5,"loss":0.2,"learning_rate":0.001,"cost":0.35}"#,
        r#"{"ts":1795187477,"model":"xgboost","duration_ms":900,"val_loss":0.1,"cost":0.35}"#,
        r#"{"ts":1795187477,"iteration":10,"train-rmse":0.3,"cost":0.35}"#,
        r#"{"msg":"trained","epoch":9,"cost":0.35}"#,
    ] {
        assert_eq!(spent(line), 0, "{line}");
        assert_eq!(spent(&format!("{known}\n{line}")), HALF / 2, "{line}");
    }
    for line in [
        r#"{"epoch":1795187477,"model":"m","cost":0.5}"#,
        r#"{"epoch":3,"model":"m","provider":"openai","cost":0.5}"#,
        r#"{"epoch":3,"model":"m","input_tokens":5,"output_tokens":6,"cost":0.5}"#,
        r#"{"epoch":3,"model":"m","cost_usd":0.5}"#,
        r#"{"loss":0.1,"model":"m","input_tokens":5,"output_tokens":6,"cost":0.5}"#,
    ] {
        assert_eq!(spent(&format!("{known}\n{line}")), HALF + HALF / 2, "{line}");
    }
}
