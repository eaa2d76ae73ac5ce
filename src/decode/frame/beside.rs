//! What stands beside a record in its wrapper: handed on, so that it fills what the record
//! does not say itself.

use super::envelope::Payload;
use super::object::{Object, Raw};
use super::{Frame, Layer, Taken};
use crate::decode::decoder::Decoder;
use crate::domain::Batch;
use crate::scan::members;

impl Frame {
    /// Opens what the object in `layer` has under the key `carrier`, with its other members,
    /// and those of the wrappers around it, beside it.
    pub(super) fn among(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        carrier: &[u8],
        out: &mut Batch,
        open: impl FnOnce(&mut Frame, &mut Decoder, &mut Batch) -> Taken,
    ) -> Taken {
        let outer = d.beside(Vec::new());
        let mut text = self.buffer();
        beside(layer.text, carrier, &outer, &mut text);
        d.beside(text);
        let taken = open(self, d, out);
        let text = d.beside(outer);
        self.keep(text);
        taken
    }

    /// Opens several records: what stands beside all of them is of none.
    pub(super) fn alone(
        &mut self,
        d: &mut Decoder,
        out: &mut Batch,
        open: impl FnOnce(&mut Frame, &mut Decoder, &mut Batch) -> Taken,
    ) -> Taken {
        let outer = d.beside(Vec::new());
        let taken = open(self, d, out);
        d.beside(outer);
        taken
    }
}

/// Whether what is carried may be a record, and no text for people.
pub(super) fn may_be_record(payload: Payload<'_>) -> bool {
    match payload {
        Payload::Text(text) => memchr::memchr2(b'{', b'=', text.raw).is_some(),
        Payload::Object(_) | Payload::Packed(_) => true,
        Payload::List(_) | Payload::Bytes(_) | Payload::Entries(_) | Payload::Missing => false,
    }
}

/// The members of `object` but for the one that carries, and those of `outer` whose keys it
/// does not have.
fn beside(object: &[u8], carrier: &[u8], outer: &[u8], into: &mut Vec<u8>) {
    let mut all = Object::begin(into);
    let own = || members(object).filter(|(key, _)| key.raw != carrier);
    let others = members(outer).filter(|(key, _)| own().all(|(known, _)| known.raw != key.raw));
    for (key, value) in own().chain(others) {
        let value = if value.is_text() { Raw::InString(value.raw) } else { Raw::Json(value.raw) };
        all.value(&[key.raw], value);
    }
    all.end();
}
