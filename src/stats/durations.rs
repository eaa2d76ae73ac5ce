//! Percentiles of durations over the last minute.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::sliding::Sliding;
use crate::domain::Mono;

/// One unit of the histogram: a tenth of a millisecond.
const UNITS_PER_MS: f64 = 10.0;
/// Longest duration told apart: ten minutes.
const LONGEST: u32 = 6_000_000;

/// The last minute or a little more of durations, to two digits. Costs memory (9 KiB a slot)
/// only in slots that hold something.
#[derive(Clone, Debug)]
pub struct Durations {
    slots: Sliding<Option<Box<Histogram<u32>>>>,
}

impl Default for Durations {
    fn default() -> Self {
        Durations { slots: Sliding::new(Duration::from_secs(15), 5) }
    }
}

impl Durations {
    /// Count one duration. Negative and absurd ones are the caller's to drop.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the histogram's range first"
    )]
    pub fn record(&mut self, when: Mono, ms: f64) {
        let units = (ms * UNITS_PER_MS).clamp(1.0, f64::from(LONGEST)) as u64;
        let Some(slot) = self.slots.at(when) else { return };
        if slot.is_none() {
            *slot = empty().map(Box::new);
        }
        if let Some(histogram) = slot {
            histogram.saturating_record(units);
        }
    }

    /// 50th, 95th and 99th percentile in milliseconds and the count behind
    /// them; `None` without a sample.
    #[must_use]
    pub fn percentiles(&self, now: Mono) -> Option<([f64; 3], u64)> {
        let mut filled =
            self.slots.recent(now, Duration::from_secs(75)).filter_map(|slot| slot.as_deref());
        let first = filled.next()?;
        let Some(second) = filled.next() else { return Some(read(first)) };
        let mut all = first.clone();
        // All slots share bounds, so adding cannot fail.
        let _ = all.add(second);
        for slot in filled {
            let _ = all.add(slot);
        }
        Some(read(&all))
    }
}

fn read(histogram: &Histogram<u32>) -> ([f64; 3], u64) {
    #[allow(clippy::cast_precision_loss, reason = "at most 6,000,000")]
    let at = |q: f64| histogram.value_at_quantile(q) as f64 / UNITS_PER_MS;
    ([at(0.50), at(0.95), at(0.99)], histogram.len())
}

fn empty() -> Option<Histogram<u32>> {
    Histogram::new_with_bounds(1, LONGEST.into(), 2).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn percentiles_cover_the_last_minute_only() {
        let mut durations = Durations::default();
        for ms in 1..=100 {
            durations.record(Mono(100 * S), f64::from(ms));
        }
        for _ in 0..100 {
            durations.record(Mono(130 * S), 1000.0);
        }
        let ([p50, p95, _], count) = durations.percentiles(Mono(131 * S)).unwrap();
        assert_eq!(count, 200);
        assert!((p50 - 100.0).abs() <= 1.0, "{p50}");
        assert!((p95 - 1000.0).abs() <= 10.0, "{p95}");
        let (_, later) = durations.percentiles(Mono(180 * S)).unwrap();
        assert_eq!(later, 100);
        assert!(durations.percentiles(Mono(400 * S)).is_none());
    }
}
