//! Threads, channels, the clock, signals, start and stop. It wires the lower
//! floors together and must not know keys, colours or output formats.

mod command;

pub use command::Command;
