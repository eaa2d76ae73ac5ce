//! What stands beside a record in its wrapper: handed on, so that it fills what the record
//! does not say itself.

use super::Frame;
use super::envelope::Payload;
use super::object::{Object, Raw};
use crate::decode::decoder::Decoder;
use crate::domain::Batch;
use crate::scan::{Value, members};

/// Members that are handed on, and bytes of one: names are few and short.
const MOST: usize = 128;
const LONGEST: usize = 1024;

impl Frame {
    /// Opens something in `object` with those of its other members that `is_beside` knows,
    /// and those of the wrappers around it, beside it.
    pub(super) fn among<T>(
        &mut self,
        d: &mut Decoder,
        object: &[u8],
        is_beside: impl Fn(&(&[u8], Value<'_>)) -> bool,
        out: &mut Batch,
        open: impl FnOnce(&mut Frame, &mut Decoder, &mut Batch) -> T,
    ) -> T {
        let outer = d.beside(Vec::new());
        let mut text = self.buffer();
        beside(object, is_beside, &outer, &mut text);
        d.beside(text);
        let opened = open(self, d, out);
        let text = d.beside(outer);
        self.keep(text);
        opened
    }

    /// Opens several records: what stands beside all of them is of none.
    pub(super) fn alone<T>(
        &mut self,
        d: &mut Decoder,
        out: &mut Batch,
        open: impl FnOnce(&mut Frame, &mut Decoder, &mut Batch) -> T,
    ) -> T {
        let outer = d.beside(Vec::new());
        let opened = open(self, d, out);
        d.beside(outer);
        opened
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

/// The members of `object` that are handed on, and those of `outer` whose keys it does not
/// have.
fn beside(
    object: &[u8],
    is_beside: impl Fn(&(&[u8], Value<'_>)) -> bool,
    outer: &[u8],
    into: &mut Vec<u8>,
) {
    let mut all = Object::begin(into);
    let mut keys: [&[u8]; MOST] = [b""; MOST];
    let own = members(object).filter(|(key, value)| is_beside(&(key.raw, *value)));
    let short = own.chain(members(outer)).filter(|(_, value)| value.raw.len() <= LONGEST);
    for (key, value) in short {
        let used = all.members();
        if keys.get(..used).is_some_and(|known| known.contains(&key.raw)) {
            continue;
        }
        let Some(place) = keys.get_mut(used) else { break };
        *place = key.raw;
        let value = if value.is_text() { Raw::InString(value.raw) } else { Raw::Json(value.raw) };
        all.value(&[key.raw], value);
    }
    all.end();
}
