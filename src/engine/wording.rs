//! Sentences about numbers, for alerts and the verdict: what is wrong, how much,
//! and since it matters most at 3 a.m., when it comes back.

use std::time::Duration;

use super::callers::UNATTRIBUTED;
use super::effect::{Labels, Withheld};
use crate::domain::{NanoUsd, Wall};
use crate::rules::{Direction, Metric, RuleSpec};

/// What lasts longer ends on another day, or may.
const HALF_A_DAY: Duration = Duration::from_secs(43_200);

/// What people read where a label says [`UNATTRIBUTED`].
pub const NO_KEY: &str = "no key logged";

/// What is wrong with one series, with the value and the threshold.
#[must_use]
pub fn alert(rule: &RuleSpec, subject: &str, value: Option<f64>, threshold: Option<f64>) -> String {
    let metric = rule.metric;
    let Some(value) = value else {
        return format!("{subject}: nothing heard lately, so {} can't be judged", metric.word());
    };
    if metric == Metric::LimitExhaustsBeforeReset {
        let not = if value > 0.0 { "" } else { "no longer " };
        return format!("{subject}: {not}{}", name(metric));
    }
    if metric == Metric::SpendCapIn && value <= 0.0 {
        return cap_spent(subject, "is");
    }
    let shown = quantity(metric, value);
    let side = match rule.direction {
        Direction::Above => "above",
        Direction::Below => "below",
    };
    match threshold {
        // That there are any is what is wrong.
        Some(0.0) if rule.direction == Direction::Above && value > 0.0 => {
            format!("{subject}: {} {shown}", name(metric))
        }
        Some(threshold) => {
            // An alert outlives the crossing by `clear` and `keep_firing_for`.
            let was = if rule.direction.crosses(value, threshold) { "" } else { "was " };
            let threshold = quantity(metric, threshold);
            let just = if was.is_empty() && threshold == shown { "just " } else { "" };
            format!("{subject}: {} {shown}, {was}{just}{side} {threshold}", name(metric))
        }
        None => format!("{subject}: {} {shown}", name(metric)),
    }
}

/// What is left to say of a cap to which it is no time any more.
pub fn cap_spent(subject: &str, is: &str) -> String {
    format!("{subject}: the cap {is} spent")
}

/// Whether this says of a limit that nothing is left of it: by a refusal, that may be
/// all that is known.
pub fn is_spent(metric: Metric, value: Option<f64>) -> bool {
    value.is_some_and(|value| match metric {
        Metric::LimitRemaining | Metric::LimitRemainingRatio | Metric::LimitExhaustsIn => {
            value <= 0.0
        }
        Metric::LimitExhaustsBeforeReset => value > 0.0,
        _ => false,
    })
}

/// What is wrong, by a rule that could not trip what it should: that comes first.
#[must_use]
pub fn withheld(why: Withheld, scope: &str, text: &str) -> String {
    match why {
        Withheld::Disarmed => format!("would trip {scope}, but is disarmed: {text}"),
        Withheld::Failed => format!("could NOT trip {scope}: {text}"),
        Withheld::Covered => format!("{scope} is stopped by a wider stop: {text}"),
        Withheld::Looking => format!("would trip {scope}, but is read-only: {text}"),
        Withheld::Nameless => format!("could NOT trip, for it names no {scope}: {text}"),
    }
}

/// What a rule whose trip was reset does while it goes on firing.
#[must_use]
pub const fn spent(can_worsen: bool) -> &'static str {
    if can_worsen {
        "will not trip again before it clears or gets worse"
    } else {
        "will not trip again before it clears"
    }
}

/// What a rule does that acted not long before. What cools down for long does so until
/// another day.
#[must_use]
pub fn cools(until: Wall, cooldown: Duration) -> String {
    let text = until.rfc3339();
    let [day, time] = [text.get(..10), text.get(11..19)].map(Option::unwrap_or_default);
    let day = if cooldown > HALF_A_DAY { format!("{day} ") } else { String::new() };
    format!("cools down until {day}{time}Z, then trips again")
}

/// The time of day of a moment, in UTC.
#[must_use]
pub fn minute(at: Wall) -> String {
    let text = at.rfc3339();
    format!("{}Z", text.get(11..16).unwrap_or(&text))
}

/// The labels that tell a person what it is about, most telling first.
pub fn subject(labels: &Labels) -> String {
    const ORDER: [&str; 17] = [
        "cap",
        "provider",
        "model",
        "endpoint",
        "key",
        "environment",
        "account",
        "team",
        "user",
        "queue",
        "priority",
        "source",
        "scope",
        "metric",
        "labels",
        "host",
        "ledger",
    ];
    let told = ORDER.iter().filter_map(|name| labels.get(name)).map(|text| match &**text {
        UNATTRIBUTED => NO_KEY,
        text => text,
    });
    let told: Vec<&str> = told.collect();
    if told.is_empty() { "all traffic".to_owned() } else { told.join(" ") }
}

fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::LimitRemaining | Metric::LimitRemainingRatio => "left",
        Metric::LimitUsedRatio | Metric::SpendUsedRatio => "used",
        Metric::LimitResetIn => "back in",
        Metric::LimitExhaustsIn => "runs out in",
        Metric::LimitExhaustsBeforeReset => "runs out before its reset",
        Metric::SpendUsd => "spent",
        Metric::SpendUsdPerHour => "spend per hour",
        Metric::SpendCapIn => "cap in",
        Metric::SpendBurnRate => "burn rate",
        Metric::SpendUnpricedRatio => "calls without a price",
        Metric::CapNotEnforced => "calls passed over the cap",
        Metric::QueueDepth => "waiting",
        Metric::QueueOldestAge => "oldest waits",
        Metric::QueueWaitP95 => "wait p95",
        Metric::QueueDroppedPerS => "dropped per second",
        Metric::LatencyP50 => "latency p50",
        Metric::LatencyP95 => "latency p95",
        Metric::LatencyP99 => "latency p99",
        Metric::TtftP50 => "TTFT p50",
        Metric::TtftP95 => "TTFT p95",
        Metric::TtftP99 => "TTFT p99",
        Metric::RequestsPerS => "requests per second",
        Metric::ErrorsRatio => "failing",
        Metric::RetriesAmplification => "attempts per request",
        Metric::RetriesSuccessRatio => "retries that succeed",
        Metric::RetriesNonRetryablePerS => "hopeless retries per second",
        Metric::TokensPerMin => "tokens per minute",
        Metric::CacheHitRatio => "input from cache",
        Metric::KeyUsdShare => "share of spend",
        Metric::SourceSecondsBehind => "behind by",
        Metric::SourceSilent => "silent for",
        Metric::SourceUnreadable => "can't be read for",
        Metric::SourceFaultRatio => "lines not fully understood",
        Metric::SourceQuarantined => "quarantined lines per minute",
        Metric::SourceQuarantinedRatio => "lines quarantined",
        Metric::SourceImplausible => "lines with an implausible cost per minute",
        Metric::MetricValue => "at",
        Metric::MetricPerS => "grows per second",
        Metric::LedgerBehind => "ledger behind by",
        Metric::SwitchNotObeyed => "calls let through after the trip",
    }
}

/// A value in its metric's unit.
fn quantity(metric: Metric, value: f64) -> String {
    let word = metric.word();
    if word.ends_with("ratio") || word.ends_with("_share") {
        return match value * 100.0 {
            percent if percent > 0.0 && percent < 0.05 => "<0.1%".to_owned(),
            percent if percent > 0.0 && percent < 0.95 => format!("{percent:.1}%"),
            _ => percent(value),
        };
    }
    if word.ends_with("_in_s")
        || word.ends_with("_age_s")
        || word.ends_with("silent_s")
        || word.ends_with("unreadable_s")
        || word.ends_with("behind")
        || word.ends_with("behind_s")
    {
        return span(value);
    }
    if word.ends_with("_ms") {
        return format!("{value:.0} ms");
    }
    match metric {
        Metric::SpendUsd => return NanoUsd::of_f64(value).exact(),
        Metric::SpendUsdPerHour => return NanoUsd::of_f64(value).about(),
        // Times the rate that would just use up the period.
        Metric::SpendBurnRate if value < 99.95 => return format!("{value:.1}x"),
        Metric::SpendBurnRate => return format!("{value:.0}x"),
        _ => {}
    }
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// How many of something: `1 call`, `2 calls`.
#[must_use]
pub fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// When something is back: no time at all is not said as a number.
#[must_use]
pub fn back(s: f64) -> String {
    if s < 1.0 { "back any moment".to_owned() } else { format!("back in {}", span(s)) }
}

/// A span for a sentence: `41 s`, `12 min`, `5.2 h`. It is cut off, as spans are in rows.
#[must_use]
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s > 0.0 && s < 1.0 => "<1 s".to_owned(),
        s if s < 120.0 => format!("{:.0} s", s.max(0.0).floor()),
        s if s < 7200.0 => format!("{:.0} min", (s / 60.0).floor()),
        s if s < 172_800.0 => format!("{:.1} h", (s / 360.0).floor() / 10.0),
        s => format!("{:.0} days", (s / 86_400.0).floor()),
    }
}

/// A share, in sentences and in rows: `0%`, `<1%`, `31%`, `>99%`, `100%`.
#[must_use]
pub fn percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        return "?".to_owned();
    }
    if ratio > 0.0 && ratio <= 0.005 {
        return "<1%".to_owned();
    }
    if (0.995..1.0).contains(&ratio) {
        return ">99%".to_owned();
    }
    // Adding zero turns the -0 that an empty sum gives into 0.
    format!("{:.0}%", ratio * 100.0 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtin;

    #[test]
    fn a_threshold_is_said_where_it_tells_something() {
        let text = |metric: Metric, value: f64, threshold: f64| {
            let mut spec = builtin().remove(0);
            (spec.metric, spec.direction) = (metric, Direction::Above);
            alert(&spec, "cap c", Some(value), Some(threshold))
        };
        assert_eq!(text(Metric::CapNotEnforced, 40.0, 0.0), "cap c: calls passed over the cap 40");
        assert_eq!(
            text(Metric::CapNotEnforced, 0.0, 0.0),
            "cap c: calls passed over the cap 0, was above 0"
        );
        assert_eq!(text(Metric::SpendUsedRatio, 1.001, 1.0), "cap c: used 100%, just above 100%");
        assert_eq!(text(Metric::SpendUsedRatio, 1.2, 1.0), "cap c: used 120%, above 100%");
    }

    #[test]
    fn spans_are_cut_off() {
        for (seconds, text) in [
            (-1.0, "0 s"),
            (0.0, "0 s"),
            (0.7, "<1 s"),
            (44.9, "44 s"),
            (119.9, "119 s"),
            (539.9, "8 min"),
            (7199.0, "119 min"),
            (18_719.0, "5.1 h"),
            (259_199.0, "2 days"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }
}
