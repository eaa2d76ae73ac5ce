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

use super::blocks::{ContainerEnd, StringEnd};
use super::found::Hit;
use super::lanes::{self, HALF, Job, Lanes};
use super::{Shape, walk};

/// Skeletons of the lines of one source.
#[derive(Debug, Default)]
pub(super) struct Skeletons {
    literals: Vec<Literal>,
    /// The bytes of all literals, each filled up with zeros.
    text: Vec<[u8; HALF]>,
    endings: Vec<Ending>,
    /// Where in the line last followed each gap starts; the last is its end.
    starts: Vec<usize>,
    /// Values of the line being walked; what it needs to be learnt.
    pub(super) marks: learn::Marks,
}

/// Bytes that stand between two values, and what follows.
#[derive(Clone, Copy, Debug)]
struct Literal {
    /// Its first part in `text`, and its bytes.
    part: usize,
    len: usize,
    /// The bits of its first part that stand behind its bytes.
    behind: u32,
    gap: Gap,
    /// The literal behind the gap; for the last one of a line its ending.
    next: Option<usize>,
    /// What else may stand in this place.
    other: Option<usize>,
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

/// What lines of one skeleton have in common.
#[derive(Debug)]
struct Ending {
    shape: Shape,
    hits: Box<[Sighting]>,
}

/// A value found in every line of one skeleton.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) hit: Hit,
    pub(super) from: Anchor,
    pub(super) to: Anchor,
    pub(super) content: Content,
}

/// A position: so many bytes before the start of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    gap: usize,
    back: usize,
}

/// What tells the kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The skeleton does.
    Fixed,
    Text,
    Word,
}

/// A line that was followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Followed {
    pub(super) ending: usize,
    /// Whether any string held a backslash.
    pub(super) escapes: Escapes,
}

/// Whether strings of a line held backslashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    None,
    Some,
}

impl Skeletons {
    pub(super) fn forget(&mut self) {
        self.literals.clear();
        self.text.clear();
        self.endings.clear();
    }

    /// The end of `line`, if all of it looks like a line before.
    pub(super) fn follow(&mut self, line: &[u8]) -> Option<Followed> {
        self.starts.clear();
        lanes::run(Follow { skeletons: self, line })
    }

    /// What lines with this ending have in common.
    pub(super) fn ending(&self, number: usize) -> Option<(Shape, &[Sighting])> {
        let ending = self.endings.get(number)?;
        Some((ending.shape, &ending.hits))
    }

    /// Where `anchor` is in the line last followed.
    #[inline]
    pub(super) fn position(&self, anchor: Anchor) -> usize {
        self.starts.get(anchor.gap).map_or(0, |start| start - anchor.back)
    }
}

struct Follow<'a> {
    skeletons: &'a mut Skeletons,
    line: &'a [u8],
}

impl Job for Follow<'_> {
    type Output = Option<Followed>;

    #[inline(always)]
    fn run(self, lanes: impl Lanes) -> Option<Followed> {
        let Follow { skeletons: Skeletons { literals, text, starts, .. }, line } = self;
        let mut escapes = Escapes::None;
        let mut literal = literals.first()?;
        let mut at = 0;
        loop {
            let start = at + literal.len;
            let end = if literal.stands_at(lanes, line, at, text) {
                literal.gap.end(lanes, line, start, &mut escapes)
            } else {
                None
            };
            let Some(end) = end else {
                literal = literals.get(literal.other?)?;
                continue;
            };
            starts.push(start);
            if literal.gap == Gap::End {
                return Some(Followed { ending: literal.next?, escapes });
            }
            at = end;
            literal = literals.get(literal.next?)?;
        }
    }
}

impl Literal {
    #[inline(always)]
    fn stands_at(&self, lanes: impl Lanes, line: &[u8], at: usize, text: &[[u8; HALF]]) -> bool {
        let parts = text.get(self.part..).unwrap_or_default();
        let (Some(first), Some(near)) = (parts.first(), chunk(line, at)) else {
            return self.stands_near_end(line, at, parts);
        };
        let same = lanes.same(first, near);
        if self.len <= HALF {
            return same | self.behind == u32::MAX;
        }
        same == u32::MAX && self.stands_near_end(line, at, parts)
    }

    #[inline(never)]
    fn stands_near_end(&self, line: &[u8], at: usize, parts: &[[u8; HALF]]) -> bool {
        let here = line.get(at..at + self.len);
        here.is_some() && here == parts.as_flattened().get(..self.len)
    }
}

#[inline(always)]
fn chunk(line: &[u8], at: usize) -> Option<&[u8; HALF]> {
    line.get(at..)?.first_chunk()
}

impl Gap {
    /// Where the gap that starts at `start` ends, if it is one of this kind.
    #[inline(always)]
    fn end(
        self,
        lanes: impl Lanes,
        line: &[u8],
        start: usize,
        escapes: &mut Escapes,
    ) -> Option<usize> {
        match self {
            Gap::Text => text_end(lanes, line, start, escapes),
            Gap::Word => word_end(lanes, line, start),
            Gap::Container => ContainerEnd { bytes: line, start }.run(lanes),
            Gap::TextDeeper => {
                let end = text_end(lanes, line, start, escapes)?;
                (!walk::may_hold_json(line.get(start..end)?)).then_some(end)
            }
            Gap::End => (start == line.len()).then_some(start),
        }
    }
}

/// The bits of `mask` for the 32 bytes from `at` on; none behind the line's end.
#[inline(always)]
fn near(line: &[u8], at: usize, mask: impl Fn(&[u8; HALF]) -> u32) -> Option<u32> {
    if let Some(near) = chunk(line, at) {
        return Some(mask(near));
    }
    let behind = at - (line.len().checked_sub(HALF)?);
    mask(line.last_chunk()?).checked_shr(u32::try_from(behind).ok()?)
}

#[inline(always)]
fn text_end(lanes: impl Lanes, line: &[u8], start: usize, escapes: &mut Escapes) -> Option<usize> {
    let quotes = near(line, start, |near| lanes.equal(near, b'"'))?;
    let slashes = near(line, start, |near| lanes.equal(near, b'\\'))?;
    if slashes == 0 && quotes != 0 {
        return Some(start + quotes.trailing_zeros() as usize);
    }
    let end = StringEnd { bytes: line, start }.run(lanes)?;
    *escapes = Escapes::Some;
    Some(end)
}

/// The end of a short bare value in which nothing is odd.
#[inline(always)]
fn word_end(lanes: impl Lanes, line: &[u8], start: usize) -> Option<usize> {
    let ends = near(line, start, |near| {
        lanes.at_most(near, b' ')
            | lanes.equal(near, b',')
            | lanes.equal(near, b'"')
            | lanes.equal(near, b'\'')
            | lanes.equal_folded(near, b'{')
            | lanes.equal_folded(near, b'}')
    })?;
    let len = ends.trailing_zeros() as usize;
    (1..HALF).contains(&len).then_some(start + len)
}
