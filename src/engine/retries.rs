//! What retrying does to the load: amplification, success by attempt, and
//! whether callers wait as long as they are told.

use std::time::Duration;

use super::heard::Heard;
use super::told::{Memory, Told};
use super::traffic::MINUTE;
use crate::domain::{Mono, NanoUsd, Outcome, Request, Sym};
use crate::stats::{Known, Sliding};

/// Attempts told apart: first, second, third, and all later ones.
pub const ATTEMPTS: usize = 4;

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
    last: Mono,
    sums: Sliding<Sums>,
    told: Memory,
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
            last: Mono(0),
            sums: Sliding::new(Duration::from_secs(5), 13),
            told: Memory::default(),
        }
    }

    /// Count a call whose attempt number is known.
    #[inline]
    pub fn count(&mut self, request: &Request, when: Mono) {
        self.last = self.last.max(when);
        if let Some(attempt) = request.attempt {
            self.count_attempt(request, attempt, when);
        }
    }

    fn count_attempt(&mut self, request: &Request, attempt: u32, when: Mono) {
        let told = self.told.retried(request, attempt);
        let Some(sums) = self.sums.at(when) else { return };
        sums.add(&Sums::of(request, attempt, told, when));
        if request.outcome() != Outcome::Ok {
            self.told.failed(request, attempt, when);
        }
    }

    /// When it was last called, whether the attempt was known or not.
    #[must_use]
    pub fn last(&self) -> Mono {
        self.last
    }

    /// Take a call back that was counted at `when`.
    pub fn take_back(&mut self, request: &Request, when: Mono) {
        let Some(attempt) = request.attempt else { return };
        let told = self.told.take_back(request);
        if let Some(sums) = self.sums.at(when) {
            sums.take_back(&Sums::of(request, attempt, told, when));
        }
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
    /// Of one call, which may repeat one that failed.
    fn of(request: &Request, attempt: u32, told: Option<Told>, when: Mono) -> Sums {
        let mut sums = Sums::default();
        let index = (attempt.max(1) as usize).min(ATTEMPTS) - 1;
        let passed = request.outcome() == Outcome::Ok;
        for (counts, counted) in [(&mut sums.tried, true), (&mut sums.passed, passed)] {
            if let Some(count) = counts.get_mut(index) {
                *count = u32::from(counted);
            }
        }
        sums.wasted = request.cost.filter(|_| !passed).map_or(NanoUsd::ZERO, |cost| cost.usd);
        // Only a retry that follows closely is taken for one of that refusal.
        if let Some(told) = told.filter(|told| when.since(told.at) < MINUTE) {
            let took = request.began().map_or(Duration::ZERO, |began| request.at.since(began));
            sums.hopeless = u32::from(told.hopeless);
            if let Some(wait) = told.wait {
                sums.told_to_wait = 1;
                sums.waited = u32::from(when.minus(took) >= told.at.plus(wait));
            }
        }
        sums
    }

    fn add(&mut self, other: &Sums) {
        self.join(other, u32::saturating_add);
        self.wasted += other.wasted;
    }

    fn take_back(&mut self, other: &Sums) {
        self.join(other, u32::saturating_sub);
        self.wasted = self.wasted - other.wasted;
    }

    #[inline]
    fn join(&mut self, other: &Sums, how: impl Fn(u32, u32) -> u32) {
        let join = |sums: &mut [u32; ATTEMPTS], more: &[u32; ATTEMPTS]| {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = how(*sum, *more));
        };
        join(&mut self.tried, &other.tried);
        join(&mut self.passed, &other.passed);
        self.told_to_wait = how(self.told_to_wait, other.told_to_wait);
        self.waited = how(self.waited, other.waited);
        self.hopeless = how(self.hopeless, other.hopeless);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Dedup, ErrorKind, Keep, Timing, Wall};

    fn call(second: u64, fingerprint: u64, attempt: u32, kind: Option<ErrorKind>) -> Request {
        let mut request = Request::at(Wall(0).plus(Duration::from_secs(second)));
        request.attempt = Some(attempt);
        request.failure.kind = kind;
        request.dedup = Some(Dedup { fingerprint, keep: Keep::Join });
        request
    }

    fn mono(request: &Request) -> Mono {
        Mono(u64::try_from(request.at.0).unwrap())
    }

    /// A later line about each of two calls: the picture stays the one of two calls.
    #[test]
    fn what_is_taken_back_and_counted_again_counts_once() {
        let mut failed = call(100, 1, 1, Some(ErrorKind::QuotaExhausted));
        failed.failure.retry_after_s = Some(3.0);
        let mut retry = call(104, 2, 2, Some(ErrorKind::QuotaExhausted));
        // It began two seconds after the failure, so it did not wait.
        retry.timing.latency_ms = Some(2000.0);
        let view = |row: &Retries| row.view(mono(&retry), Known::Since(Mono(0)));
        let again = |row: &mut Retries, request: &Request| {
            row.take_back(request, mono(request));
            // The engine does not count its times again.
            let (started_at, timing) = (request.began(), Timing::default());
            row.count(&Request { started_at, timing, ..*request }, mono(request));
        };
        let mut row = Retries::new(None, None);
        row.count(&failed, mono(&failed));
        row.count(&retry, mono(&retry));
        let once = view(&row);
        assert_eq!((once.sums.hopeless, once.sums.told_to_wait, once.sums.waited), (1, 1, 0));
        for _ in 0..3 {
            again(&mut row, &retry);
            assert_eq!(view(&row), once, "a line more about the retry");
            again(&mut row, &failed);
            assert_eq!(view(&row), once, "a line more about the failure");
        }
        // A third attempt repeats the second, whatever was said of that since.
        row.count(&call(110, 3, 2, None), mono(&retry));
        assert_eq!(view(&row).sums.hopeless, 1, "the failure was retried already");
        row.count(&call(110, 4, 3, None), mono(&retry));
        assert_eq!(view(&row).sums.hopeless, 2);
    }

    #[test]
    fn what_was_no_failure_after_all_is_not_retried() {
        let (failed, passed) =
            (call(100, 1, 1, Some(ErrorKind::QuotaExhausted)), call(100, 1, 1, None));
        let mut row = Retries::new(None, None);
        row.count(&failed, mono(&failed));
        row.take_back(&failed, mono(&failed));
        row.count(&passed, mono(&passed));
        row.count(&call(104, 2, 2, None), mono(&failed));
        assert_eq!(row.view(mono(&failed), Known::NotYet).sums.hopeless, 0);
    }
}
