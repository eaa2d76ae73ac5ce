//! Sources that are asked over the network: where, how often, with which key.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::document::Document;
use super::item::open;
use super::reader::{Reader, Report, items};
use super::schema;
use super::value::{self, Complaint, Raw, Read};
use crate::decode::{MapError, MetricMap, RawMap};
use crate::source::http::Address;
use crate::source::net::secret::{HeaderFrom, HeaderSpec, SecretFrom};
use crate::source::net::{Ask, Budget, NetSpec, ProbeSpec, ScrapeSpec};
use crate::text;

/// A provider is never asked more often.
const LEAST_APART: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(600);
const LEAST_SCRAPE: Duration = Duration::from_secs(1);
const SCRAPE_EVERY: Duration = Duration::from_secs(10);
/// Largest body of a request that only wants headers.
const MOST_BODY: usize = 64 * 1024;

/// Header names that hold keys.
const KEY_HEADERS: &[&str] =
    &["auth", "key", "token", "secret", "cookie", "passw", "credential", "signature"];

const NO_KEY_HERE: &str = "write { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"…\"] }, and `prefix` for what stands before the key";

/// A request made for its answer's headers.
pub(super) fn probe(reader: &mut Reader, base: &Path) -> Option<NetSpec> {
    let address = reader.need("url", address);
    let headers = reader.take("headers", |raw| headers(raw, base));
    let body = reader.take("body", body).unwrap_or_default();
    let method = reader.take("method", method);
    let every = reader.take("every", provider_every).unwrap_or(PROBE_EVERY);
    let per_day = reader.take("max_per_day", |raw| value::whole(raw, 1..=100_000));
    let usd_per_day = reader.take("max_usd_per_day", value::positive_money);
    let key = reader.take("key", value::name);
    let mut headers = headers.unwrap_or_default();
    if body.starts_with('{') && !headers.iter().any(|header| header.name == CONTENT_TYPE) {
        let value = HeaderFrom::Plain(HeaderValue::from_static("application/json"));
        headers.push(HeaderSpec { name: CONTENT_TYPE, value });
    }
    let usual = if body.is_empty() { Method::GET } else { Method::POST };
    let probe = ProbeSpec {
        method: method.unwrap_or(usual),
        address: address?,
        headers,
        body,
        key: key?,
        budget: Budget { apart: LEAST_APART, per_day, usd_per_day },
    };
    Some(NetSpec { every, ask: Ask::Probe(probe) })
}

/// A page of metrics.
pub(super) fn scrape(reader: &mut Reader, base: &Path) -> Option<NetSpec> {
    let address = reader.need("url", address);
    let headers = reader.take("headers", |raw| headers(raw, base)).unwrap_or_default();
    let every = reader.take("every", scrape_every).unwrap_or(SCRAPE_EVERY);
    Some(NetSpec { every, ask: Ask::Scrape(ScrapeSpec { address: address?, headers }) })
}

/// What a metric means: `[[scrape.map]]`, in the language of the shipped maps.
pub(super) fn metric_maps(document: &Document, report: &mut Report) -> Vec<MetricMap> {
    items(&schema::SCRAPE_MAP, document, report)
        .into_iter()
        .filter_map(|item| metric_map(open(&schema::SCRAPE_MAP, document, item, report)))
        .collect()
}

fn metric_map(mut reader: Reader) -> Option<MetricMap> {
    let problems = reader.problems();
    let one_or_many = |raw: &Raw| match raw.get_ref() {
        DeValue::Array(_) => value::list(raw, value::text),
        _ => value::text(raw).map(|text| vec![text]),
    };
    let mut texts = |key| reader.take(key, one_or_many).unwrap_or_default();
    let raw = RawMap {
        metric: texts("metric"),
        name: texts("name"),
        provider: texts("provider"),
        model: texts("model"),
        subject: texts("subject"),
        only: reader.take("where", labels).unwrap_or_default(),
        queue: reader.take("queue", value::text),
        limit: reader.take("limit", value::text),
        show: reader.take("show", value::name),
        resource: reader.take("resource", value::text),
        layer: reader.take("layer", value::text),
        scope: reader.take("scope", value::text),
        window_s: reader.take("window_s", window_s),
        echo: reader.take("echo", value::boolean).unwrap_or_default(),
        labels: reader.take("labels", |raw| value::list(raw, value::text)),
        combine: reader.take("combine", value::text),
        scale: reader.take("scale", value::number),
    };
    let map = (reader.problems() == problems).then(|| MetricMap::new(&raw));
    let map = map.and_then(|map| {
        let complain = |error: MapError| {
            let complaint = Complaint::new(error.message);
            if reader.has(error.key) {
                return reader.complain(error.key, complaint);
            }
            let message = format!("'{}' {}", error.key, complaint.message);
            reader.complain_of_all(&Complaint::new(message));
        };
        map.map_err(complain).ok()
    });
    reader.finish();
    map
}

