//! The tables that are written many times: sources and caps.

use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;

use super::document::Document;
use super::reader::{Item, Reader, Report, Unique, items};
use super::value::{self, Complaint, Raw, Read};
use super::{net, program, schema};
use crate::decode::FormatMaps;
use crate::domain::{Dimension, provider};
use crate::engine::{self, CapSpec, Period, Window};
use crate::rules::Match;
use crate::source::net::NetSpec;
use crate::source::{SourceSpec, Start, Way};
use crate::text::did_you_mean;

/// Labels a cap can cover.
const CAP_LABELS: &[&str] =
    &["provider", "model", "key", "team", "user", "environment", "account", "host"];

pub(super) fn sources(
    document: &Document,
    formats: &FormatMaps,
    report: &mut Report,
) -> Vec<SourceSpec> {
    let base = Path::new(document.name).parent().unwrap_or(Path::new(""));
    let mut around = Around { base, unique: Unique::default(), formats };
    items(&schema::SOURCE, document, report)
        .into_iter()
        .filter_map(|item| source(open(&schema::SOURCE, document, item, report), &mut around))
        .collect()
}

pub(super) fn caps(document: &Document, report: &mut Report) -> Vec<CapSpec> {
    let mut unique = Unique::default();
    items(&schema::CAP, document, report)
        .into_iter()
        .filter_map(|item| cap(open(&schema::CAP, document, item, report), &mut unique))
        .collect()
}

/// A reader of one item.
pub(super) fn open<'a, 't>(
    table: &'static schema::Table,
    document: &'a Document<'t>,
    item: Item<'a, 't>,
    report: &'a mut Report,
) -> Reader<'a, 't> {
    Reader::item(table, document, (item.raw, item.fields), item.header, report)
}

/// Label conditions. Every label must be one of `known`.
pub(super) fn matches(raw: &Raw, known: &[&'static str]) -> Read<Match> {
    let DeValue::Table(table) = raw.get_ref() else {
        return Err(value::wrong("labels such as { provider = \"openai\" }", raw));
    };
    let mut found = Match::new();
    for (label, raw) in table {
        let name: &str = label.get_ref();
        if !known.contains(&name) {
            let hint = value::unknown_word(name, known.iter().copied()).hint;
            let complaint = Complaint::new(format!("has an unknown label '{name}'"));
            return Err(complaint.maybe(hint).at(label.span()));
        }
        // As the labels it is compared with.
        let value = match name {
            "provider" => value::name(raw).map(|name| provider::name(&name).into_owned()),
            "window" => window(raw),
            _ => value::name(raw),
        };
        let value = value.map_err(|mut complaint| {
            complaint.message = format!("label '{name}' {}", complaint.message);
            complaint.at(raw.span())
        })?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

/// The window of a limit: `1m` and `60s` are one.
fn window(raw: &Raw) -> Read<String> {
    if raw.get_ref().as_str() == Some("*") {
        return value::name(raw);
    }
    let span = value::positive_duration(raw)?;
    let seconds = u32::try_from(span.as_secs()).ok().filter(|_| span.subsec_nanos() == 0);
    let seconds = seconds.ok_or_else(|| Complaint::new("must be whole seconds"))?;
    Ok(engine::window(seconds).to_string())
}

/// What the sources of a file have in common.
struct Around<'a> {
    /// Where relative paths begin.
    base: &'a Path,
    unique: Unique,
    formats: &'a FormatMaps,
}

/// How a source is read, as the word for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Command,
    Journald,
    Probe,
    Scrape,
    Poll,
    Redis,
}

impl Kind {
    const ALL: &'static [Kind] = &[
        Kind::File,
        Kind::Command,
        Kind::Journald,
        Kind::Probe,
        Kind::Scrape,
        Kind::Poll,
        Kind::Redis,
    ];

    const fn word(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Command => "command",
            Kind::Journald => "journald",
            Kind::Probe => "probe",
            Kind::Scrape => "scrape",
            Kind::Poll => "poll",
            Kind::Redis => "redis",
        }
    }

    /// Keys that sources of this kind alone have.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::File => &["paths", "olddir", "format", "timezone", "start"],
            Kind::Scrape => &["url", "headers", "every", "allow_plain"],
            Kind::Poll => &["api", "url", "headers", "every", "allow_plain"],
            Kind::Redis => &["url", "user", "password", "queues", "every", "allow_plain"],
            Kind::Command => &["command", "format", "timezone"],
            Kind::Journald => &["units", "format", "timezone", "start"],
            Kind::Probe => &[
                "url",
                "headers",
                "method",
                "body",
                "every",
                "max_per_day",
                "max_usd_per_day",
                "key",
            ],
        }
    }
}

