//! The first thing a person reads: how bad it is, what binds, when it comes
//! back, and whether waiting helps.

mod hurt;

use std::cmp::Reverse;

use super::{Alert, Cap, Limit, Snapshot, Source, State, Switch, Traffic, Usd, order};
use crate::engine::{counted, percent_in_words as percent, span_in_words as span};

/// Below this a limit is a warning.
const LOW: f64 = 0.10;
/// Running out within this is a warning.
const SOON_S: f64 = 300.0;
/// A cap nearer than this, at the present rate, is a warning.
const CAP_SOON_S: f64 = 3600.0;

/// Share of calls refused or failed from which a row of traffic is marked, and from
/// which it is a warning by itself. A few calls that nobody would take are their
/// writer's business, and are not marked.
const HURT: f64 = 0.02;
const BADLY_HURT: f64 = 0.2;
/// Calls that must have gone wrong for that, unless all did.
const FEW: f64 = 3.0;

/// Age of the newest line from which numbers are marked as old …
pub const OLD_DATA_S: f64 = 30.0;
/// … and beyond which they say nothing about the present; sooner where nothing more comes,
/// for what went wrong before the last minute is in no rate.
const OLD_S: f64 = 120.0;
const OLD_AT_END_S: f64 = 60.0;

/// How bad a limit is.
#[must_use]
pub fn limit_state(limit: &Limit) -> State {
    if limit.exhausted {
        return State::Critical;
    }
    if limit.stale || (limit.remaining_ratio.is_none() && limit.remaining.is_none()) {
        return State::Unknown;
    }
    let low = limit.remaining_ratio.is_some_and(|left| left < LOW);
    let soon = limit.exhausts_in_s.is_some_and(|s| s < SOON_S);
    if low || soon { State::Warning } else { State::Ok }
}

/// How bad a cap is.
#[must_use]
pub fn cap_state(cap: &Cap) -> State {
    if cap.is_spent() {
        return State::Critical;
    }
    if cap.is_unpriced() && billed_beyond(cap).is_none() {
        return State::Unknown;
    }
    let soon = cap.cap_in_s.is_some_and(|s| s < CAP_SOON_S) || billed_beyond(cap).is_some();
    if cap.used_ratio.is_some_and(|used| used >= 0.8) || soon { State::Warning } else { State::Ok }
}

/// How bad a row of traffic is.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a count of a minute's calls")]
pub fn traffic_state(traffic: &Traffic) -> State {
    let worst = traffic.hurt_ratio();
    let bad = worst * traffic.requests as f64;
    if worst >= BADLY_HURT && (bad >= FEW || worst >= 1.0) {
        return State::Critical;
    }
    let marked = traffic.refused_ratio().max(traffic.broken_ratio()) >= HURT;
    if marked { State::Warning } else { State::Ok }
}

/// Worst of everything: alerts say what is wrong, limits and caps what binds.
#[must_use]
pub fn state(snapshot: &Snapshot) -> State {
    let firing = snapshot.alerts.iter().filter(|alert| alert.state == "firing");
    let alerts = firing.map(|alert| alert.severity).max();
    let limits =
        snapshot.limits.iter().map(|limit| limit.state).filter(|s| *s >= State::Warning).max();
    let caps = snapshot.caps.iter().map(|cap| cap.state).filter(|s| *s >= State::Warning).max();
    let tripped = snapshot.switches.iter().any(Switch::is_wanted).then_some(State::Critical);
    // Users are hurt, whatever no rule says of it yet; how badly is for rules to say.
    let hurt = hurt::worst(snapshot).or(hurt::stopped_elsewhere(snapshot)).map(|_| State::Warning);
    let unread = snapshot.sources.iter().any(is_broken).then_some(State::Warning);
    let unkept = ledger_behind(snapshot).map(|_| State::Warning);
    let found = snapshot.findings.iter().filter_map(|finding| finding.severity).max();
    let all = [alerts, limits, caps, tripped, hurt, unread, unkept, found];
    let worst = all.into_iter().flatten().max();
    match worst {
        Some(worst) if worst >= State::Warning => worst,
        _ if lines(snapshot) == 0 || said(snapshot) == Said::Nothing => State::Unknown,
        _ if oldness(snapshot).is_some() || unheard(snapshot).is_some() => State::Unknown,
        _ if gone(snapshot).is_some() => State::Unknown,
        _ if snapshot.sources.iter().all(|source| &*source.state == "silent") => State::Unknown,
        _ => State::Ok,
    }
}

