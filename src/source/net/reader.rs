//! From an answer to observations: lines for a sink, counted like those of a file,
//! or what was read of it as a whole, which counts as one line.

use super::World;
use crate::domain::{Batch, Item, Observation, SourceId, Wall};
use crate::source::LineSink;
use crate::source::tail::lines::{Counters, Lines, Outlet};

/// Reads the answers of one source.
pub struct Reader {
    id: SourceId,
    lines: Lines,
    counters: Counters,
    batch: Batch,
    /// The start of a line whose end is in the next part.
    carry: Vec<u8>,
}

impl Reader {
    pub fn new(id: SourceId, sink: Box<dyn LineSink + Send>) -> Reader {
        Reader {
            id,
            lines: Lines::starting_at(0, sink),
            counters: Counters::default(),
            batch: Batch::default(),
            carry: Vec::new(),
        }
    }

    /// Reads a part of an answer.
    pub fn take(&mut self, part: &[u8], received: Wall, world: &World) {
        self.carry.extend_from_slice(part);
        let mut deliver = |batch| (world.deliver)(batch);
        let mut out = Outlet::new(self.id, &mut self.counters, &mut self.batch, &mut deliver);
        let mut used = 0;
        loop {
            let rest = self.carry.get(used..).unwrap_or_default();
            used += self.lines.take(rest, received, &mut out);
            if !out.is_full() {
                break;
            }
            out.send();
        }
        self.carry.drain(..used);
    }

    /// The answer is complete; nothing of it is sent on before [`Self::flush`]
    /// unless it was long.
    pub fn end(&mut self, received: Wall, world: &World) {
        let mut deliver = |batch| (world.deliver)(batch);
        let mut out = Outlet::new(self.id, &mut self.counters, &mut self.batch, &mut deliver);
        self.lines.finish(&self.carry, received, &mut out);
        self.carry.clear();
    }

    /// Takes what an answer of so many bytes said.
    pub fn tell(&mut self, bytes: usize, seen: impl IntoIterator<Item = Observation>) {
        let totals = &mut self.counters.totals;
        totals.lines += 1;
        totals.bytes += bytes as u64;
        let line = totals.lines;
        self.batch.items.extend(seen.into_iter().map(|seen| Item { line, seen }));
    }

    /// Takes back what was not yet sent on of an answer that ended in a mistake.
    pub fn forget(&mut self) {
        self.carry.clear();
        self.batch.clear();
    }

    /// What was read and not yet sent on.
    pub fn items(&mut self) -> &mut [Item] {
        &mut self.batch.items
    }

    /// Sends on what was read.
    pub fn flush(&mut self, world: &World) {
        let mut deliver = |batch| (world.deliver)(batch);
        Outlet::new(self.id, &mut self.counters, &mut self.batch, &mut deliver).flush();
    }

    /// The format, once known.
    pub fn format(&self) -> Option<&str> {
        self.lines.format()
    }
}
