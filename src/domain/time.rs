//! Time as values. Nothing here reads a clock; a [`Stamp`] is always an argument.

use std::time::Duration;

/// Nanoseconds in one second.
pub const NANOS_PER_S: i64 = 1_000_000_000;

/// A point on the monotonic clock, in nanoseconds since an arbitrary start.
/// Drives windows, `for` timers and cooldowns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

/// A point in civil time: nanoseconds since the Unix epoch, UTC.
/// Drives spend buckets and everything shown to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

/// Both clocks, read once per batch by whoever is allowed to read clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Monotonic part.
    pub mono: Mono,
    /// Civil part.
    pub wall: Wall,
}

impl Mono {
    /// Time since `earlier`, zero if `earlier` lies in the future.
    #[must_use]
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This point moved forward.
    #[must_use]
    pub fn plus(self, span: Duration) -> Mono {
        Mono(self.0.saturating_add(nanos_u64(span)))
    }

    /// This point moved back, not past the start of the clock.
    #[must_use]
    pub fn minus(self, span: Duration) -> Mono {
        Mono(self.0.saturating_sub(nanos_u64(span)))
    }
}

impl Wall {
    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Wall {
        Wall(secs.saturating_mul(NANOS_PER_S))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Wall {
        Wall(millis.saturating_mul(1_000_000))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-20T14:03:27.412Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let millis = self.0.div_euclid(1_000_000);
        let (secs, milli) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
        let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let (year, month, day) = civil_date(days);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// Time since `earlier`, zero if `earlier` lies in the future.
    #[must_use]
    pub fn since(self, earlier: Wall) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Signed seconds from `earlier` to this point.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "shown with millisecond precision")]
    pub fn seconds_after(self, earlier: Wall) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }

    /// This point moved forward.
    #[must_use]
    pub fn plus(self, span: Duration) -> Wall {
        Wall(self.0.saturating_add_unsigned(nanos_u64(span)))
    }

    /// This point moved back.
    #[must_use]
    pub fn minus(self, span: Duration) -> Wall {
        Wall(self.0.saturating_sub_unsigned(nanos_u64(span)))
    }

    /// This point moved by a signed number of nanoseconds.
    #[must_use]
    pub const fn offset_nanos(self, nanos: i64) -> Wall {
        Wall(self.0.saturating_add(nanos))
    }
}

impl Stamp {
    /// Where on the monotonic line an event of civil time `at` belongs, seen
    /// from this stamp. Future events (skewed clocks) count as now.
    #[must_use]
    pub fn mono_of(self, at: Wall) -> Mono {
        self.mono.minus(self.wall.since(at))
    }
}

fn nanos_u64(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Year, month and day of a number of days since 1970-01-01. The year starts in
/// March here, so that the leap day comes last and months follow one formula.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const MARCH_0000_TO_1970: i64 = 719_468;
    let days = days + MARCH_0000_TO_1970;
    let (cycle, of_cycle) =
        (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let leaps = of_cycle / 1_460 - of_cycle / 36_524 + of_cycle / 146_096;
    let year_of_cycle = (of_cycle - leaps) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_jiff_prints_them() {
        let day = 86_400 * NANOS_PER_S;
        let mut at = i64::MIN;
        while at < i64::MAX - 37 * day {
            let jiff = jiff::Timestamp::from_nanosecond(i128::from(at)).unwrap();
            let expected = jiff.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            let milli = at.div_euclid(1_000_000).rem_euclid(1_000);
            assert_eq!(Wall(at).rfc3339(), format!("{expected}.{milli:03}Z"));
            at += 37 * day + 12_345_678_901;
        }
        assert_eq!(Wall::from_secs(1_709_164_800).rfc3339(), "2024-02-29T00:00:00.000Z");
        assert_eq!(Wall(-1).rfc3339(), "1969-12-31T23:59:59.999Z");
    }
}
