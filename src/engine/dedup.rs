//! A bounded memory of calls already counted, so that a doubled line counts
//! once. A fingerprint is never made of a client-chosen id alone (the decoder
//! sees to that), so a reused id hides no spend.
//!
//! Where a later line about a call can be the better one, or say another part of
//! it, what was counted is remembered too, so that it can be taken back.

use std::collections::VecDeque;

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use crate::domain::{Commit, Dedup as Id, Keep, Mono, Request, Wall};

/// Calls remembered: as many as a ledger gives back to the next run.
const KEPT: usize = Commit::SEEN_KEPT;
/// Calls remembered that a later line may supersede or add to.
const REPLACEABLE: usize = 8192;

/// What a call is to those counted before.
#[derive(Debug)]
pub enum Admission {
    /// It was not seen yet.
    New,
    /// It was counted, and this line says nothing better.
    Repeat,
    /// It was counted as `old`; now it counts as `new` instead.
    Supersedes {
        /// To be taken back.
        old: Box<Counted>,
        /// To be counted.
        new: Box<Request>,
    },
}

/// A call as it was counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The call.
    pub request: Request,
    /// Where on the monotonic line it was counted.
    pub when: Mono,
    /// At which time it was counted against caps.
    pub at: Wall,
}

/// The last calls with an id.
#[derive(Debug, Default)]
pub struct Dedup {
    known: HashSet<u64, FxBuildHasher>,
    order: VecDeque<u64>,
    counted: HashMap<u64, Box<Counted>, FxBuildHasher>,
    replaceable: VecDeque<u64>,
}

impl Dedup {
    /// What this call is. Remembers it; `counted` is how it will be counted.
    pub fn admit(&mut self, id: Id, counted: impl FnOnce() -> Counted) -> Admission {
        match id.keep {
            Keep::First if self.repeats(id.fingerprint) => Admission::Repeat,
            Keep::First => Admission::New,
            keep => self.replace(id.fingerprint, keep, Box::new(counted())),
        }
    }

    /// A call that an earlier run has counted. As what is not known any more, so
    /// no better line can take its place.
    pub fn remember(&mut self, fingerprint: u64) {
        self.repeats(fingerprint);
    }

    fn repeats(&mut self, fingerprint: u64) -> bool {
        if !self.known.insert(fingerprint) {
            return true;
        }
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(fingerprint);
        false
    }

    fn replace(&mut self, fingerprint: u64, keep: Keep, mut new: Box<Counted>) -> Admission {
        if let Some(old) = self.counted.get_mut(&fingerprint) {
            let output = |counted: &Counted| counted.request.tokens.output;
            if keep == Keep::MostOutput && output(&new) <= output(old) {
                return Admission::Repeat;
            }
            if keep == Keep::Join {
                let request = old.request.joined(&new.request);
                if request == old.request {
                    return Admission::Repeat;
                }
                if request.at != new.request.at {
                    (new.when, new.at) = (old.when, old.at);
                }
                new.request = request;
            }
            let counts = Box::new(new.request);
            return Admission::Supersedes { old: std::mem::replace(old, new), new: counts };
        }
        // What was spent is not lost because an earlier run saw another part.
        let adds = keep == Keep::Join && new.request.states_usage();
        if self.known.contains(&fingerprint) && !adds {
            return Admission::Repeat;
        }
        if self.replaceable.len() == REPLACEABLE
            && let Some(oldest) = self.replaceable.pop_front()
        {
            self.counted.remove(&oldest);
        }
        self.replaceable.push_back(fingerprint);
        self.counted.insert(fingerprint, new);
        Admission::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(output: Option<u64>) -> Counted {
        let mut request = Request::at(Wall(0));
        request.tokens.output = output;
        Counted { request, when: Mono(0), at: Wall(0) }
    }

    fn is_new(dedup: &mut Dedup, fingerprint: u64, keep: Keep) -> bool {
        matches!(dedup.admit(Id { fingerprint, keep }, || call(None)), Admission::New)
    }

    #[test]
    fn a_repeat_is_known_until_it_is_pushed_out() {
        for (keep, kept) in [(Keep::First, KEPT), (Keep::Last, REPLACEABLE)] {
            let mut dedup = Dedup::default();
            assert!(is_new(&mut dedup, 7, keep));
            assert!(!is_new(&mut dedup, 7, keep));
            for other in 100..100 + kept as u64 {
                assert!(is_new(&mut dedup, other, keep));
            }
            assert!(is_new(&mut dedup, 7, keep));
            assert_eq!(dedup.known.len() + dedup.counted.len(), kept);
        }
    }

    #[test]
    fn the_better_line_supersedes_what_was_counted_of_the_other() {
        let admit = |dedup: &mut Dedup, keep, output| match dedup
            .admit(Id { fingerprint: 1, keep }, || call(output))
        {
            Admission::New => "new".to_owned(),
            Admission::Repeat => "repeat".to_owned(),
            Admission::Supersedes { old, .. } => format!("{:?}", old.request.tokens.output),
        };
        let mut most = Dedup::default();
        for (output, is) in [
            (Some(2), "new"),
            (Some(2), "repeat"),
            (None, "repeat"),
            (Some(9), "Some(2)"),
            (Some(3), "repeat"),
        ] {
            assert_eq!(admit(&mut most, Keep::MostOutput, output), is);
        }
        let mut last = Dedup::default();
        assert_eq!(admit(&mut last, Keep::Last, Some(5)), "new");
        assert_eq!(admit(&mut last, Keep::Last, Some(1)), "Some(5)");
        assert_eq!(admit(&mut last, Keep::Last, None), "Some(1)");
    }

    #[test]
    fn parts_of_a_call_are_put_together_also_over_a_restart() {
        let id = Id { fingerprint: 1, keep: Keep::Join };
        let part = |status, output| {
            let mut part = call(output);
            part.request.status = status;
            part
        };
        let usage = || part(None, Some(7));
        let outcome = || part(Some(200), None);
        let mut dedup = Dedup::default();
        assert!(matches!(dedup.admit(id, outcome), Admission::New));
        let Admission::Supersedes { old, new } = dedup.admit(id, usage) else { panic!("joined") };
        assert_eq!(old.request, outcome().request);
        assert_eq!((new.status, new.tokens.output), (Some(200), Some(7)));
        assert!(matches!(dedup.admit(id, usage), Admission::Repeat));
        assert!(matches!(dedup.admit(id, outcome), Admission::Repeat));

        let mut restarted = Dedup::default();
        restarted.remember(1);
        assert!(matches!(restarted.admit(id, outcome), Admission::Repeat));
        assert!(matches!(restarted.admit(id, usage), Admission::New));
        assert!(matches!(restarted.admit(id, outcome), Admission::Supersedes { .. }));
    }
}
