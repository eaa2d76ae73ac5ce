//! The first two rows: is it on fire, can this screen be trusted, is there a
//! brake, and the one sentence that matters.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use ratatui::layout::Rect;

use super::layout;
use super::pen::Canvas;
use crate::engine::span_in_words;
use crate::snapshot::{OLD_DATA_S, Snapshot, State, Switch};
use crate::text::{printable, width, wrapped};
use crate::tui::fmt;
use crate::tui::model::Model;
use crate::tui::options::Access;
use crate::tui::rows;
use crate::tui::theme::{Tone, mark, tone};

/// How the piece of a switch that is tripped, or could not be, starts; on a narrow
/// screen it is all of it.
const TRIPPED: &str = "KILL TRIPPED";
const FAILED: &str = "KILL FAILED";

/// A piece of the first row; pieces of lower rank go first when space is short.
struct Piece {
    text: String,
    tone: Tone,
    rank: u8,
}

/// The first row. It always speaks of the newest picture, also while paused.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let mut pieces = pieces(model);
    let total = |pieces: &[Piece]| {
        pieces.iter().map(|piece| width(&piece.text)).sum::<usize>() + 3 * (pieces.len() - 1)
    };
    let is_wide = |pieces: &[Piece]| total(pieces) > usize::from(area.width);
    let drop_to = |pieces: &mut Vec<Piece>, least: u8| {
        while is_wide(pieces) && pieces.iter().any(|piece| piece.rank >= least) {
            let rank = pieces.iter().map(|piece| piece.rank).max().unwrap_or(0);
            pieces.retain(|piece| piece.rank < rank);
        }
    };
    drop_to(&mut pieces, 3);
    if is_wide(&pieces) {
        for piece in &mut pieces {
            let short = [TRIPPED, FAILED].into_iter().find(|word| piece.text.starts_with(word));
            piece.text.truncate(short.map_or(usize::MAX, str::len));
        }
    }
    drop_to(&mut pieces, 1);
    let mut pen = canvas.row(area, 0);
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            pen.tone(" | ", Tone::Quiet);
        }
        pen.tone(&piece.text, piece.tone);
    }
}

/// Rows that the verdict needs to be said whole. What is worse and stands above it
/// comes first: where there are not `most` rows for both, it needs only its own.
pub fn verdict_rows(model: &Model, width: u16, most: u16) -> u16 {
    let columns = verdict_columns(width);
    let rows =
        |text: &str| u16::try_from(wrapped(&printable(text), columns).len()).unwrap_or(u16::MAX);
    let (text, _) = sentence(model);
    let first = rows(&text);
    let both = first.saturating_add(below(model, &text).map_or(0, rows));
    if both <= most { both } else { first }
}

/// The verdict, where what is worse took its place.
fn below<'m>(model: &'m Model, first: &str) -> Option<&'m str> {
    let verdict = &*model.live.as_deref()?.verdict;
    (!verdict.is_empty() && *verdict != *first).then_some(verdict)
}

fn verdict_columns(width: u16) -> usize {
    usize::from(width).saturating_sub(2)
}

/// The second row: the verdict, or a stop that is not obeyed, which is worse.
pub fn draw_verdict(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let (text, tone) = sentence(model);
    let (columns, rows) = (verdict_columns(area.width), usize::from(area.height));
    let mut lines = wrap(&text, columns, rows);
    if lines.len() < rows
        && let Some(verdict) = below(model, &text)
    {
        lines.extend(wrap(verdict, columns, rows - lines.len()));
    }
    for (row, line) in (0..area.height).zip(lines) {
        let mut pen = canvas.row(area, row);
        pen.tone(if row == 0 { "> " } else { "  " }, Tone::Strong).tone(&line, tone);
    }
}

/// A screen too small for panels: the state and as much of the verdict as fits.
pub fn draw_verdict_only(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let (state, tone) = state_word(model);
    let (text, _) = sentence(model);
    let switch = kill_state(model.live.as_deref());
    let whole = match switch.1 {
        Tone::Banner => format!("{state} {} {text}", switch.0),
        _ => format!("{state} {text}"),
    };
    let lines = wrap(&whole, usize::from(area.width), usize::from(area.height));
    for (row, line) in (0..area.height).zip(lines) {
        canvas.row(area, row).tone(&line, if row == 0 { tone } else { Tone::Plain });
    }
}

