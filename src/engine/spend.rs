//! Spend against caps: exact sums by period, and how fast they grow.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::accounts::{Accounts, Rolled};
use super::bills::Billed;
use super::calendar::Span;
use super::heard::Heard;
use super::restored::{Need, Stretch};
use super::rolling::Rolling;
use super::skew::counted_at;
use super::spec::{CapSpec, Period};
use crate::domain::time::NANOS_PER_S;
use crate::domain::{
    Bucket, BucketId, Dimension, Mono, Names, NanoUsd, Outcome, Request, Stamp, Sym, Wall,
    cost_known,
};
use crate::stats::{Known, Sliding};

/// Span of the short burn rate.
pub const SHORT: Duration = Duration::from_secs(300);
/// Span of the long burn rate.
pub const LONG: Duration = Duration::from_secs(3600);
/// Without a call for this long nobody spends from it, and no time to the cap is told.
pub const STILL: Duration = Duration::from_secs(120);
/// A minute of the clock.
const MINUTE_NS: i64 = 60 * NANOS_PER_S;
/// Slots of the rate, and how many a minute has.
const SLOT: Duration = Duration::from_secs(10);
const SLOTS_A_MINUTE: u32 = 6;
/// Periods of which a cap wants to know what was spent in them.
const PERIODS: usize = 8;
/// Time that a stop may take to work: a trailing budget check, calls under way.
const ENFORCED_WITHIN: Duration = Duration::from_secs(30);

/// One cap, of one name where it counts for each, and what has been spent under it.
#[derive(Clone, Debug)]
pub struct Cap {
    /// What was configured.
    pub spec: Arc<CapSpec>,
    /// Whose spend it is, where the cap counts for each.
    pub of: Option<(Dimension, Sym)>,
    /// The current period; of a rolling one the time that the sum covers.
    pub period: Span,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    zone: TimeZone,
    books: Books,
    rate: Sliding<NanoUsd>,
    /// When the newest call in it was.
    rate_until: Option<Mono>,
    passed_over_cap: Sliding<u32>,
    calls: Sliding<u32>,
    /// What of it may stop traffic.
    pub heard: Heard,
}

#[derive(Clone, Debug)]
enum Books {
    Calendar(Accounts),
    Rolling { sums: Rolling, spent_at: Option<Wall> },
}

/// What calls add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Spend, as far as priced.
    pub spent: NanoUsd,
    /// Calls.
    pub calls: i64,
    /// Those that succeeded: what should have a price.
    pub passed: i64,
    /// Successful calls without a price.
    pub unpriced: i64,
}

/// What a cap shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Spent in this period; `None` while no call that should have a price has one.
    pub spent: Option<NanoUsd>,
    /// Spent over cap.
    pub used_ratio: Option<f64>,
    /// Rate of the last five minutes, dollars an hour.
    pub usd_per_hour: Option<f64>,
    /// Seconds to the cap at that rate, if that comes before the period ends or,
    /// in a rolling one, at all.
    pub cap_in_s: Option<f64>,
    /// Five-minute rate over the rate that uses up the cap exactly.
    pub burn_short: Option<f64>,
    /// The same of one hour; `None` while it has seen less than the short one needs.
    pub burn_long: Option<f64>,
    /// Successful calls without a price.
    pub unpriced: u64,
    /// Their share of the successful calls: what was refused costs nothing.
    pub unpriced_ratio: Option<f64>,
    /// All calls.
    pub calls: u64,
    /// Calls of the last minute that passed although the cap had been spent for
    /// [`ENFORCED_WITHIN`]. `at` is when it counts: a clock that is wrong says nothing.
    pub not_enforced: u32,
    /// Calls of the last minute, as evidence.
    pub evidence: u32,
}

