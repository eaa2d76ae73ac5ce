//! A record under one key of a logger's object, `{"ts":…,"msg":"done","llm":{…}}`: where
//! no format knows the object, what it holds may be one. What a record means is not
//! known here.
//!
//! Where the word cost is heard, it may be under any key, so that no shape hides money;
//! of several records with a cost nobody knows which is the call's.

use super::envelope::{self, Envelope, Payload};
use super::{Frame, Layer, MAX_DEPTH, Mode, Taken, note};
use crate::decode::decoder::{Decoder, speaks_of_cost};
use crate::domain::{Batch, FaultReason, Item, Observation};
use crate::scan::{Kind, Value, members};

/// What loggers and their users call the object with a message's fields.
const HOLDERS: [&[u8]; 25] = [
    b"data",
    b"llm",
    b"ai",
    b"gen_ai",
    b"call",
    b"completion",
    b"context",
    b"ctx",
    b"extra",
    b"attributes",
    b"attrs",
    b"labels",
    b"fields",
    b"payload",
    b"event",
    b"properties",
    b"props",
    b"meta",
    b"metadata",
    b"detail",
    b"details",
    b"info",
    b"params",
    b"body",
    b"mdc",
];

impl Frame {
    /// Reads what an envelope carries. Where that is a text for people, the record may stand
    /// beside it, under `attrs` or `labels`; and so may a cost, whatever is carried.
    pub(super) fn carried(
        &mut self,
        d: &mut Decoder,
        envelope: Envelope<'_>,
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        let before = out.items.len();
        if self.unwrap(d, envelope, layer, out) == Taken::No {
            return Taken::No;
        }
        let said = out.items.get(before..).unwrap_or_default();
        let single = matches!(envelope.payload, Payload::Text(_) | Payload::Object(_));
        if !envelope.beside || !single || said.is_empty() {
            return Taken::Yes;
        }
        let found = match states_cost(said) {
            true => Found::Cost,
            false if said.iter().all(is_for_people) => Found::Text,
            false => Found::Record,
        };
        let wrappers = d.trace().map(|trace| trace.around());
        let place = self.around(d, layer.place, None, envelope.host.map(|value| value.raw));
        let layer = Layer { place, ..layer };
        if self.look_within(d, layer, envelope.carrier, (before, found), out) == found
            && let (Some(trace), Some(wrappers)) = (d.trace(), wrappers)
        {
            trace.is_within(wrappers);
        }
        Taken::Yes
    }

    /// Reads the record that an object of no format holds, if it does. What stands beside
    /// it says nothing of money, and when it was, if the record does not. What is under the
    /// key `tried` is known to be none.
    pub(super) fn nested(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        tried: &[u8],
        out: &mut Batch,
    ) -> Taken {
        if members(layer.text).any(|(key, _)| envelope::speaks_of_money(key.raw)) {
            return Taken::No;
        }
        match self.look_within(d, layer, tried, (out.items.len(), Found::Nothing), out) {
            Found::Nothing => Taken::No,
            _ => Taken::Yes,
        }
    }

    /// Looks for a better record under the keys of an object than what was found of it,
    /// which is told from item `before` on.
    fn look_within(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        tried: &[u8],
        sofar: (usize, Found),
        out: &mut Batch,
    ) -> Found {
        if layer.depth >= MAX_DEPTH {
            return sofar.1;
        }
        let is_beside = |member: &(&[u8], Value<'_>)| member.0 != tried && !may_hold(member);
        self.among(d, layer.text, is_beside, out, |frame, d, out| {
            frame.look_at_each(d, layer, tried, sofar, out)
        })
    }

    fn look_at_each(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        tried: &[u8],
        (before, mut found): (usize, Found),
        out: &mut Batch,
    ) -> Found {
        let Layer { text, place, depth, .. } = layer;
        let carried = found != Found::Nothing;
        let within = || members(text).map(|(key, value)| (key.raw, value));
        let is_time =
            |(key, value): &(&[u8], Value<'_>)| envelope::is_time(key) && !value.is_absent();
        let mut times = within().filter(is_time);
        let at = times.find_map(|(_, at)| d.seen_time(at.raw, place.at.received));
        let guess = Layer { place: self.around(d, place, at, None), mode: Mode::Perhaps, ..layer };
        for (key, value) in within().filter(|(key, _)| *key != tried).filter(may_hold) {
            if matches!(found, Found::Record | Found::Cost) && !speaks_of_cost(value.raw) {
                continue;
            }
            note(d, depth, "envelope", key);
            let next = out.items.len();
            if self.open(d, guess.inner(value.raw), out) == Taken::No {
                continue;
            }
            let said = out.items.get(next..).unwrap_or_default();
            // Who carries a line may count money, too; a call has a model.
            let own = found == Found::Text && HOLDERS.contains(&key);
            if carried && !said.iter().any(|item| is_call(item, own)) {
                out.items.truncate(next);
                continue;
            }
            found = match (found, states_cost(said)) {
                (Found::Nothing | Found::Text, false) => {
                    out.items.drain(before..next);
                    Found::Record
                }
                (Found::Nothing | Found::Text | Found::Record, true) => {
                    out.items.drain(before..next);
                    Found::Cost
                }
                (Found::Cost, true) => {
                    out.items.truncate(before);
                    place.quarantine(out, FaultReason::CostAmbiguous);
                    return Found::Cost;
                }
                (found, false) => {
                    out.items.truncate(next);
                    found
                }
            };
        }
        found
    }
}

/// What an object was found to hold so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Text for people, which is accounted for.
    Text,
    Record,
    /// A record that says what it cost.
    Cost,
}

fn states_cost(said: &[Item]) -> bool {
    said.iter().any(|item| match &item.seen {
        Observation::Request { request, .. } => request.cost.is_some(),
        Observation::Quarantined { .. } => true,
        _ => false,
    })
}

fn may_hold((key, value): &(&[u8], Value<'_>)) -> bool {
    value.kind == Kind::Object && (HOLDERS.contains(key) || speaks_of_cost(value.raw))
}

fn is_for_people(item: &Item) -> bool {
    matches!(item.seen, Observation::Ignored { reason: "other_text" | "blank" })
}

/// Whether it is a call, of a model where that is not `sure`.
fn is_call(item: &Item, sure: bool) -> bool {
    match &item.seen {
        Observation::Request { request, .. } => sure || request.model.is_some(),
        // A call whose cost can't be read.
        Observation::Quarantined { .. } => sure,
        _ => false,
    }
}
