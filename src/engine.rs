//! The one owner of live state: `(state, batch, now) -> effects`.
//!
//! No I/O, no threads, no clock, no screen, no configuration files: whatever it
//! needs is an argument, whatever it wants done is an [`Effect`].

mod spec;

pub use spec::{CapSpec, Limits, Period};
