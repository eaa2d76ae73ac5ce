//! The rules at work: which series each one watches, and the alerts that live.

mod announce;
mod awaited;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::effect::{Effect, Labels, Withheld};
use super::series::About;
use super::wording;
use announce::{announce, ended_without_data, trip_scope};
pub use awaited::AlertRecord;
use awaited::forget_one;

use crate::domain::{Mono, Stamp, Wall};
use crate::rules::{Action, Family, Instance, Metric, OnNoData, Phase, RuleSpec, Sample, Verdict};

/// A series that rules watch, by its place in the engine's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the tables")]
pub enum Series {
    Limit(u32),
    Cap(u32),
    Queue(u32),
    Traffic(u32),
    Retries(u32),
    Caller(u32),
    Source(u32),
    Host(u32),
    Measure(u32),
    Ledger,
    /// What a rule watches and nothing was heard of.
    Missing(u16),
    /// Something of an earlier run that was not heard of again, by number.
    Awaited(u32),
}

/// Whether what was judged is fresh enough to stop production on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// It is.
    Fresh,
    /// It is old: totals and screens only.
    Old,
}

/// All rules and their live alerts.
#[derive(Debug)]
pub struct Rulebook {
    rules: Vec<Arc<RuleSpec>>,
    /// What each of them says, in a number.
    says: Vec<u64>,
    live: HashMap<(u16, Series), Alert, FxBuildHasher>,
    /// The rules of the alerts that await their series.
    awaited: Vec<u16>,
    /// Something changed that outlives the run.
    changed: bool,
}

/// One rule over one series, once it has crossed.
#[derive(Debug)]
pub struct Alert {
    /// The rule.
    pub rule: Arc<RuleSpec>,
    /// Its state machine.
    pub instance: Instance,
    /// What it is about.
    pub labels: Labels,
    /// The same for people.
    pub title: String,
    /// What is said in place of numbers, where there are none.
    instead: Option<&'static str>,
    /// The trip it asked for that was not carried out, and why not.
    withheld: Option<(Withheld, String)>,
    /// What became of the trip that it asked for, or will ask for.
    brake: Option<Brake>,
    /// Who took it.
    pub acked_by: Option<String>,
    /// When it was last said to be pending.
    told_pending: Option<Mono>,
    /// It was said to be pending, and not what came of that.
    is_awaited: bool,
}

/// Where a rule that trips stands while it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brake {
    /// It asked for its trip then.
    Asked(Wall),
    /// And a person has reset that since.
    Spent { asked: Wall, reset: Mono },
    /// It asks for it then.
    Cools(Wall),
}

/// Why an alert is over, though no value says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    /// This is the last word on it.
    At(f64),
    /// What it is about has ended.
    Settled,
    /// Nothing more is heard of it.
    Unheard,
    /// Its calls are stopped.
    Stopped,
}

/// How often live alerts are judged while nothing comes in.
const LIVELY: Duration = Duration::from_millis(250);
/// So long after a reset the first data is still what was stopped for.
const REMEMBERED: Duration = Duration::from_secs(86_400);

