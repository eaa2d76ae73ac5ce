//! Lines to observations: the decoder, and prices for what it found.

use std::path::Path;
use std::sync::Arc;

use super::{LineSink, SourceSpec};
use crate::decode::{DecodeOptions, Decoder, FormatError, Formats};
use crate::domain::{Batch, LineAt, Names, NanoUsd};
use crate::pricing::{PriceTable, Pricer};

/// What all pipelines of a run share.
#[derive(Clone)]
pub struct Pipelines {
    /// Known formats.
    pub formats: Arc<Formats>,
    /// Known prices.
    pub prices: Arc<PriceTable>,
    /// The table of names.
    pub names: Names,
    /// A single call that costs more is suspect.
    pub max_request_usd: NanoUsd,
    /// Salt of key fingerprints.
    pub key_salt: u64,
    /// This machine's name, for lines that name none.
    pub host: String,
}