impl Sums {
    /// Of one call.
    #[must_use]
    pub fn of(request: &Request) -> Sums {
        let passed = request.outcome() == Outcome::Ok;
        Sums {
            spent: request.cost.map_or(NanoUsd::ZERO, |cost| cost.usd),
            calls: 1,
            passed: i64::from(passed),
            unpriced: i64::from(passed && request.cost.is_none()),
        }
    }

    /// Of what a ledger kept.
    #[must_use]
    pub fn kept(part: &Bucket) -> Sums {
        Sums {
            spent: part.cost,
            calls: part.requests,
            passed: part.passed(),
            unpriced: part.unpriced,
        }
    }

    /// Add another part.
    pub fn add(&mut self, part: &Sums) {
        self.spent += part.spent;
        self.calls = self.calls.saturating_add(part.calls);
        self.passed = self.passed.saturating_add(part.passed);
        self.unpriced = self.unpriced.saturating_add(part.unpriced);
    }

    /// Take a part back.
    pub fn take(&mut self, part: &Sums) {
        self.spent = self.spent - part.spent;
        self.calls = self.calls.saturating_sub(part.calls);
        self.passed = self.passed.saturating_sub(part.passed);
        self.unpriced = self.unpriced.saturating_sub(part.unpriced);
    }

    /// Whether `spent` is what was spent, as far as that can be.
    #[must_use]
    pub fn cost_known(&self) -> bool {
        cost_known(self.spent, self.passed, self.unpriced)
    }

    /// What takes it back where it is added.
    #[must_use]
    pub fn negated(&self) -> Sums {
        let mut none = Sums::default();
        none.take(self);
        none
    }
}

impl Cap {
    /// A cap in the period of `now`, in its own zone or else this one.
    #[must_use]
    pub fn new(spec: CapSpec, zone: &TimeZone, now: Stamp) -> Cap {
        let zone = spec.zone.clone().unwrap_or_else(|| zone.clone());
        let period = Span::around(spec.period, now.wall, &zone);
        Cap {
            period,
            books: match spec.period {
                Period::Rolling(window) => {
                    Books::Rolling { sums: Rolling::new(window, now), spent_at: None }
                }
                _ => Books::Calendar(Accounts::new(period)),
            },
            spec: Arc::new(spec),
            of: None,
            zone,
            rules: Box::default(),
            rate: Sliding::new(SLOT, 361),
            rate_until: None,
            passed_over_cap: Sliding::new(Duration::from_secs(5), 12),
            calls: Sliding::new(Duration::from_secs(5), 12),
            heard: Heard::default(),
        }
    }

    /// The same for one name alone.
    #[must_use]
    pub fn of_name(&self, dimension: Dimension, name: Sym) -> Cap {
        Cap { of: Some((dimension, name)), ..self.clone() }
    }

    /// The present period and the next; of a rolling one, its steps. And the periods
    /// of `known` moments: a clock that is wrong may be set to one of them.
    #[must_use]
    pub fn stretches(&self, known: &[Wall]) -> Vec<Stretch> {
        if let Books::Rolling { sums, .. } = &self.books {
            return vec![sums.stretch(self.period.start)];
        }
        let span = |at| Span::around(self.spec.period, at, &self.zone);
        let mut stretches = Vec::new();
        let now = [self.period.start, self.period.end].map(|at| (at, Need::Now));
        for (at, need) in now.into_iter().chain(known.iter().map(|at| (*at, Need::Perhaps))) {
            let Span { start, end } = span(at);
            let same = |known: &Stretch| known.from == start;
            if stretches.len() < PERIODS && !stretches.iter().any(same) {
                stretches.push(Stretch { from: start, to: Some(end), steps: None, need });
            }
        }
        stretches
    }

    /// Whether a stretch is one of its own.
    #[must_use]
    pub fn counts(&self, stretch: &Stretch) -> bool {
        match &self.books {
            Books::Rolling { sums, .. } => sums.stretch(self.period.start) == *stretch,
            Books::Calendar(_) => {
                let Span { start, end } = Span::around(self.spec.period, stretch.from, &self.zone);
                (stretch.from, stretch.to, stretch.steps) == (start, Some(end), None)
            }
        }
    }

