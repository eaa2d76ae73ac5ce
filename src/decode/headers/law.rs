//! The refill law: in a token bucket `reset = (limit - remaining) / limit * window`.
//!
//! OpenAI and its look-alikes hide the window (a minute, a day, thirty days
//! under one name) but print the reset to the millisecond, so the window can be
//! worked out. The same law tells whether Azure meant milliseconds or seconds.
//! This file is arithmetic only; it must not know names of headers or providers.

use crate::domain::Amount;

/// Windows that exist: second, minute, hour, day, week, 30 days.
pub(super) const CANONICAL_S: [u32; 6] = [1, 60, 3600, 86_400, 604_800, 2_592_000];
/// Durations are printed to the millisecond.
const PRECISION_S: f64 = 0.001;
/// How far beyond its window an overdraft may push a reset before we call the
/// numbers contradictory.
const MAX_OVERDRAFT: f64 = 2.0;
/// Windows below this are not told by an overdraft.
const SHORTEST_OVERDRAWN_S: u32 = 60;

/// What the law says about a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing was used, or the numbers are too small to tell.
    Silent,
    /// The window, in seconds.
    Window(u32),
    /// No window fits: this is not a token bucket.
    Contradiction,
}

/// Which unit a bare reset number is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

/// A time until a bucket is full, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// In seconds.
    pub seconds: f64,
    /// What was cut off is less than this.
    pub cut_s: f64,
}

impl Span {
    /// Printed to the millisecond.
    pub fn exact(nanos: i64) -> Span {
        Span { seconds: Amount(nanos.into()).as_f64(), cut_s: PRECISION_S }
    }

    /// A bare number of whole seconds, or of milliseconds.
    pub fn bare(nanos: i64, unit: Unit) -> Span {
        match unit {
            Unit::Seconds => Span { cut_s: 1.0, ..Span::exact(nanos) },
            Unit::Millis => Span::exact(nanos / 1000),
        }
    }
}

/// The window behind a bucket's numbers.
pub(super) fn window(limit: Amount, remaining: Amount, reset: Span) -> Verdict {
    let Span { seconds: reset_s, cut_s } = reset;
    let (limit, used) = (limit.as_f64(), limit.as_f64() - remaining.as_f64());
    if reset_s <= cut_s || limit <= 0.0 || used < 1.0 {
        return Verdict::Silent;
    }
    // `remaining` is floored, so true use lies in (used - 1, used].
    let least = (reset_s - PRECISION_S) * limit / used;
    let most = if used > 1.0 { (reset_s + cut_s) * limit / (used - 1.0) } else { f64::MAX };
    let fits = |window: &&u32| (least..=most).contains(&f64::from(**window));
    if let Some(window) = CANONICAL_S.iter().find(fits) {
        return Verdict::Window(*window);
    }
    if used < limit {
        return Verdict::Contradiction;
    }
    let overdrawn = |window: &&u32| {
        let window = f64::from(**window);
        window <= least && least <= window * MAX_OVERDRAFT
    };
    // A reset of some seconds at nothing left is the wait for the next call, not the
    // overdraft of a window as short.
    match CANONICAL_S.iter().rev().find(overdrawn) {
        Some(window) if *window >= SHORTEST_OVERDRAWN_S => Verdict::Window(*window),
        _ => Verdict::Contradiction,
    }
}

/// The unit of a bare reset number, where use and window allow to tell: the one
/// whose prediction is nearer. They are a factor of 1000 apart, so the middle is
/// that factor's root.
pub(super) fn unit(limit: Amount, remaining: Amount, window_s: u32, reset: f64) -> Option<Unit> {
    let (limit, used) = (limit.as_f64(), limit.as_f64() - remaining.as_f64());
    if reset <= 0.0 || limit <= 0.0 || used <= 0.0 {
        return None;
    }
    let expected_s = used / limit * f64::from(window_s);
    let millis = reset > expected_s * 1000_f64.sqrt();
    Some(if millis { Unit::Millis } else { Unit::Seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(limit: i64, remaining: i64, reset_s: f64) -> Verdict {
        let reset = Span { seconds: reset_s, cut_s: PRECISION_S };
        window(Amount::whole(limit), Amount::whole(remaining), reset)
    }

    #[test]
    fn whole_seconds_tell_it_as_well_where_they_are_several() {
        for (limit, remaining, seconds, expected) in [
            (80_000, 20_000, 45, Verdict::Window(60)),
            (80_000, 19_997, 45, Verdict::Window(60)),
            (80_000, 78_000, 1, Verdict::Silent),
            (80_000, 0, 1, Verdict::Silent),
            (80_000, 0, 2, Verdict::Contradiction),
            (1000, 999, 86, Verdict::Window(86_400)),
        ] {
            let reset = Span::bare(seconds * 1_000_000_000, Unit::Seconds);
            let told = window(Amount::whole(limit), Amount::whole(remaining), reset);
            assert_eq!(told, expected, "{remaining} of {limit}, {seconds} s");
        }
    }

    #[test]
    fn the_window_follows_from_limit_rest_and_reset() {
        for (limit, remaining, reset_s, expected) in [
            (200_000, 137_126, 18.862, 60),
            (10_000, 9_999, 0.006, 60),
            (10_000, 9_999, 8.64, 86_400),
            (10_000, 9_524, 4105.745, 86_400),
            (100_000, 88_447, 299_439.057, 2_592_000),
            (100, 98, 864.0, 86_400),
            (14_400, 14_397, 17.399_999_999, 86_400),
            (9_000, 8_882, 0.782_333_333, 60),
            (1_000, 0, 3600.0, 3600),
            (10_000, 0, 86_794.0, 86_400),
        ] {
            assert_eq!(
                law(limit, remaining, reset_s),
                Verdict::Window(expected),
                "{limit} {reset_s}"
            );
        }
    }

    #[test]
    fn it_is_silent_or_says_no_rather_than_guess() {
        assert_eq!(law(100_000, 99_998, 0.0), Verdict::Silent);
        assert_eq!(law(50_000, 49_999, 0.001), Verdict::Silent);
        assert_eq!(law(4_000_000, 4_000_000, 5.0), Verdict::Silent);
        assert_eq!(law(0, 0, 5.0), Verdict::Silent);
        assert_eq!(law(150_000, 149_984, 360.0), Verdict::Contradiction);
        assert_eq!(law(60, 58, 42.0), Verdict::Contradiction);
        assert_eq!(law(10_000, 1, 93_600.0), Verdict::Contradiction);
        assert_eq!(law(10_000, 0, 1_200.0), Verdict::Contradiction, "no 20-fold overdraft");
        assert_eq!(law(500, 0, 1.42), Verdict::Contradiction, "a wait, not a second's window");
    }

    #[test]
    fn it_tells_milliseconds_from_floored_seconds() {
        let unit = |limit, remaining, reset| {
            unit(Amount::whole(limit), Amount::whole(remaining), 60, reset)
        };
        assert_eq!(unit(50, 49, 1.0), Some(Unit::Seconds));
        assert_eq!(unit(20_000, 19_999, 3.0), Some(Unit::Millis));
        assert_eq!(unit(2_000_000, 1_999_962, 1.0), Some(Unit::Millis));
        assert_eq!(unit(500, 499, 120.0), Some(Unit::Millis));
        assert_eq!(unit(250, 249, 0.0), None);
    }
}
