//! Generations that were read, in this run or an earlier one, and are not open:
//! so that each is found again under whatever name, and none is read twice.
//!
//! They are looked up by content. It opens nothing and follows nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::generation::{FileId, Generation, Head, Mark};
use crate::domain::{Checkpoint, checkpoint};

/// Finished generations remembered.
const MOST: usize = 1024;

/// A generation that was read up to a mark.
#[derive(Clone, Debug)]
pub struct Past {
    /// As it was left.
    pub checkpoint: Checkpoint,
    /// Which file that was, if this process has had it open.
    id: Option<FileId>,
    /// When it came here: the oldest goes first.
    turn: u64,
}

/// All generations of a source that are not open now.
#[derive(Debug, Default)]
pub struct Known {
    by_head: HashMap<(u32, u64), Vec<Past>>,
    head_lens: BTreeMap<u32, usize>,
    len: usize,
    turn: u64,
}

impl Past {
    /// Which of all that are known.
    pub fn number(&self) -> u64 {
        self.turn
    }

    /// What was consumed.
    pub fn mark(&self) -> Mark {
        mark_of(&self.checkpoint)
    }

    /// More may come of it.
    pub fn is_open(&self) -> bool {
        self.checkpoint.progress == checkpoint::Generation::Open
    }

    /// Whether this file stands where the generation was. The number of a
    /// device may be another after a restart of the machine.
    pub fn same_place(&self, meta: &Metadata) -> bool {
        let same_inode = self.checkpoint.place.1 == meta.ino();
        self.id.map_or(same_inode, |known| known == FileId::of(meta))
    }

    fn key(&self) -> (u32, u64) {
        (self.checkpoint.head_len, self.checkpoint.head)
    }
}

impl Known {
    /// What earlier runs have left.
    pub fn recall(checkpoints: &[Checkpoint]) -> Self {
        let mut known = Known::default();
        for checkpoint in checkpoints {
            known.add(checkpoint.clone(), None);
        }
        known
    }

    /// Remember another one.
    pub fn add(&mut self, checkpoint: Checkpoint, id: Option<FileId>) {
        if checkpoint.offset == 0 && checkpoint.progress == checkpoint::Generation::Finished {
            return; // Nothing of it was consumed: it can't be known again.
        }
        self.turn += 1;
        let past = Past { checkpoint, id, turn: self.turn };
        *self.head_lens.entry(past.checkpoint.head_len).or_default() += 1;
        self.by_head.entry(past.key()).or_default().push(past);
        self.len += 1;
        // Now and then only, for finding the oldest is a look at all.
        if self.len > 2 * MOST {
            self.forget_old();
        }
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where generations were left that may have more to read.
    pub fn open(&self) -> impl Iterator<Item = &Past> {
        self.by_head.values().flatten().filter(|past| past.is_open())
    }

    /// Inodes of those that are not where they were left.
    pub fn orphans(&self) -> HashSet<u64> {
        let inode = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.ino());
        let moved = self
            .open()
            .filter(|past| inode(&past.checkpoint.path) != Some(past.checkpoint.place.1));
        moved.map(|past| past.checkpoint.place.1).collect()
    }

    /// The generations that content with this head may continue, longest first.
    pub fn with_head(&self, head: &Head) -> Vec<&Past> {
        let keys = head.hashes(self.head_lens.keys().copied());
        let found = keys.iter().filter_map(|key| self.by_head.get(key));
        let mut found: Vec<&Past> = found.flatten().collect();
        // To read on from the same place repeats nothing: open comes first.
        found.sort_by_key(|past| (u64::MAX - past.checkpoint.offset, !past.is_open(), past.turn));
        found
    }

    /// The longest generation that this file continues, and its content.
    pub fn find(&self, file: &File, meta: &Metadata) -> io::Result<Option<(Past, Generation)>> {
        if self.is_empty() {
            return Ok(None);
        }
        let head = Head::of(file)?;
        for past in self.with_head(&head) {
            let mark = past.mark();
            // Nothing consumed proves nothing: then only the place is known.
            if mark.offset > meta.len() || (mark.offset == 0 && !past.same_place(meta)) {
                continue;
            }
            match Generation::consumed(file, mark.offset) {
                Ok(generation) if generation.mark() == mark => {
                    return Ok(Some((past.clone(), generation)));
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }

    /// This one is open again: forget it, and all that is a part of it.
    pub fn take(&mut self, past: &Past) {
        let place = past.checkpoint.place;
        let offset = past.checkpoint.offset;
        let same = |other: &Past| {
            other.turn == past.turn
                || (other.checkpoint.place == place && other.checkpoint.offset <= offset)
        };
        self.remove(|other| same(other) && (other.is_open() || other.turn == past.turn));
    }

    /// Expect no more of these open ones, and give them back as finished.
    pub fn give_up(&mut self, is_it: impl Fn(&Past) -> bool) -> Vec<Checkpoint> {
        let gone: Vec<Past> = self.open().filter(|past| is_it(past)).cloned().collect();
        if gone.is_empty() {
            return Vec::new();
        }
        self.remove(|past| past.is_open() && is_it(past));
        let gone: Vec<_> = gone.into_iter().map(|past| finished(past.checkpoint)).collect();
        for checkpoint in &gone {
            self.add(checkpoint.clone(), None);
        }
        gone
    }

    fn remove(&mut self, is_it: impl Fn(&Past) -> bool) {
        let head_lens = &mut self.head_lens;
        let mut removed = 0;
        self.by_head.retain(|(head_len, _), pasts| {
            let before = pasts.len();
            pasts.retain(|past| !is_it(past));
            let gone = before - pasts.len();
            removed += gone;
            if let Some(count) = head_lens.get_mut(head_len).filter(|_| gone > 0) {
                *count -= gone;
                if *count == 0 {
                    head_lens.remove(head_len);
                }
            }
            !pasts.is_empty()
        });
        self.len -= removed;
    }

    fn forget_old(&mut self) {
        let finished = |past: &&Past| !past.is_open();
        let all = self.by_head.values().flatten();
        let mut turns: Vec<u64> = all.filter(finished).map(|past| past.turn).collect();
        if turns.len() <= MOST {
            return;
        }
        turns.sort_unstable();
        let Some(oldest_kept) = turns.get(turns.len() - MOST).copied() else { return };
        self.remove(|past| !past.is_open() && past.turn < oldest_kept);
    }
}

/// The same place, of which nothing more is expected.
pub fn finished(checkpoint: Checkpoint) -> Checkpoint {
    Checkpoint { progress: checkpoint::Generation::Finished, ..checkpoint }
}

/// The hashes of a checkpoint.
fn mark_of(checkpoint: &Checkpoint) -> Mark {
    Mark {
        head: checkpoint.head,
        head_len: checkpoint.head_len,
        window: checkpoint.window,
        window_len: checkpoint.window_len,
        offset: checkpoint.offset,
    }
}
