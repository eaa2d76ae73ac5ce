//! Holds what a test expects (TOML) against what there is (JSON): every field
//! that is named must be as it says, others may be anything.

use serde_json::Value as Json;
use toml::Value as Toml;

/// What of `wanted` is not so in `found`.
///
/// - a table: each key must match; `absent` lists keys that must not be there;
///   `min` and `max` alone make it a range
/// - an array: each element must match a row of `found`
/// - a text that begins with `~`: the rest is somewhere in the text found
pub fn mismatches(name: &str, wanted: &Toml, found: Option<&Json>) -> Vec<String> {
    let Some(found) = found else { return vec![format!("{name} is absent, not {wanted}")] };
    match (wanted, found) {
        (Toml::Table(table), found) if is_range(table) => {
            let bound = |key: &str| table.get(key).map(|v| number(v).expect("a number"));
            let value = found.as_f64();
            let inside = value.is_some_and(|value| {
                bound("min").is_none_or(|min| value >= min)
                    && bound("max").is_none_or(|max| value <= max)
            });
            complain(inside, name, wanted, found)
        }
        (Toml::Table(table), Json::Object(object)) => {
            let absent = table.get("absent").and_then(Toml::as_array).into_iter().flatten();
            let there = absent.filter_map(Toml::as_str).filter(|key| object.contains_key(*key));
            let mut wrong: Vec<String> =
                there.map(|key| format!("{name}.{key} is there: {}", object[key])).collect();
            for (key, wanted) in table.iter().filter(|(key, _)| *key != "absent") {
                wrong.extend(mismatches(&format!("{name}.{key}"), wanted, object.get(key)));
            }
            wrong
        }
        (Toml::Array(rows), Json::Array(found)) => rows
            .iter()
            .filter(|wanted| !found.iter().any(|row| mismatches("", wanted, Some(row)).is_empty()))
            .map(|wanted| {
                let rows: Vec<String> = found.iter().map(|row| format!("\n  {row}")).collect();
                format!("{name} has no row {wanted} in{}", rows.concat())
            })
            .collect(),
        (Toml::String(text), Json::String(found_text)) => {
            let same = match text.strip_prefix('~') {
                Some(part) => found_text.contains(part),
                None => text == found_text,
            };
            complain(same, name, wanted, found)
        }
        (Toml::Boolean(wanted_bool), found) => {
            complain(found.as_bool() == Some(*wanted_bool), name, wanted, found)
        }
        (wanted, found) => {
            let same = number(wanted).is_some_and(|wanted| {
                found.as_f64().is_some_and(|found| (wanted - found).abs() < 1e-9)
            });
            complain(same, name, wanted, found)
        }
    }
}

fn complain(same: bool, name: &str, wanted: &Toml, found: &Json) -> Vec<String> {
    if same { Vec::new() } else { vec![format!("{name} is {found}, not {wanted}")] }
}

fn is_range(table: &toml::Table) -> bool {
    !table.is_empty() && table.keys().all(|key| key == "min" || key == "max")
}

#[allow(clippy::cast_precision_loss, reason = "numbers of tests are small")]
fn number(value: &Toml) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|whole| whole as f64))
}