/// The sentence.
#[must_use]
pub fn sentence(snapshot: &Snapshot) -> String {
    let mut parts: Vec<String> = Vec::new();
    // A stop that could not be made is worse than all that stands.
    parts.extend(snapshot.switches.iter().filter(|switch| switch.failed).map(not_made));
    let tripped = snapshot.switches.iter().filter(|switch| switch.state == "tripped");
    parts.extend(tripped.map(stopped));
    parts.extend(hurt::stopped_elsewhere(snapshot));
    parts.extend(spent_cap(snapshot));
    let exhausted: Vec<&Limit> = snapshot.limits.iter().filter(|limit| limit.exhausted).collect();
    if let Some(limit) = latest_back(&exhausted) {
        parts.push(exhausted_limit(limit, exhausted.len()));
    }
    if exhausted.is_empty() {
        parts.extend(hurt::worst(snapshot).map(|worst| worst + &of_the_past(snapshot)));
        parts.extend(next_limit(snapshot));
    }
    let burning = snapshot.caps.iter().find(|cap| !cap.is_spent() && cap.state >= State::Warning);
    if let Some(cap) = burning {
        parts.push(match (billed_beyond(cap), cap.cap_in_s, cap.used_ratio) {
            (Some(billed), ..) => {
                let (billed, whole) = (billed.0.about(), cap.cap_usd.0.about());
                format!("cap {}: its provider bills {billed} of {whole}", cap.title())
            }
            (_, None, Some(used)) => format!("cap {} {} used", cap.title(), percent(used)),
            (_, s, _) => format!("cap {} in {}", cap.title(), s.map_or("?".into(), span)),
        });
    }
    parts.extend(ledger_behind(snapshot));
    parts.extend(found(snapshot, State::Critical));
    parts.extend(unread(snapshot));
    if !parts.is_empty() {
        parts.extend(catching_up(snapshot).map(|progress| format!("catching up: {progress}")));
    }
    if let Some(load) = snapshot.overall_retries.amplification.filter(|a| *a >= 1.1) {
        parts.push(format!("retries add {} load", percent(load - 1.0)));
    }
    // Where nothing was understood, that explains any alert about it.
    if parts.is_empty() && !nothing_understood(snapshot) {
        parts.extend(firing(snapshot));
    }
    if !parts.is_empty() {
        parts.extend(gone(snapshot));
    }
    if parts.is_empty() {
        parts.extend(unheard(snapshot).map(|alert| {
            format!("no data any more, so whether this is over is not known: {}", alert.summary)
        }));
    }
    if parts.is_empty() {
        let calm = calm(snapshot);
        // Nothing binds, and yet it is not as it should be.
        let warned = found(snapshot, State::Warning).filter(|_| !nothing_understood(snapshot));
        return warned.map_or(calm.clone(), |warned| format!("{}. {calm}", capital(&warned)));
    }
    // Of one alone it says nothing.
    if let [top, _, ..] = &*snapshot.keys
        && let Some(share) = top.share.filter(|share| *share >= 0.4)
    {
        parts.push(format!("{} of {} by {}", percent(share), top.share_of, who(top)));
    }
    parts.join("; ") + "."
}

/// What still holds of a picture that was kept, while nothing runs: a stop stands, of
/// what is spent nothing comes back before the period ends, and what a person must know
/// is still to be known. Nothing else is known of the present. `age_s` is that of the newest call in it;
/// `keeper` a process that goes on, and that nobody can ask.
#[must_use]
pub fn kept(snapshot: &Snapshot, age_s: Option<f64>, keeper: Option<u32>) -> (State, String) {
    let tripped = snapshot.switches.iter().filter(|switch| switch.state == "tripped");
    let mut parts: Vec<String> = tripped.map(tripped_by).collect();
    parts.extend(spent_cap(snapshot));
    parts.extend(found(snapshot, State::Critical));
    let state = if parts.is_empty() { State::Unknown } else { State::Critical };
    let age = match age_s {
        None if snapshot.totals.requests > 0 => "of its calls only the totals are kept".to_owned(),
        None => "no call was kept".to_owned(),
        Some(s) if s < 60.0 => "the newest call kept is less than a minute old".to_owned(),
        Some(s) => format!("the newest call kept is {} old", span(s)),
    };
    let no = if parts.is_empty() { "No" } else { "no" };
    parts.push(match keeper {
        None => format!("{no} `serve` runs: {age}, and nothing is known since"),
        Some(pid) => format!(
            "{no} `serve` can be asked: process {pid} (a console or `watch`) keeps the ledger, and \
             this is what it has kept ({age}); to be able to ask it, run `tripline serve` instead"
        ),
    });
    (state, parts.join("; ") + ".")
}

