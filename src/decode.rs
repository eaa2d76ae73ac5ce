//! Lines of logs to observations, in whatever format they are.
//!
//! Decoding never fails: what it can't read is a counted fault, and a line whose
//! cost can't be trusted is quarantined. It knows no files and no clocks; the
//! time of last resort comes with each line. What a format's fields mean is data
//! (`data/formats/`); code is for what data can't say.

mod alike;
mod body;
pub mod classify;
mod cost;
mod decoder;
mod dedup;
mod dump;
mod endpoint;
mod eval;
mod expand;
mod explain;
mod formats;
mod frame;
pub mod headers;
mod map;
mod metrics;
mod moment;
mod names;
mod record;
mod status;
mod tokens;

pub use decoder::Decoder;
pub use explain::{
    Absent, BucketNote, Explained, FieldNote, HeaderNote, RecordNote, Tried, Verdict, Wrapper,
};
pub use formats::FORMAT_KEYS;
pub use formats::{
    FormatError, FormatId, FormatInfo, FormatMaps, FormatMistake, Formats, MapOrigin,
};
pub use metrics::{MapError, MetricMap, MetricMaps, RawMap};
pub use names::intern;

use crate::domain::NanoUsd;

/// How a source wants its lines read.
#[derive(Clone, Debug)]
pub struct DecodeOptions {
    /// Name of the format; detected line by line where absent.
    pub format: Option<String>,
    /// Zone of times that carry none; UTC where absent.
    pub timezone: Option<jiff::tz::TimeZone>,
    /// Host of calls whose line names none.
    pub host: Option<String>,
    /// Provider of calls whose line names none.
    pub provider: Option<String>,
    /// Environment of calls whose line names none.
    pub environment: Option<String>,
    /// Account of calls whose line names none.
    pub account: Option<String>,
    /// A call that says it cost more is not believed.
    pub max_request_usd: NanoUsd,
    /// Whether calls are counted, or only limits read, because another source
    /// counts the same calls.
    pub count: bool,
    /// Whether to keep texts that only people read.
    pub texts: Texts,
    /// Makes the fingerprints of keys differ from one installation to the next.
    pub key_salt: u64,
}

/// What becomes of request ids, dedup keys and finish reasons, which no total
/// and no rule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Texts {
    /// They go into the batch's text.
    #[default]
    Keep,
    /// They are left out, which is faster.
    Skip,
}

impl Default for DecodeOptions {
    fn default() -> DecodeOptions {
        DecodeOptions {
            format: None,
            timezone: None,
            host: None,
            provider: None,
            environment: None,
            account: None,
            max_request_usd: NanoUsd::from_usd(1000),
            count: true,
            texts: Texts::Keep,
            key_salt: 0,
        }
    }
}
