//! How the ledger is doing, as far as the engine must know: what is not kept yet
//! is lost with the process, so falling behind is an alert.

use std::sync::Arc;

use super::Engine;
use super::alerts::{Grounds, Series};
use super::deltas::Deltas;
use super::effect::{Effect, Labels};
use crate::domain::{Commit, Mono, Stamp};
use crate::rules::{Family, Sample};

/// What a run does with a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerUse {
    /// It keeps there what it counts.
    #[default]
    Kept,
    /// It has begun where the ledger ended, and keeps nothing.
    LookedAt,
}

/// What the ledger's keeper says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerStatus {
    /// Where it is.
    pub path: Arc<str>,
    /// What this run does with it.
    pub use_of: LedgerUse,
    /// When the oldest call happened that it does not hold yet.
    pub behind_since: Option<Mono>,
    /// Why it could not take the last commit, in words.
    pub problem: Option<String>,
}

/// The ledger of this run.
#[derive(Debug)]
pub struct LedgerRow {
    /// What is said of it.
    pub status: LedgerStatus,
    rules: Box<[u16]>,
}

impl LedgerRow {
    /// Age of the oldest call it does not hold yet, in seconds; `None` while it
    /// holds all.
    #[must_use]
    pub fn behind_s(&self, now: Mono) -> Option<f64> {
        self.status.behind_since.map(|since| now.since(since).as_secs_f64())
    }
}

impl Engine {
    /// Learn how the ledger is doing.
    pub fn set_ledger(&mut self, status: LedgerStatus) {
        if let Some(row) = &mut self.ledger {
            row.status = status;
            return;
        }
        let rules = self.book.matching(Family::Ledger, &labels(&status));
        self.ledger = Some(LedgerRow { status, rules });
    }

    /// Remember from now on what has been counted, for [`take_commit`](Self::take_commit).
    pub fn keep_deltas(&mut self) {
        self.deltas = Some(Deltas::new(&self.sources));
    }

    /// Whether anything was counted since the last commit, or stands otherwise.
    #[must_use]
    pub fn has_deltas(&self, now: Mono) -> bool {
        self.deltas
            .as_ref()
            .is_some_and(|deltas| deltas.any(&self.sources) || self.standing_is_due(now))
    }

    /// What was counted since this was last asked, with how far the sources were
    /// read by then. Empty if nobody asked to remember it.
    pub fn take_commit(&mut self, now: Stamp) -> Commit {
        let Some(deltas) = &mut self.deltas else { return Commit::default() };
        if deltas.take_folded() > 0 {
            let text = "too many users or keys at once: the ledger knows some calls as __other__";
            self.findings.note("ledger_folded", now.wall, text);
        }
        deltas.take(&self.sources, self.dedup.take_changed())
    }

    /// The ledger, where there is one.
    #[must_use]
    pub fn ledger(&self) -> Option<&LedgerRow> {
        self.ledger.as_ref()
    }

    pub(super) fn judge_ledger(&mut self, now: Stamp, out: &mut Vec<Effect>) {
        let Some(row) = &self.ledger else { return };
        for rule in &row.rules {
            let value = Some(row.behind_s(now.mono).unwrap_or(0.0));
            let sample = Sample { value, evidence: u64::MAX, period: None };
            let about = || labels(&row.status).into();
            let judged = (sample, Grounds::Fresh);
            self.book.judge(*rule, Series::Ledger, judged, now, &about, out);
        }
    }
}

fn labels(status: &LedgerStatus) -> Labels {
    Labels::from([("ledger", Arc::clone(&status.path))])
}