/// The cap that is spent, the worst of several.
fn spent_cap(snapshot: &Snapshot) -> Option<String> {
    let mut spent = snapshot.caps.iter().filter(|cap| cap.is_spent());
    let cap = spent.next()?;
    let more = match spent.count() as u64 + snapshot.spent_left_out {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let used = cap.spent_usd.map_or_else(|| "?".to_owned(), |Usd(usd)| usd.about());
    let whole = cap.cap_usd.0.about();
    Some(format!("cap {} is spent ({used} of {whole}){more}", cap.title()))
}

impl Switch {
    /// Whether a stop is wanted here: it stands, or could not be made.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.failed || self.state == "tripped"
    }
}

fn not_made(switch: &Switch) -> String {
    let why = switch.problem.as_deref().unwrap_or("NOT stopped");
    format!("KILL {} FAILED, {why}", switch.scope)
}

fn tripped_by(switch: &Switch) -> String {
    let by = switch.rule.as_ref().map(|rule| format!("rule {rule}"));
    let by = by.or(switch.by.as_ref().map(ToString::to_string)).unwrap_or_else(|| "?".into());
    format!("KILL {} tripped by {by}", switch.scope)
}

fn stopped(switch: &Switch) -> String {
    let mut bad: Vec<_> = switch.hosts.iter().filter(|h| h.obeyed == Some(false)).collect();
    bad.sort_by_key(|host| Reverse(host.started_after_trip));
    let lately = |host: &super::SwitchHost| match host.none_passed_for(0.0) {
        Some(for_s) => format!("{} (none passed for {})", host.host, span(for_s)),
        None => host.host.to_string(),
    };
    let disobey: Vec<String> = bad.into_iter().map(lately).collect();
    let obey = switch.hosts.iter().filter(|h| h.obeyed == Some(true)).count();
    let unknown: u64 = switch.hosts.iter().map(|host| host.start_unknown).sum();
    let proof = if !disobey.is_empty() {
        format!("NOT OBEYED by {}", disobey.join(", "))
    } else if unknown > 0 {
        format!("NOT PROVEN: {unknown} calls passed since, and no log says when they began")
    } else if obey > 0 {
        let silent: Vec<&str> =
            switch.hosts.iter().filter(|h| h.silent).map(|h| &*h.host).collect();
        let silent = match silent.as_slice() {
            [] => String::new(),
            hosts => format!(", not proven of {}: silent since", hosts.join(", ")),
        };
        format!("obeyed by {obey} of {}{silent}", counted(switch.hosts.len(), "host"))
    } else if switch.hosts.iter().all(|host| host.silent) {
        match switch.watched_from() {
            Some(time) => format!("no call seen since {time}, when this run began: not proven"),
            None => "no call since, not proven yet".to_owned(),
        }
    } else if let Some(other) = switch.hosts.iter().find_map(|host| host.other_stop.as_deref()) {
        format!("not proven: calls are refused by another stop, {other}")
    } else if switch.hosts.iter().any(|host| host.refused_by_another > 0) {
        "not proven: calls are refused, by another stop or by one that is not named".to_owned()
    } else {
        "not proven yet".to_owned()
    };
    format!("{}, {proof}", tripped_by(switch))
}

/// Of several exhausted limits the one that comes back last binds; money that is
/// spent does not come back at all.
fn latest_back<'a>(exhausted: &[&'a Limit]) -> Option<&'a Limit> {
    let back = |limit: &Limit| match limit.resource {
        "credits" | "spend" => f64::INFINITY,
        _ if limit.is_nil() => f64::INFINITY,
        _ => limit.reset_in_s.unwrap_or(f64::MAX),
    };
    exhausted.iter().copied().max_by(|a, b| back(a).total_cmp(&back(b)))
}

/// What the provider bills, where that is more than the cap, whatever was counted here.
fn billed_beyond(cap: &Cap) -> Option<Usd> {
    cap.provider_usd.filter(|billed| billed.0 >= cap.cap_usd.0)
}

/// Whose calls these are.
fn who(key: &super::Key) -> String {
    if &*key.key_id == super::UNATTRIBUTED {
        "calls with no key logged".to_owned()
    } else {
        format!("key {}", key.title())
    }
}

/// That shares of the last minute are of one that is over, where no line comes any more.
fn of_the_past(snapshot: &Snapshot) -> String {
    let old = snapshot.data_age_s().filter(|age| *age >= OLD_DATA_S);
    let words = |age| format!(" shortly before the newest line, which is {} old", span(age));
    old.map(words).unwrap_or_default()
}

