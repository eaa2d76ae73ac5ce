//! `key=value` pairs, as logfmt and many loggers of text write them.

use super::object::Object;

/// Adds the pairs of `text` to `into`. Words without `=` are passed over, and so
/// are the braces and commas that spans of a tracing library put around pairs.
pub(super) fn collect(text: &[u8], into: &mut Object<'_>) {
    let mut rest = text;
    while let Some((key, value, behind)) = next(rest) {
        rest = behind;
        match value {
            Pair::Bare(value) => into.text(key, value),
            Pair::Quoted(inside) => into.value(&[key], super::object::Raw::InString(inside)),
        }
    }
}

/// Whether a line starts with a pair, as every line of logfmt does.
pub(super) fn starts_with_one(text: &[u8]) -> bool {
    let length = text.iter().take_while(|byte| is_key(**byte)).count();
    length > 0 && text.get(length) == Some(&b'=')
}

enum Pair<'t> {
    Bare(&'t [u8]),
    /// Still escaped, without its quotes.
    Quoted(&'t [u8]),
}

/// The next pair, and what follows it.
fn next(text: &[u8]) -> Option<(&[u8], Pair<'_>, &[u8])> {
    let mut from = 0;
    loop {
        let equals = from + memchr::memchr(b'=', text.get(from..)?)?;
        let before = text.get(..equals)?;
        let length = before.iter().rev().take_while(|byte| is_key(**byte)).count();
        let (lead, key) = before.split_at_checked(equals - length)?;
        let opens =
            lead.last().is_none_or(|byte| byte.is_ascii_whitespace() || b"{,(|;".contains(byte));
        if key.is_empty() || !opens {
            from = equals + 1;
            continue;
        }
        let value = text.get(equals + 1..)?;
        if let Some(inside) = value.strip_prefix(b"\"")
            && let Some(end) = closing_quote(inside)
        {
            let (inside, behind) = inside.split_at_checked(end)?;
            return Some((key, Pair::Quoted(inside), behind.get(1..)?));
        }
        let (bare, behind) = value.split_at_checked(bare_end(value))?;
        return Some((key, Pair::Bare(bare), behind));
    }
}

/// Where a value without quotes ends: at space, at the brace that closes the
/// span around it, or at a comma in front of space.
fn bare_end(value: &[u8]) -> usize {
    let mut braces = 0_usize;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b'{' => braces += 1,
            b'}' if braces == 0 => return at,
            b'}' => braces -= 1,
            b',' | b';' if value.get(at + 1).is_none_or(u8::is_ascii_whitespace) => return at,
            _ if byte.is_ascii_whitespace() => return at,
            _ => {}
        }
    }
    value.len()
}

fn closing_quote(inside: &[u8]) -> Option<usize> {
    let mut escaped = false;
    inside.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        collect(text.as_bytes(), &mut object);
        object.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pairs_become_members() {
        for (text, json) in [
            (r#"a=1 b="x y" c= d"#, r#"{"a":"1","b":"x y","c":""}"#),
            (r#"msg="say \"hi\"" n=-"#, r#"{"msg":"say \"hi\"","n":"-"}"#),
            (r#"span{a="1" b=2}: text c=3, d=4"#, r#"{"a":"1","b":"2","c":"3","d":"4"}"#),
            ("a{x=1}:b{y=2}: t z=3", r#"{"x":"1","y":"2","z":"3"}"#),
            ("url=http://h/p?q=1&r=2 s=5ms", r#"{"url":"http://h/p?q=1&r=2","s":"5ms"}"#),
            (r#"bad="no end x=1"#, r#"{"bad":"\"no","x":"1"}"#),
            ("no pairs here = none", "{}"),
        ] {
            assert_eq!(read(text), json, "{text}");
        }
    }
}
