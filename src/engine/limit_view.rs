//! What one limit shows at one moment: how much is left, when it comes back or runs
//! out, and how far that can be trusted. It must not know how that was worked out.

use crate::domain::{LimitStatus, Reset, ResetKind, Wall};

/// What is so when a limit comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// The bucket is full.
    Full,
    /// Its window is over.
    Window,
    /// Whoever was refused may try again.
    RetryAfter,
    /// The first of an empty bucket is there again; it is full much later.
    Refill,
}

impl View {
    /// The provider says that calls are refused, whatever is left.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.status == Some(LimitStatus::Rejected)
    }

    /// The provider says that calls pass, whatever is left.
    #[must_use]
    pub fn lets_pass(&self) -> bool {
        matches!(self.status, Some(LimitStatus::Allowed | LimitStatus::Warning))
    }
}

impl Back {
    pub(super) fn of(reset: Reset) -> Option<Back> {
        match reset.kind {
            ResetKind::FullAt => Some(Back::Full),
            ResetKind::WindowEndsAt => Some(Back::Window),
            ResetKind::Unknown => None,
        }
    }

    /// As it stands in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Back::Full => "full",
            Back::Window => "window",
            Back::RetryAfter => "retry_after",
            Back::Refill => "refill",
        }
    }
}

/// What a gauge shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each may be so without the others")]
pub struct View {
    /// What is left now, as far as can be known.
    pub remaining: Option<f64>,
    /// What the last reading said was left, where `remaining` is worked out from it.
    pub read: Option<f64>,
    /// It was reset since its last reading, and that is all that is known.
    pub was_reset: bool,
    /// `remaining` over the limit's size, 0..1.
    pub remaining_ratio: Option<f64>,
    /// Seconds until it comes back; `None` if not known or already past.
    pub reset_in_s: Option<f64>,
    /// When it comes back.
    pub reset_at: Option<Wall>,
    /// What is so then, where that is known.
    pub back: Option<Back>,
    /// Seconds until it runs out at the present rate.
    pub exhausts_in_s: Option<f64>,
    /// Refusals or the provider say it is exhausted, or nothing is left.
    pub exhausted: bool,
    /// A refusal says so, whose time is not over.
    pub refused: bool,
    /// The provider's own word, where it is not old.
    pub status: Option<LimitStatus>,
    /// The last reading is older than the limit's window.
    pub stale: bool,
    /// Age of the last reading in seconds.
    pub age_s: f64,
}

/// What a reading was to its gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The first one.
    New,
    /// A newer one.
    Newer,
    /// A newer one, and the size of the limit differs.
    LimitChanged,
    /// Older than what is known; not used.
    Older,
}

/// How a limit's exhaustion changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhaustion {
    /// Nothing is left from now on.
    Began,
    /// It came back.
    Ended,
}
