//! The `ledger` thread: the one writer of the ledger. A commit that can't be
//! kept is tried again until it can; what comes meanwhile adds up in the engine.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use super::ageing::Ageing;
use super::aside::Aside;
use super::brake::SwitchSetup;
use super::clock::Clock;
use super::keeper::Keeper;
use crate::domain::{BucketId, Commit, CountedCall, Dimension, Names, SourceId, Stamp, Sym, Wall};
use crate::engine::{
    Engine, EngineSpec, LedgerStatus, LedgerUse, Loss, Need, Restored, SourceName, SourceStatus,
    Standing,
};
use crate::ledger::{
    self, Committed, Holder, Kept, KeptCall, Ledger, LedgerError, Opened, Reader, Who,
};
use crate::source::{Left, Resume};

/// Pause after the first failure; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3);

/// Days with spend that a clock which is wrong at start may be set to.
const KNOWN_DAYS: usize = 62;
/// Names that get a row for such a day: they must not take the room of today's.
const PERHAPS: usize = 1024;

/// Where the ledger is, and who we are.
#[derive(Clone, Debug)]
pub struct LedgerSetup {
    /// Its directory.
    pub dir: PathBuf,
    /// This machine.
    pub host: String,
    /// What we may do with it.
    pub access: LedgerAccess,
}

/// What a run may do with a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerAccess {
    /// Be its one writer.
    Keep,
    /// Begin where it ends, and leave it alone: another process may write it.
    Look,
}

/// What became of a commit.
pub enum Word {
    /// It is kept, and how.
    Kept(Committed),
    /// It is not kept yet, and tried again.
    Failed(String),
    /// It is not kept, for the file makes no sense any more.
    Broken(String),
    /// Nothing of that: a person has moved away a damaged ledger that was set aside.
    Seen(PathBuf),
}

/// An open ledger, its past taken over by the engine.
pub struct Begun {
    /// The engine thread's end of it.
    pub keeper: Keeper,
    /// How far the sources are read.
    pub left: Left,
    /// Its thread.
    pub thread: io::Result<JoinHandle<()>>,
}

/// Open the ledger, let the engine go on where it ends, and start the thread.
pub fn begin(setup: LedgerSetup, engine: &mut Engine, clock: Clock) -> Result<Begun, LedgerError> {
    let now = clock.now();
    let us = Holder { pid: std::process::id(), host: setup.host, since: now.wall.rfc3339() };
    let sources = engine.sources().iter().map(|row| row.name.name.clone()).collect();
    let (path, dir) = (path_of(&setup.dir), setup.dir.clone());
    let names = engine.names().clone();
    let setup = ledger::Setup { state_dir: setup.dir, us, names, sources };
    let mut opened = Ledger::open(setup, now.wall)?;
    let (restored, left) = match past(&mut opened, engine, now) {
        Err(error @ LedgerError::Corrupt { .. }) => {
            opened = opened.ledger.begin_again(&error, now.wall)?;
            past(&mut opened, engine, now)?
        }
        past => past?,
    };
    engine.restore(&restored, now);
    engine.keep_deltas();
    let aside = Aside::said(&dir, engine, now);
    if let Some(aside) = &opened.set_aside {
        engine.report("ledger_damaged", &format!("the ledger was damaged: {}", aside.why), now);
    }
    let (commits, to_keep) = bounded(1);
    let (say, words) = bounded(16);
    let (alive, over) = bounded(0);
    let keeper = Keeper::new(path, commits, words, alive);
    let ledger = opened.ledger;
    let thread = thread::Builder::new().name("ledger".into());
    let thread = thread.spawn(move || keep(ledger, aside, (&to_keep, &say, &over), clock));
    Ok(Begun { keeper, left, thread })
}

/// The channels of the thread: what is to be kept, what became of it, and the end of
/// the engine thread.
type Channels<'c> = (&'c Receiver<Commit>, &'c Sender<Word>, &'c Receiver<Infallible>);

/// Commit until the engine thread has ended, and then what it left. While nothing
/// is to be committed, let go of what is old.
fn keep(mut ledger: Ledger, mut aside: Aside, (commits, say, over): Channels<'_>, clock: Clock) {
    let mut ageing = Ageing::new(clock.now().mono);
    loop {
        let (looked, now) = (ageing.looked(), clock.now());
        if let Some(file) = aside.look(now.mono) {
            let _ = say.send(Word::Seen(file));
        }
        let idle = ageing.due().since(now.mono);
        let idle = aside.due(now.mono).map_or(idle, |due| due.min(idle));
        select! {
            recv(commits) -> commit => {
                let Ok(commit) = commit else { return };
                let Some(kept) = keep_one(&mut ledger, commit, say, over) else { return };
                let _ = say.send(Word::Kept(kept));
            }
            recv(looked) -> gone => ageing.found(gone.ok(), clock.now().mono),
            default(idle) => if ageing.due() <= clock.now().mono {
                ageing.turn(&mut ledger, clock.now());
            },
        }
    }
}

