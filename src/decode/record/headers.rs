//! Collects the response headers that stand in a line, by the map's word on
//! where they are.

use std::cell::Cell;

use super::objects::{Member, Objects};
use super::written::{self, Written, written};
use crate::decode::alike::{NamedAt, Scanned, Traits};
use crate::decode::eval::{Scratch, holds};
use crate::decode::formats::Format;
use crate::decode::headers::{HeaderBag, HeaderReader, Mark, NameList, Says};
use crate::decode::map::{Drop, Headers, Spot};
use crate::scan::{Kind, Scan, Value, elements, members};

/// Names of one line that are remembered, and how many are passed over to find
/// one again.
const REMEMBERED: usize = 256;
const LOOK_AHEAD: usize = 4;
/// Longer names are not remembered.
const LONGEST: usize = 256;

/// Collects headers. Remembers what the names in the lines before were good for,
/// by their order: most of a response's headers say nothing about limits.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Whose names these are, by the address of the format.
    format: usize,
    known: Known,
    objects: Objects,
    /// Room for a text of headers, and for what it is as JSON.
    text: Vec<u8>,
    json: Vec<u8>,
}

/// What names say, in the order of the line before.
#[derive(Debug, Default)]
struct Known {
    names: NameList,
    says: Vec<Says>,
    /// Room for spelling one name.
    one: HeaderBag,
}

impl Collector {
    /// Puts the headers of a line that say something into `bag`. Whether there is nothing
    /// that speaks of limits and could not be taken apart.
    pub(super) fn collect(
        &mut self,
        format: &Format,
        Scanned { scans, traits }: Scanned<'_>,
        reader: &mut HeaderReader,
        bag: &mut HeaderBag,
        scratch: &mut Scratch,
    ) -> bool {
        let map = &format.map.headers;
        if map.when.as_ref().is_some_and(|when| !holds(scans, when)) {
            return true;
        }
        let address = std::ptr::from_ref(format).addr();
        if self.format != address {
            self.format = address;
            self.known.forget(0);
            self.objects.forget();
        }
        let dropping = map.drop.iter().any(|drop| holds(scans, &drop.when));
        let Collector { known, objects, text, json, .. } = self;
        let mut found_all = true;
        let known = (known, 0);
        let mut into = Into { format, scans, reader, bag, scratch, known, dropping };
        let get = |place: &Spot| scans.get(usize::from(place.part))?.get(place.slot);
        for value in map.from.iter().filter_map(get) {
            let found = match value.kind {
                Kind::Object => {
                    into.object(value, objects);
                    true
                }
                Kind::Array => into.pairs(value),
                Kind::Str | Kind::StrEscaped => into.text(value.text(text), json),
                _ => true,
            };
            found_all &= found || !written::speaks_of_limits(value.raw);
        }
        let record = scans.get(format.map.explode.len()).filter(|_| map.record);
        for (name, value) in record.into_iter().flat_map(|record| members(record.line())) {
            into.push(name, value);
        }
        if !map.named.is_empty() {
            into.named(traits);
        }
        found_all
    }
}

impl Known {
    /// Keeps what is known of the first `count` names.
    fn forget(&mut self, count: usize) {
        self.names.truncate(count);
        self.says.truncate(count);
    }
}

/// Which of a map's named headers a line has given.
#[derive(Default)]
struct Taken([u64; 8]);

impl Taken {
    /// Whether it was not given yet; it is from now on. More than there is room for may be
    /// given again: copies that agree are one.
    fn is_first(&mut self, position: u16) -> bool {
        let Some(word) = self.0.get_mut(usize::from(position / 64)) else { return true };
        let bit = 1 << (position % 64);
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}

struct Into<'c> {
    format: &'c Format,
    scans: &'c [Scan<'c>],
    reader: &'c mut HeaderReader,
    bag: &'c mut HeaderBag,
    scratch: &'c mut Scratch,
    /// What is known of names, and of how many this line had one.
    known: (&'c mut Known, usize),
    /// Some headers do not count in this line.
    dropping: bool,
}

