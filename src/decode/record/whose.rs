//! Whose call it was: what the line names, then what is configured, and what only its
//! response's headers tell comes last.

use super::{Defaults, Place, Recorder, priority};
use crate::decode::endpoint;
use crate::decode::eval::Line;
use crate::decode::headers::HeaderBag;
use crate::decode::map::{Field, Map, Spot};
use crate::domain::{Caller, NameKind, Request, Sym};

impl Recorder {
    /// Fill in what a line names.
    pub(super) fn identify(&mut self, map: &Map<Spot>, line: Line<'_>, request: &mut Request) {
        let (names, scratch) = (&mut self.names, &mut self.scratch);
        let mut name = |field, kind| names.of(&line, line.alts(map, field), kind, scratch);
        request.provider = name(Field::Provider, NameKind::Provider);
        request.model = name(Field::Model, NameKind::Model);
        request.host = name(Field::Host, NameKind::Host);
        request.caller = Caller {
            key: None,
            team: name(Field::Team, NameKind::Team),
            user: name(Field::User, NameKind::User),
            environment: name(Field::Environment, NameKind::Environment),
            account: name(Field::Account, NameKind::Account),
            priority: line.text(line.alts(map, Field::Priority), scratch, priority),
        };
        request.caller.key = names.key(&line, line.alts(map, Field::Key), scratch);
        if request.model.is_none() && !self.body.model.is_empty() {
            request.model = names.intern(NameKind::Model, &self.body.model);
        }
        // Of an access log anybody could have asked for the path.
        if request.model.is_none() && !map.access_log {
            let model = line.text(line.alts(map, Field::Endpoint), scratch, endpoint::model);
            request.model = model.and_then(|model| names.intern(NameKind::Model, &model));
        }
    }

    /// Fill in the provider and the account.
    pub(super) fn whose(&mut self, bag: &HeaderBag, provider: Option<Sym>, request: &mut Request) {
        let guessed = self.report.provider;
        request.provider = provider.or_else(|| Some(self.names.provider(guessed?)));
        if request.caller.account.is_none()
            && let Some(id) = self.report.account(bag)
        {
            request.caller.account = self.names.account(id);
        }
    }
}

impl Defaults {
    /// Fill in what neither a line nor its wrapper says.
    pub(super) fn fill(&self, place: Place, request: &mut Request) {
        let caller = &mut request.caller;
        request.host = request.host.or(place.host).or(self.host);
        caller.environment = caller.environment.or(self.environment);
        caller.account = caller.account.or(self.account);
    }
}
