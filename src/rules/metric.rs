//! The metrics a rule may watch. `tripline config show --metrics` prints [`METRICS`].
//!
//! It must not know how a metric is kept or which rules exist.

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
    SourceUnreadable,
    SourceFaultRatio,
    SourceQuarantined,
    SourceQuarantinedRatio,
    SourceImplausible,
    SwitchNotObeyed,
    CapNotEnforced,
    SpendUnpricedRatio,
    MetricValue,
    MetricPerS,
    LedgerBehind,
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
    SourceUnreadable = "source.unreadable_s",
    SourceFaultRatio = "source.fault_ratio",
    SourceQuarantined = "source.quarantined_per_min",
    SourceQuarantinedRatio = "source.quarantined_ratio",
    SourceImplausible = "source.implausible_per_min",
    SwitchNotObeyed = "switch.not_obeyed",
    CapNotEnforced = "cap.not_enforced",
    SpendUnpricedRatio = "spend.unpriced_ratio",
    MetricValue = "metric.value",
    MetricPerS = "metric.per_s",
    LedgerBehind = "ledger.behind_s",
});

/// A metric, the labels it can be matched by, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricDoc {
    /// Which metric.
    pub metric: Metric,
    /// Labels its series carry.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub about: &'static str,
}

const LIMIT: &[&str] =
    &["provider", "model", "key", "subject", "scope", "resource", "window", "label", "layer"];
// A cap's series carries the names the cap is about, so that a rule can trip exactly those.
const CAP: &[&str] = &[
    "cap",
    "period",
    "provider",
    "model",
    "key",
    "team",
    "user",
    "environment",
    "account",
    "host",
];
const QUEUE: &[&str] = &["queue", "priority"];
const TRAFFIC: &[&str] = &["provider", "model", "endpoint"];
const ERRORS: &[&str] = &["provider", "model", "endpoint", "outcome"];
const RETRIES: &[&str] = &["provider", "model"];
const KEY: &[&str] = &["key", "environment"];
const SOURCE: &[&str] = &["source", "kind"];
const SWITCH: &[&str] = &["scope", "host"];
const MEASURE: &[&str] = &["metric", "labels", "host"];
const LEDGER: &[&str] = &["ledger"];

