//! Writes the flat JSON objects that stand for text, so that one map language
//! reads everything. Knows no formats.

/// A JSON object being written into a buffer that is used again and again.
#[derive(Debug)]
pub(super) struct Object<'b> {
    out: &'b mut Vec<u8>,
    members: usize,
}

impl<'b> Object<'b> {
    /// Starts an object in place of whatever the buffer held.
    pub(super) fn begin(out: &'b mut Vec<u8>) -> Object<'b> {
        out.clear();
        out.push(b'{');
        Object { out, members: 0 }
    }

    /// How many members it has.
    pub(super) fn members(&self) -> usize {
        self.members
    }

    /// Adds a member whose value is text as it stands.
    pub(super) fn text(&mut self, key: &[u8], value: &[u8]) {
        self.key(&[key]);
        quoted(value, self.out);
    }

    /// Adds a member whose value is JSON, or the inside of a JSON string.
    pub(super) fn value(&mut self, key: &[&[u8]], value: Raw<'_>) {
        self.key(key);
        match value {
            Raw::Json(json) => self.out.extend_from_slice(json),
            Raw::InString(inside) => {
                self.out.push(b'"');
                self.out.extend_from_slice(inside);
                self.out.push(b'"');
            }
        }
    }

    /// Adds a member and lets `write` append its value.
    pub(super) fn written(&mut self, key: &[&[u8]], write: impl FnOnce(&mut Vec<u8>)) {
        self.key(key);
        write(self.out);
    }

    /// Adds a member that is an object itself.
    pub(super) fn object(&mut self, key: &[u8], fill: impl FnOnce(&mut Object<'_>)) {
        self.key(&[key]);
        self.out.push(b'{');
        let mut inner = Object { out: &mut *self.out, members: 0 };
        fill(&mut inner);
        inner.end();
    }

    /// Ends the object.
    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    /// A key in parts, without the bytes that would need an escape.
    fn key(&mut self, parts: &[&[u8]]) {
        if self.members > 0 {
            self.out.push(b',');
        }
        self.members += 1;
        self.out.push(b'"');
        for part in parts {
            self.out.extend(part.iter().filter(|byte| !matches!(byte, b'"' | b'\\' | 0..=31)));
        }
        self.out.extend_from_slice(b"\":");
    }
}

/// A value that is JSON already.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'v> {
    /// Anything but a string.
    Json(&'v [u8]),
    /// What stands between the quotes of a string.
    InString(&'v [u8]),
}

/// Appends `text` as a JSON string.
pub(super) fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\t' => out.extend(b"\\t"),
            b'\r' => out.extend(b"\\r"),
            0..=31 => {
                let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0') as u8;
                out.extend(b"\\u00");
                out.extend([digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}
