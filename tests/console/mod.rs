//! Shared by the tests of the console.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::indexing_slicing, reason = "a test may panic")]

pub mod driver;
pub mod snapshots;
