//! The table of prices: the built-in one, and a user's own rows over it.
//!
//! A user's row is asked first, and never takes a price from calls it is not for.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::domain::{NanoUsd, Tier, Tokens, Wall};

use super::model_name::{as_logged, bare, named, spellings};
use super::rates::{Factor, Ladder, ModelPrice, PerMillion, Rates};

const BUILTIN: &str = include_str!("../../data/prices.json");

/// Prices by `provider/model`.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    as_of: String,
    rows: Vec<ModelPrice>,
    /// The user's rows, by names with and without a provider.
    own: HashMap<String, usize>,
    shipped: HashMap<String, usize>,
    /// Rows of all providers by model name alone, the shipped ones first.
    by_model: HashMap<String, Vec<usize>>,
    /// How many rows were shipped.
    shipped_rows: usize,
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
            let price = read_row(name, row)?;
            let at = table.add(bare(name), price);
            table.shipped.insert(name.clone(), at);
        }
        table.shipped_rows = table.rows.len();
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
        let name = named(name);
        let at = self.add(bare(&name), price);
        self.own.insert(name, at);
    }

    fn add(&mut self, model: &str, price: ModelPrice) -> usize {
        let at = self.rows.len();
        self.rows.push(price);
        self.by_model.entry(model.to_owned()).or_default().push(at);
        at
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
        self.row(self.find(provider, model)?)?.cost(tokens, tier).usd()
    }

    /// The row for a model as a log names it, by its known spellings.
    pub(super) fn find(&self, provider: Option<&str>, model: &str) -> Option<usize> {
        self.found(provider, model).map(|(_, row)| row)
    }

    /// The same row, and the spelling that found it.
    pub(super) fn found(&self, provider: Option<&str>, model: &str) -> Option<(String, usize)> {
        let of = |names: &HashMap<String, usize>, name: String| {
            names.get(&name).copied().map(|row| (name, row))
        };
        let own = as_logged(provider, model).find_map(|name| of(&self.own, name));
        let own = own.or_else(|| {
            let mut spelled = spellings(provider, model);
            spelled.find_map(|spelling| {
                let with_provider = of(&self.own, spelling.full_name());
                with_provider.or_else(|| of(&self.own, spelling.model))
            })
        });
        own.or_else(|| {
            let mut spelled = spellings(provider, model);
            spelled.find_map(|spelling| match spelling.provider {
                Some(_) => of(&self.shipped, spelling.full_name()),
                None => self.agreed(&spelling.model).map(|row| (spelling.model, row)),
            })
        })
    }

    /// The row of a model whoever provides it: the user's, or the shipped one,
    /// unless providers disagree on the price.
    fn agreed(&self, model: &str) -> Option<usize> {
        let rows = self.by_model.get(model)?;
        let (shipped, own) = rows.split_at(rows.partition_point(|row| *row < self.shipped_rows));
        let rows = if own.is_empty() { shipped } else { own };
        let price = |row: &usize| self.rows.get(*row);
        let first = rows.first()?;
        rows.iter().all(|row| price(row) == price(first)).then_some(*first)
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
    let factor = |name: &'static str| {
        let read = |value: &Value| value.as_str().and_then(Factor::parse).ok_or(name);
        row.get(name).map(read).transpose()
    };
    let (batch, flex, priority) = (tier("batch")?, tier("flex")?, tier("priority")?);
    let (fast, us) = (factor("fast")?, factor("us")?);
    let mut before = Vec::new();
    for earlier in row.get("before").and_then(Value::as_array).into_iter().flatten() {
        let until = earlier.get("until").and_then(Value::as_str).and_then(day);
        let until = until.ok_or("before.until")?;
        let earlier = earlier.as_object().ok_or("before")?;
        before.push((until, read_price(earlier).map_err(|field| format!("before.{field}"))?));
    }
    before.sort_by_key(|(until, _)| *until);
    Ok(ModelPrice { standard, batch, flex, priority, fast, us, before })
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

