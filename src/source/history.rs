//! All that was written to a log, as far as it is still there: what rotation left of it,
//! also compressed, and the file that is written now; the oldest first and each once.
//!
//! This is for whoever reads to the end. Who follows a log finds what was rotated by its
//! content (`tail`), and knows of no names.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::glob::{Found, Pattern, rotated};
use super::packed::{Unpacked, is_packed};
use super::tail::disk;
use super::tail::generation::Head;
use super::{STDIN, SourceError, SourceSpec};

/// Names told of what is beside a file; of others only how many.
const TOLD: usize = 3;

/// What a source's paths mean to who reads all of it.
#[derive(Debug, Default)]
pub struct History {
    /// What is read, in this order. `-` stays `-`.
    pub files: Vec<PathBuf>,
    /// What is not, and why.
    pub left_out: Vec<String>,
}

/// Whether one file can be of several sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Whoever leads to it reads it.
    All,
    /// The first that leads to it.
    First,
}

/// Files that are read already, under whatever name.
#[derive(Debug, Default)]
struct Taken(HashSet<(u64, u64)>);

/// What is there of each source now, and what nobody reads though it is beside what
/// they name.
#[must_use]
pub fn histories(
    specs: &[SourceSpec],
    sharing: Sharing,
) -> (Vec<Result<History, SourceError>>, Vec<String>) {
    let mut all = Taken::default();
    let mut one = |spec: &SourceSpec| match sharing {
        Sharing::First => history(spec, &mut all),
        Sharing::All => {
            let mut own = Taken::default();
            let history = history(spec, &mut own);
            all.0.extend(own.0);
            history
        }
    };
    let histories = specs.iter().map(&mut one).collect();
    (histories, left_beside(specs, &all))
}

fn history(spec: &SourceSpec, taken: &mut Taken) -> Result<History, SourceError> {
    let mut history = History::default();
    for path in &spec.paths {
        if path == STDIN {
            history.files.push(PathBuf::from(STDIN));
            continue;
        }
        let (pattern, mut found) = (Pattern::parse(path)?, Found::default());
        pattern.is_readable()?;
        match pattern.matching(&mut found) {
            Some(files) if files.is_empty() && !Path::new(path).exists() => {
                return Err(SourceError::NoFile(path.clone()));
            }
            Some(mut files) => {
                files.sort_by_cached_key(|path| Age::of(path));
                history.leave_out_copies(&mut files, taken);
                for path in files {
                    history.add(path, taken);
                }
            }
            None => history.add(PathBuf::from(path), taken),
        }
        history.left_out.extend(found.problem);
    }
    Ok(history)
}

/// What rotation left beside the single files that these sources name, where nobody has
/// taken it: who names one file means that one.
fn left_beside(specs: &[SourceSpec], taken: &Taken) -> Vec<String> {
    let paths = specs.iter().flat_map(|spec| &spec.paths).map(Path::new);
    let beside = paths.filter(|path| path.is_file()).filter_map(|path| {
        let older: Vec<String> = older_than(path)
            .filter(|older| place(older).is_some_and(|place| !taken.0.contains(&place)))
            .filter_map(|older| Some(older.file_name()?.to_string_lossy().into_owned()))
            .collect();
        let more = older.len().saturating_sub(TOLD);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let named = older.get(..older.len().min(TOLD)).filter(|named| !named.is_empty())?;
        let path = path.display();
        Some(format!(
            "{path}: not read: {}{more}, older parts of it; `{path}*` is all",
            named.join(", ")
        ))
    });
    beside.collect()
}

impl History {
    fn add(&mut self, path: PathBuf, taken: &mut Taken) {
        // What can't be looked at is told when it can't be read.
        if place(&path).is_none_or(|place| taken.0.insert(place)) {
            self.files.push(path);
        } else {
            self.left_out.push(format!("{}: is read already", path.display()));
        }
    }

    /// A file that is being compressed is there twice for a while.
    fn leave_out_copies(&mut self, files: &mut Vec<PathBuf>, taken: &mut Taken) {
        let copies: Vec<PathBuf> = files
            .extract_if(.., |path| {
                let plain = path.with_extension("");
                is_packed(path) && is_copy(path, &plain).unwrap_or(false)
            })
            .collect();
        taken.0.extend(copies.iter().filter_map(|path| place(path)));
        let said = copies.iter().map(|path| format!("{}: is read unpacked", path.display()));
        self.left_out.extend(said);
    }
}

/// How old a file is, by what rotation made of its name: of one log the dated ones by
/// their dates, then the highest number first, and in the end the one without either.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Dated(String),
    Counted(Reverse<u32>),
    Live,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    log: PathBuf,
    part: Part,
}

impl Age {
    fn of(path: &Path) -> Age {
        let plain = if is_packed(path) { path.with_extension("") } else { path.to_owned() };
        // Names may end in numbers of their own: what is there decides.
        let of = rotated(&plain).find(|(log, _)| log.exists()).or_else(|| rotated(&plain).next());
        let Some((log, suffix)) = of else {
            return Age { log: plain, part: Part::Live };
        };
        let part = match suffix.parse() {
            // No date is so short, and nobody keeps more rotations.
            Ok(number) if suffix.len() < 6 => Part::Counted(Reverse(number)),
            _ => Part::Dated(suffix.chars().filter(char::is_ascii_digit).collect()),
        };
        Age { log, part }
    }
}

/// What rotation made of a file, the oldest first.
fn older_than(path: &Path) -> impl Iterator<Item = PathBuf> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut older: Vec<(Age, PathBuf)> = entries
        .map(|entry| path.with_file_name(entry.file_name()))
        .map(|other| (Age::of(&other), other))
        .filter(|(age, other)| age.log == path && other != path && other.is_file())
        .collect();
    older.sort();
    older.into_iter().map(|(_, path)| path)
}

/// The file itself, whatever it is called.
fn place(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Whether a compressed file begins as the plain one does.
fn is_copy(packed: &Path, plain: &Path) -> Option<bool> {
    let (packed, _) = disk::open(packed).ok()?;
    let (plain, _) = disk::open(plain).ok()?;
    let head = Head::of(&plain).ok()?;
    let packed = Head::from_stream(&mut Unpacked::new(packed)).ok()?;
    Some(!packed.is_empty() && packed.starts(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_comes_first() {
        let sorted = [
            "d/a.log-20261109.gz",
            "d/a.log-20261110",
            "d/a.log.2026-11-11",
            "d/a.log.10.gz",
            "d/a.log.2.gz",
            "d/a.log.1",
            "d/a.log",
            "d/b.log.1",
            "d/b.log",
        ];
        let mut paths = sorted.map(PathBuf::from);
        paths.reverse();
        paths.sort_by_cached_key(|path| Age::of(path));
        assert_eq!(paths, sorted.map(PathBuf::from));
    }
}
