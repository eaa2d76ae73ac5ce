//! Spend against caps: exact sums by day and month, and how fast they grow.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::calendar::Span;
use super::restored::Stretch;
use super::spec::CapSpec;
use crate::domain::{Bucket, Mono, NanoUsd, Outcome, Request, Stamp, Wall};
use crate::stats::Sliding;

/// Span of the short burn rate.
const SHORT: Duration = Duration::from_secs(300);
/// Span of the long burn rate.
const LONG: Duration = Duration::from_secs(3600);
/// Below this a rate says nothing yet.
const LEAST: f64 = 10.0;
/// Time that a stop may take to work: a trailing budget check, calls under way.
const ENFORCED_WITHIN: Duration = Duration::from_secs(30);

/// One cap and what has been spent under it.
#[derive(Debug)]
pub struct Cap {
    /// What was configured.
    pub spec: CapSpec,
    /// The current period.
    pub period: Span,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    now: Account,
    /// Calls that already belong to the next period: their clock runs ahead of ours.
    next: Account,
    rate: Sliding<NanoUsd>,
    passed_over_cap: Sliding<u32>,
    calls: Sliding<u32>,
    last_counted: Option<Mono>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    spent: NanoUsd,
    calls: u64,
    unpriced: u64,
    /// When the cap was reached.
    spent_at: Option<Wall>,
}

/// What a cap shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Spent in this period.
    pub spent: NanoUsd,
    /// Spent over cap.
    pub used_ratio: f64,
    /// Rate of the last five minutes, dollars an hour.
    pub usd_per_hour: Option<f64>,
    /// Seconds to the cap at that rate, if that comes before the period ends.
    pub cap_in_s: Option<f64>,
    /// Five-minute rate over the rate that uses up the cap exactly.
    pub burn_short: Option<f64>,
    /// The same of one hour; `None` while it has seen less than the short one needs.
    pub burn_long: Option<f64>,
    /// Calls without a price.
    pub unpriced: u64,
    /// All calls.
    pub calls: u64,
    /// Calls of the last minute that passed although the cap had been spent for
    /// [`ENFORCED_WITHIN`].
    pub not_enforced: u32,
    /// Calls of the last minute, as evidence.
    pub evidence: u32,
}

impl Cap {
    /// A cap in the period of `now`.
    #[must_use]
    pub fn new(spec: CapSpec, zone: &TimeZone, now: Stamp) -> Cap {
        Cap {
            period: Span::around(spec.period, now.wall, zone),
            spec,
            rules: Box::default(),
            now: Account::default(),
            next: Account::default(),
            rate: Sliding::new(Duration::from_secs(10), 361),
            passed_over_cap: Sliding::new(Duration::from_secs(5), 12),
            calls: Sliding::new(Duration::from_secs(5), 12),
            last_counted: None,
        }
    }

    /// The present period, and what comes after it.
    #[must_use]
    pub fn stretches(&self) -> [Stretch; 2] {
        let Span { start, end } = self.period;
        [Stretch { from: start, to: Some(end) }, Stretch { from: end, to: None }]
    }

    /// Take over what was spent in one of its [`stretches`](Self::stretches).
    pub fn restore(&mut self, stretch: &Stretch, part: &Bucket, now: Wall) {
        let [present, after] = self.stretches();
        let account = match stretch {
            _ if *stretch == present => &mut self.now,
            _ if *stretch == after => &mut self.next,
            _ => return,
        };
        account.spent += part.cost;
        account.calls += u64::try_from(part.requests).unwrap_or(0);
        account.unpriced += u64::try_from(part.unpriced).unwrap_or(0);
        if account.spent >= self.spec.cap && account.spent_at.is_none() {
            account.spent_at = Some(now);
        }
    }

    /// Begin a new period if `now` is past the present one, or a clock that was
    /// wrong has been set back to before it.
    pub fn roll(&mut self, zone: &TimeZone, now: Stamp) {
        let set_back = now.wall < self.period.start.minus(LONG);
        if now.wall < self.period.end && !set_back {
            return;
        }
        let next = Span::around(self.spec.period, now.wall, zone);
        // The next account is for the period right after the old one only.
        self.now = if next.start == self.period.end { self.next } else { Account::default() };
        self.next = Account::default();
        self.period = next;
    }

