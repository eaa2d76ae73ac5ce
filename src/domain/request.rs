//! One call to a model, as a log tells it, and the other things a line can say.

mod joined;

use std::time::Duration;

use super::amount::NanoUsd;
use super::limit::{Layer, Resource, words};
use super::names::Sym;
use super::time::Wall;

/// Why a call did not succeed. See CONTRACT section 2 for the exact meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the field's own terms")]
pub enum ErrorKind {
    RateLimit,
    RateLimitRequests,
    RateLimitTokens,
    RateLimitInputTokens,
    RateLimitOutputTokens,
    RateLimitConcurrency,
    UsageLimit,
    QuotaExhausted,
    BudgetExceeded,
    Overloaded,
    Unavailable,
    ServerError,
    BadGateway,
    Timeout,
    Connection,
    Stalled,
    StreamInterrupted,
    ClientClosed,
    Cancelled,
    Auth,
    Permission,
    NotFound,
    ModelNotFound,
    InvalidRequest,
    ContextLength,
    ContentFilter,
    KillSwitch,
    Error,
}

words!(ErrorKind {
    RateLimit = "rate_limit", RateLimitRequests = "rate_limit_requests",
    RateLimitTokens = "rate_limit_tokens", RateLimitInputTokens = "rate_limit_input_tokens",
    RateLimitOutputTokens = "rate_limit_output_tokens",
    RateLimitConcurrency = "rate_limit_concurrency", UsageLimit = "usage_limit",
    QuotaExhausted = "quota_exhausted", BudgetExceeded = "budget_exceeded",
    Overloaded = "overloaded", Unavailable = "unavailable", ServerError = "server_error",
    BadGateway = "bad_gateway", Timeout = "timeout", Connection = "connection",
    Stalled = "stalled", StreamInterrupted = "stream_interrupted",
    ClientClosed = "client_closed", Cancelled = "cancelled", Auth = "auth",
    Permission = "permission", NotFound = "not_found", ModelNotFound = "model_not_found",
    InvalidRequest = "invalid_request", ContextLength = "context_length",
    ContentFilter = "content_filter", KillSwitch = "kill_switch", Error = "error",
});

/// Groups of [`ErrorKind`] that call for the same reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Outcome {
    Ok,
    RateLimited,
    QuotaExhausted,
    Overloaded,
    Failed,
    TimedOut,
    Cancelled,
    AuthFailed,
    ClientError,
    Blocked,
}

words!(Outcome {
    Ok = "ok", RateLimited = "rate_limited", QuotaExhausted = "quota_exhausted",
    Overloaded = "overloaded", Failed = "failed", TimedOut = "timed_out",
    Cancelled = "cancelled", AuthFailed = "auth_failed", ClientError = "client_error",
    Blocked = "blocked",
});

/// Which limit refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum LimitedBy {
    Requests,
    Tokens,
    InputTokens,
    OutputTokens,
    Concurrency,
    Plan,
    Quota,
    SpendCap,
    Unknown,
}

words!(LimitedBy {
    Requests = "requests", Tokens = "tokens", InputTokens = "input_tokens",
    OutputTokens = "output_tokens", Concurrency = "concurrency", Plan = "plan",
    Quota = "quota", SpendCap = "spend_cap", Unknown = "unknown",
});

impl LimitedBy {
    const RESOURCES: [(LimitedBy, Resource); 8] = [
        (LimitedBy::Requests, Resource::Requests),
        (LimitedBy::Tokens, Resource::Tokens),
        (LimitedBy::InputTokens, Resource::InputTokens),
        (LimitedBy::OutputTokens, Resource::OutputTokens),
        (LimitedBy::Concurrency, Resource::Concurrency),
        (LimitedBy::Plan, Resource::PlanUsage),
        (LimitedBy::Quota, Resource::Credits),
        (LimitedBy::SpendCap, Resource::Spend),
    ];

    /// What a refusal is by that a limit on this gives.
    #[must_use]
    pub fn of(resource: Resource) -> LimitedBy {
        let found = LimitedBy::RESOURCES.iter().find(|(_, limited)| *limited == resource);
        found.map_or(LimitedBy::Unknown, |(by, _)| *by)
    }