fn pieces(model: &Model) -> Vec<Piece> {
    let piece = |text: String, tone, rank| Piece { text, tone, rank };
    let live = model.live.as_deref();
    let (state, state_tone) = state_word(model);
    let mut pieces = vec![piece(state, state_tone, 0)];
    if let Some(profile) = &model.options.profile {
        pieces.push(piece(profile.clone(), Tone::Plain, 7));
    }
    if let Some(hosts) = live.and_then(hosts) {
        pieces.push(piece(hosts, Tone::Plain, 6));
    }
    if let Some((text, tone)) = live.and_then(sources) {
        pieces.push(piece(text, tone, 5));
    }
    pieces.push(piece(fmt::clock(model.now, &model.options.clock), Tone::Plain, 4));
    let (age, age_tone) = data_age(model);
    pieces.push(piece(age, age_tone, 1));
    let (kill, kill_tone) = kill_state(live);
    let only_looks = model.options.access == Access::ReadOnly;
    if only_looks && matches!(kill_tone, Tone::Banner | Tone::Warning) {
        pieces.push(piece(kill, kill_tone, 0));
        pieces.push(piece("look only".into(), Tone::Strong, 0));
    } else if only_looks {
        // Whoever else may trip is armed or not: what rules ask for here, nobody does.
        pieces.push(piece("KILL look only".into(), Tone::Strong, 0));
    } else {
        pieces.push(piece(kill, kill_tone, 0));
    }
    match live.and_then(arming) {
        _ if only_looks => {}
        Some(true) => pieces.push(piece("armed".into(), Tone::Strong, 2)),
        Some(false) => pieces.push(piece("disarmed".into(), Tone::Warning, 0)),
        None => {}
    }
    if model.options.access == Access::ReadOnly {
        pieces.push(piece("READONLY".into(), Tone::Strong, 3));
    }
    pieces
}

/// `CRIT 2 WARN 1`: the worst state as a word, with the numbers of alerts and
/// limits behind it.
fn state_word(model: &Model) -> (String, Tone) {
    let Some(snapshot) = model.live.as_deref() else {
        return ("STARTING".into(), Tone::Strong);
    };
    let firing = |severity: State| {
        let alerts = snapshot.alerts.iter();
        alerts.filter(|alert| alert.state == "firing" && alert.severity == severity).count()
    };
    let bad_rows = snapshot.limits.iter().map(|limit| limit.state);
    let bad_rows = bad_rows.chain(snapshot.caps.iter().map(|cap| cap.state));
    // A limit can be exhausted before its alert fires.
    let critical = match firing(State::Critical) {
        0 => bad_rows.filter(|state| *state == State::Critical).count(),
        alerts => alerts,
    };
    let warning = firing(State::Warning);
    let counted = |word: &str, count: usize| match count {
        0 => word.to_owned(),
        count => format!("{word} {count}"),
    };
    let text = match snapshot.state {
        State::Critical if warning > 0 => {
            format!("{} WARN {warning}", counted("CRIT", critical))
        }
        State::Critical => counted("CRIT", critical),
        State::Warning => counted("WARN", warning),
        State::Unknown if layout::is_waiting(model) && layout::nothing_read(model) => {
            "WAITING".into()
        }
        State::Unknown => "UNKNOWN".into(),
        State::Ok => "OK".into(),
    };
    let tone = match snapshot.state {
        State::Critical => Tone::Banner,
        State::Warning => Tone::Warning,
        State::Unknown | State::Ok => Tone::Strong,
    };
    (text, tone)
}

fn hosts(snapshot: &Snapshot) -> Option<String> {
    match rows::hosts(snapshot).len() {
        0 => None,
        1 => Some("1 host".into()),
        count => Some(format!("{count} hosts")),
    }
}

/// Sources that work, of all: `src 2/3!` is a reason to distrust the rest.
fn sources(snapshot: &Snapshot) -> Option<(String, Tone)> {
    let all = snapshot.sources.len();
    let sound = |state: &str| matches!(state, "live" | "catching_up" | "ended");
    let sound = snapshot.sources.iter().filter(|source| sound(&source.state)).count();
    match all {
        0 => None,
        _ if sound < all => Some((format!("src {sound}/{all}!"), Tone::Warning)),
        _ => Some((format!("src {all}/{all}"), Tone::Plain)),
    }
}