    /// Count a call that this cap covers, in the period of `at`.
    pub fn count(&mut self, request: &Request, at: Wall, when: Mono) {
        let cap = self.spec.cap;
        let Some(account) = self.account(at) else { return };
        account.calls += 1;
        let passed = request.outcome() == Outcome::Ok;
        let late = |spent_at: Wall| request.at > spent_at.plus(ENFORCED_WITHIN);
        let passed_over_cap = passed && account.spent_at.is_some_and(late);
        match request.cost {
            Some(cost) => account.spent += cost.usd,
            None if passed => account.unpriced += 1,
            None => {}
        }
        if account.spent >= cap && account.spent_at.is_none() {
            account.spent_at = Some(request.at);
        }
        if let Some(cost) = request.cost
            && let Some(slot) = self.rate.at(when)
        {
            *slot += cost.usd;
        }
        if let Some(slot) = self.calls.at(when) {
            *slot += 1;
            self.last_counted = self.last_counted.max(Some(when));
        }
        if passed_over_cap && let Some(slot) = self.passed_over_cap.at(when) {
            *slot += 1;
        }
    }

    /// Take a call back that was counted at `at` and `when`.
    pub fn take_back(&mut self, request: &Request, at: Wall, when: Mono) {
        let cap = self.spec.cap;
        let Some(account) = self.account(at) else { return };
        account.calls = account.calls.saturating_sub(1);
        if let Some(cost) = request.cost {
            account.spent = account.spent - cost.usd;
        } else {
            let unpriced = u64::from(request.outcome() == Outcome::Ok);
            account.unpriced = account.unpriced.saturating_sub(unpriced);
        }
        if account.spent < cap {
            account.spent_at = None;
        }
        if let Some(cost) = request.cost
            && let Some(slot) = self.rate.at(when)
        {
            *slot = *slot - cost.usd;
        }
        if let Some(slot) = self.calls.at(when) {
            *slot = slot.saturating_sub(1);
        }
    }

    /// What is spent in the period of `at`, if that is this one or the next.
    fn account(&mut self, at: Wall) -> Option<&mut Account> {
        if at >= self.period.end {
            Some(&mut self.next)
        } else {
            (at >= self.period.start).then_some(&mut self.now)
        }
    }

    /// Whether its newest call is younger than `age`.
    #[must_use]
    pub fn is_live(&self, now: Mono, age: Duration) -> bool {
        self.last_counted.is_some_and(|at| now.since(at) <= age)
    }

    /// What it shows at `now`.
    #[must_use]
    pub fn view(&self, now: Stamp) -> View {
        let cap = self.spec.cap.as_f64();
        let spent = self.now.spent;
        let short = self.per_s(now.mono, SHORT);
        let even = cap / self.period.seconds();
        let left = cap - spent.as_f64();
        let until_end = self.period.end.seconds_after(now.wall);
        let cap_in_s = match short {
            _ if left <= 0.0 => Some(0.0),
            Some(rate) if rate > 0.0 => Some(left / rate).filter(|s| *s <= until_end),
            _ => None,
        };
        let minute = Duration::from_secs(60);
        View {
            spent,
            used_ratio: if cap > 0.0 { spent.as_f64() / cap } else { 1.0 },
            usd_per_hour: short.map(|rate| rate * 3600.0),
            cap_in_s,
            burn_short: short.map(|rate| rate / even),
            burn_long: self.per_s(now.mono, LONG).map(|rate| rate / even),
            unpriced: self.now.unpriced,
            calls: self.now.calls,
            not_enforced: self.passed_over_cap.recent(now.mono, minute).sum(),
            evidence: self.calls.recent(now.mono, minute).sum(),
        }
    }

    /// Dollars a second over a span; over less while it is still filling.
    fn per_s(&self, now: Mono, span: Duration) -> Option<f64> {
        let covered = self.rate.covered_s(now, span);
        let seen_s = self.rate.first().map(|first| now.since(first).as_secs_f64())?;
        if seen_s < LEAST {
            return None;
        }
        let sum = self.rate.recent(now, span).fold(NanoUsd::ZERO, |sum, slot| sum + *slot);
        Some(sum.as_f64() / covered)
    }
}
