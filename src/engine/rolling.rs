//! What was spent in the time just past: sums by steps of the clock, of which the
//! oldest falls out whole once all of it is out of the window. So a sum covers the
//! window and up to one step more, never less, and memory is bounded by the steps
//! in which there was spend. The steps are those of a ledger, so a restart loses
//! nothing.

use std::collections::VecDeque;

use super::spec::Window;
use super::spend::Sums;
use crate::domain::Wall;
use crate::domain::time::NANOS_PER_S;

/// Sums over a window that ends now.
#[derive(Clone, Debug)]
pub struct Rolling {
    window: Window,
    /// Oldest first, and none without a call.
    steps: VecDeque<(i64, Sums)>,
    sum: Sums,
    /// The first step that counts.
    first: i64,
}

impl Rolling {
    /// Nothing spent yet.
    #[must_use]
    pub fn new(window: Window, now: Wall) -> Rolling {
        let mut rolling =
            Rolling { window, steps: VecDeque::new(), sum: Sums::default(), first: i64::MIN };
        rolling.roll(now);
        rolling
    }

    /// Forget what is out of the window.
    pub fn roll(&mut self, now: Wall) {
        self.first = self.step_of(now.minus(self.window.span()));
        let out = self.steps.partition_point(|(step, _)| *step < self.first);
        for (_, sums) in self.steps.drain(..out) {
            self.sum.take(&sums);
        }
    }

    /// Add what was spent at a moment. Answers whether that still counts.
    pub fn add(&mut self, at: Wall, part: &Sums) -> bool {
        let step = self.step_of(at);
        if step < self.first {
            return false;
        }
        self.sum.add(part);
        match self.steps.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(place) => {
                if let Some((_, sums)) = self.steps.get_mut(place) {
                    sums.add(part);
                }
            }
            Err(place) => self.steps.insert(place, (step, *part)),
        }
        true
    }

    /// All of it.
    #[must_use]
    pub fn sum(&self) -> &Sums {
        &self.sum
    }

    /// Seconds until `cap` is spent at `per_s` dollars a second, while old spend
    /// falls out; `None` where it never is.
    #[must_use]
    pub fn cap_in_s(&self, cap: f64, per_s: f64, now: Wall) -> Option<f64> {
        let mut spent = self.sum.spent.as_f64();
        for (step, sums) in &self.steps {
            let seconds = (cap - spent) / per_s;
            if seconds <= self.begin_of(*step + 1).plus(self.window.span()).seconds_after(now) {
                return Some(seconds);
            }
            spent -= sums.spent.as_f64();
        }
        // From then on what is spent now falls out too.
        Some((cap - spent) / per_s).filter(|seconds| *seconds <= self.window.span().as_secs_f64())
    }

    fn step_ns(&self) -> i64 {
        i64::from(self.window.step_minutes()) * 60 * NANOS_PER_S
    }

    fn step_of(&self, at: Wall) -> i64 {
        at.0.div_euclid(self.step_ns())
    }

    fn begin_of(&self, step: i64) -> Wall {
        Wall(step.saturating_mul(self.step_ns()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::NanoUsd;

    const HOUR: u64 = 3600;

    fn cents(n: u32) -> Sums {
        Sums { spent: NanoUsd(i128::from(n) * 10_000_000), calls: 1, unpriced: 0 }
    }

    fn windows() -> impl Strategy<Value = Window> {
        (60u64..=31 * 24 * 60).prop_map(|m| Window::new(Duration::from_secs(m * 60)).unwrap())
    }

    #[test]
    fn windows_are_whole_minutes_from_an_hour_to_a_month() {
        let window = |seconds| Window::new(Duration::from_secs(seconds));
        assert!(window(HOUR).is_some() && window(31 * 24 * HOUR).is_some());
        for wrong in [0, HOUR - 60, HOUR + 1, 31 * 24 * HOUR + 60, u64::MAX] {
            assert!(window(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_time_to_the_cap_knows_what_falls_out_before() {
        let window = Window::new(Duration::from_secs(HOUR)).unwrap();
        let mut rolling = Rolling::new(window, Wall::from_secs(7200));
        // Five dollars that fall out when their minute does, in 10 minutes and 60 s.
        rolling.add(Wall::from_secs(4200), &cents(500));
        let now = Wall::from_secs(7200);
        rolling.roll(now);
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-6;
        // A cent a second: six dollars are reached before that …
        assert!(near(rolling.cap_in_s(6.0, 0.01, now), 100.0));
        // … twelve dollars only without the five …
        assert!(near(rolling.cap_in_s(12.0, 0.01, now), 1200.0));
        // … and 37 never, because an hour at that rate makes 36.
        assert_eq!(rolling.cap_in_s(37.0, 0.01, now), None);
    }

    proptest! {
        /// Against a list of all calls: nothing within the window is missing, and
        /// nothing counts that is older by more than a step.
        #[test]
        fn the_sum_covers_the_window_and_at_most_a_step_more(
            window in windows(),
            calls in prop::collection::vec((0u64..200, 0u64..3, 1u32..1000), 1..80),
        ) {
            let span = window.span();
            let step = Duration::from_secs(u64::from(window.step_minutes()) * 60);
            prop_assert!(step * 48 <= span);
            let mut now = Wall::from_secs(1_795_176_000);
            let mut rolling = Rolling::new(window, now);
            let mut all: Vec<(Wall, u32)> = Vec::new();
            for (pause, late, cost) in calls {
                now = now.plus(span / 100 * u32::try_from(pause).unwrap());
                rolling.roll(now);
                // Some lines are read late, a few of them too late.
                let at = now.minus(span / 2 * u32::try_from(late).unwrap());
                rolling.add(at, &cents(cost));
                all.push((at, cost));
                let within = |reach: Duration| {
                    let calls = all.iter().filter(|(at, _)| *at >= now.minus(reach));
                    calls.map(|(_, cost)| i128::from(*cost) * 10_000_000).sum::<i128>()
                };
                let spent = rolling.sum().spent.0;
                prop_assert!(within(span) <= spent && spent <= within(span + step));
                prop_assert!(rolling.steps.len() <= 745);
                let by_step: i128 = rolling.steps.iter().map(|(_, sums)| sums.spent.0).sum();
                prop_assert_eq!(by_step, spent);
            }
        }
    }
}
