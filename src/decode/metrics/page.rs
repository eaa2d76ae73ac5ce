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
    Amount, Batch, Caller, FaultReason, LimitId, LimitReading, MetricKind, MetricReading, NameKind,
    Names, Observation, QueueReading, ReadingSource, Reset, ResetKind, Sym, Wall, WindowFrom,
};
use crate::scan::exposition::{self, Line, Sample};
use crate::scan::number::{self, NumberError};

use Nothing::{Ignored, OutOfRange};

/// Things that one page can tell; a server with more has a name out of control.
const MOST_ROWS: usize = 16_384;
/// Values that are remembered to see whether they change.
const MOST_ECHOES: usize = 16_384;
/// In billionths, of either sign. From here on a counter of 64 bits says that there
/// is no limit, and nothing else is that large.
const OUT_OF_RANGE: i128 = 9_200_000_000_000_000_000 * SCALE;

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
    echoes: FxHashMap<(LimitId, LimitField), (Option<i128>, Wall)>,
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
    /// A value that belongs to it can't be: without that it would be a part.
    broken: bool,
}

/// Why a sample says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nothing {
    /// As one word.
    Ignored(&'static str),
    /// Its value can't be one of what it is about.
    OutOfRange,
}

/// A value of a sample.
#[derive(Clone, Copy, Debug)]
struct Value {
    float: f64,
    /// In billionths, unless that is out of range.
    nano: Option<i128>,
}

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
        for Row { place, seen, .. } in self.rows.drain(..).filter(|row| !row.broken) {
            if let Observation::Limit(LimitReading { at, .. }) = seen {
                place.push(out, Observation::Limits { at, caller: Caller::default() });
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
                Err(Ignored(why)) => nothing = why,
                Err(OutOfRange) => {
                    place.fault(out, FaultReason::MetricOutOfRange);
                    is_told = true;
                }
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
            return Err(Ignored("growth_only"));
        }
        let mut value = value(sample.value, map.scale)?;
        let at = sample.at.unwrap_or(place.at.received);
        let (key, seen) = match &map.to {
            Target::Queue { name, .. } => {
                let name = self.named(NameKind::Label, first_text(name, sample));
                let name = name.ok_or(Ignored("no_name"))?;
                let empty = QueueReading {
                    at,
                    name: Some(name),
                    host: self.host,
                    priority: None,
                    lane: None,
                    depth: None,
                    running: None,
                    oldest_age_s: None,
                    enqueued_total: None,
                    dequeued_total: None,
                    dropped_total: None,
                };
                if value.float < 0.0 {
                    return Err(Ignored("negative"));
                }
                (Key::Queue(Some(name)), Observation::Queue(empty))
            }
            Target::Limit(limit) => {
                if value.nano.is_none() && value.float > 0.0 {
                    return Err(Ignored("no_limit"));
                }
                let id = self.limit_id(limit, sample);
                let at = if limit.echo { self.heard(id, limit.field, value, at) } else { at };
                let mut empty = LimitReading::silent(id, at, ReadingSource::Metric);
                empty.window_from = limit.window_s.map(|_| WindowFrom::Doc);
                (Key::Limit(id), Observation::Limit(empty))
            }
            Target::Show { name, labels } => {
                let name = self.named(NameKind::Label, Some(name.clone()));
                let name = name.ok_or(Ignored("no_name"))?;
                let labels = labels_of(sample, labels.as_deref());
                let labels = self.named(NameKind::Series, labels);
                let mut kind = self.kind(sample.name);
                if let Some(grown) = grown {
                    kind = MetricKind::Counter;
                    value.float = self.total((name, labels), grown * map.scale.unwrap_or(1.0))?;
                }
                let reading = MetricReading { at, name, labels, host: self.host, value: 0.0, kind };
                (Key::Metric(name, labels), Observation::Metric(reading))
            }
        };
        let (row, told) = self.row(key, place, &seen)?;
        let set = match (&mut row.seen, &map.to) {
            (Observation::Queue(queue), Target::Queue { field, .. }) => {
                set_queue(queue, *field, value, map.combine)
            }
            (Observation::Limit(reading), Target::Limit(limit)) => {
                set_limit(reading, limit.field, value, map.combine, at)
            }
            (Observation::Metric(reading), _) => {
                let adds = told == Told::More && grown.is_none();
                let before = adds.then_some(reading.value);
                let float = combine(map.combine, before, value.float, add_floats);
                float.map(|float| reading.value = float)
            }
            _ => None,
        };
        row.broken |= set.is_none();
        set.map(|()| told).ok_or(OutOfRange)
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
                return Err(Ignored("too_many_series"));
            }
            self.index.insert(key, position);
            self.rows.push(Row { place, seen: *empty, broken: false });
        }
        let told = if known.is_some() { Told::More } else { Told::First };
        self.rows.get_mut(position).map(|row| (row, told)).ok_or(Ignored("no_map"))
    }

    /// What a series has come to since it was first read.
    fn total(&mut self, series: (Sym, Option<Sym>), grown: f64) -> Result<f64, Nothing> {
        if self.totals.len() >= MOST_ROWS && !self.totals.contains_key(&series) {
            return Err(Ignored("too_many_series"));
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
    fn heard(&mut self, id: LimitId, field: LimitField, value: Value, at: Wall) -> Wall {
        let value = value.nano;
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

fn value(raw: &[u8], scale: Option<f64>) -> Result<Value, Nothing> {
    let exact = match number::decimal(raw) {
        Ok(exact) => Some(exact),
        Err(NumberError::TooLarge) => None,
        Err(NumberError::NotFinite) if raw.to_ascii_lowercase().contains(&b'i') => {
            return Err(Ignored("no_limit"));
        }
        Err(NumberError::NotFinite | NumberError::NotANumber) => {
            return Err(Ignored("not_a_number"));
        }
    };
    let float = number::float(raw).ok_or(Ignored("no_limit"))? * scale.unwrap_or(1.0);
    #[allow(clippy::cast_possible_truncation, reason = "saturates, far out of range")]
    let scaled =
        scale.map(|scale| exact.map(|nano| (Amount(nano).as_f64() * scale * 1e9).round() as i128));
    let nano =
        scaled.unwrap_or(exact).filter(|nano| (-OUT_OF_RANGE + 1..OUT_OF_RANGE).contains(nano));
    Ok(Value { float, nano })
}

/// `None` where they come to more than there can be.
fn combine<T: PartialOrd>(
    how: Combine,
    before: Option<T>,
    value: T,
    add: fn(T, T) -> Option<T>,
) -> Option<T> {
    match (before, how) {
        (None, _) => Some(value),
        (Some(before), Combine::Sum) => add(before, value),
        (Some(before), Combine::Min) => Some(if value < before { value } else { before }),
        (Some(before), Combine::Max) => Some(if value > before { value } else { before }),
    }
}

fn add_floats(one: f64, other: f64) -> Option<f64> {
    Some(one + other).filter(|sum| sum.is_finite())
}

/// `None` where the value can't be one of a queue.
fn set_queue(
    queue: &mut QueueReading,
    field: QueueField,
    value: Value,
    how: Combine,
) -> Option<()> {
    let nano = value.nano?;
    let place = match field {
        QueueField::Depth => &mut queue.depth,
        QueueField::Running => &mut queue.running,
        QueueField::Enqueued => &mut queue.enqueued_total,
        QueueField::Dequeued => &mut queue.dequeued_total,
        QueueField::Dropped => &mut queue.dropped_total,
        QueueField::OldestAge => {
            let age = Amount(nano).as_f64();
            queue.oldest_age_s = Some(combine(how, queue.oldest_age_s, age, add_floats)?);
            return Some(());
        }
    };
    let count = u64::try_from((nano + SCALE / 2) / SCALE).ok()?;
    *place = Some(combine(how, *place, count, u64::checked_add)?);
    Some(())
}

/// `None` where the value can't be one of a limit.
fn set_limit(
    reading: &mut LimitReading,
    field: LimitField,
    value: Value,
    how: Combine,
    at: Wall,
) -> Option<()> {
    let nano = value.nano?;
    let place = match field {
        LimitField::Limit => &mut reading.limit,
        LimitField::Remaining => &mut reading.remaining,
        LimitField::Used => &mut reading.used,
        LimitField::UsedRatio => {
            let ratio = Amount(nano).as_f64();
            reading.used_ratio = Some(combine(how, reading.used_ratio, ratio, add_floats)?);
            return Some(());
        }
        LimitField::ResetIn => {
            let at = at.offset_nanos(i64::try_from(nano).ok()?);
            reading.reset = Some(Reset { at, kind: ResetKind::WindowEndsAt });
            return Some(());
        }
    };
    let before = place.map(|amount| amount.0);
    *place = Some(Amount(combine(how, before, nano, i128::checked_add)?));
    Some(())
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
