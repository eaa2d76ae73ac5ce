//! Interned names: a log repeats the same few model, key and team names for
//! ever, so an observation carries small numbers instead of strings.
//!
//! The table is append-only and shared. Whoever decodes keeps its own cache in
//! front of it, so the lock is taken once per *new* name, never per line. It is
//! capped: names are chosen by clients, and a client must not be able to fill
//! our memory. What does not fit is [`Sym::OTHER`], and counted.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

/// An interned name. Meaningful only together with the [`Names`] that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(NonZeroU32);

impl Sym {
    /// What every name beyond the cap becomes; prints as `__other__`.
    pub const OTHER: Sym = Sym(NonZeroU32::MIN);

    /// Position in a table of names, for arrays indexed by name.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.get() as usize
    }

    /// Two names, each perhaps missing, as one word for a hasher: identities
    /// are made of many names, and each word costs.
    pub(crate) fn pair(one: Option<Sym>, other: Option<Sym>) -> u64 {
        let bits = |sym: Option<Sym>| sym.map_or(0, |sym| u64::from(sym.0.get()));
        bits(one) << 32 | bits(other)
    }
}

/// What a name names. Each kind has a cap of its own, so that invented user
/// names cannot push out model names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    /// Provider.
    Provider,
    /// Model, as sent.
    Model,
    /// Endpoint path.
    Endpoint,
    /// Key alias or fingerprint.
    Key,
    /// Team.
    Team,
    /// End user.
    User,
    /// Environment.
    Environment,
    /// Gateway host.
    Host,
    /// Queue, limit label, subject and other small vocabularies.
    Label,
    /// Labels of a metric: many, so that they must not push out the small ones.
    Series,
}

/// The name of all for which there was no room.
pub const OTHER: &str = "__other__";

/// Names kept per [`NameKind`].
pub const CAP_PER_KIND: usize = 4096;

/// The shared table. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Names {
    table: Arc<RwLock<Table>>,
    overflowed: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Table {
    by_text: HashMap<(NameKind, Arc<str>), Sym>,
    texts: Vec<Arc<str>>,
    per_kind: HashMap<NameKind, usize>,
}

impl Default for Names {
    fn default() -> Self {
        let other: Arc<str> = Arc::from(OTHER);
        Names {
            table: Arc::new(RwLock::new(Table {
                by_text: HashMap::new(),
                texts: vec![Arc::from(""), other],
                per_kind: HashMap::new(),
            })),
            overflowed: Arc::default(),
        }
    }
}

impl Names {
    /// The symbol of `text`, made if new and if there is room.
    #[must_use]
    pub fn intern(&self, kind: NameKind, text: &str) -> Sym {
        if text == OTHER {
            return Sym::OTHER;
        }
        let key = (kind, Arc::<str>::from(text));
        if let Ok(table) = self.table.read()
            && let Some(sym) = table.by_text.get(&key)
        {
            return *sym;
        }
        let Ok(mut table) = self.table.write() else { return Sym::OTHER };
        if let Some(sym) = table.by_text.get(&key) {
            return *sym;
        }
        let used = table.per_kind.get(&kind).copied().unwrap_or(0);
        let next = u32::try_from(table.texts.len()).ok().and_then(NonZeroU32::new);
        match next {
            Some(next) if used < CAP_PER_KIND => {
                table.texts.push(Arc::clone(&key.1));
                table.by_text.insert(key, Sym(next));
                table.per_kind.insert(kind, used + 1);
                Sym(next)
            }
            _ => {
                self.overflowed.fetch_add(1, Ordering::Relaxed);
                Sym::OTHER
            }
        }
    }

    /// The symbol of `text`, if it has one already.
    #[must_use]
    pub fn find(&self, kind: NameKind, text: &str) -> Option<Sym> {
        if text == OTHER {
            return Some(Sym::OTHER);
        }
        let table = self.table.read().ok()?;
        table.by_text.get(&(kind, Arc::from(text))).copied()
    }

    /// The text of a symbol.
    #[must_use]
    pub fn text(&self, sym: Sym) -> Arc<str> {
        let found = self.table.read().ok().and_then(|t| t.texts.get(sym.index()).map(Arc::clone));
        found.unwrap_or_else(|| Arc::from("?"))
    }

    /// How many more names of a kind find room.
    #[must_use]
    pub fn room(&self, kind: NameKind) -> usize {
        let Ok(table) = self.table.read() else { return 0 };
        CAP_PER_KIND.saturating_sub(table.per_kind.get(&kind).copied().unwrap_or(0))
    }

    /// How often a new name found no room.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_text_same_symbol_but_kinds_are_apart() {
        let names = Names::default();
        let a = names.intern(NameKind::Model, "gpt-4o");
        assert_eq!(a, names.intern(NameKind::Model, "gpt-4o"));
        assert_ne!(a, names.intern(NameKind::Key, "gpt-4o"));
        assert_eq!(&*names.text(a), "gpt-4o");
    }

    #[test]
    fn a_flood_of_names_ends_in_other_and_is_counted() {
        let names = Names::default();
        for i in 0..CAP_PER_KIND {
            assert_ne!(names.intern(NameKind::User, &i.to_string()), Sym::OTHER);
        }
        assert_eq!(names.intern(NameKind::User, "one too many"), Sym::OTHER);
        assert_ne!(names.intern(NameKind::Model, "gpt-4o"), Sym::OTHER);
        assert_eq!(names.overflowed(), 1);
    }
}
