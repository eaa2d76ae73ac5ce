//! JSON objects that carry a line of another program: what container runtimes,
//! collectors and clouds make of it. One walk over the members finds what is
//! carried, and whether anything stands beside it that is not the carrier's.

use super::packed;
use super::prefix::{More, Part};
use crate::scan::{Kind, Value, elements, is_object, members};

/// What docker splits lines at.
const DOCKER_SPLIT: usize = 16 * 1024;

/// A line of another program, and what was noted about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'t> {
    /// The member that carries it.
    pub(super) carrier: &'t [u8],
    pub(super) payload: Payload<'t>,
    pub(super) time: Option<Value<'t>>,
    pub(super) host: Option<Value<'t>>,
    pub(super) part: Option<Part<'t>>,
    pub(super) trust: Trust,
    /// Whether an object stands beside what it carries.
    pub(super) beside: bool,
}

/// What an envelope carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'t> {
    /// Text, or JSON in a string.
    Text(Value<'t>),
    /// A record as it is.
    Object(&'t [u8]),
    /// Several envelopes.
    List(&'t [u8]),
    /// Text that is not UTF-8, as a list of numbers.
    Bytes(&'t [u8]),
    /// Text in base64.
    Packed(Value<'t>),
    /// Lists of a time and a text each.
    Entries(&'t [u8]),
    /// It was left out.
    Missing,
}

impl Payload<'_> {
    /// Whether it is a text of nothing but white space.
    fn is_blank(self) -> bool {
        let Payload::Text(text) = self else { return false };
        let mut rest = text.raw.trim_ascii_start();
        while let [b'\\', b'n' | b'r' | b't', more @ ..] = rest {
            rest = more.trim_ascii_start();
        }
        rest.is_empty()
    }
}

/// How sure it is that an object is but an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It has a carrier's mark, and nothing else.
    Sure,
    /// It may have fields of its own, and a format may know it.
    Perhaps,
    /// It has something to say about money, or all it says stands beside what it carries.
    No,
}

/// What a member of an envelope is.
enum Role {
    Payload,
    /// As [`Role::Payload`], and only carriers call it so.
    OwnPayload,
    List,
    /// Text that is a payload where something else is a carrier's mark.
    Cargo,
    /// The same, or an object that may be one in any case.
    Inside,
    /// Transports between programs hand this over.
    Transport,
    /// The same in base64.
    Packed,
    /// Lines of Loki.
    Entries,
    /// What an API or an export answers with: a list of rows.
    Rows,
    /// All that Loguru knows of a line.
    Loguru,
    Time,
    Host,
    /// Says which lines belong together.
    Stream,
    /// Whether the line goes on in the next.
    Goes,
    /// Which parts are of one line.
    PartOf,
    /// Whether it is the last part.
    Last,
    /// Only carriers write this.
    Mark,
    /// What sort of entry it is, to a carrier that says so.
    Kind,
    /// Carriers write this, and others do.
    Known,
    Other,
}

impl<'t> Envelope<'t> {
    /// What `json`, an object, carries; nothing if it is no envelope.
    pub(super) fn read(json: &'t [u8]) -> Option<Envelope<'t>> {
        let mut seen = Seen::default();
        for (key, value) in members(json) {
            seen.member(key.raw, value);
        }
        let marked = seen.marked || seen.transported;
        let is_cargo =
            |(_, payload): &(_, Payload<'_>)| marked || matches!(payload, Payload::Object(_));
        let (carrier, payload) = seen.payload.or(seen.cargo.filter(is_cargo))?;
        let trust = match (seen.others, marked) {
            (Others::Money, _) => Trust::No,
            _ if seen.transported => Trust::Sure,
            (Others::None, true) => Trust::Sure,
            // A message that says nothing is not what such a line is about.
            (Others::Some, false) if payload.is_blank() => Trust::No,
            _ => Trust::Perhaps,
        };
        let part = seen.part(payload, trust);
        let Seen { time, host, .. } = seen;
        let time = time.map(|(_, value)| value);
        let beside = seen.objects > usize::from(matches!(payload, Payload::Object(_)));
        Some(Envelope { carrier, payload, time, host, part, trust, beside })
    }

    /// The bytes of a payload that is a list of numbers.
    pub(super) fn bytes(list: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend(elements(list).filter_map(|value| u8::try_from(value.as_u64()?).ok()));
    }
}

#[derive(Default)]
struct Seen<'t> {
    payload: Option<(&'t [u8], Payload<'t>)>,
    /// What is a payload if something else is a carrier's mark.
    cargo: Option<(&'t [u8], Payload<'t>)>,
    time: Option<(u8, Value<'t>)>,
    host: Option<Value<'t>>,
    stream: Option<Value<'t>>,
    goes: Option<More>,
    part_of: Option<Value<'t>>,
    others: Others,
    objects: usize,
    marked: bool,
    /// It is what a transport hands over, whatever else that says of it.
    transported: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Others {
    #[default]
    None,
    Some,
    Money,
}

impl<'t> Seen<'t> {
    fn member(&mut self, key: &'t [u8], value: Value<'t>) {
        self.objects += usize::from(value.kind == Kind::Object);
        match role(key, value.kind) {
            Role::Payload if self.carry(key, value) => {}
            Role::OwnPayload if self.carry(key, value) => self.marked = true,
            Role::Cargo | Role::Inside if value.is_text() => {
                self.cargo = Some((key, Payload::Text(value)));
            }
            Role::Inside if value.kind == Kind::Object => {
                self.cargo = Some((key, Payload::Object(value.raw)));
            }
            Role::Packed if value.is_text() => {
                self.cargo = Some((key, Payload::Packed(value)));
                self.marked |= packed::is_likely(value.raw);
            }
            Role::Entries if value.kind == Kind::Array => {
                self.payload = Some((key, Payload::Entries(value.raw)));
            }
            Role::Loguru if value.kind == Kind::Object && self.loguru(key, value.raw) => {}
            Role::Loguru => self.cargo = Some((key, Payload::Object(value.raw))),
            Role::List | Role::Rows if value.kind == Kind::Array => {
                self.payload = Some((key, Payload::List(value.raw)));
            }
            Role::Time => {
                // The later one says when it was written, not when it was taken; and what
                // it was written at may be a place in a program.
                let rank = u8::from(!matches!(key, b"__REALTIME_TIMESTAMP" | b"at"));
                if !value.is_absent() && self.time.is_none_or(|(known, _)| rank > known) {
                    self.time = Some((rank, value));
                }
                self.marked |= key.starts_with(b"__");
                self.transported |= key.ends_with(b"rrivalTimestamp");
            }
            Role::Host if value.is_text() => self.host = self.host.or(Some(value)),
            Role::Host if value.kind == Kind::Object => {
                self.host = self.host.or_else(|| name_within(value.raw));
            }
            Role::Stream if value.is_text() => {
                self.stream = Some(value);
                self.marked |= key != b"stream" || matches!(value.raw, b"stdout" | b"stderr");
            }
            Role::Goes => {
                let follows = matches!(value.raw, b"P" | b"true" | b"line-max");
                let more = if follows { More::Follows } else { More::Ends };
                self.goes = self.goes.or(Some(more));
                self.marked = true;
            }
            Role::PartOf if value.is_text() => self.part_of = Some(value),
            // Each part says that it is one, the last as well.
            Role::Last if value.raw == b"true" => self.goes = Some(More::Ends),
            Role::Mark => {
                self.marked = true;
                if value.kind == Kind::Object && self.host.is_none() {
                    self.host = pod_within(value.raw);
                }
            }
            Role::Kind => {
                let named = [&b"function"[..], b"extension"].contains(&value.raw);
                self.marked |= named || value.raw.starts_with(b"platform.");
                if !named && self.others == Others::None {
                    self.others = Others::Some;
                }
            }
            Role::Transport => self.transported = true,
            Role::Known | Role::PartOf | Role::Last => {}
            _ if speaks_of_money(key) => self.others = Others::Money,
            _ if self.others == Others::None => self.others = Others::Some,
            _ => {}
        }
    }

    /// Takes a payload, unless a better one is there; whether it can be one.
    fn carry(&mut self, key: &'t [u8], value: Value<'t>) -> bool {
        let payload = match value.kind {
            Kind::Str | Kind::StrEscaped => Payload::Text(value),
            Kind::Object => Payload::Object(value.raw),
            Kind::Array if key == b"MESSAGE" => Payload::Bytes(value.raw),
            Kind::Null if key == b"MESSAGE" => Payload::Missing,
            _ => return false,
        };
        let better = match self.payload {
            None => true,
            // `log` and `message` may be objects about the file they came from.
            Some((known, Payload::Object(_))) => known != b"jsonPayload",
            Some((_, known)) => known.is_blank(),
        };
        if better {
            self.payload = Some((key, payload));
        }
        true
    }

    /// The fields that were bound to a message, or else the message; whether this is
    /// such a record.
    fn loguru(&mut self, key: &'t [u8], record: &'t [u8]) -> bool {
        let of = |name: &[u8]| members(record).find(|(key, _)| key.raw == name);
        let (Some((_, extra)), Some((_, time))) = (of(b"extra"), of(b"time")) else {
            return false;
        };
        let bound = members(extra.raw).next().is_some();
        let message = of(b"message").map(|(_, message)| message).filter(|value| value.is_text());
        self.payload = match (bound, message) {
            (true, _) => Some((key, Payload::Object(extra.raw))),
            (false, Some(message)) => Some((key, Payload::Text(message))),
            (false, None) => return false,
        };
        let stamp = members(time.raw).find(|(key, _)| key.raw == b"timestamp");
        self.time = stamp.map(|(_, value)| (u8::MAX, value));
        self.marked = true;
        true
    }

    /// Where what it carries belongs to, if that may be a part of a line. Who says that
    /// more follows may say nothing of the last part.
    fn part(&self, payload: Payload<'t>, trust: Trust) -> Option<Part<'t>> {
        let stream = self.part_of.or(self.stream).map_or(&b""[..], |value| value.raw);
        if let Some(more) = self.goes {
            return Some(Part { stream, more });
        }
        let docker = trust == Trust::Sure
            && matches!(self.payload, Some((b"log", _)))
            && matches!(stream, b"stdout" | b"stderr");
        let is_split = match payload {
            Payload::Text(text) => docker && !text.raw.ends_with(b"\\n") && may_be_split(text),
            _ => false,
        };
        let more = if is_split { More::Follows } else { More::Ends };
        (self.marked && !stream.is_empty()).then_some(Part { stream, more })
    }
}

/// Whether a text without an end is a part of a longer one. A program that ended
/// leaves a last line without its end as well, and some shippers take off all ends.
fn may_be_split(text: Value<'_>) -> bool {
    let raw = text.raw;
    let is_open = raw.starts_with(b"{") && !raw.trim_ascii_end().ends_with(b"}");
    is_open || (raw.len() >= DOCKER_SPLIT && is_full(text))
}

/// Whether a text is as long as docker's parts are, and no record. Where it cuts within a
/// character, it writes another one for each byte.
fn is_full(text: Value<'_>) -> bool {
    let mut unescaped = Vec::new();
    let text = text.text(&mut unescaped);
    let is_cut = text.len() > DOCKER_SPLIT && text.contains(char::REPLACEMENT_CHARACTER);
    (text.len() == DOCKER_SPLIT || is_cut) && !is_object(text.as_bytes())
}

fn role(key: &[u8], kind: Kind) -> Role {
    match key {
        b"data" | b"result" | b"results" | b"records" if kind == Kind::Array => Role::Rows,
        b"record" if kind == Kind::Object => Role::Loguru,
        b"Records" | b"Messages" | b"streams" | b"hits" if kind == Kind::Array => Role::List,
        b"body" | b"Body" | b"Message" => Role::Cargo,
        b"data" | b"Data" if matches!(kind, Kind::Str | Kind::StrEscaped) => Role::Packed,
        b"data" | b"detail" | b"hits" | b"Sns" | b"kinesis" | b"awslogs" | b"record" => {
            Role::Inside
        }
        b"values" if kind == Kind::Array => Role::Entries,
        b"log" | b"message" | b"event" | b"line" | b"msg" | b"result" | b"payload" => Role::Payload,
        b"MESSAGE" | b"@message" | b"textPayload" | b"jsonPayload" | b"_raw" | b"log_processed"
        | b"_source" | b"LogEntry" | b"LogMessage" => Role::OwnPayload,
        b"logEvents" | b"events" => Role::List,
        b"at"
        | b"time"
        | b"timestamp"
        | b"asctime"
        | b"datetime"
        | b"eventTime"
        | b"event_time"
        | b"logged_at"
        | b"@t"
        | b"@timestamp"
        | b"ts"
        | b"_time"
        | b"date"
        | b"__REALTIME_TIMESTAMP"
        | b"Timestamp"
        | b"TimeGenerated"
        | b"publishTime"
        | b"approximateArrivalTimestamp"
        | b"ApproximateArrivalTimestamp"
        | b"_SOURCE_REALTIME_TIMESTAMP" => Role::Time,
        b"_HOSTNAME" | b"host" | b"hostname" | b"nodeName" | b"podName" | b"PodName" => Role::Host,
        b"stream" if kind == Kind::Object => Role::Mark,
        b"stream" | b"_STREAM_ID" | b"container_id" | b"CONTAINER_ID" => Role::Stream,
        b"logtag" | b"_p" | b"partial_message" | b"CONTAINER_PARTIAL_MESSAGE" | b"_LINE_BREAK" => {
            Role::Goes
        }
        b"partial_id" | b"CONTAINER_PARTIAL_ID" => Role::PartOf,
        b"partial_last" | b"CONTAINER_PARTIAL_LAST" => Role::Last,
        b"logStreamName" | b"logGroupName" | b"logStream" | b"logGroup" | b"ingestionTime"
        | b"@logStream" | b"@log" | b"@ptr" | b"eventId" | b"messageType" | b"insertId"
        | b"logName" | b"receiveTimestamp" | b"kubernetes" | b"docker" | b"source_type"
        | b"sourcetype" | b"labels" | b"container_name" | b"containerName" | b"container_image"
        | b"preview" | b"agent" | b"ecs" | b"nextForwardToken" | b"attrs" | b"recordId"
        | b"messageId" | b"detail-type" | b"_index" | b"resultType" => Role::Mark,
        b"receiptHandle"
        | b"ReceiptHandle"
        | b"EventSubscriptionArn"
        | b"TopicArn"
        | b"eventSourceARN"
        | b"deliveryStreamArn"
        | b"kinesisSchemaVersion" => Role::Transport,
        // Lambda's Telemetry API.
        b"type" => Role::Kind,
        b"text"
        | b"id"
        | b"owner"
        | b"subscriptionFilters"
        | b"resource"
        | b"severity"
        | b"trace"
        | b"spanId"
        | b"traceSampled"
        | b"sourceLocation"
        | b"source"
        | b"index"
        | b"input"
        | b"file"
        | b"offset"
        | b"lastrow"
        | b"namespace"
        | b"tag"
        | b"nextBackwardToken"
        | b"searchedLogStreams"
        | b"@version"
        | b"container_created_at"
        | b"partial_ordinal"
        | b"@ingestionTime"
        | b"image"
        | b"tags"
        | b"operation"
        | b"httpRequest" => Role::Known,
        _ if is_journal(key) => Role::Known,
        _ => Role::Other,
    }
}

/// Whether a key is a field of the journal: capitals, perhaps underscores first.
fn is_journal(key: &[u8]) -> bool {
    key.len() > 1 && key.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

/// Whether these keys lead to a list that is but a list of rows.
pub(super) fn holds_rows(keys: &[&[u8]]) -> bool {
    match keys {
        [] => true,
        [key] => matches!(role(key, Kind::Array), Role::Rows),
        _ => false,
    }
}

/// The pod that a collector's own object names, as a text or as Elastic's fields have it.
fn pod_within(object: &[u8]) -> Option<Value<'_>> {
    let pod = member(object, &[b"pod_name", b"pod"])?;
    let name = if pod.kind == Kind::Object { name_within(pod.raw)? } else { pod };
    Some(name).filter(|name| name.is_text())
}

/// The name of a host that is an object.
fn name_within(object: &[u8]) -> Option<Value<'_>> {
    member(object, &[b"name", b"hostname"]).filter(|name| name.is_text())
}

fn member<'t>(object: &'t [u8], keys: &[&[u8]]) -> Option<Value<'t>> {
    members(object).find(|(key, _)| keys.contains(&key.raw)).map(|(_, value)| value)
}

/// Whether a key names the time of a line.
pub(super) fn is_time(key: &[u8]) -> bool {
    matches!(role(key, Kind::Str), Role::Time)
}

pub(super) fn speaks_of_money(key: &[u8]) -> bool {
    let has = |word: &[u8]| key.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    has(b"cost") || has(b"spend") || has(b"usd") || has(b"price")
}
