//! `tripline switch`: the kill switch from a plain shell, without a console.

mod status;

use std::time::Duration;

use super::args::{Global, Note, Reset, Scoped, Switch, SwitchArgs};
use super::env::{Env, host_name};
use super::failure::{Failure, Kind};
use super::out::{self, Out, finish};
use super::setup::Context;
use crate::action::arming::{self, ArmRecord};
use crate::action::audit::{self, AUDIT_FILE, AuditError, Deed};
use crate::action::recorded;
use crate::action::reset;
use crate::action::switch::{
    Details, Entry, Foreign, KillNote, Pending, ResetOutcome, TripOutcome,
};
use crate::action::{ArmState, SwitchDir, SwitchError, SwitchScope};
use crate::domain::{Bucket, Wall, provider};
use crate::ledger::{Dimension, Reader, Who};
use crate::runtime::Clock;
use crate::text::{nearest, printable};
use status::Form;

/// Run it.
pub fn run(global: &Global, env: &Env, args: &SwitchArgs) -> Result<(), Failure> {
    let now = Clock::start().now().wall;
    let load = || Context::load_for_stop(global, env, args.dir.as_deref());
    let context = load().map_err(|failure| undone(failure, &args.command))?;
    match &args.command {
        Switch::Status { json: false } => status::run(&context, now, Form::Text),
        Switch::Status { json: true } => status::run(&context, now, Form::Json),
        Switch::Arm(note) => arm(&context, ArmState::Armed, note, now),
        Switch::Disarm(note) => arm(&context, ArmState::Disarmed, note, now),
        Switch::Trip(scoped) => trip(&context, scoped, now),
        Switch::Reset(request) => let_through(&context, request, now),
        Switch::Drill(drill) => super::drill::run(&context, drill),
    }
}

/// What a failure says of what was not done: whoever wanted a stop must not think that
/// there is one.
const NOT_TRIPPED: &str = "nothing was tripped";
const NOT_RESET: &str = "nothing was reset";

fn not_armed(state: ArmState) -> &'static str {
    match state {
        ArmState::Armed => "NOT armed: it is as it was",
        ArmState::Disarmed => "NOT disarmed: it is as it was",
    }
}

/// What is not done where a word that means to do it is mistyped, or what follows it is.
pub fn undone_by(word: &str) -> Option<&'static str> {
    match nearest(word, ["trip", "reset", "arm", "disarm"])? {
        "trip" => Some(NOT_TRIPPED),
        "reset" => Some(NOT_RESET),
        "arm" => Some(not_armed(ArmState::Armed)),
        _ => Some(not_armed(ArmState::Disarmed)),
    }
}

fn undone(failure: Failure, command: &Switch) -> Failure {
    match command {
        Switch::Status { .. } => failure,
        Switch::Arm(_) => failure.undone(not_armed(ArmState::Armed)),
        Switch::Disarm(_) => failure.undone(not_armed(ArmState::Disarmed)),
        Switch::Trip(_) | Switch::Drill(_) => failure.undone(NOT_TRIPPED),
        Switch::Reset(_) => failure.undone(NOT_RESET),
    }
}

fn arm(context: &Context, state: ArmState, note: &Note, now: Wall) -> Result<(), Failure> {
    let recorded = write_arming(context, state, note, now)
        .map_err(|failure| failure.undone(not_armed(state)))?;
    if let Err(error) = recorded {
        let text = format!("{}, but not in the audit record: {error}", state.word());
        return Err(Failure::new(Kind::Failed, printable(&text)));
    }
    let mut out = Out::new();
    let text = match state {
        ArmState::Armed => format!(
            "armed: rules may trip; watching processes follow within a second ({})",
            context.switch().dir.display()
        ),
        ArmState::Disarmed => {
            "disarmed: rules can't trip; what is tripped stays tripped".to_owned()
        }
    };
    let printed = out.line(&text);
    finish(out, printed)
}

/// Why nothing can be tripped, for this user.
fn no_trip(error: &SwitchError) -> String {
    format!("no trip can be made from here: {error}: {}", error.hint())
}

