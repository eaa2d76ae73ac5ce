//! One TOML value -> one typed value, or a complaint in words.
//!
//! Complaints read after the key's name: `'for' must be …`.

use std::ops::{Range, RangeInclusive};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::DeValue;

use super::Zone;
use super::safe;
use crate::domain::NanoUsd;
use crate::domain::amount::SCALE;
use crate::text::{did_you_mean, nearest};

/// A value with its place in the text.
pub(super) type Raw<'t> = Spanned<DeValue<'t>>;

/// The outcome of reading one.
pub(super) type Read<T> = Result<T, Complaint>;

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Complaint {
    pub message: String,
    pub hint: Option<String>,
    /// The part of the value that is wrong; all of it where absent.
    pub span: Option<Range<usize>>,
    /// What else is wrong with it.
    pub more: Vec<Complaint>,
}

impl Complaint {
    pub fn new(message: impl Into<String>) -> Complaint {
        Complaint { message: message.into(), hint: None, span: None, more: Vec::new() }
    }

    /// What was read, unless something of it is wrong: then all of that at once.
    pub fn unless<T>(wrong: Vec<Complaint>, read: impl FnOnce() -> Option<T>) -> Read<T> {
        let mut wrong = wrong.into_iter();
        let Some(mut first) = wrong.next() else {
            return read().ok_or_else(|| Complaint::new("is wrong"));
        };
        first.more.extend(wrong);
        Err(first)
    }

    pub fn hint(self, hint: impl Into<String>) -> Complaint {
        Complaint { hint: Some(hint.into()), ..self }
    }

    pub fn maybe(self, hint: Option<String>) -> Complaint {
        Complaint { hint, ..self }
    }

    /// Narrows the place, unless a narrower one is known already.
    pub fn at(self, raw_span: Range<usize>) -> Complaint {
        Complaint { span: self.span.or(Some(raw_span)), ..self }
    }
}

/// Longest duration accepted: longer ones are slips.
const MAX_SPAN_S: i64 = 366 * 24 * 3600;

/// Largest number accepted: beyond it a float no longer counts in ones.
const MAX_NUMBER: f64 = 1e15;

pub(super) fn boolean(raw: &Raw) -> Read<bool> {
    raw.get_ref().as_bool().ok_or_else(|| wrong("true or false, without quotes", raw))
}

pub(super) fn text(raw: &Raw) -> Read<String> {
    let text = raw.get_ref().as_str().ok_or_else(|| wrong("a string", raw))?;
    if text.trim().is_empty() {
        return Err(Complaint::new("must not be empty"));
    }
    Ok(text.to_owned())
}

/// A name: shown in tables, written to audit records, compared byte for byte.
pub(super) fn name(raw: &Raw) -> Read<String> {
    let name = text(raw)?;
    if !safe::is_visible(&name) {
        return Err(Complaint::new("must not hold control or invisible characters"));
    }
    if name.trim() != name {
        return Err(Complaint::new("must not begin or end with a space"));
    }
    if name.chars().count() > 256 {
        return Err(Complaint::new("must not be longer than 256 characters"));
    }
    Ok(name)
}

/// One of a closed set of words.
pub(super) fn word<T: Copy>(
    raw: &Raw,
    all: &'static [T],
    spelled: impl Fn(T) -> &'static str,
) -> Read<T> {
    let given = text(raw)?;
    let found = all.iter().copied().find(|&value| spelled(value) == given);
    found.ok_or_else(|| unknown_word(&given, all.iter().map(|&value| spelled(value))))
}

/// The complaint for a word that is not among `known`.
pub(super) fn unknown_word(
    given: &str,
    known: impl IntoIterator<Item = &'static str>,
) -> Complaint {
    let known: Vec<&str> = known.into_iter().collect();
    let list = || format!("one of: {}", known.join(", "));
    let hint =
        did_you_mean(given, known.iter().copied()).or_else(|| (known.len() <= 16).then(list));
    Complaint::new(format!("has an unknown value '{given}'")).maybe(hint)
}

pub(super) fn whole(raw: &Raw, range: RangeInclusive<u64>) -> Read<u64> {
    let integer = raw.get_ref().as_integer().ok_or_else(|| wrong("a whole number", raw))?;
    let value = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
    let value = value.and_then(|value| u64::try_from(value).ok());
    value
        .filter(|value| range.contains(value))
        .ok_or_else(|| Complaint::new(format!("must be {} to {}", range.start(), range.end())))
}

/// A number that can be compared: finite and of sane size.
pub(super) fn number(raw: &Raw) -> Read<f64> {
    let value = match raw.get_ref() {
        #[allow(clippy::cast_precision_loss, reason = "bounded below to what a float counts")]
        DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix()).ok().map(|v| v as f64),
        DeValue::Float(f) => f.as_str().parse().ok(),
        _ => return Err(wrong("a number", raw)),
    };
    let value = value.unwrap_or(f64::INFINITY);
    if value.is_nan() {
        return Err(Complaint::new("must be a number: nothing is ever above or below nan"));
    }
    if value.abs() > MAX_NUMBER {
        return Err(Complaint::new("is too large: the limit is 10^15"));
    }
    Ok(value)
}

