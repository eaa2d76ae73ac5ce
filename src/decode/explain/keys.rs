//! Which paths of a record its map does not ask for.

use std::collections::BTreeSet;

use crate::decode::map::{Alt, Cond, Each, Explode, From, Map, Piece};
use crate::scan::{Kind, Value, elements, members};
use crate::text;

/// Paths that are listed; a record with more is cut.
const MOST: usize = 200;
/// Objects within objects that are walked.
const DEEPEST: usize = 16;

/// Paths of `json` that no word of `map` wants; of objects that are not wanted at
/// all only their own.
pub(in crate::decode) fn unwanted(map: &Map<String>, json: &[u8]) -> Vec<String> {
    let (wanted, asked) = wanted(map);
    let mut walk = Walk { wanted, asked, arrays: arrays(map), found: Vec::new() };
    walk.object("", json, 0);
    walk.found
}

/// Paths of the values of `json`, down to those that hold no object.
pub(super) fn all_paths(json: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    paths_beneath("", json, 0, &mut found);
    found
}

fn paths_beneath(above: &str, json: &[u8], depth: usize, found: &mut Vec<String>) {
    for (key, value) in members(json) {
        if found.len() >= MOST {
            return;
        }
        let key = String::from_utf8_lossy(key.raw);
        let path = if above.is_empty() { key.into_owned() } else { format!("{above}.{key}") };
        let inner = value.kind == Kind::Object && members(value.raw).next().is_some();
        if inner && depth < DEEPEST {
            paths_beneath(&path, value.raw, depth + 1, found);
        } else {
            found.push(text::printable(&text::mask(&path)).into_owned());
        }
    }
}

struct Walk {
    /// Paths of values from the outermost object; `*` stands for any key.
    wanted: Vec<Vec<String>>,
    /// Paths of which but the presence is asked.
    asked: Vec<Vec<String>>,
    /// Arrays whose elements are the records.
    arrays: Vec<String>,
    found: Vec<String>,
}

enum Wanted {
    Whole,
    Beneath,
    No,
}

impl Walk {
    fn object(&mut self, path: &str, json: &[u8], depth: usize) {
        for (key, value) in members(json) {
            if self.found.len() >= MOST {
                return;
            }
            let key = String::from_utf8_lossy(key.raw);
            let path = if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") };
            self.value(&path, value, depth);
        }
    }

    fn value(&mut self, path: &str, value: Value<'_>, depth: usize) {
        if value.kind == Kind::Array && self.arrays.iter().any(|array| array == path) {
            let objects = elements(value.raw).filter(|element| element.kind == Kind::Object);
            objects.for_each(|object| self.object(path, object.raw, depth + 1));
            return;
        }
        match self.is_wanted(path) {
            Wanted::Whole => {}
            Wanted::Beneath if value.kind == Kind::Object && depth < DEEPEST => {
                self.object(path, value.raw, depth + 1);
            }
            // In an array, or in JSON in a string, something is wanted.
            Wanted::Beneath if value.kind == Kind::Array || value.is_text() => {}
            Wanted::Beneath | Wanted::No => {
                let path = text::printable(&text::mask(path)).into_owned();
                if !self.found.contains(&path) {
                    self.found.push(path);
                }
            }
        }
    }

    fn is_wanted(&self, path: &str) -> Wanted {
        let parts: Vec<&str> = path.split('.').collect();
        let agree = |want: &&Vec<String>| {
            want.iter().zip(&parts).all(|(want, part)| want == "*" || want == part)
        };
        let whole = |want: &Vec<String>| want.len() <= parts.len();
        let mut wanted = self.wanted.iter().filter(agree).peekable();
        let beneath = wanted.peek().is_some();
        if wanted.any(whole) {
            return Wanted::Whole;
        }
        let itself = |want: &Vec<String>| want.len() == parts.len();
        match self.asked.iter().filter(agree).any(itself) {
            _ if beneath => Wanted::Beneath,
            true => Wanted::Whole,
            false if self.asked.iter().any(|want| agree(&want)) => Wanted::Beneath,
            false => Wanted::No,
        }
    }
}

