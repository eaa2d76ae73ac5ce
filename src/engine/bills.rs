//! What providers say they have billed, held against what calls add up to.
//!
//! Our side is kept by UTC day, provider and environment, because that is how bills
//! come. A day is compared once it is complete on both sides: the provider says so,
//! and our sum began before it did.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::Engine;
use super::calendar::Span;
use super::restored::{Need, Steps, Stretch};
use super::skew::{SKEW, precedes};
use super::spec::Period;
use super::spend::Sums;
use crate::domain::time::NANOS_PER_S;
use crate::domain::{BillReading, Dimension, Mono, NanoUsd, SourceId, Stamp, Sym, Wall};

const DAY_NS: i64 = 86_400 * NANOS_PER_S;
/// What our own spend is kept by, besides the day.
pub const BY: [Dimension; 2] = [Dimension::Provider, Dimension::Environment];
/// Days of our own spend that are kept.
const DAYS: usize = 36;
/// Sums of bills kept; the oldest go first.
const BILLS: usize = 8192;
/// Time in which the sums of several accounts come in after each other.
const SETTLED: Duration = Duration::from_secs(60);
/// A cent. Smaller differences are rounding.
const CENT: i128 = 10_000_000;

/// All that has been billed.
#[derive(Debug)]
pub struct Bills {
    readings: BTreeMap<BillId, BillReading>,
    /// Stretches to compare, and since when.
    fresh: BTreeMap<(Sym, Option<Sym>, Wall, Wall), Mono>,
    /// When this run began, by the clock of then.
    began: Stamp,
    /// From when on earlier runs have counted.
    counted_from: Option<Wall>,
}

/// Whose bill of which stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BillId {
    start: Wall,
    /// Who says so.
    pub source: SourceId,
    /// Whose bill it is.
    pub provider: Sym,
    /// The environment that the account serves, where its source says so.
    pub environment: Option<Sym>,
    /// The one key it is about; `None` is the whole account.
    pub key: Option<Sym>,
}

/// What an account was billed, by the readings of one source.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Whose, by its newest reading.
    pub bill: BillId,
    /// First moment that the sum covers.
    pub since: Wall,
    /// First moment after it: the end of a day that may not be over.
    pub until: Wall,
    /// When the newest of it was read.
    pub read: Wall,
    /// The sum, exact.
    pub usd: NanoUsd,
}

/// What is billed as one: of a provider, of one environment, of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Whose bill; any where absent.
    pub provider: Option<Sym>,
    /// Only accounts that serve this environment.
    pub environment: Option<Sym>,
    /// Only of this key.
    pub key: Option<Sym>,
}

/// The bill beside an estimate of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// What is billed since the period began, and how long ago the time ends that
    /// this covers; nothing if it does not begin with the period.
    pub billed: Option<(NanoUsd, Duration)>,
    /// Of the newest day that is complete on both sides: how much more than the
    /// bill our sum is, as a share of the bill. 0 where both are the same cents.
    pub error_ratio: Option<f64>,
}

/// A day that does not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose bill.
    pub provider: Sym,
    /// Of the accounts of one environment.
    pub environment: Option<Sym>,
    /// The stretch of time.
    pub span: Span,
    /// What is billed.
    pub billed: NanoUsd,
    /// What our calls add up to.
    pub ours: Sums,
}

/// Our own spend of the last weeks, by UTC day.
#[derive(Clone, Debug)]
pub struct Days {
    /// Provider.
    pub provider: Option<Sym>,
    /// Environment.
    pub environment: Option<Sym>,
    days: [(i64, Sums); DAYS],
}

impl Days {
    /// Nothing spent.
    #[must_use]
    pub fn new(provider: Option<Sym>, environment: Option<Sym>) -> Days {
        Days { provider, environment, days: [(0, Sums::default()); DAYS] }
    }

    /// The sums of the day of `at`; `None` where a later day has taken its place.
    pub fn at(&mut self, at: Wall) -> Option<&mut Sums> {
        let day = at.0.div_euclid(DAY_NS);
        let (kept, sums) = self.days.get_mut(slot_of(day)?)?;
        if *kept < day {
            (*kept, *sums) = (day, Sums::default());
        }
        (*kept == day).then_some(sums)
    }

    /// `None` where a later day has taken the place of one of these: one long ago, or
    /// one that was counted under a clock that was wrong.
    fn sum(&self, span: Span) -> Option<Sums> {
        let mut sum = Sums::default();
        for day in span.start.0.div_euclid(DAY_NS)..span.end.0.div_euclid(DAY_NS) {
            match self.days.get(slot_of(day)?)? {
                (kept, _) if *kept > day => return None,
                (kept, sums) if *kept == day => sum.add(sums),
                _ => {}
            }
        }
        Some(sum)
    }
}

