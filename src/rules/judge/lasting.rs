//! What of a rule's state outlives a run. It is not judged again before there is data:
//! until then it is shown as what it is, known from before.
//!
//! Times are civil ones here, in nanoseconds since 1970: the other clock ends with its
//! process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Instance, Phase, PutOff, RuleSpec};
use crate::domain::{Mono, Stamp, Wall};
use crate::rules::Family;

/// What is judged over a minute knows all of it only then.
const SETTLES: Duration = Duration::from_secs(60);
/// So long nothing may have run, for what fired before to be the same alert. What a rule
/// sees reaches back an hour at most: after a longer time it sees nothing of what it saw.
const PLAUSIBLE: Duration = Duration::from_secs(3600);

/// One rule over one series, as it was when a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lasting {
    phase: Phase,
    since: i64,
    level: usize,
    level_since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worse: Option<(usize, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolved_at: Option<i64>,
    open: bool,
    acted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put_off: Option<Wait>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cools_since: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fired: Option<(i64, usize)>,
}

/// What its actions wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wait {
    Cooldown,
    Retry,
}

impl Lasting {
    /// Whether it had fired and was not resolved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }
}

impl Instance {
    /// What of it outlives this run.
    #[must_use]
    pub fn lasting(&self, now: Stamp) -> Lasting {
        let civil = |at: Mono| now.wall.minus(now.mono.since(at)).0;
        Lasting {
            phase: self.resumes.map_or(self.phase, |(phase, _)| phase),
            since: self.resumes.map_or(self.since, |(_, since)| since).wall.0,
            level: self.level,
            level_since: civil(self.level_since),
            worse: self.worse.map(|(level, since)| (level, civil(since))),
            value: self.value.filter(|value| value.is_finite()),
            resolved_at: self.resolved_at.map(civil),
            open: self.open,
            acted: self.acted,
            put_off: self.put_off.map(|put_off| match put_off {
                PutOff::CoolsUntil(_) => Wait::Cooldown,
                PutOff::WithheldUntil(_) => Wait::Retry,
            }),
            cools_since: self.cools_since.map(civil),
            fired: self.fired,
        }
    }

    /// Go on after nothing ran for as long as `down`; `None` if what was is no longer
    /// what is. Trips that were put off are due once they are [retried](Self::retry).
    #[must_use]
    pub fn go_on(rule: &RuleSpec, was: &Lasting, down: Duration, now: Stamp) -> Option<Instance> {
        rule.thresholds.get(was.level)?;
        let family = rule.metric.family();
        let lasts = match was.phase {
            // That it crossed all the time is not known.
            Phase::Pending => down <= rule.hold,
            // What caps count goes on exactly.
            Phase::Firing | Phase::NoData => family == Family::Cap || down <= PLAUSIBLE,
            Phase::Resolved => true,
        };
        if !lasts {
            return None;
        }
        let mono = |at: i64| now.mono_of(Wall(at));
        // The time in which nobody looked is none of a `for`.
        let held = |at: i64| now.mono.0.min(mono(at).plus(down).0);
        let begun = match was.phase {
            Phase::Pending => Mono(held(was.since)),
            _ => mono(was.since),
        };
        let waits = was.phase != Phase::Resolved;
        let by_minute =
            matches!(family, Family::Traffic | Family::Retries | Family::Caller | Family::Source);
        let cools_since = was.cools_since.map(mono);
        Some(Instance {
            phase: if waits { Phase::NoData } else { Phase::Resolved },
            since: Stamp { wall: Wall(was.since), mono: if waits { now.mono } else { begun } },
            level_since: mono(was.level_since),
            level: was.level,
            worse: was.worse.map(|(level, since)| (level, Mono(held(since)))),
            value: was.value,
            clear_since: None,
            resolved_at: was.resolved_at.map(mono),
            open: was.open,
            acted: was.acted,
            put_off: was.put_off.map(|wait| match (wait, cools_since) {
                (Wait::Cooldown, Some(since)) => PutOff::CoolsUntil(since.plus(rule.cooldown)),
                (Wait::Cooldown, None) => PutOff::CoolsUntil(now.mono),
                (Wait::Retry, _) => PutOff::WithheldUntil(Mono(u64::MAX)),
            }),
            cools_since,
            fired: was.fired,
            resumes: waits.then_some((was.phase, Stamp { wall: Wall(was.since), mono: begun })),
            settles: by_minute.then(|| now.mono.plus(SETTLES)),
        })
    }

    /// There is data: what was before goes on.
    pub(super) fn resume(&mut self) {
        if let Some((phase, since)) = self.resumes.take() {
            (self.phase, self.since) = (phase, since);
        }
    }

    /// What must be kept anew when it changes: all but its value.
    #[must_use]
    pub fn mark(&self) -> impl PartialEq + use<> {
        (self.phase, self.level, self.since, self.worse, self.acted, self.put_off, self.cools_since)
    }
}
