//! A record under one key of a logger's object, `{"ts":…,"msg":"done","llm":{…}}`: where
//! no format knows the object, what it holds may be one. What a record means is not
//! known here.
//!
//! Where the word cost is heard, it may be under any key, so that no shape hides money;
//! of several records with a cost nobody knows which is the call's.

use super::{Frame, Layer, MAX_DEPTH, Mode, Taken, envelope, note};
use crate::decode::cost::speaks_of_cost;
use crate::decode::decoder::Decoder;
use crate::domain::{Batch, FaultReason, Item, Observation};
use crate::scan::{Kind, Value, members};

/// What loggers and their users call the object with a message's fields.
const HOLDERS: [&[u8]; 24] = [
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
        let Layer { text, place, depth, .. } = layer;
        let within = || members(text).map(|(key, value)| (key.raw, value));
        if depth >= MAX_DEPTH || within().any(is_money) {
            return Taken::No;
        }
        let is_time =
            |(key, value): &(&[u8], Value<'_>)| envelope::is_time(key) && !value.is_absent();
        let at = within().find(is_time).and_then(|(_, at)| d.seen_time(at.raw, place.at.received));
        let guess = Layer { place: self.around(d, place, at, None), mode: Mode::Perhaps, ..layer };
        let before = out.items.len();
        let mut found = Found::Nothing;
        for (key, value) in within().filter(|(key, _)| *key != tried).filter(may_hold) {
            if found != Found::Nothing && !speaks_of_cost(value.raw) {
                continue;
            }
            note(d, depth, "envelope", key);
            let next = out.items.len();
            if self.open(d, guess.inner(value.raw), out) == Taken::No {
                continue;
            }
            found = match (found, states_cost(out.items.get(next..).unwrap_or_default())) {
                (Found::Nothing, false) => Found::Record,
                (Found::Nothing, true) => Found::Cost,
                (Found::Record, true) => {
                    out.items.drain(before..next);
                    Found::Cost
                }
                (Found::Cost, true) => {
                    out.items.truncate(before);
                    place.quarantine(out, FaultReason::CostAmbiguous);
                    return Taken::Yes;
                }
                (found, false) => {
                    out.items.truncate(next);
                    found
                }
            };
        }
        if found == Found::Nothing { Taken::No } else { Taken::Yes }
    }
}

/// What an object was found to hold so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
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

fn is_money((key, _): (&[u8], Value<'_>)) -> bool {
    envelope::speaks_of_money(key)
}
