//! What retrying does to the load: amplification, success by attempt, and
//! whether callers wait as long as they are told.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::heard::Heard;
use super::traffic::MINUTE;
use crate::domain::{Mono, NanoUsd, Outcome, Request, Sym};
use crate::stats::{Known, Sliding};

/// Attempts told apart: first, second, third, and all later ones.
pub const ATTEMPTS: usize = 4;
/// Callers remembered for `Retry-After`.
const CALLERS: usize = 4096;
/// Failures of one caller that are remembered until they are retried.
const OPEN: usize = 256;

/// Retries of one provider and model.
#[derive(Debug)]
pub struct Retries {
    /// Provider.
    pub provider: Option<Sym>,
    /// Model.
    pub model: Option<Sym>,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// What of it may stop traffic.
    pub heard: Heard,
    sums: Sliding<Sums>,
    told: HashMap<Option<Sym>, VecDeque<Told>, FxBuildHasher>,
}

/// What a caller was told when one of its calls failed.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: Mono,
    attempt: u32,
    wait: Option<Duration>,
    hopeless: bool,
}

/// Sums over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    tried: [u32; ATTEMPTS],
    passed: [u32; ATTEMPTS],
    told_to_wait: u32,
    waited: u32,
    hopeless: u32,
    wasted: NanoUsd,
}

impl Retries {
    /// A row without calls.
    #[must_use]
    pub fn new(provider: Option<Sym>, model: Option<Sym>) -> Retries {
        Retries {
            provider,
            model,
            rules: Box::default(),
            heard: Heard::default(),
            sums: Sliding::new(Duration::from_secs(5), 13),
            told: HashMap::with_hasher(FxBuildHasher),
        }
    }

    /// Count a call whose attempt number is known.
    pub fn count(&mut self, request: &Request, when: Mono) {
        let Some(attempt) = request.attempt else { return };
        let began = match request.timing.latency_ms {
            Some(ms) => when.minus(Duration::from_secs_f64((ms / 1000.0).clamp(0.0, 86_400.0))),
            None => when,
        };
        let told = self.retried(request, attempt);
        let Some(sums) = self.sums.at(when) else { return };
        let index = (attempt.max(1) as usize).min(ATTEMPTS) - 1;
        let passed = request.outcome() == Outcome::Ok;
        bump(&mut sums.tried, index);
        if passed {
            bump(&mut sums.passed, index);
        } else if let Some(cost) = request.cost {
            sums.wasted += cost.usd;
        }
        // Only a retry that follows closely is taken for one of that refusal.
        if let Some(told) = told.filter(|told| when.since(told.at) < MINUTE) {
            sums.hopeless += u32::from(told.hopeless);
            if let Some(wait) = told.wait {
                sums.told_to_wait += 1;
                sums.waited += u32::from(began >= told.at.plus(wait));
            }
        }
        if !passed {
            self.remember(request, attempt, when);
        }
    }

    /// Take a call back that was counted at `when`.
    pub fn take_back(&mut self, request: &Request, when: Mono) {
        let Some(attempt) = request.attempt else { return };
        let Some(sums) = self.sums.at(when) else { return };
        let index = (attempt.max(1) as usize).min(ATTEMPTS) - 1;
        let passed = request.outcome() == Outcome::Ok;
        let less = |counts: &mut [u32; ATTEMPTS], by: bool| {
            if let Some(count) = counts.get_mut(index) {
                *count = count.saturating_sub(u32::from(by));
            }
        };
        less(&mut sums.tried, true);
        less(&mut sums.passed, passed);
        if let (false, Some(cost)) = (passed, request.cost) {
            sums.wasted = sums.wasted - cost.usd;
        }
    }

    /// The failure that this attempt repeats. Logs do not link the two: of one
    /// caller's failures on the attempt before, the oldest is retried first.
    fn retried(&mut self, request: &Request, attempt: u32) -> Option<Told> {
        let told = self.told.get_mut(&request.caller.key).filter(|_| attempt > 1)?;
        let position = told.iter().position(|told| told.attempt + 1 == attempt)?;
        told.remove(position)
    }

