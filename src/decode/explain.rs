//! How a line was read, for people who write a map or wonder at a number: what was
//! around it, which formats were tried, where each value stood.
//!
//! The notes are taken on the way by what decodes, with the functions that decode,
//! so that they say what was done. Whoever does not ask for them pays for one look
//! at an empty option. Texts that people wrote (prompts, answers, errors) are never
//! in them, and keys are masked.

mod keys;
mod words;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::formats::Formats;
use super::map::{Input, Map};
use crate::text;

use keys::all_paths;
pub(super) use keys::unwanted;
pub(super) use words::{condition, either, source};

/// Why a record is of a format that it is not told by.
const BY_NAME: &str = "asked for by name";

/// Bytes of a text that are shown.
const SHOWN: usize = 120;

/// How the bytes of one line, or of what was finished by its end, were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explained {
    /// What was taken off where nothing was a record, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrappers: Vec<Wrapper>,
    /// The formats tried on what was left, where nothing was a record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Paths of an object that no format takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread_keys: Vec<String>,
    /// The records, in order.
    pub records: Vec<RecordNote>,
}

/// Something around a record that was taken off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrapper {
    /// What kind of wrapper.
    pub kind: &'static str,
    /// The member that carried the record, or the text in front of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub what: String,
}

/// One format that might have taken a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Its id.
    pub format: String,
    /// How that went.
    pub verdict: Verdict,
    /// Conditions met.
    pub met: usize,
    /// What it was told by, or what was missing.
    pub why: String,
    /// It is a user's own.
    #[serde(skip_serializing_if = "is_false")]
    pub own: bool,
}

/// Whether a format takes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does.
    Taken,
    /// It would, but for one that is told by more.
    Fits,
    /// It does not.
    Missed,
}

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordNote {
    /// Id of its format.
    pub format: String,
    /// What was taken off, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrappers: Vec<Wrapper>,
    /// The formats that might have taken it, the one that did first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Why it is of no interest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// Where its values came from.
    pub fields: Vec<FieldNote>,
    /// Fields of the map that found nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// What was added to the counts as read: `cache` to the input, `reasoning` to
    /// the output, `cache_apart` where a part was larger than the whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_rules: Vec<&'static str>,
    /// What makes two lines the same call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'static str>,
    /// Headers, and a body, that say something on limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderNote>,
    /// Headers that say nothing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_headers: Vec<String>,
    /// Something that looks like a secret stood where a name belongs; it was masked.
    #[serde(skip_serializing_if = "is_false")]
    pub key_in_log: bool,
    /// Paths of the record that the map does not ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_keys: Vec<String>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldNote {
    /// The field, by its name in maps.
    pub field: String,
    /// Where it came from: a path, `header NAME`, `const`, `sum(…)`, `sticky NAME`,
    /// or, without a word of the map, `body`, `headers`, `wrapper`, `source`, `received`
    /// and the like.
    pub from: String,
    /// The value as read, before any token rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why it was not believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// A field without a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// Its name in maps.
    pub field: &'static str,
    /// Where it was looked for.
    pub looked_at: Vec<String>,
}

/// One header that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeaderNote {
    /// Its name, or `(body)`.
    pub name: String,
    /// Its value, cut.
    pub value: String,
    /// What it is read as: a verb of a bucket, or its own meaning.
    pub read_as: &'static str,
    /// The beginning that the names of its family share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<&'static str>,
    /// The rules of that family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'static str>,
    /// The buckets it speaks of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<BucketNote>,
    /// It was not understood, or is at odds with another.
    #[serde(skip_serializing_if = "is_false")]
    pub fault: bool,
}

/// One bucket that headers speak of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BucketNote {
    /// Number of its reading among the limits of the observation, from 0; none
    /// where it went into another one or says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// What is counted.
    pub resource: &'static str,
    /// Length of its window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_s: Option<u32>,
    /// How the window is known: `header`, `name`, `policy`, `math`, `doc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_from: Option<&'static str>,
}

/// Notes being taken.
#[derive(Debug)]
pub(super) struct Trace {
    formats: Arc<Formats>,
    /// Around what is being read now.
    wrappers: Vec<Wrapper>,
    /// What is being read now.
    text: Vec<u8>,
    /// The object that stands for it.
    json: Vec<u8>,
    /// Nothing understood the text.
    unclaimed: bool,
    /// Why a record is of a format that it is not told by.
    instead: &'static str,
    records: Vec<RecordNote>,
}

impl Trace {
    pub(super) fn new(formats: Arc<Formats>) -> Trace {
        Trace {
            formats,
            wrappers: Vec::new(),
            text: Vec::new(),
            json: Vec::new(),
            unclaimed: false,
            instead: BY_NAME,
            records: Vec::new(),
        }
    }

    pub(super) fn formats(&self) -> Arc<Formats> {
        Arc::clone(&self.formats)
    }

    /// A line begins.
    pub(super) fn line(&mut self, line: &[u8]) {
        self.wrappers.clear();
        self.text(line);
        self.unclaimed = false;
        self.instead = BY_NAME;
    }

