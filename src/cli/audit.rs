//! `tripline audit`: the record of who did what.

use std::io;
use std::path::Path;

use super::args::Audit;
use super::failure::{Failure, Kind};
use super::out::{Out, finish};
use super::setup::Context;
use crate::action::arming::ARMING_FILE;
use crate::action::audit::{self, AUDIT_FILE, AuditError};
use crate::text::printable;

/// Run it.
pub fn run(context: &Context, command: Audit) -> Result<(), Failure> {
    let path = context.state_dir.join(AUDIT_FILE);
    let mut out = Out::new();
    if is_absent(context, &path, command)? {
        let printed = out.line("nothing has been recorded yet");
        return finish(out, printed);
    }
    let printed = match command {
        Audit::Show => {
            let text = std::fs::read(&path).map_err(|error| unavailable(&path, &error))?;
            let text = String::from_utf8_lossy(&text);
            text.lines().try_for_each(|line| out.line(&printable(line)))
        }
        Audit::Verify => {
            let verified = audit::verify(&path).map_err(|error| match error {
                AuditError::Io { path, source, .. } => unavailable(&path, &source),
                broken @ AuditError::BrokenAt { .. } => Failure::new(Kind::Data, broken),
            })?;
            out.line(&format!("{} records, unbroken; head {}", verified.records, verified.head))
        }
    };
    finish(out, printed)
}

/// Whether there is no record because nothing was done. What can't be looked at may be
/// there, and where rules were armed there was one.
fn is_absent(context: &Context, path: &Path, command: Audit) -> Result<bool, Failure> {
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    // A link that leads nowhere is no absence: what it led to was there.
    let is_nothing = || path.symlink_metadata().is_err_and(|error| is_missing(&error));
    match path.metadata() {
        Ok(_) => return Ok(false),
        Err(error) if !is_missing(&error) || !is_nothing() => {
            return Err(unavailable(path, &error));
        }
        Err(_) => {}
    }
    if matches!(command, Audit::Show) {
        return Ok(true);
    }
    let state = &context.state_dir;
    state.metadata().map_err(|error| unavailable(state, &error))?;
    let arming = state.join(ARMING_FILE);
    match arming.symlink_metadata() {
        Err(error) if is_missing(&error) => Ok(true),
        _ => Err(Failure::new(
            Kind::Data,
            format!("{} is gone: {} was written on record", path.display(), arming.display()),
        )),
    }
}

fn unavailable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Kind::Unavailable, format!("{}: {error}", path.display()))
}
