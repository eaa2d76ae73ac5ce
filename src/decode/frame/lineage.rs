//! Spans within spans that tell of one call: a library's own, that of whoever
//! instruments it around it, an event within either. Only where they stand to one
//! another is known here, not what they mean.
//!
//! A call that stands within a counted one, or around one, is that one. Calls
//! beside each other are different, however alike they are: they may have been
//! made at the same time.

use std::collections::VecDeque;
use std::hash::Hasher;

use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHasher};

use crate::domain::{Dedup, Keep, Wall};

/// Spans remembered; of a trace the inner ones end, and come, first.
const KEPT: usize = 16_384;
/// Spans within one another that are followed.
const MAX_DEPTH: usize = 32;

/// Where a record stands among the spans of its trace, by fingerprints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kin {
    /// The span that it is; an event is none.
    pub(super) own: Option<u64>,
    /// The span around it.
    pub(super) around: Option<u64>,
    /// What a line of a program says, of which many may have one time.
    says: Option<u64>,
}

/// What a call is to those counted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Another one.
    None,
    /// The call that is known by this.
    Same(Dedup),
    /// Several calls that were counted.
    Sum,
}

/// The last spans.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    spans: HashMap<u64, Span, FxBuildHasher>,
    order: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    around: Option<u64>,
    /// The call that it is.
    call: Option<Dedup>,
    holds: Held,
}

/// Calls within a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    None,
    One(Dedup),
    Several,
}

impl Kin {
    /// By the ids in a record, as they are written there.
    pub(super) fn new(trace: &[u8], own: &[u8], around: &[u8]) -> Kin {
        let span = |id: &[u8]| {
            (!trace.is_empty() && !id.is_empty()).then(|| {
                let mut hasher = FxHasher::default();
                hasher.write(trace);
                hasher.write_u8(b'/');
                hasher.write(id);
                hasher.finish()
            })
        };
        Kin { own: span(own), around: span(around), says: None }
    }

    /// The same of a line that says no more than `record`.
    pub(super) fn saying(self, record: &[u8]) -> Kin {
        let mut hasher = FxHasher::default();
        hasher.write(record);
        Kin { says: Some(hasher.finish()), ..self }
    }

    /// What a call is known by that has no id of its own: its span, or that of an
    /// event and its time, or all that a line says.
    pub(super) fn dedup(self, at: Wall) -> Option<Dedup> {
        let event = |span: u64| {
            let mut hasher = FxHasher::default();
            hasher.write_u64(span);
            match self.says {
                Some(says) => hasher.write_u64(says),
                None => hasher.write_i64(at.0),
            }
            hasher.finish()
        };
        let fingerprint = self.own.or_else(|| self.around.map(event))?;
        Some(Dedup { fingerprint, keep: Keep::MostOutput })
    }
}

impl Lineage {
    /// Remembers a record that is no call.
    pub(super) fn pass(&mut self, kin: Kin) {
        let Some(own) = kin.own else { return };
        let span = self.span(own);
        span.around = kin.around;
        let holds = span.holds;
        self.tell(kin.around, holds);
    }

    /// What a call is to those counted before; remembers it.
    pub(super) fn admit(&mut self, kin: Kin, call: Dedup) -> Relation {
        let within = kin.own.map_or(Held::None, |own| self.span(own).holds);
        let relation = match within {
            Held::One(call) => Relation::Same(call),
            Held::Several => Relation::Sum,
            Held::None => self.around(kin).map_or(Relation::None, Relation::Same),
        };
        let is = match relation {
            Relation::Same(call) => call,
            Relation::None | Relation::Sum => call,
        };
        if let Some(own) = kin.own {
            let span = self.span(own);
            (span.around, span.call) = (kin.around, Some(is));
        }
        let holds = if within == Held::None { Held::One(is) } else { within };
        self.tell(kin.around, holds);
        relation
    }

    /// The nearest call around a record.
    fn around(&self, kin: Kin) -> Option<Dedup> {
        let mut next = kin.around;
        for _ in 0..MAX_DEPTH {
            let span = self.spans.get(&next?)?;
            if span.call.is_some() {
                return span.call;
            }
            next = span.around;
        }
        None
    }

