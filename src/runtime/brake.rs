//! The brake: the kill switch directory and whether rules may use it. Owned by
//! the engine thread, so that a decision and its rename have nothing between them.

mod states;
mod untold;

use std::path::{Path, PathBuf};

use super::failures::Failures;
use super::gone::{Gone, Told, Vanished};
use crate::action::arming::Refreshed;
use crate::action::audit::{self, Attempt, Deed};
use crate::action::recorded;
use crate::action::reset;
use crate::action::switch::{Change, DEFAULT_COPIES, Entry, Restock, Stock, TripOutcome};
use crate::action::switch::{Foreign, KillNote, NetworkFs, Pending, ResetOutcome};
use crate::action::{ArmState, Arming, SwitchDir, SwitchError, SwitchScope};
use crate::domain::{Mono, Wall};
use crate::engine::Withheld;

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
    /// Whether this process may do anything with it.
    pub access: SwitchAccess,
}

impl SwitchSetup {
    /// The directory as it is now, for a look that makes and changes nothing.
    #[must_use]
    pub fn look(self) -> Brake {
        Brake::new(SwitchSetup { access: SwitchAccess::Look, ..self }, 0)
    }

    /// Where who did what is recorded.
    #[must_use]
    pub fn audit_file(&self) -> PathBuf {
        self.state_dir.join(audit::AUDIT_FILE)
    }
}

/// What a process may do with the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchAccess {
    /// Trip and reset, if armed by itself.
    Act,
    /// Show what others do. What rules ask for is theirs to do.
    Look,
}

/// The directory, opened, or why it can't be.
pub struct Brake {
    setup: SwitchSetup,
    dir: Result<SwitchDir, String>,
    arming: Arming,
    /// How many files are kept ready.
    copies: usize,
    /// Why rules can't trip although they should be able to.
    lock_problem: Option<String>,
    /// Why no files can be prepared. Rules trip all the same.
    stock_problem: Option<String>,
    /// Why the directory is not trusted any more. What stands in it stops all the same.
    distrust: Option<String>,
    gone: Gone,
    failures: Failures,
    /// How far the audit record went when it was asked of kill files that say nothing.
    asked: Option<u64>,
}

/// A reset that a person asked for.
#[derive(Clone, Debug)]
pub struct ResetOrder {
    dir: PathBuf,
    network: NetworkFs,
    /// Of which scope.
    pub scope: SwitchScope,
}

impl ResetOrder {
    /// What may pass again where a wider stop may stand.
    fn what_passes(&self) -> String {
        let entries = SwitchDir::existing(&self.dir, &self.network).ok().flatten();
        let wider = entries.iter().flat_map(SwitchDir::known).find(|entry| {
            entry.stops() && stopped_by(entry, &self.scope) == Some(Stopped::ByWider)
        });
        match wider {
            Some(wider) => format!("its traffic is still stopped by {}", wider.scope_or_file()),
            None => "traffic may pass again".to_owned(),
        }
    }

    /// Carry it out, on record, at the path that gateways look at. Answers whether
    /// the scope is not stopped any more, in words too.
    pub fn carry_out(&self, audit_file: &Path, deed: Deed) -> (bool, String) {
        let scope = &self.scope;
        let Attempt { outcome, recorded } = match SwitchDir::open(&self.dir, &self.network) {
            Ok(mut dir) => reset::reset(audit_file, &mut dir, scope, Foreign::Refuse, deed),
            Err(error) => Attempt { outcome: Err(error), recorded: Ok(()) },
        };
        let text = match &outcome {
            Ok(ResetOutcome::Reset(_)) => format!("{scope} reset: {}", self.what_passes()),
            Ok(ResetOutcome::NotTripped) => format!("{scope} was not tripped"),
            Err(error) => format!("{scope} NOT reset: {}", words(error)),
        };
        let missing = recorded.err().map(|error| format!(" (not in the audit record: {error})"));
        (outcome.is_ok(), text + &missing.unwrap_or_default())
    }
}

/// What came of a request to trip.
pub enum Tripped {
    /// Stopped; the durable half is due.
    Now(Pending),
    /// Had been stopped before.
    Before,
    /// It could not be done, but a stop that a rule asked for is part of one that stands.
    Covered,
    /// Rules may not trip.
    Disarmed,
    /// It could not be done, and whether that was told of this scope in these words.
    Failed(String, Told),
}

