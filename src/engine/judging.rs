//! From rows to rules: the value of each metric, and when it is judged.
//!
//! What a batch touched is judged in the same call, so a line can trip a switch
//! before it has been drawn. Percentiles are the exception: they are judged on
//! ticks only, because asking for one costs more than reading a line.

use super::alerts::{Grounds, Over, Series};
use super::effect::{Effect, Event, EventKind, Labels};
use super::gauges::{Back, Exhaustion, Gauge, View as GaugeView};
use super::hosts::Who;
use super::limit_name::LimitName;
use super::queues::View as QueueView;
use super::rows::Places;
use super::sources::SourceRow;
use super::spend::{Cap, View as CapView};
use super::traffic::{Counts, Minute, Row};
use super::{Engine, series, wording};
use crate::domain::{Amount, Mono, NanoUsd, Outcome, Stamp};
use crate::rules::{Direction, Family, Metric, OnNoData, RuleSpec, Sample};

/// What is left, to rules, of what is used up where calls pass all the same.
const LET_PASS: f64 = 0.01;

/// Which rows a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Those just touched; no percentiles.
    Touched,
    /// All of them.
    All,
}

impl Engine {
    /// Judge what was touched since the last time.
    pub(super) fn judge_touched(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        let mut positions = std::mem::take(&mut self.touched.scratch);
        self.touched.limits.take(&mut positions);
        for position in &positions {
            self.judge_limit(*position, now, out);
        }
        self.touched.traffic.take(&mut positions);
        for position in &positions {
            self.judge_traffic(*position, Pass::Touched, now, out);
        }
        self.touched.retries.take(&mut positions);
        for position in &positions {
            self.judge_retries(*position, now, out);
        }
        self.touched.queues.take(&mut positions);
        for position in &positions {
            self.judge_queue(*position, Pass::Touched, now, out);
        }
        self.touched.caps.take(&mut positions);
        for position in &positions {
            self.judge_cap(*position, now, out);
        }
        self.touched.scratch = positions;
        if std::mem::take(&mut self.touched.hosts) {
            self.judge_hosts(now, out);
        }
    }

    /// Judge every series: time alone changes ages, rates and `for`.
    pub(super) fn judge_all(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        let count = |len: usize| 0..u32::try_from(len).unwrap_or(u32::MAX);
        for position in count(self.gauges.count()) {
            self.judge_limit(position, now, out);
        }
        for position in count(self.cells.traffic().len()) {
            self.judge_traffic(position, Pass::All, now, out);
        }
        for position in count(self.cells.retries().len()) {
            self.judge_retries(position, now, out);
        }
        for position in count(self.queues.iter().count()) {
            self.judge_queue(position, Pass::All, now, out);
        }
        self.judge_measures(now, out);
        for position in count(self.caps.rows().len()) {
            self.judge_cap(position, now, out);
        }
        self.judge_callers(now, out);
        self.judge_sources(now, out);
        self.judge_hosts(now, out);
        self.judge_ledger(now, out);
        self.judge_missing(now, out);
        self.find_unmatched(now);
    }

    /// Forget alerts that are over.
    pub(super) fn forget_spent(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        let caps = &self.caps;
        let period_of = |series| match series {
            Series::Cap(position) => caps.rows().get(position as usize).and_then(Cap::period_id),
            _ => None,
        };
        self.book.forget_spent(now, period_of, out);
    }

    fn judge_limit(&mut self, position: u32, now: Stamp, out: &mut Vec<Effect>) {
        let Some(gauge) = self.gauges.get_mut(position) else { return };
        let view = gauge.view(now);
        if let Some(change) = gauge.exhaustion_change(&view) {
            let labels = series::limit(gauge, &self.names);
            let name = gauge.name(&self.names);
            out.push(Effect::Event(exhaustion(change, gauge, &name, labels, &view, now)));
        }
        let grounds = gauge.heard.grounds(now.mono, self.limits.max_age);
        let evidence = gauge.evidence(now.mono);
        let drawn = gauge.drawn(view, now.mono);
        for rule in &gauge.rules {
            let Some(spec) = self.book.rule(*rule) else { continue };
            let passes = gauge.only_passes();
            // Where a part of the calls is refused, what fires clears as any other does.
            if passes && !(gauge.is_hidden() && self.book.fires(*rule, Series::Limit(position))) {
                self.book.end(*rule, Series::Limit(position), Over::Settled, now, out);
                continue;
            }
            let value =
                if passes { fine(spec.metric) } else { limit_value(spec.metric, gauge, &drawn) };
            let sample = Sample { value, evidence, period: None };
            let about = || series::about_limit(gauge, &self.names);
            self.book.judge(*rule, Series::Limit(position), (sample, grounds), now, &about, out);
        }
    }

