//! What became of the call, and which limit did it: from the status, the body's
//! code and the providers' own words, hardly from buckets, for a refusal may
//! come from a limit that no header shows.

use super::HeaderReport;
use super::bag::HeaderBag;
use super::body::{Said, Verdict};
use super::gather::Aside;
use crate::domain::limit::words;
use crate::domain::{Blame, Layer, LimitReading, LimitStatus, LimitedBy, Resource};

/// What became of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CallState {
    /// Answered, as far as is known.
    #[default]
    Ok,
    /// Refused for now.
    Throttled,
    /// Refused until someone pays or a period ends.
    Exhausted,
    /// Refused for want of capacity.
    Overloaded,
    /// Refused by a kill switch.
    Stopped,
    /// Failed for another reason.
    Error,
}

words!(CallState {
    Ok = "ok", Throttled = "throttled", Exhausted = "exhausted", Overloaded = "overloaded",
    Stopped = "stopped", Error = "error",
});

/// Fills in the report's state, and which limit and whose it was.
pub(super) fn judge(
    report: &mut HeaderReport,
    status: Option<u16>,
    said: Said,
    aside: &Aside,
    bag: &HeaderBag,
) {
    // Our gateways answer 503: in other answers the same words are somebody's text.
    let stopped = aside.stopped_by.is_some() || said.verdict == Some(Verdict::Stopped);
    report.state = match status {
        Some(503) if stopped => CallState::Stopped,
        _ => state(report, status, said),
    };
    let refused = matches!(report.state, CallState::Throttled | CallState::Exhausted);
    let spent = if refused { spent(&report.limits) } else { None };
    let named = report.limits.iter().find(|limit| limit.blame != Blame::Unsaid);
    report.limited_by = match report.state {
        CallState::Throttled => {
            let word = aside.refused_by.and_then(|index| bag.get(index)).map(|h| h.value);
            let by_bucket = || {
                let tight = spent.or_else(|| nearly_spent(&report.limits));
                tight.map(|limit| LimitedBy::of(limit.id.resource))
            };
            let by_name = named.map(|limit| LimitedBy::of(limit.id.resource));
            let by = word.and_then(by_word).or(said.limited_by).or(by_name).or_else(by_bucket);
            Some(by.unwrap_or(LimitedBy::Unknown))
        }
        CallState::Exhausted if said.verdict == Some(Verdict::OutOfQuota) => Some(LimitedBy::Quota),
        CallState::Exhausted => Some(LimitedBy::SpendCap),
        CallState::Ok | CallState::Overloaded | CallState::Stopped | CallState::Error => None,
    };
    let names_it = report.limited_by.is_some() && report.limited_by == said.limited_by;
    report.window_s = said.window_s.filter(|_| names_it);
    report.layer = match named.or(spent) {
        _ if !refused => Layer::Unknown,
        _ if aside.gateway_refused => Layer::Gateway,
        Some(limit) => limit.id.layer,
        None => Layer::Unknown,
    };
    let no_plan = || report.limits.iter().any(|limit| limit.limit.is_some_and(|l| l.0 == 0));
    let useless = said.too_large
        || status == Some(413)
        || report.state == CallState::Exhausted
        || (report.state == CallState::Throttled && no_plan());
    report.waiting_helps = match report.state {
        _ if useless => Some(false),
        CallState::Throttled | CallState::Overloaded => Some(true),
        CallState::Ok | CallState::Exhausted | CallState::Stopped | CallState::Error => None,
    };
}

fn state(report: &HeaderReport, status: Option<u16>, said: Said) -> CallState {
    let by_code = said.verdict.and_then(|verdict| match verdict {
        Verdict::Throttled => Some(CallState::Throttled),
        Verdict::Overloaded => Some(CallState::Overloaded),
        Verdict::OutOfQuota | Verdict::OutOfMoney => Some(CallState::Exhausted),
        Verdict::Stopped => None,
    });
    match status {
        Some(429) => by_code.unwrap_or(CallState::Throttled),
        Some(402) => CallState::Exhausted,
        Some(498 | 529) => CallState::Overloaded,
        Some(503) if spent(&report.limits).is_some_and(|l| l.id.layer == Layer::Gateway) => {
            CallState::Throttled
        }
        Some(503) => by_code.unwrap_or(CallState::Overloaded),
        Some(413) => CallState::Error,
        Some(500..) => by_code.filter(|s| *s != CallState::Throttled).unwrap_or(CallState::Error),
        Some(400..) => by_code.filter(|s| *s == CallState::Exhausted).unwrap_or(CallState::Error),
        _ if overdrawn(report) => CallState::Throttled,
        _ => by_code.unwrap_or(CallState::Ok),
    }
}

/// Azure accepts a stream and refuses it inside: only an overdraft together
/// with a wait shows that in the headers.
fn overdrawn(report: &HeaderReport) -> bool {
    let negative = |limit: &LimitReading| limit.remaining.is_some_and(|left| left.0 < 0);
    report.retry_after_s.is_some() && report.limits.iter().any(negative)
}

/// The limit with nothing left, if it is clear which.
fn spent(limits: &[LimitReading]) -> Option<&LimitReading> {
    let mut all = limits.iter().filter(|limit| {
        limit.status == Some(LimitStatus::Rejected) && limit.id.resource == Resource::PlanUsage
            || limit.remaining.is_some_and(|left| left.0 <= 0)
            || limit.used_ratio.is_some_and(|ratio| ratio >= 1.0)
    });
    let first = all.next()?;
    all.all(|other| other.id.resource == first.id.resource).then_some(first)
}

/// The limit with little left, while all others have plenty: a request that asks
/// for more than is left is refused before anything is zero.
fn nearly_spent(limits: &[LimitReading]) -> Option<&LimitReading> {
    let left = |limit: &LimitReading| limit.remaining?.ratio_of(limit.limit?);
    let low = |limit: &&LimitReading| left(limit).is_some_and(|ratio| ratio < 0.1);
    let plenty = |limit: &LimitReading| left(limit).is_none_or(|ratio| ratio > 0.5);
    let tight = limits.iter().find(low)?;
    let same = |limit: &LimitReading| limit.id.resource == tight.id.resource;
    limits.iter().all(|limit| same(limit) || plenty(limit)).then_some(tight)
}

fn by_word(word: &[u8]) -> Option<LimitedBy> {
    const WORDS: &[(&str, LimitedBy)] = &[
        ("-Call", LimitedBy::Requests),
        ("-Token", LimitedBy::Tokens),
        ("parallel", LimitedBy::Concurrency),
        ("request", LimitedBy::Requests),
        ("token", LimitedBy::Tokens),
        ("budget", LimitedBy::SpendCap),
        // Anthropic's word on a subscription, whichever window it is.
        ("rejected", LimitedBy::Plan),
    ];
    WORDS.iter().find(|(part, _)| super::body::contains(word, part)).map(|(_, by)| *by)
}