impl Tripped {
    /// Why a rule did not get what it asked for, if it did not.
    pub fn withheld(&self) -> Option<Withheld> {
        match self {
            Tripped::Now(_) | Tripped::Before => None,
            Tripped::Covered => Some(Withheld::Covered),
            Tripped::Disarmed => Some(Withheld::Disarmed),
            Tripped::Failed(..) => Some(Withheld::Failed),
        }
    }
}

/// By which file a scope is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stopped {
    Itself,
    ByWider,
}

impl Brake {
    /// Open the directory, and take its lock if rules may trip. `actions` is how
    /// many trips the rules ask for: all of them may be due at once.
    pub fn new(setup: SwitchSetup, actions: usize) -> Brake {
        let arming = Arming::open(&setup.state_dir, setup.armed);
        let dir = open(&setup);
        let mut brake = Brake {
            setup,
            dir,
            arming,
            copies: actions.max(DEFAULT_COPIES),
            lock_problem: None,
            stock_problem: None,
            distrust: None,
            gone: Gone::default(),
            failures: Failures::default(),
            asked: None,
        };
        brake.ask_the_record();
        brake.settle();
        brake
    }

    /// Look again: did others trip, reset, arm or disarm? Cheap when not.
    /// Answers whether anything changed.
    pub fn refresh(&mut self) -> bool {
        let mut changed = self.arming.refresh() == Refreshed::Changed;
        match self.dir.as_mut().map(SwitchDir::refresh) {
            Ok(Ok(changes)) => {
                changed |= !changes.is_empty();
                for change in changes {
                    if let Change::Vanished(entry) = change
                        && entry.stops()
                        && self.setup.access == SwitchAccess::Act
                    {
                        self.gone.add(entry);
                    }
                }
            }
            Ok(Err(_)) => {
                self.reopen();
                changed = true;
            }
            Err(_) => {
                self.dir = open(&self.setup);
                changed |= self.dir.is_ok();
            }
        }
        if let Ok(dir) = &self.dir {
            changed |= self.gone.settle_reset(|stood| dir.was_reset(stood));
        }
        changed |= self.ask_the_record();
        let distrust = self.dir.as_ref().ok().and_then(|dir| dir.check_trust().err());
        let distrust = distrust.map(|error| words(&error));
        changed |= distrust != self.distrust;
        self.distrust = distrust;
        for entry in self.dir.iter().flat_map(SwitchDir::known).filter(|entry| entry.stops()) {
            self.failures.settle(&entry.scope_or_file());
        }
        // Who held the lock may have gone.
        let waits = self.dir.is_ok() && self.wants_lock() && !self.has_lock();
        if changed || waits {
            let before = self.lock_problem.clone();
            self.settle();
            changed |= (waits && self.has_lock()) || self.lock_problem != before;
        }
        changed
    }

    /// Trips that ended otherwise than by a reset: once of what others made, until it is
    /// settled of ours.
    pub fn take_vanished(&mut self, now: Mono) -> Vec<Vanished> {
        self.gone.take_due(now)
    }

    /// Make a vanished trip again: only a reset, with a reason, ends one. What can't
    /// be made stays owed. `None` if there is nothing to be told.
    pub fn trip_again(&mut self, scope: &str, now: Wall) -> Option<(Tripped, KillNote)> {
        let note = self.gone.note(scope)?;
        let outcome = self.attempt(scope, |dir, scope| dir.trip_again(scope, &note, now));
        if let Tripped::Failed(why, _) = &outcome {
            return self.gone.stays(scope, why).then_some((outcome, note));
        }
        self.gone.settle(scope);
        Some((outcome, note))
    }

    /// Order the prepared files that are missing: all of them at first, then
    /// what trips have used up.
    pub fn restock(&mut self) -> Option<Restock> {
        self.dir.as_mut().ok()?.restock(self.copies)
    }

