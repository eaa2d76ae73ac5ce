//! Where lines come from: files that are followed, and standard input.
//!
//! A source produces [`Batch`](crate::domain::Batch)es and knows nothing of
//! what becomes of them: no engine, no screen. It does its own file I/O and
//! gets every point in time as an argument.

mod spec;

pub use spec::{SourceSpec, Start};
