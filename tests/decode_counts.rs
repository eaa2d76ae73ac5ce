//! Token counts and costs say the same wherever they stand: one table of names serves all
//! formats, what a cache held is counted once, and a stream is one call.

mod support;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};
use support::at;
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{
    Batch, Dedup, ErrorKind, FaultReason, Names, NanoUsd, Observation, Outcome, Request, Wall,
};

const NOW: Wall = Wall::from_secs(1_795_190_000);

/// What a log says, and in which format it was read last.
struct Said {
    format: String,
    batch: Batch,
    names: Names,
}

fn said(log: &str) -> Said {
    static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Formats::builtin().into());
    let names = Names::default();
    let mut decoder =
        Decoder::new(Arc::clone(&FORMATS), &names, DecodeOptions::default()).expect("no format");
    let mut batch = Batch::default();
    for (number, line) in (1..).zip(log.lines()) {
        decoder.line(line.as_bytes(), at(number, 0, NOW), &mut batch);
    }
    decoder.finish(at(9, 0, NOW), &mut batch);
    let format = decoder.format().unwrap_or_default().to_owned();
    Said { format, batch, names }
}

impl Said {
    fn calls(&self) -> Vec<(Request, Option<Dedup>)> {
        let call = |seen: &Observation| match *seen {
            Observation::Request { request, .. } => Some((request, request.dedup)),
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| call(&item.seen)).collect()
    }

    fn one(&self) -> Request {
        match self.calls().as_slice() {
            [(request, _)] => *request,
            others => panic!("{} calls: {:?}", others.len(), self.batch.items),
        }
    }

    /// Input, output, and of the input what a cache gave and took.
    fn counts(&self) -> [Option<u64>; 4] {
        let tokens = self.one().tokens;
        assert!(!tokens.unreadable, "{}", self.format);
        [tokens.input, tokens.output, tokens.cached_input, tokens.cache_write]
    }

    fn is_quarantined(&self) -> bool {
        let is_it = |seen: &Observation| {
            matches!(seen, Observation::Quarantined { reason: FaultReason::CostUnreadable, .. })
        };
        self.batch.items.iter().any(|item| is_it(&item.seen))
    }
}

