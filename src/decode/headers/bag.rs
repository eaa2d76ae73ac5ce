//! The headers of one response, kept in one reusable arena.
//!
//! It knows how names are compared (lower case, `_` and `-` alike) and nothing
//! about what they mean. A gateway sends the same names in the same order time
//! after time, so names outlive their response: one that comes again at its place
//! is compared, not spelled anew.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Headers kept of one response; a longer list is not a response worth reading.
const MAX_HEADERS: usize = 1024;
/// Bytes kept of one response's headers.
const MAX_BYTES: usize = 256 * 1024;

/// The headers of one response, duplicates included. Reuse it: after the first
/// responses it does not allocate.
#[derive(Clone, Debug, Default)]
pub struct HeaderBag {
    names: NameList,
    /// Names in both spellings, each as long as the name as given.
    spellings: Vec<u8>,
    /// For each name the bits that it and those before it set in a sketch.
    sketches: Vec<u64>,
    /// Another number for each list of names that was spelled; see [`Mark`].
    spelled: u64,
    values: Vec<u8>,
    /// One for each header of this response; `names` may be longer.
    value_at: Vec<Span>,
    /// What the response's headers count against [`MAX_BYTES`].
    size: usize,
}

/// One header of a [`HeaderBag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Lower case, with `-` for `_`.
    pub name: &'a [u8],
    /// Lower case, separators as sent; as long as `name`.
    pub sent: &'a [u8],
    /// Without surrounding white space.
    pub value: &'a [u8],
}

/// Names in order, as they were given.
#[derive(Clone, Debug, Default)]
pub(in crate::decode) struct NameList {
    bytes: Vec<u8>,
    at: Vec<Span>,
}

/// Responses of one mark have the same names in the same order: so many of those that
/// were spelled last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::decode) struct Mark {
    spelled: u64,
    count: usize,
}

/// The number of the last list that was spelled. The list of no names is the first.
static SPELLED: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    len: usize,
}

impl HeaderBag {
    /// Forget everything but the allocations and the names, which are expected
    /// to come again.
    pub fn clear(&mut self) {
        self.values.clear();
        self.value_at.clear();
        self.size = 0;
    }

    /// Add a header. What exceeds a sane size for one response is dropped.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.add(name.as_ref().trim_ascii(), value.as_ref().trim_ascii());
    }

    /// Add a header whose name and value have no white space around them.
    pub(in crate::decode) fn add(&mut self, name: &[u8], value: &[u8]) {
        let size = self.size + 2 * name.len() + value.len();
        let position = self.value_at.len();
        if position >= MAX_HEADERS || size > MAX_BYTES {
            return;
        }
        self.size = size;
        if self.names.get(position) != Some(name) {
            self.names.truncate(position);
            self.spellings.truncate(2 * self.names.bytes.len());
            self.sketches.truncate(position);
            self.names.push(name);
            self.spell(name);
        }
        self.add_value(value);
    }

    /// The same; `known` is what became of the name the last time, and is told of this.
    #[inline]
    pub(in crate::decode) fn add_known(&mut self, name: &[u8], value: &[u8], known: &Cell<Mark>) {
        let again = Mark { spelled: self.spelled, count: self.len() + 1 };
        let size = self.size + 2 * name.len() + value.len();
        if known.get() == again && size <= MAX_BYTES {
            // The name stands there already.
            self.size = size;
            self.add_value(value);
            return;
        }
        self.add(name, value);
        // What was one too many has left no name.
        if self.len() == again.count {
            known.set(self.mark());
        }
    }

    #[inline]
    fn add_value(&mut self, value: &[u8]) {
        self.value_at.push(Span { start: self.values.len(), len: value.len() });
        self.values.extend_from_slice(value);
    }

    /// Number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.value_at.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value_at.is_empty()
    }

    /// The header at a position.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Header<'_>> {
        let value = self.value(index)?;
        let Span { start, len } = *self.names.at.get(index)?;
        let (sent, rest) = self.spellings.get(2 * start..)?.split_at_checked(len)?;
        Some(Header { name: rest.get(..len)?, sent, value })
    }

    /// All headers in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// All headers of a normalised name.
    pub(in crate::decode) fn named(&self, name: &[u8]) -> impl Iterator<Item = Header<'_>> {
        // A name whose bit is not set is not there.
        let last = self.len().checked_sub(1).and_then(|last| self.sketches.get(last));
        let count = if last.is_none_or(|sketch| sketch & bit(name) == 0) { 0 } else { self.len() };
        (0..count).filter_map(|index| self.get(index)).filter(move |header| header.name == name)
    }

    /// The value of the header at a position.
    #[inline]
    pub(super) fn value(&self, index: usize) -> Option<&[u8]> {
        let Span { start, len } = *self.value_at.get(index)?;
        self.values.get(start..start + len)
    }

    /// What tells the names of this response from other lists.
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { spelled: self.spelled, count: self.len() }
    }

    /// Whether the response has exactly these names in this order.
    pub(super) fn has_names(&self, names: &NameList) -> bool {
        let count = self.len();
        names.at.len() == count
            && self.names.at.get(..count) == Some(&*names.at)
            && self.names.bytes.get(..names.bytes.len()) == Some(&*names.bytes)
    }

    /// Makes `names` those of this response.
    pub(super) fn copy_names(&self, names: &mut NameList) {
        names.truncate(0);
        for name in (0..self.len()).filter_map(|index| self.names.get(index)) {
            names.push(name);
        }
    }

    /// Bytes of the response's names.
    pub(super) fn name_bytes(&self) -> usize {
        self.names.end(self.len())
    }

    /// Adds the spellings of a name.
    fn spell(&mut self, name: &[u8]) {
        // Copies first, then spelling in place: that is done many bytes at a time.
        let start = self.spellings.len();
        self.spellings.extend_from_slice(name);
        self.spellings.extend_from_slice(name);
        let both = self.spellings.get_mut(start..).unwrap_or_default();
        both.make_ascii_lowercase();
        let normal = both.iter_mut().skip(name.len());
        normal.filter(|byte| **byte == b'_').for_each(|byte| *byte = b'-');
        let before = self.sketches.last().copied().unwrap_or(0);
        self.sketches.push(before | bit(both.get(name.len()..).unwrap_or_default()));
        self.spelled = SPELLED.fetch_add(1, Ordering::Relaxed) + 1;
    }
}

