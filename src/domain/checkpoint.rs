//! How far a file has been read, in a form that outlives the process.
//!
//! A file is known again by its content: the hash of its first bytes and of the
//! bytes before the offset. Device and inode only say where to look first. No
//! byte of the log itself is in here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Wall;

/// The state of one generation of one file at one moment, as one source reads it.
///
/// Who keeps checkpoints keeps the newest open one of each source and `place`, and
/// drops it for a finished one of those. Finished ones are kept beside: the newest
/// thousand of them will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the source that reads it: another one reads it for itself. Empty
    /// where that was not kept.
    pub source: Arc<str>,
    /// The path by which it is, or was, followed: rotation may have moved it on.
    pub path: PathBuf,
    /// Device and inode: a shortcut, never a proof.
    pub place: (u64, u64),
    /// Hash of the first `head_len` bytes.
    pub head: u64,
    /// Bytes that `head` covers.
    pub head_len: u32,
    /// Hash of the `window_len` bytes before the offset.
    pub window: u64,
    /// Bytes that `window` covers.
    pub window_len: u32,
    /// Bytes of complete records consumed: reading goes on here.
    pub offset: u64,
    /// Lines up to the offset.
    pub lines: u64,
    /// What the decoder remembers of earlier lines, in its own words.
    pub memo: String,
    /// What stands beside its path and was changed before, by the clock of the file
    /// system, does not come after it. Not known of what the ledger kept before version 5.
    /// Of a journal of which nothing came so far: what was logged before does not count.
    pub since: Option<Wall>,
    /// Whether more may come.
    pub progress: Generation,
}

/// Whether a generation is still read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generation {
    /// More may come.
    Open,
    /// Read to its end after it was rotated or deleted. Kept so that a copy of
    /// it, under whatever name, is not read again.
    Finished,
}

/// Checkpoints that add up to what there is to know: the newest open one of
/// each source and place, and all finished ones.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    open: BTreeMap<(Arc<str>, (u64, u64)), Checkpoint>,
    finished: Vec<Checkpoint>,
}

impl Checkpoints {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.finished.is_empty()
    }

    /// Take in a later one.
    pub fn note(&mut self, later: Checkpoint) {
        let key = (Arc::clone(&later.source), later.place);
        match later.progress {
            Generation::Open => drop(self.open.insert(key, later)),
            Generation::Finished => {
                self.open.remove(&key);
                self.finished.push(later);
            }
        }
    }

    /// All of them, to be noted elsewhere in this order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Checkpoint> {
        self.finished.into_iter().chain(self.open.into_values()).collect()
    }
}
