//! `once` and `replay`: logs read to their end.

use std::io;
use std::time::Duration;

use super::args::{Once, Replay};
use super::failure::{Failure, Kind};
use super::out::{Ended, Out, finish, say};
use super::setup::{Context, sinks};
use super::summary;
use super::times::{backwards, moment, speed};
use crate::decode::Texts;
use crate::domain::{Names, Wall};
use crate::engine::{EngineSpec, Event};
use crate::runtime::{self, LookAt, Missing, OnceError, Seen};
use crate::snapshot::{self, Snapshot};
use crate::source::{self, History, Sinks, SourceError, SourceSpec};
use crate::text::printable;

/// What [`SourceError::NotAFile`] calls a directory.
const DIRECTORY: &str = "a directory";

/// `tripline once`.
pub fn once(context: &Context, args: &Once) -> Result<(), Failure> {
    let sources = context.sources(&args.paths)?;
    let missing = missing(&args.paths);
    let mut run = Run::new(context, sources)?;
    let net = context.net(&run.names);
    let Seen { snapshot, unread, left_out } = runtime::once(
        LookAt { sources: &run.sources, missing, switch: context.switch() },
        run.engine,
        run.names,
        &mut *run.sinks,
        &net,
        &mut io::stdin(),
    )
    .map_err(|error| match error {
        OnceError::Source(error) => unavailable(&error),
        OnceError::Net(_) | OnceError::Command(_) => Failure::new(Kind::Failed, error),
    })?;
    let mut out = Out::new();
    let printed = if args.json { out.json(&snapshot) } else { summary::print(&mut out, &snapshot) };
    finish(out, printed)?;
    tell(&left_out);
    partly_read(&unread)?;
    understood(&snapshot)
}

/// What is named on the command line must be there.
fn missing(paths: &[String]) -> Missing {
    if paths.is_empty() { Missing::Waits } else { Missing::Fails }
}

/// What was not asked for, and may be missed.
fn tell(left_out: &[String]) {
    for text in left_out {
        say(&format!("note: {text}"));
    }
}

/// Lines of which not one was understood are bad input, whatever was printed of them.
fn understood(snapshot: &Snapshot) -> Result<(), Failure> {
    if snapshot::nothing_understood(snapshot) { Err(not_understood()) } else { Ok(()) }
}

pub(super) fn not_understood() -> Failure {
    let failure = Failure::new(Kind::Data, "not one line was understood");
    failure.hint("`tripline parse --explain PATH` says why; `tripline formats` lists what is known")
}

/// What was printed is not all that there is.
fn partly_read(unread: &[SourceError]) -> Result<(), Failure> {
    const MOST: usize = 5;
    let Some(first) = unread.first() else { return Ok(()) };
    let mut failure = unavailable(first);
    let others = unread.iter().skip(1).take(MOST - 1);
    let mut said: Vec<String> =
        others.map(|error| printable(&error.to_string()).into_owned()).collect();
    let more = unread.len().saturating_sub(MOST);
    said.extend((more > 0).then(|| format!("and {more} more")));
    said.insert(0, failure.message);
    failure.message = said.join("\n  ");
    Err(failure.hint("all else was read: what is printed is without this"))
}

/// `tripline replay`.
pub fn replay(context: &Context, args: &Replay) -> Result<(), Failure> {
    let from = args.from.as_deref().map(moment).transpose()?;
    let to = args.to.as_deref().map(moment).transpose()?;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(backwards(from, to));
    }
    let sources = context.sources(&args.paths)?;
    let (histories, mut left_out) = source::histories(&sources, missing(&args.paths).sharing());
    let (sources, mut unread) = one_by_one(&sources, histories, &mut left_out)?;
    if let (true, Some(first)) = (sources.is_empty(), unread.first()) {
        return Err(unavailable(first));
    }
    let mut run = Run::new(context, sources)?;
    let options = runtime::Replay { from, to, received: runtime::Clock::start().now().wall };
    let mut teller =
        Teller { out: Out::new(), json: args.json, ended: Ok(()), pace: speed(&args.speed)? };
    let end = runtime::replay(
        &run.sources,
        run.engine,
        run.names,
        &mut *run.sinks,
        &options,
        &mut teller,
    );
    let end = end.map_err(|error| unavailable(&error))?;
    let Teller { mut out, ended, .. } = teller;
    let printed = ended.and_then(|()| {
        if args.json {
            return out.json(&end.snapshot);
        }
        if let Some((first, last)) = end.stretch {
            out.line(&format!("replayed {} to {}", first.rfc3339(), last.rfc3339()))?;
        }
        summary::print(&mut out, &end.snapshot)
    });
    finish(out, printed)?;
    tell(&left_out);
    unread.extend(end.unread);
    partly_read(&unread)?;
    understood(&end.snapshot)
}

