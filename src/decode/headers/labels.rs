//! Names behind small numbers: a private cache in front of the shared table, so
//! that a name seen before costs neither the lock nor an allocation.

use crate::domain::{NameKind, Names, Sym};
use crate::text;
use rustc_hash::FxHashMap;

/// Names remembered per kind; further ones still work, only slower.
const CACHED: usize = 4096;
/// Longest name of a bucket; what is longer was not meant as one.
const MAX_BYTES: usize = 128;

/// A cache of [`Names`] for limits' labels and providers.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    names: Names,
    labels: FxHashMap<Box<[u8]>, Sym>,
    providers: FxHashMap<Box<[u8]>, Sym>,
    parts: FxHashMap<(Sym, Sym), Sym>,
}

impl Labels {
    pub fn new(names: &Names) -> Labels {
        Labels {
            names: names.clone(),
            labels: FxHashMap::default(),
            providers: FxHashMap::default(),
            parts: FxHashMap::default(),
        }
    }

    pub fn label(&mut self, text: &[u8]) -> Option<Sym> {
        intern(&self.names, &mut self.labels, NameKind::Label, text)
    }

    /// A descriptor in its canonical spelling, with underscores.
    pub fn descriptor(&mut self, text: &[u8]) -> Option<Sym> {
        let mut spelling = [0_u8; MAX_BYTES];
        let spelling = spelling.get_mut(..text.len())?;
        for (to, from) in spelling.iter_mut().zip(text) {
            *to = if *from == b'-' { b'_' } else { *from };
        }
        self.label(spelling)
    }

    /// The name of a part of a whole: `acme/proj_1`. The whole's own, if there is none.
    pub fn part(&mut self, whole: Sym, part: Option<Sym>) -> Sym {
        let Some(part) = part else { return whole };
        if let Some(known) = self.parts.get(&(whole, part)) {
            return *known;
        }
        let text = format!("{}/{}", self.names.text(whole), self.names.text(part));
        let sym = self.names.intern(NameKind::Label, &text);
        if self.parts.len() < CACHED {
            self.parts.insert((whole, part), sym);
        }
        sym
    }

    pub fn provider(&mut self, text: &[u8]) -> Option<Sym> {
        intern(&self.names, &mut self.providers, NameKind::Provider, text)
    }
}

fn intern(
    names: &Names,
    cache: &mut FxHashMap<Box<[u8]>, Sym>,
    kind: NameKind,
    written: &[u8],
) -> Option<Sym> {
    if let Some(sym) = cache.get(written) {
        return Some(*sym);
    }
    if written.is_empty() || written.len() > MAX_BYTES {
        return None;
    }
    // Some servers send the key itself where others send its name.
    let safe = text::mask(std::str::from_utf8(written).ok()?);
    let sym = names.intern(kind, &text::name(&safe));
    if cache.len() < CACHED {
        cache.insert(written.into(), sym);
    }
    Some(sym)
}
