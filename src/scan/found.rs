//! What one line gave for the wanted paths: positions, not copies.

use super::Shape;
use super::lex::Token;
use super::paths::{NodeId, Paths, Slot};
use super::skeleton::{Content, Escapes, Likeness, Skeletons};
use super::value::{Kind, Value};

/// Longest value that is kept whole of a line that is not in memory.
pub const CAPTURE_LIMIT: usize = 64 * 1024;

/// Most bytes kept of such a line, all values together.
const LINE_LIMIT: usize = 1024 * 1024;

/// Larger buffers do not outlive their line.
pub const SPARE: usize = 64 * 1024;

/// Occurrences of one path kept of one line. Where there are more, one more value says so.
const OCCURRENCES: usize = 64;

/// Under how many other paths it is remembered what lines looked like.
const SHELVED: usize = 16;

/// A reusable buffer for results. Holds positions between lines' ends only;
/// read it through the [`Scan`] it was filled for.
#[derive(Debug, Default)]
pub struct Found {
    hits: Vec<Hit>,
    /// Per slot the number of its first hit plus one; zero is none.
    first: Vec<u32>,
    /// A string that may hold wanted values was not opened.
    is_lossy: bool,
    /// What is wanted and named in damaged parts.
    missed: Vec<NodeId>,
    /// Unescaped JSON that stood inside strings; those from `insides_used` on are spare.
    insides: Vec<Vec<u8>>,
    insides_used: usize,
    /// Values of a line that was never in memory as a whole.
    pub(super) kept: Vec<u8>,
    /// What the lines before looked like, under the paths used last and others.
    pub(super) skeletons: Skeletons,
    shelved: Vec<Skeletons>,
    /// The ending of skeletons whose hits are in `hits`, if they are.
    laid_out: Option<usize>,
    likeness: Option<Likeness>,
}

/// Where a value stands among those that were found. In all lines of one likeness the
/// values of a path have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u32);

#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    slot: Slot,
    pub(super) kind: Kind,
    place: Place,
    pub(super) start: usize,
    pub(super) len: usize,
    /// Number of the next hit of this slot plus one; zero is none.
    next: u32,
}

/// Which bytes a position counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Line,
    Inside(u8),
}

/// A line as scanned: its shape and the wanted values.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// What the line as a whole is.
    pub shape: Shape,
    line: &'a [u8],
    found: &'a Found,
}

impl<'a> Scan<'a> {
    pub(super) fn new(shape: Shape, line: &'a [u8], found: &'a Found) -> Scan<'a> {
        Scan { shape, line, found }
    }

    pub(super) fn of_kept(shape: Shape, found: &'a Found) -> Scan<'a> {
        Scan { shape, line: &found.kept, found }
    }

    /// The text that was scanned; of a line in parts, what was kept of it.
    #[must_use]
    pub fn line(self) -> &'a [u8] {
        self.line
    }

    /// The first value at the slot's path.
    #[must_use]
    #[inline]
    pub fn get(self, slot: Slot) -> Option<Value<'a>> {
        self.found.first_of(slot).map(|hit| self.value(hit))
    }

    /// Where the first value at the slot's path stands among all that were found.
    #[must_use]
    pub fn rank(self, slot: Slot) -> Option<Rank> {
        self.found.first.get(usize::from(slot.0))?.checked_sub(1).map(Rank)
    }

    /// Where each value at the slot's path stands, as [`all`](Self::all) gives them.
    pub fn ranks(self, slot: Slot) -> impl Iterator<Item = Rank> {
        let hits = self.found.hits.iter().zip(0..);
        hits.filter(move |(hit, _)| hit.slot == slot).map(|(_, number)| Rank(number))
    }

    /// The value that stands there.
    #[must_use]
    #[inline]
    pub fn at(self, rank: Rank) -> Option<Value<'a>> {
        self.found.hits.get(rank.0 as usize).map(|hit| self.value(hit))
    }

    /// All values at the slot's path, in the line's order. Of more than 64 the others are
    /// one that is [cut](Kind::Cut).
    #[inline]
    pub fn all(self, slot: Slot) -> impl Iterator<Item = Value<'a>> {
        let first = self.found.first_of(slot);
        std::iter::successors(first, move |hit| self.found.hit(hit.next))
            .map(move |hit| self.value(hit))
    }

    /// The slots that have a value, once for each value.
    pub fn slots(self) -> impl Iterator<Item = Slot> {
        self.found.hits.iter().map(|hit| hit.slot)
    }

    /// Whether there is a value (be it `null`) at the slot's path.
    #[must_use]
    pub fn has(self, slot: Slot) -> bool {
        self.found.first_of(slot).is_some()
    }

    /// Whether there is more than one value at the slot's path.
    #[must_use]
    #[inline]
    pub fn repeats(self, slot: Slot) -> bool {
        self.found.first_of(slot).is_some_and(|first| first.next != 0)
    }

    /// Whether there is a string that may hold wanted values and is too long to be opened.
    #[must_use]
    pub fn is_lossy(self) -> bool {
        self.found.is_lossy
    }

    /// What is the same only in lines with values for the same slots in the same
    /// order, where the line looks like one before.
    #[must_use]
    #[inline]
    pub fn likeness(self) -> Option<Likeness> {
        self.found.likeness
    }

    #[inline]
    fn value(self, hit: &Hit) -> Value<'a> {
        let bytes = match hit.place {
            Place::Line => self.line,
            Place::Inside(number) => {
                self.found.insides.get(usize::from(number)).map_or(&[][..], Vec::as_slice)
            }
        };
        let raw = bytes.get(hit.start..).and_then(|behind| behind.get(..hit.len));
        Value { kind: hit.kind, raw: raw.unwrap_or_default() }
    }
}

