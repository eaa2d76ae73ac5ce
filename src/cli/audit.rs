//! `tripline audit`: the record of who did what.

use super::args::Audit;
use super::failure::{Failure, Kind};
use super::out::{Out, finish};
use super::setup::Context;
use crate::action::audit::{self, AUDIT_FILE};
use crate::text::printable;

/// Run it.
pub fn run(context: &Context, command: Audit) -> Result<(), Failure> {
    let path = context.state_dir.join(AUDIT_FILE);
    let mut out = Out::new();
    if !path.exists() {
        let printed = out.line("nothing has been recorded yet");
        return finish(out, printed);
    }
    let printed = match command {
        Audit::Show => {
            let text = std::fs::read(&path).map_err(|error| {
                Failure::new(Kind::Unavailable, format!("{}: {error}", path.display()))
            })?;
            let text = String::from_utf8_lossy(&text);
            text.lines().try_for_each(|line| out.line(&printable(line)))
        }
        Audit::Verify => {
            let verified = audit::verify(&path)
                .map_err(|error| Failure::new(Kind::Data, printable(&error.to_string())))?;
            out.line(&format!("{} records, unbroken; head {}", verified.records, verified.head))
        }
    };
    finish(out, printed)
}
