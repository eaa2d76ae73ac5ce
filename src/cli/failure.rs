//! How a command fails: a message, hints, and the exit code that scripts rely on.

use std::fmt;

/// Kinds of failure; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something went wrong.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// Input data is bad.
    Data,
    /// A source is not there.
    Unavailable,
    /// Not permitted, not confirmed, or read-only.
    Refused,
    /// The configuration is wrong.
    Config,
}

impl Kind {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 64,
            Kind::Data => 65,
            Kind::Unavailable => 69,
            Kind::Refused => 77,
            Kind::Config => 78,
        }
    }
}

/// A failed command.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// What went wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    #[must_use]
    pub fn new(kind: Kind, message: impl fmt::Display) -> Failure {
        Failure { kind, message: message.to_string(), hints: Vec::new() }
    }

    /// Which also says what was not done because of it.
    #[must_use]
    pub fn undone(mut self, what: &str) -> Failure {
        self.message = format!("{}\n{what}", self.message);
        self
    }

    /// With one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Failure {
        self.hints.push(hint.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tripline: {}", self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}
