//! A bounded memory of calls already counted, so that a doubled line counts
//! once. A fingerprint is never made of a client-chosen id alone (the decoder
//! sees to that), and calls of two models, providers or keys are two, so a reused id
//! hides no spend.
//!
//! Where a later line about a call can be the better one, or say another part of
//! it, what was counted is remembered too, so that it can be taken back, also by a
//! later run.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::part::Part;
use crate::domain::{Commit, CountedCall, Dedup as Id, Keep, Mono, Request, Sym, Wall};

/// Calls remembered: as many as a ledger gives back to the next run.
const KEPT: usize = Commit::SEEN_KEPT;
/// Calls remembered that a later line may supersede or add to.
const REPLACEABLE: usize = Commit::REPLACEABLE_KEPT;

/// Calls with one fingerprint that are told apart by their names, but for the first.
const MORE: u8 = 64;

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
    /// Where on the monotonic line it was counted; `None` by an earlier run, which
    /// left sums and no rates.
    pub when: Option<Mono>,
    /// At which time it was counted against caps.
    pub at: Wall,
    /// In what it was counted.
    pub part: Part,
}

/// What a call names, as far as that tells it apart; of what an earlier run counted
/// nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Who([Option<Sym>; 3]);

impl Who {
    fn of(id: Id, request: &Request) -> Who {
        match id.keep {
            Keep::FirstNamed => Who([request.provider, request.model, request.caller.key]),
            _ => Who::default(),
        }
    }

    /// Whether they can be one call: what one does not name tells nothing.
    fn fits(self, other: Who) -> bool {
        let pairs = self.0.into_iter().zip(other.0);
        pairs.into_iter().all(|(own, other)| own.zip(other).is_none_or(|(own, other)| own == other))
    }

    /// Learn what the other names.
    fn learn(&mut self, other: Who) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own = own.or(other));
    }
}

/// What the calls with one fingerprint are known by, in this run: the first by that itself.
fn nth(fingerprint: u64, n: u8) -> u64 {
    if n == 0 { fingerprint } else { FxBuildHasher.hash_one((fingerprint, n)) }
}

/// The last calls with an id.
#[derive(Debug, Default)]
pub struct Dedup {
    known: HashMap<u64, Who, FxBuildHasher>,
    /// How many more calls there were of one fingerprint with other names, at most.
    more: u8,
    order: VecDeque<u64>,
    counted: HashMap<u64, Box<Counted>, FxBuildHasher>,
    /// What of this there is, oldest first.
    replaceable: VecDeque<u64>,
    /// What of this was counted since it was last asked for.
    changed: HashSet<u64, FxBuildHasher>,
}

impl Dedup {
    /// What this call is. Remembers it; `counted` is how a call will be counted.
    pub fn admit(
        &mut self,
        id: Id,
        request: &Request,
        counted: impl FnOnce(Request) -> Counted,
    ) -> Admission {
        match id.keep {
            Keep::First | Keep::FirstNamed => {
                let is_known = self.repeats(id.fingerprint, Who::of(id, request));
                if is_known { Admission::Repeat } else { Admission::New }
            }
            _ => self.replace(id, request, counted),
        }
    }

    /// Whether it is a line about a call that was counted, where the first one counts.
    pub fn has_repeat(&self, id: Id, request: &Request) -> bool {
        id.keep.is_first() && self.find(id.fingerprint, Who::of(id, request)).is_some()
    }

    /// In what a call was counted that a better line may supersede; of one that an earlier
    /// run counted that is of no account.
    pub fn part_of(&self, fingerprint: u64) -> Option<Part> {
        let counted = self.counted.get(&fingerprint)?;
        counted.when.map(|_| counted.part)
    }

    /// Forget a call; whether it was known.
    pub fn forget(&mut self, id: Id, request: &Request) -> bool {
        let place = self.find(id.fingerprint, Who::of(id, request));
        place.is_some_and(|place| self.known.remove(&place).is_some())
    }

    /// The same, with what it was counted as.
    pub fn take(&mut self, fingerprint: u64) -> Option<Box<Counted>> {
        self.known.remove(&fingerprint);
        self.counted.remove(&fingerprint)
    }

    /// A call that an earlier run has counted. Without [`recall`](Self::recall) no
    /// better line can take its place, for as what it was counted is not known.
    pub fn remember(&mut self, fingerprint: u64) {
        self.repeats(fingerprint, Who::default());
    }

