//! What must outlive the process: spend, how far files are read, which calls
//! were counted, and what happened, in one SQLite file.
//!
//! A [`Commit`](crate::domain::Commit) is kept whole or not at all, so that a
//! process killed at any moment neither loses nor doubles a cent. It does its
//! own file I/O, reads no clock, and knows neither the engine nor its caps: it
//! keeps sums by name and hands them back.

mod aside;
mod checkpoints;
mod commit;
mod error;
mod file;
mod grain;
mod ids;
mod lock;
mod prune;
mod read;
mod refused;
mod replaceable;
mod schema;
mod seen;
mod standing;
mod sums;
mod verify;
mod write;

pub use aside::{SetAside, lying_aside, set_aside_at};
pub use checkpoints::Place;
pub use commit::{Committed, Ledger, Opened, Setup};
pub use error::LedgerError;
pub use file::LEDGER_FILE;
pub use lock::{Holder, LOCK_FILE, holder};
pub use prune::{Aged, Pruned};
pub use read::{Kept, KeptFinding, Moment, Reader, Size};
pub use replaceable::KeptCall;
pub use sums::{Dimension, Who};
