//! The files of one source and the counters over all of them.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::ahead;
use super::chain::{self, Older};
use super::consumed::Consumed;
use super::cut;
use super::disk::{self, Buffer, Changed};
use super::file::{Followed, Step};
use super::files::{Files, Reading};
use super::generation::{FileId, Generation as Content};
use super::handles::Handles;
use super::known::Known;
use super::lines::{Counters, Deliver, Keep, Lines, Outlet};
use super::listings::Listings;
use super::memory::Memory;
use super::own;
use super::{Left, ROTATE_WAIT, Turn};
use crate::domain::{Batch, Checkpoint, Generation, Origin, SourceId, Stamp};
use crate::source::glob::{Found, Pattern, is_rotated_copy};
use crate::source::{
    LineSink, STDIN, Sinks, SourceError, SourceSpec, SourceState, SourceStatus, Start,
};

/// Idle files are closed after this time, if there are too many of them.
const IDLE: Duration = Duration::from_secs(1);

/// One source.
pub struct Group {
    id: SourceId,
    name: Arc<str>,
    /// Where files begin of which nothing is known at the first look.
    start: Start,
    patterns: Vec<Pattern>,
    found: Found,
    files: Files,
    memory: Memory,
    /// What this run leaves for the next one.
    keep: Keep,
    counters: Counters,
    /// Bytes of the past beyond which the present is read ahead.
    ahead_beyond: u64,
    started: bool,
    /// What was there at the first look and could not be opened, and how long it was.
    unread: HashMap<PathBuf, (FileId, u64)>,
}

impl Group {
    /// A source with its paths checked, nothing opened.
    pub fn new(id: SourceId, spec: &SourceSpec) -> Result<Group, SourceError> {
        let paths = spec.paths.iter().filter(|path| *path != STDIN);
        let patterns = paths.map(|path| Pattern::parse(path)).collect::<Result<Vec<_>, _>>()?;
        let listings = Listings::with(spec.olddir.clone(), patterns.clone());
        Ok(Group {
            id,
            name: spec.name.as_str().into(),
            start: spec.start,
            patterns,
            found: Found::default(),
            files: Files::default(),
            memory: Memory::with(listings),
            keep: Keep::default(),
            counters: Counters::default(),
            ahead_beyond: ahead::WORTH,
            started: false,
            unread: HashMap::new(),
        })
    }

    /// Whether a checkpoint is this source's alone.
    pub fn claims(&self, left: &Checkpoint) -> bool {
        left.source == self.name && Pattern::any_covers(&self.patterns, &left.path)
    }

    /// Go on where earlier runs have ended; `claimed` says which of their checkpoints
    /// are one source's alone.
    pub fn resume(&mut self, left: &Left, claimed: &[bool]) {
        self.keep = Keep::For(Arc::clone(&self.name));
        self.memory.known = Known::recall(&self.name, &left.checkpoints, claimed);
        if left.sources.iter().any(|name| **name == *self.name) {
            self.start = Start::Beginning;
        }
    }

    /// Read ahead where more than so much is to be read before the present.
    pub fn read_ahead_beyond(&mut self, bytes: u64) {
        self.ahead_beyond = bytes;
    }

    /// Find out which files the patterns mean now.
    pub fn scan(&mut self) {
        let mut found = Found::default();
        let is_there = |path: &Path| Pattern::any_covers(&self.patterns, path) && path.is_file();
        for pattern in &self.patterns {
            pattern.find(&mut found, &|path| self.files.knows(path) || is_there(path));
        }
        found.leave_out_packed();
        self.files.follow_only(&found);
        self.found = found;
    }

    /// Look where each path leads now.
    pub fn poll(&mut self, now: Stamp, handles: &mut Handles, sinks: &mut Sinks) {
        self.memory.findings.at(now.wall);
        self.files.retry_drained();
        if handles.are_spent() {
            self.files.shelve_idle(now.mono, IDLE);
        }
        for (path, place) in self.files.moved() {
            let trouble = self.look(&path, place, now, handles, sinks).err();
            if let Some(meta) =
                trouble.as_ref().filter(|_| !self.started).and_then(|_| path.metadata().ok())
            {
                self.unread.insert(path.clone(), (FileId::of(&meta), meta.len()));
            }
            self.files.set_trouble(&path, trouble.map(|e| (e.state(), e.to_string())));
            self.files.all_at_mut(&path).for_each(|file| handles.opened(file));
        }
        if !self.started {
            self.memory.resolve_gone(&mut self.files, self.id, now, sinks);
        }
        self.memory.give_up();
        self.find_drained(now, handles);
        self.files.waiting_mut().for_each(|file| file.look(now));
        for file in self.files.far_behind(self.ahead_beyond) {
            let sink = sinks(self.id, &file.content.path);
            file.begin_ahead(sink);
        }
        self.memory.listings.forget();
        self.started = true;
        self.files.count_into(&mut self.counters.totals);
    }