    fn judge_traffic(&mut self, position: u32, pass: Pass, now: Stamp, out: &mut Vec<Effect>) {
        let known = self.known();
        let Some(row) = self.cells.traffic_row(position) else { return };
        if row.rules.is_empty() {
            return;
        }
        let minute = row.rated(now.mono, known);
        let grounds = row.heard.grounds(now.mono, self.limits.max_age);
        let who = Who { provider: row.id.provider, model: row.id.model, ..Who::default() };
        let stopped = self.switches.obeyed_since(who, &self.names, now);
        for rule in &row.rules {
            let Some(spec) = self.book.rule(*rule) else { continue };
            if pass == Pass::Touched && is_percentile(spec.metric) {
                continue;
            }
            let value = traffic_value(&spec, row, &minute, now.mono);
            let evidence = minute.counts.requests().into();
            let sample = Sample { value, evidence, period: None };
            // No news begins with what came before a stop that is obeyed.
            let begins = |_: &Mono| {
                spec.metric == Metric::ErrorsRatio
                    && spec.direction == Direction::Above
                    && !self.book.fires(*rule, Series::Traffic(position))
            };
            let since = stopped.filter(begins).map(|since| row.minute_after(since, now.mono));
            let Some(sample) = sample_since(&spec, sample, since.as_ref()) else {
                self.book.end(*rule, Series::Traffic(position), Over::Stopped, now, out);
                continue;
            };
            let about = || series::traffic(row.id, &self.names).into();
            self.book.judge(*rule, Series::Traffic(position), (sample, grounds), now, &about, out);
        }
    }

    fn judge_retries(&mut self, position: u32, now: Stamp, out: &mut Vec<Effect>) {
        let known = self.known();
        let Some(row) = self.cells.retries_row(position) else { return };
        if row.rules.is_empty() {
            return;
        }
        let view = row.view(now.mono, known);
        let evidence = view.attempts().into();
        for rule in &row.rules {
            let Some(spec) = self.book.rule(*rule) else { continue };
            let value = match spec.metric {
                Metric::RetriesAmplification => view.amplification(),
                Metric::RetriesSuccessRatio => view.success_ratio(),
                Metric::RetriesNonRetryablePerS => view.hopeless_per_s(),
                _ => None,
            };
            let sample = Sample { value, evidence, period: None };
            let about = || series::pair(row.provider, row.model, &self.names).into();
            let grounds = row.heard.grounds(now.mono, self.limits.max_age);
            self.book.judge(*rule, Series::Retries(position), (sample, grounds), now, &about, out);
        }
    }

    fn judge_queue(&mut self, position: u32, pass: Pass, now: Stamp, out: &mut Vec<Effect>) {
        let Some(row) = self.queues.get_mut(position) else { return };
        let view = row.view(now.mono);
        let grounds = if view.stale { Grounds::Old } else { row.heard.ever() };
        for rule in &row.rules {
            let Some(spec) = self.book.rule(*rule) else { continue };
            let fresh = |value: Option<f64>| value.filter(|_| !view.stale);
            let value = match spec.metric {
                Metric::QueueDepth => fresh(depth_for(&view, &spec)),
                Metric::QueueOldestAge => fresh(view.oldest_age_s),
                Metric::QueueDroppedPerS => fresh(view.dropped_per_s),
                Metric::QueueWaitP95 if pass == Pass::All => {
                    row.waits.percentiles(now.mono).map(|([_, p95, _], _)| p95)
                }
                _ => continue,
            };
            let sample = Sample { value, evidence: u64::MAX, period: None };
            let about = || series::queue(row.name, row.priority, &self.names).into();
            self.book.judge(*rule, Series::Queue(position), (sample, grounds), now, &about, out);
        }
    }