    /// What the limit is on that gives such a refusal.
    #[must_use]
    pub fn resource(self) -> Resource {
        let found = LimitedBy::RESOURCES.iter().find(|(by, _)| *by == self);
        found.map_or(Resource::Other, |(_, resource)| *resource)
    }

    /// Whether a limit on this may have given such a refusal.
    #[must_use]
    pub fn blames(self, resource: Resource) -> bool {
        let part = matches!(resource, Resource::InputTokens | Resource::OutputTokens);
        LimitedBy::of(resource) == self && self != LimitedBy::Unknown
            || self == LimitedBy::Tokens && part
    }
}

/// Priority class of a call or a queue. The order is the order on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Priority {
    Critical,
    High,
    Normal,
    Low,
}

words!(Priority { Critical = "critical", High = "high", Normal = "normal", Low = "low" });

/// Where a cost came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CostSource {
    /// The log said so.
    Reported,
    /// Our price table says so.
    Computed,
}

words!(CostSource { Reported = "reported", Computed = "computed" });

/// Why a line, or a part of one, was not understood. `parse` prints the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum FaultReason {
    NotJson,
    BrokenJson,
    Truncated,
    Torn,
    WrongEncoding,
    LineTooLong,
    UnknownFormat,
    CostUnreadable,
    CostNegative,
    CostImplausible,
    CostAmbiguous,
    TimeUnreadable,
    DurationUnreadable,
    StatusUnreadable,
    TokensUnreadable,
    TokensMissing,
    HeaderUnreadable,
    ReadError,
    KeyInLog,
    TtftNotMeasured,
    MetricOutOfRange,
}

words!(FaultReason {
    NotJson = "not_json", BrokenJson = "broken_json", Truncated = "truncated", Torn = "torn",
    WrongEncoding = "wrong_encoding", LineTooLong = "line_too_long",
    UnknownFormat = "unknown_format", CostUnreadable = "cost_unreadable",
    CostNegative = "cost_negative", CostImplausible = "cost_implausible",
    CostAmbiguous = "cost_ambiguous", TimeUnreadable = "time_unreadable",
    DurationUnreadable = "duration_unreadable", StatusUnreadable = "status_unreadable",
    TokensUnreadable = "tokens_unreadable", TokensMissing = "tokens_missing",
    HeaderUnreadable = "header_unreadable",
    ReadError = "read_error", KeyInLog = "key_in_log",
    TtftNotMeasured = "ttft_not_measured", MetricOutOfRange = "metric_out_of_range",
});

/// Token counts of one call. `input` contains the two cache parts, `output`
/// contains `reasoning`, whatever the dialect said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All input tokens.
    pub input: Option<u64>,
    /// All output tokens.
    pub output: Option<u64>,
    /// Part of `input` read from a cache.
    pub cached_input: Option<u64>,
    /// Part of `input` written to a cache.
    pub cache_write: Option<u64>,
    /// Part of `cache_write` that is kept for an hour (priced apart).
    pub cache_write_1h: Option<u64>,
    /// Part of `output` spent on reasoning.
    pub reasoning: Option<u64>,
    /// Part of `input` that is sound (priced apart).
    pub audio_input: Option<u64>,
    /// Part of `output` that is sound (priced apart).
    pub audio_output: Option<u64>,
    /// A count was there that could not be read: what all of it costs is not known.
    pub unreadable: bool,
}

/// Service tier a call was billed under. `Us` is the standard tier at the price of
/// a place of its own, `FastUs` both at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the providers' own terms")]
pub enum Tier {
    #[default]
    Standard,
    Batch,
    Flex,
    Priority,
    Fast,
    Us,
    FastUs,
    BatchUs,
}

words!(Tier {
    Standard = "standard", Batch = "batch", Flex = "flex", Priority = "priority",
    Fast = "fast", Us = "us", FastUs = "fast_us", BatchUs = "batch_us",
});

