//! The `action` thread: what may wait for a disk. The durable half of a trip
//! and the audit record; never on the decision path.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};

use crate::action::audit::{self, Deed};
use crate::action::switch::{Details, Pending};

/// Work for the thread.
pub enum Job {
    /// Make a trip durable, then record it.
    Confirm(Pending, Deed),
    /// Record a deed.
    Record(Deed),
}

/// What came of it, if that is worth telling a person.
pub type Trouble = String;

/// Start the thread; it ends when all senders are gone.
pub fn spawn(
    audit_file: PathBuf,
    jobs: Receiver<Job>,
    troubles: Sender<Trouble>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("action".into()).spawn(move || {
        for job in jobs {
            let trouble = match job {
                Job::Confirm(pending, deed) => {
                    let confirmed = confirm(&pending);
                    confirmed.err().or_else(|| record(&audit_file, &deed).err())
                }
                Job::Record(deed) => record(&audit_file, &deed).err(),
            };
            if let Some(trouble) = trouble {
                // Nobody to tell means the program is ending.
                let _ = troubles.send(trouble);
            }
        }
    })
}

fn confirm(pending: &Pending) -> Result<(), Trouble> {
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

fn record(file: &std::path::Path, deed: &Deed) -> Result<(), Trouble> {
    audit::append(file, deed).map_err(|error| format!("not in the audit record: {error}"))
}
