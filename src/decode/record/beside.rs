//! What a wrapper says of the record that it carries: its time and its names, in the words
//! that applications use. It fills what the record does not say itself, and nothing else.

use std::sync::Arc;

use super::{Place, Recorder, describe, timed};
use crate::decode::eval::{Line, Told as Outer};
use crate::decode::formats::{Format, Formats};
use crate::decode::headers::HeaderBag;
use crate::decode::map::{Field, Map, Present, Spot};
use crate::decode::moment::Around;
use crate::decode::status::Told;
use crate::decode::tokens::tier;
use crate::domain::Request;
use crate::scan::{Found, Scan, scan_line};

/// The format that has the names which applications use.
const USUAL: &str = "app-json";

/// Fields that a wrapper fills besides the time.
pub(super) const FILLED: [Field; 20] = [
    Field::Provider,
    Field::Model,
    Field::Host,
    Field::Key,
    Field::Team,
    Field::User,
    Field::Environment,
    Field::Account,
    Field::Priority,
    Field::Status,
    Field::ServiceTier,
    Field::LatencyMs,
    Field::TtftMs,
    Field::QueueMs,
    Field::QueueDepth,
    Field::Attempt,
    Field::Stream,
    Field::CacheHit,
    Field::RequestId,
    Field::DedupKey,
];

/// The members of the wrappers around a record, but for the one that carries it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// An object; empty where there is no wrapper.
    text: Vec<u8>,
    formats: Option<Arc<Formats>>,
    found: Found,
    no_headers: HeaderBag,
}

/// They, as they were scanned.
pub(super) struct Read<'l> {
    format: &'l Format,
    scan: [Scan<'l>; 1],
    present: Present,
    headers: &'l HeaderBag,
}

impl Beside {
    /// Puts an object in the place of another one, which is given back.
    pub(super) fn swap(&mut self, formats: &Arc<Formats>, text: Vec<u8>) -> Vec<u8> {
        if self.formats.is_none() && !text.is_empty() {
            self.formats = Some(Arc::clone(formats));
        }
        std::mem::replace(&mut self.text, text)
    }

    pub(super) fn read(&mut self) -> Option<Read<'_>> {
        let formats = self.formats.as_ref().filter(|_| !self.text.is_empty())?;
        let format = formats.get(formats.position(USUAL)?)?;
        let paths = format.layout.outer().filter(|_| format.layout.is_simple())?;
        let scan = [scan_line(paths, &self.text, &mut self.found)];
        let present = format.presence.of(&scan);
        Some(Read { format, scan, present, headers: &self.no_headers })
    }
}

impl Read<'_> {
    pub(super) fn told<'l>(&'l self, around: Around<'l>) -> Outer<'l> {
        let Read { format, scan, present, headers } = self;
        let line = Line { scans: scan, headers, sticky: &[], around, present, beside: None };
        Outer { format, line }
    }
}

impl Recorder {
    /// The status that a wrapper says where its record says none, in no word either.
    pub(super) fn status_beside(&mut self, line: Line<'_>) -> Told {
        let own = line.present.any(&[Field::Status, Field::ErrorKind]);
        let Some(outer) = line.beside.filter(|_| !own) else { return Told::Nothing };
        match self.status(&outer.format.map, outer.line, true) {
            Told::Code(code) => Told::Code(code),
            _ => Told::Nothing,
        }
    }

    /// Fills what a record does not say itself.
    pub(super) fn fill(&mut self, line: Line<'_>, place: Place, request: &mut Request) {
        let Some(Outer { format, line }) = line.beside else { return };
        let map = &format.map;
        let mut beside = timed(map, *line, place).request;
        self.identify(map, *line, &mut beside);
        describe(map, *line, &mut beside);
        let word = |word: &str| Some(tier(word));
        let tier = line.text(line.alts(map, Field::ServiceTier), &mut self.scratch, word);
        beside.tier = tier.unwrap_or_default();
        *request = request.or(&beside);
    }
}

/// The same place, with the time that a wrapper says in a word that only applications use.
pub(super) fn timed_beside(line: Line<'_>, place: Place) -> Place {
    let Some(Outer { format, line }) = line.beside else { return place };
    let beside = timed(&format.map, *line, place).request;
    let at = Some(beside.at).filter(|_| beside.at_logged);
    Place { logged: place.logged.or(at), ..place }
}

/// The text of a field, of the record or else of its wrapper.
pub(super) fn either<T>(
    (map, line): (&Map<Spot>, Line<'_>),
    mut of: impl FnMut(&Map<Spot>, Line<'_>) -> Option<T>,
) -> Option<T> {
    of(map, line).or_else(|| line.beside.and_then(|outer| of(&outer.format.map, outer.line)))
}
