//! The tables of providers that maps may name: by the hosts and by the paths of their APIs.

/// A table that says whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Table {
    /// `data/hosts.txt`
    Hosts,
    /// `data/paths.txt`
    Paths,
}

impl Table {
    pub(super) const ALL: [(&'static str, Table); 2] =
        [("@hosts", Table::Hosts), ("@paths", Table::Paths)];

    /// Its patterns and what each stands for.
    pub(super) fn rows(self) -> Vec<(Box<[u8]>, Box<str>)> {
        let text = match self {
            Table::Hosts => include_str!("../../../data/hosts.txt"),
            Table::Paths => include_str!("../../../data/paths.txt"),
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(' '));
        pairs.map(|(word, provider)| (word.as_bytes().into(), provider.into())).collect()
    }

    /// Whether a text is what a row of it speaks of.
    pub(in crate::decode) fn is_in(self, pattern: &[u8], text: &[u8]) -> bool {
        let end = match self {
            Table::Hosts => text.len(),
            // What is asked of a path is no part of it.
            Table::Paths => memchr::memchr3(b'?', b'#', b' ', text).unwrap_or(text.len()),
        };
        is_like(text.get(..end).unwrap_or_default(), pattern)
    }
}

/// Whether a text is as a pattern says, in which `*` is any text.
fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(mut last) = parts.next() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.windows(last.len()).position(|window| window == last) else {
            return false;
        };
        rest = rest.get(at + last.len()..).unwrap_or_default();
        last = part;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Table, is_like};

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, is) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("*.b", "a.b", true),
            ("*.b", ".b", true),
            ("*.b", "a.b.c", false),
            ("a-*.b", "a-x.y.b", true),
            ("a-*.b", "a-x", false),
            ("*/a/*/b*", "/v1/a/x/bc", true),
            ("*/a/*/b*", "/a/b", false),
            ("*/a/*", "/a/", true),
        ] {
            assert_eq!(is_like(text.as_bytes(), pattern.as_bytes()), is, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_looks_for_nothing() {
        for (_, table) in Table::ALL {
            for (pattern, _) in table.rows() {
                assert!(!pattern.windows(2).any(|two| two == b"**"), "{table:?}");
            }
        }
    }
}