/// How long things took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Whole call.
    pub latency_ms: Option<f64>,
    /// Time to first token (or first byte where only that is known).
    pub ttft_ms: Option<f64>,
    /// Time in a queue before the call.
    pub queue_ms: Option<f64>,
}

/// Who made the call, as far as the log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Key alias or fingerprint; never key material.
    pub key: Option<Sym>,
    /// Team.
    pub team: Option<Sym>,
    /// End user.
    pub user: Option<Sym>,
    /// Environment.
    pub environment: Option<Sym>,
    /// Account at the provider that pays: an organisation, a project, a subscription.
    pub account: Option<Sym>,
    /// Priority class.
    pub priority: Option<Priority>,
}

/// Why a call failed, where it did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Failure {
    /// What went wrong; `None` on success.
    pub kind: Option<ErrorKind>,
    /// Which limit refused it.
    pub limited_by: Option<LimitedBy>,
    /// Over how many seconds that limit counts, where the refusal says.
    pub window_s: Option<u32>,
    /// Whose limit refused it.
    pub layer: Layer,
    /// Whether a retry can help, where something says so.
    pub retryable: Option<bool>,
    /// How long the server asked the caller to wait, in seconds.
    pub retry_after_s: Option<f64>,
    /// Scope of the kill switch that refused it, where the refusal says.
    pub stopped_by: Option<Sym>,
}

/// What a call cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How much.
    pub usd: NanoUsd,
    /// Who says so.
    pub source: CostSource,
}

/// Which of several lines about one call counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The first; later ones repeat it.
    #[default]
    First,
    /// The first of those that name no other provider, model or key than it does.
    FirstNamed,
    /// The last: it supersedes what was counted before.
    Last,
    /// The one with the most output tokens, as streamed answers grow.
    MostOutput,
    /// All: each says a part of it.
    Join,
}

words!(Keep {
    First = "first", FirstNamed = "first_named", Last = "last", MostOutput = "most_output", Join = "join",
});

impl Keep {
    /// Whether the first line counts, and no later one is the better one.
    #[must_use]
    pub fn is_first(self) -> bool {
        matches!(self, Keep::First | Keep::FirstNamed)
    }
}

/// What makes lines about one call equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dedup {
    /// Equal for the lines of one call; never from an id alone that a client
    /// can choose.
    pub fingerprint: u64,
    /// Which of them counts.
    pub keep: Keep,
}

/// One call to a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// End of the call. The time the line was read where the log has none.
    pub at: Wall,
    /// Whether `at` was read from the log.
    pub at_logged: bool,
    /// Start of the call.
    pub started_at: Option<Wall>,
    /// Provider.
    pub provider: Option<Sym>,
    /// Model, as sent.
    pub model: Option<Sym>,
    /// Endpoint path.
    pub endpoint: Option<Sym>,
    /// Gateway host.
    pub host: Option<Sym>,
    /// Who called.
    pub caller: Caller,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// What went wrong, if anything.
    pub failure: Failure,
    /// Token counts.
    pub tokens: Tokens,
    /// Service tier, for pricing.
    pub tier: Tier,
    /// Cost, `None` when neither reported nor priced.
    pub cost: Option<Cost>,
    /// Durations.
    pub timing: Timing,
    /// Depth of the queue this call waited in, as it saw it.
    pub queue_depth: Option<u64>,
    /// Which attempt this was, from 1.
    pub attempt: Option<u32>,
    /// Whether the answer was streamed.
    pub stream: Option<bool>,
    /// Whether a gateway cache answered.
    pub cache_hit: Option<bool>,
    /// What makes lines about this call equal, where its log has an id.
    pub dedup: Option<Dedup>,
}