fn source(mut reader: Reader, around: &mut Around) -> Option<SourceSpec> {
    let kind = reader.take("kind", |raw| value::word(raw, Kind::ALL, Kind::word));
    let spec = kind.and_then(|kind| {
        refuse_others(&mut reader, kind);
        match kind {
            Kind::File => files(&mut reader, around),
            Kind::Command => program(&mut reader, around, program::command),
            Kind::Journald => program(&mut reader, around, program::journal),
            Kind::Probe => Some(asked(net::probe(&mut reader, around.base)?, Some("headers"))),
            Kind::Scrape => Some(asked(net::scrape(&mut reader, around.base)?, Some("prometheus"))),
            Kind::Poll => Some(asked(net::poll(&mut reader, around.base)?, None)),
            Kind::Redis => Some(asked(net::redis(&mut reader, around.base)?, None)),
        }
    });
    let name = reader.take("name", value::name).or_else(|| {
        let spec = spec.as_ref()?;
        let address = spec.net().map(|net| net.ask.address());
        address.or_else(|| program::name(spec)).or_else(|| spec.paths.first().cloned())
    });
    if let Some(name) = &name {
        around.unique.claim(name, &mut reader);
    }
    // Servers that are asked for queues have their own, also on one machine.
    let server = spec.as_ref().and_then(SourceSpec::net).and_then(|net| net.ask.host());
    let named = SourceSpec {
        name: name.unwrap_or_default(),
        host: reader.take("host", value::name).or(server),
        provider: reader.take("provider", value::name),
        environment: reader.take("environment", value::name),
        account: reader.take("account", value::name),
        count: reader.take("count", value::boolean).unwrap_or(true),
        silent_after: reader.take("silent_after", value::positive_duration),
        ..SourceSpec::default()
    };
    if kind == Some(Kind::Probe) && !named.count {
        let complaint = Complaint::new("must not be false: a probe pays for its calls");
        reader.complain("count", complaint.hint("leave it out"));
    }
    reader.finish();
    let SourceSpec { paths, olddir, format, timezone, start, way, .. } = spec?;
    Some(SourceSpec { paths, olddir, format, timezone, start, way, ..named })
}

/// A key of another kind of source would do nothing: it is refused.
fn refuse_others(reader: &mut Reader, kind: Kind) {
    for key in schema::SOURCE.keys.iter().map(|key| key.name) {
        let of_kind = |kind: &&Kind| kind.keys().contains(&key);
        let other = Kind::ALL.iter().find(of_kind);
        if let Some(other) = other.filter(|_| !of_kind(&&kind) && reader.has(key)) {
            let complaint = format!("is not for a source of kind \"{}\"", kind.word());
            let hint = format!("add `kind = \"{}\"`", other.word());
            reader.complain(key, Complaint::new(complaint).hint(hint));
        }
    }
}

fn files(reader: &mut Reader, around: &Around) -> Option<SourceSpec> {
    let paths = reader.need("paths", |raw| paths(raw, around.base));
    let olddir = reader.take("olddir", |raw| Ok(around.base.join(value::path_text(raw)?)));
    let spec = SourceSpec {
        olddir,
        format: reader.take("format", |raw| format(raw, around.formats)),
        timezone: reader.take("timezone", value::zone).map(|zone| zone.name),
        start: reader.take("start", start).unwrap_or_default(),
        ..SourceSpec::default()
    };
    Some(SourceSpec { paths: paths?, ..spec })
}

/// A program whose output is read.
fn program(
    reader: &mut Reader,
    around: &Around,
    read: impl FnOnce(&mut Reader) -> Option<SourceSpec>,
) -> Option<SourceSpec> {
    let spec = read(reader);
    let format = reader.take("format", |raw| format(raw, around.formats));
    let timezone = reader.take("timezone", value::zone).map(|zone| zone.name);
    Some(SourceSpec { format, timezone, ..spec? })
}

