//! Format maps from TOML. Strict: an unknown key, a wrong type or a
//! conversion that can't be is an error that names its place and key.

mod alt;
mod parts;
mod strict;
mod text;
mod unit;
mod usage;

use std::ops::Range;

use regex::bytes::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layout::{end_index, outwards};
use super::{Company, Cond, Counts, Detect, Each, Explode, Identity, MAX_PARTS, Map};
use crate::domain::Keep;
use crate::text::nearest;
use alt::one_line;

type Table<'t> = DeTable<'t>;
type Value<'t> = Spanned<DeValue<'t>>;

/// Keys of a map.
pub(crate) const KEYS: &[&str] = &[
    "id",
    "about",
    "input",
    "patterns",
    "pairs",
    "literals",
    "mixed",
    "explode",
    "detect",
    "detect_eq",
    "detect_re",
    "reject",
    "keep",
    "ignore",
    "doubt",
    "doubt_unless",
    "queue",
    "timezone",
    "dedup",
    "trusted_id",
    "id_space",
    "count",
    "access_log",
    "tokens",
    "sticky",
    "fields",
    "headers",
    "limits",
    "body",
    "usage",
];

/// Why a key needs `trusted_id`.
const UNTRUSTED: &str = "needs `trusted_id = true`: with an id that a client can choose, \
                         a later line would hide an earlier call";

/// A mistake in a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapError {
    /// Where it stands in the text.
    pub(crate) span: Range<usize>,
    /// Key with its path.
    pub(crate) key: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

type Read<T> = Result<T, MapError>;

/// Reads one map.
pub(crate) fn read(text: &str) -> Read<Map<String>> {
    let table = Table::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        MapError { span, key: String::new(), message: error.message().to_owned() }
    })?;
    read_table(table.get_ref(), 0..0)
}

/// Reads one map that is a table of a larger text and stands at `span` there.
pub(crate) fn read_table(table: &Table<'_>, span: Range<usize>) -> Read<Map<String>> {
    let map = Reader { span, sticky: sticky_names(table), explode: explode(table)? }.map(table)?;
    strict::whole(table, &map).map(|()| map)
}

struct Reader {
    /// Where the map as a whole stands, for what is missing in it.
    span: Range<usize>,
    sticky: Vec<String>,
    /// Objects around a record.
    explode: Vec<Explode>,
}

impl Reader {
    fn map(self, table: &Table<'_>) -> Read<Map<String>> {
        known(table, "", KEYS)?;
        let id = match table.get("id") {
            Some(value) => id(value)?,
            None => return Err(error_at(self.span, "id", "is missing")),
        };
        Ok(Map {
            identity: identity(table, &id)?,
            id: id.into(),
            about: text_at(table, "about")?.unwrap_or_default().into(),
            input: text::input(table)?,
            patterns: text::patterns(table)?,
            company: company(table)?,
            explode: self.explode.clone(),
            detect: detect(table)?,
            keep: self.conds(table, "keep")?,
            ignore: self.conds(table, "ignore")?,
            doubt: self.conds(table, "doubt")?,
            doubt_unless: self.paths_at(table, "", "doubt_unless")?,
            queue: self.conds(table, "queue")?,
            timezone: timezone(table)?,
            tokens: parts::tokens(table)?,
            counts: counts(table)?,
            access_log: flag(table, "access_log")? == Some(true),
            sticky: self.sticky(table)?,
            fields: self.fields(table)?,
            headers: self.headers(table)?,
            limits: self.limits(table)?,
            body: self.paths_at(table, "", "body")?,
            usage: self.paths_at(table, "", "usage")?,
        })
    }

    /// A path within a record.
    fn path(&self, value: &Value<'_>, key: &str) -> Read<String> {
        let path = string(value, key)?;
        let wrong = |message: &str| Err(error(value, key, message));
        let (out, rest) = outwards(&path);
        if out > self.explode.len() {
            return wrong("has more `^.` than there are objects around the record");
        }
        if let Some(message) = strict::no_path(rest) {
            return wrong(message);
        }
        if !strict::is_named(rest, &self.explode) {
            return wrong("is the name of a record, and needs `explode` of an object (`a{}`)");
        }
        if rest.trim_end_matches(']').rsplit(['.', '[']).next().and_then(end_index).is_some() {
            return wrong("must name something in the element that is counted from the end");
        }
        Ok(path)
    }

