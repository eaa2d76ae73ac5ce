//! The files of one source and the counters over all of them.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{self, Buffer, Followed, Step};
use super::files::Files;
use super::generation::{FileId, Generation};
use super::lines::{Counters, Deliver, Lines, Outlet};
use super::{ROTATE_WAIT, Turn};
use crate::domain::{Batch, SourceId, Stamp};
use crate::source::glob::{Found, Pattern, is_rotated_copy};
use crate::source::{STDIN, Sinks, SourceError, SourceSpec, SourceState, SourceStatus, Start};

/// Finished generations remembered, in case another path still leads to one.
const RETIRED: usize = 1024;

/// How long a truncated file waits for a sibling that can't be read just now.
const COPY_WAIT: Duration = Duration::from_secs(10);

/// One source.
pub struct Group {
    id: SourceId,
    start: Start,
    patterns: Vec<Pattern>,
    found: Found,
    files: Files,
    retired: VecDeque<(FileId, Generation)>,
    counters: Counters,
    started: bool,
}

impl Group {
    /// A source with its paths checked, nothing opened.
    pub fn new(id: SourceId, spec: &SourceSpec) -> Result<Group, SourceError> {
        let paths = spec.paths.iter().filter(|path| *path != STDIN);
        Ok(Group {
            id,
            start: spec.start,
            patterns: paths.map(|path| Pattern::parse(path)).collect::<Result<_, _>>()?,
            found: Found::default(),
            files: Files::default(),
            retired: VecDeque::new(),
            counters: Counters::default(),
            started: false,
        })
    }

    /// Find out which files the patterns mean now.
    pub fn scan(&mut self) {
        let mut found = Found::default();
        for pattern in &self.patterns {
            pattern.find(&mut found, &|path| self.files.knows(path));
        }
        self.files.follow_only(&found);
        self.found = found;
    }

    /// Look where each path leads now.
    pub fn poll(&mut self, now: Stamp, sinks: &mut Sinks) {
        self.files.retry_drained();
        for (path, place) in self.files.moved() {
            let trouble = self.look(&path, place, now, sinks).err();
            self.files.set_trouble(&path, trouble.map(|e| (state_of(&e), e.to_string())));
        }
        self.started = true;
        self.files.count_into(&mut self.counters.totals);
        self.counters.totals.catching_up = self.files.catching_up();
    }

    /// Read at most one block of each file.
    pub fn read(
        &mut self,
        now: Stamp,
        buffer: &mut Buffer,
        sinks: &mut Sinks,
        batch: &mut Batch,
        deliver: &mut Deliver<'_>,
    ) -> Turn {
        let mut out = Outlet::new(self.id, &mut self.counters, batch, deliver);
        let mut turn = Turn::Idle;
        for file in self.files.open_mut().filter(|file| file.readable()) {
            match file.step(now, buffer, &mut out) {
                Step::Idle => {}
                Step::More => turn = Turn::More,
                Step::Truncated => file.cut = Some(now.mono),
                Step::Failed(why) => {
                    let path = file.path.clone();
                    file.failed = Some(SourceError::Read { path, why }.to_string());
                }
            }
        }
        if self.files.open().any(|file| file.cut.is_some())
            && restart_cut(self.id, &mut self.files, now, sinks, &mut out)
        {
            turn = Turn::More;
        }
        retire_quiet(&mut self.files, &mut self.retired, now, buffer, &mut out);
        self.files.count_into(&mut out.counters.totals);
        out.flush();
        // Only now: what is in the batch above belongs to the backlog.
        out.counters.totals.catching_up = self.files.catching_up();
        out.flush();
        turn
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
            format: self.files.open().find_map(Followed::format).map(str::to_owned),
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
        sinks: &mut Sinks,
    ) -> Result<(), SourceError> {
        let unreadable = |why| SourceError::Read { path: path.to_owned(), why };
        let id = match place {
            Ok(id) => id,
            Err(e) if is_missing(&e) => {
                self.files.place(path, None, now.mono);
                return Ok(());
            }
            Err(why) => return Err(SourceError::Open { path: path.to_owned(), why }),
        };
        if let Some(file) = self.files.take_drained(id) {
            self.files.place(path, Some(file), now.mono);
            return Ok(());
        }
        if self.files.held_elsewhere(id, path) {
            self.files.place(path, None, now.mono);
            return Ok(());
        }
        if self.started && is_rotated_copy(path, &|base| self.files.knows(base)) {
            // What is new in it is read as the rest of `base`, or was read already.
            self.files.place(path, None, now.mono);
            return Ok(());
        }
        let (file, meta) = match file::open(path) {
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
            let same_file = own.id == id;
            // A rewritten copy took the place of the deleted original.
            if (same_file || own.unlinked())
                && own.generation.continues_in(&file).map_err(unreadable)?
            {
                own.reopened(file, &meta);
                return Ok(());
            }
            if same_file {
                own.failed = None;
                return Ok(());
            }
        }
        let sink = sinks(self.id, path);
        let known = self.retired.iter().find(|(old, generation)| {
            *old == id && generation.continues_in(&file).unwrap_or(false)
        });
        let followed = match known {
            Some((_, generation)) => {
                let lines = Lines::starting_at(generation.offset(), sink);
                Followed::resume(path, file, &meta, lines, generation.clone(), now.mono)
            }
            None if self.started => Followed::from_first_byte(path, file, &meta, sink, now.mono),
            None => Followed::with_backlog(path, file, &meta, sink, self.start, now.mono)
                .map_err(unreadable)?,
        };
        self.files.place(path, Some(followed), now.mono);
        Ok(())
    }
}

