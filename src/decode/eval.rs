//! A field's value in a scanned line: the first of its alternatives that is
//! there and can be read. Allocates nothing but for a regex.

use super::formats::Format;
use super::headers::HeaderBag;
use super::map::{Alt, Alts, As, Cond, Field, From, Map, Piece, Present, Spot};
use super::moment::{Around, read_time};
use crate::domain::Wall;
use crate::scan::{Kind, SPARE, Scan, Value, elements, members, number, time};

/// What a line has to say on one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen<T> {
    /// Nothing.
    Absent,
    /// Something, but nobody knows what.
    Unreadable,
    /// This.
    Is(T),
}

/// A scanned line and what belongs to it.
#[derive(Clone, Copy)]
pub(super) struct Line<'l> {
    /// The record's parts, as its format lays them out.
    pub(super) scans: &'l [Scan<'l>],
    pub(super) headers: &'l HeaderBag,
    /// What was remembered from earlier lines, by number.
    pub(super) sticky: &'l [String],
    pub(super) around: Around<'l>,
    /// Alternatives that can have a value at all.
    pub(super) present: &'l Present,
    /// What its wrapper says of it.
    pub(super) beside: Option<&'l Told<'l>>,
}

/// A line, and the map it is read by.
#[derive(Clone, Copy)]
pub(super) struct Told<'l> {
    pub(super) format: &'l Format,
    pub(super) line: Line<'l>,
}

impl<T> Seen<T> {
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Seen::Is(value) => Some(value),
            Seen::Absent | Seen::Unreadable => None,
        }
    }
}

