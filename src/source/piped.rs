//! Lines that come through a pipe which may end and begin again: a command's
//! output, the system's journal, a named pipe.
//!
//! Each has a thread of its own, since a pipe that is not read is how its writer
//! learns to wait. It never blocks in a read: it waits for the pipe and for the
//! wish to stop together. It must not know what a line means.

mod command;
mod fifo;
mod journal;
mod process;
mod tap;

use std::path::{Path, PathBuf};

use self::command::Commands;
use self::tap::Tap;
use super::status::SourceState;
use super::wait::Stop;
use super::world::World;
use super::{Left, LineSink, Resume, SourceSpec, Way};
use crate::domain::{Checkpoint, SourceId};

pub(super) use self::fifo::is_fifo;
pub use self::journal::is_of_journal;

/// A program whose output is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Its name and arguments, which are no shell's.
    Argv(Vec<String>),
    /// The system's journal, of these units.
    Journal(Vec<String>),
}

/// A source that is read through a pipe.
#[derive(Clone, Debug)]
pub struct Piped {
    id: SourceId,
    spec: SourceSpec,
    pipe: Pipe,
    left: Vec<Checkpoint>,
}

#[derive(Clone, Debug)]
enum Pipe {
    Program(Program),
    Fifo(PathBuf),
}

/// Makes the sink for what comes through one opening of a pipe.
pub type MakeFlow<'a> = dyn FnMut(SourceId, &Path) -> Box<dyn LineSink + Send> + 'a;

/// What earlier runs have left of journals, and what of files: neither can read the
/// other's.
#[must_use]
pub fn part(resume: Resume) -> (Resume, Resume) {
    match resume {
        Resume::Never => (Resume::Never, Resume::Never),
        Resume::From(left) => {
            let (journals, files) = left.checkpoints.into_iter().partition(is_of_journal);
            let journals = Left { checkpoints: journals, ..Left::default() };
            (Resume::From(journals), Resume::From(Left { checkpoints: files, ..left }))
        }
    }
}

impl Piped {
    /// The source that it reads.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.id
    }

    /// The source, if it is one that is read so, and what an earlier run has left.
    #[must_use]
    pub fn of(id: SourceId, spec: &SourceSpec, resume: &Resume) -> Option<Piped> {
        let pipe = match &spec.way {
            Way::Program(program) => Pipe::Program(program.clone()),
            Way::Fifo => Pipe::Fifo(PathBuf::from(spec.paths.first()?)),
            Way::Files | Way::Net(_) => return None,
        };
        let left = match resume {
            Resume::From(left) => left.checkpoints.clone(),
            Resume::Never => Vec::new(),
        };
        Some(Piped { id, spec: spec.clone(), pipe, left })
    }

    /// Read until told to stop.
    pub fn follow(self, sinks: &mut MakeFlow<'_>, stop: &Stop, world: &World) {
        let mut tap = Tap::new(self.id, &self.spec.name, sinks, stop, world);
        match self.pipe {
            Pipe::Program(program) => {
                Commands::new(program, &self.spec, &self.left, &tap).follow(&mut tap);
            }
            Pipe::Fifo(path) => fifo::follow(&path, &mut tap),
        }
    }

    /// Read what is there now. A command gets time to print it; a named pipe is
    /// left alone, since what is taken out of it is taken from whoever follows it.
    pub fn once(self, sinks: &mut MakeFlow<'_>, stop: &Stop, world: &World) {
        let mut tap = Tap::new(self.id, &self.spec.name, sinks, stop, world);
        match self.pipe {
            Pipe::Program(program) => {
                Commands::new(program, &self.spec, &[], &tap).once(&mut tap);
            }
            Pipe::Fifo(_) => tap.say(
                SourceState::Waiting,
                Some("a named pipe is read by `watch` and the console only".to_owned()),
            ),
        }
    }
}
