//! Compares what a sample decodes to with what is expected of it, field by field.

use std::collections::BTreeSet;

use crate::support::{Lines, corpus, decode_with};
use serde_json::Value;
use tripline::decode::DecodeOptions;
use tripline::domain::{
    Amount, Batch, Item, Layer, LimitReading, Names, Observation, Request, Resource, TextRef, Wall,
};

/// When the captures are read: a while after they were made.
const NOW: Wall = Wall::from_secs(1_795_190_000);
/// Relative resets count from dates with whole seconds.
const SLACK_S: f64 = 2.0;

/// One expected response and what a test may overlook in it, with the reason
/// at the place where it is named. What agrees everywhere must not be overlooked.
pub struct Sample {
    pub sample: &'static str,
    pub expect: &'static str,
    pub overlook: &'static [&'static str],
}

/// A response as decoded.
struct Response<'b> {
    request: &'b Request,
    request_id: TextRef,
    dedup_key: TextRef,
    limits: Vec<&'b LimitReading>,
}

fn responses(batch: &Batch) -> Vec<(u64, Response<'_>)> {
    let mut all: Vec<(u64, Response<'_>)> = Vec::new();
    for Item { line, seen } in &batch.items {
        match seen {
            Observation::Request { request, request_id, dedup_key, .. } => {
                let (request_id, dedup_key) = (*request_id, *dedup_key);
                let response = Response { request, request_id, dedup_key, limits: Vec::new() };
                all.push((*line, response));
            }
            Observation::Limit(limit) => {
                if let Some((_, response)) = all.last_mut().filter(|(of, _)| of == line) {
                    response.limits.push(limit);
                }
            }
            _ => {}
        }
    }
    all
}

struct Check<'c> {
    names: &'c Names,
    batch: &'c Batch,
    overlook: &'c [&'c str],
    overlooked: BTreeSet<&'c str>,
    wrong: Vec<String>,
}

