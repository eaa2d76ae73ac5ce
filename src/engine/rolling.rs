//! What was spent in the time just past: sums by steps of the clock, of which the
//! oldest falls out whole once all of it is out of the window. So a sum covers the
//! window and up to one step more, never less. The steps are those of a ledger, so a
//! restart loses nothing.
//!
//! What is out of the window by a clock that was set may be in it again when that
//! is set right: such steps stay for some days of real time, and are bounded.

use std::collections::VecDeque;
use std::time::Duration;

use super::restored::{Need, Steps, Stretch};
use super::skew::SKEW;
use super::spec::Window;
use super::spend::Sums;
use crate::domain::time::NANOS_PER_S;
use crate::domain::{Mono, Stamp, Wall};

/// Steps kept beyond those that a window can have.
const SPARE: u32 = 64;
/// How long after its window a step is kept, in real time.
const GRACE: Duration = Duration::from_secs(3 * 86_400);

/// Sums over a window that ends now.
#[derive(Clone, Debug)]
pub struct Rolling {
    window: Window,
    /// Oldest first, and none without a call.
    steps: VecDeque<Step>,
    /// Of the steps that count.
    sum: Sums,
    /// The first step that counts, and the first after them: what lies further ahead
    /// was spent under a clock that was wrong.
    first: i64,
    end: i64,
    now: Mono,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    number: i64,
    /// When it was last added to.
    counted: Mono,
    sums: Sums,
}

impl Rolling {
    /// Nothing spent yet.
    #[must_use]
    pub fn new(window: Window, now: Stamp) -> Rolling {
        let mut rolling = Rolling {
            window,
            steps: VecDeque::new(),
            sum: Sums::default(),
            first: 0,
            end: 0,
            now: now.mono,
        };
        rolling.roll(now);
        rolling
    }

    /// Go to the window that ends now.
    pub fn roll(&mut self, now: Stamp) {
        self.now = now.mono;
        let first = self.step_of(now.wall.minus(self.window.span()));
        // A step more, for calls that come before the next time.
        let end = self.step_of(now.wall.plus(SKEW)).saturating_add(2);
        if (first, end) == (self.first, self.end) {
            return;
        }
        (self.first, self.end) = (first, end);
        let kept = self.window.span() + GRACE;
        self.steps.retain(|step| step.number >= first || now.mono.since(step.counted) <= kept);
        self.sum = Sums::default();
        for step in self.steps.iter().filter(|step| (first..end).contains(&step.number)) {
            self.sum.add(&step.sums);
        }
    }

    /// When a step leaves the window, or one begins to count.
    #[must_use]
    pub fn turns_at(&self, now: Wall) -> Wall {
        let leaves = self.begin_of(self.step_of(now.minus(self.window.span())).saturating_add(1));
        let counts = self.begin_of(self.step_of(now.plus(SKEW)).saturating_add(1));
        leaves.plus(self.window.span()).min(counts.minus(SKEW))
    }

    /// Add what was spent at a moment. Answers whether that counts now.
    pub fn add(&mut self, at: Wall, part: &Sums) -> bool {
        let number = self.step_of(at);
        match self.steps.binary_search_by_key(&number, |step| step.number) {
            Ok(place) => {
                if let Some(step) = self.steps.get_mut(place) {
                    step.counted = self.now;
                    step.sums.add(part);
                }
            }
            Err(place) => {
                self.steps.insert(place, Step { number, counted: self.now, sums: *part });
                self.make_room();
            }
        }
        let counts = (self.first..self.end).contains(&number);
        if counts {
            self.sum.add(part);
        }
        counts
    }

    /// Of too many steps the oldest goes that is not in the window.
    fn make_room(&mut self) {
        if self.steps.len() <= self.most() {
            return;
        }
        let counts = self.first..self.end;
        let out = self.steps.iter().position(|step| !counts.contains(&step.number));
        if let Some(place) = out {
            self.steps.remove(place);
        }
    }

    /// Steps kept: as many as can have been counted while a window passed.
    fn most(&self) -> usize {
        let minutes = self.window.span().as_secs() / 60;
        let steps = minutes.div_ceil(self.window.step_minutes().into());
        usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(SPARE as usize)
    }

    /// What it wants to know of an earlier run, where its window begins at `from`.
    #[must_use]
    pub fn stretch(&self, from: Wall) -> Stretch {
        let steps = Steps { minutes: self.window.step_minutes(), least: self.most() };
        Stretch { from, to: None, steps: Some(steps), need: Need::Now }
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
        let counts = |step: &&Step| (self.first..self.end).contains(&step.number);
        for step in self.steps.iter().filter(counts) {
            let seconds = (cap - spent) / per_s;
            let out = self.begin_of(step.number + 1).plus(self.window.span());
            if seconds <= out.seconds_after(now) {
                return Some(seconds);
            }
            spent -= step.sums.spent.as_f64();
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
    use proptest::prelude::*;

    use super::*;
    use crate::domain::NanoUsd;

    const HOUR: u64 = 3600;

    fn cents(n: u32) -> Sums {
        Sums { spent: NanoUsd(i128::from(n) * 10_000_000), calls: 1, passed: 1, unpriced: 0 }
    }

    /// A clock that is never set.
    fn stamp(wall: Wall) -> Stamp {
        Stamp { mono: Mono(wall.0.unsigned_abs()), wall }
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
        let mut rolling = Rolling::new(window, stamp(Wall::from_secs(7200)));
        // Five dollars that fall out when their minute does, in 10 minutes and 60 s.
        rolling.add(Wall::from_secs(4200), &cents(500));
        let now = Wall::from_secs(7200);
        rolling.roll(stamp(now));
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
            let mut rolling = Rolling::new(window, stamp(now));
            let mut all: Vec<(Wall, u32)> = Vec::new();
            for (pause, late, cost) in calls {
                now = now.plus(span / 100 * u32::try_from(pause).unwrap());
                rolling.roll(stamp(now));
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
                prop_assert!(rolling.steps.len() <= 745 + SPARE as usize);
            }
        }
    }
}
