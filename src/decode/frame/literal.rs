//! What Python and JavaScript print for a value, as JSON: single quotes, `None`,
//! tuples, keys without quotes. Debug logs of SDKs hold response headers so.

use super::object::quoted;

/// Deeper values are not followed.
const MAX_DEPTH: usize = 32;

/// Appends the value that `text` begins with as JSON. What can't be read ends
/// it; the containers that are open then are closed.
pub(in crate::decode) fn to_json(text: &[u8], out: &mut Vec<u8>) {
    let mut reader = Reader { rest: text };
    if reader.value(out, 0).is_none() && out.last().is_none_or(|last| b":,".contains(last)) {
        out.extend_from_slice(b"null");
    }
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl Reader<'_> {
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.space();
        match *self.rest.first()? {
            _ if depth > MAX_DEPTH => None,
            b'{' => self.container(out, depth, b'}'),
            b'[' => self.container(out, depth, b']'),
            b'(' => self.container(out, depth, b')'),
            b'\'' | b'"' | b'`' => self.string(out),
            _ => self.word(out, depth),
        }
    }

    fn container(&mut self, out: &mut Vec<u8>, depth: usize, closer: u8) -> Option<()> {
        let object = closer == b'}';
        out.push(if object { b'{' } else { b'[' });
        self.bump();
        let read = self.members(out, depth, closer);
        out.push(if object { b'}' } else { b']' });
        read
    }

    fn members(&mut self, out: &mut Vec<u8>, depth: usize, closer: u8) -> Option<()> {
        let mut first = true;
        loop {
            self.space();
            let next = *self.rest.first()?;
            if next == closer {
                self.bump();
                return Some(());
            }
            if next == b',' {
                self.bump();
                continue;
            }
            let start = out.len();
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            let object = closer == b'}';
            let read = if object { self.member(out, depth) } else { self.value(out, depth + 1) };
            if read.is_none() && matches!(out.last(), Some(b',' | b':')) {
                out.truncate(start);
            }
            read?;
        }
    }

    fn member(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let start = out.len();
        match *self.rest.first()? {
            b'\'' | b'"' => self.string(out)?,
            _ => {
                let end = self.rest.iter().position(|byte| b":,}]) \t".contains(byte))?;
                let (key, rest) = self.rest.split_at_checked(end)?;
                quoted(key, out);
                self.rest = rest;
            }
        }
        self.space();
        if self.rest.first() != Some(&b':') {
            out.truncate(start);
            return None;
        }
        self.bump();
        out.push(b':');
        self.value(out, depth + 1)
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let (quote, rest) = self.rest.split_first()?;
        let mut escaped = false;
        let end = rest.iter().position(|byte| {
            let closes = byte == quote && !escaped;
            escaped = *byte == b'\\' && !escaped;
            closes
        })?;
        let (inside, behind) = rest.split_at_checked(end)?;
        out.push(b'"');
        let mut bytes = inside.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => out.extend(b"\\\""),
                b'\\' => match bytes.next() {
                    Some(b'\'' | b'`') => out.push(b'\''),
                    Some(next) => out.extend([b'\\', *next]),
                    None => out.extend(b"\\\\"),
                },
                0..=31 => out.push(b' '),
                _ => out.push(*byte),
            }
        }
        out.push(b'"');
        self.rest = behind.get(1..)?;
        Some(())
    }

    /// A number, a name for nothing, or the name in front of what it wraps:
    /// `Headers({…})`, `b'…'`.
    fn word(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let end = self.rest.iter().position(|byte| b",:}])([{'\"\n".contains(byte));
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        match rest.first() {
            Some(b'(') => {
                self.rest = rest.get(1..)?;
                self.value(out, depth + 1)?;
                self.space();
                self.rest = self.rest.strip_prefix(b")").unwrap_or(self.rest);
                return Some(());
            }
            Some(b'\'' | b'"' | b'{' | b'[') => {
                self.rest = rest;
                return self.value(out, depth + 1);
            }
            _ => self.rest = rest,
        }
        match word.trim_ascii() {
            b"" => return None,
            b"None" | b"null" | b"undefined" => out.extend(b"null"),
            b"True" | b"true" => out.extend(b"true"),
            b"False" | b"false" => out.extend(b"false"),
            number if number.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b)) => {
                out.extend_from_slice(number);
            }
            other => quoted(other, out),
        }
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn bump(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let mut out = Vec::new();
        to_json(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn literals_become_json() {
        for (text, wanted) in [
            ("{'a': 'b', 'c': None, 'd': True}", r#"{"a":"b","c":null,"d":true}"#),
            (r#"{'etag': 'W/"1"', "x": 'it\'s'}"#, r#"{"etag":"W/\"1\"","x":"it's"}"#),
            ("[('a', 'b'), ('c', 1.5)] tail", r#"[["a","b"],["c",1.5]]"#),
            ("{ 'x-a': '1', retry: 2, n: undefined }", r#"{"x-a":"1","retry":2,"n":null}"#),
            ("Headers({'a': b'x'})", r#"{"a":"x"}"#),
            ("Headers([(b'a', b'x')])", r#"[["a","x"]]"#),
        ] {
            assert_eq!(json(text), wanted, "{text}");
        }
    }

    #[test]
    fn whatever_is_cut_off_is_closed() {
        let text = r"{'a': {'b': ['x', ('y', 1), None], c: 'it\'s'}, 'd': Headers({'e': 'f'})}";
        for end in 0..=text.len() {
            let mut out = b"{\"h\":".to_vec();
            to_json(text.get(..end).unwrap().as_bytes(), &mut out);
            out.push(b'}');
            let read = serde_json::from_slice::<serde_json::Value>(&out);
            assert!(read.is_ok(), "{end}: {}", String::from_utf8_lossy(&out));
        }
    }
}