impl Check<'_> {
    fn response(&mut self, expected: &Value, response: &Response<'_>) {
        let request = response.request;
        let name = |sym: Option<_>| sym.map(|sym| Value::from(&*self.names.text(sym)));
        let text = |text: TextRef| {
            let text = String::from_utf8_lossy(self.batch.text_of(text)).into_owned();
            (!text.is_empty()).then(|| Value::from(text))
        };
        let timing = request.timing;
        let caller = request.caller;
        let fields = [
            ("provider", name(request.provider)),
            ("model", name(request.model)),
            ("endpoint", name(request.endpoint)),
            ("status", request.status.map(Value::from)),
            ("error_kind", request.failure.kind.map(|kind| kind.word().into())),
            ("key_id", name(caller.key)),
            ("team", name(caller.team)),
            ("user", name(caller.user)),
            ("environment", name(caller.environment)),
            ("priority", caller.priority.map(|priority| priority.word().into())),
            ("input_tokens", request.tokens.input.map(Value::from)),
            ("output_tokens", request.tokens.output.map(Value::from)),
            ("cached_input_tokens", request.tokens.cached_input.map(Value::from)),
            ("cache_write_tokens", request.tokens.cache_write.map(Value::from)),
            ("reasoning_tokens", request.tokens.reasoning.map(Value::from)),
            ("cost_usd", request.cost.map(|cost| cost.usd.as_f64().into())),
            ("latency_ms", timing.latency_ms.map(Value::from)),
            ("ttft_ms", timing.ttft_ms.map(Value::from)),
            ("queue_ms", timing.queue_ms.map(Value::from)),
            ("queue_depth", request.queue_depth.map(Value::from)),
            ("attempt", request.attempt.map(Value::from)),
            ("stream", request.stream.map(Value::from)),
            ("cache_hit", request.cache_hit.map(Value::from)),
            ("request_id", text(response.request_id)),
            ("dedup_key", text(response.dedup_key)),
        ];
        for (field, got) in fields {
            self.field(expected, field, &got.unwrap_or(Value::Null));
        }
        self.time(expected, "at", Some(request.at));
        self.time(expected, "started_at", request.started_at);
        self.limits(expected, &response.limits);
    }

    /// A line may be a reading of a queue instead of a response.
    fn queue(&mut self, expected: &Value, line: u64) {
        let depth = self.batch.items.iter().find_map(|item| match item.seen {
            Observation::Queue(reading) if item.line == line => reading.depth,
            _ => None,
        });
        match depth {
            Some(depth) => self.field(expected, "queue_depth", &depth.into()),
            None => self.wrong.push(format!("line {line}: nothing")),
        }
    }

    /// A line without a call has limits alone.
    fn limits_alone(&mut self, expected: &Value, line: u64) {
        let limit = |item: &'_ Item| match &item.seen {
            Observation::Limit(limit) if item.line == line => Some(*limit),
            _ => None,
        };
        let limits: Vec<LimitReading> = self.batch.items.iter().filter_map(limit).collect();
        self.limits(expected, &limits.iter().collect::<Vec<_>>());
    }

    /// Whether it may differ, which it does.
    fn may_differ(&mut self, field: &str) -> bool {
        let may = self.overlook.iter().find(|overlook| **overlook == field);
        self.overlooked.extend(may);
        may.is_some()
    }

    fn field(&mut self, expected: &Value, field: &str, got: &Value) {
        let wanted = &expected[field];
        let same = match (wanted.as_f64(), got.as_f64()) {
            _ if field == "error_kind" => is_kind(wanted, got),
            // The expected spans are rounded to a microsecond, our costs to a billionth.
            (Some(wanted), Some(got)) if field.ends_with("_ms") => (wanted - got).abs() < 6e-4,
            (Some(wanted), Some(got)) => (wanted - got).abs() <= 1e-9,
            _ => wanted == got,
        };
        if !same && !self.may_differ(field) {
            self.wrong.push(format!("line {}: {field}: {got}, not {wanted}", expected["line"]));
        }
    }

    fn time(&mut self, expected: &Value, field: &str, got: Option<Wall>) {
        let wanted = expected[field].as_str().map(wall);
        let same = match (wanted, got) {
            (Some(wanted), Some(got)) => got.seconds_after(wanted).abs() < 2e-6,
            (None, None) => true,
            _ => false,
        };
        if !same && !self.may_differ(field) {
            let wanted = &expected[field];
            self.wrong.push(format!("line {}: {field}: {got:?}, not {wanted}", expected["line"]));
        }
    }

    fn limits(&mut self, expected: &Value, got: &[&LimitReading]) {
        let wanted = expected["limits"].as_array().map_or(&[][..], Vec::as_slice);
        let missing = wanted.iter().filter(|wanted| !got.iter().any(|got| same_limit(wanted, got)));
        for missing in missing {
            self.wrong.push(format!(
                "line {}: no limit {missing} in {}",
                expected["line"],
                shown(got)
            ));
        }
        if got.len() != wanted.len() && !self.may_differ("more limits") {
            let (line, wanted) = (&expected["line"], wanted.len());
            self.wrong.push(format!(
                "line {line}: {} limits, not {wanted}: {}",
                got.len(),
                shown(got)
            ));
        }
    }
}

/// Whether what is expected has anything of a call: a model may be known from other lines.
fn is_call(expected: &Value) -> bool {
    let parts = ["status", "error_kind", "input_tokens", "cost_usd", "latency_ms", "queue_depth"];
    parts.iter().any(|part| !expected[part].is_null())
}

/// Whether a failure is of the expected kind, or of the part of it that its own words name.
fn is_kind(wanted: &Value, got: &Value) -> bool {
    let part = ["rate_limit_input_tokens", "rate_limit_output_tokens"];
    wanted == got || (wanted == "rate_limit_tokens" && part.iter().any(|part| got == part))
}