impl Found {
    /// Empties the buffer for the next line.
    pub(super) fn begin(&mut self, paths: &Paths) {
        self.clear();
        self.choose(paths);
        self.skeletons.marks.begin();
        if self.first.len() < paths.slots() {
            self.first.resize(paths.slots(), 0);
        }
    }

    pub(super) fn clear(&mut self) {
        for hit in &self.hits {
            if let Some(first) = self.first.get_mut(usize::from(hit.slot.0)) {
                *first = 0;
            }
        }
        self.hits.clear();
        self.laid_out = None;
        self.likeness = None;
        self.kept.clear();
        self.is_lossy = false;
        self.missed.clear();
        for inside in self.insides.iter_mut().take(self.insides_used) {
            if inside.capacity() > SPARE {
                *inside = Vec::new();
            }
        }
        self.insides_used = 0;
    }

    /// Fills the buffer with what is in `line`, if that looks like a line before.
    pub(super) fn follow(&mut self, paths: &Paths, line: &[u8]) -> Option<Shape> {
        self.choose(paths);
        let ending = self.skeletons.follow(line)?;
        if self.laid_out != Some(ending) {
            self.lay_out(ending);
        }
        let (shape, sightings) = self.skeletons.ending(ending)?;
        let gaps = self.skeletons.gaps();
        for (hit, sighting) in self.hits.iter_mut().zip(sightings) {
            let (start, end, escapes) = gaps.span(sighting)?;
            (hit.start, hit.len) = (start, end.checked_sub(start)?);
            match (sighting.content, escapes) {
                (Content::Fixed, _) => {}
                (Content::Text, Escapes::None) => hit.kind = Kind::Str,
                (content, _) => {
                    let token = if content == Content::Word { Token::Word } else { Token::Text };
                    hit.kind = Kind::of(token, line.get(start..end).unwrap_or_default());
                }
            }
        }
        Some(shape)
    }

    /// Takes what was learnt under these paths from the shelf.
    #[inline]
    fn choose(&mut self, paths: &Paths) {
        if self.skeletons.serial != paths.serial {
            self.change(paths.serial);
        }
    }

    #[cold]
    fn change(&mut self, serial: u64) {
        self.clear();
        if let Some(known) = self.shelved.iter_mut().find(|shelved| shelved.serial == serial) {
            return std::mem::swap(known, &mut self.skeletons);
        }
        let used = std::mem::replace(&mut self.skeletons, Skeletons::of(serial));
        if used.serial != 0 && self.shelved.len() < SHELVED {
            self.shelved.push(used);
        }
    }

    /// Links the hits of lines that end like this.
    #[cold]
    fn lay_out(&mut self, ending: usize) {
        self.clear();
        let Some((_, sightings)) = self.skeletons.ending(ending) else { return };
        for (sighting, number) in sightings.iter().zip(1..) {
            self.hits.push(sighting.hit);
            if let Some(first) = self.first.get_mut(usize::from(sighting.hit.slot.0))
                && *first == 0
            {
                *first = number;
            }
        }
        self.laid_out = Some(ending);
        self.likeness = self.skeletons.likeness(ending);
    }

