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
use crate::domain::Priority;
use crate::source::http::{Address, AddressError, Plain};
use crate::source::net::secret::{HeaderFrom, HeaderSpec, SecretFrom};
use crate::source::net::{
    APIS, Api, Ask, Budget, Convention, Holds, NetSpec, PollSpec, ProbeSpec, QueueSpec,
    RedisAddress, RedisAddressError, RedisSpec, ScrapeSpec,
};
use crate::text;

/// A provider is never asked more often.
const LEAST_APART: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(600);
const LEAST_SCRAPE: Duration = Duration::from_secs(1);
const SCRAPE_EVERY: Duration = Duration::from_secs(10);
const REDIS_EVERY: Duration = Duration::from_secs(10);
/// Queues of one source.
const MOST_QUEUES: usize = 256;
/// Largest body of a request that only wants headers.
const MOST_BODY: usize = 64 * 1024;

/// Header names that hold keys.
const KEY_HEADERS: &[&str] =
    &["auth", "key", "token", "secret", "cookie", "passw", "credential", "signature"];

const ALLOW_PLAIN: &str = "or `allow_plain = true`, where no key or password is sent";
const NO_KEY_HERE: &str = "write { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"…\"] }, and `prefix` for what stands before the key";

/// A request made for its answer's headers.
pub(super) fn probe(reader: &mut Reader, base: &Path) -> Option<NetSpec> {
    let address = reader.need("url", |raw| address(raw, Plain::Here));
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
    let plain = plain_way(reader);
    let address = reader.need("url", |raw| local_address(raw, plain));
    let headers = reader.take("headers", |raw| headers(raw, base)).unwrap_or_default();
    let every = reader.take("every", local_every).unwrap_or(SCRAPE_EVERY);
    let address = address?;
    refuse_readable_keys(reader, &address, &headers);
    Some(NetSpec { every, ask: Ask::Scrape(ScrapeSpec { address, headers }) })
}

/// Usage, costs, balances and keys.
pub(super) fn poll(reader: &mut Reader, base: &Path) -> Option<NetSpec> {
    // Without it nobody knows what else is needed.
    let api = reader.need("api", api)?;
    let plain = plain_way(reader);
    let address = match api.base.filter(|_| !reader.has("url")) {
        Some(base) => Address::parse(base, Plain::Here).ok(),
        None => reader.need("url", |raw| local_address(raw, plain)),
    };
    let headers = reader.take("headers", |raw| headers(raw, base)).unwrap_or_default();
    let every = reader.take("every", provider_every);
    let address = address?;
    refuse_readable_keys(reader, &address, &headers);
    let every = every.unwrap_or(api.every);
    Some(NetSpec { every, ask: Ask::Poll(PollSpec { api, address, headers }) })
}

/// Queues in a Redis.
pub(super) fn redis(reader: &mut Reader, base: &Path) -> Option<NetSpec> {
    let plain = plain_way(reader);
    let address = reader.need("url", |raw| redis_address(raw, plain));
    let user = reader.take("user", value::name);
    let password = reader.take("password", |raw| password(raw, base));
    let queues = reader.need("queues", queues);
    let every = reader.take("every", local_every).unwrap_or(REDIS_EVERY);
    let address = address?;
    if address.is_readable() && password.is_some() {
        let complaint = Complaint::new("would be readable on the way: use rediss://");
        reader.complain("password", complaint);
    }
    Some(NetSpec { every, ask: Ask::Redis(RedisSpec { address, user, password, queues: queues? }) })
}

/// Like a header's key, without anything before it.
fn password(raw: &Raw, base: &Path) -> Read<SecretFrom> {
    let is_table = raw.get_ref().as_table().is_some();
    match is_table.then(|| secret(raw, base)).transpose()? {
        Some(HeaderFrom::Secret { from, prefix }) if prefix.is_empty() => Ok(from),
        _ => Err(Complaint::new("must not be written out here").hint(NO_KEY_HERE)),
    }
}

fn api(raw: &Raw) -> Read<&'static Api> {
    let given = value::text(raw)?;
    let found = APIS.iter().find(|api| api.name == given);
    found.ok_or_else(|| value::unknown_word(&given, APIS.iter().map(|api| api.name)))
}

fn plain_way(reader: &mut Reader) -> Plain {
    match reader.take("allow_plain", value::boolean) {
        Some(true) => Plain::Anywhere,
        _ => Plain::Here,
    }
}

fn refuse_readable_keys(reader: &mut Reader, address: &Address, headers: &[HeaderSpec]) {
    let is_key = |header: &HeaderSpec| matches!(header.value, HeaderFrom::Secret { .. });
    if address.is_readable() && headers.iter().any(is_key) {
        let complaint =
            Complaint::new("hold a key that would be readable on the way: use https://");
        reader.complain("headers", complaint);
    }
}

