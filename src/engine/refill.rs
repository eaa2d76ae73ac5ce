//! A bucket that fills up evenly: how much is in it, and when the first of it is there
//! again. Arithmetic only; it must not know of refusals.

use std::time::Duration;

use crate::domain::{Amount, LimitReading, ResetKind};

/// Resets are that exact: one that is no further away says nothing of how fast it fills up.
const EXACT_S: f64 = 0.001;
/// Servers' dates, which resets count from, are whole seconds.
const ROUNDED_S: f64 = 1.0;

/// A bucket that is not full, as of its reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refill {
    /// Less than nothing is a debt.
    level: f64,
    limit: f64,
    full_in_s: f64,
}

impl Refill {
    /// That of a reading with this level, if it is of such a bucket. What was floored at
    /// zero may be a debt: it shows where filling up takes longer than the window.
    pub(super) fn of(reading: &LimitReading, level: f64) -> Option<Refill> {
        let reset = reading.reset.filter(|reset| reset.kind == ResetKind::FullAt)?;
        let limit = reading.limit.map(Amount::as_f64)?;
        let full_in_s = reset.at.seconds_after(reading.at);
        let window = reading.id.window_s.map(f64::from);
        let owing = window.filter(|window| level == 0.0 && full_in_s > window + ROUNDED_S);
        let level = owing.map_or(level, |window| limit * (1.0 - full_in_s / window));
        (level < limit && full_in_s > 0.0).then_some(Refill { level, limit, full_in_s })
    }

    /// What is in it after this time, if nobody draws from it.
    pub(super) fn after(self, age: Duration) -> f64 {
        let share = (age.as_secs_f64() / self.full_in_s).min(1.0);
        self.level + (self.limit - self.level) * share
    }

    /// How long it takes from empty to full.
    pub(super) fn whole_s(self) -> Option<f64> {
        let whole_s = self.full_in_s * self.limit / (self.limit - self.level);
        Some(whole_s).filter(|seconds| seconds.is_finite() && self.full_in_s > EXACT_S)
    }

    /// How long after its reading the first of an empty one is there.
    pub(super) fn first_in(self) -> Option<Duration> {
        let share = (1.0 - self.level) / (self.limit - self.level);
        let first = Duration::try_from_secs_f64(self.full_in_s * share).ok();
        first.filter(|_| self.level < 1.0 && self.limit >= 1.0)
    }
}
