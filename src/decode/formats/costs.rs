//! A first look at a record of no format: whether it may say, in the words of any
//! format, what it cost. Most say nothing of money, and one scan tells; only the
//! others are worth a scan by each format.

use crate::decode::map::{Field, From, Map};
use crate::scan::{Found, Paths, PathsBuilder, scan_line};

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
        self.always || scan_line(&self.paths, json, found).slots().next().is_some()
    }
}
