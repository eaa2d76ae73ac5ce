//! What a source is, validated: the shape the configuration builds.

/// Where to start reading a file that already has content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Start {
    /// At its first byte: what is there counts into the totals.
    #[default]
    Beginning,
    /// At its end: only what comes from now on.
    End,
}

/// One configured source: files, directories or glob patterns, or `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// Unique name.
    pub name: String,
    /// Files, directories, globs; `-` is standard input.
    pub paths: Vec<String>,
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
    /// Where to start.
    pub start: Start,
    /// Whether its calls are counted, or only its limits read.
    pub count: bool,
}

impl Default for SourceSpec {
    fn default() -> SourceSpec {
        SourceSpec {
            name: String::new(),
            paths: Vec::new(),
            format: None,
            timezone: None,
            host: None,
            provider: None,
            environment: None,
            start: Start::default(),
            count: true,
        }
    }
}
