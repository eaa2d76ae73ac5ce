//! What a map says that could never mean anything: words outside of a closed set, paths
//! of no key, values that are never reached. Whoever wrote it meant something else.

use super::{Read, Table, Value, error, number, table};
use crate::decode::map::field::{Field, Kind};
use crate::decode::map::{Alt, Explode, From, Headers, Input, Map};
use crate::decode::record::priority;
use crate::decode::status;
use crate::domain::{ErrorKind, Layer, LimitedBy, Priority};
use crate::scan;
use crate::text::nearest;

/// Where a value goes: what kind it is, and which words it may be.
#[derive(Clone, Copy)]
pub(super) struct Taker {
    pub(super) kind: Kind,
    field: Option<Field>,
}

impl Taker {
    /// A value that may be anything of a kind.
    pub(super) fn any(kind: Kind) -> Taker {
        Taker { kind, field: None }
    }

    pub(super) fn field(field: Field) -> Taker {
        Taker { kind: field.kind(), field: Some(field) }
    }

    /// Whether it takes a word that a map gives it.
    pub(super) fn takes(self, value: &Value<'_>, key: &str, word: &str) -> Read<()> {
        let words: Vec<&str> = match self.field {
            Some(Field::ErrorKind) if status::is_well(word) => return Ok(()),
            Some(Field::ErrorKind) => ErrorKind::ALL.iter().map(|kind| kind.word()).collect(),
            Some(Field::LimitedBy) => LimitedBy::ALL.iter().map(|by| by.word()).collect(),
            Some(Field::Layer) => Layer::ALL.iter().map(|layer| layer.word()).collect(),
            Some(Field::Priority) if priority(word).is_none() => {
                Priority::ALL.iter().map(|priority| priority.word()).collect()
            }
            Some(Field::Stream | Field::CacheHit) if !is_flag(word) => vec!["true", "false"],
            Some(Field::Status) => {
                let is_one = word.parse().is_ok_and(|status: u16| (100..1000).contains(&status));
                return if is_one {
                    Ok(())
                } else {
                    Err(error(value, key, "must be a status of HTTP"))
                };
            }
            Some(field) if self.kind == Kind::Number => return quantity(value, key, field),
            _ if self.kind == Kind::Number => return number(value, key).map(drop),
            _ => return Ok(()),
        };
        if words.contains(&word) { Ok(()) } else { Err(error(value, key, one_of(word, &words))) }
    }
}

/// Whether a number is one that a field can have.
#[allow(clippy::float_cmp, reason = "a whole number is its own whole part, exactly")]
fn quantity(value: &Value<'_>, key: &str, field: Field) -> Read<()> {
    let given = number(value, key)?;
    if given < 0.0 {
        return Err(error(value, key, "must not be negative"));
    }
    if field.is_count() && given.trunc() != given {
        return Err(error(value, key, "must be a whole number"));
    }
    if field == Field::Attempt && given == 0.0 {
        return Err(error(value, key, "must be at least 1: the first try is `1`"));
    }
    Ok(())
}

fn is_flag(word: &str) -> bool {
    let text = format!("\"{word}\"");
    scan::string(text.as_bytes()).is_some_and(|value| value.as_bool().is_some())
}

/// What is said of a word that is none of these.
pub(super) fn one_of(word: &str, words: &[&str]) -> String {
    let near = nearest(word, words.iter().copied());
    let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? It "));
    let all: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("{hint}must be one of {}", all.join(", "))
}

/// Why a path leads nowhere, if it does.
pub(super) fn no_path(path: &str) -> Option<&'static str> {
    const NONE: &str = "is not a path: keys with dots between them";
    const BRACKETS: &str =
        "is not a path: in brackets stands the number of an element, as in `a[0].b`";
    for part in path.split('.') {
        let (key, mut rest) = part.split_at(part.find(['[', ']']).unwrap_or(part.len()));
        if key.is_empty() && rest.is_empty() {
            return Some(NONE);
        }
        while !rest.is_empty() {
            let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let number =
                inside.filter(|(number, _)| *number == "*" || number.parse::<i64>().is_ok());
            let Some((_, behind)) = number else { return Some(BRACKETS) };
            rest = behind;
        }
    }
    None
}

