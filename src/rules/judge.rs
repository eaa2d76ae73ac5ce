//! The state machine of one rule over one series: inactive, pending, firing,
//! resolved, and "no data", which is never a silent ok.

use std::time::Duration;

use super::spec::{Direction, OnNoData, RuleSpec, Severity};
use crate::domain::{Mono, Stamp, Wall};

/// What a rule sees of its series at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The value; `None` when it is not known.
    pub value: Option<f64>,
    /// Calls of the last minute behind it.
    pub evidence: u64,
    /// The period the value belongs to, for metrics that only grow until they
    /// start over (spend): of several thresholds each fires once per period.
    pub period: Option<i64>,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Crossed, but not for long enough.
    Pending,
    /// Crossed for long enough.
    Firing,
    /// Cleared; kept for a while to be seen.
    Resolved,
    /// It was pending or firing when its data went away.
    NoData,
}

/// What one judgement changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Same,
    /// It crossed and now waits out its `for`.
    Pending,
    /// It fires: newly, or at a higher severity. The rule's actions are due
    /// unless it still cools down.
    Fired(Actions),
    /// It has fired for a while, and its actions, put off until now, are due.
    Due,
    /// It does not fire any more.
    Resolved,
    /// It crossed back before its `for` was over.
    Withdrawn,
}

/// Whether a firing rule may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actions {
    /// Its actions are due.
    Due,
    /// It acted not long ago.
    CoolingDown,
}

/// Why a firing rule has not acted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PutOff {
    /// It acted not long before.
    CoolsUntil(Mono),
    /// Its actions could not be carried out; tried again then.
    WithheldUntil(Mono),
}

/// One rule over one series. Created when the rule first crosses.
#[derive(Clone, Debug)]
pub struct Instance {
    phase: Phase,
    since: Stamp,
    /// Index of the worst threshold that held for the rule's `for`, or so far.
    level: usize,
    /// A worse threshold than that, and since when it has been crossed.
    worse: Option<(usize, Mono)>,
    value: Option<f64>,
    /// Since when the value has been on the good side.
    clear_since: Option<Mono>,
    resolved_at: Option<Mono>,
    /// It has fired and not been resolved since, with or without data.
    open: bool,
    /// Its actions were due since it fired.
    acted: bool,
    put_off: Option<PutOff>,
    /// End of the last firing that acted.
    cools_since: Option<Mono>,
    /// Highest level that fired, and in which period.
    fired: Option<(i64, usize)>,
}

/// How long a resolved alert stays on the screen.
const SHOWN_AFTER_RESOLVE: Duration = Duration::from_secs(15 * 60);
/// How long one that never fired is remembered, so that it is not said anew at
/// each crossing.
const REMEMBERED: Duration = Duration::from_secs(60);

impl Instance {
    /// A fresh instance if `sample` crosses the rule, else `None`.
    #[must_use]
    pub fn start(rule: &RuleSpec, sample: Sample, now: Stamp) -> Option<(Instance, Verdict)> {
        let level = crossed(rule, sample)?;
        let mut instance = Instance {
            phase: Phase::Resolved,
            since: now,
            level,
            worse: None,
            value: sample.value,
            clear_since: None,
            resolved_at: None,
            open: false,
            acted: false,
            put_off: None,
            cools_since: None,
            fired: None,
        };
        let verdict = instance.judge(rule, sample, now);
        Some((instance, verdict))
    }

    /// Judge a new sample. Call it again as time passes: `for` and
    /// `keep_firing_for` run out by themselves.
    pub fn judge(&mut self, rule: &RuleSpec, sample: Sample, now: Stamp) -> Verdict {
        if sample.value.is_none() && rule.on_no_data == OnNoData::Unknown {
            return self.lose_data(now);
        }
        if sample.value.is_some() {
            self.value = sample.value;
        }
        if crossed(rule, sample).is_none() {
            self.worse = None;
        }
        match crossed(rule, sample) {
            Some(level) => self.cross(rule, level, sample.period, now),
            None if is_clear(rule, sample) => self.clear(rule, now),
            // Between `clear` and the threshold: what fires goes on firing.
            None => match self.phase {
                Phase::Pending => self.withdraw(now),
                Phase::Firing | Phase::Resolved => Verdict::Same,
                Phase::NoData => self.clear(rule, now),
            },
        }
    }

