//! The fast scan: one walk over a line that is in memory as a whole.
//!
//! It recurses only along wanted paths, so never deeper than the longest of
//! them; everything else is stepped over by counting brackets.

use super::found::{Found, Place};
use super::lex::{self, Comma, Span, Token};
use super::paths::{Node, NodeId, Paths};
use super::value::Kind;
use super::{Shape, escape};

/// How many strings in strings are opened.
pub(super) const MAX_INSIDE: u8 = 3;

/// Walks the container that `line` holds from `at` on; the rest must be padding.
pub(super) fn line(paths: &Paths, line: &[u8], at: usize, found: &mut Found) -> Shape {
    let mut walk = Walk { paths, bytes: line, place: Place::Line, level: 0, found };
    let Some((shape, closer)) = shape_of(line, at) else { return Shape::NotJson };
    let end = walk.container(at, paths.node(Paths::ROOT));
    found.end_missed(paths);
    if is_closed(line, end, closer) { shape } else { Shape::Broken }
}

/// Whether `line` holds an object from `at` on, and behind it padding only.
pub(super) fn is_object(line: &[u8], at: usize) -> bool {
    match shape_of(line, at) {
        Some((Shape::Object, closer)) => is_closed(line, lex::skip_container(line, at + 1), closer),
        _ => false,
    }
}

/// Whether a container that ends before `end` is closed as it must be, and is the last one.
fn is_closed(line: &[u8], end: Option<usize>, closer: u8) -> bool {
    end.is_some_and(|end| {
        let rest = line.get(end..).unwrap_or_default();
        end.checked_sub(1).and_then(|last| line.get(last)) == Some(&closer)
            && rest.iter().all(|byte| lex::is_padding(*byte))
    })
}

/// Whether `line` opens an object or array at `at`, and what must close it. An
/// object that does not begin with a quoted key is no JSON object.
fn shape_of(line: &[u8], at: usize) -> Option<(Shape, u8)> {
    match line.get(at)? {
        b'[' => Some((Shape::Array, b']')),
        b'{' => match line.get(lex::skip_space(line, at + 1)) {
            Some(b'"' | b'}') => Some((Shape::Object, b'}')),
            _ => Some((Shape::Broken, b'}')),
        },
        _ => None,
    }
}

/// Opens a string that may hold JSON, `raw` without its quotes, wanted beneath `node`.
pub(super) fn inside(paths: &Paths, node: &Node, raw: &[u8], level: u8, found: &mut Found) {
    if level >= MAX_INSIDE || !may_hold_json(raw) {
        return;
    }
    found.skeletons.marks.give_up();
    let Some((number, mut text)) = found.borrow_inside() else { return found.miss() };
    escape::decode(raw, &mut text);
    let at = lex::skip_space(&text, 0);
    if matches!(text.get(at), Some(b'{' | b'[')) {
        let place = Place::Inside(number);
        let mut walk = Walk { paths, bytes: &text, place, level: level + 1, found };
        walk.container(at, Some(node));
    }
    found.give_back(number, text);
}

/// Whether the string content `raw` may be an object or array.
pub(super) fn may_hold_json(raw: &[u8]) -> bool {
    matches!(raw.get(lex::skip_space(raw, 0)), Some(b'{' | b'[' | b'\\'))
}

struct Walk<'w> {
    paths: &'w Paths,
    bytes: &'w [u8],
    place: Place,
    /// How many strings this text stands in.
    level: u8,
    found: &'w mut Found,
}

/// A string where a key belongs.
enum Key {
    /// It is one: behind its colon is a value, which the paths may want.
    Member { behind: usize, leads_to: Option<NodeId> },
    /// It has no colon.
    Stray { behind: usize },
}

/// Most of these return where they stopped, or nothing when the text ended first.
impl<'w> Walk<'w> {
    /// The container whose bracket is at `at`; stops behind its end.
    fn container(&mut self, at: usize, node: Option<&'w Node>) -> Option<usize> {
        match (node, self.bytes.get(at)) {
            (Some(node), Some(b'{')) if node.deeper => self.object(at + 1, node),
            (Some(node), Some(_)) if node.deeper => self.array(at + 1, node),
            _ => lex::skip_container(self.bytes, at + 1),
        }
    }

