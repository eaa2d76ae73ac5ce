//! What a rule is to fire without, and nothing was ever heard of: there is no row to
//! judge, so the rule itself is asked, once enough was read to have heard of one.

use std::time::Duration;

use super::alerts::{Grounds, Series};
use super::effect::{Effect, Labels};
use super::series::About;
use super::{Engine, SourceRow};
use crate::domain::Stamp;
use crate::rules::{Family, OnNoData, RuleSpec, Sample};
use crate::stats::Known;

/// So long a run waits for the first word of what it watches; at the end of what there
/// is to read it need not.
const PATIENCE: Duration = Duration::from_secs(60);

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

fn about(rule: &RuleSpec) -> About {
    let label = |name: &&'static str| Some((*name, rule.matches.get(*name)?.as_str().into()));
    let labels: Labels = rule.metric.labels().iter().filter_map(label).collect();
    let words: Vec<&str> = labels.values().map(AsRef::as_ref).collect();
    let title = if words.is_empty() { rule.metric.word().to_owned() } else { words.join(" ") };
    About { labels, title, instead: None }
}