    /// One path, or an array of paths.
    fn paths(&self, value: &Value<'_>, key: &str) -> Read<Vec<String>> {
        list(value, key, |value, key| self.path(value, key))
    }

    fn paths_at(&self, table: &Table<'_>, at: &str, key: &str) -> Read<Vec<String>> {
        table.get(key).map_or(Ok(Vec::new()), |value| self.paths(value, &join(at, key)))
    }

    /// An array of conditions, any of which suffices.
    fn conds(&self, table: &Table<'_>, key: &str) -> Read<Vec<Cond<String>>> {
        let Some(value) = table.get(key) else { return Ok(Vec::new()) };
        if value.get_ref().is_table() {
            return Ok(vec![self.cond(value, key)?]);
        }
        array(value, key)?.map(|when| self.cond(when, key)).collect()
    }
}

fn detect(table: &Table<'_>) -> Read<Detect<String>> {
    let mut sets = match table.get("detect") {
        Some(value) => detect_sets(value)?,
        None => Vec::new(),
    };
    let eq = match table.get("detect_eq") {
        Some(value) => words_by_path(value, "detect_eq", outer_path)?,
        None => Vec::new(),
    };
    let re = match table.get("detect_re") {
        Some(value) => detect_shapes(value, &sets)?,
        None => Vec::new(),
    };
    if sets.is_empty() && !eq.is_empty() {
        sets.push(Vec::new());
    }
    let reject = match table.get("reject") {
        Some(value) => list(value, "reject", outer_path)?,
        None => Vec::new(),
    };
    // No line can have what it must not have.
    if let (Some(value), Some(path)) = (
        table.get("reject"),
        reject.iter().find(|path| sets.iter().flatten().any(|known| known == *path)),
    ) {
        return Err(error(value, "reject", format!("`{path}` is in a set of `detect` too")));
    }
    Ok(Detect { sets, eq, re, reject })
}

/// What paths of the sets look like.
fn detect_shapes(value: &Value<'_>, sets: &[Vec<String>]) -> Read<Vec<(String, Regex)>> {
    let key = "detect_re";
    let all = regexes(value, key, outer_path)?;
    match all.iter().find(|(path, _)| !sets.iter().flatten().any(|known| known == path)) {
        Some((path, _)) => {
            let message = format!("`{path}` is in no set of `detect`");
            Err(error(value, key, message))
        }
        None => Ok(all),
    }
}

fn sticky_names(table: &Table<'_>) -> Vec<String> {
    let sticky = table.get("sticky").and_then(|value| value.get_ref().as_table());
    sticky
        .map_or_else(Vec::new, |names| names.keys().map(|key| key.get_ref().to_string()).collect())
}

fn id(value: &Value<'_>) -> Read<String> {
    let id = string(value, "id")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
        return Err(error(value, "id", "must be letters, digits, `-`, `_` and `.`, at most 64"));
    }
    Ok(id)
}

/// `a.b[].c` is the array `c` in each element of the array `a.b`; `a{}` each member of
/// the object `a`.
fn explode(table: &Table<'_>) -> Read<Vec<Explode>> {
    let Some(value) = table.get("explode") else { return Ok(Vec::new()) };
    let text = string(value, "explode")?;
    // A list at the top is taken apart for every format.
    let mut rest =
        text.strip_prefix("[]").map_or(text.as_str(), |rest| rest.trim_start_matches('.'));
    let mut all = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(['[', '{']).unwrap_or(rest.len());
        let (path, behind) = rest.split_at(end);
        let each = if behind.starts_with("{}") { Each::Member } else { Each::Element };
        let after = behind.strip_prefix("[]").or(behind.strip_prefix("{}")).unwrap_or(behind);
        let whole = after.is_empty() || (after.starts_with('.') && after.len() > 1);
        let plain = !path.is_empty() && !path.contains([']', '}', '*', '^']);
        if !whole || !plain || path.split('.').any(str::is_empty) {
            let message =
                "must be the path of an array, as `items` or `a[].b`, or of an object, as `a{}`";
            return Err(error(value, "explode", message));
        }
        all.push(Explode { path: path.to_owned(), each });
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    if all.len() >= MAX_PARTS / 2 {
        return Err(error(value, "explode", "goes through too many arrays"));
    }
    Ok(all)
}

