//! What went wrong with a call: status, error text and limits together.
//!
//! Providers refuse with 200, 400, 402, 403, 413, 429, 503 and 529, gateways
//! rewrite statuses, and one status hides many causes, so no single part
//! decides. What the texts mean is data: the table is in `words`.

mod codes;
mod models;
mod needle;
mod words;

use crate::domain::{ErrorKind, Failure, Layer, LimitReading, LimitedBy, Outcome, Resource};
use codes::{Blame, Codes};
use needle::{Haystack, Needle};
use words::{GATEWAY, RULES, Rule, UPSTREAM, WEAK};

/// All that is known of how a call ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// HTTP status.
    pub status: Option<u16>,
    /// What the log itself calls it; [`ErrorKind::Error`] when it says no more
    /// than that the call failed.
    pub said: Option<ErrorKind>,
    /// Error codes, types, classes and messages.
    pub texts: &'a [&'a [u8]],
    /// What headers alone make of the response, where they say more than the status.
    pub by_headers: Option<ErrorKind>,
    /// Which limit refused, where the log or the headers name it.
    pub limited_by: Option<LimitedBy>,
    /// Limits that the response stated.
    pub limits: &'a [LimitReading],
}

/// Judges a call; a kind of `None` is success.
#[must_use]
pub fn classify(evidence: &Evidence<'_>) -> Failure {
    let texts = Haystack::new(evidence.texts);
    let blame = match evidence.status {
        Some(400 | 404 | 422) => Codes::of(evidence.texts).blame(),
        _ => Blame::None,
    };
    let find = |rules| rule(texts, rules);
    let text = if blame == Blame::None { find(RULES) } else { of_client(evidence.texts, blame) };
    let weak = || find(WEAK).map(|rule| rule.kind);
    let by_headers = evidence.by_headers.filter(|kind| may_be(*kind, blame));
    let evidence = &Evidence { by_headers, ..*evidence };
    let Some(mut kind) = kind(evidence, text, weak) else { return Failure::default() };
    let mut limited_by = text.filter(|rule| rule.kind == kind).and_then(|rule| rule.limited_by);
    if kind == ErrorKind::RateLimit {
        limited_by = evidence
            .limited_by
            .filter(|by| *by != LimitedBy::Unknown)
            .or(limited_by)
            .or_else(|| exhausted(evidence.limits));
        kind = limited_by.and_then(rate_limit_by).unwrap_or(kind);
    }
    Failure {
        kind: Some(kind),
        limited_by: limited_by_of(kind).or(limited_by).or_else(|| unknown_limit(kind)),
        window_s: None,
        layer: layer(texts),
        retryable: retryable(kind),
        retry_after_s: None,
        stopped_by: None,
    }
}

/// Whether an error is one that only services with language models give.
pub(super) fn speaks_of_models(error: &[u8]) -> bool {
    let texts = [error];
    let texts = Haystack::new(&texts);
    models::TYPES.iter().any(|known| error.eq_ignore_ascii_case(known.as_bytes()))
        || models::WORDS.iter().any(|needle| texts.holds(needle))
}

/// What a text alone makes of a failure.
pub(super) fn by_text(text: &[u8]) -> Option<ErrorKind> {
    let texts = [text];
    let texts = Haystack::new(&texts);
    rule(texts, RULES).map(|rule| rule.kind)
}

/// The first that the texts hold a word of.
fn rule(texts: Haystack<'_>, rules: &'static [Rule]) -> Option<&'static Rule> {
    rules.iter().find(|rule| rule.needles.iter().any(|needle| texts.holds(needle)))
}

/// The same where codes blame the client: they say all but what `may_be` in its message.
fn of_client(texts: &[&[u8]], blame: Blame) -> Option<&'static Rule> {
    let codes = Codes::of(texts);
    let (codes, texts) = (Haystack::new(codes.all()), Haystack::new(texts));
    RULES.iter().find(|rule| {
        let within = if may_be(rule.kind, blame) { texts } else { codes };
        rule.needles.iter().any(|needle| within.holds(needle))
    })
}

/// Whether a call for which its client is blamed can have failed so, whatever its error's
/// code is.
fn may_be(kind: ErrorKind, blame: Blame) -> bool {
    match blame {
        Blame::None => true,
        Blame::Some => is_about_money(kind) || kind.outcome() == Outcome::ClientError,
        Blame::Exact => kind.outcome() == Outcome::ClientError,
    }
}

