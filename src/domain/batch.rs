//! What a source hands to the engine: observations in file order, and how far
//! it has read. Batches are recycled, so nothing is allocated per line.

use super::bill::BillReading;
use super::checkpoint::Checkpoint;
use super::limit::LimitReading;
use super::request::{Caller, FaultReason, MetricReading, QueueReading, Request};
use super::time::Wall;

/// Index of a source in the running configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SourceId(pub u32);

/// A piece of [`Batch::text`]: start and length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextRef {
    /// First byte.
    pub start: u32,
    /// Length in bytes; 0 means there is no text.
    pub len: u32,
}

/// Where a line stands and when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineAt {
    /// Line number in the file generation or stream, from 1.
    pub number: u64,
    /// Byte offset of its first byte.
    pub offset: u64,
    /// When it was read; the time of last resort for what it says.
    pub received: Wall,
}

/// Something a line said.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a box would be an allocation for each line")]
pub enum Observation {
    /// A call was made. Limit readings of the same response follow it.
    Request {
        /// The call.
        request: Request,
        /// The provider's request id, for people.
        request_id: TextRef,
        /// The text behind [`Request::dedup`], for `parse`.
        dedup_key: TextRef,
        /// `finish_reason`, for `parse`.
        finish_reason: TextRef,
    },
    /// A response of which only headers are known. Its limit readings follow.
    Limits {
        /// When.
        at: Wall,
        /// Who called: a key's limit is its own.
        caller: Caller,
    },
    /// One limit of the request or response before it.
    Limit(LimitReading),
    /// A queue reading.
    Queue(QueueReading),
    /// A reading of something else.
    Metric(MetricReading),
    /// A sum of a provider's own bill.
    Bill(BillReading),
    /// A well-formed line of no interest.
    Ignored {
        /// Why, as one word.
        reason: &'static str,
    },
    /// A line that should have been a call, but whose cost or shape can't be
    /// trusted. Not in any total; alarms.
    Quarantined {
        /// Why.
        reason: FaultReason,
        /// Byte offset of the line in its file generation.
        offset: u64,
        /// Length of the line in bytes.
        len: u64,
    },
    /// A line, or a part of one (a header), that was not understood.
    Fault {
        /// Why.
        reason: FaultReason,
        /// Which header or field, where it is one; never a value.
        what: TextRef,
    },
}

/// An observation and the line it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// Line number in the file generation or stream, from 1.
    pub line: u64,
    /// What it said.
    pub seen: Observation,
}

/// How far a source had read when a batch was closed. All totals since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines consumed.
    pub lines: u64,
    /// Lines among them of records that are not complete: another run reads them again.
    pub open_lines: u64,
    /// Blank lines among them.
    pub blank: u64,
    /// Bytes consumed.
    pub bytes: u64,
    /// Bytes that exist but are not read yet.
    pub bytes_behind: u64,
    /// Bytes read that do not yet make a line.
    pub pending_bytes: u64,
}

/// Since when what a batch says has been there, and whether it was said before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It came since, and comes this once.
    #[default]
    Live,
    /// It was there before its source was started: it counts, and stops nothing.
    Backlog,
    /// It came since, behind a backlog that is still being read. It tells of the present
    /// and is in no sum, for it comes once more in its turn.
    Ahead,
    /// It was read ahead, and comes now in its turn: it is in the sums, and tells nothing
    /// new of the present.
    Again,
}

/// Observations of one source, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Which source.
    pub source: SourceId,
    /// Since when its lines have been there.
    pub origin: Origin,
    /// What its lines said.
    pub items: Vec<Item>,
    /// Text that items refer to.
    pub text: Vec<u8>,
    /// How far it has read.
    pub progress: Progress,
    /// Files of which this batch, and those before it, hold everything up to
    /// these offsets. Empty where nothing is kept for another run.
    pub checkpoints: Vec<Checkpoint>,
}

impl Batch {
    /// Items after which a batch goes out even if more is there to read.
    pub const FULL: usize = 256;

    /// Forget everything but the allocations.
    pub fn clear(&mut self) {
        self.origin = Origin::Live;
        self.items.clear();
        self.text.clear();
        self.checkpoints.clear();
        self.progress = Progress::default();
    }

    /// Add what a line said, made where it stays: an item is large.
    #[inline]
    pub fn push_with(&mut self, line: u64, seen: impl FnOnce() -> Observation) {
        self.items.extend(std::iter::once_with(|| Item { line, seen: seen() }));
    }

    /// Keep a piece of text, cut to at most 512 bytes.
    pub fn keep_text(&mut self, text: &[u8]) -> TextRef {
        let text = text.get(..512).unwrap_or(text);
        let start = self.text.len();
        match (u32::try_from(start), u32::try_from(text.len())) {
            (Ok(start), Ok(len)) => {
                self.text.extend_from_slice(text);
                TextRef { start, len }
            }
            _ => TextRef::default(),
        }
    }

    /// The text behind a reference, empty if there is none.
    #[must_use]
    pub fn text_of(&self, text: TextRef) -> &[u8] {
        let start = text.start as usize;
        self.text.get(start..start + text.len as usize).unwrap_or_default()
    }
}
