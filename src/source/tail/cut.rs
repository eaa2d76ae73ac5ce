//! Files that were found truncated begin anew. What they contained may live on in
//! the copy that `copytruncate` has made: then the rest is read from there.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::chain::Older;
use super::consumed::Consumed;
use super::copies::{self, CopyOf};
use super::file::Followed;
use super::files::Files;
use super::generation::FileId;
use super::lines::Outlet;
use super::memory::Memory;
use crate::domain::{Origin, SourceId, Stamp};
use crate::source::Sinks;

/// How long a truncated file waits for a sibling that can't be read just now.
const COPY_WAIT: Duration = Duration::from_secs(10);

/// Begin truncated files anew; says whether one was. What they contained may
/// live on in a copy made by `copytruncate`: then the rest is read from there.
pub fn restart(
    id: SourceId,
    files: &mut Files,
    memory: &mut Memory,
    now: Stamp,
    sinks: &mut Sinks,
    out: &mut Outlet<'_>,
) -> bool {
    let held: Vec<FileId> = files.open().map(|file| file.content.id).collect();
    let (mut copies, mut cut) = (Vec::new(), Vec::new());
    for file in files.open_mut() {
        let Some(since) = file.cut else { continue };
        let copy = match copies::find(&file.content, &memory.listings, &held) {
            Ok(copy) => copy,
            // Perhaps that was the copy: ask again, but not for ever.
            Err(_) if now.mono.since(since) < COPY_WAIT => continue,
            Err(_) => None,
        };
        let (torn, changed) = (file.pending(), file.changed());
        let content = file.restart(sinks(id, &file.content.path));
        let path = content.path.clone();
        if let Some(copy) = copy {
            memory.findings.cut(&path, Some(copy.path()));
            copies.push((path.clone(), copy, content));
            cut.push((path, changed, None));
        } else {
            cut.push((path, changed, Some((content, torn))));
        }
    }
    for (path, copy, content) in copies {
        match go_on_in(copy, &path, content, now) {
            Ok(mut older) => {
                older.content_mut().save(out);
                match older {
                    Older::Plain(copy) => files.drain(*copy),
                    packed @ Older::Packed(_) => files.read_first(&path, std::iter::once(packed)),
                }
            }
            Err(why) => memory.lost(&path, why),
        }
    }
    let any = !cut.is_empty();
    for (path, since, gone) in cut {
        let missed = memory.miss_nothing(files, (id, &path), since, now, sinks);
        let Some((mut content, torn)) = gone else { continue };
        // Where nothing was consumed, no copy can be recognised: it was missed.
        let copy = missed.filter(|_| content.position() == 0);
        memory.findings.cut(&path, copy.as_deref());
        let torn = if copy.is_some() { 0 } else { torn };
        let id = content.id;
        memory.known.add(content.finish_torn(torn, now, out), Some(id));
    }
    memory.listings.forget();
    // In one batch with the copies: what begins takes the place of what went on.
    files.open_mut().for_each(|file| file.content.save(out));
    any
}

fn go_on_in(copy: CopyOf, path: &Path, content: Consumed, now: Stamp) -> io::Result<Older> {
    match copy {
        CopyOf::Plain(_, file, meta) => {
            let content = content.moved_to(FileId::of(&meta));
            Ok(Older::Plain(Box::new(Followed::new(content, file, &meta, now.mono))))
        }
        CopyOf::Packed(found) => {
            Ok(Older::Packed(Box::new(found.open(path, content.lines, Origin::Live)?)))
        }
    }
}