impl Alert {
    /// Why it did not trip what it should, in a word.
    #[must_use]
    pub fn withheld(&self) -> Option<&'static str> {
        match (self.withheld_now(), self.brake()) {
            (Some((Withheld::Disarmed, _)), _) => Some("disarmed"),
            (Some((Withheld::Failed | Withheld::Nameless, _)), _) => Some("NOT TRIPPED"),
            (Some((Withheld::Covered, _)), _) => Some("covered"),
            (Some((Withheld::Looking, _)), _) => Some("read-only"),
            (None, Some(Brake::Spent { .. })) => Some("won't trip"),
            (None, Some(Brake::Cools(_))) => Some("cools down"),
            (None, Some(Brake::Asked(_)) | None) => None,
        }
    }

    /// The scopes that it trips.
    pub fn trips(&self) -> impl Iterator<Item = String> {
        self.rule.actions.iter().filter_map(|Action::Trip(to)| trip_scope(to, &self.labels).ok())
    }

    /// What it will do about a scope that it trips once that is reset, if it goes on
    /// as now; `None` if it has no reason to.
    #[must_use]
    pub fn then(&self) -> Option<String> {
        match (self.instance.phase(), self.withheld_now(), self.brake()) {
            (Phase::Pending, ..) => Some("may trip it again".to_owned()),
            (Phase::Firing, Some((Withheld::Disarmed, _)), _) => {
                Some("trips it when rules are armed".to_owned())
            }
            (Phase::Firing, Some((Withheld::Failed | Withheld::Covered, _)), _) => {
                Some("tries again to trip it".to_owned())
            }
            (Phase::Firing, None, Some(Brake::Asked(_) | Brake::Spent { .. })) => {
                Some(wording::spent(self.instance.can_worsen(&self.rule)).to_owned())
            }
            (Phase::Firing, None, Some(Brake::Cools(until))) => {
                Some(wording::cools(until, self.rule.cooldown))
            }
            _ => None,
        }
    }

    /// It has tripped and has not cleared since, as far as is known: however long its stop
    /// stands, which leaves no data, it does not trip again by the first that comes.
    fn remembers_its_trip(&self, now: Mono) -> bool {
        self.instance.phase() == Phase::NoData
            && match self.brake {
                Some(Brake::Asked(_)) => true,
                Some(Brake::Spent { reset, .. }) => now.since(reset) < REMEMBERED,
                Some(Brake::Cools(_)) | None => false,
            }
    }

    fn brake(&self) -> Option<Brake> {
        self.brake.filter(|_| self.instance.phase() == Phase::Firing)
    }

    fn withheld_now(&self) -> Option<&(Withheld, String)> {
        self.withheld.as_ref().filter(|_| self.instance.phase() == Phase::Firing)
    }

    fn trips_scope(&self, scope: &str) -> bool {
        self.trips().any(|trips| trips == scope)
    }

    /// The threshold that was crossed.
    #[must_use]
    pub fn threshold(&self) -> Option<f64> {
        self.instance.threshold(&self.rule).map(|(value, _)| value)
    }

    /// The last known value. Where there is no data any more, what would be well is none:
    /// nobody said it, it only was to be expected.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let is_bad = |value: &f64| {
            self.threshold().is_none_or(|line| self.rule.direction.crosses(*value, line))
        };
        let value = self.instance.value();
        if self.instance.phase() == Phase::NoData { value.filter(is_bad) } else { value }
    }

    /// One sentence: what is wrong, with the numbers.
    #[must_use]
    pub fn summary(&self) -> String {
        let (value, threshold) = (self.value(), self.threshold());
        let text = match self.instead.filter(|_| wording::is_spent(self.rule.metric, value)) {
            Some(words) => format!("{}: {words}", self.title),
            // Of a new period there is no forecast yet.
            None if self.rule.metric == Metric::SpendCapIn
                && self.instance.is_over()
                && value.is_some_and(|left| left <= 0.0) =>
            {
                wording::cap_spent(&self.title, "was")
            }
            None => {
                let text = wording::alert(&self.rule, &self.title, value, threshold);
                let is_old = self.instance.phase() == Phase::NoData && value.is_some();
                match (is_old, self.instance.is_kept()) {
                    (true, _) => text + " when last heard",
                    (_, true) => text + ", clearing",
                    _ => text,
                }
            }
        };
        match (self.withheld_now(), self.brake()) {
            (Some((why, scope)), _) => wording::withheld(*why, scope, &text),
            (None, Some(Brake::Spent { asked, .. })) => {
                let then = wording::spent(self.instance.can_worsen(&self.rule));
                format!("acted {}, reset since, {then}: {text}", wording::minute(asked))
            }
            (None, Some(Brake::Cools(until))) => {
                format!("{}: {text}", wording::cools(until, self.rule.cooldown))
            }
            (None, Some(Brake::Asked(_)) | None) => text,
        }
    }
}

impl Rulebook {
    /// A book of these rules, in order.
    #[must_use]
    pub fn new(rules: Vec<RuleSpec>) -> Rulebook {
        let says = rules.iter().map(awaited::says).collect();
        let rules = rules.into_iter().map(Arc::new).collect();
        let live = HashMap::with_hasher(FxBuildHasher);
        Rulebook { rules, says, live, awaited: Vec::new(), changed: false }
    }

    /// The rules that watch a series of this family with these labels.
    #[must_use]
    pub fn matching(&self, family: Family, labels: &Labels) -> Box<[u16]> {
        let watches = |rule: &RuleSpec| {
            rule.metric.family() == family
                && rule.matches.iter().all(|(name, wanted)| {
                    // `outcome` chooses what is counted, not which series.
                    let label = labels.get(name.as_str());
                    name == "outcome"
                        || label.is_some_and(|label| wanted == "*" || **label == **wanted)
                })
        };
        let numbered = (0u16..).zip(&self.rules);
        numbered.filter(|(_, rule)| watches(rule)).map(|(index, _)| index).collect()
    }

    /// A rule by number.
    #[must_use]
    pub fn rule(&self, index: u16) -> Option<Arc<RuleSpec>> {
        self.rules.get(index as usize).cloned()
    }

