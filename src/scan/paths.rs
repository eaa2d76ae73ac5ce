//! Wanted paths, compiled so that one look-up per member tells whether the
//! member, or anything beneath it, is wanted.

use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use super::{escape, lex};

/// Where the values of one added path are found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(super) u16);

/// Collects paths.
///
/// A path is a list of keys with dots between them. `a.b.c` finds the nested
/// `{"a":{"b":{"c":1}}}` as well as flat keys with dots (`{"a.b":{"c":1}}`). A
/// number (`choices.0` or `choices[0]`) also finds that element of an array,
/// and `*` finds every member or element of its level.
#[derive(Debug, Default)]
pub struct PathsBuilder {
    paths: Vec<Box<[Segment]>>,
    /// Their places, by the one way to write each.
    known: FxHashMap<Box<str>, u16>,
}

/// Paths ready for use; immutable, made to be shared.
#[derive(Debug)]
pub struct Paths {
    /// Tells these paths from all others, for what is remembered between lines.
    pub(super) serial: u64,
    nodes: Box<[Node]>,
    slots: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(Box<str>),
    Any,
}

/// The serial number of the next paths; zero is none.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Deeper paths match nothing; the walk may recurse once per segment.
const MAX_SEGMENTS: usize = 64;

/// Progress in one path: its number, and how many of its segments are behind us.
type Item = (u16, u16);

impl Slot {
    /// Position in a table with one place for each slot.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl PathsBuilder {
    /// No paths yet.
    #[must_use]
    pub fn new() -> PathsBuilder {
        PathsBuilder::default()
    }

    /// Wants `path` too. The same path twice is the same slot.
    pub fn add(&mut self, path: &str) -> Slot {
        let dotted = path.replace('[', ".").replace(']', "");
        let path = dotted.trim_start_matches('.');
        if let Some(slot) = self.known.get(path) {
            return Slot(*slot);
        }
        // The last number stays free: a slot that no path ever fills.
        let Some(slot) = u16::try_from(self.paths.len()).ok().filter(|slot| *slot < u16::MAX)
        else {
            return Slot(u16::MAX);
        };
        self.paths.push(segments(path));
        self.known.insert(path.into(), slot);
        Slot(slot)
    }

    /// Compiles.
    #[must_use]
    pub fn build(self) -> Paths {
        let usable = self.paths.iter().zip(0_u16..).filter(|(path, _)| path.len() <= MAX_SEGMENTS);
        let start: Vec<Item> = usable.map(|(_, number)| (number, 0)).collect();
        let mut compiler =
            Compiler { paths: &self.paths, ids: FxHashMap::default(), waiting: Vec::new() };
        compiler.id(start);
        let mut nodes = Vec::new();
        // `node` appends to `waiting` whatever new state it meets.
        while let Some(items) = compiler.waiting.get(nodes.len()).cloned() {
            nodes.push(compiler.node(&items));
        }
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Paths { serial, nodes: nodes.into_boxed_slice(), slots: self.paths.len() }
    }
}

fn segments(dotted: &str) -> Box<[Segment]> {
    let segment = |part: &str| if part == "*" { Segment::Any } else { Segment::Key(part.into()) };
    dotted.split('.').map(segment).collect()
}

/// Turns sets of half-walked paths into nodes, each set once.
struct Compiler<'p> {
    paths: &'p [Box<[Segment]>],
    ids: FxHashMap<Vec<Item>, NodeId>,
    waiting: Vec<Vec<Item>>,
}

impl Compiler<'_> {
    fn id(&mut self, mut items: Vec<Item>) -> NodeId {
        items.sort_unstable();
        items.dedup();
        let next = NodeId(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX));
        *self.ids.entry(items).or_insert_with_key(|items| {
            self.waiting.push(items.clone());
            next
        })
    }

    fn rest(&self, (path, done): Item) -> &[Segment] {
        let segments = self.paths.get(usize::from(path));
        segments.and_then(|all| all.get(usize::from(done)..)).unwrap_or_default()
    }

    fn node(&mut self, items: &[Item]) -> Node {
        let mut slots = Vec::new();
        let mut any = Vec::new();
        let mut by_key: Vec<(String, Vec<Item>)> = Vec::new();
        for &item in items {
            match self.rest(item) {
                [] => slots.push(Slot(item.0)),
                [Segment::Any, ..] => any.push((item.0, item.1 + 1)),
                rest => {
                    let mut key = String::new();
                    for (segment, done) in rest.iter().zip(item.1 + 1..) {
                        let Segment::Key(part) = segment else { break };
                        key.push_str(part);
                        match by_key.iter_mut().find(|(have, _)| *have == key) {
                            Some((_, reached)) => reached.push((item.0, done)),
                            None => by_key.push((key.clone(), vec![(item.0, done)])),
                        }
                        key.push('.');
                    }
                }
            }
        }
        let mut keys = Vec::new();
        for (key, mut reached) in by_key {
            reached.extend_from_slice(&any);
            keys.push((key, self.id(reached)));
        }
        let elements = keys.iter().filter_map(|(key, id)| Some((key.parse().ok()?, *id))).collect();
        let deeper = !keys.is_empty() || !any.is_empty();
        let any = (!any.is_empty()).then(|| self.id(any));
        Node { slots: slots.into(), deeper, keys: KeyTable::new(&keys), elements, any }
    }
}

