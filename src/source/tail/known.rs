//! Generations that were read, in this run or an earlier one, and are not open:
//! so that each is found again under whatever name, and none is read twice.
//!
//! They are looked up by content. It opens nothing and follows nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::generation::{FileId, Generation, Head, Mark};
use crate::domain::{Checkpoint, Wall, checkpoint};

/// A short generation is too easily another's beginning: only its place proves it.
pub const TELLING: u64 = 4096;

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

/// Whether what was read of a file that was cut comes again in it.
pub enum Again {
    /// It begins in another way.
    No,
    /// It begins like that, and is growing.
    Begun,
    /// It begins like that and grows no more: it was cut back.
    Part,
    /// All of it is there: of an earlier generation, or of what is open.
    Whole(Option<Box<(Past, Generation)>>),
}

/// All generations of a source that are not open now.
#[derive(Debug, Default)]
pub struct Known {
    /// By the order in which they came.
    all: BTreeMap<u64, Past>,
    by_head: HashMap<(u32, u64), Vec<u64>>,
    by_path: HashMap<PathBuf, Vec<u64>>,
    head_lens: BTreeMap<u32, usize>,
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

    /// Whether its content tells it from others: of an empty file only its place is known.
    pub fn is_telling(&self) -> bool {
        self.checkpoint.head_len > 0
    }

    fn key(&self) -> (u32, u64) {
        (self.checkpoint.head_len, self.checkpoint.head)
    }
}

