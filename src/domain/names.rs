//! Interned names: a log repeats the same few model, key and team names for
//! ever, so an observation carries small numbers instead of strings.
//!
//! The table is append-only and shared. Whoever decodes keeps its own cache in
//! front of it, so the lock is taken once per *new* name, never per line. It is
//! capped: names are chosen by clients, and a client must not be able to fill
//! our memory. What does not fit is [`Sym::OTHER`], and counted. Providers are known by one
//! name each ([`provider::name`]), whoever writes it and whoever asks.

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::provider;

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
    /// Account at the provider, or a part of it.
    Account,
    /// Gateway host.
    Host,
    /// Queue, limit label, subject and other small vocabularies.
    Label,
    /// Labels of a metric: many, so that they must not push out the small ones.
    Series,
}

impl NameKind {
    /// All of them.
    pub const ALL: [NameKind; 11] = [
        NameKind::Provider,
        NameKind::Model,
        NameKind::Endpoint,
        NameKind::Key,
        NameKind::Team,
        NameKind::User,
        NameKind::Environment,
        NameKind::Account,
        NameKind::Host,
        NameKind::Label,
        NameKind::Series,
    ];

    /// Names of it that are kept: many where there are many callers, few of what an
    /// operator chooses. All together they bound the memory of a flood.
    #[must_use]
    pub const fn cap(self) -> usize {
        match self {
            NameKind::Key => 65_536,
            NameKind::Model
            | NameKind::Endpoint
            | NameKind::Team
            | NameKind::Host
            | NameKind::Series => 16_384,
            // Of users a cap has no more rows than that.
            NameKind::User
            | NameKind::Provider
            | NameKind::Environment
            | NameKind::Account
            | NameKind::Label => 4096,
        }
    }

    /// What such names are called.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            NameKind::Provider => "providers",
            NameKind::Model => "models",
            NameKind::Endpoint => "endpoints",
            NameKind::Key => "keys",
            NameKind::Team => "teams",
            NameKind::User => "users",
            NameKind::Environment => "environments",
            NameKind::Account => "accounts",
            NameKind::Host => "hosts",
            NameKind::Label => "queues and limits",
            NameKind::Series => "labels of metrics",
        }
    }
}

/// How far a new name is to be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// Something came of it: a call that passed, or what an operator wrote.
    #[default]
    Proven,
    /// Nothing did, as of a call that failed: anybody can invent such names, so they
    /// take room only while half of it is free.
    Doubtful,
}

/// The name of all for which there was no room.
pub const OTHER: &str = "__other__";

const KINDS: usize = NameKind::ALL.len();

/// The shared table. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    table: Arc<RwLock<Table>>,
    overflowed: Arc<[AtomicU64; KINDS]>,
}

#[derive(Debug)]
struct Table {
    by_text: [HashMap<Arc<str>, Sym>; KINDS],
    texts: Vec<Arc<str>>,
}

impl Default for Table {
    fn default() -> Self {
        Table { by_text: Default::default(), texts: vec![Arc::from(""), Arc::from(OTHER)] }
    }
}

impl Table {
    fn find(&self, kind: NameKind, text: &str) -> Option<Sym> {
        self.by_text.get(kind as usize)?.get(text).copied()
    }

    fn room(&self, kind: NameKind) -> usize {
        let used = self.by_text.get(kind as usize).map_or(0, HashMap::len);
        kind.cap().saturating_sub(used)
    }

    fn has_room(&self, kind: NameKind, claim: Claim) -> bool {
        let kept_free = match claim {
            Claim::Proven => 0,
            Claim::Doubtful => kind.cap() / 2,
        };
        self.room(kind) > kept_free
    }

    fn add(&mut self, kind: NameKind, text: &str) -> Option<Sym> {
        let sym = u32::try_from(self.texts.len()).ok().and_then(NonZeroU32::new).map(Sym)?;
        let text = Arc::<str>::from(text);
        self.texts.push(Arc::clone(&text));
        self.by_text.get_mut(kind as usize)?.insert(text, sym);
        Some(sym)
    }
}

