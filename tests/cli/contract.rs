//! What CONTRACT promises of every JSON object: absent, never null; ratios are
//! shares; times end in Z; money is a decimal string.

use serde_json::Value;

const SECTIONS: [&str; 11] = [
    "limits", "caps", "queues", "metrics", "traffic", "retries", "keys", "alerts", "switches",
    "sources", "findings",
];

/// Complaints about a snapshot.
pub fn snapshot(value: &Value) -> Vec<String> {
    let mut wrong = object(value);
    let mut need = |right: bool, what: &str| {
        if !right {
            wrong.push(what.to_owned());
        }
    };
    need(value["schema"] == "tripline.snapshot/v1", "schema");
    need(is_word(&value["state"], &["ok", "warning", "critical", "unknown"]), "state");
    need(value["verdict"].as_str().is_some_and(|text| text.ends_with('.')), "verdict");
    for section in SECTIONS {
        need(value[section].is_array(), section);
    }
    let totals = &value["totals"];
    for field in ["requests", "quarantined", "ignored", "duplicates"] {
        need(totals[field].is_u64(), field);
    }
    // What calls add up to may be unknown, but not nothing.
    let unknown = |field| totals["requests"] != 0 && totals.get(field).is_none();
    for field in ["input_tokens", "output_tokens"] {
        need(totals[field].is_u64() || unknown(field), field);
    }
    need(totals["cost_usd"].is_string() || unknown("cost_usd"), "totals.cost_usd");
    for source in value["sources"].as_array().into_iter().flatten() {
        for field in ["lines", "faults", "quarantined", "ignored", "bytes_behind", "pending_bytes"]
        {
            need(source[field].is_u64(), field);
        }
        need(source["name"].is_string() && source["state"].is_string(), "sources[].name, state");
    }
    for limit in value["limits"].as_array().into_iter().flatten() {
        need(limit["resource"].is_string() && limit["stale"].is_boolean(), "limits[]");
        need(
            is_word(&limit["source"], &["header", "log", "metric", "api", "estimate"]),
            "limits[].source",
        );
    }
    wrong
}

/// Complaints about an event.
pub fn event(value: &Value) -> Vec<String> {
    let mut wrong = object(value);
    let kinds = [
        "alert.firing",
        "alert.pending",
        "alert.resolved",
        "switch.tripped",
        "switch.reset",
        "switch.obeyed",
        "limit.exhausted",
        "limit.reset",
        "source.stale",
        "finding",
    ];
    if value["schema"] != "tripline.event/v1" || !is_word(&value["event"], &kinds) {
        wrong.push(format!("not an event: {value}"));
    }
    if !value["at"].is_string() {
        wrong.push("no time".to_owned());
    }
    wrong
}

/// Complaints about an observation.
pub fn observation(value: &Value) -> Vec<String> {
    let mut wrong = object(value);
    let kinds = ["request", "limits", "queue", "metric", "ignored", "quarantined", "fault"];
    if value["schema"] != "tripline.observation/v1" || !is_word(&value["kind"], &kinds) {
        wrong.push(format!("not an observation: {value}"));
    }
    if value["line"].as_u64().is_none_or(|line| line == 0) {
        wrong.push("no line number".to_owned());
    }
    let reason = value["reason"].is_string();
    match value["kind"].as_str() {
        Some("request") if !value["outcome"].is_string() || !value["at"].is_string() => {
            wrong.push("a request without outcome or time".to_owned());
        }
        Some("quarantined")
            if !(reason && value["offset"].is_u64() && value["length"].is_u64()) =>
        {
            wrong.push("quarantined without reason and place".to_owned());
        }
        Some("ignored" | "fault") if !reason => wrong.push("no reason".to_owned()),
        _ => {}
    }
    wrong
}

/// What holds for every object of ours, by the names of its fields.
fn object(value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    walk("", "", value, &mut wrong);
    wrong
}

fn walk(path: &str, name: &str, value: &Value, wrong: &mut Vec<String>) {
    let right = match value {
        Value::Null => false,
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(&format!("{path}.{name}"), name, value, wrong);
            }
            true
        }
        Value::Array(rows) => {
            for row in rows {
                walk(&format!("{path}[]"), name, row, wrong);
            }
            true
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            let is_money = name.ends_with("_usd") || name.starts_with("usd_");
            let is_share = name.ends_with("_ratio") && name != "used_ratio";
            let is_span = name.ends_with("_s") || name.ends_with("_ms");
            !is_money && (!is_share || (0.0..=1.0).contains(&number)) && (!is_span || number >= 0.0)
        }
        Value::String(text) => match name {
            "at" | "since" | "period_start" | "started_at" | "reset_at" => is_time(text),
            "cost_usd" | "spent_usd" | "cap_usd" | "usd_per_hour" | "wasted_usd_per_hour" => {
                is_money(text)
            }
            name => !(name.ends_with("_ratio") || name.ends_with("_ms")),
        },
        Value::Bool(_) => true,
    };
    if !right {
        wrong.push(format!("{path} is {value}"));
    }
}

fn is_word(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}

/// `2026-11-20T14:03:27.412Z`
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

/// `0.004210`
fn is_money(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    unsigned.split_once('.').is_some_and(|(whole, cents)| digits(whole) && digits(cents))
}