fn kind(
    evidence: &Evidence<'_>,
    text: Option<&Rule>,
    weak: impl FnOnce() -> Option<ErrorKind>,
) -> Option<ErrorKind> {
    // What was refused for a reason did not get lost.
    let refused = matches!(evidence.status, Some(400..=407 | 409..=498));
    let by_text = text.map(|rule| rule.kind).filter(|kind| !refused || !is_lost(*kind));
    let by_status = evidence.status.and_then(ErrorKind::from_status);
    match (evidence.said, by_status) {
        (Some(said), _) if said != ErrorKind::Error => Some(said),
        // A refused key stays a refused key, whatever words its error contains but money.
        (_, Some(ErrorKind::Auth)) => by_text.filter(|kind| is_about_money(*kind)).or(by_status),
        (_, Some(ErrorKind::ClientClosed)) => by_status,
        (said, by_status) => by_text
            .or(evidence.by_headers)
            .or(by_status)
            .or_else(weak)
            .or(said)
            .or((!evidence.texts.is_empty()).then_some(ErrorKind::Error)),
    }
}

fn is_lost(kind: ErrorKind) -> bool {
    use ErrorKind::{Cancelled, Connection, StreamInterrupted, Timeout};
    matches!(kind, Timeout | Connection | Cancelled | StreamInterrupted)
}

fn is_about_money(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BudgetExceeded | ErrorKind::QuotaExhausted)
}

/// Which limit the response itself shows as used up. A refusal for tokens may
/// leave some, too few for the call: what is nearly empty beside fuller ones counts.
fn exhausted(limits: &[LimitReading]) -> Option<LimitedBy> {
    let left = |reading: &LimitReading| {
        let remaining = reading.remaining?;
        if remaining.0 <= 0 { Some(0.0) } else { remaining.ratio_of(reading.limit?) }
    };
    let low = limits.iter().filter(|reading| left(reading).is_some_and(|ratio| ratio < 0.02));
    let mut kinds = low.filter_map(|reading| match reading.id.resource {
        Resource::Requests => Some(LimitedBy::Requests),
        Resource::Tokens => Some(LimitedBy::Tokens),
        Resource::InputTokens => Some(LimitedBy::InputTokens),
        Resource::OutputTokens => Some(LimitedBy::OutputTokens),
        Resource::Concurrency => Some(LimitedBy::Concurrency),
        _ => None,
    });
    let first = kinds.next()?;
    kinds.all(|kind| kind == first).then_some(first)
}

const fn rate_limit_by(limited_by: LimitedBy) -> Option<ErrorKind> {
    match limited_by {
        LimitedBy::Requests => Some(ErrorKind::RateLimitRequests),
        LimitedBy::Tokens => Some(ErrorKind::RateLimitTokens),
        LimitedBy::InputTokens => Some(ErrorKind::RateLimitInputTokens),
        LimitedBy::OutputTokens => Some(ErrorKind::RateLimitOutputTokens),
        LimitedBy::Concurrency => Some(ErrorKind::RateLimitConcurrency),
        LimitedBy::Plan => Some(ErrorKind::UsageLimit),
        LimitedBy::Quota => Some(ErrorKind::QuotaExhausted),
        LimitedBy::SpendCap => Some(ErrorKind::BudgetExceeded),
        LimitedBy::Unknown => None,
    }
}

const fn limited_by_of(kind: ErrorKind) -> Option<LimitedBy> {
    match kind {
        ErrorKind::RateLimitRequests => Some(LimitedBy::Requests),
        ErrorKind::RateLimitTokens => Some(LimitedBy::Tokens),
        ErrorKind::RateLimitInputTokens => Some(LimitedBy::InputTokens),
        ErrorKind::RateLimitOutputTokens => Some(LimitedBy::OutputTokens),
        ErrorKind::RateLimitConcurrency => Some(LimitedBy::Concurrency),
        ErrorKind::UsageLimit => Some(LimitedBy::Plan),
        ErrorKind::BudgetExceeded => Some(LimitedBy::SpendCap),
        _ => None,
    }
}

const fn unknown_limit(kind: ErrorKind) -> Option<LimitedBy> {
    match kind {
        ErrorKind::RateLimit => Some(LimitedBy::Unknown),
        ErrorKind::QuotaExhausted => Some(LimitedBy::Quota),
        _ => None,
    }
}

/// Whether sending the same call again can help. Header flags that claim to say
/// so are wrong too often to be asked.
const fn retryable(kind: ErrorKind) -> Option<bool> {
    if matches!(kind, ErrorKind::UsageLimit | ErrorKind::Error) {
        return None;
    }
    match kind.outcome() {
        Outcome::RateLimited | Outcome::Overloaded | Outcome::Failed | Outcome::TimedOut => {
            Some(true)
        }
        Outcome::QuotaExhausted | Outcome::AuthFailed | Outcome::ClientError | Outcome::Blocked => {
            Some(false)
        }
        Outcome::Ok | Outcome::Cancelled => None,
    }
}

