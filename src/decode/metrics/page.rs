//! One page of metrics: samples that say the same thing are put together, and
//! what they say is told when the page ends.

use rustc_hash::FxHashMap;

use super::map::{
    Combine, LimitField, LimitTarget, MetricMap, MetricMaps, QueueField, Target, first_text,
};
use crate::decode::names::intern;
use crate::decode::record::Place;
use crate::domain::amount::SCALE;
use crate::domain::{
    Amount, Batch, FaultReason, LimitId, LimitReading, MetricKind, MetricReading, NameKind, Names,
    Observation, QueueReading, ReadingSource, Reset, ResetKind, Sym, Wall, WindowFrom,
};
use crate::scan::exposition::{self, Line, Sample};
use crate::scan::number::{self, NumberError};

/// Things that one page can tell; a server with more has a name out of control.
const MOST_ROWS: usize = 16_384;
/// Values that are remembered to see whether they change.
const MOST_ECHOES: usize = 16_384;
/// From here on a counter of 64 bits says that there is no limit.
const NO_LIMIT: i128 = 9_200_000_000_000_000_000 * SCALE;

/// Whether a line was one of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// It was, or it is damaged.
    Yes,
    /// It is something else.
    No,
}

/// The page being read.
#[derive(Debug)]
pub struct Page {
    names: Names,
    salt: u64,
    host: Option<Sym>,
    rows: Vec<Row>,
    index: FxHashMap<Key, usize>,
    echoes: FxHashMap<(LimitId, LimitField), (i128, Wall)>,
    /// What points that say by how much they grew have come to.
    totals: FxHashMap<(Sym, Option<Sym>), f64>,
    /// The family that was announced last, where it is a counter's.
    counter: Vec<u8>,
    masked_key: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Queue(Option<Sym>),
    Limit(LimitId),
    Metric(Sym, Option<Sym>),
}

#[derive(Debug)]
struct Row {
    place: Place,
    seen: Observation,
}

/// Why a sample says nothing, as one word.
type Nothing = &'static str;

impl Page {
    pub fn new(names: &Names, salt: u64, host: Option<&str>) -> Page {
        let host = host.and_then(|host| intern(names, NameKind::Host, host, salt, &mut false));
        Page {
            names: names.clone(),
            salt,
            host,
            rows: Vec::new(),
            index: FxHashMap::default(),
            echoes: FxHashMap::default(),
            totals: FxHashMap::default(),
            counter: Vec::new(),
            masked_key: false,
        }
    }

    /// Reads a line of the page; what is none is left alone.
    pub fn line(&mut self, maps: &MetricMaps, raw: &[u8], place: Place, out: &mut Batch) -> Took {
        match exposition::line(raw) {
            Line::Blank => {}
            Line::Comment => ignore(place, "comment", out),
            Line::Type { name, counter } => {
                self.counter.clear();
                self.counter.extend_from_slice(if counter { name } else { b"" });
                ignore(place, "comment", out);
            }
            Line::End => {
                ignore(place, "comment", out);
                self.end(out);
            }
            Line::Sample(sample) => self.sample(maps, &sample, place, out),
            Line::Broken => return Took::No,
        }
        Took::Yes
    }

    /// The page is complete: tells what it said.
    pub fn end(&mut self, out: &mut Batch) {
        self.index.clear();
        self.counter.clear();
        for Row { place, seen } in self.rows.drain(..) {
            if let Observation::Limit(LimitReading { at, .. }) = seen {
                place.push(out, Observation::Limits { at });
            }
            place.push(out, seen);
        }
    }

    /// Reads a sample that stands by itself; `grown` says by how much one has that only
    /// grows. Whether any map is about it.
    pub fn point(
        &mut self,
        maps: &MetricMaps,
        sample: &Sample<'_>,
        grown: Option<f64>,
        place: Place,
        out: &mut Batch,
    ) -> bool {
        let mut is_told = false;
        for map in maps.of(sample) {
            is_told |= self.take(map, sample, grown, place).is_ok();
        }
        if std::mem::take(&mut self.masked_key) {
            place.fault(out, FaultReason::KeyInLog);
        }
        is_told
    }

    fn sample(&mut self, maps: &MetricMaps, sample: &Sample<'_>, place: Place, out: &mut Batch) {
        let mut nothing = "no_map";
        let mut is_told = false;
        for map in maps.of(sample) {
            match self.take(map, sample, None, place) {
                Ok(Told::First) => is_told = true,
                Ok(Told::More) => nothing = "added_up",
                Err(why) => nothing = why,
            }
        }
        if std::mem::take(&mut self.masked_key) {
            place.fault(out, FaultReason::KeyInLog);
        }
        // A line that begins a row is told by it, at the end of the page.
        if !is_told {
            ignore(place, nothing, out);
        }
    }

