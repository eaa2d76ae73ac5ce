//! What else writers of spans, events and runs write: one call told more than once,
//! failures, agents around calls, rows that are not finished.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{
    Batch, Dedup, ErrorKind, FaultReason, Keep, Names, Observation, Request, Wall,
};

use crate::support::{Lines, at, corpus};

const NOW: Wall = Wall::from_secs(1_795_190_000);

static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Arc::new(Formats::builtin()));

/// What was read from a text.
#[derive(Debug)]
pub struct Read {
    pub names: Names,
    pub batch: Batch,
}

impl Read {
    pub fn of(text: &[u8]) -> Read {
        Read::with(text, DecodeOptions::default())
    }

    /// Read as lines of one format.
    pub fn named(text: &[u8], format: &str) -> Read {
        let format = Some(format.to_owned());
        Read::with(text, DecodeOptions { format, ..DecodeOptions::default() })
    }

    fn with(text: &[u8], options: DecodeOptions) -> Read {
        let names = Names::default();
        let formats = Arc::clone(&FORMATS);
        let mut decoder = Decoder::new(formats, &names, options).expect("any format");
        let mut batch = Batch::default();
        for (number, (offset, line)) in (1..).zip(Lines::all(text)) {
            decoder.line(line, at(number, offset, NOW), &mut batch);
        }
        decoder.finish(at(0, 0, NOW), &mut batch);
        Read { names, batch }
    }

    pub fn lines(lines: &[Value]) -> Read {
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        Read::of(text.join("\n").as_bytes())
    }

    pub fn told(&self) -> Vec<Request> {
        let request = |seen: &Observation| match *seen {
            Observation::Request { request, .. } => Some(request),
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| request(&item.seen)).collect()
    }

    /// The calls that count, as whoever counts takes them.
    pub fn counted(&self) -> Vec<Request> {
        let mut calls: Vec<Request> = Vec::new();
        let mut known: HashMap<Dedup, usize> = HashMap::new();
        for request in self.told() {
            let Some(place) = request.dedup.and_then(|id| known.get(&id).copied()) else {
                known.extend(request.dedup.map(|id| (id, calls.len())));
                calls.push(request);
                continue;
            };
            let Some(before) = calls.get_mut(place) else { continue };
            let better = match request.dedup.map(|id| id.keep) {
                Some(Keep::Last) => true,
                Some(Keep::MostOutput) => request.tokens.output > before.tokens.output,
                _ => false,
            };
            if better {
                *before = request;
            }
        }
        calls
    }

    pub fn faults(&self) -> Vec<FaultReason> {
        let fault = |seen: &Observation| match *seen {
            Observation::Quarantined { reason, .. } | Observation::Fault { reason, .. } => {
                Some(reason)
            }
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| fault(&item.seen)).collect()
    }

    pub fn one(&self) -> Request {
        match self.counted()[..] {
            [request] => request,
            _ => panic!("not one call: {:?}", self.batch.items),
        }
    }

    pub fn model(&self, request: &Request) -> Option<String> {
        request.model.map(|model| self.names.text(model).to_string())
    }
}

fn value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        other => json!({"stringValue": other.to_string()}),
    }
}

fn attributes(of: &Value) -> Vec<Value> {
    let pairs = of.as_object().into_iter().flatten();
    pairs.map(|(key, v)| json!({"key": key, "value": value(v)})).collect()
}

fn span(ids: [&str; 2], from: u64, to: u64, of: &Value) -> Value {
    let failed = if of.get("error.type").is_some() { 2 } else { 0 };
    let at = |s: u64| format!("{}000000000", 1_795_188_000 + s);
    json!({"traceId": "t", "spanId": ids[0], "parentSpanId": ids[1], "name": "n",
        "startTimeUnixNano": at(from), "endTimeUnixNano": at(to),
        "attributes": attributes(of), "status": {"code": failed}})
}

fn spans(spans: &[Value]) -> Value {
    json!({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [
        {"scope": {"name": "s"}, "spans": spans}]}]})
}

fn event(span: &str, of: &Value) -> Value {
    json!({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [
        {"scope": {"name": "s"}, "logRecords": [{"timeUnixNano": "0",
            "observedTimeUnixNano": "1795188003000000000", "traceId": "t", "spanId": span,
            "eventName": "gen_ai.client.inference.operation.details",
            "attributes": attributes(of)}]}]}]})
}

