//! `tripline status`: the running daemon's picture, or else what it kept.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::Status as StatusArgs;
use super::env::host_name;
use super::failure::{Failure, Kind};
use super::out::{Ended, Out, finish, say};
use super::setup::Context;
use super::summary::unpriced;
use crate::daemon::{self, Ask, AskError, FROM_LEDGER, Status};
use crate::domain::{Names, NanoUsd};
use crate::engine::span_in_words;
use crate::ledger::{self, LedgerError};
use crate::runtime;
use crate::snapshot;
use crate::text::printable;

/// Fields that say what a source is and how it is doing now, which a ledger does
/// not know.
const OF_NOW: [&str; 8] = [
    "kind",
    "blank",
    "bytes",
    "bytes_behind",
    "pending_bytes",
    "seconds_behind",
    "last_line_age_s",
    "format",
];

/// Ask and print.
pub fn run(context: &Context, args: &StatusArgs) -> Result<(), Failure> {
    let asked = running(context)?;
    let status = match asked.status {
        Some(status) => status,
        None => kept(context, asked.other)?,
    };
    let mut out = Out::new();
    let printed = if args.json { out.json(&status) } else { print(&mut out, &status) };
    finish(out, printed)
}

/// Who was asked for the picture.
struct Asked {
    /// What it said.
    status: Option<Value>,
    /// One that answers, but about another state directory: its socket, and that.
    other: Option<(PathBuf, PathBuf)>,
}

/// The picture of the daemon of this state directory, where one answers: where the
/// state directory says that it is, or on its socket, where another one may be.
fn running(context: &Context) -> Result<Asked, Failure> {
    let mut other = None;
    for socket in sockets(context) {
        let status = match daemon::ask(&socket, Ask::Snapshot) {
            Ok(status) => status,
            Err(AskError::NotRunning(_)) => continue,
            Err(error) => {
                return Err(Failure::new(Kind::Unavailable, printable(&error.to_string())));
            }
        };
        let whose = status.get("state_dir").and_then(Value::as_str).map(PathBuf::from);
        match whose.filter(|whose| !is_same(whose, &context.state_dir)) {
            None => return Ok(Asked { status: Some(status), other: None }),
            // Nobody said which one is meant, and this is the one that runs.
            Some(whose) if !context.state_is_named() => {
                say(&format!(
                    "tripline: this is the `serve` of {}; the state directory here would be {}",
                    whose.display(),
                    context.state_dir.display()
                ));
                return Ok(Asked { status: Some(status), other: None });
            }
            Some(whose) => other = Some((socket, whose)),
        }
    }
    Ok(Asked { status: None, other })
}

/// Where one may answer for this state directory; each is asked once.
pub fn sockets(context: &Context) -> Vec<PathBuf> {
    let (sign, socket) = (context.sign(), context.socket());
    if is_same(&sign, &socket) { vec![sign] } else { vec![sign, socket] }
}

/// Whether both lead to the same place.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    one == other || real(one) == real(other)
}

