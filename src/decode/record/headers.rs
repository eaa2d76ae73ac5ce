//! Collects the response headers that stand in a line, by the map's word on
//! where they are.

use crate::decode::eval::{Scratch, holds};
use crate::decode::formats::Format;
use crate::decode::headers::HeaderBag;
use crate::decode::map::{Drop, Headers, Spot};
use crate::scan::{Kind, Scan, Value, elements, members};

pub(super) fn collect(
    format: &Format,
    scans: &[Scan<'_>],
    bag: &mut HeaderBag,
    scratch: &mut Scratch,
) {
    let map = &format.map.headers;
    if map.when.as_ref().is_some_and(|when| !holds(scans, when)) {
        return;
    }
    let mut into = Into { map, scans, bag, scratch };
    let get = |place: &Spot| scans.get(usize::from(place.part))?.get(place.slot);
    for value in map.from.iter().filter_map(get) {
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
    map: &'c Headers<Spot>,
    scans: &'c [Scan<'c>],
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
        for (part, scan) in self.scans.iter().enumerate() {
            for slot in scan.slots() {
                let Some(position) = format.presence.header(part, slot) else { continue };
                let Some((name, _)) = self.map.named.get(usize::from(position)) else { continue };
                let bit = 1_u128.checked_shl(position.into()).unwrap_or(0);
                let value = scan.get(slot).filter(|value| !value.is_absent());
                if let Some(value) = value.filter(|_| taken & bit == 0) {
                    taken |= bit;
                    self.bag.push(name.as_bytes(), value.text(self.scratch.escapes()).as_bytes());
                }
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
            _ => {
                let prefixes = self.map.strip_prefix.iter();
                let name = prefixes.fold(name.raw, |name, prefix| stripped(prefix, name));
                self.bag.push(name, value.text(self.scratch.escapes()).as_bytes());
            }
        }
    }

    fn is_dropped(&self, name: &[u8]) -> bool {
        let names = |drop: &&Drop<Spot>| drop.names.iter().any(|known| same(known, name));
        self.map.drop.iter().filter(names).any(|drop| holds(self.scans, &drop.when))
    }
}

fn member<'v>(object: Value<'v>, key: &[u8]) -> Option<Value<'v>> {
    members(object.raw).find(|(name, _)| name.raw == key).map(|(_, value)| value)
}

/// The name without a prefix, where it has it.
fn stripped<'n>(prefix: &str, name: &'n [u8]) -> &'n [u8] {
    match name.split_at_checked(prefix.len()) {
        Some((head, rest)) if same(prefix, head) => rest,
        _ => name,
    }
}

/// Whether a header as sent has the name `known`, which is normalised.
fn same(known: &str, sent: &[u8]) -> bool {
    known.len() == sent.len()
        && known.bytes().zip(sent).all(|(known, sent)| {
            known == sent.to_ascii_lowercase() || (known == b'-' && *sent == b'_')
        })
}
