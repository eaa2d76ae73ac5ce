//! The ledger against a naive model of it, and against everything that can
//! happen to a file.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]
#![allow(clippy::print_stdout, reason = "it says how much was survived")]

mod ageing;
mod beside;
mod book;
mod damage;
#[path = "../support/disk.rs"]
mod disk;
mod document;
mod keep;
mod kill;
#[path = "../support/need.rs"]
mod need;
mod open;
