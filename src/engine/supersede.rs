//! Calls that several lines tell of: the better line counts, or what all of them
//! say, and what another one counted before is taken back from wherever it went.
//! Never a second call.

use super::Engine;
use super::dedup::{Admission, Counted};
use super::part::Part;
use super::skew::counted_at;
use crate::domain::{Bucket, Keep, Request, SourceId, Stamp, Timing};

/// How a call is to be counted.
pub(super) enum Counting {
    /// Not at all.
    Never,
    /// As a call of its own.
    Anew,
    /// In the place of what was counted before, without the times of that.
    Instead(Box<Request>),
}

impl Engine {
    /// Whether, and as what, a call is counted; makes room for a better one.
    pub(super) fn admit(
        &mut self,
        source: SourceId,
        request: &Request,
        part: Part,
        now: Stamp,
    ) -> Counting {
        let Some(id) = request.dedup else { return Counting::Anew };
        let counted = |request: Request| {
            let (when, at) = (now.mono_of(request.at), counted_at(request.at, now));
            Counted { request, when: Some(when), at, part }
        };
        let memory = if part.has_sums() {
            &mut self.dedup
        } else if self.dedup.has_repeat(id, request) {
            return Counting::Never;
        } else {
            // What is counted for the present alone is no reason not to add it up later.
            &mut self.ahead
        };
        let admission = memory.admit(id, request, counted);
        if let Admission::New = admission {
            return Counting::Anew;
        }
        let adds = id.keep == Keep::Join && !matches!(admission, Admission::Repeat);
        if part.has_sums()
            && let Some(row) = self.sources.get_mut(source.0 as usize)
        {
            row.duplicates += u64::from(!adds);
        }
        let Admission::Supersedes { old, new: call } = admission else { return Counting::Never };
        self.take_back(&old, old.part.with(part));
        // What was timed once is not timed twice; what an earlier run timed is in no
        // percentile of this one.
        let of_this_run = old.when.map(|_| old.request.timing);
        let (new, old) = (call.timing, of_this_run.unwrap_or_default());
        let timing = Timing {
            latency_ms: new.latency_ms.filter(|_| old.latency_ms.is_none()),
            ttft_ms: new.ttft_ms.filter(|_| old.ttft_ms.is_none()),
            queue_ms: new.queue_ms.filter(|_| old.queue_ms.is_none()),
        };
        let started_at = call.began();
        Counting::Instead(Box::new(Request { started_at, timing, ..*call }))
    }

    pub(super) fn take_back(&mut self, old: &Counted, part: Part) {
        let request = &old.request;
        let when = old.when.filter(|_| part.has_present());
        let caps = self.cells.take_back(request, when, (part, old.at), &mut self.caps);
        if !part.has_sums() {
            return;
        }
        self.totals.add(&Bucket::of(request).negated());
        if let Some(deltas) = &mut self.deltas {
            deltas.take_back(request, old.at);
        }
        for position in caps {
            if let Some(cap) = self.caps.get_mut(*position) {
                cap.take_back(request, old.at, old.when);
            }
        }
    }
}
