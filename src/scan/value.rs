//! One value of a line, still as written, and what it can be read as.

use super::{escape, lex, number};

/// A value of a line. Strings come without their quotes, still escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// What it looks like.
    pub kind: Kind,
    /// Its bytes.
    pub raw: &'a [u8],
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string without escapes.
    Str,
    /// A string with escapes.
    StrEscaped,
    /// A number as JSON writes it.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
    /// An object, brackets included.
    Object,
    /// An array, brackets included.
    Array,
    /// Anything that is not JSON: `NaN`, `None`, `0x1`, `0.5, 0.8`, `'x'`, nothing.
    Bare,
    /// Longer than [`CAPTURE_LIMIT`](super::CAPTURE_LIMIT), or beyond what is
    /// kept of one line: only a beginning is here (perhaps none).
    Cut,
}

impl Kind {
    pub(super) fn of(token: lex::Token, inner: &[u8]) -> Kind {
        match token {
            lex::Token::Text if lex::has_backslash(inner) => Kind::StrEscaped,
            lex::Token::Text => Kind::Str,
            lex::Token::Object => Kind::Object,
            lex::Token::Array => Kind::Array,
            lex::Token::Single | lex::Token::Spoiled => Kind::Bare,
            lex::Token::Word => match inner {
                b"true" => Kind::True,
                b"false" => Kind::False,
                b"null" => Kind::Null,
                _ if number::is_number(inner) => Kind::Number,
                _ => Kind::Bare,
            },
        }
    }
}

impl<'a> Value<'a> {
    /// The text of a string, unescaped; of anything else its bytes. Text that is
    /// broken prints unmistakably: half a surrogate pair as `\u{d800}`, a byte
    /// that is no UTF-8 as `\x{ff}`, and backslashes that would make honest text
    /// look like that are doubled. `scratch` is written only if it has to be.
    #[must_use]
    pub fn text<'b>(self, scratch: &'b mut Vec<u8>) -> &'b str
    where
        'a: 'b,
    {
        if self.kind != Kind::StrEscaped
            && let Ok(text) = str::from_utf8(self.raw)
            && (self.kind == Kind::Str || escape::prints_as_is(text))
        {
            return text;
        }
        scratch.clear();
        if self.kind == Kind::StrEscaped {
            escape::decode(self.raw, scratch);
        } else {
            scratch.extend_from_slice(self.raw);
        }
        if !str::from_utf8(scratch).is_ok_and(escape::prints_as_is) {
            *scratch = escape::printed(scratch).into_bytes();
        }
        str::from_utf8(scratch).unwrap_or_default()
    }

    /// Whether this is one of the ways in which writers say "no value": `null`,
    /// `None`, `NaN`, an empty string, `"-"`, nothing at all.
    #[must_use]
    pub fn is_absent(self) -> bool {
        match self.kind {
            Kind::Null => true,
            Kind::Str => matches!(self.raw, b"" | b"-" | b"None" | b"null"),
            Kind::Bare => {
                let nothing: [&[u8]; 8] =
                    [b"", b"-", b"None", b"NaN", b"nan", b"nil", b"undefined", b"NULL"];
                nothing.contains(&self.raw)
            }
            _ => false,
        }
    }

    /// Whether this is a string, of either kind.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self.kind, Kind::Str | Kind::StrEscaped)
    }

    /// `true` or `false`, also Python's and also in a string.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match (self.kind, self.raw) {
            (Kind::True, _) | (Kind::Str | Kind::Bare, b"true" | b"True") => Some(true),
            (Kind::False, _) | (Kind::Str | Kind::Bare, b"false" | b"False") => Some(false),
            _ => None,
        }
    }

    /// A whole number that is not negative, also in a string and also written
    /// as `8.5e3`.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        let digits = self.numeric()?;
        number::unsigned(digits).or_else(|| whole(digits)?.try_into().ok())
    }

    /// A whole number, also in a string.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        let digits = self.numeric()?;
        number::signed(digits).or_else(|| whole(digits)?.try_into().ok())
    }

    /// A finite number, also in a string. Never for money.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        number::float(self.numeric()?)
    }

    /// An exact number in billionths, also in a string; see [`number::decimal`].
    pub fn as_decimal(self) -> Result<i128, number::NumberError> {
        self.numeric().map_or_else(|| number::decimal(self.raw), number::decimal)
    }

    fn numeric(self) -> Option<&'a [u8]> {
        matches!(self.kind, Kind::Number | Kind::Str).then_some(self.raw)
    }
}

fn whole(digits: &[u8]) -> Option<i128> {
    let billionths = number::decimal(digits).ok()?;
    (billionths % number::SCALE == 0).then_some(billionths / number::SCALE)
}