/// Begin truncated files anew; says whether one was. What they contained may
/// live on in a copy made by `copytruncate`: then the rest is read from there.
fn restart_cut(
    id: SourceId,
    files: &mut Files,
    now: Stamp,
    sinks: &mut Sinks,
    out: &mut Outlet<'_>,
) -> bool {
    let held: Vec<FileId> = files.open().map(|file| file.id).collect();
    let (mut copies, mut any) = (Vec::new(), false);
    for file in files.open_mut() {
        let Some(since) = file.cut else { continue };
        let copy = match find_copy(&file.path, &file.generation, &held) {
            Ok(copy) => copy,
            // Perhaps that was the copy: ask again, but not for ever.
            Err(_) if now.mono.since(since) < COPY_WAIT => continue,
            Err(_) => None,
        };
        let torn = file.pending();
        let (mut lines, generation) = file.restart(sinks(id, &file.path));
        match copy {
            Some((path, copy, meta)) => {
                copies.push(Followed::resume(&path, copy, &meta, lines, generation, now.mono));
            }
            None => lines.finish_torn(torn, now.wall, out),
        }
        any = true;
    }
    for copy in copies {
        files.drain(copy);
    }
    any
}

/// A sibling (`app.log.1`, `app.log-20260101`) that is a copy of a generation.
/// An error says that one of them could not be asked and no other is the copy.
fn find_copy(
    path: &Path,
    generation: &Generation,
    held: &[FileId],
) -> io::Result<Option<(PathBuf, File, Metadata)>> {
    let Some(name) = path.file_name() else { return Ok(None) };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut unsure = Ok(None);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let sibling = entry.file_name();
        let suffix = sibling.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        if !suffix.is_some_and(|suffix| matches!(suffix.first(), Some(b'.' | b'-'))) {
            continue;
        }
        let Ok((file, meta)) = file::open(&entry.path()) else { continue };
        if held.contains(&FileId::of(&meta)) {
            continue;
        }
        match generation.continues_in(&file) {
            Ok(true) => return Ok(Some((entry.path(), file, meta))),
            Ok(false) => {}
            Err(why) => unsure = Err(why),
        }
    }
    unsure
}

/// Close rotated and deleted files to which nothing was added for long.
fn retire_quiet(
    files: &mut Files,
    retired: &mut VecDeque<(FileId, Generation)>,
    now: Stamp,
    buffer: &mut Buffer,
    out: &mut Outlet<'_>,
) {
    for mut file in files.take_quiet(now.mono, ROTATE_WAIT) {
        if !file.finish(now, buffer, out) {
            files.drain(file);
            continue;
        }
        if retired.len() >= RETIRED {
            retired.pop_front();
        }
        retired.push_back((file.id, file.generation));
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn state_of(error: &SourceError) -> SourceState {
    match error {
        SourceError::Open { why, .. } | SourceError::Read { why, .. }
            if why.kind() == io::ErrorKind::PermissionDenied =>
        {
            SourceState::Denied
        }
        _ => SourceState::Error,
    }
}