    fn judge_measures(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        for (position, row) in (0u32..).zip(self.measures.rows()) {
            let view = row.view(now.mono);
            let grounds = if view.stale { Grounds::Old } else { row.heard.ever() };
            for rule in &row.rules {
                let Some(spec) = self.book.rule(*rule) else { continue };
                let value = match spec.metric {
                    Metric::MetricValue => Some(view.value).filter(|_| !view.stale),
                    Metric::MetricPerS => view.per_s,
                    _ => None,
                };
                let sample = Sample { value, evidence: u64::MAX, period: None };
                let about = || series::measure(&row.last, &self.names).into();
                let judged = (sample, grounds);
                self.book.judge(*rule, Series::Measure(position), judged, now, &about, out);
            }
        }
    }

    fn judge_cap(&mut self, position: u32, now: Stamp, out: &mut Vec<Effect>) {
        let Some(cap) = self.caps.rows().get(position as usize) else { return };
        if cap.rules.is_empty() {
            return;
        }
        let view = cap.view(now, self.spend_known());
        let grounds = cap.heard.grounds(now.mono, self.limits.max_age);
        for rule in &cap.rules {
            let Some(spec) = self.book.rule(*rule) else { continue };
            // That a spent cap is spent soon is nothing to be told, but to be acted on.
            if spec.metric == Metric::SpendCapIn
                && view.used_ratio.is_some_and(|used| used >= 1.0)
                && spec.actions.is_empty()
                && !self.book.fires(*rule, Series::Cap(position))
            {
                self.book.end(*rule, Series::Cap(position), Over::At(0.0), now, out);
                continue;
            }
            let sample = Sample {
                value: cap_value(spec.metric, &view),
                evidence: view.evidence.into(),
                period: cap.period_id(),
            };
            let about = || series::cap(cap, &self.names).into();
            self.book.judge(*rule, Series::Cap(position), (sample, grounds), now, &about, out);
        }
    }

    fn judge_callers(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        if self.cells.callers().all(|row| row.rules.is_empty()) {
            return;
        }
        let all: f64 = self.cells.callers().map(|row| row.sums(now.mono).usd.as_f64()).sum();
        let max_age = self.limits.max_age;
        for (position, row) in (0u32..).zip(self.cells.callers()) {
            let sums = row.sums(now.mono);
            for rule in &row.rules {
                let share = (all > 0.0).then(|| sums.usd.as_f64() / all);
                let evidence = row.requests_of_late(now.mono);
                let sample = Sample { value: share, evidence, period: None };
                let about = || series::caller(row.key, row.environment, &self.names).into();
                let judged = (sample, row.heard.grounds(now.mono, max_age));
                self.book.judge(*rule, Series::Caller(position), judged, now, &about, out);
            }
        }
    }

    fn judge_sources(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        for (position, row) in (0u32..).zip(&self.sources) {
            for rule in &row.rules {
                let Some(spec) = self.book.rule(*rule) else { continue };
                let ended = row.status.state == "ended";
                #[allow(clippy::cast_precision_loss, reason = "a count for a threshold")]
                let value = match spec.metric {
                    Metric::SourceSilent if ended => Some(0.0),
                    Metric::SourceSilent => silence_for(row, &spec, now.mono),
                    Metric::SourceUnreadable => Some(row.unreadable_s(now.mono)),
                    Metric::SourceSecondsBehind => row.seconds_behind(now),
                    Metric::SourceFaultRatio => row.fault_ratio(now.mono),
                    Metric::SourceQuarantined => Some(row.quarantined_per_min(now.mono) as f64),
                    Metric::SourceQuarantinedRatio => row.quarantined_ratio(now.mono),
                    Metric::SourceImplausible => Some(row.implausible_per_min(now.mono) as f64),
                    _ => None,
                };
                // One bad line of a few is a large share, and no evidence.
                let evidence = match spec.metric {
                    Metric::SourceQuarantinedRatio => row.quarantined_per_min(now.mono),
                    _ => u64::MAX,
                };
                let sample = Sample { value, evidence, period: None };
                let about = || series::source(row).into();
                let judged = (sample, row.grounds(spec.metric, now.mono));
                self.book.judge(*rule, Series::Source(position), judged, now, &about, out);
            }
        }
    }

