//! Notes, for who asked, on where a record's values came from. Walks the same map
//! over the same scan with the functions that fill a request.

use serde_json::{Value, json};

use super::beside::FILLED;
use super::headers::stripped;
use super::{Place, Recorder, is_word, priority};
use crate::decode::cost::{Reported, reported, states_one};
use crate::decode::eval::{Line, Seen};
use crate::decode::explain::{Absent, FieldNote, RecordNote, condition, shown, source};
use crate::decode::formats::Format;
use crate::decode::headers::HeaderBag;
use crate::decode::map::{Alt, Alts, Field, Map, Part, Spot};
use crate::decode::status;
use crate::decode::tokens::tier;
use crate::domain::{
    CostSource, Keep, Layer, LimitedBy, NameKind, NanoUsd, Priority, Request, Sym, Tier, Wall,
};
use crate::scan::{Kind, elements, members};
use crate::text;

impl Recorder {
    /// Begins the note of a record: its fields as the map finds them.
    pub(super) fn note_record(&mut self, format: &Format, line: Line<'_>) {
        let Some(mut trace) = self.trace.take() else { return };
        let formats = trace.formats();
        // A name is looked at once: what was masked for the note is told with the record.
        let masked = std::mem::take(&mut self.names.masked_key);
        if let Some(words) = formats.words(format.number) {
            let note = trace.record(words);
            self.note_fields(&format.map, words, line, note);
            note_limits(&format.map, words, line, note);
            note.ignored = why_ignored(&format.map, words, line);
            note.ignored_headers = ignored_headers(&format.map, line);
            note.key_in_log = self.names.masked_key;
        }
        self.names.masked_key = masked;
        self.trace = Some(trace);
    }

    /// Ends the note of a call: what no field gave it.
    pub(super) fn note_call(&mut self, map: &Map<Spot>, request: &Request, place: Place) {
        let Some(mut trace) = self.trace.take() else { return };
        if let Some(note) = trace.last() {
            self.note_rest(map, request, place, note);
        }
        self.trace = Some(trace);
    }

    fn note_fields(
        &mut self,
        map: &Map<Spot>,
        words: &Map<String>,
        line: Line<'_>,
        note: &mut RecordNote,
    ) {
        for field in Field::ALL.iter().copied() {
            let Some(all) = Some(words.field(field)).filter(|all| !all.is_empty()) else {
                continue;
            };
            let from = |alt: &Alt<Spot>| {
                let number = map.field(field).iter().position(|known| std::ptr::eq(known, alt));
                let alt = number.and_then(|number| all.get(number));
                alt.map_or_else(String::new, |alt| source(words, alt))
            };
            let mut found = false;
            for alt in line.alts(map, field) {
                let (value, fault) = self.value(map, field, alt, line);
                if value.is_none() && fault.is_none() {
                    continue;
                }
                found |= value.is_some();
                let name = field.word().to_owned();
                note.fields.push(FieldNote { field: name, from: from(alt), value, fault });
                // Of error texts all are looked at, of everything else the first.
                if found && field != Field::ErrorText {
                    break;
                }
            }
            if !found && let Some(value) = self.value_beside(field, line) {
                let (field, from) = (field.word().to_owned(), "wrapper".to_owned());
                note.fields.push(FieldNote { field, from, value: Some(value), fault: None });
            }
            if !found && !note.fields.iter().any(|have| have.field == field.word()) {
                let looked_at = all.iter().map(|alt| source(words, alt)).collect();
                note.absent.push(Absent { field: field.word(), looked_at });
            }
        }
    }

    /// What one alternative gives, or why that is not believed.
    fn value(
        &mut self,
        map: &Map<Spot>,
        field: Field,
        alt: &Alt<Spot>,
        line: Line<'_>,
    ) -> (Option<Value>, Option<&'static str>) {
        let one = Alts::one(alt);
        let applies = alt.when.as_ref().is_none_or(|when| line.holds(when));
        let value = match field {
            Field::At | Field::StartedAt => return seen(line.time(one), |at| json!(at.rfc3339())),
            Field::CostUsd => {
                return match reported(line, one, self.max_request_usd) {
                    Reported::Nothing => (None, None),
                    Reported::Usd(usd) => (Some(money(usd)), None),
                    Reported::Ambiguous(usd) => (Some(money(usd)), Some("cost_ambiguous")),
                    Reported::Bad(reason) => (None, Some(reason.word())),
                };
            }
            Field::LatencyMs
            | Field::TtftMs
            | Field::QueueMs
            | Field::RetryAfterS
            | Field::OldestAgeS => return seen(line.span(one), Value::from),
            Field::Status => {
                let code = match line.count(one.clone()) {
                    Seen::Is(number) => status::of_number(number),
                    Seen::Unreadable => line.text(one.clone(), &mut self.scratch, status::code),
                    Seen::Absent => return (None, None),
                };
                let word = |text: &str| status::ended(text).map(|kind| kind.word().into());
                let value = code.map(Value::from);
                let value = value.or_else(|| line.text(one, &mut self.scratch, word));
                let fault = if value.is_none() { Some("unreadable") } else { None };
                return (value, fault);
            }
            Field::Stream | Field::CacheHit => line.flag(one).map(Value::from),
            Field::ErrorText => {
                let bytes = line.value(alt).filter(|_| applies).map(|value| value.raw.len());
                bytes.map(|bytes| json!(format!("{bytes} bytes")))
            }
            Field::Key => {
                // Keys that differ in one line are none.
                let here = self.names.of(&line, one, NameKind::Key, &mut self.scratch);
                let alts = line.alts(map, Field::Key);
                here.and_then(|_| self.names.key(&line, alts, &mut self.scratch))
                    .map(|sym| self.name(sym))
            }
            _ if name_kind(field).is_some() => {
                let kind = name_kind(field).unwrap_or(NameKind::Label);
                let name = self.names.of(&line, one, kind, &mut self.scratch);
                name.map(|sym| self.name(sym))
            }
            _ if field.kind() == crate::decode::map::Kind::Number => {
                return seen(line.count(one), Value::from);
            }
            _ => line.text(one, &mut self.scratch, |text| word(field, text)).map(Value::from),
        };
        (value, None)
    }