/// How old the newest line of any source is.
fn data_age(model: &Model) -> (String, Tone) {
    let newest = model.live.as_deref().and_then(Snapshot::data_age_s);
    match newest.map(|age| age + model.live_age_s()) {
        None => (format!("data {}", fmt::ABSENT), Tone::Plain),
        Some(age) if age >= OLD_DATA_S => (format!("data {} old", fmt::age(age)), Tone::Warning),
        Some(age) => (format!("data {}", fmt::age(age)), Tone::Plain),
    }
}

/// The brake: always on the screen.
fn kill_state(snapshot: Option<&Snapshot>) -> (String, Tone) {
    let switches = snapshot.map_or(&[][..], |snapshot| &snapshot.switches);
    // A stop that could not be made comes before those that stand.
    let named = |word: &str, which: &dyn Fn(&Switch) -> bool| {
        let mut found = switches.iter().filter(|switch| which(switch));
        let first = found.next()?;
        let more = match found.count() {
            0 => String::new(),
            more => format!(" +{more}"),
        };
        Some((format!("{word} {}{more}", first.name), Tone::Banner))
    };
    let stop = named(FAILED, &|switch| switch.failed);
    let stop = stop.or_else(|| named(TRIPPED, &|switch| switch.state == "tripped"));
    let all_are = |state: &str| switches.iter().all(|switch| switch.state == state);
    match stop {
        Some(stop) => stop,
        None if switches.is_empty() => (format!("KILL {}", fmt::ABSENT), Tone::Quiet),
        None if switches.iter().any(|switch| switch.state == "unknown") => {
            ("KILL unknown?".into(), Tone::Warning)
        }
        None if all_are("disarmed") => ("KILL disarmed".into(), Tone::Plain),
        None => ("KILL armed".into(), Tone::Strong),
    }
}

/// Whether rules may trip, while something is tripped: else the brake's own word says it.
fn arming(snapshot: &Snapshot) -> Option<bool> {
    let mut tripped = snapshot.switches.iter().filter(|switch| switch.state == "tripped");
    tripped.find_map(|switch| switch.armed)
}

fn sentence(model: &Model) -> (String, Tone) {
    let Some(snapshot) = model.live.as_deref() else {
        return ("starting, nothing read yet".into(), Tone::Plain);
    };
    if let Some(text) = disobeyed(snapshot, model.live_age_s()) {
        return (text, Tone::Critical);
    }
    if snapshot.verdict.is_empty() {
        return (format!("{} nothing to say yet", mark(State::Unknown)), Tone::Quiet);
    }
    let tone = match snapshot.state {
        State::Unknown => Tone::Plain,
        state => tone(state),
    };
    (snapshot.verdict.to_string(), tone)
}

/// A host that lets calls through after a trip beats every other news.
fn disobeyed(snapshot: &Snapshot, elapsed_s: f64) -> Option<String> {
    let tripped = snapshot.switches.iter().filter(|switch| switch.state == "tripped");
    let bad = tripped.flat_map(|switch| {
        switch
            .hosts
            .iter()
            .filter(|host| host.obeyed == Some(false))
            .map(move |host| (switch, host))
    });
    let mut bad: Vec<_> = bad.collect();
    bad.sort_by_key(|(_, host)| Reverse(host.started_after_trip));
    let (switch, host) = bad.first()?;
    // One host may disobey several stops.
    let hosts: BTreeSet<&str> = bad.iter().map(|(_, host)| &*host.host).collect();
    let more = match hosts.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more host".to_owned(),
        more => format!(", and {more} more hosts"),
    };
    let calls = if host.started_after_trip == 1 { "call" } else { "calls" };
    let since = host.none_passed_for(elapsed_s);
    let since = since.map(|for_s| format!(", none for {}", span_in_words(for_s)));
    Some(format!(
        "NOT OBEYED: {} let {} {calls} through after the trip of {}{}{more}",
        host.host,
        fmt::grouped(host.started_after_trip),
        switch.name,
        since.unwrap_or_default()
    ))
}

/// Text in at most `rows` lines of `columns`; what does not fit stays at the end of
/// the last line, to be cut off there.
fn wrap(text: &str, columns: usize, rows: usize) -> Vec<String> {
    let mut lines = wrapped(&printable(text), columns);
    if lines.len() > rows.max(1) {
        let rest = lines.split_off(rows.max(1) - 1).join(" ");
        lines.push(rest);
    }
    lines
}
