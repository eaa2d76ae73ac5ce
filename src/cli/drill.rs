//! `tripline switch drill`: prove on a calm day that a stop stops, with a scope
//! that carries no traffic.

use super::args::Drill;
use super::failure::{Failure, Kind};
use super::live::catch;
use super::out::quietly;
use super::printer::Printer;
use super::setup::Context;
use super::switch::{note, open, record_deed, refused, reset_on_record, scope};
use crate::action::SwitchScope;
use crate::action::switch::{Foreign, ResetOutcome, TripOutcome};
use crate::runtime::{self, Caller, Clock, Heard, Signals};
use crate::text::printable;

/// Run it.
pub fn run(context: &Context, drill: &Drill) -> Result<(), Failure> {
    let clock = Clock::start();
    context.refuse_if_read_only()?;
    let scope = scope(&drill.scope)?.by_one_name();
    if !matches!(scope, SwitchScope::Key(_)) {
        return Err(Failure::new(Kind::Refused, format!("a drill of {scope} would stop traffic"))
            .hint("make a key for drills that nothing uses, and drill key/NAME"));
    }
    let caller = Caller::new(&drill.header).map_err(|error| Failure::new(Kind::Usage, error))?;
    // Until something is tripped, a signal may end it where it is.
    for url in &drill.url {
        match caller.until(url, |_| true, || false) {
            Heard::Passed { .. } => {}
            Heard::Refused => {
                let text = format!("{} refuses already: nothing can be proven", printable(url));
                return Err(Failure::new(Kind::Failed, text).hint("tripline switch status"));
            }
            Heard::Nothing(why) => {
                let text = format!("{}: {why}", printable(url));
                return Err(Failure::new(Kind::Unavailable, text));
            }
        }
    }
    context.make_state_dir()?;
    let signals = catch(Signals::ending())?;
    let record = |result| {
        record_deed(context, "drill", Some(&scope), &drill.reason, result, clock.now().wall)
    };
    record("begun")?;
    let over = || !signals.received().is_empty();
    let (proofs, reset_recorded) = prove(context, &caller, &scope, drill, &clock, &over)?;
    let obeyed = proofs.iter().all(|proof| proof.stopped && proof.resumed);
    let interrupted = signals.received().try_recv().ok();
    let recorded = record(match interrupted {
        Some(_) => "interrupted",
        None if obeyed => "obeyed by all",
        None => "NOT obeyed by all",
    });
    // Signals are not looked at any more, so no reader is waited for.
    let mut words = if interrupted.is_some() { Printer::stderr() } else { Printer::stdout() }?;
    match interrupted {
        Some(_) => {
            words.line(&format!("tripline: interrupted: {scope} is reset, and nothing is proven"));
        }
        None => proofs.iter().for_each(|proof| words.line(&proof.sentence())),
    }
    let printed = quietly(words.finish());
    interrupted.into_iter().for_each(runtime::end_by);
    reset_recorded.and(recorded).and(printed)?;
    if obeyed {
        return Ok(());
    }
    Err(Failure::new(Kind::Failed, "not every gateway obeys the kill switch")
        .hint("can its user read the directory? `tripline switch status` says what is in the way"))
}

/// What one gateway did.
struct Proof {
    url: String,
    stopped: bool,
    resumed: bool,
    last: Heard,
}

impl Proof {
    fn sentence(&self) -> String {
        let url = printable(&self.url);
        match (self.stopped, self.resumed) {
            (true, true) => format!("{url} OBEYED: refused while tripped, passed before and after"),
            (true, false) => format!("{url} obeyed, but does not pass again: {:?}", self.last),
            (false, _) => format!("{url} NOT OBEYED: let the call through while tripped"),
        }
    }
}

/// Trip, ask, reset, ask. The reset comes whatever the answers are. Answers also whether
/// it is on record.
fn prove(
    context: &Context,
    caller: &Caller,
    scope: &SwitchScope,
    drill: &Drill,
    clock: &Clock,
    over: &impl Fn() -> bool,
) -> Result<(Vec<Proof>, Result<(), Failure>), Failure> {
    let mut dir = open(context)?;
    let reason = format!("drill: {}", drill.reason);
    let note = note(context, &reason, clock.now().wall);
    let outcome = dir.trip(scope, &note).map_err(|error| refused(&error))?;
    let TripOutcome::Tripped(mut pending) = outcome else {
        return Err(Failure::new(Kind::Refused, format!("{scope} is tripped for real")));
    };
    // Gateways are judged by the time that the file says.
    dir.stands_since(&mut pending, clock.now().wall);
    // Its details are written for whoever looks meanwhile; the drill does not need them.
    let confirmed = pending.confirm();
    let stopped: Vec<bool> = drill
        .url
        .iter()
        .map(|url| caller.until(url, |heard| *heard == Heard::Refused, over) == Heard::Refused)
        .collect();
    let now = clock.now().wall;
    let (reset, recorded) = reset_on_record(context, &mut dir, scope, Foreign::Force, &reason, now);
    let reset = reset.map_err(|failure| {
        if dir.path_of(scope).symlink_metadata().is_err() {
            return failure;
        }
        let way_out = format!("tripline switch reset {scope} --reason 'the drill is over'");
        failure.undone(&format!("{scope} is STILL TRIPPED")).hint(way_out)
    })?;
    confirmed.map_err(|error| refused(&error))?;
    if reset == ResetOutcome::NotTripped {
        return Err(Failure::new(Kind::Failed, "somebody else ended the drill"));
    }
    let asked = drill.url.iter().zip(stopped);
    let passes = |heard: &Heard| matches!(heard, Heard::Passed { .. });
    let proofs = asked
        .map(|(url, stopped)| {
            let last = caller.until(url, passes, over);
            Proof { url: url.clone(), stopped, resumed: passes(&last), last }
        })
        .collect();
    Ok((proofs, recorded))
}