    /// Read at most one block of each file.
    pub fn read(
        &mut self,
        now: Stamp,
        handles: &mut Handles,
        buffer: &mut Buffer,
        sinks: &mut Sinks,
        batch: &mut Batch,
        deliver: &mut Deliver<'_>,
    ) -> Turn {
        let out = Outlet::new(self.id, &mut self.counters, batch, deliver);
        let mut out = out.keeping(&self.keep);
        let is_news = !self.memory.unsaid.is_empty();
        for checkpoint in self.memory.unsaid.drain(..) {
            // What is open in that place now may have said so already.
            let place = checkpoint.place;
            let is_there = |content: &Consumed| content.id.place() == place && content.is_said();
            let replaced = || self.files.contents().any(is_there);
            if checkpoint.progress == Generation::Open || !replaced() {
                out.checkpoint(checkpoint);
            }
        }
        if is_news {
            // With what is gone goes what is there in its place: alone, nothing would say
            // to another run that it is new.
            self.files.contents_mut().for_each(|content| content.save(&mut out));
        }
        // Before the first that comes to an empty file is read: what came before it.
        self.files.open_mut().filter(|file| file.is_empty()).for_each(|file| file.look(now));
        own::prove(self.id, &mut self.files, &mut self.memory, now.mono, sinks);
        let mut turn = Turn::Idle;
        if cut::restart(self.id, &mut self.files, &mut self.memory, now, sinks, &mut out) {
            self.files.open_mut().for_each(|file| handles.opened(file));
            turn = Turn::More;
        }
        let mut read = Vec::new();
        for reading in self.files.readable_mut() {
            let more = match reading {
                Reading::File(file) => {
                    let more = step(file, now, buffer, &mut out);
                    handles.opened(file);
                    more
                }
                Reading::Older(path, older) => {
                    let more = step_older(older, now, buffer, &mut out);
                    older.file_mut().into_iter().for_each(|file| handles.opened(file));
                    if more == Turn::Idle {
                        read.push(path.to_owned());
                    }
                    Turn::More
                }
            };
            if more == Turn::More {
                turn = Turn::More;
            }
        }
        for file in self.files.waiting_mut() {
            if file.look_ahead(now, buffer, &mut out) == Turn::More {
                turn = Turn::More;
            }
        }
        out.begin(Origin::Live);
        for path in read {
            end_older(&mut self.files, &mut self.memory, &path);
        }
        if cut::restart(self.id, &mut self.files, &mut self.memory, now, sinks, &mut out) {
            self.files.open_mut().for_each(|file| handles.opened(file));
            turn = Turn::More;
        }
        // What waits is on record too: another run finds it again, wherever it is by then.
        self.files.contents_mut().for_each(|content| content.save(&mut out));
        retire_quiet(&mut self.files, &mut self.memory.known, now, buffer, &mut out);
        self.files.count_into(&mut out.counters.totals);
        out.flush();
        turn
    }

    /// The end of this run. Of what was deleted and read no later one could tell that nothing
    /// was added to it, so it is said now.
    pub fn end(
        &mut self,
        now: Stamp,
        buffer: &mut Buffer,
        batch: &mut Batch,
        deliver: &mut Deliver<'_>,
    ) {
        if self.keep == Keep::Nothing || !self.files.open().any(Followed::is_done_with) {
            return;
        }
        let out = Outlet::new(self.id, &mut self.counters, batch, deliver);
        let mut out = out.keeping(&self.keep);
        // With what is gone goes what is there in its place.
        self.files.contents_mut().for_each(|content| content.save(&mut out));
        for file in self.files.open_mut().filter(|file| file.is_done_with()) {
            file.finish(now, buffer, &mut out);
        }
        self.files.count_into(&mut out.counters.totals);
        out.flush();
    }

    /// All files.
    pub fn open_files(&self) -> impl Iterator<Item = &Followed> {
        self.files.open()
    }

    /// How this source is doing.
    pub fn status(&self) -> SourceStatus {
        let (state, problem) = self.files.worst();
        let problem = problem.map(str::to_owned).or_else(|| self.found.problem.clone());
        let missing = || {
            let names: Vec<_> = self.patterns.iter().map(Pattern::text).collect();
            (!names.is_empty()).then(|| format!("waiting for {}", names.join(", ")))
        };
        SourceStatus {
            source: self.id,
            state,
            files: self.files.open().count(),
            problem: problem.or_else(|| (state == SourceState::Waiting).then(missing).flatten()),
            findings: self.memory.findings.all(),
            format: self
                .files
                .open()
                .find_map(|file| file.content.lines.format())
                .map(str::to_owned),
        }
    }

