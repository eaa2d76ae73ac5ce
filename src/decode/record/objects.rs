//! Objects of headers, member by member. A gateway sends the same names line after
//! line: an object that looks like one before is not taken apart anew, and what its
//! names say is known. It does not know what a name says, only that it stays so.

use crate::decode::headers::Says;
use crate::scan::{Found, Likeness, Paths, PathsBuilder, Scan, Slot, Value, members, scan_line};

/// Likenesses remembered; one that falls on another's place takes it.
const KEPT: usize = 64;

/// Objects of the lines of one source.
#[derive(Debug)]
pub(super) struct Objects {
    paths: Paths,
    member: Slot,
    found: Found,
    /// By the likeness's place.
    kept: Vec<Option<(Likeness, Box<[Member]>)>>,
}

/// A member of all objects of one likeness.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Box<[u8]>,
    pub(super) says: Says,
}

impl Default for Objects {
    fn default() -> Objects {
        let mut paths = PathsBuilder::new();
        let member = paths.add("*");
        Objects { paths: paths.build(), member, found: Found::default(), kept: Vec::new() }
    }
}

impl Objects {
    /// What was remembered holds no longer.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// The members of an object that looks like one before, with their values. `says`
    /// tells what a name says, the first time.
    pub(super) fn alike<'a>(
        &'a mut self,
        object: &'a [u8],
        says: &mut dyn FnMut(Value<'_>) -> Says,
    ) -> Option<impl Iterator<Item = (&'a Member, Value<'a>)> + use<'a>> {
        let Objects { paths, member, found, kept } = self;
        let scan = scan_line(paths, object, found);
        let likeness = scan.likeness()?;
        if kept.is_empty() {
            kept.resize_with(KEPT, || None);
        }
        let place = kept.get_mut(likeness.place(KEPT))?;
        if place.as_ref().is_none_or(|(known, _)| *known != likeness) {
            *place = Some((likeness, taken_apart(object, scan, *member, says)?));
        }
        let (_, members) = place.as_ref()?;
        Some(members.iter().zip(scan.all(*member)))
    }
}

/// The members of an object, if they are those that the scan found.
fn taken_apart(
    object: &[u8],
    scan: Scan<'_>,
    member: Slot,
    says: &mut dyn FnMut(Value<'_>) -> Says,
) -> Option<Box<[Member]>> {
    if !members(object).map(|(_, value)| value).eq(scan.all(member)) {
        return None;
    }
    let named = members(object).map(|(name, _)| Member { name: name.raw.into(), says: says(name) });
    Some(named.collect())
}
