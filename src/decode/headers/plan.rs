//! What a list of header names comes to, worked out once for each list. One
//! gateway sends the same names line after line, so most responses find their
//! plan and only their values are read. Nothing here depends on a value.

use super::bag::{HeaderBag, Mark, NameList};
use super::cards::{Cards, Role, Says};
use super::draft::Key;
use super::labels::Labels;
use super::provider::Guess;
use super::vocabulary::Verb;

/// Lists remembered; one that comes anew takes the place of the oldest.
const KEPT: usize = 8;
/// Longer lists are planned anew each time.
const MAX_NAMES: usize = 96;
const MAX_BYTES: usize = 4096;

/// The steps that a list of names asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    names: NameList,
    /// That of the last response with these names.
    mark: Mark,
    /// For each header that says something, in order.
    pub steps: Vec<Step>,
    /// Whom the names give away.
    pub guess: Guess,
    /// Some name is LiteLLM's.
    pub litellm: bool,
    /// Some name is that of the server's date.
    pub dated: bool,
    /// The buckets that names speak of, in the order of their first.
    pub buckets: Vec<Key>,
}

/// What to do with one header's value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Position of the header.
    pub index: usize,
    pub role: Role,
    /// The gateway marks the header as its provider's.
    pub upstream: bool,
    /// What is said about which bucket.
    pub bucket: Option<(Verb, Key)>,
    /// The bucket's number among those of the plan.
    pub number: usize,
}

/// The plans of the lists seen last.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    kept: Vec<Plan>,
    oldest: usize,
    /// Of a list too long to be kept.
    long: Plan,
}

impl Plans {
    /// The plan for the names of this response.
    pub fn of(&mut self, bag: &HeaderBag, cards: &mut Cards, labels: &mut Labels) -> &mut Plan {
        let mark = bag.mark();
        let marked = self.kept.iter().position(|plan| plan.mark == mark);
        let known = marked.or_else(|| self.kept.iter().position(|p| bag.has_names(&p.names)));
        let place = known.or_else(|| self.place(bag));
        let plan = match place.and_then(|place| self.kept.get_mut(place)) {
            Some(plan) => plan,
            None => &mut self.long,
        };
        if known.is_none() {
            plan.make(bag, cards, labels);
        }
        plan.mark = mark;
        plan
    }

    /// Where a new list is to be kept.
    fn place(&mut self, bag: &HeaderBag) -> Option<usize> {
        if bag.len() > MAX_NAMES || bag.name_bytes() > MAX_BYTES {
            return None;
        }
        if self.kept.len() < KEPT {
            self.kept.push(Plan::with_room());
            return Some(self.kept.len() - 1);
        }
        let place = self.oldest;
        self.oldest = (place + 1) % KEPT;
        Some(place)
    }
}

impl Plan {
    /// A plan that can become any other without allocating.
    fn with_room() -> Plan {
        let names = NameList::with_room(MAX_NAMES, MAX_BYTES);
        let (steps, buckets) = (Vec::with_capacity(MAX_NAMES), Vec::with_capacity(MAX_NAMES));
        Plan { names, steps, buckets, ..Plan::default() }
    }

    fn make(&mut self, bag: &HeaderBag, cards: &mut Cards, labels: &mut Labels) {
        bag.copy_names(&mut self.names);
        self.steps.clear();
        self.buckets.clear();
        (self.guess, self.litellm, self.dated) = (Guess::default(), false, false);
        for (index, header) in bag.iter().enumerate() {
            let card = cards.of(header, labels);
            self.guess.see(card.marker);
            self.litellm |= card.litellm;
            self.dated |= card.role == Role::Date;
            let (role, upstream, bucket) = (card.role, card.is_upstream(), card.bucket);
            if card.says() == Says::ByValue {
                let number = bucket.map_or(0, |(_, key)| self.number(key));
                self.steps.push(Step { index, role, upstream, bucket, number });
            }
        }
    }

    fn number(&mut self, bucket: Key) -> usize {
        self.buckets.iter().position(|known| *known == bucket).unwrap_or_else(|| {
            self.buckets.push(bucket);
            self.buckets.len() - 1
        })
    }
}
