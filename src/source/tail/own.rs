//! Whether a file of which nothing is taken yet is a log of its own, or a copy of one that
//! is read here or was, under a name that says nothing of it.
//!
//! What starts like a known generation is never a new one: what is read of the original is
//! not read again. Who copies may not be done yet, so a copy is no answer for good, and the
//! little that is there at first waits for more, but not for long: it may be all there will
//! ever be. It compares content, and reads no line.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, Metadata};
use std::io;
use std::ops::Bound;

use super::file::{Followed, Proof};
use super::files::Files;
use super::generation::{FileId, Generation, Head, same_before};
use super::known::{Known, Past, TELLING, finished};
use super::memory::Memory;
use crate::domain::{Mono, SourceId};
use crate::source::Sinks;

/// What a file is to all that is known.
enum Kin {
    /// It begins in its own way.
    Own,
    /// So little is there that it could begin many another one.
    Short,
    /// That it could, and does.
    Begun,
    /// All of it is in another one, or comes from there when that is read.
    Copy,
    /// It begins with all that is known of another one, and goes on.
    Rest(Box<(Past, Generation)>),
}

/// A file in question.
struct Stranger {
    id: FileId,
    file: File,
    meta: Metadata,
    head: Head,
}

/// Files that are no copies by what they begin with, once somebody asks.
#[derive(Default)]
struct Begun {
    /// As much of that as tells.
    heads: Option<HashMap<u64, Vec<FileId>>>,
    /// The first of it.
    firsts: Option<BTreeMap<Vec<u8>, Vec<FileId>>>,
}

/// Decide of each file that waits for it. A copy is not followed while it stays as it is, and
/// of what can't be compared now nothing is taken until it can.
pub fn prove(id: SourceId, files: &mut Files, memory: &mut Memory, now: Mono, sinks: &mut Sinks) {
    let mut begun = Begun::default();
    for (path, mut file) in files.take_unproven() {
        let path = path.as_deref();
        let stranger = Stranger::of(&file);
        let kin = stranger.and_then(|stranger| {
            let kin = match stranger.head.telling() {
                Some(head) => stranger.kin(head, files, &mut begun, &memory.known)?,
                None if !stranger.begins_another(files, &mut begun)? => Kin::Short,
                None if file.has_stayed(&stranger.meta, now) => Kin::Short,
                None => Kin::Begun,
            };
            Ok((kin, stranger.meta))
        });
        match kin {
            Err(why) => file.fails(why),
            Ok((Kin::Begun, _)) => {}
            Ok((Kin::Own, _)) => file.proof = Proof::Given,
            Ok((Kin::Short, _)) => {
                file.proof = Proof::Short;
                begun.add_first(&file);
            }
            Ok((Kin::Copy, meta)) => {
                if file.content.is_said() {
                    memory.unsaid.push(finished(file.content.so_far()));
                }
                if let Some(path) = path {
                    files.pass_over(path, &meta);
                }
                continue;
            }
            Ok((Kin::Rest(rest), _)) => {
                let (past, generation) = *rest;
                memory.known.take(&past);
                file.resume(&past, generation, sinks(id, &file.content.path));
                file.proof = Proof::Given;
            }
        }
        files.give_back(path, file);
    }
}

impl Begun {
    /// Those that begin with all of this.
    fn with_head(&mut self, head: u64, files: &Files) -> io::Result<&mut Vec<FileId>> {
        if self.heads.is_none() {
            let mut heads = HashMap::<u64, Vec<FileId>>::new();
            for file in files.open().filter(|file| file.proof == Proof::Given) {
                if let Some(head) = file.beginning()? {
                    heads.entry(head).or_default().push(file.content.id);
                }
            }
            self.heads = Some(heads);
        }
        Ok(self.heads.get_or_insert_default().entry(head).or_default())
    }

    /// Those that begin with these bytes.
    fn with_first(&mut self, first: &[u8], files: &Files) -> Vec<FileId> {
        if self.firsts.is_none() {
            self.firsts = Some(BTreeMap::new());
            files
                .open()
                .filter(|file| file.proof != Proof::Awaited)
                .for_each(|f| self.add_first(f));
        }
        let behind = (Bound::Included(first), Bound::Unbounded);
        let begun = self.firsts.iter().flat_map(|firsts| firsts.range::<[u8], _>(behind));
        let begun = begun.take_while(|(other, _)| other.starts_with(first));
        begun.flat_map(|(_, ids)| ids).copied().collect()
    }

    fn add_first(&mut self, file: &Followed) {
        if let Some(firsts) = &mut self.firsts {
            let first = file.content.generation.first().to_vec();
            firsts.entry(first).or_default().push(file.content.id);
        }
    }
}

fn these<'f>(ids: &'f [FileId], files: &'f Files) -> impl Iterator<Item = &'f Followed> {
    let all = (!ids.is_empty()).then(|| files.open()).into_iter().flatten();
    all.filter(|file| ids.contains(&file.content.id))
}

impl Stranger {
    fn of(file: &Followed) -> io::Result<Stranger> {
        let (id, file) = (file.content.id, file.handle()?);
        let (meta, head) = (file.metadata()?, Head::of(&file)?);
        Ok(Stranger { id, file, meta, head })
    }

    /// What it is by the head that tells it.
    fn kin(&self, head: u64, files: &Files, begun: &mut Begun, known: &Known) -> io::Result<Kin> {
        let alike = begun.with_head(head, files)?;
        let mut kin = self.kin_of_known(known)?;
        for other in these(alike, files) {
            match self.kin_of(other)? {
                Kin::Copy => return Ok(Kin::Copy),
                rest @ Kin::Rest(_) => kin = rest,
                Kin::Own | Kin::Short | Kin::Begun => {}
            }
        }
        if matches!(kin, Kin::Own) {
            alike.push(self.id);
        }
        Ok(kin)
    }

    /// Whether all of the little that is there stands at the beginning of one that is read.
    fn begins_another(&self, files: &Files, begun: &mut Begun) -> io::Result<bool> {
        let alike = begun.with_first(self.head.first(), files);
        for other in these(&alike, files) {
            if let Some(file) = other.handle_where_it_was()?
                && self.head.starts(&Head::of(&file)?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What it is to one that is read.
    fn kin_of(&self, other: &Followed) -> io::Result<Kin> {
        let content = &other.content;
        let Some((file, size)) = other.as_read()? else {
            // It was cut: what it held is looked for in its copies.
            let is_part = self.meta.len() < content.generation.offset();
            let is_copy = is_part || content.generation.continues_in(&self.file)?;
            return Ok(if is_copy { Kin::Copy } else { Kin::Own });
        };
        if !same_before(&file, &self.file, size.min(self.meta.len()))? {
            return Ok(Kin::Own);
        }
        if self.meta.len() <= size || !other.is_read_to(size) {
            return Ok(Kin::Copy);
        }
        let mut wanted = Known::default();
        wanted.add(content.so_far(), None);
        let rest = wanted.find(&self.file, &self.meta, |_| true)?;
        Ok(rest.map_or(Kin::Copy, |rest| Kin::Rest(Box::new(rest))))
    }

    /// What it is to those that were read.
    fn kin_of_known(&self, known: &Known) -> io::Result<Kin> {
        let is_telling = |past: &Past| u64::from(past.mark().head_len) >= TELLING;
        if let Some(rest) = known.find(&self.file, &self.meta, is_telling)? {
            return Ok(Kin::Rest(Box::new(rest)));
        }
        let is_part = known.is_part(&self.head, self.meta.len());
        Ok(if is_part { Kin::Copy } else { Kin::Own })
    }
}
