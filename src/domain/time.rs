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

impl Wall {
    /// RFC 3339 in UTC with milliseconds, as all our JSON has it.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let millis = self.0.div_euclid(1_000_000);
        let (days, in_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (seconds, ms) = (in_day / 1000, in_day % 1000);
        let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}

impl serde::Serialize for Wall {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

/// Gregorian year, month and day of a number of days since 1970-01-01, by
/// counting in 400-year cycles of 146,097 days that begin on a 1 March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (cycle, in_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (in_cycle - in_cycle / 1460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + cycle * 400 + i64::from(month <= 2), month, day)
}

impl Stamp {
    /// Where on the monotonic line an event of civil time `at` belongs, seen
    /// from this stamp. Future events (skewed clocks) count as now.
    #[must_use]
    pub fn mono_of(self, at: Wall) -> Mono {
        // In nanoseconds throughout: a span is made of seconds, and that takes a division.
        let ago = u64::try_from(self.wall.0.saturating_sub(at.0)).unwrap_or(0);
        Mono(self.mono.0.saturating_sub(ago))
    }
}

fn nanos_u64(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_agrees_with_a_calendar_library() {
        for secs in (-62_000_000_000i64..250_000_000_000).step_by(86_400 * 17 + 12_345) {
            let wall = Wall::from_millis(secs.saturating_mul(1000) / 30 + 7);
            let expected = jiff::Timestamp::from_nanosecond(wall.0.into()).unwrap();
            assert_eq!(wall.rfc3339(), format!("{expected:.3}"));
        }
    }
}
