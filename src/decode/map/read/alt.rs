//! Alternatives for a value, and conditions.

use std::sync::Arc;

use regex::Regex;

use super::strict::{Taker, one_of, unreachable};
use super::{
    Read, Reader, Table, Value, array, error, header_name, join, known, number, regexes, scalar,
    string, table, words_by_path,
};
use crate::decode::map::table::Table as Providers;
use crate::decode::map::{Alt, As, Cond, From, Kind, Piece};
use crate::decode::moment::{Around, read_time};
use crate::domain::Wall;

const ALT: &[&str] = &[
    "path", "header", "const", "sum", "diff", "join", "key_of", "sticky", "as", "pattern", "scale",
    "add", "regex", "map", "else", "when",
];
const CONVERSIONS: [&str; 15] = [
    "auto",
    "text",
    "lower",
    "num",
    "last_num",
    "sum_num",
    "dur_ms",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "hrtime",
    "http_date",
    "ticks",
    "strftime",
];
const SOURCES: [&str; 8] = ["path", "header", "const", "sum", "diff", "join", "key_of", "sticky"];

impl Reader {
    /// The alternatives at `key` for a value of a kind.
    pub(super) fn alternatives(
        &self,
        value: &Value<'_>,
        key: &str,
        taker: Taker,
    ) -> Read<Vec<Alt<String>>> {
        if !value.get_ref().is_array() {
            return Ok(vec![self.alternative(value, key, taker)?]);
        }
        let one = |value| self.alternative(value, key, taker);
        let alts: Vec<_> = array(value, key)?.map(one).collect::<Read<_>>()?;
        unreachable(array(value, key)?.zip(&alts), key)?;
        Ok(alts)
    }

    fn alternative(&self, value: &Value<'_>, key: &str, taker: Taker) -> Read<Alt<String>> {
        let kind = taker.kind;
        if value.get_ref().is_str() {
            return Ok(Alt::plain(From::Path(self.path(value, key)?)));
        }
        let fields = value.get_ref().as_table();
        let fields = fields.ok_or_else(|| {
            error(value, key, "must be a path or a table; a fixed value is { const = … }")
        })?;
        known(fields, key, ALT)?;
        let mut alt = Alt::plain(self.source(value, fields, key)?);
        let measures = kind == Kind::Number && matches!(alt.from, From::Diff(..));
        alt.read_as = read_as(fields, key, if measures { Kind::Time } else { kind })?;
        let number = |part: &str| match fields.get(part) {
            None => Ok(None),
            Some(value) if kind == Kind::Number => number(value, &join(key, part)).map(Some),
            Some(value) => Err(error(value, &join(key, part), "only a number can have it")),
        };
        alt.scale = number("scale")?;
        if let (Some(0.0), Some(value)) = (alt.scale, fields.get("scale")) {
            return Err(error(value, &join(key, "scale"), "makes nothing of every number"));
        }
        alt.add = number("add")?.unwrap_or(0.0);
        if let Some(value) = fields.get("regex") {
            alt.regex = Some(regex(value, &join(key, "regex"))?);
        }
        if let Some(value) = fields.get("map") {
            let key = join(key, "map");
            if kind == Kind::Time {
                return Err(error(value, &key, "only a text or a number can have it"));
            }
            if let Some(word) = value.get_ref().as_str() {
                let known = Providers::ALL.into_iter().find(|(name, _)| *name == word);
                let (_, table) = known.ok_or_else(|| {
                    error(value, &key, "needs a table of words, `@hosts` or `@paths`")
                })?;
                (alt.map, alt.table) = (table.rows(), Some(table));
            } else {
                for (word, given) in table(value, &key)? {
                    let to = scalar(given, &key)?;
                    taker.takes(given, &key, &to)?;
                    alt.map.push((word.get_ref().as_bytes().into(), to.into()));
                }
            }
        }
        if let Some(value) = fields.get("else") {
            let key = join(key, "else");
            if alt.map.is_empty() {
                return Err(error(value, &key, "needs a `map` beside it"));
            }
            let word = scalar(value, &key)?;
            taker.takes(value, &key, &word)?;
            alt.otherwise = Some(word.into());
        }
        if let (From::Const(word), Some(given)) = (&alt.from, fields.get("const")) {
            taker.takes(given, &join(key, "const"), word)?;
            let more = |key: &&str| !matches!(*key, "const" | "when");
            if let Some((more, value)) =
                fields.iter().find(|(name, _)| more(&name.get_ref().as_ref()))
            {
                let key = join(key, more.get_ref());
                return Err(error(value, &key, "changes nothing: a constant is as it stands"));
            }
        }
        alt.when = self.when(fields, key)?;
        Ok(alt)
    }

