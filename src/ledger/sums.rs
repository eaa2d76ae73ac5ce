//! Sums by name: the columns of a bucket, and what buckets are kept by.

use std::sync::Arc;

use rusqlite::Row;

use super::error::LedgerError;
pub use crate::domain::Dimension;
use crate::domain::{Bucket, BucketId, NanoUsd, Sym};

/// Whose spend: a name for each [`Dimension`], where it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    names: [Option<Arc<str>>; Dimension::ALL.len()],
}

impl Who {
    /// Its name in one dimension; `None` where the log did not say.
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> Option<&Arc<str>> {
        self.names.get(dimension as usize).and_then(Option::as_ref)
    }

    /// The same with one name set.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, name: Option<Arc<str>>) -> Who {
        if let Some(slot) = self.names.get_mut(dimension as usize) {
            *slot = name;
        }
        self
    }

    /// Only its names in these dimensions.
    #[must_use]
    pub fn only(&self, by: &[Dimension]) -> Who {
        let keep =
            |who: Who, dimension: &Dimension| who.with(*dimension, self.get(*dimension).cloned());
        by.iter().fold(Who::default(), keep)
    }
}

/// A bucket's names in the order of [`Dimension::ALL`].
pub(super) type Names = [Option<Sym>; Dimension::ALL.len()];

pub(super) fn names_of(id: &BucketId) -> Names {
    [id.host, id.provider, id.model, id.key, id.team, id.user, id.environment, id.account]
}

/// Columns of a series, in the same order.
pub(super) const NAMES: &str = "host, provider, model, key, team, user, environment, account";

/// Columns of every table of sums.
pub(super) const SUMS: usize = 9;

/// `requests, failed, …`, in the order of [`columns`], for a statement.
pub(super) const COLUMNS: &str = "requests, failed, input_tokens, cached_input_tokens, \
     cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, unpriced";

/// A bucket as columns. A sum that reached the end of its type is none.
pub(super) fn columns(bucket: &Bucket) -> Result<[i64; SUMS], LedgerError> {
    let cost = i64::try_from(bucket.cost.0);
    let cost = cost.map_err(|_| LedgerError::Overflow { what: "an amount of money" })?;
    let columns = [
        bucket.requests,
        bucket.failed,
        bucket.input_tokens,
        bucket.cached_input_tokens,
        bucket.cache_write_tokens,
        bucket.output_tokens,
        bucket.reasoning_tokens,
        cost,
        bucket.unpriced,
    ];
    if columns.iter().any(|sum| matches!(*sum, i64::MAX | i64::MIN)) {
        return Err(LedgerError::Overflow { what: "a count of calls or tokens" });
    }
    Ok(columns)
}

/// The bucket whose columns begin at `first`.
pub(super) fn bucket(row: &Row<'_>, first: usize) -> rusqlite::Result<Bucket> {
    Ok(Bucket {
        requests: row.get(first)?,
        failed: row.get(first + 1)?,
        input_tokens: row.get(first + 2)?,
        cached_input_tokens: row.get(first + 3)?,
        cache_write_tokens: row.get(first + 4)?,
        output_tokens: row.get(first + 5)?,
        reasoning_tokens: row.get(first + 6)?,
        cost: NanoUsd(i128::from(row.get::<_, i64>(first + 7)?)),
        unpriced: row.get(first + 8)?,
    })
}

/// `requests = requests + ?1, …`: what an update does.
pub(super) fn add_columns() -> String {
    let add = |(column, n): (&str, usize)| format!("{column} = {column} + ?{n}");
    COLUMNS.split(", ").zip(1..).map(add).collect::<Vec<_>>().join(", ")
}

/// `requests = requests + excluded.requests, …`: what an upsert does.
pub(super) fn add_excluded() -> String {
    let add = |column: &str| format!("{column} = {column} + excluded.{column}");
    COLUMNS.split(", ").map(add).collect::<Vec<_>>().join(", ")
}
