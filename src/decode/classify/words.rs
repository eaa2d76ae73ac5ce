//! What providers, gateways, SDKs and HTTP clients write when a call fails, and what it
//! means. The order of the table is the order of trust: money before rates, rates before
//! what got lost on the way, and last what may be about any of them.

use super::needle::Needle;
use crate::domain::{ErrorKind, LimitedBy};

/// Words in lower case that mean the same.
pub(super) struct Rule {
    pub(super) needles: &'static [Needle],
    pub(super) kind: ErrorKind,
    pub(super) limited_by: Option<LimitedBy>,
}

/// Words of a gateway about a limit of its own.
pub(super) const GATEWAY: &[Needle] = &needles([
    "litellm_rate_limit",
    "proxyratelimiterror",
    "budgetexceedederror",
    "budget has been exceeded",
    "exceededtokenbudget",
    "limit type: ",
    "crossed tpm / rpm",
    "tokenlimitexceeded",
    "openaitokenquotaexceeded",
    "out of call volume quota",
]);

/// Words of a provider, also where a gateway passes them on.
pub(super) const UPSTREAM: &[Needle] = &needles([
    "vendor_rate_limit",
    "openaiexception",
    "azureexception",
    "anthropicerror",
    "anthropicexception",
    "vertexaiexception",
    "geminiexception",
    "bedrockexception",
    "rate limit reached for ",
    "your organization's rate limit",
    "your organization’s rate limit",
]);

