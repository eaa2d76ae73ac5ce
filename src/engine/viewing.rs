//! What viewers may look at. Nothing here changes anything.

use super::bills;
use super::cells::Cells;
use super::findings::Findings;
use super::gauges::Gauges;
use super::measures::Measures;
use super::queues::Queues;
use super::sources::SourceRow;
use super::spend::Cap;
use super::switches::Switches;
use super::{Engine, Limits, Rulebook};
use crate::domain::{Bucket, Names, SourceCounters, Stamp};

impl Engine {
    /// The table of names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }
    /// Limits.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }
    /// Caps.
    #[must_use]
    pub fn caps(&self) -> &[Cap] {
        self.caps.rows()
    }
    /// What is billed beside a cap's own sum.
    #[must_use]
    pub fn billed(&self, cap: &Cap, now: Stamp) -> bills::View {
        let billed = cap.billed(&self.names);
        billed.map_or_else(bills::View::default, |billed| {
            self.bills.view(&billed, cap.period, self.cells.days(), now)
        })
    }
    /// What accounts were billed.
    pub fn accounts(&self) -> impl Iterator<Item = bills::Account> {
        self.bills.accounts()
    }
    /// Traffic, callers, retries.
    #[must_use]
    pub fn cells(&self) -> &Cells {
        &self.cells
    }
    /// Queues.
    #[must_use]
    pub fn queues(&self) -> &Queues {
        &self.queues
    }
    /// Other metrics.
    #[must_use]
    pub fn measures(&self) -> &Measures {
        &self.measures
    }
    /// Sources.
    #[must_use]
    pub fn sources(&self) -> &[SourceRow] {
        &self.sources
    }
    /// Counters over all sources, of this run and earlier ones.
    #[must_use]
    pub fn counters(&self) -> SourceCounters {
        let mut sum = self.gone;
        for source in &self.sources {
            sum.add(&source.counters());
        }
        sum
    }
    /// Kill switches.
    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.switches
    }
    /// Rules and alerts.
    #[must_use]
    pub fn book(&self) -> &Rulebook {
        &self.book
    }
    /// Findings.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }
    /// Exact sums over all calls; with a ledger over all runs, else since start.
    #[must_use]
    pub fn totals(&self) -> &Bucket {
        &self.totals
    }
    /// Tuning.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