/// Try until it is kept; `None` where the engine thread has ended before.
fn keep_one(
    ledger: &mut Ledger,
    commit: Commit,
    say: &Sender<Word>,
    over: &Receiver<Infallible>,
) -> Option<Committed> {
    let mut outcome = ledger.commit(commit);
    let mut pause = PAUSE;
    loop {
        match outcome {
            Ok(kept) => return Some(kept),
            Err(error) => {
                // Nobody hears it once the engine thread has ended.
                let text = error.to_string();
                let _ = say.send(match error {
                    LedgerError::Corrupt { .. } => Word::Broken(text),
                    _ => Word::Failed(text),
                });
            }
        }
        let waited = over.recv_timeout(pause);
        outcome = ledger.commit(Commit::default());
        if waited == Err(RecvTimeoutError::Disconnected) && outcome.is_err() {
            return None;
        }
        pause = (pause * 2).min(LONGEST);
    }
}

/// What is known while nothing runs.
#[derive(Debug)]
pub struct Remembered {
    /// An engine that only knows what the ledger holds, and what the switch directory
    /// does now. Its sources are those that the ledger knows.
    pub engine: Engine,
    /// When the newest minute with a call ended, if there is any.
    pub until: Option<Wall>,
}

/// A look at what a ledger and a switch directory hold, while nothing runs.
pub fn remembered(
    dir: &Path,
    switch: SwitchSetup,
    mut spec: EngineSpec,
    names: Names,
    now: Stamp,
) -> Result<Remembered, LedgerError> {
    let reader = Reader::open(dir)?;
    let _moment = reader.moment()?;
    let kept = reader.load()?;
    let name = |(name, _): &(String, _)| SourceName { name: name.clone(), ..SourceName::default() };
    spec.sources = kept.sources.iter().map(name).collect();
    let mut engine = Engine::new(spec, names, now);
    let restored = restored(&reader, kept, &engine, now)?;
    engine.restore(&restored, now);
    Aside::said(dir, &mut engine, now);
    let status = SourceStatus { state: "not_running", ..SourceStatus::default() };
    for id in (0u32..).map(SourceId).take(engine.sources().len()) {
        engine.set_source(id, status.clone(), now);
    }
    let brake = switch.look();
    engine.set_switches(brake.states(), now, &mut Vec::new());
    if brake.is_open() {
        engine.take_up_stops(|scope, stop| brake.was_reset_since(scope, stop), now);
    }
    Ok(Remembered { engine, until: reader.until()? })
}

/// Let the engine begin where the ledger of a directory ends, without writing: what is
/// logged from then on it reads by itself, beside whoever writes the ledger. Answers
/// how far the files are read. Without a ledger that can be read, all that the logs
/// hold is counted, and that is said.
pub fn look(dir: &Path, engine: &mut Engine, now: Stamp) -> Resume {
    Aside::said(dir, engine, now);
    let looked = Reader::open(dir).and_then(|reader| {
        let _moment = reader.moment()?;
        let mut kept = reader.load()?;
        let left = left(&mut kept);
        Ok((restored(&reader, kept, engine, now)?, left))
    });
    match looked {
        Ok((restored, left)) => {
            engine.restore(&restored, now);
            let path = path_of(dir);
            let text =
                format!("read-only: totals go on from the ledger {path}, and nothing is written");
            engine.report("ledger_looked_at", &text, now);
            engine.set_ledger(LedgerStatus {
                path,
                use_of: LedgerUse::LookedAt,
                ..LedgerStatus::default()
            });
            Resume::From(left)
        }
        Err(LedgerError::Missing { .. }) => Resume::Never,
        Err(error) => {
            let text = format!("totals are only those of the logs that are there: {error}");
            engine.alarm("ledger_unreadable", &text, now);
            Resume::Never
        }
    }
}

fn path_of(dir: &Path) -> Arc<str> {
    dir.join(ledger::LEDGER_FILE).to_string_lossy().into_owned().into()
}

/// What the engine and the tail must know of an open ledger.
fn past(opened: &mut Opened, engine: &Engine, now: Stamp) -> Result<(Restored, Left), LedgerError> {
    let mut kept = std::mem::take(&mut opened.kept);
    let left = left(&mut kept);
    Ok((restored(opened.ledger.reader()?, kept, engine, now)?, left))
}

