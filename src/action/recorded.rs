//! What the audit record knows of kill files that say nothing themselves: their disk had
//! no room for it, or who made them did not live to write it.

use std::fs::File;
use std::path::Path;

use super::audit::{Done, Turn, end_of, turns};
use super::scope::SwitchScope;
use super::switch::record::parse_time;
use super::switch::{Entry, KillRecord};

/// An entry, with who and why where only the record tells.
#[must_use]
pub fn told(entry: Entry, audit_file: &Path) -> Entry {
    let untold = entry.scope.as_ref().filter(|_| entry.is_untold());
    match untold.and_then(|scope| stop(audit_file, scope)) {
        Some(record) => entry.of_stop(record),
        None => entry,
    }
}

/// The newest stop of a scope that was not reset since. The order of the records decides.
/// Waits for nobody who writes into it.
pub(super) fn stop(audit_file: &Path, scope: &SwitchScope) -> Option<KillRecord> {
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

fn record(done: Done) -> KillRecord {
    let Done { at, by, host, scope, rule, reason, .. } = done;
    let (by, host) = (Some(by), Some(host));
    KillRecord { scope, reason, rule, by, host, at: parse_time(&at), again: None }
}
