//! Which fields and headers a line can have a value for, from the values the scan found: a
//! map knows dozens of names for a field, a line uses one, and most fields none.

use super::{Field, Layout, Map, Spot};
use crate::scan::{Scan, Slot};

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(u64);

// One bit each.
const _: () = assert!(Field::ALL.len() <= 64);

/// For each path of a map what it is good for.
#[derive(Debug)]
pub(crate) struct Presence {
    parts: Box<[Uses]>,
    /// Fields that need no path.
    always: Fields,
}

/// What the paths of one part of a record are good for.
#[derive(Debug)]
struct Uses {
    /// Fields by slot.
    fields: Box<[Fields]>,
    /// Position of the header whose value a slot holds, by slot.
    headers: Box<[Option<u16>]>,
}

impl Fields {
    #[inline]
    pub(crate) fn has(self, field: Field) -> bool {
        self.0 >> (field as u32) & 1 != 0
    }

    fn add(&mut self, field: Field) {
        self.0 |= 1 << (field as u32);
    }
}

impl Presence {
    pub(crate) fn new(map: &Map<Spot>, layout: &Layout) -> Presence {
        let empty = |slots: usize| Uses {
            fields: vec![Fields::default(); slots].into(),
            headers: vec![None; slots].into(),
        };
        let mut parts: Box<[Uses]> =
            layout.parts().iter().map(|part| empty(part.paths.slots())).collect();
        let mut always = Fields::default();
        for field in Field::ALL {
            for alt in map.field(*field) {
                let needs = alt.needs();
                if needs.is_empty() {
                    always.add(*field);
                }
                for place in needs {
                    if let Some(part) = parts.get_mut(usize::from(place.part))
                        && let Some(fields) = part.fields.get_mut(place.slot.index())
                    {
                        fields.add(*field);
                    }
                }
            }
        }
        for ((_, places), position) in map.headers.named.iter().zip(0_u16..) {
            for place in places {
                if let Some(part) = parts.get_mut(usize::from(place.part))
                    && let Some(header) = part.headers.get_mut(place.slot.index())
                {
                    *header = Some(position);
                }
            }
        }
        Presence { parts, always }
    }

    /// Position in the map's named headers of the one whose value `slot` of a
    /// part holds.
    #[inline]
    pub(crate) fn header(&self, part: usize, slot: Slot) -> Option<u16> {
        self.parts.get(part)?.headers.get(slot.index()).copied().flatten()
    }

    /// The fields that a scanned record may have a value for.
    #[inline]
    pub(crate) fn of(&self, scans: &[Scan<'_>]) -> Fields {
        let mut all = self.always;
        for (scan, part) in scans.iter().zip(&self.parts) {
            for slot in scan.slots() {
                if let Some(fields) = part.fields.get(slot.index()) {
                    all.0 |= fields.0;
                }
            }
        }
        all
    }
}
