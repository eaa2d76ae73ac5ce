//! A first look at a record of no format: whether it may say, in the words of any
//! format, what it cost. Most say nothing of money, and one scan tells; only the
//! others are worth a scan by each format.

use crate::decode::map::{Field, From, Map};
use crate::scan::{Found, Paths, PathsBuilder, Value, members, scan_line};

/// Where all formats look for a cost in the object that is given.
#[derive(Debug)]
pub(super) struct Costs {
    paths: Paths,
    /// One has a cost for lines in which none of the paths is.
    always: bool,
}

impl Costs {
    /// Those of maps whose record is the object itself.
    pub(super) fn of<'m>(maps: impl Iterator<Item = &'m Map<String>>) -> Costs {
        let (mut paths, mut always) = (PathsBuilder::new(), false);
        for alt in maps.flat_map(|map| map.field(Field::CostUsd)) {
            let needs = alt.needs();
            // A line by itself has no headers and remembers nothing.
            always |= needs.is_empty() && matches!(alt.from, From::Const(_));
            for path in needs {
                paths.add(path);
            }
        }
        Costs { paths: paths.build(), always }
    }

    pub(super) fn may_be_in(&self, json: &[u8], found: &mut Found) -> bool {
        let stands = self.always || scan_line(&self.paths, json, found).slots().next().is_some();
        stands && !is_of_training(json)
    }
}

/// Whether a record tells of the training of a model, whose cost is what it still gets
/// wrong, and nothing that only a call has.
fn is_of_training(json: &[u8]) -> bool {
    let has = |wanted: &dyn Fn(&[u8], Value<'_>) -> bool| {
        members(json).any(|(key, value)| wanted(key.raw, value))
    };
    // A time may be called so as well.
    let is_epoch = |value: Value<'_>| value.as_f64().is_some_and(|number| number < 1e6);
    let trains = |key: &[u8], value: Value<'_>| match key {
        b"epoch" => is_epoch(value),
        b"learning_rate" | b"grad_norm" => true,
        _ => key.ends_with(b"loss") || key.starts_with(b"train-") || key.starts_with(b"train_"),
    };
    let calls = |key: &[u8], _: Value<'_>| {
        let holds = |word| memchr::memmem::find(key, word).is_some();
        matches!(key, b"provider" | b"usage") || holds(b"token") || holds(b"usd")
    };
    has(&trains) && !has(&calls)
}
