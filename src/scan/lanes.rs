//! Thirty-two bytes compared at once, with the widest registers there are.
//!
//! This is the one place with `unsafe` in it: it calls code that was compiled for
//! AVX2, after asking the processor. On any other the same code runs on plain
//! words, and the two must not differ in anything but speed.
#![allow(unsafe_code, reason = "calling code compiled for a newer processor")]
#![allow(clippy::inline_always, reason = "what is not inlined there is not compiled for it")]

#[cfg(target_arch = "x86_64")]
use self::avx2::Avx2;

/// Bytes compared at once.
pub(super) const HALF: usize = 32;

/// A way to compare bytes. In all answers bit `n` speaks of byte `n`.
pub(super) trait Lanes: Copy {
    /// Which bytes are `byte`.
    fn equal(self, bytes: &[u8; HALF], byte: u8) -> u32;

    /// Which bytes are one of two.
    fn either(self, bytes: &[u8; HALF], one: u8, other: u8) -> u32;

    /// Which bytes are `byte` once their bit 0x20 is set.
    fn equal_folded(self, bytes: &[u8; HALF], byte: u8) -> u32;

    /// Which bytes are at most `byte`.
    fn at_most(self, bytes: &[u8; HALF], byte: u8) -> u32;

    /// Which bytes are the same in both.
    fn same(self, one: &[u8; HALF], other: &[u8; HALF]) -> u32;

    /// Does a long job apart from what asks for it, which keeps its registers.
    fn apart<J: Job>(self, job: J) -> J::Output;
}

/// Work that compares bytes. Everything in it should be inlined, so that it is
/// compiled for the processor that it runs on.
pub(super) trait Job {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run(self, lanes: impl Lanes) -> Self::Output;
}

/// Does `job` in the fastest way that this processor can.
#[inline]
pub(super) fn run<J: Job>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Avx2::detect() {
        return lanes.run(job);
    }
    Words.run(job)
}

/// Eight bytes at a time, on any processor.
#[derive(Clone, Copy)]
pub(super) struct Words;

impl Words {
    /// Apart from the way that nearly all processors take.
    #[inline(never)]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        job.run(self)
    }

    #[inline(always)]
    fn bits(bytes: &[u8; HALF], high_bits: impl Fn(u64) -> u64) -> u32 {
        // Moves the high bits of eight bytes, shifted down, to the top byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let words = bytes.as_chunks().0.iter().rev();
        words.fold(0, |mask, word| {
            let high_bits = high_bits(u64::from_le_bytes(*word)) & repeat(0x80);
            let [.., top] = ((high_bits >> 7).wrapping_mul(GATHER)).to_le_bytes();
            mask << 8 | u32::from(top)
        })
    }

    /// The high bit of each byte that is zero.
    #[inline(always)]
    const fn zeros(word: u64) -> u64 {
        !(((word & repeat(0x7f)) + repeat(0x7f)) | word)
    }
}

#[inline(always)]
const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

impl Lanes for Words {
    #[inline(always)]
    fn equal(self, bytes: &[u8; HALF], byte: u8) -> u32 {
        Words::bits(bytes, |word| Words::zeros(word ^ repeat(byte)))
    }

    #[inline(always)]
    fn either(self, bytes: &[u8; HALF], one: u8, other: u8) -> u32 {
        self.equal(bytes, one) | self.equal(bytes, other)
    }

    #[inline(always)]
    fn equal_folded(self, bytes: &[u8; HALF], byte: u8) -> u32 {
        Words::bits(bytes, |word| Words::zeros((word | repeat(0x20)) ^ repeat(byte)))
    }

    #[inline(always)]
    fn at_most(self, bytes: &[u8; HALF], byte: u8) -> u32 {
        bytes.iter().rev().fold(0, |mask, have| mask << 1 | u32::from(*have <= byte))
    }

    #[inline(always)]
    fn same(self, one: &[u8; HALF], other: &[u8; HALF]) -> u32 {
        let pairs = one.iter().zip(other).rev();
        pairs.fold(0, |mask, (one, other)| mask << 1 | u32::from(one == other))
    }

    #[inline(always)]
    fn apart<J: Job>(self, job: J) -> J::Output {
        self.run(job)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{HALF, Job, Lanes};
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };

    /// One register. Whoever has this knows that the processor can do what the
    /// functions here are compiled for.
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
        pub(super) fn run<J: Job>(self, job: J) -> J::Output {
            // SAFETY: `self` says that the processor can.
            unsafe { run(self, job) }
        }
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn run<J: Job>(lanes: Avx2, job: J) -> J::Output {
        job.run(lanes)
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn equal(self, bytes: &[u8; HALF], byte: u8) -> u32 {
            // SAFETY: `self` says that the processor can.
            unsafe { equal(bytes, byte) }
        }

        #[inline(always)]
        fn either(self, bytes: &[u8; HALF], one: u8, other: u8) -> u32 {
            // SAFETY: `self` says that the processor can.
            unsafe { either(bytes, one, other) }
        }

        #[inline(always)]
        fn equal_folded(self, bytes: &[u8; HALF], byte: u8) -> u32 {
            // SAFETY: `self` says that the processor can.
            unsafe { equal_folded(bytes, byte) }
        }

        #[inline(always)]
        fn at_most(self, bytes: &[u8; HALF], byte: u8) -> u32 {
            // SAFETY: `self` says that the processor can.
            unsafe { at_most(bytes, byte) }
        }

        #[inline(always)]
        fn same(self, one: &[u8; HALF], other: &[u8; HALF]) -> u32 {
            // SAFETY: `self` says that the processor can.
            unsafe { same(one, other) }
        }

        #[inline(always)]
        fn apart<J: Job>(self, job: J) -> J::Output {
            self.run(job)
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal(bytes: &[u8; HALF], byte: u8) -> u32 {
        bits(_mm256_cmpeq_epi8(load(bytes), repeat(byte)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn either(bytes: &[u8; HALF], one: u8, other: u8) -> u32 {
        let bytes = load(bytes);
        let [one, other] = [one, other].map(|byte| _mm256_cmpeq_epi8(bytes, repeat(byte)));
        bits(_mm256_or_si256(one, other))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal_folded(bytes: &[u8; HALF], byte: u8) -> u32 {
        bits(_mm256_cmpeq_epi8(_mm256_or_si256(load(bytes), repeat(0x20)), repeat(byte)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn at_most(bytes: &[u8; HALF], byte: u8) -> u32 {
        let bytes = load(bytes);
        bits(_mm256_cmpeq_epi8(_mm256_min_epu8(bytes, repeat(byte)), bytes))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn same(one: &[u8; HALF], other: &[u8; HALF]) -> u32 {
        bits(_mm256_cmpeq_epi8(load(one), load(other)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn repeat(byte: u8) -> __m256i {
        _mm256_set1_epi8(byte.cast_signed())
    }

    /// The highest bit of each byte.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(bytes: __m256i) -> u32 {
        _mm256_movemask_epi8(bytes).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; HALF]) -> __m256i {
        // SAFETY: as many bytes, of which any pattern is a vector.
        unsafe { std::mem::transmute(*bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All answers about some bytes.
    struct All<'a>(&'a [u8; HALF], &'a [u8; HALF], u8);

    impl Job for All<'_> {
        type Output = [u32; 5];

        #[inline(always)]
        fn run(self, lanes: impl Lanes) -> [u32; 5] {
            let All(one, other, byte) = self;
            let (equal, folded) = (lanes.equal(one, byte), lanes.equal_folded(one, byte));
            let either = lanes.either(one, byte, other[0]);
            [equal, folded, either, lanes.at_most(one, byte), lanes.same(one, other)]
        }
    }

    fn one_by_one(all: &All<'_>) -> [u32; 5] {
        let All(one, other, byte) = *all;
        let bits = |bit: &dyn Fn(usize) -> bool| {
            (0..HALF).map(|at| u32::from(bit(at)) << at).fold(0, |mask, bit| mask | bit)
        };
        [
            bits(&|at| one[at] == byte),
            bits(&|at| one[at] | 0x20 == byte),
            bits(&|at| one[at] == byte || one[at] == other[0]),
            bits(&|at| one[at] <= byte),
            bits(&|at| one[at] == other[at]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_way_to_compare_says_the_same(
            one in any::<[u8; HALF]>(),
            other in any::<[u8; HALF]>(),
            at in 0..HALF,
            near in any::<bool>(),
        ) {
            let byte = if near { one[at] | 0x20 } else { other[at] };
            let mut mixed = one;
            mixed[..at].copy_from_slice(&other[..at]);
            let all = || All(&one, &mixed, byte);
            let wanted = one_by_one(&all());
            prop_assert_eq!(run(all()), wanted);
            prop_assert_eq!(Words.run(all()), wanted);
        }
    }
}
