//! One `[[rule]]`: what it watches, when it is bad, and what it does.
//!
//! Most checks here refuse rules that would never fire, or that would stop
//! traffic on too little evidence: both look fine until the night they matter.

use toml::de::DeValue;

use super::item::matches;
use super::reader::Reader;
use super::scope;
use super::value::{self, Complaint, Raw, Read};
use crate::domain::{Layer, Outcome, Priority, Resource, Scope};
use crate::engine::{CapSpec, Period};
use crate::rules::{
    Action, Direction, Family, Match, Metric, OnNoData, RuleSpec, Severity, Threshold,
};
use crate::source::SourceSpec;
use crate::text::did_you_mean;

/// Reads an enabled rule. `None` if it is wrong, which is then reported.
pub(super) fn rule(mut reader: Reader, name: String, caps: &[CapSpec]) -> Option<RuleSpec> {
    let before = reader.problems();
    let metric = reader.need("metric", metric);
    let matches = reader.take("match", |raw| match metric {
        Some(metric) => conditions(raw, metric, caps),
        // Without a metric its labels are unknown, and that is reported already.
        None => Ok(Match::new()),
    });
    let severity = reader.take("severity", severity).unwrap_or(Severity::Warning);
    let thresholds = thresholds(&mut reader, metric, severity);
    let clear = reader.take("clear", |raw| {
        let clear = value::number(raw)?;
        match &thresholds {
            Some((direction, levels)) => on_good_side(clear, *direction, levels),
            None => Ok(clear),
        }
    });
    let hold = reader.take("for", value::duration).unwrap_or_default();
    let keep_firing = reader.take("keep_firing_for", value::duration).unwrap_or_default();
    let actions = reader.take("actions", |raw| value::list(raw, scope::action));
    let evidence = reader.take("min_requests", |raw| value::whole(raw, 0..=1_000_000_000));
    let cooldown = reader.take("cooldown", value::duration).unwrap_or_default();
    let on_no_data =
        reader.take("on_no_data", |raw| value::word(raw, OnNoData::ALL, OnNoData::word));
    let runbook = reader.take("runbook", value::link);
    if reader.problems() > before {
        reader.finish();
        return None;
    }
    let (direction, thresholds) = thresholds?;
    let spec = RuleSpec {
        name,
        metric: metric?,
        matches: matches.unwrap_or_default(),
        direction,
        thresholds,
        clear,
        hold,
        keep_firing,
        actions: actions.unwrap_or_default(),
        min_requests: evidence.unwrap_or_default(),
        cooldown,
        on_no_data: on_no_data.unwrap_or_default(),
        runbook,
        builtin: false,
    };
    check_trips(&mut reader, &spec, caps);
    let good = reader.problems() == before;
    reader.finish();
    good.then_some(spec)
}

fn metric(raw: &Raw) -> Read<Metric> {
    value::word(raw, Metric::ALL, Metric::word).map_err(|complaint| {
        let hint = complaint.hint.clone();
        let hint = hint.unwrap_or_else(|| "`tripline config show --metrics` lists them".to_owned());
        let message = complaint.message.replace("has an unknown value", "names an unknown metric");
        Complaint { message, ..complaint }.hint(hint)
    })
}

fn severity(raw: &Raw) -> Read<Severity> {
    value::word(raw, Severity::ALL, Severity::word)
}

/// Labels of the metric; where a label has a closed set of values, one of them.
fn conditions(raw: &Raw, metric: Metric, caps: &[CapSpec]) -> Read<Match> {
    let found = matches(raw, metric.labels()).map_err(|mut complaint| {
        complaint.message = complaint.message.replace(
            "has an unknown label",
            &format!("names a label that {} does not have:", metric.word()),
        );
        complaint
    })?;
    let table = raw.get_ref().as_table();
    for (label, value) in found.iter().filter(|(_, value)| *value != "*") {
        let span = table.and_then(|table| table.get(label.as_str())).map(toml::Spanned::span);
        let unknown = |known: Vec<&str>| {
            let mut complaint = Complaint::new(format!("label '{label}' is never '{value}'"))
                .maybe(did_you_mean(value, known.iter().copied()));
            complaint.span.clone_from(&span);
            if complaint.hint.is_none() && !known.is_empty() {
                complaint.hint = Some(format!("one of: {}", known.join(", ")));
            }
            Err(complaint)
        };
        if label == "cap" {
            let known: Vec<&str> = caps.iter().map(|cap| cap.name.as_str()).collect();
            if !known.contains(&value.as_str()) {
                return unknown(known);
            }
        }
        if label == "period" {
            let words = Period::CALENDAR.map(|(word, _)| word.to_owned());
            let own = caps.iter().map(|cap| cap.period.to_string());
            let mut known: Vec<String> = words.into_iter().collect();
            known.extend(own.filter(|period| Period::CALENDAR.iter().all(|(w, _)| w != period)));
            if !known.contains(value) {
                return unknown(known.iter().map(String::as_str).collect());
            }
        }
        if let Some(known) = closed_set(label, metric)
            && !known.contains(&value.as_str())
        {
            return unknown(known);
        }
    }
    Ok(found)
}

