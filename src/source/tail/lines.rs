//! Blocks of bytes -> lines -> sink, with exact counting of both.
//!
//! It must not know where the bytes come from: a followed file, a file read
//! once and a pipe all count their lines here.

use std::mem;
use std::sync::Arc;

use memchr::memchr_iter;
use serde::de::IgnoredAny;

use crate::domain::{
    Batch, Checkpoint, FaultReason, Item, LineAt, Observation, Origin, Progress, SourceId, Wall,
};
use crate::source::{BLOCK, LONG_LINE, LineSink};

/// Takes a full batch, gives back an empty one to fill.
pub type Deliver<'a> = dyn FnMut(Batch) -> Batch + 'a;

/// The counters of one source.
#[derive(Default)]
pub struct Counters {
    /// As they are.
    pub totals: Progress,
    sent: Progress,
}

/// What a run leaves for the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: it reads all there is, or only what comes.
    #[default]
    Nothing,
    /// How far the source of this name has read each file, with the batch that says so.
    For(Arc<str>),
}

/// Where the observations of one source go.
pub struct Outlet<'a> {
    source: SourceId,
    keep: &'a Keep,
    origin: Origin,
    /// Kept up to date while lines are taken.
    pub counters: &'a mut Counters,
    batch: &'a mut Batch,
    deliver: &'a mut Deliver<'a>,
}

impl<'a> Outlet<'a> {
    /// An outlet that fills `batch` and goes on counting.
    pub fn new(
        source: SourceId,
        counters: &'a mut Counters,
        batch: &'a mut Batch,
        deliver: &'a mut Deliver<'a>,
    ) -> Self {
        Outlet { source, keep: &Keep::Nothing, origin: Origin::Live, counters, batch, deliver }
    }

    /// The same, for files whose checkpoints are kept or not.
    #[must_use]
    pub fn keeping(self, keep: &'a Keep) -> Self {
        Outlet { keep, ..self }
    }

    /// Whether checkpoints are wanted. What is read ahead is read again.
    pub fn keeps(&self) -> bool {
        *self.keep != Keep::Nothing && self.origin != Origin::Ahead
    }

    /// What comes next has been there since then. Old and new lines share no batch.
    pub fn begin(&mut self, origin: Origin) {
        if origin != self.origin {
            self.flush();
            self.origin = origin;
        }
    }

    /// The batch holds all lines of a file up to here.
    pub fn checkpoint(&mut self, checkpoint: Checkpoint) {
        if let Keep::For(source) = self.keep {
            self.batch.checkpoints.push(Checkpoint { source: Arc::clone(source), ..checkpoint });
        }
    }

    /// Say that `len` bytes from `offset` on, in this line, can't be trusted.
    pub fn quarantine(&mut self, line: u64, reason: FaultReason, offset: u64, len: u64) {
        let seen = Observation::Quarantined { reason, offset, len };
        self.batch.items.push(Item { line, seen });
    }

    /// Whether the batch must go before another line is taken.
    pub fn is_full(&self) -> bool {
        self.batch.items.len() >= Batch::FULL
    }

    /// Send what is there, if it says anything new.
    pub fn flush(&mut self) {
        let says = !self.batch.items.is_empty() || !self.batch.checkpoints.is_empty();
        if says || self.counters.totals != self.counters.sent {
            self.send();
        }
    }

    /// A line was taken. What is read ahead counts when it comes in its turn.
    fn took(&mut self, bytes: u64, is_blank: bool) {
        if self.origin == Origin::Ahead {
            return;
        }
        let totals = &mut self.counters.totals;
        totals.lines += 1;
        totals.blank += u64::from(is_blank);
        totals.bytes += bytes;
        totals.bytes_behind = totals.bytes_behind.saturating_sub(bytes);
    }

    /// Send the batch, with all that was said about it.
    pub fn send(&mut self) {
        self.batch.source = self.source;
        self.batch.origin = self.origin;
        self.batch.progress = self.counters.totals;
        self.counters.sent = self.counters.totals;
        *self.batch = (self.deliver)(mem::take(self.batch));
        self.batch.clear();
    }
}

/// The lines of one generation or stream: how far, and who takes them.
pub struct Lines {
    sink: Box<dyn LineSink + Send>,
    number: u64,
    offset: u64,
    long: Option<u64>,
    /// The last byte of it that is no white space.
    long_last: u8,
}

impl Lines {
    /// Lines from byte `offset` on.
    pub fn starting_at(offset: u64, sink: Box<dyn LineSink + Send>) -> Self {
        Lines { sink, number: 0, offset, long: None, long_last: 0 }
    }

    /// Lines that go on where another reader has left them.
    pub fn resume(past: &Checkpoint, mut sink: Box<dyn LineSink + Send>) -> Self {
        if !past.memo.is_empty() {
            sink.recall(&past.memo);
        }
        Lines { sink, number: past.lines, offset: past.offset, long: None, long_last: 0 }
    }

