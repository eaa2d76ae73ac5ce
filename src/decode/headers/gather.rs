//! One pass over the headers of a response: every header that says something
//! about a limit goes into the draft of its bucket, the rest of interest into
//! [`Aside`]. Nothing is concluded here.

use super::bag::HeaderBag;
use super::cards::Role;
use super::draft::{Copies, Draft, Key, Sent, Taken, is_absent};
use super::families::{FIELD, Family, IN_LIMIT, Kin, TYPED};
use super::ietf;
use super::labels::Labels;
use super::plan::{Plan, Step};
use super::provider::Guess;
use super::retry::Retry;
use super::vocabulary::Verb;
use crate::domain::{Blame, NanoUsd, Resource, Scope, Wall, WindowFrom};
use crate::scan::{number, time};

/// Buckets one response can have; real ones have up to a dozen.
const MAX_DRAFTS: usize = 64;

/// What the headers said, unjudged. Reused from response to response.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    pub drafts: Vec<Draft>,
    /// For each bucket of the plan the position of its draft, once it has one.
    homes: Vec<Option<usize>>,
    /// Headers that were not understood, as positions in the bag.
    pub faults: Vec<usize>,
    pub aside: Aside,
}

/// What matters beside the buckets. Texts are positions in the bag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aside {
    pub guess: Guess,
    pub retry: Retry,
    pub should_retry: Option<bool>,
    pub request_id: Option<usize>,
    pub model: Option<usize>,
    pub cost: Option<NanoUsd>,
    /// The account that the call was made in, and the part of it.
    pub organization: Option<usize>,
    pub project: Option<usize>,
    /// The key or deployment the numbers are for.
    pub subject: Option<usize>,
    /// The policy's name, beside an old trio.
    pub policy: Option<usize>,
    /// The gateway's or provider's word on which limit refused.
    pub refused_by: Option<usize>,
    /// Which window of a subscription binds, and when it turns.
    pub claim: Option<usize>,
    pub claim_reset: Option<usize>,
    /// A gateway refused by itself.
    pub gateway_refused: bool,
    /// Which kill switch refused it.
    pub stopped_by: Option<usize>,
    /// The response came through LiteLLM.
    pub litellm: bool,
}

/// The time the server says it answered, which relative times count from.
pub(super) fn server_date(bag: &HeaderBag, faults: &mut Vec<usize>) -> Option<Wall> {
    let mut copied = None;
    for (index, header) in bag.iter().enumerate() {
        let copy = match header.name {
            b"date" => false,
            b"llm-provider-date" => true,
            _ => continue,
        };
        match time::http_date(header.value) {
            Some(at) if copy => copied = copied.or(Some(at)),
            Some(at) => return Some(at),
            None => faults.push(index),
        }
    }
    copied
}

impl Gathered {
    /// Forgets the last response and reads this one by its plan.
    pub fn read(&mut self, bag: &HeaderBag, plan: &Plan, now: Wall, labels: &mut Labels) {
        self.begin(plan);
        for step in &plan.steps {
            self.step(step, bag, now, labels);
        }
    }

    /// Forgets the last response.
    pub fn begin(&mut self, plan: &Plan) {
        self.drafts.clear();
        self.homes.clear();
        self.homes.resize(plan.buckets.len(), None);
        self.aside = Aside { guess: plan.guess, litellm: plan.litellm, ..Aside::default() };
    }

    /// Reads one header.
    #[inline]
    pub fn step(&mut self, step: &Step, bag: &HeaderBag, now: Wall, labels: &mut Labels) {
        let Some(value) = bag.value(step.index) else { return };
        if self.header(step, value, now, labels) == Taken::Fault {
            self.faults.push(step.index);
        }
    }

    /// The draft with this key, made if new.
    pub fn draft(&mut self, key: Key) -> Option<&mut Draft> {
        let index = self.home(key)?;
        self.drafts.get_mut(index)
    }

    /// The position of the draft of a bucket of the plan that is met for the first time.
    fn settle_in(&mut self, number: usize, key: Key) -> Option<usize> {
        let home = self.home(key);
        if let Some(place) = self.homes.get_mut(number) {
            *place = home;
        }
        home
    }

    /// The position of the draft with this key, made if new.
    pub fn home(&mut self, key: Key) -> Option<usize> {
        let known = self.drafts.iter().position(|draft| draft.key == key);
        if known.is_none() && self.drafts.len() < MAX_DRAFTS {
            self.drafts.push(Draft::new(key));
            return Some(self.drafts.len() - 1);
        }
        known
    }

