//! OTLP in JSON, as the collector's file exporter writes it: one flat object for
//! each span, log record or data point. Attributes stand under their own names,
//! those of the resource under `resource.`, the first event of each name under
//! `event.NAME.`. Nothing is held but the one object.

use super::lineage::Kin;
use super::object::{Object, Raw};
use super::points::{self, Point};
use crate::decode::map::Input;
use crate::decode::metrics::Growth;
use crate::scan::{Kind, Value, elements, members};

/// Deeper attribute values are not followed.
const MAX_DEPTH: usize = 16;
/// Names of events that are told apart in one span.
const EVENTS: usize = 16;

/// The three things OTLP carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Spans,
    Logs,
    Metrics,
}

impl Signal {
    /// What a line carries, told by its first key.
    pub(super) fn of(json: &[u8]) -> Option<Signal> {
        let key = json.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        let all = [Signal::Spans, Signal::Logs, Signal::Metrics];
        all.into_iter().find(|signal| {
            let rest = key.strip_prefix(b"\"").and_then(|key| key.strip_prefix(signal.words().0));
            rest.is_some_and(|rest| rest.starts_with(b"\""))
        })
    }

    /// What maps call its records.
    pub(super) fn input(self) -> Input {
        match self {
            Signal::Spans => Input::OtlpSpans,
            Signal::Logs => Input::OtlpLogs,
            Signal::Metrics => Input::OtlpMetrics,
        }
    }

    /// Keys of the lists by resource, by scope, and of records.
    fn words(self) -> (&'static [u8], &'static [u8], &'static [u8]) {
        match self {
            Signal::Spans => (b"resourceSpans", b"scopeSpans", b"spans"),
            Signal::Logs => (b"resourceLogs", b"scopeLogs", b"logRecords"),
            Signal::Metrics => (b"resourceMetrics", b"scopeMetrics", b"metrics"),
        }
    }
}

/// What is known of a record besides what stands in it.
#[derive(Debug)]
pub(super) enum About<'t> {
    /// Its place in its trace.
    Trace(Kin),
    /// It is a data point.
    Point(Point<'t>),
}

/// Hands each record of a line to `each`, as JSON in `buffer`.
pub(super) fn flatten(
    signal: Signal,
    json: &[u8],
    growth: &mut Growth,
    buffer: &mut Vec<u8>,
    each: &mut dyn FnMut(&[u8], About<'_>),
) {
    let (resources, scopes, records) = signal.words();
    for group in list(json, resources) {
        let resource = within(group.raw, b"resource");
        for scoped in list(group.raw, scopes) {
            let around = Around { resource, scope: within(scoped.raw, b"scope") };
            for record in list(scoped.raw, records) {
                match signal {
                    Signal::Spans => {
                        let [trace, own, outer] = around.record(record.raw, buffer);
                        each(buffer, About::Trace(Kin::new(trace, own, outer)));
                    }
                    Signal::Logs => {
                        let [trace, span, _] = around.record(record.raw, buffer);
                        each(buffer, About::Trace(Kin::new(trace, b"", span)));
                    }
                    Signal::Metrics => around.metric(record.raw, growth, buffer, each),
                }
            }
        }
    }
}

/// What a record's surroundings say of it.
#[derive(Clone, Copy)]
struct Around<'t> {
    resource: Option<Value<'t>>,
    scope: Option<Value<'t>>,
}

impl Around<'_> {
    /// A span or a log record; the ids of its trace, its span, and the one around.
    fn record<'r>(self, record: &'r [u8], buffer: &mut Vec<u8>) -> [&'r [u8]; 3] {
        let mut ids: [&[u8]; 3] = [b""; 3];
        let [trace, own, outer] = &mut ids;
        let mut object = Object::begin(buffer);
        for (key, value) in members(record) {
            match key.raw {
                b"traceId" => *trace = value.raw,
                b"spanId" => *own = value.raw,
                b"parentSpanId" => *outer = value.raw,
                _ => {}
            }
            match key.raw {
                b"attributes" => attributes(b"", value, &mut object),
                b"events" => events(value, &mut object),
                b"status" => scalars(b"status.", value, &mut object),
                b"body" => object.written(&[b"body"], |out| any(value, out, 0)),
                _ => scalar(&[key.raw], value, &mut object),
            }
        }
        self.finish(object);
        ids
    }

    /// All points of one metric.
    fn metric(
        self,
        metric: &[u8],
        growth: &mut Growth,
        buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(&[u8], About<'_>),
    ) {
        // What all points share is looked for once, not through all of them for each.
        let shared = only_scalars(metric);
        for (kind, data) in members(metric).filter(|(_, value)| value.kind == Kind::Object) {
            let of_kind = only_scalars(data.raw);
            for point in points::of(data.raw) {
                let read =
                    Point::read((&shared, kind.raw, &of_kind), point.raw, self.resource, growth);
                let mut object = Object::begin(buffer);
                object.text(b"type", kind.raw);
                for (key, value) in members(&shared).chain(members(&of_kind)) {
                    scalar(&[key.raw], value, &mut object);
                }
                for (key, value) in members(point.raw) {
                    match key.raw {
                        b"attributes" => attributes(b"", value, &mut object),
                        b"asInt" | b"asDouble" => scalar(&[b"value"], value, &mut object),
                        b"bucketCounts" | b"explicitBounds" | b"quantileValues" => {
                            object.value(&[key.raw], Raw::Json(value.raw));
                        }
                        _ => scalar(&[key.raw], value, &mut object),
                    }
                }
                if let Some((sum, count)) = read.grown() {
                    object.value(&[b"delta"], Raw::Json(sum.to_string().as_bytes()));
                    object.value(&[b"count_delta"], Raw::Json(count.to_string().as_bytes()));
                }
                self.finish(object);
                each(buffer, About::Point(read));
            }
        }
    }

    fn finish(self, mut object: Object<'_>) {
        if let Some(scope) = self.scope {
            scalars(b"scope.", scope, &mut object);
        }
        let attributes_of = self.resource.and_then(|resource| within(resource.raw, b"attributes"));
        if let Some(value) = attributes_of {
            attributes(b"resource.", value, &mut object);
        }
        object.end();
    }
}