/// The values of a label that has only a few.
fn closed_set(label: &str, metric: Metric) -> Option<Vec<&'static str>> {
    Some(match label {
        "layer" => Layer::ALL.iter().map(|value| value.word()).collect(),
        "resource" => Resource::ALL.iter().map(|value| value.word()).collect(),
        "scope" if metric.family() == Family::Limit => {
            Scope::ALL.iter().map(|value| value.word()).collect()
        }
        "priority" => Priority::ALL.iter().map(|value| value.word()).collect(),
        "outcome" => Outcome::ALL.iter().map(|value| value.word()).collect(),
        "kind" => SourceSpec::KINDS.to_vec(),
        _ => return None,
    })
}

type Levels = (Direction, Vec<Threshold>);

fn thresholds(reader: &mut Reader, metric: Option<Metric>, severity: Severity) -> Option<Levels> {
    let (key, direction) = match (reader.has("above"), reader.has("below")) {
        (true, false) => ("above", Direction::Above),
        (false, true) => ("below", Direction::Below),
        (true, true) => {
            let complaint = Complaint::new("stands beside 'above': a rule has one bad side")
                .hint("make two rules of it");
            reader.complain("below", complaint);
            return None;
        }
        (false, false) => {
            reader.complain_of_all(&Complaint::new("[[rule]] needs 'above' or 'below'"));
            return None;
        }
    };
    let levels = reader.take(key, |raw| levels(raw, direction, metric, severity))?;
    Some((direction, levels))
}

/// A number, or a list of numbers or `{ value, severity }`, mildest first.
fn levels(
    raw: &Raw,
    direction: Direction,
    metric: Option<Metric>,
    severity: Severity,
) -> Read<Vec<Threshold>> {
    let one = |raw: &Raw| {
        let level = level(raw, severity)?;
        match metric {
            Some(metric) => reachable(level.value, direction, metric).map(|()| level),
            None => Ok(level),
        }
    };
    if !raw.get_ref().is_array() {
        return Ok(vec![one(raw)?]);
    }
    let levels = value::list(raw, one)?;
    if levels.is_empty() {
        return Err(Complaint::new("must not be empty"));
    }
    let worse = |a: &Threshold, b: &Threshold| match direction {
        Direction::Above => b.value > a.value,
        Direction::Below => b.value < a.value,
    };
    for pair in levels.windows(2) {
        let [mild, bad] = pair else { continue };
        if !worse(mild, bad) || bad.severity < mild.severity {
            return Err(Complaint::new("must list its thresholds mildest first"));
        }
    }
    Ok(levels)
}

fn level(raw: &Raw, severity: Severity) -> Read<Threshold> {
    let DeValue::Table(table) = raw.get_ref() else {
        return value::number(raw).map(|value| Threshold { value, severity });
    };
    let known = ["value", "severity"];
    let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
    let mut wrong: Vec<Complaint> = unknown
        .map(|key| {
            let hint = did_you_mean(key.get_ref(), known);
            let complaint = Complaint::new(format!("has an unknown key '{}'", key.get_ref()));
            complaint.maybe(hint).at(key.span())
        })
        .collect();
    let level = table.get("severity").map_or(Ok(severity), |raw| {
        self::severity(raw).map_err(|complaint| complaint.at(raw.span()))
    });
    let value = match table.get("value") {
        Some(value) => value::number(value).map_err(|complaint| complaint.at(value.span())),
        None => Err(Complaint::new("needs a 'value' in each threshold").at(raw.span())),
    };
    let value = value.map_err(|complaint| wrong.push(complaint)).ok();
    let severity = level.map_err(|complaint| wrong.push(complaint)).ok();
    Complaint::unless(wrong, || Some(Threshold { value: value?, severity: severity? }))
}

/// Refuses a threshold that the metric never crosses: such a rule is disarmed
/// and nobody knows.
fn reachable(value: f64, direction: Direction, metric: Metric) -> Read<()> {
    let (low, high) = range(metric);
    let word = metric.word();
    if value < low || value > high {
        let hint = if high <= 1.0 && value > 1.0 && value <= 100.0 {
            format!("{word} is a share: did you mean {}?", value / 100.0)
        } else if high.is_finite() {
            format!("{word} lies between {low} and {high}")
        } else {
            format!("{word} is never below {low}")
        };
        return Err(Complaint::new("is never reached").hint(hint));
    }
    match direction {
        Direction::Above if value >= high => {
            Err(Complaint::new(format!("is never reached: {word} is never above {high}")))
        }
        Direction::Below if value <= low => {
            Err(Complaint::new(format!("is never reached: {word} is never below {low}")))
        }
        _ => Ok(()),
    }
}

