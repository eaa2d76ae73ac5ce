//! Findings of earlier runs after which what a cap counts may not be exact: they are said
//! again as long as a cap counts that time.

use crate::domain::Wall;
use crate::rules::Severity;

/// The kinds of findings that tell of something that was not counted.
const KINDS: [(&str, Option<Severity>); 11] = [
    ("rotated_unreadable", None),
    ("rotated_not_gzip", None),
    ("rotated_gone", None),
    ("copytruncate", None),
    ("truncated", None),
    ("compressed_unread", None),
    ("rewritten", Some(Severity::Warning)),
    ("quarantined", None),
    ("quarantined_at", None),
    ("pruned", Some(Severity::Warning)),
    ("ledger_refused", Some(Severity::Critical)),
];

/// Something that an earlier run could not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What kind of thing, in a word.
    pub kind: &'static str,
    /// How bad it is, where that is not left to the reader.
    pub severity: Option<Severity>,
    /// When it was found.
    pub at: Wall,
    /// One sentence.
    pub text: String,
}

/// How bad a kind of finding is, where that is not left to the reader.
#[must_use]
pub fn severity_of(kind: &str) -> Option<Severity> {
    KINDS.iter().find(|(known, _)| *known == kind).and_then(|(_, severity)| *severity)
}

impl Loss {
    /// A finding, if it tells of a loss.
    #[must_use]
    pub fn of(kind: &str, at: Wall, text: String) -> Option<Loss> {
        let (kind, severity) = *KINDS.iter().find(|(known, _)| *known == kind)?;
        Some(Loss { kind, severity, at, text })
    }
}
