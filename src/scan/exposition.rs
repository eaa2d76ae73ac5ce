//! Metrics as Prometheus and OpenMetrics write them: one line to one sample,
//! without copying. Must not know what any metric means.
//!
//! `name{label="value",…} number [time] [# exemplar]`, comments, `# TYPE` and
//! `# EOF`. Names may also stand quoted within the braces.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

use super::time;
use crate::domain::Wall;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// Nothing but space.
    Blank,
    /// `# HELP` and other remarks.
    Comment,
    /// `# TYPE name counter`.
    Type {
        /// The family that it is about.
        name: &'a [u8],
        /// Whether its values only grow.
        counter: bool,
    },
    /// `# EOF`: the page is complete.
    End,
    /// A value.
    Sample(Sample<'a>),
    /// Something else.
    Broken,
}

/// A value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Name of the metric.
    pub name: &'a [u8],
    /// The value as written; `NaN` and `+Inf` are values too.
    pub value: &'a [u8],
    /// When it was measured, where it says so.
    pub at: Option<Wall>,
    labels: &'a [u8],
}

/// Reads a line, without its newline.
#[must_use]
pub fn line(raw: &[u8]) -> Line<'_> {
    let text = raw.trim_ascii();
    match text.first() {
        None => Line::Blank,
        Some(b'#') => remark(text),
        Some(_) => sample(text).map_or(Line::Broken, Line::Sample),
    }
}

/// Whether a text that begins like this is likely exposition.
#[must_use]
pub fn begins(raw: &[u8]) -> bool {
    // Asked of every line: most show by their first byte that they are none.
    if raw.first() != Some(&b'#') {
        return false;
    }
    let mut words = raw.split(u8::is_ascii_whitespace);
    let (mark, word, name) = (words.next(), words.next(), words.next());
    mark == Some(b"#")
        && matches!(word, Some(b"TYPE" | b"HELP"))
        && name.is_some_and(|name| !name.is_empty() && name.iter().copied().all(is_name))
}

impl<'a> Sample<'a> {
    /// The value of a label, with its escapes undone.
    #[must_use]
    pub fn label(&self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        self.labels().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All labels, in order.
    pub fn labels(&self) -> impl Iterator<Item = (&'a [u8], Cow<'a, [u8]>)> + use<'a> {
        let mut rest = self.labels;
        std::iter::from_fn(move || {
            let entry = entry(rest)?;
            rest = entry.rest;
            Some((entry.name, unescaped(entry.value)))
        })
    }
}

fn remark(text: &[u8]) -> Line<'_> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_mark = words.next() == Some(b"#");
    match (is_mark, words.next()) {
        (true, Some(b"EOF")) => Line::End,
        (true, Some(b"TYPE")) => match (words.next(), words.next()) {
            (Some(name), Some(kind)) => Line::Type { name, counter: kind == b"counter" },
            _ => Line::Comment,
        },
        _ => Line::Comment,
    }
}

fn sample(text: &[u8]) -> Option<Sample<'_>> {
    let end = text.iter().position(|b| !is_name(*b)).unwrap_or(text.len());
    let (mut name, rest) = text.split_at(end);
    let rest = rest.trim_ascii_start();
    let (mut labels, rest) = match rest.strip_prefix(b"{") {
        Some(rest) => {
            let (labels, rest) = rest.split_at(close(rest)?);
            (labels, rest.get(1..)?)
        }
        None => (&b""[..], rest),
    };
    if name.is_empty() {
        let (quoted, after) = string(labels.trim_ascii_start())?;
        name = quoted;
        labels = after.trim_ascii_start();
        labels = labels.strip_prefix(b",").unwrap_or(labels);
    }
    if name.first().is_none_or(u8::is_ascii_digit) || !is_list(labels) {
        return None;
    }
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let value = words.next()?;
    if super::number::decimal(value) == Err(super::number::NumberError::NotANumber) {
        return None;
    }
    let at = match words.next() {
        None | Some(b"#") => None,
        Some(at) => Some(time::epoch(at)?),
    };
    Some(Sample { name, value, at, labels })
}

/// Where the brace that was opened is closed.
fn close(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let next = memchr2(b'"', b'}', rest)?;
        if rest.get(next) == Some(&b'}') {
            return Some(at + next);
        }
        let (inside, _) = string(rest.get(next..)?)?;
        at += next + inside.len() + 2;
    }
}

/// The inside of a quoted string, and what stands behind it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        let rest = inside.get(at..)?;
        let next = memchr3(b'"', b'\\', b'\n', rest)?;
        match rest.get(next) {
            Some(b'"') => return Some((inside.get(..at + next)?, rest.get(next + 1..)?)),
            Some(b'\\') => at += next + 2,
            _ => return None,
        }
    }
}

struct Entry<'a> {
    name: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

