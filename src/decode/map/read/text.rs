//! What the records of a format are made of, and the patterns that make records
//! of text.

use super::alt::one_line;
use super::strict::one_of;
use super::{Read, Table, array, error, list, string};
use crate::decode::map::{Group, Input, Pattern};

const INPUTS: &[(&str, Input)] = &[
    ("jsonl", Input::JsonLines),
    ("logfmt", Input::Logfmt),
    ("regex", Input::Regex),
    ("http-dump", Input::HttpDump),
    ("otlp-spans", Input::OtlpSpans),
    ("otlp-logs", Input::OtlpLogs),
    ("otlp-metrics", Input::OtlpMetrics),
    ("prometheus", Input::Prometheus),
];

impl Input {
    /// As maps spell it.
    pub(in crate::decode) fn word(self) -> &'static str {
        INPUTS.iter().find(|(_, input)| *input == self).map_or("", |(word, _)| word)
    }
}

pub(super) fn input(table: &Table<'_>) -> Read<Input> {
    let Some(value) = table.get("input") else { return Ok(Input::JsonLines) };
    let word = string(value, "input")?;
    let known = INPUTS.iter().find(|(known, _)| *known == word).map(|(_, input)| *input);
    known.ok_or_else(|| {
        let words: Vec<&str> = INPUTS.iter().map(|(word, _)| *word).collect();
        error(value, "input", one_of(&word, &words))
    })
}

/// The patterns of a format whose input is text.
pub(super) fn patterns(table: &Table<'_>) -> Read<Vec<Pattern>> {
    let text = input(table)? == Input::Regex;
    let Some(value) = table.get("patterns") else {
        return match table.get("input") {
            Some(value) if text => Err(error(value, "patterns", "is missing")),
            _ => Ok(Vec::new()),
        };
    };
    if !text {
        return Err(error(value, "patterns", "needs `input = \"regex\"`"));
    }
    let names = |key: &str| {
        let value = table.get(key);
        value.map_or(Ok(Vec::new()), |value| list(value, key, string))
    };
    let (pairs, literals) = (names("pairs")?, names("literals")?);
    let group = |name: &str| match name {
        name if pairs.iter().any(|known| known == name) => Group::Pairs,
        name if literals.iter().any(|known| known == name) => Group::Literal,
        _ => Group::Text,
    };
    let mut patterns = Vec::new();
    for value in array(value, "patterns")? {
        let pattern = Pattern::new(&string(value, "patterns")?, group);
        let pattern = pattern.map_err(|wrong| error(value, "patterns", one_line(&wrong)))?;
        if pattern.groups.is_empty() {
            let message = "needs a named group `(?P<name>…)` for each field";
            return Err(error(value, "patterns", message));
        }
        patterns.push(pattern);
    }
    for (key, names) in [("pairs", &pairs), ("literals", &literals)] {
        let Some(value) = table.get(key) else { continue };
        let known = |name: &&String| {
            let mut groups = patterns.iter().flat_map(|pattern| &pattern.groups);
            !groups.any(|(_, group, _)| **group == ***name)
        };
        if let Some(name) = names.iter().find(known) {
            return Err(error(value, key, format!("no pattern has a group `{name}`")));
        }
    }
    Ok(patterns)
}