    /// What a wrapper says of a field that it may fill.
    fn value_beside(&mut self, field: Field, line: Line<'_>) -> Option<Value> {
        let outer = line.beside.filter(|_| FILLED.contains(&field))?;
        let map = &outer.format.map;
        outer.line.alts(map, field).find_map(|alt| self.value(map, field, alt, outer.line).0)
    }

    fn note_rest(
        &mut self,
        map: &Map<Spot>,
        request: &Request,
        place: Place,
        note: &mut RecordNote,
    ) {
        let from_start = note.value("started_at").is_some();
        let at = match (request.at_logged, place.logged) {
            (false, _) => "received",
            (true, Some(logged)) if logged == request.at => "wrapper",
            (true, _) if from_start => "started_at + latency_ms",
            (true, _) => "wrapper",
        };
        note.rest("at", at, Some(time(request.at)));
        note.rest("started_at", "at - latency_ms", request.started_at.map(time));
        let host = if request.host == place.host { "wrapper" } else { "source" };
        let guessed = request.provider != self.defaults.provider;
        let provider = if guessed { "headers" } else { "source" };
        let told = request.caller.account != self.defaults.account;
        let account = if told { "headers" } else { "source" };
        for (field, from, name) in [
            ("provider", provider, request.provider),
            ("model", "body", request.model),
            ("host", host, request.host),
            ("environment", "source", request.caller.environment),
            ("account", account, request.caller.account),
        ] {
            let name = name.map(|sym| self.name(sym));
            note.rest(field, from, name);
        }
        note.rest("status", "head", request.status.map(Value::from));
        let timing = request.timing;
        if timing.ttft_ms.is_none() {
            let ttft = note.fields.iter_mut().filter(|note| note.field == "ttft_ms");
            ttft.for_each(|note| note.fault = Some("ttft_not_measured"));
        }
        self.note_tokens(map, request, note);
        let failure = request.failure;
        note.rest("error_kind", "classified", failure.kind.map(|kind| kind.word().into()));
        note.rest("limited_by", "classified", failure.limited_by.map(|by| by.word().into()));
        note.rest("retry_after_s", "headers", failure.retry_after_s.map(Value::from));
        let by_id = request.dedup.map(|dedup| (dedup.keep, map.identity.trusted));
        note.identity = by_id.map(|by| match by {
            (Keep::Join, _) => "call_key, of which the parts are put together",
            (_, true) => "dedup_key alone",
            (Keep::FirstNamed, false) => {
                "dedup_key, names, time, status, tokens, cost and durations"
            }
            (_, false) => "dedup_key, time, status, tokens and cost",
        });
    }

    /// Counts that only the body has, and what was added to those as read.
    fn note_tokens(&self, map: &Map<Spot>, request: &Request, note: &mut RecordNote) {
        let (tokens, body) = (request.tokens, self.body.spent.tokens);
        let said = request.cost.filter(|cost| cost.source == CostSource::Reported);
        if note.value("cost_usd").is_none() {
            note.rest("cost_usd", "body", said.map(|said| money(said.usd)));
        }
        for (field, count, in_body) in [
            ("input_tokens", tokens.input, body.input),
            ("output_tokens", tokens.output, body.output),
            ("cached_input_tokens", tokens.cached_input, body.cached_input),
            ("cache_write_tokens", tokens.cache_write, body.cache_write),
            ("cache_write_1h_tokens", tokens.cache_write_1h, body.cache_write_1h),
            ("reasoning_tokens", tokens.reasoning, body.reasoning),
            ("audio_input_tokens", tokens.audio_input, body.audio_input),
            ("audio_output_tokens", tokens.audio_output, body.audio_output),
        ] {
            if note.value(field).is_none() && count == in_body {
                note.rest(field, "body", count.map(Value::from));
            }
        }
        if request.tier != Tier::Standard {
            note.rest("service_tier", "body", Some(request.tier.word().into()));
        }
        let read = |field: &str| note.value(field).and_then(Value::as_u64);
        let differs = |field: &str, count: Option<u64>| {
            read(field).is_some_and(|read| count.is_some_and(|count| count != read))
        };
        let mut rules = Vec::new();
        if differs("input_tokens", tokens.input) {
            rules.push(if map.tokens.add_cache { "cache" } else { "cache_apart" });
        }
        if differs("output_tokens", tokens.output) {
            rules.push("reasoning");
        }
        note.token_rules = rules;
    }