/// The worst alert that fires, where nothing above says as much.
fn firing(snapshot: &Snapshot) -> Option<String> {
    let firing = snapshot.alerts.iter().filter(|alert| alert.state == "firing");
    let bad = firing.filter(|alert| alert.severity >= State::Warning);
    // Of the same severity the first: it has fired last.
    let worst = bad.rev().max_by_key(|alert| alert.severity)?;
    Some(worst.summary.to_string())
}

/// The worst alert of which there is no data any more: nobody knows that all is well.
fn unheard(snapshot: &Snapshot) -> Option<&Alert> {
    let unheard = snapshot.alerts.iter().filter(|alert| alert.state == "no_data" && alert.is_open);
    let bad = unheard.filter(|alert| alert.severity >= State::Warning);
    bad.rev().max_by_key(|alert| alert.severity)
}

fn exhausted_limit(limit: &Limit, count: usize) -> String {
    let is_money = matches!(limit.resource, "credits" | "spend");
    let back = match limit.back_in_words() {
        None if limit.is_rejected() => "waiting will not help".to_owned(),
        _ if is_money || limit.is_nil() => "waiting will not help".to_owned(),
        back => back.unwrap_or_else(|| "no reset known".to_owned()),
    };
    let others = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    if limit.is_unnamed() {
        return format!("{} REFUSED, cause not stated, {back}{others}", limit.name().refused());
    }
    let word = if limit.is_rejected() { "REJECTED by its provider" } else { "EXHAUSTED" };
    format!("{} {word}, {back}{others}", limit.name().title())
}

/// The limit that will run out next, if that is soon enough to say.
fn next_limit(snapshot: &Snapshot) -> Option<String> {
    let limit = snapshot.limits.iter().find(|limit| limit.state == State::Warning)?;
    let left = limit.remaining_ratio.map(|left| format!("{} left", percent(left)));
    let empty = limit.exhausts_in_s.map(|s| format!("empty in {}", span(s)));
    let facts: Vec<String> = left.into_iter().chain(empty).collect();
    Some(format!("{} {}", limit.name().title(), facts.join(", ")))
}

fn calm(snapshot: &Snapshot) -> String {
    if snapshot.sources.is_empty() {
        return "Nothing is watched.".to_owned();
    }
    if lines(snapshot) == 0 {
        let ended = snapshot.sources.iter().all(|source| &*source.state == "ended");
        let hope = if ended { "there is nothing to read" } else { "waiting" };
        let from = counted(snapshot.sources.len(), "source");
        // A ledger's totals stand beside it, and are no sign that anything was read.
        let kept = if snapshot.ledger.is_some() && snapshot.totals.requests > 0 {
            " Totals and caps go on from the ledger."
        } else {
            ""
        };
        return format!("No line yet from {from}; {hope}.{kept}");
    }
    if nothing_understood(snapshot) {
        let read = match lines(snapshot) {
            1 => "The only line was not understood".to_owned(),
            lines => format!("None of {lines} lines was understood"),
        };
        return format!("{read}: not a gateway's log? See `tripline parse`.");
    }
    if let Some(progress) = catching_up(snapshot) {
        return format!("Catching up with what was logged before the start: {progress}.");
    }
    if let Some(gone) = gone(snapshot) {
        return format!("{}.", capital(&gone));
    }
    if let Some(age) = oldness(snapshot) {
        return format!(
            "The newest line is {} old: nothing is known about the present.",
            span(age)
        );
    }
    let quiet = snapshot.sources.iter().all(|source| &*source.state == "silent");
    if quiet {
        return "All sources are silent: nothing is known about the present.".to_owned();
    }
    // They stand worst first.
    let mut fresh = snapshot.limits.iter().filter(|limit| !limit.stale);
    match fresh.find_map(|limit| limit.remaining_ratio.map(|left| (left, limit))) {
        // Which of them is tightest would be another one in each picture.
        Some((order::FULL.., _)) => {
            "Nothing binds; each known limit is as good as full.".to_owned()
        }
        Some((left, limit)) => {
            let (name, left) = (limit.name().title(), percent(left));
            format!("Nothing binds; tightest is {name} with {left} left.")
        }
        None if snapshot.limits.iter().any(|limit| !limit.stale) => {
            "Nothing binds; of no limit it is known how large it is.".to_owned()
        }
        None if snapshot.overall.requests > 0 => {
            "Calls pass; no fresh limit is known (no rate-limit headers in the log).".to_owned()
        }
        None if snapshot.totals.requests == 0 => "No call was logged yet.".to_owned(),
        None => "No call in the last minute.".to_owned(),
    }
}

