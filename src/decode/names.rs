//! Names in lines to symbols, through a small cache: a log repeats the same few
//! names, and what a regex or a masking makes of one is found once, not per line.
//!
//! The cache is a table that grows to a fixed size: most files name few. Then, of names
//! that fall on one place the oldest is pushed out, so a flood of invented names costs
//! time, never memory.

use std::hash::Hasher;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};

use super::eval::{Line, Scratch};
use super::map::{Alt, Alts, From, Spot};
use crate::domain::{Claim, NameKind, Names, Sym, provider};
use crate::scan::{Kind, Value};
use crate::text;

/// Places for names at first, and at most.
const FIRST: usize = 64;
const PLACES: usize = 2048;
const TEXTS: usize = 64;
/// Names that may fall on one place before they push each other out.
const WAYS: usize = 4;
/// Who asks for what a header names, in the place of an alternative's address.
const HEADER: usize = usize::MAX;
/// Longer texts are not kept; they are looked up anew.
const LONGEST: usize = 256;

/// Names of lines as symbols.
#[derive(Debug)]
pub(super) struct Named {
    names: Names,
    cache: NameCache,
    ambiguous: Sym,
    salt: u64,
    /// Texts of the few symbols that are asked for.
    texts: Vec<(Sym, Arc<str>)>,
    /// Providers that names of models begin with.
    by_model: FxHashMap<Sym, Option<Sym>>,
    /// How far the names of the line that is read are to be believed.
    pub(super) claim: Claim,
    /// Key material was masked since this was last reset.
    pub(super) masked_key: bool,
}

impl Named {
    pub(super) fn new(names: &Names, salt: u64) -> Named {
        let ambiguous = names.intern(NameKind::Key, "__ambiguous__");
        let (names, cache) = (names.clone(), NameCache::default());
        let (claim, texts, by_model) = (Claim::default(), Vec::new(), FxHashMap::default());
        Named { names, cache, ambiguous, salt, texts, by_model, claim, masked_key: false }
    }

    /// The name a line gives by the first alternative that has one.
    #[inline]
    pub(super) fn of(
        &mut self,
        line: &Line<'_>,
        alts: Alts<'_>,
        kind: NameKind,
        scratch: &mut Scratch,
    ) -> Option<Sym> {
        if alts.is_empty() { None } else { self.first_of(line, alts, kind, scratch) }
    }

    /// Apart, so that it costs little to ask for a name that no line gives.
    #[inline(never)]
    fn first_of(
        &mut self,
        line: &Line<'_>,
        mut alts: Alts<'_>,
        kind: NameKind,
        scratch: &mut Scratch,
    ) -> Option<Sym> {
        alts.find_map(|alt| {
            if alt.when.as_ref().is_some_and(|when| !line.holds(when)) {
                return None;
            }
            let value = line.value(alt).filter(|value| is_name(*value, kind))?;
            let escaped = usize::from(value.kind == Kind::StrEscaped);
            // A map outlives its decoder's cache, so an address is an identity.
            let asker = std::ptr::from_ref(alt).addr() | escaped;
            let known = self.cache.known(asker, value.raw);
            let found = known.unwrap_or_else(|| self.read(line, alt, kind, asker, scratch));
            self.masked_key |= found.masked;
            found.sym
        })
    }

    /// The same of one alternative, read and remembered.
    #[cold]
    #[inline(never)]
    fn read(
        &mut self,
        line: &Line<'_>,
        alt: &Alt<Spot>,
        kind: NameKind,
        asker: usize,
        scratch: &mut Scratch,
    ) -> Found {
        let (names, how) = (&self.names, (self.salt, self.claim));
        let mut masked = false;
        let find = |text: &str| name_of(names, kind, text, how, &mut masked);
        let sym = line.alt_text(alt, scratch, find);
        let found = Found { sym, masked };
        if let Some(value) = line.value(alt) {
            self.cache.learn(asker, value.raw, found);
        }
        found
    }

