//! Reads the keys of one table through its layers, and keeps account: of every
//! problem, and of every value with its origin.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::error::{MAX_PROBLEMS, Problem};
use super::schema::{NOT_KEYS, Shape, TABLES, Table};
use super::show::{Origin, Setting, Shown, inline, quoted};
use super::value::{Complaint, Raw, Read};
use crate::text::{did_you_mean, nearest};

/// What has been found while reading.
#[derive(Default)]
pub(super) struct Report {
    pub problems: Vec<Problem>,
    pub shown: Vec<Shown>,
}

impl Report {
    fn push(&mut self, problem: impl FnOnce() -> Problem) {
        if !self.is_full() {
            self.problems.push(problem());
        }
    }

    /// Whether so much is wrong that looking further is a waste.
    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }
}

/// One table, seen through the layers that have it: the last one wins.
pub(super) struct Reader<'a, 't> {
    table: &'static Table,
    layers: Vec<(&'a Document<'t>, &'a DeTable<'t>)>,
    /// Where the table itself is written, for what is missing in it.
    span: Range<usize>,
    shown: Shown,
    report: &'a mut Report,
}

impl<'a, 't> Reader<'a, 't> {
    /// The keys at the top.
    pub fn top(
        table: &'static Table,
        documents: &'a [Document<'t>],
        report: &'a mut Report,
    ) -> Reader<'a, 't> {
        let layers = documents.iter().map(|document| (document, &document.root)).collect();
        Reader::new(table, layers, 0..0, String::new(), report)
    }

    /// A table that is written once, `[name]`.
    pub fn one(
        table: &'static Table,
        documents: &'a [Document<'t>],
        report: &'a mut Report,
    ) -> Reader<'a, 't> {
        let mut layers = Vec::new();
        for document in documents {
            let Some(raw) = document.root.get(table.name) else { continue };
            match raw.get_ref() {
                DeValue::Table(found) => layers.push((document, found)),
                _ => report.wrong_shape(table, document, raw),
            }
        }
        Reader::new(table, layers, 0..0, table.header(), report)
    }

    /// One table of several; `header` is how its beginning is shown.
    pub fn item(
        table: &'static Table,
        document: &'a Document<'t>,
        (raw, fields): (&'a Raw<'t>, &'a DeTable<'t>),
        header: String,
        report: &'a mut Report,
    ) -> Reader<'a, 't> {
        Reader::new(table, vec![(document, fields)], raw.span(), header, report)
    }

    fn new(
        table: &'static Table,
        layers: Vec<(&'a Document<'t>, &'a DeTable<'t>)>,
        span: Range<usize>,
        header: String,
        report: &'a mut Report,
    ) -> Reader<'a, 't> {
        for (document, fields) in &layers {
            report.unknown_keys(table, document, fields);
        }
        let shown = Shown { header, settings: Vec::new() };
        Reader { table, layers, span, shown, report }
    }

    /// Whether anybody wrote this key.
    pub fn has(&self, key: &str) -> bool {
        self.written(key).is_some()
    }

    /// The value of a key, or its default. `None` if there is neither, or if
    /// the value is wrong, which is then reported.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        convert: impl FnOnce(&Raw) -> Read<T>,
    ) -> Option<T> {
        if self.report.is_full() {
            return None;
        }
        let (outcome, value, origin) = if let Some((document, raw)) = self.written(key) {
            (convert(raw), inline(raw.get_ref()), document.origin(raw.span().start))
        } else {
            let text = self.table.key(key)?.default?;
            let raw = DeValue::parse(text).ok()?;
            (convert(&raw), text.to_owned(), Origin::Default)
        };
        self.shown.settings.push(Setting { key, value, origin });
        outcome.map_err(|complaint| self.complain(key, complaint)).ok()
    }

    /// Like [`Reader::take`], for a key that somebody must have written.
    pub fn need<T>(
        &mut self,
        key: &'static str,
        convert: impl FnOnce(&Raw) -> Read<T>,
    ) -> Option<T> {
        if !self.has(key) {
            let complaint = Complaint::new(format!("{} needs '{key}'", self.table.header()));
            self.complain_of_all(&complaint);
        }
        self.take(key, convert)
    }

    /// Reports what is wrong with the value of `key`.
    pub fn complain(&mut self, key: &str, complaint: Complaint) {
        let Some((document, raw)) = self.written(key) else {
            return self.complain_of_all(&complaint);
        };
        let span = complaint.span.unwrap_or_else(|| raw.span());
        let message = format!("'{key}' {}", complaint.message);
        self.report.push(|| document.problem(&span, &message, complaint.hint.as_deref()));
        for complaint in complaint.more {
            self.complain(key, complaint);
        }
    }

    /// Reports what is wrong with the table as a whole.
    pub fn complain_of_all(&mut self, complaint: &Complaint) {
        if let Some((document, _)) = self.layers.last() {
            let span = &self.span;
            self.report
                .push(|| document.problem(span, &complaint.message, complaint.hint.as_deref()));
        }
    }

    /// How many problems there are so far, to see whether there are new ones.
    pub fn problems(&self) -> usize {
        self.report.problems.len()
    }

    /// Ends the reading: what was read goes on show.
    pub fn finish(self) {
        self.report.shown.push(self.shown);
    }

    fn written(&self, key: &str) -> Option<(&'a Document<'t>, &'a Raw<'t>)> {
        self.layers
            .iter()
            .rev()
            .find_map(|(document, fields)| fields.get(key).map(|raw| (*document, raw)))
    }
}

