//! The table of prices: the built-in one, and a user's own rows over it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::domain::{NanoUsd, Tier, Tokens, Wall};

use super::model_name::{bare, spellings};
use super::rates::{Ladder, ModelPrice, PerMillion, Rates};

const BUILTIN: &str = include_str!("../../data/prices.json");

/// Prices by `provider/model`.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    as_of: String,
    rows: Vec<ModelPrice>,
    by_name: HashMap<String, usize>,
    /// Rows by model name alone; `None` where providers disagree on the price.
    by_model: HashMap<String, Option<usize>>,
}

/// A price table that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Not the JSON it should be.
    #[error("price table: {0}")]
    Json(String),
    /// A row without a usable price.
    #[error("price table: {model}: {field} is not a price in USD per million tokens")]
    Price {
        /// Which row.
        model: String,
        /// Which field of it.
        field: String,
    },
}

impl PriceTable {
    /// The table shipped with the program.
    #[must_use]
    pub fn builtin() -> PriceTable {
        // A test reads the shipped file, so it can't fail in the field.
        PriceTable::parse(BUILTIN).unwrap_or_default()
    }

    /// Reads a table in the shape of `data/prices.json`.
    pub fn parse(json: &str) -> Result<PriceTable, PriceError> {
        let top: Map<String, Value> =
            serde_json::from_str(json).map_err(|e| PriceError::Json(e.to_string()))?;
        let as_of = top.get("as_of").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(models) = top.get("models").and_then(Value::as_object) else {
            return Err(PriceError::Json("no object `models`".to_owned()));
        };
        let mut table = PriceTable { as_of, ..PriceTable::default() };
        for (name, row) in models {
            table.set(name, read_row(name, row)?);
        }
        Ok(table)
    }

    /// The date the prices were collected, `YYYY-MM-DD`.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// The first moment of the day the prices were collected.
    #[must_use]
    pub fn collected(&self) -> Option<Wall> {
        day(&self.as_of)
    }

    /// Sets the price of a model: `provider/model`, or `model` for any provider.
    pub fn set(&mut self, name: &str, price: ModelPrice) {
        let name = name.to_ascii_lowercase();
        let row = self.rows.len();
        let model = bare(&name);
        if model == name {
            // Without a provider the user means every provider.
            self.by_name.retain(|known, _| bare(known) != model);
            self.by_model.insert(name, Some(row));
        } else {
            let same = |old: &Option<usize>| old.is_some_and(|r| self.rows.get(r) == Some(&price));
            let agreed = self.by_model.get(model).is_none_or(same);
            self.by_model.insert(model.to_owned(), agreed.then_some(row));
            self.by_name.insert(name, row);
        }
        self.rows.push(price);
    }

    /// What a call costs; `None` for an unknown model or without any token count.
    #[must_use]
    pub fn price(
        &self,
        provider: Option<&str>,
        model: &str,
        tokens: &Tokens,
        tier: Tier,
    ) -> Option<NanoUsd> {
        self.row(self.find(provider, model)?)?.cost(tokens, tier)
    }

    /// The row for a model as a log names it, by its known spellings.
    pub(super) fn find(&self, provider: Option<&str>, model: &str) -> Option<usize> {
        self.found(provider, model).map(|(_, row)| row)
    }

    /// The same row, and the spelling that found it.
    pub(super) fn found(&self, provider: Option<&str>, model: &str) -> Option<(String, usize)> {
        spellings(provider, model).find_map(|(provider, model)| match provider {
            Some(provider) => {
                let name = format!("{provider}/{model}");
                self.by_name.get(&name).copied().map(|row| (name, row))
            }
            None => self.by_model.get(model.as_str()).copied().flatten().map(|row| (model, row)),
        })
    }

    /// A row found before.
    pub(super) fn row(&self, row: usize) -> Option<&ModelPrice> {
        self.rows.get(row)
    }
}

