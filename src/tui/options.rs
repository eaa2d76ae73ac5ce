//! What the console is told at start, and how it may end.

use std::io;

use crate::runtime::Signal;

/// Which characters the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Line and block characters.
    #[default]
    Unicode,
    /// Only ASCII; everything else becomes `?`.
    Ascii,
}

/// Whether colours may be used. State is always told by symbol and word too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Color {
    #[default]
    On,
    Off,
}

/// Whose time the clock shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClockStyle {
    /// `14:03:27Z`.
    #[default]
    Utc,
    /// Civil time of a zone, without a `Z`.
    Local(jiff::tz::TimeZone),
}

/// Whether the wheel scrolls. Off by default: capture breaks selecting text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Mouse {
    #[default]
    Off,
    On,
}

/// What the person at the console may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    #[default]
    Full,
    /// Look only: no trip, reset, arm, disarm or acknowledge.
    ReadOnly,
}

/// How the console looks and what it may do.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// Which characters the terminal can show.
    pub charset: Charset,
    /// Whether colours may be used.
    pub color: Color,
    /// Whose time the clock shows.
    pub clock: ClockStyle,
    /// Frames per second at most; at least 1.
    pub fps: u8,
    /// Whether the wheel scrolls.
    pub mouse: Mouse,
    /// What the person may do.
    pub access: Access,
    /// Who is at the console, for the audit record.
    pub user: String,
    /// Name of the configuration profile, shown in the first row.
    pub profile: Option<String>,
    /// Directory of the kill switch files, shown before a trip.
    pub switch_dir: String,
    /// Options that lead a shell to the same switches, as in ` --config FILE`;
    /// `None` where none do.
    pub shell_options: Option<String>,
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        ConsoleOptions {
            charset: Charset::default(),
            color: Color::default(),
            clock: ClockStyle::default(),
            fps: 4,
            mouse: Mouse::default(),
            access: Access::default(),
            user: String::from("unknown"),
            profile: None,
            switch_dir: String::from("kill.d"),
            shell_options: Some(String::new()),
        }
    }
}

/// How the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The person asked for it.
    Quit,
    /// The same, and the last screen was left on the normal screen.
    QuitKeepScreen,
    /// A signal other than a hang-up asked for it.
    Signal(Signal),
    /// The terminal went away; there is nobody to show anything to.
    TerminalGone,
    /// No more snapshots will come, or a thread has panicked.
    Ended,
}

/// Why the console could not run.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Standard output is not a terminal.
    #[error("standard output is not a terminal")]
    NotATerminal,
    /// The terminal refused to be set up.
    #[error("cannot {what} the terminal")]
    Terminal {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the {what} thread")]
    Thread {
        /// Which thread.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}
