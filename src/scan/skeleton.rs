//! What the lines before looked like. A writer puts the same members in the
//! same order line after line, so a line is first compared with what stood
//! between the values of earlier ones: literals, and gaps between them.
//!
//! Never more than a shortcut. Where the walk stands in the paths depends on the
//! literals before alone, and each gap is accepted only if the walk, too, would
//! see one value of that kind end there. So equal literals mean equal findings,
//! at other positions; at the first difference the line is walked.
//!
//! Skeletons share their beginnings: each literal knows the one to try instead.
#![allow(clippy::inline_always, reason = "see `lanes`")]

mod learn;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use super::blocks::{ContainerEnd, StringEnd};
use super::found::Hit;
use super::lanes::{self, HALF, Job, Lanes};
use super::{Shape, walk};

/// Skeletons of the lines of one source.
#[derive(Debug, Default)]
pub(super) struct Skeletons {
    /// Number of the paths under which the lines were walked; zero is none.
    pub(super) serial: u64,
    literals: Vec<Literal>,
    /// The bytes of long literals.
    tails: Vec<u8>,
    endings: Vec<Ending>,
    /// Lines for which there was no room.
    turned_away: u32,
    /// The gaps of the line last followed; the last is its end.
    stood: Vec<Stood>,
    /// Values of the line being walked; what it needs to be learnt.
    pub(super) marks: learn::Marks,
}

/// Bytes that stand between two values, and what follows. Behind its gap stands
/// the next literal of the list.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Literal {
    /// Its first bytes, and zeros.
    head: [u8; HALF],
    /// The bits of `head` that stand behind its bytes.
    behind: u32,
    /// Bytes, all together.
    len: u16,
    gap: Gap,
    /// How long the text in the gap was last time. To guess it right is faster
    /// than to wait until it is known.
    guess: u8,
    /// Where in `tails` its bytes behind `head` start.
    tail: u32,
    /// What else may stand in this place; zero is nothing.
    other: u32,
    /// For the last one of a line: what such lines have in common.
    ending: u32,
}

/// What follows a literal. Where it ends, the next literal starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Content of a string up to its closing quote.
    Text,
    /// The same, and JSON in it is wanted.
    TextDeeper,
    /// A bare value.
    Word,
    /// What is left of a container behind its opening bracket.
    Container,
    /// The end of the line.
    End,
}

/// Lines of one likeness, scanned for the same paths, have values at the same of
/// these in the same order. No two skeletons ever have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likeness(u64);

/// The likeness of the next skeleton.
static LIKENESS: AtomicU64 = AtomicU64::new(0);

/// What lines of one skeleton have in common.
#[derive(Debug)]
struct Ending {
    shape: Shape,
    likeness: Likeness,
    hits: Box<[Sighting]>,
}

/// A value found in every line of one skeleton.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) hit: Hit,
    from: Anchor,
    to: End,
    pub(super) content: Content,
}

/// Where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With the gap that it begins in, as most do.
    OfGap,
    At(Anchor),
}

/// A position: so many bytes before the start of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    gap: u32,
    back: u32,
}

/// What tells the kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The skeleton does.
    Fixed,
    Text,
    Word,
}

/// A gap of a line that is followed.
#[derive(Clone, Copy, Debug, Default)]
struct Stood {
    start: usize,
    end: usize,
    escapes: Escapes,
}

/// Whether the string in a gap holds backslashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Escapes {
    #[default]
    None,
    /// It may.
    Perhaps,
}

impl Skeletons {
    /// None yet, of lines walked under the paths with this number.
    pub(super) fn of(serial: u64) -> Skeletons {
        Skeletons { serial, ..Skeletons::default() }
    }

    fn forget(&mut self) {
        self.literals.clear();
        self.tails.clear();
        self.endings.clear();
        self.turned_away = 0;
    }

    /// The ending of `line`, if all of it looks like a line before.
    pub(super) fn follow(&mut self, line: &[u8]) -> Option<usize> {
        lanes::run(Follow { skeletons: self, line })
    }

