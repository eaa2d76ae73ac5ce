//! A window that slides over the monotonic clock in fixed slots.

use std::time::Duration;

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
    /// When the first value came, for honest rates before a window has filled.
    first: Option<Mono>,
}

impl<T: Default> Sliding<T> {
    /// A window of `slots` slots of `width` each.
    #[must_use]
    pub fn new(width: Duration, slots: usize) -> Self {
        let width_ns = u64::try_from(width.as_nanos()).unwrap_or(u64::MAX).max(1);
        let slots = (0..slots.max(1)).map(|_| T::default()).collect();
        Sliding { width_ns, head: 0, head_from_ns: 0, head_index: 0, slots, first: None }
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
        self.first = Some(self.first.map_or(when, |first| first.min(when)));
        self.slots.get_mut(index)
    }

    /// Forget all of it. What had values until now has seen none since `now`.
    pub fn begin_anew(&mut self, now: Mono) {
        self.slots.iter_mut().for_each(|slot| *slot = T::default());
        self.first = self.first.map(|_| now);
    }

    /// The accumulators that cover the last `span` before `now`, newest first.
    pub fn recent(&self, now: Mono, span: Duration) -> impl Iterator<Item = &T> {
        let newest = now.0 / self.width_ns;
        let span_ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let wanted = (span_ns / self.width_ns).clamp(1, self.slots.len() as u64);
        let oldest = newest.saturating_sub(wanted - 1);
        let kept_from = self.head.saturating_sub(self.slots.len() as u64 - 1);
        let until = newest.min(self.head);
        (oldest.max(kept_from)..=until).rev().filter_map(|slot| self.slots.get(self.index_of(slot)))
    }

    /// Seconds of the last `span` for which there can have been values: less
    /// than `span` while the window is still filling. At least one slot.
    #[must_use]
    pub fn covered_s(&self, now: Mono, span: Duration) -> f64 {
        let since_first = self.first.map_or(Duration::ZERO, |first| now.since(first));
        let width = Duration::from_nanos(self.width_ns);
        since_first.clamp(width.min(span), span).as_secs_f64()
    }

    /// When the first value came.
    #[must_use]
    pub fn first(&self) -> Option<Mono> {
        self.first
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
    fn a_filling_window_covers_only_what_it_has_seen() {
        let mut window = Sliding::<u64>::new(Duration::from_secs(1), 60);
        assert!(window.at(Mono(100 * S)).is_some());
        let minute = Duration::from_secs(60);
        assert!((window.covered_s(Mono(110 * S), minute) - 10.0).abs() < 1e-9);
        assert!((window.covered_s(Mono(500 * S), minute) - 60.0).abs() < 1e-9);
    }

    proptest! {
        /// Equal to a plain list of (slot, value), whatever the order of times.
        #[test]
        fn equals_a_naive_model(times in prop::collection::vec(0u64..200, 1..200), back in 0u64..30) {
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
            let now = newest + back;
            let expected = model.iter().filter(|s| now - **s < 10 && newest - **s < 20).count() as u64;
            prop_assert_eq!(sum(&window, Mono(now * S), 10), expected);
        }
    }
}
