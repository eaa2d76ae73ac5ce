//! A window that slides over the monotonic clock in fixed slots.

use std::time::Duration;

use super::LEAST;
use crate::domain::Mono;

/// `slots` accumulators of `T`, each covering `width`; old ones are forgotten
/// as time goes on. Late values still find their slot while it lasts.
#[derive(Clone, Debug)]
pub struct Sliding<T> {
    width_ns: u64,
    /// Number of the newest slot since the start of the clock.
    head: u64,
    /// When the newest slot begins, and where it is kept.
    head_from_ns: u64,
    head_index: usize,
    slots: Box<[T]>,
}

/// From when on everything that happened is known. A window that reaches back
/// further than that is not filled yet, and a rate is over what it does cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// From then on, up to now.
    Since(Mono),
    /// Not up to now: what lies before it is still being read.
    NotYet,
}

impl Known {
    /// Both, where what happened before `moment` says nothing here.
    #[must_use]
    pub fn but_after(self, moment: Mono) -> Known {
        match self {
            Known::Since(since) => Known::Since(since.max(moment)),
            Known::NotYet => Known::NotYet,
        }
    }
}

impl<T: Default> Sliding<T> {
    /// A window of `slots` slots of `width` each.
    #[must_use]
    pub fn new(width: Duration, slots: usize) -> Self {
        let width_ns = u64::try_from(width.as_nanos()).unwrap_or(u64::MAX).max(1);
        let slots = (0..slots.max(1)).map(|_| T::default()).collect();
        Sliding { width_ns, head: 0, head_from_ns: 0, head_index: 0, slots }
    }

    /// The accumulator of the slot that `when` falls into; `None` if that slot
    /// is already forgotten.
    pub fn at(&mut self, when: Mono) -> Option<&mut T> {
        // Nearly everything is of the newest slot, and divisions are slow.
        let index = if when.0.wrapping_sub(self.head_from_ns) < self.width_ns {
            self.head_index
        } else {
            let slot = when.0 / self.width_ns;
            if slot > self.head {
                self.forget_until(slot);
            } else if self.head - slot >= self.slots.len() as u64 {
                return None;
            }
            self.index_of(slot)
        };
        self.slots.get_mut(index)
    }

    /// When the newest slot that was asked for begins.
    #[must_use]
    pub fn last(&self) -> Mono {
        Mono(self.head_from_ns)
    }

    /// Forget what is too old at `now`.
    pub fn forget(&mut self, now: Mono) {
        let slot = now.0 / self.width_ns;
        if slot > self.head {
            self.forget_until(slot);
        }
    }

