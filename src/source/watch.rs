//! Wakes a follower when something happens in the directories of its files.
//!
//! Events are a hint and never the truth: they get lost on overflow, on network
//! file systems, when a directory is re-created. So an event says only "look",
//! and the follower looks by itself often enough without any.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::tail::POLL;
use super::tail::generation::FileId;

/// Longest time between two looks where the system tells of each change. It is
/// the limit of what a lost event can delay.
pub const HEARD_POLL: Duration = Duration::from_secs(1);

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
    /// Closed when nobody needs to wait any more.
    stop: Receiver<()>,
    moved: Arc<AtomicBool>,
    /// What is watched, and which directory that was then.
    watched: BTreeMap<PathBuf, FileId>,
    problem: Option<String>,
    cadence: Duration,
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
        let (stop, watched) = (never(), BTreeMap::new());
        Watcher { inner, bell, stop, moved, watched, problem, cadence: POLL }
    }

    /// The same; it waits no longer once this is closed.
    #[must_use]
    pub fn until(self, stop: Receiver<()>) -> Watcher {
        Watcher { stop, ..self }
    }

    /// Watch exactly these directories. One that was deleted and made again is
    /// watched anew.
    pub fn watch(&mut self, dirs: &BTreeSet<PathBuf>) {
        let Some(inner) = &mut self.inner else { return };
        self.problem = None;
        let deaf = dirs.iter().find_map(|dir| Some((dir, without_events(dir)?)));
        if let Some((dir, kind)) = deaf {
            let text = format!("{}: {kind}: not all file events come; polling", dir.display());
            self.problem = Some(text);
        }
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
        self.cadence = if self.problem.is_none() { HEARD_POLL } else { POLL };
    }

    /// How long to wait at most before all files are looked at: longer where
    /// events come for all of them.
    #[must_use]
    pub fn cadence(&self) -> Duration {
        self.cadence
    }

    /// Wait until something happens, but not longer than `at_most`.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> Wake {
        let rung = select! {
            recv(self.bell) -> rung => rung.is_ok(),
            recv(self.stop) -> _ => false,
            default(at_most) => false,
        };
        match self.moved.swap(false, Ordering::AcqRel) {
            true => Wake::Moved,
            false if rung => Wake::Changed,
            false => Wake::Timeout,
        }
    }

    /// Why there are no or not all events, where that is so.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// The kind of a file system whose changes are made, at least in part, where
/// this machine does not see them.
fn without_events(dir: &Path) -> Option<&'static str> {
    let magic = rustix::fs::statfs(dir).ok()?.f_type;
    kind_of(u32::try_from(magic & 0xffff_ffff).ok()?)
}

/// Numbers of `statfs(2)`.
fn kind_of(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "nfs",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "smb",
        0x0102_1997 => "9p",
        0x6573_5546 => "fuse",
        0x794c_7630 => "overlay",
        0x00c3_6400 => "ceph",
        0x0bd0_0bd0 => "lustre",
        0x0116_1970 => "gfs2",
        0x7461_636f => "ocfs2",
        0x5346_414f | 0x6b41_4653 => "afs",
        0x786f_4256 => "vboxsf",
        _ => return None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_hears_only_half_is_named() {
        assert_eq!(kind_of(0x6969), Some("nfs"));
        assert_eq!(kind_of(0xff53_4d42), Some("smb"));
        assert_eq!(kind_of(0xef53), None, "ext4");
        // `/proc` changes without events too, but nobody keeps logs there.
        assert_eq!(without_events(Path::new("/proc")), None);
    }
}
