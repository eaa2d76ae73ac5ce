//! Which fields and headers a line can have a value for, from the values the scan found: a
//! map knows dozens of names for a field, a line uses one, and most fields none.

use super::{Field, Map};
use crate::scan::{Paths, Scan, Slot};

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(u64);

// One bit each.
const _: () = assert!(Field::ALL.len() <= 64);

/// For each path of a map what it is good for.
#[derive(Debug)]
pub(crate) struct Presence {
    /// Fields by slot.
    fields: Box<[Fields]>,
    /// Fields that need no path.
    always: Fields,
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
    pub(crate) fn new(map: &Map<Slot>, paths: &Paths) -> Presence {
        let mut fields = vec![Fields::default(); paths.slots()];
        let mut always = Fields::default();
        for field in Field::ALL {
            for alt in map.field(*field) {
                let needs = alt.needs();
                if needs.is_empty() {
                    always.add(*field);
                }
                for slot in needs {
                    if let Some(place) = fields.get_mut(slot.index()) {
                        place.add(*field);
                    }
                }
            }
        }
        let mut headers = vec![None; paths.slots()];
        for ((_, slots), position) in map.headers.named.iter().zip(0_u16..) {
            for slot in slots {
                if let Some(place) = headers.get_mut(slot.index()) {
                    *place = Some(position);
                }
            }
        }
        Presence { fields: fields.into(), always, headers: headers.into() }
    }

    /// Position in the map's named headers of the one whose value `slot` holds.
    #[inline]
    pub(crate) fn header(&self, slot: Slot) -> Option<u16> {
        self.headers.get(slot.index()).copied().flatten()
    }

    /// The fields that a scanned line may have a value for.
    #[inline]
    pub(crate) fn of(&self, scan: Scan<'_>) -> Fields {
        let places = scan.slots().filter_map(|slot| self.fields.get(slot.index()));
        places.fold(self.always, |all, fields| Fields(all.0 | fields.0))
    }
}