    fn header(&mut self, step: &Step, value: &[u8], now: Wall, labels: &mut Labels) -> Taken {
        if step.role == Role::Other {
            return self.bucket(step, value, labels);
        }
        if let Some(taken) = self.aside.take(step.role, value, step.index, now) {
            return taken;
        }
        match step.role {
            Role::State => self.state(value, step.upstream, labels),
            Role::Policies => self.policies(&FIELD, value, step.upstream, labels),
            Role::Type => self.typed(value, labels),
            Role::TimeRemaining => self.time_remaining(value),
            _ => self.bucket(step, value, labels),
        }
    }

    fn bucket(&mut self, step: &Step, value: &[u8], labels: &mut Labels) -> Taken {
        let Some((verb, key)) = &step.bucket else { return Taken::Fine };
        if is_absent(value) {
            return Taken::Fine;
        }
        if *verb == Verb::Limit && !key.named && value.contains(&b';') {
            let family = if key.family.kin == Kin::Trio { &FIELD } else { &IN_LIMIT };
            // The number in front is the limit that is nearest: what is left is of that one.
            let lead = ietf::members(value).next().filter(|first| first.window_s.is_none());
            let state = lead.and_then(|first| first.head).zip(self.draft(*key));
            let taken = state.map_or(Taken::Fine, |(head, state)| state.limit.add(head));
            return taken.and(self.policies(family, value, key.upstream, labels));
        }
        let known = self.homes.get(step.number).copied().flatten();
        let Some(home) = known.or_else(|| self.settle_in(step.number, *key)) else {
            return Taken::Fault;
        };
        let Some(draft) = self.drafts.get_mut(home) else { return Taken::Fault };
        if *verb != Verb::Policy {
            return draft.take_said(*verb, value);
        }
        let Some(member) = ietf::members(value).next() else { return Taken::Fault };
        draft.window = member.window_s.map(|seconds| (seconds, WindowFrom::Policy));
        draft.unit = member.unit.map(ietf::unit);
        if member.broken { Taken::Fault } else { Taken::Fine }
    }

    /// Policies that stand in a value; each is a bucket.
    fn policies(
        &mut self,
        family: &'static Family,
        value: &[u8],
        upstream: bool,
        labels: &mut Labels,
    ) -> Taken {
        let mut taken = Taken::Fine;
        for member in ietf::members(value) {
            // Without a window a number alone is no policy: Envoy's first one says whose
            // state stands beside it.
            let head = member.head.filter(|_| member.window_s.is_some());
            let Some(quota) = member.quota.or(head) else {
                if member.broken || member.head.is_none() {
                    taken = Taken::Fault;
                }
                continue;
            };
            let mut key = Key::field(family, upstream);
            key.label = member.name.and_then(|name| labels.label(name));
            key.window_s = member.window_s;
            (key.resource, _) = member.unit.map_or((Resource::Requests, 1), ietf::unit);
            let again = self.drafts.iter().any(|d| d.key == key && d.limit.agreed() == Some(quota));
            if let (false, Some(draft)) = (again, self.draft(key)) {
                draft.window = key.window_s.map(|seconds| (seconds, WindowFrom::Policy));
                if draft.limit.add(quota) == Taken::Fault || member.broken {
                    taken = Taken::Fault;
                }
            }
        }
        taken
    }

    /// `RateLimit`: the state of one or more policies.
    fn state(&mut self, value: &[u8], upstream: bool, labels: &mut Labels) -> Taken {
        let mut taken = Taken::Fine;
        if is_absent(value) {
            return Taken::Fine;
        }
        let is_list = ietf::is_list(value);
        let dictionary = if is_list { None } else { ietf::dictionary(value) };
        let items = is_list.then(|| ietf::members(value));
        if !is_list && dictionary.is_none() {
            return Taken::Fault;
        }
        for member in dictionary.into_iter().chain(items.into_iter().flatten()) {
            let mut key = Key::field(&FIELD, upstream);
            key.label = member.name.and_then(|name| labels.label(name));
            let Some(draft) = self.draft(key) else { return Taken::Fault };
            // Of several parts of one policy the one with the least left binds.
            if let (true, Some(known)) = (member.is_part, draft.remaining()) {
                if member.remaining.is_none_or(|left| left >= known) {
                    continue;
                }
                (draft.remaining, draft.reset) = (Copies::default(), Sent::Absent);
            }
            let mut results = [Taken::Fine; 3];
            if let Some(quota) = member.quota {
                results[0] = draft.limit.add(quota);
            }
            if let Some(remaining) = member.remaining {
                results[1] = draft.remaining.add(remaining);
            }
            if let Some(reset) = member.reset {
                results[2] = draft.take(Verb::Reset, reset);
            }
            if member.broken || results.contains(&Taken::Fault) {
                taken = Taken::Fault;
            }
        }
        taken
    }

