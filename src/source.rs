//! Where lines come from: files that are followed, pipes, and what is asked.
//!
//! A source produces [`Batch`](crate::domain::Batch)es and knows nothing of
//! what becomes of them: no engine, no screen, and no log format either (that
//! is a [`LineSink`]). It does its own file I/O and gets every point in time
//! as an argument.

mod error;
mod glob;
mod history;
pub mod http;
mod jitter;
pub mod net;
mod packed;
mod piped;
mod pipeline;
mod read;
mod sink;
mod spec;
mod status;
mod stdin;
pub mod tail;
mod wait;
mod watch;
mod world;

pub use error::SourceError;
pub use history::{History, Sharing, histories};
pub use piped::{MakeFlow, Piped, Program, is_of_journal, part};
pub use pipeline::{Pipeline, Pipelines, Recipe};
pub use read::{Ended, files, open, read_to_end};
pub use sink::{LineSink, MakeSink, Sinks};
pub use spec::{SourceSpec, Start, Way};
pub use status::{Finding, SourceState, SourceStatus};
pub use stdin::read_stream;
pub use tail::{Left, Resume, Tail, Turn};
pub use wait::{Stop, Stopper, stopper};
pub use watch::{Wake, Watcher};
pub use world::World;

/// Bytes read from one file or pipe at a time.
pub const BLOCK: usize = 256 * 1024;

/// A line longer than this is never gathered: its sink gets it in parts.
pub const LONG_LINE: usize = 1024 * 1024;

/// What a path that ends in `-` alone means: standard input.
pub const STDIN: &str = "-";
