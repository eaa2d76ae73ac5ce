//! A reset on record: who lets the traffic through again is written down before
//! it is done, and what came of it afterwards, where that can be written at all.
//! It knows nothing of who asks.

use std::path::Path;

use super::audit::{self, Attempt, Deed};
use super::recorded;
use super::scope::SwitchScope;
use super::switch::{Foreign, ResetNote, ResetOutcome, SwitchDir, SwitchError};

/// What came of it, and whether that is on record.
pub type Reset = Attempt<Result<ResetOutcome, SwitchError>>;

/// Let the traffic of a scope through again; `deed` says who, why and where.
pub fn reset(
    audit_file: &Path,
    dir: &mut SwitchDir,
    scope: &SwitchScope,
    foreign: Foreign,
    deed: Deed,
) -> Reset {
    // A file that says nothing is ours if the record has its stop.
    let entry = dir.entry(scope).ok().flatten();
    let is_ours = entry.is_some_and(|entry| recorded::stop_of(&entry, audit_file).is_some());
    let foreign = if is_ours { Foreign::Force } else { foreign };
    let note = ResetNote { by: deed.by.clone(), reason: deed.reason.clone() };
    let deed = Deed { action: audit::RESET.into(), scope: Some(scope.to_string()), ..deed };
    let result = |outcome: &Result<ResetOutcome, SwitchError>| match outcome {
        Ok(ResetOutcome::Reset(_)) => audit::RESET.to_owned(),
        Ok(ResetOutcome::NotTripped) => audit::NOT_TRIPPED.to_owned(),
        Err(error) => format!("failed: {error}"),
    };
    audit::attempt(audit_file, deed, || dir.reset(scope, &note, foreign), result)
}
