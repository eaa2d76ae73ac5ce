//! Where a line stands, for everything that is said about it.

use crate::domain::{Batch, FaultReason, Item, LineAt, Observation, Sym, TextRef, Wall};

/// A line's place, for what is pushed about it.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Place {
    pub(in crate::decode) at: LineAt,
    /// Length in bytes.
    pub(in crate::decode) len: u64,
    /// When whoever wrapped the line took it.
    pub(in crate::decode) logged: Option<Wall>,
    /// Where it was taken.
    pub(in crate::decode) host: Option<Sym>,
}

impl Place {
    /// A line as it stands in its source.
    pub(in crate::decode) fn new(at: LineAt, len: usize) -> Place {
        Place { at, len: len as u64, logged: None, host: None }
    }

    /// The same place, on to the end of a later one.
    pub(in crate::decode) fn up_to(self, later: Place) -> Place {
        let end = later.at.offset.saturating_add(later.len);
        Place { len: end.saturating_sub(self.at.offset).max(self.len), ..self }
    }

    /// Inlined, so that what is said is written where it stays.
    #[inline]
    #[allow(clippy::large_types_passed_by_value, reason = "it moves into the batch")]
    pub(in crate::decode) fn push(self, out: &mut Batch, seen: Observation) {
        let line = self.at.number;
        let says_nothing = matches!(
            seen,
            Observation::Ignored { .. }
                | Observation::Fault { .. }
                | Observation::Quarantined { .. }
        );
        // A line of a million empty records says so once.
        let again = |last: &Item| last.line == line && last.seen == seen;
        if !(says_nothing && out.items.last().is_some_and(again)) {
            out.items.push(Item { line, seen });
        }
    }

    pub(in crate::decode) fn quarantine(self, out: &mut Batch, reason: FaultReason) {
        let (offset, len) = (self.at.offset, self.len);
        self.push(out, Observation::Quarantined { reason, offset, len });
    }

    pub(in crate::decode) fn fault(self, out: &mut Batch, reason: FaultReason) {
        self.push(out, Observation::Fault { reason, what: TextRef::default() });
    }
}
