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