    fn judge_hosts(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        for (scope, host, (obey, all)) in self.switches.take_obeyed() {
            let labels = series::host(&scope, host, &self.names);
            let name = labels.get("host").filter(|_| host.is_some());
            let name = name.map_or("a host that logs no name", AsRef::as_ref);
            let text = format!("{scope} obeyed by {name} ({obey} of {all} hosts)");
            let mut event = Event::new(now.wall, EventKind::SwitchObeyed, text);
            (event.scope, event.labels) = (Some(scope), labels);
            out.push(Effect::Event(event));
        }
        for row in self.switches.rows() {
            for host in &row.hosts {
                self.hosts.add(&row.state.scope, host.host, || {
                    let labels = series::host(&row.state.scope, host.host, &self.names);
                    self.book.matching(Family::Switch, &labels)
                });
            }
        }
        let lives = |number| self.book.is_live(Series::Host(number));
        self.hosts.look(|scope| self.switches.is_over(scope), lives, now.mono);
        for (number, row) in (0u32..).zip(self.hosts.rows()) {
            #[allow(clippy::cast_precision_loss, reason = "a count for a threshold")]
            let value = Some(self.switches.started_after(&row.scope, row.host) as f64);
            let about = || series::host(&row.scope, row.host, &self.names).into();
            for rule in &row.rules {
                // Without a stop there is nothing to obey, and nobody to be woken for.
                if let Some(since) = row.over_since {
                    if now.mono.since(since) >= series::MADE_AGAIN {
                        self.book.find_awaited(*rule, Series::Host(number), &about);
                        self.book.end(*rule, Series::Host(number), Over::Settled, now, out);
                    }
                    continue;
                }
                let sample = Sample { value, evidence: u64::MAX, period: None };
                let judged = (sample, Grounds::Fresh);
                self.book.judge(*rule, Series::Host(number), judged, now, &about, out);
            }
        }
    }
}

/// Which rules watch a new row.
impl Engine {
    pub(super) fn watch_new_caps(&mut self) {
        for position in self.caps.unwatched() {
            if let Some(cap) = self.caps.get_mut(position) {
                cap.rules = self.book.matching(Family::Cap, &series::cap(cap, &self.names));
            }
        }
    }

    pub(super) fn watch_measure(&mut self, position: u32) {
        let Some(row) = self.measures.get_mut(position) else { return };
        let labels = series::measure(&row.last, &self.names);
        row.rules = self.book.matching(Family::Measure, &labels);
    }

    pub(super) fn watch_limit(&mut self, position: u32) {
        let Some(gauge) = self.gauges.get_mut(position) else { return };
        let labels = series::limit(gauge, &self.names);
        self.book.begin(Series::Limit(position));
        gauge.rules = self.book.matching(Family::Limit, &labels);
    }

    /// Alerts about a limit are called what it is called now.
    pub(super) fn rename_limit(&mut self) {
        if let Some(position) = self.gauges.take_renamed()
            && let Some(gauge) = self.gauges.get_mut(position)
        {
            let title = series::about_limit(gauge, &self.names).title;
            self.book.rename(Series::Limit(position), &title);
        }
    }

    pub(super) fn watch_queue(&mut self, position: u32) {
        let Some(row) = self.queues.get_mut(position) else { return };
        let labels = series::queue(row.name, row.priority, &self.names);
        row.rules = self.book.matching(Family::Queue, &labels);
    }

