//! Value types and units that every other floor speaks.
//!
//! This is the ground floor: it must not know anything else in the crate, read
//! no clock and do no I/O. A unit lives in a type (`NanoUsd`, `Wall`) or in a
//! field's name (`latency_ms`), and what is not known is `None`, never zero.

pub mod amount;
pub mod batch;
pub mod bill;
pub mod checkpoint;
pub mod limit;
pub mod names;
pub mod provider;
pub mod request;
pub mod spend;
pub mod time;
mod window;

pub use amount::{Amount, NanoUsd};
pub use batch::{Batch, Item, LineAt, Observation, Origin, Progress, SourceId, TextRef};
pub use bill::BillReading;
pub use checkpoint::{Checkpoint, Checkpoints, Generation};
pub use limit::{
    Blame, Layer, LimitId, LimitReading, LimitStatus, ReadingSource, Reset, ResetKind, Resource,
    Scope, WindowFrom,
};
pub use names::{Claim, NameKind, Names, Sym};
pub use request::{
    Caller, Cost, CostSource, Dedup, ErrorKind, Failure, FaultReason, Keep, LimitedBy, MetricKind,
    MetricReading, Outcome, Priority, QueueReading, Request, Tier, Timing, Tokens,
};
pub use spend::{
    Bucket, BucketId, Commit, CountedCall, Dimension, SeenCall, SourceCounters, Standing,
    cost_known,
};
pub use time::{Mono, Stamp, Wall};
pub use window::WindowDecision;
