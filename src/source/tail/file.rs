//! One open file that is followed: read a block at a time, never trusting that
//! it is still the file it was.
//!
//! Between two reads nothing is kept but an offset and what proves it
//! ([`Generation`]): a partial last line is read again when it has grown. So
//! thousands of files share one buffer, and what a restart needs is what is here.

mod again;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Turn;
use super::ahead::{Ahead, Borders};
use super::consumed::Consumed;
use super::disk::{Buffer, Changed, open, time_of, wall_of};
use super::generation::{FileId, Head};
use super::known::{Known, Past, TELLING};
use super::lines::Outlet;
use crate::domain::{Checkpoint, Mono, Origin, Stamp};
use crate::source::packed::{Packing, packing};
use crate::source::{BLOCK, LineSink, SourceError};

/// After that time without a byte a last line that needs no newline is complete.
pub const UNENDED: Duration = Duration::from_secs(3);

/// Whether a file is known to be no copy of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It may be one: nothing of it is read.
    Awaited,
    /// So little is there that nothing tells. That is read, and no more before it is known.
    Short,
    /// It is none.
    Given,
}

/// What became of one try to read on.
#[derive(Debug)]
pub enum Step {
    /// Nothing (more) is there.
    Idle,
    /// A block was read, and more is there.
    More,
    /// The file does not contain any more what we have read: it was truncated,
    /// perhaps rewritten, or it may be so. Nothing was taken.
    Truncated,
    /// It could not be read.
    Failed(io::Error),
}

/// A file being followed.
pub struct Followed {
    /// What was taken of it.
    pub content: Consumed,
    /// Closed while it is idle, where there are more files than may be open.
    file: Option<File>,
    /// Counted among the handles that are open.
    pub counted: bool,
    /// Where it lies, if that is not the path it is followed by.
    elsewhere: Option<PathBuf>,
    /// Something has happened to it since it was closed.
    stale: bool,
    /// Size and time of last change, at the last look.
    size: u64,
    changed: Changed,
    /// Bytes up to here were read; from `lines.offset()` on they make no line yet.
    scanned: u64,
    /// What was there before the start, and what was read ahead.
    borders: Borders,
    /// What comes to its end while that is read, or while it waits for its turn.
    ahead: Option<Box<Ahead>>,
    /// Last time it grew, or was left behind by a rotation.
    stirred: Mono,
    /// When what it ended with, without a newline, was last looked at: as of when it
    /// had stirred.
    rest_seen: Option<Mono>,
    /// Whether it may be a copy of another one.
    pub proof: Proof,
    /// Why the last read failed. Not tried again before the next look at the path.
    pub failed: Option<String>,
    /// When it was found truncated: to be started anew.
    pub cut: Option<Mono>,
    /// How long it was meanwhile, since when.
    regrown: Option<(u64, Mono)>,
}

impl Followed {
    /// Read a file that was just opened, on from what was taken of it before.
    pub fn new(mut content: Consumed, file: File, meta: &Metadata, now: Mono) -> Self {
        if content.position() == 0
            && let Ok(head) = Head::of(&file)
        {
            content.see(head);
        }
        content.begun(Some(wall_of(time_of(meta))));
        Followed {
            scanned: content.position(),
            content,
            file: Some(file),
            counted: false,
            elsewhere: None,
            stale: false,
            size: meta.len(),
            changed: time_of(meta),
            borders: Borders::default(),
            ahead: None,
            stirred: now,
            rest_seen: None,
            proof: Proof::Given,
            failed: None,
            cut: None,
            regrown: None,
        }
    }

    /// All that is there now was there before the start.
    #[must_use]
    pub fn with_backlog(self) -> Self {
        Followed { borders: Borders::backlog(self.size), ..self }
    }

    /// If less was taken of it than tells, it may be a copy.
    #[must_use]
    pub fn awaiting_proof(self) -> Self {
        let proof = match self.content.position() {
            0 => Proof::Awaited,
            1..TELLING => Proof::Short,
            TELLING.. => Proof::Given,
        };
        Followed { proof, ..self }
    }

