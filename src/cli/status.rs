//! `tripline status`: the running daemon's picture, or else what it kept.

use serde_json::Value;

use super::args::Status as StatusArgs;
use super::failure::{Failure, Kind};
use super::out::{Ended, Out, finish};
use super::setup::Context;
use crate::daemon::{self, Ask, AskError, FROM_LEDGER, Status};
use crate::domain::{Names, NanoUsd};
use crate::ledger::LedgerError;
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
    let status = match running(context)? {
        Some(status) => status,
        None => kept(context)?,
    };
    let mut out = Out::new();
    let printed = if args.json { out.json(&status) } else { print(&mut out, &status) };
    finish(out, printed)
}

/// The running daemon's picture, where one answers: on its socket, or where the
/// state directory says that it is.
fn running(context: &Context) -> Result<Option<Value>, Failure> {
    for socket in [context.socket(), context.sign()] {
        match daemon::ask(&socket, Ask::Snapshot) {
            Ok(status) => return Ok(Some(status)),
            Err(AskError::NotRunning(_)) => {}
            Err(error) => {
                return Err(Failure::new(Kind::Unavailable, printable(&error.to_string())));
            }
        }
    }
    Ok(None)
}

/// What the last run kept.
fn kept(context: &Context) -> Result<Value, Failure> {
    let now = runtime::Clock::start().now();
    let engine =
        runtime::remembered(&context.ledger_dir(), context.engine(), Names::default(), now);
    let engine = engine.map_err(|error| {
        let text = printable(&error.to_string()).into_owned();
        match error {
            LedgerError::Missing { .. } => {
                let message = "no `serve` runs, and nothing was kept";
                let asked = format!("{} was asked", context.socket().display());
                Failure::new(Kind::Unavailable, message)
                    .hint(printable(&asked))
                    .hint("`tripline serve` does both; one of another user or with other directories is found with its --state DIR")
            }
            _ => Failure::new(Kind::Unavailable, format!("no `serve` runs, and {text}")),
        }
    })?;
    let mut snapshot = snapshot::build(&engine, now);
    snapshot.state = snapshot::State::Unknown;
    snapshot.verdict = "No `serve` runs: this is what was kept last.".into();
    let status =
        Status { snapshot: &snapshot, from: FROM_LEDGER, pid: None, engine_beat_age_ms: None };
    let mut status = serde_json::to_value(&status)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    let sources = status.get_mut("sources").and_then(Value::as_array_mut);
    for source in sources.into_iter().flatten().filter_map(Value::as_object_mut) {
        source.retain(|field, _| !OF_NOW.contains(&field.as_str()));
    }
    Ok(status)
}

/// A dozen lines.
fn print(out: &mut Out, status: &Value) -> Result<(), Ended> {
    let text = |value: &Value| match value {
        Value::Null => "?".to_owned(),
        Value::String(text) => printable(text).into_owned(),
        other => other.to_string(),
    };
    let state = text(&status["state"]).to_uppercase();
    out.line(&format!("{state}: {}", text(&status["verdict"])))?;
    let from = match status["from"].as_str() {
        Some(FROM_LEDGER) => "the ledger; no `serve` runs".to_owned(),
        _ => format!(
            "process {}, engine seen {} ms ago",
            text(&status["pid"]),
            text(&status["engine_beat_age_ms"])
        ),
    };
    out.line(&format!("from     {from}"))?;
    let money = |value: &Value| {
        let usd = value.as_str().and_then(|usd| usd.parse::<NanoUsd>().ok());
        usd.map_or_else(|| text(value), NanoUsd::exact)
    };
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
        "lines    {} quarantined, {} not understood, {} ignored, {} repeated",
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
    few(out, &status["caps"], |cap| {
        let of = cap["of"].as_str().map_or_else(String::new, |of| format!(" {of}"));
        format!(
            "cap      {}{of}: {} of {}",
            text(&cap["name"]),
            money(&cap["spent_usd"]),
            money(&cap["cap_usd"])
        )
    })?;
    few(out, &status["alerts"], |alert| {
        format!(
            "alert    {} {}: {}",
            text(&alert["state"]).replace('_', " "),
            text(&alert["rule"]),
            text(&alert["summary"])
        )
    })?;
    few(out, &status["switches"], |switch| {
        format!("switch   {} {}", text(&switch["scope"]), text(&switch["state"]))
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