/// The values a metric can have.
fn range(metric: Metric) -> (f64, f64) {
    match metric {
        // An overdraft is negative.
        Metric::LimitRemaining => (f64::NEG_INFINITY, f64::INFINITY),
        Metric::LimitRemainingRatio
        | Metric::LimitExhaustsBeforeReset
        | Metric::ErrorsRatio
        | Metric::RetriesSuccessRatio
        | Metric::CacheHitRatio
        | Metric::KeyUsdShare
        | Metric::SourceFaultRatio
        | Metric::SourceQuarantinedRatio
        | Metric::SpendUnpricedRatio => (0.0, 1.0),
        // A share that can be overdrawn, but not by so much: 80 is a percentage.
        Metric::LimitUsedRatio | Metric::SpendUsedRatio => (0.0, 10.0),
        _ => (0.0, f64::INFINITY),
    }
}

fn on_good_side(clear: f64, direction: Direction, levels: &[Threshold]) -> Read<f64> {
    let Some(mildest) = levels.first() else { return Ok(clear) };
    let (good, words) = match direction {
        Direction::Above => (clear <= mildest.value, ("above", "at or below")),
        Direction::Below => (clear >= mildest.value, ("below", "at or above")),
    };
    if good {
        return Ok(clear);
    }
    let (bad, side) = words;
    let message = format!("is on the wrong side: it is bad {bad} {}", mildest.value);
    Err(Complaint::new(message).hint(format!("clear must be {side} {}", mildest.value)))
}

/// A rule that stops traffic must say on what evidence.
fn check_trips(reader: &mut Reader, rule: &RuleSpec, caps: &[CapSpec]) {
    let scopes = rule.actions.iter().map(|Action::Trip(scope)| scope.as_str());
    let scopes: Vec<&str> = scopes.collect();
    if scopes.is_empty() {
        return;
    }
    for (key, why) in [
        ("for", "one odd reading must not stop production"),
        ("min_requests", "a few calls must not stop production"),
    ] {
        if !reader.has(key) {
            let message = format!("must come with '{key}' where it trips a switch");
            reader.complain("actions", Complaint::new(message).hint(why));
        }
    }
    // At once is at the first reading, whatever it is.
    if reader.has("for") && rule.hold.is_zero() {
        let complaint = Complaint::new("must be longer than 0 where a rule trips a switch")
            .hint("one odd reading must not stop production; \"10ms\" waits for a second look");
        reader.complain("for", complaint);
    }
    if reader.has("min_requests") && rule.min_requests == 0 {
        let complaint = Complaint::new("must be at least 1 where a rule trips a switch");
        reader.complain("min_requests", complaint);
    }
    if rule.on_no_data == OnNoData::Fire {
        let complaint = Complaint::new("must not be \"fire\" where a rule trips a switch")
            .hint("missing data is no reason to stop production");
        reader.complain("on_no_data", complaint);
    }
    for scope in scopes {
        if let Some(complaint) = never_trips(scope, rule, caps) {
            reader.complain("actions", complaint);
        }
    }
}

/// A trip whose scope comes from labels that the alert will not have.
fn never_trips(scope: &str, rule: &RuleSpec, caps: &[CapSpec]) -> Option<Complaint> {
    let word = rule.metric.word();
    if let Some(label) = scope::missing_label(scope, rule.metric) {
        let message = format!("cannot take its scope from {word}, which has no '{label}'");
        return Some(Complaint::new(message).hint("name the target, or use \"trip:all\""));
    }
    if rule.metric.family() != Family::Cap {
        return None;
    }
    if caps.is_empty() {
        let message = format!("never happens: {word} is about caps, and there is none");
        return Some(Complaint::new(message).hint("add a [[cap]]"));
    }
    // A cap's alert has the names the cap is about, and only those.
    let watched = |cap: &&CapSpec| {
        let name = rule.matches.get("cap");
        name.is_none_or(|name| name == "*" || *name == cap.name)
    };
    let lacking = caps.iter().filter(watched).find_map(|cap| {
        let named = |label: &&str| {
            let each = cap.each.is_some_and(|each| each.word() == *label);
            each || cap.matches.get(*label).is_some_and(|value| value != "*")
        };
        let label = scope::labels_for(scope).iter().find(|label| !named(label))?;
        Some((cap, label))
    });
    lacking.map(|(cap, label)| {
        let message =
            format!("cannot take its scope from cap '{}', which names no '{label}'", cap.name);
        Complaint::new(message).hint("name the target, or use \"trip:all\"")
    })
}
