//! Which files a configured path means: a file, the files of a directory, or
//! what a pattern matches.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::SourceError;
use super::packed::{is_foreign, is_packed};
use super::tail::disk::check_regular;

/// Year, month and day, the year in two digits.
const DIGITS_OF_A_DATE: usize = 6;

/// A configured path, checked once.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    has_wildcards: bool,
}

/// What patterns lead to at the moment.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files in a stable order, each once. A plain path is here even if nothing
    /// is there yet.
    pub files: Vec<PathBuf>,
    /// Directories in which more may appear.
    pub dirs: BTreeSet<PathBuf>,
    /// What was left out and why; the first of them.
    pub problem: Option<String>,
    seen: HashSet<PathBuf>,
}

impl Pattern {
    /// Check a path as configured.
    pub fn parse(text: &str) -> Result<Pattern, SourceError> {
        if text.starts_with('~') {
            return Err(SourceError::Tilde(text.to_owned()));
        }
        let has_wildcards = text.contains(['*', '?', '[']);
        if has_wildcards && !Path::new(text).exists() {
            glob::Pattern::new(text)
                .map_err(|e| SourceError::Pattern { pattern: text.to_owned(), why: e.msg })?;
        }
        Ok(Pattern { text: text.to_owned(), has_wildcards })
    }

    /// As configured.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it means this path, or would if something were there.
    pub fn covers(&self, path: &Path) -> bool {
        let (text, options) = (Path::new(&self.text), glob::MatchOptions::new());
        let options = glob::MatchOptions { require_literal_separator: true, ..options };
        let matches = |pattern: glob::Pattern| pattern.matches_path_with(path, options);
        path == text
            || path.parent() == Some(text)
            || (self.has_wildcards && glob::Pattern::new(&self.text).is_ok_and(matches))
    }

    /// Whether one of these means this path.
    pub fn any_covers(patterns: &[Pattern], path: &Path) -> bool {
        patterns.iter().any(|pattern| pattern.covers(path))
    }

    /// Add what it means now. `is_log` says which files are found, or were: a rotated copy
    /// of one is none of its own.
    pub fn find(&self, found: &mut Found, is_log: &dyn Fn(&Path) -> bool) {
        let path = Path::new(&self.text);
        let Some(mut matches) = self.matching(found) else {
            return found.add(path.to_owned());
        };
        matches.sort();
        // Who writes `*.gz` means compressed files; who writes `*` does not.
        let means_packed = is_packed(path);
        for path in &matches {
            let is_meant = means_packed && is_packed(path);
            if is_meant || !is_rotated_copy(path, is_log) {
                found.add(path.clone());
            }
        }
    }

    /// All files that a directory holds or a pattern matches now, whoever made them;
    /// `None` where a single file is meant. What can be no log is reported.
    pub fn matching(&self, found: &mut Found) -> Option<Vec<PathBuf>> {
        let path = Path::new(&self.text);
        let mut matches = Vec::new();
        if path.is_dir() {
            found.dirs.insert(path.to_owned());
            list(path, &mut matches, found);
        } else if self.has_wildcards && !path.exists() {
            self.matches(&mut matches, found);
        } else {
            return None;
        }
        Some(matches)
    }

