//! Observations as `tripline.observation/v1` (CONTRACT section 2).

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Number, Value, json};

use crate::domain::{
    Amount, Batch, BillReading, Dedup, Layer, LimitReading, MetricReading, Names, Observation,
    QueueReading, Request, Sym, TextRef, Wall,
};

/// Calls remembered: a line that repeats one further back is not marked.
const REMEMBERED: usize = 65_536;

/// Calls that were printed, as far as lines about them can be told to repeat.
#[derive(Debug, Default)]
pub struct Printed {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Printed {
    fn repeats(&mut self, call: Dedup) -> bool {
        if !self.known.insert(call.fingerprint) {
            return true;
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(call.fingerprint);
        false
    }
}

/// One JSON object for each thing that the lines of a batch said.
#[must_use]
pub fn rows(
    batch: &Batch,
    names: &Names,
    format: Option<&str>,
    printed: &mut Printed,
) -> Vec<Value> {
    let writer = Writer { batch, names };
    let mut rows: Vec<Row> = Vec::new();
    for item in &batch.items {
        let mut row = Row { fields: Map::new(), limits: Vec::new() };
        row.put("schema", "tripline.observation/v1");
        row.put("line", item.line);
        match &item.seen {
            Observation::Limit(reading) => {
                if let Some(row) = rows.last_mut() {
                    row.limits.push(writer.limit(reading));
                    // Beside a call they are those of its provider.
                    if row.fields.get("kind").is_some_and(|kind| kind == "limits") {
                        row.maybe("provider", writer.name(reading.id.provider));
                    }
                }
                continue;
            }
            Observation::Request { request, request_id, dedup_key, finish_reason } => {
                row.kind("request", format);
                writer.request(&mut row, request);
                row.text("finish_reason", writer.text(*finish_reason));
                row.text("request_id", writer.text(*request_id));
                row.text("dedup_key", writer.text(*dedup_key));
                if let Some(dedup) = request.dedup {
                    row.put("duplicate", printed.repeats(dedup));
                }
            }
            Observation::Limits { at, .. } => {
                row.kind("limits", format);
                row.time("at", Some(*at));
            }
            Observation::Queue(reading) => {
                row.kind("queue", format);
                writer.queue(&mut row, reading);
            }
            Observation::Metric(reading) => {
                row.kind("metric", format);
                writer.metric(&mut row, reading);
            }
            Observation::Bill(reading) => {
                row.kind("bill", format);
                writer.bill(&mut row, reading);
            }
            Observation::Ignored { reason } => {
                row.kind("ignored", format);
                row.put("reason", *reason);
            }
            Observation::Quarantined { reason, offset, len } => {
                row.kind("quarantined", format);
                row.put("reason", reason.word());
                row.put("offset", *offset);
                row.put("length", *len);
            }
            Observation::Fault { reason, what } => {
                row.kind("fault", format);
                row.put("reason", reason.word());
                row.text("what", writer.text(*what));
            }
        }
        rows.push(row);
    }
    rows.into_iter().map(Row::finish).collect()
}

/// An object that grows; what is not known is not in it.
struct Row {
    fields: Map<String, Value>,
    limits: Vec<Value>,
}

impl Row {
    fn kind(&mut self, kind: &str, format: Option<&str>) {
        self.put("kind", kind);
        self.maybe("format", format);
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    fn maybe(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn text(&mut self, name: &str, text: String) {
        if !text.is_empty() {
            self.put(name, text);
        }
    }

    fn time(&mut self, name: &str, at: Option<Wall>) {
        self.maybe(name, at.map(Wall::rfc3339));
    }

    fn finish(mut self) -> Value {
        if !self.limits.is_empty() {
            let limits = std::mem::take(&mut self.limits);
            self.put("limits", limits);
        }
        Value::Object(self.fields)
    }
}

/// Turns symbols and references back into text.
struct Writer<'a> {
    batch: &'a Batch,
    names: &'a Names,
}

impl Writer<'_> {
    fn text(&self, text: TextRef) -> String {
        String::from_utf8_lossy(self.batch.text_of(text)).into_owned()
    }

    fn name(&self, sym: Option<Sym>) -> Option<String> {
        sym.map(|sym| self.names.text(sym).to_string())
    }