/// A reading of a queue by priority.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueReading {
    /// When.
    pub at: Wall,
    /// Queue or gateway name.
    pub name: Option<Sym>,
    /// Host whose queue it is.
    pub host: Option<Sym>,
    /// Which class; `None` when the queue has only one.
    pub priority: Option<Priority>,
    /// Which of several queues of this class on this host, by the word it was told with.
    pub lane: Option<Sym>,
    /// Waiting entries.
    pub depth: Option<u64>,
    /// Entries taken out and still being worked on.
    pub running: Option<u64>,
    /// Age of the oldest waiting entry, in seconds.
    pub oldest_age_s: Option<f64>,
    /// Total ever put in, as a counter.
    pub enqueued_total: Option<u64>,
    /// Total ever taken out, as a counter.
    pub dequeued_total: Option<u64>,
    /// Total ever dropped, as a counter.
    pub dropped_total: Option<u64>,
}

/// A reading of anything else that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricReading {
    /// When.
    pub at: Wall,
    /// What is measured.
    pub name: Sym,
    /// Whose value it is: labels as `key=value`, separated by spaces.
    pub labels: Option<Sym>,
    /// Host it was read from.
    pub host: Option<Sym>,
    /// The value.
    pub value: f64,
    /// What the value means.
    pub kind: MetricKind,
}

/// What the value of a metric means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// It goes up and down.
    Gauge,
    /// It only grows, but for restarts.
    Counter,
}

words!(MetricKind { Gauge = "gauge", Counter = "counter" });

impl ErrorKind {
    /// The group this kind belongs to.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        use ErrorKind as K;
        match self {
            K::RateLimit
            | K::RateLimitRequests
            | K::RateLimitTokens
            | K::RateLimitInputTokens
            | K::RateLimitOutputTokens
            | K::RateLimitConcurrency
            | K::UsageLimit => Outcome::RateLimited,
            K::QuotaExhausted | K::BudgetExceeded => Outcome::QuotaExhausted,
            K::Overloaded | K::Unavailable => Outcome::Overloaded,
            K::ServerError | K::BadGateway | K::Connection | K::StreamInterrupted | K::Error => {
                Outcome::Failed
            }
            K::Timeout | K::Stalled => Outcome::TimedOut,
            K::ClientClosed | K::Cancelled => Outcome::Cancelled,
            K::Auth | K::Permission => Outcome::AuthFailed,
            K::NotFound
            | K::ModelNotFound
            | K::InvalidRequest
            | K::ContextLength
            | K::ContentFilter => Outcome::ClientError,
            K::KillSwitch => Outcome::Blocked,
        }
    }

    /// What an HTTP status means where nothing better is known; `None` is success.
    #[must_use]
    pub const fn from_status(status: u16) -> Option<ErrorKind> {
        use ErrorKind as K;
        match status {
            0..=399 => None,
            401 => Some(K::Auth),
            402 => Some(K::QuotaExhausted),
            403 => Some(K::Permission),
            404 => Some(K::NotFound),
            408 | 504 => Some(K::Timeout),
            429 => Some(K::RateLimit),
            499 => Some(K::ClientClosed),
            502 => Some(K::BadGateway),
            503 => Some(K::Unavailable),
            529 => Some(K::Overloaded),
            400..=499 => Some(K::InvalidRequest),
            _ => Some(K::ServerError),
        }
    }
}

impl Request {
    /// How the call ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.failure.kind.map_or(Outcome::Ok, ErrorKind::outcome)
    }

    /// When the call began, as far as its log tells.
    #[must_use]
    pub fn began(&self) -> Option<Wall> {
        self.started_at.or_else(|| {
            let seconds = (self.timing.latency_ms? / 1000.0).clamp(0.0, 86_400.0);
            Some(self.at.minus(Duration::try_from_secs_f64(seconds).ok()?))
        })
    }

    /// A call of which only the time is known.
    #[must_use]
    pub fn at(at: Wall) -> Request {
        Request {
            at,
            at_logged: true,
            started_at: None,
            provider: None,
            model: None,
            endpoint: None,
            host: None,
            caller: Caller::default(),
            status: None,
            failure: Failure::default(),
            tokens: Tokens::default(),
            tier: Tier::Standard,
            cost: None,
            timing: Timing::default(),
            queue_depth: None,
            attempt: None,
            stream: None,
            cache_hit: None,
            dedup: None,
        }
    }
}
