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
    /// Of a line that is not in memory, and longer than
    /// [`CAPTURE_LIMIT`](super::CAPTURE_LIMIT) or beyond what is kept of one line: only a
    /// beginning is here (perhaps none). Also what stands for the values of a path that
    /// has too many.
    Cut,
    /// Nothing is here: the path is named in a part of the line that is damaged.
    Missed,
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
                [b'-' | b'0'..=b'9', ..] if number::is_number(inner) => Kind::Number,
                b"true" => Kind::True,
                b"false" => Kind::False,
                b"null" => Kind::Null,
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
    #[inline]
    pub fn is_absent(self) -> bool {
        match self.kind {
            Kind::Null => true,
            Kind::Str => match self.raw {
                [] | b"-" => true,
                word => word.len() == 4 && matches!(word, b"None" | b"null"),
            },
            Kind::Bare => self.is_bare_nothing(),
            _ => false,
        }
    }

    /// Apart, so that asking whether a value is there is little everywhere.
    #[inline(never)]
    fn is_bare_nothing(self) -> bool {
        let nothing: [&[u8]; 8] =
            [b"", b"-", b"None", b"NaN", b"nan", b"nil", b"undefined", b"NULL"];
        nothing.contains(&self.raw)
    }

    /// Whether this is a string, of either kind.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self.kind, Kind::Str | Kind::StrEscaped)
    }

    /// Whether `test` holds of what it says: of a text without its escapes, which alone
    /// is copied for that.
    pub fn says(self, test: impl Fn(&[u8]) -> bool) -> bool {
        if self.kind == Kind::StrEscaped {
            test(self.text(&mut Vec::new()).as_bytes())
        } else {
            test(self.raw)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &[u8]) -> String {
        let value = Value { kind: Kind::of(lex::Token::Text, raw), raw };
        value.text(&mut Vec::new()).to_owned()
    }

    #[test]
    fn strings_are_unescaped() {
        for (raw, plain) in [
            (r"plain", "plain"),
            (r#"a\"b\\c\/d\n\t\b\f\r"#, "a\"b\\c/d\n\t\u{8}\u{c}\r"),
            (r"caf\u00e9 \u65e5 \ud83d\ude00", "café 日 😀"),
            (r"a\x22b \xc3\xa9", "a\"b é"),
            (r"\q \u12 \u12g4 \xzz", r"\q \u12 \u12g4 \xzz"),
            ("é\u{1b}", "é\u{1b}"),
        ] {
            assert_eq!(text(raw.as_bytes()), plain);
        }
    }

    #[test]
    fn broken_text_prints_unmistakably() {
        for (raw, shown) in [
            (&br"k\ud800"[..], r"k\u{d800}"),
            (br"k\udc00\ud800", r"k\u{dc00}\u{d800}"),
            (br"x\ud83d", r"x\u{d83d}"),
            (br"\ud800\u0041", r"\u{d800}A"),
            (b"k\xed\xa0\x80", r"k\u{d800}"),
            (b"k\xc0\xaf", r"k\x{c0}\x{af}"),
            (b"\xff\xfe", r"\x{ff}\x{fe}"),
            (b"\xf4\x90\x80\x80", r"\x{f4}\x{90}\x{80}\x{80}"),
            (b"\xe2(", r"\x{e2}("),
            (b"\xe2\x82", r"\x{e2}\x{82}"),
            // Honest text that looks the same is told apart by its backslashes.
            (br"k\\u{d800}", r"k\\u{d800}"),
            (br"k\\\\x{ff}", r"k\\\\x{ff}"),
            (br"k\\\ud800", r"k\\\u{d800}"),
        ] {
            assert_eq!(text(raw), shown);
        }
    }

    #[test]
    fn numbers_are_read_in_strings_too() {
        let number = |kind, raw| Value { kind, raw };
        let cases: [(&[u8], _, _); 6] = [
            (b"200000", Some(200_000), Some(200_000)),
            (b"8.5e3", Some(8500), Some(8500)),
            (b"-27689", None, Some(-27_689)),
            (b"1.5", None, None),
            (b"18446744073709551616", None, None),
            (b"NaN", None, None),
        ];
        for (raw, unsigned, signed) in cases {
            let value = number(Kind::Str, raw);
            assert_eq!((value.as_u64(), value.as_i64()), (unsigned, signed));
        }
        assert_eq!(number(Kind::Bare, b"01").as_u64(), None);
        assert_eq!(number(Kind::True, b"true").as_u64(), None);
        assert_eq!(number(Kind::Str, b"0.25").as_f64(), Some(0.25));
        assert_eq!(number(Kind::Str, b"7.2e-05").as_decimal(), Ok(72_000));
        assert!(number(Kind::Array, b"[0.01]").as_decimal().is_err());
    }

    #[test]
    fn what_writers_write_for_nothing_is_absent() {
        for (kind, raw) in [
            (Kind::Null, &b"null"[..]),
            (Kind::Str, b""),
            (Kind::Str, b"-"),
            (Kind::Str, b"None"),
            (Kind::Bare, b""),
            (Kind::Bare, b"NaN"),
        ] {
            assert!(Value { kind, raw }.is_absent(), "{kind:?}");
        }
        for (kind, raw) in [
            (Kind::Str, &b"0"[..]),
            (Kind::Str, b" "),
            (Kind::False, b"false"),
            (Kind::Bare, b"1,5"),
        ] {
            assert!(!Value { kind, raw }.is_absent(), "{kind:?}");
        }
    }
}
