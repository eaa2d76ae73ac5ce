//! `tripline switch status`: what stands in the directory, and what is in the way.

use std::path::PathBuf;

use serde::Serialize;

use super::{no_trip, refused};
use crate::action::audit::AUDIT_FILE;
use crate::action::recorded;
use crate::action::switch::{Content, Entry, Reach};
use crate::action::{ArmState, Arming, SwitchDir, SwitchError};
use crate::cli::failure::Failure;
use crate::cli::out::{Ended, Out, finish};
use crate::cli::setup::Context;
use crate::domain::Wall;
use crate::text::printable;

/// How it is printed.
#[derive(Clone, Copy)]
pub enum Form {
    Text,
    Json,
}

/// `switch status --json`.
#[derive(Serialize)]
struct Status {
    schema: &'static str,
    dir: PathBuf,
    /// Absent where the configuration that says so can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    armed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    armed_by: Option<String>,
    switches: Vec<Row>,
    /// Whether the directory is there.
    #[serde(skip)]
    made: bool,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    scope: String,
    path: PathBuf,
    state: &'static str,
    since: Wall,
    /// When its file was made again, if somebody had removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_again_at: Option<Wall>,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// Why it is not known whether it is tripped.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Look and print.
pub fn run(context: &Context, now: Wall, form: Form) -> Result<(), Failure> {
    let setup = context.switch();
    let arming = Arming::open(&context.state_dir, setup.armed);
    let armed = context.switch_read || arming.record().is_some() || arming.problem().is_some();
    let mut status = Status {
        schema: "tripline.switches/v1",
        dir: setup.dir.clone(),
        armed: armed.then(|| arming.state() == ArmState::Armed),
        armed_by: arming.record().map(|record| record.by.clone()),
        switches: Vec::new(),
        made: true,
        problems: arming.problem().map(str::to_owned).into_iter().collect(),
    };
    // A look makes nothing.
    let dir = SwitchDir::existing(&setup.dir, &setup.network).map_err(|error| refused(&error))?;
    match dir {
        Some(dir) => look(context, &dir, &mut status)?,
        None => status.made = false,
    }
    let mut out = Out::new();
    let printed = match form {
        Form::Json => out.json(&status),
        Form::Text => print(&mut out, &status, now),
    };
    finish(out, printed)
}

/// What stands in the directory, who can't see it, and whether more could.
fn look(context: &Context, dir: &SwitchDir, status: &mut Status) -> Result<(), Failure> {
    let unwritable = dir.check_writable().err();
    status.problems.extend(unwritable.map(|error| no_trip(&error)));
    status.problems.extend(blocked(dir).map_err(|error| refused(&error))?);
    let audit_file = context.state_dir.join(AUDIT_FILE);
    let entries = dir.status().map_err(|error| refused(&error))?;
    let entries = entries.into_iter().map(|entry| recorded::told(entry, &audit_file));
    status.switches = entries.map(|entry| row(dir, &entry)).collect();
    Ok(())
}

/// What keeps gateways of other users from seeing what stands there.
pub(super) fn blocked(dir: &SwitchDir) -> Result<Option<String>, SwitchError> {
    let Reach::BlockedAt(path) = dir.reach()? else { return Ok(None) };
    Ok(Some(format!(
        "a gateway that runs as another user can't see the kill files: {} is closed to it, \
         and most gateways then let everything through",
        path.display()
    )))
}

fn row(dir: &SwitchDir, entry: &Entry) -> Row {
    let record = entry.record();
    let problem = match entry.content {
        Content::NotAFile(kind) => Some(kind.doubt()),
        Content::Ours(_) | Content::Foreign => None,
    };
    Row {
        scope: entry.scope.as_ref().map_or_else(|| entry.file.clone(), ToString::to_string),
        path: dir.path().join(&entry.file),
        state: if problem.is_some() { "unknown" } else { "tripped" },
        problem,
        since: entry.since,
        made_again_at: entry.again,
        by: entry.by().to_owned(),
        rule: record.and_then(|record| record.rule.clone()),
        reason: record.map(|record| record.reason.clone()),
        host: record.and_then(|record| record.host.clone()),
    }
}

fn print(out: &mut Out, status: &Status, now: Wall) -> Result<(), Ended> {
    let by = status.armed_by.as_deref().map(|by| format!(" by {}", printable(by)));
    let by = by.unwrap_or_default();
    let word = match status.armed {
        Some(true) => format!("armed{by}: rules may trip"),
        Some(false) => format!("disarmed{by}: only people may trip"),
        None => "armed or not: unknown, for the configuration can't be read".to_owned(),
    };
    out.line(&word)?;
    let made = if status.made { "" } else { " (not made yet)" };
    out.line(&format!("directory {}{made}", printable(&status.dir.to_string_lossy())))?;
    for row in &status.switches {
        if let Some(problem) = &row.problem {
            let scope = printable(&row.scope);
            out.line(&format!("UNKNOWN {scope}: {problem}; look at {}", row.path.display()))?;
            continue;
        }
        let age = crate::engine::span_in_words(now.since(row.since).as_secs_f64());
        let by = row.rule.as_ref().map_or_else(|| row.by.clone(), |rule| format!("rule {rule}"));
        let reason = row.reason.as_deref().unwrap_or("no reason given");
        let again = row.made_again_at.map(|at| now.since(at).as_secs_f64());
        let again = again
            .map(crate::engine::span_in_words)
            .map(|age| format!(" (its kill file was removed by hand, and made again {age} ago)"));
        out.line(&format!(
            "TRIPPED {} for {age}, by {}: {}{}",
            printable(&row.scope),
            printable(&by),
            printable(reason),
            again.unwrap_or_default()
        ))?;
    }
    if status.switches.is_empty() {
        out.line("nothing is tripped")?;
    }
    for problem in &status.problems {
        out.line(&format!("problem: {}", printable(problem)))?;
    }
    Ok(())
}