    /// The same is known of its bytes as of those of the file it is a copy of.
    #[must_use]
    pub fn with_borders(self, borders: Borders) -> Self {
        Followed { borders, ..self }
    }

    /// The same, lying there.
    #[must_use]
    pub fn lying_at(mut self, path: &Path) -> Self {
        self.lies_at(path);
        self
    }

    /// Read at most one block on.
    pub fn step(&mut self, now: Stamp, buffer: &mut Buffer, out: &mut Outlet<'_>) -> Step {
        self.try_step(now, buffer, out).unwrap_or_else(Step::Failed)
    }

    fn try_step(
        &mut self,
        now: Stamp,
        buffer: &mut Buffer,
        out: &mut Outlet<'_>,
    ) -> io::Result<Step> {
        if self.file.is_none() && !self.stale {
            return Ok(Step::Idle);
        }
        let file = match self.unshelve() {
            Ok(file) => file,
            // Moved or deleted: the next look at the path will tell.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Step::Idle),
            Err(e) => return Err(e),
        };
        let size = self.size;
        let step = self.read_on(&file, now, buffer, out);
        if matches!(step, Ok(Step::Truncated)) {
            // What is there now was never a part of it.
            self.size = size;
        }
        self.file = Some(file);
        if self.scanned >= self.borders.ahead_to() {
            self.ahead = None;
        }
        step
    }

    /// Whether its present can be watched before it is read up to there.
    pub fn can_look_ahead(&self) -> bool {
        let is_before = self.scanned <= self.borders.backlog_end();
        is_before && self.readable() && self.is_open() && !self.borders.were_ahead()
    }

    /// Watch its present from now on, until it is read up to there.
    pub fn begin_ahead(&mut self, sink: Box<dyn LineSink + Send>) {
        let Some(file) = &self.file else { return };
        let what = (self.content.path.clone(), self.content.id);
        let begun = Ahead::begin(file, &mut self.borders, what, sink);
        self.ahead = begun.ok().map(Box::new);
    }

    /// Read at most one block of what came behind all that is still to be read.
    pub fn look_ahead(&mut self, now: Stamp, buffer: &mut Buffer, out: &mut Outlet<'_>) -> Turn {
        let (Some(ahead), Some(file)) = (&mut self.ahead, &self.file) else { return Turn::Idle };
        if self.cut.is_some() {
            return Turn::Idle;
        }
        ahead.step(file, &mut self.borders, now, buffer, out).unwrap_or_else(|_| {
            self.give_up_ahead();
            Turn::Idle
        })
    }

    fn give_up_ahead(&mut self) {
        self.borders.give_up();
        self.ahead = None;
    }

    fn read_on(
        &mut self,
        file: &File,
        now: Stamp,
        buffer: &mut Buffer,
        out: &mut Outlet<'_>,
    ) -> io::Result<Step> {
        let meta = file.metadata()?;
        let changed = time_of(&meta);
        if self.may_be_cut(&meta) {
            return Ok(Step::Truncated);
        }
        out.counters.totals.bytes_behind += meta.len().saturating_sub(self.size);
        self.size = meta.len();
        self.borders.end_at(self.size);
        if self.scanned == self.size {
            if changed != self.changed && !self.content.generation.holds(file)? {
                return Ok(Step::Truncated);
            }
            self.changed = changed;
            self.take_unended(file, now, buffer, out)?;
            self.content.save(out);
            return Ok(Step::Idle);
        }
        let from = self.content.position();
        // A batch ends at each border, so that no fresh line passes for old.
        let end = self.borders.next(self.scanned, self.size);
        let end = if self.proof == Proof::Short { end.min(TELLING) } else { end };
        let most = end.saturating_sub(from).min(self.scanned - from + BLOCK as u64);
        let bytes = buffer.read(file, from, most)?;
        // Asked after the read: what was there before it proves nothing.
        if !self.content.generation.holds(file)? {
            return Ok(Step::Truncated);
        }
        let read_to = from + bytes.len() as u64;
        if read_to < self.scanned {
            return Ok(Step::Truncated);
        }
        if from == 0 && !self.content.see(Head::of_bytes(bytes)) {
            return Ok(Step::Truncated);
        }
        self.content.take(bytes, now, out);
        if read_to > self.scanned {
            self.stirred = now.mono;
        }
        self.scanned = read_to;
        self.changed = changed;
        Ok(if read_to < self.size && !bytes.is_empty() { Step::More } else { Step::Idle })
    }

