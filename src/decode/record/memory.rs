//! What maps remember from one line of a file to the next, and over a restart.

use serde_json::{Map as Json, Value};

use crate::decode::eval::{Line, Scratch};
use crate::decode::formats::Formats;
use crate::decode::map::{Alts, Map, Spot};
use crate::text;

/// Bytes of a value; what is longer is no name or number.
const LONGEST: usize = 512;

/// Remembered values, by format and number.
#[derive(Debug, Default)]
pub(super) struct Memory {
    formats: Vec<Vec<String>>,
}

/// New values, by number.
pub(super) type News = Vec<(usize, String)>;

/// What a line tells a map to remember.
pub(super) fn news(map: &Map<Spot>, line: Line<'_>, scratch: &mut Scratch) -> News {
    let mut news = News::new();
    for (number, sticky) in map.sticky.iter().enumerate() {
        if sticky.when.as_ref().is_some_and(|when| !line.holds(when)) {
            continue;
        }
        let told = line.text(Alts::all(&sticky.from), scratch, |text| {
            (text.len() <= LONGEST).then(|| text::mask(text).into_owned())
        });
        news.extend(told.map(|told| (number, told)));
    }
    news
}

impl Memory {
    /// What is remembered for a format.
    #[inline]
    pub(super) fn of(&self, format: usize) -> &[String] {
        self.formats.get(format).map_or(&[], Vec::as_slice)
    }

    /// Takes in new values of a format that remembers `count` of them.
    pub(super) fn remember(&mut self, format: usize, count: usize, news: News) {
        if news.is_empty() {
            return;
        }
        if self.formats.len() <= format {
            self.formats.resize(format + 1, Vec::new());
        }
        let Some(values) = self.formats.get_mut(format) else { return };
        values.resize(count, String::new());
        for (number, told) in news {
            if let Some(value) = values.get_mut(number) {
                *value = told;
            }
        }
    }

    /// All of it as JSON: `{"codex":{"model":"gpt-5.4"}}`. Empty if nothing.
    pub(super) fn memo(&self, formats: &Formats) -> String {
        let mut memo = Json::new();
        for (position, values) in self.formats.iter().enumerate() {
            let Some(format) = formats.get(position) else { continue };
            let named = format.map.sticky.iter().zip(values).filter(|(_, text)| !text.is_empty());
            let named: Json<String, Value> = named
                .map(|(sticky, text)| (sticky.name.to_string(), text.as_str().into()))
                .collect();
            if !named.is_empty() {
                memo.insert(format.map.id.to_string(), named.into());
            }
        }
        if memo.is_empty() { String::new() } else { Value::Object(memo).to_string() }
    }

    /// Remembers again what [`memo`](Self::memo) gave; what is not understood
    /// of it is left out.
    pub(super) fn recall(&mut self, formats: &Formats, memo: &str) {
        let Ok(Value::Object(memo)) = serde_json::from_str(memo) else { return };
        for (id, values) in memo {
            let Some(position) = formats.position(&id) else { continue };
            let Some(map) = formats.get(position).map(|format| &format.map) else { continue };
            let value = |(number, sticky): (usize, &crate::decode::map::Sticky<Spot>)| {
                let text = values.get(&*sticky.name)?.as_str()?;
                (text.len() <= LONGEST).then(|| (number, text.to_owned()))
            };
            let news = map.sticky.iter().enumerate().filter_map(value).collect();
            self.remember(position, map.sticky.len(), news);
        }
    }
}
