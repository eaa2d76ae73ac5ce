//! The engine without a screen, for other processes: a unix socket on which one
//! line of JSON is answered by one line of JSON, and the word to the service
//! manager. It must not know ratatui.
//!
//! Only the user it runs as (and root) is answered. Nothing that a client does,
//! or does not do, is felt by the engine: each has a thread of its own, little
//! time, and there are few of them.

mod client;
mod notify;
mod server;
mod socket;
mod status;

use serde::{Deserialize, Serialize};

pub use client::{AskError, ask};
pub use notify::Notifier;
pub use server::Server;
pub use socket::{Sign, SocketError};
pub use status::{FROM_DAEMON, FROM_LEDGER, Status, answer};

/// What a client may ask: one object on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The picture of this moment, as [`Status`].
    Snapshot,
}

/// Longest question, in bytes.
const MAX_QUESTION: usize = 4096;
/// Longest answer, in bytes: what a picture with all its rows can't reach.
const MAX_ANSWER: usize = 64 << 20;