/// Rates of a row or of a part of it.
fn read_rates(row: &Map<String, Value>, base: Option<&Rates>) -> Result<Rates, String> {
    let read = |field: &str| match row.get(field) {
        None => Ok(None),
        Some(value) => {
            let price = value.as_str().and_then(PerMillion::parse);
            price.map(Some).ok_or_else(|| field.to_owned())
        }
    };
    let own = Rates {
        cache_read: read("cache_read")?,
        cache_write: read("cache_write")?,
        cache_write_1h: read("cache_write_1h")?,
        audio_input: read("audio_input")?,
        audio_output: read("audio_output")?,
        ..Rates::of(read("input")?.ok_or("input")?, read("output")?.ok_or("output")?)
    };
    Ok(base.map_or(own, |base| own.or(base)))
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
            (Some("openai"), "openai:gpt-4o", gpt4o),
            (None, "openai-responses:gpt-4o", gpt4o),
            (None, "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet),
            (None, "openrouter:anthropic/claude-sonnet-4.5", sonnet),
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

    fn flat(usd: &str) -> ModelPrice {
        let usd = PerMillion::parse(usd).unwrap();
        ModelPrice::flat(Rates::of(usd, usd))
    }

    const DOLLAR: i128 = 1_000_000_000;

    #[test]
    fn one_name_with_two_prices_needs_a_provider() {
        let json = r#"{"models":{"a/m":{"input":"1","output":"1"},
            "b/m":{"input":"2","output":"2"},"c/n":{"input":"4","output":"4"}}}"#;
        let mut table = PriceTable::parse(json).unwrap();
        assert_eq!(nano(&table, None, "m"), None);
        assert_eq!(nano(&table, Some("b"), "m"), Some(2 * DOLLAR));
        table.set("c/m", flat("5"));
        assert_eq!(nano(&table, Some("b"), "m"), Some(2 * DOLLAR));
        assert_eq!(nano(&table, None, "m"), Some(5 * DOLLAR), "the user's word");
        table.set("d/m", flat("6"));
        assert_eq!(nano(&table, None, "m"), None);
        table.set("m", flat("3"));
        assert_eq!(nano(&table, Some("b"), "m"), Some(3 * DOLLAR));
        assert_eq!(nano(&table, Some("d"), "m"), Some(6 * DOLLAR), "the nearer of two");
        assert_eq!(nano(&table, None, "m"), Some(3 * DOLLAR));
    }

    #[test]
    fn a_price_of_ones_own_is_found_by_the_names_of_the_log_and_takes_none_away() {
        for (own, provider, model) in [
            ("azure/gpt-4o", Some("azure"), "gpt-4o"),
            ("azure/gpt-4o", Some("azure_openai"), "gpt-4o-2024-08-06"),
            ("Azure_AI/GPT-4o", Some("azure"), "gpt-4o"),
            ("google/gemini-2.5-pro", Some("gemini"), "gemini-2.5-pro"),
            ("vertex_ai/gemini-2.5-pro", Some("gcp.vertex_ai"), "gemini-2.5-pro"),
            ("openai/gpt-4.1", Some("openai"), "gpt-4.1-2025-04-14"),
            ("openai/gpt-4.1", Some("azure"), "gpt-4.1"),
            ("openai/gpt-4o-mini", None, "gpt-4o-mini"),
            ("openai/gpt-4o-mini", Some("mygw"), "gpt-4o-mini"),
            ("openrouter/openai/gpt-4o", Some("openrouter"), "openai/gpt-4o"),
            (
                "ft:gpt-4o-mini-2024-07-18:acme::x1",
                Some("openai"),
                "ft:gpt-4o-mini-2024-07-18:acme::x1",
            ),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Some("bedrock"),
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ),
            ("claude-sonnet-4-5", Some("bedrock"), "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ] {
            let mut table = PriceTable::builtin();
            table.set(own, flat("777"));
            assert_eq!(nano(&table, provider, model), Some(777 * DOLLAR), "{own}: {model}");
        }
        let shipped = PriceTable::builtin();
        for (own, provider, model) in [
            ("azure/gpt-4o", Some("openai"), "gpt-4o"),
            ("vertex_ai/gemini-2.5-pro", Some("gemini"), "gemini-2.5-pro"),
            ("openai/gpt-4o-mini", Some("openai"), "gpt-4o"),
            ("ft:gpt-4o-mini-2024-07-18:acme::x1", Some("openai"), "gpt-4o-mini"),
        ] {
            let mut table = shipped.clone();
            table.set(own, flat("777"));
            let before = nano(&shipped, provider, model);
            assert!(before.is_some());
            assert_eq!(nano(&table, provider, model), before, "{own}: {model}");
        }
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
        let tokens = Tokens { input: Some(0), output: Some(1_000_000), ..Tokens::default() };
        let usd = |date| row.at(day(date).unwrap()).cost(&tokens, Tier::Standard).usd().unwrap().0;
        assert_eq!(usd("2026-09-30"), 8_000_000_000);
        assert_eq!(usd("2026-10-01"), 2_000_000_000);
    }
}