    /// The same, with what an earlier run counted it as.
    pub fn recall(&mut self, call: &CountedCall) {
        if let Some(id) = call.request.dedup {
            let (request, at) = (call.request, call.at);
            let counted = Counted { request, when: None, at, part: Part::All };
            self.keep(id.fingerprint, Box::new(counted));
        }
    }

    /// What was counted or put in another's place since this was last asked, and may
    /// still be taken back. Oldest first.
    pub fn take_changed(&mut self) -> Vec<CountedCall> {
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return Vec::new();
        }
        let fingerprints = self.replaceable.iter().filter(|known| changed.contains(*known));
        let counted = fingerprints.filter_map(|fingerprint| self.counted.get(fingerprint));
        counted.map(|counted| CountedCall { request: counted.request, at: counted.at }).collect()
    }

    /// Under what a call is known.
    fn find(&self, fingerprint: u64, who: Who) -> Option<u64> {
        let fits = |place: &u64| self.known.get(place).is_some_and(|known| known.fits(who));
        (0..=self.more).map(|n| nth(fingerprint, n)).find(fits)
    }

    /// Whether it is known; remembers it.
    fn repeats(&mut self, fingerprint: u64, who: Who) -> bool {
        let place = match self.known.entry(fingerprint) {
            Entry::Vacant(free) if self.more == 0 => {
                free.insert(who);
                fingerprint
            }
            _ => {
                if let Some(place) = self.find(fingerprint, who) {
                    self.known.entry(place).or_default().learn(who);
                    return true;
                }
                let is_free = |n: &u8| !self.known.contains_key(&nth(fingerprint, *n));
                // What finds no room is not remembered: it counts.
                let Some(n) = (0..=MORE).find(is_free) else { return false };
                self.more = self.more.max(n);
                self.known.insert(nth(fingerprint, n), who);
                nth(fingerprint, n)
            }
        };
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(place);
        false
    }

    fn replace(
        &mut self,
        id: Id,
        request: &Request,
        counted: impl FnOnce(Request) -> Counted,
    ) -> Admission {
        let Some(old) = self.counted.get_mut(&id.fingerprint) else {
            // What was spent is not lost because another part was counted long ago.
            let adds = id.keep == Keep::Join && request.states_usage();
            if self.repeats(id.fingerprint, Who::default()) && !adds {
                return Admission::Repeat;
            }
            self.changed.insert(id.fingerprint);
            self.keep(id.fingerprint, Box::new(counted(*request)));
            return Admission::New;
        };
        let mut new = *request;
        match id.keep {
            Keep::MostOutput if request.tokens.output <= old.request.tokens.output => {
                return Admission::Repeat;
            }
            Keep::Join => {
                new = old.request.joined(request);
                if new == old.request {
                    return Admission::Repeat;
                }
            }
            _ => {}
        }
        self.changed.insert(id.fingerprint);
        let old = std::mem::replace(old, Box::new(counted(new)));
        Admission::Supersedes { old, new: Box::new(new) }
    }

    fn keep(&mut self, fingerprint: u64, counted: Box<Counted>) {
        if self.counted.insert(fingerprint, counted).is_some() {
            return;
        }
        if self.replaceable.len() == REPLACEABLE
            && let Some(oldest) = self.replaceable.pop_front()
        {
            self.counted.remove(&oldest);
            self.changed.remove(&oldest);
        }
        self.replaceable.push_back(fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(output: Option<u64>) -> Request {
        let mut request = Request::at(Wall(0));
        request.tokens.output = output;
        request
    }

    fn admit(dedup: &mut Dedup, id: Id, request: &Request) -> Admission {
        let request = Request { dedup: Some(id), ..*request };
        let (when, part) = (Some(Mono(0)), Part::All);
        let counted = |request| Counted { request, when, at: Wall(0), part };
        dedup.admit(id, &request, counted)
    }

    fn is_new(dedup: &mut Dedup, fingerprint: u64, keep: Keep) -> bool {
        matches!(admit(dedup, Id { fingerprint, keep }, &call(None)), Admission::New)
    }

    #[test]
    fn a_repeat_is_known_until_it_is_pushed_out() {
        for keep in [Keep::First, Keep::Last] {
            let mut dedup = Dedup::default();
            assert!(is_new(&mut dedup, 7, keep));
            assert!(!is_new(&mut dedup, 7, keep));
            for other in 100..99 + KEPT as u64 {
                assert!(is_new(&mut dedup, other, keep));
            }
            assert!(!is_new(&mut dedup, 7, keep));
            assert!(is_new(&mut dedup, 99, keep));
            assert!(is_new(&mut dedup, 7, keep));
            assert_eq!(dedup.known.len(), KEPT);
            let replaceable = if keep == Keep::First { 0 } else { REPLACEABLE };
            assert_eq!((dedup.counted.len(), dedup.replaceable.len()), (replaceable, replaceable));
            assert_eq!(dedup.changed.len(), replaceable);
        }
    }

    #[test]
    fn of_a_call_counted_too_long_ago_a_later_line_is_a_repeat_and_not_a_second_call() {
        let mut dedup = Dedup::default();
        let last = |fingerprint| Id { fingerprint, keep: Keep::Last };
        assert!(is_new(&mut dedup, 7, Keep::Last));
        for other in 100..100 + REPLACEABLE as u64 {
            assert!(is_new(&mut dedup, other, Keep::Last));
        }
        assert!(matches!(admit(&mut dedup, last(7), &call(Some(9))), Admission::Repeat));
        let newest = last(99 + REPLACEABLE as u64);
        assert!(matches!(admit(&mut dedup, newest, &call(None)), Admission::Supersedes { .. }));
    }

    #[test]
    fn what_changed_is_told_once_and_a_later_run_can_take_it_back() {
        let id = |fingerprint| Id { fingerprint, keep: Keep::Last };
        let mut dedup = Dedup::default();
        for (fingerprint, output) in [(1, 5), (2, 6), (1, 7)] {
            let _ = admit(&mut dedup, id(fingerprint), &call(Some(output)));
        }
        let told = dedup.take_changed();
        let said = |calls: &[CountedCall]| -> Vec<_> {
            let said = |call: &CountedCall| {
                (call.request.dedup.unwrap().fingerprint, call.request.tokens.output.unwrap())
            };
            calls.iter().map(said).collect()
        };
        assert_eq!(said(&told), [(1, 7), (2, 6)]);
        assert!(dedup.take_changed().is_empty());

        let mut later = Dedup::default();
        for (fingerprint, call) in [1, 2].into_iter().zip(&told) {
            later.remember(fingerprint);
            later.recall(call);
        }
        assert!(later.take_changed().is_empty());
        let answer = admit(&mut later, id(1), &call(Some(9)));
        let Admission::Supersedes { old, .. } = answer else { panic!("{answer:?}") };
        assert_eq!((old.when, old.request.tokens.output), (None, Some(7)));
        assert_eq!(said(&later.take_changed()), [(1, 9)]);
    }

    #[test]
    fn the_better_line_supersedes_what_was_counted_of_the_other() {
        let admit = |dedup: &mut Dedup, keep, output| match admit(
            dedup,
            Id { fingerprint: 1, keep },
            &call(output),
        ) {
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
        let part = |status, output| Request { status, ..call(output) };
        let (usage, outcome) = (part(None, Some(7)), part(Some(200), None));
        let mut dedup = Dedup::default();
        assert!(matches!(admit(&mut dedup, id, &outcome), Admission::New));
        let first = dedup.take_changed();
        let together = |dedup: &mut Dedup| {
            let answer = admit(dedup, id, &usage);
            let Admission::Supersedes { old, new } = answer else { panic!("{answer:?}") };
            assert_eq!((old.request.status, old.request.tokens.output), (Some(200), None));
            assert_eq!((new.status, new.tokens.output), (Some(200), Some(7)));
            assert!(matches!(admit(dedup, id, &usage), Admission::Repeat));
            assert!(matches!(admit(dedup, id, &outcome), Admission::Repeat));
        };
        together(&mut dedup);

        let mut restarted = Dedup::default();
        restarted.remember(1);
        restarted.recall(&first[0]);
        together(&mut restarted);

        // As what it was counted is not known any more.
        let mut much_later = Dedup::default();
        much_later.remember(1);
        assert!(matches!(admit(&mut much_later, id, &outcome), Admission::Repeat));
        assert!(matches!(admit(&mut much_later, id, &usage), Admission::New));
        assert!(matches!(admit(&mut much_later, id, &outcome), Admission::Supersedes { .. }));
    }
}
