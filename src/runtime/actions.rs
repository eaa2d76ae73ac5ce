//! The `action` thread: what may wait for a disk. The durable half of a trip
//! and the audit record; never on the decision path.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};

use crate::action::audit::{self, Deed};
use crate::action::switch::{Details, Pending};
use crate::domain::Wall;

/// Work for the thread.
pub enum Job {
    /// Make a trip durable, then record it.
    Confirm(Pending, Deed),
    /// Record a deed.
    Record(Deed),
    /// A kill file of a trip at that time is gone: record it, unless a reset of
    /// it is on record.
    Vanished(Deed, Wall),
}

/// What came of it, if that is worth telling a person.
pub struct Trouble {
    /// One stable word.
    pub kind: &'static str,
    /// One sentence.
    pub text: String,
}

/// Start the thread; it ends when all senders are gone.
pub fn spawn(
    audit_file: PathBuf,
    jobs: Receiver<Job>,
    troubles: Sender<Trouble>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("action".into()).spawn(move || {
        for job in jobs {
            let failed = |text| Trouble { kind: "action_failed", text };
            let trouble = match job {
                Job::Confirm(pending, deed) => {
                    let confirmed = confirm(&pending);
                    confirmed.err().or_else(|| record(&audit_file, &deed).err()).map(failed)
                }
                Job::Record(deed) => record(&audit_file, &deed).err().map(failed),
                Job::Vanished(deed, since) => vanished(&audit_file, &deed, since),
            };
            if let Some(trouble) = trouble {
                // Never waits for the engine, which may have more jobs; of many
                // troubles at once the first ones tell enough.
                let _ = troubles.try_send(trouble);
            }
        }
    })
}

fn confirm(pending: &Pending) -> Result<(), String> {
    match pending.confirm() {
        Ok(confirmed) => match confirmed.details {
            Details::Written => Ok(()),
            Details::Missing(error) => Err(format!(
                "{} stops the traffic, but who and why could not be written: {error}",
                confirmed.path.display()
            )),
        },
        Err(error) => Err(format!(
            "{} stops the traffic now, but may not survive a power cut: {error}",
            pending.path().display()
        )),
    }
}

/// Another process resets by the record first and the file second, so a missing
/// record means that somebody went around tripline.
fn vanished(file: &Path, deed: &Deed, since: Wall) -> Option<Trouble> {
    let scope = deed.scope.as_deref().unwrap_or("?");
    if audit::has_reset(file, scope, since) {
        return None;
    }
    let mut text = format!("{scope} is not stopped any more: its kill file was removed by hand");
    if let Err(error) = record(file, deed) {
        text = format!("{text} ({error})");
    }
    Some(Trouble { kind: audit::REMOVED_OUTSIDE, text })
}

fn record(file: &Path, deed: &Deed) -> Result<(), String> {
    audit::append(file, deed).map_err(|error| format!("not in the audit record: {error}"))
}
