//! What a source that waits by itself is given by whoever runs it: the clock,
//! and where to put what it finds.

use super::status::SourceStatus;
use crate::domain::{Batch, Stamp};

/// The world outside of a source.
pub struct World {
    /// The clock.
    pub now: Box<dyn Fn() -> Stamp>,
    /// Takes a batch; gives back an empty one.
    pub deliver: Box<dyn Fn(Batch) -> Batch>,
    /// Takes how a source is doing.
    pub say: Box<dyn Fn(SourceStatus)>,
}