/// An array of paths, or of arrays of paths.
fn detect_sets(value: &Value<'_>) -> Read<Vec<Vec<String>>> {
    let nested =
        value.get_ref().as_array().is_some_and(|a| a.iter().any(|v| v.as_ref().is_array()));
    if !nested {
        return Ok(vec![list(value, "detect", outer_path)?]);
    }
    array(value, "detect")?.map(|set| list(set, "detect", outer_path)).collect()
}

/// A path of the object that was given, whatever the record is.
fn outer_path(value: &Value<'_>, key: &str) -> Read<String> {
    let path = string(value, key)?;
    if path.is_empty() || path.starts_with('^') {
        return Err(error(value, key, "is a path from the outermost object, without `^`"));
    }
    if let Some(message) = strict::no_path(&path) {
        return Err(error(value, key, message));
    }
    if path.split(['.', '[', ']']).any(|segment| end_index(segment).is_some()) {
        return Err(error(value, key, "cannot count from the end of an array"));
    }
    Ok(path)
}

fn identity(table: &Table<'_>, id: &str) -> Read<Identity> {
    let trusted = flag(table, "trusted_id")?.unwrap_or(false);
    let space = text_at(table, "id_space")?;
    let shared = space.is_some();
    let space = space.as_deref().unwrap_or(id).into();
    let Some(value) = table.get("dedup") else {
        return Ok(Identity { keep: Keep::First, trusted, shared, space });
    };
    let keep = match string(value, "dedup")?.as_str() {
        "first" => Keep::First,
        "last" => Keep::Last,
        "max:output_tokens" => Keep::MostOutput,
        word => {
            let words = ["first", "last", "max:output_tokens"];
            return Err(error(value, "dedup", strict::one_of(word, &words)));
        }
    };
    if keep != Keep::First && !trusted {
        return Err(error(value, "dedup", UNTRUSTED));
    }
    Ok(Identity { keep, trusted, shared, space })
}

fn counts(table: &Table<'_>) -> Read<Counts> {
    let limits_only = flag(table, "count")? == Some(false);
    Ok(if limits_only { Counts::LimitsOnly } else { Counts::Calls })
}

fn company(table: &Table<'_>) -> Read<Company> {
    let mixed = flag(table, "mixed")? == Some(true);
    Ok(if mixed { Company::Mixed } else { Company::Alone })
}

fn timezone(table: &Table<'_>) -> Read<Option<jiff::tz::TimeZone>> {
    let Some(value) = table.get("timezone") else { return Ok(None) };
    let name = string(value, "timezone")?;
    let zone = jiff::tz::TimeZone::get(&name);
    zone.map(Some).map_err(|_| error(value, "timezone", "is not a known time zone"))
}

fn error_at(span: Range<usize>, key: &str, message: impl Into<String>) -> MapError {
    MapError { span, key: key.to_owned(), message: message.into() }
}

fn error(value: &Value<'_>, key: &str, message: impl Into<String>) -> MapError {
    error_at(value.span(), key, message)
}

/// What others call what has another name here.
const ELSEWHERE: [(&str, &str); 18] = [
    ("cache_read_tokens", "cached_input_tokens"),
    ("cached_tokens", "cached_input_tokens"),
    ("cache_creation_tokens", "cache_write_tokens"),
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("timestamp", "at"),
    ("time", "at"),
    ("status_code", "status"),
    ("cost", "cost_usd"),
    ("price", "cost_usd"),
    ("spend", "cost_usd"),
    ("latency", "latency_ms"),
    ("duration", "latency_ms"),
    ("user_id", "user"),
    ("team_id", "team"),
    ("api_key", "key_id"),
    ("env", "environment"),
    ("url", "path"),
];

fn usual(name: &str, keys: &[&str]) -> Option<&'static str> {
    let meant = ELSEWHERE.iter().find(|(word, _)| *word == name);
    meant.map(|(_, meant)| *meant).filter(|meant| keys.contains(meant))
}

