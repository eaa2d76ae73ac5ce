//! What the decoding tests share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::sync::Arc;

use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Names, Wall};

/// A file of our copy of the corpus.
pub fn corpus(path: &str) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(path);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Lines of a file with their offsets.
pub struct Lines<'b> {
    bytes: &'b [u8],
    offset: usize,
    partial: bool,
}

impl<'b> Lines<'b> {
    /// Lines that end with a newline.
    pub fn complete(bytes: &'b [u8]) -> Lines<'b> {
        Lines { bytes, offset: 0, partial: false }
    }

    /// All lines, also an unfinished last one.
    pub fn all(bytes: &'b [u8]) -> Lines<'b> {
        Lines { bytes, offset: 0, partial: true }
    }
}

impl<'b> Iterator for Lines<'b> {
    type Item = (u64, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let start = self.offset as u64;
        let end = rest.iter().position(|b| *b == b'\n');
        if end.is_none() && !self.partial {
            return None;
        }
        let end = end.unwrap_or(rest.len());
        self.offset += end + 1;
        Some((start, rest.get(..end)?))
    }
}

pub fn at(number: u64, offset: u64, received: Wall) -> LineAt {
    LineAt { number, offset, received }
}

/// Decodes a whole file with fresh names.
pub fn decode(lines: Lines<'_>, received: Wall, options: DecodeOptions) -> Batch {
    decode_with(&Names::default(), lines, received, options)
}

/// Decodes a whole file.
pub fn decode_with(
    names: &Names,
    lines: Lines<'_>,
    received: Wall,
    options: DecodeOptions,
) -> Batch {
    let formats = Arc::new(Formats::builtin());
    let mut decoder = Decoder::new(formats, names, options).expect("a known format");
    let mut batch = Batch::default();
    let mut number = 0;
    for (offset, line) in lines {
        number += 1;
        decoder.line(line, at(number, offset, received), &mut batch);
    }
    decoder.finish(at(number + 1, 0, received), &mut batch);
    batch
}
