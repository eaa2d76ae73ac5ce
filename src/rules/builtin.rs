//! The rules that are on without any configuration: useful, quiet, and none of
//! them stops traffic.
//!
//! "Quiet" is bought three ways: a `for` longer than one odd reading, a `clear`
//! well away from the threshold, and a `keep_firing_for` longer than the usual
//! pause between two bursts of the same trouble. A user rule of the same name
//! replaces one of these. There is no rule on latency: no absolute value suits
//! both a small chat model and a long reasoning run.

use std::time::Duration;

use super::metric::Metric;
use super::spec::{Direction, Match, OnNoData, RuleSpec, Severity, Threshold};

/// The built-in rule set.
#[must_use]
pub fn builtin() -> Vec<RuleSpec> {
    [limits(), spend(), calls(), queues(), ourselves(), proofs()].concat()
}

fn limits() -> Vec<RuleSpec> {
    vec![
        // One level, two voices: a tenth left is a warning, nothing left is an outage.
        rule("limit-low", Metric::LimitRemainingRatio)
            .below(&[(0.10, Severity::Warning), (0.01, Severity::Critical)])
            .clear(0.20)
            .hold_s(5)
            .keep_s(60),
        // A projection swings with every burst, so it must hold longer than a level.
        rule("limit-exhausts-before-reset", Metric::LimitExhaustsBeforeReset)
            .above(&[(0.0, Severity::Warning)])
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
    ]
}

fn spend() -> Vec<RuleSpec> {
    vec![
        // Spend only grows within a period: each line is crossed once, at once. Under a cap that
        // rolls it rises with each call and falls when an old one leaves.
        rule("spend-cap", Metric::SpendUsedRatio)
            .above(&[(0.8, Severity::Info), (0.9, Severity::Warning), (1.0, Severity::Critical)])
            .clear(0.75)
            .keep_s(60),
        // Six times the even rate uses a day's cap in four hours, a month's in five days.
        rule("spend-burn", Metric::SpendBurnRate)
            .above(&[(6.0, Severity::Warning)])
            .clear(4.0)
            .hold_s(120)
            .keep_s(600)
            .evidence(20),
        // Under an hour is the time in which a person can still do something about it.
        // No value means that the period ends first, which is good news.
        rule("spend-cap-soon", Metric::SpendCapIn)
            .below(&[(3600.0, Severity::Warning), (900.0, Severity::Critical)])
            .clear(5400.0)
            .hold_s(60)
            .keep_s(300)
            .evidence(20)
            .without_data(OnNoData::Ok),
        // Calls without a price make every number about spend too small.
        rule("spend-unpriced", Metric::SpendUnpricedRatio)
            .above(&[(0.05, Severity::Warning)])
            .clear(0.02)
            .hold_s(60)
            .keep_s(600)
            .evidence(20),
    ]
}

fn calls() -> Vec<RuleSpec> {
    vec![
        // The provider's own trouble, not ours: failures and overload, apart from limits.
        rule("errors-failed", Metric::ErrorsRatio)
            .only("outcome", "failed")
            .above(&[(0.05, Severity::Warning), (0.25, Severity::Critical)])
            .clear(0.02)
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
        rule("errors-overloaded", Metric::ErrorsRatio)
            .only("outcome", "overloaded")
            .above(&[(0.05, Severity::Warning), (0.25, Severity::Critical)])
            .clear(0.02)
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
        rule("errors-timed-out", Metric::ErrorsRatio)
            .only("outcome", "timed_out")
            .above(&[(0.05, Severity::Warning), (0.25, Severity::Critical)])
            .clear(0.02)
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
        // A revoked key or a model that is gone rejects most calls of an endpoint; a client
        // that is wrong by itself, few of them.
        rule("errors-auth", Metric::ErrorsRatio)
            .only("outcome", "auth_failed")
            .above(&[(0.20, Severity::Warning), (0.80, Severity::Critical)])
            .clear(0.10)
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
        rule("errors-bad-requests", Metric::ErrorsRatio)
            .only("outcome", "client_error")
            .above(&[(0.20, Severity::Warning), (0.80, Severity::Critical)])
            .clear(0.10)
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
        // A few 429s are how clients find the edge; one in ten is a queue building up.
        rule("errors-rate-limited", Metric::ErrorsRatio)
            .only("outcome", "rate_limited")
            .above(&[(0.10, Severity::Warning), (0.50, Severity::Critical)])
            .clear(0.05)
            .hold_s(15)
            .keep_s(120)
            .evidence(20),
        // Waiting does not bring quota back, so fewer calls and less time are enough.
        rule("errors-quota", Metric::ErrorsRatio)
            .only("outcome", "quota_exhausted")
            .above(&[(0.05, Severity::Critical)])
            .clear(0.01)
            .hold_s(5)
            .keep_s(300)
            .evidence(5),
        // Three extra attempts for ten requests: retries are now part of the load.
        rule("retries-amplify", Metric::RetriesAmplification)
            .above(&[(1.3, Severity::Warning), (2.0, Severity::Critical)])
            .clear(1.15)
            .hold_s(30)
            .keep_s(120)
            .evidence(20),
        // Repeating what cannot succeed is a client's bug; a stray one is not worth a line.
        rule("retries-hopeless", Metric::RetriesNonRetryablePerS)
            .above(&[(0.2, Severity::Warning)])
            .clear(0.05)
            .hold_s(60)
            .keep_s(300)
            .evidence(20),
    ]
}

