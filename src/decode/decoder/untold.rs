//! What becomes of lines that are of no format: of interest to nobody, damaged, or money
//! that must not be lost.

use std::sync::Arc;

use serde::de::IgnoredAny;

use super::Decoder;
use super::signs::{is_empty_object, speaks_of_cost};
use crate::decode::alike::Scanned;
use crate::decode::record::Place;
use crate::domain::{Batch, FaultReason, Observation};
use crate::scan::{Shape, scan_line};

impl Decoder {
    /// Accounts for a record that no format takes.
    pub(in crate::decode) fn untold(&mut self, json: &[u8], place: Place, out: &mut Batch) {
        if speaks_of_cost(json) {
            return self.other_record(json, place, out);
        }
        place.push(out, Observation::Ignored { reason: "other_record" });
    }

    /// A line that is of no format: of interest to nobody, damaged, or all we
    /// ever saw here.
    pub(in crate::decode) fn unmatched(
        &mut self,
        line: &[u8],
        shape: Shape,
        place: Place,
        out: &mut Batch,
    ) {
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
    pub(super) fn other_record(&mut self, line: &[u8], place: Place, out: &mut Batch) {
        let formats = Arc::clone(&self.formats);
        self.recorder.begin();
        let may_cost = formats.may_state_cost(line, &mut self.found);
        for position in self.last.into_iter().chain(0..formats.len()).take_while(|_| may_cost) {
            let Some(format) = formats.get(position) else { continue };
            if format.by_name_only && self.forced != Some(position) {
                continue;
            }
            let Some(paths) = format.layout.outer() else { continue };
            let scan = scan_line(paths, line, &mut self.found);
            if format.layout.is_simple() && self.recorder.states_cost(format, scan) {
                if let Some(trace) = &mut self.recorder.trace {
                    trace.money(line);
                }
                return self.recorder.line(&formats, format, Scanned::alone(&[scan]), place, out);
            }
        }
        if speaks_of_cost(line) && serde_json::from_slice::<IgnoredAny>(line).is_err() {
            return place.quarantine(out, FaultReason::BrokenJson);
        }
        if let Some(trace) = self.trace() {
            trace.unclaimed(line);
        }
        place.push(out, Observation::Ignored { reason: "other_record" });
    }
}
