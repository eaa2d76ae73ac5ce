//! How many files may be open at once. With more files than that, idle ones are
//! closed and found again by path and identity when they have changed.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::file::Followed;

/// Handles that are left to the rest of the process.
const SPARED: u64 = 64;
/// More than this helps nobody.
const MOST: u64 = 4096;
/// Fewer make no sense.
const LEAST: u64 = 16;
/// What a process is allowed to raise its limit to, where it may: what it starts inherits
/// that, and some programs look at each handle that they could have.
const RAISED: u64 = 16_384;

/// Let this process open as many files as it may, within reason: the usual soft limit is for
/// programs that can't count further.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(RAISED, |maximum| maximum.min(RAISED));
    if current.is_some_and(|current| current < wanted) {
        // Where that is refused, files are closed in between.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// The handles of all sources.
pub struct Handles {
    open: usize,
    most: usize,
}

impl Handles {
    /// As many as the process may have, less some for the rest of it.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = (limit / 2).min(limit.saturating_sub(SPARED)).clamp(LEAST, MOST);
        Handles { open: 0, most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// Count anew.
    pub fn count<'a>(&mut self, files: impl Iterator<Item = &'a Followed>) {
        self.open = files.filter(|file| file.is_open()).count();
    }

    /// Whether idle files should be closed.
    pub fn are_spent(&self) -> bool {
        self.open >= self.most
    }

    /// A file may have been opened: it is closed again if there are too many.
    pub fn opened(&mut self, file: &mut Followed) {
        if !file.is_open() || file.counted {
            return;
        }
        if self.are_spent() {
            file.shelve();
        } else {
            file.counted = true;
            self.open += 1;
        }
    }
}
