//! From a line of bytes to JSON records: takes off what others wrapped around a
//! line, puts together what was split, and makes objects of text. What a record
//! means is the decoder's business.
//!
//! A line may be wrapped any number of times; each layer is opened by the same
//! rules. Where an object may be an envelope or a record of its own, the record
//! comes first, so that no wrapper hides what a line says it cost.

mod beside;
mod document;
mod envelope;
mod held;
mod lineage;
pub(in crate::decode) mod literal;
mod nested;
mod object;
mod otlp;
pub(super) mod packed;
mod pairs;
mod partial;
mod points;
mod prefix;
mod shed;
mod text;
mod unwrap;
mod words;

use super::decoder::{Decoder, speaks_of_cost};
use super::metrics::Growth;
use super::record::Place;
use crate::domain::{Batch, Dedup, Item, Keep, Observation, Sym, Wall};
use crate::scan::{self, Shape};
use document::{Document, Records, Step};
use envelope::{Envelope, Trust};
use held::Held;
use lineage::{Kin, Lineage, Relation};
use otlp::{About, Signal};
use partial::Partials;
pub(super) use points::Point;
use text::Texts;

/// Wrappers around one line that are opened.
const MAX_DEPTH: u8 = 8;

/// How the lines of one source are framed, as far as they have shown.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// One bit for each depth at which the object before was an envelope.
    enveloped: u16,
    document: Document,
    partials: Partials,
    texts: Texts,
    /// Whether an object was a record as it stood.
    bare: bool,
    /// Whether its records are the elements of one list over many lines.
    listed: bool,
    /// A long line that its parts do not explain.
    pub(super) held: Held,
    /// Buffers for what is within a string.
    spare: Vec<Vec<u8>>,
    lineage: Lineage,
    /// What points of metrics count, as far as it was read.
    growth: Growth,
    /// The host a wrapper named last.
    host: Option<(Box<[u8]>, Option<Sym>)>,
}

/// What is to be read, and where it stands.
#[derive(Clone, Copy)]
struct Layer<'t> {
    text: &'t [u8],
    place: Place,
    /// How many wrappers are around it.
    depth: u8,
    mode: Mode,
}

/// What becomes of a layer that nobody understands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It is accounted for.
    Sure,
    /// Nothing: it was only a guess that there is something.
    Perhaps,
}

/// Whether a layer was accounted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

impl<'t> Layer<'t> {
    fn inner(self, text: &'t [u8]) -> Layer<'t> {
        Layer { text, depth: self.depth + 1, ..self }
    }
}

impl Frame {
    /// Whether the next line may be a record as it stands.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.enveloped & 1 == 0 && !self.document.is_open()
    }

    /// An object was a record as it stood.
    #[inline]
    pub(super) fn was_plain(&mut self) {
        self.bare = true;
    }

    /// The format of the text read last.
    pub(super) fn text_format(&self) -> Option<usize> {
        self.texts.format()
    }

    /// Byte offset of the first line that is kept and not yet accounted for.
    pub(super) fn open_since(&self) -> Option<u64> {
        self.document.since().into_iter().chain(self.partials.since()).min()
    }

    /// Whether a record over many lines was met.
    pub(super) fn has_documents(&self) -> bool {
        self.document.seen()
    }

    /// One was met before.
    pub(super) fn recall_documents(&mut self) {
        self.document.recall();
    }

    /// Reads a line of the source.
    pub(super) fn line(&mut self, d: &mut Decoder, line: &[u8], place: Place, out: &mut Batch) {
        self.open(d, Layer { text: line, place, depth: 0, mode: Mode::Sure }, out);
    }

    /// Ends the source: what is unfinished stays so.
    pub(super) fn finish(&mut self, d: &mut Decoder, out: &mut Batch) {
        while let Some((text, place)) = self.partials.flush(out) {
            self.open(d, Layer { text: &text, place, depth: 1, mode: Mode::Sure }, out);
            self.partials.give_back(text);
        }
        self.document.abandon(out);
    }