    /// Take over what was spent in one of its [`stretches`](Self::stretches).
    pub fn restore(&mut self, stretch: &Stretch, (id, part): (&BucketId, &Bucket), now: Wall) {
        let at = if stretch.steps.is_some() { id.begin() } else { stretch.from };
        self.add(at, &Sums::kept(part), now);
    }

    /// Take over what a minute spent before a restart, for the rate only.
    pub fn restore_rate(&mut self, (id, part): (&BucketId, &Bucket), now: Stamp) {
        let (begin, end) = (id.begin(), id.begin().plus(SLOT * SLOTS_A_MINUTE).min(now.wall));
        let in_period = begin >= self.period.start || !matches!(self.books, Books::Calendar(_));
        if !in_period || begin >= end || part.cost == NanoUsd::ZERO {
            return;
        }
        // A ledger knows the minute: within it the spend counts as even.
        let begun = |n: &u32| begin.plus(SLOT * *n) < end;
        let slots = (0..SLOTS_A_MINUTE).filter(begun).count();
        let (mut rest, mut left) = (part.cost.0, i128::try_from(slots).unwrap_or(1));
        for n in (0..SLOTS_A_MINUTE).filter(begun) {
            let share = rest / left;
            (rest, left) = (rest - share, left - 1);
            if let Some(slot) = self.rate.at(now.mono_of(begin.plus(SLOT * n))) {
                *slot += NanoUsd(share);
            }
        }
        self.rate_until = self.rate_until.max(Some(now.mono_of(end)));
    }

    /// Know since when it is spent, once all is taken over: what is left without the last
    /// minutes tells it, to the minute and rather too late.
    pub fn settle(&mut self, now: Stamp) {
        let (spent, spent_at) = match &mut self.books {
            Books::Rolling { sums, spent_at } => (sums.sum().spent, spent_at),
            Books::Calendar(accounts) => {
                let account = accounts.present_mut();
                (account.sums.spent, &mut account.spent_at)
            }
        };
        if spent_at.is_none() {
            return;
        }
        let this_minute = now.wall.0.rem_euclid(MINUTE_NS).unsigned_abs();
        let mut ages = (0..=LONG.as_secs() / 60)
            .rev()
            .map(|minutes| Duration::from_nanos(this_minute) + Duration::from_secs(60 * minutes));
        let reached = ages.find(|age| {
            let slots = self.rate.recent(now.mono, *age + SLOT);
            spent - slots.fold(NanoUsd::ZERO, |sum, slot| sum + *slot) >= self.spec.cap
        });
        if let Some(age) = reached {
            *spent_at = Some(now.wall.minus(age));
        }
    }

    /// Begin a new period if `now` is past the present one, or go back to an old one
    /// if a clock that was wrong has been set.
    pub fn roll(&mut self, now: Stamp) {
        match &mut self.books {
            Books::Rolling { sums, spent_at } => {
                sums.roll(now);
                self.period = Span::around(self.spec.period, now.wall, &self.zone);
                let spent = spent_at.filter(|_| sums.sum().spent >= self.spec.cap);
                // What lies ahead was noted by a clock that was wrong.
                *spent_at = spent.map(|at| counted_at(at, now));
            }
            Books::Calendar(accounts) => {
                let Rolled::Other(early) = accounts.roll(now, (self.spec.period, &self.zone))
                else {
                    return;
                };
                self.period = accounts.present().span;
                // What another period spent says nothing about this one.
                self.rate.clear();
                self.passed_over_cap.clear();
                if early > NanoUsd::ZERO
                    && let Some(slot) = self.rate.at(now.mono)
                {
                    *slot += early;
                }
            }
        }
    }