    /// The key of a line; two that differ are none.
    pub(super) fn key(
        &mut self,
        line: &Line<'_>,
        alts: Alts<'_>,
        scratch: &mut Scratch,
    ) -> Option<Sym> {
        let doubled = alts.clone().any(|alt| match alt.from {
            From::Path(place) => line.is_contradicted(place),
            _ => false,
        });
        if doubled { Some(self.ambiguous) } else { self.of(line, alts, NameKind::Key, scratch) }
    }

    /// The text of a symbol of which there are few, a provider's.
    pub(super) fn text(&mut self, sym: Sym) -> &str {
        let known = self.texts.iter().position(|(known, _)| *known == sym);
        let index = known.unwrap_or_else(|| {
            self.texts.truncate(TEXTS - 1);
            self.texts.push((sym, self.names.text(sym)));
            self.texts.len() - 1
        });
        self.texts.get(index).map_or("", |(_, text)| text)
    }

    /// The text of any symbol.
    pub(super) fn long_text(&self, sym: Sym) -> Arc<str> {
        self.names.text(sym)
    }

    /// The symbol of a provider's own name.
    pub(super) fn provider(&mut self, name: &str) -> Sym {
        if let Some((sym, _)) = self.texts.iter().find(|(_, text)| **text == *name) {
            return *sym;
        }
        let sym = self.names.intern(NameKind::Provider, name);
        self.text(sym);
        sym
    }

    /// The provider that the name of a model begins with.
    pub(super) fn provider_of(&mut self, model: Sym) -> Option<Sym> {
        if let Some(known) = self.by_model.get(&model) {
            return *known;
        }
        let provider = provider::of_model(&self.names.text(model));
        let provider = provider.map(|name| self.provider(name));
        if self.by_model.len() < PLACES {
            self.by_model.insert(model, provider);
        }
        provider
    }

    /// The symbol of an account, by the value of a header.
    pub(super) fn account(&mut self, id: &[u8]) -> Option<Sym> {
        let found = self.cache.known(HEADER, id).unwrap_or_else(|| {
            let (how, mut masked) = ((self.salt, self.claim), false);
            let text = std::str::from_utf8(id).ok();
            let find = |text| name_of(&self.names, NameKind::Account, text, how, &mut masked);
            let sym = text.and_then(find);
            let found = Found { sym, masked };
            self.cache.learn(HEADER, id, found);
            found
        });
        self.masked_key |= found.masked;
        found.sym
    }

    /// The symbol of a name that stands in no line.
    pub(super) fn intern(&mut self, kind: NameKind, name: &str) -> Option<Sym> {
        let how = (self.salt, self.claim);
        name_of(&self.names, kind, name, how, &mut self.masked_key)
    }
}

/// The symbol of a name, made safe: no key material, nothing invisible. `masked`
/// becomes true where there was any.
pub fn intern(
    names: &Names,
    kind: NameKind,
    text: &str,
    salt: u64,
    masked: &mut bool,
) -> Option<Sym> {
    name_of(names, kind, text, (salt, Claim::Proven), masked)
}

fn name_of(
    names: &Names,
    kind: NameKind,
    text: &str,
    (salt, claim): (u64, Claim),
    masked: &mut bool,
) -> Option<Sym> {
    if text.trim().is_empty() {
        return None;
    }
    let safe = match kind {
        NameKind::Key => text::key_label(text, salt),
        _ => text::label(text, salt),
    };
    *masked |= matches!(safe, std::borrow::Cow::Owned(_));
    Some(names.claim(kind, &text::name(&safe), claim))
}

/// Whether a value can be a name: models and keys are strings, others may be numbers.
fn is_name(value: Value<'_>, kind: NameKind) -> bool {
    match value.kind {
        Kind::Str | Kind::StrEscaped => true,
        Kind::Number => !matches!(kind, NameKind::Model | NameKind::Key),
        _ => false,
    }
}

