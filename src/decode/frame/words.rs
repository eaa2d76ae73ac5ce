//! A record behind words, as loggers of text print it: `2026-11-21 03:04:05,123 - app -
//! INFO - {…}`, `[INFO] {…}`, `I1121 03:04:05.123456 1 main.go:12] {…}`. Which of the
//! words are a time is found by trying; what a record means is not known here.

use super::{Frame, Layer, MAX_DEPTH, Mode, Taken, note, prefix};
use crate::decode::decoder::Decoder;
use crate::domain::{Batch, Wall};

/// Words among which a time may begin, and words that one has at most: `Sat, 21 Nov 2026
/// 03:04:05 GMT`.
const STARTS: usize = 8;
const LONGEST: usize = 6;

impl Frame {
    /// Reads the record behind the words of a text, if there is one. Where records stand
    /// by themselves, one with something before it is damaged.
    pub(super) fn behind_words(
        &mut self,
        d: &mut Decoder,
        layer: Layer<'_>,
        out: &mut Batch,
    ) -> Taken {
        let Layer { text, place, depth, .. } = layer;
        if depth >= MAX_DEPTH || (depth == 0 && self.bare) {
            return Taken::No;
        }
        let Some((before, object)) = prefix::object_behind_words(text) else { return Taken::No };
        let at = time(before, |text| d.seen_time(text, place.at.received));
        let place = self.around(d, place, at, None);
        let guess = Layer { place, mode: Mode::Perhaps, ..layer };
        note(d, depth, "words", before);
        self.open(d, guess.inner(object), out)
    }
}

/// The first time among words, as `read` reads it. A number alone is one only at the
/// very beginning.
fn time(words: &[u8], read: impl Fn(&[u8]) -> Option<Wall>) -> Option<Wall> {
    starts(words).take(STARTS).find_map(|start| {
        let text = words.get(start..)?;
        let of_day = |text: &&[u8]| start == 0 || text.contains(&b':');
        let spans = ends(text).take(LONGEST).filter_map(|end| text.get(..end)).map(trimmed);
        // The longest, since a zone may stand apart.
        spans.filter(of_day).filter_map(|span| read(without_severity(span))).last()
    })
}

/// Where words begin that a time may begin with.
fn starts(words: &[u8]) -> impl Iterator<Item = usize> {
    let mut before = b' ';
    words.iter().enumerate().filter_map(move |(at, byte)| {
        let begins = is_between(before) || matches!(before, b'[' | b'(' | b'=' | b'<' | b':');
        before = *byte;
        (begins && (byte.is_ascii_digit() || byte.is_ascii_uppercase())).then_some(at)
    })
}

/// Where words end.
fn ends(text: &[u8]) -> impl Iterator<Item = usize> {
    let inside = text.iter().enumerate().skip(1);
    inside
        .filter(|(_, byte)| is_between(**byte) || **byte == b']')
        .map(|(at, _)| at)
        .chain([text.len()])
}

const fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'|'
}

fn trimmed(text: &[u8]) -> &[u8] {
    let mut text = text.trim_ascii();
    while let [rest @ .., b']' | b')' | b'>' | b':' | b',' | b';' | b'-'] = text {
        text = rest.trim_ascii_end();
    }
    text
}

/// The time in `I1121 03:04:05.123456`, whose first letter is the severity.
fn without_severity(text: &[u8]) -> &[u8] {
    match text {
        [b'I' | b'W' | b'E' | b'F', rest @ ..]
            if rest.get(..5).is_some_and(|date| {
                date.iter().take(4).all(u8::is_ascii_digit) && date.ends_with(b" ")
            }) =>
        {
            rest
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::moment::{Around, seen};

    fn at(words: &str) -> Option<Wall> {
        let received = Wall::from_secs(1_795_233_600);
        let read = |text: &[u8]| seen(text, Around { zone: None, received });
        time(words.as_bytes(), read)
    }

    #[test]
    fn a_time_is_found_wherever_a_logger_puts_it() {
        for (words, time) in [
            ("2026-11-21T03:04:05Z INFO ", "03:04:05"),
            ("2026-11-21T03:04:05.123+0000\tINFO\tapp/main.go:12\tcall\t", "03:04:05.123"),
            ("2026-11-21T03:04:05.123Z\t2f4c-1b\tINFO\t", "03:04:05.123"),
            ("I1121 03:04:05.123456       1 main.go:12] ", "03:04:05.123456"),
            ("2026-11-21 03:04:05,123 - name - INFO - ", "03:04:05.123"),
            ("2026-11-21 04:04:05.123 +0100 INFO ", "03:04:05.123"),
            ("[2026-11-21 03:04:05,123] INFO in app: ", "03:04:05.123"),
            ("[2026-11-21 03:04:05][info] ", "03:04:05"),
            ("[INFO] 2026/11/21 03:04:05 ", "03:04:05"),
            ("[GIN] 2026/11/21 - 03:04:05 | ", "03:04:05"),
            ("INFO:app:2026-11-21 03:04:05: ", "03:04:05"),
            ("Nov 21 03:04:05 ", "03:04:05"),
            ("Sat, 21 Nov 2026 03:04:05 GMT INFO ", "03:04:05"),
            ("ts=2026-11-21T03:04:05Z msg=", "03:04:05"),
            ("1795230245 INFO ", "03:04:05"),
        ] {
            let wanted: jiff::Timestamp = format!("2026-11-21T{time}Z").parse().unwrap();
            let wanted = i64::try_from(wanted.as_nanosecond()).unwrap();
            assert_eq!(at(words), Some(Wall(wanted)), "{words}");
        }
        for none in
            ["INFO app: ", "call 1795230245 ", "03:04:05.123 [main] ", "2026-11-21 INFO ", ""]
        {
            assert_eq!(at(none), None, "{none}");
        }
    }
}
