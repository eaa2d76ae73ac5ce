//! A data point of OTLP as the samples that an exporter for Prometheus would show of
//! it, so that one set of maps says what a metric means whichever way it comes.

use super::otlp::{list, pairs, within};
use crate::decode::metrics::{Grown, Growth, Identity, Point as Counted, Temporality};
use crate::domain::Wall;
use crate::scan::exposition::{self, Line, Sample};
use crate::scan::{Value, members, number};

/// Members of a point or its data that are its value or its time, and tell no series.
const VARIES: [&[u8]; 14] = [
    b"dataPoints",
    b"attributes",
    b"startTimeUnixNano",
    b"timeUnixNano",
    b"asInt",
    b"asDouble",
    b"count",
    b"sum",
    b"min",
    b"max",
    b"bucketCounts",
    b"explicitBounds",
    b"exemplars",
    b"flags",
];
/// Units with a name of their own in metrics; others stand as they are.
const UNITS: [(&[u8], &[u8]); 4] =
    [(b"s", b"seconds"), (b"ms", b"milliseconds"), (b"By", b"bytes"), (b"1", b"")];

/// One data point of one metric.
#[derive(Debug)]
pub(in crate::decode) struct Point<'t> {
    name: &'t [u8],
    unit: &'t [u8],
    attributes: Option<Value<'t>>,
    service: Option<Value<'t>>,
    at: Option<Wall>,
    says: Says<'t>,
}

/// What a point says.
#[derive(Clone, Copy, Debug)]
enum Says<'t> {
    /// What is now.
    Now(&'t [u8]),
    /// How often something happened, or how much of it there was.
    Counter(Grown),
    /// Of several values their number and sum.
    Values(Grown),
    Nothing,
}