/// A level of the compiled paths, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

/// One level of the compiled paths.
#[derive(Debug)]
pub(super) struct Node {
    /// Paths that end here.
    pub(super) slots: Box<[Slot]>,
    /// Whether paths go on beneath.
    pub(super) deeper: bool,
    keys: KeyTable,
    elements: Box<[(u32, NodeId)]>,
    any: Option<NodeId>,
}

impl Paths {
    /// How many slots there are.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The level a line starts on.
    pub(super) const ROOT: NodeId = NodeId(0);

    #[inline]
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// Tells of each path that ends at a level or beneath it.
    pub(super) fn beneath(&self, id: NodeId, tell: &mut dyn FnMut(&[Slot])) {
        let Some(node) = self.node(id) else { return };
        tell(&node.slots);
        let keys = node.keys.entries.iter().map(|entry| entry.node);
        for child in keys.chain(node.any) {
            self.beneath(child, tell);
        }
    }
}

impl Node {
    /// Where the member `raw` (a key as written, without quotes) of `node`
    /// leads, if anywhere.
    #[inline]
    pub(super) fn member(&self, raw: &[u8]) -> Option<NodeId> {
        self.keys.find(raw).or_else(|| self.unescaped(raw)).or(self.any)
    }

    /// Where the element `index` of `node` leads, if anywhere.
    pub(super) fn element(&self, index: u32) -> Option<NodeId> {
        let exact = self.elements.iter().find(|(have, _)| *have == index);
        exact.map(|(_, id)| *id).or(self.any)
    }

    /// Longest key, as written, that can match here: `\u0063` is six bytes for one.
    pub(super) fn longest_raw_key(&self) -> usize {
        self.keys.longest * 6
    }

    fn unescaped(&self, raw: &[u8]) -> Option<NodeId> {
        if raw.len() > self.longest_raw_key() || !lex::has_backslash(raw) {
            return None;
        }
        let mut key = Vec::new();
        escape::decode(raw, &mut key);
        self.keys.find(&key)
    }
}

/// A small hash table from key to node; comparing two words settles most keys.
#[derive(Debug)]
struct KeyTable {
    entries: Box<[Entry]>,
    /// Position in `entries` plus one; zero is free. A power of two long.
    places: Box<[u16]>,
    longest: usize,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    key: Box<[u8]>,
    node: NodeId,
}

/// Length and both ends of a key: all of it up to sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    len: usize,
    head: u64,
    tail: u64,
}

impl Print {
    #[inline]
    fn of(key: &[u8]) -> Print {
        let len = key.len();
        let (head, tail) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
                (Some(head), Some(tail)) => {
                    (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into())
                }
                _ => (key.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
            },
        };
        Print { len, head, tail }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the upper half is the better half")]
    fn hash(self) -> usize {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let word = self.head ^ self.tail.rotate_left(29) ^ self.len as u64;
        (word.wrapping_mul(MIX) >> 32) as usize
    }
}

impl KeyTable {
    fn new(keys: &[(String, NodeId)]) -> KeyTable {
        let entry = |(key, node): &(String, NodeId)| {
            let key: Box<[u8]> = key.as_bytes().into();
            Entry { print: Print::of(&key), key, node: *node }
        };
        let entries: Box<[Entry]> = keys.iter().map(entry).collect();
        let mut places = vec![0_u16; (entries.len() * 4).next_power_of_two().max(1)];
        let mask = places.len() - 1;
        for (entry, number) in entries.iter().zip(1_u16..) {
            let mut at = entry.print.hash() & mask;
            while places.get(at).is_some_and(|place| *place != 0) {
                at = (at + 1) & mask;
            }
            if let Some(place) = places.get_mut(at) {
                *place = number;
            }
        }
        let longest = entries.iter().map(|entry| entry.key.len()).max().unwrap_or(0);
        KeyTable { entries, places: places.into(), longest }
    }

    #[inline]
    fn find(&self, key: &[u8]) -> Option<NodeId> {
        let print = Print::of(key);
        let mask = self.places.len() - 1;
        let mut at = print.hash() & mask;
        loop {
            let place = *self.places.get(at)?;
            let entry = self.entries.get(usize::from(place).checked_sub(1)?)?;
            if entry.print == print && (print.len <= 16 || *entry.key == *key) {
                return Some(entry.node);
            }
            at = (at + 1) & mask;
        }
    }
}
