//! What lines of one likeness have in common, worked out once and not line after
//! line: the lines of a log have few shapes. Nothing here depends on a value.

use std::cell::Cell;

use super::formats::Format;
use super::headers::Mark;
use super::map::Present;
use crate::scan::{Likeness, Rank, Scan};

/// Likenesses remembered; one that falls on another's place takes it.
const KEPT: usize = 256;

/// The traits of the lines of one source.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// By the likeness's place.
    kept: Vec<Option<(Likeness, Box<Traits>)>>,
}

/// What follows from where a record of a format has values, whatever they are.
#[derive(Debug)]
pub(super) struct Traits {
    /// What is left to be asked to tell it from other formats.
    pub(super) candidates: Box<[u16]>,
    /// The alternatives that it may have a value for.
    pub(super) present: Present,
    /// Where it holds the values of single headers.
    pub(super) named: Box<[NamedAt]>,
}

/// Where a record holds the value of a header.
#[derive(Debug)]
pub(super) struct NamedAt {
    pub(super) rank: Rank,
    /// The header's position among the map's named ones.
    pub(super) position: u16,
    /// Another value of the record may be of the same header.
    pub(super) shared: bool,
    /// What became of its name the last time.
    pub(super) mark: Cell<Mark>,
}

/// A record as it was scanned.
#[derive(Clone, Copy)]
pub(super) struct Scanned<'l> {
    /// Its parts, as its format lays them out.
    pub(super) scans: &'l [Scan<'l>],
    /// What it has in common with others, where that is known.
    pub(super) traits: Option<&'l Traits>,
}

impl Alike {
    /// What a record that was scanned for `format` has in common with others like
    /// it; nothing if there was none like it.
    #[inline]
    pub(super) fn traits(&mut self, format: &Format, scan: Scan<'_>) -> Option<&Traits> {
        let likeness = scan.likeness()?;
        if self.kept.is_empty() {
            self.kept.resize_with(KEPT, || None);
        }
        let place = self.kept.get_mut(likeness.place(KEPT))?;
        if place.as_ref().is_none_or(|(known, _)| *known != likeness) {
            *place = Some((likeness, Box::new(Traits::of(format, scan))));
        }
        place.as_ref().map(|(_, traits)| &**traits)
    }
}

impl Traits {
    fn of(format: &Format, scan: Scan<'_>) -> Traits {
        Traits {
            candidates: format.candidates(scan),
            present: format.presence.of(&[scan]),
            named: named(format, scan),
        }
    }
}

fn named(format: &Format, scan: Scan<'_>) -> Box<[NamedAt]> {
    let all: Vec<_> = format.presence.named(0, scan).collect();
    let of = |position| all.iter().filter(|(_, other)| *other == position).count();
    let named = all.iter().filter_map(|(slot, position)| {
        let shared = of(*position) > 1;
        Some(NamedAt {
            rank: scan.rank(*slot)?,
            position: *position,
            shared,
            mark: Cell::default(),
        })
    });
    named.collect()
}

impl<'l> Scanned<'l> {
    /// A record that no other is known to be like.
    pub(super) fn alone(scans: &'l [Scan<'l>]) -> Scanned<'l> {
        Scanned { scans, traits: None }
    }
}
