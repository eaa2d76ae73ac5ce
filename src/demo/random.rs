//! A small seeded generator (SplitMix64), so that one seed always sends the
//! same traffic. Good enough to spread calls; nothing secret comes from it.

use std::ops::Range;
use std::time::Duration;

/// The generator. Equal seeds give equal sequences.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A generator for one purpose: `stream` keeps purposes of one seed apart.
    pub(super) fn new(seed: u64, stream: u64) -> Random {
        let mut mixed = Random(seed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95));
        mixed.bits();
        mixed
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// At least 0, less than 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether an event of this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number from the range; its start if it is empty.
    pub(super) fn within(&mut self, range: &Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start).max(1);
        range.start + self.bits() % width
    }

    /// Waiting time to the next event that comes `per_s` times a second on average.
    pub(super) fn interval(&mut self, per_s: f64) -> Duration {
        let seconds = -(1.0 - self.unit()).ln() / per_s.max(0.001);
        Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
    }

    /// The span, longer or shorter by up to a third, with a long tail now and then.
    pub(super) fn jitter(&mut self, span: Duration) -> Duration {
        let tail = if self.chance(0.03) { 2.5 } else { 1.0 };
        span.mul_f64((0.67 + 0.66 * self.unit()) * tail)
    }

    /// Which of the weights is drawn, by index; `None` if they sum to nothing.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> Option<usize> {
        let total: f64 = weights.clone().sum();
        let mut left = self.unit() * total;
        let mut last = None;
        for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
            last = Some(index);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}
