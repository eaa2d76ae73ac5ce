//! What the body of a response adds to its head: model, tokens, error. Read as
//! JSON or as a stream of events, by a map like any line, and never kept.

use super::eval::{Line, Scratch};
use super::formats::{Format, Formats};
use super::frame::packed::{self, Unpacked};
use super::headers::HeaderBag;
use super::map::{Cond, Field, Spot};
use super::moment::Around;
use super::status;
use super::tokens::{larger, tier, tokens};
use crate::domain::{Tier, Tokens, Wall};
use crate::scan::{Found, Kind, Shape, Value, scan_line};

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
    pub(super) tokens: Tokens,
    pub(super) tier: Option<Tier>,
    pub(super) model: String,
    pub(super) finish_reason: String,
    pub(super) error: Vec<u8>,
    /// A short body that says nothing of the above: of a response that failed, the error.
    plain: Vec<u8>,
    /// A body without its base64.
    unpacked: Vec<u8>,
    found: Found,
    usage: Usage,
    scratch: Scratch,
    no_headers: HeaderBag,
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
        self.tokens = Tokens::default();
        self.tier = None;
        self.model.clear();
        self.finish_reason.clear();
        self.error.clear();
        self.plain.clear();
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
        if is_packed && packed::unpack(text, &mut unpacked) == Unpacked::Whole {
            self.read_plain(formats, &unpacked);
        } else {
            self.read_plain(formats, text);
        }
        self.unpacked = unpacked;
    }

    fn read_plain(&mut self, formats: &Formats, text: &[u8]) {
        self.read_all(formats, text);
        let is_short = self.plain.len() + text.len() <= PLAIN_LIMIT;
        if is_short && self.error.is_empty() && self.tokens == Tokens::default() {
            self.plain.extend_from_slice(text);
        }
    }

    fn read_all(&mut self, formats: &Formats, text: &[u8]) {
        if text.trim_ascii_start().starts_with(b"{") {
            self.json(formats, text);
            return;
        }
        for line in text.split(|b| *b == b'\n') {
            let line = line.trim_ascii();
            self.json(formats, line.strip_prefix(b"data:").unwrap_or(line).trim_ascii());
        }
    }

    /// Adds what an object of token counts says.
    pub(super) fn usage(&mut self, formats: &Formats, object: Value<'_>) {
        let (counts, tier) = self.usage.read(formats.usage(), object);
        self.tokens = larger(counts, self.tokens);
        self.tier = tier.or(self.tier);
    }

    fn json(&mut self, formats: &Formats, text: &[u8]) {
        let format = formats.body();
        let Some(paths) = format.layout.outer() else { return };
        let scan = scan_line(paths, text, &mut self.found);
        if !matches!(scan.shape, Shape::Object | Shape::Array) {
            return;
        }
        let map = &format.map;
        let scans = &[scan];
        let around = Around { zone: None, received: Wall(0) };
        let present = &format.presence.of(scans);
        let line = Line { scans, headers: &self.no_headers, sticky: &[], around, present };
        for object in map.usage.iter().filter_map(|place| line.get(*place)) {
            let (counts, tier) = self.usage.read(formats.usage(), object);
            self.tokens = larger(counts, self.tokens);
            self.tier = tier.or(self.tier);
        }
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
        self.tier = said.or(self.tier);
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

impl Usage {
    fn read(&mut self, format: &Format, object: Value<'_>) -> (Tokens, Option<Tier>) {
        let nothing = (Tokens::default(), None);
        let Some(paths) = format.layout.outer().filter(|_| object.kind == Kind::Object) else {
            return nothing;
        };
        let scan = scan_line(paths, object.raw, &mut self.found);
        let scans = &[scan];
        let around = Around { zone: None, received: Wall(0) };
        let present = &format.presence.of(scans);
        let line = Line { scans, headers: &self.no_headers, sticky: &[], around, present };
        let tiers = line.alts(&format.map, Field::ServiceTier);
        let tier = line.text(tiers, &mut self.scratch, |word| Some(tier(word)));
        (tokens(line, &format.map), tier)
    }
}
