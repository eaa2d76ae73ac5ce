//! The brake: the kill switch directory and whether rules may use it. Owned by
//! the engine thread, so that a decision and its rename have nothing between them.

use std::path::{Path, PathBuf};

use crate::action::switch::{DEFAULT_COPIES, Entry, TripOutcome};
use crate::action::switch::{Foreign, KillNote, NetworkFs, Pending, ResetNote, ResetOutcome};
use crate::action::{ArmState, Arming, SwitchDir, SwitchScope};
use crate::engine::switches::{Armed, SwitchState, Trip};

/// What the brake is told at start.
#[derive(Clone, Debug)]
pub struct SwitchSetup {
    /// The kill switch directory.
    pub dir: PathBuf,
    /// Which network file systems may hold it.
    pub network: NetworkFs,
    /// Whether rules may trip where nobody has said otherwise.
    pub armed: ArmState,
    /// Where the arming and audit files are.
    pub state_dir: PathBuf,
    /// This machine's name.
    pub host: String,
}

/// The directory, opened, or why it can't be.
pub struct Brake {
    setup: SwitchSetup,
    dir: Result<SwitchDir, String>,
    arming: Arming,
    /// Why rules can't trip although they should be able to.
    problem: Option<String>,
    prepared: bool,
    /// Trips have used up prepared files since the last look.
    used: bool,
}

/// What came of a request to trip.
pub enum Tripped {
    /// Stopped; the durable half is due.
    Now(Pending),
    /// Had been stopped before.
    Before,
    /// Rules may not trip.
    Disarmed,
    /// It could not be done.
    Failed(String),
}

impl Brake {
    /// Open the directory and prepare it if rules may trip.
    pub fn new(setup: SwitchSetup) -> Brake {
        let arming = Arming::open(&setup.state_dir, setup.armed);
        let dir = open(&setup);
        let mut brake = Brake { setup, dir, arming, problem: None, prepared: false, used: false };
        brake.prepare();
        brake
    }

    /// Look again: did others trip, reset, arm or disarm? Cheap when not.
    /// Answers whether anything changed.
    pub fn refresh(&mut self) -> bool {
        let mut changed = self.arming.refresh() == crate::action::arming::Refreshed::Changed;
        match self.dir.as_mut().map(SwitchDir::refresh) {
            Ok(Ok(changes)) => changed |= !changes.is_empty(),
            Ok(Err(error)) => {
                self.dir = Err(error.to_string());
                self.prepared = false;
                changed = true;
            }
            Err(_) => {
                self.dir = open(&self.setup);
                changed |= self.dir.is_ok();
            }
        }
        if changed || std::mem::take(&mut self.used) {
            self.prepare();
        }
        changed
    }

    /// Replace what trips have used up. It waits for the disk, so it comes with
    /// the next look and not right behind a trip: one trip is rarely alone.
    fn prepare(&mut self) {
        let armed = self.arming.state() == ArmState::Armed;
        self.problem = None;
        let Ok(dir) = &mut self.dir else { return };
        if armed {
            match dir.prepare(DEFAULT_COPIES) {
                Ok(()) => self.prepared = true,
                Err(error) => {
                    self.problem = Some(format!("{error}: {}", error.hint()));
                    self.prepared = false;
                }
            }
        } else if self.prepared {
            dir.release();
            self.prepared = false;
        }
    }

    /// A rule asks for a trip.
    pub fn trip_by_rule(&mut self, scope: &str, note: &KillNote) -> Tripped {
        if self.arming.state() != ArmState::Armed || !self.prepared {
            return Tripped::Disarmed;
        }
        self.trip(scope, note)
    }

    /// A person asks for a trip: that needs no arming.
    pub fn trip(&mut self, scope: &str, note: &KillNote) -> Tripped {
        let scope = match scope.parse::<SwitchScope>() {
            Ok(scope) => scope,
            Err(error) => return Tripped::Failed(error.to_string()),
        };
        match &mut self.dir {
            Err(why) => Tripped::Failed(why.clone()),
            Ok(dir) => match dir.trip(&scope, note) {
                Ok(TripOutcome::Tripped(pending)) => {
                    self.used = true;
                    Tripped::Now(pending)
                }
                Ok(TripOutcome::AlreadyTripped(_)) => Tripped::Before,
                Err(error) => Tripped::Failed(format!("{error}: {}", error.hint())),
            },
        }
    }

    /// A person lets the traffic through again.
    pub fn reset(&mut self, scope: &str, by: &str, reason: &str) -> Result<bool, String> {
        let scope = scope.parse::<SwitchScope>().map_err(|error| error.to_string())?;
        let dir = self.dir.as_mut().map_err(|why| why.clone())?;
        let note = ResetNote { by: by.to_owned(), reason: reason.to_owned() };
        let outcome = dir.reset(&scope, &note, Foreign::Refuse);
        let outcome = outcome.map_err(|error| format!("{error}: {}", error.hint()))?;
        Ok(matches!(outcome, ResetOutcome::Reset(_)))
    }

    /// Where arming is recorded.
    pub fn state_dir(&self) -> &Path {
        &self.setup.state_dir
    }

    /// This machine's name.
    pub fn host(&self) -> &str {
        &self.setup.host
    }

    /// What the engine and the viewers are told: a row for each trip, and one
    /// for the directory as a whole.
    pub fn states(&self) -> Vec<SwitchState> {
        let armed = match (&self.dir, self.arming.state()) {
            (Ok(_), ArmState::Armed) if self.prepared => Armed::Armed,
            (Ok(_), ArmState::Disarmed) => Armed::Disarmed,
            (Ok(_), ArmState::Armed) | (Err(_), _) => Armed::Unknown,
        };
        let problem = self.dir.as_ref().err().cloned();
        let problem = problem.or_else(|| self.problem.clone());
        let problem = problem.or_else(|| self.arming.problem().map(str::to_owned));
        let entries: Vec<&Entry> = self.dir.iter().flat_map(SwitchDir::known).collect();
        let mut states: Vec<SwitchState> =
            entries.into_iter().map(|entry| self.tripped(entry, armed)).collect();
        if !states.iter().any(|state| state.scope == "all") {
            let path = match &self.dir {
                Ok(dir) => dir.path_of(&SwitchScope::All),
                Err(_) => self.setup.dir.join(SwitchScope::All.file_name()),
            };
            let path = path.display().to_string();
            states.push(SwitchState { scope: "all".into(), path, trip: None, armed, problem });
        }
        states
    }

    fn tripped(&self, entry: &Entry, armed: Armed) -> SwitchState {
        let record = entry.record();
        let scope = entry.scope.as_ref().map_or_else(|| entry.file.clone(), ToString::to_string);
        let trip = Trip {
            at: entry.since,
            by: Some(entry.by().to_owned()),
            rule: record.and_then(|record| record.rule.clone()),
            reason: record.map(|record| record.reason.clone()),
            ttl_s: None,
        };
        let path = self.setup.dir.join(&entry.file).display().to_string();
        SwitchState { scope, path, trip: Some(trip), armed, problem: self.problem.clone() }
    }
}

fn open(setup: &SwitchSetup) -> Result<SwitchDir, String> {
    SwitchDir::open(&setup.dir, &setup.network)
        .map_err(|error| format!("{error}: {}", error.hint()))
}