    fn request(&self, row: &mut Row, request: &Request) {
        row.time("at", Some(request.at));
        row.time("started_at", request.started_at);
        row.maybe("provider", self.name(request.provider));
        row.maybe("model", self.name(request.model));
        row.maybe("endpoint", self.name(request.endpoint));
        row.maybe("host", self.name(request.host));
        row.maybe("key_id", self.name(request.caller.key));
        row.maybe("team", self.name(request.caller.team));
        row.maybe("user", self.name(request.caller.user));
        row.maybe("environment", self.name(request.caller.environment));
        row.maybe("account", self.name(request.caller.account));
        row.maybe("priority", request.caller.priority.map(crate::domain::Priority::word));
        row.maybe("status", request.status);
        row.put("outcome", request.outcome().word());
        let failure = &request.failure;
        row.maybe("error_kind", failure.kind.map(crate::domain::ErrorKind::word));
        row.maybe("limited_by", failure.limited_by.map(crate::domain::LimitedBy::word));
        if failure.kind.is_some() && failure.layer != Layer::Unknown {
            row.put("layer", failure.layer.word());
        }
        row.maybe("retryable", failure.retryable);
        row.maybe("retry_after_s", failure.retry_after_s);
        let tokens = &request.tokens;
        row.maybe("input_tokens", tokens.input);
        row.maybe("output_tokens", tokens.output);
        row.maybe("cached_input_tokens", tokens.cached_input);
        row.maybe("cache_write_tokens", tokens.cache_write);
        row.maybe("reasoning_tokens", tokens.reasoning);
        row.maybe("cost_usd", request.cost.map(|cost| cost.usd.to_string()));
        row.maybe("cost_source", request.cost.map(|cost| cost.source.word()));
        row.maybe("latency_ms", request.timing.latency_ms);
        row.maybe("ttft_ms", request.timing.ttft_ms);
        row.maybe("queue_ms", request.timing.queue_ms);
        row.maybe("queue_depth", request.queue_depth);
        row.maybe("attempt", request.attempt);
        row.maybe("stream", request.stream);
        row.maybe("cache_hit", request.cache_hit);
    }

    fn limit(&self, reading: &LimitReading) -> Value {
        let id = &reading.id;
        let mut row = Row { fields: Map::new(), limits: Vec::new() };
        row.put("layer", id.layer.word());
        row.put("scope", id.scope.word());
        row.put("resource", id.resource.word());
        row.maybe("label", self.name(id.label));
        row.maybe("subject", self.name(id.subject));
        row.maybe("window_s", id.window_s);
        row.maybe("limit", reading.limit.map(number));
        row.maybe("remaining", reading.remaining.map(number));
        row.maybe("used", reading.used.map(number));
        row.maybe("used_ratio", reading.used_ratio);
        row.time("reset_at", reading.reset.map(|reset| reset.at));
        row.maybe("status", reading.status.map(crate::domain::LimitStatus::word));
        row.finish()
    }

    fn queue(&self, row: &mut Row, reading: &QueueReading) {
        row.time("at", Some(reading.at));
        row.maybe("queue", self.name(reading.name));
        row.maybe("host", self.name(reading.host));
        row.maybe("priority", reading.priority.map(crate::domain::Priority::word));
        row.maybe("depth", reading.depth);
        row.maybe("running", reading.running);
        row.maybe("oldest_age_s", reading.oldest_age_s);
        row.maybe("enqueued_total", reading.enqueued_total);
        row.maybe("dequeued_total", reading.dequeued_total);
        row.maybe("dropped_total", reading.dropped_total);
    }
}

impl Writer<'_> {
    fn metric(&self, row: &mut Row, reading: &MetricReading) {
        row.time("at", Some(reading.at));
        row.maybe("metric", self.name(Some(reading.name)));
        row.maybe("labels", self.name(reading.labels));
        row.maybe("host", self.name(reading.host));
        row.put("value", reading.value);
        row.put("type", reading.kind.word());
    }

    fn bill(&self, row: &mut Row, reading: &BillReading) {
        row.time("at", Some(reading.at));
        row.maybe("provider", self.name(Some(reading.provider)));
        row.maybe("environment", self.name(reading.environment));
        row.maybe("key_id", self.name(reading.key));
        row.time("from", Some(reading.start));
        row.time("to", Some(reading.end));
        row.put("billed_usd", reading.usd.to_string());
        row.put("complete", reading.complete);
    }
}

/// A plain JSON number: whole where it is whole.
fn number(amount: Amount) -> Value {
    let whole = amount.0 % crate::domain::amount::SCALE == 0;
    let digits = i64::try_from(amount.0 / crate::domain::amount::SCALE);
    match digits {
        Ok(digits) if whole => Value::Number(Number::from(digits)),
        _ => json!(amount.as_f64()),
    }
}