fn chat(id: &str, output: u64) -> Value {
    json!({"gen_ai.request.model": "m", "gen_ai.operation.name": "chat",
        "gen_ai.response.id": id, "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": output})
}

#[test]
fn a_call_that_several_spans_and_an_event_tell_of_counts_once() {
    let read = Read::of(&corpus("logs/samples/otlp_traces_openinference.jsonl"));
    assert_eq!((read.told().len(), read.counted().len()), (11, 9));
    let tokens: u64 = read.counted().iter().filter_map(|call| call.tokens.output).sum();
    assert_eq!(tokens, 59 + 52 + 47 + 240 + 58);
    // By the response's id, over lines and formats, whatever comes first.
    let sdk = span(["a", "b"], 0, 2, &chat("r1", 0));
    let around = span(["b", ""], 0, 3, &chat("r1", 5));
    let details = event("b", &chat("r1", 5));
    for lines in [
        vec![spans(&[sdk.clone(), around.clone()]), details.clone()],
        vec![
            details.clone(),
            spans(std::slice::from_ref(&around)),
            spans(std::slice::from_ref(&sdk)),
        ],
    ] {
        let call = Read::lines(&lines).one();
        assert_eq!((call.tokens.output, call.tokens.input), (Some(5), Some(9)));
    }
    // Failures have none: by where they stand.
    let refused = json!({"gen_ai.request.model": "m", "error.type": "429"});
    let inner = span(["a", "b"], 0, 2, &refused);
    let outer = span(["b", ""], 0, 3, &refused);
    let details = event("b", &refused);
    for lines in [
        vec![spans(&[inner.clone(), outer.clone()]), details.clone()],
        vec![details, spans(&[outer]), spans(&[inner])],
    ] {
        assert_eq!(Read::lines(&lines).one().status, Some(429));
    }
    // Whatever each calls its model: one says what was asked for, the other what answered.
    let dated = |mut of: Value| {
        of["gen_ai.request.model"] = "m-2024-08-06".into();
        of
    };
    for (inner, outer) in [(dated(chat("r1", 5)), chat("r1", 5)), (dated(refused.clone()), refused)]
    {
        let inner = spans(&[span(["a", "b"], 0, 2, &inner)]);
        let outer = spans(&[span(["b", ""], 0, 3, &outer)]);
        for lines in [[inner.clone(), outer.clone()], [outer, inner]] {
            Read::lines(&lines).one();
        }
    }
}

