//! How fast something runs out: the slope of its last readings.

use std::time::Duration;

use super::LEAST;
use crate::domain::Mono;

/// How far back the slope looks.
const SPAN: Duration = Duration::from_secs(20);
/// Readings kept: at most one for each half second of the span.
const KEPT: usize = 40;
/// At least this far apart.
const STEP: Duration = Duration::from_millis(500);

/// The last readings of a level, thinned to two a second, since it last rose
/// by more than its own noise (a window that turned over).
#[derive(Clone, Debug, Default)]
pub struct Drain {
    readings: Vec<(Mono, f64)>,
}

impl Drain {
    /// Note the level at a time. `size` is the full level, where known; it is only asked
    /// for when the level has risen.
    pub fn note(&mut self, when: Mono, level: f64, size: impl FnOnce() -> Option<f64>) {
        if let Some((last, before)) = self.readings.last().copied() {
            if when < last {
                return;
            }
            let jumped = || level > before + size().unwrap_or(before.abs()) * 0.3;
            if level > before + 1.0 && jumped() {
                self.readings.clear();
            } else if when < last.plus(STEP) && self.readings.len() > 1 {
                // Within a step the lowest level counts: concurrent calls
                // report in any order, and the lowest is the latest truth.
                if let Some(reading) = self.readings.last_mut() {
                    reading.1 = reading.1.min(level);
                }
                return;
            }
        }
        if self.readings.len() == KEPT {
            self.readings.remove(0);
        }
        self.readings.push((when, level));
    }

    /// Units lost per second, by least squares over the last readings; `None`
    /// while that can't be judged. Negative while the level rises.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most 40 readings of 20 seconds")]
    pub fn per_s(&self, now: Mono) -> Option<f64> {
        // They are in order of time.
        let stale = self.readings.partition_point(|(at, _)| now.since(*at) > SPAN);
        let fresh = self.readings.get(stale..)?;
        let (first, last) = (fresh.first()?.0, fresh.last()?.0);
        if last.since(first) < LEAST {
            return None;
        }
        let n = fresh.len() as f64;
        let point = |(at, level): &(Mono, f64)| (at.0.saturating_sub(first.0) as f64 / 1e9, *level);
        let points = || fresh.iter().map(point);
        let (sum_x, sum_y) = points().fold((0.0, 0.0), |(xs, ys), (x, y)| (xs + x, ys + y));
        let (mean_x, mean_y) = (sum_x / n, sum_y / n);
        let (spread, joint) = points().fold((0.0, 0.0), |(spread, joint), (x, y)| {
            let aside = x - mean_x;
            (spread + aside * aside, joint + aside * (y - mean_y))
        });
        (spread > 0.0).then(|| -joint / spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_steady_drain_is_its_slope() {
        let mut drain = Drain::default();
        for second in 0..10u32 {
            drain.note(Mono(u64::from(second) * S), 1000.0 - f64::from(second) * 50.0, || {
                Some(1000.0)
            });
        }
        assert!((drain.per_s(Mono(9 * S)).unwrap() - 50.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_longer_ago_than_the_span_tells_no_slope() {
        let mut drain = Drain::default();
        for second in 0..10u32 {
            drain.note(Mono(u64::from(second) * S), 2000.0 - f64::from(second) * 100.0, || None);
        }
        for second in 10..31u32 {
            drain.note(Mono(u64::from(second) * S), 1010.0 - f64::from(second), || None);
        }
        assert!((drain.per_s(Mono(30 * S)).unwrap() - 1.0).abs() < 1e-6);
        assert!(drain.per_s(Mono(29 * S)).unwrap() > 1.1);
        assert!(drain.per_s(Mono(46 * S)).is_none(), "four seconds are no slope");
    }

    #[test]
    fn one_reading_is_no_slope_and_a_refill_starts_over() {
        let mut drain = Drain::default();
        drain.note(Mono(0), 100.0, || Some(100.0));
        assert!(drain.per_s(Mono(S)).is_none());
        drain.note(Mono(10 * S), 10.0, || Some(100.0));
        assert!((drain.per_s(Mono(10 * S)).unwrap() - 9.0).abs() < 1e-6);
        drain.note(Mono(11 * S), 100.0, || Some(100.0));
        assert!(drain.per_s(Mono(11 * S)).is_none());
    }
}