fn read_row(model: &str, row: &Value) -> Result<ModelPrice, PriceError> {
    let bad = |field: &str| PriceError::Price { model: model.to_owned(), field: field.to_owned() };
    let row = row.as_object().ok_or_else(|| bad("the row"))?;
    read_price(row).map_err(|field| bad(&field))
}

/// A price, or the field that is none.
fn read_price(row: &Map<String, Value>) -> Result<ModelPrice, String> {
    let standard = read_ladder(row, None)?;
    let tier = |name: &str| {
        let part = row.get(name).and_then(Value::as_object);
        let read = part.map(|part| read_ladder(part, Some(&standard.base)));
        read.transpose().map_err(|field| format!("{name}.{field}"))
    };
    let (batch, flex, priority) = (tier("batch")?, tier("flex")?, tier("priority")?);
    let mut before = Vec::new();
    for earlier in row.get("before").and_then(Value::as_array).into_iter().flatten() {
        let until = earlier.get("until").and_then(Value::as_str).and_then(day);
        let until = until.ok_or("before.until")?;
        let earlier = earlier.as_object().ok_or("before")?;
        before.push((until, read_price(earlier).map_err(|field| format!("before.{field}"))?));
    }
    before.sort_by_key(|(until, _)| *until);
    Ok(ModelPrice { standard, batch, flex, priority, before })
}

/// The rates of a tier, with those of long calls as `above_200k`.
fn read_ladder(row: &Map<String, Value>, standard: Option<&Rates>) -> Result<Ladder, String> {
    let base = read_rates(row, standard)?;
    let mut above = Vec::new();
    for (key, part) in row {
        if let (true, Some(part)) = (key.starts_with("above_"), part.as_object()) {
            let rates = read_rates(part, Some(&base)).map_err(|field| format!("{key}.{field}"))?;
            above.push((threshold(key).ok_or_else(|| key.clone())?, rates));
        }
    }
    above.sort_by_key(|(over, _)| *over);
    Ok(Ladder { base, above })
}

/// Midnight UTC of `2026-11-20`.
fn day(text: &str) -> Option<Wall> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let at = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Wall::from_secs(at.timestamp().as_second()))
}

/// `above_200k` -> 200,000.
fn threshold(key: &str) -> Option<u64> {
    let thousands: u64 = key.strip_prefix("above_")?.strip_suffix('k')?.parse().ok()?;
    thousands.checked_mul(1000)
}

