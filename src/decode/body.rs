//! What the body of a response adds to its head: model, tokens, error. Read as
//! JSON or as a stream of events, by a map like any line, and never kept.

use super::cost::{Reported, reported};
use super::eval::{Line, Scratch};
use super::formats::{Format, Formats};
use super::frame::packed::{self, Unpacked};
use super::headers::HeaderBag;
use super::map::{Cond, Field, Spot};
use super::moment::Around;
use super::status;
use super::tokens::{larger, tier, tokens};
use crate::domain::{FaultReason, NanoUsd, Tier, Tokens, Wall};
use crate::scan::{Found, Kind, Shape, Value, elements, scan_line};

/// Bytes of error text kept for judging it.
const ERROR_LIMIT: usize = 4096;
/// A longer body is no error.
const PLAIN_LIMIT: usize = 2048;
/// A longer model name or finish reason is not one.
const WORD_LIMIT: usize = 512;
/// How base64 of `data:` begins, and of `event:`.
const PACKED_EVENTS: [&[u8]; 2] = [b"ZGF0YT", b"ZXZlbnQ6"];

/// Facts of the body read last; reused from one response to the next.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) spent: Spent,
    pub(super) model: String,
    pub(super) finish_reason: String,
    pub(super) error: Vec<u8>,
    /// A short body that says nothing of the above: of a response that failed, the error.
    plain: Vec<u8>,
    /// It holds more than is unpacked.
    pub(super) is_cut: bool,
    /// A body without its base64.
    unpacked: Vec<u8>,
    found: Found,
    usage: Usage,
    scratch: Scratch,
    no_headers: HeaderBag,
}

/// What a call used, as its provider counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) tokens: Tokens,
    pub(super) tier: Option<Tier>,
    /// However much that is.
    pub(super) cost: Reported,
}

/// Reads objects of token counts.
#[derive(Debug, Default)]
struct Usage {
    found: Found,
    scratch: Scratch,
    no_headers: HeaderBag,
}

impl Body {
    /// Forget everything but the allocations.
    pub(super) fn clear(&mut self) {
        self.spent = Spent::default();
        self.model.clear();
        self.finish_reason.clear();
        self.error.clear();
        self.plain.clear();
        self.is_cut = false;
    }

    /// What it says of an error of a response that `failed`, by its status.
    pub(super) fn error(&self, failed: bool) -> &[u8] {
        if self.error.is_empty() && failed { &self.plain } else { &self.error }
    }

    /// Adds what a body, or one line of it, says; it may be in base64.
    pub(super) fn read(&mut self, formats: &Formats, text: &[u8]) {
        let mut unpacked = std::mem::take(&mut self.unpacked);
        let is_packed = packed::is_likely(text)
            || PACKED_EVENTS.iter().any(|beginning| text.starts_with(beginning));
        match is_packed.then(|| packed::unpack(text, &mut unpacked)) {
            Some(Unpacked::Whole) => self.read_plain(formats, &unpacked),
            Some(Unpacked::TooLong) => self.is_cut = true,
            Some(Unpacked::Not) | None => self.read_plain(formats, text),
        }
        self.unpacked = unpacked;
    }

    fn read_plain(&mut self, formats: &Formats, text: &[u8]) {
        self.read_all(formats, text);
        let is_short = self.plain.len() + text.len() <= PLAIN_LIMIT;
        if is_short && self.error.is_empty() && self.spent.tokens == Tokens::default() {
            self.plain.extend_from_slice(text);
        }
    }

    fn read_all(&mut self, formats: &Formats, text: &[u8]) {
        match text.trim_ascii_start().first() {
            Some(b'{') => return self.json(formats, text),
            // A stream of Google's is a list, unless it was asked for as events.
            Some(b'[') => {
                let objects = elements(text).filter(|element| element.kind == Kind::Object);
                return objects.for_each(|object| self.json(formats, object.raw));
            }
            _ => {}
        }
        for line in text.split(|b| *b == b'\n') {
            let line = line.trim_ascii();
            self.json(formats, line.strip_prefix(b"data:").unwrap_or(line).trim_ascii());
        }
    }

