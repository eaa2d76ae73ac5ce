//! Response heads as `curl -i` and `curl -D` print them, with or without bodies:
//! the one record here that spans lines.

use super::formats::Formats;
use super::record::{Place, Recorder};
use crate::domain::Batch;
use crate::scan::{Found, scan_line};

/// Bytes of a body that is no stream of events; more is not looked at.
const BODY_LIMIT: usize = 256 * 1024;

/// The response being read.
#[derive(Debug, Default)]
pub(super) struct Dump {
    open: Option<Open>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    place: Place,
    status: u16,
    /// It only announces the response.
    preliminary: bool,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Body,
    /// At least one line of the body was there.
    MoreBody,
}

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
    /// Whether a response starts with this line.
    pub(super) fn starts(line: &[u8]) -> bool {
        status_line(line).is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the response could be over, so that `line` may be another's.
    pub(super) fn may_end(&self, line: &[u8]) -> bool {
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
        (glued && whole && Dump::starts(head)).then_some(at)
    }

    /// Takes the next line. Flush before a line that starts a response.
    pub(super) fn line<'l>(&mut self, line: &'l [u8], place: Place) -> Step<'l> {
        if let Some(status) = status_line(line) {
            self.body.clear();
            let preliminary = status < 200 || opens_tunnel(line);
            self.open = Some(Open { place, status, preliminary, part: Part::Head });
            return Step::Start;
        }
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
        let (Some(format), false) = (format, open.preliminary) else { return };
        if !self.body.is_empty() {
            recorder.body(formats, &self.body);
        }
        let Some(paths) = format.layout.outer() else { return };
        let scan = scan_line(paths, b"{}", found);
        recorder.finish(format, &[scan], Some(open.status), open.place, out);
    }
}

/// Whether this is a proxy's answer to `CONNECT`, not the provider's to the call.
fn opens_tunnel(line: &[u8]) -> bool {
    const WORDS: &[u8] = b"connection established";
    line.windows(WORDS.len()).any(|window| window.eq_ignore_ascii_case(WORDS))
}

/// The status of `HTTP/1.1 200 OK`.
fn status_line(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let space = rest.iter().position(|b| *b == b' ')?;
    let (version, rest) = rest.split_at_checked(space)?;
    let status = rest.get(1..4)?;
    let ended = rest.get(4).is_none_or(u8::is_ascii_whitespace);
    let numeric = version.iter().all(|b| b.is_ascii_digit() || *b == b'.') && !version.is_empty();
    let status: u16 = str::from_utf8(status).ok()?.parse().ok()?;
    (ended && numeric && (100..600).contains(&status)).then_some(status)
}
