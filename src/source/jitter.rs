//! Chance, so that what starts together does not stay in step.

use std::time::Duration;

/// Random times; the same for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// Unlike that of another name or moment.
    pub fn of(name: &str, moment: i64) -> Jitter {
        Jitter(name.bytes().fold(moment.cast_unsigned(), |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        }))
    }

    /// Anything from zero to `most`, evenly (SplitMix64).
    pub fn up_to(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let part = (u128::from(mixed) * u128::from(nanos)) >> 64;
        Duration::from_nanos(u64::try_from(part).unwrap_or(nanos))
    }
}
