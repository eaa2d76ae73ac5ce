//! A rotated generation that was compressed before it was read to its end: its
//! rest is read once, in order, from inside the `.gz`.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Turn;
use super::ahead::Borders;
use super::consumed::Consumed;
use super::generation::{FileId, Generation, Head};
use super::known::{Known, Past};
use super::lines::{Lines, Outlet};
use crate::domain::{Checkpoint, FaultReason, Stamp};
use crate::source::BLOCK;
use crate::source::packed::Unpacked;

/// A compressed file and where its unread rest begins.
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// Which file.
    pub meta: Metadata,
    /// The generation it continues, where one is known.
    pub past: Option<Past>,
    /// Whether it ends before what was read of such a one.
    pub is_part: bool,
    /// Its first bytes, unpacked.
    pub head: Head,
    /// Its name may be another one by the time it is read.
    file: File,
}

/// A compressed file being read.
pub struct Archive {
    /// What was taken of it.
    pub content: Consumed,
    /// Since when which of its bytes have been there.
    borders: Borders,
    at: PathBuf,
    /// What it held up to there was read before.
    from: u64,
    input: Unpacked<File>,
    packed_len: u64,
    /// Read and not yet taken: the start of a line.
    carry: Vec<u8>,
    done: Option<Checkpoint>,
    /// Why it can't be read on.
    pub failed: Option<io::Error>,
}

/// Find out which known generation a compressed file is.
pub fn identify(path: &Path, file: File, meta: Metadata, known: &Known) -> io::Result<Found> {
    let again = file.try_clone()?;
    let head = Head::from_stream(&mut Unpacked::new(again))?;
    let mut candidates = known.with_head(&head);
    // Compressing makes a new file: of an empty one its place says nothing here.
    candidates.retain(|past| past.is_telling());
    candidates.reverse(); // Shortest first, for they are met in this order.
    rewind(&file)?;
    let mut input = Unpacked::new(file.try_clone()?);
    let mut generation = Generation::new();
    let mut found = None;
    for past in candidates {
        if !skip_to(&mut input, &mut generation, past.checkpoint.offset)? {
            break;
        }
        // Of what was only seen, the head is all there is to compare.
        if past.checkpoint.offset == 0 || generation.mark() == past.mark() {
            found = Some(past.clone());
        }
    }
    // It was unpacked up to the longest of them, or to its end.
    let is_part = found.is_none() && known.is_part(&head, generation.offset());
    Ok(Found { path: path.to_owned(), meta, past: found, is_part, head, file })
}

impl Found {
    /// Whether all that can be unpacked of it stands at the beginning of a file: it is a
    /// copy, perhaps not yet whole.
    pub fn is_part_of(&self, file: &File) -> bool {
        let unpacked = || -> io::Result<bool> {
            rewind(&self.file)?;
            let mut input = Unpacked::new(self.file.try_clone()?);
            let mut generation = Generation::new();
            skip_to(&mut input, &mut generation, u64::MAX)?;
            generation.continues_in(file)
        };
        unpacked().is_ok_and(|is_part| is_part)
    }

    /// Read what follows the lines. It is what `path` led to.
    pub fn open(self, path: &Path, lines: Lines, borders: Borders) -> io::Result<Archive> {
        let id = FileId::of(&self.meta);
        let (input, skipped) = unpack(self.file, self.head, lines.position())?;
        let content = Consumed::all_of(path.to_owned(), id, skipped, lines);
        Ok(Archive::of(content, input, (self.path, self.meta.len()), borders))
    }

    /// Read on what was taken of a file that this one is a copy of.
    pub fn go_on(self, content: Consumed, borders: Borders) -> io::Result<Archive> {
        let (input, _) = unpack(self.file, self.head, content.position())?;
        let content = content.moved_to(FileId::of(&self.meta));
        Ok(Archive::of(content, input, (self.path, self.meta.len()), borders))
    }
}

impl Archive {
    fn of(
        content: Consumed,
        input: Unpacked<File>,
        (at, packed_len): (PathBuf, u64),
        borders: Borders,
    ) -> Archive {
        Archive {
            from: content.position(),
            content,
            borders,
            at,
            input,
            packed_len,
            carry: Vec::new(),
            done: None,
            failed: None,
        }
    }

    /// Read at most one block on.
    pub fn step(&mut self, now: Stamp, out: &mut Outlet<'_>) -> Turn {
        let (start, from) = (self.carry.len(), self.scanned());
        out.begin(self.borders.origin(from));
        // A batch ends at each border.
        let most = self.borders.next(from, u64::MAX).saturating_sub(from);
        self.carry.resize(start + usize::try_from(most).unwrap_or(BLOCK).min(BLOCK), 0);
        let read = self.input.read(self.carry.get_mut(start..).unwrap_or_default());
        self.carry.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => {
                let rest = std::mem::take(&mut self.carry);
                self.done = Some(self.content.finish(&rest, now, out));
                Turn::Idle
            }
            Ok(_) => {
                let used = self.content.take(&self.carry, now, out);
                self.carry.drain(..used);
                Turn::More
            }
            Err(why) if is_broken(&why) => {
                self.quarantine(now, out);
                self.failed = Some(why);
                Turn::Idle
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => Turn::More,
            Err(why) => {
                self.failed = Some(why);
                Turn::Idle
            }
        }
    }

    /// Read to its end, for good.
    pub fn done(&mut self) -> Option<(Checkpoint, FileId)> {
        Some((self.done.take()?, self.content.id))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Whether it held something that was not read before.
    pub fn has_yielded(&self) -> bool {
        self.content.position() > self.from
    }

    /// Compressed bytes that were not read yet: the content is longer.
    pub fn behind(&self) -> u64 {
        self.packed_len.saturating_sub(self.input.taken())
    }

    /// Bytes that were read and make no line yet.
    pub fn pending(&self) -> u64 {
        self.scanned() - self.content.lines.offset()
    }

    /// Bytes up to there were read.
    fn scanned(&self) -> u64 {
        self.content.position() + self.carry.len() as u64
    }

    /// What comes after is lost, and that must not go unnoticed. It will not get
    /// better: it is not tried again.
    fn quarantine(&mut self, now: Stamp, out: &mut Outlet<'_>) {
        let lines = &self.content.lines;
        let (line, offset) = (lines.count() + 1, lines.offset());
        out.quarantine(line, FaultReason::ReadError, offset, self.pending());
        self.done = Some(self.content.finish_torn(0, now, out));
    }
}

/// Whether the content itself is at fault, and not the disk.
fn is_broken(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// What stands behind so many bytes, and those.
fn unpack(file: File, head: Head, from: u64) -> io::Result<(Unpacked<File>, Generation)> {
    rewind(&file)?;
    let mut input = Unpacked::new(file);
    let mut skipped = Generation::seen(head);
    skip_to(&mut input, &mut skipped, from)?;
    Ok((input, skipped))
}

fn rewind(mut file: &File) -> io::Result<()> {
    io::Seek::rewind(&mut file)
}

/// Take the content up to `offset` as consumed; false if it ends before.
fn skip_to(
    input: &mut Unpacked<File>,
    generation: &mut Generation,
    offset: u64,
) -> io::Result<bool> {
    let mut block = vec![0; BLOCK];
    while generation.offset() < offset {
        let left = usize::try_from(offset - generation.offset()).unwrap_or(usize::MAX);
        let Some(room) = block.get_mut(..left.min(BLOCK)) else { return Ok(false) };
        match input.read(room) {
            Ok(0) => return Ok(false),
            Ok(n) => generation.advance(room.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // It is being written, or was broken off.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}
