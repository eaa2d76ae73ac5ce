//! Codes and types of errors, apart from their messages. A message quotes what a client
//! sent; a code is the word of who refused it, so that where it says that the client was
//! wrong, what is quoted says nothing of limits.

use crate::scan::{Kind, Value, members};

/// Codes of one error that are looked at.
const MOST: usize = 8;
/// A longer text is none.
const LONGEST: usize = 64;
/// Where they stand in an error's object.
const KEYS: [&[u8]; 5] = [b"code", b"type", b"status", b"__type", b"reason"];

/// The codes of an error.
pub(super) struct Codes<'t> {
    all: [&'t [u8]; MOST],
    len: usize,
}

/// What codes say of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nothing.
    None,
    /// That it asked for something wrong: some who have no better word say so where money
    /// is gone, too.
    Some,
    /// What was wrong.
    Exact,
}

/// Words for any wrong request.
const WRONG: [&str; 12] = [
    "invalid_request_error",
    "invalid_request",
    "invalid_argument",
    "badrequest",
    "bad_request",
    "bad_request_error",
    "badrequesterror",
    "validation_error",
    "validationexception",
    "not_found_error",
    "notfounderror",
    "unprocessable_entity",
];
/// Beginnings of words for what was wrong with it.
const BEGINNINGS: [&str; 9] = [
    "invalid_",
    "unsupported_",
    "missing_",
    "unknown_parameter",
    "unknown_field",
    "string_",
    "array_",
    "integer_",
    "context_length",
];
const WHOLE: [&str; 4] =
    ["model_not_found", "deploymentnotfound", "content_filter", "content_policy_violation"];

impl<'t> Codes<'t> {
    pub(super) fn of(texts: &[&'t [u8]]) -> Codes<'t> {
        let mut codes = Codes { all: [&[]; MOST], len: 0 };
        for text in texts {
            if text.trim_ascii_start().starts_with(b"{") {
                codes.read(text);
            } else {
                codes.add(text);
            }
        }
        codes
    }

    pub(super) fn all(&self) -> &[&'t [u8]] {
        self.all.get(..self.len).unwrap_or_default()
    }

    pub(super) fn blame(&self) -> Blame {
        let is = |code: &[u8], words: &[&str]| {
            words.iter().any(|word| code.eq_ignore_ascii_case(word.as_bytes()))
        };
        let begins = |code: &[u8]| {
            BEGINNINGS.iter().any(|word| {
                code.get(..word.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
            })
        };
        let one = |code: &&[u8]| match code {
            code if is(code, &WRONG) => Blame::Some,
            code if is(code, &WHOLE) || begins(code) => Blame::Exact,
            _ => Blame::None,
        };
        let all = || self.all().iter().map(one);
        if all().any(|blame| blame == Blame::Exact) {
            Blame::Exact
        } else if all().any(|blame| blame == Blame::Some) {
            Blame::Some
        } else {
            Blame::None
        }
    }

    fn read(&mut self, object: &'t [u8]) {
        for (key, value) in members(object) {
            if KEYS.contains(&key.raw) && value.kind == Kind::Str {
                self.add(value.raw);
            } else if key.raw == b"error" && value.kind == Kind::Object {
                self.inner(value);
            }
        }
    }

    fn inner(&mut self, error: Value<'t>) {
        let codes = members(error.raw).filter(|(key, _)| KEYS.contains(&key.raw));
        for (_, value) in codes.filter(|(_, value)| value.kind == Kind::Str) {
            self.add(value.raw);
        }
    }

    fn add(&mut self, text: &'t [u8]) {
        let is_one = (1..=LONGEST).contains(&text.len())
            && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if let (true, Some(place)) = (is_one, self.all.get_mut(self.len)) {
            *place = text;
            self.len += 1;
        }
    }
}
