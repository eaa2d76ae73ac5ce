//! When the headers of a response were sent: the one moment that its readings are of and
//! that relative times count from. A log tells of a call at its end, when what its headers
//! said may long be history.

use std::time::Duration;

use super::HeaderContext;
use crate::domain::Wall;

/// Servers' clocks may be this far ahead of that of the log.
const AHEAD: Duration = Duration::from_secs(300);
/// The same behind it, before the time at which the call began. A clock that is further
/// behind would make what is said now a thing of the past.
const BEHIND: Duration = Duration::from_secs(5);
/// A call whose log does not say how long it took has hardly taken longer.
const LONGEST: Duration = Duration::from_secs(900);
/// The precision of resets: what was to be full at one was not before it.
const INSTANT: Duration = Duration::from_millis(1);

/// The moment at which headers were sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// By the server's `Date`, else when the response was received.
    pub at: Wall,
    /// When the log tells of it.
    pub heard: Wall,
    /// What the server dates before this is no word on this call.
    earliest: Wall,
}

impl Moment {
    /// Of a response with this `Date`.
    #[inline]
    pub fn of(context: &HeaderContext<'_>, date: Option<Wall>) -> Moment {
        let began = context.began.map(|began| began.min(context.at).minus(BEHIND));
        let earliest = began.unwrap_or_else(|| context.at.minus(LONGEST));
        let latest = context.at.plus(AHEAD);
        let date = date.filter(|date| *date >= earliest && *date <= latest);
        Moment { at: date.unwrap_or(context.at), heard: context.at, earliest }
    }

    /// When the level of a bucket was read that was to be full at `full_at`: as long before
    /// that as it takes to fill up, where that is known. Some read it when a call is let in
    /// and answer when all of it is done.
    #[inline]
    pub fn before_full(self, full_at: Wall, fills_in: impl Fn() -> Option<Duration>) -> Wall {
        if full_at >= self.at || full_at < self.earliest {
            return self.at;
        }
        let fills_in = fills_in().unwrap_or_default().max(INSTANT);
        full_at.minus(fills_in).max(self.earliest)
    }
}