fn layer(texts: Haystack<'_>) -> Layer {
    let says = |needles: &[Needle]| needles.iter().any(|needle| texts.holds(needle));
    if says(GATEWAY) {
        Layer::Gateway
    } else if says(UPSTREAM) {
        Layer::Upstream
    } else {
        Layer::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, LimitId, ReadingSource, Wall};

    fn failure(status: u16, text: &str) -> Failure {
        let text = [text.as_bytes()];
        let texts = if text[0].is_empty() { &[][..] } else { &text };
        classify(&Evidence { status: Some(status), texts, ..Evidence::default() })
    }

    #[test]
    fn status_and_text_together_name_the_cause() {
        use ErrorKind as K;
        for (status, text, kind) in [
            (200, "", None),
            (429, "", Some(K::RateLimit)),
            (529, "", Some(K::Overloaded)),
            (
                429,
                "Rate limit reached for gpt-4o on tokens per min (TPM)",
                Some(K::RateLimitTokens),
            ),
            (429, "rate limit of 40,000 input tokens per minute", Some(K::RateLimitInputTokens)),
            (429, r#"{"code":"insufficient_quota"}"#, Some(K::QuotaExhausted)),
            (
                429,
                "You exceeded your current quota. quotaId: GenerateRequestsPerMinutePerProjectPerModel",
                Some(K::RateLimitRequests),
            ),
            (500, r#"{"type":"overloaded_error"}"#, Some(K::Overloaded)),
            (422, "Budget has been exceeded! Current cost: 25.37", Some(K::BudgetExceeded)),
            (400, "This model's maximum context length is 128000", Some(K::ContextLength)),
            (400, "bad field", Some(K::InvalidRequest)),
            (413, "Request too large on tokens per minute (TPM)", Some(K::RateLimitTokens)),
            (401, "rate limit", Some(K::Auth)),
            (401, r#"{"type":"insufficient_quota"}"#, Some(K::QuotaExhausted)),
            (
                403,
                "Your newly created team doesn't have any credits or licenses yet",
                Some(K::QuotaExhausted),
            ),
            (200, "TooMany Requests: too many requests", Some(K::RateLimit)),
            (200, "something odd", Some(K::Error)),
            (408, "Request timed out.", Some(K::Timeout)),
        ] {
            assert_eq!(failure(status, text).kind, kind, "{status} {text}");
        }
    }

    #[test]
    fn a_plain_429_is_split_by_what_the_headers_show_as_used_up() {
        let reading = |resource, remaining| LimitReading {
            limit: Some(Amount::whole(1000)),
            remaining: Some(Amount::whole(remaining)),
            ..LimitReading::silent(LimitId::of(resource), Wall(0), ReadingSource::Header)
        };
        for (requests, tokens, expected) in [
            (0, 900, LimitedBy::Requests),
            (900, 6, LimitedBy::Tokens),
            (900, 800, LimitedBy::Unknown),
            (0, 0, LimitedBy::Unknown),
        ] {
            let limits = [reading(Resource::Requests, requests), reading(Resource::Tokens, tokens)];
            let evidence = Evidence { status: Some(429), limits: &limits, ..Evidence::default() };
            assert_eq!(classify(&evidence).limited_by, Some(expected), "{requests} {tokens}");
        }
    }

    #[test]
    fn the_layer_and_the_use_of_a_retry_are_told() {
        let own = failure(429, "ProxyRateLimitError: Limit type: requests. Current limit: 3");
        assert_eq!(own.kind, Some(ErrorKind::RateLimitRequests));
        assert_eq!((own.layer, own.retryable), (Layer::Gateway, Some(true)));
        let gone = failure(429, "OpenAIException - You exceeded your current quota");
        assert_eq!((gone.layer, gone.retryable), (Layer::Upstream, Some(false)));
        assert_eq!(gone.limited_by, Some(LimitedBy::Quota));
    }

    #[test]
    fn what_the_log_says_stands_and_a_bare_failure_is_refined() {
        let said = |said, status| {
            classify(&Evidence { said: Some(said), status, ..Evidence::default() }).kind
        };
        assert_eq!(said(ErrorKind::KillSwitch, Some(503)), Some(ErrorKind::KillSwitch));
        assert_eq!(said(ErrorKind::Error, Some(529)), Some(ErrorKind::Overloaded));
        assert_eq!(said(ErrorKind::Error, None), Some(ErrorKind::Error));
    }

    #[test]
    fn needles_are_lower_case() {
        let all = RULES.iter().chain(WEAK).flat_map(|rule| rule.needles).chain(GATEWAY);
        for needle in all.chain(UPSTREAM) {
            assert_eq!(needle.text, needle.text.to_ascii_lowercase());
        }
    }
}
