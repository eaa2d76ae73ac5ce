//! Gathers what a line says about how its call ended, and asks the classifier.

use super::Recorder;
use crate::decode::classify::{Evidence, classify};
use crate::decode::eval::{Line, Seen};
use crate::decode::headers::{CallState, Header};
use crate::decode::map::{Alt, Field, From, Map, Spot};
use crate::decode::status::{self, Told};
use crate::domain::{ErrorKind, Failure, Layer, LimitedBy, NameKind, Sym};
use crate::scan::members;

/// Where an error has the status that it would have been answered with.
const CODES: [&[u8]; 4] = [b"code", b"status", b"status_code", b"statusCode"];
/// Headers that no gateway sends by itself.
const OF_PROVIDERS: [&[u8]; 4] =
    [b"openai-processing-ms", b"openai-version", b"x-groq-region", b"apim-request-id"];
/// Error texts of one line that are looked at.
const TEXTS: usize = 8;
/// Bytes of error texts that are searched for limits.
const ERROR_TEXT: usize = 16 * 1024;

impl Recorder {
    /// Whether the call failed, as far as the line alone tells.
    pub(super) fn says_it_failed(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        status: Option<u16>,
    ) -> bool {
        if let Some(status) = status {
            return status >= 400;
        }
        let alts = line.alts(map, Field::ErrorKind);
        !self.body.error.is_empty()
            || line.text(alts, &mut self.scratch, ErrorKind::from_word).is_some()
            || error_texts(map, line).next().is_some()
    }

    /// Whether it says in so many words that the call did not fail.
    fn says_it_went_well(&mut self, map: &Map<Spot>, line: Line<'_>) -> bool {
        let kinds = line.alts(map, Field::ErrorKind);
        let well = |word: &str| Some(status::is_well(word));
        line.text(kinds, &mut self.scratch, well) == Some(true)
            && error_texts(map, line).next().is_none()
    }

    /// The status of a line: mostly a number.
    /// Of a call that `used` something an error's text is no answer.
    pub(super) fn status(&mut self, map: &Map<Spot>, line: Line<'_>, used: bool) -> Told {
        let alts = || line.alts(map, Field::Status);
        if let Seen::Is(number) = line.count(alts())
            && let Some(code) = status::of_number(number)
        {
            return Told::Code(code);
        }
        if let Some(code) = line.word(alts(), &mut self.scratch, status::code) {
            return Told::Code(code);
        }
        let mut says = |known: fn(&str) -> bool| {
            let known = |text: &str| known(text).then_some(());
            line.word(alts(), &mut self.scratch, known).is_some()
        };
        if says(status::is_fine) {
            return Told::Nothing;
        }
        let strange = says(status::is_strange) && !says(|word| status::ended(word).is_some());
        let unanswered = !used && (says(status::is_none_came) || is_dashed(map, line));
        if !used && !unanswered {
            let mut texts = error_texts(map, line).chain([self.body.error(false)]);
            if let Some(code) = texts.find_map(status::in_error) {
                return Told::Code(code);
            }
        }
        let told = match (unanswered, strange) {
            (true, _) => Told::NoResponse,
            (_, true) => Told::Strange,
            _ => return Told::Nothing,
        };
        // A program's own status, if the line says besides that all went well.
        if self.says_it_went_well(map, line) { Told::Nothing } else { told }
    }

    pub(super) fn failure(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        status: Option<u16>,
        answer: Answer,
    ) -> Failure {
        let mut texts: [&[u8]; TEXTS] = [&[]; TEXTS];
        let mut used = 0;
        let said = error_texts(map, line);
        let failed = status.is_some_and(|status| status >= 400) || answer == Answer::None;
        let body = Some(self.body.error(failed)).filter(|error| !error.is_empty());
        for (place, text) in texts.iter_mut().zip(body.into_iter().chain(said)) {
            *place = text;
            used += 1;
        }
        let (kinds, statuses) = (line.alts(map, Field::ErrorKind), line.alts(map, Field::Status));
        let word = line.text(kinds, &mut self.scratch, status::failure).or_else(|| {
            let ended = || line.word(statuses, &mut self.scratch, status::ended);
            if status.is_none() { ended() } else { None }
        });
        let word = word.or((answer == Answer::Unclear).then_some(ErrorKind::Error));
        let fine = status.is_none_or(|status| status < 400)
            && self.report.state == CallState::Ok
            && answer == Answer::Perhaps;
        if fine && used == 0 && word.is_none() {
            return Failure::default();
        }
        let texts = texts.get(..used).unwrap_or_default();
        let status = status.filter(|status| *status >= 400).or_else(|| code(texts)).or(status);
        let limited_by =
            line.text(line.alts(map, Field::LimitedBy), &mut self.scratch, LimitedBy::from_word);
        let mut failure = classify(&Evidence {
            status,
            said: self.stopped().or(word),
            texts,
            by_headers: match answer {
                Answer::None if word.is_none() => Some(ErrorKind::Connection),
                _ => self.by_headers(status),
            },
            limited_by: limited_by.or(self.report.limited_by),
            limits: &self.report.limits,
        });
        let is_same = failure.limited_by == self.report.limited_by;
        failure.window_s = self.report.window_s.filter(|_| is_same);
        if failure.retryable == Some(true) && self.report.waiting_helps == Some(false) {
            failure.retryable = Some(false);
        }
        let layer = line.text(line.alts(map, Field::Layer), &mut self.scratch, Layer::from_word);
        failure.layer = match (layer, failure.kind) {
            (Some(layer), _) => layer,
            (None, Some(ErrorKind::KillSwitch)) => Layer::Gateway,
            (None, _) if failure.layer != Layer::Unknown => failure.layer,
            // Gateways say the same by themselves.
            (None, Some(ErrorKind::Unavailable)) if self.is_a_providers(line) => Layer::Upstream,
            (None, _) => self.report.layer,
        };
        let retry_after = line.span(line.alts(map, Field::RetryAfterS)).ok();
        failure.retry_after_s = retry_after.or(self.report.retry_after_s);
        if failure.kind == Some(ErrorKind::KillSwitch) {
            failure.stopped_by = self.stopped_by(map, line);
        }
        failure
    }

