//! Which part of what is kept of calls a line counts in. What is read ahead of a backlog
//! tells of the present at once, and is in the sums when it comes in its turn: together
//! the two are one line.

use super::Engine;
use super::dedup::Dedup;
use crate::domain::Origin;

/// What a line counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    #[default]
    All,
    /// What is known of the last minutes: limits, rates, durations, queues, obedience.
    Present,
    /// What is added up for good, and for a ledger: totals, caps, days.
    Sums,
}

impl Part {
    /// Whether it counts in the windows of the last minutes.
    #[must_use]
    pub fn has_present(self) -> bool {
        self != Part::Sums
    }

    /// Whether it is added up.
    #[must_use]
    pub fn has_sums(self) -> bool {
        self != Part::Present
    }

    /// What both of them have counted, once the other one is counted in the place of this.
    #[must_use]
    pub fn with(self, other: Part) -> Part {
        if self == other { self } else { Part::All }
    }
}

impl Engine {
    /// What is being read now counts in this.
    pub(super) fn part(&self) -> Part {
        match self.origin {
            Origin::Live | Origin::Backlog => Part::All,
            Origin::Ahead => Part::Present,
            Origin::Again => Part::Sums,
        }
    }

    /// Once nothing is read ahead any more, what was is forgotten.
    pub(super) fn forget_ahead(&mut self) {
        if !self.sources.iter().any(|row| row.status.state == "catching_up") {
            self.ahead = Dedup::default();
        }
    }
}
