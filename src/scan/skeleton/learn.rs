//! How a walked line becomes a skeleton.

use super::{Anchor, Content, End, Ending, Gap, Likeness, Literal, Sighting, Skeletons, Stood};
use crate::scan::Shape;
use crate::scan::found::Hit;
use crate::scan::lanes::HALF;
use crate::scan::lex::{Span, Token};
use crate::scan::paths::Node;
use crate::scan::value::Kind;

/// Literals kept, and bytes of long ones.
pub(super) const MAX_LITERALS: usize = 4096;
const MAX_TAILS: usize = 64 * 1024;

/// How many lines find no room before what is kept has to go for them.
const PATIENCE: u32 = 4096;

/// Longest literal kept, in bytes.
const LONGEST: usize = 1024;

/// What learning a line costs, in lines. Where no line is like another, most are
/// only walked.
const PRICE: u32 = 16;

/// How many lines may be learnt in a row.
const MOST_IN_A_ROW: u32 = 64;

/// The values of a line that is being walked, in order.
#[derive(Debug)]
pub(in crate::scan) struct Marks {
    values: Vec<Mark>,
    /// Whether the line could be a skeleton.
    usable: bool,
    credit: u32,
}

/// A value that was not looked into: the gap that it is in a skeleton.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: usize,
    end: usize,
    gap: Gap,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { values: Vec::new(), usable: false, credit: PRICE * MOST_IN_A_ROW }
    }
}

impl Marks {
    /// Before a line is walked.
    pub(in crate::scan) fn begin(&mut self) {
        self.values.clear();
        self.usable = self.credit >= PRICE;
        self.credit = (self.credit + 1).min(PRICE * MOST_IN_A_ROW);
    }

    /// The line holds something that literals and gaps cannot tell.
    pub(in crate::scan) fn give_up(&mut self) {
        self.usable = false;
    }

    /// Notes a value of the line; `node` is what is wanted of it and beneath.
    #[inline]
    pub(in crate::scan) fn note(&mut self, span: Span, node: Option<&Node>) {
        if self.usable {
            self.note_usable(span, node.is_some_and(|node| node.deeper));
        }
    }

    fn note_usable(&mut self, span: Span, deeper: bool) {
        let Span { token, start, end, .. } = span;
        let (start, end, gap) = match token {
            Token::Text if deeper => (start + 1, end - 1, Gap::TextDeeper),
            Token::Text => (start + 1, end - 1, Gap::Text),
            // Its own values were noted.
            Token::Object | Token::Array if deeper => return,
            Token::Object | Token::Array => (start + 1, end, Gap::Container),
            Token::Word => (start, end, Gap::Word),
            Token::Single | Token::Spoiled => return self.give_up(),
        };
        self.values.push(Mark { start, end, gap });
    }
}

impl Skeletons {
    /// Remembers a `line` that was walked, and the `hits` in it.
    pub(in crate::scan) fn learn(&mut self, line: &[u8], shape: Shape, hits: &[Hit]) {
        if !self.marks.usable || self.marks.values.is_empty() {
            return;
        }
        let mut marks = std::mem::take(&mut self.marks.values);
        marks.push(Mark { start: line.len(), end: line.len(), gap: Gap::End });
        self.insert(Outline { line, marks: &marks }, shape, hits);
        self.stood.resize(self.stood.len().max(marks.len()), Stood::default());
        self.marks.values = marks;
    }

    /// Adds the literals of a line from the first on that is new.
    fn insert(&mut self, outline: Outline<'_>, shape: Shape, hits: &[Hit]) {
        let mut literals = outline.literals();
        let mut place = 0;
        let (first, fork) = loop {
            let Some(literal) = literals.next() else { return };
            match self.find(place, literal) {
                Ok(known) => place = known + 1,
                Err(fork) => break (literal, fork),
            }
        };
        let sightings: Option<Box<[Sighting]>> =
            hits.iter().map(|hit| outline.sighting(*hit)).collect();
        let Some(hits) = sightings.filter(|_| outline.is_moderate()) else { return };
        if self.is_full(outline) {
            return;
        }
        self.marks.credit = self.marks.credit.saturating_sub(PRICE);
        let new = narrow(self.literals.len());
        if let Some(fork) = fork.and_then(|fork| self.literals.get_mut(fork)) {
            fork.other = new;
        }
        std::iter::once(first).chain(literals).for_each(|literal| self.add(literal));
        self.endings.push(Ending { shape, likeness: Likeness::of_its_own(), hits });
    }

