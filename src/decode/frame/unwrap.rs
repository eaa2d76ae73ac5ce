//! What envelopes carry, brought to the light: text, lists, parts of lines, and what was
//! packed on its way. What an envelope is, is not for here to say.

use super::beside::may_be_record;
use super::envelope::{Envelope, Payload, Trust};
use super::packed::{self, Unpacked};
use super::prefix::{More, Part};
use super::{Frame, Layer, MAX_DEPTH, Taken, note};
use crate::decode::decoder::Decoder;
use crate::domain::{Batch, FaultReason};
use crate::scan::{Kind, Shape, Value, elements};

impl Frame {
    /// Reads what an envelope carries. What a carrier alone writes says nothing of a call.
    pub(super) fn unwrap(
        &mut self,
        d: &mut Decoder,
        envelope: Envelope<'_>,
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        if envelope.trust == Trust::Sure || !may_be_record(envelope.payload) {
            return self.payload(d, envelope, layer, out);
        }
        let is_beside = |(key, _): &(&[u8], Value<'_>)| *key != envelope.carrier;
        self.among(d, layer.text, is_beside, out, |frame, d, out| {
            frame.payload(d, envelope, layer, out)
        })
    }

    fn payload(
        &mut self,
        d: &mut Decoder,
        envelope: Envelope<'_>,
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        let host = envelope.host.map(|value| value.raw);
        let at = envelope.time.and_then(|value| d.seen_time(value.raw, layer.place.at.received));
        let layer = Layer { place: self.around(d, layer.place, at, host), ..layer };
        note(d, layer.depth, "envelope", envelope.carrier);
        match envelope.payload {
            Payload::Object(inner) => self.open(d, layer.inner(inner), out),
            Payload::Text(value) => {
                let mut buffer = self.buffer();
                let text = value.text(&mut buffer).as_bytes();
                let taken = self.piece(d, layer.inner(text), envelope.part, out);
                self.keep(buffer);
                taken
            }
            Payload::Packed(value) => self.packed(d, value, layer, out),
            Payload::Entries(list) => self.entries(d, list, layer, out),
            Payload::Bytes(list) => {
                let mut buffer = self.buffer();
                Envelope::bytes(list, &mut buffer);
                let taken = self.piece(d, layer.inner(&buffer), envelope.part, out);
                self.keep(buffer);
                taken
            }
            Payload::List(list) => {
                let layer = layer.inner(list);
                self.each(d, layer, out, |frame, d, layer, out| match Envelope::read(layer.text) {
                    Some(inner) if inner.trust != Trust::No && layer.depth < MAX_DEPTH => {
                        frame.unwrap(d, inner, layer, out)
                    }
                    _ => frame.open(d, layer, out),
                })
            }
            Payload::Missing => {
                layer.place.fault(out, FaultReason::Truncated);
                Taken::Yes
            }
        }
    }

    /// What a transport has packed; text that is no such thing is read as it is.
    fn packed(
        &mut self,
        d: &mut Decoder,
        value: Value<'_>,
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        let (mut text, mut inside) = (self.buffer(), self.buffer());
        let packed = value.text(&mut text).as_bytes();
        let taken = match packed::unpack(packed, &mut inside) {
            Unpacked::Whole => self.open(d, layer.inner(inside.trim_ascii()), out),
            Unpacked::Not => self.open(d, layer.inner(packed), out),
            Unpacked::TooLong => {
                layer.place.quarantine(out, FaultReason::LineTooLong);
                Taken::Yes
            }
        };
        self.spare.extend([text, inside]);
        taken
    }

    /// Lines of Loki, each a list of its time and its text.
    fn entries(
        &mut self,
        d: &mut Decoder,
        list: &[u8],
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        let mut taken = Taken::No;
        for entry in elements(list).filter(|entry| entry.kind == Kind::Array) {
            let mut parts = elements(entry.raw);
            let (Some(at), Some(line)) = (parts.next(), parts.next()) else { continue };
            let at = d.seen_time(at.raw, layer.place.at.received);
            let layer = Layer { place: self.around(d, layer.place, at, None), ..layer };
            let mut buffer = self.buffer();
            let text = line.text(&mut buffer).as_bytes();
            if self.open(d, layer.inner(text.trim_ascii_end()), out) == Taken::Yes {
                taken = Taken::Yes;
            }
            self.keep(buffer);
        }
        taken
    }

    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// The objects of a list.
    pub(super) fn each(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        out: &mut Batch,
        mut open: impl FnMut(&mut Frame, &mut Decoder, Layer<'_>, &mut Batch) -> Taken,
    ) -> Taken {
        let taken = self.alone(d, out, |frame, d, out| {
            let mut taken = Taken::No;
            for element in elements(layer.text).filter(|element| element.kind == Kind::Object) {
                note(d, layer.depth, "list", b"");
                if open(frame, d, layer.inner(element.raw), out) == Taken::Yes {
                    taken = Taken::Yes;
                }
            }
            taken
        });
        match taken {
            Taken::Yes => Taken::Yes,
            Taken::No => self.unclaimed(d, layer, Shape::Array, out),
        }
    }

    /// The inside of a wrapper that may have split a line.
    pub(super) fn piece(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        part: Option<Part<'_>>,
        out: &mut Batch,
    ) -> Taken {
        let place = layer.place;
        let Some(part) = part.filter(|part| {
            part.more == More::Follows
                || (!self.partials.is_empty() && self.partials.waits(part.stream))
        }) else {
            let text = layer.text.strip_suffix(b"\n").unwrap_or(layer.text);
            return self.open(d, Layer { text, ..layer }, out);
        };
        if part.more == More::Follows {
            self.partials.add(part.stream, layer.text, place, out);
        } else if let Some((text, place)) = self.partials.end(part.stream, layer.text, place, out) {
            let whole = text.strip_suffix(b"\n").unwrap_or(&text);
            self.open(d, Layer { text: whole, place, ..layer }, out);
            self.partials.give_back(text);
        }
        Taken::Yes
    }

    /// Several lines in one message.
    pub(super) fn lines(&mut self, d: &mut Decoder, layer: Layer<'_>, out: &mut Batch) -> Taken {
        self.alone(d, out, |frame, d, out| {
            let mut taken = Taken::No;
            for text in layer.text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                if frame.open(d, Layer { text, ..layer }, out) == Taken::Yes {
                    taken = Taken::Yes;
                }
            }
            taken
        })
    }
}