    fn source(&self, value: &Value<'_>, table: &Table<'_>, key: &str) -> Read<From<String>> {
        let mut found = Vec::new();
        for source in SOURCES {
            let Some(value) = table.get(source) else { continue };
            let key = join(key, source);
            found.push(match source {
                "path" => From::Path(self.path(value, &key)?),
                "header" => From::Header(header_name(&string(value, &key)?)),
                "const" => From::Const(scalar(value, &key)?.into()),
                "sum" => From::Sum(self.paths(value, &key)?),
                "join" => From::Join(self.pieces(value, &key)?),
                "key_of" => From::KeyOf(self.path(value, &key)?),
                "sticky" => From::Sticky(self.sticky_number(value, &key)?),
                _ => match self.paths(value, &key)?.as_slice() {
                    [end, start] => From::Diff(end.clone(), start.clone()),
                    _ => return Err(error(value, &key, "needs two paths: end and start")),
                },
            });
        }
        if let (Some(source), true) = (found.pop(), found.is_empty()) {
            return Ok(source);
        }
        let all = SOURCES.map(|source| format!("`{source}`")).join(", ");
        Err(error(value, key, format!("needs exactly one of {all}")))
    }

    /// Paths, and tables that name what was remembered.
    fn pieces(&self, value: &Value<'_>, key: &str) -> Read<Vec<Piece<String>>> {
        if value.get_ref().is_str() {
            return Ok(vec![Piece::Path(self.path(value, key)?)]);
        }
        let piece = |value: &Value<'_>| {
            if !value.get_ref().is_table() {
                return Ok(Piece::Path(self.path(value, key)?));
            }
            let fields = table(value, key)?;
            known(fields, key, &["sticky"])?;
            match fields.get("sticky") {
                Some(name) => Ok(Piece::Sticky(self.sticky_number(name, &join(key, "sticky"))?)),
                None => Err(error(value, key, "needs `sticky`")),
            }
        };
        array(value, key)?.map(piece).collect()
    }

    fn sticky_number(&self, value: &Value<'_>, key: &str) -> Read<usize> {
        let name = string(value, key)?;
        let number = self.sticky.iter().position(|known| *known == name);
        number.ok_or_else(|| error(value, key, format!("there is no `[sticky.{name}]`")))
    }

    pub(super) fn when(&self, table: &Table<'_>, at: &str) -> Read<Option<Cond<String>>> {
        table.get("when").map(|value| self.cond(value, &join(at, "when"))).transpose()
    }

    pub(super) fn cond(&self, value: &Value<'_>, key: &str) -> Read<Cond<String>> {
        let fields = table(value, key)?;
        known(fields, key, &["has", "not", "eq", "ne", "re"])?;
        let words = |part: &str| {
            let path = |value: &Value<'_>, key: &str| self.path(value, key);
            fields.get(part).map_or(Ok(Vec::new()), |v| words_by_path(v, &join(key, part), path))
        };
        let mut cond = Cond {
            has: self.paths_at(fields, key, "has")?,
            not: self.paths_at(fields, key, "not")?,
            eq: words("eq")?,
            ne: words("ne")?,
            re: Vec::new(),
        };
        if let Some(value) = fields.get("re") {
            let path = |value: &Value<'_>, key: &str| self.path(value, key);
            cond.re = regexes(value, &join(key, "re"), path)?;
        }
        if fields.is_empty() || table_is_empty(&cond) {
            return Err(error(value, key, "needs `has`, `not`, `eq`, `ne` or `re`"));
        }
        Ok(cond)
    }
}