    /// Judge one rule over one series.
    pub fn judge(
        &mut self,
        index: u16,
        series: Series,
        judged: (Sample, Grounds),
        now: Stamp,
        about: &dyn Fn() -> About,
        out: &mut Vec<Effect>,
    ) {
        let (mut sample, grounds) = judged;
        let Some(rule) = self.rules.get(index as usize) else { return };
        if !rule.actions.is_empty() && grounds == Grounds::Old {
            // What is old is no data; it must not begin to fire by that.
            if rule.on_no_data == OnNoData::Fire || !self.live.contains_key(&(index, series)) {
                return;
            }
            sample.value = None;
        }
        let heard = sample.value.is_some() || rule.on_no_data == OnNoData::Fire;
        if heard {
            self.find_awaited(index, series, about);
        }
        let Some(rule) = self.rules.get(index as usize) else { return };
        let verdict = if let Some(alert) = self.live.get_mut(&(index, series)) {
            let before = alert.instance.mark();
            let verdict = alert.instance.judge(rule, sample, now);
            self.changed |= before != alert.instance.mark();
            verdict
        } else {
            let Some((instance, verdict)) = Instance::start(rule, sample, now) else { return };
            self.changed = true;
            let About { labels, title, instead } = about();
            let alert = Alert {
                rule: Arc::clone(rule),
                instance,
                labels,
                title,
                instead,
                withheld: None,
                brake: None,
                acked_by: None,
                told_pending: None,
                is_awaited: false,
            };
            self.live.insert((index, series), alert);
            verdict
        };
        if verdict != Verdict::Same
            && let Some(alert) = self.live.get_mut(&(index, series))
        {
            announce(alert, verdict, Over::Unheard, now, out);
        }
    }

    /// What an alert is about is over, though no value says so.
    pub fn end(
        &mut self,
        index: u16,
        series: Series,
        over: Over,
        now: Stamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(alert) = self.live.get_mut(&(index, series)) else { return };
        let value = if let Over::At(value) = over { Some(value) } else { None };
        let verdict = alert.instance.end(value, now);
        if verdict != Verdict::Same {
            self.changed = true;
            announce(alert, verdict, over, now, out);
        }
    }

    /// Whether there is an alert about a series.
    #[must_use]
    pub fn is_live(&self, series: Series) -> bool {
        (0u16..).zip(&self.rules).any(|(index, _)| self.live.contains_key(&(index, series)))
    }

    /// Whether there is an alert of a rule about a series that has fired and not been
    /// resolved; of an earlier run's it is not known which series it is about.
    #[must_use]
    pub fn fires(&self, index: u16, series: Series) -> bool {
        let live = self.live.get(&(index, series));
        live.map_or(self.awaited.contains(&index), |alert| alert.instance.is_open())
    }

    /// Whether there is an alert of a rule, of this run or an earlier one.
    #[must_use]
    pub fn has_alert(&self, index: u16) -> bool {
        self.live.keys().any(|(rule, _)| *rule == index)
    }

    /// A series is called otherwise from now on.
    pub fn rename(&mut self, series: Series, title: &str) {
        let named = self.live.iter_mut().filter(|((_, known), _)| *known == series);
        named.for_each(|(_, alert)| title.clone_into(&mut alert.title));
    }

