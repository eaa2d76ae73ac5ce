//! From a scanned line to observations: one request, its limits and its faults,
//! or a queue reading. The only place where fields become a [`Request`].

mod beside;
mod explain;
mod failure;
mod headers;
mod limits;
mod memory;
mod objects;
mod place;
mod times;
mod traffic;
mod whose;
mod written;

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::alike::Scanned;
use super::body::Body;
use super::cost::{self, Reported, reported};
use super::dedup::{same, trusted};
use super::eval::{Line, Scratch, Seen};
use super::explain::Trace;
use super::formats::{Format, Formats};
use super::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use super::map::{Cond, Counts, Field, Map, Spot};
use super::moment::Around;
use super::names::Named;
use super::status::Told;
use super::tokens::{tier, together, tokens};
use super::{DecodeOptions, Texts};
use crate::domain::{
    Batch, Claim, Cost, CostSource, Dedup, FaultReason, Keep, NameKind, Names, NanoUsd,
    Observation, Priority, QueueReading, Request, Sym, TextRef, Tokens, Wall,
};
use crate::scan::{Kind, Scan};
use crate::text;
use beside::{Beside, either, timed_beside};
use failure::Answer;
use memory::Memory;
pub(super) use place::Place;
use times::{Timed, timed};

/// Turns lines into observations; keeps what can be reused between them.
#[derive(Debug)]
pub(super) struct Recorder {
    names: Named,
    scratch: Scratch,
    /// Headers of the present response and zone of the source.
    /// Taken while a line is read.
    surroundings: Option<Box<Surroundings>>,
    collector: headers::Collector,
    /// Whether no limits are lost in what a line has as headers.
    headers_found: bool,
    /// Why something that may say a cost is not read.
    unread: Option<FaultReason>,
    reader: HeaderReader,
    report: HeaderReport,
    body: Body,
    /// Error texts of the present line.
    error_text: Vec<u8>,
    defaults: Defaults,
    max_request_usd: NanoUsd,
    texts: Texts,
    counts: Counts,
    salt: u64,
    /// Lines of an access log were met.
    has_access_lines: bool,
    /// Whose log it is was said: lines are of the format that was named.
    asked: bool,
    /// Where notes are taken, if anybody asked for them.
    pub(super) trace: Option<Box<Trace>>,
}

#[derive(Debug, Default)]
struct Surroundings {
    bag: HeaderBag,
    zone: Option<TimeZone>,
    memory: Memory,
    beside: Beside,
}

/// What holds where a line says nothing.
#[derive(Debug)]
struct Defaults {
    host: Option<Sym>,
    provider: Option<Sym>,
    environment: Option<Sym>,
    account: Option<Sym>,
}

impl Recorder {
    pub(super) fn new(names: &Names, options: DecodeOptions) -> Recorder {
        let mut named = Named::new(names, options.key_salt);
        let mut intern = |kind, name: Option<String>| named.intern(kind, &name?);
        let defaults = Defaults {
            host: intern(NameKind::Host, options.host),
            provider: intern(NameKind::Provider, options.provider),
            environment: intern(NameKind::Environment, options.environment),
            account: intern(NameKind::Account, options.account),
        };
        Recorder {
            names: named,
            scratch: Scratch::default(),
            surroundings: Some(Box::new(Surroundings {
                zone: options.timezone,
                ..Surroundings::default()
            })),
            collector: headers::Collector::default(),
            headers_found: true,
            unread: None,
            reader: HeaderReader::new(names),
            report: HeaderReport::default(),
            body: Body::default(),
            error_text: Vec::new(),
            defaults,
            max_request_usd: options.max_request_usd,
            texts: options.texts,
            counts: if options.count { Counts::Calls } else { Counts::LimitsOnly },
            salt: options.key_salt,
            has_access_lines: false,
            asked: options.format.is_some(),
            trace: None,
        }
    }

    /// Starts a response: forget the headers and the body of the one before.
    pub(super) fn begin(&mut self) {
        self.surroundings().bag.clear();
        self.body.clear();
        self.unread = None;
    }

