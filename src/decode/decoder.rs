//! Which format a line is of, and what becomes of lines that are of none.

mod long;
mod pages;
mod signs;
mod untold;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::DecodeOptions;
use super::alike::{Alike, Scanned, Traits};
use super::dump::{Dump, Step};
use super::expand::expand;
use super::explain::{Explained, Trace};
use super::formats::{Format, FormatError, FormatId, Formats};
use super::frame::Frame;
use super::map::{Company, Input};
use super::moment::{Around, seen};
use super::record::{Place, Recorder};
use crate::domain::{Batch, FaultReason, LineAt, Names, Observation, Sym, Wall};
use crate::scan::{Found, Paths, Scan, Shape, scan_line};
use long::Long;
use pages::Pages;
pub(super) use signs::speaks_of_cost;
use signs::{is_empty_object, is_utf16};

/// Decodes the lines of one source. Reuses its buffers, so nothing is allocated
/// per line once it is warm.
#[derive(Debug)]
pub struct Decoder {
    formats: Arc<Formats>,
    /// The format asked for.
    forced: Option<usize>,
    /// The format of the line before.
    last: Option<usize>,
    found: Found,
    /// Room for scans of records that need several.
    room: Vec<Found>,
    recorder: Recorder,
    alike: Alike,
    frame: Frame,
    dump: Dump,
    pages: Pages,
    long: Long,
    wrong_encoding: bool,
    /// The format of the record that a line of pairs was.
    pairs: Option<usize>,
}

/// Says, in a memo, that records over many lines were met.
const DOCUMENTS: &str = "#documents";

impl Decoder {
    /// A decoder for one source; fails only if its format has no such name.
    pub fn new(
        formats: Arc<Formats>,
        names: &Names,
        options: DecodeOptions,
    ) -> Result<Decoder, FormatError> {
        let format = options.format.as_deref().map(|name| formats.id(name)).transpose()?;
        Ok(Decoder::of(formats, format, names, options))
    }

    /// A decoder for one source whose format, if any, is known to exist.
    #[must_use]
    pub fn of(
        formats: Arc<Formats>,
        format: Option<FormatId>,
        names: &Names,
        options: DecodeOptions,
    ) -> Decoder {
        let forced = format.map(|FormatId(position)| position);
        Decoder {
            formats,
            forced,
            last: forced,
            found: Found::default(),
            pages: Pages::of(names, &options),
            room: Vec::new(),
            recorder: Recorder::new(names, options),
            alike: Alike::default(),
            frame: Frame::default(),
            dump: Dump::default(),
            long: Long::default(),
            wrong_encoding: false,
            pairs: None,
        }
    }

    /// Name of the format asked for, or else of the line decoded last.
    #[must_use]
    pub fn format(&self) -> Option<&str> {
        let last = self.last.or_else(|| self.frame.text_format()).or(self.pairs);
        last.and_then(|last| self.formats.get(last)).map(|format| &*format.map.id)
    }

    /// Byte offset of the first line of a record that is not complete. Whoever
    /// reads the source anew starts there, so that the record is not lost.
    #[must_use]
    pub fn open_since(&self) -> Option<u64> {
        self.frame.open_since().into_iter().chain(self.dump.since()).min()
    }

