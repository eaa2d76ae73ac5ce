//! Alerts of an earlier run: what is handed on of each, and how a run goes on with them.
//!
//! Each awaits its series, which is known by its labels alone, and until there is data it
//! is shown as without data. None acts before that: what acts is judged on fresh data.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::{About, Alert, Brake, Rulebook, Series};
use crate::domain::{Mono, Stamp, Wall};
use crate::engine::effect::{Labels, Withheld};
use crate::engine::series;
use crate::rules::{Action, Family, Instance, Lasting, RuleSpec, Threshold};

/// Alerts that are handed on; those that fire first.
const KEPT: usize = 4096;

/// An alert as it outlives a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    rule: String,
    /// What the rule said: one that says otherwise now begins anew.
    says: u64,
    labels: BTreeMap<String, Arc<str>>,
    /// The window of a limit as it was kept before it was a label.
    #[serde(default, skip_serializing)]
    window_s: Option<u32>,
    /// It is about nothing having been heard of.
    missing: bool,
    title: String,
    was: Lasting,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withheld: Option<(Withheld, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brake: Option<LastingBrake>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acked_by: Option<String>,
    /// Somebody heard that it is pending, and waits for its end.
    is_awaited: bool,
}

/// What became of its trip, and when; nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LastingBrake {
    Asked(i64),
    Spent(i64),
    Cools(i64),
}

impl AlertRecord {
    /// What it is about, if it fired and was not resolved.
    pub fn open(&self) -> Option<&str> {
        self.was.is_open().then_some(&*self.title)
    }

    /// What it says it is about, by that label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(|text| &**text)
    }
}

impl Rulebook {
    /// Whether what outlives the run has changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether it has.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Whether there is any alert.
    #[must_use]
    pub fn any_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// What outlives the run.
    pub fn records(&self, now: Stamp) -> impl Iterator<Item = AlertRecord> {
        let mut live: Vec<_> = self.live.iter().collect();
        live.sort_by_key(|(key, alert)| (!alert.instance.is_open(), **key));
        live.into_iter().take(KEPT).map(move |((index, series), alert)| {
            let labels = alert.labels.iter();
            AlertRecord {
                rule: alert.rule.name.clone(),
                says: self.says.get(*index as usize).copied().unwrap_or(0),
                labels: labels.map(|(name, text)| ((*name).into(), Arc::clone(text))).collect(),
                window_s: None,
                missing: matches!(series, Series::Missing(_)),
                title: alert.title.clone(),
                was: alert.instance.lasting(now),
                withheld: alert.withheld.clone(),
                brake: alert.brake.map(|brake| match brake {
                    Brake::Asked(at) => LastingBrake::Asked(at.0),
                    Brake::Spent { asked, .. } => LastingBrake::Spent(asked.0),
                    Brake::Cools(at) => LastingBrake::Cools(at.0),
                }),
                acked_by: alert.acked_by.clone(),
                is_awaited: alert.is_awaited,
            }
        })
    }