/// Whether all of its parts hold of everything.
fn table_is_empty(cond: &Cond<String>) -> bool {
    let Cond { has, not, eq, ne, re } = cond;
    has.is_empty() && not.is_empty() && eq.is_empty() && ne.is_empty() && re.is_empty()
}

fn regex(value: &Value<'_>, key: &str) -> Read<Regex> {
    let regex = Regex::new(&string(value, key)?);
    let regex = regex.map_err(|e| error(value, key, one_line(&e)))?;
    match regex.captures_len() {
        2 => Ok(regex),
        1 => Err(error(value, key, "needs a group `(…)` around the value")),
        _ => Err(error(value, key, "needs one group: write the others as `(?:…)`")),
    }
}

/// What is wrong with a regex, without the drawing of it.
pub(super) fn one_line(wrong: &regex::Error) -> String {
    let text = wrong.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!("is no regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
}

fn read_as(table: &Table<'_>, key: &str, kind: Kind) -> Read<As> {
    let pattern = table.get("pattern");
    let by_pattern = table.get("as").is_some_and(|as_| as_.get_ref().as_str() == Some("strftime"));
    if let (Some(value), false) = (pattern, by_pattern) {
        return Err(error(value, &join(key, "pattern"), "needs `as = \"strftime\"`"));
    }
    let Some(value) = table.get("as") else {
        return Ok(As::Plain);
    };
    let key = join(key, "as");
    let (read_as, kinds): (As, &[Kind]) = match string(value, &key)?.as_str() {
        "auto" => (As::Plain, &[Kind::Time, Kind::Number]),
        "text" => (As::Plain, &[Kind::Text]),
        "num" => (As::Plain, &[Kind::Number]),
        "lower" => (As::Lower, &[Kind::Text]),
        "last_num" => (As::LastNumber, &[Kind::Number]),
        "sum_num" => (As::SumOfNumbers, &[Kind::Number]),
        "dur_ms" => (As::Duration, &[Kind::Number]),
        "epoch_s" => (As::EpochS, &[Kind::Time]),
        "epoch_ms" => (As::EpochMs, &[Kind::Time]),
        "epoch_us" => (As::EpochUs, &[Kind::Time]),
        "epoch_ns" => (As::EpochNs, &[Kind::Time]),
        "hrtime" => (As::HrTime, &[Kind::Time, Kind::Number]),
        "http_date" => (As::HttpDate, &[Kind::Time]),
        "ticks" => (As::Ticks, &[Kind::Time]),
        "strftime" => match pattern {
            Some(pattern) => (As::Strftime(strftime(pattern, &key)?), &[Kind::Time]),
            None => return Err(error(value, &key, "needs a `pattern` beside it")),
        },
        other => return Err(error(value, &key, one_of(other, &CONVERSIONS))),
    };
    if kinds.contains(&kind) {
        Ok(read_as)
    } else {
        let kind = match kind {
            Kind::Time => "a time",
            Kind::Number => "a number",
            Kind::Text => "a text",
        };
        Err(error(value, &key, format!("does not fit {kind}")))
    }
}

/// A pattern that a day and a time can be read by.
fn strftime(value: &Value<'_>, key: &str) -> Read<Arc<str>> {
    let key = key.replace(".as", ".pattern");
    let pattern: Arc<str> = string(value, &key)?.into();
    let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    let text = jiff::fmt::strtime::format(pattern.as_bytes(), &moment)
        .map_err(|wrong| error(value, &key, wrong.to_string()))?;
    let written = crate::scan::Value { kind: crate::scan::Kind::Str, raw: text.as_bytes() };
    let around = Around { zone: None, received: Wall(0) };
    if read_time(&As::Strftime(Arc::clone(&pattern)), written, around).is_some() {
        return Ok(pattern);
    }
    Err(error(value, &key, "tells no day and time, as `%Y-%m-%d %H:%M:%S` does"))
}

impl Alt<String> {
    fn plain(from: From<String>) -> Alt<String> {
        Alt {
            from,
            read_as: As::Plain,
            scale: None,
            add: 0.0,
            regex: None,
            map: Vec::new(),
            table: None,
            otherwise: None,
            when: None,
        }
    }
}