    /// Remembers how the `line` that was walked looks.
    pub(super) fn learn(&mut self, line: &[u8], shape: Shape) {
        if matches!(shape, Shape::Object | Shape::Array) {
            self.skeletons.learn(line, shape, &self.hits);
        }
    }

    /// Notes a value of `len` bytes that stand at `start` of `place`. Whether any slot
    /// had room for it.
    #[inline]
    pub(super) fn add(
        &mut self,
        slots: &[Slot],
        kind: Kind,
        (place, start): (Place, usize),
        len: usize,
    ) -> bool {
        let mut linked = false;
        for &slot in slots {
            linked |= self.link(Hit { slot, kind, place, start, len, next: 0 });
        }
        linked
    }

    /// Notes a value of a line that is not in memory, of which these first bytes are, and
    /// keeps what it may of them.
    pub(super) fn keep(&mut self, slots: &[Slot], token: Token, first: &[u8], whole_len: usize) {
        let len = whole_len.min(CAPTURE_LIMIT).min(LINE_LIMIT - self.kept.len());
        let first = first.get(..len).unwrap_or_default();
        let kind = if len < whole_len { Kind::Cut } else { Kind::of(token, first) };
        if self.add(slots, kind, (Place::Line, self.kept.len()), len) {
            self.kept.extend_from_slice(first);
        }
    }

    /// A string that may hold wanted values is not opened.
    pub(super) fn miss(&mut self) {
        self.is_lossy = true;
    }

    /// A damaged part names what leads there.
    pub(super) fn miss_path(&mut self, id: NodeId) {
        if !self.missed.contains(&id) {
            self.missed.push(id);
        }
    }

    /// Puts what damaged parts name behind all that was found.
    #[inline]
    pub(super) fn end_missed(&mut self, paths: &Paths) {
        if !self.missed.is_empty() {
            self.add_missed(paths);
        }
    }

    #[cold]
    fn add_missed(&mut self, paths: &Paths) {
        for id in std::mem::take(&mut self.missed) {
            paths.beneath(id, &mut |slots| {
                self.add(slots, Kind::Missed, (Place::Line, 0), 0);
            });
        }
    }

    /// Puts a hit behind the earlier ones of its slot, if there is room.
    #[inline]
    fn link(&mut self, hit: Hit) -> bool {
        let Ok(number) = u32::try_from(self.hits.len() + 1) else { return false };
        let Some(first) = self.first.get_mut(usize::from(hit.slot.0)) else { return false };
        if *first == 0 {
            *first = number;
            self.hits.push(hit);
            return true;
        }
        let mut last = *first;
        for place in 1..=OCCURRENCES {
            let Some(earlier) = hit_mut(&mut self.hits, last) else { return false };
            if earlier.next == 0 {
                earlier.next = number;
                let has_room = place < OCCURRENCES;
                self.hits.push(if has_room { hit } else { Hit { kind: Kind::Cut, len: 0, ..hit } });
                return has_room;
            }
            last = earlier.next;
        }
        false
    }

    /// A buffer to unescape JSON inside a string into, and its number; give it
    /// back with [`Found::give_back`].
    pub(super) fn borrow_inside(&mut self) -> Option<(u8, Vec<u8>)> {
        let number = u8::try_from(self.insides_used).ok()?;
        if self.insides_used == self.insides.len() {
            self.insides.push(Vec::new());
        }
        let mut buffer = std::mem::take(self.insides.get_mut(self.insides_used)?);
        buffer.clear();
        self.insides_used += 1;
        Some((number, buffer))
    }

    pub(super) fn give_back(&mut self, number: u8, buffer: Vec<u8>) {
        if let Some(place) = self.insides.get_mut(usize::from(number)) {
            *place = buffer;
        }
    }

    #[inline]
    fn first_of(&self, slot: Slot) -> Option<&Hit> {
        self.hit(*self.first.get(usize::from(slot.0))?)
    }

    #[inline]
    fn hit(&self, number: u32) -> Option<&Hit> {
        self.hits.get((number as usize).checked_sub(1)?)
    }
}

fn hit_mut(hits: &mut [Hit], number: u32) -> Option<&mut Hit> {
    hits.get_mut((number as usize).checked_sub(1)?)
}
