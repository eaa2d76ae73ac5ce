//! Wakes a follower when something happens in the directories of its files.
//!
//! Events are a hint and never the truth: they get lost on overflow, on network
//! file systems, when a directory is re-created. So an event says only "look",
//! and the follower looks by itself often enough without any.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::tail::generation::FileId;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nothing happened.
    Timeout,
    /// Some file changed.
    Changed,
    /// Names changed, or events were lost: look at all paths again.
    Moved,
}

/// Watches directories, not files: a file's watch would follow it away.
pub struct Watcher {
    inner: Option<RecommendedWatcher>,
    bell: Receiver<()>,
    moved: Arc<AtomicBool>,
    /// What is watched, and which directory that was then.
    watched: BTreeMap<PathBuf, FileId>,
    problem: Option<String>,
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Watcher {
    /// A watcher of nothing yet. Never fails: without events it only waits,
    /// and says so in [`problem`](Self::problem).
    #[must_use]
    pub fn new() -> Watcher {
        let (ring, bell) = bounded(1);
        let moved = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&moved);
        let inner = notify::recommended_watcher(move |event| on_event(event, &flag, &ring));
        let (inner, problem) = match inner {
            Ok(inner) => (Some(inner), None),
            Err(e) => (None, Some(format!("no file events ({e}); polling instead"))),
        };
        Watcher { inner, bell, moved, watched: BTreeMap::new(), problem }
    }

    /// Watch exactly these directories. One that was deleted and made again is
    /// watched anew.
    pub fn watch(&mut self, dirs: &BTreeSet<PathBuf>) {
        let Some(inner) = &mut self.inner else { return };
        self.problem = None;
        let id_of = |dir: &PathBuf| fs::metadata(dir).ok().map(|meta| FileId::of(&meta));
        self.watched.retain(|dir, id| {
            let keep = dirs.contains(dir) && id_of(dir) == Some(*id);
            if !keep {
                // It fails if the directory is gone, and the watch with it.
                let _gone = inner.unwatch(dir);
            }
            keep
        });
        for dir in dirs {
            let Some(id) = id_of(dir).filter(|_| !self.watched.contains_key(dir)) else { continue };
            match inner.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(dir.clone(), id)),
                Err(e) => {
                    let text = format!("{}: no file events ({e}); polling instead", dir.display());
                    self.problem.get_or_insert(text);
                }
            }
        }
    }

    /// Wait until something happens, but not longer than `at_most`.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> Wake {
        let rung = self.bell.recv_timeout(at_most).is_ok();
        match self.moved.swap(false, Ordering::AcqRel) {
            true => Wake::Moved,
            false if rung => Wake::Changed,
            false => Wake::Timeout,
        }
    }

    /// Rings when [`wait`](Self::wait) would return, for a caller that also
    /// waits for other things. Call `wait` with zero afterwards.
    #[must_use]
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// Why there are no or not all events, where that is so.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

fn on_event(event: notify::Result<Event>, moved: &AtomicBool, ring: &Sender<()>) {
    let moves = match event {
        Ok(event) if event.need_rescan() => true,
        Ok(event) => match event.kind {
            // Reading is no news, and we ourselves read.
            EventKind::Access(_) => return,
            EventKind::Modify(notify::event::ModifyKind::Name(_))
            | EventKind::Create(_)
            | EventKind::Remove(_) => true,
            _ => false,
        },
        Err(_) => true,
    };
    if moves {
        moved.store(true, Ordering::Release);
    }
    // A full channel is rung already.
    let _rung = ring.try_send(());
}