/// The items of `[[name]]` or `[name."…"]`: each with its fields and its header.
pub(super) fn items<'a, 't>(
    table: &'static Table,
    document: &'a Document<'t>,
    report: &mut Report,
) -> Vec<Item<'a, 't>> {
    let (head, inner) = table.name.split_once('.').unwrap_or((table.name, ""));
    let Some(raw) = document.root.get(head) else { return Vec::new() };
    let fields = raw.get_ref().as_table().filter(|_| !inner.is_empty());
    for key in fields.iter().flat_map(|fields| fields.keys()).filter(|key| *key.get_ref() != inner)
    {
        let message = format!("unknown key '{}'", key.get_ref());
        let hint = format!("{} is written {}", table.name, table.header());
        report.push(|| document.problem(&key.span(), &message, Some(&hint)));
    }
    let nested = fields.and_then(|fields| fields.get(inner));
    let Some(raw) = (if inner.is_empty() { Some(raw) } else { nested }) else {
        report.wrong_shape(table, document, raw);
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut add = |name: Option<&'a str>, raw: &'a Raw<'t>| match raw.get_ref() {
        DeValue::Table(fields) => {
            let header = match name {
                Some(name) => format!("[{}.{}]", table.name, quoted(name)),
                None => table.header(),
            };
            found.push(Item { name, raw, fields, header });
        }
        _ => report.wrong_shape(table, document, raw),
    };
    match (table.shape, raw.get_ref()) {
        (Shape::Many, DeValue::Array(list)) => list.iter().for_each(|raw| add(None, raw)),
        (Shape::Named, DeValue::Table(map)) => {
            map.iter().for_each(|(name, raw)| add(Some(name.get_ref()), raw));
        }
        _ => report.wrong_shape(table, document, raw),
    }
    found
}

/// One of several tables.
pub(super) struct Item<'a, 't> {
    /// The name in its header, where it has one there.
    pub name: Option<&'a str>,
    pub raw: &'a Raw<'t>,
    pub fields: &'a DeTable<'t>,
    pub header: String,
}

/// Names that may be used only once, with the line of their first use.
#[derive(Default)]
pub(super) struct Unique {
    first: BTreeMap<String, Origin>,
}

