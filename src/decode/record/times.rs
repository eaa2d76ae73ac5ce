//! When a call was made and how long things took: what of that a line can be believed.

use super::Place;
use crate::decode::eval::{Line, Seen};
use crate::decode::map::{Field, Map, Spot};
use crate::domain::{Request, Timing, Wall};

/// A clock that is further ahead of ours than any two time zones is wrong.
const FUTURE_LIMIT_NS: i64 = 26 * 3600 * 1_000_000_000;
/// Nobody called a language model's API before 2015.
const EARLIEST: Wall = Wall::from_secs(1_420_070_400);

/// A request with its times.
pub(super) struct Timed {
    pub(super) request: Request,
    /// Whether the time it says could be used.
    pub(super) time: Seen<()>,
    /// How long something took is there, and nobody knows what it says.
    pub(super) odd_span: bool,
    /// What it gives as the time to the first token is none.
    pub(super) false_ttft: bool,
}

pub(super) fn timed(map: &Map<Spot>, line: Line<'_>, place: Place) -> Timed {
    let received = place.at.received;
    let mut odd_span = false;
    let mut span = |field| {
        let seen = line.span(line.alts(map, field));
        odd_span |= seen == Seen::Unreadable;
        seen.ok()
    };
    let mut timing = Timing {
        latency_ms: span(Field::LatencyMs),
        ttft_ms: span(Field::TtftMs),
        queue_ms: span(Field::QueueMs),
    };
    let stream = line.flag(line.alts(map, Field::Stream));
    // A first token can't be the last: that is none, or the call was no stream. A web
    // server measures the first byte, which may be of an answer that came at once.
    let at_the_end = timing.latency_ms.is_some()
        && timing.ttft_ms.is_some_and(|ttft| timing.latency_ms <= Some(ttft));
    let false_ttft = at_the_end && stream == Some(true);
    if false_ttft || (at_the_end && !map.access_log) {
        timing.ttft_ms = None;
    }
    let plausible =
        |at: &Wall| *at >= EARLIEST && at.0 <= received.0.saturating_add(FUTURE_LIMIT_NS);
    let latency = timing.latency_ms.map_or(0, nanos);
    let started = line.time(line.alts(map, Field::StartedAt)).ok().filter(plausible);
    let said = line.time(line.alts(map, Field::At));
    let told = said.ok().filter(plausible);
    let derived = || started.map(|start| start.offset_nanos(latency));
    let logged = place.logged.filter(plausible);
    let ended = told.or_else(derived).or(logged);
    // Who wrapped the line knows the time of its end; its start alone does not tell it.
    let as_good = started.is_none() && logged.is_some();
    let state = match said {
        Seen::Absent => Seen::Absent,
        _ if told.is_some() || as_good => Seen::Is(()),
        _ => Seen::Unreadable,
    };
    let mut request = Request::at(ended.unwrap_or(received));
    request.at_logged = ended.is_some();
    let derived = ended.filter(|_| timing.latency_ms.is_some());
    request.started_at = started.or_else(|| derived.map(|end| end.offset_nanos(-latency)));
    request.timing = timing;
    request.stream = stream;
    Timed { request, time: state, odd_span, false_ttft }
}

/// Rounded half away from zero; the library's rounding is a call for each.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "saturates, as it should; a float that large has no fraction"
)]
fn nanos(ms: f64) -> i64 {
    let nanos = ms * 1e6;
    let whole = nanos as i64;
    let fraction = nanos - whole as f64;
    whole.saturating_add(i64::from(fraction >= 0.5)).saturating_sub(i64::from(fraction <= -0.5))
}
