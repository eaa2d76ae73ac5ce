//! Which alternatives and headers a line can have a value for, from the values the
//! scan found: a map knows dozens of names for a field, a line uses one, and most
//! fields none.

use super::{Alt, Field, Layout, Map, Spot};
use crate::scan::{Scan, Slot};

/// For each field the alternatives that can have a value, a bit each. The last
/// bit stands for all that have none of their own.
#[derive(Clone, Debug)]
pub(crate) struct Present([u64; Field::ALL.len()]);

/// The alternative with the last bit.
const LAST: usize = 63;

/// Alternatives for a value, best first.
#[derive(Clone, Debug)]
pub(in crate::decode) struct Alts<'m> {
    all: &'m [Alt<Spot>],
    bits: u64,
    /// How many with the last bit came already.
    behind: usize,
}

/// For each path of a map what it is good for.
#[derive(Debug)]
pub(crate) struct Presence {
    parts: Box<[Uses]>,
    /// Alternatives that need no path.
    always: Present,
}

/// What the paths of one part of a record are good for.
#[derive(Debug)]
struct Uses {
    /// Fields and their alternatives, by slot.
    alts: Box<[Vec<(Field, u64)>]>,
    /// Position of the header whose value a slot holds, by slot.
    headers: Box<[Option<u16>]>,
}

impl Present {
    const NONE: Present = Present([0; Field::ALL.len()]);

    /// The alternatives of a field that can have a value.
    #[inline]
    pub(in crate::decode) fn of<'m>(&self, map: &'m Map<Spot>, field: Field) -> Alts<'m> {
        let bits = self.bits(field);
        // Most fields have none in a line: nothing is looked up for them.
        let all = if bits == 0 { &[] } else { map.field(field) };
        Alts { all, bits, behind: 0 }
    }

    /// Whether one of these fields can have a value.
    #[inline]
    pub(in crate::decode) fn any(&self, fields: &[Field]) -> bool {
        fields.iter().any(|field| self.bits(*field) != 0)
    }

    #[inline]
    fn bits(&self, field: Field) -> u64 {
        self.0.get(field as usize).copied().unwrap_or(0)
    }

    #[inline]
    fn add(&mut self, field: Field, bits: u64) {
        if let Some(all) = self.0.get_mut(field as usize) {
            *all |= bits;
        }
    }
}

impl<'m> Alts<'m> {
    /// All of these.
    #[inline]
    pub(crate) fn all(all: &'m [Alt<Spot>]) -> Alts<'m> {
        Alts { all, bits: u64::MAX, behind: 0 }
    }

    /// Just this one.
    #[inline]
    pub(crate) fn one(alt: &'m Alt<Spot>) -> Alts<'m> {
        Alts { all: std::slice::from_ref(alt), bits: 1, behind: 0 }
    }

    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bits == 0
    }
}

impl<'m> Iterator for Alts<'m> {
    type Item = &'m Alt<Spot>;

    #[inline]
    fn next(&mut self) -> Option<&'m Alt<Spot>> {
        let at = self.bits.trailing_zeros() as usize;
        if at < LAST {
            self.bits &= self.bits - 1;
            return self.all.get(at);
        }
        let behind = self.behind;
        self.behind += 1;
        self.all.get(LAST + behind).filter(|_| at == LAST)
    }
}

impl Presence {
    pub(crate) fn new(map: &Map<Spot>, layout: &Layout) -> Presence {
        let empty = |slots: usize| Uses {
            alts: vec![Vec::new(); slots].into(),
            headers: vec![None; slots].into(),
        };
        let mut parts: Box<[Uses]> =
            layout.parts().iter().map(|part| empty(part.paths.slots())).collect();
        let mut always = Present::NONE;
        for field in Field::ALL {
            for (number, alt) in map.field(*field).iter().enumerate() {
                let bit = 1 << number.min(LAST);
                let needs = alt.needs();
                if needs.is_empty() {
                    always.add(*field, bit);
                }
                for place in needs {
                    if let Some(part) = parts.get_mut(usize::from(place.part))
                        && let Some(alts) = part.alts.get_mut(place.slot.index())
                    {
                        alts.push((*field, bit));
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

    /// The slots of a scanned part that hold the value of a header, and its position
    /// among the map's named ones.
    pub(crate) fn named(&self, part: usize, scan: Scan<'_>) -> impl Iterator<Item = (Slot, u16)> {
        let headers = self.parts.get(part).map_or(&[][..], |part| &part.headers);
        let position = |slot: Slot| headers.get(slot.index()).copied().flatten();
        scan.slots().filter_map(move |slot| Some((slot, position(slot)?)))
    }

    /// The alternatives that a scanned record may have a value for.
    pub(crate) fn of(&self, scans: &[Scan<'_>]) -> Present {
        let mut all = self.always.clone();
        for (scan, part) in scans.iter().zip(&self.parts) {
            for alts in scan.slots().filter_map(|slot| part.alts.get(slot.index())) {
                for (field, bits) in alts {
                    all.add(*field, *bits);
                }
            }
        }
        all
    }
}