    /// Add the directories in which something may happen.
    pub fn wants(&self, dirs: &mut BTreeSet<PathBuf>) {
        let paths = self.files.paths();
        let links = paths.filter(|path| path.is_symlink());
        let targets: Vec<PathBuf> = links.filter_map(|path| path.canonicalize().ok()).collect();
        let files = self.files.paths().chain(targets.iter().map(PathBuf::as_path));
        let found = self.found.dirs.iter().map(PathBuf::as_path);
        for dir in found.chain(files.filter_map(Path::parent)) {
            let existing = dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("."));
            if !dirs.contains(existing) {
                dirs.insert(existing.to_owned());
            }
        }
    }

    /// A path leads to nothing, to something else than before, or to a file
    /// that could not be read.
    fn look(
        &mut self,
        path: &Path,
        place: io::Result<FileId>,
        now: Stamp,
        handles: &mut Handles,
        sinks: &mut Sinks,
    ) -> Result<(), SourceError> {
        let unreadable = |why| SourceError::Read { path: path.to_owned(), why };
        let id = match place {
            Ok(id) => id,
            Err(e) if is_missing(&e) => {
                let was_there = self.files.at_mut(path).is_some();
                let since = self.files.led(path).filter(|_| was_there);
                self.files.place(path, None, now.mono);
                if self.files.is_new(path) && !self.memory.known.is_empty() {
                    self.memory.resolve(&mut self.files, (self.id, path), None, now, sinks)?;
                }
                self.read_missed(path, since, now, sinks);
                return Ok(());
            }
            Err(why) => return Err(SourceError::Open { path: path.to_owned(), why }),
        };
        if let Some(file) = self.files.take_drained(id) {
            self.files.place(path, Some(file), now.mono);
            return Ok(());
        }
        let is_own = self.files.at_mut(path).is_some_and(|own| own.content.id == id);
        if self.files.held_elsewhere(id, path)
            || (!is_own && self.files.holds(id))
            || self.files.is_passed_over(path)
        {
            self.files.place(path, None, now.mono);
            return Ok(());
        }
        if self.started && is_rotated_copy(path, &|base| self.files.knows(base)) {
            // What is new in it is read as the rest of `base`, or was read already.
            self.files.place(path, None, now.mono);
            return Ok(());
        }
        let (file, meta) = match disk::open(path) {
            Ok(opened) => opened,
            Err(e @ SourceError::NotAFile { .. }) => {
                self.files.place(path, None, now.mono);
                return Err(e);
            }
            Err(SourceError::Open { why, .. }) if is_missing(&why) => return Ok(()),
            Err(e) => return Err(e),
        };
        if FileId::of(&meta) != id {
            return Ok(()); // Replaced under our hands: the next look will tell.
        }
        if let Some(own) = self.files.at_mut(path) {
            let (same_file, old) = (own.content.id == id, own.content.id);
            let listings = &mut self.memory.listings;
            // A rewritten copy took the place of the deleted original.
            if (same_file
                || (own.unlinked() && (own.is_open() || listings.find(path, old).is_none())))
                && own.content.generation.continues_in(&file).map_err(unreadable)?
            {
                own.reopened(file, &meta);
                return Ok(());
            }
            if same_file {
                own.failed = None;
                return Ok(());
            }
        }
        self.open(path, (file, meta), now, handles, sinks)
    }

    /// Follow a file that was not open until now.
    fn open(
        &mut self,
        path: &Path,
        (file, meta): (File, Metadata),
        now: Stamp,
        handles: &mut Handles,
        sinks: &mut Sinks,
    ) -> Result<(), SourceError> {
        let meta = &meta;
        let unreadable = |why| SourceError::Read { path: path.to_owned(), why };
        let is_first = self.files.is_new(path);
        let (past, is_known) = if is_first {
            self.memory.resolve(
                &mut self.files,
                (self.id, path),
                Some((&file, meta)),
                now,
                sinks,
            )?
        } else {
            let known = &mut self.memory.known;
            let past = chain::recognise(path, &file, meta, known).map_err(unreadable)?;
            if let Some((past, _)) = &past {
                known.take(past);
            }
            (past, true)
        };
        let sink = sinks(self.id, path);
        let is_back = past.is_some();
        let since = past.as_ref().and_then(|(past, _)| past.checkpoint.since);
        let since = since.or_else(|| is_first.then(|| self.memory.listings.since(path, meta)));
        let was_there = self.unread.remove(path).filter(|(id, _)| *id == FileId::of(meta));
        let mut is_to_be_said = false;
        let mut content = match past {
            Some((past, generation)) => {
                self.memory.moved(&past, meta);
                let lines = chain::lines_after(Some(&past), sink);
                let id = FileId::of(meta);
                let mut content = Consumed::all_of(path.to_owned(), id, generation, lines);
                content.is_known();
                content
            }
            None if is_known || (self.started && was_there.is_none()) => {
                Consumed::nothing(path.to_owned(), FileId::of(meta), sink)
            }
            None => {
                is_to_be_said = self.start == Start::End;
                let size = was_there.map_or(meta.len(), |(_, size)| size.min(meta.len()));
                let begun = from_start(path, &file, (FileId::of(meta), size), sink, self.start);
                begun.map_err(unreadable)?
            }
        };
        content.begun(since);
        if is_to_be_said {
            // Before any line: to a later run what has no checkpoint is new.
            self.memory.unsaid.push(content.reached());
        }
        let followed = Followed::new(content, file, meta, now.mono).awaiting_proof();
        let is_backlog = !self.started || was_there.is_some() || (is_first && is_back);
        let mut followed = if is_backlog { followed.with_backlog() } else { followed };
        handles.opened(&mut followed);
        let since = self.files.led(path).filter(|_| !is_first && !is_back);
        self.files.place(path, Some(followed), now.mono);
        self.files.leads(path, disk::time_of(meta));
        self.read_missed(path, since, now, sinks);
        Ok(())
    }

    /// A path leads to something else than when it was seen last: what came and
    /// went meanwhile is read before what is there now.
    fn read_missed(&mut self, path: &Path, since: Option<Changed>, now: Stamp, sinks: &mut Sinks) {
        if let Some(since) = since {
            self.memory.miss_nothing(&mut self.files, (self.id, path), since, now, sinks);
        }
    }

    /// Rotated files that are closed are read on where they lie now, and those that may
    /// have to be closed are found before. One that is nowhere may only be on its way.
    fn find_drained(&mut self, now: Stamp, handles: &Handles) {
        for file in self.files.strayed(handles.are_spent()) {
            let found = self.memory.listings.find(&file.content.path, file.content.id);
            if let Some(path) = found {
                file.lies_at(&path);
                file.is_in_place();
            }
        }
        for lost in self.files.take_lost(now.mono, ROTATE_WAIT) {
            if lost.behind() > 0 {
                self.memory.lost(&lost.content.path, io::ErrorKind::NotFound.into());
            }
            let left = lost.content.left();
            self.memory.unsaid.push(left.clone());
            self.memory.known.add(left, Some(lost.content.id));
        }
    }
}