/// How far the source that needs longest is: `42%, 12 s to go`.
fn catching_up(snapshot: &Snapshot) -> Option<String> {
    let sources = snapshot.sources.iter().filter(|source| &*source.state == "catching_up");
    let left = |source: &Source| source.catch_up_in_s.unwrap_or(f64::MAX);
    let slowest = sources.max_by(|a, b| left(a).total_cmp(&left(b)))?;
    let ratio = slowest.catch_up_ratio.map(|ratio| format!("{:.0}%", (ratio * 100.0).floor()));
    let eta = slowest.catch_up_in_s.map(|s| format!("{} to go", span(s)));
    let facts: Vec<String> = ratio.into_iter().chain(eta).collect();
    Some(if facts.is_empty() { "just begun".to_owned() } else { facts.join(", ") })
}

/// Whose log was read and is not there any more, where no other source tells of the
/// present: that no call comes is not known then.
fn gone(snapshot: &Snapshot) -> Option<String> {
    let is_absent = |source: &Source| source.kind == "file" && &*source.state == "waiting";
    let speaks = |source: &Source| !is_absent(source) && &*source.state != "silent";
    let is_gone = |source: &&Source| is_absent(source) && source.lines_now > 0;
    // What is replaced is gone for a moment.
    let is_new = snapshot.data_age_s().is_none_or(|age| age < OLD_DATA_S);
    let first = snapshot.sources.iter().find(is_gone)?;
    if is_new || snapshot.sources.iter().any(speaks) {
        return None;
    }
    let waits = first.problem.as_deref().unwrap_or(&first.name);
    let more = match snapshot.sources.iter().filter(is_gone).count() {
        1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    Some(format!("a log is gone, {waits}{more}: nothing is known about the present"))
}

/// A source that can't be read, or asked, now.
fn is_broken(source: &Source) -> bool {
    matches!(&*source.state, "denied" | "error")
}

/// What is not read is in no number, whatever the others say.
fn unread(snapshot: &Snapshot) -> Option<String> {
    let broken: Vec<&Source> = snapshot.sources.iter().filter(|source| is_broken(source)).collect();
    let first = broken.first()?;
    let others =
        if broken.len() > 1 { format!(" and {} more", broken.len() - 1) } else { String::new() };
    let all = snapshot.sources.len();
    Some(format!("trouble reading {}{others} ({} of {all} sources)", first.name, broken.len()))
}

/// What a person must know at once, or should, by its first words, where it is no alert.
fn found(snapshot: &Snapshot, severity: State) -> Option<String> {
    let found = snapshot.findings.iter().filter(|row| row.severity == Some(severity));
    let first = found.clone().next()?.text.split(';').next()?.to_owned();
    let more = match found.count() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    Some(first + &more)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What is not kept yet must not look safe.
fn ledger_behind(snapshot: &Snapshot) -> Option<String> {
    let ledger = snapshot.ledger.as_ref().filter(|ledger| ledger.state == "behind")?;
    let why = ledger.problem.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    Some(format!("ledger behind by {}{why}", span(ledger.behind_s.unwrap_or(0.0))))
}

/// Lines of this run that hold anything: those of earlier runs, which a ledger goes on
/// counting, say nothing about the present.
fn lines(snapshot: &Snapshot) -> u64 {
    snapshot.sources.iter().map(|source| source.lines_now).sum()
}

/// Lines came, and no single one said anything that counts: that must not look like peace.
/// A source in trouble says so itself.
#[must_use]
pub fn nothing_understood(snapshot: &Snapshot) -> bool {
    let totals = &snapshot.totals;
    let broken = snapshot.sources.iter().any(is_broken);
    totals.faults + totals.quarantined > 0 && said(snapshot) == Said::Nothing && !broken
}

/// What the lines came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// Calls, limits, queues, or records of no interest.
    Something,
    /// None of it.
    Nothing,
}

fn said(snapshot: &Snapshot) -> Said {
    let counted = snapshot.totals.requests + snapshot.totals.ignored > 0;
    let tells = || snapshot.sources.iter().any(|source| source.tells);
    let read = counted || !snapshot.limits.is_empty() || tells();
    if read { Said::Something } else { Said::Nothing }
}

/// Age of the newest line, if that is too old to speak of the present.
fn oldness(snapshot: &Snapshot) -> Option<f64> {
    let ended = snapshot.sources.iter().all(|source| &*source.state == "ended");
    let most = if ended { OLD_AT_END_S } else { OLD_S };
    snapshot.data_age_s().filter(|age| *age > most)
}
