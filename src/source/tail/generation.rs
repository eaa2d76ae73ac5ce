//! Who a file is: its content, as far as we have consumed it.
//!
//! Names move and inodes are given out again within a few creations, and first
//! lines repeat. So a file is the one we were reading exactly if it still
//! starts with the bytes it started with, and the bytes before the place we
//! have reached are still there.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::SystemTime;

/// Bytes at the start of a file that tell it from others.
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

    /// Device and inode, the part that another process can compare.
    pub fn place(&self) -> (u64, u64) {
        (self.dev, self.inode)
    }
}

/// What identifies consumed content, as hashes: it holds no byte of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Hash of the first `head_len` bytes.
    pub head: u64,
    /// Bytes that `head` covers.
    pub head_len: u32,
    /// Hash of the `window_len` bytes before the offset.
    pub window: u64,
    /// Bytes that `window` covers.
    pub window_len: u32,
    /// Bytes consumed.
    pub offset: u64,
}

/// The consumed content of one file, from its creation or truncation on.
#[derive(Clone, Debug)]
pub struct Generation {
    head: Fnv,
    head_len: usize,
    /// As much of the beginning as of the end.
    first: Vec<u8>,
    window: Vec<u8>,
    offset: u64,
    /// What the file was seen to begin with, while nothing of it is consumed: what
    /// waits its turn is known again by that.
    unread: Head,
}

impl Generation {
    /// Nothing consumed yet, and nothing seen.
    pub fn new() -> Self {
        Generation::seen(Head::default())
    }

    /// Nothing consumed yet of what begins like this.
    pub fn seen(unread: Head) -> Self {
        let (first, window) = (Vec::new(), Vec::new());
        Generation { head: Fnv::default(), head_len: 0, first, window, offset: 0, unread }
    }

    /// As if all of `file` up to `offset` had been consumed.
    pub fn consumed(file: &File, offset: u64) -> io::Result<Self> {
        let head_len = as_len(offset, HEAD);
        let window_len = as_len(offset, WINDOW);
        let mut head = Fnv::default();
        let mut first = read_exactly(file, 0, head_len)?;
        head.add(&first);
        first.truncate(WINDOW);
        let window = read_exactly(file, offset - window_len as u64, window_len)?;
        let unread = if offset == 0 { Head::of(file)? } else { Head::default() };
        Ok(Generation { head, head_len, first, window, offset, unread })
    }

    /// Bytes consumed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is left of it for another process to compare.
    pub fn mark(&self) -> Mark {
        let mut window = Fnv::default();
        window.add(&self.window);
        let (head, head_len) =
            if self.offset == 0 { self.unread.hash() } else { (self.head, self.head_len) };
        Mark {
            head: head.0,
            head_len: u32::try_from(head_len).unwrap_or(u32::MAX),
            window: window.0,
            window_len: u32::try_from(self.window.len()).unwrap_or(u32::MAX),
            offset: self.offset,
        }
    }

    /// `bytes` were consumed.
    pub fn advance(&mut self, bytes: &[u8]) {
        let head = bytes.get(..bytes.len().min(HEAD - self.head_len)).unwrap_or_default();
        self.head.add(head);
        self.head_len += head.len();
        let first = head.len().min(WINDOW - self.first.len());
        self.first.extend_from_slice(head.get(..first).unwrap_or_default());
        let kept = bytes.get(bytes.len().saturating_sub(WINDOW)..).unwrap_or_default();
        let surplus = (self.window.len() + kept.len()).saturating_sub(WINDOW);
        self.window.drain(..surplus);
        self.window.extend_from_slice(kept);
        self.offset += bytes.len() as u64;
        if self.offset > 0 {
            self.unread = Head::default();
        }
    }

    /// The file of which nothing is consumed begins with these bytes. Says whether they
    /// are the first that are known; nothing, if it is another one by now.
    pub fn see(&mut self, head: Head) -> Option<bool> {
        if self.offset > 0 {
            return Some(false);
        }
        // Less may be looked at than was seen before: what stands before a border.
        let is_more = self.unread.starts(&head);
        (is_more || head.starts(&self.unread)).then(|| {
            let is_first = self.unread.is_empty() && !head.is_empty();
            if is_more {
                self.unread = head;
            }
            is_first
        })
    }

