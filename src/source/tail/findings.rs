//! What was met on the way and can't be made good: ways of rotation that lose
//! lines whoever reads them, and files that could not be read. Each is said once a day of
//! each file, so that what a long run loses is said when it is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::{Checkpoint, Wall};
use crate::source::status;

/// Files of which a kind is said on one day; more are counted.
const NAMED: usize = 16;

/// Places in one file that are told one by one.
const PLACES: usize = 8;

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

/// What was met, in words.
#[derive(Debug, Default)]
pub struct Findings {
    kinds: BTreeMap<Finding, Told>,
    /// The day on which the run began, and that of now.
    first: Option<String>,
    today: String,
}

/// What is said of one kind.
#[derive(Debug, Default)]
struct Told {
    /// The last of each file, and on which day that was.
    files: BTreeMap<PathBuf, (String, String)>,
    /// How many more there were on a day, and what is said of them.
    more: Option<(String, u64, String)>,
}

impl Findings {
    /// What is met from now on is met at that time.
    pub fn at(&mut self, now: Wall) {
        self.today = now.rfc3339();
        self.today.truncate("2026-01-01".len());
        self.first.get_or_insert_with(|| self.today.clone());
    }

    /// Say this of a file, and the same on another day in other words: who has heard it
    /// takes it for news.
    pub fn add(&mut self, finding: Finding, path: &Path, text: String) {
        let (today, told) = (&self.today, self.kinds.entry(finding).or_default());
        // Also where the numbers in it are others: each would be news to who hears it.
        if told.files.get(path).is_some_and(|(day, _)| day == today) {
            return;
        }
        let is_first = self.first.as_ref() == Some(today);
        let text = if is_first { text } else { format!("{text} (on {today})") };
        if told.files.len() >= NAMED && !told.files.contains_key(path) {
            let mut others = told.files.iter();
            let earlier = others.find(|(_, (day, _))| day != today).map(|(path, _)| path.clone());
            let Some(earlier) = earlier else { return told.count(path, today) };
            told.files.remove(&earlier);
        }
        told.files.insert(path.to_owned(), (today.clone(), text));
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
        self.add(Finding::Truncated, path, text);
    }

    /// A file was cut back to a part of what was read of it, and may have been written to
    /// since: where that begins nothing tells.
    pub fn rewritten(&mut self, path: &Path) {
        let text = format!(
            "{}: cut back to a part of what was read, or begun anew with the same: what stands \
             there now is read from its first byte, and counted twice where its lines have no id",
            path.display()
        );
        self.add(Finding::Rewritten, path, text);
    }

    /// A file was found to be cut off, and copied before.
    pub fn copied(&mut self, path: &Path) {
        let text = format!(
            "{}: rotated by copy and truncate: what is written after the copy was made \
             and before the file is cut is lost, and can't be counted; rotate by rename \
             (logrotate: `create`)",
            path.display()
        );
        self.add(Finding::CopyTruncated, path, text);
    }

    /// The rest of a file was read from an archive.
    pub fn came_packed(&mut self, path: &Path) {
        let at = path.display();
        let text = format!(
            "{at}: compressed before it was read to its end: a writer that still has it open \
             loses lines; compress a day later (logrotate: `delaycompress`)"
        );
        self.add(Finding::CompressedUnread, path, text);
    }

    /// A file that may hold what was not read is compressed in another way than ours.
    pub fn foreign(&mut self, file: &Path) {
        let text = format!(
            "{}: cannot be read here, where only .gz is unpacked: what was written to it and not \
             read before it was compressed is not counted; compress with gzip, or a day later \
             (logrotate: `delaycompress`)",
            file.display()
        );
        self.add(Finding::Foreign, file, text);
    }

    /// Of these, more may have been written, and no file continues them. An empty one is
    /// missed by nobody: what it became is found by its age, like all that is new. Nor is
    /// what bears the name of another source.
    pub fn gone(&mut self, path: &Path, gone: &[Checkpoint], foreign: Option<&Path>) {
        let is_missed = |one: &&Checkpoint| one.head_len > 0 && one.source.is_empty();
        let mut places = gone.iter().filter(is_missed).map(|one| one.offset.to_string());
        let first: Vec<String> = places.by_ref().take(PLACES).collect();
        let place = match (&*first, places.count()) {
            ([], _) => return,
            ([place], _) => format!("byte {place}"),
            (all, 0) => format!("bytes {} of {} files", all.join(", "), all.len()),
            (some, more) => format!("bytes {} and {more} other places", some.join(", ")),
        };
        if let Some(foreign) = foreign {
            return self.foreign(foreign);
        }
        let text = format!(
            "{}: what was read up to {place} is in no file beside it any more: deleted, cut off, or \
             moved to a directory that is not the source's `olddir`; what was added to it since \
             then, and rotated after it, is not counted",
            path.display()
        );
        self.add(Finding::Gone, path, text);
    }

    /// All of them, the gravest kind first.
    pub fn all(&self) -> Vec<status::Finding> {
        let said = |(kind, told): (&Finding, &Told)| -> Vec<status::Finding> {
            let more = told.more.iter().map(|(_, _, text)| text);
            let texts = told.files.values().map(|(_, text)| text).chain(more);
            texts.map(|text| status::Finding { kind: kind.word(), text: text.clone() }).collect()
        };
        self.kinds.iter().flat_map(said).collect()
    }
}

impl Told {
    /// Another one, which is not said by itself. Nor is each number, for each is news.
    fn count(&mut self, path: &Path, today: &str) {
        let of_today = self.more.take().filter(|(day, ..)| day == today);
        let (count, said) = of_today.map_or((0, String::new()), |(_, count, said)| (count, said));
        let count = count + 1;
        let text = if count.is_power_of_two() {
            let path = path.display();
            format!("{count} or more findings like these of other files on {today}, one of {path}")
        } else {
            said
        };
        self.more = Some((today.to_owned(), count, text));
    }
}
