//! Whether a file of which nothing is taken yet is a log of its own, or a copy of one that
//! is read here or was, under a name that says nothing of it.
//!
//! What starts like a known generation is never a new one: what is read of the original is
//! not read again. Who copies may not be done yet, so a copy is no answer for good. It
//! compares content, and reads no line.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;

use super::file::Followed;
use super::files::Files;
use super::generation::{FileId, Generation, Head, same_before};
use super::known::{Known, Past, TELLING, finished};
use super::memory::Memory;
use crate::domain::SourceId;
use crate::source::Sinks;

/// What a file is to all that is known.
enum Kin {
    /// It begins in its own way.
    Own,
    /// All of it is in another one, or comes from there when that is read.
    Copy,
    /// It begins with all that is known of another one, and goes on.
    Rest(Box<(Past, Generation)>),
}

/// A file in question.
struct Stranger {
    file: File,
    meta: Metadata,
    head: Head,
}

/// Files by what they begin with.
type Begun = HashMap<u64, Vec<FileId>>;

/// Decide of each file that waits for it. A copy is not followed while it stays as it is.
pub fn prove(id: SourceId, files: &mut Files, memory: &mut Memory, sinks: &mut Sinks) {
    let mut begun: Option<Begun> = None;
    for (path, mut file) in files.take_unproven() {
        let path = path.as_deref();
        let stranger = match Stranger::of(&file) {
            Ok(stranger) => stranger,
            Err(why) => {
                file.fails(why);
                files.give_back(path, file);
                continue;
            }
        };
        let kin = match stranger.head.telling() {
            None => Kin::Own,
            Some(head) => {
                let begun = begun.get_or_insert_with(|| beginnings(files));
                let alike = begun.get(&head).map(Vec::as_slice).unwrap_or_default();
                let kin = stranger.kin(files, alike, &memory.known);
                if matches!(kin, Kin::Own) {
                    begun.entry(head).or_default().push(file.content.id);
                }
                kin
            }
        };
        match kin {
            Kin::Own => file.proven = true,
            Kin::Copy => {
                if file.content.is_said() {
                    memory.unsaid.push(finished(file.content.so_far()));
                }
                if let Some(path) = path {
                    files.pass_over(path, &stranger.meta);
                }
                continue;
            }
            Kin::Rest(rest) => {
                let (past, generation) = *rest;
                memory.known.take(&past);
                file.resume(&past, generation, sinks(id, &file.content.path));
                file.proven = true;
            }
        }
        files.give_back(path, file);
    }
}

fn beginnings(files: &Files) -> Begun {
    let mut begun = Begun::new();
    for file in files.open().filter(|file| file.proven) {
        if let Some(head) = file.beginning() {
            begun.entry(head).or_default().push(file.content.id);
        }
    }
    begun
}

impl Stranger {
    fn of(file: &Followed) -> io::Result<Stranger> {
        let file = file.handle()?;
        let (meta, head) = (file.metadata()?, Head::of(&file)?);
        Ok(Stranger { file, meta, head })
    }

    fn kin(&self, files: &Files, alike: &[FileId], known: &Known) -> Kin {
        let mut kin = self.kin_of_known(known).unwrap_or(Kin::Own);
        for other in files.open().filter(|other| alike.contains(&other.content.id)) {
            match self.kin_of(other).unwrap_or(Kin::Own) {
                Kin::Own => {}
                Kin::Copy => return Kin::Copy,
                rest @ Kin::Rest(_) => kin = rest,
            }
        }
        kin
    }

    /// What it is to one that is read.
    fn kin_of(&self, other: &Followed) -> io::Result<Kin> {
        let content = &other.content;
        let Some((file, size)) = other.as_read() else {
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
        let is_part = |past: &&Past| is_telling(past) && past.mark().offset > self.meta.len();
        Ok(if known.with_head(&self.head).iter().any(is_part) { Kin::Copy } else { Kin::Own })
    }
}