    /// Whether the bytes before the offset still stand there: cheap, and asked
    /// after each read. False on a file that has become shorter.
    pub fn holds(&self, file: &File) -> io::Result<bool> {
        if self.offset == 0 {
            return self.unread.begins(file);
        }
        let mut found = [0; WINDOW];
        let start = self.offset - self.window.len() as u64;
        let Some(found) = found.get_mut(..self.window.len()) else { return Ok(false) };
        Ok(fill(file, start, found)? && *found == *self.window)
    }

    /// Whether a line begins where it was consumed to.
    pub fn is_at_line_start(&self) -> bool {
        self.window.last().is_none_or(|byte| *byte == b'\n')
    }

    /// The hash of what was consumed first, if that is long enough to tell.
    pub fn telling(&self) -> Option<u64> {
        (self.head_len == HEAD).then_some(self.head.0)
    }

    /// What it begins with, if something was seen of it and nothing consumed.
    pub fn unread(&self) -> Option<Head> {
        (!self.unread.is_empty()).then(|| self.unread.clone())
    }

    /// Its first bytes, by which most others are told from it.
    pub fn first(&self) -> &[u8] {
        if self.offset == 0 { self.unread.first() } else { &self.first }
    }

    /// Whether nothing of it was consumed, or seen.
    pub fn is_unseen(&self) -> bool {
        self.offset == 0 && self.unread.is_empty()
    }

    /// Whether another file is this very content, perhaps grown. A generation
    /// of which nothing was seen can't be recognised.
    pub fn continues_in(&self, file: &File) -> io::Result<bool> {
        if self.is_unseen() || !self.holds(file)? {
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

/// Whether two files hold the same at their beginning and just before this offset.
pub fn same_before(one: &File, other: &File, offset: u64) -> io::Result<bool> {
    let len = as_len(offset, HEAD);
    let at = |file, start| read_exactly(file, start, len);
    let tail = offset - len as u64;
    Ok(at(one, 0)? == at(other, 0)? && at(one, tail)? == at(other, tail)?)
}

/// The first bytes of a file, to be compared with many marks at once.
#[derive(Clone, Debug, Default)]
pub struct Head(Vec<u8>);

impl Head {
    /// The head of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        let mut bytes = vec![0; HEAD];
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match file.read_at(room, filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        bytes.truncate(filled);
        Ok(Head(bytes))
    }

    /// The head of content that begins like this.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Head(bytes.get(..bytes.len().min(HEAD)).unwrap_or_default().to_vec())
    }

    /// The head of content that is read in order.
    pub fn from_stream(from: &mut dyn Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match from.take(HEAD as u64).read_to_end(&mut bytes) {
            // It is being written, or was broken off: what is there is there.
            Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(e),
            _ => Ok(Head(bytes)),
        }
    }

    /// Whether a file begins with all of it.
    fn begins(&self, file: &File) -> io::Result<bool> {
        let mut found = vec![0; self.0.len()];
        Ok(fill(file, 0, &mut found)? && found == self.0)
    }

    fn hash(&self) -> (Fnv, usize) {
        let mut hash = Fnv::default();
        hash.add(&self.0);
        (hash, self.0.len())
    }

    /// The hashes that marks with these head lengths would have, shortest first.
    pub fn hashes(&self, lengths: impl Iterator<Item = u32>) -> Vec<(u32, u64)> {
        let (mut hash, mut done) = (Fnv::default(), 0);
        let mut hashes = Vec::new();
        for len in lengths {
            let Some(next) = self.0.get(done..len as usize) else { break };
            hash.add(next);
            done = len as usize;
            hashes.push((len, hash.0));
        }
        hashes
    }

    /// Its hash, if it is long enough to tell content from other content.
    pub fn telling(&self) -> Option<u64> {
        let (hash, len) = self.hash();
        (len == HEAD).then_some(hash.0)
    }

    /// As much of it as a generation keeps.
    pub fn first(&self) -> &[u8] {
        self.0.get(..self.0.len().min(WINDOW)).unwrap_or_default()
    }

    /// Whether it and these first bytes may be of one content.
    pub fn agrees_with(&self, first: &[u8]) -> bool {
        self.0.iter().zip(first).all(|(own, other)| own == other)
    }

    /// Whether there is none: the content is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the other starts with all of this one's bytes.
    pub fn starts(&self, other: &Head) -> bool {
        other.0.starts_with(&self.0)
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