fn known(table: &Table<'_>, at: &str, keys: &[&str]) -> Read<()> {
    for key in table.keys() {
        let name: &str = key.get_ref();
        if !keys.contains(&name) {
            let hint = usual(name, keys).or_else(|| nearest(name, keys.iter().copied()));
            let hint = hint.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(error_at(key.span(), &join(at, name), format!("unknown key{hint}")));
        }
    }
    Ok(())
}

fn text_at(table: &Table<'_>, key: &str) -> Read<Option<String>> {
    table.get(key).map(|value| string(value, key)).transpose()
}

fn flag(table: &Table<'_>, key: &str) -> Read<Option<bool>> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let flag = value.get_ref().as_bool();
    flag.map(Some).ok_or_else(|| error(value, key, "must be true or false"))
}

fn string(value: &Value<'_>, key: &str) -> Read<String> {
    let text = value.get_ref().as_str();
    text.map(str::to_owned).ok_or_else(|| error(value, key, "must be a string"))
}

fn table<'v, 't>(value: &'v Value<'t>, key: &str) -> Read<&'v Table<'t>> {
    value.get_ref().as_table().ok_or_else(|| error(value, key, "must be a table"))
}

fn array<'v, 't>(
    value: &'v Value<'t>,
    key: &str,
) -> Read<impl Iterator<Item = &'v Value<'t>> + use<'v, 't>> {
    let array = value.get_ref().as_array();
    match array {
        Some(array) if array.is_empty() => Err(error(value, key, "is empty")),
        Some(array) => Ok(array.iter()),
        None => Err(error(value, key, "must be an array")),
    }
}

/// One text, or an array of texts.
fn list(
    value: &Value<'_>,
    key: &str,
    read: impl Fn(&Value<'_>, &str) -> Read<String>,
) -> Read<Vec<String>> {
    if value.get_ref().is_str() {
        return Ok(vec![read(value, key)?]);
    }
    array(value, key)?.map(|one| read(one, key)).collect()
}

/// For each path the texts of which it must hold one.
fn words_by_path(
    value: &Value<'_>,
    key: &str,
    path: impl Fn(&Value<'_>, &str) -> Read<String>,
) -> Read<Vec<(String, super::Words)>> {
    let mut all = Vec::new();
    for (name, words) in table(value, key)? {
        let words = match words.get_ref().as_array() {
            Some(list) if list.is_empty() => return Err(error(words, key, "is empty")),
            Some(list) => list.iter().map(|word| scalar(word, key)).collect(),
            None => scalar(words, key).map(|word| vec![word]),
        }?;
        let words = words.into_iter().map(|word| word.into_bytes().into()).collect();
        all.push((path(&key_value(name), key)?, words));
    }
    Ok(all)
}

/// For each path what its value must match.
fn regexes(
    value: &Value<'_>,
    key: &str,
    path: impl Fn(&Value<'_>, &str) -> Read<String>,
) -> Read<Vec<(String, Regex)>> {
    let mut all = Vec::new();
    for (name, pattern) in table(value, key)? {
        let regex = Regex::new(&string(pattern, key)?);
        let regex = regex.map_err(|wrong| error(pattern, key, one_line(&wrong)))?;
        all.push((path(&key_value(name), key)?, regex));
    }
    Ok(all)
}

/// A key as if it were a value.
fn key_value<'t>(key: &Spanned<std::borrow::Cow<'t, str>>) -> Value<'t> {
    Spanned::new(key.span(), DeValue::String(key.get_ref().clone()))
}

fn number(value: &Value<'_>, key: &str) -> Read<f64> {
    let number: Option<f64> = scalar(value, key)?.parse().ok();
    let number = number.filter(|number| number.is_finite());
    number.ok_or_else(|| error(value, key, "must be a number"))
}

/// A string, number or boolean as text.
fn scalar(value: &Value<'_>, key: &str) -> Read<String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        _ => Err(error(value, key, "must be a string, a number or a boolean")),
    }
}

/// A header's name as the bag of headers keeps it.
fn header_name(name: &str) -> Box<str> {
    name.to_ascii_lowercase().replace('_', "-").into()
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}