    /// Decodes a line (without its newline). Blank lines say nothing.
    pub fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        self.line_at(line, Place::new(at, line.len()), out);
    }

    fn line_at(&mut self, line: &[u8], place: Place, out: &mut Batch) {
        if let Some(trace) = self.trace() {
            trace.line(line);
        }
        if self.wrong_encoding(line, place, out) || self.metrics_line(line, place, out) {
            return;
        }
        if self.frame.is_plain() && self.known(line, place, out) {
            return self.frame.was_plain();
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.line(self, line, place, out);
        self.frame = frame;
    }

    /// Notes from now on how each line is read.
    pub fn explain(&mut self) {
        self.recorder.trace = Some(Box::new(Trace::new(Arc::clone(&self.formats))));
    }

    /// How what came since the last call was read; nothing unless
    /// [`explain`](Self::explain) asked for it.
    pub fn explained(&mut self) -> Explained {
        self.trace().map(Trace::take).unwrap_or_default()
    }

    /// Where notes are taken, if anybody asked for them.
    pub(super) fn trace(&mut self) -> Option<&mut Trace> {
        self.recorder.trace.as_deref_mut()
    }

    /// What is to be kept beside the place in a file, so that a decoder that
    /// goes on from there understands what follows; empty if nothing is.
    #[must_use]
    pub fn memo(&self) -> String {
        let memo = self.recorder.memo(&self.formats);
        if !self.frame.has_documents() {
            return memo;
        }
        let mut memo: Map<String, Value> = serde_json::from_str(&memo).unwrap_or_default();
        memo.insert(DOCUMENTS.to_owned(), true.into());
        Value::Object(memo).to_string()
    }

    /// Goes on after what [`memo`](Self::memo) was asked for.
    pub fn recall(&mut self, memo: &str) {
        let formats = Arc::clone(&self.formats);
        self.recorder.recall(&formats, memo);
        let memo: Value = serde_json::from_str(memo).unwrap_or_default();
        if memo.get(DOCUMENTS) == Some(&true.into()) {
            self.frame.recall_documents();
        }
    }

    /// Decodes a record of the last format, if it is one.
    #[inline]
    pub(super) fn known(&mut self, json: &[u8], place: Place, out: &mut Batch) -> bool {
        let Decoder { formats, last, found, room, recorder, alike, .. } = self;
        let Some((format, paths)) = of_json(formats, *last) else { return false };
        let scan = scan_line(paths, json, found);
        let traits = alike.traits(format, scan);
        let fits = scan.shape == Shape::Object
            && traits.map_or_else(
                || format.fits(scan),
                |traits| format.fits_by(&traits.candidates, scan),
            );
        if fits {
            take(recorder, room, formats, format, Given { json, scan, traits }, place, out);
        }
        fits
    }

    /// Decodes a record, by the last format or by the one that it is of; the
    /// shape of what is of none.
    pub(super) fn record(&mut self, json: &[u8], place: Place, out: &mut Batch) -> Option<Shape> {
        let formats = Arc::clone(&self.formats);
        if let Some((format, paths)) = of_json(&formats, self.last) {
            let scan = scan_line(paths, json, &mut self.found);
            let taken = match self.forced {
                Some(_) => !is_empty_object(json),
                None => format.fits(scan),
            };
            match scan.shape {
                Shape::Object if taken => {
                    let (recorder, room) = (&mut self.recorder, &mut self.room);
                    take(recorder, room, &formats, format, Given::new(json, scan), place, out);
                    return None;
                }
                Shape::Object => {}
                shape => return Some(shape),
            }
        }
        if self.forced.is_some() {
            return Some(self.shape(json));
        }
        self.detect(Input::JsonLines, json, place, out)
    }

    /// Decodes a record of `input`; whether a format takes it.
    pub(super) fn record_of(
        &mut self,
        input: Input,
        json: &[u8],
        place: Place,
        out: &mut Batch,
    ) -> bool {
        let formats = Arc::clone(&self.formats);
        let Some(format) = self.forced.and_then(|forced| formats.get(forced)) else {
            return self.detect(input, json, place, out).is_none();
        };
        let fits = format.map.input == input;
        if fits {
            self.record_as(format, json, place, out);
        }
        fits
    }

    /// Decodes pairs, if there is a format for them or they are a log of pairs.
    pub(super) fn record_of_pairs(&mut self, json: &[u8], place: Place, out: &mut Batch) -> bool {
        let formats = Arc::clone(&self.formats);
        if let Some(format) = self.forced.and_then(|forced| formats.get(forced)) {
            let pairs = format.map.input == Input::Logfmt;
            if pairs {
                self.record_as(format, json, place, out);
            }
            return pairs;
        }
        for input in [Input::Logfmt, Input::JsonLines] {
            let (_, detected) = formats.detect(input, json, &mut self.found);
            let Some(format) = detected.and_then(|position| formats.get(position)) else {
                continue;
            };
            self.pairs = detected;
            self.record_as(format, json, place, out);
            return true;
        }
        if self.pairs.is_none() {
            return false;
        }
        self.other_record(json, place, out);
        true
    }

    /// Decodes a record whose format is known.
    pub(super) fn record_as(
        &mut self,
        format: &Format,
        json: &[u8],
        place: Place,
        out: &mut Batch,
    ) {
        let formats = Arc::clone(&self.formats);
        let Some(paths) = format.layout.outer() else { return };
        let scan = scan_line(paths, json, &mut self.found);
        let (recorder, room) = (&mut self.recorder, &mut self.room);
        take(recorder, room, &formats, format, Given::new(json, scan), place, out);
    }

    /// Whether a document is no record of its own, so that reading it again counts
    /// nothing twice.
    pub(super) fn says_nothing_itself(&mut self, json: &[u8]) -> bool {
        let (shape, detected) = self.formats.detect(Input::JsonLines, json, &mut self.found);
        let format = self.forced.or(detected).and_then(|position| self.formats.get(position));
        let holds_records = format.is_some_and(|format| !format.map.explode.is_empty());
        shape == Shape::Array || holds_records || (format.is_none() && !speaks_of_cost(json))
    }

    /// The formats that are known.
    pub(super) fn formats(&self) -> Arc<Formats> {
        Arc::clone(&self.formats)
    }

    /// Whether lines may be of the format at `position`.
    pub(super) fn may_be(&self, position: usize) -> bool {
        self.forced.is_none_or(|forced| forced == position)
    }

    /// What a text as a whole is.
    pub(super) fn shape(&mut self, json: &[u8]) -> Shape {
        self.formats.detect(Input::JsonLines, json, &mut self.found).0
    }

    /// A time in whatever notation it is, of a line that was read at `received`.
    pub(super) fn seen_time(&self, raw: &[u8], received: Wall) -> Option<Wall> {
        seen(raw, Around { zone: self.recorder.zone(), received })
    }

    /// Puts the members of a wrapper beside what is read next; what stood there before.
    pub(super) fn beside(&mut self, text: Vec<u8>) -> Vec<u8> {
        self.recorder.beside(&self.formats, text)
    }

    /// The symbol of a host's name.
    pub(super) fn host(&mut self, name: &[u8]) -> Option<Sym> {
        self.recorder.host(str::from_utf8(name).ok()?)
    }

    /// Whether lines for people stand between this source's records, of which
    /// those of text were of the format `text`.
    pub(super) fn mixes_text(&self, text: Option<usize>) -> bool {
        let mixed = |position| {
            let format = self.formats.get(position);
            format.is_some_and(|format| format.map.company == Company::Mixed)
        };
        self.last.into_iter().chain(text).any(mixed)
    }

    /// Ends the stream: a record of several lines is complete now.
    pub fn finish(&mut self, _at: LineAt, out: &mut Batch) {
        let mut frame = std::mem::take(&mut self.frame);
        frame.finish(self, out);
        self.frame = frame;
        let formats = Arc::clone(&self.formats);
        self.dump.flush(&formats, &mut self.recorder, &mut self.found, out);
        self.pages.end(out);
    }

    /// Decodes a record of a format that is not the last one's; the shape of
    /// what is of none.
    fn detect(
        &mut self,
        input: Input,
        json: &[u8],
        place: Place,
        out: &mut Batch,
    ) -> Option<Shape> {
        let formats = Arc::clone(&self.formats);
        let (shape, detected) = formats.detect(input, json, &mut self.found);
        let detected = detected.filter(|_| shape == Shape::Object);
        let format = detected.and_then(|position| formats.get(position));
        let Some((format, paths)) = format.and_then(|f| Some((f, f.layout.outer()?))) else {
            return Some(shape);
        };
        self.last = detected;
        let scan = scan_line(paths, json, &mut self.found);
        take(
            &mut self.recorder,
            &mut self.room,
            &formats,
            format,
            Given::new(json, scan),
            place,
            out,
        );
        None
    }

    /// Whether this source is known to hold JSON, so that what is none is damage.
    pub(super) fn reads_json(&self) -> bool {
        let format = self.last.and_then(|last| self.formats.get(last));
        format.is_some_and(|format| format.map.input.is_json())
    }

    /// Follows a dump of response heads; whether the line was part of one.
    pub(super) fn dump_line(&mut self, line: &[u8], place: Place, out: &mut Batch) -> bool {
        // A stray status line in a JSON log must not swallow the lines after it.
        if self.reads_json() {
            return false;
        }
        let open = self.dump.is_open();
        if open && let Some(at) = self.dump.next_head(line) {
            let (body, head) = line.split_at(at);
            let behind = LineAt { offset: place.at.offset.saturating_add(at as u64), ..place.at };
            self.dump_line(body, Place { len: body.len() as u64, ..place }, out);
            return self.dump_line(
                head,
                Place { at: behind, len: head.len() as u64, ..place },
                out,
            );
        }
        let Some(undressed) = self.dump.undress(line) else { return false };
        let formats = Arc::clone(&self.formats);
        let forced = self.forced.is_some();
        let detect = |found: &mut Found| formats.detect(Input::JsonLines, line, found).1;
        if !forced
            && open
            && undressed.text().is_some()
            && self.dump.may_end(line)
            && detect(&mut self.found).is_some()
        {
            self.dump.flush(&formats, &mut self.recorder, &mut self.found, out);
            return false;
        }
        if undressed.starts() {
            self.dump.flush(&formats, &mut self.recorder, &mut self.found, out);
        }
        if undressed.starts_response() {
            self.last = formats.http_dump();
        } else if !open {
            place.push(out, Observation::Ignored { reason: "dump" });
        }
        match self.dump.line(undressed, place) {
            Step::Header(name, value) => self.recorder.header(name, value),
            Step::Event => self.recorder.body(&formats, undressed.text().unwrap_or_default()),
            Step::Start => self.recorder.begin(),
            Step::Kept => {}
        }
        true
    }

    /// None of the lines of a file in UTF-16 is read as something else, and each
    /// says so: what can't be read is never of no interest.
    fn wrong_encoding(&mut self, line: &[u8], place: Place, out: &mut Batch) -> bool {
        if place.at.offset == 0 {
            self.wrong_encoding = is_utf16(line);
        }
        if self.wrong_encoding {
            place.fault(out, FaultReason::WrongEncoding);
        }
        self.wrong_encoding
    }
}