    /// `x-ratelimit-type: UserByMinute` names the limit that refused.
    fn typed(&mut self, value: &[u8], labels: &mut Labels) -> Taken {
        let has = |word: &[u8]| memchr::memmem::find(value, word).is_some();
        let key = Key::typed();
        let Some(draft) = self.draft(key) else { return Taken::Fault };
        let windows = [(&b"Second"[..], 1), (b"Minute", 60), (b"Hour", 3600), (b"Day", 86_400)];
        let window = windows.iter().find(|(word, _)| has(word));
        draft.window = window.map(|(_, seconds)| (*seconds, WindowFrom::Name));
        if has(b"Token") {
            draft.unit = Some((Resource::Tokens, 1));
        } else if has(b"Concurren") {
            draft.unit = Some((Resource::Concurrency, 1));
        }
        draft.key.scope = if value.starts_with(b"User") { Scope::User } else { Scope::Unknown };
        draft.key.label = labels.label(value);
        draft.blame = Blame::Named;
        Taken::Fine
    }

    fn time_remaining(&mut self, value: &[u8]) -> Taken {
        // The type may have come first and given the draft its name.
        let key = self.drafts.iter().map(|draft| draft.key).find(|key| key.family == &TYPED);
        self.draft(key.unwrap_or_else(Key::typed))
            .map_or(Taken::Fault, |d| d.take(Verb::Reset, value))
    }
}

impl Key {
    /// The key of a bucket whose particulars stand in a value.
    pub fn field(family: &'static Family, upstream: bool) -> Key {
        Key {
            family,
            upstream,
            resource: Resource::Requests,
            window_s: None,
            scope: family.scope,
            label: None,
            described: false,
            named: false,
        }
    }

    fn typed() -> Key {
        Key::field(&TYPED, false)
    }
}

impl Aside {
    /// Takes a header that is not part of a bucket; `None` if it may be one.
    fn take(&mut self, role: Role, value: &[u8], index: usize, now: Wall) -> Option<Taken> {
        match role {
            Role::Wait(spelling) => {
                let read = self.retry.see(spelling, value, now);
                return Some(if read { Taken::Fine } else { Taken::Fault });
            }
            Role::Cost => return Some(self.take_cost(value)),
            Role::ShouldRetry => self.should_retry = flag(value).or(self.should_retry),
            Role::RequestId => self.request_id = self.request_id.or(Some(index)),
            Role::Model => self.model = self.model.or(Some(index)),
            Role::Organization => self.organization = self.organization.or(Some(index)),
            Role::Project => self.project = self.project.or(Some(index)),
            Role::Subject => self.subject = Some(index),
            Role::PolicyName => self.policy = Some(index),
            Role::RefusedBy => self.refused_by = Some(index),
            Role::Claim => self.claim = Some(index),
            Role::ClaimReset => self.claim_reset = Some(index),
            Role::GatewayRefused => self.gateway_refused = true,
            Role::Stopped if is_absent(value) => {}
            Role::Stopped => self.stopped_by = self.stopped_by.or(Some(index)),
            Role::State
            | Role::Policies
            | Role::Type
            | Role::TimeRemaining
            | Role::Date
            | Role::Other => return None,
        }
        Some(Taken::Fine)
    }

    fn take_cost(&mut self, value: &[u8]) -> Taken {
        let cost = number::decimal(value).ok().filter(|nano| *nano >= 0).map(NanoUsd);
        let agree = self.cost.is_none() || cost.is_none() || self.cost == cost;
        // Of two costs the higher is the safe one.
        self.cost = self.cost.max(cost);
        let read = cost.is_some() || is_absent(value);
        if read && agree { Taken::Fine } else { Taken::Fault }
    }
}

fn flag(value: &[u8]) -> Option<bool> {
    [("true", true), ("false", false)]
        .into_iter()
        .find(|(word, _)| value.eq_ignore_ascii_case(word.as_bytes()))
        .map(|(_, flag)| flag)
}