/// One source for each file, so that they can be merged by time; and directories that
/// may not be read.
fn one_by_one(
    sources: &[SourceSpec],
    histories: Vec<Result<History, SourceError>>,
    left_out: &mut Vec<String>,
) -> Result<(Vec<SourceSpec>, Vec<SourceError>), Failure> {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for (source, history) in sources.iter().zip(histories) {
        let history = match history {
            Ok(history) => history,
            Err(error @ SourceError::Open { .. }) => {
                unread.push(error);
                continue;
            }
            Err(error) => return Err(unavailable(&error)),
        };
        left_out.extend(history.left_out);
        for path in history.files {
            let path = path.to_string_lossy().into_owned();
            files.push(SourceSpec { name: path.clone(), paths: vec![path], ..source.clone() });
        }
    }
    Ok((files, unread))
}

/// What both are made of.
struct Run {
    sources: Vec<SourceSpec>,
    engine: EngineSpec,
    names: Names,
    sinks: Box<Sinks>,
}

impl Run {
    fn new(context: &Context, sources: Vec<SourceSpec>) -> Result<Run, Failure> {
        let names = Names::default();
        let sinks = sinks(&context.pipelines(&names, Texts::Skip), &sources)?;
        Ok(Run { sources, engine: context.engine(), names, sinks })
    }
}

/// Prints what happens in a replay, and keeps its pace.
struct Teller {
    out: Out,
    json: bool,
    ended: Result<(), Ended>,
    pace: Option<f64>,
}

impl runtime::Watcher for Teller {
    fn event(&mut self, event: &Event) {
        if self.ended.is_err() {
            return;
        }
        self.ended = if self.json {
            self.out.json(event)
        } else {
            let would = if event.would.is_empty() {
                String::new()
            } else {
                format!("  (would {})", event.would.join(", "))
            };
            let rule = event.rule.as_deref().map(|rule| format!(" {rule}")).unwrap_or_default();
            let text = format!(
                "{} {}{rule}: {}{would}",
                event.at.rfc3339(),
                event.kind.word(),
                event.summary
            );
            self.out.line(&printable(&text))
        };
    }

    fn step(&mut self, from: Wall, to: Wall) -> Duration {
        let Some(pace) = self.pace else { return Duration::ZERO };
        // What has happened so far must be seen before waiting.
        if self.ended.is_ok() {
            self.ended = self.out.flush();
        }
        to.since(from).div_f64(pace)
    }

    fn is_over(&self) -> bool {
        self.ended.is_err()
    }
}

pub(super) fn unavailable(error: &SourceError) -> Failure {
    let failure = Failure::new(Kind::Unavailable, printable(&error.to_string()));
    match error {
        SourceError::Tilde(_) | SourceError::Unanswered { .. } => failure,
        SourceError::Pattern { .. } => failure.hint("patterns know `*`, `**`, `?` and `[…]`"),
        SourceError::NoFile(_) => {
            failure.hint("check the pattern; quote it, or let the shell expand it")
        }
        SourceError::NotAFile { kind: DIRECTORY, .. } => {
            failure.hint("name a file in it; the console, `once` and `serve` read directories")
        }
        SourceError::NotAFile { .. } => failure.hint("to read from a pipe, use `-` as the path"),
        SourceError::Packed(_) => {
            failure.hint("unpack it into a pipe, as in `zstd -dc FILE | tripline once -`")
        }
        SourceError::Open { why, .. } | SourceError::Read { why, .. } => match why.kind() {
            io::ErrorKind::NotFound => failure
                .hint("check the path; `tripline watch` and the console wait for a log to appear"),
            io::ErrorKind::PermissionDenied => {
                failure.hint("run as a user who may read it, or join its group")
            }
            _ => failure,
        },
    }
}