/// The format at `last`, if its records are lines of JSON.
fn of_json(formats: &Formats, last: Option<usize>) -> Option<(&Format, &Paths)> {
    let format = formats.get(last?)?;
    let json = format.map.input == Input::JsonLines;
    Some((format, format.layout.outer().filter(|_| json)?))
}

/// An object as it was scanned.
struct Given<'l> {
    json: &'l [u8],
    scan: Scan<'l>,
    /// What it has in common with others, where that is known.
    traits: Option<&'l Traits>,
}

impl<'l> Given<'l> {
    fn new(json: &'l [u8], scan: Scan<'l>) -> Given<'l> {
        Given { json, scan, traits: None }
    }
}

/// Hands the records of an object to the recorder.
fn take(
    recorder: &mut Recorder,
    room: &mut Vec<Found>,
    formats: &Formats,
    format: &Format,
    Given { json, scan, traits }: Given<'_>,
    place: Place,
    out: &mut Batch,
) {
    if let Some(trace) = &mut recorder.trace {
        trace.json(json);
    }
    if format.layout.is_simple() {
        return recorder.line(formats, format, Scanned { scans: &[scan], traits }, place, out);
    }
    let each =
        &mut |scans: &[Scan<'_>]| recorder.line(formats, format, Scanned::alone(scans), place, out);
    if expand(&format.layout, json, scan, room, each) == 0 {
        if let Some(trace) = &mut recorder.trace {
            trace.holds_nothing(format.number);
        }
        place.push(out, Observation::Ignored { reason: "no_call" });
    }
}
