//! `tripline parse --explain`: how a line was read, for people and for programs.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::out::{Ended, Out};
use crate::decode::{Explained, FieldNote, HeaderNote, RecordNote, Tried, Verdict, Wrapper};
use crate::domain::{Layer, Resource, Scope};
use crate::engine::{LimitName, LimitParts};
use crate::source::Pipeline;
use crate::text::{Ellipsis, cut, printable, width};

/// Columns of a page.
const COLUMNS: usize = 80;
/// Formats that did not fit and are listed; the nearest come first.
const MISSES: usize = 3;

/// A line that was read.
pub struct Line {
    explained: Explained,
    rows: Vec<Value>,
    /// For each row the price that made its cost.
    prices: Vec<Option<String>>,
}

impl Line {
    /// What the pipeline noted on a line that came to `rows`.
    pub fn new(pipeline: &mut Pipeline, rows: Vec<Value>) -> Line {
        let prices = rows.iter().map(|row| {
            let computed = row.get("cost_source").is_some_and(|source| source == "computed");
            let text = |name: &str| row.get(name).and_then(Value::as_str);
            text("model").filter(|_| computed).and_then(|m| pipeline.price_row(text("provider"), m))
        });
        let prices = prices.collect();
        Line { explained: pipeline.explained(), rows, prices }
    }

    fn says_nothing(&self) -> bool {
        self.rows.is_empty() && self.explained == Explained::default()
    }
}

/// One object.
pub fn json(out: &mut Out, number: u64, line: &Line) -> Result<(), Ended> {
    if line.says_nothing() {
        return Ok(());
    }
    let mut object = json!({ "schema": "tripline.explain/v1", "line": number });
    let explained = serde_json::to_value(&line.explained).unwrap_or_default();
    if let (Some(object), Value::Object(explained)) = (object.as_object_mut(), explained) {
        object.extend(explained);
        let rows = line.rows.iter().zip(&line.prices).map(|(row, price)| {
            let mut row = row.clone();
            if let (Some(row), Some(price)) = (row.as_object_mut(), price) {
                row.insert("price".to_owned(), price.as_str().into());
            }
            row
        });
        object.insert("observations".to_owned(), rows.collect());
    }
    out.json(&object)
}

/// A page for people.
pub fn text(out: &mut Out, number: u64, line: &Line) -> Result<(), Ended> {
    if line.says_nothing() {
        return Ok(());
    }
    out.line(&format!("line {number}"))?;
    let Explained { wrappers, tried, unread_keys, records } = &line.explained;
    around(out, wrappers)?;
    if !tried.is_empty() {
        out.line("  no format takes it")?;
        list_tried(out, tried)?;
        labelled(out, "its keys:", &unread_keys.join(", "))?;
    }
    records.iter().try_for_each(|record| self::record(out, record))?;
    for (row, price) in line.rows.iter().zip(&line.prices) {
        let known = if records.is_empty() { Known::No } else { Known::Yes };
        observation(out, row, price.as_deref(), known)?;
    }
    Ok(())
}

/// Whether a format knows the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

fn record(out: &mut Out, record: &RecordNote) -> Result<(), Ended> {
    out.line(&format!("  format: {}", record.format))?;
    around(out, &record.wrappers)?;
    list_tried(out, &record.tried)?;
    if let Some(why) = &record.ignored {
        labelled(out, "of no interest:", why)?;
    }
    if !record.fields.is_empty() {
        out.line("  read:")?;
        record.fields.iter().try_for_each(|field| self::field(out, field))?;
    }
    let absent: Vec<&str> = record.absent.iter().map(|absent| absent.field).collect();
    labelled(out, "nothing for:", &absent.join(", "))?;
    labelled(
        out,
        "tokens:",
        &record.token_rules.iter().map(|rule| token_rule(rule)).collect::<Vec<_>>().join("; "),
    )?;
    labelled(out, "the same call by:", record.identity.unwrap_or_default())?;
    if !record.headers.is_empty() {
        out.line("  headers read:")?;
        record.headers.iter().try_for_each(|header| self::header(out, header))?;
    }
    labelled(out, "headers not used:", &record.ignored_headers.join(", "))?;
    labelled(out, "keys not used:", &record.ignored_keys.join(", "))
}

fn around(out: &mut Out, wrappers: &[Wrapper]) -> Result<(), Ended> {
    wrappers.iter().try_for_each(|Wrapper { kind, what }| {
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        labelled(out, "taken off:", &format!("{kind}{what}"))
    })
}

