//! JSON over several lines: documents that were printed for people, one or many
//! in a file. Knows where one ends, not what is in it. One that is too long to be held
//! is read in parts, if it is a list of records.

use super::shed;
use crate::decode::record::Place;
use crate::domain::{Batch, FaultReason};

/// Bytes of one document that are kept.
const LIMIT: usize = 4 * 1024 * 1024;
/// Brackets that may be open at once.
const DEPTH: usize = 128;

/// The document being read.
#[derive(Debug, Default)]
pub(super) struct Document {
    open: Option<Open>,
    text: Vec<u8>,
    /// Whether a document ended well in this source.
    seen: bool,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    place: Place,
    /// How many wrappers its lines stand in.
    depth: u8,
    nest: Nest,
    /// What the last byte that is no space was.
    last: u8,
    over: bool,
}

/// The open brackets: their number, and one bit for each that is a brace.
#[derive(Clone, Copy, Debug, Default)]
struct Nest {
    count: usize,
    braces: u128,
}

/// What a line was to the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A part of it.
    Kept,
    /// Its end, with this many bytes; what follows them is no part of it.
    Whole { used: usize },
    /// None of it: the document has no end.
    Foreign,
    /// A part of it that was not taken: there is no room before something is
    /// [shed](Document::shed).
    Full,
}

/// How far the brackets of a line go.
enum Walked {
    /// Some are open.
    Open(Nest),
    /// All are closed at this position.
    Closed(usize),
    /// Strings or brackets do not fit.
    Broken,
}

impl Document {
    /// Where the open document starts.
    pub(super) fn since(&self) -> Option<u64> {
        self.open.map(|open| open.place.at.offset)
    }

    /// Whether a document is open that stands in so many wrappers.
    pub(super) fn is_open_at(&self, depth: u8) -> bool {
        self.open.is_some_and(|open| open.depth == depth)
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Starts a document with a line that is no whole JSON. Where lines are
    /// records, what looks like a start is a line that was torn.
    pub(super) fn start(&mut self, line: &[u8], place: Place, depth: u8, records: Records) -> bool {
        let text = line.trim_ascii();
        let goes_on = matches!(text.last(), Some(b'{' | b'[' | b','));
        if !goes_on || (records == Records::Lines && !self.seen) {
            return false;
        }
        let Walked::Open(nest) = walk(line, Nest::default()) else { return false };
        let last = text.last().copied().unwrap_or_default();
        self.open = Some(Open { place, depth, nest, last, over: false });
        self.text.clear();
        self.keep(line);
        true
    }

    /// Whether one was met: then what looks like a start is one.
    pub(super) fn seen(&self) -> bool {
        self.seen
    }

    /// One was met before.
    pub(super) fn recall(&mut self) {
        self.seen = true;
    }

    /// Takes the next line.
    pub(super) fn line(&mut self, line: &[u8], place: Place) -> Step {
        let Some(open) = &mut self.open else { return Step::Foreign };
        let text = line.trim_ascii();
        if text.is_empty() {
            return Step::Kept;
        }
        if !open.may_go_on(text) {
            return Step::Foreign;
        }
        if !open.over && self.text.len() + line.len() >= LIMIT {
            return Step::Full;
        }
        match walk(line, open.nest) {
            Walked::Broken => Step::Foreign,
            Walked::Open(nest) => {
                open.nest = nest;
                open.last = text.last().copied().unwrap_or_default();
                open.place = open.place.up_to(place);
                self.keep(line);
                Step::Kept
            }
            Walked::Closed(used) => {
                open.place = open.place.up_to(place);
                self.keep(line.get(..used).unwrap_or_default());
                Step::Whole { used }
            }
        }
    }

    /// Ends the document: its text and place, or nothing if it was too long.
    /// Give the text [back](Self::give_back).
    pub(super) fn take(&mut self, out: &mut Batch) -> Option<(Vec<u8>, Place)> {
        let open = self.open.take()?;
        self.seen = true;
        if open.over {
            open.place.quarantine(out, FaultReason::LineTooLong);
            return None;
        }
        Some((std::mem::take(&mut self.text), open.place))
    }

    /// Takes out of a document that is full what is whole of its list of records, as a
    /// document of its own. `is_list` knows such lists by the keys that lead to them, and
    /// `is_frame` that what is around one may be read more than once. Where there is no
    /// such list nothing of the document is kept any more.
    pub(super) fn shed(
        &mut self,
        is_list: &dyn Fn(&[&[u8]]) -> bool,
        is_frame: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Option<(Vec<u8>, Place)> {
        let open = self.open.as_mut()?;
        let cut = shed::cut(&self.text, is_list).filter(|cut| is_frame(&cut.frame(&self.text)));
        let Some(cut) = cut else {
            open.over = true;
            self.text = Vec::new();
            return None;
        };
        self.seen = true;
        let (whole, rest) = cut.apply(&self.text);
        self.text = rest;
        Some((whole, open.place))
    }

    pub(super) fn give_back(&mut self, text: Vec<u8>) {
        self.text = text;
    }

    /// Gives up a document that has no end.
    pub(super) fn abandon(&mut self, out: &mut Batch) {
        if let Some(open) = self.open.take() {
            let reason = if open.over { FaultReason::LineTooLong } else { FaultReason::BrokenJson };
            open.place.quarantine(out, reason);
        }
        self.text.clear();
    }

    fn keep(&mut self, line: &[u8]) {
        if self.open.is_some_and(|open| !open.over) {
            self.text.extend_from_slice(line);
            self.text.push(b'\n');
        }
    }
}

/// Whether lines of the source are known to be records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Records {
    Lines,
    Unknown,
}

impl Open {
    /// Whether a line can stand where the document is now. A record of its own
    /// starts with a brace, and no member of an object does.
    fn may_go_on(&self, text: &[u8]) -> bool {
        let Some(first) = text.first() else { return true };
        let value = || b"{[\"-0123456789tfnN".contains(first);
        match (self.last, self.nest.in_object()) {
            (b':', _) => value(),
            (b'{' | b',', true) => matches!(first, b'"' | b'}'),
            (_, true) => matches!(first, b',' | b'}' | b':'),
            (b'[' | b',', false) => value() || *first == b']',
            (_, false) => matches!(first, b',' | b']'),
        }
    }
}

impl Nest {
    fn in_object(self) -> bool {
        self.braces & 1 != 0
    }

    fn push(&mut self, brace: bool) -> bool {
        self.count += 1;
        self.braces = self.braces << 1 | u128::from(brace);
        self.count <= DEPTH
    }

    fn pop(&mut self, brace: bool) -> bool {
        let fits = self.count > 0 && self.in_object() == brace;
        self.count = self.count.saturating_sub(1);
        self.braces >>= 1;
        fits
    }
}

/// Follows the brackets of one line; no string of JSON goes on in the next.
fn walk(line: &[u8], mut nest: Nest) -> Walked {
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        at += 1;
        let fits = match byte {
            b'"' => match string_end(line, at) {
                Some(end) => {
                    at = end;
                    true
                }
                None => false,
            },
            b'{' | b'[' => nest.push(*byte == b'{'),
            b'}' | b']' => nest.pop(*byte == b'}'),
            _ => true,
        };
        if !fits {
            return Walked::Broken;
        }
        if nest.count == 0 && matches!(byte, b'}' | b']') {
            return Walked::Closed(at);
        }
    }
    Walked::Open(nest)
}

/// The position behind the quote that ends a string whose text starts at `at`.
fn string_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
        at = found + 1;
        match line.get(found) {
            Some(b'"') => return Some(at),
            _ => at += 1,
        }
    }
}
