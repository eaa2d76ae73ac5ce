//! Objects of headers, member by member. A gateway sends the same names line after
//! line: an object that looks like one before is not taken apart anew, and what its
//! names come to is known. It does not know what that is, only that it stays so.

use std::cell::Cell;

use crate::decode::headers::{Mark, Says};
use crate::scan::{
    Found, Likeness, Paths, PathsBuilder, Rank, Scan, Slot, Value, members, scan_line,
};

/// Likenesses remembered; one that falls on another's place takes it.
const KEPT: usize = 64;

/// Objects of the lines of one source.
#[derive(Debug)]
pub(super) struct Objects {
    paths: Paths,
    member: Slot,
    found: Found,
    /// By the likeness's place.
    kept: Vec<Option<(Likeness, Members)>>,
}

/// What the name of a member comes to.
#[derive(Debug)]
pub(super) struct Member<N> {
    pub(super) name: N,
    /// The name that the header was sent under.
    pub(super) sent: N,
    pub(super) says: Says,
    /// What became of the name the last time.
    pub(super) mark: Cell<Mark>,
}

/// A member of all objects of one likeness.
type Known = Member<Box<[u8]>>;

/// Those of one likeness that say something, and where their values stand.
type Members = Box<[(Rank, Known)]>;

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

    /// The members of an object that looks like one before, with their values, without those
    /// that say nothing. `read` tells what a name comes to, the first time.
    pub(super) fn alike<'a>(
        &'a mut self,
        object: &'a [u8],
        read: &mut dyn FnMut(Value<'_>) -> Known,
    ) -> Option<impl Iterator<Item = (&'a Known, Value<'a>)> + use<'a>> {
        let Objects { paths, member, found, kept } = self;
        let scan = scan_line(paths, object, found);
        let likeness = scan.likeness()?;
        if kept.is_empty() {
            kept.resize_with(KEPT, || None);
        }
        let place = kept.get_mut(likeness.place(KEPT))?;
        if place.as_ref().is_none_or(|(known, _)| *known != likeness) {
            *place = Some((likeness, taken_apart(object, scan, *member, read)?));
        }
        let (_, members) = place.as_ref()?;
        Some(members.iter().filter_map(move |(rank, member)| Some((member, scan.at(*rank)?))))
    }
}

/// The members of an object that say something, if its members are those that the scan found.
fn taken_apart(
    object: &[u8],
    scan: Scan<'_>,
    member: Slot,
    read: &mut dyn FnMut(Value<'_>) -> Known,
) -> Option<Members> {
    if !members(object).map(|(_, value)| value).eq(scan.all(member)) {
        return None;
    }
    let known = members(object).map(|(name, _)| read(name));
    Some(scan.ranks(member).zip(known).filter(|(_, known)| known.says != Says::Nothing).collect())
}
