//! Follows files: `turn` reads on wherever something is new.
//!
//! No thread and no clock in here. Whoever calls `turn` after a file event, and
//! often enough without one, gets every line of every file exactly once, through
//! rotation, truncation, deletion and reappearance. With [`Resume::From`] that
//! holds over restarts too: each batch carries the checkpoints of the files whose
//! lines it holds, and what is committed with it is never read again. Beside that the end
//! of a file with a long backlog is read ahead ([`Origin::Ahead`](crate::domain::Origin)),
//! which counts for nothing of this. It must
//! not know what a line means, nor that events exist: they are only a reason to
//! call sooner.
//!
//! Not covered: a generation that comes and goes between two turns and is then
//! nowhere beside its path (deleted, in another directory, or what a link led to, unless
//! that is numbered or dated as what it leads to now), or that was gone before its path was first seen to lead to a file;
//! what a truncation destroys; a file cut back to a part of itself, which is
//! read again from its first byte, as a new one, and said to be; a rotated file that a restart
//! would have to look for in another directory; what is added to a rotated file
//! more than [`ROTATE_WAIT`] after its last line; and, where more files are followed than
//! may be open, the rest of one that is deleted, compressed or moved to another directory
//! while it is closed.

mod ahead;
mod archive;
mod chain;
mod consumed;
mod copies;
mod cut;
pub(super) mod disk;
mod file;
mod files;
mod findings;
pub(super) mod generation;
mod group;
mod handles;
mod known;
pub(super) mod lines;
mod listings;
mod memory;
mod own;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use self::disk::Buffer;
use self::group::Group;
use self::handles::Handles;
use super::{SourceError, SourceSpec, SourceStatus};
use crate::domain::{Batch, Checkpoint, Mono, SourceId, Stamp};

pub use self::file::UNENDED;
pub use self::handles::raise_limit;
pub use self::lines::Deliver;

/// No turn looks at what the paths lead to sooner than this after the last look, unless it
/// is told to ([`Tail::look_again`]): how long that takes is up to who calls `turn`.
pub const POLL: Duration = Duration::from_millis(250);

/// The same for looks for new files in directories and patterns, which come with the others.
pub const SCAN: Duration = Duration::from_secs(1);

/// How long a rotated or deleted file is kept open after its last growth.
pub const ROTATE_WAIT: Duration = Duration::from_secs(60);

/// Whether to call again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// All was read.
    Idle,
    /// More is there to read now.
    More,
}

/// What earlier runs have left, and whether this one leaves something.
#[derive(Clone, Debug, Default)]
pub enum Resume {
    /// Nothing is known and nothing is kept.
    #[default]
    Never,
    /// Go on where this says, and say with each [`Batch`] how far it goes.
    From(Left),
}

/// What earlier runs have left.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// How far files were read, in the order in which that was said.
    pub checkpoints: Vec<Checkpoint>,
    /// Names of the sources that were looked at: what they find now is new.
    pub sources: Vec<String>,
}

/// Follows the files of all sources.
pub struct Tail {
    groups: Vec<Group>,
    sinks: Box<super::Sinks>,
    handles: Handles,
    buffer: Buffer,
    batch: Batch,
    polled: Option<Mono>,
    scanned: Option<Mono>,
    statuses: Vec<SourceStatus>,
}

impl Tail {
    /// Follow these sources. Opens nothing yet; `-` is left to
    /// [`read_stream`](super::read_stream).
    pub fn new(
        sources: &[(SourceId, SourceSpec)],
        sinks: Box<super::Sinks>,
        resume: &Resume,
    ) -> Result<Tail, SourceError> {
        let groups = sources.iter().map(|(id, spec)| Group::new(*id, spec));
        let mut groups = groups.collect::<Result<Vec<_>, _>>()?;
        if let Resume::From(left) = resume {
            let is_claimed = |one: &Checkpoint| groups.iter().any(|group| group.claims(one));
            let claimed: Vec<bool> = left.checkpoints.iter().map(is_claimed).collect();
            for group in &mut groups {
                group.resume(left, &claimed);
            }
        }
        Ok(Tail {
            statuses: groups.iter().map(Group::status).collect(),
            groups,
            sinks,
            handles: Handles::of_process(),
            buffer: Buffer::default(),
            batch: Batch::default(),
            polled: None,
            scanned: None,
        })
    }

    /// Where more than so many bytes are to be read before the present of a file, read that
    /// ahead of them. For tests, which have no logs as large as those of which it is worth
    /// it: else it is done as soon as all of them would take a moment.
    #[doc(hidden)]
    #[must_use]
    pub fn reading_ahead_beyond(mut self, bytes: u64) -> Tail {
        self.groups.iter_mut().for_each(|group| group.read_ahead_beyond(bytes));
        self
    }

    /// Read at most one block of each file. `deliver` takes each batch and
    /// gives back an empty one to fill.
    pub fn turn(&mut self, now: Stamp, deliver: &mut Deliver<'_>) -> Turn {
        let due = |last: Option<Mono>, each| last.is_none_or(|last| now.mono.since(last) >= each);
        let poll = due(self.polled, POLL);
        let scan = poll && due(self.scanned, SCAN);
        let mut turn = Turn::Idle;
        self.handles.count(self.groups.iter().flat_map(Group::open_files));
        for (group, status) in self.groups.iter_mut().zip(&mut self.statuses) {
            if scan {
                group.scan();
            }
            if poll {
                group.poll(now, &mut self.handles, &mut *self.sinks);
            }
            let (handles, buffer) = (&mut self.handles, &mut self.buffer);
            let (sinks, batch) = (&mut *self.sinks, &mut self.batch);
            if group.read(now, handles, buffer, sinks, batch, deliver) == Turn::More {
                turn = Turn::More;
            }
            if poll {
                *status = group.status();
            }
        }
        if poll {
            self.polled = Some(now.mono);
        }
        if scan {
            self.scanned = Some(now.mono);
        }
        turn
    }

    /// Say what no later run could find out: the last turn was taken.
    pub fn end(&mut self, now: Stamp, deliver: &mut Deliver<'_>) {
        for group in &mut self.groups {
            group.end(now, &mut self.buffer, &mut self.batch, deliver);
        }
    }

    /// Look at all paths and directories on the next turn: something was
    /// created, renamed or removed, or events were lost.
    pub fn look_again(&mut self) {
        self.polled = None;
        self.scanned = None;
    }

    /// How the sources are doing, in their order.
    #[must_use]
    pub fn statuses(&self) -> &[SourceStatus] {
        &self.statuses
    }

    /// Directories worth watching for events, existing ones only.
    #[must_use]
    pub fn wants(&self) -> BTreeSet<PathBuf> {
        let mut dirs = BTreeSet::new();
        for group in &self.groups {
            group.wants(&mut dirs);
        }
        dirs
    }
}
