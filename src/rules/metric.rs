//! The metrics a rule may watch. `tripline config show --metrics` prints this table.

use crate::domain::limit::words;

/// Something a rule can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "described in METRICS")]
pub enum Metric {
    LimitRemaining,
    LimitRemainingRatio,
    LimitUsedRatio,
    LimitResetIn,
    LimitExhaustsIn,
    LimitExhaustsBeforeReset,
    SpendUsd,
    SpendUsedRatio,
    SpendUsdPerHour,
    SpendCapIn,
    SpendBurnRate,
    QueueDepth,
    QueueOldestAge,
    QueueWaitP95,
    QueueDroppedPerS,
    LatencyP50,
    LatencyP95,
    LatencyP99,
    TtftP50,
    TtftP95,
    TtftP99,
    RequestsPerS,
    ErrorsRatio,
    RetriesAmplification,
    RetriesSuccessRatio,
    RetriesNonRetryablePerS,
    TokensPerMin,
    CacheHitRatio,
    KeyUsdShare,
    SourceSecondsBehind,
    SourceSilent,
    SourceFaultRatio,
    SourceQuarantined,
    SwitchNotObeyed,
    CapNotEnforced,
    SpendUnpricedRatio,
}

words!(Metric {
    LimitRemaining = "limit.remaining",
    LimitRemainingRatio = "limit.remaining_ratio",
    LimitUsedRatio = "limit.used_ratio",
    LimitResetIn = "limit.reset_in_s",
    LimitExhaustsIn = "limit.exhausts_in_s",
    LimitExhaustsBeforeReset = "limit.exhausts_before_reset",
    SpendUsd = "spend.usd",
    SpendUsedRatio = "spend.used_ratio",
    SpendUsdPerHour = "spend.usd_per_hour",
    SpendCapIn = "spend.cap_in_s",
    SpendBurnRate = "spend.burn_rate",
    QueueDepth = "queue.depth",
    QueueOldestAge = "queue.oldest_age_s",
    QueueWaitP95 = "queue.wait_p95_ms",
    QueueDroppedPerS = "queue.dropped_per_s",
    LatencyP50 = "latency.p50_ms",
    LatencyP95 = "latency.p95_ms",
    LatencyP99 = "latency.p99_ms",
    TtftP50 = "ttft.p50_ms",
    TtftP95 = "ttft.p95_ms",
    TtftP99 = "ttft.p99_ms",
    RequestsPerS = "requests.per_s",
    ErrorsRatio = "errors.ratio",
    RetriesAmplification = "retries.amplification",
    RetriesSuccessRatio = "retries.success_ratio",
    RetriesNonRetryablePerS = "retries.non_retryable_per_s",
    TokensPerMin = "tokens.per_min",
    CacheHitRatio = "cache.hit_ratio",
    KeyUsdShare = "key.usd_share",
    SourceSecondsBehind = "source.seconds_behind",
    SourceSilent = "source.silent_s",
    SourceFaultRatio = "source.fault_ratio",
    SourceQuarantined = "source.quarantined_per_min",
    SwitchNotObeyed = "switch.not_obeyed",
    CapNotEnforced = "cap.not_enforced",
    SpendUnpricedRatio = "spend.unpriced_ratio",
});

/// A metric, the labels it can be matched by, and what it means.
pub struct MetricDoc {
    /// Which metric.
    pub metric: Metric,
    /// Labels its series carry.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub about: &'static str,
}

/// What a metric's series are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Family {
    Limit,
    Cap,
    Queue,
    Traffic,
    Retries,
    Caller,
    Source,
    Switch,
}

impl Metric {
    /// What its series are about.
    #[must_use]
    pub fn family(self) -> Family {
        let prefix = self.word().split('.').next().unwrap_or_default();
        match prefix {
            "limit" => Family::Limit,
            "spend" | "cap" => Family::Cap,
            "queue" => Family::Queue,
            "retries" => Family::Retries,
            "key" => Family::Caller,
            "source" => Family::Source,
            "switch" => Family::Switch,
            _ => Family::Traffic,
        }
    }
}
