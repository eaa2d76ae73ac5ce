//! Calls of the last minute by provider, model and endpoint, how they ended,
//! and how long they took.

use std::time::Duration;

use super::heard::Heard;
use crate::domain::{LimitedBy, Mono, Outcome, Request, Sym};
use crate::stats::{Durations, Known, Percentiles, Sliding};

/// The window of everything here.
pub const MINUTE: Duration = Duration::from_secs(60);
const SLOT: Duration = Duration::from_secs(2);
const SLOTS: usize = 31;

/// What a row is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowId {
    /// Provider.
    pub provider: Option<Sym>,
    /// Model.
    pub model: Option<Sym>,
    /// Endpoint.
    pub endpoint: Option<Sym>,
}

/// One row of traffic.
#[derive(Debug)]
pub struct Row {
    /// What it is about.
    pub id: RowId,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// Whole calls that were not refused.
    pub latency: Durations,
    /// First tokens.
    pub ttft: Durations,
    counts: Sliding<Counts>,
    /// A call of it has said how much of its input a cache gave: of one that does not say
    /// so it gave none.
    states_cached: bool,
    /// What of it may stop traffic.
    pub heard: Heard,
}

/// Sums over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls by [`Outcome`], in order of declaration.
    pub outcomes: [u32; Outcome::ALL.len()],
    /// Refused calls by [`LimitedBy`], in order of declaration.
    pub limited_by: [u32; LimitedBy::ALL.len()],
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cached: u64,
}

/// The last minute of one row, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minute {
    /// What was counted.
    pub counts: Counts,
    /// Input tokens of which is known how many a cache gave.
    cacheable: u64,
    /// Seconds that this covers; `None` while that is too little for a rate.
    covered_s: Option<f64>,
}

/// What one row shows, or several together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// What it is about.
    pub id: RowId,
    /// Its last minute.
    pub minute: Minute,
    /// Whole calls that were not refused.
    pub latency: Option<Percentiles>,
    /// First tokens.
    pub ttft: Option<Percentiles>,
}

impl Counts {
    /// All calls.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.outcomes.iter().sum()
    }

    /// Calls that ended so.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u32 {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    fn add(&mut self, other: &Counts) {
        // Apart, and not as a chain: so several of them are added at once.
        self.outcomes.iter_mut().zip(&other.outcomes).for_each(|(sum, more)| *sum += more);
        self.limited_by.iter_mut().zip(&other.limited_by).for_each(|(sum, more)| *sum += more);
        self.input += other.input;
        self.output += other.output;
        self.cached += other.cached;
    }

    fn take_back(&mut self, request: &Request) {
        let mut one = Counts::default();
        one.count(request);
        let sums = self.outcomes.iter_mut().chain(&mut self.limited_by);
        for (sum, less) in sums.zip(one.outcomes.iter().chain(&one.limited_by)) {
            *sum = sum.saturating_sub(*less);
        }
        self.input = self.input.saturating_sub(one.input);
        self.output = self.output.saturating_sub(one.output);
        self.cached = self.cached.saturating_sub(one.cached);
    }

    fn count(&mut self, request: &Request) {
        if let Some(slot) = self.outcomes.get_mut(request.outcome() as usize) {
            *slot += 1;
        }
        if let Some(by) = request.failure.limited_by
            && let Some(slot) = self.limited_by.get_mut(by as usize)
        {
            *slot += 1;
        }
        self.input += request.tokens.input.unwrap_or(0);
        self.output += request.tokens.output.unwrap_or(0);
        self.cached += request.tokens.cached_input.unwrap_or(0);
    }
}

impl Row {
    /// An empty row.
    #[must_use]
    pub fn new(id: RowId) -> Row {
        Row {
            id,
            rules: Box::default(),
            latency: Durations::default(),
            ttft: Durations::default(),
            counts: Sliding::new(SLOT, SLOTS),
            states_cached: false,
            heard: Heard::default(),
        }
    }