    /// Forget all of it.
    pub fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot = T::default());
    }

    /// The accumulators that cover the last `span` before `now`, newest first.
    pub fn recent(&self, now: Mono, span: Duration) -> impl Iterator<Item = &T> {
        self.recent_known(now, span, Known::Since(Mono(0)))
    }

    /// The same of what [`covered_s`](Self::covered_s) is about: a sum of more would be
    /// divided by less time than it is of.
    pub fn recent_known(
        &self,
        now: Mono,
        span: Duration,
        known: Known,
    ) -> impl Iterator<Item = &T> {
        let known_from = match known {
            Known::Since(since) => since.0 / self.width_ns,
            Known::NotYet => u64::MAX,
        };
        let kept_from = self.head.saturating_sub(self.slots.len() as u64 - 1);
        let until = (now.0 / self.width_ns).min(self.head);
        let from = self.oldest(now, span).max(kept_from).max(known_from);
        // Their places follow each other: one division, and not one for each of them.
        let newest = if until == self.head { self.head_index } else { self.index_of(until) };
        let (newer, older) = self.slots.split_at(self.slots.len().min(newest + 1));
        let count = usize::try_from((until + 1).saturating_sub(from)).unwrap_or(usize::MAX);
        newer.iter().rev().chain(older.iter().rev()).take(count)
    }

    /// Seconds that a sum over [`recent`](Self::recent) is about, which is what
    /// makes a rate of it: from where its oldest slot begins, or from where on
    /// anything is known, to `now`. `None` where that is less than [`LEAST`]: no
    /// rate is known yet.
    #[must_use]
    pub fn covered_s(&self, now: Mono, span: Duration, known: Known) -> Option<f64> {
        let Known::Since(since) = known else { return None };
        let begin = Mono(self.oldest(now, span).saturating_mul(self.width_ns));
        let covered = now.since(begin.max(since));
        (covered >= LEAST).then_some(covered.as_secs_f64())
    }

    /// Number of the slot that a span before `now` begins with.
    fn oldest(&self, now: Mono, span: Duration) -> u64 {
        let span_ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let wanted = (span_ns / self.width_ns).clamp(1, self.slots.len() as u64);
        (now.0 / self.width_ns).saturating_sub(wanted - 1)
    }

    #[allow(clippy::cast_possible_truncation, reason = "reduced modulo a length")]
    fn index_of(&self, slot: u64) -> usize {
        (slot % self.slots.len() as u64) as usize
    }

    fn forget_until(&mut self, slot: u64) {
        let steps = (slot - self.head).min(self.slots.len() as u64);
        for step in 0..steps {
            let index = self.index_of(slot - step);
            if let Some(value) = self.slots.get_mut(index) {
                *value = T::default();
            }
        }
        self.head = slot;
        self.head_from_ns = slot * self.width_ns;
        self.head_index = self.index_of(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    fn sum(window: &Sliding<u64>, now: Mono, secs: u64) -> u64 {
        window.recent(now, Duration::from_secs(secs)).sum()
    }

    #[test]
    fn late_values_find_their_slot_and_very_late_ones_do_not() {
        let mut window = Sliding::<u64>::new(Duration::from_secs(1), 10);
        *window.at(Mono(100 * S)).unwrap() += 1;
        *window.at(Mono(95 * S)).unwrap() += 1;
        assert!(window.at(Mono(90 * S)).is_none());
        assert_eq!(sum(&window, Mono(100 * S), 10), 2);
        assert_eq!(sum(&window, Mono(100 * S), 3), 1);
        assert_eq!(sum(&window, Mono(120 * S), 10), 0);
    }

    #[test]
    fn a_rate_is_over_the_time_that_data_cover_and_unknown_while_that_is_little() {
        let mut window = Sliding::<u64>::new(Duration::from_secs(2), 31);
        assert!(window.at(Mono(100 * S)).is_some());
        let covered = |since: u64, now: u64| {
            window.covered_s(Mono(now * S), Duration::from_secs(60), Known::Since(Mono(since * S)))
        };
        assert_eq!(covered(100, 104), None, "less than anybody can judge by");
        assert_eq!(covered(100, 105), Some(5.0));
        assert_eq!(covered(100, 110), Some(10.0));
        assert_eq!(covered(0, 110), Some(58.0), "30 slots, of which the newest begins now");
        assert_eq!(covered(0, 111), Some(59.0), "and a second later");
        let unread = window.covered_s(Mono(110 * S), Duration::from_secs(60), Known::NotYet);
        assert_eq!(unread, None);
    }

    proptest! {
        /// Equal to a plain list of (slot, value), whatever the order of times, and also
        /// where it is looked at from before the newest of them.
        #[test]
        fn equals_a_naive_model(times in prop::collection::vec(0u64..200, 1..200), later in -15i64..30) {
            let mut window = Sliding::<u64>::new(Duration::from_secs(1), 20);
            let mut model: Vec<u64> = Vec::new();
            let mut newest = 0;
            for second in times {
                newest = newest.max(second);
                let kept = newest - second < 20;
                let slot = window.at(Mono(second * S));
                prop_assert_eq!(slot.is_some(), kept);
                if let Some(slot) = slot {
                    *slot += 1;
                    model.push(second);
                }
            }
            let now = newest.saturating_add_signed(later);
            let shown = |s: u64| s <= now && now - s < 10 && newest - s < 20;
            let expected = model.iter().filter(|s| shown(**s)).count() as u64;
            prop_assert_eq!(sum(&window, Mono(now * S), 10), expected);
        }
    }
}