/// Whether it could be recorded, once it is done.
fn write_arming(
    context: &Context,
    state: ArmState,
    note: &Note,
    now: Wall,
) -> Result<Result<(), AuditError>, Failure> {
    context.refuse_if_read_only()?;
    context.make_state_dir()?;
    if state == ArmState::Armed {
        // What can't trip must not call itself armed. Who watches may be another user, who
        // may write there; on a read-only file system nobody may.
        match open(context)?.check_writable() {
            Err(error) if error.is_read_only() => return Err(refused(&error)),
            Err(error) => out::say(&printable(&format!("warning: {}", no_trip(&error)))),
            Ok(()) => {}
        }
    }
    let record =
        ArmRecord { state, by: context.user().to_owned(), at: now, reason: note.reason.clone() };
    let audit_file = context.state_dir.join(AUDIT_FILE);
    arming::write_on_record(&context.state_dir, &audit_file, host_name(), record)
        .map_err(|error| Failure::new(Kind::Failed, error))
}

fn trip(context: &Context, scoped: &Scoped, now: Wall) -> Result<(), Failure> {
    let stop = || {
        context.refuse_if_read_only()?;
        let scope = scope(&scoped.scope)?.by_one_name();
        need_reason(&scoped.reason)?;
        let note = note(context, &scoped.reason, now);
        let stood = context.switch().dir.exists();
        let mut dir = open(context)?;
        let outcome = dir.trip(&scope, &note).map_err(|error| refused(&error))?;
        Ok((scope, outcome, dir, stood))
    };
    let (scope, outcome, dir, stood) =
        stop().map_err(|failure: Failure| failure.undone(NOT_TRIPPED))?;
    let (result, text) = match outcome {
        TripOutcome::Tripped(pending) => (audit::TRIPPED, confirmed(&scope, &pending)),
        TripOutcome::AlreadyTripped(entry) => {
            let entry = recorded::told(entry, &context.state_dir.join(AUDIT_FILE));
            let (since, by) = (entry.since.rfc3339(), printable(entry.by()));
            ("already tripped", Ok(format!("{scope} was tripped already, at {since} by {by}")))
        }
    };
    if !stood {
        out::say(&format!(
            "warning: {} was made just now: no gateway is known to look into it; is the path right?",
            dir.path().display()
        ));
    }
    if let Ok(Some(blocked)) = status::blocked(&dir) {
        out::say(&printable(&format!("warning: {blocked}")));
    }
    // The stop comes first; its record must not be able to prevent it.
    let recorded = context.make_state_dir().and_then(|()| {
        record_deed(context, audit::TRIP, Some(&scope), &scoped.reason, result, now)
    });
    let mut out = Out::new();
    let printed = out.line(&printable(&text?));
    finish(out, printed)?;
    if is_unheard_of(context, &scope, now) {
        out::say(&printable(&format!(
            "warning: the ledger knows no call of {scope} in the last 30 days; is the name right?"
        )));
    }
    recorded
}