impl<'c> Into<'c> {
    /// `{"name": value, …}`
    fn object(&mut self, object: Value<'_>, objects: &mut Objects) {
        if let Some(alike) = objects.alike(object.raw, &mut |name| self.member(name)) {
            for (member, value) in alike {
                self.take(member, value);
            }
            return;
        }
        self.members(object);
    }

    fn members(&mut self, object: Value<'_>) {
        for (name, value) in members(object.raw) {
            self.push(name, value);
        }
    }

    /// `[[name, value], …]`, as in HAR `[{"name": name, "value": value}, …]`, as Node has
    /// them `[name, value, …]`, or `["name: value", …]`. Whether each was a header.
    fn pairs(&mut self, list: Value<'_>) -> bool {
        let (mut list, mut found_all) = (elements(list.raw), true);
        while let Some(item) = list.next() {
            let pair = match item.kind {
                Kind::Array => {
                    let mut pair = elements(item.raw);
                    pair.next().zip(pair.next())
                }
                Kind::Object => member(item, b"name").zip(member(item, b"value")),
                Kind::Str | Kind::StrEscaped => {
                    written::line(item).or_else(|| Some(item).zip(list.next()))
                }
                _ => None,
            };
            found_all &= pair.is_some();
            if let Some((name, value)) = pair {
                self.push(name, value);
            }
        }
        found_all
    }

    /// Whether there is a header in the text.
    fn text(&mut self, text: &str, json: &mut Vec<u8>) -> bool {
        let lines = match written(text, json) {
            Written::Nested(list) if list.kind == Kind::Array => return self.pairs(list),
            Written::Nested(object) => {
                self.members(object);
                return true;
            }
            Written::Lines(lines) => lines,
        };
        let mut found = false;
        for (name, value) in lines.lines().map(written::plain).filter_map(written::line) {
            found = true;
            self.push(name, value);
        }
        found
    }

    /// Fields that hold the value of one header each. Of several for the same
    /// header the line's first counts.
    fn named(&mut self, traits: Option<&Traits>) {
        let mut taken = Taken::default();
        if let (Some(traits), [scan]) = (traits, self.scans) {
            for NamedAt { rank, position, shared, mark } in &traits.named {
                let value = scan.at(*rank).filter(|value| !value.is_absent());
                match value {
                    Some(value) if *shared => self.take_named(value, *position, &mut taken),
                    Some(value) => self.take_sole(value, *position, mark),
                    None => {}
                }
            }
            return;
        }
        for (part, scan) in self.scans.iter().enumerate() {
            for (slot, position) in self.format.presence.named(part, *scan) {
                if let Some(value) = scan.get(slot).filter(|value| !value.is_absent()) {
                    self.take_named(value, position, &mut taken);
                }
            }
        }
    }

    /// Takes the only value that there can be for a header.
    #[inline]
    fn take_sole(&mut self, value: Value<'_>, position: u16, mark: &Cell<Mark>) {
        if let Some((name, _)) = self.map().named.get(usize::from(position)) {
            let value = trimmed(value, self.scratch);
            self.bag.add_known(name.as_bytes(), value, mark);
        }
    }

    fn take_named(&mut self, value: Value<'_>, position: u16, taken: &mut Taken) {
        if taken.is_first(position)
            && let Some((name, _)) = self.map().named.get(usize::from(position))
        {
            self.bag.add(name.as_bytes(), trimmed(value, self.scratch));
        }
    }

    fn push(&mut self, name: Value<'_>, value: Value<'_>) {
        let says = if name.kind == Kind::Str { self.says(name.raw) } else { Says::Nothing };
        let sent = stripped(self.map(), name.raw).trim_ascii();
        self.take(&Member { name: name.raw, sent, says, mark: Cell::default() }, value);
    }

