//! How far clocks may differ, and what is made of times that lie further ahead: they
//! are of a clock that was wrong, and hide nothing that comes after them.

use std::time::Duration;

use crate::domain::{Stamp, Wall};

/// Clocks of hosts may be this far ahead of ours.
pub const SKEW: Duration = Duration::from_secs(300);
/// The same for what is read every few seconds: the present must not wait for longer.
pub const READ_AHEAD: Duration = Duration::from_secs(5);

/// The time a call counts at: its own, unless that lies too far ahead to be a
/// clock that is a little fast. What claims to be of next year was spent today.
pub fn counted_at(at: Wall, now: Stamp) -> Wall {
    if at > now.wall.plus(SKEW) { now.wall } else { at }
}

/// Whether a reading is older than the last one, and so says nothing new. A last one
/// that lies further ahead than `skew` is of a clock that was wrong, and no reason to
/// ignore the present.
pub fn precedes(at: Wall, last: Wall, skew: Duration, now: Stamp) -> bool {
    at < last && last <= now.wall.plus(skew)
}
