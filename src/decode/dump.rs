//! Response heads as curl and mitmdump print them, with or without bodies: a
//! record that spans lines.

mod dress;

use dress::{Dress, Piece, Stage};

use super::alike::Scanned;
use super::formats::Formats;
use super::record::{Place, Recorder};
use crate::domain::Batch;
use crate::scan::{Found, scan_line};

/// Bytes of a body that is no stream of events; more is not looked at.
const BODY_LIMIT: usize = 256 * 1024;
/// Bytes of a target that are kept.
const TARGET_LIMIT: usize = 2048;

/// The response being read.
#[derive(Debug, Default)]
pub(super) struct Dump {
    open: Option<Open>,
    body: Vec<u8>,
    dress: Dress,
    /// What the request asked for.
    target: Vec<u8>,
    /// The host that it asked, where its target names none.
    host: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    place: Place,
    status: u16,
    stage: Stage,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Body,
    /// At least one line of the body was there.
    MoreBody,
}

/// A line, as far as it is known without the lines before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undressed<'l>(Piece<'l>);

/// What a line of a dump is to whoever follows it.
#[derive(Debug)]
pub(super) enum Step<'l> {
    /// A response starts.
    Start,
    /// A header of it.
    Header(&'l [u8], &'l [u8]),
    /// A line of a stream of events.
    Event,
    /// Noted here.
    Kept,
}

impl Dump {
    /// A line without what the tool added; nothing if no dump is open and none
    /// starts here.
    pub(super) fn undress<'l>(&mut self, line: &'l [u8]) -> Option<Undressed<'l>> {
        let piece = self.dress.off(line);
        let foreign = self.open.is_none() && matches!(piece, Piece::Line(_) | Piece::Header(_));
        (!foreign).then_some(Undressed(piece))
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Where the open response starts.
    pub(super) fn since(&self) -> Option<u64> {
        self.open.map(|open| open.place.at.offset)
    }

    /// Whether the response could be over, so that `line` may be another's.
    pub(super) fn may_end(&self, line: &[u8]) -> bool {
        if self.dress != Dress::None {
            return false;
        }
        self.open.is_some_and(|open| match open.part {
            Part::MoreBody => true,
            // No header starts like that.
            Part::Head => line.trim_ascii_start().starts_with(b"{"),
            Part::Body => false,
        })
    }

    /// Where a next response starts within `line`: bodies seldom end in a
    /// newline, so that a second dump in one file follows its `}` directly.
    pub(super) fn next_head(&self, line: &[u8]) -> Option<usize> {
        self.open.filter(|open| open.part != Part::Head)?;
        let at = memchr::memmem::rfind(line, b"HTTP/")?;
        let (body, head) = line.split_at_checked(at)?;
        let glued = body.last().is_some_and(|before| !before.is_ascii_whitespace());
        // Within a text of the body there would be its end.
        let whole = !head.iter().any(|b| matches!(b, b'"' | b'{' | b'}' | b'<'));
        let starts = matches!(Dress::None.off(head), Piece::Status { .. });
        (glued && whole && starts).then_some(at)
    }

    /// Takes the next line. Flush before one that [starts](Undressed::starts) something.
    pub(super) fn line<'l>(&mut self, line: Undressed<'l>, place: Place) -> Step<'l> {
        let (line, header) = match line.0 {
            Piece::Status { status, stage } => {
                self.body.clear();
                self.open = Some(Open { place, status, stage, part: Part::Head });
                return Step::Start;
            }
            Piece::Target(target) => {
                keep(&mut self.target, target);
                return Step::Kept;
            }
            Piece::Host(host) => {
                keep(&mut self.host, host);
                return Step::Kept;
            }
            Piece::Aside => return Step::Kept,
            Piece::Header(line) => (line, true),
            Piece::Line(line) => (line, false),
        };
        let Some(open) = &mut self.open else { return Step::Kept };
        open.place.len =
            place.at.offset.saturating_add(place.len) - open.place.at.offset.min(place.at.offset);
        let text = line.trim_ascii();
        match open.part {
            Part::Head if text.is_empty() => open.part = Part::Body,
            Part::Head => {
                if let Some(colon) = text.iter().position(|b| *b == b':') {
                    let (name, value) = text.split_at(colon);
                    return Step::Header(name, value.get(1..).unwrap_or_default());
                }
            }
            Part::Body | Part::MoreBody if header => {}
            Part::Body | Part::MoreBody => {
                if !text.is_empty() {
                    open.part = Part::MoreBody;
                }
                if text.starts_with(b"data:") {
                    return Step::Event;
                }
                if self.body.len() + line.len() < BODY_LIMIT {
                    self.body.extend_from_slice(line);
                    self.body.push(b'\n');
                }
            }
        }
        Step::Kept
    }

    /// Ends the response, if there is one.
    pub(super) fn flush(
        &mut self,
        formats: &Formats,
        recorder: &mut Recorder,
        found: &mut Found,
        out: &mut Batch,
    ) {
        let Some(open) = self.open.take() else { return };
        let format = formats.http_dump().and_then(|position| formats.get(position));
        let (Some(format), Stage::Final) = (format, open.stage) else { return };
        if !self.body.is_empty() {
            recorder.body(formats, &self.body);
        }
        let Some(paths) = format.layout.outer() else { return };
        let target = serde_json::json!({ "target": self.url() }).to_string();
        let scan = scan_line(paths, target.as_bytes(), found);
        recorder.finish(format, Scanned::alone(&[scan]), Some(open.status), open.place, out);
        self.target.clear();
        self.host.clear();
    }

    /// The target as a whole, as far as it is known.
    fn url(&self) -> String {
        let [host, target] =
            [&self.host, &self.target].map(|text| String::from_utf8_lossy(text).into_owned());
        if host.is_empty() || !target.starts_with('/') {
            return target;
        }
        format!("https://{host}{target}")
    }
}

/// Notes a word of the request in place of an earlier one.
fn keep(place: &mut Vec<u8>, word: &[u8]) {
    place.clear();
    place.extend(word.iter().take(TARGET_LIMIT));
}

impl<'l> Undressed<'l> {
    /// Whether a response starts with this line.
    pub(super) fn starts_response(self) -> bool {
        matches!(self.0, Piece::Status { .. })
    }

    /// Whether what came before is over with this line.
    pub(super) fn starts(self) -> bool {
        matches!(self.0, Piece::Status { .. } | Piece::Target(_) | Piece::Host(_))
    }

    /// Whether this stands in a dump as it was sent, without any dress.
    pub(super) fn text(self) -> Option<&'l [u8]> {
        match self.0 {
            Piece::Line(line) => Some(line),
            _ => None,
        }
    }
}