/// Where a flat log record is from.
pub(super) fn host(record: &[u8]) -> Option<&[u8]> {
    let named = |name: &[u8]| within(record, name).filter(|host| host.is_text());
    Some(named(b"resource.k8s.pod.name").or_else(|| named(b"resource.host.name"))?.raw)
}

/// A flat log record as the line of a logger, for who knows the program but not OTLP: its
/// time, what it says, and all else beside that.
pub(super) fn as_line(record: &[u8], buffer: &mut Vec<u8>) {
    const TIMES: [&[u8]; 2] = [b"timeUnixNano", b"observedTimeUnixNano"];
    let time = |name: &[u8]| within(record, name).filter(|time| time.raw != b"0");
    let mut line = Object::begin(buffer);
    if let Some(at) = TIMES.into_iter().find_map(time) {
        line.value(&[b"timestamp"], raw(at));
    }
    if let Some(body) = within(record, b"body") {
        line.value(&[b"message"], raw(body));
    }
    line.object(b"attributes", |attributes| {
        for (key, value) in members(record) {
            if key.raw != b"body" && !TIMES.contains(&key.raw) {
                attributes.value(&[key.raw], raw(value));
            }
        }
    });
    line.end();
}

/// The first event of each name: its time, and its attributes.
fn events(list: Value<'_>, into: &mut Object<'_>) {
    let mut seen: [&[u8]; EVENTS] = [b""; EVENTS];
    let mut names = 0;
    for event in elements(list.raw) {
        let Some(name) = within(event.raw, b"name").map(|name| name.raw) else { continue };
        let Some(place) = seen.get_mut(names) else { return };
        *place = name;
        if seen.get(..names).is_some_and(|before| before.contains(&name)) {
            continue;
        }
        names += 1;
        for (key, value) in members(event.raw) {
            if key.raw == b"attributes" {
                for (key, value) in pairs(value) {
                    into.written(&[b"event.", name, b".", key], |out| any(value, out, 0));
                }
            } else {
                scalar(&[b"event.", name, b".", key.raw], value, into);
            }
        }
    }
}

fn attributes(prefix: &[u8], list: Value<'_>, into: &mut Object<'_>) {
    for (key, value) in pairs(list) {
        into.written(&[prefix, key], |out| any(value, out, 0));
    }
}

/// Keys and values of a list of attributes.
pub(super) fn pairs(list: Value<'_>) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    elements(list.raw).filter_map(|pair| {
        let key = within(pair.raw, b"key")?;
        Some((key.raw, within(pair.raw, b"value")?))
    })
}

fn scalars(prefix: &[u8], object: Value<'_>, into: &mut Object<'_>) {
    for (key, value) in members(object.raw) {
        scalar(&[prefix, key.raw], value, into);
    }
}

/// An object without the members that are objects or lists.
fn only_scalars(object: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut into = Object::begin(&mut buffer);
    for (key, value) in members(object) {
        scalar(&[key.raw], value, &mut into);
    }
    into.end();
    buffer
}

/// A member that is neither object nor list.
fn scalar(key: &[&[u8]], value: Value<'_>, into: &mut Object<'_>) {
    match value.kind {
        Kind::Str | Kind::StrEscaped => into.value(key, Raw::InString(value.raw)),
        Kind::Number | Kind::True | Kind::False => into.value(key, Raw::Json(value.raw)),
        _ => {}
    }
}