/// What holds records, by their paths from the outermost object; a member of an object
/// may have any name.
fn arrays(map: &Map<String>) -> Vec<String> {
    let mut path = String::new();
    let mut all = Vec::new();
    for Explode { path: within, each } in &map.explode {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(within);
        if *each == Each::Member {
            path.push_str(".*");
        }
        all.push(path.clone());
    }
    all
}

/// The paths of values, and those of which but the presence is asked.
fn wanted(map: &Map<String>) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let arrays = arrays(map);
    let whole = |path: &str| {
        let rest = path.trim_start_matches("^.");
        let outwards = (path.len() - rest.len()) / 2;
        let base = arrays.len().checked_sub(outwards + 1).and_then(|depth| arrays.get(depth));
        split(&base.map_or_else(|| rest.to_owned(), |base| format!("{base}.{rest}")))
    };
    let (mut values, mut asked) = (BTreeSet::new(), BTreeSet::new());
    let limits = map.limits.iter().flat_map(|limit| limit.parts.iter().flatten());
    let sticky = map.sticky.iter().flat_map(|sticky| &sticky.from);
    for alt in map.fields.iter().flatten().chain(limits).chain(sticky) {
        of_alt(alt, &mut |path| {
            values.insert(whole(path));
        });
        let mut ask = |path: &str| {
            asked.insert(whole(path));
        };
        alt.when.iter().for_each(|when| of_cond(when, &mut ask));
    }
    let named = map.headers.named.iter().flat_map(|(_, paths)| paths);
    let whole_values = map.headers.from.iter().chain(&map.body).chain(&map.usage);
    values.extend(whole_values.chain(named).map(|path| whole(path)));
    let conds = map.keep.iter().chain(&map.ignore).chain(&map.queue).chain(&map.headers.when);
    let conds = conds.chain(map.sticky.iter().filter_map(|sticky| sticky.when.as_ref()));
    let conds = conds.chain(map.limits.iter().filter_map(|limit| limit.when.as_ref()));
    let conds = conds.chain(map.headers.drop.iter().map(|drop| &drop.when));
    conds.for_each(|cond| {
        of_cond(cond, &mut |path| {
            asked.insert(whole(path));
        });
    });
    // What tells a format is looked for in the outermost object.
    let detect = &map.detect;
    let by_value = detect.eq.iter().map(|(path, _)| path);
    let detect = detect.sets.iter().flatten().chain(&detect.reject).chain(by_value);
    asked.extend(detect.map(|path| split(path)));
    (values.into_iter().collect(), asked.into_iter().collect())
}

/// The keys of a path; `a[0]` is `a.0`.
fn split(path: &str) -> Vec<String> {
    let dotted = path.replace('[', ".").replace(']', "");
    dotted.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn of_alt(alt: &Alt<String>, add: &mut dyn FnMut(&str)) {
    match &alt.from {
        From::Path(path) | From::KeyOf(path) => add(path),
        From::Sum(paths) => paths.iter().for_each(|path| add(path)),
        From::Join(pieces) => pieces.iter().filter_map(Piece::path).for_each(|path| add(path)),
        From::Diff(end, start) => {
            add(end);
            add(start);
        }
        From::Header(_) | From::Const(_) | From::Sticky(_) => {}
    }
}

fn of_cond(cond: &Cond<String>, add: &mut dyn FnMut(&str)) {
    let by_value = cond.eq.iter().chain(&cond.ne).map(|(path, _)| path);
    let by_shape = cond.re.iter().map(|(path, _)| path);
    let all = cond.has.iter().chain(&cond.not).chain(by_value).chain(by_shape);
    all.for_each(|path| add(path));
}