    fn name(&self, sym: Sym) -> Value {
        Value::from(&*self.names.long_text(sym))
    }
}

fn seen<T>(seen: Seen<T>, show: impl Fn(T) -> Value) -> (Option<Value>, Option<&'static str>) {
    match seen {
        Seen::Is(value) => (Some(show(value)), None),
        Seen::Unreadable => (None, Some("unreadable")),
        Seen::Absent => (None, None),
    }
}

fn money(usd: NanoUsd) -> Value {
    Value::from(usd.to_string())
}

fn time(at: Wall) -> Value {
    Value::from(at.rfc3339())
}

/// Fields that become symbols.
const fn name_kind(field: Field) -> Option<NameKind> {
    match field {
        Field::Provider => Some(NameKind::Provider),
        Field::Model => Some(NameKind::Model),
        Field::Endpoint => Some(NameKind::Endpoint),
        Field::Host => Some(NameKind::Host),
        Field::Team => Some(NameKind::Team),
        Field::User => Some(NameKind::User),
        Field::Environment => Some(NameKind::Environment),
        Field::Account => Some(NameKind::Account),
        Field::Queue | Field::Deployment | Field::KillSwitch => Some(NameKind::Label),
        _ => None,
    }
}

/// A text as the request takes it.
fn word(field: Field, text: &str) -> Option<String> {
    match field {
        Field::Priority => priority(text).map(|priority| Priority::word(priority).to_owned()),
        Field::ErrorKind => status::failure(text).map(|kind| kind.word().to_owned()),
        Field::LimitedBy => LimitedBy::from_word(text).map(|by| by.word().to_owned()),
        Field::Layer => Layer::from_word(text).map(|layer| layer.word().to_owned()),
        Field::ServiceTier => Some(tier(text).word().to_owned()),
        Field::FinishReason if !is_word(text) => None,
        _ => Some(text::name(&text::mask(text)).into_owned()),
    }
}

/// The parts of the limits that stand in fields.
fn note_limits(map: &Map<Spot>, words: &Map<String>, line: Line<'_>, note: &mut RecordNote) {
    for (limit, said) in map.limits.iter().zip(&words.limits) {
        if limit.when.as_ref().is_some_and(|when| !line.holds(when)) {
            continue;
        }
        for part in Part::ALL.iter().copied() {
            let found = limit.part(part).iter().zip(said.part(part)).find_map(|(alt, said)| {
                let applies = alt.when.as_ref().is_none_or(|when| line.holds(when));
                let value = line.value(alt).filter(|_| applies)?;
                Some((source(words, said), shown(value.raw)))
            });
            if let Some((from, value)) = found {
                let field = format!("limit {} {}", limit.resource.word(), part.word());
                note.fields.push(FieldNote { field, from, value: Some(value.into()), fault: None });
            }
        }
    }
}

/// Why a record is of no interest, if it is of none.
fn why_ignored(map: &Map<Spot>, words: &Map<String>, line: Line<'_>) -> Option<String> {
    if states_one(line, line.alts(map, Field::CostUsd)) {
        return None;
    }
    if !map.keep.is_empty() && !map.keep.iter().any(|when| line.holds(when)) {
        let asked: Vec<String> = words.keep.iter().map(condition).collect();
        return Some(format!("keep: not ({})", asked.join("; or ")));
    }
    let ignored = map.ignore.iter().zip(&words.ignore).find(|(when, _)| line.holds(when));
    ignored.map(|(_, said)| format!("ignore: {}", condition(said)))
}

/// Names of headers that stand in the line and say nothing, or are dropped.
fn ignored_headers(map: &Map<Spot>, line: Line<'_>) -> Vec<String> {
    let mut bag = HeaderBag::default();
    let mut names: Vec<String> = Vec::new();
    for value in map.headers.from.iter().filter_map(|place| line.get(*place)) {
        let sent: Vec<&[u8]> = match value.kind {
            Kind::Object => members(value.raw).map(|(name, _)| name.raw).collect(),
            Kind::Array => elements(value.raw).filter_map(pair_name).collect(),
            _ => continue,
        };
        for sent in sent {
            bag.clear();
            bag.push(stripped(&map.headers, sent), b"");
            let read = bag.get(0).is_some_and(|h| line.headers.named(h.name).next().is_some());
            let name = shown(sent);
            if !read && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// The name in `[name, value]` or `{"name": name, "value": value}`.
fn pair_name(pair: crate::scan::Value<'_>) -> Option<&[u8]> {
    match pair.kind {
        Kind::Array => elements(pair.raw).next().map(|name| name.raw),
        Kind::Object => {
            members(pair.raw).find(|(key, _)| key.raw == b"name").map(|(_, name)| name.raw)
        }
        _ => None,
    }
}
