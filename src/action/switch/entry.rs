//! A kill file as it stands on disk, whoever made it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::fs::{Mode, OFlags};

use super::guard::Handle;
use super::record::{self, FILE_LEN, KillRecord};
use super::reset_mark::ResetMark;
use crate::action::durable;
use crate::action::scope::SwitchScope;
use crate::domain::Wall;
use crate::domain::time::NANOS_PER_S;

/// One `*.kill` name in the switch directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's name.
    pub file: String,
    /// What it stops, if its name is one of ours.
    pub scope: Option<SwitchScope>,
    /// What stands in it.
    pub content: Content,
    /// Since when the scope is stopped: as it says, else as the file system says.
    pub since: Wall,
    /// When the file was made again, if somebody had removed it.
    pub again: Option<Wall>,
    /// Who owns it.
    pub owner: u32,
    /// How much stands in it.
    pub(super) len: u64,
    /// Which reset of its scope was the newest one while it stood.
    pub(in crate::action) reset_before: ResetMark,
    /// Since when this very file stands, as the file system tells.
    pub(super) stands: Wall,
}

/// What stands under the name of a kill file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A record that tripline wrote.
    Ours(KillRecord),
    /// A file from someone else, or one that can't be read. It stops traffic all the same.
    Foreign,
    /// No file at all: gateways differ on whether it stops them.
    NotAFile(FileKind),
}

/// What a name may be other than a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum FileKind {
    Symlink,
    Directory,
    Fifo,
    Other,
}

impl FileKind {
    /// With its article, for a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            FileKind::Symlink => "a symbolic link",
            FileKind::Directory => "a directory",
            FileKind::Fifo => "a FIFO",
            FileKind::Other => "a device or socket",
        }
    }

    /// What it means where a kill file should be.
    #[must_use]
    pub fn doubt(self) -> String {
        let words = self.words();
        format!(
            "its kill file is {words}, not a file: gateways do not agree on whether that stops them"
        )
    }

    /// `None` for a regular file.
    pub(super) fn of(meta: &Metadata) -> Option<FileKind> {
        let kind = meta.file_type();
        if kind.is_file() {
            return None;
        }
        Some(match () {
            () if kind.is_symlink() => FileKind::Symlink,
            () if kind.is_dir() => FileKind::Directory,
            () if kind.is_fifo() => FileKind::Fifo,
            () => FileKind::Other,
        })
    }
}

impl Entry {
    /// The scope, or the file's name where that tells none.
    #[must_use]
    pub fn scope_or_file(&self) -> String {
        self.scope.as_ref().map_or_else(|| self.file.clone(), ToString::to_string)
    }

    /// Who tripped it; `unknown` for a file from someone else.
    #[must_use]
    pub fn by(&self) -> &str {
        self.record().and_then(|record| record.by.as_deref()).unwrap_or("unknown")
    }

    /// Whether it stops traffic: a file does, whoever made it; of anything else no one
    /// can tell.
    #[must_use]
    pub fn stops(&self) -> bool {
        !matches!(self.content, Content::NotAFile(_))
    }

    /// What tripline wrote into it.
    #[must_use]
    pub fn record(&self) -> Option<&KillRecord> {
        match &self.content {
            Content::Ours(record) => Some(record),
            Content::Foreign | Content::NotAFile(_) => None,
        }
    }

    /// Whether it was tripped, but who and why is not written into it yet.
    pub(super) fn awaits_details(&self) -> bool {
        self.record().is_some_and(KillRecord::is_placeholder)
    }

    /// Whether it stops traffic and nothing is known of who made it and why, but may be
    /// on record.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.stops() && self.says_nothing() && self.record().is_none_or(KillRecord::is_placeholder)
    }

    /// Whether it says nothing of its own: its details are not written yet, or
    /// there was no room for them.
    pub(super) fn says_nothing(&self) -> bool {
        self.awaits_details() || self.len == 0
    }

    /// Whether it tells less of the stop than what is known of it: somebody put another
    /// file in its place, or its details are not written (yet). After a reset it is another stop.
    fn tells_less_than(&self, known: &Entry) -> bool {
        let is_mute = self.content == Content::Foreign && known.record().is_some();
        !self.reset_before.is_news_since(&known.reset_before, known.stands)
            && (self.says_nothing() || is_mute)
    }

    /// Whether it tells of the same stop as an earlier file, and no more of it. A file knows
    /// its times to the millisecond.
    pub(super) fn tells_the_same_as(&self, known: &Entry) -> bool {
        let ms = |at: Wall| at.0.div_euclid(1_000_000);
        let told = |entry: &Entry| (ms(entry.since), entry.again.map(ms));
        let reason = |entry: &Entry| entry.record().map(|record| record.reason.clone());
        told(self) == told(known) && self.by() == known.by() && reason(self) == reason(known)
    }

    /// The same with what is known of the stop, where that is more.
    pub(super) fn or_as_known(self, known: &Entry) -> Entry {
        if !self.tells_less_than(known) {
            return self;
        }
        Entry { reset_before: self.reset_before, stands: self.stands, ..known.clone() }
    }

    /// What is known of its stop otherwise: it says nothing, or is not its first file.
    pub(in crate::action) fn of_stop(self, record: KillRecord) -> Entry {
        let (since, again) = (record.at.unwrap_or(self.since), record.again);
        Entry { since, again, content: Content::Ours(record), ..self }
    }

    /// Read the entry of that name; `None` if there is none.
    pub(super) fn read(dir: &Handle, file: &str) -> io::Result<Option<Entry>> {
        // Before the file is seen to stand: what is told later is of its own reset.
        let reset_before = ResetMark::read(dir, file);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let meta = match rustix::fs::openat(dir, file, flags, Mode::empty()) {
            Ok(fd) => File::from(fd).metadata()?,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let content = match FileKind::of(&meta) {
            Some(kind) => Content::NotAFile(kind),
            None => durable::open_read(dir, file)
                .and_then(|open| durable::read_up_to(&open, 2 * FILE_LEN as u64))
                .ok()
                .and_then(|bytes| record::parse(&bytes))
                .map_or(Content::Foreign, Content::Ours),
        };
        Ok(Some(Entry::new(file, content, &meta, reset_before)))
    }

    pub(super) fn new(
        file: &str,
        content: Content,
        meta: &Metadata,
        reset_before: ResetMark,
    ) -> Entry {
        // A prepared file was written long before it was renamed, and only its
        // ctime tells when that was.
        let since = match &content {
            Content::Ours(record) => record.at.unwrap_or(wall(meta.ctime(), meta.ctime_nsec())),
            Content::Foreign | Content::NotAFile(_) => wall(meta.mtime(), meta.mtime_nsec()),
        };
        let scope = SwitchScope::from_file_name(file).or_else(|| match &content {
            // A shortened name does not tell its scope, but the record may.
            Content::Ours(KillRecord { scope: Some(text), .. }) => {
                text.parse().ok().filter(|scope: &SwitchScope| scope.file_name() == file)
            }
            _ => None,
        });
        let again = match &content {
            Content::Ours(record) => record.again,
            Content::Foreign | Content::NotAFile(_) => None,
        };
        let (file, owner, len) = (file.to_owned(), meta.uid(), meta.len());
        let stands = wall(meta.ctime(), meta.ctime_nsec());
        Entry { file, scope, content, since, again, owner, len, reset_before, stands }
    }
}

/// A time of the file system.
pub(super) fn wall(secs: i64, nanos: i64) -> Wall {
    Wall(secs.saturating_mul(NANOS_PER_S).saturating_add(nanos))
}
