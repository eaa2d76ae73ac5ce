//! What a service says by itself, for whoever reads the journal and asks nothing: one
//! line for each change of what it keeps, reads and may stop with.

use std::collections::{BTreeMap, BTreeSet};

use crate::snapshot::{Snapshot, State};
use crate::text::mask;

/// Findings that are worth a line though they are not critical.
const TOLD: [&str; 3] = ["ledger_damaged", "ledger_disk", "ledger_folded"];

/// What was said last.
#[derive(Default)]
pub struct Journal {
    found: BTreeSet<String>,
    /// Why the ledger is behind, while it is.
    behind: Option<String>,
    /// What is wrong with sources and scopes.
    trouble: BTreeMap<String, String>,
}

impl Journal {
    /// What is new in a picture, a line each.
    pub fn news(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let mut news = self.found(snapshot);
        news.extend(self.ledger(snapshot));
        news.extend(self.troubles(snapshot));
        news.iter().map(|line| mask(line).into_owned()).collect()
    }

    fn found(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let is_told = |kind: &str| TOLD.contains(&kind);
        let rows = snapshot.findings.iter();
        let rows = rows.filter(|row| row.severity == Some(State::Critical) || is_told(row.kind));
        let mut still = BTreeSet::new();
        let mut news = Vec::new();
        for row in rows {
            let urgent = if row.severity == Some(State::Critical) { "CRITICAL: " } else { "" };
            let line = format!("{urgent}{}", row.text);
            if !self.found.contains(&line) {
                news.push(line.clone());
            }
            still.insert(line);
        }
        self.found = still;
        news
    }

    fn ledger(&mut self, snapshot: &Snapshot) -> Option<String> {
        let ledger = snapshot.ledger.as_ref()?;
        let behind = (ledger.state == "behind").then(|| {
            let why = ledger.problem.as_deref();
            why.unwrap_or("a commit takes long").to_owned()
        });
        let line = match (&self.behind, &behind) {
            (Some(_), None) => Some("the ledger has caught up".to_owned()),
            (was, Some(why)) if was.as_ref() != Some(why) => {
                Some(format!("the ledger is behind: {why}"))
            }
            _ => None,
        };
        self.behind = behind;
        line
    }

    fn troubles(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let sources =
            snapshot.sources.iter().filter(|row| matches!(&*row.state, "denied" | "error"));
        let sources = sources.map(|row| {
            let why = row.problem.as_deref().unwrap_or(&row.state);
            (format!("source '{}'", row.name), why.to_owned())
        });
        let switches = snapshot.switches.iter();
        let switches = switches.filter_map(|row| {
            Some((format!("kill switch {}", row.scope), row.problem.as_deref()?.to_owned()))
        });
        let now: BTreeMap<String, String> = sources.chain(switches).collect();
        let begun = now.iter().filter(|(what, why)| self.trouble.get(*what) != Some(why));
        let mut news: Vec<String> = begun.map(|(what, why)| format!("{what}: {why}")).collect();
        let over = self.trouble.keys().filter(|what| !now.contains_key(*what));
        news.extend(over.map(|what| format!("{what}: in order again")));
        self.trouble = now;
        news
    }
}
