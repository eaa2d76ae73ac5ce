//! What the audit record knows of kill files that say nothing themselves: their disk had
//! no room for it, or who made them did not live to write it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use super::audit::{MAX_TEXT, NOT_TRIPPED, RESET, TRIP, TRIP_AGAIN, TRIPPED};
use super::scope::SwitchScope;
use super::switch::record::{clean, parse_time};
use super::switch::{Entry, KillRecord};

/// How much of the end of the record is searched.
const SEARCHED: u64 = 4 << 20;

#[derive(Deserialize)]
struct Done {
    at: String,
    by: String,
    host: String,
    action: String,
    scope: Option<String>,
    rule: Option<String>,
    reason: String,
    result: String,
}

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
    let scope = clean(&scope.to_string(), MAX_TEXT);
    let mut stop: Option<KillRecord> = None;
    for line in end_of(audit_file).ok()?.split(|byte| *byte == b'\n') {
        let Ok(done) = serde_json::from_slice::<Done>(line) else { continue };
        if done.scope.as_ref() != Some(&scope) {
            continue;
        }
        match (done.action.as_str(), done.result.as_str(), &mut stop) {
            (TRIP_AGAIN, TRIPPED, Some(stop)) => stop.again = parse_time(&done.at),
            (TRIP | TRIP_AGAIN, TRIPPED, _) => stop = Some(record(done)),
            (RESET, RESET | NOT_TRIPPED, _) => stop = None,
            _ => {}
        }
    }
    stop
}

fn record(done: Done) -> KillRecord {
    let Done { at, by, host, scope, rule, reason, .. } = done;
    let (by, host) = (Some(by), Some(host));
    KillRecord { scope, reason, rule, by, host, at: parse_time(&at), again: None }
}

fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(SEARCHED)))?;
    let mut records = Vec::new();
    file.take(SEARCHED).read_to_end(&mut records)?;
    Ok(records)
}