/// What the last run kept.
fn kept(context: &Context, other: Option<(PathBuf, PathBuf)>) -> Result<Value, Failure> {
    let now = runtime::Clock::start().now();
    let remembered = runtime::remembered(
        &context.ledger_dir(),
        context.switch(),
        context.engine(),
        Names::default(),
        now,
    );
    let other = other.map(|(socket, whose)| {
        let (socket, whose) = (socket.display(), whose.display());
        format!("the `serve` on {socket} is that of {whose}: `tripline status --state {whose}`")
    });
    let remembered = remembered.map_err(|error| {
        let text = printable(&error.to_string()).into_owned();
        let state = context.state_dir.display();
        match error {
            LedgerError::Missing { .. } => {
                let message = format!("no `serve` runs, and nothing was kept in {state}");
                let asked = format!("{} was asked", context.socket().display());
                let failure = Failure::new(Kind::Unavailable, message);
                failure.hint(printable(other.as_deref().unwrap_or(&asked)))
                    .hint("`tripline serve` does both; one of another user or with other directories is found with its --state DIR")
            }
            _ => Failure::new(Kind::Unavailable, format!("no `serve` runs, and {text}")),
        }
    })?;
    if let Some(other) = other {
        say(&format!("tripline: {other}"));
    }
    let mut snapshot = snapshot::build(&remembered.engine, now);
    let age = remembered.until.map(|until| now.wall.since(until).as_secs_f64());
    let keeper = ledger::holder(&context.ledger_dir(), &host_name()).map(|holder| holder.pid);
    let (state, verdict) = snapshot::kept(&snapshot, age, keeper);
    snapshot.state = state;
    snapshot.verdict = verdict.into();
    let status = Status {
        snapshot: &snapshot,
        from: FROM_LEDGER,
        state_dir: &context.state_dir,
        pid: None,
        engine_beat_age_ms: None,
    };
    let mut status = serde_json::to_value(&status)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    let sources = status.get_mut("sources").and_then(Value::as_array_mut);
    for source in sources.into_iter().flatten().filter_map(Value::as_object_mut) {
        source.retain(|field, _| !OF_NOW.contains(&field.as_str()));
        if keeper.is_some() {
            source.insert("state".to_owned(), "not_asked".into());
        }
    }
    if let (Some(pid), Some(status)) = (keeper, status.as_object_mut()) {
        status.insert("kept_by".to_owned(), pid.into());
    }
    Ok(status)
}

/// A dozen lines.
fn print(out: &mut Out, status: &Value) -> Result<(), Ended> {
    head(out, status)?;
    money_rows(out, status)?;
    rows(out, status)?;
    findings(out, &status["findings"])
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "?".to_owned(),
        Value::String(text) => printable(text).into_owned(),
        other => other.to_string(),
    }
}

fn money(value: &Value) -> String {
    let usd = value.as_str().and_then(|usd| usd.parse::<NanoUsd>().ok());
    usd.map_or_else(|| text(value), NanoUsd::exact)
}

/// How it is, who says so, and what was counted.
fn head(out: &mut Out, status: &Value) -> Result<(), Ended> {
    let state = text(&status["state"]).to_uppercase();
    out.line(&format!("{state}: {}", text(&status["verdict"])))?;
    let from = match status["from"].as_str() {
        Some(FROM_LEDGER) if !status["kept_by"].is_null() => {
            let (pid, dir) = (text(&status["kept_by"]), text(&status["state_dir"]));
            format!("the ledger, which process {pid} keeps and goes on from, on {dir}")
        }
        Some(FROM_LEDGER) => {
            format!("the ledger; no `serve` runs on {}", text(&status["state_dir"]))
        }
        _ => format!(
            "process {} on {}, engine seen {} ms ago",
            text(&status["pid"]),
            text(&status["state_dir"]),
            text(&status["engine_beat_age_ms"])
        ),
    };
    out.line(&format!("from     {from}"))?;
    let totals = &status["totals"];
    let total = |field: &str| text(&totals[field]);
    out.line(&format!(
        "totals   {} calls, {} tokens in, {} out, {}",
        total("requests"),
        total("input_tokens"),
        total("output_tokens"),
        money(&totals["cost_usd"])
    ))?;
    out.line(&format!(
        "lines    {} quarantined, {} lines or parts not understood, {} ignored, {} repeated",
        total("quarantined"),
        total("faults"),
        total("ignored"),
        total("duplicates")
    ))?;
    if let Some(ledger) = status.get("ledger") {
        let path = text(&ledger["path"]);
        let state = match ledger["state"].as_str() {
            Some("behind") => format!("behind by {} s: {path}", text(&ledger["behind_s"])),
            _ => path,
        };
        out.line(&format!("ledger   {state}"))?;
    }
    Ok(())
}