    /// What came of the order. What could not be made leaves what is there, and
    /// the lock: without a prepared file a trip makes an empty one.
    pub fn take_stock(&mut self, stock: Stock) {
        let Ok(dir) = &mut self.dir else { return };
        let taken = dir.take_stock(stock);
        self.stock_problem = taken.err().filter(|_| dir.is_claimed()).map(|error| words(&error));
    }

    /// Take the directory's lock if rules may trip, let go of it if not. Where another
    /// tripline has it, and with it the prepared files, a trip here makes a file of its own.
    fn settle(&mut self) {
        let wanted = self.wants_lock();
        self.lock_problem = None;
        let Ok(dir) = &mut self.dir else { return };
        if wanted {
            let refused = dir.claim(self.copies).err();
            let refused = refused.filter(|error| !matches!(error, SwitchError::Held { .. }));
            self.lock_problem = refused.map(|error| words(&error));
        } else {
            dir.release();
            self.stock_problem = None;
        }
    }

    fn wants_lock(&self) -> bool {
        self.is_armed() && self.may_act() && self.distrust.is_none()
    }

    fn has_lock(&self) -> bool {
        self.dir.as_ref().is_ok_and(SwitchDir::is_claimed)
    }

    /// Whether this process may do anything.
    pub fn may_act(&self) -> bool {
        self.setup.access == SwitchAccess::Act
    }

    /// Whether nobody who may act has made the directory yet: then nothing is stopped.
    fn is_still_to_be_made(&self) -> bool {
        !self.may_act() && self.dir.is_err() && !self.setup.dir.exists()
    }

    fn is_armed(&self) -> bool {
        self.arming.state() == ArmState::Armed
    }

    /// The directory was moved or removed: gateways go by what stands at its path.
    fn reopen(&mut self) {
        self.stock_problem = None;
        let before = std::mem::replace(&mut self.dir, open(&self.setup));
        let stood = before.iter().flat_map(SwitchDir::known);
        for entry in stood.filter(|entry| entry.stops()) {
            let stands = |now: &Entry| now.file == entry.file;
            if !self.dir.iter().flat_map(SwitchDir::known).any(stands) {
                self.gone.add(entry.clone());
            }
        }
    }

    /// A rule asks for a trip.
    pub fn trip_by_rule(&mut self, scope: &str, note: &KillNote) -> Tripped {
        if !self.is_armed() {
            return self.came_of(Tripped::Disarmed, scope, note);
        }
        match self.distrust.clone() {
            Some(why) => self.came_of(Tripped::Failed(why, Told::First), scope, note),
            None => self.trip(scope, note),
        }
    }

    /// A person asks for a trip: that needs no arming.
    pub fn trip(&mut self, scope: &str, note: &KillNote) -> Tripped {
        let named = scope.parse::<SwitchScope>().map(|scope| scope.by_one_name().to_string());
        let scope = named.as_deref().unwrap_or(scope);
        let outcome = self.attempt(scope, |dir, scope| dir.trip(scope, note));
        self.came_of(outcome, scope, note)
    }

    /// A stop that could not be made is shown until it is or nobody wants it any more.
    fn came_of(&mut self, outcome: Tripped, scope: &str, note: &KillNote) -> Tripped {
        let by_rule = note.rule.is_some();
        let outcome = match outcome {
            Tripped::Failed(why, _) => match self.stopping(scope) {
                Some(Stopped::Itself) => Tripped::Before,
                Some(Stopped::ByWider) if by_rule => Tripped::Covered,
                _ => {
                    let told = self.failures.add(scope, by_rule, &why);
                    return Tripped::Failed(why, told);
                }
            },
            made => made,
        };
        self.failures.settle(scope);
        outcome
    }

    /// Whether files that stand now, whoever made them, stop a scope.
    fn stopping(&mut self, scope: &str) -> Option<Stopped> {
        let scope: SwitchScope = scope.parse().ok()?;
        let dir = self.dir.as_mut().ok()?;
        let mut stopped = None;
        for entry in dir.status().ok()?.into_iter().filter(Entry::stops) {
            let Some(by) = stopped_by(&entry, &scope) else { continue };
            stopped = Some(stopped.map_or(by, |least: Stopped| least.min(by)));
            // What is built upon must not come and go between two looks.
            if !dir.known().any(|known| known.file == entry.file) {
                dir.recognize(entry);
            }
        }
        stopped
    }

