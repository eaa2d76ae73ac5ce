//! The real binary without a terminal: what it prints, what it refuses, how it
//! ends, and what it leaves.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "small made-up data"
)]

mod big;
mod commands;
mod contract;
mod explain;
mod fake;
mod formats;
mod ledger;
mod live;
mod logs;
#[path = "../support/need.rs"]
mod need;
mod poll;
mod probe;

mod redis_queues;
mod replay;
mod sandbox;
mod scrape;
mod secrets;
mod stuck;
mod switch;
mod tls;
#[path = "../support/unread.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod unread;
mod ways;
mod whose;
mod words;