    /// Count a call.
    pub fn count(&mut self, request: &Request, when: Mono) {
        let Some(slot) = self.counts.at(when) else { return };
        slot.count(request);
        self.states_cached |= request.tokens.cached_input.is_some();
        // A refused call, by a limit or the kill switch, was not served, and the first
        // byte of a refusal is not a first token: both would make the times look good.
        let refused = [Outcome::RateLimited, Outcome::QuotaExhausted, Outcome::Blocked];
        if let Some(ms) = request.timing.latency_ms
            && !refused.contains(&request.outcome())
        {
            self.latency.record(when, ms);
        }
        if let Some(ms) = request.timing.ttft_ms
            && request.status.is_none_or(|status| status < 400)
        {
            self.ttft.record(when, ms);
        }
    }

    /// Take a call back that was counted at `when`; how long it took stays.
    pub fn take_back(&mut self, request: &Request, when: Mono) {
        if let Some(slot) = self.counts.at(when) {
            slot.take_back(request);
        }
    }

    /// When it was last called, to the slot.
    #[must_use]
    pub fn last(&self) -> Mono {
        self.counts.last()
    }

    /// Sums of the last minute.
    #[must_use]
    pub fn minute(&self, now: Mono) -> Counts {
        self.sum(now, MINUTE)
    }

    /// The same of what came after that, in slots that began after it.
    #[must_use]
    pub fn minute_after(&self, since: Mono, now: Mono) -> Counts {
        let span = now.since(since).min(MINUTE);
        if span < SLOT { Counts::default() } else { self.sum(now, span) }
    }

    fn sum(&self, now: Mono, span: Duration) -> Counts {
        let mut sum = Counts::default();
        for slot in self.counts.recent(now, span) {
            sum.add(slot);
        }
        sum
    }

    /// The same, with what makes rates of it.
    #[must_use]
    pub fn rated(&self, now: Mono, known: Known) -> Minute {
        let counts = self.minute(now);
        Minute {
            counts,
            cacheable: if self.states_cached { counts.input } else { 0 },
            covered_s: self.counts.covered_s(now, MINUTE, known),
        }
    }
}

impl Minute {
    /// Calls a second over the last minute, or over what is known of it.
    #[must_use]
    pub fn per_s(&self) -> Option<f64> {
        Some(f64::from(self.counts.requests()) / self.covered_s?)
    }

    /// Share of the input tokens that a cache gave; `None` where no call ever said so.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn cache_hit_ratio(&self) -> Option<f64> {
        let cached = self.counts.cached as f64;
        (self.cacheable > 0).then(|| (cached / self.cacheable as f64).min(1.0))
    }

    /// What a sum of the last minute is per minute, while the minute still fills.
    #[must_use]
    pub fn per_min(&self, sum: u64) -> Option<u64> {
        let covered = self.covered_s?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rate for people; a float cast saturates"
        )]
        let rate = (sum as f64 * 60.0 / covered).round() as u64;
        Some(rate)
    }
}

impl View {
    /// What rows show together. Nobody keeps a row of all calls: each would be counted
    /// twice, for the sake of a few pictures a second.
    #[must_use]
    pub fn of<'a>(
        id: RowId,
        rows: impl Iterator<Item = &'a Row> + Clone,
        now: Mono,
        known: Known,
    ) -> View {
        let mut minute = Minute::default();
        for row in rows.clone() {
            let rated = row.rated(now, known);
            minute.counts.add(&rated.counts);
            minute.cacheable += rated.cacheable;
            minute.covered_s = minute.covered_s.or(rated.covered_s);
        }
        View {
            id,
            minute,
            latency: Durations::percentiles_of(&rows.clone().map(|row| &row.latency), now),
            ttft: Durations::percentiles_of(&rows.map(|row| &row.ttft), now),
        }
    }
}