fn redis_address(raw: &Raw, plain: Plain) -> Read<RedisAddress> {
    RedisAddress::parse(&value::text(raw)?, plain).map_err(|error| {
        let hint = (error == RedisAddressError::Plain).then(|| ALLOW_PLAIN.to_owned());
        Complaint::new(error.to_string()).maybe(hint)
    })
}

fn queues(raw: &Raw) -> Read<Vec<QueueSpec>> {
    let queues = value::list(raw, queue)?;
    if queues.is_empty() || queues.len() > MOST_QUEUES {
        return Err(Complaint::new(format!("must be 1 to {MOST_QUEUES} queues")));
    }
    for (index, queue) in queues.iter().enumerate() {
        let same = |other: &QueueSpec| other.name == queue.name && other.priority == queue.priority;
        if queues.iter().take(index).any(same) {
            let message = format!("has two queues '{}' of the same priority", queue.name);
            return Err(Complaint::new(message).hint("give each a `name` of its own"));
        }
    }
    Ok(queues)
}

/// One queue: `{ key = "…", priority = "…", … }`.
fn queue(raw: &Raw) -> Read<QueueSpec> {
    let DeValue::Table(table) = raw.get_ref() else {
        return Err(value::wrong("a queue such as { key = \"celery\" }", raw));
    };
    let (mut key, mut name, mut priority, mut group) = (None, None, None, None);
    let (mut holds, mut convention) = (Holds::Auto, Convention::Plain);
    for (word, raw) in table {
        let read = match &**word.get_ref() {
            "key" => value::text(raw).map(|text| key = Some(text)),
            "name" => value::name(raw).map(|text| name = Some(text)),
            "group" => value::text(raw).map(|text| group = Some(text)),
            "priority" => {
                value::word(raw, Priority::ALL, Priority::word).map(|word| priority = Some(word))
            }
            "type" => value::word(raw, ALL_HOLDS, holds_word).map(|word| holds = word),
            "convention" => {
                value::word(raw, ALL_CONVENTIONS, convention_word).map(|word| convention = word)
            }
            other => {
                let known = ["key", "name", "group", "priority", "type", "convention"];
                let hint = value::unknown_word(other, known).hint;
                let complaint = Complaint::new(format!("has an unknown part '{other}'"));
                Err(complaint.maybe(hint).at(word.span()))
            }
        };
        read.map_err(|mut complaint| {
            if complaint.span.is_none() {
                complaint.message = format!("'{}' {}", word.get_ref(), complaint.message);
            }
            complaint.at(raw.span())
        })?;
    }
    let key = key.ok_or_else(|| Complaint::new("has a queue without a `key`"))?;
    if convention != Convention::Plain && (holds != Holds::Auto || group.is_some()) {
        return Err(Complaint::new(
            "has a `type` or `group` beside a convention, which says it all",
        ));
    }
    if group.is_some() && !matches!(holds, Holds::Auto | Holds::Stream) {
        return Err(Complaint::new("has a `group` of something that is no stream"));
    }
    Ok(QueueSpec {
        name: name.unwrap_or_else(|| key.clone()),
        key,
        priority,
        holds,
        convention,
        group,
    })
}

const ALL_HOLDS: &[Holds] = &[Holds::Auto, Holds::List, Holds::Stream, Holds::SortedSet];

const fn holds_word(holds: Holds) -> &'static str {
    match holds {
        Holds::Auto => "auto",
        Holds::List => "list",
        Holds::Stream => "stream",
        Holds::SortedSet => "zset",
    }
}

const ALL_CONVENTIONS: &[Convention] =
    &[Convention::Plain, Convention::Celery, Convention::Rq, Convention::BullMq];

const fn convention_word(convention: Convention) -> &'static str {
    match convention {
        Convention::Plain => "plain",
        Convention::Celery => "celery",
        Convention::Rq => "rq",
        Convention::BullMq => "bullmq",
    }
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

fn address(raw: &Raw, plain: Plain) -> Read<Address> {
    let address = Address::parse(&value::text(raw)?, plain);
    address.map_err(|error| Complaint::new(error.to_string()))
}

/// An address of something that may be on another machine of ours.
fn local_address(raw: &Raw, plain: Plain) -> Read<Address> {
    Address::parse(&value::text(raw)?, plain).map_err(|error| {
        let hint = (error == AddressError::Plain).then(|| ALLOW_PLAIN.to_owned());
        Complaint::new(error.to_string()).maybe(hint)
    })
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

fn local_every(raw: &Raw) -> Read<Duration> {
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
