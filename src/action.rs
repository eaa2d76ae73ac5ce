//! Carrying out effects in the world: the kill switch and the audit record.
//!
//! It does its own file I/O, knows scopes and reasons, and nothing about rules.
//! Time, names and reasons arrive as arguments.

pub mod arming;
pub mod audit;
mod durable;
pub mod recorded;
pub mod reset;
pub mod scope;
pub mod switch;

pub use arming::{ArmRecord, ArmState, Arming};
pub use scope::{ScopeError, SwitchScope};
pub use switch::{SwitchDir, SwitchError};
