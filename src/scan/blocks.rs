//! Strings and containers stepped over 64 bytes at a time.
//!
//! A block becomes a few masks, one bit a byte: quotes, backslashes, brackets.
//! With them, escapes and nesting are arithmetic, and a prompt full of `\n` and
//! `\"` costs no more than plain text. Nothing asks whether a block holds a quote at
//! all: where prose has them no processor can foretell, and a wrong guess costs more
//! than the masks. What masks cannot say (a single quote or a
//! backslash outside of strings) is left to the rules of [`lex`], one byte at a
//! time; so is what is left behind the last whole block.
#![allow(clippy::inline_always, reason = "see `lanes`")]

use super::lanes::{self, HALF, Job, Lanes};
use super::lex;

/// Bytes in a block.
const BLOCK: usize = 2 * HALF;

/// The position of the double quote that closes a string, of whose content
/// `start` is the first byte.
#[inline]
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    lanes::run(StringEnd { bytes, start })
}

/// The position behind the bracket that closes a container whose content
/// starts at `start`. Counts brackets, so depth costs nothing.
#[inline]
pub(super) fn container_end(bytes: &[u8], start: usize) -> Option<usize> {
    lanes::run(ContainerEnd { bytes, start })
}

/// [`string_end`] as work to do.
pub(super) struct StringEnd<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: usize,
}

/// [`container_end`] as work to do.
pub(super) struct ContainerEnd<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: usize,
}

impl Job for StringEnd<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, lanes: impl Lanes) -> Option<usize> {
        let StringEnd { bytes, start } = self;
        let mut at = start;
        let mut escapes = Escapes::default();
        while let Some(block) = bytes.get(at..)?.first_chunk() {
            let slashes = equal(lanes, block, b'\\');
            let ends = equal(lanes, block, b'"') & !escapes.of(slashes);
            if ends != 0 {
                return Some(at + ends.trailing_zeros() as usize);
            }
            at += BLOCK;
        }
        lex::quoted_end(b'"', bytes, escapes.behind(at))
    }
}

impl Job for ContainerEnd<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, lanes: impl Lanes) -> Option<usize> {
        let ContainerEnd { bytes, start } = self;
        let mut at = start;
        let mut depth = 1;
        let mut escapes = Escapes::default();
        // All ones if the block starts inside a string.
        let mut inside = 0_u64;
        while let Some(block) = bytes.get(at..)?.first_chunk() {
            let slashes = equal(lanes, block, b'\\');
            let quotes = equal(lanes, block, b'"') & !escapes.of(slashes);
            if quotes == 0 && inside != 0 {
                at += BLOCK;
                continue;
            }
            let strings = fill(quotes) ^ inside;
            let odd = (equal(lanes, block, b'\'') | slashes) & !strings;
            // The bytes before the first odd one, or all.
            let plain = (odd & odd.wrapping_neg()).wrapping_sub(1) & !strings;
            let opening = folded(lanes, block, b'{') & plain;
            let closing = folded(lanes, block, b'}') & plain;
            let closed = closing.count_ones() as usize;
            if closed >= depth
                && let Some(end) = last_bracket(opening, closing, depth)
            {
                return Some(at + end + 1);
            }
            depth = depth + opening.count_ones() as usize - closed;
            if odd == 0 {
                inside = if strings >> (BLOCK - 1) == 0 { 0 } else { u64::MAX };
                at += BLOCK;
            } else {
                at = lex::step_odd(bytes, at + odd.trailing_zeros() as usize)? + 1;
                (escapes, inside) = (Escapes::default(), 0);
            }
        }
        if inside != 0 {
            at = lex::quoted_end(b'"', bytes, escapes.behind(at))? + 1;
        }
        lex::skip_levels(bytes, at, depth)
    }
}

/// Bit `n` tells whether byte `n` is `byte`.
#[inline(always)]
fn equal(lanes: impl Lanes, block: &[u8; BLOCK], byte: u8) -> u64 {
    both(block, |half| lanes.equal(half, byte))
}

/// Bit `n` tells whether byte `n` is `byte` once its bit 0x20 is set: `{` finds
/// both opening brackets, `}` both closing ones.
#[inline(always)]
fn folded(lanes: impl Lanes, block: &[u8; BLOCK], byte: u8) -> u64 {
    both(block, |half| lanes.equal_folded(half, byte))
}

