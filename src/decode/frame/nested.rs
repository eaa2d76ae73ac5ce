//! A record under one key of a logger's object, `{"ts":…,"msg":"done","llm":{…}}`: where
//! no format knows the object, what it holds may be one. What a record means is not
//! known here.

use super::{Frame, Layer, MAX_DEPTH, Mode, Taken, envelope, note};
use crate::decode::decoder::Decoder;
use crate::domain::Batch;
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
    /// it says nothing of money, and when it was, if the record does not.
    pub(super) fn nested(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> Taken {
        let Layer { text, place, depth, mode } = layer;
        let within = || members(text).map(|(key, value)| (key.raw, value));
        if mode == Mode::Perhaps || depth >= MAX_DEPTH || within().any(is_money) {
            return Taken::No;
        }
        let is_time =
            |(key, value): &(&[u8], Value<'_>)| envelope::is_time(key) && !value.is_absent();
        let at = within().find(is_time).and_then(|(_, at)| d.seen_time(at.raw, place.at.received));
        let place = self.around(d, place, at, None);
        let guess = Layer { place, mode: Mode::Perhaps, ..layer };
        for (key, value) in within().filter(is_holder) {
            note(d, depth, "envelope", key);
            if self.open(d, guess.inner(value.raw), out) == Taken::Yes {
                return Taken::Yes;
            }
        }
        Taken::No
    }
}

fn is_holder((key, value): &(&[u8], Value<'_>)) -> bool {
    value.kind == Kind::Object && HOLDERS.contains(key)
}

fn is_money((key, _): (&[u8], Value<'_>)) -> bool {
    envelope::speaks_of_money(key)
}
