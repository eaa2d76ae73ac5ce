//! What time the rates are over: one answer for all of them, so that no screen,
//! rule or list works with another one.

use super::{Engine, SourceRow};
use crate::stats::Known;

impl Engine {
    /// What all rates of calls are over: nothing, while a source still reads what
    /// was logged before the start.
    #[must_use]
    pub fn known(&self) -> Known {
        let unread = |row: &SourceRow| matches!(row.status.state, "catching_up" | "not_running");
        if self.sources.iter().any(unread) { Known::NotYet } else { Known::Since(self.known) }
    }

    /// What all rates of spend are over: a ledger remembers it over a restart.
    #[must_use]
    pub fn spend_known(&self) -> Known {
        match self.known() {
            Known::Since(since) => Known::Since(since.min(self.spend_known)),
            Known::NotYet => Known::NotYet,
        }
    }
}
