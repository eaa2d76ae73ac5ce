//! What stands beside a file: the siblings that rotation may have made of it.
//!
//! It knows names and inodes, and opens nothing.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::iter;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};

use super::disk;
use super::generation::FileId;
use crate::domain::Wall;
use crate::source::glob::Pattern;
use crate::source::packed::is_packed;

/// How often siblings are looked at again that are being renamed.
const TRIES: usize = 8;

/// What is in a directory.
struct Entries {
    /// Names and inodes, in the order of the names.
    named: Vec<(OsString, u64)>,
    /// Where each inode stands among them, once somebody asks.
    by_inode: Option<HashMap<u64, Vec<usize>>>,
}

/// The entries of directories, read at most once per look at everything.
#[derive(Default)]
pub struct Listings {
    read: HashMap<PathBuf, Entries>,
    /// Where rotation moves files to, if that is not beside them.
    olddir: Option<PathBuf>,
    /// What the source means: a copy may have any name that fits.
    patterns: Vec<Pattern>,
}

impl Listings {
    /// For files that rotation may move to another directory.
    pub fn with(olddir: Option<PathBuf>, patterns: Vec<Pattern>) -> Listings {
        Listings { read: HashMap::new(), olddir, patterns }
    }

    /// Whether a file has a name that the source means, compressed or not.
    pub fn is_meant(&self, path: &Path) -> bool {
        let covers = |path: &Path| Pattern::any_covers(&self.patterns, path);
        covers(path) || (is_packed(path) && covers(&path.with_extension("")))
    }

    /// Read them anew from now on.
    pub fn forget(&mut self) {
        self.read.clear();
    }

