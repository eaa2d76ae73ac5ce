//! Colours and characters. Every state is also told by a symbol and a word, so
//! a screen without colours loses nothing.

use ratatui::style::{Color as Ink, Modifier, Style};

use super::options::{Charset, Color};
use crate::snapshot::State;
use crate::text::Ellipsis;

/// What a piece of text means; the theme decides how that looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// Text that may be overlooked: units, absent values, stale rows.
    Quiet,
    /// Text that leads the eye without alarm: titles, keys.
    Strong,
    /// A filled gauge with fresh evidence.
    Gauge,
    /// Wants attention.
    Warning,
    /// Wants it now.
    Critical,
    /// A whole row or word that must not be missed.
    Banner,
}

/// How things look on this terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Theme {
    /// Which characters may be used.
    pub charset: Charset,
    /// Whether colours may be used.
    pub color: Color,
}

impl Theme {
    /// The style of a tone: 16 colours, readable on dark and light grounds.
    #[must_use]
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match tone {
            Tone::Plain => plain,
            Tone::Quiet => plain.add_modifier(Modifier::DIM),
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Gauge => self.ink(plain, Ink::Blue),
            Tone::Warning => self.ink(plain, Ink::Yellow),
            // Not red: on a dark ground a red-blind reader sees next to nothing of it.
            Tone::Critical => self.ink(plain, Ink::Yellow).add_modifier(Modifier::BOLD),
            Tone::Banner => plain.add_modifier(Modifier::BOLD | Modifier::REVERSED),
        }
    }

    /// The character of rules.
    #[must_use]
    pub fn rule(self) -> &'static str {
        self.pick("\u{2500}", "-")
    }

    /// What stands for text that was cut off.
    #[must_use]
    pub fn ellipsis(self) -> Ellipsis {
        match self.charset {
            Charset::Unicode => Ellipsis::Unicode,
            Charset::Ascii => Ellipsis::Ascii,
        }
    }

    /// Left edge, filled, empty and right edge of a gauge.
    #[must_use]
    pub fn gauge(self) -> [&'static str; 4] {
        match self.charset {
            Charset::Unicode => ["[", "\u{2588}", "\u{00b7}", "]"],
            Charset::Ascii => ["[", "#", ".", "]"],
        }
    }

    /// The marker of a focused title.
    #[must_use]
    pub fn focus(self) -> &'static str {
        self.pick("\u{25b8}", ">")
    }

    fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }

    fn ink(self, style: Style, ink: Ink) -> Style {
        match self.color {
            Color::On => style.fg(ink),
            Color::Off => style,
        }
    }
}

/// The symbol that stands beside a state.
#[must_use]
pub fn mark(state: State) -> &'static str {
    match state {
        State::Critical => "!",
        State::Warning => "~",
        State::Unknown => "?",
        State::Ok => " ",
    }
}

/// The tone of a state.
#[must_use]
pub fn tone(state: State) -> Tone {
    match state {
        State::Critical => Tone::Critical,
        State::Warning => Tone::Warning,
        State::Unknown => Tone::Quiet,
        State::Ok => Tone::Plain,
    }
}
