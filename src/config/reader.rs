//! Reads the keys of one table through its layers, and keeps account: of every
//! problem, and of every value with its origin.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::document::{Document, Kind};
use super::error::Problem;
use super::schema::{Shape, TABLES, Table};
use super::show::{Origin, Setting, Shown, inline, quoted};
use super::suggest::{closest, did_you_mean};
use super::value::{Complaint, Raw, Read};

/// What has been found while reading.
#[derive(Default)]
pub(super) struct Report {
    pub problems: Vec<Problem>,
    pub shown: Vec<Shown>,
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
                _ => report.problems.push(wrong_shape(document, raw, table)),
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
            report.problems.extend(unknown_keys(table, document, fields));
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
            self.complain_of_all(complaint);
        }
        self.take(key, convert)
    }

    /// Reports what is wrong with the value of `key`.
    pub fn complain(&mut self, key: &str, complaint: Complaint) {
        let Some((document, raw)) = self.written(key) else {
            return self.complain_of_all(complaint);
        };
        let span = complaint.span.unwrap_or_else(|| raw.span());
        let message = format!("'{key}' {}", complaint.message);
        let problem = document.problem(&span, message, complaint.hint);
        self.report.problems.push(problem);
    }

    /// Reports what is wrong with the table as a whole.
    pub fn complain_of_all(&mut self, complaint: Complaint) {
        if let Some((document, _)) = self.layers.last() {
            let problem = document.problem(&self.span, complaint.message, complaint.hint);
            self.report.problems.push(problem);
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
    let Some(raw) = document.root.get(table.name) else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |name: Option<&'a str>, raw: &'a Raw<'t>| match raw.get_ref() {
        DeValue::Table(fields) => {
            let header = match name {
                Some(name) => format!("[{}.{}]", table.name, quoted(name)),
                None => table.header(),
            };
            found.push(Item { name, raw, fields, header });
        }
        _ => report.problems.push(wrong_shape(document, raw, table)),
    };
    match (table.shape, raw.get_ref()) {
        (Shape::Many, DeValue::Array(list)) => list.iter().for_each(|raw| add(None, raw)),
        (Shape::Named, DeValue::Table(map)) => {
            map.iter().for_each(|(name, raw)| add(Some(name.get_ref()), raw));
        }
        _ => report.problems.push(wrong_shape(document, raw, table)),
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

fn wrong_shape(document: &Document, raw: &Raw, table: &Table) -> Problem {
    let message = format!("'{}' must be written {}", table.name, table.header());
    document.problem(&raw.span(), message, None)
}

fn unknown_keys(table: &'static Table, document: &Document, fields: &DeTable) -> Vec<Problem> {
    let is_table = |name: &str| {
        table.shape == Shape::Top && TABLES.iter().any(|t| !t.name.is_empty() && t.name == name)
    };
    let unknown =
        fields.keys().filter(|key| table.key(key.get_ref()).is_none() && !is_table(key.get_ref()));
    unknown
        .map(|key| {
            let name: &str = key.get_ref();
            let message = format!("unknown key '{name}'");
            document.problem(&key.span(), message, hint_for(table, document.kind, name))
        })
        .collect()
}

fn hint_for(table: &'static Table, kind: Kind, name: &str) -> Option<String> {
    let keys = table.keys.iter().map(|key| key.name);
    let tables = TABLES
        .iter()
        .filter(|other| table.shape == Shape::Top && other.shape != Shape::Top)
        .map(|other| other.name);
    let belongs = TABLES.iter().filter(|other| other.key(name).is_some());
    let elsewhere: Vec<String> = belongs.map(Table::header).collect();
    did_you_mean(name, keys.clone().chain(tables))
        .or_else(|| {
            (!elsewhere.is_empty())
                .then(|| format!("'{name}' belongs in {}", elsewhere.join(" or ")))
        })
        .or_else(|| {
            let others = TABLES.iter().flat_map(|other| other.keys).map(|key| key.name);
            closest(name, others).map(|found| {
                let home = TABLES.iter().find(|other| other.key(found).is_some());
                let home = home.map(Table::header).unwrap_or_default();
                format!("did you mean '{found}' in {home}?")
            })
        })
        .or_else(|| {
            (kind == Kind::File).then(|| "`tripline config schema` lists every key".to_owned())
        })
}
