//! Metrics among the lines of a source: pages of an exposition, and data points.

use super::Decoder;
use crate::decode::DecodeOptions;
use crate::decode::frame::Point;
use crate::decode::map::Input;
use crate::decode::metrics::{Page, Took};
use crate::decode::record::Place;
use crate::domain::{Batch, FaultReason, Names, Observation};
use crate::scan::exposition;

/// The page of metrics that is being read, in the few sources that have any.
#[derive(Debug)]
pub(super) struct Pages {
    names: Names,
    salt: u64,
    host: Option<String>,
    page: Option<Box<Page>>,
}

impl Pages {
    pub(super) fn of(names: &Names, options: &DecodeOptions) -> Pages {
        let (names, host) = (names.clone(), options.host.clone());
        Pages { names, salt: options.key_salt, host, page: None }
    }

    fn open(&mut self) -> &mut Page {
        let Pages { names, salt, host, page } = self;
        page.get_or_insert_with(|| Box::new(Page::new(names, *salt, host.as_deref())))
    }

    pub(super) fn end(&mut self, out: &mut Batch) {
        if let Some(page) = &mut self.page {
            page.end(out);
        }
    }
}

impl Decoder {
    /// Decodes a data point: as a record of a format that is asked for or told by it,
    /// or else as the maps of metrics say.
    pub(in crate::decode) fn point(
        &mut self,
        json: &[u8],
        point: &Point<'_>,
        place: Place,
        out: &mut Batch,
    ) {
        let points = self.formats.points();
        if self.forced.is_some() && self.forced != points {
            if !self.record_of(Input::OtlpMetrics, json, place, out) {
                self.untold(json, place, out);
            }
            return;
        }
        if self.detect(Input::OtlpMetrics, json, place, out).is_none() {
            return;
        }
        let page = self.pages.open();
        let maps = self.formats.metrics();
        let mut is_told = false;
        point.samples(&mut |sample, grown| {
            is_told |= page.point(maps, sample, grown, place, out);
        });
        if !is_told {
            let reason = if point.is_repeated() { "repeated" } else { "no_map" };
            place.push(out, Observation::Ignored { reason });
        }
        self.last = points;
    }

    /// All points of a line were read.
    pub(in crate::decode) fn end_of_points(&mut self, out: &mut Batch) {
        self.pages.end(out);
    }

    /// Follows a page of metrics; whether the line was part of one.
    pub(super) fn metrics_line(&mut self, line: &[u8], place: Place, out: &mut Batch) -> bool {
        let metrics = self.formats.prometheus();
        let last = self.last.and_then(|last| self.formats.get(last));
        let is_metrics = last.is_some_and(|format| format.map.input == Input::Prometheus);
        if !is_metrics && (self.forced.is_some() || !exposition::begins(line)) {
            return false;
        }
        let page = self.pages.open();
        if page.line(self.formats.metrics(), line, place, out) == Took::Yes {
            self.last = self.last.filter(|_| is_metrics).or(metrics);
            return true;
        }
        if self.forced.is_none() {
            // Another format begins.
            page.end(out);
            self.last = None;
            return false;
        }
        place.fault(out, FaultReason::UnknownFormat);
        true
    }
}
