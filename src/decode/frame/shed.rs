//! Where a document that is not complete may be cut, so that what is before the cut is a
//! document of whole records and what is behind it goes on with the same beginning. Knows
//! brackets and keys, not what they mean.

use std::ops::Range;

/// A place to cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes before the first record.
    head: usize,
    /// Bytes to the end of the last whole record.
    end: usize,
    /// What closes the list and all around it.
    closers: Vec<u8>,
}

impl Cut {
    /// What is around the records: the document without any.
    pub(super) fn frame(&self, text: &[u8]) -> Vec<u8> {
        let mut frame = text.get(..self.head).unwrap_or_default().to_vec();
        frame.extend_from_slice(&self.closers);
        frame
    }

    /// The document of the whole records, and what is to be read on.
    pub(super) fn apply(&self, text: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut whole = text.get(..self.end).unwrap_or_default().to_vec();
        whole.extend_from_slice(&self.closers);
        let rest = text.get(self.end..).unwrap_or_default().trim_ascii_start();
        let rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut next = text.get(..self.head).unwrap_or_default().to_vec();
        next.extend_from_slice(rest);
        (whole, next)
    }
}

/// A bracket that is open.
struct Bracket {
    brace: bool,
    /// The key under which it stands.
    key: Option<Range<usize>>,
}

/// The cut behind the last whole record of the list that is open, if it is one that
/// `is_list` knows by the keys that lead to it.
pub(super) fn cut(text: &[u8], is_list: &dyn Fn(&[&[u8]]) -> bool) -> Option<Cut> {
    let mut open: Vec<Bracket> = Vec::new();
    let mut last_string: Option<Range<usize>> = None;
    let mut key = None;
    // How many brackets are open within the list, and where it begins and is whole.
    let mut list: Option<(usize, usize, Option<usize>)> = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let start = at;
                at = string_end(text, at)?;
                last_string = Some(start..at - 1);
            }
            b':' => key = last_string.take(),
            b'{' | b'[' => {
                open.push(Bracket { brace: *byte == b'{', key: key.take() });
                if *byte == b'[' && list.is_none() && is_list(&keys(text, &open)?) {
                    list = Some((open.len(), at, None));
                }
            }
            b'}' | b']' => {
                open.pop()?;
                if let Some((depth, _, end)) = &mut list {
                    match open.len() + 1 {
                        now if now == *depth => list = None,
                        now if now == *depth + 1 => *end = Some(at),
                        _ => {}
                    }
                }
            }
            b',' => key = None,
            _ => {}
        }
    }
    let (depth, head, end) = list?;
    let around = open.get(..depth)?.iter().rev();
    let closers = around.map(|bracket| if bracket.brace { b'}' } else { b']' }).collect();
    Some(Cut { head, end: end?, closers })
}

/// The keys that lead to the innermost bracket; nothing where a list lies around it.
fn keys<'t>(text: &'t [u8], open: &[Bracket]) -> Option<Vec<&'t [u8]>> {
    let (_, around) = open.split_last()?;
    if around.iter().any(|bracket| !bracket.brace) {
        return Some(vec![b""]);
    }
    let keys = open.iter().filter_map(|bracket| bracket.key.clone());
    Some(keys.filter_map(|key| text.get(key)).collect())
}

/// The position behind the quote that ends a string whose text starts at `at`.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        at = found + 1;
        match text.get(found) {
            Some(b'"') => return Some(at),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_of(text: &str, path: &[&str]) -> Option<(String, String)> {
        let is_list = |keys: &[&[u8]]| {
            keys.iter().eq(path.iter().map(|key| key.as_bytes()).collect::<Vec<_>>().iter())
        };
        let (whole, rest) = cut(text.as_bytes(), &is_list)?.apply(text.as_bytes());
        Some((String::from_utf8(whole).unwrap(), String::from_utf8(rest).unwrap()))
    }

    #[test]
    fn a_list_is_cut_behind_its_last_whole_element() {
        let of = |text| cut_of(text, &[]);
        let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        assert_eq!(of("[{\"a\":1},\n{\"b\":["), pair("[{\"a\":1}]", "[\n{\"b\":["));
        assert_eq!(of("[{\"a\":\"]}\\\"\"}\n"), pair("[{\"a\":\"]}\\\"\"}]", "["));
        assert_eq!(of("[{\"a\":1"), None);
        assert_eq!(of("[{}] "), None, "it is over");
    }

    #[test]
    fn what_is_around_a_list_is_in_both_parts() {
        let text =
            "{\"v\":{\"n\":[1]},\"log\":{\"x\":\"entries\",\"entries\":[{\"a\":{}},{\"b\":2},{";
        let (whole, rest) = cut_of(text, &["log", "entries"]).unwrap();
        assert!(whole.ends_with("\"entries\":[{\"a\":{}},{\"b\":2}]}}"), "{whole}");
        assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok());
        assert!(rest.starts_with("{\"v\"") && rest.ends_with("\"entries\":[{"), "{rest}");
        assert_eq!(cut_of(text, &["log", "other"]), None);
        assert_eq!(cut_of("[[{},{", &["entries"]), None);
    }
}
