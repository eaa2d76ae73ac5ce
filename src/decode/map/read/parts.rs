//! The tables of a map: fields, headers, limits, tokens and what is remembered.

use super::strict::{Taker, one_of};
use super::{
    Read, Reader, Table, UNTRUSTED, Value, array, error, flag, header_name, join, known, list,
    string, table,
};
use super::{unit, usage};
use crate::decode::map::{Alt, Drop, Field, Headers, Kind, Limit, Part, Sticky, TokenRule};
use crate::domain::{Layer, Resource, Scope};

/// Values one map may remember.
const MOST_STICKY: usize = 16;
/// Where headers are if each member of the record is one.
const RECORD: &str = "@";
/// What stands for all names of headers that say something about limits.
const LIMITS: &str = "@limits";
/// Limits one map may describe.
const MOST_LIMITS: usize = 32;

impl Reader {
    pub(super) fn fields(&self, map: &Table<'_>) -> Read<Vec<Vec<Alt<String>>>> {
        let mut fields = vec![Vec::new(); Field::ALL.len()];
        if let Some(value) = map.get("fields") {
            self.own_fields(map, table(value, "fields")?, &mut fields)?;
        }
        usage::add(map, &mut fields)?;
        Ok(fields)
    }

    fn own_fields(
        &self,
        map: &Table<'_>,
        table: &Table<'_>,
        fields: &mut [Vec<Alt<String>>],
    ) -> Read<()> {
        let words: Vec<&str> = Field::ALL.iter().map(|field| field.word()).collect();
        known(table, "fields", &words)?;
        for (name, value) in table {
            let field = Field::ALL.iter().find(|field| field.word() == name.get_ref());
            let Some(field) = field else { continue };
            if *field == Field::CallKey && flag(map, "trusted_id")? != Some(true) {
                return Err(error(value, "fields.call_key", UNTRUSTED));
            }
            let key = join("fields", field.word());
            let mut alts = self.alternatives(value, &key, Taker::field(*field))?;
            for alt in alts.iter_mut().filter(|alt| alt.scale.is_none()) {
                alt.scale = unit::scale(*field, alt);
            }
            if let Some(place) = fields.get_mut(*field as usize) {
                *place = alts;
            }
        }
        Ok(())
    }

    pub(super) fn sticky(&self, map: &Table<'_>) -> Read<Vec<Sticky<String>>> {
        let Some(value) = map.get("sticky") else { return Ok(Vec::new()) };
        let names = table(value, "sticky")?;
        if names.len() > MOST_STICKY {
            return Err(error(value, "sticky", format!("holds more than {MOST_STICKY} values")));
        }
        let one = |(name, value): (&toml::Spanned<_>, &Value<'_>)| {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            let at = join("sticky", name);
            let fields = table(value, &at)?;
            known(fields, &at, &["from", "when"])?;
            let Some(from) = fields.get("from") else {
                return Err(error(value, &join(&at, "from"), "is missing"));
            };
            Ok(Sticky {
                name: name.as_ref().into(),
                when: self.when(fields, &at)?,
                from: self.alternatives(from, &join(&at, "from"), Taker::any(Kind::Text))?,
            })
        };
        names.iter().map(one).collect()
    }

    pub(super) fn limits(&self, map: &Table<'_>) -> Read<Vec<Limit<String>>> {
        let Some(value) = map.get("limits") else { return Ok(Vec::new()) };
        let limits: Read<Vec<_>> = array(value, "limits")?.map(|limit| self.limit(limit)).collect();
        limits.and_then(|limits| {
            if limits.len() > MOST_LIMITS {
                return Err(error(value, "limits", format!("are more than {MOST_LIMITS}")));
            }
            Ok(limits)
        })
    }

    fn limit(&self, value: &Value<'_>) -> Read<Limit<String>> {
        let fields = table(value, "limits")?;
        let parts = Part::ALL.iter().map(|part| part.word());
        let keys: Vec<&str> =
            ["resource", "scope", "layer", "when"].into_iter().chain(parts).collect();
        known(fields, "limits", &keys)?;
        let resource = word(fields, "limits", "resource", Resource::ALL, Resource::word)?;
        let Some(resource) = resource else {
            return Err(error(value, "limits.resource", "is missing"));
        };
        let scope = word(fields, "limits", "scope", Scope::ALL, Scope::word)?;
        let mut parts = vec![Vec::new(); Part::ALL.len()];
        for part in Part::ALL {
            let Some(value) = fields.get(part.word()) else { continue };
            let alts =
                self.alternatives(value, &join("limits", part.word()), Taker::any(part.kind()))?;
            if let Some(place) = parts.get_mut(*part as usize) {
                *place = alts;
            }
        }
        let amounts = [Part::Limit, Part::Remaining, Part::Used, Part::UsedPercent];
        if !amounts.iter().any(|part| fields.contains_key(part.word())) {
            let message = "says no amount: `limit`, `remaining`, `used` or `used_percent`";
            return Err(error(value, "limits", message));
        }
        Ok(Limit {
            resource,
            scope: scope.unwrap_or_default(),
            layer: word(fields, "limits", "layer", Layer::ALL, Layer::word)?,
            when: self.when(fields, "limits")?,
            parts,
        })
    }