    /// Adds what objects of token counts say, which are all of one call.
    pub(super) fn usage<'v>(
        &mut self,
        formats: &Formats,
        objects: impl Iterator<Item = Value<'v>>,
    ) {
        self.usage.add(formats.usage(), objects, &mut self.spent);
    }

    fn json(&mut self, formats: &Formats, text: &[u8]) {
        let format = formats.body();
        let Some(paths) = format.layout.outer() else { return };
        let scan = scan_line(paths, text, &mut self.found);
        if scan.shape != Shape::Object {
            return;
        }
        let map = &format.map;
        let scans = &[scan];
        let around = Around { zone: None, received: Wall(0) };
        let present = &format.presence.of(scans);
        let line =
            Line { scans, headers: &self.no_headers, sticky: &[], around, present, beside: None };
        let objects = map.usage.iter().filter_map(|place| line.get(*place));
        self.usage.add(formats.usage(), objects, &mut self.spent);
        let scratch = &mut self.scratch;
        let mut word = |field, keep: &mut String| {
            line.text(line.alts(map, field), scratch, |text| {
                (text.len() <= WORD_LIMIT).then(|| {
                    keep.clear();
                    keep.push_str(text);
                })
            });
        };
        word(Field::Model, &mut self.model);
        word(Field::FinishReason, &mut self.finish_reason);
        let said = line.text(line.alts(map, Field::ServiceTier), scratch, |word| Some(tier(word)));
        self.spent.tier = said.or(self.spent.tier);
        let applies = |when: &Cond<Spot>| line.holds(when);
        let texts = line.alts(map, Field::ErrorText);
        for alt in texts.filter(|alt| alt.when.as_ref().is_none_or(applies)) {
            if let Some(value) = line.value(alt).filter(|value| is_error(*value)) {
                let room = ERROR_LIMIT.saturating_sub(self.error.len());
                self.error.extend(value.raw.iter().take(room));
            }
        }
    }
}

/// Whether it is an error, or says that there is one.
fn is_error(value: Value<'_>) -> bool {
    value.kind == Kind::True || status::is_error(value)
}

impl Spent {
    /// Adds what is said later, or elsewhere.
    fn add(&mut self, other: Spent) {
        self.tokens = larger(other.tokens, self.tokens);
        self.tier = other.tier.or(self.tier);
        self.cost = other.cost.or_larger(self.cost);
    }
}

impl Usage {
    /// Adds what is said of a call; who counts it in two ways, says first what is billed.
    fn add<'v>(
        &mut self,
        format: &Format,
        objects: impl Iterator<Item = Value<'v>>,
        to: &mut Spent,
    ) {
        for object in objects {
            let said = self.read(format, object);
            to.add(said);
            if said.tokens.input.is_some() {
                break;
            }
        }
    }

    fn read(&mut self, format: &Format, object: Value<'_>) -> Spent {
        if matches!(object.kind, Kind::Cut | Kind::Missed) {
            let cost = Reported::Bad(FaultReason::CostUnreadable);
            return Spent { cost, ..Spent::default() };
        }
        let Some(paths) = format.layout.outer().filter(|_| object.kind == Kind::Object) else {
            return Spent::default();
        };
        let map = &format.map;
        let scan = scan_line(paths, object.raw, &mut self.found);
        let scans = &[scan];
        let around = Around { zone: None, received: Wall(0) };
        let present = &format.presence.of(scans);
        let line =
            Line { scans, headers: &self.no_headers, sticky: &[], around, present, beside: None };
        let tiers = line.alts(map, Field::ServiceTier);
        Spent {
            tokens: tokens(line, map),
            tier: line.text(tiers, &mut self.scratch, |word| Some(tier(word))),
            // Whether so much is plausible depends on who reads it.
            cost: reported(line, line.alts(map, Field::CostUsd), NanoUsd(i128::MAX)),
        }
    }
}