    fn cross(&mut self, rule: &RuleSpec, level: usize, period: Option<i64>, now: Stamp) -> Verdict {
        self.clear_since = None;
        let (held, since) = self.worse.unwrap_or((level, now.mono));
        let held = held.min(level);
        let said_before = period.is_some_and(|period| {
            self.fired.is_some_and(|(at, fired)| at == period && fired >= held)
        });
        match self.phase {
            Phase::Firing if level > self.level => {
                self.worse = Some((held, since));
                if now.mono.since(since) < rule.hold {
                    return self.act_late(now);
                }
                self.level = held;
                self.worse = None;
                if said_before {
                    return self.act_late(now);
                }
                self.fired = period.map(|period| (period, held));
                Verdict::Fired(self.act(rule, now))
            }
            Phase::Firing => {
                self.worse = None;
                self.act_late(now)
            }
            Phase::Resolved if rule.thresholds.len() > 1 && said_before => Verdict::Same,
            Phase::Resolved | Phase::NoData => {
                self.enter(Phase::Pending, now);
                self.level = level;
                self.ripen(rule, period, now, Verdict::Pending)
            }
            Phase::Pending => {
                self.level = self.level.min(level);
                self.worse = (level > self.level).then_some((held, since));
                self.ripen(rule, period, now, Verdict::Same)
            }
        }
    }

    /// Fire if the `for` is over, else answer `otherwise`.
    fn ripen(
        &mut self,
        rule: &RuleSpec,
        period: Option<i64>,
        now: Stamp,
        otherwise: Verdict,
    ) -> Verdict {
        if now.mono.since(self.since.mono) < rule.hold {
            return otherwise;
        }
        let worse = self.worse;
        self.enter(Phase::Firing, now);
        self.worse = worse;
        self.open = true;
        self.fired = period.map(|period| (period, self.level));
        Verdict::Fired(self.act(rule, now))
    }

    fn act(&mut self, rule: &RuleSpec, now: Stamp) -> Actions {
        let cool_at = self.cools_since.map(|since| since.plus(rule.cooldown));
        if let Some(at) = cool_at.filter(|at| now.mono < *at) {
            self.put_off = Some(PutOff::CoolsUntil(at));
            return Actions::CoolingDown;
        }
        self.put_off = None;
        self.acted = true;
        Actions::Due
    }

    /// What was put off is due once its time has come, if it still crosses.
    fn act_late(&mut self, now: Stamp) -> Verdict {
        match self.put_off {
            Some(PutOff::CoolsUntil(at) | PutOff::WithheldUntil(at)) if now.mono >= at => {
                self.put_off = None;
                self.acted = true;
                Verdict::Due
            }
            _ => Verdict::Same,
        }
    }

    /// Its actions could not be carried out: while it fires they are due again
    /// at `again`, or when [`retry`](Self::retry) says so.
    pub fn withhold(&mut self, again: Mono) {
        if self.phase == Phase::Firing {
            self.acted = false;
            self.put_off = Some(PutOff::WithheldUntil(again));
        }
    }

    /// What was withheld can be carried out now.
    pub fn retry(&mut self, now: Mono) {
        if let Some(PutOff::WithheldUntil(again)) = &mut self.put_off {
            *again = now;
        }
    }

    fn clear(&mut self, rule: &RuleSpec, now: Stamp) -> Verdict {
        match self.phase {
            Phase::Pending => self.withdraw(now),
            Phase::NoData if !self.open => self.withdraw(now),
            Phase::NoData | Phase::Firing => {
                let since = *self.clear_since.get_or_insert(now.mono);
                if now.mono.since(since) < rule.keep_firing {
                    return Verdict::Same;
                }
                self.resolve(now)
            }
            Phase::Resolved => Verdict::Same,
        }
    }

    /// It crossed back before its `for` was over. What had fired before its data
    /// went away is resolved by that.
    fn withdraw(&mut self, now: Stamp) -> Verdict {
        if self.open {
            return self.resolve(now);
        }
        self.enter(Phase::Resolved, now);
        Verdict::Withdrawn
    }

    fn resolve(&mut self, now: Stamp) -> Verdict {
        self.stop_firing(now);
        self.enter(Phase::Resolved, now);
        self.open = false;
        self.resolved_at = Some(now.mono);
        Verdict::Resolved
    }

    fn lose_data(&mut self, now: Stamp) -> Verdict {
        if matches!(self.phase, Phase::Firing | Phase::Pending) {
            self.stop_firing(now);
            self.enter(Phase::NoData, now);
        }
        Verdict::Same
    }

