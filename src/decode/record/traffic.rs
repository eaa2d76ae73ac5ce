//! Which requests are calls of models. A web server's access log has whatever anybody asked
//! for: health checks, pages, other APIs; and what is asked of an API of models may be
//! something else than a call.

use super::Recorder;
use super::failure::error_texts;
use crate::decode::classify::speaks_of_models;
use crate::decode::endpoint::{self, Method};
use crate::decode::eval::Line;
use crate::decode::map::{Field, Map, Spot};
use crate::decode::status;
use crate::domain::{Batch, ErrorKind, NanoUsd, Observation, Outcome, Request, Tokens};

use super::Place;

impl Recorder {
    /// What a response comes to. In an access log one that shows to be a call counts: by its
    /// path or by what only calls have. Without a path nothing says that it is none. In any
    /// log one whose method calls no model, or whose answer points elsewhere, does not count,
    /// but for what its headers say.
    pub(super) fn tell(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        request: &mut Request,
        place: Place,
        out: &mut Batch,
    ) {
        // Whoever calls through a library names the provider with the model.
        if let (None, Some(model)) = (request.provider, request.model) {
            request.provider = self.names.provider_of(model);
        }
        if map.access_log && self.is_told_elsewhere(map) {
            self.note_ignored("the access log in this source tells of the same call");
            return place.push(out, Observation::Ignored { reason: "not_counted" });
        }
        if map.access_log && !self.shows_a_call(request) && self.is_elsewhere(map, line, request) {
            self.note_ignored("its path is of no model's API, and nothing else tells a call");
            return place.push(out, Observation::Ignored { reason: "not_a_call" });
        }
        if self.is_anybodys(map, line, request) {
            self.note_ignored(
                "any program may write so, and nothing in it tells a call of a model",
            );
            return place.push(out, Observation::Ignored { reason: "not_a_call" });
        }
        let no_call = if self.only_asks(map, line, request) {
            Some(("not_a_call", "its method calls no model"))
        } else if points_elsewhere(request) {
            Some(("not_a_call", "it only says where to call"))
        } else {
            let goes_on = self.goes_on(map, line, request);
            goes_on.then_some(("goes_on", "the call goes on; a line of its end counts"))
        };
        if let Some((reason, why)) = no_call {
            self.note_ignored(why);
            if self.report.limits.is_empty() {
                return place.push(out, Observation::Ignored { reason });
            }
            return self.push_limits(map, request, place, out);
        }
        self.endpoint(map, line, request);
        self.push(map, line, request, place, out);
    }

    /// A web server's errors have no status. Where its access log stands in the same source,
    /// as in the output of a container, each is of a request that has a line there as well.
    fn is_told_elsewhere(&mut self, map: &Map<Spot>) -> bool {
        let is_of_errors = map.field(Field::Status).is_empty();
        self.has_access_lines |= !is_of_errors;
        is_of_errors && self.has_access_lines
    }

    /// Whether it used nothing and its method is one that calls no model. Where the protocol
    /// was switched, a call began.
    fn only_asks(&mut self, map: &Map<Spot>, line: Line<'_>, request: &Request) -> bool {
        let used = request.cost.is_some() || request.tokens != Tokens::default();
        let refused = request.failure.kind.is_some();
        if used || request.status == Some(101) {
            return false;
        }
        let read = |word: &str| Some(Method::of(word));
        let method = line.text(line.alts(map, Field::Method), &mut self.scratch, read);
        let Some(method) = method.filter(|method| *method != Method::Calls) else { return false };
        if method == Method::Gets && refused {
            return false;
        }
        let mut paths = line.alts(map, Field::Endpoint).filter_map(|alt| line.value(alt));
        paths.any(|path| method.only_asks(path.text(self.scratch.escapes())))
    }

