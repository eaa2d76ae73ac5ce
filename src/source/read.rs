//! Files read once, from the first byte to the end they have now.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::glob::{Found, Pattern};
use super::packed::{Arriving, Unpacked, is_foreign, is_packed};
use super::stdin::read_all;
use super::tail::disk;
use super::tail::lines::{Counters, Deliver, Lines, Outlet};
use super::{MakeSink, STDIN, SourceError, SourceSpec};
use crate::domain::{Batch, Progress, SourceId, Wall};

/// The files that would be followed of a source now. `-` stays `-`.
pub fn files(spec: &SourceSpec) -> Result<Vec<PathBuf>, SourceError> {
    let mut found = Found::default();
    let paths = spec.paths.iter().filter(|path| *path != STDIN);
    let patterns = paths.map(|path| Pattern::parse(path)).collect::<Result<Vec<_>, _>>()?;
    let is_log = |path: &Path| Pattern::any_covers(&patterns, path) && path.is_file();
    for path in &spec.paths {
        if path == STDIN {
            found.add(PathBuf::from(STDIN));
            continue;
        }
        let before = found.files.len();
        let pattern = Pattern::parse(path)?;
        pattern.is_readable()?;
        pattern.find(&mut found, &is_log);
        if found.files.len() == before && !Path::new(path).exists() {
            return Err(SourceError::NoFile(path.clone()));
        }
    }
    Ok(found.files)
}

/// Read these files of a source in order, each with a sink of its own; `stdin`
/// stands for the path `-`. `now` is the time of last resort for every line.
///
/// A last line without a newline may still be being written: it is not
/// consumed but counted as pending. Only that of a pipe or of a compressed
/// file is complete, and one that ends a JSON document. A file that can't be read keeps nobody from the others.
pub fn read_to_end(
    source: SourceId,
    files: &[PathBuf],
    stdin: &mut dyn Read,
    now: Wall,
    sinks: &mut MakeSink<'_>,
    deliver: &mut Deliver<'_>,
) -> Result<Ended, SourceError> {
    let (mut counters, mut batch) = (Counters::default(), Batch::default());
    let mut out = Outlet::new(source, &mut counters, &mut batch, deliver);
    let (mut pending, mut format, mut failures) = (0, None, Vec::new());
    for path in files {
        let failed = |why| SourceError::Read { path: path.clone(), why };
        let mut lines = Lines::starting_at(0, sinks(source, path));
        let mut clock = || now;
        if path == Path::new(STDIN) {
            let from = &mut Arriving::Unread(&mut *stdin);
            let read = read_all(from, &mut lines, &mut clock, &mut out, &mut |_| ());
            lines.finish(&read.map_err(failed)?, now, &mut out);
        } else {
            let read = open(path).and_then(|mut file| {
                read_all(&mut *file, &mut lines, &mut clock, &mut out, &mut |_| ()).map_err(failed)
            });
            let rest = match read {
                Ok(rest) => rest,
                Err(error) => {
                    failures.push(error);
                    Vec::new()
                }
            };
            if is_packed(path) || lines.may_be_whole(&rest) {
                lines.finish(&rest, now, &mut out);
            } else {
                pending += lines.position() - lines.offset() + rest.len() as u64;
                lines.finish_torn(0, now, &mut out);
            }
        }
        out.counters.totals.pending_bytes = pending;
        out.flush();
        format = format.or_else(|| lines.format().map(str::to_owned));
    }
    if failures.len() == files.len()
        && out.counters.totals.lines == 0
        && let Some(first) = failures.pop()
    {
        return Err(first);
    }
    Ok(Ended { progress: out.counters.totals, format, failures })
}

/// What is known of a source once all of it was read.
#[derive(Debug)]
pub struct Ended {
    /// How much it was.
    pub progress: Progress,
    /// Its format; of the first file where they differ.
    pub format: Option<String>,
    /// Files that could not be read, or not to their end. Others could.
    pub failures: Vec<SourceError>,
}

/// Open a regular file for reading, and unpack it if its name ends in `.gz`;
/// nothing else is opened.
pub fn open(path: &Path) -> Result<Box<dyn Read + Send>, SourceError> {
    if is_foreign(path) {
        return Err(SourceError::Packed(path.to_owned()));
    }
    let (file, _) = disk::open(path)?;
    Ok(if is_packed(path) { Box::new(Unpacked::new(file)) } else { Box::new(file) })
}
