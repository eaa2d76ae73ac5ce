//! Days, weeks and months in a time zone, daylight saving included.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::spec::Period;
use crate::domain::Wall;
use crate::domain::time::NANOS_PER_S;

/// One day, week or month, or the time just past: `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First moment.
    pub start: Wall,
    /// First moment after.
    pub end: Wall,
}

impl Span {
    /// The period that `at` falls into; a rolling one ends with it, and begins with
    /// the step in which the window does. An hour around `at` if the calendar can't
    /// say (times outside of year -9999..9999).
    #[must_use]
    pub fn around(period: Period, at: Wall, zone: &TimeZone) -> Span {
        if let Period::Rolling(window) = period {
            let step = i64::from(window.step_minutes()) * 60 * NANOS_PER_S;
            let from = at.minus(window.span()).0;
            return Span { start: Wall(from.saturating_sub(from.rem_euclid(step))), end: at };
        }
        span(period, at, zone)
            .unwrap_or(Span { start: at, end: at.plus(std::time::Duration::from_secs(3600)) })
    }

    /// Is `at` in it?
    #[must_use]
    pub fn contains(self, at: Wall) -> bool {
        self.start <= at && at < self.end
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.end.seconds_after(self.start)
    }
}

fn span(period: Period, at: Wall, zone: &TimeZone) -> Option<Span> {
    let date = Timestamp::from_nanosecond(at.0.into()).ok()?.to_zoned(zone.clone()).date();
    let (first, next) = match period {
        Period::Day => (date, date.tomorrow().ok()?),
        Period::Month => {
            let first = date.first_of_month();
            (first, first.last_of_month().tomorrow().ok()?)
        }
        Period::Week => {
            let since = i64::from(date.weekday().since(Weekday::Monday));
            let first = date.checked_sub(since.days()).ok()?;
            (first, first.checked_add(7.days()).ok()?)
        }
        Period::Rolling(_) => return None,
    };
    Some(Span { start: midnight(first, zone)?, end: midnight(next, zone)? })
}

/// The first moment of a day: not always 00:00 where clocks go forward at midnight.
fn midnight(date: Date, zone: &TimeZone) -> Option<Wall> {
    let start = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
    i64::try_from(start.timestamp().as_nanosecond()).ok().map(Wall)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn wall(text: &str) -> Wall {
        Wall(i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap())
    }

    #[test]
    fn days_and_months_begin_at_local_midnight_and_survive_daylight_saving() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let spring = Span::around(Period::Day, wall("2026-03-29T10:00:00Z"), &berlin);
        assert_eq!(spring.start, wall("2026-03-28T23:00:00Z"));
        assert_eq!(spring.end, wall("2026-03-29T22:00:00Z"));
        assert!((spring.seconds() - 23.0 * 3600.0).abs() < 1e-9);
        let month = Span::around(Period::Month, wall("2026-12-31T23:30:00Z"), &berlin);
        assert_eq!(month.start, wall("2026-12-31T23:00:00Z"));
        assert_eq!(month.end, wall("2027-01-31T23:00:00Z"));
        assert!(month.contains(month.start) && !month.contains(month.end));
    }

    #[track_caller]
    fn check(zone: &str, period: Period, at: &str, expected: [&str; 2], hours: f64) {
        let span = Span::around(period, wall(at), &TimeZone::get(zone).unwrap());
        assert_eq!([span.start, span.end], expected.map(wall), "{zone} {period} {at}");
        assert!((span.seconds() - hours * 3600.0).abs() < 1e-9);
    }

    #[test]
    fn days_of_23_and_25_hours_and_the_weeks_around_them() {
        use Period::{Day, Week};
        let autumn = ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"];
        check("Europe/Berlin", Day, "2026-10-25T22:59:59Z", autumn, 25.0);
        let week = ["2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"];
        check("Europe/Berlin", Week, "2026-03-22T23:00:00Z", week, 167.0);
        check("Europe/Berlin", Week, "2026-03-29T21:59:59Z", week, 167.0);
        let week = ["2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"];
        check("Europe/Berlin", Week, "2026-10-20T00:00:00Z", week, 169.0);
        // Over the end of a year, and where nothing changes.
        let week = ["2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"];
        check("UTC", Week, "2027-01-01T12:00:00Z", week, 168.0);
        // In Santiago the clocks go forward at midnight: that day begins at one.
        let spring = ["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"];
        check("America/Santiago", Day, "2026-09-06T12:00:00Z", spring, 23.0);
        // Half an hour only.
        let autumn = ["2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"];
        check("Australia/Lord_Howe", Day, "2026-04-05T00:00:00Z", autumn, 24.5);
    }

    #[test]
    fn what_just_passed_begins_with_a_step_of_the_clock() {
        let window =
            |hours: u64| super::super::spec::Window::new(Duration::from_secs(hours * 3600));
        let rolling = |hours: u64| Period::Rolling(window(hours).unwrap());
        let at = "2026-11-20T12:34:56Z";
        check("UTC", rolling(1), at, ["2026-11-20T11:34:00Z", at], 1.0 + 56.0 / 3600.0);
        check("UTC", rolling(24), at, ["2026-11-19T12:30:00Z", at], 24.0 + 296.0 / 3600.0);
        check("UTC", rolling(720), at, ["2026-10-21T12:00:00Z", at], 720.0 + 2096.0 / 3600.0);
    }

    proptest! {
        /// In any zone periods hold their moment, follow one another without a gap,
        /// and begin at the first moment of a date, a Monday or a first.
        #[test]
        fn periods_fill_time(
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Kolkata",
                "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu",
            ]),
            second in 1_500_000_000i64..2_000_000_000,
            period in prop::sample::select(vec![Period::Day, Period::Week, Period::Month]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let at = Wall::from_secs(second);
            let span = Span::around(period, at, &zone);
            prop_assert!(span.contains(at));
            prop_assert_eq!(Span::around(period, span.end, &zone).start, span.end);
            prop_assert_eq!(Span::around(period, span.start, &zone), span);
            let local = |at: Wall| Timestamp::from_nanosecond(at.0.into()).unwrap().to_zoned(zone.clone());
            let (first, before) = (local(span.start), local(span.start.offset_nanos(-1)));
            prop_assert!(first.date() > before.date());
            match period {
                Period::Week => prop_assert_eq!(first.weekday(), Weekday::Monday),
                Period::Month => prop_assert_eq!(first.day(), 1),
                _ => prop_assert_eq!(first.date(), local(at).date()),
            }
        }
    }
}