    /// What lines with this ending have in common.
    pub(super) fn ending(&self, number: usize) -> Option<(Shape, &[Sighting])> {
        let ending = self.endings.get(number)?;
        Some((ending.shape, &ending.hits))
    }

    /// What lines with this ending, and no others, have.
    pub(super) fn likeness(&self, number: usize) -> Option<Likeness> {
        self.endings.get(number).map(|ending| ending.likeness)
    }

    /// The gaps of the line last followed.
    #[inline]
    pub(super) fn gaps(&self) -> Gaps<'_> {
        Gaps(&self.stood)
    }
}

/// The gaps of a line that was followed.
#[derive(Clone, Copy)]
pub(super) struct Gaps<'a>(&'a [Stood]);

impl Gaps<'_> {
    /// Where a value of the line starts and ends, and whether it holds backslashes, if it
    /// is a text that starts with its gap.
    #[inline]
    pub(super) fn span(self, sighting: &Sighting) -> Option<(usize, usize, Escapes)> {
        let Anchor { gap, back } = sighting.from;
        let Stood { start, end, escapes } = *self.0.get(gap as usize)?;
        let end = match sighting.to {
            End::OfGap => end,
            End::At(Anchor { gap, back }) => {
                self.0.get(gap as usize)?.start.checked_sub(back as usize)?
            }
        };
        Some((start.checked_sub(back as usize)?, end, escapes))
    }
}

impl Likeness {
    fn of_its_own() -> Likeness {
        Likeness(LIKENESS.fetch_add(1, Ordering::Relaxed))
    }

    /// One of `places` places, for a table. What was learnt in a row does not collide.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "reduced modulo a length")]
    pub fn place(self, places: usize) -> usize {
        (self.0 % places as u64) as usize
    }
}

struct Follow<'a> {
    skeletons: &'a mut Skeletons,
    line: &'a [u8],
}

impl Job for Follow<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, lanes: impl Lanes) -> Option<usize> {
        let Follow { skeletons: Skeletons { literals, tails, stood, .. }, line: bytes } = self;
        let line = Line::new(bytes)?;
        let (literals, tails) = (literals.as_mut_slice(), tails.as_slice());
        let (mut stood, mut number, mut at) = (stood.iter_mut(), 0, 0);
        loop {
            let mut literal = literals.get_mut(number)?;
            let mut start = at + usize::from(literal.len);
            let mut escapes = Escapes::None;
            let stands = literal.stands_at(lanes, &line, at, tails);
            let end =
                if stands { literal.gap_end(lanes, &line, start, &mut escapes) } else { None };
            let end = if let Some(end) = end {
                end
            } else {
                let other = lanes.apart(Fork { literals, tails, bytes, number, at })?;
                Stood { start, escapes, .. } = other.gap;
                number = other.number;
                literal = literals.get_mut(number)?;
                other.gap.end
            };
            *stood.next()? = Stood { start, end, escapes };
            if literal.gap == Gap::End {
                return Some(literal.ending as usize);
            }
            at = end;
            number += 1;
        }
    }
}

/// Looks for what stands at `at` in the place of the literal of this number, which does
/// not. Apart, so that the way along the literals that do keeps nothing in mind for it.
struct Fork<'a> {
    literals: &'a mut [Literal],
    tails: &'a [u8],
    bytes: &'a [u8],
    number: usize,
    at: usize,
}

/// A literal that stands where another does not.
struct Other {
    number: usize,
    gap: Stood,
}

impl Job for Fork<'_> {
    type Output = Option<Other>;

    #[inline(always)]
    fn run(self, lanes: impl Lanes) -> Option<Other> {
        let Fork { literals, tails, bytes, mut number, at } = self;
        let line = Line::new(bytes)?;
        loop {
            number = literals.get(number)?.other as usize;
            if number == 0 {
                return None;
            }
            let literal = literals.get_mut(number)?;
            if !literal.stands_at(lanes, &line, at, tails) {
                continue;
            }
            let (start, mut escapes) = (at + usize::from(literal.len), Escapes::None);
            if let Some(end) = literal.gap_end(lanes, &line, start, &mut escapes) {
                return Some(Other { number, gap: Stood { start, end, escapes } });
            }
        }
    }
}