    /// A directory that may not be read is not an empty one.
    pub fn is_readable(&self) -> Result<(), SourceError> {
        let Some(dir) = self.dir() else { return Ok(()) };
        match fs::read_dir(&dir) {
            Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
                Err(SourceError::Open { path: dir, why })
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The directory that is listed, where it is not a single file that is meant.
    pub fn dir(&self) -> Option<PathBuf> {
        let path = Path::new(&self.text);
        if path.is_dir() {
            return Some(path.to_owned());
        }
        (self.has_wildcards && !path.exists()).then(|| fixed_part(&self.text))
    }

    fn matches(&self, matches: &mut Vec<PathBuf>, found: &mut Found) {
        found.dirs.insert(fixed_part(&self.text));
        for entry in glob::glob(&self.text).into_iter().flatten() {
            match entry {
                Ok(path) => {
                    if keep(&path, found) {
                        found.dirs.extend(path.parent().map(Path::to_owned));
                        matches.push(path);
                    }
                }
                Err(e) => found.report(format!("{}: {}", e.path().display(), e.error())),
            }
        }
    }
}

impl Found {
    /// Whether this file is among them.
    pub fn has(&self, path: &Path) -> bool {
        self.seen.contains(path)
    }

    /// Note something that was left out.
    pub fn report(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// Leave out compressed files: they are complete, and nothing to follow.
    pub fn leave_out_packed(&mut self) {
        let packed: Vec<_> = self.files.extract_if(.., |path| is_packed(path)).collect();
        for path in packed {
            self.report(format!("{}: a compressed file is not followed", path.display()));
            self.seen.remove(&path);
        }
    }

    /// Add a file, once.
    pub fn add(&mut self, path: PathBuf) {
        if self.seen.insert(path.clone()) {
            self.files.push(path);
        }
    }
}

fn list(dir: &Path, matches: &mut Vec<PathBuf>, found: &mut Found) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => return found.report(format!("{}: {e}", dir.display())),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if !path.is_dir() && keep(&path, found) {
            matches.push(path);
        }
    }
}

/// Whether a match is a file one can follow.
fn keep(path: &Path, found: &mut Found) -> bool {
    match fs::metadata(path) {
        Ok(meta) => {
            let checked = check_regular(path, &meta);
            checked.map_err(|e| found.report(format!("left out: {e}"))).is_ok()
        }
        // A link to nothing may lead somewhere later.
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => {
            found.report(format!("{}: {e}", path.display()));
            false
        }
    }
}

/// Whether a name says: I am what rotation left of another file. Compressed
/// files always, `app.log.1` or `app.log-20260101` only beside `app.log`.
pub(super) fn is_rotated_copy(path: &Path, is_known: &dyn Fn(&Path) -> bool) -> bool {
    let packed = is_packed(path) || is_foreign(path);
    packed || rotated(path).any(|(log, _)| is_known(&log))
}

/// The logs that a file may be an earlier part of by its name, each with the number or
/// date behind that: `app.log.1`, `app.log-20260101`. A few digits behind a dash number
/// instances, `gw-2` beside `gw`: behind a dash stands a date.
pub(super) fn rotated(path: &Path) -> impl Iterator<Item = (PathBuf, &str)> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.match_indices(['.', '-']).filter_map(move |(at, mark)| {
        let (log, suffix) = (name.get(..at)?, name.get(at + 1..)?);
        let digits = suffix.bytes().filter(u8::is_ascii_digit).count();
        let counted = digits >= if mark == "-" { DIGITS_OF_A_DATE } else { 1 }
            && suffix.chars().all(|c| c.is_ascii_digit() || "-_.:T".contains(c));
        (counted && !log.is_empty()).then(|| (path.with_file_name(log), suffix))
    })
}

/// The directory part of a pattern before its first wildcard.
fn fixed_part(pattern: &str) -> PathBuf {
    let fixed = pattern.find(['*', '?', '[']).and_then(|at| pattern.get(..at)).unwrap_or(pattern);
    match fixed.rfind('/') {
        Some(0) => PathBuf::from("/"),
        Some(slash) => PathBuf::from(fixed.get(..slash).unwrap_or_default()),
        None => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_told_from_names_of_their_own() {
        let beside = |names: &'static [&'static str]| {
            move |p: &Path| names.iter().any(|n| Path::new(n) == p)
        };
        for (name, names, expected) in [
            ("a/app.log.1", &["a/app.log"][..], true),
            ("a/app.log.1", &[], false),
            ("a/app.log-20260101", &["a/app.log"], true),
            ("a/0.log.20260101-120000", &["a/0.log"], true),
            ("a/app.log.bak", &["a/app.log"], false),
            ("a/app-2.log", &["a/app"], false),
            ("a/gw-2", &["a/gw"], false),
            ("a/gw-2026-11-22", &["a/gw"], true),
            ("a/gw-261122", &["a/gw"], true),
            ("a/app.2026.gz", &[], true),
        ] {
            let got = is_rotated_copy(Path::new(name), &beside(names));
            assert_eq!(got, expected, "{name} beside {names:?}");
        }
    }
}