    /// Lines taken.
    pub fn count(&self) -> u64 {
        self.number
    }

    /// Everything before this byte is in observations: nothing of it is needed
    /// to read on.
    pub fn settled(&self) -> u64 {
        self.sink.open_since().map_or(self.offset, |since| since.min(self.offset))
    }

    /// What the sink must know to read on.
    pub fn memo(&self) -> String {
        self.sink.memo()
    }

    /// Where the first line that is not yet complete starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The first byte the sink has not seen.
    pub fn position(&self) -> u64 {
        self.offset + self.long.unwrap_or(0)
    }

    /// The sink's format, once known.
    pub fn format(&self) -> Option<&str> {
        self.sink.format()
    }

    /// Begin so many bytes later, between two lines.
    pub fn pass_over(&mut self, bytes: u64) {
        self.offset += bytes;
    }

    /// Take complete lines off bytes that stand at [`position`](Self::position),
    /// all of them or until the batch is full; says how many bytes were used. A
    /// rest longer than [`LONG_LINE`] is used too, in parts.
    pub fn take(&mut self, bytes: &[u8], received: Wall, out: &mut Outlet<'_>) -> usize {
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            self.end_line(bytes.get(start..end).unwrap_or_default(), 1, received, out);
            start = end + 1;
            if out.is_full() {
                return start;
            }
        }
        let rest = bytes.get(start..).unwrap_or_default();
        if rest.is_empty() || (self.long.is_none() && rest.len() <= LONG_LINE) {
            return start;
        }
        self.parts(rest);
        bytes.len()
    }

    /// Whether `rest`, after which nothing came for long, is a whole line though no
    /// newline ends it: a JSON value that is complete, or the end of a record that is open.
    pub fn is_whole(&self, rest: &[u8]) -> bool {
        let is_end = |byte: &u8| is_closer(*byte) || byte.is_ascii_whitespace();
        let ends = || self.sink.open_since().is_some() && rest.iter().all(is_end);
        self.long.is_none() && (is_json(rest) || last_of(rest).is_some_and(is_closer) && ends())
    }

    /// The same of a file that has nothing more: any line may end a record there. Of a long
    /// line only its end is looked at.
    pub fn may_be_whole(&self, rest: &[u8]) -> bool {
        match self.long {
            Some(_) => is_closer(self.long_last),
            None if self.sink.open_since().is_some() => last_of(rest).is_some_and(is_closer),
            None => self.is_whole(rest),
        }
    }

    /// Take a line that has no newline, and needs none.
    pub fn take_unended(&mut self, line: &[u8], received: Wall, out: &mut Outlet<'_>) {
        self.end_line(line, 0, received, out);
    }

    /// The end, for good: `rest` is the last line, which has no newline.
    pub fn finish(&mut self, rest: &[u8], received: Wall, out: &mut Outlet<'_>) {
        if !rest.is_empty() || self.long.is_some() {
            self.end_line(rest, 0, received, out);
        }
        self.sink.finish(self.at(received), out.batch);
    }

    /// The end, for good: the last `len` bytes were seen to be the start of a
    /// line, and the rest of that line will never come.
    pub fn finish_torn(&mut self, len: u64, received: Wall, out: &mut Outlet<'_>) {
        self.sink.finish(self.at(received), out.batch);
        if len == 0 {
            return;
        }
        self.number += 1;
        out.quarantine(self.number, FaultReason::Torn, self.offset, len);
        self.offset += len;
        out.took(len, false);
    }

    fn end_line(&mut self, piece: &[u8], newline: u64, received: Wall, out: &mut Outlet<'_>) {
        let at = self.at(received);
        let (len, is_blank);
        if self.long.is_some() || piece.len() > LONG_LINE {
            self.parts(piece);
            (len, is_blank) = (self.long.take().unwrap_or(0), false);
            self.sink.long_end(at, len, out.batch);
        } else {
            (len, is_blank) = (piece.len() as u64, piece.iter().all(u8::is_ascii_whitespace));
            self.sink.line(piece, at, out.batch);
        }
        self.number = at.number;
        self.offset += len + newline;
        out.took(len + newline, is_blank);
    }

    fn parts(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(BLOCK) {
            self.sink.long_part(part);
        }
        self.long = Some(self.long.unwrap_or(0) + bytes.len() as u64);
        self.long_last = last_of(bytes).unwrap_or(self.long_last);
    }

    fn at(&self, received: Wall) -> LineAt {
        LineAt { number: self.number + 1, offset: self.offset, received }
    }
}

/// Whether that is one object or list of JSON and nothing else.
pub fn is_json(text: &[u8]) -> bool {
    last_of(text).is_some_and(is_closer) && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn is_closer(byte: u8) -> bool {
    matches!(byte, b'}' | b']')
}

fn last_of(text: &[u8]) -> Option<u8> {
    text.trim_ascii_end().last().copied()
}
