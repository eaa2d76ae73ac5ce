//! Lines to observations: the decoder, and prices for what it found.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{LineSink, SourceSpec};
use crate::decode::{DecodeOptions, Decoder, Explained, FormatError, FormatId, Formats, Texts};
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
    /// Whether somebody will read request ids and the like.
    pub texts: Texts,
}

impl Pipelines {
    /// How lines of a source are read; fails only if its format has no such name.
    pub fn of(&self, spec: &SourceSpec) -> Result<Recipe, FormatError> {
        let zone = spec.timezone.as_deref().map(TimeZone::get);
        let options = DecodeOptions {
            format: spec.format.clone(),
            // The configuration has refused zones that do not exist.
            timezone: zone.and_then(Result::ok),
            host: Some(spec.host.clone().unwrap_or_else(|| self.host.clone())),
            provider: spec.provider.clone(),
            environment: spec.environment.clone(),
            account: spec.account.clone(),
            max_request_usd: self.max_request_usd,
            count: spec.count,
            texts: self.texts,
            key_salt: self.key_salt,
        };
        let format = spec.format.as_deref().map(|name| self.formats.id(name)).transpose()?;
        Ok(Recipe { shared: self.clone(), format, options })
    }
}

/// Makes the pipelines of one source.
#[derive(Clone)]
pub struct Recipe {
    shared: Pipelines,
    format: Option<FormatId>,
    options: DecodeOptions,
}

impl Recipe {
    /// A fresh pipeline, for one file.
    #[must_use]
    pub fn pipeline(&self) -> Pipeline {
        let Pipelines { formats, prices, names, .. } = &self.shared;
        let formats = Arc::clone(formats);
        Pipeline {
            decoder: Decoder::of(formats, self.format, names, self.options.clone()),
            pricer: Pricer::new(Arc::clone(prices), names.clone())
                .up_to(self.options.max_request_usd),
            given: 0,
            told: 0,
        }
    }
}

/// The decoder and the pricer of one file.
pub struct Pipeline {
    decoder: Decoder,
    pricer: Pricer,
    /// Lines that start before this byte were given.
    given: u64,
    /// Lines that start before this byte were given to an earlier run, which has
    /// told of them.
    told: u64,
}

/// Where, in a memo, the first line begins that was not yet given.
const GIVEN: &str = "given";

impl Pipeline {
    /// Notes from now on how each line is read.
    pub fn explain(&mut self) {
        self.decoder.explain();
    }

    /// How what came since the last call was read.
    pub fn explained(&mut self) -> Explained {
        self.decoder.explained()
    }

    /// The row of the price table for a model, by the name it was found under.
    #[must_use]
    pub fn price_row(&self, provider: Option<&str>, model: &str) -> Option<String> {
        self.pricer.row_name(provider, model)
    }

    /// Let the decoder fill the batch, then price what it added. Where a record
    /// was open, an earlier run has read on and told of what stood between its
    /// lines: those are read again for the record alone.
    fn fill(&mut self, at: LineAt, out: &mut Batch, decode: impl FnOnce(&mut Decoder, &mut Batch)) {
        let first = out.items.len();
        decode(&mut self.decoder, out);
        if at.offset < self.told {
            out.items.truncate(first);
            return;
        }
        self.given = at.offset + 1;
        self.pricer.price_batch(&mut out.items, first);
    }
}

impl LineSink for Pipeline {
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        self.fill(at, out, |decoder, out| decoder.line(line, at, out));
    }

    fn long_part(&mut self, part: &[u8]) {
        self.decoder.long_part(part);
    }

    fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch) {
        self.fill(at, out, |decoder, out| decoder.long_end(at, len, out));
    }

    fn finish(&mut self, at: LineAt, out: &mut Batch) {
        self.fill(at, out, |decoder, out| decoder.finish(at, out));
    }

    fn memo(&self) -> String {
        let memo = self.decoder.memo();
        if self.open_since().is_none() {
            return memo;
        }
        let mut memo: Map<String, Value> = serde_json::from_str(&memo).unwrap_or_default();
        memo.insert(GIVEN.to_owned(), self.given.max(self.told).into());
        Value::Object(memo).to_string()
    }

    fn recall(&mut self, memo: &str) {
        self.decoder.recall(memo);
        let memo: Value = serde_json::from_str(memo).unwrap_or_default();
        self.told = memo.get(GIVEN).and_then(Value::as_u64).unwrap_or(0);
    }

    fn format(&self) -> Option<&str> {
        self.decoder.format()
    }

    fn open_since(&self) -> Option<u64> {
        self.decoder.open_since()
    }
}
