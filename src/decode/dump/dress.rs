//! How tools dress the exchange they print: `curl -i` not at all, `curl -v` with
//! arrows, `--trace-ascii` with offsets, mitmdump with indents. Knows what a line
//! is made of, not what it says.

/// What a line is, without its dress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'l> {
    /// A response starts.
    Status { status: u16, stage: Stage },
    /// A header of it, or the blank that ends its head.
    Header(&'l [u8]),
    /// A line of head or body.
    Line(&'l [u8]),
    /// A request starts; this is its target.
    Target(&'l [u8]),
    /// The host that a request goes to.
    Host(&'l [u8]),
    /// Nothing of a response.
    Aside,
}

/// Whether a response is the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It only announces the response, or opens a way to the server.
    Preliminary,
    Final,
}

/// The dress of the exchange being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dress {
    #[default]
    None,
    /// `> `, `< ` and `* `
    Arrows,
    /// `0000: ` below `<= Recv header`.
    Trace(Trace),
    /// Four spaces, below the line of the request.
    Asked,
    /// Four spaces, below ` << 200 OK`.
    Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    Sent,
    Received,
    Other,
}

impl Dress {
    /// Takes the dress off a line; it may be the first in another dress.
    pub(super) fn off<'l>(&mut self, line: &'l [u8]) -> Piece<'l> {
        let text = line.trim_ascii_end();
        if let Some(status) = status(text) {
            *self = Dress::None;
            return status;
        }
        let piece = match text.first() {
            Some(b'<' | b'>' | b'*' | b'{' | b'}') => self.arrows(text),
            Some(b' ') => self.indented(text),
            _ => None,
        };
        let piece = piece.or_else(|| self.trace(text)).or_else(|| self.flow(text));
        piece.unwrap_or(match self {
            Dress::Answered if text.is_empty() => Piece::Line(text),
            Dress::Asked if text.is_empty() => Piece::Aside,
            Dress::Arrows if text.starts_with(b"curl: (") => Piece::Aside,
            Dress::Arrows => Piece::Line(without_word(line)),
            _ => Piece::Line(line),
        })
    }

    fn arrows<'l>(&mut self, text: &'l [u8]) -> Option<Piece<'l>> {
        let (mark, rest) = text.split_first()?;
        let rest = rest.strip_prefix(b" ").or(rest.is_empty().then_some(rest));
        let data = text.ends_with(b" bytes data]") || text.ends_with(b" byte data]");
        match (mark, rest?) {
            (b'<', rest) => {
                let found = status(rest);
                if found.is_some() {
                    *self = Dress::Arrows;
                }
                found.or((*self == Dress::Arrows).then_some(Piece::Header(rest)))
            }
            (b'>', rest) => {
                let found = target(rest);
                if found.is_some() {
                    *self = Dress::Arrows;
                }
                let piece = || host(rest).unwrap_or(Piece::Aside);
                found.or_else(|| (*self == Dress::Arrows).then(piece))
            }
            (b'*', rest) => {
                const WORDS: [&[u8]; 6] = [
                    b"Trying ",
                    b"Connected to ",
                    b"Host ",
                    b"Uses proxy ",
                    b"Connection #",
                    b"Re-using ",
                ];
                let said = rest.trim_ascii_start();
                if WORDS.iter().any(|word| said.starts_with(word)) && *self == Dress::None {
                    *self = Dress::Arrows;
                }
                (*self == Dress::Arrows).then(|| pseudo_host(said).unwrap_or(Piece::Aside))
            }
            (b'{' | b'}', rest) if rest.starts_with(b"[") && data => Some(Piece::Aside),
            _ => None,
        }
    }

    fn trace<'l>(&mut self, line: &'l [u8]) -> Option<Piece<'l>> {
        let text = without_time(line);
        let part = |text: &[u8]| match text {
            text if text.starts_with(b"=> Send header") => Some(Trace::Sent),
            text if text.starts_with(b"<= Recv header") => Some(Trace::Received),
            text if text.starts_with(b"=> Send ") || text.starts_with(b"<= Recv ") => {
                Some(Trace::Other)
            }
            text if text.starts_with(b"== Info: ") => Some(Trace::Other),
            _ => None,
        };
        if let Some(part) = part(text) {
            *self = Dress::Trace(part);
            return Some(Piece::Aside);
        }
        let Dress::Trace(part) = *self else { return None };
        let (offset, row) = text.split_at_checked(4)?;
        let row = row.strip_prefix(b": ").or((row == b":").then_some(&[]))?;
        if !offset.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        // A header that goes on in a second row is too long to be one of ours.
        Some(match (part, offset) {
            (Trace::Sent, b"0000") => target(row).unwrap_or(Piece::Aside),
            (Trace::Sent, _) => host(row).unwrap_or(Piece::Aside),
            (Trace::Received, b"0000") => status(row).unwrap_or(Piece::Header(row)),
            _ => Piece::Aside,
        })
    }

    fn indented<'l>(&mut self, text: &'l [u8]) -> Option<Piece<'l>> {
        if let Some(rest) = text.strip_prefix(b" << ") {
            let head = rest.strip_prefix(b"HTTP/").and_then(|rest| {
                let space = rest.iter().position(|byte| *byte == b' ')?;
                rest.get(space + 1..)
            });
            let status = number(head.unwrap_or(rest))?;
            *self = Dress::Answered;
            return Some(Piece::Status { status, stage: stage(status, rest) });
        }
        let inner = text.strip_prefix(b"    ")?;
        match self {
            Dress::Asked => Some(Piece::Aside),
            Dress::Answered => Some(Piece::Line(inner)),
            _ => None,
        }
    }

    /// `127.0.0.1:50786: POST https://host/path`
    fn flow<'l>(&mut self, text: &'l [u8]) -> Option<Piece<'l>> {
        let space = text.iter().position(|byte| *byte == b' ')?;
        let (client, rest) = text.split_at_checked(space)?;
        let mut words = rest.get(1..)?.split(|byte| *byte == b' ');
        let (method, url) = (words.next()?, words.next()?);
        let port = client.strip_suffix(b":")?.rsplit(|byte| *byte == b':').next()?;
        let fits = !port.is_empty()
            && port.iter().all(u8::is_ascii_digit)
            && is_method(method)
            && memchr::memmem::find(url, b"://").is_some();
        fits.then(|| {
            *self = Dress::Asked;
            Piece::Target(url)
        })
    }
}