/// Caps, and what providers bill.
fn money_rows(out: &mut Out, status: &Value) -> Result<(), Ended> {
    few(out, &status["caps"], |cap| {
        let of = cap["of"].as_str().map_or_else(String::new, |of| format!(" {of}"));
        let unpriced = match cap["unpriced_requests"].as_u64() {
            _ if cap["spent_usd"].is_null() => ", all unpriced".to_owned(),
            calls => unpriced(calls.unwrap_or(0), cap["unpriced_ratio"].as_f64()),
        };
        let (spent, cap_usd) = (money(&cap["spent_usd"]), money(&cap["cap_usd"]));
        let left = cap["cap_in_s"].as_f64().filter(|left| *left > 0.0).map(span_in_words);
        let left = left.map(|left| format!(", cap in {left}")).unwrap_or_default();
        let (name, period) = (text(&cap["name"]), text(&cap["period"]));
        format!("cap      {name}{of} ({period}): {spent} of {cap_usd}{left}{unpriced}")
    })?;
    few(out, &status["bills"], |bill| {
        let age = bill["age_s"].as_f64().map_or_else(|| "?".to_owned(), span_in_words);
        let since = text(&bill["since"]);
        let since = since.get(..10).unwrap_or(&since);
        let (whose, usd) = (text(&bill["provider"]), money(&bill["billed_usd"]));
        format!(
            "billed   {whose} by {}: {usd} since {since}, as of {age} ago",
            text(&bill["source"])
        )
    })
}

/// Alerts, stops and sources.
fn rows(out: &mut Out, status: &Value) -> Result<(), Ended> {
    few(out, &status["alerts"], |alert| {
        let state = text(&alert["state"]).replace('_', " ");
        let stood = alert["state"] == "no_data" && !status["kept_by"].is_null();
        format!(
            "alert    {} {}: {}",
            if stood { "when last kept:" } else { &state },
            text(&alert["rule"]),
            text(&alert["summary"])
        )
    })?;
    few(out, &status["switches"], |switch| {
        let known = |field: &str| switch.get(field).map(text);
        let by = known("rule").map(|rule| format!("rule {rule}")).or_else(|| known("by"));
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        let since = known("since").map(|since| format!(" since {since}")).unwrap_or_default();
        let why = known("reason").map(|why| format!(": {why}")).unwrap_or_default();
        let problem = known("problem").map(|problem| format!("; {problem}")).unwrap_or_default();
        let (scope, state) = (text(&switch["scope"]), text(&switch["state"]));
        format!("switch   {scope} {state}{since}{by}{why}{problem}")
    })?;
    few(out, &status["sources"], |source| {
        let behind = source.get("bytes_behind").and_then(Value::as_u64).filter(|bytes| *bytes > 0);
        let behind = behind.map(|bytes| format!(", {bytes} bytes behind")).unwrap_or_default();
        let (name, state) = (text(&source["name"]), text(&source["state"]));
        let problem = source.get("problem").and_then(Value::as_str).map(printable);
        let problem = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
        format!("source   {name}: {state}, {} lines{behind}{problem}", text(&source["lines"]))
    })
}

/// What was found: first what a person must know at once.
fn findings(out: &mut Out, found: &Value) -> Result<(), Ended> {
    let mut rows = found.as_array().cloned().unwrap_or_default();
    rows.sort_by_key(|row| row["severity"] != "critical");
    few(out, &Value::Array(rows), |row| {
        let text = |field: &str| printable(row[field].as_str().unwrap_or("?")).into_owned();
        let urgent = if row["severity"] == "critical" { "CRITICAL " } else { "" };
        format!("finding  {urgent}{} {}: {}", text("at"), text("kind"), text("text"))
    })
}

/// The first rows of a kind; the rest is counted.
fn few(out: &mut Out, rows: &Value, line: impl Fn(&Value) -> String) -> Result<(), Ended> {
    const MOST: usize = 5;
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    for row in rows.iter().take(MOST) {
        out.line(&line(row))?;
    }
    match rows.len().saturating_sub(MOST) {
        0 => Ok(()),
        more => out.line(&format!("         and {more} more")),
    }
}