    fn object(&mut self, mut at: usize, node: &'w Node) -> Option<usize> {
        let bytes = self.bytes;
        loop {
            at = lex::skip_space(bytes, at);
            match *bytes.get(at)? {
                b'"' => {
                    at = match self.key(at, node)? {
                        Key::Member { behind, leads_to } => {
                            let child = leads_to.and_then(|id| self.paths.node(id));
                            let span = self.value(behind, child, Comma::EndsUnlessNumber)?;
                            if span.token == Token::Spoiled {
                                self.miss(span.junk(bytes), node);
                            }
                            span.next
                        }
                        Key::Stray { behind } => {
                            self.miss(bytes.get(at..behind).unwrap_or_default(), node);
                            behind
                        }
                    };
                }
                b'}' | b']' => return Some(at + 1),
                b',' => at += 1,
                _ => {
                    let end = lex::junk_end(bytes, at)?;
                    self.miss(bytes.get(at..end).unwrap_or_default(), node);
                    at = end;
                }
            }
        }
    }

    /// Notes the members of `node` that are named in what does not belong into an object.
    #[cold]
    fn miss(&mut self, junk: &[u8], node: &Node) {
        self.found.skeletons.marks.give_up();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let mut at = 0;
        while let Some(start) = junk.iter().skip(at).position(is_name).map(|skip| at + skip) {
            let word = junk.get(start..).unwrap_or_default();
            let word = word.split(|byte| !is_name(byte)).next().unwrap_or_default();
            at = start + word.len();
            let before = start.checked_sub(1).and_then(|before| junk.get(before));
            let quote = before.filter(|byte| matches!(byte, b'"' | b'\''));
            let is_key = match quote {
                Some(quote) => junk.get(at) == Some(quote),
                None => junk.get(lex::skip_space(junk, at)) == Some(&b':'),
            };
            if let Some(id) = node.member(word).filter(|_| is_key) {
                self.found.miss_path(id);
            }
        }
    }

    /// The string whose quote is at `at`, where a key belongs.
    fn key(&mut self, at: usize, node: &Node) -> Option<Key> {
        let end = lex::string_end(self.bytes, at + 1)?;
        let colon = lex::skip_space(self.bytes, end + 1);
        if *self.bytes.get(colon)? != b':' {
            return Some(Key::Stray { behind: colon });
        }
        let leads_to = node.member(self.bytes.get(at + 1..end)?);
        Some(Key::Member { behind: colon + 1, leads_to })
    }

    fn array(&mut self, mut at: usize, node: &'w Node) -> Option<usize> {
        let mut index = 0_u32;
        loop {
            at = lex::skip_space(self.bytes, at);
            match *self.bytes.get(at)? {
                b'}' | b']' => return Some(at + 1),
                b',' => {
                    index = index.saturating_add(1);
                    at += 1;
                }
                _ => {
                    let child = node.element(index).and_then(|id| self.paths.node(id));
                    at = self.value(at, child, Comma::Ends)?.next;
                }
            }
        }
    }

    /// The value at `at`; behind it is a comma or bracket.
    #[inline]
    fn value(&mut self, at: usize, child: Option<&'w Node>, comma: Comma) -> Option<Span> {
        let bytes = self.bytes;
        let span = lex::value(bytes, at, comma, |at| self.container(at, child))?;
        self.found.skeletons.marks.note(span, child);
        if let Some(child) = child {
            self.note(child, span);
        }
        Some(span)
    }

    fn note(&mut self, node: &Node, span: Span) {
        let (start, raw) = span.inner(self.bytes);
        if !node.slots.is_empty() {
            let kind = Kind::of(span.token, raw);
            self.found.add(&node.slots, kind, (self.place, start), raw.len());
        }
        if span.token == Token::Text && node.deeper {
            inside(self.paths, node, raw, self.level, self.found);
        }
    }
}
