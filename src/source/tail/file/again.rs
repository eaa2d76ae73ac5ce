//! A file that was cut: whether it comes to be again what it was, or begins anew.
//!
//! It asks the file itself. Where else its content may be it must not know.

use std::mem;

use super::{Followed, UNENDED};
use crate::domain::Mono;
use crate::source::LineSink;
use crate::source::tail::ahead::Borders;
use crate::source::tail::consumed::Consumed;
use crate::source::tail::disk::{time_of, wall_of};
use crate::source::tail::generation::{Generation, Head};
use crate::source::tail::known::{Again, Known, Past};
use crate::source::tail::lines::Lines;

impl Followed {
    /// It was cut: whether what was read before comes again, as when somebody writes the
    /// same and more over it.
    pub fn comes_again(&mut self, known: &Known, now: Mono) -> Again {
        let Some(file) = &self.file else { return Again::No };
        let Ok(size) = file.metadata().map(|meta| meta.len()) else { return Again::No };
        let path = &self.content.path;
        let again = if self.content.position() == 0 {
            known.again(path, file, size)
        } else {
            let mut own = Known::default();
            own.add(self.content.so_far(), None);
            own.again(path, file, size)
        };
        let again = match again {
            Ok(again) => again,
            Err(why) => {
                self.fails(why);
                return Again::Begun;
            }
        };
        match again {
            Again::Begun => match self.regrown {
                Some((seen, since)) if seen == size && now.since(since) >= UNENDED => Again::Part,
                Some((seen, _)) if seen == size => Again::Begun,
                _ => {
                    self.regrown = Some((size, now));
                    Again::Begun
                }
            },
            Again::Whole(_) if self.content.position() > 0 => Again::Whole(None),
            again => again,
        }
    }

    /// It was cut, and may come to be what it was: so little is there yet that nothing tells.
    pub fn may_come_again(&self) -> bool {
        let content = &self.content.generation;
        let Some(head) = self.file.as_ref().and_then(|file| Head::of(file).ok()) else {
            return false;
        };
        content.telling().is_some() && head.telling().is_none() && head.agrees_with(content.first())
    }

    /// What was read before stands here again: go on behind it.
    pub fn resume(&mut self, past: &Past, generation: Generation, sink: Box<dyn LineSink + Send>) {
        let lines = Lines::resume(&past.checkpoint, sink);
        let (path, id) = (self.content.path.clone(), self.content.id);
        self.give_up_ahead();
        self.content = Consumed::all_of(path, id, generation, lines);
        self.content.begun(past.checkpoint.since);
        (self.scanned, self.cut, self.regrown) = (self.content.position(), None, None);
    }

    /// The file starts anew. Gives what was taken of it until now, and what is known of
    /// its bytes.
    pub fn restart(&mut self, sink: Box<dyn LineSink + Send>) -> (Consumed, Borders) {
        (self.cut, self.regrown) = (None, None);
        self.size = 0;
        self.scanned = 0;
        self.ahead = None;
        let mut anew = Consumed::nothing(self.content.path.clone(), self.content.id, sink);
        if let Some(file) = &self.file {
            anew.see(Head::of(file).unwrap_or_default());
            self.changed = file.metadata().map_or(self.changed, |meta| time_of(&meta));
        }
        anew.begun(Some(wall_of(self.changed)));
        (mem::replace(&mut self.content, anew), mem::take(&mut self.borders))
    }
}