    /// Whether it says that the call has not ended, and nothing that only an end tells.
    fn goes_on(&mut self, map: &Map<Spot>, line: Line<'_>, request: &Request) -> bool {
        let ended = request.status.is_some()
            || request.failure.kind.is_some()
            || request.cost.is_some()
            || request.timing.latency_ms.is_some_and(|latency| latency > 0.0)
            || request.tokens.output.is_some_and(|output| output > 0);
        let mut says = |field| {
            let word = |word: &str| status::goes_on(word).then_some(());
            line.text(line.alts(map, field), &mut self.scratch, word).is_some()
        };
        !ended && (says(Field::Status) || says(Field::ErrorKind))
    }

    /// Whether it says what only a call of a model has.
    fn shows_a_call(&self, request: &Request) -> bool {
        let told_to_wait = request.status == Some(429) && request.failure.retry_after_s.is_some();
        request.model.is_some() || told_to_wait || self.shows_more(request)
    }

    /// The same without its model, whose name may be of anything, and without what any
    /// service says to whom it refuses.
    fn shows_more(&self, request: &Request) -> bool {
        request.provider.is_some()
            || request.cost.is_some()
            || request.tokens != Tokens::default()
            || !self.report.limits.is_empty()
            || request.failure.kind == Some(ErrorKind::KillSwitch)
    }

    /// Whether a line is one that its map doubts, and nothing in it tells a call. Whoever
    /// names the format of a source has told.
    fn is_anybodys(&mut self, map: &Map<Spot>, line: Line<'_>, request: &Request) -> bool {
        let streamed = request.timing.ttft_ms.is_some();
        if map.doubt.is_empty() || self.asked || streamed || self.shows_more(request) {
            return false;
        }
        if !map.doubt.iter().any(|when| line.holds(when)) {
            return false;
        }
        let refused = request.failure.kind.is_some_and(is_of_models);
        let others = map.doubt_unless.iter().filter_map(|place| line.get(*place));
        let mut texts = error_texts(map, line).chain(others.map(|value| value.raw));
        let shows = (refused && request.model.is_some()) || texts.any(speaks_of_models);
        !shows && !self.is_of_models(map, line)
    }

    /// Whether it has a path of a model's API.
    fn is_of_models(&mut self, map: &Map<Spot>, line: Line<'_>) -> bool {
        let mut paths = line.alts(map, Field::Endpoint).filter_map(|alt| line.value(alt));
        paths.any(|path| endpoint::is_of_models(path.text(self.scratch.escapes())))
    }

    /// Whether it has a path, of something else. Where such an API refuses, that is seen
    /// whatever of it was asked for.
    fn is_elsewhere(&mut self, map: &Map<Spot>, line: Line<'_>, request: &Request) -> bool {
        let refused = matches!(request.status, Some(401 | 402 | 403 | 429 | 500..));
        let mut has_path = false;
        for alt in line.alts(map, Field::Endpoint) {
            let Some(value) = line.value(alt) else { continue };
            let path = value.text(self.scratch.escapes());
            if endpoint::is_of_models(path) || (refused && endpoint::is_beside_models(path)) {
                return false;
            }
            has_path = true;
        }
        has_path
    }

    /// Notes, for who asked, why a record is of no interest.
    fn note_ignored(&mut self, why: &str) {
        if let Some(note) = self.trace.as_mut().and_then(|trace| trace.last()) {
            note.ignored = Some(why.to_owned());
        }
    }
}

/// Whether a response answers nothing and names another address: the call is the one that
/// is made there.
fn points_elsewhere(request: &Request) -> bool {
    matches!(request.status, Some(300..=399))
        && request.failure.kind.is_none()
        && request.cost.is_none_or(|cost| cost.usd == NanoUsd::ZERO)
        && request.tokens.input.unwrap_or(0) == 0
        && request.tokens.output.unwrap_or(0) == 0
}

/// Whether a call of a model is refused so, and hardly anything else that has a model.
fn is_of_models(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(kind.outcome(), Outcome::RateLimited | Outcome::QuotaExhausted)
        || matches!(kind, K::Overloaded | K::ContextLength | K::ContentFilter | K::ModelNotFound)
}