    /// How many rules there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        u16::try_from(self.rules.len()).unwrap_or(u16::MAX)
    }

    /// What a rule missed is there.
    pub fn appear(&mut self, index: u16, now: Stamp, out: &mut Vec<Effect>) {
        let Some(mut alert) = self.live.remove(&(index, Series::Missing(index))) else { return };
        self.changed = true;
        if alert.instance.is_open() {
            announce(&mut alert, Verdict::Resolved, Over::Unheard, now, out);
        }
    }

    /// A series stands for something else from now on: what was said of it is over.
    pub fn begin(&mut self, series: Series) {
        for (index, _) in (0u16..).zip(&self.rules) {
            self.changed |= self.live.remove(&(index, series)).is_some();
        }
    }

    /// Put a name on a live alert. Answers whether there is such an alert.
    pub fn acknowledge(&mut self, rule: &str, labels: &Labels, by: &str) -> bool {
        let found = self.live.values_mut().find(|a| a.rule.name == rule && a.labels == *labels);
        let Some(alert) = found else { return false };
        alert.acked_by = Some(by.to_owned());
        self.changed = true;
        true
    }

    /// A rule's trip of that scope was not carried out: ask again at `again`. What does
    /// not fire has asked for nothing.
    pub fn withhold(&mut self, rule: &str, scope: &str, why: Withheld, again: Mono) {
        let asked = |alert: &Alert| {
            alert.rule.name == rule
                && alert.instance.phase() == Phase::Firing
                && alert.trips_scope(scope)
        };
        // Of several stops that one rule asks for, what failed is tried again.
        let has_failed = |alert: &Alert| matches!(&alert.withheld, Some((Withheld::Failed, failed)) if *failed != scope);
        let is_less = |alert: &Alert| why == Withheld::Covered && has_failed(alert);
        for alert in self.live.values_mut().filter(|alert| asked(alert) && !is_less(alert)) {
            self.changed = true;
            alert.instance.withhold(again);
            alert.withheld = Some((why, scope.to_owned()));
            alert.brake = None;
        }
    }

    /// Whether a rule still asks for a trip of that scope that could not be made.
    #[must_use]
    pub fn still_asks(&self, scope: &str) -> bool {
        let failed = |alert: &Alert| matches!(alert.withheld, Some((Withheld::Failed, _)));
        self.live.values().any(|alert| failed(alert) && alert.trips_scope(scope))
    }

    /// A scope is stopped, or is not any more: what tripped it has acted, and does not
    /// by itself act again.
    pub fn stopped(&mut self, scope: &str, stands: bool, now: Mono) {
        self.changed = true;
        for alert in self.live.values_mut().filter(|alert| alert.trips_scope(scope)) {
            alert.brake = match alert.brake {
                Some(Brake::Asked(asked)) if !stands => Some(Brake::Spent { asked, reset: now }),
                Some(Brake::Spent { asked, .. }) if stands => Some(Brake::Asked(asked)),
                other => other,
            };
        }
    }

    /// What was withheld can be carried out now: ask at the next judgement.
    pub fn retry(&mut self, now: Mono) {
        self.live.values_mut().for_each(|alert| alert.instance.retry(now));
    }

    /// A stop is over that may have covered what could not be made.
    pub fn uncover(&mut self, now: Mono) {
        let is_covered = |alert: &Alert| matches!(alert.withheld, Some((Withheld::Covered, _)));
        let covered = self.live.values_mut().filter(|alert| is_covered(alert));
        covered.for_each(|alert| alert.instance.retry(now));
    }

    /// Forget what is over, and say so of what ends without having been resolved.
    /// `period_of` tells the present period of a series.
    pub fn forget_spent(
        &mut self,
        now: Stamp,
        period_of: impl Fn(Series) -> Option<i64>,
        out: &mut Vec<Effect>,
    ) {
        let Rulebook { live, awaited, changed, .. } = self;
        live.retain(|(index, series), alert| {
            let spent = alert.instance.is_spent(&alert.rule, period_of(*series), now.mono)
                && !alert.remembers_its_trip(now.mono);
            if spent && alert.instance.phase() == Phase::NoData {
                if alert.instance.is_open() {
                    out.push(Effect::Event(ended_without_data(alert, now)));
                } else {
                    // It pended when its run ended.
                    announce(alert, Verdict::Withdrawn, Over::Unheard, now, out);
                }
            }
            if spent && matches!(series, Series::Awaited(_)) {
                forget_one(awaited, *index);
            }
            *changed |= spent;
            !spent
        });
    }

    /// Alerts worth showing, firing ones first, then by severity and age.
    #[must_use]
    pub fn shown(&self, now: Stamp) -> Vec<&Alert> {
        let is_shown =
            |alert: &Alert| alert.instance.is_shown(now.mono) || alert.remembers_its_trip(now.mono);
        let shown = self.live.iter().filter(|(_, alert)| is_shown(alert));
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by_key(|((index, series), alert)| {
            let rank = match alert.instance.phase() {
                Phase::Firing => 0,
                Phase::NoData => 1,
                Phase::Pending => 2,
                Phase::Resolved => 3,
            };
            let severity = alert.instance.threshold(&alert.rule).map(|(_, severity)| severity);
            let since = alert.instance.since();
            (rank, std::cmp::Reverse(severity), std::cmp::Reverse(since), *index, *series)
        });
        shown.into_iter().map(|(_, alert)| alert).collect()
    }

    /// Whether there is an alert of a rule about a series.
    #[must_use]
    pub fn is_about(&self, index: u16, series: Series) -> bool {
        self.live.contains_key(&(index, series))
    }

    /// When alerts change by themselves, if what they judge stays as it is.
    pub fn dues(&self) -> impl Iterator<Item = Mono> {
        self.live.values().filter_map(|alert| alert.instance.due(&alert.rule))
    }

    /// The longest pause after which a judgement may change by itself.
    #[must_use]
    pub fn pulse(&self, now: Mono) -> Option<Duration> {
        let waits = |alert: &Alert| match alert.instance.phase() {
            // Only data ends that, and is judged when it comes.
            Phase::Resolved | Phase::NoData => None,
            // What may stop traffic is judged when its `for` ends, not some time after.
            Phase::Pending => {
                let left = alert.rule.hold.saturating_sub(alert.instance.age(now));
                Some(if left.is_zero() { LIVELY } else { left.min(LIVELY) })
            }
            Phase::Firing => Some(LIVELY),
        };
        self.live.values().filter_map(waits).min()
    }
}

#[cfg(test)]
mod tests;