    /// Its cooldown, if it acted, begins.
    fn stop_firing(&mut self, now: Stamp) {
        self.put_off = None;
        if std::mem::take(&mut self.acted) {
            self.cools_since = Some(now.mono);
        }
    }

    fn enter(&mut self, phase: Phase, now: Stamp) {
        self.phase = phase;
        self.since = now;
        self.clear_since = None;
        self.worse = None;
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Since when.
    #[must_use]
    pub fn since(&self) -> Wall {
        self.since.wall
    }

    /// How long.
    #[must_use]
    pub fn age(&self, now: Mono) -> Duration {
        now.since(self.since.mono)
    }

    /// The last known value.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// The threshold that was crossed, and how severe that is.
    #[must_use]
    pub fn threshold(&self, rule: &RuleSpec) -> Option<(f64, Severity)> {
        rule.thresholds.get(self.level).map(|t| (t.value, t.severity))
    }

    /// Whether it can be forgotten: resolved, no longer shown, cooled down, and
    /// with no threshold of this period to remember.
    #[must_use]
    pub fn is_spent(&self, rule: &RuleSpec, period: Option<i64>, now: Mono) -> bool {
        let fired_in = self.fired.map(|(fired_in, _)| fired_in);
        let remembers = rule.thresholds.len() > 1 && period.is_some() && fired_in == period;
        let shown = if self.resolved_at.is_some() { SHOWN_AFTER_RESOLVE } else { REMEMBERED };
        self.phase == Phase::Resolved
            && !remembers
            && self.age(now) >= shown.max(rule.cooldown.min(Duration::from_secs(86_400)))
    }

    /// Whether it is worth showing: it pends or fires, or did not long ago.
    #[must_use]
    pub fn is_shown(&self, now: Mono) -> bool {
        match self.phase {
            Phase::Pending | Phase::Firing | Phase::NoData => true,
            Phase::Resolved => self.resolved_at.is_some() && self.age(now) < SHOWN_AFTER_RESOLVE,
        }
    }
}

/// The worst threshold that the sample crosses.
fn crossed(rule: &RuleSpec, sample: Sample) -> Option<usize> {
    let Some(value) = sample.value else {
        return (rule.on_no_data == OnNoData::Fire).then_some(0);
    };
    if sample.evidence < rule.min_requests {
        return None;
    }
    rule.thresholds.iter().rposition(|threshold| match rule.direction {
        Direction::Above => value > threshold.value,
        Direction::Below => value < threshold.value,
    })
}

/// Is the value on the good side of `clear`?
fn is_clear(rule: &RuleSpec, sample: Sample) -> bool {
    let Some(value) = sample.value else { return rule.on_no_data == OnNoData::Ok };
    let mildest = rule.thresholds.first().map(|t| t.value);
    let Some(clear) = rule.clear.or(mildest) else { return true };
    match rule.direction {
        Direction::Above => value <= clear,
        Direction::Below => value >= clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Metric, Threshold};

    fn rule() -> RuleSpec {
        RuleSpec {
            name: "tpm-low".into(),
            metric: Metric::LimitRemainingRatio,
            matches: std::collections::BTreeMap::new(),
            direction: Direction::Below,
            thresholds: vec![Threshold { value: 0.10, severity: Severity::Critical }],
            clear: Some(0.20),
            hold: Duration::from_secs(5),
            keep_firing: Duration::from_secs(30),
            actions: Vec::new(),
            min_requests: 20,
            cooldown: Duration::from_secs(600),
            on_no_data: OnNoData::Unknown,
            runbook: None,
            builtin: false,
        }
    }

    fn at(second: u32) -> Stamp {
        let mono = Mono(u64::from(second) * 1_000_000_000);
        Stamp { mono, wall: Wall::from_secs(1000 + i64::from(second)) }
    }

    fn value(value: f64) -> Sample {
        Sample { value: Some(value), evidence: 100, period: None }
    }

    /// Feed (second, value) pairs; answer what changed, and when.
    fn run(rule: &RuleSpec, samples: &[(u32, Sample)]) -> Vec<(u32, Verdict)> {
        let mut instance: Option<Instance> = None;
        let mut seen = Vec::new();
        for (second, sample) in samples {
            let verdict = if let Some(instance) = &mut instance {
                instance.judge(rule, *sample, at(*second))
            } else if let Some((new, verdict)) = Instance::start(rule, *sample, at(*second)) {
                instance = Some(new);
                verdict
            } else {
                Verdict::Same
            };
            if verdict != Verdict::Same {
                seen.push((*second, verdict));
            }
        }
        seen
    }

    #[test]
    fn it_fires_after_for_and_resolves_after_keep_firing() {
        let samples: Vec<_> =
            (0..80).map(|s| (s, value(if s < 20 { 0.05 } else { 0.5 }))).collect();
        let expected =
            vec![(0, Verdict::Pending), (5, Verdict::Fired(Actions::Due)), (50, Verdict::Resolved)];
        assert_eq!(run(&rule(), &samples), expected);
    }

    #[test]
    fn between_threshold_and_clear_it_goes_on_firing() {
        let mut samples: Vec<_> = (0..10).map(|s| (s, value(0.05))).collect();
        samples.extend((10..200).map(|s| (s, value(0.15))));
        assert_eq!(run(&rule(), &samples).last(), Some(&(5, Verdict::Fired(Actions::Due))));
    }

    #[test]
    fn a_short_dip_never_fires() {
        let samples = [(0, value(0.05)), (3, value(0.5)), (4, value(0.05)), (8, value(0.05))];
        let expected = vec![(0, Verdict::Pending), (3, Verdict::Withdrawn), (4, Verdict::Pending)];
        assert_eq!(run(&rule(), &samples), expected);
    }

    #[test]
    fn too_little_evidence_never_fires() {
        let sample = Sample { evidence: 19, ..value(0.0) };
        assert_eq!(run(&rule(), &[(0, sample), (100, sample)]), vec![]);
    }

    #[test]
    fn it_acts_once_per_cooldown() {
        let rule = RuleSpec { hold: Duration::ZERO, keep_firing: Duration::ZERO, ..rule() };
        let samples =
            [(0, value(0.0)), (1, value(1.0)), (2, value(0.0)), (3, value(1.0)), (700, value(0.0))];
        let fired: Vec<_> = run(&rule, &samples)
            .into_iter()
            .filter(|(_, v)| matches!(v, Verdict::Fired(_)))
            .collect();
        let expected = vec![
            (0, Verdict::Fired(Actions::Due)),
            (2, Verdict::Fired(Actions::CoolingDown)),
            (700, Verdict::Fired(Actions::Due)),
        ];
        assert_eq!(fired, expected);
    }

    #[test]
    fn what_fires_on_when_the_cooldown_is_over_acts_then() {
        let rule = RuleSpec { hold: Duration::ZERO, keep_firing: Duration::ZERO, ..rule() };
        let mut samples = vec![(0, value(0.0)), (1, value(1.0))];
        samples.extend((2..700).map(|s| (s, value(if s == 3 { 1.0 } else { 0.0 }))));
        let expected = vec![
            (0, Verdict::Fired(Actions::Due)),
            (1, Verdict::Resolved),
            (2, Verdict::Fired(Actions::CoolingDown)),
            // That it fired and resolved without acting makes the cooldown no longer.
            (3, Verdict::Resolved),
            (4, Verdict::Fired(Actions::CoolingDown)),
            (601, Verdict::Due),
        ];
        assert_eq!(run(&rule, &samples), expected);
    }

    #[test]
    fn what_was_withheld_is_due_again_while_it_crosses() {
        let rule = RuleSpec { hold: Duration::ZERO, keep_firing: Duration::ZERO, ..rule() };
        let (mut instance, verdict) = Instance::start(&rule, value(0.0), at(0)).unwrap();
        assert_eq!(verdict, Verdict::Fired(Actions::Due));
        instance.withhold(at(1000).mono);
        assert_eq!(instance.judge(&rule, value(0.0), at(10)), Verdict::Same);
        instance.retry(at(11).mono);
        // Between threshold and clear it fires, but nothing is to be stopped.
        assert_eq!(instance.judge(&rule, value(0.15), at(11)), Verdict::Same);
        assert_eq!(instance.judge(&rule, value(0.0), at(12)), Verdict::Due);
        assert_eq!(instance.judge(&rule, value(0.0), at(13)), Verdict::Same);
    }

    #[test]
    fn the_level_that_held_is_the_level_that_fires() {
        let thresholds = vec![
            Threshold { value: 0.10, severity: Severity::Warning },
            Threshold { value: 0.01, severity: Severity::Critical },
        ];
        let rule = RuleSpec { thresholds, ..rule() };
        let (mut instance, _) = Instance::start(&rule, value(0.0), at(0)).unwrap();
        instance.judge(&rule, value(0.08), at(1));
        assert_eq!(instance.judge(&rule, value(0.08), at(5)), Verdict::Fired(Actions::Due));
        assert_eq!(instance.threshold(&rule), Some((0.10, Severity::Warning)));
    }

    #[test]
    fn what_never_fired_is_never_resolved_and_what_fired_always_is() {
        let lost = Sample { value: None, evidence: 0, period: None };
        let samples = [(0, value(0.0)), (1, lost), (2, value(0.9)), (60, value(0.9))];
        assert_eq!(run(&rule(), &samples), vec![(0, Verdict::Pending), (2, Verdict::Withdrawn)]);
        let samples =
            [(0, value(0.0)), (5, value(0.0)), (6, lost), (7, value(0.0)), (8, value(0.9))];
        let expected = vec![
            (0, Verdict::Pending),
            (5, Verdict::Fired(Actions::Due)),
            (7, Verdict::Pending),
            (8, Verdict::Resolved),
        ];
        assert_eq!(run(&rule(), &samples), expected);
    }

    #[test]
    fn lost_data_is_neither_firing_nor_resolved() {
        let lost = Sample { value: None, evidence: 0, period: None };
        let mut instance = Instance::start(&rule(), value(0.0), at(0)).unwrap().0;
        assert_eq!(instance.judge(&rule(), value(0.0), at(6)), Verdict::Fired(Actions::Due));
        assert_eq!(instance.judge(&rule(), lost, at(7)), Verdict::Same);
        assert_eq!(instance.phase(), Phase::NoData);
        instance.judge(&rule(), value(0.9), at(8));
        assert_eq!(instance.judge(&rule(), value(0.9), at(60)), Verdict::Resolved);
    }

    #[test]
    fn without_periods_a_list_of_thresholds_fires_at_each_crossing() {
        let thresholds = vec![
            Threshold { value: 0.10, severity: Severity::Warning },
            Threshold { value: 0.01, severity: Severity::Critical },
        ];
        let rule = RuleSpec { thresholds, cooldown: Duration::ZERO, ..rule() };
        let samples: Vec<_> =
            (0..200).map(|s| (s, value(if (s / 50) % 2 == 0 { 0.0 } else { 0.9 }))).collect();
        let fired = run(&rule, &samples);
        let fired = fired.iter().filter(|(_, v)| matches!(v, Verdict::Fired(_)));
        assert_eq!(fired.map(|(s, _)| *s).collect::<Vec<_>>(), vec![5, 105]);
    }

    #[test]
    fn a_worse_threshold_fires_only_when_it_held_as_long() {
        let thresholds = vec![
            Threshold { value: 0.10, severity: Severity::Warning },
            Threshold { value: 0.01, severity: Severity::Critical },
        ];
        let rule = RuleSpec { thresholds, ..rule() };
        // Nothing left for a moment, at 0 and at 20 s; for good from 40 s on.
        let left = |second| match second {
            0 | 20 | 40.. => 0.0,
            _ => 0.05,
        };
        let mut instance = Instance::start(&rule, value(left(0)), at(0)).unwrap().0;
        let mut fired = Vec::new();
        for second in 1..60 {
            if let Verdict::Fired(_) = instance.judge(&rule, value(left(second)), at(second)) {
                fired.push((second, instance.threshold(&rule).map(|(_, severity)| severity)));
            }
        }
        assert_eq!(fired, vec![(5, Some(Severity::Warning)), (45, Some(Severity::Critical))]);
    }

    #[test]
    fn a_list_of_thresholds_fires_each_once_per_period() {
        let levels = [0.8, 0.9, 1.0];
        let rule = RuleSpec {
            direction: Direction::Above,
            thresholds: levels
                .iter()
                .map(|v| Threshold { value: *v, severity: Severity::Warning })
                .collect(),
            clear: None,
            hold: Duration::ZERO,
            keep_firing: Duration::ZERO,
            min_requests: 0,
            cooldown: Duration::ZERO,
            ..rule()
        };
        let period =
            |value: f64, period| Sample { value: Some(value), evidence: 0, period: Some(period) };
        let samples = [
            (0, period(0.81, 1)),
            (1, period(0.82, 1)),
            (2, period(0.91, 1)),
            (3, period(0.79, 1)),
            (4, period(0.95, 1)),
            (5, period(1.2, 1)),
            (6, period(0.1, 2)),
            (7, period(0.85, 2)),
        ];
        let fired: Vec<_> = run(&rule, &samples)
            .into_iter()
            .filter_map(|(s, v)| matches!(v, Verdict::Fired(_)).then_some(s))
            .collect();
        assert_eq!(fired, vec![0, 2, 5, 7]);
    }
}
