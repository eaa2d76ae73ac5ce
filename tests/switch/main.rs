//! The kill switch and the audit record, through their public doors and on a
//! real file system.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod audit;
mod directory;
#[path = "../support/disk.rs"]
mod disk;
#[path = "../support/need.rs"]
mod need;
mod trip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tripline::action::SwitchScope;
use tripline::action::switch::{
    DEFAULT_COPIES, Details, KillNote, NetworkFs, ResetNote, SwitchDir, SwitchError, TripOutcome,
};
use tripline::domain::Wall;

const AT: Wall = Wall::from_millis(1_795_183_407_412);

fn note(reason: &str) -> KillNote {
    KillNote {
        reason: reason.into(),
        rule: Some("tpm-low".into()),
        by: "ada".into(),
        host: "gw-1".into(),
        at: AT,
    }
}

fn reset_note() -> ResetNote {
    ResetNote { by: "ada".into(), reason: "provider is back".into() }
}

fn scope(text: &str) -> SwitchScope {
    text.parse().unwrap()
}

fn open(path: &Path) -> Result<SwitchDir, SwitchError> {
    SwitchDir::open(path, &NetworkFs::Refuse)
}

struct Fixture {
    // Removed on drop.
    _root: tempfile::TempDir,
    path: PathBuf,
}

fn fixture() -> Fixture {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("kill.d");
    Fixture { _root: root, path }
}

impl Fixture {
    fn prepared(&self) -> SwitchDir {
        let mut switch = open(&self.path).unwrap();
        prepare(&mut switch, DEFAULT_COPIES).unwrap();
        switch
    }

    fn visible(&self) -> BTreeSet<String> {
        self.all().into_iter().filter(|name| !name.starts_with('.')).collect()
    }

    fn all(&self) -> BTreeSet<String> {
        let names = fs::read_dir(&self.path).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Arm it, as the runtime does with two threads.
fn prepare(switch: &mut SwitchDir, copies: usize) -> Result<(), SwitchError> {
    switch.claim(copies)?;
    let order = switch.restock(copies);
    order.map_or(Ok(()), |order| switch.take_stock(order.write()))
}

/// Trip and confirm, as the runtime does with two threads.
fn trip(switch: &mut SwitchDir, text: &str) {
    match switch.trip(&scope(text), &note("tokens gone")).unwrap() {
        TripOutcome::Tripped(pending) => {
            assert!(matches!(pending.confirm().unwrap().details, Details::Written));
        }
        TripOutcome::AlreadyTripped(entry) => panic!("{entry:?}"),
    }
}
