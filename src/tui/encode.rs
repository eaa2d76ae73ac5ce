//! From grids of cells to bytes for a terminal: only what changed, nothing at
//! all if nothing did, and no character that a terminal would obey.

use std::io;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell};

use super::options::Charset;
use crate::text::printable;

/// From this size on a frame is worth the bytes that make it appear at once.
const WORTH_SYNCHRONIZING: usize = 512;
const BEGIN_SYNCHRONIZED: &[u8] = b"\x1b[?2026h";
const END_SYNCHRONIZED: &[u8] = b"\x1b[?2026l";
const CLEAR: &[u8] = b"\x1b[0m\x1b[2J";
/// A move of the cursor is this many bytes at least: over fewer cells that did not
/// change, drawing them again is shorter.
const MOVE: u16 = 6;
/// What stands for a character that must not, or cannot, be shown.
const REPLACEMENT: &str = "?";

/// Remembers what the terminal shows.
#[derive(Debug)]
pub struct Encoder {
    charset: Charset,
    shown: Option<Buffer>,
}

impl Encoder {
    /// An encoder for a terminal of which nothing is known.
    #[must_use]
    pub fn new(charset: Charset) -> Encoder {
        Encoder { charset, shown: None }
    }

    /// Forget what the terminal shows: somebody else has written to it.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// The bytes that bring the terminal to this grid; none if it is there.
    pub fn encode(&mut self, mut next: Buffer) -> io::Result<Vec<u8>> {
        scrub(&mut next, self.charset);
        let mut bytes = Vec::new();
        let known = self.shown.take().filter(|shown| shown.area == next.area);
        let shown = known.unwrap_or_else(|| {
            bytes.extend_from_slice(CLEAR);
            Buffer::empty(next.area)
        });
        let changed = shown.diff(&next);
        if !changed.is_empty() {
            CrosstermBackend::new(&mut bytes).draw(bridged(&changed, &next).into_iter())?;
        }
        self.shown = Some(next);
        if bytes.len() >= WORTH_SYNCHRONIZING {
            bytes.splice(0..0, BEGIN_SYNCHRONIZED.iter().copied());
            bytes.extend_from_slice(END_SYNCHRONIZED);
        }
        Ok(bytes)
    }
}

/// What changed, and what stands between two changes that are close.
fn bridged<'b>(changed: &[(u16, u16, &'b Cell)], next: &'b Buffer) -> Vec<(u16, u16, &'b Cell)> {
    let mut cells: Vec<(u16, u16, &Cell)> = Vec::with_capacity(changed.len());
    for &(x, y, cell) in changed {
        if let Some(&(last_x, last_y, last)) = cells.last()
            && last_y == y
            && (last_x.saturating_add(1)..=last_x.saturating_add(MOVE)).contains(&x)
        {
            let between = (last_x + 1..x).filter_map(|x| Some((x, y, next.cell((x, y))?)));
            // Neither a change of colour nor the second half of a wide character.
            let plain = |cell: &Cell| cell.symbol().is_ascii() && cell.style() == last.style();
            if last.symbol().is_ascii() && between.clone().all(|(_, _, cell)| plain(cell)) {
                cells.extend(between);
            }
        }
        cells.push((x, y, cell));
    }
    cells
}

/// Everything drawn went through `text::printable`; this is the second line of
/// defence, for whoever draws past it one day.
fn scrub(buffer: &mut Buffer, charset: Charset) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        let plain = matches!(symbol.as_bytes(), [b' '..=b'~']);
        let allowed = charset == Charset::Unicode && *printable(symbol) == *symbol;
        if !plain && !allowed {
            cell.set_symbol(REPLACEMENT);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    fn grid(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        buffer.set_string(0, 0, text, ratatui::style::Style::new());
        buffer
    }

    fn encode(encoder: &mut Encoder, text: &str) -> String {
        String::from_utf8(encoder.encode(grid(text)).unwrap()).unwrap()
    }

    #[test]
    fn an_unchanged_frame_is_no_byte() {
        let mut encoder = Encoder::new(Charset::Unicode);
        assert!(encode(&mut encoder, "left=31%").contains("left=31%"));
        assert_eq!(encode(&mut encoder, "left=31%"), "");
    }

    #[test]
    fn a_changed_number_is_a_few_bytes() {
        let mut encoder = Encoder::new(Charset::Unicode);
        encode(&mut encoder, "left=31%");
        let bytes = encode(&mut encoder, "left=32%");
        assert!(bytes.starts_with("\x1b[1;7H2") && bytes.len() < 32, "{bytes:?}");
    }

    #[test]
    fn changes_that_are_close_are_one_piece() {
        let mut encoder = Encoder::new(Charset::Unicode);
        encode(&mut encoder, "1.25 / 2.50 USD  ab");
        let bytes = encode(&mut encoder, "1.35 / 2.60 USD  ab");
        assert!(bytes.starts_with("\x1b[1;3H3") && bytes.contains("\x1b[1;10H6"), "{bytes:?}");
        let bytes = encode(&mut encoder, "1.46 / 3.60 USD  xb");
        assert!(bytes.starts_with("\x1b[1;3H46 / 3"), "{bytes:?}");
        assert!(bytes.contains("\x1b[1;18Hx"), "{bytes:?}");
    }

    #[test]
    fn what_was_forgotten_is_drawn_again() {
        let mut encoder = Encoder::new(Charset::Unicode);
        encode(&mut encoder, "left=31%");
        encoder.forget();
        let bytes = encode(&mut encoder, "left=31%");
        assert!(bytes.contains("\x1b[2J") && bytes.contains("left=31%"), "{bytes:?}");
    }

    #[test]
    fn another_size_is_drawn_from_scratch() {
        let mut encoder = Encoder::new(Charset::Unicode);
        encode(&mut encoder, "left=31%");
        let bytes = encoder.encode(Buffer::empty(Rect::new(0, 0, 5, 5))).unwrap();
        assert!(bytes.starts_with(CLEAR));
    }

    #[test]
    fn a_cell_that_a_terminal_would_obey_is_replaced() {
        for symbol in ["\u{1b}", "\u{9b}", "\u{202e}", "\u{200b}", "a\u{202e}", "\u{e0041}"] {
            let mut buffer = grid("ok");
            buffer[(0, 0)].set_symbol(symbol);
            let bytes = Encoder::new(Charset::Unicode).encode(buffer).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains("?k"), "{symbol:?} gave {text:?}");
        }
    }

    #[test]
    fn an_ascii_terminal_gets_ascii() {
        let text = encode(&mut Encoder::new(Charset::Ascii), "caf\u{e9}-\u{2588}");
        assert!(text.is_ascii() && text.contains("caf?-?"), "{text:?}");
    }
}
