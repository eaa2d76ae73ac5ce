//! Patterns that make records of lines of text: each named group is a field.

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// A pattern and what its groups hold.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) regex: Regex,
    /// What stands in all that fits; most other text is told by its missing.
    word: Finder<'static>,
    /// Number, name and contents of each named group.
    pub(crate) groups: Vec<(usize, Box<str>, Group)>,
}

/// What a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// The value of one field.
    Text,
    /// `key=value` pairs, which become fields of their own.
    Pairs,
    /// A value as Python or JavaScript prints it.
    Literal,
}

impl Pattern {
    /// Compiles a pattern; `group` says what the group with a name holds.
    pub(crate) fn new(text: &str, group: impl Fn(&str) -> Group) -> Result<Pattern, regex::Error> {
        let regex = RegexBuilder::new(text).unicode(false).build()?;
        let named = regex.capture_names().enumerate();
        let groups = named
            .filter_map(|(number, name)| Some((number, Box::from(name?), group(name?))))
            .collect();
        let syntax = ParserBuilder::new().unicode(false).utf8(false).build().parse(text);
        let word = syntax.as_ref().map_or(&[][..], longest_word);
        Ok(Pattern { regex, word: Finder::new(word).into_owned(), groups })
    }

    /// Whether it fits.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.word.find(text).is_some() && self.regex.is_match(text)
    }
}

/// The longest run of bytes that stands in whatever a pattern fits, as far as it shows
/// without a thought for what its alternatives share.
fn longest_word(hir: &Hir) -> &[u8] {
    match hir.kind() {
        HirKind::Literal(literal) => &literal.0,
        HirKind::Capture(group) => longest_word(&group.sub),
        HirKind::Repetition(again) if again.min > 0 => longest_word(&again.sub),
        HirKind::Concat(parts) => {
            let words = parts.iter().map(longest_word);
            words.reduce(|a, b| if b.len() > a.len() { b } else { a }).unwrap_or_default()
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_in_whatever_fits() {
        for (pattern, word) in [
            (r"^(?P<a>\d+)?.*?\bHTTP Response: [A-Z]+", "HTTP Response: "),
            ("ab|cde", ""),
            ("(?:abcd)?ef", "ef"),
            ("(?:abcd){0,2}ef", "ef"),
            ("(?P<a>ab(?:cde)+)f", "cde"),
            ("(?i)abc", ""),
            ("", ""),
        ] {
            let read = Pattern::new(pattern, |_| Group::Text).unwrap();
            assert_eq!(read.word.needle(), word.as_bytes(), "{pattern}");
        }
    }

    #[test]
    fn what_it_finds_is_what_its_expression_finds() {
        for pattern in ["a+b|c", "^x(yz)*$", "(?:foo)?bar", r"^\S+ \[[^\]]+\]"] {
            let read = Pattern::new(pattern, |_| Group::Text).unwrap();
            for text in ["", "b", "ab", "c", "x", "xyzyz", "bar", "foo", "foobar", "q [r] s"] {
                assert_eq!(
                    read.is_match(text.as_bytes()),
                    read.regex.is_match(text.as_bytes()),
                    "{pattern} on {text}"
                );
            }
        }
    }
}