    /// Count a call that this cap covers, in the period of `at`. Says whether that is
    /// the present one.
    pub fn count(&mut self, request: &Request, at: Wall, when: Mono) -> bool {
        let passed_over_cap = self.passed_over_cap(request, at);
        if !self.add(at, &Sums::of(request), at) {
            return false;
        }
        if let Some(cost) = request.cost
            && self.note_rate(cost.usd, at, when)
        {
            self.rate_until = self.rate_until.max(Some(when));
        }
        if let Some(slot) = self.calls.at(when) {
            *slot += 1;
        }
        if passed_over_cap && let Some(slot) = self.passed_over_cap.at(when) {
            *slot += 1;
        }
        true
    }

    /// Take a call back that was counted at `at` and `when`. Of one that an earlier run
    /// counted there is only the sum.
    pub fn take_back(&mut self, request: &Request, at: Wall, when: Option<Mono>) {
        if self.passed_over_cap(request, at)
            && let Some(slot) = when.and_then(|when| self.passed_over_cap.at(when))
        {
            *slot = slot.saturating_sub(1);
        }
        let counts = self.add(at, &Sums::of(request).negated(), at);
        let Some(when) = when.filter(|_| counts) else { return };
        if let Some(cost) = request.cost {
            self.note_rate(NanoUsd::ZERO - cost.usd, at, when);
        }
        if let Some(slot) = self.calls.at(when) {
            *slot = slot.saturating_sub(1);
        }
    }

    /// Whether `when` is recent enough to matter.
    fn note_rate(&mut self, usd: NanoUsd, at: Wall, when: Mono) -> bool {
        if let Books::Calendar(accounts) = &mut self.books {
            accounts.note_early(at, usd);
        }
        self.rate.at(when).map(|slot| *slot += usd).is_some()
    }

    /// Add to what is spent in the period of `at`. Answers whether that is this one
    /// or a later one. `seen` is when it is known by.
    fn add(&mut self, at: Wall, part: &Sums, seen: Wall) -> bool {
        let (counts, spent, spent_at) = match &mut self.books {
            Books::Rolling { sums, spent_at } => {
                let counts = sums.add(at, part);
                (counts, sums.sum().spent, spent_at)
            }
            Books::Calendar(accounts) => {
                let account = accounts.add(at, part, (self.spec.period, &self.zone));
                (at >= self.period.start, account.sums.spent, &mut account.spent_at)
            }
        };
        let reached = spent >= self.spec.cap;
        *spent_at = if reached { spent_at.or(Some(seen)) } else { None };
        counts
    }

    /// Whether a call passed although the cap had been spent for
    /// [`ENFORCED_WITHIN`].
    fn passed_over_cap(&self, request: &Request, at: Wall) -> bool {
        let spent_at = match &self.books {
            Books::Rolling { spent_at, .. } => *spent_at,
            Books::Calendar(accounts) => accounts.spent_at(at),
        };
        request.outcome() == Outcome::Ok
            && spent_at.is_some_and(|spent_at| at > spent_at.plus(ENFORCED_WITHIN))
    }

    /// When its present period began.
    #[must_use]
    pub fn begin(&self) -> Wall {
        self.period.start
    }

    /// When its period ends, or a step of its window, if no clock is set.
    #[must_use]
    pub fn turns_at(&self, now: Wall) -> Wall {
        match &self.books {
            Books::Rolling { sums, .. } => sums.turns_at(now),
            Books::Calendar(_) => self.period.end,
        }
    }

    /// Whether something was spent so lately that its rate is not nothing.
    #[must_use]
    pub fn has_rate(&self, now: Mono) -> bool {
        self.rate_until.is_some_and(|until| now.since(until) <= LONG + SLOT)
    }

    /// What thresholds that fire once in a period know it by; a rolling one has no
    /// end.
    #[must_use]
    pub fn period_id(&self) -> Option<i64> {
        match self.spec.period {
            Period::Rolling(_) => None,
            _ => Some(self.period.start.0),
        }
    }