#[allow(clippy::indexing_slicing, reason = "constant: what is out of bounds does not compile")]
pub(super) const fn needles<const N: usize>(words: [&'static str; N]) -> [Needle; N] {
    let mut all = [Needle::new(""); N];
    let mut at = 0;
    while at < N {
        all[at] = Needle::new(words[at]);
        at += 1;
    }
    all
}

const fn rule(kind: ErrorKind, needles: &'static [Needle]) -> Rule {
    Rule { needles, kind, limited_by: None }
}

const fn quota(limited_by: LimitedBy, needles: &'static [Needle]) -> Rule {
    Rule { needles, kind: ErrorKind::QuotaExhausted, limited_by: Some(limited_by) }
}

/// What says more than a status does.
pub(super) const RULES: &[Rule] = &[
    // A gateway's own budgets, before the rate limits that carry the same status.
    rule(
        ErrorKind::BudgetExceeded,
        &needles([
            "budget has been exceeded",
            "budget_exceeded",
            "budgetexceeded",
            "exceededbudget",
            "exceededtokenbudget",
            "exceeded budget",
        ]),
    ),
    // Windows of a subscription.
    rule(
        ErrorKind::UsageLimit,
        &needles([
            "usage_limit_reached",
            "usage_limit_exceeded",
            "usage limit has been reached",
            "usage limit reached",
            "5-hour limit reached",
            "session limit reached",
            "weekly limit reached",
            "opus limit reached",
            "sonnet limit reached",
            "hit your limit",
            "hit your usage limit",
            "hit your 5-hour limit",
            "hit your session limit",
            "hit your weekly limit",
            "hit your opus limit",
            "hit your sonnet limit",
            "reached your usage limit",
            "reached your 5-hour limit",
            "reached your session limit",
            "reached your weekly limit",
            "out of extra usage",
        ]),
    ),
    // Gemini words a per-minute limit as a quota: the quota's id tells.
    rule(
        ErrorKind::RateLimitInputTokens,
        &needles(["inputtokenspermodelperminute", "inputtokenspermodelperday"]),
    ),
    rule(ErrorKind::RateLimitRequests, &needles(["requestsperminute", "requestsperday"])),
    rule(ErrorKind::RateLimitTokens, &needles(["tokensperminute", "tokensperday"])),
    rule(ErrorKind::RateLimitInputTokens, &needles(["input_token_count", "input_tokens_per_"])),
    rule(ErrorKind::RateLimitRequests, &needles(["requests_per_", "free_tier_requests"])),
    rule(ErrorKind::RateLimitTokens, &needles(["tokens_per_"])),
    // Money is gone: waiting does not help.
    quota(
        LimitedBy::SpendCap,
        &needles([
            "billing_hard_limit",
            "spending limit",
            "spend limit",
            "api usage limits",
            "monthly limit",
            "key limit exceeded",
        ]),
    ),
    quota(
        LimitedBy::Quota,
        &needles([
            "insufficient_quota",
            "exceeded_current_quota",
            "servicequotaexceeded",
            "tokenquotaexceeded",
            "call volume quota",
            "billing_not_active",
            "billing_disabled",
            "billing_error",
            "credit balance is too low",
            "credit limit exceeded",
            "insufficient credits",
            "insufficient_credits",
            "insufficient balance",
            "insufficient_balance",
            "requires more credits",
            "used all available credits",
            "monthly included credits",
            "credits are depleted",
            "have any credits",
            "payment_required",
            "api calls / month",
            "arrearage",
        ]),
    ),
    // Which rate. Where all are listed, their numbers say it.
    rule(ErrorKind::RateLimit, &needles(["(actual/limit)", "crossed tpm / rpm"])),
    rule(ErrorKind::RateLimitInputTokens, &needles(["input tokens per minute"])),
    rule(ErrorKind::RateLimitOutputTokens, &needles(["output tokens per minute"])),
    rule(ErrorKind::RateLimitTokens, &needles(["(tpm)", "(tpd)"])),
    rule(ErrorKind::RateLimitRequests, &needles(["(rpm)", "(rpd)"])),
    rule(ErrorKind::RateLimitTokens, &needles(["tokens per min", "tokens per day"])),
    rule(
        ErrorKind::RateLimitRequests,
        &needles([
            "requests per min",
            "requests per day",
            "requests per second",
            "number of requests has exceeded",
            "request_quota_exceeded",
            "api calls / minute",
            "max rpm",
            "max rpd",
            "rpm rate limit",
            "rpd rate limit",
            "request rpm",
            "free-models-per-",
            "call rate limit",
            "limit type: requests",
        ]),
    ),
    rule(
        ErrorKind::RateLimitTokens,
        &needles([
            "number of request tokens has exceeded",
            "token_quota_exceeded",
            "max tpm",
            "max tpd",
            "tpm rate limit",
            "tpd rate limit",
            "token rate limit",
            "too many tokens, please wait",
            "limit type: tokens",
            "tokenlimitexceeded",
        ]),
    ),
    rule(
        ErrorKind::RateLimitConcurrency,
        &needles([
            "max_parallel_requests",
            "max parallel request",
            "concurrent request",
            "concurrent connections",
            "concurrency limit",
        ]),
    ),
    // The provider has no room.
    rule(
        ErrorKind::Overloaded,
        &needles([
            "overloaded",
            "queue_exceeded",
            "over capacity",
            "at capacity",
            "slow_down",
            "capacity_exceeded",
            "capacity exceeded",
            "nocapacity",
            "high demand",
            "high traffic",
            "too busy",
        ]),
    ),
    rule(ErrorKind::Unavailable, &needles(["modelnotready", "no healthy upstream"])),
    // The call was wrong.
    rule(
        ErrorKind::ContextLength,
        &needles([
            "context_length_exceeded",
            "context_window_exceeded",
            "contextwindowexceeded",
            "maximum context length",
            "exceed context limit",
            "prompt is too long",
            "input is too long for",
            "exceeds the maximum number of tokens",
        ]),
    ),
    rule(
        ErrorKind::ContentFilter,
        &needles([
            "content_filter",
            "content_policy_violation",
            "contentpolicyviolation",
            "content management policy",
            "responsibleaipolicyviolation",
            "prohibited_content",
        ]),
    ),
    rule(
        ErrorKind::ModelNotFound,
        &needles([
            "model_not_found",
            "model not found",
            "invalid model name",
            "\"model: ",
            "does not exist or you do not have access",
            "deploymentnotfound",
            "no endpoints found for",
        ]),
    ),
    // The key was refused.
    rule(
        ErrorKind::Auth,
        &needles([
            "invalid_api_key",
            "invalid api key",
            "incorrect api key",
            "api key not valid",
            "api_key_invalid",
            "invalid x-api-key",
            "invalid subscription key",
            "authentication_error",
            "authenticationerror",
            "authentication error",
            "authentication_failed",
            "unauthenticated",
            "unrecognizedclientexception",
            "expiredtokenexception",
            "token has expired",
            "please run /login",
            "account_deactivated",
        ]),
    ),
    rule(
        ErrorKind::Permission,
        &needles([
            "permission_error",
            "permission_denied",
            "permissiondenied",
            "accessdeniedexception",
            "organization has been disabled",
            "organization has been restricted",
            "unsupported_country_region_territory",
        ]),
    ),
    // The call got lost: what broke off had begun, and a wait that ended ended the rest.
    rule(
        ErrorKind::StreamInterrupted,
        &needles([
            "stream_interrupted",
            "stream disconnected before completion",
            "incomplete chunked read",
            "incompleteread",
            "incomplete read",
            "payload is not completed",
            "premature close",
            "premature_close",
            "prematurely closed during",
            "unexpected eof",
            "unexpected end of stream",
            "error decoding response body",
            "error reading a body from connection",
            "stream error: stream id",
            "stream has been aborted",
            "modelstreamerror",
            "typeerror: terminated",
            "midstream",
        ]),
    ),
    rule(
        ErrorKind::Timeout,
        &needles([
            "timed out",
            "timed_out",
            "timedout",
            "timeouterror",
            "timeout_error",
            "timeout error",
            "timeoutexception",
            "readtimeout",
            "writetimeout",
            "connecttimeout",
            "pooltimeout",
            "err_headers_timeout",
            "err_body_timeout",
            "err_connect_timeout",
            "upstream_timeout",
            "upstream request timeout",
            "litellm.timeout",
            "client.timeout",
            "httpclient.timeout",
            "deadline_exceeded",
            "deadline exceeded",
            "deadline has elapsed",
            "i/o timeout",
            "handshake timeout",
            "network timeout",
            "connection timeout",
            "timeout awaiting",
            "timeout on reading",
            "ms exceeded",
            "due to timeout",
        ]),
    ),
    rule(
        ErrorKind::ClientClosed,
        &needles(["client disconnected", "clientdisconnect", "client_closed", "client closed"]),
    ),
    rule(
        ErrorKind::Connection,
        &needles([
            "connectionerror",
            "connection error",
            "connecterror",
            "connectexception",
            "connection refused",
            "connection reset",
            "connection closed",
            "connection aborted",
            "connection broken",
            "connection attempts failed",
            "connection prematurely closed",
            "error sending request for url",
            "tcp connect error",
            "upstream connect error",
            "cannot connect to host",
            "unable to connect",
            "socket hang up",
            "other side closed",
            "socket connection was closed",
            "server disconnected",
            "serverdisconnected",
            "remoteprotocolerror",
            "remotedisconnected",
            "server closed idle connection",
            "closed network connection",
            "goaway",
            "broken pipe",
            "fetch failed",
            "und_err_socket",
            "httpcore.readerror",
            "httpx.readerror",
            "econnrefused",
            "econnreset",
            "failedtoopensocket",
            "econnaborted",
            "write epipe",
            "ehostunreach",
            "enetunreach",
            "no route to host",
            "network is unreachable",
            // The name of the host, and what it proves to be.
            "getaddrinfo enotfound",
            "eai_again",
            "no such host",
            "dns error",
            "unknownhostexception",
            "name resolution",
            "name or service not known",
            "nodename nor servname",
            "certificate verify failed",
            "failed to verify certificate",
            "self-signed certificate",
            "self_signed_cert",
            "unable to get local issuer",
            "sslhandshake",
        ]),
    ),
    rule(
        ErrorKind::Cancelled,
        &needles([
            "context canceled",
            "context cancelled",
            "cancellederror",
            "request canceled",
            "operation was canceled",
            "operation was cancelled",
            "operation was aborted",
            "request was aborted",
            "aborted a request",
            "aborterror",
        ]),
    ),
    // Google words a rate as a quota; what is to be tried again in a while is a rate.
    rule(ErrorKind::RateLimit, &needles(["resource_exhausted", "retrydelay", "please retry in "])),
    quota(LimitedBy::Quota, &needles(["exceeded your current quota"])),
    // A rate limit that does not say which.
    rule(
        ErrorKind::RateLimit,
        &needles(["rate_limit", "ratelimit", "rate limit", "too many requests", "throttl"]),
    ),
];

/// What says less than a status does.
pub(super) const WEAK: &[Rule] = &[
    rule(
        ErrorKind::ServerError,
        &needles(["server_error", "api_error", "internal server error", "internalserver"]),
    ),
    rule(
        ErrorKind::Unavailable,
        &needles(["serviceunavailable", "service unavailable", "service_unavailable"]),
    ),
    rule(ErrorKind::BadGateway, &needles(["badgateway", "bad gateway"])),
    rule(ErrorKind::Timeout, &needles(["gateway timeout", "gateway time-out"])),
    rule(
        ErrorKind::InvalidRequest,
        &needles(["invalid_request_error", "badrequesterror", "validationexception"]),
    ),
    rule(ErrorKind::NotFound, &needles(["not_found_error", "notfounderror"])),
];
