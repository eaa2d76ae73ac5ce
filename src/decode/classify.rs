//! What went wrong with a call: status, error text and limits together.
//!
//! Providers refuse with 200, 400, 402, 403, 413, 429, 503 and 529, gateways
//! rewrite statuses, and one status hides many causes, so no single part
//! decides. Needles are data; the order of the table is the order of trust.

mod needle;

use crate::domain::{ErrorKind, Failure, Layer, LimitReading, LimitedBy, Outcome, Resource};
use needle::{Haystack, Needle};

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
    let find = |rules: &'static [Rule]| rules.iter().find(|rule| texts.holds(&rule.needle));
    let (text, weak) = (find(RULES), || find(WEAK).map(|rule| rule.kind));
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
        layer: layer(texts),
        retryable: retryable(kind),
        retry_after_s: None,
    }
}

/// What a text alone makes of a failure.
pub(super) fn by_text(text: &[u8]) -> Option<ErrorKind> {
    let texts = [text];
    let texts = Haystack::new(&texts);
    RULES.iter().find(|rule| texts.holds(&rule.needle)).map(|rule| rule.kind)
}

fn kind(
    evidence: &Evidence<'_>,
    text: Option<&Rule>,
    weak: impl FnOnce() -> Option<ErrorKind>,
) -> Option<ErrorKind> {
    let by_text = text.map(|rule| rule.kind);
    let by_status = evidence.status.and_then(ErrorKind::from_status);
    match (evidence.said, by_status) {
        (Some(said), _) if said != ErrorKind::Error => Some(said),
        // A refused key stays a refused key, whatever words its error contains, unless it
        // is one without money.
        (_, Some(status @ (ErrorKind::Auth | ErrorKind::ClientClosed))) => {
            by_text.filter(|kind| *kind == ErrorKind::QuotaExhausted).or(Some(status))
        }
        (said, by_status) => by_text
            .or(evidence.by_headers)
            .or(by_status)
            .or_else(weak)
            .or(said)
            .or((!evidence.texts.is_empty()).then_some(ErrorKind::Error)),
    }
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

/// A needle and what it means.
struct Rule {
    needle: Needle,
    kind: ErrorKind,
    limited_by: Option<LimitedBy>,
}

const GATEWAY: &[Needle] = &[
    Needle::new("litellm_rate_limit"),
    Needle::new("proxyratelimiterror"),
    Needle::new("budgetexceedederror"),
    Needle::new("budget has been exceeded"),
    Needle::new("limit type: "),
];

const UPSTREAM: &[Needle] = &[
    Needle::new("vendor_rate_limit"),
    Needle::new("openaiexception"),
    Needle::new("azureexception"),
    Needle::new("anthropicerror"),
    Needle::new("anthropicexception"),
    Needle::new("vertexaiexception"),
    Needle::new("geminiexception"),
    Needle::new("bedrockexception"),
    Needle::new("rate limit reached for "),
    Needle::new("your organization's rate limit"),
    Needle::new("your organization’s rate limit"),
];

const fn rule(needle: &'static str, kind: ErrorKind) -> Rule {
    Rule { needle: Needle::new(needle), kind, limited_by: None }
}

const fn quota(needle: &'static str, limited_by: LimitedBy) -> Rule {
    let needle = Needle::new(needle);
    Rule { needle, kind: ErrorKind::QuotaExhausted, limited_by: Some(limited_by) }
}

const RULES: &[Rule] = &[
    // A gateway's own budgets, before the rate limits that carry the same status.
    rule("budget has been exceeded", ErrorKind::BudgetExceeded),
    rule("budget_exceeded", ErrorKind::BudgetExceeded),
    rule("budgetexceeded", ErrorKind::BudgetExceeded),
    rule("exceededbudget", ErrorKind::BudgetExceeded),
    rule("exceeded budget", ErrorKind::BudgetExceeded),
    // Windows of a subscription.
    rule("usage_limit_reached", ErrorKind::UsageLimit),
    rule("usage limit has been reached", ErrorKind::UsageLimit),
    rule("usage limit reached", ErrorKind::UsageLimit),
    rule("hit your usage limit", ErrorKind::UsageLimit),
    // Gemini words a per-minute limit as a quota: the quota's id tells.
    rule("inputtokenspermodelperminute", ErrorKind::RateLimitInputTokens),
    rule("inputtokenspermodelperday", ErrorKind::RateLimitInputTokens),
    rule("requestsperminute", ErrorKind::RateLimitRequests),
    rule("requestsperday", ErrorKind::RateLimitRequests),
    rule("tokensperminute", ErrorKind::RateLimitTokens),
    rule("tokensperday", ErrorKind::RateLimitTokens),
    rule("input_token_count", ErrorKind::RateLimitInputTokens),
    rule("input_tokens_per_", ErrorKind::RateLimitInputTokens),
    rule("requests_per_", ErrorKind::RateLimitRequests),
    rule("free_tier_requests", ErrorKind::RateLimitRequests),
    rule("tokens_per_", ErrorKind::RateLimitTokens),
    // Money is gone: waiting does not help.
    quota("insufficient_quota", LimitedBy::Quota),
    quota("exceeded_current_quota", LimitedBy::Quota),
    quota("billing_hard_limit", LimitedBy::SpendCap),
    quota("spending limit", LimitedBy::SpendCap),
    quota("spend limit", LimitedBy::SpendCap),
    quota("api usage limits", LimitedBy::SpendCap),
    quota("monthly limit", LimitedBy::SpendCap),
    quota("billing_not_active", LimitedBy::Quota),
    quota("credit balance is too low", LimitedBy::Quota),
    quota("insufficient credits", LimitedBy::Quota),
    quota("insufficient_credits", LimitedBy::Quota),
    quota("insufficient balance", LimitedBy::Quota),
    quota("insufficient_balance", LimitedBy::Quota),
    quota("payment_required", LimitedBy::Quota),
    quota("have any credits", LimitedBy::Quota),
    quota("credits are depleted", LimitedBy::Quota),
    quota("api calls / month", LimitedBy::Quota),
    quota("arrearage", LimitedBy::Quota),
    quota("key limit exceeded", LimitedBy::SpendCap),
    // Which rate. Where all are listed, their numbers say it.
    rule("(actual/limit)", ErrorKind::RateLimit),
    rule("input tokens per minute", ErrorKind::RateLimitInputTokens),
    rule("output tokens per minute", ErrorKind::RateLimitOutputTokens),
    rule("(tpm)", ErrorKind::RateLimitTokens),
    rule("(tpd)", ErrorKind::RateLimitTokens),
    rule("(rpm)", ErrorKind::RateLimitRequests),
    rule("(rpd)", ErrorKind::RateLimitRequests),
    rule("tokens per min", ErrorKind::RateLimitTokens),
    rule("tokens per day", ErrorKind::RateLimitTokens),
    rule("requests per min", ErrorKind::RateLimitRequests),
    rule("requests per day", ErrorKind::RateLimitRequests),
    rule("requests per second", ErrorKind::RateLimitRequests),
    rule("number of requests has exceeded", ErrorKind::RateLimitRequests),
    rule("number of request tokens has exceeded", ErrorKind::RateLimitTokens),
    rule("request_quota_exceeded", ErrorKind::RateLimitRequests),
    rule("token_quota_exceeded", ErrorKind::RateLimitTokens),
    rule("api calls / minute", ErrorKind::RateLimitRequests),
    rule("max rpm", ErrorKind::RateLimitRequests),
    rule("max rpd", ErrorKind::RateLimitRequests),
    rule("max tpm", ErrorKind::RateLimitTokens),
    rule("max tpd", ErrorKind::RateLimitTokens),
    rule("rpm rate limit", ErrorKind::RateLimitRequests),
    rule("rpd rate limit", ErrorKind::RateLimitRequests),
    rule("tpm rate limit", ErrorKind::RateLimitTokens),
    rule("tpd rate limit", ErrorKind::RateLimitTokens),
    rule("request rpm", ErrorKind::RateLimitRequests),
    rule("free-models-per-", ErrorKind::RateLimitRequests),
    rule("token rate limit", ErrorKind::RateLimitTokens),
    rule("too many tokens, please wait", ErrorKind::RateLimitTokens),
    rule("call rate limit", ErrorKind::RateLimitRequests),
    rule("limit type: max_parallel_requests", ErrorKind::RateLimitConcurrency),
    rule("max_parallel_requests", ErrorKind::RateLimitConcurrency),
    rule("max parallel request", ErrorKind::RateLimitConcurrency),
    rule("concurrent request", ErrorKind::RateLimitConcurrency),
    rule("concurrent connections", ErrorKind::RateLimitConcurrency),
    rule("concurrency limit", ErrorKind::RateLimitConcurrency),
    rule("limit type: requests", ErrorKind::RateLimitRequests),
    rule("limit type: tokens", ErrorKind::RateLimitTokens),
    // The provider has no room.
    rule("overloaded", ErrorKind::Overloaded),
    rule("queue_exceeded", ErrorKind::Overloaded),
    rule("over capacity", ErrorKind::Overloaded),
    rule("slow_down", ErrorKind::Overloaded),
    rule("capacity_exceeded", ErrorKind::Overloaded),
    rule("capacity exceeded", ErrorKind::Overloaded),
    rule("nocapacity", ErrorKind::Overloaded),
    rule("high demand", ErrorKind::Overloaded),
    rule("high traffic", ErrorKind::Overloaded),
    rule("too busy", ErrorKind::Overloaded),
    rule("modelnotready", ErrorKind::Unavailable),
    // The call was wrong.
    rule("context_length_exceeded", ErrorKind::ContextLength),
    rule("maximum context length", ErrorKind::ContextLength),
    rule("contextwindowexceeded", ErrorKind::ContextLength),
    rule("exceed context limit", ErrorKind::ContextLength),
    rule("prompt is too long", ErrorKind::ContextLength),
    rule("input is too long for", ErrorKind::ContextLength),
    rule("exceeds the maximum number of tokens", ErrorKind::ContextLength),
    rule("content_filter", ErrorKind::ContentFilter),
    rule("content_policy_violation", ErrorKind::ContentFilter),
    rule("contentpolicyviolation", ErrorKind::ContentFilter),
    rule("responsibleaipolicyviolation", ErrorKind::ContentFilter),
    rule("model_not_found", ErrorKind::ModelNotFound),
    rule("model not found", ErrorKind::ModelNotFound),
    rule("invalid model name", ErrorKind::ModelNotFound),
    rule("\"model: ", ErrorKind::ModelNotFound),
    rule("does not exist or you do not have access", ErrorKind::ModelNotFound),
    rule("deploymentnotfound", ErrorKind::ModelNotFound),
    // The key was refused.
    rule("invalid_api_key", ErrorKind::Auth),
    rule("incorrect api key", ErrorKind::Auth),
    rule("api key not valid", ErrorKind::Auth),
    rule("invalid x-api-key", ErrorKind::Auth),
    rule("authentication_error", ErrorKind::Auth),
    rule("authenticationerror", ErrorKind::Auth),
    rule("authentication error", ErrorKind::Auth),
    rule("permission_error", ErrorKind::Permission),
    rule("permission_denied", ErrorKind::Permission),
    rule("permissiondenied", ErrorKind::Permission),
    // The call got lost.
    rule("stream_interrupted", ErrorKind::StreamInterrupted),
    rule("incomplete chunked read", ErrorKind::StreamInterrupted),
    rule("midstream", ErrorKind::StreamInterrupted),
    rule("timeouterror", ErrorKind::Timeout),
    rule("timeout_error", ErrorKind::Timeout),
    rule("upstream_timeout", ErrorKind::Timeout),
    rule("deadline_exceeded", ErrorKind::Timeout),
    rule("timed out", ErrorKind::Timeout),
    rule("apiconnectionerror", ErrorKind::Connection),
    rule("connection error", ErrorKind::Connection),
    rule("connection refused", ErrorKind::Connection),
    rule("connection reset", ErrorKind::Connection),
    rule("econnrefused", ErrorKind::Connection),
    rule("econnreset", ErrorKind::Connection),
    rule("failedtoopensocket", ErrorKind::Connection),
    // Google words a rate as a quota; what is to be tried again in a while is a rate.
    rule("resource_exhausted", ErrorKind::RateLimit),
    rule("retrydelay", ErrorKind::RateLimit),
    rule("please retry in ", ErrorKind::RateLimit),
    quota("exceeded your current quota", LimitedBy::Quota),
    // A rate limit that does not say which.
    rule("rate_limit", ErrorKind::RateLimit),
    rule("ratelimit", ErrorKind::RateLimit),
    rule("rate limit", ErrorKind::RateLimit),
    rule("too many requests", ErrorKind::RateLimit),
    rule("throttl", ErrorKind::RateLimit),
];

/// What says less than a status does.
const WEAK: &[Rule] = &[
    rule("server_error", ErrorKind::ServerError),
    rule("api_error", ErrorKind::ServerError),
    rule("internal server error", ErrorKind::ServerError),
    rule("invalid_request_error", ErrorKind::InvalidRequest),
    rule("not_found_error", ErrorKind::NotFound),
];

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
        let all = RULES.iter().map(|rule| &rule.needle).chain(GATEWAY);
        for needle in all.chain(UPSTREAM) {
            assert_eq!(needle.text, needle.text.to_ascii_lowercase());
        }
    }
}