fn shown(limits: &[&LimitReading]) -> String {
    let one = |limit: &&LimitReading| {
        let (layer, resource) = (limit.id.layer.word(), limit.id.resource.word());
        let amount = |amount: Option<Amount>| amount.map_or("?".to_owned(), |a| a.to_string());
        let (left, of) = (amount(limit.remaining), amount(limit.limit));
        format!("{layer} {resource} {left}/{of} {:?}", limit.reset.map(|reset| reset.at.0))
    };
    limits.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn wall(text: &str) -> Wall {
    let at: jiff::Timestamp = text.parse().expect("an RFC 3339 time");
    Wall(i64::try_from(at.as_nanosecond()).expect("in range"))
}

fn same_limit(wanted: &Value, got: &LimitReading) -> bool {
    let word = wanted["resource"].as_str().unwrap_or_default();
    // A plan's window is its label with us.
    let word = if word.starts_with("plan_") { "plan_usage" } else { word };
    let resource = Resource::from_word(word);
    let gateway = !matches!(wanted["scope"].as_str(), Some("provider" | "account"));
    let number = |key: &str| wanted[key].as_f64();
    let reset = match (wanted["reset_at"].as_str(), got.reset) {
        (Some(wanted), Some(got)) => got.at.seconds_after(wall(wanted)).abs() <= SLACK_S,
        (None, None) => true,
        _ => false,
    };
    Some(got.id.resource) == resource
        && got.id.layer == if gateway { Layer::Gateway } else { Layer::Upstream }
        && got.limit.map(Amount::as_f64) == number("limit")
        && got.remaining.map(Amount::as_f64) == number("remaining")
        && reset
}

/// Every sample decodes to what is expected, or the test fails with all that differs.
pub fn check(samples: &[Sample]) {
    let mut wrong = Vec::new();
    for sample in samples {
        let bytes = corpus(&format!("logs/samples/{}", sample.sample));
        let expected: Vec<Value> =
            serde_json::from_slice(&corpus(&format!("logs/expect/{}", sample.expect)))
                .expect("JSON");
        let names = Names::default();
        let batch = decode_with(&names, Lines::all(&bytes), NOW, DecodeOptions::default());
        let decoded = responses(&batch);
        let mut check = Check {
            names: &names,
            batch: &batch,
            overlook: sample.overlook,
            overlooked: BTreeSet::new(),
            wrong: Vec::new(),
        };
        let wanted: Vec<&Value> =
            expected.iter().filter(|record| record.get("skip").is_none()).collect();
        for record in &wanted {
            let line = record["line"].as_u64().expect("a line number");
            let same_line = |other: &&&Value| other["line"] == record["line"];
            let before = wanted.iter().take_while(|other| *other != record);
            let nth = before.filter(same_line).count();
            match decoded.iter().filter(|(at, _)| *at == line).nth(nth) {
                Some((_, response)) => check.response(record, response),
                None if is_call(record) || record["limits"].is_null() => check.queue(record, line),
                None => check.limits_alone(record, line),
            }
        }
        let skipped = expected.iter().filter(|record| record.get("skip").is_some());
        for record in skipped {
            let line = record["line"].as_u64().expect("a line number");
            let fingerprint =
                |response: &Response<'_>| response.request.dedup.map(|id| id.fingerprint);
            // Another line tells of the same call, or an earlier record of this one.
            let told = |number: usize, response: &Response<'_>| {
                let id = fingerprint(response);
                let same = |(other_number, (at, other)): (usize, &(u64, Response<'_>))| {
                    fingerprint(other) == id && (*at != line || other_number < number)
                };
                id.is_some() && decoded.iter().enumerate().any(same)
            };
            let of_line = wanted.iter().filter(|other| other["line"] == record["line"]).count();
            let calls = decoded.iter().enumerate();
            let calls = calls.filter(|(n, (at, response))| *at == line && !told(*n, response));
            if calls.count() > of_line {
                check.wrong.push(format!("line {line}: a response, not {}", record["skip"]));
            }
        }
        let needless = sample.overlook.iter().filter(|field| !check.overlooked.contains(**field));
        let needless = needless.map(|field| format!("{field} agrees and is overlooked"));
        check.wrong.extend(needless.collect::<Vec<_>>());
        let of = format!("{}: ", sample.sample);
        wrong.extend(check.wrong.into_iter().map(|wrong| of.clone() + &wrong));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
