//! Collects the response headers that stand in a line, by the map's word on
//! where they are.

use crate::decode::eval::{Scratch, holds};
use crate::decode::formats::Format;
use crate::decode::headers::HeaderBag;
use crate::decode::map::{Drop, Headers};
use crate::scan::{Kind, Scan, Slot, Value, elements, members};

pub(super) fn collect(format: &Format, scan: Scan<'_>, bag: &mut HeaderBag, scratch: &mut Scratch) {
    let map = &format.map.headers;
    let mut into = Into { map, scan, bag, scratch };
    for value in map.from.iter().filter_map(|slot| scan.get(*slot)) {
        match value.kind {
            Kind::Object => {
                for (name, value) in members(value.raw) {
                    into.push(name, value);
                }
            }
            Kind::Array => into.pairs(value),
            _ => {}
        }
    }
    if !map.named.is_empty() {
        into.named(format);
    }
}

struct Into<'c> {
    map: &'c Headers<Slot>,
    scan: Scan<'c>,
    bag: &'c mut HeaderBag,
    scratch: &'c mut Scratch,
}

impl Into<'_> {
    /// `[[name, value], …]` or, as in HAR, `[{"name": name, "value": value}, …]`
    fn pairs(&mut self, list: Value<'_>) {
        for pair in elements(list.raw) {
            let (name, value) = match pair.kind {
                Kind::Array => {
                    let mut pair = elements(pair.raw);
                    (pair.next(), pair.next())
                }
                Kind::Object => (member(pair, b"name"), member(pair, b"value")),
                _ => continue,
            };
            if let (Some(name), Some(value)) = (name, value) {
                self.push(name, value);
            }
        }
    }

    /// Fields that hold the value of one header each. Of several for the same
    /// header the line's first counts.
    fn named(&mut self, format: &Format) {
        let mut taken = 0_u128;
        for slot in self.scan.slots() {
            let Some(position) = format.presence.header(slot) else { continue };
            let Some((name, _)) = self.map.named.get(usize::from(position)) else { continue };
            let bit = 1_u128.checked_shl(position.into()).unwrap_or(0);
            let Some(value) = self.scan.get(slot).filter(|value| !value.is_absent()) else {
                continue;
            };
            if taken & bit == 0 {
                taken |= bit;
                self.bag.push(name.as_bytes(), value.text(self.scratch.escapes()).as_bytes());
            }
        }
    }

    fn push(&mut self, name: Value<'_>, value: Value<'_>) {
        match value.kind {
            // A header that was sent more than once.
            Kind::Array => {
                for value in elements(value.raw).filter(|value| value.kind != Kind::Array) {
                    self.push(name, value);
                }
            }
            Kind::Object => {}
            _ if value.is_absent() || name.kind != Kind::Str || self.is_dropped(name.raw) => {}
            _ => self.bag.push(name.raw, value.text(self.scratch.escapes()).as_bytes()),
        }
    }

    fn is_dropped(&self, name: &[u8]) -> bool {
        let names = |drop: &&Drop<Slot>| drop.names.iter().any(|known| same(known, name));
        self.map.drop.iter().filter(names).any(|drop| holds(self.scan, &drop.when))
    }
}

fn member<'v>(object: Value<'v>, key: &[u8]) -> Option<Value<'v>> {
    members(object.raw).find(|(name, _)| name.raw == key).map(|(_, value)| value)
}

/// Whether a header as sent has the name `known`, which is normalised.
fn same(known: &str, sent: &[u8]) -> bool {
    known.len() == sent.len()
        && known.bytes().zip(sent).all(|(known, sent)| {
            known == sent.to_ascii_lowercase() || (known == b'-' && *sent == b'_')
        })
}
