//! One text of settings with its name: the file, or one flag of the command
//! line. Turns a byte offset into a line, a column and an excerpt.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::error::{MAX_PROBLEMS, Place, Problem};
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
    /// Its tables, as far as they could be parsed.
    pub root: DeTable<'t>,
    lines: Lines<'t>,
}

/// A text by lines.
struct Lines<'t> {
    text: &'t str,
    /// Offset of each line's first byte.
    starts: Vec<usize>,
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
        let lines = Lines::of(text);
        let document = Document { name, kind, root: root.into_inner(), lines };
        problems.extend(errors.into_iter().take(MAX_PROBLEMS).map(|error| {
            let span = error.span().unwrap_or(0..0);
            document.problem(&span, error.message(), None)
        }));
        document
    }

    /// The text itself.
    pub fn text(&self) -> &'t str {
        self.lines.text
    }

    /// A problem at a place of this text.
    pub fn problem(&self, span: &Range<usize>, message: &str, hint: Option<&str>) -> Problem {
        let place = match self.kind {
            Kind::Flag => Place::Flag(self.name.to_owned()),
            Kind::File => self.lines.locate(self.name, span),
        };
        Problem { place, message: safe::sentence(message), hint: hint.map(safe::sentence) }
    }

    /// The origin of a value at this offset.
    pub fn origin(&self, offset: usize) -> Origin {
        match self.kind {
            Kind::Flag => Origin::CommandLine { flag: self.name.to_owned() },
            Kind::File => {
                Origin::File { name: safe::shown(self.name), line: self.lines.position(offset).0 }
            }
        }
    }
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
            place: Lines::of(text).locate(name, &(text.len()..text.len())),
            message: "the file is not UTF-8".to_owned(),
            hint: Some("save it as UTF-8 and try again".to_owned()),
        }
    })
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Lines<'t> {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Lines { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Line, from 1, of an offset, and where that line begins.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        (line, self.starts.get(line - 1).copied().unwrap_or(0))
    }

    fn locate(&self, name: &str, span: &Range<usize>) -> Place {
        let text = self.text;
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let (line, line_start) = self.position(start);
        let rest = text.get(line_start..).unwrap_or("");
        let content = rest.split('\n').next().unwrap_or("").trim_end_matches('\r');
        let column = text.get(line_start..start).unwrap_or("").chars().count();
        let end = span.end.min(line_start + content.len());
        let length = text.get(start..end).map_or(1, |marked| marked.chars().count());
        let excerpt = safe::excerpt(content, column, length);
        Place::Line { file: safe::shown(name), line, column: column + 1, excerpt }
    }
}
