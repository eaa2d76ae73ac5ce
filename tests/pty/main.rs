//! The console as a person meets it: the real binary on a real terminal.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod bytes;
mod console;
mod demo;
mod flood;
mod frozen;
mod hostile;
mod keys;
mod logs;
mod plain;
mod signals;
mod sizes;
