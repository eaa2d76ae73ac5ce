//! Rows found by a key, kept in order of first sight, with a cap: what clients
//! can name, clients must not be able to multiply without bound.

use std::hash::Hash;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The position of a row for which there was no room.
pub const NOWHERE: u32 = u32::MAX;

/// Rows by key.
#[derive(Debug)]
pub struct Table<K, R> {
    index: HashMap<K, u32, FxBuildHasher>,
    rows: Vec<R>,
    cap: usize,
}

impl<K: Eq + Hash, R> Table<K, R> {
    /// A table of at most `cap` rows.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Table { index: HashMap::with_hasher(FxBuildHasher), rows: Vec::new(), cap }
    }

    /// Position of the row of `key`, made by `make` if new; `None` when full.
    pub fn position(&mut self, key: K, make: impl FnOnce() -> R) -> Option<(u32, bool)> {
        if let Some(position) = self.index.get(&key) {
            return Some((*position, false));
        }
        let position =
            u32::try_from(self.rows.len()).ok().filter(|_| self.rows.len() < self.cap)?;
        self.index.insert(key, position);
        self.rows.push(make());
        Some((position, true))
    }

    /// The row of `key`, if there is one.
    pub fn find_mut(&mut self, key: &K) -> Option<&mut R> {
        let position = *self.index.get(key)?;
        self.get_mut(position)
    }

    /// One row.
    pub fn get_mut(&mut self, position: u32) -> Option<&mut R> {
        self.rows.get_mut(position as usize)
    }

    /// All rows, in order of first sight.
    pub fn iter(&self) -> std::slice::Iter<'_, R> {
        self.rows.iter()
    }
}

/// Positions touched since the last judgement, each once.
#[derive(Debug, Default)]
pub struct Touched {
    marks: Vec<u32>,
    epoch: u32,
    positions: Vec<u32>,
}

impl Touched {
    /// Note that a row changed.
    pub fn mark(&mut self, position: u32) {
        if position == NOWHERE {
            return;
        }
        let index = position as usize;
        if index >= self.marks.len() {
            self.marks.resize(index + 1, u32::MAX);
        }
        if let Some(mark) = self.marks.get_mut(index)
            && *mark != self.epoch
        {
            *mark = self.epoch;
            self.positions.push(position);
        }
    }

    /// Swap the touched positions into `into` and start over.
    pub fn take(&mut self, into: &mut Vec<u32>) {
        into.clear();
        std::mem::swap(into, &mut self.positions);
        self.epoch = (self.epoch + 1) % (u32::MAX - 1);
    }
}

/// What changed since the last judgement.
#[derive(Debug, Default)]
pub struct TouchedRows {
    pub limits: Touched,
    pub traffic: Touched,
    pub retries: Touched,
    pub queues: Touched,
    pub caps: Touched,
    pub hosts: bool,
    pub scratch: Vec<u32>,
}
