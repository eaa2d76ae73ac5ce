//! Strings and containers stepped over 64 bytes at a time.
//!
//! A block becomes a few masks, one bit a byte: quotes, backslashes, brackets.
//! With them, escapes and nesting are arithmetic, and a prompt full of `\n` and
//! `\"` costs no more than plain text. What masks cannot say (a single quote or a
//! backslash outside of strings) is left to the rules of [`lex`], one byte at a
//! time; so is what is left behind the last whole block.
//!
//! This is the one place with `unsafe` in it: calls of functions compiled for
//! AVX2, after asking the processor. On any other the same code runs on plain
//! words. Both are tested against each other and against one byte at a time.
#![allow(unsafe_code, reason = "calling functions compiled for a newer processor")]
#![allow(clippy::inline_always, reason = "what is not inlined there is not compiled for it")]

#[cfg(target_arch = "x86_64")]
use self::avx2::Avx2;
use super::lex;

/// Bytes in a block.
const BLOCK: usize = 64;

/// The position of the double quote that closes a string, of whose content
/// `start` is the first byte.
#[inline]
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Avx2::detect() {
        return lanes.string_end(bytes, start);
    }
    string_end_by(Words, bytes, start)
}

/// The position behind the bracket that closes a container whose content
/// starts at `start`. Counts brackets, so depth costs nothing.
#[inline]
pub(super) fn container_end(bytes: &[u8], start: usize) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Avx2::detect() {
        return lanes.container_end(bytes, start);
    }
    container_end_by(Words, bytes, start)
}

/// A way to compare the bytes of a block.
trait Lanes: Copy {
    /// Bit `n` tells whether byte `n` is `byte`.
    fn equal(self, block: &[u8; BLOCK], byte: u8) -> u64;

    /// Bit `n` tells whether byte `n` is `byte` when its bit 0x20 is set:
    /// `{` finds both opening brackets, `}` both closing ones.
    fn equal_folded(self, block: &[u8; BLOCK], byte: u8) -> u64;
}

#[inline(always)]
fn string_end_by(lanes: impl Lanes, bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut escapes = Escapes::default();
    while let Some(block) = bytes.get(at..)?.first_chunk() {
        let escaped = escapes.of(lanes.equal(block, b'\\'));
        let ends = lanes.equal(block, b'"') & !escaped;
        if ends != 0 {
            return Some(at + ends.trailing_zeros() as usize);
        }
        at += BLOCK;
    }
    lex::quoted_end(b'"', bytes, escapes.behind(at))
}

#[inline(always)]
fn container_end_by(lanes: impl Lanes, bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut depth = 1;
    let mut escapes = Escapes::default();
    // All ones if the block starts inside a string.
    let mut inside = 0_u64;
    while let Some(block) = bytes.get(at..)?.first_chunk() {
        let slashes = lanes.equal(block, b'\\');
        let quotes = lanes.equal(block, b'"') & !escapes.of(slashes);
        if quotes == 0 && inside != 0 {
            at += BLOCK;
            continue;
        }
        let strings = fill(quotes) ^ inside;
        let odd = (lanes.equal(block, b'\'') | slashes) & !strings;
        // The bytes before the first odd one, or all.
        let plain = (odd & odd.wrapping_neg()).wrapping_sub(1) & !strings;
        let opening = lanes.equal_folded(block, b'{') & plain;
        let closing = lanes.equal_folded(block, b'}') & plain;
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

/// Eight bytes at a time, on any processor.
#[derive(Clone, Copy)]
struct Words;

impl Words {
    #[inline(always)]
    fn zeros(block: &[u8; BLOCK], change: impl Fn(u64) -> u64) -> u64 {
        const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
        // Moves the high bits of eight bytes, shifted down, to the top byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        block.as_chunks::<8>().0.iter().rev().fold(0, |mask, word| {
            let word = change(u64::from_le_bytes(*word));
            let zeros = !(((word & LOW) + LOW) | word | LOW);
            mask << 8 | (zeros >> 7).wrapping_mul(GATHER) >> 56
        })
    }
}

impl Lanes for Words {
    #[inline(always)]
    fn equal(self, block: &[u8; BLOCK], byte: u8) -> u64 {
        Words::zeros(block, |word| word ^ u64::from_le_bytes([byte; 8]))
    }

    #[inline(always)]
    fn equal_folded(self, block: &[u8; BLOCK], byte: u8) -> u64 {
        const FOLD: u64 = u64::from_le_bytes([0x20; 8]);
        Words::zeros(block, |word| (word | FOLD) ^ u64::from_le_bytes([byte; 8]))
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{BLOCK, Lanes, container_end_by, string_end_by};
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    /// Thirty-two bytes at a time. Whoever has one knows that the processor
    /// can do what the functions here were compiled for.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    impl Avx2 {
        #[inline]
        pub(super) fn detect() -> Option<Avx2> {
            let usable = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("popcnt");
            usable.then_some(Avx2(()))
        }

        #[inline]
        pub(super) fn string_end(self, bytes: &[u8], start: usize) -> Option<usize> {
            // SAFETY: `self` says that the processor can.
            unsafe { string_end(self, bytes, start) }
        }

        #[inline]
        pub(super) fn container_end(self, bytes: &[u8], start: usize) -> Option<usize> {
            // SAFETY: `self` says that the processor can.
            unsafe { container_end(self, bytes, start) }
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn equal(self, block: &[u8; BLOCK], byte: u8) -> u64 {
            // SAFETY: `self` says that the processor can.
            unsafe { equal(block, byte) }
        }

        #[inline(always)]
        fn equal_folded(self, block: &[u8; BLOCK], byte: u8) -> u64 {
            // SAFETY: `self` says that the processor can.
            unsafe { equal_folded(block, byte) }
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn string_end(lanes: Avx2, bytes: &[u8], start: usize) -> Option<usize> {
        string_end_by(lanes, bytes, start)
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn container_end(lanes: Avx2, bytes: &[u8], start: usize) -> Option<usize> {
        container_end_by(lanes, bytes, start)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
        let wanted = _mm256_set1_epi8(byte.cast_signed());
        bits(halves(block).map(|half| _mm256_cmpeq_epi8(half, wanted)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal_folded(block: &[u8; BLOCK], byte: u8) -> u64 {
        let (wanted, fold) = (_mm256_set1_epi8(byte.cast_signed()), _mm256_set1_epi8(0x20));
        bits(halves(block).map(|half| _mm256_cmpeq_epi8(_mm256_or_si256(half, fold), wanted)))
    }

    /// The highest bit of each byte.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(halves: [__m256i; 2]) -> u64 {
        let [low, high] = halves.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
        low | high << 32
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(block: &[u8; BLOCK]) -> [__m256i; 2] {
        // SAFETY: as many bytes, of which any pattern is a vector.
        unsafe { std::mem::transmute(*block) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(string_end_by(Words, bytes, start), end, "words from {start} of {shown}");
            let end = container_end_slowly(bytes, start);
            assert_eq!(container_end(bytes, start), end, "container from {start} of {shown}");
            assert_eq!(container_end_by(Words, bytes, start), end, "words, {start} of {shown}");
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
