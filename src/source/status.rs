//! How a source is doing, for people.

use crate::domain::SourceId;

/// The state of a source, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceState {
    /// Nothing more will come.
    Ended,
    /// Read up to its end and followed.
    Live,
    /// Still reading what was there before the start.
    CatchingUp,
    /// No file is there (yet, or any more), or it is not the time to ask.
    #[default]
    Waiting,
    /// A file is there that may not be read, or our key is refused.
    Denied,
    /// A file can't be read for another reason, or nobody answers.
    Error,
}

impl SourceState {
    /// The word of the public snapshot.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SourceState::Ended => "ended",
            SourceState::Live => "live",
            SourceState::CatchingUp => "catching_up",
            SourceState::Waiting => "waiting",
            SourceState::Denied => "denied",
            SourceState::Error => "error",
        }
    }
}

/// Something that was met on the way and can't be made good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing, as a stable word.
    pub kind: &'static str,
    /// In words. Contains paths: not yet safe for a terminal.
    pub text: String,
}

/// How one source is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// Which source.
    pub source: SourceId,
    /// The worst of its files; `Waiting` only if there is no file at all.
    pub state: SourceState,
    /// Files being read, rotated ones that are still drained among them.
    pub files: usize,
    /// What is wrong, in words. Contains paths: not yet safe for a terminal.
    pub problem: Option<String>,
    /// What was met on the way and can't be made good, each once: a rotation that
    /// loses lines, an older file that can't be read, or is gone.
    pub findings: Vec<Finding>,
    /// The log format, once known; of the first file where they differ.
    pub format: Option<String>,
}
