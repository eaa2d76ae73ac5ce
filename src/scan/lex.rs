//! Where strings, containers and values end: the byte rules that the walk, the
//! streaming scan and the member iterators share. Knows no paths and keeps
//! nothing.
//!
//! The rules are wider than JSON, because a gateway's mistake in one field must
//! not hide another: any closing bracket closes any opening one, a single quote
//! opens a string where a token may start, and whatever is left over up to the
//! next comma or closing bracket is junk to step over.

use super::blocks;

/// Bytes that mean something outside a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Quote,
    Single,
    Open,
    Close,
    Comma,
}

impl Class {
    const fn of(byte: u8) -> Class {
        match byte {
            b'"' => Class::Quote,
            b'\'' => Class::Single,
            b'{' | b'[' => Class::Open,
            b'}' | b']' => Class::Close,
            b',' => Class::Comma,
            _ => Class::Plain,
        }
    }
}

#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Comma or closing bracket: what may follow a finished value.
pub(super) const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']')
}

/// Whether a bare value goes on behind a comma: nginx writes one number per
/// upstream try, `0.000, 0.836`, and a decimal comma must not pass for a point.
pub(super) const fn continues_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.')
}

/// Whether a token may start behind `byte`, so that a single quote opens a string.
pub(super) const fn opens_token(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b',' | b':')
}

/// The first position from `at` that is not space.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_space) {
        at += 1;
    }
    at
}

/// The position of the quote that closes a string whose content starts at `start`.
#[inline]
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    match near_quote(bytes, start) {
        Some(at) if bytes.get(at.wrapping_sub(1)) != Some(&b'\\') => Some(at),
        _ => blocks::string_end(bytes, start),
    }
}

/// The position of the single quote that closes a string starting at `start`.
pub(super) fn single_end(bytes: &[u8], start: usize) -> Option<usize> {
    quoted_end(b'\'', bytes, start)
}

/// The first double quote in the 32 bytes from `at` on. Most strings are
/// short, and whole blocks cost more than they save on them.
#[inline]
fn near_quote(bytes: &[u8], at: usize) -> Option<usize> {
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let near = bytes.get(at..)?.first_chunk::<32>()?;
    for (word, offset) in near.as_chunks::<8>().0.iter().zip([0, 8, 16, 24]) {
        let hits = zero_bytes(u64::from_le_bytes(*word) ^ QUOTES);
        if hits != 0 {
            return Some(at + offset + hits.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// The first `quote` that is not escaped, in a string whose content starts at `start`.
pub(super) fn quoted_end(quote: u8, bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr::memchr2(quote, b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&quote) {
            return Some(at);
        }
        at += 2;
    }
}

/// High bits at the zero bytes of `word`; exact for the lowest of them.
const fn zero_bytes(word: u64) -> u64 {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    word.wrapping_sub(LOW) & !word & (LOW << 7)
}

/// Whether a (mostly short) string holds an escape.
#[inline]
pub(super) fn has_backslash(raw: &[u8]) -> bool {
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    let mut rest = raw;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        if zero_bytes(u64::from_le_bytes(*word) ^ BACKSLASHES) != 0 {
            return true;
        }
        rest = after;
    }
    rest.contains(&b'\\')
}

/// The position behind the bracket that closes a container whose content
/// starts at `at`.
#[inline]
pub(super) fn skip_container(bytes: &[u8], at: usize) -> Option<usize> {
    blocks::container_end(bytes, at)
}

/// The position behind the bracket that closes the outermost of `depth` open
/// containers, one byte at a time.
pub(super) fn skip_levels(bytes: &[u8], mut at: usize, mut depth: usize) -> Option<usize> {
    loop {
        match Class::of(*bytes.get(at)?) {
            Class::Plain | Class::Comma => {}
            Class::Quote => at = string_end(bytes, at + 1)?,
            Class::Single => at = step_odd(bytes, at)?,
            Class::Open => depth += 1,
            Class::Close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        at += 1;
    }
}

/// The position of the next comma or closing bracket on this level.
#[inline]
pub(super) fn junk_end(bytes: &[u8], at: usize) -> Option<usize> {
    stepped(bytes, at, &mut Token::Word)
}

/// The same of what is `token`, unless there are strings or containers in it.
#[inline]
fn stepped(bytes: &[u8], mut at: usize, token: &mut Token) -> Option<usize> {
    loop {
        match Class::of(*bytes.get(at)?) {
            Class::Plain => {
                at += 1;
                continue;
            }
            Class::Comma | Class::Close => return Some(at),
            Class::Quote => at = string_end(bytes, at + 1)? + 1,
            Class::Single => at = step_odd(bytes, at)? + 1,
            Class::Open => at = skip_container(bytes, at + 1)?,
        }
        *token = Token::Spoiled;
    }
}

/// The last byte of what the odd byte at `at`, outside of strings, begins: of a
/// single quote its string where a token may start, else only itself.
pub(super) fn step_odd(bytes: &[u8], at: usize) -> Option<usize> {
    let before = bytes.get(..at).unwrap_or_default();
    let previous = || before.iter().rev().find(|byte| !is_space(**byte));
    let is_single = bytes.get(at) == Some(&b'\'');
    if is_single && previous().copied().is_some_and(opens_token) {
        single_end(bytes, at + 1)
    } else {
        Some(at)
    }
}

/// What a value's first byte says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A string in double quotes.
    Text,
    /// An object.
    Object,
    /// An array.
    Array,
    /// A string in single quotes.
    Single,
    /// Anything else: a number, a word, or nothing at all.
    Word,
    /// A token with something behind it that does not belong there.
    Spoiled,
}

impl Token {
    pub(super) const fn starting_with(byte: u8) -> Token {
        match byte {
            b'"' => Token::Text,
            b'{' => Token::Object,
            b'[' => Token::Array,
            b'\'' => Token::Single,
            _ => Token::Word,
        }
    }
}

/// What a comma does to the bare value before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comma {
    /// It ends the value (in arrays).
    Ends,
    /// It ends the value unless a number follows (in objects).
    EndsUnlessNumber,
}

/// One value: all bytes from its first to its last, quotes and brackets included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Position of the comma or bracket behind the value.
    pub(super) next: usize,
}

