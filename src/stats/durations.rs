//! Percentiles of durations over the last minute.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::sliding::Sliding;
use crate::domain::Mono;

/// One unit of the histogram: a tenth of a millisecond.
const UNITS_PER_MS: f64 = 10.0;
/// Longest duration told apart: ten minutes.
const LONGEST: u32 = 6_000_000;

/// Durations of a slot that are kept as they are; of more there is a histogram.
const FEW: usize = 32;

/// 50th, 95th and 99th percentile in milliseconds, and the count behind them.
pub type Percentiles = ([f64; 3], u64);

/// The last 60 to 75 s of durations, to two digits. A slot costs memory for
/// what it holds: nothing, some words, or 9 KiB.
#[derive(Clone, Debug)]
pub struct Durations {
    slots: Sliding<Slot>,
}

#[derive(Clone, Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Few(Vec<u32>),
    Many(Box<Counted>),
}

/// Durations as a histogram tells them apart, and the longest as it was.
#[derive(Clone, Debug)]
struct Counted {
    histogram: Histogram<u32>,
    longest: u32,
}

impl Default for Durations {
    fn default() -> Self {
        Durations { slots: Sliding::new(Duration::from_secs(15), 5) }
    }
}

impl Durations {
    /// Free what [`percentiles`](Self::percentiles) does not show any more, also where no
    /// further duration comes.
    pub fn forget(&mut self, now: Mono) {
        self.slots.forget(now);
    }

    /// Count one duration. Negative and absurd ones are the caller's to drop.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the histogram's range first"
    )]
    pub fn record(&mut self, when: Mono, ms: f64) {
        let units = (ms * UNITS_PER_MS).clamp(1.0, f64::from(LONGEST)) as u32;
        let Some(slot) = self.slots.at(when) else { return };
        match slot {
            Slot::Many(counted) => counted.record(units),
            Slot::Few(few) if few.len() < FEW => few.push(units),
            Slot::Few(_) => {
                if let Some(mut counted) = Counted::nothing().map(Box::new) {
                    slot.add_to(&mut counted);
                    counted.record(units);
                    *slot = Slot::Many(counted);
                }
            }
            Slot::Empty => {
                let mut few = Vec::with_capacity(FEW);
                few.push(units);
                *slot = Slot::Few(few);
            }
        }
    }

    /// What the last minute shows; `None` without a sample.
    #[must_use]
    pub fn percentiles(&self, now: Mono) -> Option<Percentiles> {
        Durations::percentiles_of(&std::iter::once(self), now)
    }

    /// The same of all of these together, to the digit what one of them that had counted
    /// everything would say.
    #[must_use]
    pub fn percentiles_of<'a>(
        all: &(impl Iterator<Item = &'a Durations> + Clone),
        now: Mono,
    ) -> Option<Percentiles> {
        let filled = || {
            let slots = |one: &'a Durations| one.slots.recent(now, Duration::from_secs(75));
            all.clone().flat_map(slots).filter(|slot| !matches!(slot, Slot::Empty))
        };
        let first = filled().next()?;
        if let (Slot::Many(counted), None) = (first, filled().nth(1)) {
            return Some(counted.read());
        }
        let mut all = Counted::nothing()?;
        filled().for_each(|slot| slot.add_to(&mut all));
        Some(all.read())
    }
}

impl Slot {
    fn add_to(&self, all: &mut Counted) {
        match self {
            Slot::Empty => {}
            Slot::Few(few) => few.iter().for_each(|units| all.record(*units)),
            Slot::Many(counted) => all.add(counted),
        }
    }
}

impl Counted {
    fn nothing() -> Option<Counted> {
        let histogram = Histogram::new_with_bounds(1, LONGEST.into(), 2).ok()?;
        Some(Counted { histogram, longest: 0 })
    }

    fn record(&mut self, units: u32) {
        self.histogram.saturating_record(units.into());
        self.longest = self.longest.max(units);
    }

    fn add(&mut self, other: &Counted) {
        // All share bounds, so adding cannot fail.
        let _ = self.histogram.add(&other.histogram);
        self.longest = self.longest.max(other.longest);
    }

    /// The histogram answers with the upper end of what it does not tell apart.
    fn read(&self) -> Percentiles {
        #[allow(clippy::cast_precision_loss, reason = "at most 6,000,000")]
        let at = |q: f64| {
            let units = self.histogram.value_at_quantile(q).min(self.longest.into());
            units as f64 / UNITS_PER_MS
        };
        ([at(0.50), at(0.95), at(0.99)], self.histogram.len())
    }
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

    /// Whether they are kept as they are or as a histogram, and in whichever slot.
    #[test]
    fn several_together_say_what_one_that_counted_all_would() {
        let [mut all, mut few, mut many] = [(); 3].map(|()| Durations::default());
        for n in 0..400_u32 {
            let part = if n % 40 == 0 { &mut few } else { &mut many };
            for durations in [&mut all, part] {
                durations.record(Mono((100 + u64::from(n) / 8) * S), 3.7 * f64::from(n * 7 % 401));
            }
        }
        for now in [99, 120, 150, 180, 230] {
            let together = Durations::percentiles_of(&[&few, &many].into_iter(), Mono(now * S));
            assert_eq!(together, all.percentiles(Mono(now * S)), "{now}");
        }
        assert!(all.percentiles(Mono(150 * S)).is_some_and(|(_, count)| count == 400));
        assert_eq!(Durations::percentiles_of(&std::iter::empty(), Mono(150 * S)), None);
    }

    #[test]
    fn no_percentile_is_above_the_longest_duration() {
        let mut durations = Durations::default();
        for second in 100..160 {
            durations.record(Mono(second * S), 1500.0);
        }
        let (shown, _) = durations.percentiles(Mono(160 * S)).unwrap();
        assert!(shown.iter().all(|ms| (ms - 1500.0).abs() < 1e-9), "{shown:?}");
    }

    #[test]
    fn few_durations_cost_little_and_old_ones_nothing() {
        let held = |durations: &Durations| {
            let slots = durations.slots.recent(durations.slots.last(), Duration::from_secs(75));
            let size = |slot: &Slot| match slot {
                Slot::Empty => 0,
                Slot::Few(few) => few.capacity() * 4,
                Slot::Many(_) => 9 * 1024,
            };
            slots.map(size).sum::<usize>()
        };
        let mut durations = Durations::default();
        for second in (100..160).step_by(5) {
            durations.record(Mono(second * S), 10.0);
        }
        assert!(held(&durations) < 1024, "{}", held(&durations));
        assert_eq!(durations.percentiles(Mono(160 * S)).unwrap().1, 12);
        durations.forget(Mono(190 * S));
        assert_eq!(durations.percentiles(Mono(190 * S)).unwrap().1, 8, "not all of it is old");
        durations.forget(Mono(1000 * S));
        assert_eq!(held(&durations), 0);
        for _ in 0..100 {
            durations.record(Mono(1000 * S), 10.0);
        }
        assert_eq!(durations.percentiles(Mono(1001 * S)).unwrap().1, 100, "many are many");
        durations.forget(Mono(2000 * S));
        assert_eq!(held(&durations), 0);
    }
}