fn list_tried(out: &mut Out, tried: &[Tried]) -> Result<(), Ended> {
    let mut misses = 0;
    for Tried { format, verdict, met, why, own } in tried {
        let label = match verdict {
            Verdict::Taken => format!("  taken by {format}:"),
            Verdict::Fits => format!("  fits {format}:"),
            // Whoever wrote one wants to know why it was not taken, however little fits.
            Verdict::Missed if !own && (*met == 0 || misses == MISSES) => continue,
            Verdict::Missed => format!("  not {format}:"),
        };
        misses += usize::from(*verdict == Verdict::Missed);
        paragraph(out, "    ", &format!("{} {}", label.trim_start(), printable(why)))?;
    }
    let shown = tried.iter().filter(|tried| tried.verdict != Verdict::Missed).count() + misses;
    match tried.len().saturating_sub(shown) {
        0 => Ok(()),
        rest if shown == 0 => {
            let text = format!("it has nothing that any of {rest} formats asks for (all: --json)");
            paragraph(out, "    ", &text)
        }
        rest => out.line(&format!("    not {rest} others, which miss more (all: --json)")),
    }
}

fn field(out: &mut Out, field: &FieldNote) -> Result<(), Ended> {
    const NAME: usize = 22;
    const VALUE: usize = 28;
    let value = match (&field.value, field.fault) {
        (Some(value), None) => plain(value),
        (Some(value), Some(fault)) => format!("{} ({fault})", plain(value)),
        (None, fault) => format!("({})", fault.unwrap_or_default()),
    };
    let (name, value) = (&field.field, printable(&value).into_owned());
    let mut line = format!("    {name:<NAME$} {}", cut(&value, VALUE, Ellipsis::Unicode));
    let pad = (4 + NAME + 1 + VALUE + 1).saturating_sub(width(&line));
    line.push_str(&" ".repeat(pad.max(1)));
    let room = COLUMNS.saturating_sub(width(&line));
    let from = printable(&field.from);
    if width(&from) <= room {
        line.push_str(&from);
        return out.line(&line);
    }
    out.line(line.trim_end())?;
    paragraph(out, "        ", &format!("from {from}"))
}

fn header(out: &mut Out, header: &HeaderNote) -> Result<(), Ended> {
    let HeaderNote { name, value, read_as, family, dialect, buckets, fault } = header;
    paragraph(out, "    ", &format!("{name}: {value}"))?;
    let mut says = format!("is {read_as}");
    for bucket in buckets {
        // Writing to a string does not fail.
        let _ = write!(says, ", {}", counts(bucket.resource, bucket.window_s));
        if let Some(from) = bucket.window_from {
            let _ = write!(says, " ({})", window_from(from));
        }
        if bucket.limit.is_none() {
            says.push_str(", part of another limit or none of its own");
        }
    }
    if let (Some(family), Some(dialect)) = (family, dialect) {
        let _ = write!(says, "; family {family}, {dialect}");
    }
    if *fault {
        says.push_str("; NOT UNDERSTOOD");
    }
    paragraph(out, "        ", &says)
}

/// What becomes of a line that is no call, to people who have not read the manual.
fn meaning(kind: &str, reason: &str, known: Known) -> Option<&'static str> {
    Some(match (kind, reason) {
        ("ignored", "other_record") if known == Known::Yes => {
            "its format knows it, and has no use for it: it counts as no call"
        }
        ("fault", "unknown_format") => {
            "nothing knows such a line: it counts as not understood. If it tells of a call, \
             a map of a few lines reads it: docs/FORMATS.md; `tripline formats NAME` prints \
             one to start from"
        }
        ("ignored", "other_record") => {
            "it is whole, of no format, and says nothing of money: it counts as no call"
        }
        ("ignored", "other_text") => "text for people among records: it counts as no call",
        ("quarantined", "not_json") => {
            "the lines of this log are JSON, and this one is not: it may have been a call, so \
             it is kept apart, and an alert says so"
        }
        ("quarantined", "broken_json") => {
            "it begins as JSON and is not whole: it may have been a call, so it is kept apart, \
             and an alert says so"
        }
        ("quarantined", "cost_unreadable" | "cost_negative" | "cost_implausible") => {
            "it is a call, and what it says it cost can't be believed: it is in no total, and \
             an alert says so"
        }
        _ => return None,
    })
}

