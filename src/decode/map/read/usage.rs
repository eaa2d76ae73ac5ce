//! Token counts by the names that providers and SDKs give them, wherever a map says that
//! such counts stand: one table (`usage.toml`) for all of them.

use std::sync::OnceLock;

use super::strict::no_path;
use super::{Read, Table, error, list, string, table};
use crate::decode::map::places::Places;
use crate::decode::map::{Alt, Field};

const USAGE: &str = include_str!("../../../../data/formats/usage.toml");

/// Fields and their alternatives.
type Counts = Vec<(Field, Vec<Alt<String>>)>;

/// Adds what stands under the prefixes of `[tokens]` to what a map names itself, which
/// comes first.
pub(super) fn add(map: &Table<'_>, fields: &mut [Vec<Alt<String>>]) -> Read<()> {
    for prefix in prefixes(map)? {
        for (field, alts) in counts() {
            let Some(place) = fields.get_mut(*field as usize) else { continue };
            let mut under = Places(|path: &str| format!("{prefix}{path}"));
            let alts = alts.iter().map(|alt| under.alt(alt));
            place.extend(alts.filter(|alt| alt.needs().iter().any(|path| is_count(path))));
        }
    }
    Ok(())
}

fn prefixes(map: &Table<'_>) -> Read<Vec<String>> {
    let Some(tokens) = map.get("tokens") else { return Ok(Vec::new()) };
    let Some(value) = table(tokens, "tokens")?.get("prefixes") else { return Ok(Vec::new()) };
    list(value, "tokens.prefixes", |value, key| {
        let prefix = string(value, key)?;
        let object = prefix.strip_suffix('.');
        if prefix.is_empty() || object.is_some_and(|object| no_path(object).is_none()) {
            return Ok(prefix);
        }
        Err(error(value, key, "is the path of an object and a dot, as `usage.`, or empty"))
    })
}

/// Whether a name is that of a count: by itself, or by the object that it stands in. What
/// is called `input` anywhere else is rather a text.
fn is_count(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.contains("token") || path.contains("usage")
}

/// What `usage.toml` says of counts and costs.
fn counts() -> &'static Counts {
    static COUNTS: OnceLock<Counts> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let Ok(map) = super::read(USAGE) else { unreachable!("a test reads every shipped map") };
        let fields = Field::TOKENS.iter().chain(&[Field::CostUsd]);
        fields.map(|field| (*field, map.field(*field).to_vec())).collect()
    })
}
