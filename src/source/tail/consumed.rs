//! What was taken of one generation: its lines, what proves it, and from where
//! another run would read on.
//!
//! It must not know where bytes come from: a followed file and a compressed one
//! both end here.

use std::path::PathBuf;
use std::sync::Arc;

use super::generation::{FileId, Generation, Head, Mark};
use super::lines::{Lines, Outlet};
use crate::domain::{Checkpoint, Stamp, Wall, checkpoint};
use crate::source::LineSink;

/// One generation and how far it is read.
pub struct Consumed {
    /// The path by which it is, or was, followed.
    pub path: PathBuf,
    /// Its id, while open.
    pub id: FileId,
    /// What proves it.
    pub generation: Generation,
    /// Its lines.
    pub lines: Lines,
    /// What was changed before that does not come after it.
    since: Option<Wall>,
    /// Where another run reads on: kept up to date where checkpoints are kept.
    settled: Mark,
    /// Lines up to there.
    settled_lines: u64,
    /// Lines behind that place, as they are counted in what is sent.
    open_lines: u64,
    /// Read on since its last checkpoint, or never had one.
    unsaved: bool,
}

impl Consumed {
    /// Nothing was taken of it yet.
    pub fn nothing(path: PathBuf, id: FileId, sink: Box<dyn LineSink + Send>) -> Self {
        Self::all_of(path, id, Generation::new(), Lines::starting_at(0, sink))
    }

    /// As much was taken as the generation and the lines say.
    pub fn all_of(path: PathBuf, id: FileId, generation: Generation, lines: Lines) -> Self {
        let (settled, settled_lines) = (generation.mark(), lines.count());
        Consumed {
            path,
            id,
            generation,
            lines,
            since: None,
            settled,
            settled_lines,
            open_lines: 0,
            unsaved: true,
        }
    }

    /// It is followed since then, if it was not before.
    pub fn begun(&mut self, since: Option<Wall>) {
        self.since = self.since.or(since);
    }

    /// Its checkpoint is known to whoever keeps them.
    pub fn is_known(&mut self) {
        self.unsaved = false;
    }

    /// Whether all that is known of it is said.
    pub fn is_said(&self) -> bool {
        !self.unsaved
    }

    /// Nothing of it is consumed, and its file begins like this. False if it is another
    /// one by now.
    pub fn see(&mut self, head: Head) -> bool {
        let seen = self.generation.see(head);
        if seen == Some(true) {
            self.settled = self.generation.mark();
            self.unsaved = true;
        }
        seen.is_some()
    }

    /// Whether nothing of it was consumed, or seen.
    pub fn is_unseen(&self) -> bool {
        self.generation.is_unseen()
    }

    /// The same content, which is to be read on in another file.
    #[must_use]
    pub fn moved_to(self, id: FileId) -> Self {
        Consumed { id, unsaved: true, ..self }
    }

    /// The first byte not yet given to the sink.
    pub fn position(&self) -> u64 {
        self.lines.position()
    }

