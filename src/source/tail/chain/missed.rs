//! Generations that came and went between two looks at a path: nothing of them
//! was ever read, and they stand beside it now.
//!
//! They are told from all else that lies there by what is certain: made and
//! changed since the path was last seen to lead to what was followed, of a
//! content that is not known, and no copy of what is being read.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Chain, Rest, Sibling};
use crate::source::packed::{is_foreign, is_packed};
use crate::source::tail::consumed::Consumed;
use crate::source::tail::disk::{self, Changed};
use crate::source::tail::generation::{FileId, Head};
use crate::source::tail::known::Known;

/// What is being read, and so was not missed.
pub struct Held {
    /// All files that are open.
    pub ids: Vec<FileId>,
    /// What the path's own ones begin with, read or not.
    pub heads: Vec<Head>,
    /// What was read of the path's own ones.
    known: Known,
    /// When those were changed last that no path leads to any more.
    rotated: Vec<Changed>,
}

/// What was found.
pub struct Missed {
    /// Oldest first.
    pub older: Vec<Rest>,
    /// What could not be looked into.
    pub problem: Option<String>,
    /// One that is compressed in a way that is not known here.
    pub foreign: Option<PathBuf>,
}

impl Held {
    /// These files, of which these were read for the path.
    pub fn new<'c>(
        ids: Vec<FileId>,
        heads: Vec<Head>,
        own: impl Iterator<Item = &'c Consumed>,
        rotated: Vec<Changed>,
    ) -> Held {
        let mut known = Known::default();
        for content in own {
            known.add(content.left(), Some(content.id));
        }
        Held { ids, heads, known, rotated }
    }

    /// Whether a file is what one of ours was compressed to: its content can't be
    /// asked, but who compresses keeps the time, some to the second only.
    fn has_rotated(&self, path: &Path) -> bool {
        let Ok(meta) = path.metadata() else { return false };
        let (secs, nanos) = disk::time_of(&meta);
        self.rotated.iter().any(|at| *at == (secs, nanos) || (nanos == 0 && at.0 == secs))
    }
}

/// Which of the files beside a path came and went since what it led to was last
/// seen there, when that was `since` old.
pub fn missed(since: Changed, known: &Known, held: &Held, beside: &[PathBuf]) -> Missed {
    let is_packing = |path: &&PathBuf| beside.contains(&path.with_extension(""));
    let newer = beside.iter().filter(|path| is_newer(path, since));
    let (foreign, newer): (Vec<&PathBuf>, Vec<_>) = newer.partition(|path| is_foreign(path));
    let is_own = |id| held.ids.contains(&id);
    let mut chain = Chain::default();
    let mut unknown_to = |known: &Known, paths: &[PathBuf]| {
        let mut found = Vec::new();
        let newer = paths.iter().filter(|path| newer.contains(path));
        let whole = newer.filter(|path| !is_packed(path) || !is_packing(path));
        chain.look_into(whole, &is_own, known, &mut found);
        found.retain(|sibling| sibling.past.is_none());
        found
    };
    let unread = unknown_to(known, beside);
    let unread: Vec<PathBuf> = unread.iter().map(|sibling| sibling.path().to_owned()).collect();
    let mut unread = unknown_to(&held.known, &unread);
    let is_part = |head: &Head| held.heads.iter().any(|held| head.starts(held));
    unread.retain(|sibling| sibling.head.is_empty() || !is_part(&sibling.head));
    let mut others = Vec::new();
    if !unread.is_empty() {
        let is_other = |path: &&PathBuf| unread.iter().all(|one| one.path() != path.as_path());
        chain.look_into(beside.iter().filter(is_other), &|_| false, known, &mut others);
    }
    let others: Vec<&Sibling> = others.iter().collect();
    let mut unread = Sibling::without_copies(unread, &others);
    unread.sort_by_cached_key(Sibling::age);
    let older = unread.into_iter().map(|Sibling { at, past, .. }| Rest { at, past });
    let foreign = foreign.into_iter().find(|path| !is_packing(path) && !held.has_rotated(path));
    Missed { older: older.collect(), problem: chain.problem, foreign: foreign.cloned() }
}

/// Whether a file was made and changed in that moment or later.
fn is_newer(path: &Path, since: Changed) -> bool {
    let Ok(meta) = path.metadata() else { return false };
    let (Ok(secs), Ok(nanos)) = (u64::try_from(since.0), u32::try_from(since.1)) else {
        return false;
    };
    let since = SystemTime::UNIX_EPOCH + Duration::new(secs, nanos);
    meta.modified().is_ok_and(|modified| modified >= since)
        && meta.created().ok().is_none_or(|born| born >= since)
}
