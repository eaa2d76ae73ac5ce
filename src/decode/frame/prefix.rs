//! What container runtimes, syslog and people's tools write in front of a line.

use crate::scan::time;

/// Takes off what may stand in front of a message.
pub(super) type TakeOff = fn(&[u8]) -> Option<Peeled<'_>>;

/// A line without its prefix, and what the prefix said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peeled<'t> {
    pub(super) text: &'t [u8],
    /// When it was written, as the prefix has it.
    pub(super) at: Option<&'t [u8]>,
    pub(super) host: Option<&'t [u8]>,
    /// For the prefixes of lines that come in parts: which lines belong together.
    pub(super) part: Option<Part<'t>>,
}

/// A part of a line that was split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    pub(super) stream: &'t [u8],
    pub(super) more: More,
}

/// Whether a part is the last of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Follows,
    Ends,
}

/// Takes a prefix off that can be nothing else.
pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    match line.first()? {
        b'0'..=b'9' => container_runtime(line)
            .or_else(|| syslog(line))
            .or_else(|| labelled(line))
            .or_else(|| composed(line)),
        b'<' => priority(line).and_then(|(version, rest)| match version {
            Version::Old => syslog(rest),
            Version::New => new_syslog(rest),
        }),
        b'A'..=b'Z' => syslog(line).or_else(|| composed(line)),
        b'[' => bracketed(line),
        _ => composed(line),
    }
}

/// The JSON object that a line ends with, behind what stands before it, if that is words.
pub(super) fn object_behind_words(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const LONGEST: usize = 256;
    let line = line.trim_ascii_end();
    let at = memchr::memchr(b'{', line.get(..line.len().min(LONGEST))?)?;
    let (before, object) = line.split_at_checked(at)?;
    let words = !before.is_empty() && !before.iter().any(|b| matches!(b, b'"' | b'}' | 0));
    let apart = before.last().is_some_and(|b| b.is_ascii_whitespace() || b":|=])>".contains(b));
    (words && apart && line.ends_with(b"}")).then_some((before, object))
}

/// Whether a text that begins with `[` may be a list of records or of other lists.
pub(super) fn begins_list(text: &[u8]) -> bool {
    let inside = text.trim_ascii_start().strip_prefix(b"[").unwrap_or_default();
    matches!(inside.trim_ascii_start().first(), None | Some(b'{' | b'[' | b']' | b'"'))
}

/// A time in front of a message, as `kubectl logs --timestamps` and others print it. It
/// may be the message's own.
pub(super) fn behind_time(line: &[u8]) -> Option<Peeled<'_>> {
    let (at, text) = word(line)?;
    time::rfc3339(at)?;
    Some(Peeled { text: text.trim_ascii_start(), at: Some(at), host: None, part: None })
}

/// Words in front of a message, as `stern` prints pod and container.
pub(super) fn behind_pod(line: &[u8]) -> Option<Peeled<'_>> {
    let (pod, rest) = word(line)?;
    let (container, rest) = word(rest)?;
    let named = |name: &[u8]| {
        name.first().is_some_and(u8::is_ascii_lowercase)
            && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    let generated = pod.split(|byte| *byte == b'-').nth(2).is_some();
    let fits = named(pod) && named(container) && generated;
    fits.then_some(Peeled { text: rest, at: None, host: Some(pod), part: None })
}

/// `2026-11-20T15:30:11.000000000Z stdout P text`
fn container_runtime(line: &[u8]) -> Option<Peeled<'_>> {
    let (at, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    if !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    // Tags may follow the first with colons between them.
    let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let (tags, text) = rest.split_at_checked(end)?;
    let more = match tags.split(|byte| *byte == b':').next()? {
        b"P" => More::Follows,
        b"F" => More::Ends,
        _ => return None,
    };
    let at = Some(at).filter(|at| time::rfc3339(at).is_some());
    at?;
    let text = text.get(1..).unwrap_or_default();
    Some(Peeled { text, at, host: None, part: Some(Part { stream, more }) })
}

enum Version {
    Old,
    New,
}

/// `<134>`, or `<134>1 ` of the newer protocol.
fn priority(line: &[u8]) -> Option<(Version, &[u8])> {
    let rest = line.strip_prefix(b"<")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits..)?.strip_prefix(b">")?;
    if !(1..=3).contains(&digits) {
        return None;
    }
    Some(match rest.strip_prefix(b"1 ") {
        Some(rest) => (Version::New, rest),
        None => (Version::Old, rest),
    })
}

