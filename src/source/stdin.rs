//! Lines from a pipe. The caller gives it a thread: reading blocks.

use std::io::{self, Read};
use std::path::PathBuf;

use super::packed::Arriving;
use super::sink::LineSink;
use super::tail::lines::{Counters, Deliver, Lines, Outlet};
use super::{BLOCK, STDIN, SourceError};
use crate::domain::{Batch, Progress, SourceId, Wall};

/// Read lines until the pipe ends. What came is delivered after each read, so
/// a lone line leaves at once. `clock` is asked once per read; `tell` hears of the format
/// once it is known, and when it becomes another one.
///
/// A pipe that has ended can't bring more: its last line counts without a newline.
pub fn read_stream(
    source: SourceId,
    from: &mut dyn Read,
    sink: Box<dyn LineSink + Send>,
    clock: &mut dyn FnMut() -> Wall,
    deliver: &mut Deliver<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Progress, SourceError> {
    let (mut counters, mut batch) = (Counters::default(), Batch::default());
    let mut out = Outlet::new(source, &mut counters, &mut batch, deliver);
    let mut lines = Lines::starting_at(0, sink);
    let mut known: Option<String> = None;
    let mut look = |lines: &Lines| {
        if let Some(format) = lines.format().filter(|format| known.as_deref() != Some(*format)) {
            tell(format);
            known = Some(format.to_owned());
        }
    };
    let read = read_all(&mut Arriving::Unread(from), &mut lines, clock, &mut out, &mut look);
    let rest = read.map_err(|why| SourceError::Read { path: PathBuf::from(STDIN), why })?;
    lines.finish(&rest, clock(), &mut out);
    look(&lines);
    out.counters.totals.pending_bytes = 0;
    out.flush();
    Ok(out.counters.totals)
}

/// Read to the end; gives back the last line if it has no newline. `look` sees what came
/// after each read.
pub(super) fn read_all(
    from: &mut dyn Read,
    lines: &mut Lines,
    clock: &mut dyn FnMut() -> Wall,
    out: &mut Outlet<'_>,
    look: &mut dyn FnMut(&Lines),
) -> io::Result<Vec<u8>> {
    let mut carry = Carry::default();
    while carry.fill(from)? > 0 {
        carry.take(lines, clock(), out);
        out.flush();
        look(lines);
    }
    carry.buffer.truncate(carry.filled);
    Ok(carry.buffer)
}

/// What is kept between two reads: the start of a line that is not complete.
#[derive(Default)]
pub(super) struct Carry {
    buffer: Vec<u8>,
    filled: usize,
}

impl Carry {
    /// Read once; says how many bytes came, 0 at the end.
    pub fn fill(&mut self, from: &mut dyn Read) -> io::Result<usize> {
        if self.buffer.len() < self.filled + BLOCK {
            self.buffer.resize(self.filled + BLOCK, 0);
        }
        loop {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match from.read(room) {
                Ok(n) => {
                    self.filled += n;
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Hand on all complete lines.
    pub fn take(&mut self, lines: &mut Lines, received: Wall, out: &mut Outlet<'_>) {
        let mut used = 0;
        loop {
            let bytes = self.buffer.get(used..self.filled).unwrap_or_default();
            used += lines.take(bytes, received, out);
            if !out.is_full() {
                break;
            }
            out.send();
        }
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        out.counters.totals.pending_bytes = lines.position() - lines.offset() + self.filled as u64;
    }

    /// The start of a line that is not complete.
    pub fn rest(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }
}
