//! Names that widely used loggers give to counts, costs, models and providers, each where it
//! stands in their own lines.

#![allow(clippy::indexing_slicing, reason = "a test makes its own input and may panic")]

mod support;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use support::at;
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, FaultReason, Names, Observation, Request, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);
const TIME: &str = "2026-11-20T15:00:00Z";

struct Said {
    batch: Batch,
    names: Names,
}

fn said(line: &str) -> Said {
    static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Formats::builtin().into());
    let names = Names::default();
    let mut decoder =
        Decoder::new(Arc::clone(&FORMATS), &names, DecodeOptions::default()).expect("no format");
    let mut batch = Batch::default();
    decoder.line(line.as_bytes(), at(1, 0, NOW), &mut batch);
    decoder.finish(at(9, 0, NOW), &mut batch);
    Said { batch, names }
}

impl Said {
    fn calls(&self) -> Vec<Request> {
        let call = |seen: &Observation| match *seen {
            Observation::Request { request, .. } => Some(request),
            _ => None,
        };
        self.batch.items.iter().filter_map(|item| call(&item.seen)).collect()
    }

    fn one(&self) -> Request {
        match self.calls().as_slice() {
            [request] => *request,
            others => panic!("{} calls: {:?}", others.len(), self.batch.items),
        }
    }

    /// Input, output, of the input what a cache gave and took, reasoning, and the cost in
    /// billionths.
    fn counts(&self) -> ([Option<u64>; 5], Option<i128>) {
        let Request { tokens, cost, .. } = self.one();
        assert!(!tokens.unreadable);
        let of = [
            tokens.input,
            tokens.output,
            tokens.cached_input,
            tokens.cache_write,
            tokens.reasoning,
        ];
        (of, cost.map(|cost| cost.usd.0))
    }

    fn whose(&self) -> [Option<String>; 2] {
        let call = self.one();
        [call.provider, call.model].map(|sym| sym.map(|sym| self.names.text(sym).to_string()))
    }

    fn is_quarantined(&self) -> bool {
        let is_it = |seen: &Observation| {
            matches!(seen, Observation::Quarantined { reason: FaultReason::CostUnreadable, .. })
        };
        self.batch.items.iter().any(|item| is_it(&item.seen))
    }
}

/// Dotted names as objects within each other.
fn nested(flat: &Value) -> Value {
    let mut whole = json!({});
    for (path, value) in flat.as_object().expect("an object") {
        let mut place = &mut whole;
        for key in path.split('.') {
            if place[key].is_null() {
                place[key] = json!({});
            }
            place = &mut place[key];
        }
        *place = value.clone();
    }
    whole
}

fn pairs(flat: &Value) -> String {
    let all = flat.as_object().expect("an object").iter();
    let pair =
        |(name, value): (_, &Value)| format!("{name}={}", value.to_string().trim_matches('"'));
    all.map(pair).collect::<Vec<_>>().join(" ")
}

/// A line in each notation that has such attributes.
fn notations(attributes: &Value) -> Vec<String> {
    let with = |beside: Value, attributes: &Value| {
        let mut line = beside;
        for (key, value) in attributes.as_object().expect("an object") {
            line[key] = value.clone();
        }
        line.to_string()
    };
    let time = json!({ "timestamp": TIME });
    let tracing = |fields: &Value| {
        json!({"timestamp": TIME, "level": "INFO", "target": "app", "fields": fields}).to_string()
    };
    let list: Vec<Value> = (attributes.as_object().expect("an object").iter())
        .map(|(key, value)| {
            let kind = match value {
                Value::String(_) => "stringValue",
                Value::Number(number) if number.is_f64() => "doubleValue",
                _ => "intValue",
            };
            json!({"key": key, "value": { kind: value }})
        })
        .collect();
    let span = json!({"traceId": "t", "spanId": "s", "name": "chat",
        "startTimeUnixNano": "1795186800000000000", "endTimeUnixNano": "1795186801000000000",
        "attributes": list});
    vec![
        with(time.clone(), attributes),
        with(time.clone(), &nested(attributes)),
        json!({"time": TIME, "message": "chat", "attributes": attributes}).to_string(),
        json!({"time": TIME, "message": "chat", "attributes": nested(attributes)}).to_string(),
        json!({"time": TIME, "message": with(json!({}), attributes)}).to_string(),
        tracing(attributes),
        tracing(&nested(attributes)),
        format!("time={TIME} level=info msg=done {}", pairs(attributes)),
        format!("{TIME}  INFO app: done {}", pairs(attributes)),
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string(),
    ]
}

#[test]
fn what_a_cache_held_is_told_apart_in_every_notation_of_opentelemetry() {
    let names = [
        ("cache_read_input_tokens", "cache_creation_input_tokens"),
        ("cache_read.input_tokens", "cache_creation.input_tokens"),
        ("details.cache_read_input_tokens", "details.cache_creation_input_tokens"),
        ("details.cache_read_tokens", "details.cache_write_tokens"),
    ];
    for (read, written) in names {
        let mut call = json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.response.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 53000,
            "gen_ai.usage.output_tokens": 10,
            "gen_ai.usage.details.input_tokens": 1000,
            "gen_ai.usage.details.output_tokens": 10,
            "gen_ai.usage.details.reasoning_tokens": 4,
            "operation.cost": 0.25
        });
        call[format!("gen_ai.usage.{read}")] = json!(50000);
        call[format!("gen_ai.usage.{written}")] = json!(2000);
        let is = [53000, 10, 50000, 2000, 4].map(Some);
        for line in notations(&call) {
            let said = said(&line);
            assert_eq!(said.counts(), (is, Some(250_000_000)), "{line}");
            let whose = ["anthropic", "claude-sonnet-4-5"].map(|name| Some(name.to_owned()));
            assert_eq!(said.whose(), whose, "{line}");
        }
    }
}

