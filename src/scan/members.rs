//! Members and elements of a container that was captured whole. As tolerant
//! as the scan itself; at the first place that cannot be read they just end.

use super::lex::{self, Comma, Span, Token};
use super::value::{Kind, Value};

/// Iterator over the members of an object, made by [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Iterator over the elements of an array, made by [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Keys and values of a captured object, brackets included or not.
#[must_use]
pub fn members(object_raw: &[u8]) -> Members<'_> {
    Members { bytes: object_raw, at: start(object_raw, b'{') }
}

/// Elements of a captured array, brackets included or not.
#[must_use]
pub fn elements(array_raw: &[u8]) -> Elements<'_> {
    Elements { bytes: array_raw, at: start(array_raw, b'[') }
}

/// The string that a text as a whole is.
#[must_use]
pub fn string(whole: &[u8]) -> Option<Value<'_>> {
    let whole = whole.trim_ascii();
    let inner = whole.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    (lex::string_end(whole, 1)? + 1 == whole.len()).then(|| text(inner))
}

fn start(bytes: &[u8], opener: u8) -> usize {
    let at = lex::skip_space(bytes, 0);
    if bytes.get(at) == Some(&opener) { at + 1 } else { at }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.at = lex::skip_space(self.bytes, self.at);
            match self.bytes.get(self.at)? {
                b'"' => {
                    let end = lex::string_end(self.bytes, self.at + 1)?;
                    let colon = lex::skip_space(self.bytes, end + 1);
                    if self.bytes.get(colon)? != &b':' {
                        self.at = colon;
                        continue;
                    }
                    let key = text(self.bytes.get(self.at + 1..end)?);
                    let value = read(self.bytes, colon + 1, Comma::EndsUnlessNumber)?;
                    self.at = value.next;
                    return Some((key, shown(self.bytes, value)));
                }
                b'}' | b']' => return None,
                b',' => self.at += 1,
                _ => self.at = lex::junk_end(self.bytes, self.at)?,
            }
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.at = lex::skip_space(self.bytes, self.at);
            match self.bytes.get(self.at)? {
                b'}' | b']' => return None,
                b',' => self.at += 1,
                _ => {
                    let value = read(self.bytes, self.at, Comma::Ends)?;
                    self.at = value.next;
                    return Some(shown(self.bytes, value));
                }
            }
        }
    }
}

fn read(bytes: &[u8], at: usize, comma: Comma) -> Option<Span> {
    lex::value(bytes, at, comma, |at| lex::skip_container(bytes, at + 1))
}

fn text(inner: &[u8]) -> Value<'_> {
    Value { kind: Kind::of(Token::Text, inner), raw: inner }
}

fn shown(bytes: &[u8], span: Span) -> Value<'_> {
    let (_, raw) = span.inner(bytes);
    Value { kind: Kind::of(span.token, raw), raw }
}