/// What a dialect says of one call, and what that comes to.
type Dialect = (&'static str, [u64; 4]);

/// Dialects whose names say by themselves that they are of tokens.
const PLAIN: &[Dialect] = &[
    // Anthropic counts what a cache holds apart.
    (
        r#"{"input_tokens":1000,"output_tokens":10,"cache_read_input_tokens":500,"cache_creation_input_tokens":400}"#,
        [1900, 10, 500, 400],
    ),
    (
        r#"{"input_tokens":1000,"output_tokens":10,"cache_read_input_tokens":50000,"cache_write_input_tokens":2000}"#,
        [53000, 10, 50000, 2000],
    ),
    (
        r#"{"inputTokens":1000,"outputTokens":10,"cacheReadInputTokens":50000,"cacheWriteInputTokens":2000}"#,
        [53000, 10, 50000, 2000],
    ),
    (
        r#"{"inputTokens":1000,"outputTokens":10,"cacheReadInputTokens":500,"cacheCreationInputTokens":400}"#,
        [1900, 10, 500, 400],
    ),
    // So does Claude Code.
    (
        r#"{"input_tokens":1000,"output_tokens":10,"cache_read_tokens":500,"cache_creation_tokens":400}"#,
        [1900, 10, 500, 400],
    ),
    // Pydantic AI counts it within the input, and is believed unless that cannot be.
    (
        r#"{"input_tokens":53000,"output_tokens":10,"cache_read_tokens":50000,"cache_write_tokens":2000}"#,
        [53000, 10, 50000, 2000],
    ),
    (
        r#"{"input_tokens":1000,"output_tokens":10,"cache_read_tokens":50000,"cache_write_tokens":2000}"#,
        [53000, 10, 50000, 2000],
    ),
    // So do OpenAI and OpenRouter.
    (
        r#"{"input_tokens":53000,"output_tokens":10,"input_tokens_details":{"cached_tokens":50000,"cache_write_tokens":2000}}"#,
        [53000, 10, 50000, 2000],
    ),
    (
        r#"{"prompt_tokens":53000,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":50000,"cache_write_tokens":2000}}"#,
        [53000, 10, 50000, 2000],
    ),
    (
        r#"{"promptTokens":53000,"completionTokens":10,"promptTokensDetails":{"cachedTokens":50000,"cacheWriteTokens":2000}}"#,
        [53000, 10, 50000, 2000],
    ),
];

/// Dialects whose names mean so only in an object of counts.
const WITHIN: &[Dialect] = &[
    (r#"{"input":1000,"output":10,"cache":{"read":50000,"write":2000}}"#, [53000, 10, 50000, 2000]),
    (r#"{"input":1000,"output":10,"cacheRead":500,"cacheWrite":400}"#, [1900, 10, 500, 400]),
    (r#"{"input":1000,"output":10,"cache_read":500,"cache_write":400}"#, [1900, 10, 500, 400]),
];

/// Where such an object stands in a line of JSON; its members stand beside others at the end
/// of a path with a dot behind it.
const PLACES: &[(&str, &str)] = &[
    ("app-json", "usage"),
    ("app-json", "response.usage"),
    ("app-json", "tokens"),
    ("tracing-json", "fields.usage"),
    ("headers", "body.usage"),
    ("vercel-ai-gateway", "usage"),
    ("app-json", ""),
    ("tracing-json", "fields."),
];

fn record(format: &str) -> Value {
    match format {
        "tracing-json" => json!({"timestamp": "2026-11-20T14:03:27Z", "level": "INFO",
            "target": "x", "fields": {"model": "m", "message": "done"}}),
        "headers" => json!({"at": "2026-11-20T14:03:27Z", "model": "m", "status": 200,
            "headers": {"x-request-id": "r"}}),
        "vercel-ai-gateway" => json!({"model": "m",
            "providerMetadata": {"gateway": {"routing": {"finalProvider": "openai"}}}}),
        _ => json!({"at": "2026-11-20T14:03:27Z", "model": "m", "status": 200}),
    }
}

fn put(record: &mut Value, path: &str, counts: &Value) {
    let mut place = record;
    for key in path.split('.').filter(|key| !key.is_empty()) {
        if place[key].is_null() {
            place[key] = Value::Object(Map::new());
        }
        place = &mut place[key];
    }
    for (name, value) in counts.as_object().expect("counts") {
        place[name.as_str()] = value.clone();
    }
}

/// `a=1 b.c=2`
fn pairs(counts: &Value, above: &str) -> String {
    let one = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => pairs(value, &format!("{above}{name}.")),
        value => format!("{above}{name}={value} "),
    };
    counts.as_object().expect("counts").iter().map(one).collect()
}

#[test]
fn a_dialect_comes_to_the_same_sums_in_every_format() {
    let all = PLAIN.iter().chain(WITHIN);
    let mut wrong = Vec::new();
    for (number, (dialect, expected)) in all.enumerate() {
        let counts: Value = serde_json::from_str(dialect).expect("JSON");
        let within = number >= PLAIN.len();
        let mut lines: Vec<(&str, String)> = Vec::new();
        for (format, path) in PLACES.iter().filter(|(_, path)| !within || path.contains("us")) {
            let mut record = record(format);
            put(&mut record, path, &counts);
            lines.push((format, record.to_string()));
        }
        let prefix = if within { "usage." } else { "" };
        let pairs = pairs(&counts, prefix);
        let time = "2026-11-20T14:03:27Z";
        lines
            .push(("app-logfmt", format!("time=\"{time}\" level=info model=m status=200 {pairs}")));
        lines.push(("tracing-text", format!("{time}  INFO llm: done model=m status=200 {pairs}")));
        for (format, line) in lines {
            let said = said(&line);
            let got = (said.format.as_str(), said.counts());
            if got != (format, expected.map(Some)) {
                wrong.push(format!("{got:?}, not {format} {expected:?}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_cost_with_its_parts_is_its_total_wherever_it_stands() {
    for place in ["usage", "tokens", "response.usage"] {
        let mut record = record("app-json");
        let cost = json!({"input": 0.003, "output": 0.00015, "total": 0.00315});
        put(&mut record, place, &json!({"input": 1000, "output": 10, "cost": cost}));
        let request = said(&record.to_string()).one();
        assert_eq!(request.cost.map(|cost| cost.usd), Some(NanoUsd(3_150_000)), "{place}");
    }
}

#[test]
fn a_text_that_is_called_as_a_count_is_none() {
    let line = r#"{"at":"2026-11-20T14:03:27Z","model":"m","status":200,"input":"12 monkeys","output":"7","prompt":"1","total":"2"}"#;
    assert_eq!(said(line).counts(), [None; 4]);
}

/// Values of a path in one of a map's fields, whatever else they need.
fn paths(alternatives: &toml::Value, into: &mut Vec<String>) {
    match alternatives {
        toml::Value::String(path) => into.push(path.clone()),
        toml::Value::Array(all) => all.iter().for_each(|one| paths(one, into)),
        toml::Value::Table(one) => {
            // Of a sum the first; the others are added to it.
            let sum = one.get("sum").and_then(|sum| sum.get(0));
            for value in one.get("path").into_iter().chain(sum) {
                paths(value, into);
            }
        }
        _ => {}
    }
}

fn fields(map: &toml::Table, names: impl Fn(&str) -> bool) -> Vec<String> {
    let mut all = Vec::new();
    for (_, value) in map["fields"].as_table().expect("fields").iter().filter(|(n, _)| names(n)) {
        paths(value, &mut all);
    }
    all
}

#[test]
fn a_line_with_headers_loses_nothing_that_it_says_itself() {
    let app: toml::Table = include_str!("../data/formats/app-json.toml").parse().expect("a map");
    let usage: toml::Table = include_str!("../data/formats/usage.toml").parse().expect("a map");
    // The other counts are parts of these.
    let is_one = |name: &str| matches!(name, "input_tokens" | "output_tokens" | "cost_usd");
    let mut all = fields(&app, is_one);
    let counts = fields(&usage, is_one);
    all.extend(counts.iter().filter(|path| path.to_lowercase().contains("token")).cloned());
    all.extend(counts.iter().map(|path| format!("usage.{path}")));
    let mut objects = Vec::new();
    paths(&app["usage"], &mut objects);
    all.extend(objects.iter().map(|object| format!("{object}.input_tokens")));
    all.extend(fields(&app, |name| matches!(name, "error_kind" | "kill_switch")));
    let errors = fields(&app, |name| name == "error_text");
    // What is no error unless the call failed; the body's own is read there.
    let own = |path: &String| {
        !["msg", "message", "result", "outcome", "success", "ok"].contains(&path.as_str())
    };
    all.extend(errors.into_iter().filter(|path| !path.starts_with("choices")));
    let mut wrong = Vec::new();
    for path in all.iter().filter(|path| own(path)) {
        let mut record = record("headers");
        let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
        put(&mut record, above, &json!({name: 5}));
        let said = said(&record.to_string());
        if said.format == "headers" {
            wrong.push(path.as_str());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn an_applications_line_with_headers_keeps_its_cost_and_its_error() {
    let call = r#""at":"2026-11-20T14:03:27Z","provider":"openai","model":"gpt-4o""#;
    let line = |rest: &str| said(&format!("{{{call},{rest}}}")).one();
    let paid = line(r#""status":200,"headers":{"x-request-id":"req_1"},"costUsd":0.5"#);
    assert_eq!(paid.cost.map(|cost| cost.usd), Some(NanoUsd(500_000_000)));
    let headers = r#""headers":{"retry-after":"1"}"#;
    let stopped = line(&format!(r#""status":503,{headers},"error":"kill_switch""#));
    assert_eq!(stopped.failure.kind, Some(ErrorKind::KillSwitch));
    assert_eq!(stopped.failure.retry_after_s, Some(1.0));
    let gone = line(&format!(
        r#""status":429,{headers},"error":{{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#
    ));
    assert_eq!(gone.failure.kind, Some(ErrorKind::QuotaExhausted));
}

#[test]
fn a_refusal_with_headers_and_an_error_needs_no_name_to_be_one() {
    let limits = r#""x-ratelimit-limit-requests":"10","x-ratelimit-remaining-requests":"0""#;
    for headers in [r#"{"retry-after":"7"}"#.to_owned(), format!("{{{limits}}}")] {
        let line = format!(r#"{{"status":429,"headers":{headers},"error":"Slow down"}}"#);
        let kind = said(&line).one().failure.kind.map(ErrorKind::outcome);
        assert_eq!(kind, Some(Outcome::RateLimited), "{line}");
    }
    let anybodys = said(r#"{"status":404,"headers":{"server":"x"},"error":"no such page"}"#);
    assert!(anybodys.calls().is_empty(), "{:?}", anybodys.batch.items);
}

#[test]
fn what_is_left_is_bounded_as_every_count_is() {
    let line = r#"{"at":"2026-11-20T14:03:27Z","provider":"openai","model":"m","status":200,"headers":{"ratelimit-policy":"\"default\";q=100;w=60","ratelimit":"\"default\";r=-999999999999999999999;t=30"}}"#;
    let said = said(line);
    let left = |seen: &Observation| match seen {
        Observation::Limit(limit) => limit.remaining,
        _ => None,
    };
    assert!(said.batch.items.iter().all(|item| left(&item.seen).is_none()));
    let reason = |seen: &Observation| match *seen {
        Observation::Fault { reason, .. } => Some(reason),
        _ => None,
    };
    let faults: Vec<_> = said.batch.items.iter().filter_map(|item| reason(&item.seen)).collect();
    assert_eq!(faults, [FaultReason::HeaderUnreadable]);
}

#[test]
fn a_cost_in_another_unit_than_dollars_is_none() {
    let line = |rest: &str| {
        said(&format!(r#"{{"at":"2026-11-20T14:03:27Z","provider":"openai","model":"m",{rest}}}"#))
    };
    for rest in [
        r#""cost":0.02,"currency":"EUR""#,
        r#""total_cost":0.02,"currency":"EUR","input_tokens":9,"output_tokens":1"#,
        r#""usage":{"input_tokens":1,"output_tokens":1,"cost":0.02,"currency":"EUR"}"#,
        r#""cost":1.234,"unit":"ms""#,
    ] {
        assert!(line(rest).is_quarantined(), "{rest}");
    }
    for rest in [
        r#""cost":0.02,"currency":"USD""#,
        r#""cost":0.02,"unit":"usd""#,
        // Of the price, and not of the money.
        r#""cost":0.02,"unit":"1M tokens""#,
    ] {
        let cost = line(rest).one().cost.map(|cost| cost.usd);
        assert_eq!(cost, Some(NanoUsd(20_000_000)), "{rest}");
    }
    // A name that says dollars is believed.
    let named = line(r#""cost_usd":0.02,"currency":"EUR""#).one();
    assert_eq!(named.cost.map(|cost| cost.usd), Some(NanoUsd(20_000_000)));
    assert!(
        said("time=\"2026-11-20T14:03:27Z\" model=m status=200 cost=0.02 currency=EUR")
            .is_quarantined()
    );
}

#[test]
fn a_body_that_is_a_list_is_read_as_a_stream() {
    let list = r#"[{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}},
{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7}}]"#;
    let compact = list.replace('\n', "");
    for body in [
        json!(list),
        json!(list.replace("},\n{", "}\n,\n{")),
        json!(compact),
        serde_json::from_str(list).expect("JSON"),
    ] {
        let mut record = record("headers");
        record["body"] = body;
        let said = said(&record.to_string());
        assert_eq!(said.counts(), [Some(5), Some(7), None, None], "{record}");
    }
    let mut record = record("headers");
    record["status"] = 429.into();
    record["body"] =
        json!(r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota"}}]"#);
    assert_eq!(said(&record.to_string()).one().failure.kind, Some(ErrorKind::RateLimit));
}

#[test]
fn the_model_of_a_call_is_in_its_url_where_nothing_else_says_it() {
    let bedrock = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0";
    let google = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro";
    for (url, headers, body, model, counts) in [
        (
            format!("{bedrock}/converse"),
            json!({"x-amzn-requestid": "r"}),
            json!({"usage": {"inputTokens": 1000, "outputTokens": 10}}),
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            [Some(1000), Some(10), None, None],
        ),
        (
            format!("{bedrock}/invoke"),
            json!({"x-amzn-bedrock-input-token-count": "1000", "x-amzn-bedrock-output-token-count": "10"}),
            Value::Null,
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            [Some(1000), Some(10), None, None],
        ),
        (
            format!("{google}:generateContent?alt=json"),
            json!({"date": "Fri, 20 Nov 2026 14:03:27 GMT"}),
            json!({"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7}}),
            "gemini-2.5-pro",
            [Some(5), Some(7), None, None],
        ),
        (
            // The answer knows better.
            format!("{google}:generateContent"),
            json!({"date": "Fri, 20 Nov 2026 14:03:27 GMT"}),
            json!({"modelVersion": "gemini-2.5-pro-001", "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7}}),
            "gemini-2.5-pro-001",
            [Some(5), Some(7), None, None],
        ),
    ] {
        let line = json!({"at": "2026-11-20T14:03:27Z", "status": 200, "url": url, "headers": headers, "body": body});
        let said = said(&line.to_string());
        let name = said.one().model.map(|sym| said.names.text(sym).to_string());
        assert_eq!((name.as_deref(), said.counts()), (Some(model), counts), "{line}");
    }
}

#[test]
fn a_window_in_a_headers_name_is_the_window() {
    let line = r#"{"at":"2026-11-20T14:03:27Z","provider":"openai","model":"gpt-4o","status":200,"headers":{"x-ratelimit-limit-requests-1d":"1000","x-ratelimit-remaining-requests-1d":"900","x-ratelimit-limit-requests-1h":"100","x-ratelimit-remaining-requests-1h":"90","x-ratelimit-limit-requests-1m":"10","x-ratelimit-remaining-requests-1m":"9"}}"#;
    let said = said(line);
    let window = |seen: &Observation| match seen {
        Observation::Limit(limit) => limit.id.window_s,
        _ => None,
    };
    let mut windows: Vec<u32> =
        said.batch.items.iter().filter_map(|item| window(&item.seen)).collect();
    windows.sort_unstable();
    assert_eq!(windows, [60, 3600, 86_400]);
}

#[test]
fn what_a_client_sent_is_not_why_it_was_refused() {
    use ErrorKind as K;
    let error = |message: &str, kind: &str, code: &str| json!({"message": message, "type": kind, "code": code});
    for (status, error, expected) in [
        (
            400,
            error(
                "Invalid 'user': string 'rate limit reached on tokens per min'",
                "invalid_request_error",
                "400",
            ),
            K::InvalidRequest,
        ),
        (
            400,
            error("Invalid value: 'insufficient_quota'.", "invalid_request_error", "invalid_value"),
            K::InvalidRequest,
        ),
        (
            404,
            error(
                "The model `overloaded_error` does not exist",
                "invalid_request_error",
                "model_not_found",
            ),
            K::ModelNotFound,
        ),
        (
            422,
            error("Unknown field: 'too many requests'", "validation_error", "unknown_field"),
            K::InvalidRequest,
        ),
        // A code that names money or a limit wins, and so does money where the type says
        // nothing better.
        (400, error("No.", "invalid_request_error", "insufficient_quota"), K::QuotaExhausted),
        (400, error("No.", "invalid_request_error", "rate_limit_exceeded"), K::RateLimit),
        (
            400,
            json!({"type": "invalid_request_error", "message": "Your credit balance is too low to access the Anthropic API."}),
            K::QuotaExhausted,
        ),
        (
            400,
            error(
                "This model's maximum context length is 128000 tokens",
                "invalid_request_error",
                "",
            ),
            K::ContextLength,
        ),
        // Nobody is blamed.
        (400, json!({"message": "Rate limit reached on tokens per min (TPM)"}), K::RateLimitTokens),
        // Another status is no word on the client.
        (
            429,
            error("Rate limit reached on tokens per min (TPM)", "invalid_request_error", ""),
            K::RateLimitTokens,
        ),
    ] {
        let call = json!({"at": "2026-11-20T14:03:27Z", "provider": "openai", "model": "gpt-4o", "status": status});
        let mut as_field = call.clone();
        as_field["error"] = error.clone();
        let mut as_body = call;
        as_body["headers"] = json!({"x-request-id": "r"});
        as_body["body"] = json!({"error": error});
        for line in [as_field, as_body] {
            let kind = said(&line.to_string()).one().failure.kind;
            assert_eq!(kind, Some(expected), "{line}");
        }
    }
}

#[test]
fn a_list_of_google_s_parts_of_a_stream_is_one_call() {
    let part = |text: &str, end: &str, output: u64| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}{end}}}],"usageMetadata":{{"promptTokenCount":5,"candidatesTokenCount":{output}}},"modelVersion":"gemini-2.5-pro"}}"#
        )
    };
    let (first, last) = (part("a", "", 1), part("b", r#","finishReason":"STOP""#, 7));
    for log in
        [format!("[{first},{last}]"), format!("[{first}\n,\n{last}\n]"), format!("{first}\n{last}")]
    {
        let said = said(&log);
        assert_eq!(said.counts(), [Some(5), Some(7), None, None], "{log}");
    }
}

#[test]
fn the_events_of_a_stream_one_a_line_are_one_call() {
    let start = r#"{"type":"message_start","message":{"id":"msg_01AbCdEfGhIjKlMnOpQr","model":"claude-sonnet-4-5","usage":{"input_tokens":1000,"cache_read_input_tokens":500,"output_tokens":1}}}"#;
    let text =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#;
    for usage in [
        r#"{"input_tokens":1000,"cache_read_input_tokens":500,"output_tokens":10}"#,
        // As it was before 2025.
        r#"{"output_tokens":10}"#,
    ] {
        let end = format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{usage}}}"#
        );
        let said = said(&format!("{start}\n{text}\n{end}\n"));
        let calls = said.calls();
        let [(_, first), (last, second)] = calls.as_slice() else { panic!("{calls:?}") };
        assert!(first.is_some() && first == second, "{calls:?}");
        let model = last.model.map(|sym| said.names.text(sym).to_string());
        assert_eq!(model.as_deref(), Some("claude-sonnet-4-5"));
        let tokens = last.tokens;
        assert_eq!(
            (tokens.input, tokens.output, tokens.cached_input),
            (Some(1500), Some(10), Some(500))
        );
    }
}

#[test]
fn a_sum_that_lacks_parts_of_other_names_is_made_whole() {
    for (counts, cached) in [
        (r#""cache_read_tokens":50000,"cache_creation_input_tokens":2000"#, 50000),
        (r#""cached_input_tokens":50000,"cache_creation_input_tokens":2000"#, 50000),
        (r#""cached_tokens":50000,"cache_creation_tokens":2000"#, 50000),
        (r#""cache_read_input_tokens":50000,"cache_creation_input_tokens":2000"#, 50000),
    ] {
        let line = format!(
            r#"{{"at":"2026-11-20T14:03:27Z","provider":"anthropic","model":"claude-sonnet-4-5","status":200,"input_tokens":10,"output_tokens":7,{counts}}}"#
        );
        assert_eq!(
            said(&line).counts(),
            [Some(52010), Some(7), Some(cached), Some(2000)],
            "{counts}"
        );
    }
}

#[test]
fn what_one_stream_held_in_a_cache_is_not_the_next_ones() {
    let start = |id: &str, more: &str| {
        format!(
            r#"{{"type":"message_start","message":{{"id":"msg_{id}","model":"claude-sonnet-4-5","usage":{{"input_tokens":20,"output_tokens":1{more}}}}}}}"#
        )
    };
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
    let cached = r#","cache_read_input_tokens":90000,"cache_creation_input_tokens":50000"#;
    let log = [start("a", cached), delta.into(), start("b", ""), delta.into()].join("\n");
    let last = said(&log).calls().last().unwrap().0.tokens;
    assert_eq!((last.input, last.output, last.cached_input), (Some(20), Some(9), Some(0)));
}

#[test]
fn what_the_headers_format_leaves_to_applications_they_take() {
    for key in [
        "errorCode",
        "errorMessage",
        "error_kind",
        "exc_info",
        "traceback",
        "failed",
        "tokens",
        "total_cost_usd",
        "cost_cents",
    ] {
        let line = format!(
            r#"{{"status":429,"{key}":"1","headers":{{"x-ratelimit-limit-requests":"10","x-ratelimit-remaining-requests":"0","x-ratelimit-reset-requests":"5s"}}}}"#
        );
        let said = said(&line);
        let limits =
            said.batch.items.iter().filter(|item| matches!(item.seen, Observation::Limit(_)));
        assert_eq!(
            (&*said.format, limits.count()),
            ("app-json", 1),
            "{key}: {:?}",
            said.batch.items
        );
    }
}
