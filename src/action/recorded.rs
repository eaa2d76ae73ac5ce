//! What the audit record knows of kill files that say nothing themselves: their disk had
//! no room for it, or who made them did not live to write it.

use std::fs::File;
use std::path::Path;

use super::audit::{Done, Turn, end_of, turns};
use super::scope::SwitchScope;
use super::switch::record::parse_time;
use super::switch::{Entry, KillRecord};
use crate::domain::Wall;

/// An entry, with who and why where only the record tells.
#[must_use]
pub fn told(entry: Entry, audit_file: &Path) -> Entry {
    match stop_of(&entry, audit_file) {
        Some(record) => entry.of_stop(record),
        None => entry,
    }
}

/// The stop of an entry that says nothing itself.
pub(super) fn stop_of(entry: &Entry, audit_file: &Path) -> Option<KillRecord> {
    let scope = entry.scope.as_ref().filter(|_| entry.is_untold())?;
    // Its reset may be in the record of another state directory.
    let is_over = |stop: &KillRecord| entry.reset_before.at().is_some_and(|at| stop.at < Some(at));
    stop(audit_file, scope).filter(|stop| !is_over(stop))
}

/// The newest stop of a scope that was not reset since. The order of the records decides.
/// Waits for nobody who writes into it.
fn stop(audit_file: &Path, scope: &SwitchScope) -> Option<KillRecord> {
    let records = File::open(audit_file).and_then(end_of).ok()?;
    let mut stop: Option<KillRecord> = None;
    for (turn, done) in turns(&records, &scope.to_string()) {
        match (turn, &mut stop) {
            (Turn::Again, Some(stop)) => stop.again = parse_time(&done.at),
            (Turn::Trip | Turn::Again, _) => stop = Some(record(done)),
            (Turn::Reset, _) => stop = None,
        }
    }
    stop
}

/// Whether a person has reset a scope after a stop of it: after that one's own record, or
/// since it was made, where another state directory has the record. What can't be read says no.
#[must_use]
pub fn was_reset(audit_file: &Path, scope: &SwitchScope, stop: Wall) -> bool {
    let records = File::open(audit_file).and_then(end_of).unwrap_or_default();
    let ms = |at: Wall| at.0.div_euclid(1_000_000);
    let mut was_reset = false;
    for (turn, done) in turns(&records, &scope.to_string()) {
        let at = parse_time(&done.at);
        match turn {
            Turn::Reset => was_reset |= at > Some(stop),
            Turn::Trip | Turn::Again if at.map(ms) == Some(ms(stop)) => was_reset = false,
            Turn::Trip | Turn::Again => {}
        }
    }
    was_reset
}

fn record(done: Done) -> KillRecord {
    let Done { at, by, host, scope, rule, reason, .. } = done;
    let (by, host) = (Some(by), Some(host));
    KillRecord { scope, reason, rule, by, host, at: parse_time(&at), again: None }
}