    /// A document that somebody has saved often ends without a newline.
    fn take_unended(
        &mut self,
        file: &File,
        now: Stamp,
        buffer: &mut Buffer,
        out: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let (from, stirred) = (self.content.position(), Some(self.stirred));
        let is_due = now.mono.since(self.stirred) >= UNENDED && self.rest_seen != stirred;
        if from == self.scanned || !is_due {
            return Ok(());
        }
        self.rest_seen = stirred;
        let rest = buffer.read(file, from, self.scanned - from)?;
        let is_all = rest.len() as u64 == self.scanned - from;
        if is_all && self.content.lines.is_whole(rest) && self.content.generation.holds(file)? {
            out.begin(self.origin_of_rest());
            self.content.take_unended(rest, now, out);
        }
        Ok(())
    }

    /// Look at it while it waits for its turn: it may be cut or replaced before anything
    /// of it is read, and then what it held is to be looked for.
    pub fn look(&mut self, now: Stamp) {
        match self.is_still_there() {
            Ok(true) => {}
            Ok(false) => self.cut = Some(now.mono),
            Err(why) => self.fails(why),
        }
    }

    /// It can't be read now. Of one that is closed, and elsewhere by now, the next look at
    /// the path will tell.
    pub fn fails(&mut self, why: io::Error) {
        if why.kind() != io::ErrorKind::NotFound {
            let path = self.content.path.clone();
            self.failed = Some(SourceError::Read { path, why }.to_string());
        }
    }

    fn is_still_there(&mut self) -> io::Result<bool> {
        let was_open = self.is_open();
        if !was_open && !self.stale {
            return Ok(true);
        }
        let file = self.unshelve()?;
        let meta = file.metadata()?;
        let looks_so = !self.may_be_cut(&meta) && self.content.generation.holds(&file)?;
        let is_there = looks_so && self.content.see(Head::of(&file)?);
        if is_there {
            (self.size, self.changed) = (meta.len(), time_of(&meta));
        }
        self.file = was_open.then_some(file);
        self.stale |= !was_open;
        Ok(is_there)
    }

    /// Whether nothing of it was ever seen.
    pub fn is_empty(&self) -> bool {
        self.size == 0 && self.content.is_unseen()
    }

    /// Whether bytes are gone that were read, or seen before anything was. What comes first
    /// to an empty file may not be the first that came: it may have been copied and cut
    /// since the last look.
    fn may_be_cut(&self, meta: &Metadata) -> bool {
        let seen = if self.content.position() == 0 { self.size } else { self.scanned };
        meta.len() < seen || (self.is_empty() && time_of(meta) != self.changed)
    }

    /// Its last change, as of when all that is taken of it was there.
    pub fn changed(&self) -> Changed {
        self.changed
    }

    /// When it was written to last, read or not: while it is closed, as of the last look.
    pub fn written(&self) -> Option<Changed> {
        let Some(file) = &self.file else { return Some(self.changed) };
        Some(time_of(&file.metadata().ok()?))
    }

    /// What it begins with, while it is open, and what it was last seen to begin with
    /// where nothing of that was consumed.
    pub fn heads(&self) -> impl Iterator<Item = Head> {
        let now = self.file.as_ref().and_then(|file| Head::of(file).ok());
        now.into_iter().chain(self.content.generation.unread())
    }

