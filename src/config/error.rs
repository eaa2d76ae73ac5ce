//! What is wrong with a configuration, said so that it can be mended: file,
//! line, column, the line itself with a caret, and a hint.

use std::fmt;

/// Problems looked for: a file of a million mistakes is not worth a minute.
pub(super) const MAX_PROBLEMS: usize = 100;

/// Problems printed before the rest is only counted.
const PRINTED: usize = 20;

/// Everything that is wrong, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong. Its texts are safe to print and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a line of a file.
    Line {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The line made safe, and carets under the place.
        excerpt: String,
    },
    /// The file as a whole.
    File(String),
    /// A command-line flag.
    Flag(String),
}

impl Problem {
    /// Where and what, in one line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.place {
            Place::Line { file, line, column, .. } => {
                format!("{file}:{line}:{column}: {}", self.message)
            }
            Place::File(name) | Place::Flag(name) => format!("{name}: {}", self.message),
        }
    }
}

impl From<Vec<Problem>> for ConfigError {
    fn from(mut problems: Vec<Problem>) -> ConfigError {
        problems.sort_by_key(|problem| match &problem.place {
            Place::File(_) => (0, 0, 0),
            Place::Line { line, column, .. } => (1, *line, *column),
            Place::Flag(_) => (2, 0, 0),
        });
        problems.truncate(MAX_PROBLEMS);
        ConfigError { problems }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(PRINTED).enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        match self.problems.len().saturating_sub(PRINTED) {
            0 => Ok(()),
            _ if self.problems.len() >= MAX_PROBLEMS => f.write_str("\nand many more problems"),
            more => write!(f, "\nand {more} more problems"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        if let Place::Line { excerpt, .. } = &self.place {
            write!(f, "\n{excerpt}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