/// The first `name="value"` of a list.
fn entry(list: &[u8]) -> Option<Entry<'_>> {
    let list = list.trim_ascii_start();
    let (name, rest) = match string(list) {
        Some(quoted) => quoted,
        None => list.split_at(list.iter().position(|b| !is_name(*b))?),
    };
    let rest = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (value, rest) = string(rest)?;
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b",").or_else(|| rest.is_empty().then_some(rest))?;
    (!name.is_empty()).then_some(Entry { name, value, rest })
}

/// Whether all of it is a list of labels.
fn is_list(labels: &[u8]) -> bool {
    let mut rest = labels;
    while let Some(entry) = entry(rest) {
        rest = entry.rest;
    }
    rest.trim_ascii().is_empty()
}

fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        match (byte, byte == &b'\\') {
            (_, true) => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b'"') => out.push(b'"'),
                Some(b'\\') | None => out.push(b'\\'),
                Some(other) => out.extend([b'\\', *other]),
            },
            (byte, false) => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `name label=value … value @time`, or the kind of line.
    fn read(text: &str) -> String {
        match line(text.as_bytes()) {
            Line::Sample(sample) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let mut words = vec![text(sample.name)];
                let label =
                    |(name, value): (&[u8], Cow<'_, [u8]>)| text(name) + "=" + &text(&value);
                words.extend(sample.labels().map(label));
                words.push(text(sample.value));
                words.extend(sample.at.map(|at| "@".to_owned() + &at.rfc3339()));
                words.join(" ")
            }
            other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
        }
    }

    #[test]
    fn samples() {
        for (text, expected) in [
            ("up 1", "up 1"),
            ("  up\t 1.5e+06  ", "up 1.5e+06"),
            ("up{} 1", "up 1"),
            ("up{ } +Inf", "up +Inf"),
            ("a:b_c{x=\"1\",y=\"2\"} -3", "a:b_c x=1 y=2 -3"),
            ("a{x=\"1\",} nan", "a x=1 nan"),
            ("a { x = \"1\" , y = \"2\" } NaN", "a x=1 y=2 NaN"),
            (r#"a{x="q\"}\\{,\n\z"} 1"#, "a x=q\"}\\{,\n\\z 1"),
            ("a{x=\"\"} 1", "a x= 1"),
            ("a{x=\"日\"} 1", "a x=日 1"),
            ("a 1 1763733600000", "a 1 @2025-11-21T14:00:00.000Z"),
            ("a 1 1763733600.5", "a 1 @2025-11-21T14:00:00.500Z"),
            ("a_bucket{le=\"1\"} 5 # {trace_id=\"x\"} 0.67 1763733600.5", "a_bucket le=1 5"),
            ("{\"http.requests\",x=\"1\"} 4", "http.requests x=1 4"),
            ("{\"a\"} 4", "a 4"),
            ("a{\"odd name\"=\"1\"} 4", "a odd name=1 4"),
            ("# HELP a {b", "Comment"),
            ("#", "Comment"),
            ("# EOF", "End"),
            ("#EOF", "Comment"),
            ("# TYPE a counter", "Type"),
            ("# TYPE a", "Comment"),
            (" ", "Blank"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_sample_says_so() {
        for text in [
            "<html>",
            "a",
            "a{",
            "a{x",
            "a{x=\"1",
            "a{x=\"1\\",
            "a{x=\"1\"",
            "a{x=1} 1",
            "a{x=\"1\"y=\"2\"} 1",
            "a{,} 1",
            "a one",
            "a 1 then",
            "1a 1",
            "{} 1",
            "{x=\"1\"} 1",
            "{\"message\":\"x\"}",
            "a} 1",
            "a{x=\"1\"}",
            "= 1",
            "hello world",
            "a\u{0} 1",
        ] {
            assert_eq!(read(text), "Broken", "{text}");
        }
    }

    proptest! {
        /// Any bytes are read to something, and what is read is what was written.
        #[test]
        fn any_label_survives_and_no_bytes_do_harm(
            raw in prop::collection::vec(any::<u8>(), 0..200),
            value in "\\PC{0,20}[\"{}\\\\,= ]{0,4}",
            cut in 0usize..80,
        ) {
            let _ = line(&raw);
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("a:b{{x=\"{escaped}\",y=\"\"}} 1.5e3 1763733600000");
            let Line::Sample(sample) = line(text.as_bytes()) else { panic!("{text}") };
            prop_assert_eq!(sample.label(b"x").unwrap(), value.as_bytes());
            prop_assert_eq!((sample.name, sample.value), (&b"a:b"[..], &b"1.5e3"[..]));
            let _ = line(text.as_bytes().get(..cut).unwrap_or_default());
        }
    }

    #[test]
    fn a_page_is_told_by_how_it_begins() {
        for (text, is) in [
            ("# HELP up Whether it is up", true),
            ("# TYPE vllm:x gauge", true),
            ("# TYPE", false),
            ("# TYPE {x} y", false),
            ("# some remark", false),
            ("up 1", false),
        ] {
            assert_eq!(begins(text.as_bytes()), is, "{text}");
        }
    }
}
