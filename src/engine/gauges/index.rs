//! Which gauge is that of a limit. Responses name the same limits in the same order, so
//! a limit is looked for first where it was found the last time.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::domain::LimitId;

/// Positions of gauges by the limits they go by.
#[derive(Debug, Default)]
pub(super) struct Index {
    positions: HashMap<LimitId, u32, FxBuildHasher>,
    /// By position.
    keys: Vec<Key>,
    /// The position that was found last.
    latest: u32,
}

#[derive(Debug)]
struct Key {
    limit: LimitId,
    /// The position that was found after this one.
    next: u32,
}

impl Index {
    /// The position of a limit's gauge.
    pub(super) fn find(&mut self, limit: &LimitId) -> Option<u32> {
        let expected = self.keys.get(self.latest as usize).map_or(0, |key| key.next);
        let is_it = self.keys.get(expected as usize).is_some_and(|key| key.limit == *limit);
        let position = if is_it { expected } else { *self.positions.get(limit)? };
        if let Some(before) = self.keys.get_mut(self.latest as usize).filter(|_| !is_it) {
            before.next = position;
        }
        self.latest = position;
        Some(position)
    }

    /// The limits, by position.
    pub(super) fn limits(&self) -> impl Iterator<Item = &LimitId> {
        self.keys.iter().map(|key| &key.limit)
    }

    /// Give a position, the next free one or one that is taken, to a limit.
    pub(super) fn give(&mut self, position: u32, limit: LimitId) {
        match self.keys.get_mut(position as usize) {
            Some(key) => drop(self.positions.remove(&std::mem::replace(&mut key.limit, limit))),
            None => self.keys.push(Key { limit, next: 0 }),
        }
        self.positions.insert(limit, position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NameKind, Names, Resource};
    use proptest::prelude::*;

    proptest! {
        /// Where it looks first changes nothing.
        #[test]
        fn finds_what_a_plain_table_does(turns in prop::collection::vec((0..6_u32, 0..9_usize), 1..60)) {
            let names = Names::default();
            let limits = [0; 9].map(|_| LimitId::of(Resource::Tokens));
            let limits: Vec<LimitId> = (0..).zip(limits).map(|(number, limit)| LimitId {
                label: Some(names.intern(NameKind::Label, &format!("{number}"))),
                ..limit
            }).collect();
            let (mut index, mut plain) = (Index::default(), Vec::<LimitId>::new());
            for (place, limit) in turns {
                let limit = limits[limit];
                let known = plain.iter().position(|known| *known == limit);
                prop_assert_eq!(index.find(&limit).map(|found| found as usize), known);
                if known.is_some() {
                    continue;
                }
                let place = place.min(u32::try_from(plain.len()).unwrap());
                match plain.get_mut(place as usize) {
                    Some(taken) => *taken = limit,
                    None => plain.push(limit),
                }
                index.give(place, limit);
            }
        }
    }
}