    /// Take over an alert after nothing ran for as long as `down`. Answers its labels
    /// if it is one of a stop, whose series only this may bring back; or why it ends.
    pub fn go_on(
        &mut self,
        record: &AlertRecord,
        down: Duration,
        now: Stamp,
    ) -> Result<Option<Labels>, &'static str> {
        let rules = (0u16..).zip(self.rules.iter().zip(&self.says));
        let known = |(_, (rule, says)): &(u16, (&Arc<RuleSpec>, &u64))| {
            rule.name == record.rule && **says == record.says
        };
        let (index, (rule, _)) = rules.into_iter().find(known).ok_or("its rule is another now")?;
        let labels = labels(rule, record).ok_or("its rule is another now")?;
        let instance = Instance::go_on(rule, &record.was, down, now);
        let mut instance = instance.ok_or("nothing ran for too long")?;
        let failed =
            |(why, _): &(Withheld, String)| matches!(why, Withheld::Failed | Withheld::Covered);
        if record.withheld.as_ref().is_some_and(failed) {
            instance.retry(now.mono);
        }
        let alert = Alert {
            rule: Arc::clone(rule),
            instance,
            labels: labels.clone(),
            title: record.title.clone(),
            instead: None,
            withheld: record.withheld.clone(),
            brake: record.brake.map(|brake| match brake {
                LastingBrake::Asked(at) => Brake::Asked(Wall(at)),
                LastingBrake::Spent(at) => Brake::Spent { asked: Wall(at), reset: now.mono },
                LastingBrake::Cools(at) => Brake::Cools(Wall(at)),
            }),
            acked_by: record.acked_by.clone(),
            told_pending: record.is_awaited.then_some(now.mono),
            is_awaited: record.is_awaited,
        };
        let of_stop = (rule.metric.family() == Family::Switch).then_some(labels);
        let series = if record.missing {
            Series::Missing(index)
        } else {
            self.awaited.push(index);
            // All are taken over at once, before any is found again.
            Series::Awaited(u32::try_from(self.awaited.len()).unwrap_or(u32::MAX))
        };
        self.live.insert((index, series), alert);
        self.changed = true;
        Ok(of_stop)
    }

    /// What alerts of an earlier run asked for stands, or was reset since. What is only gone
    /// is asked for again.
    pub fn stops_of_before(
        &mut self,
        stands: impl Fn(&str) -> bool,
        was_reset: impl Fn(&str, Wall) -> bool,
        now: Mono,
    ) {
        for alert in self.live.values_mut() {
            let gone: Vec<String> = alert.trips().filter(|scope| !stands(scope)).collect();
            match alert.brake {
                Some(Brake::Asked(asked) | Brake::Spent { asked, .. }) if gone.is_empty() => {
                    alert.brake = Some(Brake::Asked(asked));
                }
                Some(Brake::Asked(asked)) => {
                    let lost = gone.into_iter().find(|scope| !was_reset(scope, asked));
                    alert.brake = lost.is_none().then_some(Brake::Spent { asked, reset: now });
                    if let Some(scope) = lost {
                        alert.instance.undone(now);
                        alert.withheld = Some((Withheld::Failed, scope));
                    }
                }
                _ => {}
            }
        }
    }

    /// A series is heard of: if an alert of an earlier run is about it, that one goes on.
    pub fn find_awaited(&mut self, index: u16, series: Series, about: &dyn Fn() -> About) {
        if !self.awaited.contains(&index) || self.live.contains_key(&(index, series)) {
            return;
        }
        let About { labels, title, instead } = about();
        let is_it = |key: &(u16, Series), alert: &Alert| {
            key.0 == index && matches!(key.1, Series::Awaited(_)) && alert.labels == labels
        };
        let key = self.live.iter().find(|(key, alert)| is_it(key, alert)).map(|(key, _)| *key);
        let Some(mut alert) = key.and_then(|key| self.live.remove(&key)) else { return };
        (alert.title, alert.instead) = (title, instead);
        self.live.insert((index, series), alert);
        forget_one(&mut self.awaited, index);
        self.changed = true;
    }
}

/// One alert of that rule is awaited no more.
pub(super) fn forget_one(awaited: &mut Vec<u16>, index: u16) {
    if let Some(position) = awaited.iter().position(|rule| *rule == index) {
        awaited.swap_remove(position);
    }
}

/// The names of labels are those of the rule's metric, or it is no alert of it.
fn labels(rule: &RuleSpec, record: &AlertRecord) -> Option<Labels> {
    let name = |name: &String| rule.metric.labels().iter().find(|known| *known == name);
    let texts = record.labels.iter();
    let labels = texts.map(|(text, value)| Some((*name(text)?, Arc::clone(value))));
    let mut labels: Labels = labels.collect::<Option<_>>()?;
    if let Some(window_s) = record.window_s {
        labels.insert(series::WINDOW, series::window(window_s));
    }
    Some(labels)
}

/// What a rule says, as a number that another version of this program finds as well:
/// what it watches and does, but not how that is told.
pub(super) fn says(rule: &RuleSpec) -> u64 {
    let RuleSpec {
        name: _,
        metric,
        matches,
        direction,
        thresholds,
        clear,
        hold,
        keep_firing,
        actions,
        min_requests,
        cooldown,
        on_no_data,
        runbook: _,
        builtin: _,
    } = rule;
    let mut text = format!("{} {matches:?} {}", metric.word(), direction.word());
    for Threshold { value, severity } in thresholds {
        let _ = write!(text, " {value} {}", severity.word());
    }
    let _ = write!(text, " {clear:?} {hold:?} {keep_firing:?}");
    for Action::Trip(scope) in actions {
        let _ = write!(text, " trip:{scope:?}");
    }
    let _ = write!(text, " {min_requests} {cooldown:?} {}", on_no_data.word());
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