/// Symbols by who asks and what is written.
#[derive(Debug)]
struct NameCache {
    places: Vec<Place>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// Zero while the place is free.
    asker: usize,
    written: Vec<u8>,
    found: Found,
}

/// What a text came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    sym: Option<Sym>,
    /// Key material was masked in it.
    masked: bool,
}

impl Place {
    fn is_taken(&self) -> bool {
        self.asker != 0
    }
}

impl Default for NameCache {
    fn default() -> NameCache {
        NameCache { places: vec![Place::default(); FIRST] }
    }
}

impl NameCache {
    /// What `asker` (one alternative of one field) takes `written` for, if that is known.
    #[inline]
    fn known(&self, asker: usize, written: &[u8]) -> Option<Found> {
        if written.len() > LONGEST {
            return None;
        }
        let set = self.places.get(self.set(asker, written))?;
        let is_it = |place: &&Place| place.asker == asker && place.written == written;
        set.iter().find(is_it).map(|place| place.found)
    }

    /// Remembers what `asker` takes `written` for.
    fn learn(&mut self, asker: usize, written: &[u8], found: Found) {
        // Of a call that passed it may find the room that it did not find here.
        if written.len() > LONGEST || found.sym == Some(Sym::OTHER) {
            return;
        }
        if self.places.len() < PLACES && self.of(asker, written).iter().all(Place::is_taken) {
            self.grow();
        }
        // The others move up; what came longest ago goes.
        let set = self.of(asker, written);
        set.rotate_right(1);
        if let Some(place) = set.first_mut() {
            place.asker = asker;
            place.written.clear();
            place.written.extend_from_slice(written);
            place.found = found;
        }
    }

    /// The places that this may have.
    fn of(&mut self, asker: usize, written: &[u8]) -> &mut [Place] {
        let set = self.set(asker, written);
        self.places.get_mut(set).unwrap_or_default()
    }

    /// Where those are.
    #[inline]
    fn set(&self, asker: usize, written: &[u8]) -> Range<usize> {
        let mut hasher = FxHasher::default();
        hasher.write_usize(asker);
        hasher.write(written);
        let sets = self.places.len() / WAYS;
        #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
        let first = (hasher.finish() as usize & (sets - 1)) * WAYS;
        first..first + WAYS
    }

    /// Twice the places. What shared a set goes to one of two: there is room for all.
    fn grow(&mut self) {
        let more = vec![Place::default(); self.places.len() * 2];
        for old in mem::replace(&mut self.places, more) {
            let set = self.of(old.asker, &old.written);
            if let Some(place) = set.iter_mut().find(|place| !place.is_taken()) {
                *place = old;
            }
        }
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
        let is = |kind, text: &str| Found { sym: Some(names.intern(kind, text)), masked: false };
        let (key, team) = (is(NameKind::Key, "web"), is(NameKind::Team, "web"));
        assert_ne!(key, team);
        cache.learn(1, b"web", key);
        assert_eq!((cache.known(1, b"web"), cache.known(2, b"web")), (Some(key), None));
        cache.learn(2, b"web", team);
        assert_eq!((cache.known(1, b"web"), cache.known(2, b"web")), (Some(key), Some(team)));
        cache.learn(1, b"none", Found::default());
        assert_eq!(cache.known(1, b"none"), Some(Found::default()));
        for i in 0..10_000_u32 {
            let text = i.to_string();
            let user = is(NameKind::User, &text);
            cache.learn(1, text.as_bytes(), user);
            // What found no room among the names may find it later: it is asked for again.
            let kept = Some(user).filter(|user| user.sym != Some(Sym::OTHER));
            assert_eq!(cache.known(1, text.as_bytes()), kept);
            let before = (i / 2).to_string();
            let known = cache.known(1, before.as_bytes());
            assert!(known.is_none_or(|known| known == is(NameKind::User, &before)));
        }
    }
}