    /// A header of the response that was begun.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) {
        self.surroundings().bag.push(name, value);
    }

    /// A body, or a line of it, of the response that was begun.
    pub(super) fn body(&mut self, formats: &Formats, text: &[u8]) {
        self.body.read(formats, text);
    }

    /// What a record, scanned for `format`, says.
    pub(super) fn line(
        &mut self,
        formats: &Formats,
        format: &Format,
        record: Scanned<'_>,
        place: Place,
        out: &mut Batch,
    ) {
        self.begin();
        self.collect(formats, format, record);
        self.finish(format, record, None, place, out);
        self.scratch.shrink();
    }

    /// What is remembered of earlier lines, as JSON; empty if nothing.
    pub(super) fn memo(&self, formats: &Formats) -> String {
        self.surroundings.as_ref().map_or_else(String::new, |kept| kept.memory.memo(formats))
    }

    /// Remembers again what [`memo`](Self::memo) gave.
    pub(super) fn recall(&mut self, formats: &Formats, memo: &str) {
        self.surroundings().memory.recall(formats, memo);
    }

    /// The name of a host as a symbol.
    pub(super) fn host(&mut self, name: &str) -> Option<Sym> {
        self.names.intern(NameKind::Host, name)
    }

    /// The zone of the source's clocks, where it is known.
    pub(super) fn zone(&self) -> Option<&TimeZone> {
        self.surroundings.as_ref()?.zone.as_ref()
    }

    /// Puts the members of a wrapper beside what is read, in place of others.
    pub(super) fn beside(&mut self, formats: &Arc<Formats>, text: Vec<u8>) -> Vec<u8> {
        self.surroundings().beside.swap(formats, text)
    }

    fn surroundings(&mut self) -> &mut Surroundings {
        self.surroundings.get_or_insert_default()
    }

    /// Whether a line of no format says, in the words of `format`, what it cost.
    pub(super) fn states_cost(&mut self, format: &Format, scan: Scan<'_>) -> bool {
        let scans = &[scan];
        let line = Line {
            scans,
            headers: &self.surroundings().bag,
            sticky: &[],
            around: Around { zone: None, received: Wall(0) },
            present: &format.presence.of(scans),
            beside: None,
        };
        cost::states_one(line, line.alts(&format.map, Field::CostUsd))
    }

    /// What a line says, together with the response that was begun; `status` is
    /// its status where no field holds it.
    pub(super) fn finish(
        &mut self,
        format: &Format,
        Scanned { scans, traits }: Scanned<'_>,
        status: Option<u16>,
        place: Place,
        out: &mut Batch,
    ) {
        let map = &format.map;
        let mut kept = self.surroundings.take().unwrap_or_default();
        let Surroundings { bag, zone, memory, beside } = &mut *kept;
        let (headers, zone) = (&*bag, zone.as_ref().or(map.timezone.as_ref()));
        let around = Around { zone, received: place.at.received };
        let beside = beside.read();
        let beside = beside.as_ref().map(|read| read.told(around));
        let beside = beside.as_ref();
        let own;
        let present = if let Some(traits) = traits {
            &traits.present
        } else {
            own = format.presence.of(scans);
            &own
        };
        if !map.sticky.is_empty() {
            let sticky = memory.of(format.number);
            let line = Line { scans, headers, sticky, around, present, beside };
            let news = memory::news(map, line, &mut self.scratch);
            memory.remember(format.number, map.sticky.len(), news);
        }
        let sticky = memory.of(format.number);
        let line = Line { scans, headers, sticky, around, present, beside };
        let place = timed_beside(line, place);
        if self.trace.is_some() {
            self.note_record(format, line);
        }
        // Money first: whatever else a line is, what it says was spent counts.
        let is = |any: &[Cond<Spot>]| {
            any.iter().any(|when| line.holds(when))
                && !cost::states_one(line, line.alts(map, Field::CostUsd))
        };
        let unwanted = !map.keep.is_empty()
            && !map.keep.iter().any(|when| line.holds(when))
            && !cost::states_one(line, line.alts(map, Field::CostUsd));
        if unwanted || is(&map.ignore) {
            place.push(out, Observation::Ignored { reason: "other_record" });
        } else if is(&map.queue) {
            self.queue(map, line, place, out);
        } else {
            self.response(map, line, status, place, out);
        }
        self.surroundings = Some(kept);
    }

    /// Headers and body that stand in the line.
    fn collect(&mut self, formats: &Formats, format: &Format, record: Scanned<'_>) {
        let map = &format.map;
        let (reader, scratch) = (&mut self.reader, &mut self.scratch);
        let bag = &mut self.surroundings.get_or_insert_default().bag;
        self.headers_found = self.collector.collect(format, record, reader, bag, scratch);
        let get = |at: &Spot| record.scans.get(usize::from(at.part))?.get(at.slot);
        let whole = map.body.iter().chain(&map.usage).chain(&map.headers.from);
        let mut kinds = whole.filter_map(|at| get(at).map(|value| value.kind));
        self.unread = kinds.find_map(|kind| match kind {
            Kind::Cut => Some(FaultReason::LineTooLong),
            Kind::Missed => Some(FaultReason::BrokenJson),
            _ => None,
        });
        if record.scans.iter().any(|scan| scan.is_lossy()) {
            self.unread = Some(FaultReason::LineTooLong);
        }
        self.body.usage(formats, map.usage.iter().filter_map(get));
        if let Some(value) = map.body.iter().find_map(get) {
            match value.kind {
                Kind::Str | Kind::StrEscaped => {
                    let text = value.text(self.scratch.escapes());
                    self.body.read(formats, text.as_bytes());
                }
                Kind::Object | Kind::Array => self.body.read(formats, value.raw),
                _ => {}
            }
        }
    }

    fn response(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        status: Option<u16>,
        place: Place,
        out: &mut Batch,
    ) {
        let cost = self.cost(map, line);
        let counted = self.counts == Counts::Calls && map.counts == Counts::Calls;
        if let (Reported::Bad(reason), true) = (cost, counted) {
            return place.quarantine(out, reason);
        }
        let Timed { mut request, time: time_fault, odd_span, false_ttft } = timed(map, line, place);
        request.tokens = together(tokens(line, map), self.body.spent.tokens);
        let paid = matches!(cost, Reported::Usd(usd) if usd > NanoUsd::ZERO);
        let used = paid || request.tokens.output > Some(0);
        let told = status.map_or_else(|| self.status(map, line, used), Told::Code);
        let told = if told == Told::Nothing { self.status_beside(line) } else { told };
        let status = if let Told::Code(code) = told { Some(code) } else { None };
        request.status = status;
        // What failed and used nothing may be about a model that nobody has.
        if !used && self.says_it_failed(map, line, status) {
            self.names.claim = Claim::Doubtful;
        }
        let word = |w: &str| Some(tier(w));
        let tier = line.text(line.alts(map, Field::ServiceTier), &mut self.scratch, word);
        request.tier = tier.or(self.body.spent.tier).unwrap_or_default();
        self.identify(map, line, &mut request);
        describe(map, line, &mut request);
        self.fill(line, place, &mut request);
        self.names.claim = Claim::Proven;
        self.defaults.fill(place, &mut request);
        request.cost = match cost {
            Reported::Usd(usd) | Reported::Ambiguous(usd) => {
                Some(Cost { usd, source: CostSource::Reported })
            }
            Reported::Nothing | Reported::Bad(_) => None,
        };
        self.read_headers(map, line, &mut request);
        self.read_limits(map, line, &request);
        // Programs have a status of their own, whose 0 is that all went well.
        let answered = request.tokens != Tokens::default() || !self.report.limits.is_empty();
        let answer = match told {
            Told::NoResponse if !answered => Answer::None,
            Told::Strange if !used => Answer::Unclear,
            _ => Answer::Perhaps,
        };
        request.failure = self.failure(map, line, status, answer);
        self.tell(map, line, &mut request, place, out);
        if self.trace.is_some() {
            self.note_call(map, &request, place);
        }

        if let Some(reason) = self.unread() {
            place.fault(out, reason);
        }
        if matches!(cost, Reported::Ambiguous(_)) {
            place.fault(out, FaultReason::CostAmbiguous);
        }
        if told == Told::Strange {
            place.fault(out, FaultReason::StatusUnreadable);
        }
        if request.tokens.unreadable {
            place.fault(out, FaultReason::TokensUnreadable);
        }
        if time_fault == Seen::Unreadable {
            place.fault(out, FaultReason::TimeUnreadable);
        }
        if odd_span {
            place.fault(out, FaultReason::DurationUnreadable);
        }
        if false_ttft {
            place.fault(out, FaultReason::TtftNotMeasured);
        }
        let note = self.trace.as_mut().and_then(|trace| trace.last());
        let noted = note.as_ref().is_some_and(|note| note.key_in_log);
        if std::mem::take(&mut self.names.masked_key) || noted {
            place.fault(out, FaultReason::KeyInLog);
            if let Some(note) = note {
                note.key_in_log = true;
            }
        }
        self.push_header_faults(line, place, out);
    }

    /// What a line or the body in it says it cost. Where a part of it was too long to be
    /// kept, nobody knows that it says nothing.
    fn cost(&mut self, map: &Map<Spot>, line: Line<'_>) -> Reported {
        let alts = line.alts(map, Field::CostUsd);
        let said = match reported(line, alts, self.max_request_usd) {
            // An answer out of a cache tells what it cost when it was made.
            Reported::Nothing if line.flag(line.alts(map, Field::CacheHit)) != Some(true) => {
                self.body.spent.cost.up_to(self.max_request_usd)
            }
            // What is no money, or another, is no cost that could be added up.
            Reported::Usd(_) | Reported::Ambiguous(_) if self.is_no_dollar(map, line) => {
                return Reported::Bad(FaultReason::CostUnreadable);
            }
            said => return said,
        };
        self.unread().map_or(said, |reason| said.or_larger(Reported::Bad(reason)))
    }

    /// Whether a line says that its cost is counted in something else than dollars.
    fn is_no_dollar(&mut self, map: &Map<Spot>, line: Line<'_>) -> bool {
        let unit = |unit: &str| Some(!cost::is_dollar(unit));
        line.text(line.alts(map, Field::CostUnit), &mut self.scratch, unit) == Some(true)
    }

    /// Why something that may say a cost is not read.
    fn unread(&self) -> Option<FaultReason> {
        self.unread.or(self.body.is_cut.then_some(FaultReason::LineTooLong))
    }

    /// Paths are many where anything is asked for, so only those of calls get a name.
    fn endpoint(&mut self, map: &Map<Spot>, line: Line<'_>, request: &mut Request) {
        let alts = line.alts(map, Field::Endpoint);
        request.endpoint = self.names.of(&line, alts, NameKind::Endpoint, &mut self.scratch);
    }

    fn read_headers(&mut self, map: &Map<Spot>, line: Line<'_>, request: &mut Request) {
        let provider = request.provider.or(self.defaults.provider);
        let failed = request.status.is_some_and(|status| status >= 400);
        self.gather_error_text(map, line, request.status);
        if line.headers.is_empty() && self.error_text.is_empty() && !failed {
            let mut limits = std::mem::take(&mut self.report.limits);
            limits.clear();
            self.report = HeaderReport::default();
            self.report.limits = limits;
            request.provider = provider;
            return;
        }
        let deployment = line.alts(map, Field::Deployment);
        let deployment = self.names.of(&line, deployment, NameKind::Label, &mut self.scratch);
        let context = HeaderContext {
            at: request.at,
            began: request.began(),
            status: request.status,
            provider: provider.map(|sym| self.names.text(sym)),
            url: None,
            model: request.model,
            deployment,
            body: Some(self.error_text.as_slice()).filter(|error| !error.is_empty()),
        };
        self.reader.read(line.headers, &context, &mut self.report);
        if let Some(note) = self.trace.as_mut().and_then(|trace| trace.last()) {
            note.headers = self.reader.explain(line.headers, &context);
        }
        self.whose(line.headers, provider, request);
    }

    fn push_header_faults(&self, line: Line<'_>, place: Place, out: &mut Batch) {
        if !self.headers_found {
            let what = out.keep_text(b"headers");
            place.push(out, Observation::Fault { reason: FaultReason::HeaderUnreadable, what });
        }
        for name in self.report.faults(line.headers) {
            let name = String::from_utf8_lossy(name);
            let what = out.keep_text(text::name(&text::mask(&name)).as_bytes());
            place.push(out, Observation::Fault { reason: FaultReason::HeaderUnreadable, what });
        }
    }

    /// The request, or what there is instead, and its limits.
    fn push(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        request: &mut Request,
        place: Place,
        out: &mut Batch,
    ) {
        let is_call = request.status.is_some()
            || request.cost.is_some()
            || request.failure.kind.is_some()
            || request.model.is_some()
            || request.tokens != Tokens::default()
            || request.timing.latency_ms.is_some();
        let counted = self.counts == Counts::Calls && map.counts == Counts::Calls;
        if self.report.limits.is_empty() && !(is_call && counted) {
            let reason = if is_call { "not_counted" } else { "no_call" };
            return place.push(out, Observation::Ignored { reason });
        }
        if is_call && counted {
            let [request_id, finish_reason, dedup_key] = self.texts(map, line, request, out);
            out.push_with(place.at.number, || Observation::Request {
                request: *request,
                request_id,
                dedup_key,
                finish_reason,
            });
            self.push_each_limit(map, place, out);
        } else {
            self.push_limits(map, request, place, out);
        }
    }

    /// Request id, finish reason and dedup key, as far as they are kept; the
    /// last also becomes the request's fingerprint.
    fn texts(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        request: &mut Request,
        out: &mut Batch,
    ) -> [TextRef; 3] {
        let (scratch, salt, keep) = (&mut self.scratch, self.salt, self.texts);
        let mut kept = |text: &str| match keep {
            Texts::Keep => out.keep_text(text::name(&text::mask(text)).as_bytes()),
            Texts::Skip => TextRef::default(),
        };
        let mut dedup_key = TextRef::default();
        let identity = &map.identity;
        let by = |key: &str| same(key, identity, request, salt);
        let own = line.text(line.alts(map, Field::RecordKey), scratch, by);
        let said = (map, line);
        // Where its text is not kept it matters only to a record without a key of its own.
        let asked = own.is_none() || keep == Texts::Keep;
        let told = asked.then_some(said).and_then(|said| {
            either(said, |map, line| {
                line.text(line.alts(map, Field::DedupKey), scratch, |key| {
                    dedup_key = kept(key);
                    own.or_else(|| by(key))
                })
            })
        });
        let parts = line.text(line.alts(map, Field::CallKey), scratch, |key| {
            Some(Dedup { fingerprint: trusted(key, &identity.space, salt), keep: Keep::Join })
        });
        request.dedup = parts.or(own).or(told);
        if keep == Texts::Skip {
            return [TextRef::default(); 3];
        }
        let request_id = either(said, |map, line| {
            line.text(line.alts(map, Field::RequestId), scratch, |id| Some(kept(id)))
        });
        let request_id = request_id.unwrap_or_default();
        // Its place may hold an answer's text instead, which is never kept.
        let reasons = line.alts(map, Field::FinishReason);
        let finish_reason =
            line.text(reasons, scratch, |reason| is_word(reason).then(|| kept(reason)));
        let in_body = Some(self.body.finish_reason.as_str()).filter(|reason| is_word(reason));
        let finish_reason = finish_reason.or_else(|| in_body.map(kept)).unwrap_or_default();
        [request_id, finish_reason, dedup_key]
    }

    fn queue(&mut self, map: &Map<Spot>, line: Line<'_>, place: Place, out: &mut Batch) {
        let Timed { request, time: time_fault, .. } = timed(map, line, place);
        let count = |field| line.count(line.alts(map, field)).ok();
        let mut name =
            |field, kind| self.names.of(&line, line.alts(map, field), kind, &mut self.scratch);
        let host = name(Field::Host, NameKind::Host);
        let lane = name(Field::Priority, NameKind::Label);
        let reading = QueueReading {
            at: request.at,
            name: name(Field::Queue, NameKind::Label),
            host: host.or(place.host).or(self.defaults.host),
            priority: line.text(line.alts(map, Field::Priority), &mut self.scratch, priority),
            lane,
            depth: count(Field::QueueDepth),
            running: None,
            oldest_age_s: line.span(line.alts(map, Field::OldestAgeS)).ok(),
            enqueued_total: count(Field::EnqueuedTotal),
            dequeued_total: count(Field::DequeuedTotal),
            dropped_total: count(Field::DroppedTotal),
        };
        place.push(out, Observation::Queue(reading));
        if time_fault == Seen::Unreadable {
            place.fault(out, FaultReason::TimeUnreadable);
        }
    }
}

fn describe(map: &Map<Spot>, line: Line<'_>, request: &mut Request) {
    let count = |field| line.count(line.alts(map, field)).ok();
    request.queue_depth = count(Field::QueueDepth);
    let attempt = count(Field::Attempt).and_then(|attempt| u32::try_from(attempt).ok());
    request.attempt = attempt.filter(|attempt| *attempt > 0);
    request.cache_hit = line.flag(line.alts(map, Field::CacheHit));
}

/// Whether a text is a word of a protocol, as `tool_calls` is.
fn is_word(text: &str) -> bool {
    (1..=48).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
}

/// The class a word or a number stands for.
pub(super) fn priority(word: &str) -> Option<Priority> {
    let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is(&["critical", "urgent", "p0"]) {
        Some(Priority::Critical)
    } else if is(&["high", "p1"]) {
        Some(Priority::High)
    } else if is(&["normal", "medium", "default", "standard", "p2"]) {
        Some(Priority::Normal)
    } else if is(&["low", "background", "bulk", "batch", "p3"]) {
        Some(Priority::Low)
    } else {
        None
    }
}
