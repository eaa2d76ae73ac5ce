//! The one place where the demo reads the civil clock, and how it writes times.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::Wall;

/// Civil time now.
#[allow(clippy::disallowed_methods, reason = "the demo plays the outside world, which has a clock")]
pub(super) fn wall() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::default().plus(since_epoch)
}

/// RFC 3339 in UTC with milliseconds, as gateways log it.
pub(super) fn rfc3339_millis(at: Wall) -> String {
    format!("{:.3}", timestamp(at))
}

/// RFC 3339 in UTC with whole seconds, as Anthropic writes resets.
pub(super) fn rfc3339_seconds(at: Wall) -> String {
    format!("{:.0}", timestamp(at))
}

fn timestamp(at: Wall) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