/// Dollars, exactly: a plain decimal number, read from its own digits.
pub(super) fn money(raw: &Raw) -> Read<NanoUsd> {
    let written = match raw.get_ref() {
        DeValue::String(text) => return Err(quoted_money(text, raw)),
        DeValue::Integer(i) if i.radix() == 10 => i.as_str(),
        DeValue::Float(f) => f.as_str(),
        _ => return Err(wrong(AMOUNT, raw)),
    };
    let complaint = |what: &str| Complaint::new(format!("{what}, not '{written}'"));
    let unsigned = written.strip_prefix('+').unwrap_or(written);
    if unsigned.starts_with('-') {
        return Err(complaint("must not be negative"));
    }
    let (units, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if units.is_empty() || unsigned.ends_with('.') || !digits(units) || !digits(decimals) {
        return Err(complaint("must be a plain decimal such as 12.50"));
    }
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > 9 {
        return Err(complaint("must have at most 9 decimals"));
    }
    let units = units.trim_start_matches('0');
    if units.len() > 12 {
        return Err(complaint("must be below a trillion dollars"));
    }
    let whole: i128 = if units.is_empty() { 0 } else { units.parse().unwrap_or(0) };
    let billionths: i128 = format!("{decimals:0<9}").parse().unwrap_or(0);
    Ok(NanoUsd(whole * SCALE + billionths))
}

const AMOUNT: &str = "an amount in dollars such as 12.50";

fn quoted_money(text: &str, raw: &Raw) -> Complaint {
    let bare = text.trim().trim_matches('$').trim();
    let is_decimal = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let hint = is_decimal.then(|| format!("leave the quotes out; money is in US dollars: {bare}"));
    wrong(AMOUNT, raw).maybe(hint)
}

/// Money that must be more than nothing.
pub(super) fn positive_money(raw: &Raw) -> Read<NanoUsd> {
    let amount = money(raw)?;
    if amount > NanoUsd::ZERO { Ok(amount) } else { Err(Complaint::new("must be above 0")) }
}

/// A duration with its unit; zero is allowed.
pub(super) fn duration(raw: &Raw) -> Read<Duration> {
    let example = "a duration with its unit, such as \"30s\" or \"1h 30m\"";
    let text = raw.get_ref().as_str().ok_or_else(|| wrong(example, raw))?;
    let span: SignedDuration = text.trim().parse().map_err(|_| {
        Complaint::new(format!("must be {example}, not '{text}'"))
            .hint("units are h, m, s and ms; a day is \"24h\"")
    })?;
    if span.is_negative() {
        return Err(Complaint::new("must not be negative"));
    }
    if span.as_secs() > MAX_SPAN_S {
        return Err(Complaint::new("is longer than a year"));
    }
    Ok(span.unsigned_abs())
}

/// A duration in which something can happen.
pub(super) fn positive_duration(raw: &Raw) -> Read<Duration> {
    let span = duration(raw)?;
    if span.is_zero() { Err(Complaint::new("must be above zero")) } else { Ok(span) }
}

/// A list of values. Each that is wrong is told.
pub(super) fn list<T>(raw: &Raw, each: impl Fn(&Raw) -> Read<T>) -> Read<Vec<T>> {
    let items = raw.get_ref().as_array().ok_or_else(|| wrong("a list", raw))?;
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for item in items {
        match each(item) {
            Ok(value) => read.push(value),
            Err(complaint) => wrong.push(complaint.at(item.span())),
        }
    }
    Complaint::unless(wrong, || Some(read))
}

pub(super) fn zone(raw: &Raw) -> Read<Zone> {
    let name = text(raw)?;
    if let Ok(zone) = TimeZone::get(&name) {
        return Ok(Zone { name, zone });
    }
    let known: Vec<String> =
        jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    let hint = match nearest(&name, known.iter().map(String::as_str)) {
        Some(found) => format!("did you mean '{found}'?"),
        None if known.is_empty() => {
            "this machine has no time zone database (package tzdata); UTC always works".to_owned()
        }
        None => "use an IANA name such as \"Europe/Berlin\", or \"UTC\"".to_owned(),
    };
    Err(Complaint::new(format!("names an unknown time zone '{name}'")).hint(hint))
}

/// An absolute path without tricks. Whether anything is there is not asked.
pub(super) fn directory(raw: &Raw) -> Read<PathBuf> {
    let path = path_text(raw)?;
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        return Err(Complaint::new("must be an absolute path")
            .hint("the working directory of a service is not the one you see"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(Complaint::new("must not contain '..'"));
    }
    if path == Path::new("/") {
        return Err(Complaint::new("must not be the root directory"));
    }
    Ok(path)
}

/// The text of a path: not empty, nothing a shell would have expanded.
pub(super) fn path_text(raw: &Raw) -> Read<String> {
    let path = text(raw)?;
    if path.contains('\0') {
        return Err(Complaint::new("must not contain NUL"));
    }
    if path.starts_with('~') {
        return Err(Complaint::new("must not begin with '~': no shell expands it here")
            .hint("write the directory out"));
    }
    if path.contains("${") || path.starts_with('$') {
        return Err(Complaint::new("must not use variables: no shell expands them here")
            .hint("write the directory out"));
    }
    Ok(path)
}

/// A link for people: http or https, without a user name or password in it.
pub(super) fn link(raw: &Raw) -> Read<String> {
    let link = name(raw)?;
    let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.contains(' ')) else {
        return Err(Complaint::new("must be an http:// or https:// link"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') {
        return Err(Complaint::new("must not hold a user name or password"));
    }
    Ok(link)
}

/// The complaint for a value of the wrong type.
pub(super) fn wrong(expected: &str, raw: &Raw) -> Complaint {
    let found = match raw.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Complaint::new(format!("must be {expected}, not {found}"))
}
