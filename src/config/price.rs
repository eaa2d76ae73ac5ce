//! A user's own prices, of the same classes as those that are shipped.

use super::document::Document;
use super::item::open;
use super::reader::{Reader, Report, items};
use super::schema;
use super::value::{self, Complaint, Raw, Read};
use crate::domain::NanoUsd;
use crate::pricing::{Factor, Ladder, ModelPrice, PerMillion, Rates};

/// Classes of tokens that may have a price of their own.
const CLASSES: [(&str, Class); 5] = [
    ("cached_input", |rates| &mut rates.cache_read),
    ("cache_write", |rates| &mut rates.cache_write),
    ("cache_write_1h", |rates| &mut rates.cache_write_1h),
    ("audio_input", |rates| &mut rates.audio_input),
    ("audio_output", |rates| &mut rates.audio_output),
];

type Class = fn(&mut Rates) -> &mut Option<PerMillion>;

/// From how much input on providers take more for the whole call.
const LENGTHS: [(&str, u64); 7] = [
    ("above_32k", 32_000),
    ("above_100k", 100_000),
    ("above_128k", 128_000),
    ("above_200k", 200_000),
    ("above_256k", 256_000),
    ("above_272k", 272_000),
    ("above_512k", 512_000),
];

pub(super) fn prices(document: &Document, report: &mut Report) -> Vec<(String, ModelPrice)> {
    items(&schema::PRICE, document, report)
        .into_iter()
        .filter_map(|item| {
            let model = item.name.unwrap_or_default().to_owned();
            price(open(&schema::PRICE, document, item, report), &model).map(|p| (model, p))
        })
        .collect()
}

fn price(mut reader: Reader, model: &str) -> Option<ModelPrice> {
    if model.trim().is_empty() || !super::safe::is_visible(model) {
        reader.complain_of_all(&Complaint::new("a price needs the name of a model"));
    }
    let input = reader.need("input", per_million);
    let output = reader.need("output", per_million);
    let classes = CLASSES.map(|(name, class)| (class, reader.take(name, per_million)));
    let base = input.zip(output).map(|(input, output)| {
        let mut base = Rates::of(input, output);
        for (class, price) in classes {
            *class(&mut base) = price;
        }
        base
    });
    let mut part = |name| reader.take(name, |raw| ladder(raw, base.as_ref()));
    let (batch, flex, priority) = (part("batch"), part("flex"), part("priority"));
    let above = LENGTHS.map(|(name, over)| {
        reader.take(name, |raw| length(raw, base.as_ref())).map(|rates| (over, rates))
    });
    let (fast, us) = (reader.take("fast", factor), reader.take("us", factor));
    reader.finish();
    let standard = Ladder { base: base?, above: above.into_iter().flatten().collect() };
    Some(ModelPrice { standard, batch, flex, priority, fast, us, before: Vec::new() })
}

/// The prices of a tier, or of long calls. What is left out follows from the `whole`.
fn ladder(raw: &Raw, whole: Option<&Rates>) -> Read<Ladder> {
    let wrong = || value::wrong("prices such as { input = 1.00, output = 6.00 }", raw);
    let table = raw.get_ref().as_table().ok_or_else(wrong)?;
    let price = |name: &str| {
        let read = |raw: &Raw| {
            per_million(raw).map_err(|mut complaint| {
                complaint.message = format!("has '{name}', which {}", complaint.message);
                complaint.at(raw.span())
            })
        };
        table.get(name).map(read).transpose()
    };
    let needed = |name: &str| {
        price(name)?.ok_or_else(|| Complaint::new(format!("needs '{name}'")).at(raw.span()))
    };
    let mut base = Rates::of(needed("input")?, needed("output")?);
    for (name, class) in CLASSES {
        *class(&mut base) = price(name)?;
    }
    let base = whole.map_or(base, |whole| base.or(whole));
    let mut above = Vec::new();
    for (name, over) in LENGTHS {
        if let Some(raw) = table.get(name) {
            above.push((over, length(raw, Some(&base))?));
        }
    }
    let names = || ["input", "output"].into_iter().chain(CLASSES.map(|(name, _)| name));
    let names = || names().chain(LENGTHS.map(|(name, _)| name));
    match table.keys().find(|key| !names().any(|name| name == key.get_ref())) {
        None => Ok(Ladder { base, above }),
        Some(key) => {
            let hint = value::unknown_word(key.get_ref(), names()).hint;
            let complaint = Complaint::new(format!("has an unknown key '{}'", key.get_ref()));
            Err(complaint.maybe(hint).at(key.span()))
        }
    }
}

/// The prices of long calls, which have no longer ones within them.
fn length(raw: &Raw, whole: Option<&Rates>) -> Read<Rates> {
    let Ladder { base, above } = ladder(raw, whole)?;
    if above.is_empty() {
        return Ok(base);
    }
    Err(Complaint::new("has a length within a length").at(raw.span()))
}

fn per_million(raw: &Raw) -> Read<PerMillion> {
    let amount = value::money(raw)?;
    if amount > NanoUsd::from_usd(1_000_000) {
        return Err(Complaint::new("is more than a dollar a token")
            .hint("prices are dollars per million tokens"));
    }
    PerMillion::parse(&amount.to_string()).ok_or_else(|| Complaint::new("is not a price"))
}

/// How many times as much something costs.
fn factor(raw: &Raw) -> Read<Factor> {
    let times = value::money(raw)?;
    let sane = (NanoUsd::from_usd(1)..=NanoUsd::from_usd(100)).contains(&times);
    let factor = Factor::parse(&times.to_string()).filter(|_| sane);
    factor.ok_or_else(|| Complaint::new("must be 1 to 100 times the price, such as 2.0"))
}
