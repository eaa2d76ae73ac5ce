//! The counting end of a pipe that is opened again and again: all that came
//! through it is one source's.

use std::fs::File;
use std::io;
use std::path::Path;

use super::MakeFlow;
use crate::domain::{Batch, Checkpoint, SourceId, Stamp};
use crate::source::status::{SourceState, SourceStatus};
use crate::source::stdin::Carry;
use crate::source::tail::lines::{Counters, Lines, Outlet};
use crate::source::wait::Stop;
use crate::source::world::World;
use crate::source::{LineSink, SourceError};

/// Where the lines of a source go, and what is known of it.
pub struct Tap<'a> {
    /// Whether it is time to stop.
    pub stop: &'a Stop,
    /// Name of the source.
    pub name: &'a str,
    id: SourceId,
    sinks: &'a mut MakeFlow<'a>,
    world: &'a World,
    counters: Counters,
    batch: Batch,
    status: SourceStatus,
}

/// What comes through one opening of the pipe.
pub struct Flow {
    lines: Lines,
    carry: Carry,
}

/// What a look into the pipe brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Something.
    Bytes,
    /// Nothing yet.
    Nothing,
    /// Its end.
    End,
}

impl<'a> Tap<'a> {
    pub fn new(
        id: SourceId,
        name: &'a str,
        sinks: &'a mut MakeFlow<'a>,
        stop: &'a Stop,
        world: &'a World,
    ) -> Tap<'a> {
        Tap {
            stop,
            name,
            id,
            sinks,
            world,
            counters: Counters::default(),
            batch: Batch::default(),
            status: SourceStatus { source: id, ..SourceStatus::default() },
        }
    }

    /// What time it is.
    pub fn now(&self) -> Stamp {
        (self.world.now)()
    }

    /// Tell how it is doing, if that is news.
    pub fn say(&mut self, state: SourceState, problem: Option<String>) {
        if state != self.status.state || problem != self.status.problem {
            (self.status.state, self.status.problem) = (state, problem);
            (self.world.say)(self.status.clone());
        }
    }

    /// Leave that for the next run, before anything came.
    pub fn keep(&mut self, checkpoint: Checkpoint) {
        self.batch.checkpoints.push(checkpoint);
        self.deliver(|_| ());
    }

    /// A sink for what will come.
    pub fn sink(&mut self) -> Box<dyn LineSink + Send> {
        (self.sinks)(self.id, Path::new(self.name))
    }

    /// The pipe is open; what comes goes to `sink`.
    pub fn begin(sink: Box<dyn LineSink + Send>) -> Flow {
        Flow { lines: Lines::starting_at(0, sink), carry: Carry::default() }
    }

    /// Read what is there, which it is known to be.
    pub fn read(&mut self, flow: &mut Flow, pipe: &mut File) -> io::Result<Came> {
        match flow.carry.fill(pipe) {
            Ok(0) => return Ok(Came::End),
            Ok(_) => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(Came::Nothing),
            Err(why) => return Err(why),
        }
        let behind = rustix::io::ioctl_fionread(&*pipe).unwrap_or_default();
        let received = self.now().wall;
        self.deliver(|out| {
            flow.carry.take(&mut flow.lines, received, out);
            out.counters.totals.bytes_behind = behind;
        });
        if self.status.format.as_deref() != flow.lines.format() {
            self.status.format = flow.lines.format().map(str::to_owned);
            (self.world.say)(self.status.clone());
        }
        Ok(Came::Bytes)
    }

    /// Nothing more will come through this opening: its last line counts without
    /// a newline.
    pub fn end(&mut self, mut flow: Flow) {
        let received = self.now().wall;
        self.deliver(|out| {
            flow.lines.finish(flow.carry.rest(), received, out);
            out.counters.totals.pending_bytes = 0;
            out.counters.totals.bytes_behind = 0;
        });
    }

    /// The same, where the rest of its last line is still to come.
    pub fn break_off(&mut self, mut flow: Flow) {
        let received = self.now().wall;
        self.deliver(|out| {
            flow.lines.finish_torn(0, received, out);
            out.counters.totals.bytes_behind = 0;
        });
    }

    /// The pipe can't be read.
    pub fn fail(&mut self, why: io::Error) {
        let error = SourceError::Read { path: self.name.into(), why };
        self.say(SourceState::Error, Some(error.to_string()));
    }

    fn deliver(&mut self, fill: impl FnOnce(&mut Outlet<'_>)) {
        let world = self.world;
        let mut deliver = |batch| (world.deliver)(batch);
        let mut out = Outlet::new(self.id, &mut self.counters, &mut self.batch, &mut deliver);
        fill(&mut out);
        out.flush();
    }
}
