//! What rules watch and nothing was ever heard of: there is no row to judge. A rule that
//! is to fire then is asked itself, once enough was read to have heard of one; of others
//! it is told in the end, for a misspelt name looks like peace.

use std::time::Duration;

use super::alerts::{Grounds, Series};
use super::effect::{Effect, Labels};
use super::series::About;
use super::{Engine, SourceRow};
use crate::domain::Stamp;
use crate::rules::{Family, OnNoData, RuleSpec, Sample, Severity};
use crate::stats::Known;

/// So long a run waits for the first word of what it watches; at the end of what there
/// is to read it need not.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long until it is told that a rule has matched nothing.
const NEVER: Duration = Duration::from_secs(86_400);

/// The kind of finding that tells so.
const UNMATCHED: &str = "rule_matched_nothing";

/// Rules of a person's own that nothing was heard of yet; none is looked for before the
/// first look.
#[derive(Debug, Default)]
pub(super) struct Unmatched(Option<Vec<u16>>);

impl Engine {
    pub(super) fn judge_missing(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        for index in 0..self.book.count() {
            let wants = |rule: &RuleSpec| rule.on_no_data == OnNoData::Fire;
            let Some(rule) = self.book.rule(index).filter(|rule| wants(rule)) else { continue };
            if self.is_heard_of(index, rule.metric.family()) {
                self.book.appear(index, now, out);
            } else if self.has_listened(now) {
                let sample = Sample { value: None, evidence: 0, period: None };
                let judged = (sample, Grounds::Old);
                self.book.judge(index, Series::Missing(index), judged, now, &|| about(&rule), out);
            }
        }
    }

    /// Tell of rules that nothing was ever heard of.
    pub(super) fn find_unmatched(&mut self, now: Stamp) {
        let own = |rule: &RuleSpec| !rule.builtin && rule.on_no_data != OnNoData::Fire;
        let is_own = |index: &u16| self.book.rule(*index).is_some_and(|rule| own(&rule));
        let all = || (0..self.book.count()).filter(is_own).collect();
        let mut unmatched: Vec<u16> = self.unmatched.0.take().unwrap_or_else(all);
        let listened = match self.known() {
            Known::Since(since) => now.mono.since(since) >= NEVER,
            Known::NotYet => false,
        };
        unmatched.retain(|index| {
            let Some(rule) = self.book.rule(*index) else { return false };
            let heard = self.has_matched(*index, rule.metric.family());
            if heard {
                self.findings.unsay(UNMATCHED, &in_words(&rule));
            } else if listened && !self.findings.has(UNMATCHED, &in_words(&rule)) {
                let severity = (!rule.actions.is_empty()).then_some(Severity::Warning);
                self.findings.tell(UNMATCHED, severity, now.wall, &in_words(&rule));
            }
            !heard
        });
        self.unmatched.0 = Some(unmatched);
    }

    fn has_matched(&self, rule: u16, family: Family) -> bool {
        let watched = |rules: &[u16]| rules.contains(&rule);
        let known = match family {
            Family::Cap => self.caps.rows().iter().any(|row| watched(&row.rules)),
            Family::Source => self.sources.iter().any(|row| watched(&row.rules)),
            _ => self.is_heard_of(rule, family),
        };
        // An earlier run has heard of what its alert is about.
        known || self.book.has_alert(rule)
    }

    fn is_heard_of(&self, rule: u16, family: Family) -> bool {
        let watched = |rules: &[u16]| rules.contains(&rule);
        match family {
            Family::Limit => self.gauges.iter().any(|row| watched(&row.rules)),
            Family::Queue => self.queues.iter().any(|row| watched(&row.rules)),
            Family::Traffic => self.cells.traffic().any(|row| watched(&row.rules)),
            Family::Retries => self.cells.retries().any(|row| watched(&row.rules)),
            Family::Caller => self.cells.callers().any(|row| watched(&row.rules)),
            Family::Measure => self.measures.rows().iter().any(|row| watched(&row.rules)),
            // What is configured is there from the start.
            Family::Cap | Family::Source | Family::Switch | Family::Ledger => true,
        }
    }

    fn has_listened(&self, now: Stamp) -> bool {
        let ended = |row: &SourceRow| row.status.state == "ended";
        match self.known() {
            Known::Since(since) => {
                now.mono.since(since) >= PATIENCE || self.sources.iter().all(ended)
            }
            Known::NotYet => false,
        }
    }
}

fn in_words(rule: &RuleSpec) -> String {
    let labels = rule.matches.iter().map(|(label, value)| format!("{label} = \"{value}\""));
    let labels: Vec<String> = labels.collect();
    let of = if labels.is_empty() { String::new() } else { format!(" of {}", labels.join(", ")) };
    let acts = if rule.actions.is_empty() { "" } else { ", and trips nothing" };
    let (name, metric) = (&rule.name, rule.metric.word());
    format!(
        "rule {name} has matched nothing in 24 h{acts}: there was no {metric}{of}; is its match right?"
    )
}

fn about(rule: &RuleSpec) -> About {
    let label = |name: &&'static str| Some((*name, rule.matches.get(*name)?.as_str().into()));
    let labels: Labels = rule.metric.labels().iter().filter_map(label).collect();
    let words: Vec<&str> = labels.values().map(AsRef::as_ref).collect();
    let title = if words.is_empty() { rule.metric.word().to_owned() } else { words.join(" ") };
    About { labels, title, instead: None }
}