/// Every metric, in the order of [`Metric::ALL`].
pub const METRICS: &[MetricDoc] = &[
    doc(
        Metric::LimitRemaining,
        LIMIT,
        "What is left of a limit, in its own unit; negative is an overdraft.",
    ),
    doc(Metric::LimitRemainingRatio, LIMIT, "Share of a limit that is left, 0..1."),
    doc(Metric::LimitUsedRatio, LIMIT, "Share of a limit that is used; above 1 is an overdraft."),
    doc(
        Metric::LimitResetIn,
        LIMIT,
        "Seconds until a limit is full again or its window turns over.",
    ),
    doc(
        Metric::LimitExhaustsIn,
        LIMIT,
        "Seconds until a limit is used up at the present rate; no data if the reset comes first.",
    ),
    doc(
        Metric::LimitExhaustsBeforeReset,
        LIMIT,
        "1 if a limit is used up before its reset at the present rate, else 0.",
    ),
    doc(Metric::SpendUsd, CAP, "Dollars spent in the cap's present period."),
    doc(Metric::SpendUsedRatio, CAP, "Share of a cap that is spent; above 1 is overspent."),
    doc(
        Metric::SpendUsdPerHour,
        CAP,
        "Dollars per hour at the present rate, over what the cap covers.",
    ),
    doc(
        Metric::SpendCapIn,
        CAP,
        "Seconds until the cap is spent at the present rate; no data if the period ends first.",
    ),
    doc(
        Metric::SpendBurnRate,
        CAP,
        "Present spend rate over the rate that would just use up the cap in its period; the smaller of 5 minutes and 1 hour.",
    ),
    doc(Metric::QueueDepth, QUEUE, "Calls waiting in a queue."),
    doc(Metric::QueueOldestAge, QUEUE, "Age in seconds of the call that has waited longest."),
    doc(
        Metric::QueueWaitP95,
        QUEUE,
        "Waiting time of calls that left the queue in the last 60 to 75 s, 95th percentile, in milliseconds.",
    ),
    doc(
        Metric::QueueDroppedPerS,
        QUEUE,
        "Calls per second that a queue dropped without serving them.",
    ),
    doc(
        Metric::LatencyP50,
        TRAFFIC,
        "Whole duration of calls of the last 60 to 75 s, median, in milliseconds.",
    ),
    doc(
        Metric::LatencyP95,
        TRAFFIC,
        "Whole duration of calls of the last 60 to 75 s, 95th percentile, in milliseconds.",
    ),
    doc(
        Metric::LatencyP99,
        TRAFFIC,
        "Whole duration of calls of the last 60 to 75 s, 99th percentile, in milliseconds.",
    ),
    doc(
        Metric::TtftP50,
        TRAFFIC,
        "Time to the first token over the last 60 to 75 s, median, in milliseconds.",
    ),
    doc(
        Metric::TtftP95,
        TRAFFIC,
        "Time to the first token over the last 60 to 75 s, 95th percentile, in milliseconds.",
    ),
    doc(
        Metric::TtftP99,
        TRAFFIC,
        "Time to the first token over the last 60 to 75 s, 99th percentile, in milliseconds.",
    ),
    doc(Metric::RequestsPerS, TRAFFIC, "Calls per second over the last minute."),
    doc(
        Metric::ErrorsRatio,
        ERRORS,
        "Share of the last minute's calls that did not succeed, or that ended in the `outcome` matched by.",
    ),
    doc(Metric::RetriesAmplification, RETRIES, "Attempts per distinct request; 1 is no retrying."),
    doc(Metric::RetriesSuccessRatio, RETRIES, "Share of retried attempts that succeed, 0..1."),
    doc(
        Metric::RetriesNonRetryablePerS,
        RETRIES,
        "Attempts per second that repeat a call which cannot succeed.",
    ),
    doc(Metric::TokensPerMin, TRAFFIC, "Input and output tokens of the last minute."),
    doc(
        Metric::CacheHitRatio,
        TRAFFIC,
        "Share of input tokens that came from a prompt cache, 0..1.",
    ),
    doc(
        Metric::KeyUsdShare,
        KEY,
        "Share of all spend that one key causes, 0..1; no data while nothing is priced.",
    ),
    doc(
        Metric::SourceSecondsBehind,
        SOURCE,
        "Seconds between the newest line and the line being read.",
    ),
    doc(Metric::SourceSilent, SOURCE, "Seconds since a source's last line."),
    doc(
        Metric::SourceUnreadable,
        SOURCE,
        "Seconds for which a source, or a part of it, cannot be read or asked; 0 while it can.",
    ),
    doc(
        Metric::SourceFaultRatio,
        SOURCE,
        "Share of the last minute's lines of a source that were not, or not fully, understood, 0..1.",
    ),
    doc(
        Metric::SourceQuarantined,
        SOURCE,
        "Lines of the last minute whose cost or shape cannot be trusted.",
    ),
    doc(
        Metric::SourceQuarantinedRatio,
        SOURCE,
        "Share of the last minute's lines of a source whose cost or shape cannot be trusted, 0..1; `min_requests` counts such lines.",
    ),
    doc(
        Metric::SourceImplausible,
        SOURCE,
        "Lines of the last minute whose cost is more than any call can cost; they are quarantined.",
    ),
    doc(
        Metric::SwitchNotObeyed,
        SWITCH,
        "Calls that started after a trip and were let through. Must be 0.",
    ),
    doc(
        Metric::CapNotEnforced,
        CAP,
        "Calls of the last minute that passed more than 30 s after the cap was spent.",
    ),
    doc(
        Metric::SpendUnpricedRatio,
        CAP,
        "Share of the calls a cap covers in its period that have no price, 0..1.",
    ),
    doc(Metric::MetricValue, MEASURE, "Value of a scraped metric, in its own unit."),
    doc(
        Metric::MetricPerS,
        MEASURE,
        "Growth per second of a scraped counter between its last two readings.",
    ),
    doc(
        Metric::LedgerBehind,
        LEDGER,
        "Age of the oldest call that the ledger does not hold yet, in seconds.",
    ),
];

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
    Measure,
    Ledger,
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
            "metric" => Family::Measure,
            "ledger" => Family::Ledger,
            _ => Family::Traffic,
        }
    }

    /// Labels its series carry.
    #[must_use]
    pub fn labels(self) -> &'static [&'static str] {
        METRICS.iter().find(|doc| doc.metric == self).map_or(&[], |doc| doc.labels)
    }
}

const fn doc(metric: Metric, labels: &'static [&'static str], about: &'static str) -> MetricDoc {
    MetricDoc { metric, labels, about }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented_once_and_in_order() {
        let documented: Vec<Metric> = METRICS.iter().map(|doc| doc.metric).collect();
        assert_eq!(documented, Metric::ALL);
        for doc in METRICS {
            assert!(doc.about.ends_with('.'), "{}", doc.metric.word());
            assert!(!doc.metric.labels().is_empty(), "{}", doc.metric.word());
        }
    }
}