fn slot_of(day: i64) -> Option<usize> {
    usize::try_from(day.rem_euclid(i64::try_from(DAYS).ok()?)).ok()
}

/// The stretch of which our own side must be known at `now`.
#[must_use]
pub fn stretch(now: Wall) -> Stretch {
    let back = DAY_NS * i64::try_from(DAYS - 1).unwrap_or(0);
    let from = Wall(now.0.saturating_sub(now.0.rem_euclid(DAY_NS)).saturating_sub(back));
    let steps = Some(Steps { minutes: 24 * 60, least: DAYS });
    Stretch { from, to: None, steps, need: Need::Now }
}

impl Bills {
    /// Nothing is billed yet.
    #[must_use]
    pub fn new(now: Stamp) -> Bills {
        Bills { readings: BTreeMap::new(), fresh: BTreeMap::new(), began: now, counted_from: None }
    }

    /// Earlier runs have counted from then on.
    pub fn counted_from(&mut self, at: Wall) {
        self.counted_from = Some(at);
    }

    /// From when on our own sums hold every call. The clock may have been wrong when this
    /// run began, or be wrong now: it counts as begun at the later of both.
    fn known_from(&self, now: Stamp) -> Wall {
        let runs_for = now.mono.since(self.began.mono);
        let began = self.began.wall.max(now.wall.minus(runs_for));
        self.counted_from.map_or(began, |at| at.min(began))
    }

    /// Take in a reading.
    pub fn read(&mut self, source: SourceId, reading: &BillReading, now: Stamp) {
        let BillReading { provider, environment, key, start, end, .. } = *reading;
        if start >= end {
            return;
        }
        let id = BillId { start, source, provider, environment, key };
        let changed = match self.readings.entry(id) {
            Entry::Vacant(free) => {
                free.insert(*reading);
                true
            }
            Entry::Occupied(mut kept) if !precedes(reading.at, kept.get().at, SKEW, now) => {
                let before = kept.insert(*reading);
                (before.usd, before.complete) != (reading.usd, reading.complete)
            }
            Entry::Occupied(_) => false,
        };
        if changed && reading.complete && key.is_none() {
            self.fresh.insert((provider, environment, start, end), now.mono);
        }
        while self.readings.len() > BILLS {
            self.readings.pop_first();
        }
    }

    /// Complete days whose sums came in a while ago and are not ours: by more than
    /// a cent and 1 % of the bill.
    pub fn differences(&mut self, own: &[Days], now: Stamp) -> Vec<Difference> {
        let settled = |at: &Mono| now.mono.since(*at) >= SETTLED;
        let due: Vec<_> =
            self.fresh.iter().filter(|(_, at)| settled(at)).map(|(what, _)| *what).collect();
        let mut found = Vec::new();
        for what in due {
            self.fresh.remove(&what);
            let (provider, environment, start, end) = what;
            let billed = Billed { provider: Some(provider), environment, key: None };
            let span = Span { start, end };
            let Some((usd, ours)) = self.compared(&billed, span, own, now) else { continue };
            let off = (usd.0 - ours.spent.0).abs();
            if off > CENT && off > usd.0.abs() / 100 {
                found.push(Difference { provider, environment, span, billed: usd, ours });
            }
        }
        found
    }

    /// Whether nobody has told of a bill.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    /// What is billed beside a cap's sum, over its present period.
    #[must_use]
    pub fn view(&self, billed: &Billed, period: Span, own: &[Days], now: Stamp) -> View {
        let newest_day = self.of(billed).rev().find_map(|(_, reading)| {
            let span = Span { start: reading.start, end: reading.end };
            self.compared(billed, span, own, now)
        });
        View {
            billed: self.since(billed, period).map(|(usd, as_of)| (usd, now.wall.since(as_of))),
            error_ratio: newest_day.and_then(|(usd, ours)| error_ratio(usd, ours.spent)),
        }
    }