/// What the sources must know of it.
fn left(kept: &mut Kept) -> Left {
    Left {
        checkpoints: std::mem::take(&mut kept.checkpoints),
        sources: kept.sources.iter().map(|(name, _)| name.clone()).collect(),
    }
}

/// What the engine must know of it.
fn restored(
    reader: &Reader,
    kept: Kept,
    engine: &Engine,
    now: Stamp,
) -> Result<Restored, LedgerError> {
    let mut spent = Vec::new();
    let day = Duration::from_secs(86_400);
    let days = reader.days(KNOWN_DAYS)?.into_iter();
    let known: Vec<Wall> = days.flat_map(|at| [at.plus(day).offset_nanos(-1), at]).collect();
    let mut room = PERHAPS;
    for stretch in engine.stretches(now, &known) {
        let each = engine.each(&stretch, now);
        let mut parts = if let Some(steps) = stretch.steps {
            reader.spent_by(steps.minutes, stretch.from, steps.least)?
        } else {
            let parts = reader.spent(stretch.from, stretch.to)?.into_iter();
            parts.map(|(who, part)| (who, 0, part)).collect()
        };
        // Where names find no more room, it is those who spent least.
        parts.sort_by_key(|(_, _, part)| Reverse(part.cost));
        let parts = parts.iter();
        let part = |(who, minute, part): &(Who, i64, _)| {
            let mut each = each.as_slice();
            if stretch.need == Need::Perhaps && !each.is_empty() {
                each = if room > 0 { each } else { &[] };
                room = room.saturating_sub(1);
            }
            (BucketId { minute: *minute, ..bucket_id(who, engine.names(), each) }, *part)
        };
        spent.push((stretch, parts.map(part).collect()));
    }
    let size = reader.size()?;
    let since = size.period.map(|(from, _)| from);
    let mut known =
        Restored { totals: kept.totals, seen: kept.seen, since, spent, ..Restored::default() };
    let counts_since = engine.counts_since(now.wall);
    let found = reader.findings(counts_since)?.into_iter();
    known.losses = found.filter_map(|found| Loss::of(&found.kind, found.at, found.text)).collect();
    let pruned = size.pruned.filter(|(before, _)| *before > counts_since);
    known.losses.extend(pruned.and_then(|(before, sums)| {
        let (before, cost) = (before.rfc3339(), sums.cost.about());
        let text =
            format!("what was counted before {before} was pruned, {cost} in all: caps lack it");
        Loss::of("pruned", now.wall, text)
    }));
    known.standing = (kept.standing.at, stood(&kept.standing.items));
    known.replaceable = replaceable(&kept.replaceable, engine.names());
    for (name, counters) in kept.sources {
        let mut numbered = (0u32..).map(SourceId).zip(engine.sources());
        match numbered.find(|(_, row)| row.name.name == name) {
            Some((id, _)) => known.sources.push((id, counters)),
            None => known.gone.add(&counters),
        }
    }
    Ok(known)
}

/// What another version of this program says otherwise is not known any more.
fn stood(items: &[String]) -> Vec<Standing> {
    items.iter().filter_map(|item| serde_json::from_str(item).ok()).collect()
}

/// The newest, as far as their names take no more than half of the room: those of
/// calls to come need some. Of the others a later line counts as a repeat.
fn replaceable(kept: &[KeptCall], names: &Names) -> Vec<CountedCall> {
    let has_room = |dimension: &Dimension| {
        let kind = dimension.kind();
        names.room(kind) > kind.cap() / 2
    };
    let newest = kept.iter().rev().take_while(|_| Dimension::ALL.iter().all(has_room));
    let mut calls: Vec<CountedCall> = newest.map(|call| call.named(names)).collect();
    calls.reverse();
    calls
}

/// Only names that a cap is about are known at start, and all of a dimension that
/// a cap counts each of. All others are one to the caps, and must not take the
/// room of names to come.
fn bucket_id(who: &Who, names: &Names, each: &[Dimension]) -> BucketId {
    let sym = |dimension: Dimension| {
        let text = who.get(dimension)?;
        if each.contains(&dimension) {
            return Some(names.intern(dimension.kind(), text));
        }
        Some(names.find(dimension.kind(), text).unwrap_or(Sym::OTHER))
    };
    BucketId {
        minute: 0,
        host: sym(Dimension::Host),
        provider: sym(Dimension::Provider),
        model: sym(Dimension::Model),
        key: sym(Dimension::Key),
        team: sym(Dimension::Team),
        user: sym(Dimension::User),
        environment: sym(Dimension::Environment),
        account: sym(Dimension::Account),
    }
}
