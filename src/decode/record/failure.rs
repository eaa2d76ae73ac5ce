//! Gathers what a line says about how its call ended, and asks the classifier.

use super::Recorder;
use crate::decode::classify::{Evidence, classify};
use crate::decode::eval::Line;
use crate::decode::headers::CallState;
use crate::decode::map::{Alt, Field, Map, Spot};
use crate::domain::{ErrorKind, Failure, Layer, LimitedBy};
use crate::scan::{Kind, Value, members};

/// Error texts of one line that are looked at.
const TEXTS: usize = 8;

impl Recorder {
    pub(super) fn failure(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        status: Option<u16>,
    ) -> Failure {
        let mut texts: [&[u8]; TEXTS] = [&[]; TEXTS];
        let mut used = 0;
        let applies = |alt: &&Alt<Spot>| alt.when.as_ref().is_none_or(|when| line.holds(when));
        let in_line = line.alts(map, Field::ErrorText).filter(applies);
        let in_line = in_line.filter_map(|alt| line.value(alt));
        let said = in_line.filter(|value| says_something(*value)).map(|value| value.raw);
        let body = Some(self.body.error.as_slice()).filter(|error| !error.is_empty());
        for (place, text) in texts.iter_mut().zip(body.into_iter().chain(said)) {
            *place = text;
            used += 1;
        }
        let word =
            line.text(line.alts(map, Field::ErrorKind), &mut self.scratch, ErrorKind::from_word);
        let fine = status.is_none_or(|status| status < 400) && self.report.state == CallState::Ok;
        if fine && used == 0 && word.is_none() {
            return Failure::default();
        }
        let limited_by =
            line.text(line.alts(map, Field::LimitedBy), &mut self.scratch, LimitedBy::from_word);
        let mut failure = classify(&Evidence {
            status,
            said: word,
            texts: texts.get(..used).unwrap_or_default(),
            by_headers: self.by_headers(status),
            limited_by: limited_by.or(self.report.limited_by),
            limits: &self.report.limits,
        });
        let layer = line.text(line.alts(map, Field::Layer), &mut self.scratch, Layer::from_word);
        failure.layer = match (layer, failure.kind) {
            (Some(layer), _) => layer,
            (None, Some(ErrorKind::KillSwitch)) => Layer::Gateway,
            (None, _) if failure.layer == Layer::Unknown => self.report.layer,
            (None, _) => failure.layer,
        };
        let retry_after = line.span(line.alts(map, Field::RetryAfterS));
        failure.retry_after_s = retry_after.or(self.report.retry_after_s);
        failure
    }

    /// What the headers make of the response, where the status alone says less.
    fn by_headers(&self, status: Option<u16>) -> Option<ErrorKind> {
        match (self.report.state, status) {
            (CallState::Throttled, status) if status != Some(429) => Some(ErrorKind::RateLimit),
            (CallState::Exhausted, _) => Some(ErrorKind::QuotaExhausted),
            (CallState::Overloaded, status) if !matches!(status, Some(503 | 529)) => {
                Some(ErrorKind::Overloaded)
            }
            _ => None,
        }
    }
}

/// Whether an error field holds an error: many writers always have the field.
fn says_something(value: Value<'_>) -> bool {
    match value.kind {
        Kind::False | Kind::True | Kind::Null => false,
        Kind::Object => members(value.raw).any(|(_, member)| !member.is_absent()),
        Kind::Array => value.raw.len() > 2,
        _ => !value.is_absent() && value.raw != b"0",
    }
}