#[inline(always)]
fn both(block: &[u8; BLOCK], bits: impl Fn(&[u8; HALF]) -> u32) -> u64 {
    let [low, high] = block.as_chunks().0 else { return 0 };
    u64::from(bits(low)) | u64::from(bits(high)) << HALF
}

/// The bit of the bracket in `closing` that closes the outermost of `depth` levels.
#[inline]
fn last_bracket(opening: u64, mut closing: u64, mut depth: usize) -> Option<usize> {
    let mut before = 0;
    while closing != 0 {
        let below = (closing & closing.wrapping_neg()).wrapping_sub(1);
        depth = depth + (opening & below & !before).count_ones() as usize - 1;
        if depth == 0 {
            return Some(closing.trailing_zeros() as usize);
        }
        before = below;
        closing &= closing - 1;
    }
    None
}

/// For each bit whether an odd number of bits is set up to and including it:
/// from quotes, which bytes belong to strings (the closing quote does not).
#[inline]
const fn fill(mut bits: u64) -> u64 {
    let mut by = 1;
    while by < BLOCK {
        bits ^= bits << by;
        by *= 2;
    }
    bits
}

/// Which bytes are escaped, block after block.
#[derive(Default)]
struct Escapes {
    /// One if the first byte of the next block is escaped.
    carry: u64,
}

impl Escapes {
    /// The escaped bytes of the next block, whose backslashes are `slashes`.
    ///
    /// In every run of backslashes each second one is escaped, and so is the
    /// byte behind a run of odd length. Adding a run's first bit to the run
    /// carries to the bit behind it; whether that has the parity of the run's
    /// start tells whether its length is even.
    #[inline(always)]
    fn of(&mut self, slashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let slashes = slashes & !self.carry;
        let behind = slashes << 1 | self.carry;
        let odd_starts = slashes & !EVEN & !behind;
        let (runs, overflow) = odd_starts.overflowing_add(slashes);
        self.carry = u64::from(overflow);
        (EVEN ^ runs << 1) & behind
    }

    /// The first position from `at`, where the next block would start, that is
    /// not escaped by what came before.
    fn behind(&self, at: usize) -> usize {
        at + usize::from(self.carry != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanes::Words;
    use proptest::prelude::*;

    /// The rule itself: a backslash takes the byte behind it along.
    fn string_end_slowly(bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            match bytes.get(at)? {
                b'"' => return Some(at),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    fn container_end_slowly(bytes: &[u8], mut at: usize) -> Option<usize> {
        let mut depth = 1;
        loop {
            match bytes.get(at)? {
                b'"' => at = string_end_slowly(bytes, at + 1)?,
                b'\'' => at = lex::step_odd(bytes, at)?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => return Some(at + 1),
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
        }
    }

    fn agree(bytes: &[u8]) {
        let shown = String::from_utf8_lossy(bytes);
        for start in [0, 1, 7, bytes.len()] {
            let end = string_end_slowly(bytes, start);
            assert_eq!(string_end(bytes, start), end, "string from {start} of {shown}");
            assert_eq!(Words.run(StringEnd { bytes, start }), end, "words from {start} of {shown}");
            let end = container_end_slowly(bytes, start);
            assert_eq!(container_end(bytes, start), end, "container from {start} of {shown}");
            assert_eq!(Words.run(ContainerEnd { bytes, start }), end, "words, {start} of {shown}");
        }
    }

    #[test]
    fn backslashes_may_stand_anywhere() {
        for before in 55..75 {
            for slashes in 0..140 {
                let mut bytes = vec![b'x'; before];
                bytes.extend(vec![b'\\'; slashes]);
                bytes.extend(br#"","'[}"}}}"#);
                bytes.extend([b' '; 70]);
                agree(&bytes);
                bytes.insert(0, b'"');
                agree(&bytes);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn all_ways_find_the_same_ends(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "\"", "\\", "\\\\", "\\\"", "'", "{", "}", "[", "]", ",", ":", " ", "é", "[[", "}]",
                    "plain text of some length, without any quote in it", "\"key\":", ",'", "\\\\\\",
                ]),
                0..60,
            ),
        ) {
            agree(pieces.concat().as_bytes());
        }

        #[test]
        fn noise_is_seen_alike(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            agree(&bytes);
        }
    }
}