fn queues() -> Vec<RuleSpec> {
    vec![
        // Critical work that waits at all for long is what the priorities are for.
        rule("queue-critical-deep", Metric::QueueDepth)
            .only("priority", "critical")
            .above(&[(50.0, Severity::Warning)])
            .clear(20.0)
            .hold_s(15)
            .keep_s(60),
        rule("queue-critical-old", Metric::QueueOldestAge)
            .only("priority", "critical")
            .above(&[(10.0, Severity::Warning), (30.0, Severity::Critical)])
            .clear(5.0)
            .hold_s(5)
            .keep_s(60),
    ]
}

fn ourselves() -> Vec<RuleSpec> {
    vec![
        // Quiet nights exist: a silent source is a warning, never a page.
        rule("source-silent", Metric::SourceSilent)
            .above(&[(300.0, Severity::Warning)])
            .clear(60.0)
            .keep_s(30),
        // What can't be read is not counted: no number is right until it can. A rotation
        // may make a file and hand it over a moment later.
        rule("source-unreadable", Metric::SourceUnreadable)
            .above(&[(5.0, Severity::Warning)])
            .keep_s(30),
        // Numbers half a minute old still help; older ones mislead.
        rule("source-lag", Metric::SourceSecondsBehind)
            .above(&[(30.0, Severity::Warning), (120.0, Severity::Critical)])
            .clear(10.0)
            .hold_s(15)
            .keep_s(60),
        // One line in a hundred not understood: the format changed or was guessed wrong.
        rule("source-faults", Metric::SourceFaultRatio)
            .above(&[(0.01, Severity::Warning), (0.5, Severity::Critical)])
            .clear(0.005)
            .hold_s(15)
            .keep_s(300),
        // Every one of these lines may be money that is not in the totals.
        rule("source-quarantined", Metric::SourceQuarantined)
            .above(&[(0.0, Severity::Warning), (100.0, Severity::Critical)])
            .keep_s(300),
        // Where it is more than one in a hundred, the totals are wrong, and not by a line.
        rule("source-quarantined-share", Metric::SourceQuarantinedRatio)
            .above(&[(0.01, Severity::Critical)])
            .keep_s(300)
            .evidence(5),
        // A cost that no call has is a writer gone wrong, or somebody who tries.
        rule("source-cost-implausible", Metric::SourceImplausible)
            .above(&[(0.0, Severity::Critical)])
            .keep_s(300),
        // It commits twice a second; what it does not hold, a crash makes us read again.
        rule("ledger-behind", Metric::LedgerBehind)
            .above(&[(10.0, Severity::Warning), (120.0, Severity::Critical)])
            .clear(2.0)
            .hold_s(1)
            .keep_s(5),
    ]
}

fn proofs() -> Vec<RuleSpec> {
    vec![
        // A stop that does not stop is the worst state there is: no waiting.
        rule("switch-not-obeyed", Metric::SwitchNotObeyed)
            .above(&[(0.0, Severity::Critical)])
            .keep_s(300),
        // The metric itself leaves time for calls under way and a trailing budget check.
        rule("cap-not-enforced", Metric::CapNotEnforced)
            .above(&[(0.0, Severity::Critical)])
            .keep_s(300),
    ]
}

