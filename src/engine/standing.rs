//! What stands when a run ends and must still stand in the next one: alerts, and what
//! hosts did about stops. Whoever keeps it gets it whole, with the moment it was so; the
//! file offsets of the same commit say from which line on a next run adds to it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Engine;
use super::alerts::AlertRecord;
use super::effect::Labels;
use super::switches::StopRecord;
use crate::domain::{Mono, NameKind, Stamp, Wall};
use crate::rules::Family;

/// While anything stands, it is said again so often that it does: how long nothing ran
/// is known by it.
const SAID_AGAIN: Duration = Duration::from_secs(30);

/// One thing that stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Standing {
    /// An alert.
    Alert(Box<AlertRecord>),
    /// A stop, and who obeyed it.
    Stop(StopRecord),
}

/// When it was last handed on.
#[derive(Debug, Default)]
pub struct Said {
    at: Option<Mono>,
    any: bool,
}

impl Engine {
    /// Whether what stands should be kept anew.
    #[must_use]
    pub fn standing_is_due(&self, now: Mono) -> bool {
        let changed = self.book.has_changed() || self.switches.has_changed();
        let again = self.said.at.is_none_or(|at| now.since(at) >= SAID_AGAIN);
        changed || (again && (self.said.any || self.any_stands()))
    }

    /// What stands now, if it should be kept anew: all of it, in the place of what was
    /// handed on before.
    pub fn take_standing(&mut self, now: Stamp) -> Option<Vec<Standing>> {
        if !self.standing_is_due(now.mono) {
            return None;
        }
        self.book.take_changed();
        self.switches.take_changed();
        let alerts = self.book.records(now).map(|record| Standing::Alert(Box::new(record)));
        let stops = self.switches.records(&self.names, now).map(Standing::Stop);
        let standing: Vec<Standing> = alerts.chain(stops).collect();
        self.said = Said { at: Some(now.mono), any: self.any_stands() };
        Some(standing)
    }

    /// This run ends: the next one is to know when.
    pub fn say_what_stands(&mut self) {
        self.said.at = None;
    }

    fn any_stands(&self) -> bool {
        self.book.any_live() || self.switches.any_tripped()
    }

    /// Take over what stood at `at`, when an earlier run ended.
    pub(super) fn let_stand(&mut self, at: Wall, standing: &[Standing], now: Stamp) {
        let down = now.wall.since(at);
        for one in standing {
            match one {
                Standing::Alert(record) => match self.go_on(record, down, now) {
                    Ok(Some(labels)) => self.expect_host(&labels),
                    Ok(None) => {}
                    Err(why) => self.say_it_ended(record, why, now),
                },
                Standing::Stop(record) => self.switches.recall(record.clone()),
            }
        }
    }

    fn go_on(
        &mut self,
        record: &AlertRecord,
        down: Duration,
        now: Stamp,
    ) -> Result<Option<Labels>, &'static str> {
        if !self.still_has(record) {
            return Err("what it is about is not configured any more");
        }
        self.book.go_on(record, down, now)
    }

    /// Who heard that it fires waits for its end.
    fn say_it_ended(&mut self, record: &AlertRecord, why: &str, now: Stamp) {
        if let Some(title) = record.open() {
            let text = format!("not resolved, but {why}, so not shown any more: {title}");
            self.report("alert_ended", &text, now);
        }
    }

    /// Whether there still is the cap or the source that an alert is about.
    fn still_has(&self, record: &AlertRecord) -> bool {
        let has_cap = record.label("cap").is_none_or(|name| self.caps.has(name));
        let named = |name: &str| self.sources.iter().any(|row| row.name.name == name);
        has_cap && record.label("source").is_none_or(named)
    }

    /// A stop that an alert is about is judged also if it does not stand any more: then
    /// the alert ends.
    fn expect_host(&mut self, labels: &Labels) {
        let text = |name| labels.get(name).map(|text: &Arc<str>| text.as_ref());
        let Some((scope, host)) = text("scope").zip(text("host")) else { return };
        let host = (host != "?").then(|| self.names.intern(NameKind::Host, host));
        self.hosts.add(scope, host, || self.book.matching(Family::Switch, labels));
    }
}
