//! What callers were told when their calls failed, until they try again. Logs do not
//! link the two: of one caller's failures on the attempt before, the oldest is taken
//! for the one that is retried first.
//!
//! Which retry took which failure is remembered where a later line may still take the
//! retry back. What comes of it for the load, this must not know.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::traffic::MINUTE;
use crate::domain::{Mono, Outcome, Request, Sym};

/// Callers remembered; those that failed last more than a minute ago make room.
const CALLERS: usize = 4096;
/// Failures of one caller that are remembered until they are retried.
const OPEN: usize = 256;
/// Pause between two searches for callers that can go.
const SWEEP: Duration = Duration::from_secs(1);

/// What all callers were told.
#[derive(Debug, Default)]
pub struct Memory {
    callers: HashMap<Option<Sym>, Caller, FxBuildHasher>,
    swept: Mono,
}

#[derive(Debug, Default)]
struct Caller {
    /// Failures that were not retried yet, oldest first.
    open: VecDeque<Told>,
    /// The others, by the call that retried them.
    taken: VecDeque<(u64, Told)>,
}

/// What a caller was told when one of its calls failed.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// When.
    pub at: Mono,
    /// How long to wait, if that was said.
    pub wait: Option<Duration>,
    /// That call can never succeed.
    pub hopeless: bool,
    attempt: u32,
    /// Which call, if it may be taken back.
    call: Option<u64>,
}

impl Memory {
    /// The failure that this attempt repeats.
    pub fn retried(&mut self, request: &Request, attempt: u32) -> Option<Told> {
        let caller = self.callers.get_mut(&request.caller.key).filter(|_| attempt > 1)?;
        let position = caller.open.iter().position(|told| told.attempt + 1 == attempt)?;
        let told = caller.open.remove(position)?;
        if let Some(call) = revisable(request) {
            if caller.taken.len() >= OPEN {
                caller.taken.pop_front();
            }
            caller.taken.push_back((call, told));
        }
        Some(told)
    }

    /// Note a failure, so that its retry is known.
    pub fn failed(&mut self, request: &Request, attempt: u32, when: Mono) {
        if !self.has_room(request.caller.key, when) {
            return;
        }
        let caller = self.callers.entry(request.caller.key).or_default();
        let call = revisable(request);
        // It was retried, and only another line about it is new.
        if call.is_some() && caller.taken.iter().any(|(_, told)| told.call == call) {
            return;
        }
        let wait = request.failure.retry_after_s.filter(|s| (0.0..86_400.0).contains(s));
        let hopeless = request.failure.retryable == Some(false)
            || request.outcome() == Outcome::QuotaExhausted;
        let wait = wait.map(Duration::from_secs_f64);
        let is_old = |told: &Told| when.since(told.at) >= MINUTE;
        // What was never retried must not be taken for the start of a later one.
        let open = &mut caller.open;
        while open.len() >= OPEN || open.front().is_some_and(is_old) {
            open.pop_front();
        }
        open.push_back(Told { at: when, wait, hopeless, attempt, call });
    }

    /// A call is taken back: it told its caller nothing, and the failure that it
    /// repeated, which is answered, is to be retried again.
    pub fn take_back(&mut self, request: &Request) -> Option<Told> {
        let call = revisable(request)?;
        let caller = self.callers.get_mut(&request.caller.key)?;
        caller.open.retain(|told| told.call != Some(call));
        let position = caller.taken.iter().position(|(by, _)| *by == call)?;
        let (_, told) = caller.taken.remove(position)?;
        let place = caller.open.iter().position(|other| other.at > told.at);
        caller.open.insert(place.unwrap_or(caller.open.len()), told);
        Some(told)
    }

    fn has_room(&mut self, key: Option<Sym>, when: Mono) -> bool {
        if self.callers.len() < CALLERS || self.callers.contains_key(&key) {
            return true;
        }
        if when.since(self.swept) >= SWEEP {
            self.swept = when;
            let is_new = |told: &Told| when.since(told.at) < MINUTE;
            self.callers.retain(|_, caller| {
                caller.open.back().is_some_and(is_new)
                    || caller.taken.back().is_some_and(|(_, told)| is_new(told))
            });
        }
        self.callers.len() < CALLERS
    }
}

/// What a call goes by that a later line may take back.
fn revisable(request: &Request) -> Option<u64> {
    request.dedup.filter(|id| !id.keep.is_first()).map(|id| id.fingerprint)
}
