//! What accounts were billed by those who count the money, whether or not a cap is about
//! it: a second opinion, as old as it says. How it is held against our own sums is the
//! engine's business.

use serde::Serialize;

use super::{Text, Usd};
use crate::domain::Stamp;
use crate::engine::Engine;

/// A bill of one account, by one source.
#[derive(Clone, Debug, Serialize)]
pub struct Bill {
    /// Name of the source that says so.
    pub source: Text,
    /// Whose bill it is.
    pub provider: Text,
    /// The environment that the account serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text>,
    /// The one key it is about; absent where it is the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Text>,
    /// From when on; usually the first of a month in UTC.
    pub since: Text,
    /// What is billed since then.
    pub billed_usd: Usd,
    /// How long ago the time ends that it covers.
    pub age_s: f64,
}

/// All of them, the dearest first.
pub(super) fn bills(engine: &Engine, now: Stamp) -> Vec<Bill> {
    let name = |sym| engine.names().text(sym);
    let bill = |account: crate::engine::bills::Account| {
        let id = account.bill;
        Some(Bill {
            source: engine.sources().get(id.source.0 as usize)?.name.name.clone().into(),
            provider: name(id.provider),
            environment: id.environment.map(name),
            key: id.key.map(name),
            since: account.since.rfc3339().into(),
            billed_usd: Usd(account.usd),
            age_s: super::build::to_ms(
                now.wall.since(account.until.min(account.read)).as_secs_f64(),
            ),
        })
    };
    let mut all: Vec<Bill> = engine.accounts().filter_map(bill).collect();
    all.sort_by_key(|bill| std::cmp::Reverse(bill.billed_usd));
    all
}

impl Bill {
    /// Whose it is, as a line names it.
    #[must_use]
    pub fn title(&self) -> String {
        let more = [&self.environment, &self.key].into_iter().flatten();
        more.fold(self.provider.to_string(), |title, part| format!("{title} {part}"))
    }
}