/// A source that is asked; its answers are in one format.
fn asked(net: NetSpec, format: Option<&str>) -> SourceSpec {
    SourceSpec {
        format: format.map(str::to_owned),
        way: Way::Net(Box::new(net)),
        ..SourceSpec::default()
    }
}

fn format(raw: &Raw, known: &FormatMaps) -> Read<String> {
    let name = value::text(raw)?;
    if known.list().any(|(id, _)| id == name) {
        return Ok(name);
    }
    let ids: Vec<&str> = known.list().map(|(id, _)| id).collect();
    let hint = did_you_mean(&name, ids.iter().copied())
        .unwrap_or_else(|| format!("one of: {}", ids.join(", ")));
    Err(Complaint::new(format!("names an unknown format '{name}'")).hint(hint))
}

pub(super) fn start(raw: &Raw) -> Read<Start> {
    let word = |start| match start {
        Start::Beginning => "beginning",
        Start::End => "end",
    };
    value::word(raw, &[Start::Beginning, Start::End], word)
}

fn paths(raw: &Raw, base: &Path) -> Read<Vec<String>> {
    let paths = value::list(raw, |raw| path(raw, base))?;
    if paths.is_empty() {
        return Err(Complaint::new(
            "must not be empty: a source that reads nothing is a blind spot",
        ));
    }
    Ok(paths)
}

fn path(raw: &Raw, base: &Path) -> Read<String> {
    let path = value::path_text(raw)?;
    if path == "-" {
        return Ok(path);
    }
    // The part before the first wildcard bounds what a glob walks through.
    let fixed: Vec<&str> = path
        .split('/')
        .take_while(|part| !part.contains(['*', '?', '[']))
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let endless = path.contains("**") || fixed.len() == path.split('/').count();
    if path.starts_with('/') && fixed.is_empty() && (endless || path.contains('*')) || path == "/" {
        return Err(Complaint::new(format!("must not be '{path}': that is the whole machine"))
            .hint("name the directory the logs are in"));
    }
    if path.starts_with('/') {
        return Ok(path);
    }
    Ok(base.join(path).to_string_lossy().into_owned())
}

fn cap(mut reader: Reader, unique: &mut Unique) -> Option<CapSpec> {
    let name = reader.need("name", value::name);
    if let Some(name) = &name {
        unique.claim(name, &mut reader);
    }
    let usd = reader.need("usd", value::positive_money);
    let period = reader.need("period", period);
    let matches = reader.take("match", |raw| matches(raw, CAP_LABELS)).unwrap_or_default();
    let each = reader.take("each", |raw| value::word(raw, Dimension::ALL, Dimension::word));
    if let Some(each) = each
        && let Some(one) = matches.get(each.word()).filter(|one| *one != "*")
    {
        let complaint = format!("is \"{}\", of which 'match' leaves only '{one}'", each.word());
        reader.complain("each", Complaint::new(complaint).hint("leave one of them out"));
    }
    let zone = reader.take("timezone", value::zone).map(|zone| zone.zone);
    if zone.is_some() && matches!(period, Some(Period::Rolling(_))) {
        let complaint = Complaint::new("is not for a rolling period, which has no first day");
        reader.complain("timezone", complaint.hint("leave it out"));
    }
    reader.finish();
    Some(CapSpec { name: name?, matches, each, period: period?, zone, cap: usd? })
}

/// A period of the calendar, or the length of a rolling one.
pub(super) fn period(raw: &Raw) -> Read<Period> {
    let text = value::text(raw)?;
    if let Some((_, period)) = Period::CALENDAR.iter().find(|(word, _)| *word == text) {
        return Ok(*period);
    }
    let span = match text.strip_suffix('d').and_then(|days| days.parse::<u8>().ok()) {
        Some(days) => Ok(Duration::from_secs(u64::from(days) * 86_400)),
        None => value::duration(raw),
    };
    let words = "\"day\", \"week\", \"month\" or the length of a rolling period";
    let wrong = |what: &str| {
        let hint = did_you_mean(&text, Period::CALENDAR.iter().map(|(word, _)| *word));
        let hint = hint.unwrap_or_else(|| {
            "a rolling period is \"1h\" to \"31d\", in whole minutes".to_owned()
        });
        Complaint::new(format!("must be {words}{what}, not '{text}'")).hint(hint)
    };
    let window = Window::new(span.map_err(|_| wrong(""))?);
    window.map(Period::Rolling).ok_or_else(|| wrong(" of 1 hour to 31 days"))
}
