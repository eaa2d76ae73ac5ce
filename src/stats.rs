//! Sliding windows, rates, percentiles and top lists, over times that are
//! given. It must not know JSON, rules or clocks.

mod drain;
mod durations;
mod sliding;

pub use drain::Drain;
pub use durations::{Durations, Percentiles};
pub use sliding::{Known, Sliding};

use std::time::Duration;

/// The least time that data must cover before anything is called a rate: what is
/// worked out of less is noise, and reads as an alarm.
pub const LEAST: Duration = Duration::from_secs(5);
