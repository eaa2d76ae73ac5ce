//! The door between lines and their meaning: what a source does with a line.

use std::path::Path;

use crate::domain::{Batch, LineAt, SourceId};

/// Understands the lines of one file generation or stream, in order.
///
/// A line comes without its `\n`, everything else as it stands in the file:
/// `\r`, leading NULs, a byte order mark. Blank lines come too, since they end
/// a block in some formats.
pub trait LineSink {
    /// A whole line.
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch);
    /// The next part of a line that is too long to be gathered.
    fn long_part(&mut self, part: &[u8]);
    /// The long line of `len` bytes whose parts came before is complete.
    fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch);
    /// Nothing follows. Comes once; parts of an unfinished long line are void.
    fn finish(&mut self, at: LineAt, out: &mut Batch);
    /// What is to be kept beside the place in a file, so that another sink that
    /// goes on from there understands what follows; empty if nothing is. JSON. It
    /// tells of the lines before [`open_since`](Self::open_since), where a record
    /// is open.
    fn memo(&self) -> String;
    /// Goes on after what [`memo`](Self::memo) was asked for. Comes before lines.
    fn recall(&mut self, memo: &str);
    /// The format, once it is known.
    fn format(&self) -> Option<&str>;
    /// First byte of a record of several lines that is not complete: another run,
    /// without what is kept here, begins there. Never moves to a byte before the
    /// last line given.
    fn open_since(&self) -> Option<u64>;
}

/// Makes the sink for a file (or, with the path `-`, for standard input).
pub type Sinks = MakeSink<'static>;

/// The same, made of something borrowed.
pub type MakeSink<'a> = dyn FnMut(SourceId, &Path) -> Box<dyn LineSink + Send> + Send + 'a;
