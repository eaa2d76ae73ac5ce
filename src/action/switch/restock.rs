//! New prepared files for those that trips have used up, written where waiting
//! for a disk keeps nobody from a decision.

use std::sync::Arc;

use super::error::SwitchError;
use super::guard::Handle;
use super::staging::{self, Staged};

/// An order.
#[derive(Debug)]
pub struct Restock {
    dir: Arc<Handle>,
    names: Vec<String>,
}

/// What came of it: perhaps not all that was ordered.
#[derive(Debug)]
pub struct Stock {
    dir: Arc<Handle>,
    made: Vec<Staged>,
    outcome: Result<(), SwitchError>,
}

impl Restock {
    pub(super) fn new(dir: Arc<Handle>, names: Vec<String>) -> Restock {
        Restock { dir, names }
    }

    /// Write and sync the files.
    #[must_use]
    pub fn write(self) -> Stock {
        let mut made = Vec::new();
        let outcome = staging::write(&self.dir, &self.names, &mut made);
        Stock { dir: self.dir, made, outcome }
    }
}

impl Stock {
    /// Files of a directory that was replaced meanwhile are of no use.
    pub(super) fn unpack(self, dir: &Arc<Handle>) -> (Vec<Staged>, Result<(), SwitchError>) {
        if Arc::ptr_eq(&self.dir, dir) { (self.made, self.outcome) } else { (Vec::new(), Ok(())) }
    }
}