impl<'t> Point<'t> {
    /// A point of a metric, whose `data` are of a `kind`.
    pub(super) fn read(
        (metric, kind, data): (&'t [u8], &[u8], &'t [u8]),
        point: &'t [u8],
        resource: Option<Value<'t>>,
        growth: &mut Growth,
    ) -> Point<'t> {
        let text = |object, key: &[u8]| within(object, key).map_or(&b""[..], |value| value.raw);
        let (name, unit) = (text(metric, b"name"), text(metric, b"unit"));
        let attributes = within(point, b"attributes");
        let of_resource = resource.and_then(|resource| within(resource.raw, b"attributes"));
        let nanos = |key: &[u8]| within(point, key).and_then(Value::as_u64).unwrap_or(0);
        let at = nanos(b"timeUnixNano");
        let value = within(point, b"asInt").or_else(|| within(point, b"asDouble"));
        let float = |value: Option<Value<'_>>| value.and_then(|value| number::float(value.raw));
        let temporality = match text(data, b"aggregationTemporality") {
            b"1" | b"AGGREGATION_TEMPORALITY_DELTA" => Temporality::Delta,
            _ => Temporality::Cumulative,
        };
        let mut counted = |sum, count| {
            let mut identity = Identity::default().with(0, name, kind).with(1, b"unit", unit);
            for (key, value) in members(data).chain(members(point)) {
                if !VARIES.contains(&key.raw) {
                    identity = identity.with(2, key.raw, value.raw);
                }
            }
            for (scope, list) in [(3, attributes), (4, of_resource)] {
                for (key, value) in list.into_iter().flat_map(pairs) {
                    identity = identity.with(scope, key, value.raw);
                }
            }
            let start = nanos(b"startTimeUnixNano");
            let series = identity.series();
            growth.read(Counted { series, temporality, start, at, sum, count })
        };
        let says = match (kind, float(value), float(within(point, b"count"))) {
            (b"sum", Some(sum), _) if text(data, b"isMonotonic") == b"true" => {
                Says::Counter(counted(sum, 0.0))
            }
            (b"sum", ..) if temporality == Temporality::Delta => Says::Nothing,
            (b"gauge" | b"sum", Some(_), _) => Says::Now(value.map_or(&b""[..], |value| value.raw)),
            (_, _, Some(count)) => {
                Says::Values(counted(float(within(point, b"sum")).unwrap_or(0.0), count))
            }
            _ => Says::Nothing,
        };
        let service = of_resource.into_iter().flat_map(pairs);
        let mut service = service.filter(|(key, _)| *key == b"service.name");
        let service = service.next().map(|(_, value)| value);
        let at = i64::try_from(at).ok().filter(|at| *at > 0).map(Wall);
        Point { name, unit, attributes, service, at, says }
    }

    /// By how much its series has grown, where that is known and not told before.
    pub(super) fn grown(&self) -> Option<(f64, f64)> {
        match self.says {
            Says::Counter(Grown::By { sum, count }) | Says::Values(Grown::By { sum, count }) => {
                Some((sum, count))
            }
            _ => None,
        }
    }

    /// Its samples, and by how much each has grown if it is one that only grows.
    pub(in crate::decode) fn samples(&self, each: &mut dyn FnMut(&Sample<'_>, Option<f64>)) {
        let mut text = Vec::new();
        let mut show = |suffix: &[u8], value: &[u8], grown: Option<f64>| {
            self.write(suffix, value, &mut text);
            if let Line::Sample(mut sample) = exposition::line(&text) {
                sample.at = self.at;
                each(&sample, grown);
            }
        };
        match self.says {
            Says::Now(value) => show(b"", value, None),
            Says::Counter(Grown::By { sum, .. }) => show(b"_total", b"0", Some(sum)),
            Says::Counter(Grown::Unknown) => show(b"_total", b"0", Some(0.0)),
            Says::Values(Grown::By { sum, count }) => {
                show(b"_count", b"0", Some(count));
                show(b"_sum", b"0", Some(sum));
                if count > 0.0 {
                    show(b"_mean", (sum / count).to_string().as_bytes(), None);
                }
            }
            Says::Values(Grown::Unknown) => {
                show(b"_count", b"0", Some(0.0));
                show(b"_sum", b"0", Some(0.0));
            }
            Says::Counter(Grown::Repeated) | Says::Values(Grown::Repeated) | Says::Nothing => {}
        }
    }

    /// Whether it was told before.
    pub(in crate::decode) fn is_repeated(&self) -> bool {
        matches!(self.says, Says::Counter(Grown::Repeated) | Says::Values(Grown::Repeated))
    }

    fn write(&self, suffix: &[u8], value: &[u8], out: &mut Vec<u8>) {
        out.clear();
        spelled(self.name, out);
        if suffix == b"_total" && out.ends_with(suffix) {
            out.truncate(out.len() - suffix.len());
        }
        let unit = UNITS.iter().find(|(short, _)| *short == self.unit);
        let unit = unit.map_or(self.unit, |(_, long)| *long);
        // What is in braces is a remark.
        if !unit.is_empty() && !unit.starts_with(b"{") && !out.ends_with(unit) {
            out.push(b'_');
            spelled(unit, out);
        }
        out.extend_from_slice(suffix);
        out.push(b'{');
        let mut room = Vec::new();
        let service = self.service.map(|value| (&b"service_name"[..], value));
        let attributes = self.attributes.into_iter().flat_map(pairs);
        for (key, value) in attributes.chain(service) {
            let Some((_, value)) = members(value.raw).next() else { continue };
            spelled(key, out);
            out.extend_from_slice(b"=\"");
            for byte in value.text(&mut room).bytes() {
                match byte {
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                    _ => out.push(byte),
                }
            }
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"} ");
        out.extend_from_slice(value);
    }
}

/// All points of a metric's data.
pub(super) fn of(data: &[u8]) -> impl Iterator<Item = Value<'_>> {
    list(data, b"dataPoints")
}

/// A name as metrics have them.
fn spelled(name: &[u8], out: &mut Vec<u8>) {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b':';
    out.extend(name.iter().map(|b| if plain(b) { *b } else { b'_' }));
}
