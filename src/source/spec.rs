//! What a source is, validated: the shape the configuration builds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::STDIN;
use super::net::NetSpec;
use super::piped::{Program, is_fifo};

/// Where to start reading a file that already has content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Start {
    /// At its first byte: what is there counts into the totals.
    #[default]
    Beginning,
    /// At its end: only what comes from now on.
    End,
}

/// How a source is read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Way {
    /// As files, or from standard input.
    #[default]
    Files,
    /// From a named pipe, the one path.
    Fifo,
    /// From the output of a program.
    Program(Program),
    /// By asking over the network.
    Net(Box<NetSpec>),
}

/// One configured source: files, directories or glob patterns, `-`, a program, or
/// something that is asked over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// Unique name.
    pub name: String,
    /// Files, directories, globs; `-` is standard input.
    pub paths: Vec<String>,
    /// Where rotation moves its files to, if that is not beside them.
    pub olddir: Option<PathBuf>,
    /// Format name; detected where absent.
    pub format: Option<String>,
    /// Zone of times that carry none; UTC where absent.
    pub timezone: Option<String>,
    /// Host label; the machine's own name where absent.
    pub host: Option<String>,
    /// Provider of calls whose line names none.
    pub provider: Option<String>,
    /// Environment of calls whose line names none.
    pub environment: Option<String>,
    /// Account of calls whose line names none.
    pub account: Option<String>,
    /// Where to start.
    pub start: Start,
    /// How it is read; `paths` are empty where it is not from files.
    pub way: Way,
    /// Whether its calls are counted, or only its limits read.
    pub count: bool,
    /// How long it may say nothing; what holds for all where absent.
    pub silent_after: Option<Duration>,
}

impl SourceSpec {
    /// Whether it is standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        matches!(self.paths.as_slice(), [path] if path == STDIN)
    }

    /// The same source, read as a pipe where its one path leads to a named one now.
    #[must_use]
    pub fn seen(self) -> SourceSpec {
        match self.paths.as_slice() {
            [path] if self.way == Way::Files && is_fifo(Path::new(path)) => {
                SourceSpec { way: Way::Fifo, ..self }
            }
            _ => self,
        }
    }

    /// What it is asked for, where it is asked.
    #[must_use]
    pub fn net(&self) -> Option<&NetSpec> {
        match &self.way {
            Way::Net(net) => Some(net),
            Way::Files | Way::Fifo | Way::Program(_) => None,
        }
    }

    /// Every word of [`SourceSpec::kind`].
    pub const KINDS: [&'static str; 9] =
        ["file", "stdin", "fifo", "command", "journald", "probe", "poll", "scrape", "redis"];

    /// The word for how it is read: `file`, `stdin`, `probe`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.way {
            Way::Net(net) => net.ask.kind(),
            Way::Fifo => "fifo",
            Way::Program(Program::Argv(_)) => "command",
            Way::Program(Program::Journal(_)) => "journald",
            Way::Files if self.is_stdin() => "stdin",
            Way::Files => "file",
        }
    }
}

impl Default for SourceSpec {
    fn default() -> SourceSpec {
        SourceSpec {
            name: String::new(),
            paths: Vec::new(),
            olddir: None,
            format: None,
            timezone: None,
            host: None,
            provider: None,
            environment: None,
            account: None,
            start: Start::default(),
            count: true,
            silent_after: None,
            way: Way::default(),
        }
    }
}
