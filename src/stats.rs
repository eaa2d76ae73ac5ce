//! Sliding windows, rates, percentiles and top lists, over times that are
//! given. It must not know JSON, rules or clocks.

mod drain;
mod durations;
mod sliding;

pub use drain::Drain;
pub use durations::Durations;
pub use sliding::Sliding;
