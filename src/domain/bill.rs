//! What a provider says it has billed, for whoever compares it with what calls
//! add up to.

use super::amount::NanoUsd;
use super::names::Sym;
use super::time::Wall;

/// One sum of a provider's own bill, read at some moment. A later reading of the
/// same source, provider, key and stretch of time replaces an earlier one; sums
/// of several sources (accounts) add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillReading {
    /// When it was read.
    pub at: Wall,
    /// Whose bill it is.
    pub provider: Sym,
    /// The environment that the account serves, where its source says so.
    pub environment: Option<Sym>,
    /// The one key it is about; `None` is the whole account.
    pub key: Option<Sym>,
    /// First moment it covers: usually a UTC midnight.
    pub start: Wall,
    /// First moment after it: usually the next UTC midnight, also while the day
    /// is not over.
    pub end: Wall,
    /// The sum over all its lines, exact.
    pub usd: NanoUsd,
    /// The stretch is over and the provider has had the time to add up all of
    /// it. Only such a sum is compared.
    pub complete: bool,
}
