//! The present of a file whose past is still to be read: what comes to its end is read at
//! once, beside the reading in order and through the same handle.
//!
//! It counts nothing and leaves no checkpoint. All that it reads is read again in its turn,
//! and whoever takes the lines is told each time which of the two it is ([`Origin`]). So it
//! may be given up at any moment, and is as soon as anything is odd. It must not know how
//! the rest is read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::Turn;
use super::consumed::Consumed;
use super::disk::{Buffer, start_of_last_line};
use super::generation::{FileId, Generation};
use super::lines::{Lines, Outlet};
use crate::domain::{Origin, Stamp};
use crate::source::{BLOCK, LineSink};

/// Less than this is read in a moment: nothing of it is read ahead.
pub const WORTH: u64 = 16 << 20;

/// Which bytes of a file are of which origin.
#[derive(Clone, Debug, Default)]
pub struct Borders {
    /// Bytes below this were there before the start.
    backlog_end: u64,
    /// Lines that were read ahead, if that was ever begun.
    ahead: Option<Range<u64>>,
}

impl Borders {
    /// All below this was there before the start.
    pub fn backlog(end: u64) -> Self {
        Borders { backlog_end: end, ahead: None }
    }

    /// Where that ends.
    pub fn backlog_end(&self) -> u64 {
        self.backlog_end
    }

    /// What reading in order is to say of the bytes from there on.
    pub fn origin(&self, at: u64) -> Origin {
        match &self.ahead {
            _ if at < self.backlog_end => Origin::Backlog,
            Some(ahead) if ahead.contains(&at) => Origin::Again,
            _ => Origin::Live,
        }
    }

    /// Up to where the same is to be said, in a file of that size.
    pub fn next(&self, at: u64, size: u64) -> u64 {
        let ahead = self.ahead.as_ref().map_or([0, 0], |ahead| [ahead.start, ahead.end]);
        [self.backlog_end]
            .into_iter()
            .chain(ahead)
            .filter(|border| *border > at)
            .fold(size, u64::min)
    }

    /// Where the lines that were read ahead end.
    pub fn ahead_to(&self) -> u64 {
        self.ahead.as_ref().map_or(0, |ahead| ahead.end)
    }

    /// Whether reading ahead was begun, or given up.
    pub fn were_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// The lines from there to there were read ahead.
    fn read_ahead(&mut self, from: u64, to: u64) {
        self.ahead = Some(from.max(self.backlog_end)..to.max(self.backlog_end));
    }

    /// Of what was read ahead nothing is certain any more: what follows is new.
    pub fn give_up(&mut self) {
        self.ahead = Some(0..0);
    }

    /// The file is no longer than that: what comes behind it is new.
    pub fn end_at(&mut self, size: u64) {
        self.backlog_end = self.backlog_end.min(size);
        if self.ahead_to() > size {
            self.give_up();
        }
    }
}

/// What is read ahead of one file.
pub struct Ahead {
    content: Consumed,
    /// Where its first line begins.
    from: u64,
    /// Bytes up to here were read; from its last line's end on they make no line yet.
    scanned: u64,
    /// It began inside a line, the end of which was not seen yet.
    is_inside: bool,
}

impl Ahead {
    /// Begin behind the last line that was complete where the backlog ends.
    pub fn begin(
        file: &File,
        borders: &mut Borders,
        (path, id): (PathBuf, FileId),
        sink: Box<dyn LineSink + Send>,
    ) -> io::Result<Ahead> {
        // Whatever comes of it, it is tried once.
        borders.give_up();
        let from = start_of_last_line(file, borders.backlog_end)?;
        let generation = Generation::consumed(file, from)?;
        let is_inside = !generation.is_at_line_start();
        let lines = Lines::starting_at(from, sink);
        borders.read_ahead(from, from);
        let content = Consumed::all_of(path, id, generation, lines);
        Ok(Ahead { content, from, scanned: from, is_inside })
    }

    /// Read at most one block on. Fails where it is not the file it was.
    pub fn step(
        &mut self,
        file: &File,
        borders: &mut Borders,
        now: Stamp,
        buffer: &mut Buffer,
        out: &mut Outlet<'_>,
    ) -> io::Result<Turn> {
        let size = file.metadata()?.len();
        if size == self.scanned {
            return Ok(Turn::Idle);
        }
        let from = self.content.position();
        let most = size.saturating_sub(from).min(self.scanned - from + BLOCK as u64);
        let bytes = buffer.read(file, from, most)?;
        let read_to = from + bytes.len() as u64;
        if read_to < self.scanned || !self.content.generation.holds(file)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.begin(Origin::Ahead);
        let bytes = if self.is_inside { self.pass_over(bytes) } else { bytes };
        self.content.take(bytes, now, out);
        self.scanned = read_to;
        borders.read_ahead(self.from, self.content.lines.offset());
        Ok(if read_to < size { Turn::More } else { Turn::Idle })
    }

    /// Up to the end of the line; gives what follows it.
    fn pass_over<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = memchr::memchr(b'\n', bytes);
        self.is_inside = end.is_none();
        let (rest_of_line, next) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
        self.content.pass_over(rest_of_line);
        self.from = self.content.lines.offset();
        next
    }
}