/// A line of which 32 bytes can be seen from any position on; those behind its
/// end are zeros.
struct Line<'a> {
    bytes: &'a [u8],
    /// From here on fewer bytes follow. They are here once more.
    short_from: usize,
    short: [u8; 2 * HALF],
}

impl<'a> Line<'a> {
    #[inline(always)]
    fn new(bytes: &'a [u8]) -> Option<Line<'a>> {
        let last: &[u8; HALF] = bytes.last_chunk()?;
        let mut short = [0; 2 * HALF];
        *short.first_chunk_mut()? = *last;
        Some(Line { bytes, short_from: bytes.len() - HALF, short })
    }

    #[inline(always)]
    fn near(&self, at: usize) -> Option<&[u8; HALF]> {
        if at <= self.short_from {
            return self.bytes.get(at..at + HALF)?.first_chunk();
        }
        self.short.get(at - self.short_from..)?.first_chunk()
    }
}

impl Literal {
    #[inline(always)]
    fn stands_at(&self, lanes: impl Lanes, line: &Line<'_>, at: usize, tails: &[u8]) -> bool {
        let Some(near) = line.near(at) else { return false };
        let head_stands = lanes.same(&self.head, near) | self.behind == u32::MAX;
        let len = usize::from(self.len);
        head_stands && (len <= HALF || self.is_tail(line.bytes.get(at + HALF..at + len), tails))
    }

    /// Whether `text` is what follows on `head`.
    #[inline(never)]
    fn is_tail(&self, text: Option<&[u8]>, tails: &[u8]) -> bool {
        let tail = tails.get(self.tail as usize..).unwrap_or_default();
        text.is_some_and(|text| tail.get(..text.len()) == Some(text))
    }

    /// Where the gap that starts at `start` ends, if it is one of its kind.
    #[inline(always)]
    fn gap_end(
        &mut self,
        lanes: impl Lanes,
        line: &Line<'_>,
        start: usize,
        escapes: &mut Escapes,
    ) -> Option<usize> {
        // Most gaps are texts. They are told before the others, which a table tells.
        if self.gap == Gap::Text {
            return self.text_end(lanes, line, start, escapes);
        }
        match self.gap {
            Gap::Word => word_end(lanes, line, start),
            Gap::Container => lanes.apart(ContainerEnd { bytes: line.bytes, start }),
            Gap::Text | Gap::TextDeeper => {
                let end = self.text_end(lanes, line, start, escapes)?;
                (!walk::may_hold_json(line.bytes.get(start..end)?)).then_some(end)
            }
            Gap::End => (start == line.bytes.len()).then_some(start),
        }
    }

    #[inline(always)]
    fn text_end(
        &mut self,
        lanes: impl Lanes,
        line: &Line<'_>,
        start: usize,
        escapes: &mut Escapes,
    ) -> Option<usize> {
        let near = line.near(start)?;
        let quotes = lanes.equal(near, b'"');
        let first = quotes & quotes.wrapping_neg();
        let before = first.wrapping_sub(1);
        if quotes == 0 || lanes.equal(near, b'\\') & before != 0 {
            *escapes = Escapes::Perhaps;
            return lanes.apart(StringEnd { bytes: line.bytes, start });
        }
        if first != 1 << self.guess {
            self.guess = u8::try_from(first.trailing_zeros()).unwrap_or(0);
        }
        Some(start + usize::from(self.guess))
    }
}

/// The end of a short bare value in which nothing is odd.
#[inline(always)]
fn word_end(lanes: impl Lanes, line: &Line<'_>, start: usize) -> Option<usize> {
    let near = line.near(start)?;
    let ends = lanes.at_most(near, b' ')
        | lanes.either(near, b',', b'"')
        | lanes.equal(near, b'\'')
        | lanes.equal_folded(near, b'{')
        | lanes.equal_folded(near, b'}');
    let len = ends.trailing_zeros() as usize;
    (1..HALF).contains(&len).then_some(start + len)
}
