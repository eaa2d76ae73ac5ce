//! Days and months in a time zone, daylight saving included.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::spec::Period;
use crate::domain::Wall;

/// One day or month: `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First moment.
    pub start: Wall,
    /// First moment after.
    pub end: Wall,
}

impl Span {
    /// The period that `at` falls into. An hour around `at` if the calendar
    /// can't say (times outside of year -9999..9999).
    #[must_use]
    pub fn around(period: Period, at: Wall, zone: &TimeZone) -> Span {
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
}