    /// Tells the spans around a record what it holds.
    fn tell(&mut self, around: Option<u64>, holds: Held) {
        let mut next = around.filter(|_| holds != Held::None);
        for _ in 0..MAX_DEPTH {
            let Some(id) = next else { return };
            let span = self.span(id);
            let both = span.holds.and(holds);
            if both == span.holds {
                return;
            }
            span.holds = both;
            next = span.around;
        }
    }

    fn span(&mut self, id: u64) -> &mut Span {
        if !self.spans.contains_key(&id) {
            if self.order.len() == KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.spans.remove(&oldest);
            }
            self.order.push_back(id);
        }
        self.spans.entry(id).or_default()
    }
}

impl Held {
    fn and(self, other: Held) -> Held {
        match (self, other) {
            (Held::None, one) | (one, Held::None) => one,
            (one, other) if one == other => one,
            _ => Held::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kin(own: &str, around: &str) -> Kin {
        Kin::new(b"t", own.as_bytes(), around.as_bytes())
    }

    fn call(fingerprint: u64) -> Dedup {
        Dedup { fingerprint, keep: Keep::First }
    }

    #[test]
    fn a_span_within_or_around_a_counted_one_is_that_call() {
        for order in [["in", "mid", "out"], ["out", "mid", "in"], ["in", "out", "mid"]] {
            let mut lineage = Lineage::default();
            let mut relations = Vec::new();
            for (number, span) in (1..).zip(order) {
                match span {
                    "in" => relations.push(lineage.admit(kin("c", "m"), call(number))),
                    "out" => relations.push(lineage.admit(kin("a", "root"), call(number))),
                    _ => lineage.pass(kin("m", "a")),
                }
            }
            // What is between them must be known for that.
            let second = if order[1] == "mid" { Relation::Same(call(1)) } else { Relation::None };
            assert_eq!(relations, [Relation::None, second], "{order:?}");
        }
    }

    #[test]
    fn calls_beside_each_other_are_different_and_what_is_around_both_is_their_sum() {
        let mut lineage = Lineage::default();
        assert_eq!(lineage.admit(kin("b", "a"), call(1)), Relation::None);
        assert_eq!(lineage.admit(kin("c", "a"), call(2)), Relation::None);
        assert_eq!(lineage.admit(kin("a", "root"), call(3)), Relation::Sum);
        assert_eq!(lineage.admit(kin("d", "root"), call(4)), Relation::None);
        assert_eq!(lineage.admit(kin("d2", "d"), call(5)), Relation::Same(call(4)));
        // The same ids in another trace, and none at all.
        assert_eq!(lineage.admit(Kin::new(b"u", b"a", b"root"), call(6)), Relation::None);
        assert_eq!(lineage.admit(Kin::new(b"", b"", b""), call(7)), Relation::None);
        assert_eq!(lineage.admit(Kin::new(b"", b"", b""), call(8)), Relation::None);
    }

    #[test]
    fn an_event_is_the_call_of_its_span_and_two_events_are_two_calls_elsewhere() {
        let event = |span: &str| Kin::new(b"t", b"", span.as_bytes());
        let mut lineage = Lineage::default();
        assert_eq!(lineage.admit(kin("a", "root"), call(1)), Relation::None);
        assert_eq!(lineage.admit(event("a"), call(2)), Relation::Same(call(1)));
        assert_eq!(lineage.admit(event("b"), call(3)), Relation::None);
        assert_eq!(lineage.admit(kin("b", "root"), call(4)), Relation::Same(call(3)));
        lineage.pass(kin("web", ""));
        assert_eq!(lineage.admit(event("web"), call(5)), Relation::None);
        assert_eq!(lineage.admit(event("web"), call(6)), Relation::None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut lineage = Lineage::default();
        for number in 0..KEPT as u64 * 2 {
            let kin = Kin { own: Some(number), around: Some(number + 1), says: None };
            lineage.admit(kin, call(number));
        }
        assert_eq!((lineage.spans.len(), lineage.order.len()), (KEPT, KEPT));
    }
}
