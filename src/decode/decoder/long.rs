//! Lines that come in parts: put together up to a length, and beyond it scanned in parts
//! for the formats they may be of.

use super::super::alike::Scanned;
use super::super::map::Input;
use super::super::record::Place;
use super::Decoder;
use crate::domain::{Batch, FaultReason, LineAt};
use crate::scan::{LongScan, Shape};
use std::sync::Arc;

/// Scans of a line that arrives in parts, one for each format it may be of.
#[derive(Debug, Default)]
pub(super) struct Long {
    scans: Vec<(usize, LongScan)>,
}

impl Decoder {
    /// Takes a part of a line too long to be held as a whole.
    pub fn long_part(&mut self, part: &[u8]) {
        if self.frame.held.is_open() {
            if let Some(all) = self.frame.held.add(part) {
                let formats = self.likely(&all);
                self.scan_long(formats, &all);
            }
            return;
        }
        if !self.long.scans.is_empty() {
            return self.scan_long(Vec::new(), part);
        }
        let part = behind_hole(part);
        if !part.is_empty() && !self.frame.held.begin(part) {
            let formats = self.likely(part);
            self.scan_long(formats, part);
        }
    }

    /// The formats that a line which begins like this may be of.
    fn likely(&mut self, part: &[u8]) -> Vec<usize> {
        let detected = self.formats.detect(Input::JsonLines, part, &mut self.found).1;
        let likely = [self.forced, detected.filter(|_| self.forced.is_none()), self.last];
        let mut formats: Vec<usize> = likely.into_iter().flatten().collect();
        if formats.is_empty() {
            formats.extend(self.formats.of_json());
        }
        formats.dedup();
        formats
    }

    fn scan_long(&mut self, formats: Vec<usize>, part: &[u8]) {
        self.long.scans.extend(formats.into_iter().map(|format| (format, LongScan::new())));
        for (format, scan) in &mut self.long.scans {
            if let Some(format) = self.formats.get(*format) {
                format.layout.outer().into_iter().for_each(|paths| scan.push(paths, part));
            }
        }
    }

    /// Ends the line whose parts were given; `len` is its length in bytes.
    pub fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch) {
        let scans = std::mem::take(&mut self.long.scans);
        let place = Place { len, ..Place::new(at, 0) };
        if let Some(line) = self.frame.held.take() {
            return self.line_at(&line, place, out);
        }
        let formats = Arc::clone(&self.formats);
        for (position, mut long) in scans {
            let Some(format) = formats.get(position) else { continue };
            let scan = long.finish(&mut self.found);
            // Of a record in parts only the object itself was scanned.
            let taken = self.forced.is_some() || format.fits(scan);
            if scan.shape == Shape::Object && taken && format.layout.is_simple() {
                self.last = Some(position);
                return self.recorder.line(&formats, format, Scanned::alone(&[scan]), place, out);
            }
        }
        if self.reads_json() {
            place.quarantine(out, FaultReason::LineTooLong);
        } else {
            place.fault(out, FaultReason::LineTooLong);
        }
    }
}

/// What a line begins with behind a hole in its file, which may be of any length.
fn behind_hole(part: &[u8]) -> &[u8] {
    let start = part.iter().position(|byte| !matches!(byte, 0 | b' ' | b'\t' | b'\r'));
    part.get(start.unwrap_or(part.len())..).unwrap_or_default()
}