impl Known {
    /// What earlier runs have left for the source of this name, oldest first: its own,
    /// and, until it has left one of that file itself, what is nobody's: a source may get
    /// another name, and before version 4 the ledger kept none. What it has left of the path
    /// itself, later, it has not to miss of others: there their name stays.
    pub fn recall(name: &str, left: &[Checkpoint], claimed: &[bool]) -> Self {
        let is_own = |one: &Checkpoint| *one.source == *name;
        let own = || left.iter().enumerate().filter(|(_, one)| is_own(one));
        let of_file: HashMap<_, _> = own().map(|(at, one)| ((one.place, &one.path), at)).collect();
        let of_path: HashMap<_, _> = own().map(|(at, one)| (&one.path, at)).collect();
        let mut known = Known::default();
        for ((at, one), claimed) in left.iter().enumerate().zip(claimed) {
            let is_later = |own: Option<&usize>| own.is_none_or(|own| *own < at);
            let is_for_us = || !claimed && is_later(of_file.get(&(one.place, &one.path)));
            if is_own(one) || is_for_us() {
                let is_ours = is_own(one) || is_later(of_path.get(&one.path));
                let source = if is_ours { Arc::default() } else { Arc::clone(&one.source) };
                known.add(Checkpoint { source, ..one.clone() }, None);
            }
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
        self.by_head.entry(past.key()).or_default().push(past.turn);
        self.by_path.entry(past.checkpoint.path.clone()).or_default().push(past.turn);
        self.all.insert(past.turn, past);
        // Now and then only, for finding the oldest is a look at all.
        if self.turn.is_multiple_of(MOST as u64) {
            self.forget_old();
        }
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Generations of this path that may have more to read.
    pub fn open_at(&self, path: &Path) -> impl Iterator<Item = &Past> {
        let turns = self.by_path.get(path).into_iter().flatten();
        turns.filter_map(|turn| self.all.get(turn)).filter(|past| past.is_open())
    }

    /// The paths of those.
    pub fn open_paths(&self) -> impl Iterator<Item = &Path> {
        let open = self.all.values().filter(|past| past.is_open());
        open.map(|past| past.checkpoint.path.as_path())
    }

    /// What stands beside this path and was changed since then was never looked at, unless
    /// its content is known.
    pub fn since(&self, path: &Path) -> Option<Wall> {
        self.open_at(path).filter_map(|past| past.checkpoint.since).min()
    }

    /// Inodes of what was left at this path and is not there any more.
    pub fn orphans(&self, path: &Path) -> HashSet<u64> {
        let now = std::fs::metadata(path).ok().map(|meta| meta.ino());
        let left = self.open_at(path).map(|past| past.checkpoint.place.1);
        left.filter(|inode| now != Some(*inode)).collect()
    }

    /// The generations that content with this head may continue, longest first.
    pub fn with_head(&self, head: &Head) -> Vec<&Past> {
        let keys = head.hashes(self.head_lens.keys().copied());
        let turns = keys.iter().filter_map(|key| self.by_head.get(key)).flatten();
        let mut found: Vec<&Past> = turns.filter_map(|turn| self.all.get(turn)).collect();
        // To read on from the same place repeats nothing: open comes first.
        found.sort_by_key(|past| {
            let left = &past.checkpoint;
            (Reverse(left.offset), Reverse(left.head_len), !past.is_open(), past.turn)
        });
        found
    }

    /// The longest generation of those in question that this file continues, and its
    /// content.
    pub fn find(
        &self,
        file: &File,
        meta: &Metadata,
        in_question: impl Fn(&Past) -> bool,
    ) -> io::Result<Option<(Past, Generation)>> {
        if self.is_empty() {
            return Ok(None);
        }
        let head = Head::of(file)?;
        for past in self.with_head(&head) {
            let mark = past.mark();
            let is_proof = past.is_telling() || past.same_place(meta);
            if mark.offset > meta.len() || !is_proof || !in_question(past) {
                continue;
            }
            if mark.offset == 0 {
                return Ok(Some((past.clone(), Generation::seen(head))));
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

    /// Whether content of that head and length is a part of what was read: what starts like
    /// a known generation and ends before it is a copy, perhaps not yet whole, and never a new
    /// one. Short beginnings repeat.
    pub fn is_part(&self, head: &Head, len: u64) -> bool {
        let is_longer = |past: &Past| {
            let mark = past.mark();
            u64::from(mark.head_len) >= TELLING && mark.offset > len
        };
        self.with_head(head).into_iter().any(is_longer)
    }

    /// Whether this file begins with what was read at its path before. Short beginnings
    /// repeat.
    pub fn again(&self, path: &Path, file: &File, size: u64) -> io::Result<Again> {
        let head = Head::of(file)?;
        let mut again = Again::No;
        for past in self.with_head(&head) {
            let mark = past.mark();
            if past.checkpoint.path != path || mark.offset < TELLING {
                continue;
            }
            if mark.offset > size {
                again = Again::Begun;
                continue;
            }
            let generation = Generation::consumed(file, mark.offset)?;
            if generation.mark() == mark {
                return Ok(Again::Whole(Some(Box::new((past.clone(), generation)))));
            }
        }
        Ok(again)
    }

    /// This one is open again: forget it, and what was said of it before.
    pub fn take(&mut self, past: &Past) {
        let Past { checkpoint, turn, .. } = past;
        let earlier = self.open_at(&checkpoint.path).filter(|other| {
            let other = &other.checkpoint;
            other.place == checkpoint.place && other.offset <= checkpoint.offset
        });
        let turns: Vec<u64> = earlier.map(|other| other.turn).chain([*turn]).collect();
        for turn in turns {
            self.remove(turn);
        }
    }

    /// Expect no more of the open ones of this path, and give them back as finished.
    pub fn give_up(&mut self, path: &Path) -> Vec<Checkpoint> {
        let turns: Vec<u64> = self.open_at(path).map(|past| past.turn).collect();
        let gone = turns.into_iter().filter_map(|turn| self.remove(turn));
        let gone: Vec<_> = gone.map(|past| finished(past.checkpoint)).collect();
        for checkpoint in &gone {
            self.add(checkpoint.clone(), None);
        }
        gone
    }

    fn remove(&mut self, turn: u64) -> Option<Past> {
        let past = self.all.remove(&turn)?;
        without(&mut self.by_head, &past.key(), turn);
        without(&mut self.by_path, &past.checkpoint.path, turn);
        if let Some(count) = self.head_lens.get_mut(&past.checkpoint.head_len) {
            *count -= 1;
            if *count == 0 {
                self.head_lens.remove(&past.checkpoint.head_len);
            }
        }
        Some(past)
    }

    fn forget_old(&mut self) {
        let finished = self.all.values().rev().filter(|past| !past.is_open());
        let old: Vec<u64> = finished.skip(MOST).map(|past| past.turn).collect();
        for turn in old {
            self.remove(turn);
        }
    }
}

fn without<K: Eq + std::hash::Hash>(index: &mut HashMap<K, Vec<u64>>, key: &K, turn: u64) {
    if let Some(turns) = index.get_mut(key) {
        turns.retain(|other| *other != turn);
        if turns.is_empty() {
            index.remove(key);
        }
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
