//! The console: draws the newest [`Snapshot`](crate::snapshot::Snapshot) and
//! turns keys into commands.
//!
//! It must not know the engine, the sources or the files. `update` and `view`
//! are pure; only `run`, `terminal`, `input` and `output` touch the world.

mod emergency;
mod encode;
mod filter;
mod fmt;
mod input;
mod model;
mod options;
mod output;
mod rows;
mod run;
mod terminal;
mod theme;
mod update;
mod view;

pub use emergency::{Emergency, Field, Intent, shell_word};
pub use encode::Encoder;
pub use model::{Model, Overlay, Panel, Screen};
pub use options::{Access, Charset, ClockStyle, Color, ConsoleOptions, Exit, Mouse, TuiError};
pub use run::{Left, Wires, run};
pub use update::{Msg, Reaction, Wheel, update};
pub use view::view;