/// Whether there is a ledger of calls and none of them was of this scope: a stop under a
/// misspelt name stops nothing.
fn is_unheard_of(context: &Context, scope: &SwitchScope, now: Wall) -> bool {
    let since = now.minus(Duration::from_secs(30 * 86_400));
    let spent = || Reader::open(&context.ledger_dir())?.spent(since, None);
    let is = |who: &Who, dimension, name: &str| {
        who.get(dimension).is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    let is_by = |who: &Who, written: &str| is(who, Dimension::Provider, &provider::name(written));
    let is_of_it = |(who, _): &(Who, Bucket)| match scope {
        SwitchScope::All => true,
        SwitchScope::Provider(name) => is_by(who, name),
        SwitchScope::Model { provider, model } => {
            is_by(who, provider) && is(who, Dimension::Model, model)
        }
        SwitchScope::Key(name) => is(who, Dimension::Key, name),
        SwitchScope::Env(name) => is(who, Dimension::Environment, name),
    };
    spent().is_ok_and(|calls| !calls.is_empty() && !calls.iter().any(is_of_it))
}

/// The durable half, in words.
fn confirmed(scope: &SwitchScope, pending: &Pending) -> Result<String, Failure> {
    let confirmed = pending.confirm().map_err(|error| {
        let text = format!("{scope} is stopped now, but may not survive a power cut: {error}");
        Failure::new(Kind::Failed, printable(&text)).hint(error.hint())
    })?;
    let path = confirmed.path.display();
    Ok(match confirmed.details {
        Details::Written => format!("tripped {scope}: {path}"),
        Details::Missing(error) => {
            format!("tripped {scope}: {path} (who and why could not be written: {error})")
        }
    })
}

fn let_through(context: &Context, request: &Reset, now: Wall) -> Result<(), Failure> {
    let reason = &request.scoped.reason;
    let prepare = || {
        context.refuse_if_read_only()?;
        let scope = scope(&request.scoped.scope)?;
        need_reason(reason)?;
        let dir = open(context)?;
        // What somebody made under another name is reset under that.
        let stands = dir.path_of(&scope).symlink_metadata().is_ok();
        Ok((if stands { scope } else { scope.by_one_name() }, dir))
    };
    let (scope, mut dir) = prepare().map_err(|failure: Failure| failure.undone(NOT_RESET))?;
    let foreign = if request.force { Foreign::Force } else { Foreign::Refuse };
    let (outcome, recorded) = reset_on_record(context, &mut dir, &scope, foreign, reason, now);
    let stands = || dir.path_of(&scope).symlink_metadata().is_ok();
    let outcome =
        outcome.map_err(|failure| if stands() { failure.undone(NOT_RESET) } else { failure })?;
    let text = match outcome {
        ResetOutcome::Reset(_) => match wider(&dir, &scope) {
            Some(wider) => format!("reset {scope}, but {wider} is tripped and stops its traffic"),
            None => format!("reset {scope}: traffic may pass again"),
        },
        ResetOutcome::NotTripped => format!("{scope} was not tripped"),
    };
    let mut out = Out::new();
    let printed = out.line(&printable(&text));
    finish(out, printed)?;
    recorded
}

/// A stop that stands and stops all that this scope means.
fn wider(dir: &SwitchDir, scope: &SwitchScope) -> Option<SwitchScope> {
    let entries = dir.status().unwrap_or_default().into_iter();
    let standing = entries.filter(Entry::stops).filter_map(|entry| entry.scope);
    standing.map(SwitchScope::by_one_name).find(|wider| wider.covers(scope))
}

/// Reset, with who and why on record before and what came of it after. Answers also whether
/// that could be recorded, which prevents no reset.
pub(super) fn reset_on_record(
    context: &Context,
    dir: &mut SwitchDir,
    scope: &SwitchScope,
    foreign: Foreign,
    reason: &str,
    now: Wall,
) -> (Result<ResetOutcome, Failure>, Result<(), Failure>) {
    let made = context.make_state_dir();
    let audit_file = context.state_dir.join(AUDIT_FILE);
    let deed = deed(context, audit::RESET, Some(scope), reason, audit::REQUESTED, now);
    let done = reset::reset(&audit_file, dir, scope, foreign, deed);
    let recorded = done.recorded.map_err(|error| {
        let text = format!("not in the audit record: {error}");
        Failure::new(Kind::Failed, printable(&text))
    });
    (done.outcome.map_err(|error| refused(&error)), made.and(recorded))
}

/// What a person's trip says of itself.
pub(super) fn note(context: &Context, reason: &str, now: Wall) -> KillNote {
    KillNote {
        reason: reason.to_owned(),
        rule: None,
        by: context.user().to_owned(),
        host: host_name(),
        at: now,
    }
}

pub(super) fn open(context: &Context) -> Result<SwitchDir, Failure> {
    let setup = context.switch();
    if context.config.switch.dir.is_none() {
        context.make_state_dir()?;
    }
    SwitchDir::open(&setup.dir, &setup.network).map_err(|error| refused(&error))
}

pub(super) fn refused(error: &SwitchError) -> Failure {
    let failure = Failure::new(Kind::Refused, error).hint(error.hint());
    match error {
        SwitchError::Foreign { .. } => failure.hint("`--force` removes it all the same"),
        _ => failure,
    }
}

pub(super) fn scope(text: &str) -> Result<SwitchScope, Failure> {
    text.parse().map_err(|error: crate::action::ScopeError| Failure::new(Kind::Usage, error))
}

fn need_reason(reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::new(Kind::Usage, "a reason is needed")
            .hint("--reason 'what happened', for whoever reads the kill file next"));
    }
    Ok(())
}

pub(super) fn record_deed(
    context: &Context,
    action: &str,
    scope: Option<&SwitchScope>,
    reason: &str,
    result: &str,
    now: Wall,
) -> Result<(), Failure> {
    let deed = deed(context, action, scope, reason, result, now);
    audit::append(&context.state_dir.join(AUDIT_FILE), &deed)
        .map_err(|error| Failure::new(Kind::Failed, error))
}

fn deed(
    context: &Context,
    action: &str,
    scope: Option<&SwitchScope>,
    reason: &str,
    result: &str,
    now: Wall,
) -> Deed {
    Deed {
        at: now,
        by: context.user().to_owned(),
        host: host_name(),
        action: action.to_owned(),
        scope: scope.map(ToString::to_string),
        rule: None,
        reason: reason.to_owned(),
        result: result.to_owned(),
    }
}