impl Names {
    /// The symbol of `text`, made if new and if there is room.
    #[must_use]
    pub fn intern(&self, kind: NameKind, text: &str) -> Sym {
        self.claim(kind, text, Claim::Proven)
    }

    /// The same for a name that is to be believed so far.
    #[must_use]
    pub fn claim(&self, kind: NameKind, text: &str, claim: Claim) -> Sym {
        let text = &*known_as(kind, text);
        let table = self.read();
        if let Some(sym) = find(&table, kind, text) {
            return sym;
        }
        let full = !table.has_room(kind, claim);
        drop(table);
        let made = if full { None } else { self.make(kind, text, claim) };
        made.unwrap_or_else(|| {
            if let Some(count) = self.overflowed.get(kind as usize) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Sym::OTHER
        })
    }

    fn make(&self, kind: NameKind, text: &str, claim: Claim) -> Option<Sym> {
        // Whoever died with the lock in hand left a table that is whole: names are
        // only added.
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have come first.
        find(&table, kind, text)
            .or_else(|| if table.has_room(kind, claim) { table.add(kind, text) } else { None })
    }

    /// The symbol of `text`, if it has one already.
    #[must_use]
    pub fn find(&self, kind: NameKind, text: &str) -> Option<Sym> {
        find(&self.read(), kind, &known_as(kind, text))
    }

    /// The text of a symbol.
    #[must_use]
    pub fn text(&self, sym: Sym) -> Arc<str> {
        let found = self.read().texts.get(sym.index()).map(Arc::clone);
        found.unwrap_or_else(|| Arc::from("?"))
    }

    /// How many more names of a kind find room.
    #[must_use]
    pub fn room(&self, kind: NameKind) -> usize {
        self.read().room(kind)
    }

    /// How often a new name of a kind found no room.
    #[must_use]
    pub fn overflowed(&self, kind: NameKind) -> u64 {
        self.overflowed.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known_as(kind: NameKind, text: &str) -> Cow<'_, str> {
    if kind == NameKind::Provider { provider::name(text) } else { Cow::Borrowed(text) }
}

fn find(table: &Table, kind: NameKind, text: &str) -> Option<Sym> {
    if text == OTHER { Some(Sym::OTHER) } else { table.find(kind, text) }
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
        for i in 0..NameKind::Team.cap() {
            assert_ne!(names.intern(NameKind::Team, &i.to_string()), Sym::OTHER);
        }
        assert_eq!(names.intern(NameKind::Team, "one too many"), Sym::OTHER);
        assert_ne!(names.intern(NameKind::Model, "gpt-4o"), Sym::OTHER);
        assert_eq!(names.overflowed(NameKind::Team), 1);
        assert_eq!(names.overflowed(NameKind::Model), 0);
    }

    #[test]
    fn names_that_nothing_came_of_leave_half_of_the_room() {
        let names = Names::default();
        let invent = |i: usize| names.claim(NameKind::Model, &format!("m{i}"), Claim::Doubtful);
        let known = (0..2 * NameKind::Model.cap()).filter(|i| invent(*i) != Sym::OTHER).count();
        assert_eq!(known, NameKind::Model.cap() / 2);
        let genuine = names.intern(NameKind::Model, "gpt-4o");
        assert_ne!(genuine, Sym::OTHER);
        assert_eq!(names.claim(NameKind::Model, "gpt-4o", Claim::Doubtful), genuine);
    }

    #[test]
    fn a_thread_that_died_with_the_lock_takes_no_names_along() {
        let names = Names::default();
        let known = names.intern(NameKind::Model, "gpt-4o");
        let held = names.clone();
        let died = std::thread::spawn(move || {
            let _guard = held.table.write();
            panic!("with the lock in hand");
        });
        assert!(died.join().is_err());
        assert_eq!(names.intern(NameKind::Model, "gpt-4o"), known);
        assert_ne!(names.intern(NameKind::Model, "another"), Sym::OTHER);
        assert_eq!(&*names.text(known), "gpt-4o");
    }
}
