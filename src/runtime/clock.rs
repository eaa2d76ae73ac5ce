//! The one place that reads the clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::{Mono, Stamp, Wall};

/// Where the monotonic line begins, so that events from before the start of
/// the program still have a place on it.
const BEFORE_START: Duration = Duration::from_secs(400 * 86_400);

/// Both clocks of this process. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Start counting.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Clock {
        Clock { started: Instant::now() }
    }

    /// Now, on both clocks.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Stamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Wall(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX));
        Stamp { mono: self.mono_of(Instant::now()), wall }
    }

    fn mono_of(&self, at: Instant) -> Mono {
        Mono(0).plus(BEFORE_START).plus(at.saturating_duration_since(self.started))
    }
}

/// Stamps for a replay: the logs' own clock, on both lines.
#[must_use]
pub fn at_event(wall: Wall) -> Stamp {
    let since_epoch = Duration::from_nanos(u64::try_from(wall.0).unwrap_or(0));
    Stamp { mono: Mono(0).plus(BEFORE_START).plus(since_epoch), wall }
}
