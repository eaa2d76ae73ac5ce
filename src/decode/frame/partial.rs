//! Lines that a container runtime split, put together again per stream: parts
//! of standard output and standard error stand between each other.

use serde::de::IgnoredAny;

use crate::decode::record::Place;
use crate::domain::{Batch, FaultReason};
use crate::scan::is_object;

/// Bytes of one line that are kept.
const LINE_LIMIT: usize = 4 * 1024 * 1024;
/// Streams with an unfinished line.
const STREAMS: usize = 16;

/// The unfinished lines of a source.
#[derive(Debug, Default)]
pub(super) struct Partials {
    open: Vec<Partial>,
    /// Buffers of lines that are done.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Partial {
    stream: Box<[u8]>,
    place: Place,
    text: Vec<u8>,
    /// It outgrew the limit: what comes is counted, not kept.
    over: bool,
    again: Option<Again>,
}

/// A part that begins as a record does: the one before it may have no end.
#[derive(Clone, Copy, Debug)]
struct Again {
    /// Where in the text it begins.
    from: usize,
    /// Where all before it stands, and where it and all behind it does.
    before: Place,
    place: Place,
}

impl Partials {
    /// Where the oldest unfinished line starts.
    pub(super) fn since(&self) -> Option<u64> {
        self.open.iter().map(|partial| partial.place.at.offset).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a line of `stream` is unfinished.
    pub(super) fn waits(&self, stream: &[u8]) -> bool {
        self.open.iter().any(|partial| *partial.stream == *stream)
    }

    /// Keeps a part of which more follows.
    pub(super) fn add(&mut self, stream: &[u8], text: &[u8], place: Place, out: &mut Batch) {
        if let Some(partial) = self.open.iter_mut().find(|partial| *partial.stream == *stream) {
            partial.add(text, place);
            return;
        }
        if self.open.len() >= STREAMS {
            self.give_up(0, out);
        }
        let mut partial = Partial {
            stream: stream.into(),
            place,
            text: self.spare.pop().unwrap_or_default(),
            over: false,
            again: None,
        };
        partial.text.clear();
        partial.add(text, place);
        self.open.push(partial);
    }

    /// Ends a line with its last part; the whole line, unless it was too long.
    /// Give the buffer [back](Self::give_back).
    pub(super) fn end(
        &mut self,
        stream: &[u8],
        text: &[u8],
        place: Place,
        out: &mut Batch,
    ) -> Option<(Vec<u8>, Place)> {
        let at = self.open.iter().position(|partial| *partial.stream == *stream)?;
        if let Some(partial) = self.open.get_mut(at) {
            partial.add(text, place);
        }
        self.take(at, out)
    }

    /// The unfinished lines as they are, one after the other.
    pub(super) fn flush(&mut self, out: &mut Batch) -> Option<(Vec<u8>, Place)> {
        while !self.open.is_empty() {
            let whole = self.take(0, out);
            if whole.is_some() {
                return whole;
            }
        }
        None
    }

    pub(super) fn give_back(&mut self, text: Vec<u8>) {
        self.spare.push(text);
    }

    fn take(&mut self, at: usize, out: &mut Batch) -> Option<(Vec<u8>, Place)> {
        let mut partial = self.open.remove(at);
        if partial.over {
            partial.place.quarantine(out, FaultReason::LineTooLong);
            return None;
        }
        partial.tear(out);
        Some((partial.text, partial.place))
    }

    fn give_up(&mut self, at: usize, out: &mut Batch) {
        let partial = self.open.remove(at);
        partial.place.quarantine(out, FaultReason::Torn);
    }
}

impl Partial {
    fn add(&mut self, text: &[u8], place: Place) {
        if !self.text.is_empty() && text.starts_with(b"{\"") {
            self.again = Some(Again { from: self.text.len(), before: self.place, place });
        } else if let Some(again) = &mut self.again {
            again.place = together(again.place, place);
        }
        self.place = together(self.place, place);
        self.over |= self.text.len() + text.len() > LINE_LIMIT;
        if self.over {
            self.text = Vec::new();
        } else {
            self.text.extend_from_slice(text);
        }
    }

    /// Tells a record that has no end, for its program died, from a whole one behind it.
    fn tear(&mut self, out: &mut Batch) {
        let Some(again) = self.again.filter(|_| self.text.starts_with(b"{")) else { return };
        let (_, behind) = self.text.split_at(again.from.min(self.text.len()));
        if !is_object(behind) || serde_json::from_slice::<IgnoredAny>(&self.text).is_ok() {
            return;
        }
        again.before.quarantine(out, FaultReason::Torn);
        self.text.drain(..again.from);
        self.place = again.place;
    }
}

/// The last part's line, and all bytes from the first part on.
fn together(first: Place, last: Place) -> Place {
    let mut place = first.up_to(last);
    place.at.number = last.at.number;
    place
}
