//! Files that were found truncated begin anew. What they contained may live on in
//! the copy that `copytruncate` has made: then the rest is read from there.

use std::io;
use std::time::Duration;

use super::ahead::Borders;
use super::chain::Older;
use super::consumed::Consumed;
use super::copies::{self, CopyOf};
use super::file::{Followed, UNENDED};
use super::files::Files;
use super::generation::{FileId, Head};
use super::known::{Again, Known, finished};
use super::lines::Outlet;
use super::memory::Memory;
use crate::domain::{SourceId, Stamp};
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
    if files.open().all(|file| file.cut.is_none()) {
        return false;
    }
    // What was empty when it was found beside a path, and is being filled.
    let begun = files.open().filter(|file| file.cut.is_some() && file.is_empty());
    let begun: Vec<FileId> = begun.map(|file| file.content.id).collect();
    drop_copies(files, memory, &begun);
    let followed: Vec<FileId> = files.followed().map(|file| file.content.id).collect();
    let is_held = |file: &&Followed| followed.contains(&file.content.id) || file.is_as_read();
    let held: Vec<FileId> = files.open().filter(is_held).map(|file| file.content.id).collect();
    let (mut copies, mut cut, mut begun) = (Vec::new(), Vec::new(), Vec::new());
    for file in files.open_mut() {
        let Some(since) = file.cut else { continue };
        let is_followed = followed.contains(&file.content.id);
        if is_followed && goes_on(id, file, memory, now, sinks) {
            continue;
        }
        let copy = match copies::find(&file.content, memory, &held) {
            Ok(copy) => copy,
            // Perhaps that was the copy: ask again, but not for ever.
            Err(_) if now.mono.since(since) < COPY_WAIT => continue,
            Err(_) => None,
        };
        let is_given_time = now.mono.since(since) < UNENDED;
        if is_followed && copy.is_none() && is_given_time && file.may_come_again() {
            continue;
        }
        let (torn, changed, unread) = (file.pending(), file.changed(), file.behind());
        let was_empty = file.is_empty();
        let (content, borders) = file.restart(sinks(id, &file.content.path));
        let path = content.path.clone();
        if !is_followed {
            begun.push(content.id);
        }
        if was_empty {
            cut.push((path, changed, None));
        } else if let Some(copy) = copy {
            memory.findings.copied(&path);
            copies.push((path.clone(), copy, content, borders));
            cut.push((path, changed, None));
        } else {
            // Nothing is lost of a copy that was read, and that is made anew.
            if is_followed || unread + torn > 0 {
                memory.findings.truncated(&path, unread);
            }
            cut.push((path, changed, Some((content, torn))));
        }
    }
    for (path, copy, content, borders) in copies {
        // What it was a copy of before was read, or is gone.
        if let Some(old) = files.take_left(copy.id(), |_| true) {
            memory.known.add(old.content.left(), Some(copy.id()));
        }
        let id = content.id;
        match go_on_in(copy, content, borders, now) {
            // Behind what is older, before what is newer.
            Ok(older) => files.read_before(&path, id, older),
            Err(why) => memory.lost(&path, why),
        }
    }
    drop_copies(files, memory, &begun);
    let any = !cut.is_empty();
    for (path, since, gone) in cut {
        memory.miss_nothing(files, (id, &path), since, now, sinks);
        let Some((mut content, torn)) = gone else { continue };
        let id = content.id;
        memory.known.add(content.finish_torn(torn, now, out), Some(id));
    }
    memory.listings.forget();
    // In one batch with the copies: what begins takes the place of what went on.
    files.contents_mut().for_each(|content| content.save(out));
    any
}

/// Whether a file that was cut goes on with what was read of it before, or may yet.
fn goes_on(
    id: SourceId,
    file: &mut Followed,
    memory: &mut Memory,
    now: Stamp,
    sinks: &mut Sinks,
) -> bool {
    match file.comes_again(&memory.known, now.mono) {
        Again::No => return false,
        Again::Begun => {}
        Again::Part => {
            memory.findings.rewritten(&file.content.path);
            return false;
        }
        Again::Whole(None) => file.cut = None,
        Again::Whole(Some(whole)) => {
            let (past, generation) = *whole;
            memory.known.take(&past);
            file.resume(&past, generation, sinks(id, &file.content.path));
        }
    }
    true
}

/// Of these, to which no path leads and of which nothing is taken yet, what is being filled
/// with what others hold, or packed, is no generation of its own.
fn drop_copies(files: &mut Files, memory: &mut Memory, begun: &[FileId]) {
    for &id in begun {
        let others = files.open().filter(|file| file.content.id != id);
        let others: Vec<Head> = others.flat_map(Followed::heads).collect();
        let mut read = Known::default();
        for content in files.contents().filter(|content| content.id != id) {
            read.add(content.so_far(), None);
        }
        let is_copy = |file: &Followed| {
            let is_like = |known| file.begins_like(&others, known).unwrap_or(false);
            is_like(&memory.known) || is_like(&read)
        };
        if let Some(file) = files.take_left(id, is_copy) {
            memory.unsaid.push(finished(file.content.so_far()));
        }
    }
}

fn go_on_in(copy: CopyOf, content: Consumed, borders: Borders, now: Stamp) -> io::Result<Older> {
    match copy {
        CopyOf::Plain(at, file, meta) => {
            let content = content.moved_to(FileId::of(&meta));
            let followed = Followed::new(content, file, &meta, now.mono).with_borders(borders);
            Ok(Older::Plain(Box::new(followed.lying_at(&at))))
        }
        CopyOf::Packed(found) => Ok(Older::Packed(Box::new(found.go_on(content, borders)?))),
    }
}