impl Span {
    /// What stands behind a token and does not belong there.
    #[cold]
    pub(super) fn junk(self, bytes: &[u8]) -> &[u8] {
        let start = self.start;
        let behind = match bytes.get(start) {
            Some(b'"') => string_end(bytes, start + 1).map(|end| end + 1),
            Some(b'\'') => single_end(bytes, start + 1).map(|end| end + 1),
            Some(b'{' | b'[') => skip_container(bytes, start + 1),
            _ => None,
        };
        bytes.get(behind.unwrap_or(start)..self.end).unwrap_or_default()
    }

    /// Where the value starts and what it is, without the quotes of a string.
    #[inline]
    pub(super) fn inner(self, bytes: &[u8]) -> (usize, &[u8]) {
        let quote = usize::from(self.token == Token::Text);
        let inner = bytes.get(self.start + quote..self.end - quote);
        (self.start + quote, inner.unwrap_or_default())
    }
}

/// The value that starts at or behind `at`. `container` says where a container
/// ends whose opening bracket is at the position it is given.
#[inline]
pub(super) fn value(
    bytes: &[u8],
    at: usize,
    comma: Comma,
    container: impl FnOnce(usize) -> Option<usize>,
) -> Option<Span> {
    let start = skip_space(bytes, at);
    let first = *bytes.get(start)?;
    if first == b'"' {
        let end = string_end(bytes, start + 1)? + 1;
        if is_delimiter(*bytes.get(end)?) {
            return Some(Span { token: Token::Text, start, end, next: end });
        }
        return behind(bytes, Token::Text, start, end);
    }
    let token = Token::starting_with(first);
    let end = match token {
        Token::Object | Token::Array => container(start)?,
        Token::Single => single_end(bytes, start + 1)? + 1,
        Token::Text | Token::Word | Token::Spoiled => return word(bytes, start, comma),
    };
    behind(bytes, token, start, end)
}

/// The value from `start` on whose token ends at `end`, seen with what follows it.
fn behind(bytes: &[u8], token: Token, start: usize, end: usize) -> Option<Span> {
    let next = skip_space(bytes, end);
    if is_delimiter(*bytes.get(next)?) {
        return Some(Span { token, start, end, next });
    }
    let next = junk_end(bytes, next)?;
    Some(Span { token: Token::Spoiled, start, end: trim_end(bytes, start, next), next })
}

#[inline]
fn word(bytes: &[u8], start: usize, comma: Comma) -> Option<Span> {
    let mut token = Token::Word;
    let mut next = stepped(bytes, start, &mut token)?;
    let mut end = trim_end(bytes, start, next);
    while comma == Comma::EndsUnlessNumber && bytes.get(next) == Some(&b',') {
        let after = skip_space(bytes, next + 1);
        if !continues_number(*bytes.get(after)?) {
            break;
        }
        next = stepped(bytes, after, &mut token)?;
        end = trim_end(bytes, start, next);
    }
    Some(Span { token, start, end, next })
}

/// `end` moved back over space, not before `start`.
#[inline]
fn trim_end(bytes: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && bytes.get(end - 1).copied().is_some_and(is_space) {
        end -= 1;
    }
    end
}

/// Space, or a NUL of a hole in the file: what may surround a line's JSON.
pub(super) const fn is_padding(byte: u8) -> bool {
    is_space(byte) || byte == 0
}

/// Where a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With the byte at this position.
    At(usize),
    /// Nowhere, there is only space.
    Blank,
    /// Nowhere, there are NULs.
    OnlyNuls,
}

/// The first position that is neither padding nor (part of) a byte order mark.
pub(super) fn start(line: &[u8]) -> Start {
    let mut at = 0;
    let mut nuls = false;
    while let Some(&byte) = line.get(at) {
        match byte {
            0xef if line.get(at..at + 3) == Some(&[0xef, 0xbb, 0xbf]) => at += 3,
            0 => {
                nuls = true;
                at += 1;
            }
            byte if is_space(byte) => at += 1,
            _ => return Start::At(at),
        }
    }
    if nuls { Start::OnlyNuls } else { Start::Blank }
}
