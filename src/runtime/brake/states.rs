//! The brake as the engine and the viewers are told of it.

use super::{Brake, stopped_by};
use crate::action::switch::{Content, Entry};
use crate::action::{ArmState, SwitchDir, SwitchScope};
use crate::engine::switches::{Armed, SwitchState, Trip};

impl Brake {
    /// A row for each trip and for each stop that could not be made, and one for the
    /// directory as a whole.
    pub fn states(&self) -> Vec<SwitchState> {
        let armed = self.armed();
        let entries = self.dir.iter().flat_map(SwitchDir::known);
        let mut states: Vec<SwitchState> = entries.map(|entry| self.row(entry, armed)).collect();
        // What stands is stopped, whatever became of another attempt.
        let passes = |scope: &str| {
            let Ok(scope) = scope.parse::<SwitchScope>() else { return true };
            let entries = self.dir.iter().flat_map(SwitchDir::known);
            entries.filter(|entry| entry.stops()).all(|entry| stopped_by(entry, &scope).is_none())
        };
        let owed = self.gone.owed().map(|(scope, why)| {
            (scope, format!("NOT stopped any more: its kill file is gone, and {why}"))
        });
        let failed = self.failures.rows();
        let failed = failed.map(|(scope, why)| (scope.to_owned(), format!("NOT stopped: {why}")));
        for (scope, problem) in owed.chain(failed).filter(|(scope, _)| passes(scope)) {
            let problem = Some(problem);
            match states.iter_mut().find(|state| state.scope == scope) {
                Some(state) => (state.failed, state.problem) = (true, problem),
                None => states.push(SwitchState {
                    path: self.path_of(&scope),
                    scope,
                    trip: None,
                    armed,
                    failed: true,
                    in_doubt: false,
                    problem,
                }),
            }
        }
        if !states.iter().any(|state| state.scope == "all") {
            states.push(SwitchState {
                scope: "all".into(),
                path: self.path_of("all"),
                trip: None,
                armed,
                failed: false,
                in_doubt: false,
                problem: self.own_problem(),
            });
        }
        states
    }

    fn is_known(&self) -> bool {
        (self.dir.is_ok() && self.distrust.is_none()) || self.is_still_to_be_made()
    }

    fn armed(&self) -> Armed {
        match self.arming.state() {
            ArmState::Armed if self.is_known() && self.lock_problem.is_none() => Armed::Armed,
            ArmState::Disarmed if self.is_known() => Armed::Disarmed,
            ArmState::Armed | ArmState::Disarmed => Armed::Unknown,
        }
    }

    /// What is wrong with the directory as a whole.
    fn own_problem(&self) -> Option<String> {
        let unopened = self.dir.as_ref().err().filter(|_| !self.is_known());
        let problem = unopened.or(self.problem()).cloned();
        problem.or_else(|| self.arming.problem().map(str::to_owned))
    }

    pub(super) fn problem(&self) -> Option<&String> {
        self.distrust.as_ref().or(self.lock_problem.as_ref()).or(self.stock_problem.as_ref())
    }

    /// The kill file of a scope, or its name where no file can stand for it.
    fn path_of(&self, scope: &str) -> String {
        let file = scope.parse().map_or_else(|_| scope.to_owned(), |s: SwitchScope| s.file_name());
        self.setup.dir.join(file).display().to_string()
    }

    fn row(&self, entry: &Entry, armed: Armed) -> SwitchState {
        let (trip, problem) = match entry.content {
            Content::NotAFile(kind) => (None, Some(kind.doubt())),
            Content::Ours(_) | Content::Foreign => (Some(trip(entry)), self.problem().cloned()),
        };
        let in_doubt = trip.is_none();
        let path = self.setup.dir.join(&entry.file).display().to_string();
        let scope = entry.scope_or_file();
        SwitchState { scope, path, trip, armed, failed: false, in_doubt, problem }
    }
}

fn trip(entry: &Entry) -> Trip {
    let record = entry.record();
    Trip {
        at: entry.since,
        again: entry.again,
        by: Some(entry.by().to_owned()),
        rule: record.and_then(|record| record.rule.clone()),
        reason: record.map(|record| record.reason.clone()),
        ttl_s: None,
        is_told: record.is_some() && !entry.is_untold(),
    }
}