    /// The directories in which files stand that rotation has made of a path.
    pub fn dirs<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        iter::once(dir_of(path)).chain(self.olddir.as_deref())
    }

    /// Files beside `path` that rotation may have made of it: by name, or by
    /// the inode of one that was left unread.
    pub fn beside(&mut self, path: &Path, orphans: &HashSet<u64>) -> Vec<PathBuf> {
        self.files_beside(path, orphans).into_iter().map(|(path, _)| path).collect()
    }

    /// Inodes of what lies there under a path's name with something before its ending
    /// (`app.1.log`, `app-20260101.log.gz`). It may be another log, too.
    pub fn alike(&mut self, path: &Path) -> Vec<u64> {
        let (Some(stem), Some(name)) = (path.file_stem(), path.file_name()) else {
            return Vec::new();
        };
        let dirs: Vec<PathBuf> = self.dirs(path).map(Path::to_owned).collect();
        let mut found = Vec::new();
        for dir in dirs {
            let others = rotations_of(stem, &self.entries(&dir).named);
            let others = others.filter(|(other, _)| other != name);
            found.extend(others.map(|(_, inode)| *inode));
        }
        found
    }

    /// From when on what stands beside a path is new, that was never looked at before.
    pub fn since(&mut self, path: &Path, own: &Metadata) -> Wall {
        let beside = self.beside(path, &HashSet::new());
        let beside = beside.iter().filter_map(|path| path.metadata().ok());
        let after =
            beside.map(|meta| Wall(disk::wall_of(disk::time_of(&meta)).0.saturating_add(1)));
        after.fold(disk::wall_of(disk::time_of(own)), Wall::max)
    }

    /// Look at them, and again if files were renamed meanwhile: rotation goes from
    /// one to the next, and what has passed us by would not be seen.
    pub fn look_beside<T>(
        &mut self,
        path: &Path,
        orphans: &HashSet<u64>,
        mut look: impl FnMut(&[PathBuf]) -> T,
    ) -> T {
        let mut beside = self.files_beside(path, orphans);
        for _ in 0..TRIES {
            let paths: Vec<PathBuf> = beside.iter().map(|(path, _)| path.clone()).collect();
            let found = look(&paths);
            if beside.is_empty() {
                return found;
            }
            self.forget();
            let now = self.files_beside(path, orphans);
            if now == beside {
                return found;
            }
            beside = now;
        }
        let paths: Vec<PathBuf> = beside.into_iter().map(|(path, _)| path).collect();
        look(&paths)
    }

    fn files_beside(&mut self, path: &Path, orphans: &HashSet<u64>) -> Vec<(PathBuf, u64)> {
        let mut found = self.beside_name(path, orphans);
        // A link's target has siblings of its own.
        if let Some(target) = path.canonicalize().ok().filter(|target| target != path) {
            found.extend(self.beside_name(&target, orphans));
            if path.is_symlink() {
                found.extend(self.numbered_as(&target));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Where a file is now that was at `path`, under another name.
    pub fn find(&mut self, path: &Path, id: FileId) -> Option<PathBuf> {
        let inode = HashSet::from([id.place().1]);
        let is_it = |path: &PathBuf| path.metadata().is_ok_and(|meta| FileId::of(&meta) == id);
        self.files_beside(path, &inode)
            .into_iter()
            .filter(|(_, other)| inode.contains(other))
            .find_map(|(path, _)| is_it(&path).then_some(path))
    }

    /// What a link that moves on from one number or date to the next may have led to.
    fn numbered_as(&mut self, target: &Path) -> Vec<(PathBuf, u64)> {
        let (dir, Some(name)) = (dir_of(target), target.file_name()) else { return Vec::new() };
        let is_like =
            |other: &OsStr| other != name && without_numbers(other) == without_numbers(name);
        let others = self.entries(dir).named.iter().filter(|(other, _)| is_like(other));
        others.map(|(other, inode)| (dir.join(other), *inode)).collect()
    }

    fn beside_name(&mut self, path: &Path, orphans: &HashSet<u64>) -> Vec<(PathBuf, u64)> {
        let dirs: Vec<PathBuf> = self.dirs(path).map(Path::to_owned).collect();
        dirs.iter().flat_map(|dir| self.named_in(dir, path, orphans)).collect()
    }

    fn named_in(&mut self, dir: &Path, path: &Path, orphans: &HashSet<u64>) -> Vec<(PathBuf, u64)> {
        let Some(name) = path.file_name() else { return Vec::new() };
        let Entries { named, by_inode } = self.entries(dir);
        let at = |(other, inode): &(OsString, u64)| (dir.join(other), *inode);
        let mut found: Vec<_> = rotations_of(name, named).map(at).collect();
        if dir != dir_of(path) {
            // There it may keep its name.
            let own = named.binary_search_by(|(other, _)| other.as_os_str().cmp(name));
            found.extend(own.ok().and_then(|own| named.get(own)).map(at));
        }
        if !orphans.is_empty() {
            let by_inode = by_inode.get_or_insert_with(|| places_of(named));
            let left = orphans.iter().filter_map(|inode| by_inode.get(inode)).flatten();
            let left = left.filter_map(|at| named.get(*at)).filter(|(other, _)| other != name);
            found.extend(left.map(at));
        }
        found
    }

    fn entries(&mut self, dir: &Path) -> &mut Entries {
        self.read.entry(dir.to_owned()).or_insert_with(|| Entries::of(dir))
    }
}

/// Those of the names, which are in order, that rotation may have made of this one.
fn rotations_of<'e>(
    name: &'e OsStr,
    named: &'e [(OsString, u64)],
) -> impl Iterator<Item = &'e (OsString, u64)> {
    let from = named.partition_point(|(other, _)| other.as_os_str() <= name);
    let starts = |other: &OsStr| other.as_encoded_bytes().starts_with(name.as_encoded_bytes());
    let begun = named.get(from..).unwrap_or_default();
    let begun = begun.iter().take_while(move |(other, _)| starts(other));
    begun.filter(move |(other, _)| is_rotation_of(name, other))
}

/// A name with one digit for each number.
fn without_numbers(name: &OsStr) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.as_encoded_bytes().to_vec();
    bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|digit| *digit = b'0');
    bytes.dedup_by(|next, byte| *next == b'0' && *byte == b'0');
    bytes
}

/// Where a path's siblings are.
pub fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Entries {
    fn of(dir: &Path) -> Entries {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut named: Vec<_> = entries.map(|entry| (entry.file_name(), entry.ino())).collect();
        named.sort();
        Entries { named, by_inode: None }
    }
}

fn places_of(named: &[(OsString, u64)]) -> HashMap<u64, Vec<usize>> {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, (_, inode)) in named.iter().enumerate() {
        places.entry(*inode).or_default().push(at);
    }
    places
}

/// Whether a file has a name that rotation makes of a path's, or of that of a link's target.
pub fn is_rotated_from(path: &Path, sibling: &Path) -> bool {
    let target = path.canonicalize().ok();
    let mut paths = iter::once(path).chain(target.as_deref());
    let Some(other) = sibling.file_name() else { return false };
    paths.any(|path| {
        let is_elsewhere = dir_of(sibling) != dir_of(path);
        let may_be = |name| is_rotation_of(name, other) || (is_elsewhere && name == other);
        path.file_name().is_some_and(may_be)
    })
}

/// Whether a name is another one with `.` or `-` and something behind it.
pub fn is_rotation_of(name: &OsStr, other: &OsStr) -> bool {
    let suffix = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    suffix.is_some_and(|suffix| suffix.len() > 1 && matches!(suffix.first(), Some(b'.' | b'-')))
}