    pub(super) fn watch_rows(&mut self, places: &Places) {
        if let Some(row) = self.cells.traffic_row(places.traffic) {
            let labels = series::traffic(row.id, &self.names);
            row.rules = self.book.matching(Family::Traffic, &labels);
        }
        if let Some(row) = self.cells.retries_row(places.retries) {
            let labels = series::pair(row.provider, row.model, &self.names);
            row.rules = self.book.matching(Family::Retries, &labels);
        }
        if let Some(row) = self.cells.caller_row(places.caller) {
            let labels = series::caller(row.key, row.environment, &self.names);
            row.rules = self.book.matching(Family::Caller, &labels);
        }
    }

    pub(super) fn rules_of_source(&self, row: &SourceRow) -> Box<[u16]> {
        let all = self.book.matching(Family::Source, &series::source(row));
        let name = |index: u16| self.book.rule(index).map(|rule| rule.name.clone());
        // A rule about few sources stands after one of its name about all, and counts.
        let counts = |(at, index): &(usize, &u16)| {
            !all.iter().skip(at + 1).any(|later| name(*later) == name(**index))
        };
        all.iter().enumerate().filter(counts).map(|(_, index)| *index).collect()
    }
}

fn exhaustion(
    change: Exhaustion,
    gauge: &Gauge,
    name: &LimitName,
    labels: Labels,
    view: &GaugeView,
    now: Stamp,
) -> Event {
    let (kind, text) = match change {
        Exhaustion::Began => {
            let back = view.reset_in_s.map(|s| match view.back {
                Some(Back::Full) => format!(", full in {}", wording::span(s)),
                _ => format!(", {}", wording::back(s)),
            });
            let what = if gauge.is_unnamed() {
                format!("{} refused, cause not stated", name.refused())
            } else if view.is_rejected() {
                format!("{} rejected by its provider", name.title())
            } else {
                format!("{} exhausted", name.title())
            };
            (EventKind::LimitExhausted, what + &back.unwrap_or_default())
        }
        Exhaustion::Ended if gauge.is_unnamed() => {
            (EventKind::LimitReset, format!("{} is not refused any more", name.refused()))
        }
        Exhaustion::Ended => (EventKind::LimitReset, format!("{} is back", name.title())),
    };
    let mut event = Event::new(now.wall, kind, text);
    event.labels = labels;
    event
}

fn limit_value(metric: Metric, gauge: &Gauge, view: &GaugeView) -> Option<f64> {
    if view.stale {
        return None;
    }
    match metric {
        Metric::LimitRemaining => view.remaining,
        Metric::LimitRemainingRatio | Metric::LimitExhaustsIn if view.exhausted => Some(0.0),
        // What is used up while its provider lets calls pass is low, and no outage.
        Metric::LimitRemainingRatio if view.lets_pass() => {
            view.remaining_ratio.map(|left| left.max(LET_PASS))
        }
        Metric::LimitRemainingRatio => view.remaining_ratio,
        Metric::LimitUsedRatio => used_ratio(gauge, view),
        Metric::LimitResetIn => view.reset_in_s,
        Metric::LimitExhaustsIn => view.exhausts_in_s,
        Metric::LimitExhaustsBeforeReset => {
            Some(f64::from(u8::from(view.exhausted || view.exhausts_in_s.is_some())))
        }
        _ => None,
    }
}

/// What a limit of which no more is known than that calls pass is taken to be.
fn fine(metric: Metric) -> Option<f64> {
    match metric {
        Metric::LimitRemainingRatio => Some(1.0),
        Metric::LimitUsedRatio | Metric::LimitExhaustsBeforeReset => Some(0.0),
        _ => None,
    }
}

/// Above 1 it is overdrawn. What refuses calls is used up, whatever its last reading was.
fn used_ratio(gauge: &Gauge, view: &GaugeView) -> Option<f64> {
    let limit = gauge.last.limit.map(Amount::as_f64).filter(|limit| *limit > 0.0);
    let by_level = limit.zip(view.remaining).map(|(limit, left)| (limit - left) / limit);
    let used = gauge.last.used_ratio.or(by_level);
    if view.exhausted { Some(used.map_or(1.0, |used| used.max(1.0))) } else { used }
}

