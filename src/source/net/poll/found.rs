//! What the pages of an answer said, added up. A day can stand on several pages,
//! and a sum of which a page is missing is no sum: nothing is told before all of
//! them are read. It must not know how they were asked for.

use std::collections::BTreeMap;

use super::Teller;
use crate::domain::{
    Amount, BillReading, Blame, Caller, Layer, LimitId, LimitReading, LimitStatus, MetricKind,
    MetricReading, NameKind, NanoUsd, Observation, ReadingSource, Reset, ResetKind, Resource,
    Scope, Wall, WindowFrom,
};

pub const DAY_S: i64 = 86_400;

/// All of it.
#[derive(Debug, Default)]
pub struct Found {
    bills: BTreeMap<Billed, Cents>,
    usage: BTreeMap<Used, Usage>,
    pub limits: Vec<Limited>,
}

/// What a sum of money was billed for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Billed {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// Whose bill, where it is not the one that is asked.
    pub provider: Option<String>,
    /// The one key it is about.
    pub key: Option<String>,
}

/// Money in billionths of a cent: both cents and dollars add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cents(i128);

impl Cents {
    /// From billionths of a dollar.
    pub const fn of_dollars(billionths: i128) -> Cents {
        Cents(billionths.saturating_mul(100))
    }

    /// From billionths of a cent.
    pub const fn of_cents(billionths: i128) -> Cents {
        Cents(billionths)
    }

    /// Rounded away from zero: a bill is never less than what was written.
    fn usd(self) -> NanoUsd {
        let up = if self.0 < 0 { -99 } else { 99 };
        NanoUsd(self.0.saturating_add(up) / 100)
    }
}

/// Who used tokens of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    pub model: Option<String>,
    pub key: Option<String>,
    pub workspace: Option<String>,
}

/// Counts since midnight UTC; what an answer does not say is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub requests: Option<u64>,
    /// Cached ones among them.
    pub input_tokens: Option<u64>,
    pub cached_input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
}

/// One limit, balance or budget.
#[derive(Clone, Debug)]
pub struct Limited {
    pub scope: Scope,
    pub subject: Option<String>,
    pub resource: Resource,
    pub window_s: Option<u32>,
    pub label: Option<String>,
    pub limit: Option<Amount>,
    pub remaining: Option<Amount>,
    pub used: Option<Amount>,
    pub reset_at: Option<Wall>,
    pub status: Option<LimitStatus>,
}

impl Limited {
    /// One of which nothing is known yet.
    pub const fn of(scope: Scope, resource: Resource) -> Limited {
        Limited {
            scope,
            subject: None,
            resource,
            window_s: None,
            label: None,
            limit: None,
            remaining: None,
            used: None,
            reset_at: None,
            status: None,
        }
    }
}

impl Found {
    /// Adds to a sum; a day on which nothing was billed is known by adding nothing.
    pub fn bill(&mut self, billed: Billed, sum: Cents) {
        let known = self.bills.entry(billed).or_default();
        known.0 = known.0.saturating_add(sum.0);
    }

    /// Adds to what was used today.
    pub fn used(&mut self, used: Used, usage: Usage) {
        let known = self.usage.entry(used).or_default();
        let add = |known: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *known = Some(known.unwrap_or(0).saturating_add(more));
            }
        };
        add(&mut known.requests, usage.requests);
        add(&mut known.input_tokens, usage.input_tokens);
        add(&mut known.cached_input_tokens, usage.cached_input_tokens);
        add(&mut known.output_tokens, usage.output_tokens);
    }

    /// What was found, as of `at`.
    pub fn tell(&self, teller: &Teller<'_>, at: Wall) -> Vec<Observation> {
        let bills = self.bills.iter().filter_map(|(billed, sum)| bill(billed, *sum, teller, at));
        let usage = self.usage.iter().flat_map(|(used, usage)| metrics(used, *usage, teller, at));
        let limits = self.limits.iter().flat_map(|limited| {
            let reading = Observation::Limit(limit(limited, teller, at));
            [Observation::Limits { at, caller: Caller::default() }, reading]
        });
        bills.chain(usage).chain(limits).collect()
    }
}

fn bill(billed: &Billed, sum: Cents, teller: &Teller<'_>, at: Wall) -> Option<Observation> {
    let start = Wall::from_secs(billed.day.checked_mul(DAY_S)?);
    let end = Wall::from_secs(billed.day.checked_add(1)?.checked_mul(DAY_S)?);
    let provider = billed.provider.as_deref().unwrap_or(teller.provider);
    Some(Observation::Bill(BillReading {
        at,
        provider: teller.name(NameKind::Provider, provider)?,
        environment: teller.environment.and_then(|name| teller.name(NameKind::Environment, name)),
        key: billed.key.as_deref().and_then(|name| teller.name(NameKind::Key, name)),
        start,
        end,
        usd: sum.usd(),
        complete: end.plus(teller.api.settles) <= at,
    }))
}

fn limit(limited: &Limited, teller: &Teller<'_>, at: Wall) -> LimitReading {
    let name = |kind, text: Option<&String>| text.and_then(|text| teller.name(kind, text));
    // A gateway's own limit holds whatever the provider, as its metrics say it too.
    let provider = Some(teller.provider).filter(|_| teller.api.layer != Layer::Gateway);
    LimitReading {
        id: LimitId {
            layer: teller.api.layer,
            provider: provider.and_then(|name| teller.name(NameKind::Provider, name)),
            model: None,
            scope: limited.scope,
            subject: name(NameKind::Key, limited.subject.as_ref()),
            resource: limited.resource,
            window_s: limited.window_s,
            label: name(NameKind::Label, limited.label.as_ref()),
        },
        at,
        heard: at,
        limit: limited.limit,
        remaining: limited.remaining,
        used: limited.used,
        used_ratio: None,
        reset: limited.reset_at.map(|at| Reset { at, kind: ResetKind::WindowEndsAt }),
        status: limited.status,
        blame: Blame::Unsaid,
        window_from: limited.window_s.map(|_| WindowFrom::Policy),
        source: ReadingSource::Api,
    }
}

/// One metric for each count that is known.
fn metrics(
    used: &Used,
    usage: Usage,
    teller: &Teller<'_>,
    at: Wall,
) -> impl Iterator<Item = Observation> {
    let labels = [
        ("provider", Some(teller.provider)),
        ("model", used.model.as_deref()),
        ("key", used.key.as_deref()),
        ("workspace", used.workspace.as_deref()),
    ];
    let labels = labels.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let labels = labels.collect::<Vec<_>>().join(" ");
    let labels = teller.name(NameKind::Series, &labels);
    let host = teller.host.and_then(|host| teller.name(NameKind::Host, host));
    let counts = [
        ("usage_requests_today", usage.requests),
        ("usage_input_tokens_today", usage.input_tokens),
        ("usage_cached_input_tokens_today", usage.cached_input_tokens),
        ("usage_output_tokens_today", usage.output_tokens),
    ]
    .map(|(name, count)| (teller.name(NameKind::Label, name), count));
    counts.into_iter().filter_map(move |(name, count)| {
        #[allow(clippy::cast_precision_loss, reason = "a count for people, no money")]
        let value = count? as f64;
        let kind = MetricKind::Counter;
        Some(Observation::Metric(MetricReading { at, name: name?, labels, host, value, kind }))
    })
}