/// `Nov 20 15:30:09 host tag[pid]: text`, or with a whole time; the host may be
/// missing.
fn syslog(line: &[u8]) -> Option<Peeled<'_>> {
    let (at, rest) = match line.split_at_checked(15) {
        Some((stamp, rest)) if is_stamp(stamp) => (stamp, rest.strip_prefix(b" ")?),
        _ => word(line).filter(|(stamp, _)| time::rfc3339(stamp).is_some())?,
    };
    let at = Some(at);
    let (first, behind) = word(rest)?;
    if is_level(first) {
        return Some(Peeled { text: rest, at, host: None, part: None });
    }
    if is_tag(first) {
        return Some(Peeled { text: message(behind), at, host: None, part: None });
    }
    let (tag, text) = word(behind)?;
    let host = is_host(first) && is_tag(tag);
    host.then_some(Peeled { text: message(text), at, host: Some(first), part: None })
}

/// `2026-11-20T15:30:11Z host app pid id [data] text`, behind `<134>1 `.
fn new_syslog(rest: &[u8]) -> Option<Peeled<'_>> {
    let (at, rest) = word(rest)?;
    let (host, rest) = word(rest)?;
    let (_app, rest) = word(rest)?;
    let (_pid, rest) = word(rest)?;
    let (_id, rest) = word(rest)?;
    let text = match rest.strip_prefix(b"-") {
        Some(text) => text,
        None => rest.get(structured_data(rest)?..)?,
    };
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let at = Some(at);
    let host = Some(host).filter(|host| *host != b"-");
    Some(Peeled { text: message(text), at, host, part: None })
}

/// Where `[id k="v"][…]` ends.
fn structured_data(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' if !quoted && !open => open = true,
            b']' if !quoted && open => open = false,
            _ if !open => return (at > 0).then_some(at),
            _ => {}
        }
    }
    (!open && !text.is_empty()).then_some(text.len())
}

/// `[pod/name/container] text`
fn bracketed(line: &[u8]) -> Option<Peeled<'_>> {
    let inside = line.strip_prefix(b"[pod/")?;
    let end = memchr::memchr(b']', inside.get(..inside.len().min(512))?)?;
    let (names, rest) = inside.split_at_checked(end)?;
    let text = rest.strip_prefix(b"] ")?;
    let host = names.split(|byte| *byte == b'/').next();
    (!names.contains(&b' ')).then_some(Peeled { text, at: None, host, part: None })
}

/// `2026-11-20T15:30:11Z {app="gateway", pod="gw-1"} text`, as `logcli` prints it.
fn labelled(line: &[u8]) -> Option<Peeled<'_>> {
    let (at, rest) = word(line)?;
    time::rfc3339(at)?;
    let mut host = None;
    let mut rest = rest.trim_ascii_start().strip_prefix(b"{")?;
    while !rest.starts_with(b"}") {
        let end = rest.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_')?;
        let (name, behind) = rest.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
        let value = behind.strip_prefix(b"=\"")?;
        // What is quoted in a label is written with a backslash before it.
        let end = memchr::memchr2(b'"', b'\\', value)?;
        let (value, behind) = value.split_at_checked(end)?;
        if matches!(name, b"pod" | b"host" | b"hostname" | b"instance") {
            host = host.or(Some(value));
        }
        rest = behind.strip_prefix(b"\"")?;
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
    }
    let text = rest.strip_prefix(b"}")?.strip_prefix(b" ")?;
    Some(Peeled { text, at: Some(at), host, part: None })
}

/// `service-1  | text`
fn composed(line: &[u8]) -> Option<Peeled<'_>> {
    let end = line.iter().position(|b| !b.is_ascii_alphanumeric() && !b"_.-".contains(b))?;
    let (name, rest) = line.split_at_checked(end)?;
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start().strip_prefix(b"|")?;
    let text = rest.strip_prefix(b" ").unwrap_or(rest);
    let peeled = Peeled { text, at: None, host: Some(name), part: None };
    (!name.is_empty()).then_some(peeled)
}

/// The first word, and what follows the space behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b' ')?;
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then_some((word, rest.get(1..)?))
}

/// `Nov 20 15:30:09`
fn is_stamp(text: &[u8]) -> bool {
    const SHAPE: &[u8; 15] = b"Aaa _0 00:00:00";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        b'0' => byte.is_ascii_digit(),
        b'_' => byte.is_ascii_digit() || *byte == b' ',
        _ => byte == shape,
    };
    text.len() == SHAPE.len() && text.iter().zip(SHAPE).all(fits)
}

