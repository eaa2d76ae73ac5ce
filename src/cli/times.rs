//! Times and durations as people type them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::failure::{Failure, Kind};
use crate::domain::Wall;

/// A moment: RFC 3339.
pub fn moment(text: &str) -> Result<Wall, Failure> {
    let nanos = text.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond);
    nanos.and_then(|nanos| i64::try_from(nanos).ok()).map(Wall).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("'{text}' is not a time"))
            .hint("write it like 2026-11-20T14:03:00Z")
    })
}

/// A stretch that ends before it begins.
pub fn backwards(from: Wall, to: Wall) -> Failure {
    let message = format!("nothing lies between {} and {}", from.rfc3339(), to.rfc3339());
    Failure::new(Kind::Usage, message).hint("--from comes before --to")
}

/// A duration, such as `30s` or `1h 30m`; longer than nothing.
pub fn duration(text: &str) -> Result<Duration, Failure> {
    let parsed = text.parse::<SignedDuration>().ok();
    parsed.and_then(|d| Duration::try_from(d).ok()).filter(|d| !d.is_zero()).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("'{text}' is not a duration"))
            .hint("write it like 500ms, 30s, 10m or 1h 30m")
    })
}

/// A replay's speed: a number of times real time; `None` is as fast as can be.
pub fn speed(text: &str) -> Result<Option<f64>, Failure> {
    if text == "max" {
        return Ok(None);
    }
    let times = text.trim_end_matches('x').parse::<f64>().ok();
    let times = times.filter(|times| *times >= 0.01 && *times <= 1e6);
    times.map(Some).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("'{text}' is not a speed"))
            .hint("write a number such as 20, or max")
    })
}
