//! `tripline serve` and `tripline status`, through the real binary: what survives
//! a restart, a crash and a full disk, and what never stops anything.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]

#[path = "../cli/contract.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod contract;
#[path = "../cli/sandbox.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sandbox;

mod ageing;
mod backlog;
mod better;
mod brake;
mod calls;
mod caps;
mod daemon;
#[path = "../support/disk.rs"]
mod disk;
#[path = "../cli/fake.rs"]
#[allow(dead_code, clippy::format_push_string, reason = "a test, and a part of it is used")]
mod fake;
mod known;
mod many;
mod money;
#[path = "../support/need.rs"]
mod need;
mod open_records;
mod read_only;
mod restart;
mod rotations;
mod shared;
mod socket;
mod sources;
mod standing;
mod stopped;
mod stops;
mod told;
mod trouble;
#[path = "../support/unread.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod unread;
mod untold;
