//! The headers of one response, kept in one reusable arena.
//!
//! It knows how names are compared (lower case, `_` and `-` alike) and nothing
//! about what they mean.

/// Headers kept of one response; a longer list is not a response worth reading.
const MAX_HEADERS: usize = 1024;
/// Bytes kept of one response's headers.
const MAX_BYTES: usize = 256 * 1024;

/// The headers of one response, duplicates included. Reuse it: after the first
/// responses it does not allocate.
#[derive(Clone, Debug, Default)]
pub struct HeaderBag {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
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

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    name_len: usize,
    /// The spelling with underscores stands after the name, where there is one.
    underscored: bool,
    value_len: usize,
}

impl HeaderBag {
    /// Forget everything but the allocations.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Add a header. What exceeds a sane size for one response is dropped.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref().trim_ascii(), value.as_ref().trim_ascii());
        let needed = self.bytes.len() + 2 * name.len() + value.len();
        if self.entries.len() >= MAX_HEADERS || needed > MAX_BYTES {
            return;
        }
        let start = self.bytes.len();
        let underscored = name.contains(&b'_');
        // Copies first, then spelling in place: that is done many bytes at a time.
        self.bytes.extend_from_slice(name);
        if underscored {
            self.bytes.extend_from_slice(name);
        }
        let names = self.bytes.get_mut(start..).unwrap_or_default();
        names.make_ascii_lowercase();
        if underscored {
            let normal = names.iter_mut().take(name.len());
            normal.filter(|byte| **byte == b'_').for_each(|byte| *byte = b'-');
        }
        self.bytes.extend_from_slice(value);
        let (name_len, value_len) = (name.len(), value.len());
        self.entries.push(Entry { start, name_len, underscored, value_len });
    }

    /// Number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The header at a position.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Header<'_>> {
        let entry = self.entries.get(index)?;
        let (name, rest) = self.bytes.get(entry.start..)?.split_at_checked(entry.name_len)?;
        let (sent, rest) =
            if entry.underscored { rest.split_at_checked(entry.name_len)? } else { (name, rest) };
        Some(Header { name, sent, value: rest.get(..entry.value_len)? })
    }

    /// All headers in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
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