/// `program:` or `program[123]:`
fn is_tag(word: &[u8]) -> bool {
    let Some(name) = word.strip_suffix(b":") else { return false };
    let end = name.iter().position(|byte| *byte == b'[').unwrap_or(name.len());
    let (program, pid) = name.split_at(end);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./@".contains(b);
    !program.is_empty() && program.iter().all(plain) && (pid.is_empty() || pid.ends_with(b"]"))
}

/// Whether a word can be a host's name, and is not a level.
fn is_host(word: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    word.iter().all(plain) && !names_level(word)
}

/// `INFO:` or `INFO:httpx:HTTP`, with which programs in Python begin their lines: no
/// program is called so.
fn is_level(word: &[u8]) -> bool {
    let end = word.iter().position(|byte| *byte == b':');
    end.and_then(|end| word.get(..end)).is_some_and(names_level)
}

fn names_level(word: &[u8]) -> bool {
    const LEVELS: [&[u8]; 12] = [
        b"TRACE",
        b"DEBUG",
        b"INFO",
        b"NOTICE",
        b"WARN",
        b"WARNING",
        b"ERROR",
        b"ERR",
        b"CRITICAL",
        b"CRIT",
        b"FATAL",
        b"PANIC",
    ];
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

/// Without the mark that says that JSON follows.
fn message(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    text.strip_prefix(b"@cee:").map_or(text, <[u8]>::trim_ascii_start)
}

/// Appends `text` without the escape sequences that colour it.
pub(super) fn without_colours(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let parameters = escape.strip_prefix(b"\x1b[").map_or(&[][..], |after| after);
        let end = parameters.iter().position(|byte| (0x40..=0x7e).contains(byte));
        rest = match end {
            Some(end) => parameters.get(end + 1..).unwrap_or_default(),
            None => escape.get(1..).unwrap_or_default(),
        };
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> Option<&str> {
        let peeled = peel(line.as_bytes()).or_else(|| behind_pod(line.as_bytes()))?;
        Some(str::from_utf8(peeled.text).unwrap())
    }

    #[test]
    fn prefixes_come_off() {
        for (line, wanted) in [
            ("2026-11-20T15:30:11.000000000Z stdout F {}", Some("{}")),
            ("2026-11-20T15:30:11+01:00 stderr P:x a b", Some("a b")),
            ("2026-11-20T15:30:13Z stdout F", Some("")),
            ("Nov 20 15:30:09 oncall-1 bot[4711]: {}", Some("{}")),
            ("Nov  2 15:30:09 bot: {}", Some("{}")),
            ("<134>Nov 20 15:30:10 oncall-1 bot[4711]: @cee: {}", Some("{}")),
            ("2026-11-20T15:30:11.262353+00:00 oncall-1 bot[4711]: {}", Some("{}")),
            ("<165>1 2026-11-20T15:30:11Z h app 1 ID47 - {}", Some("{}")),
            (r#"<165>1 2026-11-20T15:30:11Z h app - - [a b="]"][c] {}"#, Some("{}")),
            ("checkout-bot-1  | {}", Some("{}")),
            ("[pod/checkout-bot-7c9d-x1q/app] {}", Some("{}")),
            ("checkout-bot-7c9d-x1q app {}", Some("{}")),
            ("0_app-1  | {}", Some("{}")),
            ("2026-11-20T15:30:11Z {} {}", Some("{}")),
            (r#"2026-11-20T15:30:11+01:00 {app="a", pod="p"} x y"#, Some("x y")),
            (r#"2026-11-20T15:30:11Z {"app":1}"#, None),
            ("2026-11-20T15:30:31Z INFO tl: {}", None),
            ("2026-11-20T15:30:31Z INFO:     a - b", Some("INFO:     a - b")),
            (
                "Nov 20 15:30:09 WARNING:httpx:HTTP Request: x",
                Some("WARNING:httpx:HTTP Request: x"),
            ),
            ("2026-11-20T15:30:31Z  INFO tl: {}", None),
            ("Nov 20 text", None),
            ("hello world {}", None),
            ("<1", None),
        ] {
            assert_eq!(text(line), wanted, "{line}");
        }
    }

    #[test]
    fn colours_come_off() {
        let mut out = Vec::new();
        without_colours(b"\x1b[2ma\x1b[0m \x1b[1;31mb\x1b[0m\x1b[c\x1b", &mut out);
        assert_eq!(out, b"a b");
    }
}
