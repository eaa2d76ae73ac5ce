//! Who a file is: its content, as far as we have consumed it.
//!
//! Names move and inodes are given out again within a few creations, and first
//! lines repeat. So a file is the one we were reading exactly if it still
//! starts with the bytes it started with, and the bytes before the place we
//! have reached are still there.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::SystemTime;

const HEAD: usize = 4096;
const WINDOW: usize = 256;

/// A file as the system names it: a shortcut, never a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    dev: u64,
    inode: u64,
    /// Tells a new file from an old one whose inode was given out again.
    born: Option<SystemTime>,
}

impl FileId {
    /// The id of the file that `meta` describes.
    pub fn of(meta: &Metadata) -> Self {
        FileId { dev: meta.dev(), inode: meta.ino(), born: meta.created().ok() }
    }
}

/// The consumed content of one file, from its creation or truncation on.
#[derive(Clone, Debug)]
pub struct Generation {
    head: Fnv,
    head_len: usize,
    window: Vec<u8>,
    offset: u64,
}

impl Generation {
    /// Nothing consumed yet.
    pub fn new() -> Self {
        Generation { head: Fnv::default(), head_len: 0, window: Vec::new(), offset: 0 }
    }

    /// As if all of `file` up to `offset` had been consumed.
    pub fn consumed(file: &File, offset: u64) -> io::Result<Self> {
        let head_len = as_len(offset, HEAD);
        let window_len = as_len(offset, WINDOW);
        let mut head = Fnv::default();
        head.add(&read_exactly(file, 0, head_len)?);
        let window = read_exactly(file, offset - window_len as u64, window_len)?;
        Ok(Generation { head, head_len, window, offset })
    }

    /// Bytes consumed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// `bytes` were consumed.
    pub fn advance(&mut self, bytes: &[u8]) {
        let head = bytes.get(..bytes.len().min(HEAD - self.head_len)).unwrap_or_default();
        self.head.add(head);
        self.head_len += head.len();
        let kept = bytes.get(bytes.len().saturating_sub(WINDOW)..).unwrap_or_default();
        let surplus = (self.window.len() + kept.len()).saturating_sub(WINDOW);
        self.window.drain(..surplus);
        self.window.extend_from_slice(kept);
        self.offset += bytes.len() as u64;
    }

    /// Whether the bytes before the offset still stand there: cheap, and asked
    /// after each read. False on a file that has become shorter.
    pub fn holds(&self, file: &File) -> io::Result<bool> {
        let mut found = [0; WINDOW];
        let start = self.offset - self.window.len() as u64;
        let Some(found) = found.get_mut(..self.window.len()) else { return Ok(false) };
        Ok(fill(file, start, found)? && *found == *self.window)
    }

    /// Whether another file is this very content, perhaps grown. A generation
    /// of which nothing was consumed can't be recognised.
    pub fn continues_in(&self, file: &File) -> io::Result<bool> {
        if self.offset == 0 || !self.holds(file)? {
            return Ok(false);
        }
        let mut head = Fnv::default();
        head.add(&read_exactly(file, 0, self.head_len)?);
        Ok(head == self.head)
    }
}

fn as_len(offset: u64, most: usize) -> usize {
    usize::try_from(offset).map_or(most, |offset| offset.min(most))
}

fn read_exactly(file: &File, start: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    if fill(file, start, &mut bytes)? {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn fill(file: &File, start: u64, into: &mut [u8]) -> io::Result<bool> {
    match file.read_exact_at(into, start) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every release, so that a
/// stored hash can be compared later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
