//! What was met on the way and can't be made good: ways of rotation that lose
//! lines whoever reads them, and files that could not be read. Each is said once.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::Checkpoint;
use crate::source::status;

/// What kind of thing was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Something older can't be read.
    Unreadable,
    /// Something older is compressed in a way that is not known here.
    Foreign,
    /// What was read up to some place is nowhere any more.
    Gone,
    /// A file was copied and truncated.
    CopyTruncated,
    /// A file was truncated, and no copy was left.
    Truncated,
    /// A rotated file was compressed before it was read.
    CompressedUnread,
    /// What was read before is read again.
    Rewritten,
}

impl Finding {
    /// The word of the public snapshot.
    const fn word(self) -> &'static str {
        match self {
            Finding::Unreadable => "rotated_unreadable",
            Finding::Foreign => "rotated_not_gzip",
            Finding::Gone => "rotated_gone",
            Finding::CopyTruncated => "copytruncate",
            Finding::Truncated => "truncated",
            Finding::CompressedUnread => "compressed_unread",
            Finding::Rewritten => "rewritten",
        }
    }
}

/// The first of each kind, in words.
#[derive(Debug, Default)]
pub struct Findings(BTreeMap<Finding, String>);

impl Findings {
    /// Keep the first of its kind.
    pub fn add(&mut self, finding: Finding, text: String) {
        self.0.entry(finding).or_insert(text);
    }

    /// A file was found to be cut off, and what it held is nowhere else: so many bytes of
    /// it were there and not read.
    pub fn truncated(&mut self, path: &Path, unread: u64) {
        let unread = match unread {
            0 => String::new(),
            unread => format!("{unread} bytes that were not read yet, and "),
        };
        let text = format!(
            "{}: truncated in place: {unread}what was written in the moment before is lost, and \
             can't be counted",
            path.display()
        );
        self.add(Finding::Truncated, text);
    }

    /// A file was cut back to a part of what was read of it, and may have been written to
    /// since: where that begins nothing tells.
    pub fn rewritten(&mut self, path: &Path) {
        let text = format!(
            "{}: cut back to a part of what was read, or begun anew with the same: what stands \
             there now is read from its first byte, and counted twice where its lines have no id",
            path.display()
        );
        self.add(Finding::Rewritten, text);
    }

    /// A file was found to be cut off, and copied before.
    pub fn copied(&mut self, path: &Path) {
        let text = format!(
            "{}: rotated by copy and truncate: what is written after the copy was made \
             and before the file is cut is lost, and can't be counted; rotate by rename \
             (logrotate: `create`)",
            path.display()
        );
        self.add(Finding::CopyTruncated, text);
    }

    /// The rest of a file was read from an archive.
    pub fn came_packed(&mut self, path: &Path) {
        let at = path.display();
        let text = format!(
            "{at}: compressed before it was read to its end: a writer that still has it open \
             loses lines; compress a day later (logrotate: `delaycompress`)"
        );
        self.add(Finding::CompressedUnread, text);
    }

    /// A file that may hold what was not read is compressed in another way than ours.
    pub fn foreign(&mut self, file: &Path) {
        let text = format!(
            "{}: cannot be read here, where only .gz is unpacked: what was written to it and not \
             read before it was compressed is not counted; compress with gzip, or a day later \
             (logrotate: `delaycompress`)",
            file.display()
        );
        self.add(Finding::Foreign, text);
    }

    /// Of these, more may have been written, and no file continues them. An empty one is
    /// missed by nobody: what it became is found by its age, like all that is new. Nor is
    /// what bears the name of another source.
    pub fn gone(&mut self, path: &Path, gone: &[Checkpoint], foreign: Option<&Path>) {
        let is_missed = |one: &&Checkpoint| one.head_len > 0 && one.source.is_empty();
        let Some(last) = gone.iter().rfind(is_missed) else { return };
        if let Some(foreign) = foreign {
            return self.foreign(foreign);
        }
        let text = format!(
            "{}: what was read up to byte {} is in no file beside it any more: deleted, cut off, or \
             moved to a directory that is not the source's `olddir`; what was added to it since \
             then, and rotated after it, is not counted",
            path.display(),
            last.offset
        );
        self.add(Finding::Gone, text);
    }

    /// All of them, the gravest kind first.
    pub fn all(&self) -> Vec<status::Finding> {
        let said = |(kind, text): (&Finding, &String)| status::Finding {
            kind: kind.word(),
            text: text.clone(),
        };
        self.0.iter().map(said).collect()
    }
}