/// The bit of a normalised name in a sketch.
fn bit(name: &[u8]) -> u64 {
    let last = name.last().copied().map_or(0, usize::from);
    1 << ((name.len() * 5 + last) % 64)
}

impl NameList {
    /// Room for names that is not outgrown by these numbers.
    pub fn with_room(names: usize, bytes: usize) -> NameList {
        NameList { bytes: Vec::with_capacity(bytes), at: Vec::with_capacity(names) }
    }

    /// The name at a position.
    #[inline]
    pub fn get(&self, position: usize) -> Option<&[u8]> {
        let Span { start, len } = *self.at.get(position)?;
        self.bytes.get(start..start + len)
    }

    /// Adds a name behind the others.
    pub fn push(&mut self, name: &[u8]) {
        self.at.push(Span { start: self.bytes.len(), len: name.len() });
        self.bytes.extend_from_slice(name);
    }

    /// Keeps the first `count` names.
    pub fn truncate(&mut self, count: usize) {
        self.bytes.truncate(self.end(count));
        self.at.truncate(count);
    }

    /// Where the first `count` names end.
    fn end(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.at.get(last)).map_or(0, |at| at.start + at.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_and_duplicates_kept() {
        let mut bag = HeaderBag::default();
        bag.push("X-RateLimit-Limit-Tokens_Usage_Based", "\t160000 ");
        bag.push("x-a", "1");
        bag.push("X-A", "2");
        let all: Vec<_> = bag.iter().collect();
        assert_eq!(all[0].name, b"x-ratelimit-limit-tokens-usage-based");
        assert_eq!(all[0].sent, b"x-ratelimit-limit-tokens_usage_based");
        assert_eq!(all[0].value, b"160000");
        assert_eq!((all[1].value, all[2].value), (&b"1"[..], &b"2"[..]));
        assert_eq!(bag.named(b"x-a").count(), 2);
        assert_eq!(bag.named(b"x-ratelimit-limit-tokens-usage-based").count(), 1);
        assert_eq!(bag.named(b"x-b").count(), 0);
    }

    #[test]
    fn names_that_come_again_are_those_of_the_present_response() {
        let mut bag = HeaderBag::default();
        let mut names = NameList::default();
        for response in [&["A", "b_C"][..], &["A"], &["A", "d", "e"], &["a", "d"], &["A", "b_C"]] {
            bag.clear();
            for name in response {
                bag.push(name, name);
            }
            let sent: Vec<_> = bag.iter().map(|header| header.sent.to_vec()).collect();
            let expected: Vec<_> = response.iter().map(|n| n.to_lowercase().into_bytes()).collect();
            assert_eq!(sent, expected);
            assert!(!bag.has_names(&names), "{response:?}");
            bag.copy_names(&mut names);
            assert!(bag.has_names(&names));
        }
        bag.clear();
        bag.push("Ab", "");
        bag.push("_C", "");
        assert!(!bag.has_names(&names), "the same bytes are not the same names");
    }

    #[test]
    fn a_flood_of_headers_is_cut() {
        let mut bag = HeaderBag::default();
        for _ in 0..10_000 {
            bag.push("x-ratelimit-limit-requests", "1");
        }
        bag.push("big", vec![b'x'; 1 << 20]);
        assert_eq!(bag.len(), MAX_HEADERS);
    }
}
