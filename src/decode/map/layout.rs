//! Where a record's values are looked for. Most records are one object and one
//! scan. A record that is an element of an array has a scan for each object
//! around it too, and what stands before the end of an array has its own.

use super::{Each, Explode};
use crate::scan::{Paths, PathsBuilder, Slot, Value, elements, members};

/// Scans that one record can have.
pub(crate) const MAX_PARTS: usize = 8;

/// A compiled path: which scan of the record, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) part: u8,
    pub(crate) slot: Slot,
}

/// The scans of a record of one format.
#[derive(Debug)]
pub(crate) struct Layout {
    parts: Vec<Part>,
}

/// One scan.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) paths: Paths,
    /// What is scanned; the first part is the object that was given.
    pub(crate) step: Option<Step>,
}

/// A way from one part to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The part it starts from.
    pub(crate) of: usize,
    /// Where the array or the object is in it.
    pub(crate) path: Vec<String>,
    pub(crate) take: Take,
}

/// What of an array or an object is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// All, each a record of its own.
    All(Each),
    /// One element, counted from the end, from one.
    FromEnd(usize),
}

/// Collects paths.
#[derive(Debug)]
pub(crate) struct LayoutBuilder {
    parts: Vec<(PathsBuilder, Option<Step>)>,
    /// How many arrays the record lies in; its own scan has this number.
    depth: usize,
}

impl LayoutBuilder {
    /// For records that are the elements of what is in `explode`.
    pub(crate) fn new(explode: &[Explode]) -> LayoutBuilder {
        let mut parts = vec![(PathsBuilder::new(), None)];
        for (of, Explode { path, each }) in explode.iter().enumerate() {
            let step = Step { of, path: segments(path), take: Take::All(*each) };
            parts.push((PathsBuilder::new(), Some(step)));
        }
        LayoutBuilder { depth: parts.len() - 1, parts }
    }

    /// Wants `path` of the record; each `^.` before it is an object further out.
    pub(crate) fn add(&mut self, path: &str) -> Spot {
        let (outwards, path) = outwards(path);
        self.within(self.depth.saturating_sub(outwards), path)
    }

    /// Wants `path` of the object that was given.
    pub(crate) fn add_outer(&mut self, path: &str) -> Spot {
        self.within(0, path)
    }

    /// Whether one scan of the object that was given is to find all.
    pub(crate) fn is_simple(&self) -> bool {
        self.parts.len() == 1
    }

    pub(crate) fn build(self) -> Layout {
        let build = |(paths, step): (PathsBuilder, _)| Part { paths: paths.build(), step };
        Layout { parts: self.parts.into_iter().map(build).collect() }
    }

    fn within(&mut self, of: usize, path: &str) -> Spot {
        let all = segments(path);
        let from_end = all.iter().enumerate().find_map(|(i, part)| Some((i, end_index(part)?)));
        if let Some((i, from_end)) = from_end
            && let (Some(array), Some(rest)) = (all.get(..i), all.get(i + 1..))
            && let Some(part) =
                self.part(Step { of, path: array.into(), take: Take::FromEnd(from_end) })
        {
            return self.within(part, &rest.join("."));
        }
        match self.parts.get_mut(of) {
            Some((paths, _)) => {
                Spot { part: u8::try_from(of).unwrap_or(u8::MAX), slot: paths.add(path) }
            }
            None => Spot { part: u8::MAX, slot: PathsBuilder::new().add(path) },
        }
    }

    /// The number of a part, made if new; `None` when there are too many.
    fn part(&mut self, step: Step) -> Option<usize> {
        let known = self.parts.iter().position(|(_, have)| have.as_ref() == Some(&step));
        if known.is_none() && self.parts.len() < MAX_PARTS {
            self.parts.push((PathsBuilder::new(), Some(step)));
            return Some(self.parts.len() - 1);
        }
        known
    }
}

impl Layout {
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The paths of the object that is given.
    pub(crate) fn outer(&self) -> Option<&Paths> {
        self.parts.first().map(|part| &part.paths)
    }

    /// Whether the object that is given is the record, and one scan finds all.
    #[inline]
    pub(crate) fn is_simple(&self) -> bool {
        self.parts.len() == 1
    }
}

/// How many objects further out a path begins, and the rest of it.
pub(crate) fn outwards(path: &str) -> (usize, &str) {
    let rest = path.trim_start_matches("^.");
    ((path.len() - rest.len()) / 2, rest)
}

/// Parts of a path; `a[0]` is `a.0`.
fn segments(path: &str) -> Vec<String> {
    let dotted = path.replace('[', ".").replace(']', "");
    dotted.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `-2` is the last but one.
pub(crate) fn end_index(segment: &str) -> Option<usize> {
    segment.strip_prefix('-')?.parse().ok().filter(|n| *n > 0)
}

/// The value at a path of keys, which may stand in one flat key or nested. Of
/// any length, unlike what a scan hands out.
pub(crate) fn descend<'v>(value: Value<'v>, path: &[String]) -> Option<Value<'v>> {
    let Some(first) = path.first() else { return Some(value) };
    if let Ok(index) = first.parse::<usize>() {
        let element = elements(value.raw).nth(index)?;
        return descend(element, path.get(1..)?);
    }
    // The longest key wins: `a.b` before `a`.
    let mut best: Option<(usize, Value<'v>)> = None;
    for (key, value) in members(value.raw) {
        if let Some(taken) = keys_taken(key.raw, path)
            && best.is_none_or(|(most, _)| taken > most)
        {
            best = Some((taken, value));
        }
    }
    let (taken, value) = best?;
    descend(value, path.get(taken..)?)
}

/// How many parts of a path a key stands for.
fn keys_taken(key: &[u8], path: &[String]) -> Option<usize> {
    let mut rest = key;
    for (taken, part) in path.iter().enumerate() {
        rest = rest.strip_prefix(part.as_bytes())?;
        if rest.is_empty() {
            return Some(taken + 1);
        }
        rest = rest.strip_prefix(b".")?;
    }
    None
}
