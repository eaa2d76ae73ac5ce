//! What a reader must find in the lines that were made.

/// Sums over all lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub requests: u64,
    /// Calls answered 429.
    pub limited: u64,
    pub input: u64,
    pub output: u64,
    /// Billionths of a dollar.
    pub cost: i128,
    /// Sum of what the provider said is left of its token limit.
    pub tokens_left: u64,
}
