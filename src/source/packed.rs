//! Compressed files: read in order, in blocks, with bounds on what a small file
//! may blow up to. They are complete when they are found and are never followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Content up to this length is read whatever its ratio.
const HARMLESS: u64 = 64 << 20;
/// A log that expands more than this is none. Plain text stays below 200.
const MOST_RATIO: u64 = 500;
/// Content longer than this is not read.
const MOST: u64 = 1 << 40;

/// The content of gzip of one or several members.
pub struct Unpacked<R> {
    decoder: MultiGzDecoder<BufReader<Counted<R>>>,
    given: u64,
}

struct Counted<R> {
    from: R,
    taken: u64,
}

/// What comes through a pipe, unpacked if it begins as gzip does.
pub enum Arriving<R> {
    /// Nothing was read yet.
    Unread(R),
    /// It is read as it stands.
    Plain(R),
    Gzip(Box<Unpacked<Chain<Start, R>>>),
    /// It could not be read.
    Over,
}

type Start = Cursor<Vec<u8>>;

/// How compressed files end that can't be unpacked here.
const FOREIGN: [&str; 9] = ["zst", "xz", "bz2", "zip", "lz4", "lzma", "br", "Z", "7z"];

/// Whether the name says that it is compressed, and can't be unpacked here.
pub fn is_foreign(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| FOREIGN.contains(&ending))
}

/// Whether the name says that it can be unpacked here.
pub fn is_packed(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("gz"))
}

/// How gzip begins, and what can't be unpacked here.
const GZIP: &[u8] = b"\x1f\x8b";
const FOREIGN_STARTS: [&[u8]; 5] =
    [b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh", b"PK\x03\x04", b"\x04\x22\x4d\x18"];

/// What a file is by its first bytes: who compresses may give it any name until it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Nothing that is known: it is read as it stands.
    Plain,
    /// It can be unpacked here.
    Gzip,
    /// It can't.
    Foreign,
}

/// Ask the content.
pub fn packing(file: &File) -> io::Result<Packing> {
    let mut start = [0; 6];
    let len = file.read_at(&mut start, 0)?;
    let start = start.get(..len).unwrap_or_default();
    Ok(match start {
        _ if start.starts_with(GZIP) => Packing::Gzip,
        _ if FOREIGN_STARTS.iter().any(|magic| start.starts_with(magic)) => Packing::Foreign,
        _ => Packing::Plain,
    })
}

impl<R: Read> Unpacked<R> {
    /// Unpack from the first byte.
    pub fn new(from: R) -> Self {
        let from = Counted { from, taken: 0 };
        Unpacked { decoder: MultiGzDecoder::new(BufReader::new(from)), given: 0 }
    }

    /// Compressed bytes read so far.
    pub fn taken(&self) -> u64 {
        self.decoder.get_ref().get_ref().taken
    }
}

impl<R: Read> Read for Unpacked<R> {
    /// Fails with `InvalidData` on what is no gzip and on content out of all
    /// proportion to its file.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(into).map_err(|e| match e.kind() {
            io::ErrorKind::InvalidInput => io::Error::new(io::ErrorKind::InvalidData, e),
            _ => e,
        })?;
        self.given += n as u64;
        let bomb = self.given > HARMLESS && self.given / MOST_RATIO > self.taken();
        if bomb || self.given > MOST {
            let text = format!(
                "expands to more than {} bytes from {}: not read on",
                self.given,
                self.taken()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(n)
    }
}

impl<R: Read> Arriving<R> {
    /// The first read tells what it is; how many bytes of it are lines as they stand.
    fn begin(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Arriving::Unread(from) = self else { return Ok(0) };
        let mut n = from.read(into)?;
        if into.get(..n) == GZIP.get(..1) {
            n += loop {
                match from.read(into.get_mut(1..).unwrap_or_default()) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
        }
        let start = into.get(..n).unwrap_or_default();
        let packed = start.starts_with(GZIP).then(|| Cursor::new(start.to_vec()));
        if let Arriving::Unread(from) = std::mem::replace(self, Arriving::Over) {
            *self = match packed {
                Some(start) => Arriving::Gzip(Box::new(Unpacked::new(start.chain(from)))),
                None => Arriving::Plain(from),
            };
        }
        Ok(if matches!(self, Arriving::Plain(_)) { n } else { 0 })
    }
}

impl<R: Read> Read for Arriving<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if matches!(self, Arriving::Unread(_)) {
            let n = self.begin(into)?;
            if n > 0 {
                return Ok(n);
            }
        }
        match self {
            Arriving::Plain(from) => from.read(into),
            Arriving::Gzip(unpacked) => unpacked.read(into),
            Arriving::Unread(_) | Arriving::Over => Ok(0),
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        self.taken += n as u64;
        Ok(n)
    }
}