impl<'l> Line<'l> {
    /// The alternatives for a field without those that would come to nothing.
    #[inline]
    pub(super) fn alts(self, map: &Map<Spot>, field: Field) -> Alts<'_> {
        self.present.of(map, field)
    }

    pub(super) fn holds(&self, cond: &Cond<Spot>) -> bool {
        holds(self.scans, cond)
    }

    /// The first value at a place, whatever it is.
    #[inline]
    pub(super) fn get(&self, place: Spot) -> Option<Value<'l>> {
        self.scans.get(usize::from(place.part))?.get(place.slot)
    }

    /// All values at a place.
    #[inline]
    pub(super) fn all(self, place: Spot) -> impl Iterator<Item = Value<'l>> {
        let scan = self.scans.get(usize::from(place.part)).copied();
        scan.into_iter().flat_map(move |scan| scan.all(place.slot))
    }

    /// Whether there are values at a place that differ.
    #[inline]
    pub(super) fn is_contradicted(&self, place: Spot) -> bool {
        let scan = self.scans.get(usize::from(place.part));
        scan.filter(|scan| scan.repeats(place.slot)).is_some_and(|scan| {
            let mut all = scan.all(place.slot);
            let first = all.next();
            all.any(|other| Some(other) != first)
        })
    }

    /// A number, scaled as the map asks.
    #[inline]
    pub(super) fn number(&self, alts: Alts<'_>) -> Seen<f64> {
        self.first(alts, |alt| self.number_of(alt))
    }

    #[inline(never)]
    fn number_of(&self, alt: &Alt<Spot>) -> Seen<f64> {
        match &alt.from {
            From::Sum(places) => self.sum(places, |_| true),
            From::Diff(end, start) => self.diff(alt, *end, *start),
            _ => match self.single(alt, |value| to_number(&alt.read_as, value)) {
                Seen::Unreadable if self.value(alt).is_some_and(is_of_no_try) => Seen::Absent,
                seen => seen,
            },
        }
        .scaled(alt)
    }

    /// A span of time. `-1` is a writer's word for none.
    #[inline]
    pub(super) fn span(&self, alts: Alts<'_>) -> Seen<f64> {
        let one = |alt: &Alt<Spot>| {
            let span = match &alt.from {
                From::Sum(places) => self.sum(places, |span| span >= 0.0).scaled(alt),
                _ => self.number_of(alt),
            };
            match span {
                Seen::Unreadable => self.in_units(alt),
                Seen::Is(span) if span < 0.0 => {
                    let none = Seen::Is(-1.0).scaled(alt) == Seen::Is(span);
                    if none { Seen::Absent } else { Seen::Unreadable }
                }
                span => span,
            }
        };
        self.first(alts, one)
    }

    /// A span that is written with its unit, whatever the name says: `1.2s`.
    #[inline(never)]
    #[allow(clippy::cast_precision_loss, reason = "a duration in milliseconds")]
    fn in_units(&self, alt: &Alt<Spot>) -> Seen<f64> {
        let span = self.value(alt).and_then(|value| time::go_duration(value.raw));
        let span = span.filter(|nanos| *nanos >= 0);
        span.map_or(Seen::Unreadable, |nanos| Seen::Is(nanos as f64 / 1e6))
    }

    /// A count: a whole number that is not negative.
    #[inline]
    pub(super) fn count(&self, alts: Alts<'_>) -> Seen<u64> {
        self.first(alts, |alt| self.count_of(alt))
    }

    /// The same, and which alternative gave it.
    #[inline]
    pub(super) fn count_from<'a>(&self, alts: Alts<'a>) -> (Seen<u64>, Option<&'a Alt<Spot>>) {
        let mut from = None;
        let seen = self.first(alts, |alt| {
            let seen = self.count_of(alt);
            from = matches!(seen, Seen::Is(_)).then_some(alt);
            seen
        });
        (seen, from)
    }

    /// The first of the numbers that an alternative adds up, where the line has several.
    pub(super) fn first_of_several(&self, alt: &Alt<Spot>) -> Option<u64> {
        let From::Sum(places) = &alt.from else { return None };
        let mut found = places.iter().filter_map(|place| self.usable(*place));
        let first = found.next()?;
        found.next().and(first.as_u64())
    }

    #[inline(never)]
    fn count_of(&self, alt: &Alt<Spot>) -> Seen<u64> {
        if let From::Path(place) = alt.from
            && alt.is_plain()
        {
            return match self.usable(place) {
                None => Seen::Absent,
                Some(value) => value.as_u64().map_or(Seen::Unreadable, Seen::Is),
            };
        }
        match self.number_of(alt) {
            Seen::Is(number) => whole(number).map_or(Seen::Unreadable, Seen::Is),
            Seen::Unreadable => Seen::Unreadable,
            Seen::Absent => Seen::Absent,
        }
    }

    /// A point in time.
    #[inline]
    pub(super) fn time(&self, alts: Alts<'_>) -> Seen<Wall> {
        self.first(alts, |alt| self.time_of(alt))
    }

    #[inline(never)]
    fn time_of(&self, alt: &Alt<Spot>) -> Seen<Wall> {
        self.single(alt, |value| read_time(&alt.read_as, value, self.around))
    }

    #[inline]
    pub(super) fn flag(&self, alts: Alts<'_>) -> Option<bool> {
        #[allow(clippy::redundant_closure_for_method_calls, reason = "lifetimes want a closure")]
        self.first(alts, |alt| self.single(alt, |value| value.as_bool())).ok()
    }

    /// Hands the first text there is to `read`. The text may be in `scratch`.
    #[inline]
    pub(super) fn text<T>(
        &self,
        alts: Alts<'_>,
        scratch: &mut Scratch,
        mut read: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        self.first(alts, |alt| match self.alt_text(alt, scratch, &mut read) {
            Some(value) => Seen::Is(value),
            None => Seen::Absent,
        })
        .ok()
    }

    /// The same, but a word that a map does not know is handed on as it is.
    pub(super) fn word<T>(
        &self,
        alts: Alts<'_>,
        scratch: &mut Scratch,
        mut read: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        self.first(alts, |alt| {
            let text = self.unmapped(alt, scratch);
            let text = text.map(|text| alt.mapped(text.as_bytes()).unwrap_or(text));
            let value = text.filter(|text| !text.is_empty()).and_then(&mut read);
            value.map_or(Seen::Absent, Seen::Is)
        })
        .ok()
    }

    /// The text of one alternative, ready to use.
    pub(super) fn alt_text<T>(
        &self,
        alt: &Alt<Spot>,
        scratch: &mut Scratch,
        mut read: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        let mut text = self.unmapped(alt, scratch)?;
        if !alt.map.is_empty() {
            text = alt.mapped(text.as_bytes())?;
        }
        if text.is_empty() { None } else { read(text) }
    }

    /// The same before words become others.
    fn unmapped<'s>(&self, alt: &'s Alt<Spot>, scratch: &'s mut Scratch) -> Option<&'s str>
    where
        'l: 's,
    {
        if let From::Join(pieces) = &alt.from {
            return self.join(pieces, scratch);
        }
        let Scratch { escapes, lower, .. } = scratch;
        let mut text = self.value(alt)?.text(escapes);
        if let Some(regex) = &alt.regex {
            text = regex.captures(text)?.get(1)?.as_str();
        }
        if alt.read_as == As::Lower {
            lower.clear();
            lower.push_str(text);
            lower.make_ascii_lowercase();
            text = lower;
        }
        Some(text)
    }

    /// The value an alternative with a single source stands on, where it is
    /// there and means something.
    #[inline]
    pub(super) fn value(&self, alt: &'l Alt<Spot>) -> Option<Value<'l>> {
        if let From::Path(place) = alt.from { self.usable(place) } else { self.elsewhere(alt) }
    }

    /// The same where it is no value of the record.
    #[inline(never)]
    fn elsewhere(&self, alt: &'l Alt<Spot>) -> Option<Value<'l>> {
        match &alt.from {
            From::Header(name) => self.header(name),
            From::Const(text) => Some(text_value(text)),
            From::Sticky(number) => self.remembered(*number).map(text_value),
            From::KeyOf(place) => only_key(self.usable(*place)?),
            From::Path(_) | From::Sum(_) | From::Diff(..) | From::Join(_) => None,
        }
    }

    #[inline]
    fn usable(&self, place: Spot) -> Option<Value<'l>> {
        self.get(place).filter(|value| !value.is_absent())
    }

    fn remembered(&self, number: usize) -> Option<&'l str> {
        self.sticky.get(number).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn header(&self, name: &str) -> Option<Value<'l>> {
        let header = self.headers.named(name.as_bytes()).next()?;
        Some(Value { kind: Kind::Str, raw: header.value }).filter(|value| !value.is_absent())
    }

    /// The values of all headers with one name.
    pub(super) fn headers(self, name: &str) -> impl Iterator<Item = Value<'l>> {
        let named = self.headers.named(name.as_bytes());
        let values = named.map(|header| Value { kind: Kind::Str, raw: header.value });
        values.filter(|value| !value.is_absent())
    }

    /// The first alternative that applies and can be read.
    #[inline]
    fn first<'a, T>(
        &self,
        alts: Alts<'a>,
        mut read: impl FnMut(&'a Alt<Spot>) -> Seen<T>,
    ) -> Seen<T> {
        let mut best = Seen::Absent;
        if alts.is_empty() {
            return best;
        }
        for alt in alts {
            if alt.when.as_ref().is_some_and(|when| !self.holds(when)) {
                continue;
            }
            match read(alt) {
                Seen::Is(value) => return Seen::Is(value),
                Seen::Unreadable => best = Seen::Unreadable,
                Seen::Absent => {}
            }
        }
        best
    }

    #[inline]
    fn single<T>(&self, alt: &Alt<Spot>, read: impl Fn(Value<'_>) -> Option<T>) -> Seen<T> {
        let Some(value) = self.value(alt) else { return Seen::Absent };
        if alt.is_verbatim() {
            return read(value).map_or(Seen::Unreadable, Seen::Is);
        }
        // A word that the map or the regex does not know is for the next alternative.
        let mut scratch = Scratch::default();
        self.alt_text(alt, &mut scratch, |text| {
            read(Value { kind: Kind::Str, raw: text.as_bytes() })
        })
        .map_or(Seen::Absent, Seen::Is)
    }

    /// Numbers added up, of those that are `wanted`.
    fn sum(&self, places: &[Spot], wanted: impl Fn(f64) -> bool) -> Seen<f64> {
        let mut sum = Seen::Absent;
        for value in places.iter().filter_map(|place| self.usable(*place)) {
            let Some(number) = value.as_f64() else { return Seen::Unreadable };
            if !wanted(number) {
                continue;
            }
            sum = Seen::Is(sum.ok().unwrap_or(0.0) + number);
        }
        sum
    }

    #[allow(clippy::cast_precision_loss, reason = "a span in milliseconds")]
    fn diff(&self, alt: &Alt<Spot>, end: Spot, start: Spot) -> Seen<f64> {
        let (Some(end), Some(start)) = (self.usable(end), self.usable(start)) else {
            return Seen::Absent;
        };
        let time = |value| read_time(&alt.read_as, value, self.around);
        let times = time(end).zip(time(start));
        times.map_or(Seen::Unreadable, |(end, start)| {
            Seen::Is(end.0.saturating_sub(start.0) as f64 / 1e6)
        })
    }

    /// Nothing where the line lacks what it begins with, which tells one from another, or
    /// has none of the pieces itself.
    fn join<'s>(&self, pieces: &[Piece<Spot>], scratch: &'s mut Scratch) -> Option<&'s str> {
        scratch.joined.clear();
        let mut any = false;
        for (i, piece) in pieces.iter().enumerate() {
            if i > 0 {
                scratch.joined.push('|');
            }
            match piece {
                Piece::Path(place) => match self.usable(*place) {
                    Some(value) => {
                        any = true;
                        scratch.joined.push_str(value.text(&mut scratch.escapes));
                    }
                    None if i == 0 => return None,
                    None => {}
                },
                Piece::Sticky(number) => {
                    scratch.joined.push_str(self.remembered(*number).unwrap_or_default());
                }
            }
        }
        any.then_some(scratch.joined.as_str())
    }
}