    /// Something at a depth is taken off; what was noted deeper is over.
    pub(super) fn wrapper(&mut self, depth: u8, kind: &'static str, what: &[u8]) {
        self.leave(depth);
        self.wrappers.push(Wrapper { kind, what: shown(what) });
    }

    /// What was at this depth and deeper was but a guess.
    pub(super) fn leave(&mut self, depth: u8) {
        self.wrappers.truncate(depth.into());
    }

    /// What is around the text that was read last.
    pub(super) fn around(&self) -> Vec<Wrapper> {
        self.wrappers.clone()
    }

    /// What was looked at beside that text was but a guess.
    pub(super) fn is_within(&mut self, wrappers: Vec<Wrapper>) {
        self.wrappers = wrappers;
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(text);
        self.json.clear();
    }

    pub(super) fn json(&mut self, json: &[u8]) {
        self.json.clear();
        self.json.extend_from_slice(json);
    }

    /// A record of no format says, in the words of one, what it cost.
    pub(super) fn money(&mut self, json: &[u8]) {
        self.json(json);
        self.instead = "of no format, but read as this one because it says what it cost";
    }

    /// Nobody understands the text.
    pub(super) fn unclaimed(&mut self, text: &[u8]) {
        self.text(text);
        self.unclaimed = true;
    }

    /// A record begins.
    pub(super) fn record(&mut self, map: &Map<String>) -> &mut RecordNote {
        let tried = match map.input {
            Input::Regex => self.formats.tried_on_text(&self.text),
            Input::HttpDump | Input::Prometheus => Vec::new(),
            input => self.formats.tried_on(input, &self.json),
        };
        let tried = taken_by(map, tried, self.instead);
        let note = RecordNote {
            format: map.id.to_string(),
            wrappers: self.wrappers.clone(),
            tried,
            ignored_keys: unwanted(map, &self.json),
            ..RecordNote::default()
        };
        self.records.push(note);
        self.last().unwrap_or_else(|| unreachable!("it was just added"))
    }

    /// A format takes it, and finds no record in it.
    pub(super) fn holds_nothing(&mut self, format: usize) {
        let formats = self.formats();
        if let Some(words) = formats.words(format) {
            let paths: Vec<&str> = words.explode.iter().map(|step| &*step.path).collect();
            let why = format!("`explode` finds no object in {}", paths.join(", then "));
            self.record(words).ignored = Some(why);
        }
    }

    /// The record begun last.
    pub(super) fn last(&mut self) -> Option<&mut RecordNote> {
        self.records.last_mut()
    }

    /// All notes since the last call.
    pub(super) fn take(&mut self) -> Explained {
        let records = std::mem::take(&mut self.records);
        if !records.is_empty() || !std::mem::take(&mut self.unclaimed) {
            return Explained { records, ..Explained::default() };
        }
        let (tried, unread_keys) = match self.text.trim_ascii_start().first() {
            Some(b'{') => {
                let mut tried = self.formats.tried_on(Input::JsonLines, &self.text);
                let of_text = self.formats.tried_on_text(&self.text);
                tried.extend(of_text.into_iter().filter(|tried| tried.own));
                (tried, all_paths(&self.text))
            }
            _ => (self.formats.tried_on_text(&self.text), Vec::new()),
        };
        Explained { wrappers: self.wrappers.clone(), tried, unread_keys, records }
    }
}

impl RecordNote {
    /// The value of a field, where it has one that was believed.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.fields.iter().find(|note| note.field == field && note.fault.is_none())?.value.as_ref()
    }

    /// Notes a value that no word of the map gave, unless one did.
    pub(super) fn rest(&mut self, field: &str, from: &str, value: Option<Value>) {
        if value.is_some() && self.value(field) != value.as_ref() {
            let (field, from) = (field.to_owned(), from.to_owned());
            for note in self.fields.iter_mut().filter(|note| note.field == field) {
                note.fault = note.fault.or(Some("not_used"));
            }
            self.absent.retain(|absent| absent.field != field);
            self.fields.push(FieldNote { field, from, value, fault: None });
        }
    }
}

/// What was tried, where `map` took the record whoever else would have.
fn taken_by(map: &Map<String>, mut tried: Vec<Tried>, instead: &'static str) -> Vec<Tried> {
    for other in &mut tried {
        let is_it = *other.format == *map.id;
        let reason = match (is_it, other.verdict) {
            (true, Verdict::Fits) if map.input == Input::Regex => "as the line before was",
            (true, Verdict::Fits | Verdict::Missed) => instead,
            (false, Verdict::Taken) => "but another came first",
            _ => continue,
        };
        other.verdict = if is_it { Verdict::Taken } else { Verdict::Fits };
        other.why = format!("{}; {reason}", other.why);
    }
    tried.sort_by_key(|tried| tried.verdict);
    tried
}

/// A text of a log, fit to be shown: masked, not long, nothing that a terminal obeys.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let masked = text::mask(&text);
    let mut end = masked.len().min(SHOWN);
    while !masked.is_char_boundary(end) {
        end -= 1;
    }
    let mark = if end < masked.len() { "…" } else { "" };
    let beginning = masked.get(..end).unwrap_or_default();
    format!("{}{mark}", text::printable(beginning).trim_end())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(flag: &bool) -> bool {
    !flag
}
