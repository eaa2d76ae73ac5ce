//! Rows found by a key, with a cap: what clients can name, clients must not be able to
//! multiply without bound. Rows that show nothing any more make room for new ones.

use std::hash::Hash;

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

/// The position of a row for which there was no room.
pub const NOWHERE: u32 = u32::MAX;

/// Rows by key.
#[derive(Debug)]
pub struct Table<K, R> {
    index: HashMap<K, u32, FxBuildHasher>,
    rows: Vec<R>,
    /// Positions of rows that were given up and stand there until others take their place.
    spare: Vec<u32>,
    cap: usize,
    overflowed: u64,
}

/// How far a new row may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Any place.
    Any,
    /// Only while half of all places is free: what anybody can invent.
    Half,
    /// Also some kept back for rows that stand for many.
    Reserve,
}

/// Places kept back, as a share of the cap.
const RESERVE: usize = 8;

impl<K: Eq + Hash, R> Table<K, R> {
    /// A table of at most `cap` rows, and some that stand for many.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Table {
            index: HashMap::with_hasher(FxBuildHasher),
            rows: Vec::new(),
            spare: Vec::new(),
            cap,
            overflowed: 0,
        }
    }

    /// Position of the row of `key`, made by `make` if new; `None` when full.
    pub fn position(
        &mut self,
        key: K,
        take: Take,
        make: impl FnOnce() -> R,
    ) -> Option<(u32, bool)> {
        if let Some(position) = self.index.get(&key) {
            return Some((*position, false));
        }
        let has_room = match take {
            Take::Any => self.free() > 0,
            Take::Half => self.free() > self.cap / 2,
            Take::Reserve => self.free() > 0 || self.rows.len() < self.cap + self.cap / RESERVE,
        };
        if !has_room {
            self.overflowed += 1;
            return None;
        }
        let position = if let Some(position) = self.spare.pop() {
            *self.rows.get_mut(position as usize)? = make();
            position
        } else {
            let position = u32::try_from(self.rows.len()).ok()?;
            self.rows.push(make());
            position
        };
        self.index.insert(key, position);
        Some((position, true))
    }

    /// Give up the rows that are `idle`: they show nothing, and nothing may watch them.
    pub fn give_up(&mut self, mut idle: impl FnMut(u32, &mut R) -> bool) {
        let Table { index, rows, spare, .. } = self;
        index.retain(|_, position| {
            let given_up = rows.get_mut(*position as usize).is_some_and(|row| idle(*position, row));
            if given_up {
                spare.push(*position);
            }
            !given_up
        });
    }

    /// Whether `give_up` left that place.
    pub fn is_spare(&self) -> impl Fn(u32) -> bool + use<K, R> {
        let spare: HashSet<u32, FxBuildHasher> = self.spare.iter().copied().collect();
        move |position| spare.contains(&position)
    }

    /// Whether there is so little room that rows should be given up.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.free() <= self.cap / 2
    }

    fn free(&self) -> usize {
        self.cap.saturating_sub(self.rows.len()) + self.spare.len()
    }

    /// How often a new row found no room.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Position of the row of `key`, if there is one.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// One row.
    pub fn get_mut(&mut self, position: u32) -> Option<&mut R> {
        self.rows.get_mut(position as usize)
    }

    /// All rows, in order of their places.
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
    #[inline]
    pub fn mark(&mut self, position: u32) {
        // Most rows that a line touches were touched by a line before it.
        if self.marks.get(position as usize) != Some(&self.epoch) {
            self.mark_first(position);
        }
    }

    #[cold]
    fn mark_first(&mut self, position: u32) {
        if position == NOWHERE {
            return;
        }
        let index = position as usize;
        if index >= self.marks.len() {
            self.marks.resize(index + 1, u32::MAX);
        }
        if let Some(mark) = self.marks.get_mut(index) {
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
