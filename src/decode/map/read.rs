//! Format maps from TOML. Strict: an unknown key, a wrong type or a
//! conversion that can't be is an error that names file, line and key.

use regex_lite::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Alt, As, Cond, Drop, Field, From, Headers, Input, Kind, Map, TokenRule};
use crate::decode::formats::{FormatError, nearest};
use crate::domain::Layer;

type Table<'t> = DeTable<'t>;
type Value<'t> = Spanned<DeValue<'t>>;

const TOP: &[&str] = &[
    "id", "about", "input", "detect", "reject", "ignore", "queue", "timezone", "tokens", "fields",
    "headers", "body",
];
const ALT: &[&str] = &[
    "path", "header", "const", "sum", "diff", "join", "as", "scale", "add", "regex", "map", "else",
    "when",
];

/// Reads one map.
pub(crate) fn read(file: &str, text: &str) -> Result<Map<String>, FormatError> {
    let doc = Doc { file, text };
    let table = Table::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        doc.error_at(at, "", error.message().to_owned())
    })?;
    doc.map(table.get_ref())
}

struct Doc<'d> {
    file: &'d str,
    text: &'d str,
}

impl Doc<'_> {
    fn error_at(&self, at: usize, key: &str, message: String) -> FormatError {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        FormatError::Map { file: self.file.to_owned(), line, key: key.to_owned(), message }
    }

    fn error(&self, value: &Value<'_>, key: &str, message: impl Into<String>) -> FormatError {
        self.error_at(value.span().start, key, message.into())
    }

    fn map(&self, table: &Table<'_>) -> Result<Map<String>, FormatError> {
        self.known(table, "", TOP)?;
        let id = self.required(table, "id")?;
        let detect = match table.get("detect") {
            Some(value) => self.detect(value)?,
            None => Vec::new(),
        };
        Ok(Map {
            id: id.into(),
            about: self.text(table, "about")?.unwrap_or_default().into(),
            input: self.input(table)?,
            detect,
            reject: self.paths_at(table, "reject")?,
            ignore: self.conds(table, "ignore")?,
            queue: self.conds(table, "queue")?,
            timezone: self.timezone(table)?,
            tokens: self.tokens(table)?,
            fields: self.fields(table)?,
            headers: self.headers(table)?,
            body: self.paths_at(table, "body")?,
        })
    }

    fn known(&self, table: &Table<'_>, at: &str, keys: &[&str]) -> Result<(), FormatError> {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                let hint = nearest(name, keys.iter().copied())
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let full = join(at, name);
                return Err(self.error_at(key.span().start, &full, format!("unknown key{hint}")));
            }
        }
        Ok(())
    }

    fn required(&self, table: &Table<'_>, key: &str) -> Result<String, FormatError> {
        self.text(table, key)?.ok_or_else(|| self.error_at(0, key, "is missing".to_owned()))
    }

    fn text(&self, table: &Table<'_>, key: &str) -> Result<Option<String>, FormatError> {
        table.get(key).map(|value| self.string(value, key)).transpose()
    }

    fn string(&self, value: &Value<'_>, key: &str) -> Result<String, FormatError> {
        let text = value.get_ref().as_str();
        text.map(str::to_owned).ok_or_else(|| self.error(value, key, "must be a string"))
    }

    fn table<'v, 't>(&self, value: &'v Value<'t>, key: &str) -> Result<&'v Table<'t>, FormatError> {
        value.get_ref().as_table().ok_or_else(|| self.error(value, key, "must be a table"))
    }

    fn array<'v, 't>(
        &self,
        value: &'v Value<'t>,
        key: &str,
    ) -> Result<impl Iterator<Item = &'v Value<'t>>, FormatError> {
        let array = value.get_ref().as_array();
        array.map(|a| a.iter()).ok_or_else(|| self.error(value, key, "must be an array"))
    }

    /// One path, or an array of paths.
    fn paths(&self, value: &Value<'_>, key: &str) -> Result<Vec<String>, FormatError> {
        if value.get_ref().is_str() {
            return Ok(vec![self.string(value, key)?]);
        }
        self.array(value, key)?.map(|path| self.string(path, key)).collect()
    }

    fn paths_at(&self, table: &Table<'_>, key: &str) -> Result<Vec<String>, FormatError> {
        table.get(key).map_or(Ok(Vec::new()), |value| self.paths(value, key))
    }

    fn input(&self, table: &Table<'_>) -> Result<Input, FormatError> {
        let Some(value) = table.get("input") else { return Ok(Input::JsonLines) };
        match self.string(value, "input")?.as_str() {
            "jsonl" => Ok(Input::JsonLines),
            "http-dump" => Ok(Input::HttpDump),
            "prometheus" => Ok(Input::Prometheus),
            _ => Err(self.error(value, "input", "must be `jsonl`, `http-dump` or `prometheus`")),
        }
    }

    /// An array of paths, or of arrays of paths.
    fn detect(&self, value: &Value<'_>) -> Result<Vec<Vec<String>>, FormatError> {
        let nested =
            value.get_ref().as_array().is_some_and(|a| a.iter().any(|v| v.as_ref().is_array()));
        if !nested {
            return Ok(vec![self.paths(value, "detect")?]);
        }
        self.array(value, "detect")?.map(|set| self.paths(set, "detect")).collect()
    }

    /// An array of conditions, any of which suffices.
    fn conds(&self, table: &Table<'_>, key: &str) -> Result<Vec<Cond<String>>, FormatError> {
        let Some(value) = table.get(key) else { return Ok(Vec::new()) };
        self.array(value, key)?.map(|when| self.cond(when, key)).collect()
    }

    fn timezone(&self, table: &Table<'_>) -> Result<Option<jiff::tz::TimeZone>, FormatError> {
        let Some(value) = table.get("timezone") else { return Ok(None) };
        let name = self.string(value, "timezone")?;
        let zone = jiff::tz::TimeZone::get(&name);
        zone.map(Some).map_err(|_| self.error(value, "timezone", "is not a known time zone"))
    }

    fn tokens(&self, table: &Table<'_>) -> Result<TokenRule, FormatError> {
        let Some(value) = table.get("tokens") else { return Ok(TokenRule::default()) };
        let table = self.table(value, "tokens")?;
        self.known(table, "tokens", &["input", "output"])?;
        let choice = |key: &str, part: &str| {
            let Some(value) = table.get(key) else { return Ok(false) };
            let key = join("tokens", key);
            match self.string(value, &key)? {
                word if word == format!("includes_{part}") => Ok(false),
                word if word == format!("excludes_{part}") => Ok(true),
                _ => {
                    let message = format!("must be `includes_{part}` or `excludes_{part}`");
                    Err(self.error(value, &key, message))
                }
            }
        };
        Ok(TokenRule {
            add_cache: choice("input", "cache")?,
            add_reasoning: choice("output", "reasoning")?,
        })
    }

    fn fields(&self, table: &Table<'_>) -> Result<Vec<Vec<Alt<String>>>, FormatError> {
        let mut fields = vec![Vec::new(); Field::ALL.len()];
        let Some(value) = table.get("fields") else { return Ok(fields) };
        let table = self.table(value, "fields")?;
        let words: Vec<&str> = Field::ALL.iter().map(|field| field.word()).collect();
        self.known(table, "fields", &words)?;
        for (name, value) in table {
            let Some(field) = Field::from_word(name.get_ref()) else { continue };
            let alts = self.alternatives(value, field)?;
            if let Some(place) = fields.get_mut(field as usize) {
                *place = alts;
            }
        }
        Ok(fields)
    }

    fn alternatives(
        &self,
        value: &Value<'_>,
        field: Field,
    ) -> Result<Vec<Alt<String>>, FormatError> {
        let key = join("fields", field.word());
        if value.get_ref().is_array() {
            self.array(value, &key)?.map(|alt| self.alternative(alt, &key, field)).collect()
        } else {
            Ok(vec![self.alternative(value, &key, field)?])
        }
    }

    fn alternative(
        &self,
        value: &Value<'_>,
        key: &str,
        field: Field,
    ) -> Result<Alt<String>, FormatError> {
        if value.get_ref().is_str() {
            return Ok(Alt::plain(From::Path(self.string(value, key)?)));
        }
        let table = self.table(value, key)?;
        self.known(table, key, ALT)?;
        let mut alt = Alt::plain(self.source(value, table, key)?);
        if let Some(value) = table.get("as") {
            alt.read_as = self.read_as(value, &join(key, "as"), field)?;
        }
        let number = |part: &str| match table.get(part) {
            None => Ok(None),
            Some(value) if field.kind() == Kind::Number => {
                self.number(value, &join(key, part)).map(Some)
            }
            Some(value) => Err(self.error(value, &join(key, part), "only a number can have it")),
        };
        alt.scale = number("scale")?;
        alt.add = number("add")?.unwrap_or(0.0);
        if let Some(value) = table.get("regex") {
            let key = join(key, "regex");
            let regex = Regex::new(&self.string(value, &key)?);
            let regex = regex.map_err(|e| self.error(value, &key, e.to_string()))?;
            if regex.captures_len() < 2 {
                return Err(self.error(value, &key, "needs a group `(…)` around the value"));
            }
            alt.regex = Some(regex);
        }
        if let Some(value) = table.get("map") {
            let key = join(key, "map");
            for (word, to) in self.table(value, &key)? {
                let to = self.scalar(to, &key)?;
                alt.map.push((word.get_ref().as_bytes().into(), to.into()));
            }
        }
        let otherwise = table.get("else").map(|value| self.scalar(value, &join(key, "else")));
        alt.otherwise = otherwise.transpose()?.map(Into::into);
        if let (Some(value), true) = (table.get("else"), alt.map.is_empty()) {
            return Err(self.error(value, &join(key, "else"), "needs a `map` beside it"));
        }
        alt.when = table.get("when").map(|v| self.cond(v, &join(key, "when"))).transpose()?;
        Ok(alt)
    }

    fn source(
        &self,
        value: &Value<'_>,
        table: &Table<'_>,
        key: &str,
    ) -> Result<From<String>, FormatError> {
        let mut found = Vec::new();
        for source in ["path", "header", "const", "sum", "diff", "join"] {
            let Some(value) = table.get(source) else { continue };
            let key = join(key, source);
            found.push(match source {
                "path" => From::Path(self.string(value, &key)?),
                "header" => From::Header(header_name(&self.string(value, &key)?)),
                "const" => From::Const(self.scalar(value, &key)?.into()),
                "sum" => From::Sum(self.paths(value, &key)?),
                "join" => From::Join(self.paths(value, &key)?),
                _ => match self.paths(value, &key)?.as_slice() {
                    [end, start] => From::Diff(end.clone(), start.clone()),
                    _ => return Err(self.error(value, &key, "needs two paths: end and start")),
                },
            });
        }
        match (found.pop(), found.is_empty()) {
            (Some(source), true) => Ok(source),
            _ => Err(self.error(
                value,
                key,
                "needs exactly one of `path`, `header`, `const`, `sum`, `diff`, `join`",
            )),
        }
    }

    fn read_as(&self, value: &Value<'_>, key: &str, field: Field) -> Result<As, FormatError> {
        let (read_as, kinds): (As, &[Kind]) = match self.string(value, key)?.as_str() {
            "auto" => (As::Plain, &[Kind::Time, Kind::Number]),
            "text" => (As::Plain, &[Kind::Text]),
            "num" => (As::Plain, &[Kind::Number]),
            "lower" => (As::Lower, &[Kind::Text]),
            "last_num" => (As::LastNumber, &[Kind::Number]),
            "sum_num" => (As::SumOfNumbers, &[Kind::Number]),
            "dur_ms" => (As::Duration, &[Kind::Number]),
            "epoch_s" => (As::EpochS, &[Kind::Time, Kind::Number]),
            "epoch_ms" => (As::EpochMs, &[Kind::Time, Kind::Number]),
            "epoch_us" => (As::EpochUs, &[Kind::Time, Kind::Number]),
            "epoch_ns" => (As::EpochNs, &[Kind::Time, Kind::Number]),
            _ => {
                let message = "must be one of auto, text, lower, num, last_num, sum_num, dur_ms, \
                               epoch_s, epoch_ms, epoch_us, epoch_ns";
                return Err(self.error(value, key, message));
            }
        };
        if kinds.contains(&field.kind()) {
            Ok(read_as)
        } else {
            Err(self.error(value, key, format!("does not fit `{}`", field.word())))
        }
    }

    fn headers(&self, table: &Table<'_>) -> Result<Headers<String>, FormatError> {
        let (from, named, drop) = (Vec::new(), Vec::new(), Vec::new());
        let mut headers = Headers { from, named, drop, layer: Layer::default() };
        let Some(value) = table.get("headers") else { return Ok(headers) };
        let table = self.table(value, "headers")?;
        self.known(table, "headers", &["from", "names", "prefixes", "fields", "drop", "layer"])?;
        headers.from = self.paths_at(table, "from")?;
        if let Some(value) = table.get("layer") {
            let word = self.string(value, "headers.layer")?;
            let unknown = || self.error(value, "headers.layer", "must be upstream or gateway");
            headers.layer = Layer::from_word(&word).ok_or_else(unknown)?;
        }
        let prefixes = self.paths_at(table, "prefixes")?;
        for name in self.paths_at(table, "names")? {
            let variable = name.replace('-', "_");
            let mut paths: Vec<String> =
                prefixes.iter().map(|prefix| format!("{prefix}{variable}")).collect();
            if prefixes.iter().any(String::is_empty) {
                paths.push(name.clone());
            }
            headers.named.push((name.into(), paths));
        }
        if let Some(value) = table.get("fields") {
            for (name, paths) in self.table(value, "headers.fields")? {
                let name = name.get_ref();
                let paths = self.paths(paths, &join("headers.fields", name))?;
                match headers.named.iter_mut().find(|(known, _)| **known == **name) {
                    Some((_, known)) => known.extend(paths),
                    None => headers.named.push((name.as_ref().into(), paths)),
                }
            }
        }
        if let Some(value) = table.get("drop") {
            for value in self.array(value, "headers.drop")? {
                let table = self.table(value, "headers.drop")?;
                self.known(table, "headers.drop", &["names", "when"])?;
                let Some(when) = table.get("when") else {
                    return Err(self.error(value, "headers.drop.when", "is missing"));
                };
                let names = self.paths_at(table, "names")?;
                headers.drop.push(Drop {
                    names: names.iter().map(|name| header_name(name)).collect(),
                    when: self.cond(when, "headers.drop.when")?,
                });
            }
        }
        Ok(headers)
    }

    fn cond(&self, value: &Value<'_>, key: &str) -> Result<Cond<String>, FormatError> {
        let table = self.table(value, key)?;
        self.known(table, key, &["has", "not", "eq"])?;
        let mut cond = Cond {
            has: self.paths_at(table, "has")?,
            not: self.paths_at(table, "not")?,
            eq: Vec::new(),
        };
        if let Some(value) = table.get("eq") {
            let key = join(key, "eq");
            for (path, words) in self.table(value, &key)? {
                let words = match words.get_ref().as_array() {
                    Some(words) => words.iter().map(|word| self.scalar(word, &key)).collect(),
                    None => self.scalar(words, &key).map(|word| vec![word]),
                }?;
                let words = words.into_iter().map(|word| word.into_bytes().into()).collect();
                cond.eq.push((path.get_ref().to_string(), words));
            }
        }
        if cond.has.is_empty() && cond.not.is_empty() && cond.eq.is_empty() {
            return Err(self.error(value, key, "needs `has`, `not` or `eq`"));
        }
        Ok(cond)
    }

    fn number(&self, value: &Value<'_>, key: &str) -> Result<f64, FormatError> {
        let number: Option<f64> = self.scalar(value, key)?.parse().ok();
        let number = number.filter(|number| number.is_finite());
        number.ok_or_else(|| self.error(value, key, "must be a number"))
    }

    /// A string, number or boolean as text.
    fn scalar(&self, value: &Value<'_>, key: &str) -> Result<String, FormatError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Ok(flag.to_string()),
            _ => Err(self.error(value, key, "must be a string, a number or a boolean")),
        }
    }
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
            otherwise: None,
            when: None,
        }
    }
}

/// A header's name as the bag of headers keeps it.
fn header_name(name: &str) -> Box<str> {
    name.to_ascii_lowercase().replace('_', "-").into()
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}
