//! Which part of what is kept of calls a line counts in. What is read ahead of a backlog
//! tells of the present at once, and is in the sums when it comes in its turn: together
//! the two are one line.

use super::Engine;
use super::dedup::{Counted, Dedup};
use crate::domain::{Origin, Request, Stamp};

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

    /// What a call counts in that comes now. Where the one that counted for it stood in the
    /// past, and so counts in the present as well, what was read ahead of that counted twice
    /// there: it is taken back, and from now on the two are one as anywhere else.
    pub(super) fn part_of(&mut self, request: &Request, now: Stamp) -> Part {
        let part = self.part();
        let Some(id) = request.dedup.filter(|_| part == Part::Sums) else { return part };
        if id.keep.is_first() {
            // What comes now is what was counted ahead, or a repeat of that.
            if self.ahead.forget(id, request) && self.dedup.has_repeat(id, request) {
                let (when, at) = (Some(now.mono_of(request.at)), request.at);
                self.take_back(&Counted { request: *request, when, at, part }, Part::Present);
            }
            return part;
        }
        if self.dedup.part_of(id.fingerprint) != Some(Part::All) {
            return part;
        }
        if let Some(ahead) = self.ahead.take(id.fingerprint) {
            self.take_back(&ahead, Part::Present);
        }
        Part::All
    }

    /// Once all is read in its turn, what was read ahead is forgotten.
    pub(super) fn forget_ahead(&mut self) {
        if self.sources.iter().all(|row| row.progress.bytes_behind == 0) {
            self.ahead = Dedup::default();
        }
    }
}