    /// Whether a line has no room. If too many had none, all is forgotten, and
    /// the next ones have.
    fn is_full(&mut self, outline: Outline<'_>) -> bool {
        let tails: usize = outline.literals().map(|(text, _)| halves(text).1.len()).sum();
        let full = self.literals.len() + outline.marks.len() > MAX_LITERALS
            || self.tails.len() + tails > MAX_TAILS;
        self.turned_away += u32::from(full);
        if self.turned_away > PATIENCE {
            self.forget();
        }
        full
    }

    /// The one of the literals that may stand where `number` does that is this
    /// one, or else the last of them.
    fn find(&self, mut number: usize, (text, gap): (&[u8], Gap)) -> Result<usize, Option<usize>> {
        let mut last = None;
        while let Some(literal) = self.literals.get(number) {
            let (head, rest) = halves(text);
            let same = literal.gap == gap
                && usize::from(literal.len) == text.len()
                && literal.head == head
                && literal.is_tail(Some(rest), &self.tails);
            if same {
                return Ok(number);
            }
            last = Some(number);
            number = literal.other as usize;
            if number == 0 {
                break;
            }
        }
        Err(last)
    }

    fn add(&mut self, (text, gap): (&[u8], Gap)) {
        let (head, rest) = halves(text);
        let tail = narrow(self.tails.len());
        self.tails.extend_from_slice(rest);
        let behind = u32::MAX.checked_shl(narrow(text.len())).unwrap_or(0);
        let len = text.len().try_into().unwrap_or(u16::MAX);
        let ending = narrow(self.endings.len());
        self.literals.push(Literal { head, behind, len, gap, guess: 0, tail, other: 0, ending });
    }
}

/// The first bytes, filled up with zeros, and the others.
fn halves(text: &[u8]) -> ([u8; HALF], &[u8]) {
    let (first, rest) = text.split_at(text.len().min(HALF));
    let mut head = [0; HALF];
    first.iter().zip(&mut head).for_each(|(byte, place)| *place = *byte);
    (head, rest)
}

/// Sizes here are small.
fn narrow(size: usize) -> u32 {
    size.try_into().unwrap_or(u32::MAX)
}

/// A line and its gaps; the last is its end.
#[derive(Clone, Copy)]
struct Outline<'a> {
    line: &'a [u8],
    marks: &'a [Mark],
}

impl<'a> Outline<'a> {
    /// What stands before each gap.
    fn literals(self) -> impl Iterator<Item = (&'a [u8], Gap)> {
        let starts = std::iter::once(0).chain(self.marks.iter().map(|mark| mark.end));
        let both = starts.zip(self.marks);
        both.map(move |(start, mark)| {
            (self.line.get(start..mark.start).unwrap_or_default(), mark.gap)
        })
    }

    /// Whether no literal is so long that it had better be walked.
    fn is_moderate(self) -> bool {
        self.literals().all(|(text, _)| text.len() <= LONGEST)
    }

    /// Where literal `number` starts.
    fn literal_start(self, number: usize) -> usize {
        number.checked_sub(1).and_then(|before| self.marks.get(before)).map_or(0, |mark| mark.end)
    }

    /// `at` as distance to the gap behind it. A position at the end of an empty
    /// gap belongs to what follows the gap.
    fn anchor(self, at: usize, gap: usize) -> Option<Anchor> {
        let back = self.marks.get(gap)?.start.checked_sub(at)?;
        let anchor = Anchor { gap: gap.try_into().ok()?, back: back.try_into().ok()? };
        (self.literal_start(gap) <= at).then_some(anchor)
    }

    fn sighting(self, hit: Hit) -> Option<Sighting> {
        let end = hit.start + hit.len;
        let first = self.marks.partition_point(|mark| mark.start < hit.start);
        let last = self.marks.partition_point(|mark| mark.end <= end);
        let (from, to) = (self.anchor(hit.start, first)?, self.anchor(end, last)?);
        let content = match (hit.kind, self.marks.get(first)?.gap) {
            (Kind::Str | Kind::StrEscaped, Gap::Text | Gap::TextDeeper) if from.back == 0 => {
                Content::Text
            }
            (Kind::Str | Kind::StrEscaped | Kind::Cut, _) => return None,
            (_, Gap::Word) if from.back == 0 => Content::Word,
            _ => Content::Fixed,
        };
        let with_gap = self.marks.get(first).is_some_and(|mark| mark.end == end);
        let to = if with_gap { End::OfGap } else { End::At(to) };
        Some(Sighting { hit, from, to, content })
    }
}