    /// Whether headers have what only a provider's answer has.
    fn is_a_providers(&self, line: Line<'_>) -> bool {
        let named = |header: Header<'_>| {
            OF_PROVIDERS.iter().any(|own| header.name.eq_ignore_ascii_case(own))
        };
        self.report.limits.iter().any(|limit| limit.id.layer == Layer::Upstream)
            || self.report.account(line.headers).is_some()
            || self.report.request_id(line.headers).is_some_and(|id| id.starts_with(b"req_"))
            || line.headers.iter().any(named)
    }

    /// The scope of the kill switch that refused, where line or headers name it.
    fn stopped_by(&mut self, map: &Map<Spot>, line: Line<'_>) -> Option<Sym> {
        let alts = line.alts(map, Field::KillSwitch);
        let (kind, scratch) = (NameKind::Label, &mut self.scratch);
        self.names.of(&line, alts, kind, scratch).or_else(|| {
            let scope = self.report.stopped_by(line.headers)?;
            self.names.intern(kind, std::str::from_utf8(scope).ok()?)
        })
    }

    /// Gathers what is searched for limits and waits: the error of the body, or, where
    /// there is none, the texts of the line's error, which may hold one.
    pub(super) fn gather_error_text(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        status: Option<u16>,
    ) {
        self.error_text.clear();
        let failed = status.is_some_and(|status| status >= 400);
        // A response that began well is an error by what it says alone.
        let begin: &[u8] = if failed { b"" } else { b"{\"error\":" };
        let error = self.body.error(failed);
        if !error.is_empty() {
            self.error_text.extend_from_slice(begin);
            self.error_text.extend_from_slice(error);
            return;
        }
        for text in error_texts(map, line) {
            if self.error_text.is_empty() {
                self.error_text.extend_from_slice(begin);
            }
            let room = ERROR_TEXT.saturating_sub(self.error_text.len());
            self.error_text.extend_from_slice(text.get(..room).unwrap_or(text));
            self.error_text.push(b'\n');
        }
    }

    /// Whether a kill switch refused, as it says itself.
    fn stopped(&self) -> Option<ErrorKind> {
        (self.report.state == CallState::Stopped).then_some(ErrorKind::KillSwitch)
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

/// Whether anything came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Perhaps,
    /// The log says that nothing did.
    None,
    /// Nobody knows what the log says, and nothing shows an answer: that is no success.
    Unclear,
}

/// Whether a web server wrote that there was no status to write.
fn is_dashed(map: &Map<Spot>, line: Line<'_>) -> bool {
    if !map.access_log {
        return false;
    }
    let is_dash = |alt: &Alt<Spot>| match alt.from {
        From::Path(place) => line.get(place).is_some_and(|value| value.raw == b"-"),
        _ => false,
    };
    map.field(Field::Status).iter().any(is_dash)
}

/// The status that an error states: of what was answered as a success, and began as one,
/// only that tells why it failed.
fn code(errors: &[&[u8]]) -> Option<u16> {
    errors.iter().filter(|error| error.trim_ascii_start().starts_with(b"{")).find_map(|error| {
        let codes = members(error).filter(|(name, _)| CODES.contains(&name.raw));
        let mut codes = codes.filter_map(|(_, code)| status::of_number(code.as_u64()?));
        codes.find(|code| (400..600).contains(code))
    })
}

/// The texts of a line's error, as they are written.
pub(super) fn error_texts<'l>(
    map: &'l Map<Spot>,
    line: Line<'l>,
) -> impl Iterator<Item = &'l [u8]> {
    let applies = move |alt: &&Alt<Spot>| alt.when.as_ref().is_none_or(|when| line.holds(when));
    let values = line.alts(map, Field::ErrorText).filter(applies);
    let values = values.filter_map(move |alt| line.value(alt));
    values.filter(|value| status::is_error(*value)).map(|value| value.raw)
}