    fn take(
        &mut self,
        map: &MetricMap,
        sample: &Sample<'_>,
        grown: Option<f64>,
        place: Place,
    ) -> Result<Told, Nothing> {
        if grown.is_some() && !matches!(map.to, Target::Show { .. }) {
            return Err("growth_only");
        }
        let value = value(sample.value, map.scale)?;
        let scale = map.scale.unwrap_or(1.0);
        let mut float = number::float(sample.value).ok_or("no_limit")? * scale;
        let at = sample.at.unwrap_or(place.at.received);
        let (key, seen) = match &map.to {
            Target::Queue { field, name } => {
                let name =
                    self.named(NameKind::Label, first_text(name, sample)).ok_or("no_name")?;
                let empty = QueueReading {
                    at,
                    name: Some(name),
                    host: self.host,
                    priority: None,
                    depth: None,
                    running: None,
                    oldest_age_s: None,
                    enqueued_total: None,
                    dequeued_total: None,
                    dropped_total: None,
                };
                if value < 0 {
                    return Err("negative");
                }
                let row = self.row(Key::Queue(Some(name)), place, &Observation::Queue(empty))?;
                let Observation::Queue(queue) = &mut row.0.seen else { return Err("no_map") };
                set_queue(queue, *field, value, map.combine);
                return Ok(row.1);
            }
            Target::Limit(limit) => {
                if value >= NO_LIMIT {
                    return Err("no_limit");
                }
                let id = self.limit_id(limit, sample);
                let at = if limit.echo { self.heard(id, limit.field, value, at) } else { at };
                let mut empty = no_reading(id, at);
                empty.window_from = limit.window_s.map(|_| WindowFrom::Doc);
                (Key::Limit(id), Observation::Limit(empty))
            }
            Target::Show { name, labels } => {
                let name = self.named(NameKind::Label, Some(name.clone())).ok_or("no_name")?;
                let labels = labels_of(sample, labels.as_deref());
                let labels = self.named(NameKind::Series, labels);
                let mut kind = self.kind(sample.name);
                if let Some(grown) = grown {
                    kind = MetricKind::Counter;
                    float = self.total((name, labels), grown * scale)?;
                }
                let reading = MetricReading { at, name, labels, host: self.host, value: 0.0, kind };
                (Key::Metric(name, labels), Observation::Metric(reading))
            }
        };
        let (row, told) = self.row(key, place, &seen)?;
        match (&mut row.seen, &map.to) {
            (Observation::Limit(reading), Target::Limit(limit)) => {
                set_limit(reading, limit.field, value, map.combine, at);
            }
            (Observation::Metric(reading), _) => {
                let adds = told == Told::More && grown.is_none();
                let before = adds.then_some(reading.value);
                reading.value = combine(map.combine, before, float);
            }
            _ => {}
        }
        Ok(told)
    }

    fn row(
        &mut self,
        key: Key,
        place: Place,
        empty: &Observation,
    ) -> Result<(&mut Row, Told), Nothing> {
        let known = self.index.get(&key).copied();
        let position = known.unwrap_or(self.rows.len());
        if known.is_none() {
            if self.rows.len() >= MOST_ROWS {
                return Err("too_many_series");
            }
            self.index.insert(key, position);
            self.rows.push(Row { place, seen: *empty });
        }
        let told = if known.is_some() { Told::More } else { Told::First };
        self.rows.get_mut(position).map(|row| (row, told)).ok_or("no_map")
    }

    /// What a series has come to since it was first read.
    fn total(&mut self, series: (Sym, Option<Sym>), grown: f64) -> Result<f64, Nothing> {
        if self.totals.len() >= MOST_ROWS && !self.totals.contains_key(&series) {
            return Err("too_many_series");
        }
        let total = self.totals.entry(series).or_default();
        *total += grown;
        Ok(*total)
    }

    fn limit_id(&mut self, limit: &LimitTarget, sample: &Sample<'_>) -> LimitId {
        LimitId {
            layer: limit.layer,
            provider: self.named(NameKind::Provider, first_text(&limit.provider, sample)),
            model: self.named(NameKind::Model, first_text(&limit.model, sample)),
            scope: limit.scope,
            subject: self.named(NameKind::Key, first_text(&limit.subject, sample)),
            resource: limit.resource,
            window_s: limit.window_s,
            label: None,
        }
    }

    /// When somebody's word was first heard: repeating it is no news.
    fn heard(&mut self, id: LimitId, field: LimitField, value: i128, at: Wall) -> Wall {
        let known = self.echoes.get(&(id, field)).copied();
        if let Some((_, since)) = known.filter(|(before, _)| *before == value) {
            return since;
        }
        if known.is_some() || self.echoes.len() < MOST_ECHOES {
            self.echoes.insert((id, field), (value, at));
        }
        at
    }

