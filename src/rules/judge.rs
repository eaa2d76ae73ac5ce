//! The state machine of one rule over one series: inactive, pending, firing,
//! resolved, and "no data", which is never a silent ok.

mod lasting;

use std::time::Duration;

pub use lasting::Lasting;

use super::spec::{OnNoData, RuleSpec, Severity};
use crate::domain::limit::words;
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
    /// It was firing when its data went away, or its run ended.
    NoData,
}

words!(Phase {
    Pending = "pending", Firing = "firing", Resolved = "resolved", NoData = "no_data",
});

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
    /// It crossed back, or its data went away, before its `for` was over.
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
    /// Since when it is that at the present level.
    level_since: Mono,
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
    /// Without data: what it is again once there is some, and since when.
    resumes: Option<(Phase, Stamp)>,
    /// It does not clear before that: what it is judged by fills only then.
    settles: Option<Mono>,
}

/// How long an alert that is over, or whose data went away, stays on the screen.
const SHOWN_AFTER_END: Duration = Duration::from_secs(15 * 60);
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
            level_since: now.mono,
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
            resumes: None,
            settles: None,
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
        self.resume();
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
                self.level_since = now.mono;
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

    /// What its actions had done is gone, by no word of anybody: they are due again when it
    /// next crosses.
    pub fn undone(&mut self, now: Mono) {
        self.acted = false;
        self.put_off = Some(PutOff::WithheldUntil(now));
    }

    /// What was withheld can be carried out now.
    pub fn retry(&mut self, now: Mono) {
        if let Some(PutOff::WithheldUntil(again)) = &mut self.put_off {
            *again = now;
        }
    }

    /// It is over, though no value says so; `value` is the last word on it, if there is one.
    pub fn end(&mut self, value: Option<f64>, now: Stamp) -> Verdict {
        self.value = value.or(self.value);
        match self.phase {
            Phase::Resolved => Verdict::Same,
            Phase::Pending | Phase::NoData => self.withdraw(now),
            Phase::Firing => self.resolve(now),
        }
    }

    fn clear(&mut self, rule: &RuleSpec, now: Stamp) -> Verdict {
        match self.phase {
            Phase::Pending => self.withdraw(now),
            Phase::NoData if !self.open => self.withdraw(now),
            Phase::NoData | Phase::Firing => {
                let since = *self.clear_since.get_or_insert(now.mono);
                let settling = self.settles.is_some_and(|at| now.mono < at);
                if settling || now.mono.since(since) < rule.keep_firing {
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
        match self.phase {
            // Whether it is over is not known: it goes on, or ends, once there is data.
            Phase::Firing => {
                self.resumes = Some((Phase::Firing, self.since));
                (self.phase, self.since) = (Phase::NoData, now);
                (self.clear_since, self.worse) = (None, None);
            }
            // Of what never fired nothing is left to wait for.
            Phase::Pending => return self.withdraw(now),
            Phase::Resolved | Phase::NoData => {}
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
        self.resumes = None;
        self.since = now;
        self.level_since = now.mono;
        self.clear_since = None;
        self.worse = None;
    }

    /// When it changes by itself, if its value stays as it is: it fires, gets worse, acts,
    /// resolves, or is over for so long that it is forgotten.
    #[must_use]
    pub fn due(&self, rule: &RuleSpec) -> Option<Mono> {
        let clears = self.clear_since.map(|since| since.plus(rule.keep_firing));
        let worsens = self.worse.map(|(_, since)| since.plus(rule.hold));
        let acts = self.put_off.map(|(PutOff::CoolsUntil(at) | PutOff::WithheldUntil(at))| at);
        let (ends, cools) = (self.since.mono.plus(self.shown_for()), self.cools_since);
        match self.phase {
            Phase::Pending => Some(self.since.mono.plus(rule.hold)),
            Phase::Firing => {
                let clears = clears.map(|at| self.settles.map_or(at, |settles| at.max(settles)));
                clears.into_iter().chain(worsens).chain(acts).min()
            }
            Phase::Resolved | Phase::NoData => {
                Some(cools.map_or(ends, |since| ends.max(since.plus(rule.cooldown))))
            }
        }
    }

    /// For how long it is remembered once it has ended.
    fn shown_for(&self) -> Duration {
        match self.phase {
            Phase::Resolved if self.resolved_at.is_none() => REMEMBERED,
            _ => SHOWN_AFTER_END,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it has fired and was not resolved since.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether it fires although its value is well by now, for what clears may cross again.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.phase == Phase::Firing && self.clear_since.is_some()
    }

    /// Whether it fired and is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Resolved && self.resolved_at.is_some()
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

    /// How long it has been as bad as now.
    #[must_use]
    pub fn level_age(&self, now: Mono) -> Duration {
        now.since(self.level_since)
    }

    /// Whether it can get worse, and by that act again before it has resolved.
    #[must_use]
    pub fn can_worsen(&self, rule: &RuleSpec) -> bool {
        self.level + 1 < rule.thresholds.len()
    }

    /// Until when it cools down, where it fires and acts only then.
    #[must_use]
    pub fn cools_until(&self) -> Option<Mono> {
        match self.put_off {
            Some(PutOff::CoolsUntil(at)) if self.phase == Phase::Firing => Some(at),
            _ => None,
        }
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

    /// Whether it can be forgotten: resolved or without data, no longer shown, cooled
    /// down, and with no threshold of this period to remember.
    #[must_use]
    pub fn is_spent(&self, rule: &RuleSpec, period: Option<i64>, now: Mono) -> bool {
        let fired_in = self.fired.map(|(fired_in, _)| fired_in);
        let remembers = rule.thresholds.len() > 1 && period.is_some() && fired_in == period;
        if matches!(self.phase, Phase::Pending | Phase::Firing) {
            return false;
        }
        let is_cool = self.cools_since.is_none_or(|since| now.since(since) >= rule.cooldown);
        !remembers && is_cool && self.age(now) >= self.shown_for()
    }

    /// Whether it is worth showing: it pends or fires, or did not long ago.
    #[must_use]
    pub fn is_shown(&self, now: Mono) -> bool {
        match self.phase {
            Phase::Pending | Phase::Firing => true,
            Phase::NoData => self.age(now) < SHOWN_AFTER_END,
            Phase::Resolved => self.resolved_at.is_some() && self.age(now) < SHOWN_AFTER_END,
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
    rule.thresholds.iter().rposition(|threshold| rule.direction.crosses(value, threshold.value))
}

/// Is the value on the good side of `clear`?
fn is_clear(rule: &RuleSpec, sample: Sample) -> bool {
    let Some(value) = sample.value else { return rule.on_no_data == OnNoData::Ok };
    let mildest = rule.thresholds.first().map(|t| t.value);
    let Some(clear) = rule.clear.or(mildest) else { return true };
    !rule.direction.crosses(value, clear)
}

#[cfg(test)]
mod tests;
