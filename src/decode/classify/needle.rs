//! Words that are looked for in error texts, in any letter case. There are a hundred
//! and more, and in a storm of refusals every line has an error: most of them are
//! ruled out at a glance, by which pairs of letters the texts hold at all.

/// Bytes of one text that are looked at.
const TEXT_LIMIT: usize = 4096;

/// A word in lower case.
#[derive(Clone, Copy)]
pub(super) struct Needle {
    pub(super) text: &'static str,
    pairs: Pairs,
}

/// Texts that are searched.
#[derive(Clone, Copy)]
pub(super) struct Haystack<'t> {
    texts: &'t [&'t [u8]],
    pairs: Pairs,
}

/// Which pairs of neighbours occur, a bit for several pairs each. What holds a text
/// holds its pairs, in any letter case.
#[derive(Clone, Copy)]
struct Pairs(u128, u128);

impl Needle {
    pub(super) const fn new(text: &'static str) -> Needle {
        Needle { text, pairs: Pairs(0, 0).with(text.as_bytes()) }
    }
}

impl<'t> Haystack<'t> {
    pub(super) fn new(texts: &'t [&'t [u8]]) -> Haystack<'t> {
        let pairs = texts.iter().fold(Pairs(0, 0), |pairs, text| pairs.with(head(text)));
        Haystack { texts, pairs }
    }

    /// Whether any of the texts holds `needle`.
    pub(super) fn holds(self, needle: &Needle) -> bool {
        self.pairs.include(needle.pairs)
            && self.texts.iter().any(|text| contains(head(text), needle.text.as_bytes()))
    }
}

impl Pairs {
    const fn with(mut self, text: &[u8]) -> Pairs {
        let mut rest = text;
        while let [one, behind @ ..] = rest {
            if let [other, ..] = behind {
                // A letter's low bits are the same in both cases.
                let pair = (*one & 31) << 3 ^ (*other & 31);
                if pair < 128 {
                    self.0 |= 1 << pair;
                } else {
                    self.1 |= 1 << (pair - 128);
                }
            }
            rest = behind;
        }
        self
    }

    fn include(self, others: Pairs) -> bool {
        others.0 & !self.0 == 0 && others.1 & !self.1 == 0
    }
}

fn head(text: &[u8]) -> &[u8] {
    text.get(..TEXT_LIMIT).unwrap_or(text)
}

/// Whether `text` holds `needle` (lower case) in any letter case.
fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut at = 0;
    let upper = first.to_ascii_uppercase();
    while let Some(found) = text.get(at..).and_then(|tail| memchr::memchr2(*first, upper, tail)) {
        let start = at + found + 1;
        if text.get(start..start + rest.len()).is_some_and(|t| t.eq_ignore_ascii_case(rest)) {
            return true;
        }
        at = start;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What pairs rule out is not there.
        #[test]
        fn equals_a_plain_search(texts in prop::collection::vec("[aBb_ é(]{0,12}", 0..3), at in 0usize..6) {
            let needle = &["", "a", "ab", "b_a", "(b", "é"].map(Needle::new)[at];
            let bytes: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            let expected = texts.iter().any(|text| text.to_ascii_lowercase().contains(needle.text));
            prop_assert_eq!(Haystack::new(&bytes).holds(needle), expected);
        }
    }
}