fn is_percentile(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::LatencyP50
            | Metric::LatencyP95
            | Metric::LatencyP99
            | Metric::TtftP50
            | Metric::TtftP95
            | Metric::TtftP99
    )
}

fn traffic_value(rule: &RuleSpec, row: &Row, minute: &Minute, now: Mono) -> Option<f64> {
    let counts = &minute.counts;
    let latency = |q: usize| row.latency.percentiles(now).and_then(|(p, _)| p.get(q).copied());
    let ttft = |q: usize| row.ttft.percentiles(now).and_then(|(p, _)| p.get(q).copied());
    #[allow(clippy::cast_precision_loss, reason = "rates and ratios for thresholds")]
    match rule.metric {
        Metric::LatencyP50 => latency(0),
        Metric::LatencyP95 => latency(1),
        Metric::LatencyP99 => latency(2),
        Metric::TtftP50 => ttft(0),
        Metric::TtftP95 => ttft(1),
        Metric::TtftP99 => ttft(2),
        Metric::RequestsPerS => minute.per_s(),
        Metric::ErrorsRatio => errors_ratio(rule, counts),
        Metric::TokensPerMin => {
            minute.per_min(counts.input + counts.output).map(|rate| rate as f64)
        }
        Metric::CacheHitRatio => minute.cache_hit_ratio(),
        _ => None,
    }
}

/// The same where no more counts than what came since a stop; none if nothing came.
fn sample_since(spec: &RuleSpec, all: Sample, since: Option<&Counts>) -> Option<Sample> {
    let Some(since) = since else { return Some(all) };
    let ratio = errors_ratio(spec, since)?;
    let value = all.value.map(|value| value.min(ratio));
    Some(Sample { value, evidence: all.evidence.min(since.requests().into()), ..all })
}

/// The share of calls that ended as the rule is about.
fn errors_ratio(spec: &RuleSpec, counts: &Counts) -> Option<f64> {
    let calls = counts.requests();
    let chosen = spec.matches.get("outcome").map(String::as_str);
    let bad = match chosen.and_then(Outcome::from_word) {
        Some(outcome) => counts.of(outcome),
        None => calls - counts.of(Outcome::Ok),
    };
    (calls > 0).then(|| f64::from(bad) / f64::from(calls))
}

fn cap_value(metric: Metric, view: &CapView) -> Option<f64> {
    match metric {
        Metric::SpendUsd => view.spent.map(NanoUsd::as_f64),
        Metric::SpendUsedRatio => view.used_ratio,
        Metric::SpendUsdPerHour => view.usd_per_hour,
        Metric::SpendCapIn => view.cap_in_s,
        // Both windows must burn: the lower one decides.
        Metric::SpendBurnRate => match (view.burn_short, view.burn_long) {
            (Some(short), Some(long)) => Some(short.min(long)),
            _ => None,
        },
        Metric::CapNotEnforced => Some(f64::from(view.not_enforced)),
        Metric::SpendUnpricedRatio => view.unpriced_ratio,
        _ => None,
    }
}

/// For how long a source is silent, for a rule: of one that was not heard in this run, only
/// that it is for too long.
fn silence_for(row: &SourceRow, spec: &RuleSpec, now: Mono) -> Option<f64> {
    let silent = row.silent_s(now);
    let needs_none = spec.on_no_data != OnNoData::Unknown;
    Some(silent).filter(|_| row.was_heard() || is_too_much(spec, silent) || needs_none)
}

/// Whether a rule says of a value that it is too much, as any higher one would be.
fn is_too_much(spec: &RuleSpec, value: f64) -> bool {
    let crosses = || spec.thresholds.iter().any(|at| spec.direction.crosses(value, at.value));
    spec.direction == Direction::Above && crosses()
}

/// The depth of a queue for a rule: of a part of it only that it is too deep already.
#[allow(clippy::cast_precision_loss, reason = "a depth for a threshold")]
fn depth_for(view: &QueueView, spec: &RuleSpec) -> Option<f64> {
    let depth = view.depth.map(|depth| depth as f64);
    depth.filter(|depth| !view.depth_partial || is_too_much(spec, *depth))
}
