//! Names in lines to symbols, through a small cache: a log repeats the same few
//! names, and what a regex or a masking makes of one is found once, not per line.
//!
//! The cache is a fixed table without chains. Names that fall on one place
//! push each other out, so a flood of invented names costs time, never memory.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::domain::Sym;

const PLACES: usize = 2048;
/// Longer texts are not kept; they are looked up anew.
const LONGEST: usize = 256;

/// Symbols by who asks and what is written.
#[derive(Debug)]
pub(super) struct NameCache {
    places: Vec<Place>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    asker: usize,
    written: Vec<u8>,
    /// `None` inside: looked up, and no name.
    found: Option<Option<Sym>>,
}

impl Default for NameCache {
    fn default() -> NameCache {
        NameCache { places: vec![Place::default(); PLACES] }
    }
}

impl NameCache {
    /// The symbol that `asker` (one alternative of one field) takes `written`
    /// for; `find` is asked if it is not known.
    pub(super) fn get(
        &mut self,
        asker: usize,
        written: &[u8],
        find: impl FnOnce() -> Option<Sym>,
    ) -> Option<Sym> {
        if written.len() > LONGEST {
            return find();
        }
        let mut hasher = FxHasher::default();
        hasher.write_usize(asker);
        hasher.write(written);
        #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
        let index = hasher.finish() as usize % PLACES;
        let Some(place) = self.places.get_mut(index) else { return find() };
        if place.asker == asker
            && place.written == written
            && let Some(known) = place.found
        {
            return known;
        }
        let found = find();
        place.asker = asker;
        place.written.clear();
        place.written.extend_from_slice(written);
        place.found = Some(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NameKind, Names};

    #[test]
    fn a_name_is_found_once_per_asker_and_floods_do_not_confuse_it() {
        let names = Names::default();
        let mut cache = NameCache::default();
        let first = cache.get(1, b"web", || Some(names.intern(NameKind::Key, "web")));
        assert_eq!(cache.get(1, b"web", || panic!("known")), first);
        let other = cache.get(2, b"web", || Some(names.intern(NameKind::Team, "web")));
        assert_ne!(first, other);
        assert_eq!(cache.get(1, b"none", || None), None);
        assert_eq!(cache.get(1, b"none", || panic!("known")), None);
        for i in 0..10_000_u32 {
            let text = i.to_string();
            let find = || Some(names.intern(NameKind::User, &text));
            let sym = cache.get(1, text.as_bytes(), find);
            assert_eq!(sym, Some(names.intern(NameKind::User, &text)));
        }
    }
}
