//! Waiting for pipes without a thread for each, and being told to stop meanwhile.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Tells all who hold its [`Stop`] to stop, by being dropped.
#[derive(Debug)]
pub struct Stopper {
    _write: PipeWriter,
}

/// Knows whether it is time to stop.
#[derive(Clone, Debug)]
pub struct Stop(Arc<PipeReader>);

/// Both ends of the wish to stop.
pub fn stopper() -> io::Result<(Stopper, Stop)> {
    let (read, write) = io::pipe()?;
    Ok((Stopper { _write: write }, Stop(Arc::new(read))))
}

/// What ended a wait. All are `false` after a time in which nothing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Woken {
    /// It is time to stop.
    pub stop: bool,
    /// The first pipe can be read from, or has ended.
    pub first: bool,
    /// The same of the second.
    pub second: bool,
}

impl Stop {
    /// Wait until there is something to read, or to stop, or the time is over.
    pub(super) fn wait(
        &self,
        first: Option<&File>,
        second: Option<&File>,
        at_most: Duration,
    ) -> Woken {
        let mut fds = vec![PollFd::new(&*self.0, PollFlags::IN)];
        let pipes = [first, second].into_iter().flatten();
        fds.extend(pipes.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let time = Timespec::try_from(at_most).ok();
        // An interrupted wait is a short one.
        let woken = poll(&mut fds, time.as_ref()).is_ok();
        let mut happened = fds.iter().map(|fd| woken && !fd.revents().is_empty());
        let mut next = || happened.next().unwrap_or_default();
        Woken { stop: next(), first: first.is_some() && next(), second: second.is_some() && next() }
    }

    /// Let time pass; whether it is time to stop.
    pub(super) fn pause(&self, time: Duration) -> bool {
        self.wait(None, None, time).stop
    }
}