fn window_s(raw: &Raw) -> Read<u32> {
    let seconds = value::whole(raw, 1..=u64::from(u32::MAX))?;
    Ok(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn labels(raw: &Raw) -> Read<BTreeMap<String, String>> {
    let DeValue::Table(table) = raw.get_ref() else {
        return Err(value::wrong("labels such as { engine = \"0\" }", raw));
    };
    let label = |(name, raw): (&Spanned<DeString>, &Raw)| {
        let text = value::text(raw).map_err(|complaint| complaint.at(raw.span()))?;
        Ok((name.get_ref().to_string(), text))
    };
    table.iter().map(label).collect()
}

fn address(raw: &Raw) -> Read<Address> {
    Address::parse(&value::text(raw)?).map_err(|error| Complaint::new(error.to_string()))
}

fn method(raw: &Raw) -> Read<Method> {
    let word = value::word(raw, &["GET", "POST"], |word| word)?;
    Ok(if word == "GET" { Method::GET } else { Method::POST })
}

fn provider_every(raw: &Raw) -> Read<Duration> {
    let every = value::duration(raw)?;
    if every < LEAST_APART {
        return Err(Complaint::new("must be at least \"1m\": a provider is not asked more often"));
    }
    Ok(every)
}

fn scrape_every(raw: &Raw) -> Read<Duration> {
    let every = value::duration(raw)?;
    if every < LEAST_SCRAPE {
        return Err(Complaint::new("must be at least \"1s\""));
    }
    Ok(every)
}

fn body(raw: &Raw) -> Read<String> {
    let body = value::text(raw)?;
    if text::mask(&body) != body {
        return Err(Complaint::new("must not hold a key"));
    }
    if body.len() > MOST_BODY {
        return Err(Complaint::new("is longer than 64 KiB"));
    }
    Ok(body)
}

fn headers(raw: &Raw, base: &Path) -> Read<Vec<HeaderSpec>> {
    let DeValue::Table(table) = raw.get_ref() else {
        return Err(value::wrong("headers such as { Authorization = { env = \"NAME\" } }", raw));
    };
    let mut specs = Vec::new();
    for (name, raw) in table {
        let word: &str = name.get_ref();
        let known = HeaderName::from_bytes(word.as_bytes()).map_err(|_| {
            Complaint::new(format!("has a name that is no header's: '{word}'")).at(name.span())
        })?;
        let value = header(&known, raw, base).map_err(|mut complaint| {
            complaint.message = format!("'{word}' {}", complaint.message);
            complaint.at(raw.span())
        })?;
        specs.push(HeaderSpec { name: known, value });
    }
    Ok(specs)
}

fn header(name: &HeaderName, raw: &Raw, base: &Path) -> Read<HeaderFrom> {
    if let DeValue::Table(_) = raw.get_ref() {
        return secret(raw, base);
    }
    let text = value::text(raw)?;
    let is_key = KEY_HEADERS.iter().any(|word| name.as_str().contains(word));
    if is_key || text::mask(&text) != text {
        return Err(Complaint::new("must not be written out here").hint(NO_KEY_HERE));
    }
    let value = HeaderValue::from_str(&text);
    value.map(HeaderFrom::Plain).map_err(|_| Complaint::new("is not the value of a header"))
}

/// Where a key comes from: exactly one of three.
fn secret(raw: &Raw, base: &Path) -> Read<HeaderFrom> {
    let table = raw.get_ref().as_table();
    let mut from = Vec::new();
    let mut prefix = String::new();
    for (key, raw) in table.into_iter().flatten() {
        let read = match &**key.get_ref() {
            "env" => variable(raw).map(|name| from.push(SecretFrom::Env(name))),
            "file" => {
                value::path_text(raw).map(|path| from.push(SecretFrom::File(base.join(path))))
            }
            "command" => command(raw).map(|argv| from.push(SecretFrom::Command(argv))),
            "prefix" => value::text(raw).and_then(plain).map(|text| prefix = text),
            other => {
                let hint = value::unknown_word(other, ["env", "file", "command", "prefix"]).hint;
                let complaint = Complaint::new(format!("has an unknown part '{other}'"));
                Err(complaint.maybe(hint).at(key.span()))
            }
        };
        read.map_err(|complaint| complaint.at(raw.span()))?;
    }
    match (from.pop(), from.pop()) {
        (Some(from), None) => Ok(HeaderFrom::Secret { prefix, from }),
        _ => Err(Complaint::new("needs exactly one of env, file and command").hint(NO_KEY_HERE)),
    }
}

fn plain(text: String) -> Read<String> {
    if text::mask(&text) == text { Ok(text) } else { Err(Complaint::new("must not hold a key")) }
}

fn variable(raw: &Raw) -> Read<String> {
    let name = value::text(raw)?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.bytes().all(is_name) && text::mask(&name) == name {
        return Ok(name);
    }
    Err(Complaint::new("must be the name of a variable, without `$`"))
}

fn command(raw: &Raw) -> Read<Vec<String>> {
    let argv = value::list(raw, |raw| value::text(raw).and_then(plain))?;
    if argv.is_empty() {
        return Err(Complaint::new("must not be empty"));
    }
    Ok(argv)
}