    /// What each account was billed in its newest month, as far back from the newest
    /// reading as nothing is missing.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        let mut all: BTreeMap<_, Account> = BTreeMap::new();
        for (id, reading) in &self.readings {
            let BillReading { at, start, end, usd, .. } = *reading;
            let new = Account { bill: *id, since: start, until: end, read: at, usd };
            let month = Span::around(Period::Month, start, &TimeZone::UTC);
            all.entry((id.source, id.provider, id.environment, id.key))
                .and_modify(|sum| {
                    let goes_on = sum.until == start && month.contains(sum.since);
                    *sum = if goes_on {
                        Account { since: sum.since, usd: sum.usd + usd, ..new }
                    } else {
                        new
                    };
                })
                .or_insert(new);
        }
        all.into_values()
    }

    /// Readings of a bill, oldest stretch first.
    fn of(&self, billed: &Billed) -> impl DoubleEndedIterator<Item = (&BillId, &BillReading)> {
        let takes =
            |id: &BillId| billed.key == id.key && billed.covers(Some(id.provider), id.environment);
        self.readings.iter().filter(move |(id, _)| takes(id))
    }

    /// Both sides of a stretch that is complete on both: each account that ever told of
    /// its bill has told of all of it. What one could not be asked for is not nothing.
    fn compared(
        &self,
        billed: &Billed,
        span: Span,
        own: &[Days],
        now: Stamp,
    ) -> Option<(NanoUsd, Sums)> {
        let whole_days = span.start.0.rem_euclid(DAY_NS) == 0 && span.end.0.rem_euclid(DAY_NS) == 0;
        let known = self.known_from(now) <= span.start;
        if !whole_days || !known || billed.key.is_some() {
            return None;
        }
        let mut usd = NanoUsd::ZERO;
        let (mut accounts, mut told) = (BTreeSet::new(), 0);
        for (id, reading) in self.of(billed) {
            accounts.insert((id.source, id.provider, id.environment));
            if reading.end <= span.start || span.end <= reading.start {
                continue;
            }
            let same = (reading.start, reading.end) == (span.start, span.end);
            if !same || !reading.complete {
                return None;
            }
            usd += reading.usd;
            told += 1;
        }
        if told < accounts.len() {
            return None;
        }
        let mut ours = Sums::default();
        for days in own {
            if billed.covers(days.provider, days.environment) {
                ours.add(&days.sum(span)?);
            }
        }
        Some((usd, ours))
    }

    /// What is billed since a period began, and up to when, if each account's
    /// readings follow one another from there.
    fn since(&self, billed: &Billed, period: Span) -> Option<(NanoUsd, Wall)> {
        let mut reached: BTreeMap<(SourceId, Sym, Option<Sym>), BillReading> = BTreeMap::new();
        let mut usd = NanoUsd::ZERO;
        let within =
            |reading: &BillReading| reading.start >= period.start && reading.end <= period.end;
        for (id, reading) in self.of(billed).filter(|(_, reading)| within(reading)) {
            let account = (id.source, id.provider, id.environment);
            let before = reached.insert(account, *reading);
            if before.map_or(period.start, |before| before.end) != reading.start {
                return None;
            }
            usd += reading.usd;
        }
        let as_of = reached.values().map(|last| last.end.min(last.at)).min()?;
        Some((usd, as_of))
    }
}

impl Billed {
    fn covers(&self, provider: Option<Sym>, environment: Option<Sym>) -> bool {
        let fits = |wanted: Option<Sym>, is: Option<Sym>| wanted.is_none() || wanted == is;
        fits(self.provider, provider) && fits(self.environment, environment)
    }
}

impl Engine {
    /// Tell of days that a provider bills otherwise than the logs say.
    pub(super) fn find_bill_differences(&mut self, now: Stamp) {
        for found in self.bills.differences(self.cells.days(), now) {
            let names = &self.names;
            let environment = found.environment.map(|name| format!(" for {}", names.text(name)));
            let share = error_ratio(found.billed, found.ours.spent);
            let share = share.map(|share| format!(" ({:+.1}%)", share * 100.0));
            let unpriced = match found.ours.unpriced {
                0 => String::new(),
                calls => format!("; {calls} calls of then have no price"),
            };
            let day = found.span.start.rfc3339();
            let text = format!(
                "{} billed {}{} for {}, and its calls add up to {}{}{unpriced}",
                names.text(found.provider),
                found.billed.exact(),
                environment.unwrap_or_default(),
                day.get(..10).unwrap_or(&day),
                found.ours.spent.exact(),
                share.unwrap_or_default(),
            );
            self.findings.note("bill_differs", now.wall, &text);
        }
    }
}

/// The same cents are the same sum.
fn error_ratio(billed: NanoUsd, ours: NanoUsd) -> Option<f64> {
    let cents = |usd: NanoUsd| (usd.0 + CENT / 2).div_euclid(CENT);
    if cents(billed) == cents(ours) {
        return Some(0.0);
    }
    (billed > NanoUsd::ZERO).then(|| (ours - billed).as_f64() / billed.as_f64())
}