    /// Whether it waits to be told from others, and can be now.
    pub fn is_to_be_proven(&self) -> bool {
        self.failed.is_none()
            && match self.proof {
                // What comes first to an empty one tells.
                Proof::Awaited => !self.is_empty() || self.cut.is_some(),
                Proof::Short => !self.is_short(),
                Proof::Given => false,
            }
    }

    /// Whether less is there than tells it from others.
    pub fn is_short(&self) -> bool {
        self.size < TELLING
    }

    /// Whether it has been as it is now for so long that no more may come.
    pub fn has_stayed(&mut self, meta: &Metadata, now: Mono) -> bool {
        if meta.len() > self.size {
            (self.size, self.stirred) = (meta.len(), now);
        }
        self.still_for(now) >= UNENDED
    }

    /// The hash of what it begins with, as it was read, if that is enough to tell.
    pub fn beginning(&self) -> io::Result<Option<u64>> {
        if let Some(read) = self.content.generation.telling() {
            return Ok(Some(read));
        }
        let head = self.handle_where_it_was()?.map(|file| Head::of(&file)).transpose()?;
        Ok(head.and_then(|head| head.telling()))
    }

    /// A handle of it and how long it is now, unless it is not what was read any more.
    pub fn as_read(&self) -> io::Result<Option<(File, u64)>> {
        let Some(file) = self.handle_where_it_was()?.filter(|_| self.cut.is_none()) else {
            return Ok(None);
        };
        let size = file.metadata()?.len();
        Ok(self.content.generation.holds(&file)?.then_some((file, size)))
    }

    /// Whether so much of it was read.
    pub fn is_read_to(&self, size: u64) -> bool {
        self.scanned >= size
    }

