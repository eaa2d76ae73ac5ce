//! What may reach a terminal, decided without any help from the code that is tested.

use std::ops::RangeInclusive;

/// A piece of what was written to a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A character that is shown.
    Shown(char),
    /// A control character.
    Control(char),
    /// `ESC [ parameters final`.
    Csi(String, char),
    /// `ESC` and something else.
    Escape(char),
}

/// Takes bytes apart. A sequence that was cut off at the end is dropped.
pub fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Only a character that is cut off at the very end is forgiven.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap()
        }
        Err(error) => panic!("not UTF-8 at {}", error.valid_up_to()),
    };
    let mut pieces = Vec::new();
    let mut letters = valid.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => match letters.next() {
                Some('[') => {
                    let mut parameters = String::new();
                    for letter in letters.by_ref() {
                        if ('@'..='~').contains(&letter) {
                            pieces.push(Piece::Csi(parameters, letter));
                            break;
                        }
                        parameters.push(letter);
                    }
                }
                Some(other) => pieces.push(Piece::Escape(other)),
                None => {}
            },
            control if control.is_control() => pieces.push(Piece::Control(control)),
            shown => pieces.push(Piece::Shown(shown)),
        }
    }
    pieces
}

/// The pieces that our own renderer would never write.
pub fn foreign(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = pieces(bytes);
    pieces.retain(|piece| !is_ours(piece));
    pieces
}

/// The colours that are set: parameters of SGR that choose one.
pub fn colors(bytes: &[u8]) -> Vec<String> {
    let sets_color = |piece: Piece| match piece {
        Piece::Csi(parameters, 'm') => {
            let mut numbers = parameters.split(';').filter_map(|number| number.parse::<u8>().ok());
            numbers
                .any(|number| matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107))
                .then_some(parameters)
        }
        _ => None,
    };
    pieces(bytes).into_iter().filter_map(sets_color).collect()
}

fn is_ours(piece: &Piece) -> bool {
    match piece {
        Piece::Shown(letter) => !INVISIBLE.iter().any(|range| range.contains(letter)),
        Piece::Control(_) | Piece::Escape(_) => false,
        Piece::Csi(parameters, letter) => {
            let numbers = parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
            match letter {
                'H' | 'm' => numbers,
                'J' => parameters == "2",
                'h' | 'l' => MODES.contains(&parameters.as_str()),
                _ => false,
            }
        }
    }
}

/// Alternate screen, bracketed paste, cursor, synchronized update.
const MODES: [&str; 4] = ["?1049", "?2004", "?25", "?2026"];

/// Characters that are not seen or change the direction of others.
const INVISIBLE: [RangeInclusive<char>; 13] = [
    '\u{7f}'..='\u{9f}',
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{180b}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{e000}'..='\u{f8ff}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{10ffff}',
];

#[test]
fn what_a_terminal_would_obey_is_found() {
    for (bytes, count) in [
        ("plain \u{2588} caf\u{e9}", 0),
        ("\u{1b}[1;7H\u{1b}[0m\u{1b}[?25l", 0),
        ("\u{1b}]0;title\u{7}", 2),
        ("\u{9b}31m", 1),
        ("a\u{202e}b\u{200b}", 2),
        ("\u{1b}[6n", 1),
        ("\u{1b}[?1000h", 1),
        ("\u{1b}c", 1),
        ("a\nb", 1),
    ] {
        assert_eq!(foreign(bytes.as_bytes()).len(), count, "{bytes:?}");
    }
    assert_eq!(colors(b"\x1b[39;49m\x1b[1m\x1b[38;5;1m\x1b[91m"), ["38;5;1", "91"]);
}
