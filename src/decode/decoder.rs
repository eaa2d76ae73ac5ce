//! Which format a line is of, and what becomes of lines that are of none.

use std::sync::Arc;

use serde::de::IgnoredAny;

use super::DecodeOptions;
use super::dump::{Dump, Step};
use super::expand::expand;
use super::formats::{Format, FormatError, FormatId, Formats};
use super::map::Input;
use super::record::{Place, Recorder};
use crate::domain::{Batch, FaultReason, LineAt, Names, Observation};
use crate::scan::{Found, Kind, LongScan, Scan, Shape, elements, scan_line};

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
    dump: Dump,
    long: Long,
    wrong_encoding: bool,
}

/// Scans of a line that arrives in parts, one for each format it may be of.
#[derive(Debug, Default)]
struct Long {
    scans: Vec<(usize, LongScan)>,
}

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
            room: Vec::new(),
            recorder: Recorder::new(names, options),
            dump: Dump::default(),
            long: Long::default(),
            wrong_encoding: false,
        }
    }

    /// Name of the format asked for, or else of the line decoded last.
    #[must_use]
    pub fn format(&self) -> Option<&str> {
        self.last.and_then(|last| self.formats.get(last)).map(|format| &*format.map.id)
    }

    /// Decodes a line (without its newline). Blank lines say nothing.
    pub fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        let place = Place { at, len: line.len() as u64 };
        if self.wrong_encoding(line, place, out) || self.dump_line(line, place, out) {
            return;
        }
        self.record(line, place, out);
    }

    /// What is to be kept beside the place in a file, so that a decoder that
    /// goes on from there understands what follows; empty if nothing is.
    #[must_use]
    pub fn memo(&self) -> String {
        self.recorder.memo(&self.formats)
    }

    /// Goes on after what [`memo`](Self::memo) was asked for.
    pub fn recall(&mut self, memo: &str) {
        let formats = Arc::clone(&self.formats);
        self.recorder.recall(&formats, memo);
    }

    /// Decodes the JSON text of one record, or of a list of records.
    fn record(&mut self, json: &[u8], place: Place, out: &mut Batch) {
        let shape = self.object(json, place, out);
        if shape != Some(Shape::Array) {
            return shape.map_or((), |shape| self.unmatched(json, shape, place, out));
        }
        let mut objects = elements(json).filter(|element| element.kind == Kind::Object).peekable();
        if objects.peek().is_none() {
            return self.unmatched(json, Shape::Array, place, out);
        }
        for object in objects {
            if let Some(shape) = self.object(object.raw, place, out) {
                self.unmatched(object.raw, shape, place, out);
            }
        }
    }

    /// Decodes an object; the shape of what is none, or is of no format.
    fn object(&mut self, json: &[u8], place: Place, out: &mut Batch) -> Option<Shape> {
        let formats = Arc::clone(&self.formats);
        let last = self.last.and_then(|last| formats.get(last));
        if let Some((format, paths)) = last.and_then(|last| Some((last, last.layout.outer()?))) {
            let scan = scan_line(paths, json, &mut self.found);
            let taken = match self.forced {
                Some(_) => !is_empty_object(json),
                None => format.fits(scan),
            };
            match scan.shape {
                Shape::Object if taken => {
                    let room = &mut self.room;
                    let recorder = &mut self.recorder;
                    take(recorder, room, &formats, format, (json, scan), place, out);
                    return None;
                }
                Shape::Object if self.forced.is_none() => {}
                shape => return Some(shape),
            }
        }
        self.detect(json, place, out)
    }

    /// Takes a part of a line too long to be held as a whole.
    pub fn long_part(&mut self, part: &[u8]) {
        if self.long.scans.is_empty() {
            let detected = self.formats.detect(part, &mut self.found).1;
            let likely = [self.forced, detected.filter(|_| self.forced.is_none()), self.last];
            let mut formats: Vec<usize> = likely.into_iter().flatten().collect();
            if formats.is_empty() {
                formats.extend(0..self.formats.len());
            }
            formats.dedup();
            self.long.scans.extend(formats.into_iter().map(|format| (format, LongScan::new())));
        }
        for (format, scan) in &mut self.long.scans {
            if let Some(format) = self.formats.get(*format) {
                format.layout.outer().into_iter().for_each(|paths| scan.push(paths, part));
            }
        }
    }

    /// Ends the line whose parts were given; `len` is its length in bytes.
    pub fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch) {
        let place = Place { at, len };
        let formats = Arc::clone(&self.formats);
        for (position, mut long) in std::mem::take(&mut self.long.scans) {
            let Some(format) = formats.get(position) else { continue };
            let scan = long.finish(&mut self.found);
            // Of a record in parts only the object itself was scanned.
            let taken = self.forced.is_some() || format.fits(scan);
            if scan.shape == Shape::Object && taken && format.layout.is_simple() {
                self.last = Some(position);
                return self.recorder.line(&formats, format, &[scan], place, out);
            }
        }
        if self.reads_json() {
            place.quarantine(out, FaultReason::LineTooLong);
        } else {
            place.fault(out, FaultReason::LineTooLong);
        }
    }

    /// Ends the stream: a record of several lines is complete now.
    pub fn finish(&mut self, _at: LineAt, out: &mut Batch) {
        let formats = Arc::clone(&self.formats);
        self.dump.flush(&formats, &mut self.recorder, &mut self.found, out);
    }

    /// Decodes a line of a format that is not the last one's; the shape of a
    /// line that is of none.
    fn detect(&mut self, line: &[u8], place: Place, out: &mut Batch) -> Option<Shape> {
        let formats = Arc::clone(&self.formats);
        let (shape, detected) = formats.detect(line, &mut self.found);
        let detected = detected.filter(|_| shape == Shape::Object);
        let format = detected.and_then(|position| formats.get(position));
        let Some((format, paths)) = format.and_then(|f| Some((f, f.layout.outer()?))) else {
            return Some(shape);
        };
        self.last = detected;
        let scan = scan_line(paths, line, &mut self.found);
        take(&mut self.recorder, &mut self.room, &formats, format, (line, scan), place, out);
        None
    }

    /// A line that is of no format: of interest to nobody, damaged, or all we
    /// ever saw here.
    fn unmatched(&mut self, line: &[u8], shape: Shape, place: Place, out: &mut Batch) {
        if shape == Shape::Blank {
            return;
        }
        if !self.reads_json() {
            return place.fault(out, FaultReason::UnknownFormat);
        }
        match shape {
            Shape::Object if !is_empty_object(line) => self.other_record(line, place, out),
            Shape::Broken => place.quarantine(out, FaultReason::BrokenJson),
            Shape::Object | Shape::Array | Shape::NotJson | Shape::Blank => {
                place.quarantine(out, FaultReason::NotJson);
            }
        }
    }

    /// A record that is not a call, unless it says what it cost: a field that
    /// is missing must not hide money.
    fn other_record(&mut self, line: &[u8], place: Place, out: &mut Batch) {
        let formats = Arc::clone(&self.formats);
        self.recorder.begin();
        for position in self.last.into_iter().chain(0..formats.len()) {
            let Some(format) = formats.get(position) else { continue };
            let Some(paths) = format.layout.outer() else { continue };
            let scan = scan_line(paths, line, &mut self.found);
            if format.layout.is_simple() && self.recorder.states_cost(format, scan) {
                return self.recorder.line(&formats, format, &[scan], place, out);
            }
        }
        if speaks_of_cost(line) && serde_json::from_slice::<IgnoredAny>(line).is_err() {
            return place.quarantine(out, FaultReason::BrokenJson);
        }
        place.push(out, Observation::Ignored { reason: "other_record" });
    }

    /// Whether this source is known to hold JSON, so that what is none is damage.
    fn reads_json(&self) -> bool {
        let format = self.last.and_then(|last| self.formats.get(last));
        format.is_some_and(|format| format.map.input == Input::JsonLines)
    }

    /// Follows a dump of response heads; whether the line was part of one.
    fn dump_line(&mut self, line: &[u8], place: Place, out: &mut Batch) -> bool {
        // A stray status line in a JSON log must not swallow the lines after it.
        if self.reads_json() || (!self.dump.is_open() && !Dump::starts(line)) {
            return false;
        }
        if let Some(at) = self.dump.next_head(line) {
            let (body, head) = line.split_at(at);
            let behind = LineAt { offset: place.at.offset.saturating_add(at as u64), ..place.at };
            self.dump_line(body, Place { len: body.len() as u64, ..place }, out);
            return self.dump_line(head, Place { at: behind, len: head.len() as u64 }, out);
        }
        let formats = Arc::clone(&self.formats);
        let forced = self.forced.is_some();
        if !forced && self.dump.may_end(line) && formats.detect(line, &mut self.found).1.is_some() {
            self.dump.flush(&formats, &mut self.recorder, &mut self.found, out);
            return false;
        }
        if Dump::starts(line) {
            self.dump.flush(&formats, &mut self.recorder, &mut self.found, out);
            self.last = formats.http_dump();
        }
        match self.dump.line(line, place) {
            Step::Header(name, value) => self.recorder.header(name, value),
            Step::Event => self.recorder.body(&formats, line),
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

/// Hands the records of an object to the recorder.
fn take(
    recorder: &mut Recorder,
    room: &mut Vec<Found>,
    formats: &Formats,
    format: &Format,
    (json, scan): (&[u8], Scan<'_>),
    place: Place,
    out: &mut Batch,
) {
    if format.layout.is_simple() {
        return recorder.line(formats, format, &[scan], place, out);
    }
    let each = &mut |scans: &[Scan<'_>]| recorder.line(formats, format, scans, place, out);
    if expand(&format.layout, json, scan, room, each) == 0 {
        place.push(out, Observation::Ignored { reason: "no_call" });
    }
}

/// Whether a cost may stand in a damaged line where the scan can't see it.
fn speaks_of_cost(line: &[u8]) -> bool {
    line.windows(4).any(|word| word.eq_ignore_ascii_case(b"cost"))
}

fn is_empty_object(line: &[u8]) -> bool {
    let inner = line.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

/// A byte order mark of UTF-16, or ASCII with a NUL beside every character.
fn is_utf16(line: &[u8]) -> bool {
    let zeros = |first: usize| line.iter().skip(first).step_by(2).take(32).all(|b| *b == 0);
    let text = |first: usize| line.iter().skip(first).step_by(2).take(32).all(|b| *b != 0);
    line.starts_with(&[0xff, 0xfe])
        || line.starts_with(&[0xfe, 0xff])
        || (line.len() >= 8 && ((zeros(0) && text(1)) || (zeros(1) && text(0))))
}