/// Alternatives behind one that always gives a value.
pub(super) fn unreachable<'v, 't>(
    alts: impl Iterator<Item = (&'v Value<'t>, &'v Alt<String>)>,
    key: &str,
) -> Read<()>
where
    't: 'v,
{
    let mut settled = false;
    for (value, alt) in alts {
        if settled {
            return Err(error(
                value,
                key,
                "is never reached: the constant before it always applies",
            ));
        }
        settled = matches!(alt.from, From::Const(_)) && alt.when.is_none();
    }
    Ok(())
}

/// What only a map as a whole tells.
pub(super) fn whole(table: &Table<'_>, map: &Map<String>) -> Read<()> {
    headers(table, map)?;
    groups(table, map)?;
    let has_key = [Field::DedupKey, Field::CallKey, Field::RecordKey]
        .iter()
        .any(|key| !map.field(*key).is_empty());
    for key in ["trusted_id", "dedup", "id_space"] {
        if let (Some(value), false) = (table.get(key), has_key) {
            return Err(error(value, key, "needs `fields.dedup_key`, which says what is the id"));
        }
    }
    Ok(())
}

fn headers(map_table: &Table<'_>, map: &Map<String>) -> Read<()> {
    let Headers { from, record, named, .. } = &map.headers;
    let reads = !from.is_empty() || *record || !named.is_empty();
    if let (Some(value), false) = (map_table.get("headers"), reads) {
        return Err(error(
            value,
            "headers",
            "reads none: it needs `from`, `fields`, or `prefixes` and `names`",
        ));
    }
    let by_nature = matches!(map.input, Input::HttpDump);
    if reads || by_nature {
        return Ok(());
    }
    let Some(fields) = map_table.get("fields") else { return Ok(()) };
    for (name, value) in table(fields, "fields")? {
        let field = Field::ALL.iter().find(|field| field.word() == name.get_ref());
        let alts = field.map_or(&[][..], |field| map.field(*field));
        if alts.iter().any(|alt| matches!(alt.from, From::Header(_))) {
            let key = format!("fields.{}", name.get_ref());
            return Err(error(
                value,
                &key,
                "asks for a header, and `[headers]` does not say where they are",
            ));
        }
    }
    Ok(())
}

/// Fields of text that no pattern has a group for.
fn groups(map_table: &Table<'_>, map: &Map<String>) -> Read<()> {
    use crate::decode::map::Group;

    let mut groups = map.patterns.iter().flat_map(|pattern| &pattern.groups);
    if map.input != Input::Regex || groups.any(|(_, _, group)| *group != Group::Text) {
        return Ok(());
    }
    let Some(fields) = map_table.get("fields") else { return Ok(()) };
    for (name, value) in table(fields, "fields")? {
        let field = Field::ALL.iter().find(|field| field.word() == name.get_ref());
        let alts = field.map_or(&[][..], |field| map.field(*field));
        for path in alts.iter().flat_map(Alt::needs) {
            let mut groups = map.patterns.iter().flat_map(|pattern| &pattern.groups);
            let is_known = groups.any(|(_, group, _)| {
                path.strip_prefix(&**group)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            if !is_known {
                let key = format!("fields.{}", name.get_ref());
                return Err(error(value, &key, format!("no pattern has a group `{path}`")));
            }
        }
    }
    Ok(())
}

/// A path of the record's name needs a name.
pub(super) fn is_named(path: &str, explode: &[Explode]) -> bool {
    use crate::decode::map::Each;

    path != "@key" || explode.iter().any(|explode| explode.each == Each::Member)
}
