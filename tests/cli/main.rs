//! The real binary without a terminal: what it prints, what it refuses, how it
//! ends, and what it leaves.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

mod big;
mod commands;
mod contract;
mod live;
mod logs;
mod replay;
mod sandbox;
mod secrets;
mod switch;