#[test]
fn calls_at_the_same_time_are_not_one() {
    let parallel = [
        span(["a", "p"], 0, 9, &chat("", 5)),
        span(["b", "p"], 1, 8, &chat("", 5)),
        span(["p", ""], 0, 9, &json!({"http.route": "/chat"})),
    ];
    assert_eq!(Read::lines(&[spans(&parallel)]).counted().len(), 2);
    // The sum of an agent's calls is none of them; without them it is all there is.
    let usage = json!({"gen_ai.request.model": "m", "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 18, "gen_ai.usage.output_tokens": 10});
    let agent = span(["p", ""], 0, 9, &usage);
    let [a, b, _] = parallel;
    let read = Read::lines(&[spans(&[a, b]), spans(std::slice::from_ref(&agent))]);
    let output: u64 = read.counted().iter().filter_map(|call| call.tokens.output).sum();
    assert_eq!((read.counted().len(), output), (2, 10));
    assert_eq!(Read::lines(&[spans(&[agent])]).one().tokens.output, Some(10));
    let bare = json!({"gen_ai.request.model": "m", "gen_ai.operation.name": "invoke_agent"});
    assert!(Read::lines(&[spans(&[span(["p", ""], 0, 9, &bare)])]).told().is_empty());
}

#[test]
fn old_names_mean_what_new_ones_mean() {
    for of in [
        json!({"gen_ai.system": "OpenAI", "gen_ai.request.model": "m",
            "gen_ai.usage.prompt_tokens": 26, "gen_ai.usage.completion_tokens": 42,
            "gen_ai.usage.cache_read_input_tokens": 6, "llm.is_streaming": true}),
        json!({"llm.vendor": "openai", "llm.request.model": "m", "llm.request.type": "chat",
            "llm.usage.prompt_tokens": 26, "llm.usage.completion_tokens": 42}),
        json!({"gen_ai.provider.name": "openai", "gen_ai.response.model": "m",
            "gen_ai.usage.input_tokens": "26", "gen_ai.usage.output_tokens": "42"}),
    ] {
        let read = Read::lines(&[spans(&[span(["a", ""], 1, 3, &of)])]);
        let call = read.one();
        assert_eq!((call.tokens.input, call.tokens.output), (Some(26), Some(42)), "{of}");
        assert_eq!(call.provider.map(|p| read.names.text(p).to_string()), Some("openai".into()));
        assert_eq!((read.model(&call), call.status), (Some("m".into()), Some(200)));
        assert_eq!((call.timing.latency_ms, call.failure.kind), (Some(2000.0), None));
    }
}

#[test]
fn a_span_that_failed_says_how_as_its_writer_does() {
    for (text, status, kind) in [
        ("Error code: 529 - overloaded", Some(529), ErrorKind::Overloaded),
        (
            "429 Rate limit reached for m on tokens per min (TPM)",
            Some(429),
            ErrorKind::RateLimitTokens,
        ),
        ("APIError: 503 no room", Some(503), ErrorKind::Unavailable),
        ("Request timed out.", None, ErrorKind::Timeout),
        ("took 429 tokens", None, ErrorKind::Error),
    ] {
        let mut failed = span(["a", ""], 1, 3, &json!({"gen_ai.request.model": "m"}));
        failed["status"] = json!({"code": 2, "message": text});
        let call = Read::lines(&[spans(&[failed])]).one();
        assert_eq!((call.status, call.failure.kind), (status, Some(kind)), "{text}");
    }
}

fn run(of: &[(&str, Value)]) -> Value {
    let mut run = json!({"id": "r1", "trace_id": "t", "run_type": "llm", "name": "ChatOpenAI",
        "start_time": "2026-11-20T15:11:17.000000",
        "extra": {"metadata": {"ls_model_name": "gpt-4o-mini", "ls_provider": "openai"}}});
    for (key, value) in of {
        run[*key] = value.clone();
    }
    run
}

#[test]
fn of_a_run_that_is_told_again_the_last_state_counts() {
    let open = run(&[]);
    let ended = run(&[
        ("end_time", json!("2026-11-20T15:11:18.500000")),
        ("first_token_time", json!("2026-11-20T15:11:17.400000")),
        ("prompt_tokens", json!(26)),
        ("completion_tokens", json!(42)),
        ("total_cost", json!("0.0000291")),
    ]);
    let priced = run(&[
        ("end_time", json!("2026-11-20T15:11:18.500000")),
        ("prompt_tokens", json!(26)),
        ("completion_tokens", json!(42)),
        ("total_cost", json!("0.0000391")),
    ]);
    let chain = json!({"id": "c", "trace_id": "t", "run_type": "chain", "total_cost": 0.5,
        "start_time": "2026-11-20T15:11:16.0", "end_time": "2026-11-20T15:11:19.0"});
    let read = Read::lines(&[open.clone(), ended.clone(), chain.clone()]);
    let call = read.one();
    assert_eq!(
        (call.status, call.tokens.input, call.tokens.output),
        (Some(200), Some(26), Some(42))
    );
    assert_eq!(call.timing.latency_ms, Some(1500.0));
    assert_eq!(call.timing.ttft_ms, Some(400.0));
    assert_eq!(call.cost.map(|cost| cost.usd.0), Some(29_100));
    assert_eq!(call.at, Wall(1_795_187_478_500_000_000));
    let read = Read::lines(&[open, ended, priced]);
    assert_eq!(read.one().cost.map(|cost| cost.usd.0), Some(39_100));
    let failed = run(&[
        ("end_time", json!("2026-11-20T15:11:17.100000")),
        ("status", json!("error")),
        (
            "error",
            json!(
                "RateLimitError(\"Error code: 429 - Rate limit reached on requests per min (RPM)\")"
            ),
        ),
    ]);
    let call = Read::lines(&[failed]).one();
    assert_eq!((call.status, call.failure.kind), (Some(429), Some(ErrorKind::RateLimitRequests)));
}

#[test]
fn langfuse_exports_in_either_spelling_are_the_same_calls() {
    let snake = json!({"id": "o1", "trace_id": "t", "type": "GENERATION", "environment": "prod",
        "start_time": "2026-11-20 15:11:19.000000", "end_time": "2026-11-20 15:11:21.210000",
        "completion_start_time": "2026-11-20 15:11:19.391000", "level": "DEFAULT",
        "provided_model_name": "claude-sonnet-4-5",
        "usage_details": {"input": 10, "cache_read_input_tokens": 90, "output": 5, "total": 105},
        "cost_details": {"total": 0.25}, "total_cost": 0.25});
    let open = json!({"id": "o1", "traceId": "t", "type": "GENERATION", "level": "DEFAULT",
        "startTime": "2026-11-20T15:11:19.000Z", "endTime": null, "usageDetails": {}});
    let read = Read::lines(&[open, snake]);
    let call = read.one();
    assert_eq!((call.tokens.input, call.tokens.cached_input), (Some(100), Some(90)));
    assert_eq!((call.timing.latency_ms, call.timing.ttft_ms), (Some(2210.0), Some(391.0)));
    assert_eq!(call.cost.map(|cost| cost.usd.0), Some(250_000_000));
    assert_eq!(call.provider.map(|p| read.names.text(p).to_string()), Some("anthropic".into()));
    assert!(read.faults().is_empty());
}

#[test]
fn langfuse_counts_sound_apart() {
    for names in [["input_audio_tokens", "output_audio_tokens"], ["input_audio", "output_audio"]] {
        let usage = json!({"input": 20, names[0]: 500, "output": 10, names[1]: 300, "total": 830});
        let camel = json!({"id": "o1", "traceId": "t1", "type": "GENERATION", "model": "m",
            "startTime": "2026-11-20T15:11:17Z", "endTime": "2026-11-20T15:11:18Z",
            "usageDetails": usage});
        let snake = json!({"id": "o1", "trace_id": "t1", "type": "GENERATION", "model": "m",
            "start_time": "2026-11-20T15:11:17Z", "end_time": "2026-11-20T15:11:18Z",
            "usage_details": usage});
        let sent = json!({"langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "m",
            "langfuse.observation.usage_details": usage.to_string()});
        for line in [camel, snake, spans(&[span(["a", ""], 1, 3, &sent)])] {
            let tokens = Read::lines(std::slice::from_ref(&line)).one().tokens;
            assert_eq!((tokens.input, tokens.output), (Some(520), Some(310)), "{line}");
            assert_eq!((tokens.audio_input, tokens.audio_output), (Some(500), Some(300)), "{line}");
        }
    }
    let raw = json!({"id": "o1", "traceId": "t1", "type": "GENERATION", "model": "m",
        "startTime": "2026-11-20T15:11:17Z", "endTime": "2026-11-20T15:11:18Z",
        "usageDetails": {"prompt_tokens": 20, "completion_tokens": 10}});
    let tokens = Read::lines(&[raw]).one().tokens;
    assert_eq!((tokens.input, tokens.output), (Some(20), Some(10)));
}

#[test]
fn parts_of_counts_are_read_as_each_library_names_them() {
    for (of, parts) in [
        (
            json!({"ai.usage.inputTokenDetails.cacheReadTokens": 20,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 3,
            "ai.usage.outputTokenDetails.reasoningTokens": 4}),
            (Some(20), Some(3), Some(4)),
        ),
        (json!({"ai.usage.reasoningTokens": 4}), (None, None, Some(4))),
        (json!({"gen_ai.usage.details.cached_tokens": 20}), (Some(20), None, None)),
    ] {
        let mut all = json!({"gen_ai.system": "openai", "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 26, "gen_ai.usage.output_tokens": 42});
        for (key, value) in of.as_object().expect("an object") {
            all[key] = value.clone();
        }
        let tokens = Read::lines(&[spans(&[span(["a", ""], 1, 3, &all)])]).one().tokens;
        assert_eq!((tokens.cached_input, tokens.cache_write, tokens.reasoning), parts, "{of}");
        assert_eq!((tokens.input, tokens.output), (Some(26), Some(42)), "{of}");
    }
}

#[test]
fn lines_that_are_exported_from_one_span_are_calls_of_their_own() {
    let line = |tokens: u32| {
        let body = json!({"time": "2026-11-20T15:11:17Z", "model": "m", "status": 200,
            "input_tokens": tokens, "output_tokens": 5});
        json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "t", "spanId": "web",
            "timeUnixNano": "1795187477000000000",
            "body": {"stringValue": body.to_string()}}]}]}]})
    };
    let input =
        |read: &Read| -> Vec<_> { read.counted().iter().map(|call| call.tokens.input).collect() };
    // What is sent again counts once.
    assert_eq!(input(&Read::lines(&[line(1), line(2), line(1)])), [Some(1), Some(2)]);
    let read = Read::lines(&[spans(&[span(["web", ""], 1, 3, &chat("r", 5))]), line(1)]);
    assert_eq!(read.counted().len(), 1, "the span is the call that the line is of");
}