/// Whether a condition holds for a scanned record.
pub(super) fn holds(scans: &[Scan<'_>], cond: &Cond<Spot>) -> bool {
    let get = |place: &Spot| scans.get(usize::from(place.part))?.get(place.slot);
    let usable = |place: &Spot| get(place).is_some_and(|value| !value.is_absent());
    let is_one = |place: &Spot, words: &[Box<[u8]>]| {
        get(place).is_some_and(|value| value.says(|text| words.iter().any(|w| **w == *text)))
    };
    cond.has.iter().all(usable)
        && !cond.not.iter().any(usable)
        && cond.eq.iter().all(|(place, words)| is_one(place, words))
        && !cond.ne.iter().any(|(place, words)| is_one(place, words))
        && cond
            .re
            .iter()
            .all(|(place, re)| get(place).is_some_and(|v| v.says(|text| re.is_match(text))))
}

fn text_value(text: &str) -> Value<'_> {
    Value { kind: Kind::Str, raw: text.as_bytes() }
}

/// The name of an object's only member.
fn only_key(value: Value<'_>) -> Option<Value<'_>> {
    let mut members = members(value.raw);
    let (key, _) = members.next().filter(|_| value.kind == Kind::Object)?;
    members.next().is_none().then_some(key)
}

/// Reusable room for texts that are not in the line as they are meant.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    escapes: Vec<u8>,
    lower: String,
    joined: String,
}