    /// Whether what it begins with now is packed, known, or begins one of these.
    pub fn begins_like(&self, others: &[Head], known: &Known) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let head = Head::of(file)?;
        let is_telling = |past: &Past| past.is_telling();
        Ok(!head.is_empty()
            && (packing(file)? != Packing::Plain
                || others.iter().any(|other| head.starts(other))
                || known.find(file, &file.metadata()?, is_telling)?.is_some()))
    }

    /// Whether what was taken of it still stands there, or that can't be told now. An empty
    /// one may be anything by the time it is filled.
    pub fn is_as_read(&self) -> bool {
        let holds = |file| self.content.generation.holds(file).unwrap_or(true);
        !self.is_empty() && self.file.as_ref().is_none_or(holds)
    }

    /// The end: nobody has written to it for long. Its last line counts even
    /// without a newline. None if that is not its end, or it can't be read now.
    pub fn finish(
        &mut self,
        now: Stamp,
        buffer: &mut Buffer,
        out: &mut Outlet<'_>,
    ) -> Option<Checkpoint> {
        let was_open = self.is_open();
        let file = self.unshelve().ok()?;
        let (from, end) = (self.content.position(), self.scanned);
        let is_end = file.metadata().is_ok_and(|meta| meta.len() == end);
        let rest = buffer.read(&file, from, end - from).ok();
        if let Some(rest) = rest.filter(|rest| is_end && rest.len() as u64 == end - from) {
            out.begin(self.origin_of_rest());
            return Some(self.content.finish(rest, now, out));
        }
        self.file = was_open.then_some(file);
        self.stale |= !was_open;
        None
    }

    /// Its path names another file now, or none.
    pub fn left_behind(&mut self, now: Mono) {
        self.stirred = now;
    }

    /// How long nothing came, if all was read.
    pub fn quiet_for(&self, now: Mono) -> Option<Duration> {
        let read = self.scanned == self.size && self.readable();
        read.then(|| self.still_for(now))
    }

    /// How long nothing came.
    pub fn still_for(&self, now: Mono) -> Duration {
        now.since(self.stirred)
    }

    /// Whether reading on makes sense now.
    pub fn readable(&self) -> bool {
        self.proof != Proof::Awaited && self.failed.is_none() && self.cut.is_none()
    }

    /// Whether no name leads to it any more, as far as one can know.
    pub fn unlinked(&self) -> bool {
        let Some(file) = &self.file else { return true };
        file.metadata().is_ok_and(|meta| meta.nlink() == 0)
    }

    /// Whether it was deleted and all of it was read, and nobody has written to it since it
    /// lost its last name. Who still does shows in its times: a change of names is no write.
    pub fn is_done_with(&self) -> bool {
        let is_read = self.readable() && self.scanned == self.size && self.pending() == 0;
        let Some(file) = self.file.as_ref().filter(|_| is_read) else { return false };
        file.metadata().is_ok_and(|meta| {
            meta.nlink() == 0
                && meta.len() == self.scanned
                && time_of(&meta) < (meta.ctime(), meta.ctime_nsec())
        })
    }

    /// Whether it takes one of the handles that a process may have.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Close it for now. It is opened again where it lies when it has changed, or when
    /// what it ends with may be complete.
    pub fn shelve(&mut self) {
        let rest_is_due = self.pending() > 0 && self.rest_seen != Some(self.stirred);
        (self.file, self.counted) = (None, false);
        self.stale = self.scanned < self.size || rest_is_due;
    }

    /// What it is where it lies, while it is closed.
    pub fn looked_at(&mut self, meta: &Metadata) {
        self.stale |= (meta.len(), time_of(meta)) != (self.size, self.changed);
    }

    /// It is there now.
    pub fn lies_at(&mut self, path: &Path) {
        self.elsewhere = (path != self.content.path).then(|| path.to_owned());
    }

    /// Whether it still is where it was, so that it can be opened there. A look at it.
    pub fn is_in_place(&mut self) -> bool {
        let meta = std::fs::metadata(self.place()).ok();
        let own = meta.filter(|meta| FileId::of(meta) == self.content.id);
        own.is_some_and(|meta| {
            self.looked_at(&meta);
            true
        })
    }

    fn place(&self) -> &Path {
        self.elsewhere.as_deref().unwrap_or(&self.content.path)
    }

    fn unshelve(&mut self) -> io::Result<File> {
        if let Some(file) = self.file.take() {
            return Ok(file);
        }
        let file = self.open_again()?;
        self.stale = false;
        Ok(file)
    }

    /// Another handle of it.
    pub fn handle(&self) -> io::Result<File> {
        self.file.as_ref().map_or_else(|| self.open_again(), File::try_clone)
    }

    /// The same, unless it was closed and is elsewhere by now.
    pub fn handle_where_it_was(&self) -> io::Result<Option<File>> {
        match self.handle() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.map(Some),
        }
    }

    fn open_again(&self) -> io::Result<File> {
        let (file, meta) = open(self.place()).map_err(|e| match e {
            SourceError::Open { why, .. } => why,
            // Something else is there now.
            _ => io::ErrorKind::NotFound.into(),
        })?;
        if FileId::of(&meta) != self.content.id {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(file)
    }

    /// Go on reading through another handle of the same content.
    pub fn reopened(&mut self, file: File, meta: &Metadata) {
        self.file = Some(file);
        self.content.id = FileId::of(meta);
        self.failed = None;
    }

    /// Bytes that are there and were not read.
    pub fn behind(&self) -> u64 {
        self.size.saturating_sub(self.scanned)
    }

    /// Bytes of before the start that were not read.
    pub fn past(&self) -> u64 {
        self.borders.backlog_end().saturating_sub(self.scanned)
    }

    /// Bytes that were read and make no line yet.
    pub fn pending(&self) -> u64 {
        self.scanned.saturating_sub(self.content.lines.offset())
    }

    /// Still reading what was there before the start.
    pub fn catching_up(&self) -> bool {
        self.origin() == Origin::Backlog
    }

    /// Since when what it ended with has been there.
    fn origin_of_rest(&self) -> Origin {
        if self.scanned <= self.borders.backlog_end() { Origin::Backlog } else { Origin::Live }
    }

    /// Since when what is read of it next has been there.
    pub fn origin(&self) -> Origin {
        self.borders.origin(self.scanned)
    }
}