fn observation(out: &mut Out, row: &Value, price: Option<&str>, known: Known) -> Result<(), Ended> {
    let text = |name: &str| row.get(name).map(plain);
    let mut line = format!("comes to: {}", text("kind").unwrap_or_default());
    for name in ["reason", "what", "outcome", "cost_usd", "cost_source", "dedup_key"] {
        if let Some(value) = text(name) {
            let _ = write!(line, ", {name} {value}");
        }
    }
    if let Some(price) = price {
        let _ = write!(line, " (price of {price})");
    }
    if row.get("duplicate").is_some_and(|duplicate| duplicate == true) {
        line.push_str(", a duplicate of a line before");
    }
    paragraph(out, "  ", &printable(&line))?;
    let kind = text("kind").unwrap_or_default();
    if let Some(meaning) = meaning(&kind, &text("reason").unwrap_or_default(), known) {
        paragraph(out, "    ", meaning)?;
    }
    let limits = row.get("limits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for limit in limits {
        let fields = limit.as_object().into_iter().flatten();
        let fields: Vec<String> = fields.map(|(name, v)| format!("{name} {}", plain(v))).collect();
        let (name, fields) = (limit_name(row, limit), fields.join(", "));
        paragraph(out, "    ", &printable(&format!("limit {name}: {fields}")))?;
    }
    Ok(())
}

/// What is counted over which time, as the headers above have it, and the name that
/// the limit has everywhere else.
fn limit_name(row: &Value, limit: &Value) -> String {
    let text =
        |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(Arc::<str>::from);
    let word = |field: &str| limit.get(field).and_then(Value::as_str).unwrap_or_default();
    let window_s = limit.get("window_s").and_then(Value::as_u64);
    let window_s = window_s.and_then(|seconds| u32::try_from(seconds).ok());
    let name = LimitName::from(LimitParts {
        layer: Layer::from_word(word("layer")).unwrap_or_default(),
        provider: text(row, "provider"),
        model: text(row, "model"),
        scope: Scope::from_word(word("scope")).unwrap_or_default(),
        subject: text(limit, "subject"),
        label: text(limit, "label"),
        resource: Resource::from_word(word("resource")).unwrap_or(Resource::Other),
        window_s,
        has_twin: true,
    });
    format!("{}, {}", name.title(), counts(word("resource"), window_s))
}

fn counts(resource: &str, window_s: Option<u32>) -> String {
    let window = window_s.map(|seconds| format!(" in {seconds} s")).unwrap_or_default();
    format!("{resource}{window}")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn token_rule(rule: &str) -> &str {
    match rule {
        "cache" => "cached ones are added to the input, as the map says",
        "cache_apart" => "cached ones are more than the input, so they are added to it",
        "reasoning" => "reasoning is added to the output, as the map says",
        other => other,
    }
}

fn window_from(word: &str) -> &str {
    match word {
        "header" => "a header says so",
        "name" => "its name says so",
        "policy" => "a policy says so",
        "math" => "by the refill law",
        "doc" => "as documented",
        other => other,
    }
}

/// A label and what belongs to it; nothing if that is nothing.
fn labelled(out: &mut Out, label: &str, text: &str) -> Result<(), Ended> {
    if text.is_empty() {
        return Ok(());
    }
    paragraph(out, "  ", &format!("{label} {}", printable(text)))
}

/// A text over lines of a page; those after the first are indented further.
pub fn paragraph(out: &mut Out, indent: &str, text: &str) -> Result<(), Ended> {
    let mut line = indent.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        let mut word = word;
        if !empty && width(&line) + 1 + width(word) > COLUMNS {
            out.line(line.trim_end())?;
            line = format!("{indent}  ");
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        // A word that no line can hold goes over several.
        while width(&line) + width(word) > COLUMNS {
            let fits = beginning(word, COLUMNS.saturating_sub(width(&line)).max(1));
            let (head, tail) = word.split_at(fits);
            out.line(&format!("{line}{head}"))?;
            line = format!("{indent}  ");
            word = tail;
        }
        line.push_str(word);
        empty = false;
    }
    out.line(line.trim_end())
}

/// Bytes of the beginning of a text that takes so many columns, at least one character.
fn beginning(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, ch) in text.char_indices() {
        used += width(text.get(at..at + ch.len_utf8()).unwrap_or_default());
        if used > columns && at > 0 {
            return at;
        }
    }
    text.len()
}
