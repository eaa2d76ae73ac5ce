//! The `action` thread: what may wait for a disk. The durable half of a trip
//! and the audit record; never on the decision path.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};

use super::brake::ResetOrder;
use crate::action::SwitchScope;
use crate::action::arming::{self, ArmRecord, ArmState};
use crate::action::audit::{self, AuditError, Deed};
use crate::action::switch::{Details, Pending, Restock, Stock};

/// Work for the thread.
pub enum Job {
    /// Make a trip durable, then record it.
    Confirm(Pending, Deed),
    /// Record a deed.
    Record(Deed),
    /// Reset, as a person asked.
    Reset(ResetOrder, Deed),
    /// Write new prepared files.
    Restock(Restock),
    /// Arm or disarm in that state directory, from that host.
    Arm(PathBuf, String, ArmRecord),
}

/// What came of a job, where that concerns others.
pub enum Report {
    /// It did not work.
    Trouble(Trouble),
    /// What came of a reset here.
    Reset {
        /// Of which scope.
        scope: SwitchScope,
        /// Whether it is not stopped any more.
        done: bool,
        /// In words.
        said: String,
    },
    /// New prepared files.
    Stock(Stock),
    /// Rules may trip now, or may not; in words.
    Armed(String),
}

/// Something that is worth telling a person.
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
    reports: Sender<Report>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("action".into()).spawn(move || {
        for job in jobs {
            let failed = |text| Report::Trouble(Trouble { kind: "action_failed", text });
            let report = match job {
                Job::Confirm(pending, deed) => {
                    // The stop is on record whatever its file could be made to say.
                    let (confirmed, recorded) = (confirm(&pending), record(&audit_file, &deed));
                    confirmed.and(recorded).err().map(failed)
                }
                Job::Record(deed) => record(&audit_file, &deed).err().map(failed),
                Job::Reset(order, deed) => {
                    let (done, said) = order.carry_out(&audit_file, deed);
                    Some(Report::Reset { scope: order.scope, done, said })
                }
                Job::Restock(order) => Some(Report::Stock(order.write())),
                Job::Arm(state_dir, host, wanted) => {
                    Some(Report::Armed(arm(&state_dir, &audit_file, host, wanted)))
                }
            };
            match report {
                None => {}
                // Of many troubles at once the first ones tell enough.
                Some(Report::Trouble(trouble)) => {
                    let _ = reports.try_send(Report::Trouble(trouble));
                }
                // The engine never waits for this thread, so it will take them.
                Some(report) => {
                    let _ = reports.send(report);
                }
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

fn arm(state_dir: &Path, audit_file: &Path, host: String, wanted: ArmRecord) -> String {
    let done = match wanted.state {
        ArmState::Armed => "armed: rules may trip",
        ArmState::Disarmed => "disarmed: rules can't trip",
    };
    match arming::write_on_record(state_dir, audit_file, host, wanted) {
        Ok(Ok(())) => done.into(),
        Ok(Err(error)) => format!("{done} ({})", unrecorded(&error)),
        Err(error) => error.to_string(),
    }
}

fn record(file: &Path, deed: &Deed) -> Result<(), String> {
    audit::append(file, deed).map_err(|error| unrecorded(&error))
}

fn unrecorded(error: &AuditError) -> String {
    format!("not in the audit record: {error}")
}