/// What is taken of a file that was there before anything of it is known, and was of that
/// size then.
fn from_start(
    path: &Path,
    file: &File,
    (id, size): (FileId, u64),
    sink: Box<dyn LineSink + Send>,
    start: Start,
) -> io::Result<Consumed> {
    let generation = match start {
        Start::Beginning => Content::new(),
        Start::End => Content::consumed(file, disk::start_of_last_line(file, size)?)?,
    };
    let lines = Lines::starting_at(generation.offset(), sink);
    Ok(Consumed::all_of(path.to_owned(), id, generation, lines))
}

/// The first of the older generations of a path is read as far as it goes.
fn end_older(files: &mut Files, memory: &mut Memory, path: &Path) {
    match files.next_older(path) {
        Some(Older::Plain(file)) => files.drain(*file),
        Some(Older::Packed(mut archive)) => {
            if archive.has_yielded() {
                memory.findings.came_packed(path);
            }
            if let Some((checkpoint, id)) = archive.done() {
                memory.known.add(checkpoint, Some(id));
            }
            if let Some(why) = archive.failed.take() {
                memory.lost(archive.path(), why);
            }
        }
        None => {}
    }
}

fn step(file: &mut Followed, now: Stamp, buffer: &mut Buffer, out: &mut Outlet<'_>) -> Turn {
    out.begin(file.origin());
    match file.step(now, buffer, out) {
        Step::Idle => {}
        Step::More => {
            file.look_ahead(now, buffer, out);
            return Turn::More;
        }
        Step::Truncated => file.cut = Some(now.mono),
        Step::Failed(why) => {
            let path = file.content.path.clone();
            file.failed = Some(SourceError::Read { path, why }.to_string());
        }
    }
    Turn::Idle
}

fn step_older(older: &mut Older, now: Stamp, buffer: &mut Buffer, out: &mut Outlet<'_>) -> Turn {
    match older {
        Older::Plain(file) => step(file, now, buffer, out),
        Older::Packed(archive) => archive.step(now, out),
    }
}

/// Close rotated and deleted files to which nothing was added for long.
fn retire_quiet(
    files: &mut Files,
    known: &mut Known,
    now: Stamp,
    buffer: &mut Buffer,
    out: &mut Outlet<'_>,
) {
    for mut file in files.take_quiet(now.mono, ROTATE_WAIT) {
        match file.finish(now, buffer, out) {
            Some(checkpoint) => known.add(checkpoint, Some(file.content.id)),
            None => files.drain(file),
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
