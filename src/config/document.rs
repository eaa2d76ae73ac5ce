//! One text of settings with its name: the file, or one flag of the command
//! line. Turns a byte offset into a line, a column and an excerpt.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::error::{Place, Problem};
use super::safe;
use super::show::Origin;

/// The largest configuration that is read.
pub const MAX_BYTES: u64 = 1 << 20;

/// A parsed text.
pub(super) struct Document<'t> {
    /// Name of the file or of the flag.
    pub name: &'t str,
    /// Where it came from.
    pub kind: Kind,
    /// The text, without a byte order mark.
    pub text: &'t str,
    /// Its tables, as far as they could be parsed.
    pub root: DeTable<'t>,
}

/// What a document is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Flag,
}

impl<'t> Document<'t> {
    /// Parses a text. What is malformed is reported; the rest is still there.
    pub fn parse(
        name: &'t str,
        kind: Kind,
        text: &'t str,
        problems: &mut Vec<Problem>,
    ) -> Document<'t> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Document { name, kind, text, root: root.into_inner() };
        problems.extend(errors.into_iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            document.problem(&span, error.message().to_owned(), None)
        }));
        document
    }

    /// A problem at a place of this text.
    pub fn problem(&self, span: &Range<usize>, message: String, hint: Option<String>) -> Problem {
        let place = match self.kind {
            Kind::Flag => Place::Flag(self.name.to_owned()),
            Kind::File => locate(self.name, self.text, span),
        };
        Problem { place, message: safe::shown(&message), hint: hint.map(|hint| safe::shown(&hint)) }
    }

    /// The origin of a value at this offset.
    pub fn origin(&self, offset: usize) -> Origin {
        match self.kind {
            Kind::Flag => Origin::CommandLine { flag: self.name.to_owned() },
            Kind::File => {
                Origin::File { name: safe::shown(self.name), line: line_of(self.text, offset) }
            }
        }
    }
}

/// Line, from 1, of a byte offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// Reads a file, but never more than [`MAX_BYTES`] of it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let refuse = |message: String, hint: Option<&str>| Problem {
        place: Place::File(safe::shown(&path.to_string_lossy())),
        message,
        hint: hint.map(str::to_owned),
    };
    let cannot = |error: std::io::Error| refuse(format!("cannot be read: {error}"), None);
    // Asked before opening: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(refuse("is not a regular file".to_owned(), None));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// The text of a file's bytes: small enough, UTF-8, without a byte order mark.
pub(super) fn decode<'t>(name: &str, bytes: &'t [u8]) -> Result<&'t str, Problem> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem {
            place: Place::File(safe::shown(name)),
            message: "is larger than 1 MiB, so it is not a configuration".to_owned(),
            hint: Some("was a log file named with --config?".to_owned()),
        });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
        let text = std::str::from_utf8(good).unwrap_or("");
        Problem {
            place: locate(name, text, &(text.len()..text.len())),
            message: "the file is not UTF-8".to_owned(),
            hint: Some("save it as UTF-8 and try again".to_owned()),
        }
    })
}

fn locate(name: &str, text: &str, span: &Range<usize>) -> Place {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let (before, after) = text.split_at(start);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = after.find('\n').map_or(text.len(), |at| start + at);
    let line = text.get(line_start..line_end).unwrap_or("").trim_end_matches('\r');
    let column = text.get(line_start..start).unwrap_or("").chars().count();
    let end = span.end.min(line_start + line.len());
    let length = text.get(start..end).map_or(1, |marked| marked.chars().count());
    Place::Line {
        file: safe::shown(name),
        line: line_of(text, start),
        column: column + 1,
        excerpt: safe::excerpt(line, column, length),
    }
}