    /// Take all complete lines, in as many batches as they need. Each batch says
    /// how far it goes. Says how many bytes were used.
    pub fn take(&mut self, bytes: &[u8], now: Stamp, out: &mut Outlet<'_>) -> usize {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let taken = self.lines.take(rest, now.wall, out);
            self.advance(rest.get(..taken).unwrap_or_default(), 0, out);
            self.count_open(out);
            used += taken;
            self.save(out);
            if !out.is_full() {
                return used;
            }
            out.send();
        }
    }

    /// Take these bytes for the rest of a line that is none of its own.
    pub fn pass_over(&mut self, rest_of_line: &[u8]) {
        self.lines.pass_over(rest_of_line.len() as u64);
        self.generation.advance(rest_of_line);
    }

    /// Take a line that has no newline, and needs none.
    pub fn take_unended(&mut self, line: &[u8], now: Stamp, out: &mut Outlet<'_>) {
        self.lines.take_unended(line, now.wall, out);
        self.advance(line, 1, out);
        self.count_open(out);
        self.save(out);
    }

    /// The end, for good: `rest` is the last line, which has no newline.
    pub fn finish(&mut self, rest: &[u8], now: Stamp, out: &mut Outlet<'_>) -> Checkpoint {
        self.lines.finish(rest, now.wall, out);
        self.generation.advance(rest);
        self.finished(out)
    }

    /// The end, for good: `torn` bytes of a line were seen whose rest is lost.
    pub fn finish_torn(&mut self, torn: u64, now: Stamp, out: &mut Outlet<'_>) -> Checkpoint {
        self.lines.finish_torn(torn, now.wall, out);
        self.finished(out)
    }

    /// Say with the batch how far this is read, if that is news.
    pub fn save(&mut self, out: &mut Outlet<'_>) {
        if self.unsaved && out.keeps() {
            let checkpoint = self.reached();
            out.checkpoint(checkpoint);
        }
    }

    /// How far this is read, to be said now.
    pub fn reached(&mut self) -> Checkpoint {
        self.unsaved = false;
        let progress = checkpoint::Generation::Open;
        self.as_checkpoint(self.settled, self.settled_lines, progress)
    }

    /// How far it was read, of which more may come.
    pub fn so_far(&self) -> Checkpoint {
        let progress = checkpoint::Generation::Open;
        self.as_checkpoint(self.generation.mark(), self.lines.count(), progress)
    }

    /// How far it was read, for the case that it comes back.
    pub fn left(&self) -> Checkpoint {
        let progress = checkpoint::Generation::Finished;
        self.as_checkpoint(self.generation.mark(), self.lines.count(), progress)
    }

    fn finished(&mut self, out: &mut Outlet<'_>) -> Checkpoint {
        self.settled_lines = self.lines.count();
        self.count_open(out);
        let left = self.left();
        if out.keeps() {
            out.checkpoint(left.clone());
        }
        if out.is_full() {
            out.send();
        }
        left
    }

    /// Lines of a record that is not complete.
    pub fn open_lines(&self) -> u64 {
        self.open_lines
    }

    /// What is sent with each batch must fit its checkpoints.
    fn count_open(&mut self, out: &mut Outlet<'_>) {
        let open = if out.keeps() { self.lines.count() - self.settled_lines } else { 0 };
        let total = &mut out.counters.totals.open_lines;
        *total = (*total + open).saturating_sub(self.open_lines);
        self.open_lines = open;
    }

    /// These bytes were taken; `unended` lines among them have no newline.
    fn advance(&mut self, taken: &[u8], unended: u64, out: &Outlet<'_>) {
        if taken.is_empty() {
            return;
        }
        self.unsaved = true;
        let open_from = self.lines.settled().checked_sub(self.generation.offset());
        let open_from = open_from.filter(|_| out.keeps()).map(|at| at.min(taken.len() as u64));
        let Some(open_from) = open_from.and_then(|at| usize::try_from(at).ok()) else {
            // A record that was open before is open still: another run begins there.
            return self.generation.advance(taken);
        };
        let (closed, open) = taken.split_at(open_from);
        self.generation.advance(closed);
        let unended = if open.is_empty() { 0 } else { unended };
        let again = memchr::memchr_iter(b'\n', open).count() as u64 + unended;
        self.settled = self.generation.mark();
        self.settled_lines = self.lines.count().saturating_sub(again);
        self.generation.advance(open);
    }

    fn as_checkpoint(
        &self,
        mark: Mark,
        lines: u64,
        progress: checkpoint::Generation,
    ) -> Checkpoint {
        Checkpoint {
            source: Arc::default(),
            path: self.path.clone(),
            place: self.id.place(),
            head: mark.head,
            head_len: mark.head_len,
            window: mark.window,
            window_len: mark.window_len,
            offset: mark.offset,
            lines,
            memo: self.lines.memo(),
            since: self.since,
            progress,
        }
    }
}