/// Rates of a row or of a part of it. What a part leaves out costs what it
/// costs otherwise, but a discount on input also caps the cached classes.
fn read_rates(row: &Map<String, Value>, base: Option<&Rates>) -> Result<Rates, String> {
    let read = |field: &str| match row.get(field) {
        None => Ok(None),
        Some(value) => {
            let price = value.as_str().and_then(PerMillion::parse);
            price.map(Some).ok_or_else(|| field.to_owned())
        }
    };
    let input = read("input")?.ok_or("input")?;
    let output = read("output")?.ok_or("output")?;
    let left_out = |of: fn(&Rates) -> Option<PerMillion>| base.and_then(of);
    let cache_read = left_out(|r| r.cache_read).map(|price| price.min(input));
    Ok(Rates {
        input,
        output,
        cache_read: read("cache_read")?.or(cache_read),
        cache_write: read("cache_write")?.or(left_out(|r| r.cache_write)),
        cache_write_1h: read("cache_write_1h")?.or(left_out(|r| r.cache_write_1h)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nano(table: &PriceTable, provider: Option<&str>, model: &str) -> Option<i128> {
        let tokens = Tokens { input: Some(1_000_000), output: Some(0), ..Tokens::default() };
        table.price(provider, model, &tokens, Tier::Standard).map(|usd| usd.0)
    }

    #[test]
    fn the_shipped_table_is_whole() {
        let table = PriceTable::parse(BUILTIN).unwrap();
        assert!(table.rows.len() > 300);
        assert_eq!(table.as_of().len(), "2026-11-20".len());
    }

    #[test]
    fn a_model_is_found_under_every_name_logs_give_it() {
        let table = PriceTable::builtin();
        let gpt4o = nano(&table, Some("openai"), "gpt-4o").unwrap();
        let sonnet = nano(&table, Some("anthropic"), "claude-sonnet-4-5").unwrap();
        for (provider, model, price) in [
            (None, "gpt-4o", gpt4o),
            (Some("openai"), "openai/gpt-4o", gpt4o),
            (Some("azure"), "gpt-4o", gpt4o),
            (Some("openrouter"), "openrouter/openai/gpt-4o", gpt4o),
            (Some("OpenAI"), "GPT-4o", gpt4o),
            (Some("openai"), "gpt-4o-2029-01-31", gpt4o),
            (Some("openai"), "gpt-4o-latest", gpt4o),
            (Some("bedrock"), "us.anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet),
            (None, "anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet),
            (Some("vertex_ai"), "claude-sonnet-4-5@20250929", sonnet),
            (Some("anthropic"), "claude-sonnet-4-5-20991231", sonnet),
            (Some("openrouter"), "anthropic/claude-sonnet-4.5", sonnet),
        ] {
            assert_eq!(nano(&table, provider, model), Some(price), "{provider:?} {model}");
        }
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        let table = PriceTable::builtin();
        for model in ["", "gpt", "gpt-4o-but-different", "m-small", "claude", "-latest", "/"] {
            assert_eq!(nano(&table, Some("openai"), model), None, "{model}");
            assert_eq!(nano(&table, None, model), None, "{model}");
        }
    }

    #[test]
    fn one_name_with_two_prices_needs_a_provider() {
        let mut table = PriceTable::default();
        let price = |usd: &str| {
            let usd = PerMillion::parse(usd).unwrap();
            ModelPrice::flat(Rates {
                input: usd,
                output: usd,
                cache_read: None,
                cache_write: None,
                cache_write_1h: None,
            })
        };
        table.set("a/m", price("1"));
        assert_eq!(nano(&table, None, "m"), Some(1_000_000_000));
        table.set("b/m", price("2"));
        assert_eq!(nano(&table, None, "m"), None);
        assert_eq!(nano(&table, Some("b"), "m"), Some(2_000_000_000));
        table.set("m", price("3"));
        assert_eq!(nano(&table, Some("b"), "m"), Some(3_000_000_000), "the user's word is last");
    }

    #[test]
    fn a_bad_row_names_itself() {
        for (row, field) in [
            (r#"{"input":"1","output":"x"}"#, "output"),
            (r#"{"input":"1","output":"2","batch":{"input":"1"}}"#, "batch.output"),
            (r#"{"input":"1","output":"2","before":[{"until":"May"}]}"#, "before.until"),
        ] {
            let bad = format!(r#"{{"models":{{"p/m":{row}}}}}"#);
            let error = PriceTable::parse(&bad).unwrap_err().to_string();
            let wanted =
                format!("price table: p/m: {field} is not a price in USD per million tokens");
            assert_eq!(error, wanted);
        }
    }

    #[test]
    fn old_logs_are_priced_as_they_were_then() {
        let json = r#"{"as_of":"2026-11-20","models":{"p/m":{"input":"1","output":"2",
            "before":[{"until":"2026-10-01","input":"4","output":"8"}]}}}"#;
        let table = PriceTable::parse(json).unwrap();
        let row = table.row(table.find(Some("p"), "m").unwrap()).unwrap();
        let tokens = Tokens { output: Some(1_000_000), ..Tokens::default() };
        let usd = |date| row.at(day(date).unwrap()).cost(&tokens, Tier::Standard).unwrap().0;
        assert_eq!(usd("2026-09-30"), 8_000_000_000);
        assert_eq!(usd("2026-10-01"), 2_000_000_000);
    }
}