    fn remember(&mut self, request: &Request, attempt: u32, when: Mono) {
        if self.told.len() >= CALLERS && !self.told.contains_key(&request.caller.key) {
            return;
        }
        let wait = request.failure.retry_after_s.filter(|s| (0.0..86_400.0).contains(s));
        let hopeless = request.failure.retryable == Some(false)
            || request.outcome() == Outcome::QuotaExhausted;
        let told = Told { at: when, attempt, wait: wait.map(Duration::from_secs_f64), hopeless };
        let queue = self.told.entry(request.caller.key).or_default();
        // What was never retried must not be taken for the start of a later one.
        while queue.len() >= OPEN || queue.front().is_some_and(|old| when.since(old.at) >= MINUTE) {
            queue.pop_front();
        }
        queue.push_back(told);
    }

    /// What the last minute shows.
    #[must_use]
    pub fn view(&self, now: Mono, known: Known) -> View {
        let mut all = Sums::default();
        for slot in self.sums.recent(now, MINUTE) {
            all.add(slot);
        }
        View { sums: all, covered_s: self.sums.covered_s(now, MINUTE, known) }
    }
}

/// The last minute of retries; also of several rows together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    sums: Sums,
    covered_s: Option<f64>,
}

impl View {
    /// This and another row together.
    #[must_use]
    pub fn with(mut self, other: &View) -> View {
        self.sums.add(&other.sums);
        self.covered_s = self.covered_s.or(other.covered_s);
        self
    }

    /// Calls with a known attempt number.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.sums.tried.iter().sum()
    }

    /// Attempts per distinct request.
    #[must_use]
    pub fn amplification(&self) -> Option<f64> {
        let first = *self.sums.tried.first()?;
        (first > 0).then(|| f64::from(self.attempts()) / f64::from(first))
    }

    /// Share of retries (not first attempts) that succeed.
    #[must_use]
    pub fn success_ratio(&self) -> Option<f64> {
        let retried: u32 = self.sums.tried.iter().skip(1).sum();
        let passed: u32 = self.sums.passed.iter().skip(1).sum();
        (retried > 0).then(|| f64::from(passed) / f64::from(retried))
    }

    /// Share of first, second, … attempts that succeed, as far as there were any.
    #[must_use]
    pub fn success_by_attempt(&self) -> Vec<f64> {
        let pairs = self.sums.tried.iter().zip(&self.sums.passed);
        pairs
            .take_while(|(tried, _)| **tried > 0)
            .map(|(tried, passed)| f64::from(*passed) / f64::from(*tried))
            .collect()
    }

    /// Share of retries that waited at least as long as they were told.
    #[must_use]
    pub fn honoured_ratio(&self) -> Option<f64> {
        let told = self.sums.told_to_wait;
        (told > 0).then(|| f64::from(self.sums.waited) / f64::from(told))
    }

    /// Retries a second of calls that cannot succeed.
    #[must_use]
    pub fn hopeless_per_s(&self) -> Option<f64> {
        self.covered_s.map(|covered| f64::from(self.sums.hopeless) / covered)
    }

    /// Dollars an hour paid for calls that failed.
    #[must_use]
    pub fn wasted_per_hour(&self) -> Option<f64> {
        let wasted = self.sums.wasted.as_f64();
        self.covered_s.filter(|_| wasted > 0.0).map(|covered| wasted / covered * 3600.0)
    }
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        let counts = self.tried.iter_mut().chain(&mut self.passed);
        for (sum, more) in counts.zip(other.tried.iter().chain(&other.passed)) {
            *sum += more;
        }
        self.told_to_wait += other.told_to_wait;
        self.waited += other.waited;
        self.hopeless += other.hopeless;
        self.wasted += other.wasted;
    }
}

fn bump(counts: &mut [u32; ATTEMPTS], index: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += 1;
    }
}