    fn take<N: AsRef<[u8]>>(&mut self, member: &Member<N>, value: Value<'_>) {
        let Member { name, sent, says, mark } = member;
        let (name, sent, says) = (name.as_ref(), sent.as_ref(), *says);
        if says == Says::Nothing || (self.dropping && self.is_dropped(name)) {
            return;
        }
        match value.kind {
            // A header that was sent more than once.
            Kind::Array => {
                for value in elements(value.raw).filter(|value| value.kind != Kind::Array) {
                    self.add(sent, says, value, mark);
                }
            }
            _ => self.add(sent, says, value, mark),
        }
    }

    fn add(&mut self, sent: &[u8], says: Says, value: Value<'_>, mark: &Cell<Mark>) {
        if value.kind == Kind::Object || value.is_absent() {
            return;
        }
        let value = if says == Says::ByValue { trimmed(value, self.scratch) } else { b"" };
        self.bag.add_known(sent, value, mark);
    }

    /// What a name says, remembered from the lines before if it comes in the
    /// same order.
    fn says(&mut self, name: &[u8]) -> Says {
        let (known, at) = (&mut *self.known.0, self.known.1);
        let near = (at..at + LOOK_AHEAD).find(|near| known.names.get(*near) == Some(name));
        if let Some(near) = near
            && let Some(says) = known.says.get(near)
        {
            self.known.1 = near + 1;
            return *says;
        }
        let says = self.read_name(name);
        let known = &mut *self.known.0;
        if at < REMEMBERED && name.len() <= LONGEST {
            known.forget(at);
            known.names.push(name);
            known.says.push(says);
            self.known.1 = at + 1;
        }
        says
    }

    /// What there is to know of a member by its name, remembered from nowhere.
    fn member(&mut self, name: Value<'_>) -> Member<Box<[u8]>> {
        let says = if name.kind == Kind::Str { self.read_name(name.raw) } else { Says::Nothing };
        let sent = stripped(self.map(), name.raw).trim_ascii();
        Member { name: name.raw.into(), sent: sent.into(), says, mark: Cell::default() }
    }

    fn read_name(&mut self, name: &[u8]) -> Says {
        let (format, one) = (self.format, &mut self.known.0.one);
        one.clear();
        one.push(stripped(&format.map.headers, name), b"");
        match one.get(0) {
            Some(header) if format.map.asks_for(header.name) => Says::ByValue,
            Some(header) => self.reader.says(header),
            None => Says::Nothing,
        }
    }

    fn is_dropped(&self, name: &[u8]) -> bool {
        let names = |drop: &&Drop<Spot>| drop.names.iter().any(|known| same(known, name));
        self.map().drop.iter().filter(names).any(|drop| holds(self.scans, &drop.when))
    }

    fn map(&self) -> &'c Headers<Spot> {
        &self.format.map.headers
    }
}

fn member<'v>(object: Value<'v>, key: &[u8]) -> Option<Value<'v>> {
    members(object.raw).find(|(name, _)| name.raw == key).map(|(_, value)| value)
}

/// A value's text without the space around it. What holds nothing but visible ASCII, as
/// nearly all do, has no space and needs no look at its encoding.
#[inline]
fn trimmed<'v>(value: Value<'v>, scratch: &'v mut Scratch) -> &'v [u8] {
    match value.kind {
        Kind::Number => value.raw,
        Kind::Str if value.raw.iter().all(u8::is_ascii_graphic) => value.raw,
        _ => value.text(scratch.escapes()).as_bytes().trim_ascii(),
    }
}

/// The name without the prefixes that the map takes off, where it has them.
pub(super) fn stripped<'n>(map: &Headers<Spot>, name: &'n [u8]) -> &'n [u8] {
    map.strip_prefix.iter().fold(name, |name, prefix| match name.split_at_checked(prefix.len()) {
        Some((head, rest)) if same(prefix, head) => rest,
        _ => name,
    })
}

/// Whether a header as sent has the name `known`, which is normalised.
fn same(known: &str, sent: &[u8]) -> bool {
    known.len() == sent.len()
        && known.bytes().zip(sent).all(|(known, sent)| {
            known == sent.to_ascii_lowercase() || (known == b'-' && *sent == b'_')
        })
}