impl Scratch {
    /// Lets go of what has grown for a rare line.
    pub(super) fn shrink(&mut self) {
        if self.escapes.capacity() > SPARE {
            self.escapes = Vec::new();
        }
    }

    /// Room for one unescaped text.
    pub(super) fn escapes(&mut self) -> &mut Vec<u8> {
        &mut self.escapes
    }
}

impl Alt<Spot> {
    /// Whether the value is what is written, without regex, map or letter case.
    #[inline]
    fn is_verbatim(&self) -> bool {
        self.regex.is_none() && self.map.is_empty()
    }

    #[inline]
    #[allow(clippy::float_cmp, reason = "zero is exactly `nothing to add`")]
    pub(super) fn is_plain(&self) -> bool {
        self.is_verbatim() && self.read_as == As::Plain && self.scale.is_none() && self.add == 0.0
    }

    fn mapped(&self, text: &[u8]) -> Option<&str> {
        let is_it = |word: &[u8]| match self.table {
            None => word == text,
            Some(table) => table.is_in(word, text),
        };
        let known = self.map.iter().find(|(word, _)| is_it(word)).map(|(_, to)| to);
        known.or(self.otherwise.as_ref()).map(|to| &**to)
    }
}

impl Seen<f64> {
    fn scaled(self, alt: &Alt<Spot>) -> Seen<f64> {
        match self {
            Seen::Is(number) => Seen::Is(number * alt.scale.unwrap_or(1.0) + alt.add),
            other => other,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a duration in milliseconds")]
fn to_number(read_as: &As, value: Value<'_>) -> Option<f64> {
    match read_as {
        // nginx separates tries by commas, groups of tries by colons.
        // Mostly there was one try.
        As::LastNumber => {
            value.as_f64().or_else(|| last(value.raw.rsplit(|b| matches!(b, b',' | b':'))))
        }
        As::SumOfNumbers => {
            let parts = value.raw.split(|b| matches!(b, b',' | b':'));
            parts.filter_map(|part| number::float(part.trim_ascii())).reduce(|a, b| a + b)
        }
        As::HrTime => {
            let mut parts = elements(value.raw).map(Value::as_f64);
            Some(parts.next()?? * 1e3 + parts.next()?? / 1e6)
        }
        As::Duration => {
            value.as_f64().or_else(|| time::go_duration(value.raw).map(|ns| ns as f64 / 1e6))
        }
        _ => value.as_f64(),
    }
}

/// `-, - : -`: of several tries none has a number, as nginx writes it.
fn is_of_no_try(value: Value<'_>) -> bool {
    value.is_text() && value.raw.iter().all(|b| b"-,: ".contains(b))
}

fn last<'p>(mut parts: impl Iterator<Item = &'p [u8]>) -> Option<f64> {
    parts.find_map(|part| number::float(part.trim_ascii()))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and in range, as tested before"
)]
fn whole(number: f64) -> Option<u64> {
    ((0.0..9e15).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}