/// A line of a body without what `curl -v` says next: bodies seldom end in a newline.
/// Within a text of the body there would be its end.
fn without_word(line: &[u8]) -> &[u8] {
    const WORDS: [&[u8]; 3] =
        [b"* Connection #", b"* Closing connection", b"* shutting down connection #"];
    let last = WORDS.iter().filter_map(|word| memchr::memmem::rfind(line, word)).max();
    let (body, word) = line.split_at(last.unwrap_or(line.len()));
    let is_word = !word.iter().any(|byte| matches!(byte, b'"' | b'{' | b'}'));
    if is_word { body } else { line }
}

/// `HTTP/1.1 200 OK`
fn status(line: &[u8]) -> Option<Piece<'_>> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let space = rest.iter().position(|b| *b == b' ')?;
    let (version, rest) = rest.split_at_checked(space)?;
    let numeric = version.iter().all(|b| b.is_ascii_digit() || *b == b'.') && !version.is_empty();
    let status = number(rest.get(1..)?).filter(|_| numeric)?;
    Some(Piece::Status { status, stage: stage(status, rest) })
}

/// A status at the start of `text`.
fn number(text: &[u8]) -> Option<u16> {
    let (digits, behind) = text.split_at_checked(3)?;
    let ended = behind.first().is_none_or(u8::is_ascii_whitespace);
    let status: u16 = str::from_utf8(digits).ok()?.parse().ok()?;
    (ended && (100..600).contains(&status)).then_some(status)
}

fn stage(status: u16, reason: &[u8]) -> Stage {
    // A proxy's answer to `CONNECT` is not the provider's to the call.
    const TUNNEL: &[u8] = b"connection established";
    let tunnel = reason.windows(TUNNEL.len()).any(|words| words.eq_ignore_ascii_case(TUNNEL));
    if status < 200 || tunnel { Stage::Preliminary } else { Stage::Final }
}

/// The target in `POST /v1/messages HTTP/1.1`.
fn target(line: &[u8]) -> Option<Piece<'_>> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let fits = is_method(method) && version.starts_with(b"HTTP/");
    fits.then_some(Piece::Target(target))
}

/// `Host: api.openai.com`, `:authority: api.openai.com`
fn host(header: &[u8]) -> Option<Piece<'_>> {
    let colon = header.iter().skip(1).position(|byte| *byte == b':')? + 1;
    let (name, value) = header.split_at_checked(colon)?;
    let named = [b"host".as_slice(), b":authority"].iter().any(|n| name.eq_ignore_ascii_case(n));
    let value = value.get(1..)?.trim_ascii();
    (named && !value.is_empty()).then_some(Piece::Host(value))
}

/// `[HTTP/2] [1] [:authority: api.openai.com]`, `h2h3 [:authority: api.openai.com]`
fn pseudo_host(said: &[u8]) -> Option<Piece<'_>> {
    let at = memchr::memmem::find(said, b"[:authority: ")?;
    host(said.get(at + 1..)?.strip_suffix(b"]")?)
}

fn is_method(word: &[u8]) -> bool {
    (3..=7).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase)
}

/// Without the time of `--trace-time`.
fn without_time(text: &[u8]) -> &[u8] {
    let timed =
        text.get(2) == Some(&b':') && text.get(5) == Some(&b':') && text.get(8) == Some(&b'.');
    let space = if timed { text.iter().position(|byte| *byte == b' ') } else { None };
    space.and_then(|space| text.get(space + 1..)).unwrap_or(text)
}