impl Unique {
    /// Accepts a name once; complains the second time.
    pub fn claim(&mut self, name: &str, reader: &mut Reader) {
        let origin = reader
            .written("name")
            .map_or(Origin::Default, |(document, raw)| document.origin(raw.span().start));
        if let Some(first) = self.first.get(name) {
            let complaint = Complaint::new(format!("'{name}' is used twice"))
                .hint(format!("the first one is at {first}"));
            return reader.complain("name", complaint);
        }
        self.first.insert(name.to_owned(), origin);
    }
}

impl Report {
    /// A table written in a way it cannot be read. Typing errors in it are
    /// still looked for: there may be more than one thing to mend.
    fn wrong_shape(&mut self, table: &'static Table, document: &Document, raw: &Raw) {
        let message = format!("'{}' must be written {}", table.name, table.header());
        self.push(|| document.problem(&raw.span(), &message, None));
        let Some(fields) = raw.get_ref().as_table() else { return };
        let inner: Vec<&DeTable> =
            fields.values().filter_map(|value| value.get_ref().as_table()).collect();
        if inner.len() < fields.len() {
            return self.unknown_keys(table, document, fields);
        }
        for fields in inner {
            self.unknown_keys(table, document, fields);
        }
    }

    fn unknown_keys(&mut self, table: &'static Table, document: &Document, fields: &DeTable) {
        let is_table = |name: &str| {
            let is_head = |t: &Table| t.name.split('.').next() == Some(name);
            table.shape == Shape::Top && TABLES.iter().any(|t| !t.name.is_empty() && is_head(t))
        };
        for (key, value) in fields {
            let name: &str = key.get_ref();
            if table.key(name).is_none() && !is_table(name) {
                // Made only when there is room for it: suggestions cost time.
                self.push(|| {
                    let before = document.text().get(..key.span().start).unwrap_or_default();
                    let is_table = value.get_ref().as_table().is_some();
                    let below =
                        part_of(name, before).filter(|_| is_table && table.shape == Shape::Top);
                    let hint = below.unwrap_or_else(|| hint_for(table, name));
                    document.problem(&key.span(), &format!("unknown key '{name}'"), Some(&hint))
                });
            }
        }
    }
}

/// A table at the top that is meant as a part of one above it: `[fields]` after
/// `[[format]]`.
fn part_of(name: &str, before: &str) -> Option<String> {
    let many =
        TABLES.iter().filter(|whole| whole.shape == Shape::Many && whole.key(name).is_some());
    let above = many.filter_map(|whole| Some((before.rfind(&whole.header())?, whole)));
    let (_, whole) = above.max_by_key(|(at, _)| *at)?;
    Some(format!("a part of the {} above it is written [{}.{name}]", whole.header(), whole.name))
}

/// The likeliest of: a slip of the finger, a word from elsewhere, a key of
/// another table.
fn hint_for(table: &'static Table, name: &str) -> String {
    let keys = table.keys.iter().map(|key| key.name);
    let tables = TABLES
        .iter()
        .filter(|other| table.shape == Shape::Top && other.shape != Shape::Top)
        .map(|other| other.name);
    let others = TABLES.iter().flat_map(|other| other.keys).map(|key| key.name);
    let homes = |key: &str| {
        let homes = TABLES.iter().filter(|other| other.key(key).is_some()).map(Table::header);
        homes.collect::<Vec<_>>().join(" or ")
    };
    if let Some(hint) = did_you_mean(name, keys.chain(tables)) {
        return hint;
    }
    let tried = nearest(name, NOT_KEYS.iter().map(|(word, _)| *word));
    if let Some((_, advice)) = NOT_KEYS.iter().find(|(word, _)| Some(*word) == tried) {
        return (*advice).to_owned();
    }
    match nearest(name, others) {
        Some(found) if found == name => format!("'{name}' belongs in {}", homes(found)),
        Some(found) => format!("did you mean '{found}' in {}?", homes(found)),
        None => "`tripline config example` lists every key".to_owned(),
    }
}