#[test]
fn an_operation_that_costs_something_is_no_call_of_a_model_by_that() {
    let line = format!(r#"{{"time":"{TIME}","msg":"query","operation":{{"name":"q","cost":12}}}}"#);
    assert!(said(&line).calls().is_empty());
}

#[test]
fn usage_of_pydantic_ai_is_read_by_its_older_names_and_its_present_ones() {
    let older = json!({"requests": 1, "request_tokens": 53000, "response_tokens": 10,
        "total_tokens": 53010, "details": {"cache_read_input_tokens": 50000,
        "cache_creation_input_tokens": 2000, "input_tokens": 1000, "output_tokens": 10}});
    let present = json!({"input_tokens": 53000, "cache_read_tokens": 50000,
        "cache_write_tokens": 2000, "output_tokens": 10, "details": {"reasoning_tokens": 4}});
    for usage in [&older, &present] {
        let mut lines = vec![
            json!({"timestamp": TIME, "model_name": "gpt-4o", "provider_name": "openai",
                "usage": usage, "kind": "response"}),
            json!({"timestamp": TIME, "model": "openai:gpt-4o", "usage": usage}),
        ];
        let mut flat = usage.clone();
        flat["timestamp"] = json!(TIME);
        flat["model"] = json!("openai:gpt-4o");
        lines.push(flat);
        for line in lines {
            let said = said(&line.to_string());
            let [input, output, read, written, _] = said.counts().0;
            assert_eq!(
                [input, output, read, written],
                [53000, 10, 50000, 2000].map(Some),
                "{line}"
            );
            assert_eq!(said.whose()[0], Some("openai".to_owned()), "{line}");
        }
    }
    for line in [
        format!("time={TIME} level=info model=openai:gpt-4o request_tokens=7 response_tokens=3"),
        format!("{TIME}  INFO app: done model=openai:gpt-4o request_tokens=7 response_tokens=3"),
    ] {
        let said = said(&line);
        assert_eq!(said.counts().0[..2], [Some(7), Some(3)], "{line}");
        assert_eq!(said.whose()[0], Some("openai".to_owned()), "{line}");
    }
}

#[test]
fn an_answer_of_bedrock_is_a_call_of_its_model() {
    let converse = json!({"time": TIME, "modelId": "anthropic.claude-3-sonnet-20240229-v1:0",
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn", "metrics": {"latencyMs": 1551},
        "usage": {"inputTokens": 26, "outputTokens": 42, "totalTokens": 68,
            "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0}});
    let answer = said(&converse.to_string());
    assert_eq!(answer.whose()[1].as_deref(), Some("anthropic.claude-3-sonnet-20240229-v1:0"));
    assert_eq!(answer.one().timing.latency_ms, Some(1551.0));
    assert_eq!(answer.counts().0[..2], [Some(26), Some(42)]);
    for line in [
        json!({"time": TIME, "modelId": "amazon.nova-pro-v1:0", "status": 429}),
        json!({"time": TIME, "model_id": "amazon.nova-pro-v1:0", "status": 429}),
    ] {
        let said = said(&line.to_string());
        assert_eq!(said.whose()[1].as_deref(), Some("amazon.nova-pro-v1:0"), "{line}");
    }
    // Products have a number so called.
    let product = json!({"time": TIME, "model_id": "17", "status": 200, "duration_ms": 3});
    assert!(said(&product.to_string()).calls().is_empty());
}

#[test]
fn only_a_known_provider_in_front_of_a_colon_is_one() {
    for (model, provider) in [
        ("openai:gpt-4o", Some("openai")),
        ("google-gla:gemini-2.5-flash", Some("gemini")),
        ("llama3:8b", None),
        ("mistral:7b", None),
        ("anthropic.claude-3-sonnet-20240229-v1:0", None),
        ("ft:gpt-4o:org::id", None),
    ] {
        let line = json!({"time": TIME, "model": model, "status": 200, "input_tokens": 1, "output_tokens": 1});
        let whose = said(&line.to_string()).whose();
        assert_eq!(whose, [provider, Some(model)].map(|name| name.map(str::to_owned)));
    }
}

#[test]
fn a_cost_that_is_an_object_is_its_one_total() {
    let line = |cost: Value| {
        json!({"time": TIME, "provider": "openai", "model": "gpt-4o", "cost": cost}).to_string()
    };
    for cost in [
        json!({"total_cost": 0.25}),
        json!({"total": 0.25}),
        json!({"input": 0.2, "output": 0.05, "total": 0.25}),
        json!({"input_cost": 0.2, "output_cost": 0.05, "total_cost": 0.25}),
        json!({"total": 0.25, "currency": "USD"}),
    ] {
        assert_eq!(said(&line(cost.clone())).counts().1, Some(250_000_000), "{cost}");
        let usage = json!({"time": TIME, "model": "gpt-4o",
            "usage": {"input_tokens": 1, "output_tokens": 1, "cost": cost}});
        assert_eq!(said(&usage.to_string()).counts().1, Some(250_000_000), "{usage}");
    }
    for cost in [
        json!({"total": 0.25, "total_cost": 0.5}),
        json!({"call": 0.25, "total": 12.5}),
        json!({"total": 0.25, "currency": "EUR"}),
        json!({"total": "much"}),
        json!({"input": 0.2, "output": 0.05}),
        json!({}),
    ] {
        assert!(said(&line(cost.clone())).is_quarantined(), "{cost}");
    }
    let two = json!({"time": TIME, "model": "gpt-4o", "usage": {"input_tokens": 1,
        "output_tokens": 1, "cost": {"total": 0.25, "total_cost": 0.5}}});
    assert!(said(&two.to_string()).is_quarantined());
}
