//! Which requests are calls of models. A web server's access log has whatever anybody asked
//! for: health checks, pages, other APIs; and what is asked of an API of models may be
//! something else than a call.

use super::Recorder;
use crate::decode::endpoint::{self, Method};
use crate::decode::eval::Line;
use crate::decode::map::{Field, Map, Spot};
use crate::domain::{Batch, ErrorKind, Observation, Request, Tokens};

use super::Place;

impl Recorder {
    /// What a response comes to. In an access log one that shows to be a call counts: by its
    /// path or by what only calls have. Without a path nothing says that it is none. In any
    /// log one whose method calls no model does not count, but for what its headers say.
    pub(super) fn tell(
        &mut self,
        map: &Map<Spot>,
        line: Line<'_>,
        request: &mut Request,
        place: Place,
        out: &mut Batch,
    ) {
        if map.access_log && self.is_told_elsewhere(map) {
            self.note_ignored("the access log in this source tells of the same call");
            return place.push(out, Observation::Ignored { reason: "not_counted" });
        }
        if map.access_log && !self.shows_a_call(request) && self.is_elsewhere(map, line) {
            self.note_ignored("its path is of no model's API, and nothing else tells a call");
            return place.push(out, Observation::Ignored { reason: "not_a_call" });
        }
        if self.only_asks(map, line, request) {
            self.note_ignored("its method calls no model");
            if self.report.limits.is_empty() {
                return place.push(out, Observation::Ignored { reason: "not_a_call" });
            }
            return self.push_limits(map, request.at, place, out);
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
        let refused = request.status.is_some_and(|status| status >= 400);
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

    /// Whether it says what only a call of a model has.
    fn shows_a_call(&self, request: &Request) -> bool {
        let told_to_wait = request.status == Some(429) && request.failure.retry_after_s.is_some();
        request.provider.is_some()
            || request.model.is_some()
            || request.cost.is_some()
            || request.tokens != Tokens::default()
            || !self.report.limits.is_empty()
            || told_to_wait
            || request.failure.kind == Some(ErrorKind::KillSwitch)
    }

    /// Whether it has a path, of something else.
    fn is_elsewhere(&mut self, map: &Map<Spot>, line: Line<'_>) -> bool {
        let mut has_path = false;
        for alt in line.alts(map, Field::Endpoint) {
            let Some(value) = line.value(alt) else { continue };
            if endpoint::is_of_models(value.text(self.scratch.escapes())) {
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
