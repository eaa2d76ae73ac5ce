//! What was met on the way and can't be made good: ways of rotation that lose
//! lines whoever reads them, and files that could not be read. Each is said once.

use std::collections::BTreeMap;
use std::path::Path;

use crate::source::packed::is_packed;

/// What kind of thing was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Something older can't be read.
    Unreadable,
    /// A file was copied and truncated.
    CopyTruncated,
    /// A file was truncated, and no copy was left.
    Truncated,
    /// A rotated file was compressed before it was read.
    CompressedUnread,
}

/// The first of each kind, in words.
#[derive(Debug, Default)]
pub struct Findings(BTreeMap<Finding, String>);

impl Findings {
    /// Keep the first of its kind.
    pub fn add(&mut self, finding: Finding, text: String) {
        self.0.entry(finding).or_insert(text);
    }

    /// A file was found to be cut off, and perhaps copied before.
    pub fn cut(&mut self, path: &Path, copy: Option<&Path>) {
        let at = path.display();
        let Some(copy) = copy else {
            let text = format!(
                "{at}: truncated in place: what was written in the moment before is lost, \
                 and can't be counted"
            );
            return self.add(Finding::Truncated, text);
        };
        let text = format!(
            "{at}: rotated by copy and truncate: what is written after the copy was made \
             and before the file is cut is lost, and can't be counted; rotate by rename \
             (logrotate: `create`)"
        );
        self.add(Finding::CopyTruncated, text);
        self.came_by(path, copy);
    }

    /// The rest of a file is read from where rotation has put it.
    pub fn came_by(&mut self, path: &Path, from: &Path) {
        if is_packed(from) {
            let at = path.display();
            let text = format!(
                "{at}: compressed before it was read to its end: a writer that still has it open \
                 loses lines; compress a day later (logrotate: `delaycompress`)"
            );
            self.add(Finding::CompressedUnread, text);
        }
    }

    /// In words, the gravest kind first.
    pub fn texts(&self) -> Vec<String> {
        self.0.values().cloned().collect()
    }
}
