//! For whoever looks at a running engine now and then: a fresh picture, and the
//! last one where the engine does not answer any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::clock::Clock;
use crate::domain::Mono;
use crate::snapshot::Snapshot;

/// How long the engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// When the engine thread was last seen to go round, for others to read.
#[derive(Clone, Debug, Default)]
pub struct Beat(Arc<AtomicU64>);

impl Beat {
    /// It goes round.
    pub fn mark(&self, now: Mono) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    fn age(&self, now: Mono) -> Duration {
        now.since(Mono(self.0.load(Ordering::Relaxed)))
    }
}

/// Where the engine puts a picture of this moment.
pub type Look = Sender<Arc<Snapshot>>;

/// A look at a running engine. Copies look at the same one.
#[derive(Clone, Debug)]
pub struct Observer {
    clock: Clock,
    beat: Beat,
    looks: Sender<Look>,
    frames: Receiver<Arc<Snapshot>>,
    last: Arc<Mutex<Option<Arc<Snapshot>>>>,
}

impl Observer {
    pub(super) fn new(
        clock: Clock,
        beat: Beat,
        looks: Sender<Look>,
        frames: Receiver<Arc<Snapshot>>,
    ) -> Observer {
        Observer { clock, beat, looks, frames, last: Arc::default() }
    }

    /// A picture of this moment; of the last one there is if the engine hangs.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        let (look, fresh) = bounded(1);
        let asked = self.looks.send_timeout(look, PATIENCE);
        let fresh = asked.ok().and_then(|()| fresh.recv_timeout(PATIENCE).ok());
        let newest = fresh.or_else(|| self.frames.try_recv().ok());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.is_some() {
            *last = newest;
        }
        last.clone()
    }

    /// The newest picture there is, without asking for one.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Snapshot>> {
        let newest = self.frames.try_recv().ok();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.is_some() {
            *last = newest;
        }
        last.clone()
    }

    /// How long ago the engine thread last went round. It does at least once a
    /// second: it looks at directories and renames files, and whoever waits until
    /// a disk has written something is the action thread.
    #[must_use]
    pub fn beat_age(&self) -> Duration {
        self.beat.age(self.clock.now().mono)
    }
}
