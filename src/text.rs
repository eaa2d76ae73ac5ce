//! Text that others wrote, made fit to be kept and shown: names cut to size,
//! credentials masked, and nothing left that a terminal would obey or hide.
//! Knows nothing of limits, logs or screens.

mod cut;
mod name;
mod near;
mod printable;
mod secret;

pub use cut::{Ellipsis, cut, width, wrapped};
pub use name::name;
pub use near::{did_you_mean, meant, nearest};
pub use printable::{is_hidden, printable};
pub use secret::{fingerprint, key_label, label, mask};
