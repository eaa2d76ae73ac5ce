//! Threads, channels, the clock, signals, start and stop. It wires the lower
//! floors together and must not know keys, colours or output formats.
//!
//! | thread | owns | sends |
//! |---|---|---|
//! | `tail` | files, buffers, decoders | batches |
//! | `stdin` | the pipe | batches |
//! | `pipe`, one each | a command, the journal, a named pipe | batches |
//! | `net` | what is asked over the network | batches |
//! | `engine` | `Engine`, the armed switch | effects, snapshots |
//! | `action` | the durable half of a trip, the audit record | what came of them |
//! | `ledger` | the one connection that writes the ledger | what became of commits |
//! | `gone`, once an hour | a list of paths | those that lead to no file any more |

mod actions;
mod ageing;
mod aside;
mod brake;
mod clock;
mod command;
mod drill;
mod driver;
mod failures;
mod gone;
mod keeper;
mod ledger;
mod lost;
mod net;
mod observer;
mod once;
mod reading;
mod replay;
mod signals;
mod start;
mod streams;

pub use aside::sentence as set_aside_in_words;
pub use brake::{SwitchAccess, SwitchSetup};
pub use clock::Clock;
pub use command::Command;
pub use drill::{Caller, DrillError, Heard};
pub use ledger::{LedgerAccess, LedgerSetup, Remembered, remembered};
pub use net::NetSetup;
pub use observer::Observer;
pub use once::{LookAt, Missing, OnceError, Seen, once};
pub use replay::{Replay, ReplayEnd, Watcher, replay};
pub use signals::{Signal, Signals, end_by};
pub use start::{Running, Setup, StartError, start};