    pub(super) fn headers(&self, map: &Table<'_>) -> Read<Headers<String>> {
        let mut headers = Headers {
            from: Vec::new(),
            record: false,
            strip_prefix: Vec::new(),
            when: None,
            named: Vec::new(),
            drop: Vec::new(),
            layer: Layer::default(),
        };
        let Some(value) = map.get("headers") else { return Ok(headers) };
        let fields = table(value, "headers")?;
        let keys = ["from", "strip_prefix", "when", "names", "prefixes", "fields", "drop", "layer"];
        known(fields, "headers", &keys)?;
        headers.from = self.paths_at(fields, "headers", "from")?;
        headers.record = headers.from.iter().any(|path| path == RECORD);
        headers.from.retain(|path| path != RECORD);
        headers.strip_prefix = header_names(fields, "headers", "strip_prefix")?;
        headers.when = self.when(fields, "headers")?;
        headers.layer =
            word(fields, "headers", "layer", Layer::ALL, Layer::word)?.unwrap_or_default();
        self.named(fields, &mut headers)?;
        if let Some(value) = fields.get("drop") {
            for value in array(value, "headers.drop")? {
                headers.drop.push(self.dropped(value)?);
            }
        }
        Ok(headers)
    }

    /// Headers whose values stand in fields of their own.
    fn named(&self, table_: &Table<'_>, headers: &mut Headers<String>) -> Read<()> {
        let text = |key: &str| {
            table_.get(key).map_or(Ok(Vec::new()), |v| list(v, &join("headers", key), string))
        };
        let prefixes = text("prefixes")?;
        if let (Some(value), true) = (table_.get("names"), prefixes.is_empty()) {
            return Err(error(
                value,
                "headers.names",
                "needs `prefixes`: `[\"\"]` where there is none",
            ));
        }
        let names = text("names")?;
        let all = names.iter().flat_map(|name| match name.as_str() {
            LIMITS => limit_headers(),
            name => vec![name.to_owned()],
        });
        for name in all {
            let variable = name.replace('-', "_");
            let mut paths: Vec<String> =
                prefixes.iter().map(|prefix| format!("{prefix}{variable}")).collect();
            if prefixes.iter().any(String::is_empty) {
                paths.push(name.clone());
            }
            headers.named.push((name.into(), paths));
        }
        let Some(value) = table_.get("fields") else { return Ok(()) };
        for (name, paths) in table(value, "headers.fields")? {
            let name = name.get_ref();
            let paths = self.paths(paths, &join("headers.fields", name))?;
            match headers.named.iter_mut().find(|(known, _)| **known == **name) {
                Some((_, known)) => known.extend(paths),
                None => headers.named.push((name.as_ref().into(), paths)),
            }
        }
        Ok(())
    }

    fn dropped(&self, value: &Value<'_>) -> Read<Drop<String>> {
        let fields = table(value, "headers.drop")?;
        known(fields, "headers.drop", &["names", "when"])?;
        let Some(when) = self.when(fields, "headers.drop")? else {
            return Err(error(value, "headers.drop.when", "is missing"));
        };
        if !fields.contains_key("names") {
            return Err(error(value, "headers.drop.names", "is missing"));
        }
        Ok(Drop { names: header_names(fields, "headers.drop", "names")?, when })
    }
}

pub(super) fn tokens(map: &Table<'_>) -> Read<TokenRule> {
    let Some(value) = map.get("tokens") else { return Ok(TokenRule::default()) };
    let fields = table(value, "tokens")?;
    known(fields, "tokens", &["input", "output", "prefixes"])?;
    let choice = |key: &str, part: &str| {
        let Some(value) = fields.get(key) else { return Ok(false) };
        let key = join("tokens", key);
        match string(value, &key)? {
            word if word == format!("includes_{part}") => Ok(false),
            word if word == format!("excludes_{part}") => Ok(true),
            word => {
                let words = [format!("includes_{part}"), format!("excludes_{part}")];
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                Err(error(value, &key, one_of(&word, &words)))
            }
        }
    };
    Ok(TokenRule {
        add_cache: choice("input", "cache")?,
        add_reasoning: choice("output", "reasoning")?,
    })
}

/// One of a closed set of words.
fn word<T: Copy>(
    table: &Table<'_>,
    at: &str,
    key: &str,
    all: &[T],
    spelled: impl Fn(T) -> &'static str,
) -> Read<Option<T>> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let at = join(at, key);
    let given = string(value, &at)?;
    if let Some(found) = all.iter().copied().find(|one| spelled(*one) == given) {
        return Ok(Some(found));
    }
    let words: Vec<&str> = all.iter().map(|one| spelled(*one)).collect();
    Err(error(value, &at, one_of(&given, &words)))
}

/// The names of `data/headers.txt`.
fn limit_headers() -> Vec<String> {
    let lines = include_str!("../../../../data/headers.txt").lines();
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.flat_map(each).collect()
}

/// `a-{b,c}` is `a-b` and `a-c`.
fn each(name: &str) -> Vec<String> {
    let choice = name.split_once('{').and_then(|(before, rest)| {
        let (words, behind) = rest.split_once('}')?;
        Some((before, words, behind))
    });
    let Some((before, words, behind)) = choice else { return vec![name.to_owned()] };
    let behind = each(behind);
    let one = |word| behind.iter().map(move |behind| format!("{before}{word}{behind}"));
    words.split(',').flat_map(one).collect()
}

fn header_names(table: &Table<'_>, at: &str, key: &str) -> Read<Vec<Box<str>>> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let names = list(value, &join(at, key), string)?;
    Ok(names.iter().map(|name| header_name(name)).collect())
}