/// A value as it is written.
fn raw(value: Value<'_>) -> Raw<'_> {
    if value.is_text() { Raw::InString(value.raw) } else { Raw::Json(value.raw) }
}

/// Appends the value of an attribute, which says its own type.
fn any(value: Value<'_>, out: &mut Vec<u8>, depth: usize) {
    let typed = members(value.raw).next().filter(|_| depth < MAX_DEPTH);
    let Some((kind, inner)) = typed else { return out.extend_from_slice(b"null") };
    match kind.raw {
        b"arrayValue" => {
            out.push(b'[');
            for (number, element) in list(inner.raw, b"values").enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                any(element, out, depth + 1);
            }
            out.push(b']');
        }
        b"kvlistValue" => {
            let mut first = true;
            out.push(b'{');
            for (key, value) in within(inner.raw, b"values").into_iter().flat_map(pairs) {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                out.push(b'"');
                out.extend_from_slice(key);
                out.extend_from_slice(b"\":");
                any(value, out, depth + 1);
            }
            out.push(b'}');
        }
        _ if inner.is_text() => {
            out.push(b'"');
            out.extend_from_slice(inner.raw);
            out.push(b'"');
        }
        _ if matches!(inner.kind, Kind::Number | Kind::True | Kind::False) => {
            out.extend_from_slice(inner.raw);
        }
        _ => out.extend_from_slice(b"null"),
    }
}

pub(super) fn within<'t>(object: &'t [u8], key: &[u8]) -> Option<Value<'t>> {
    members(object).find(|(name, _)| name.raw == key).map(|(_, value)| value)
}

pub(super) fn list<'t>(object: &'t [u8], key: &[u8]) -> impl Iterator<Item = Value<'t>> {
    let list = within(object, key).filter(|value| value.kind == Kind::Array);
    list.into_iter().flat_map(|list| elements(list.raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn records(line: &Json) -> Vec<Json> {
        let line = line.to_string();
        let signal = Signal::of(line.as_bytes()).unwrap();
        let mut records = Vec::new();
        let mut growth = Growth::default();
        flatten(signal, line.as_bytes(), &mut growth, &mut Vec::new(), &mut |json, _| {
            records.push(serde_json::from_slice(json).unwrap());
        });
        records
    }

    #[test]
    fn a_span_becomes_one_flat_object() {
        let line = json!({"resourceSpans": [{
            "scopeSpans": [{"scope": {"name": "s"}, "spans": [
                {"traceId": "t", "name": "chat", "kind": 3, "startTimeUnixNano": "17",
                 "status": {"code": 2, "message": "no \"way\""},
                 "attributes": [
                    {"key": "a.b", "value": {"stringValue": "x\ny"}},
                    {"key": "n", "value": {"intValue": "26"}},
                    {"key": "l", "value": {"arrayValue": {"values": [
                        {"doubleValue": 0.5}, {"boolValue": true}, {}]}}},
                    {"key": "o", "value": {"kvlistValue": {"values": [
                        {"key": "k", "value": {"stringValue": "v"}}]}}},
                 ],
                 "events": [
                    {"name": "e", "timeUnixNano": "18",
                     "attributes": [{"key": "m", "value": {"stringValue": "1"}}]},
                    {"name": "e", "timeUnixNano": "19"},
                 ],
                 "links": [{"traceId": "z"}]},
                {"name": "second"}]}],
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "bot"}}]},
        }]});
        assert_eq!(
            records(&line),
            [
                json!({"traceId": "t", "name": "chat", "kind": 3, "startTimeUnixNano": "17",
                    "status.code": 2, "status.message": "no \"way\"", "a.b": "x\ny", "n": "26",
                    "l": [0.5, true, null], "o": {"k": "v"},
                    "event.e.name": "e", "event.e.timeUnixNano": "18", "event.e.m": "1",
                    "scope.name": "s", "resource.service.name": "bot"}),
                json!({"name": "second", "scope.name": "s", "resource.service.name": "bot"}),
            ]
        );
    }

    #[test]
    fn points_and_log_records_become_objects_too() {
        let line = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "cost", "unit": "USD", "sum": {"aggregationTemporality": 1,
             "isMonotonic": true, "dataPoints": [
                {"asDouble": 0.25, "timeUnixNano": "5",
                 "attributes": [{"key": "model", "value": {"stringValue": "m"}}]}]}}]}]}]});
        let point = json!({"type": "sum", "name": "cost", "unit": "USD",
            "aggregationTemporality": 1, "isMonotonic": true, "value": 0.25,
            "timeUnixNano": "5", "model": "m", "delta": 0.25, "count_delta": 0});
        assert_eq!(records(&line), [point]);
        let line = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
            {"timeUnixNano": "0", "body": {"stringValue": "hi"}, "severityText": "INFO"}]}]}]});
        let record = json!({"timeUnixNano": "0", "body": "hi", "severityText": "INFO"});
        assert_eq!(records(&line), [record]);
    }
}