    /// Forget stops that could not be made and that no rule asks for any more, as
    /// `asked` tells. Answers whether there was one.
    pub fn withdraw(&mut self, asked: impl Fn(&str) -> bool) -> bool {
        self.failures.withdraw(asked)
    }

    fn attempt(
        &mut self,
        scope: &str,
        trip: impl FnOnce(&mut SwitchDir, &SwitchScope) -> Result<TripOutcome, SwitchError>,
    ) -> Tripped {
        let scope = match scope.parse::<SwitchScope>() {
            Ok(scope) => scope,
            Err(error) => return Tripped::Failed(error.to_string(), Told::First),
        };
        match &mut self.dir {
            Err(why) => Tripped::Failed(why.clone(), Told::First),
            Ok(dir) => match trip(dir, &scope) {
                Ok(TripOutcome::Tripped(pending)) => Tripped::Now(pending),
                Ok(TripOutcome::AlreadyTripped(_)) => Tripped::Before,
                Err(error) => Tripped::Failed(words(&error), Told::First),
            },
        }
    }

    /// The file of a trip stands there since then.
    pub fn stands_since(&mut self, pending: &mut Pending, at: Wall) {
        if let Ok(dir) = &mut self.dir {
            dir.stands_since(pending, at);
        }
    }

    /// An order to reset, for whoever may wait for a disk.
    pub fn order_reset(&self, scope: &str) -> Result<ResetOrder, String> {
        let scope = scope.parse::<SwitchScope>().map_err(|error| error.to_string())?;
        let SwitchSetup { dir, network, .. } = &self.setup;
        // What somebody made under another name is reset under that.
        let stands = dir.join(scope.file_name()).symlink_metadata().is_ok();
        let scope = if stands { scope } else { scope.by_one_name() };
        Ok(ResetOrder { dir: dir.clone(), network: network.clone(), scope })
    }

    /// Whether the directory can be looked into: else nothing is known of what stands there.
    pub fn is_open(&self) -> bool {
        self.dir.is_ok()
    }

    /// Whether a person has reset a scope after a stop of then, as the directory or the record
    /// tells.
    pub fn was_reset_since(&self, scope: &str, stop: Wall) -> bool {
        let Ok(of) = scope.parse::<SwitchScope>() else { return false };
        self.is_marked_since(scope, stop)
            || recorded::was_reset(&self.setup.audit_file(), &of, stop)
    }

    /// The same as the directory alone tells.
    pub fn is_marked_since(&self, scope: &str, stop: Wall) -> bool {
        let Ok(scope) = scope.parse::<SwitchScope>() else { return false };
        self.dir.as_ref().is_ok_and(|dir| dir.reset_at(&scope) > Some(stop))
    }

    /// What was ordered is done.
    pub fn was_reset(&mut self, scope: &SwitchScope) {
        self.gone.settle(&scope.to_string());
        self.failures.settle(&scope.to_string());
        if let Ok(dir) = &mut self.dir {
            dir.forget(scope);
        }
    }

    /// Where arming is recorded.
    pub fn state_dir(&self) -> &Path {
        &self.setup.state_dir
    }

    /// This machine's name.
    pub fn host(&self) -> &str {
        &self.setup.host
    }
}

/// How the file of an entry stops a scope, if it does.
fn stopped_by(entry: &Entry, scope: &SwitchScope) -> Option<Stopped> {
    let own = entry.scope.as_ref().filter(|own| own.covers(scope))?;
    Some(if own == scope { Stopped::Itself } else { Stopped::ByWider })
}

/// Who only looks makes none.
fn open(setup: &SwitchSetup) -> Result<SwitchDir, String> {
    let opened = match setup.access {
        SwitchAccess::Act => SwitchDir::open(&setup.dir, &setup.network).map(Some),
        SwitchAccess::Look => SwitchDir::existing(&setup.dir, &setup.network),
    };
    opened
        .map_err(|error| words(&error))?
        .ok_or_else(|| format!("there is no {} yet: nothing is stopped by it", setup.dir.display()))
}

fn words(error: &SwitchError) -> String {
    format!("{error}: {}", error.hint())
}

#[cfg(test)]
mod tests;