    fn named(&mut self, kind: NameKind, text: Option<String>) -> Option<Sym> {
        intern(&self.names, kind, &text?, self.salt, &mut self.masked_key)
    }

    /// A counter says so before its samples, or by its name.
    fn kind(&self, name: &[u8]) -> MetricKind {
        let family = self.counter.as_slice();
        let announced =
            !family.is_empty() && (name == family || name.strip_suffix(b"_total") == Some(family));
        if announced || name.ends_with(b"_total") { MetricKind::Counter } else { MetricKind::Gauge }
    }
}

/// Whether a sample is the first of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    First,
    More,
}

fn ignore(place: Place, reason: &'static str, out: &mut Batch) {
    place.push(out, Observation::Ignored { reason });
}

/// A value in billionths.
fn value(raw: &[u8], scale: Option<f64>) -> Result<i128, Nothing> {
    let exact = number::decimal(raw).map_err(|error| match error {
        NumberError::NotFinite if raw.to_ascii_lowercase().contains(&b'i') => "no_limit",
        NumberError::NotFinite | NumberError::NotANumber => "not_a_number",
        NumberError::TooLarge => "no_limit",
    })?;
    let Some(scale) = scale else { return Ok(exact) };
    #[allow(clippy::cast_possible_truncation, reason = "saturates, far beyond any limit")]
    let scaled = (Amount(exact).as_f64() * scale * 1e9).round() as i128;
    Ok(scaled)
}

fn combine<T: PartialOrd + std::ops::Add<Output = T>>(
    how: Combine,
    before: Option<T>,
    value: T,
) -> T {
    match (before, how) {
        (None, _) => value,
        (Some(before), Combine::Sum) => before + value,
        (Some(before), Combine::Min) => {
            if value < before {
                value
            } else {
                before
            }
        }
        (Some(before), Combine::Max) => {
            if value > before {
                value
            } else {
                before
            }
        }
    }
}

fn set_queue(queue: &mut QueueReading, field: QueueField, value: i128, how: Combine) {
    let count = u64::try_from((value + SCALE / 2) / SCALE).unwrap_or(u64::MAX);
    let place = match field {
        QueueField::Depth => &mut queue.depth,
        QueueField::Running => &mut queue.running,
        QueueField::Enqueued => &mut queue.enqueued_total,
        QueueField::Dequeued => &mut queue.dequeued_total,
        QueueField::Dropped => &mut queue.dropped_total,
        QueueField::OldestAge => {
            let age = Amount(value).as_f64();
            queue.oldest_age_s = Some(combine(how, queue.oldest_age_s, age));
            return;
        }
    };
    *place = Some(combine(how, *place, count));
}

fn set_limit(reading: &mut LimitReading, field: LimitField, value: i128, how: Combine, at: Wall) {
    let place = match field {
        LimitField::Limit => &mut reading.limit,
        LimitField::Remaining => &mut reading.remaining,
        LimitField::Used => &mut reading.used,
        LimitField::UsedRatio => {
            let ratio = Amount(value).as_f64();
            reading.used_ratio = Some(combine(how, reading.used_ratio, ratio));
            return;
        }
        LimitField::ResetIn => {
            let nanos = i64::try_from(value).unwrap_or(i64::MAX);
            reading.reset =
                Some(Reset { at: at.offset_nanos(nanos), kind: ResetKind::WindowEndsAt });
            return;
        }
    };
    *place = Some(Amount(combine(how, place.map(|amount| amount.0), value)));
}

fn no_reading(id: LimitId, at: Wall) -> LimitReading {
    LimitReading {
        id,
        at,
        limit: None,
        remaining: None,
        used: None,
        used_ratio: None,
        reset: None,
        status: None,
        window_from: None,
        source: ReadingSource::Metric,
    }
}

/// The labels that are kept, as text.
fn labels_of(sample: &Sample<'_>, kept: Option<&[String]>) -> Option<String> {
    let is_kept =
        |name: &[u8]| kept.is_none_or(|kept| kept.iter().any(|known| known.as_bytes() == name));
    let pair = |(name, value): (&[u8], std::borrow::Cow<'_, [u8]>)| {
        format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(&value))
    };
    let is_said = |value: &[u8]| !value.is_empty() && value != b"None";
    let pairs: Vec<String> =
        sample.labels().filter(|(name, value)| is_kept(name) && is_said(value)).map(pair).collect();
    (!pairs.is_empty()).then(|| pairs.join(" "))
}
