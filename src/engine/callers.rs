//! Who is doing it: keys over five minutes.

use std::time::Duration;

use super::heard::Heard;
use crate::domain::{Mono, NanoUsd, Outcome, Request, Sym};
use crate::stats::{Known, Sliding};

/// Stands for the key of calls whose log names none.
pub const UNATTRIBUTED: &str = "__unattributed__";
/// The window of everything here.
pub const SPAN: Duration = Duration::from_secs(300);

/// One key in one environment.
#[derive(Debug)]
pub struct Caller {
    /// The key; `None` is everyone whose line names none.
    pub key: Option<Sym>,
    /// Its environment.
    pub environment: Option<Sym>,
    /// The team last seen with it.
    pub team: Option<Sym>,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// What of it may stop traffic.
    pub heard: Heard,
    sums: Sliding<Sums>,
    last: Option<Mono>,
}

/// Sums over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls.
    pub requests: u32,
    /// Calls that succeeded: those use tokens.
    pub passed: u32,
    /// Calls refused by a limit.
    pub limited: u32,
    /// Input and output tokens.
    pub tokens: u64,
    /// Priced spend.
    pub usd: NanoUsd,
    /// Calls with a price.
    pub priced: u32,
}

impl Caller {
    /// A key that has not been seen yet.
    #[must_use]
    pub fn new(key: Option<Sym>, environment: Option<Sym>) -> Caller {
        Caller {
            key,
            environment,
            team: None,
            rules: Box::default(),
            heard: Heard::default(),
            sums: Sliding::new(Duration::from_secs(10), 31),
            last: None,
        }
    }

    /// Count a call.
    pub fn count(&mut self, request: &Request, when: Mono) {
        self.last = self.last.max(Some(when));
        self.team = request.caller.team.or(self.team);
        let Some(sums) = self.sums.at(when) else { return };
        sums.requests += 1;
        sums.passed += u32::from(request.outcome() == Outcome::Ok);
        sums.limited += u32::from(request.outcome() == Outcome::RateLimited);
        sums.tokens += request.tokens.input.unwrap_or(0) + request.tokens.output.unwrap_or(0);
        if let Some(cost) = request.cost {
            sums.usd += cost.usd;
            sums.priced += 1;
        }
    }

    /// Take a call back that was counted at `when`.
    pub fn take_back(&mut self, request: &Request, when: Mono) {
        let Some(sums) = self.sums.at(when) else { return };
        let limited = u32::from(request.outcome() == Outcome::RateLimited);
        let tokens = request.tokens.input.unwrap_or(0) + request.tokens.output.unwrap_or(0);
        sums.requests = sums.requests.saturating_sub(1);
        sums.passed = sums.passed.saturating_sub(u32::from(request.outcome() == Outcome::Ok));
        sums.limited = sums.limited.saturating_sub(limited);
        sums.tokens = sums.tokens.saturating_sub(tokens);
        if let Some(cost) = request.cost {
            sums.usd = sums.usd - cost.usd;
            sums.priced = sums.priced.saturating_sub(1);
        }
    }

    /// Sums of the last five minutes.
    #[must_use]
    pub fn sums(&self, now: Mono) -> Sums {
        self.sums.recent(now, SPAN).fold(Sums::default(), |all, slot| Sums {
            requests: all.requests + slot.requests,
            passed: all.passed + slot.passed,
            limited: all.limited + slot.limited,
            tokens: all.tokens + slot.tokens,
            usd: all.usd + slot.usd,
            priced: all.priced + slot.priced,
        })
    }

    /// Calls of the last minute.
    #[must_use]
    pub fn requests_of_late(&self, now: Mono) -> u64 {
        let recent = self.sums.recent(now, Duration::from_secs(60));
        recent.map(|slot| u64::from(slot.requests)).sum()
    }

    /// Seconds that the sums cover; `None` while that is too little for a rate.
    #[must_use]
    pub fn covered_s(&self, now: Mono, known: Known) -> Option<f64> {
        self.sums.covered_s(now, SPAN, known)
    }

    /// When it was last seen.
    #[must_use]
    pub fn last(&self) -> Option<Mono> {
        self.last
    }
}