    /// Which bill is about what this cap covers: that of a provider, of its accounts
    /// for an environment, or of a key. None is about less, or more.
    #[must_use]
    pub fn billed(&self, names: &Names) -> Option<Billed> {
        let mut billed = Billed::default();
        let configured = self.spec.matches.iter().map(|(label, text)| {
            let dimension = Dimension::from_word(label)?;
            Some((dimension, names.find(dimension.kind(), text)?))
        });
        for about in configured.chain(self.of.map(Some)) {
            let (dimension, name) = about?;
            match dimension {
                Dimension::Provider => billed.provider = Some(name),
                Dimension::Environment => billed.environment = Some(name),
                Dimension::Key => billed.key = Some(name),
                _ => return None,
            }
        }
        (billed.provider.is_some() || billed.key.is_some()).then_some(billed)
    }

    /// What it shows at `now`.
    #[must_use]
    pub fn view(&self, now: Stamp, known: Known) -> View {
        let cap = self.spec.cap.as_f64();
        let sums = match &self.books {
            Books::Calendar(accounts) => &accounts.present().sums,
            Books::Rolling { sums, .. } => sums.sum(),
        };
        let Sums { spent, calls, passed, unpriced } = *sums;
        let spent = sums.cost_known().then_some(spent);
        // What an old period spent says nothing about this one.
        let known = match self.spec.period {
            Period::Rolling(_) => known,
            _ => known.but_after(now.mono_of(self.period.start)),
        };
        let short = self.per_s(now.mono, SHORT, known);
        let even = cap
            / match self.spec.period {
                Period::Rolling(window) => window.span().as_secs_f64(),
                _ => self.period.seconds(),
            };
        let minute = Duration::from_secs(60);
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        #[allow(clippy::cast_precision_loss, reason = "a ratio for people and thresholds")]
        let unpriced_ratio = (passed > 0).then(|| unpriced as f64 / passed as f64);
        View {
            spent,
            used_ratio: match spent {
                _ if cap <= 0.0 => Some(1.0),
                spent => spent.map(|spent| spent.as_f64() / cap),
            },
            usd_per_hour: short.map(|rate| rate * 3600.0),
            cap_in_s: spent.and_then(|spent| self.cap_in_s(spent, short, now)),
            burn_short: short.map(|rate| rate / even),
            burn_long: self.per_s(now.mono, LONG, known).map(|rate| rate / even),
            unpriced: count(unpriced),
            unpriced_ratio,
            calls: count(calls),
            not_enforced: self.passed_over_cap.recent(now.mono, minute).sum(),
            evidence: self.calls.recent(now.mono, minute).sum(),
        }
    }

    /// Seconds to the cap, if that comes before the period ends, or before what is
    /// spent falls out of it.
    fn cap_in_s(&self, spent: NanoUsd, rate: Option<f64>, now: Stamp) -> Option<f64> {
        let cap = self.spec.cap.as_f64();
        let left = cap - spent.as_f64();
        if left <= 0.0 {
            return Some(0.0);
        }
        let spending = |until: Mono| now.mono.since(until) <= STILL;
        let rate = rate.filter(|rate| *rate > 0.0 && self.rate_until.is_some_and(spending))?;
        match &self.books {
            Books::Rolling { sums, .. } => sums.cap_in_s(cap, rate, now.wall),
            Books::Calendar(_) => {
                Some(left / rate).filter(|s| *s <= self.period.end.seconds_after(now.wall))
            }
        }
    }

    /// Dollars a second over a span; over less while it is still filling.
    fn per_s(&self, now: Mono, span: Duration, known: Known) -> Option<f64> {
        // Where no call has had a price, what they cost is not nothing.
        self.rate_until?;
        let covered = self.rate.covered_s(now, span, known)?;
        let slots = self.rate.recent_known(now, span, known);
        let sum = slots.fold(NanoUsd::ZERO, |sum, slot| sum + *slot);
        Some(sum.as_f64() / covered)
    }
}
