//! What is said of traffic that goes wrong: which endpoints, how badly, and where a stop
//! that is not known here refuses it.

use std::path::Path;

use super::{FEW, percent, traffic_state};
use crate::snapshot::{Snapshot, State, Switch, Traffic};

/// Share of calls that a stop refuses from which as good as nothing passes.
const STOPPED: f64 = 0.95;

/// The row of traffic in which most calls go wrong, if that is bad, and how many more
/// are as bad.
pub(super) fn worst(snapshot: &Snapshot) -> Option<String> {
    #[allow(clippy::cast_precision_loss, reason = "a count of a minute's calls")]
    let bad = |row: &Traffic| row.requests as f64 * row.hurt_ratio();
    let is_bad = |row: &&Traffic| traffic_state(row) == State::Critical;
    let mut rows: Vec<&Traffic> = snapshot.traffic.iter().filter(is_bad).collect();
    rows.sort_by(|a, b| bad(b).total_cmp(&bad(a)));
    let others = match rows.as_slice() {
        [] | [_] => String::new(),
        [_, second] => format!(" (and {})", second.title()),
        [_, second, rest @ ..] => format!(" (and {}, {} more)", second.title(), rest.len()),
    };
    rows.first().map(|row| how(row) + &others)
}

/// Calls that a stop refuses, though none stands here: gateways obey another directory, or
/// have not seen that it was reset.
pub(super) fn stopped_elsewhere(snapshot: &Snapshot) -> Option<String> {
    #[allow(clippy::cast_precision_loss, reason = "a count of a minute's calls")]
    let is_stopped = |row: &Traffic| {
        let share = row.share(&["blocked"]);
        share >= STOPPED && share * row.requests as f64 >= FEW
    };
    if snapshot.switches.iter().any(Switch::is_wanted) {
        return None;
    }
    let stopped: Vec<&Traffic> = snapshot.traffic.iter().filter(|row| is_stopped(row)).collect();
    let who = match stopped.as_slice() {
        _ if is_stopped(&snapshot.overall) => {
            format!("{} of the last minute", stopped_calls(&snapshot.overall))
        }
        [] => return None,
        [row] => format!("{} of {}", stopped_calls(row), row.title()),
        [row, rest @ ..] => {
            format!("{} of {} (and {} more)", stopped_calls(row), row.title(), rest.len())
        }
    };
    let dir = snapshot.switches.first().and_then(|switch| Path::new(&*switch.path).parent());
    let is_unread = snapshot.switches.iter().any(|switch| switch.state == "unknown");
    let none = match dir {
        Some(dir) if is_unread => format!("what stands in {} is not known", dir.display()),
        Some(dir) => format!("none stands in {}", dir.display()),
        None => "none is known here".to_owned(),
    };
    Some(format!("{who} were refused by a kill switch, and {none}"))
}

/// How many calls a kill switch refused, in words.
fn stopped_calls(row: &Traffic) -> String {
    let share = row.share(&["blocked"]);
    if share < 1.0 { format!("{} of the calls", percent(share)) } else { "all calls".to_owned() }
}

fn how(row: &Traffic) -> String {
    let (refused, broken, rejected) =
        (row.refused_ratio(), row.broken_ratio(), row.rejected_ratio());
    if rejected > broken && rejected > refused {
        let bad_keys = row.share(&["auth_failed"]) * 2.0 > rejected;
        let why = if bad_keys { "with a key that does not work" } else { "as bad requests" };
        return format!("{} {} rejected {why}", row.title(), percent(rejected));
    }
    if broken > refused {
        let late = row.share(&["timed_out"]) * 2.0 > broken;
        let how = if late { "timing out" } else { "failing" };
        return format!("{} {how} {}", row.title(), percent(broken));
    }
    let most = row.limited_by.iter().max_by(|a, b| a.1.total_cmp(b.1));
    let cause = match most {
        Some((by @ (&"quota" | &"plan"), _)) => format!(" by its {by}"),
        Some((&"spend_cap", _)) => " by its spend cap".to_owned(),
        Some((by, _)) if *by != "unknown" => {
            format!(" by its {} limit", by.trim_end_matches('s').replace('_', " "))
        }
        _ => ", cause not stated".to_owned(),
    };
    format!("{} {} refused{cause}", row.title(), percent(refused))
}