    fn open(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> Taken {
        if let Some(trace) = d.trace() {
            trace.text(layer.text);
        }
        if layer.mode == Mode::Sure {
            if self.document.is_open_at(layer.depth) && self.goes_on(d, layer, out) {
                return Taken::Yes;
            }
            if d.dump_line(layer.text, layer.place, out) {
                return Taken::Yes;
            }
        }
        let layer = self.element(layer);
        match layer.text.trim_ascii_start().first() {
            None => Self::blank(layer, out),
            Some(b'[' | b']') if self.is_list_bracket(d, layer) => {
                layer.place.push(out, Observation::Ignored { reason: "list" });
                Taken::Yes
            }
            // Times, names and levels stand in brackets as well.
            Some(b'[') if !prefix::begins_list(layer.text) => self.text(d, layer, out),
            // A byte order mark, or a hole in the file, may stand before an object.
            Some(b'[' | b'{' | 0 | 0xef) => self.json(d, layer, out),
            Some(_) => self.text(d, layer, out),
        }
    }

    /// An element of a list without the comma behind it.
    fn element<'t>(&self, layer: Layer<'t>) -> Layer<'t> {
        match layer.text.trim_ascii_end().strip_suffix(b",") {
            Some(text) if self.listed && text.ends_with(b"}") => Layer { text, ..layer },
            _ => layer,
        }
    }

    /// Whether a line but opens or closes a list of records.
    fn is_list_bracket(&mut self, d: &Decoder, layer: Layer<'_>) -> bool {
        match layer.text.trim_ascii() {
            b"[" => self.listed |= !d.reads_json(),
            b"]" => {}
            _ => return false,
        }
        self.listed
    }

    fn blank(layer: Layer<'_>, out: &mut Batch) -> Taken {
        if layer.depth > 0 {
            layer.place.push(out, Observation::Ignored { reason: "blank" });
        }
        Taken::Yes
    }

    fn json(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> Taken {
        let Layer { text, place, depth, mode } = layer;
        let bit = 1 << depth;
        if self.enveloped & bit == 0 && d.known(text, place, out) {
            return Taken::Yes;
        }
        if let Some(signal) = Signal::of(text) {
            self.enveloped |= bit;
            note(d, depth, "otlp", b"");
            return self.otlp(d, signal, layer, out);
        }
        let envelope = if depth < MAX_DEPTH { Envelope::read(text) } else { None };
        if let Some(sure) = envelope.filter(|envelope| envelope.trust == Trust::Sure) {
            self.enveloped |= bit;
            return self.carried(d, sure, layer, out);
        }
        self.enveloped &= !bit;
        let Some(shape) = d.record(text, place, out) else {
            self.bare |= depth == 0;
            return Taken::Yes;
        };
        match shape {
            Shape::NotJson => return self.text(d, layer, out),
            Shape::Object => {
                let likely = envelope.filter(|envelope| envelope.trust == Trust::Perhaps);
                let guess = Layer { mode: Mode::Perhaps, ..layer };
                let carrier = likely.map_or(&b""[..], |envelope| envelope.carrier);
                if likely.is_some_and(|e| self.carried(d, e, guess, out) == Taken::Yes)
                    || self.nested(d, layer, carrier, out) == Taken::Yes
                {
                    return Taken::Yes;
                }
            }
            Shape::Broken if depth > 0 && memchr::memchr(b'\n', text.trim_ascii()).is_some() => {
                return self.lines(d, layer, out);
            }
            Shape::Broken if mode == Mode::Sure => {
                let records = if d.reads_json() { Records::Lines } else { Records::Unknown };
                if self.document.start(text, place, depth, records) {
                    return Taken::Yes;
                }
            }
            Shape::Array if mode == Mode::Sure => {
                return self.each(d, layer, out, Frame::open);
            }
            Shape::Broken | Shape::Array | Shape::Blank => {}
        }
        self.unclaimed(d, layer, shape, out)
    }

    /// Records of telemetry, each with a format of its own.
    fn otlp(
        &mut self,
        d: &mut Decoder,
        signal: Signal,
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        let mut buffer = self.spare.pop().unwrap_or_default();
        let mut any = false;
        let mut growth = std::mem::take(&mut self.growth);
        otlp::flatten(signal, layer.text, &mut growth, &mut buffer, &mut |json, about| {
            any = true;
            match about {
                About::Trace(kin) => {
                    let before = out.items.len();
                    let known = d.record_of(signal.input(), json, layer.place, out);
                    let logged = !known
                        && signal == Signal::Logs
                        && self.logged(d, json, layer, out) == Taken::Yes;
                    if !known && !logged {
                        d.untold(json, layer.place, out);
                    }
                    let kin = if logged { kin.saying(json) } else { kin };
                    self.relate(kin, out.items.get_mut(before..).unwrap_or_default());
                }
                About::Point(point) => d.point(json, &point, layer.place, out),
            }
        });
        self.growth = growth;
        if signal == Signal::Metrics {
            d.end_of_points(out);
        }
        self.keep(buffer);
        if !any {
            let shape = d.shape(layer.text);
            return self.unclaimed(d, layer, shape, out);
        }
        Taken::Yes
    }

    /// Reads a log record of no format as the line of the program that has written it.
    fn logged(&mut self, d: &mut Decoder, json: &[u8], layer: Layer<'_>, out: &mut Batch) -> Taken {
        if layer.depth >= MAX_DEPTH {
            return Taken::No;
        }
        let mut line = self.buffer();
        otlp::as_line(json, &mut line);
        let place = self.around(d, layer.place, None, otlp::host(json));
        let guess = Layer { place, mode: Mode::Perhaps, ..layer };
        let taken = self.json(d, guess.inner(&line), out);
        self.keep(line);
        taken
    }

    /// Makes a call that was told before, from another place in its trace, known
    /// as that one.
    fn relate(&mut self, kin: Kin, said: &mut [Item]) {
        let mut is_call = false;
        for Item { seen, .. } in said {
            let Observation::Request { request, .. } = seen else { continue };
            is_call = true;
            request.dedup = request.dedup.or(kin.dedup(request.at));
            let Some(call) = request.dedup else { continue };
            match self.lineage.admit(kin, call) {
                Relation::None => {}
                // That it is the same one is known, whatever names it bears here.
                Relation::Same(call) if call.keep.is_first() => {
                    request.dedup = Some(Dedup { keep: Keep::First, ..call });
                }
                Relation::Same(call) => request.dedup = Some(call),
                Relation::Sum => *seen = Observation::Ignored { reason: "sum_of_calls" },
            }
        }
        if !is_call {
            self.lineage.pass(kin);
        }
    }

    /// Keeps a buffer for another line, unless it has grown for a rare one.
    fn keep(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() <= scan::SPARE {
            self.spare.push(buffer);
        }
    }

    fn text(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> Taken {
        if layer.depth > 0 && memchr::memchr(b'\n', layer.text).is_some() {
            return self.lines(d, layer, out);
        }
        if self.is_text(d, layer, out) {
            return Taken::Yes;
        }
        let found = self.behind(d, layer, ("pod", prefix::behind_pod), out) == Taken::Yes
            || self.behind_words(d, layer, out) == Taken::Yes
            || self.behind(d, layer, ("time", prefix::behind_time), out) == Taken::Yes;
        if found {
            return Taken::Yes;
        }
        self.unclaimed(d, layer, Shape::NotJson, out)
    }

    /// Reads a record behind what may stand in front of one. Where records stand by
    /// themselves, one with something before it is damaged.
    fn behind(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        (what, take_off): (&'static str, prefix::TakeOff),
        out: &mut Batch,
    ) -> Taken {
        if layer.depth >= MAX_DEPTH || (layer.depth == 0 && self.bare) {
            return Taken::No;
        }
        let Some(peeled) = take_off(layer.text) else { return Taken::No };
        let at = peeled.at.and_then(|at| d.seen_time(at, layer.place.at.received));
        let place = self.around(d, layer.place, at, peeled.host);
        let guess = Layer { place, mode: Mode::Perhaps, ..layer };
        note(d, layer.depth, what, in_front_of(layer.text, peeled.text));
        self.open(d, guess.inner(peeled.text), out)
    }

    /// Whether a text is of a known format, or wrapped in a known way.
    fn is_text(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> bool {
        let Layer { text, place, depth, .. } = layer;
        let formats = d.formats();
        if depth < MAX_DEPTH && self.peel(d, layer, out) == Taken::Yes {
            return true;
        }
        let last = self.texts.format().filter(|last| d.may_be(*last));
        if let Some(last) = last
            && let Some(json) = self.texts.again(formats.patterns(last), text)
            && let Some(format) = formats.get(last)
        {
            d.record_as(format, json, place, out);
            return true;
        }
        for position in (0..formats.len()).filter(|position| d.may_be(*position)) {
            if let Some(json) = self.texts.fit(position, formats.patterns(position), text)
                && let Some(format) = formats.get(position)
            {
                d.record_as(format, json, place, out);
                return true;
            }
        }
        self.texts.pairs(text).is_some_and(|json| d.record_of_pairs(json, place, out))
    }

    /// Takes off a prefix that can be nothing else.
    fn peel(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> Taken {
        let Layer { text, place, .. } = layer;
        if memchr::memchr(0x1b, text).is_some() {
            let mut buffer = self.spare.pop().unwrap_or_default();
            buffer.clear();
            prefix::without_colours(text, &mut buffer);
            let guess = Layer { mode: Mode::Perhaps, ..layer };
            note(d, layer.depth, "colours", b"");
            let taken = self.open(d, guess.inner(&buffer), out);
            self.keep(buffer);
            return taken;
        }
        if let Some(string) = scan::string(text) {
            let mut buffer = self.buffer();
            let inner = string.text(&mut buffer).as_bytes().trim_ascii();
            note(d, layer.depth, "string", b"");
            // Any word may stand in quotes.
            let is_json = inner.starts_with(b"{") || inner.starts_with(b"[");
            let mode = if is_json { layer.mode } else { Mode::Perhaps };
            let taken = self.open(d, Layer { mode, ..layer.inner(inner) }, out);
            self.keep(buffer);
            return taken;
        }
        let Some(peeled) = prefix::peel(text) else { return Taken::No };
        let at = peeled.at.and_then(|at| d.seen_time(at, place.at.received));
        let place = self.around(d, place, at, peeled.host);
        note(d, layer.depth, "prefix", in_front_of(text, peeled.text));
        self.piece(d, Layer { place, ..layer }.inner(peeled.text), peeled.part, out)
    }

    /// Follows an open document; whether the line was a part of it.
    fn goes_on(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> bool {
        let used = match self.document.line(layer.text, layer.place) {
            Step::Kept => return true,
            Step::Full => {
                self.shed(d, layer, out);
                return self.goes_on(d, layer, out);
            }
            Step::Foreign => {
                self.document.abandon(out);
                return false;
            }
            Step::Whole { used } => used,
        };
        if let Some((text, place)) = self.document.take(out) {
            self.json(d, Layer { text: &text, place, ..layer }, out);
            self.document.give_back(text);
        }
        let rest = layer.text.get(used..).unwrap_or_default().trim_ascii();
        let rest = rest.strip_prefix(b",").unwrap_or(rest);
        if !rest.is_empty() {
            self.open(d, Layer { text: rest, ..layer }, out);
        }
        true
    }

    /// Reads what is whole of a document that is too long to be held.
    fn shed(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) {
        let formats = d.formats();
        let is_list = |keys: &[&[u8]]| envelope::holds_rows(keys) || formats.explodes(keys);
        let shed = self.document.shed(&is_list, &mut |frame| d.says_nothing_itself(frame));
        let Some((text, place)) = shed else { return };
        if let Some(trace) = d.trace() {
            trace.text(&text);
        }
        let document = std::mem::take(&mut self.document);
        self.json(d, Layer { text: &text, place, ..layer }, out);
        self.document = document;
    }

    /// A place with what a wrapper says of it. The innermost wrapper is nearest
    /// to who wrote the line.
    fn around(
        &mut self,
        d: &mut Decoder,
        place: Place,
        at: Option<Wall>,
        host: Option<&[u8]>,
    ) -> Place {
        let host = match host {
            Some(name) => match &self.host {
                Some((known, sym)) if **known == *name => *sym,
                _ => {
                    let sym = d.host(name);
                    self.host = Some((name.into(), sym));
                    sym
                }
            },
            None => None,
        };
        Place { logged: at.or(place.logged), host: host.or(place.host), ..place }
    }

    /// Accounts for what nobody understands.
    fn unclaimed(&self, d: &mut Decoder, layer: Layer<'_>, shape: Shape, out: &mut Batch) -> Taken {
        let Layer { text, place, depth, mode } = layer;
        if mode == Mode::Perhaps {
            if let Some(trace) = d.trace() {
                trace.leave(depth.saturating_sub(1));
            }
            return Taken::No;
        }
        if let Some(trace) = d.trace() {
            trace.unclaimed(text);
        }
        // Who wraps lines wraps all lines of a program, and people read most of them.
        let for_people =
            shape == Shape::NotJson && (depth > 0 || d.mixes_text(self.texts.format()));
        if for_people && !speaks_of_cost(text) {
            place.push(out, Observation::Ignored { reason: "other_text" });
        } else {
            d.unmatched(text, shape, place, out);
        }
        Taken::Yes
    }
}

/// Notes, for who asked, what is taken off at a depth.
fn note(d: &mut Decoder, depth: u8, kind: &'static str, what: &[u8]) {
    if let Some(trace) = d.trace() {
        trace.wrapper(depth, kind, what);
    }
}

/// What stood in front of the end of a text.
fn in_front_of<'t>(whole: &'t [u8], rest: &[u8]) -> &'t [u8] {
    whole.get(..whole.len().saturating_sub(rest.len())).unwrap_or_default()
}
