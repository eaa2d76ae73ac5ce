//! What a response says of limits and queues, and what its outcome proves of limits.

use super::gauges::Seen;
use super::{Engine, OpenCall};
use crate::domain::{
    Blame, Caller, Layer, LimitId, LimitReading, Mono, Request, Scope, SourceId, Stamp,
};

impl Engine {
    pub(super) fn read_limit(&mut self, reading: &LimitReading, now: Stamp) {
        let id = owned(reading.id, &self.call.caller);
        let Some((position, seen)) = self.gauges.read_as(id, reading, now) else { return };
        match seen {
            Seen::New => self.watch_limit(position),
            Seen::LimitChanged => self.find_limit_change(position, now),
            Seen::Newer | Seen::Older => {}
        }
        self.rename_limit();
        self.call.gauges.push(position);
        if reading.blame != Blame::Unsaid {
            self.call.blamed.push((position, reading.blame));
        }
        self.hear_limit(position, reading.at, now);
    }

    /// The readings of a call are complete: now its outcome can be held against them.
    pub(super) fn close_call(&mut self, now: Stamp) {
        if let Some(request) = &self.call.request {
            let at = request.at;
            let OpenCall { gauges, blamed, .. } = &self.call;
            let hit = self.gauges.judge_call(request, gauges, blamed, now);
            if let Some((position, seen)) = hit {
                if seen == Seen::New {
                    self.watch_limit(position);
                }
                self.hear_limit(position, at, now);
            }
        }
        (self.call.request, self.call.caller) = (None, Caller::default());
        self.call.gauges.clear();
        self.call.blamed.clear();
    }

    /// What a call says of the queue it waited in.
    pub(super) fn hear_wait(
        &mut self,
        source: SourceId,
        request: &Request,
        when: Mono,
        now: Stamp,
    ) {
        let Some((position, new)) = self.queues.call(source, request, when) else { return };
        if new {
            self.watch_queue(position);
        }
        self.hear_queue(position, request.at, now);
    }

    fn find_limit_change(&mut self, position: u32, now: Stamp) {
        let Some(gauge) = self.gauges.get_mut(position) else { return };
        let (Some(before), Some(after)) = (gauge.previous_limit, gauge.last.limit) else { return };
        let what = gauge.name(&self.names).title();
        self.findings.note(
            "limit_changed",
            now.wall,
            &format!("{what} changed from {before} to {after}"),
        );
    }
}

/// A gateway's limit on a key, team or user is that one's own, whatever
/// provider the call went to.
fn owned(mut id: LimitId, caller: &Caller) -> LimitId {
    let owner = match id.scope {
        Scope::Key => caller.key,
        Scope::Team => caller.team,
        Scope::User => caller.user,
        _ => return id,
    };
    id.subject = id.subject.or(owner);
    if id.layer == Layer::Gateway {
        id.provider = None;
    }
    id
}