fn rule(name: &str, metric: Metric) -> RuleSpec {
    RuleSpec {
        name: name.to_owned(),
        metric,
        matches: Match::new(),
        direction: Direction::Above,
        thresholds: Vec::new(),
        clear: None,
        hold: Duration::ZERO,
        keep_firing: Duration::ZERO,
        actions: Vec::new(),
        min_requests: 0,
        cooldown: Duration::ZERO,
        on_no_data: OnNoData::Unknown,
        runbook: None,
        builtin: true,
    }
}

/// Only for the tables above, where one line a property reads best.
impl RuleSpec {
    fn above(self, levels: &[(f64, Severity)]) -> RuleSpec {
        RuleSpec { direction: Direction::Above, thresholds: thresholds(levels), ..self }
    }

    fn below(self, levels: &[(f64, Severity)]) -> RuleSpec {
        RuleSpec { direction: Direction::Below, thresholds: thresholds(levels), ..self }
    }

    fn only(mut self, label: &str, value: &str) -> RuleSpec {
        self.matches.insert(label.to_owned(), value.to_owned());
        self
    }

    fn clear(self, value: f64) -> RuleSpec {
        RuleSpec { clear: Some(value), ..self }
    }

    fn hold_s(self, secs: u64) -> RuleSpec {
        RuleSpec { hold: Duration::from_secs(secs), ..self }
    }

    fn keep_s(self, secs: u64) -> RuleSpec {
        RuleSpec { keep_firing: Duration::from_secs(secs), ..self }
    }

    fn without_data(self, on_no_data: OnNoData) -> RuleSpec {
        RuleSpec { on_no_data, ..self }
    }

    fn evidence(self, min_requests: u64) -> RuleSpec {
        RuleSpec { min_requests, ..self }
    }
}

fn thresholds(levels: &[(f64, Severity)]) -> Vec<Threshold> {
    levels.iter().map(|&(value, severity)| Threshold { value, severity }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_built_in_rule_does_anything_but_tell() {
        for rule in builtin() {
            assert!(rule.builtin && rule.actions.is_empty(), "{}", rule.name);
        }
    }

    #[test]
    fn names_are_unique_and_every_match_is_a_label_of_the_metric() {
        let mut names = BTreeSet::new();
        for rule in builtin() {
            assert!(names.insert(rule.name.clone()), "{} twice", rule.name);
            for label in rule.matches.keys() {
                assert!(rule.metric.labels().contains(&label.as_str()), "{}: {label}", rule.name);
            }
        }
    }

    #[test]
    fn thresholds_get_worse_and_clear_lies_on_the_good_side() {
        for rule in builtin() {
            let sign = if rule.direction == Direction::Above { 1.0 } else { -1.0 };
            for pair in rule.thresholds.windows(2) {
                assert!(pair[0].value * sign < pair[1].value * sign, "{}", rule.name);
                assert!(pair[0].severity < pair[1].severity, "{}", rule.name);
            }
            if let Some(clear) = rule.clear {
                assert!(clear * sign < rule.thresholds[0].value * sign, "{}", rule.name);
            }
        }
    }

    #[test]
    fn what_can_swing_waits_keeps_firing_and_clears_apart() {
        // These are 0 or 1, counts of faults, or are to be told at once.
        let steady = [
            Metric::LimitExhaustsBeforeReset,
            Metric::SpendUsedRatio,
            Metric::SourceSilent,
            Metric::SourceUnreadable,
            Metric::SourceQuarantined,
            Metric::SourceQuarantinedRatio,
            Metric::SourceImplausible,
            Metric::SwitchNotObeyed,
            Metric::CapNotEnforced,
        ];
        for rule in builtin().iter().filter(|rule| !steady.contains(&rule.metric)) {
            assert!(rule.hold > Duration::ZERO, "{} has no `for`", rule.name);
            assert!(rule.keep_firing > rule.hold, "{} flaps", rule.name);
            assert!(rule.clear.is_some(), "{} has no `clear`", rule.name);
        }
    }
}
