//! How the headers of one response were read, for people: each by itself, with
//! the steps that read them all.

use super::cards::Role;
use super::draft::{Draft, Key};
use super::families::Kin;
use super::gather;
use super::settle;
use super::vocabulary::Verb;
use super::{HeaderBag, HeaderContext, HeaderReader, body, setting};
use crate::decode::explain::{BucketNote, HeaderNote, shown};
use crate::domain::WindowFrom;

/// The name under which a body is listed.
const BODY: &str = "(body)";

/// A header and the drafts that its value went into.
struct Read {
    note: HeaderNote,
    drafts: Vec<usize>,
}

impl HeaderReader {
    /// What each header that says something on limits was read as.
    pub(in crate::decode) fn explain(
        &mut self,
        bag: &HeaderBag,
        context: &HeaderContext<'_>,
    ) -> Vec<HeaderNote> {
        let HeaderReader { labels, cards, plans, gathered, told, .. } = self;
        gathered.faults.clear();
        let plan = plans.of(bag, cards, labels);
        let date = if plan.dated { gather::server_date(bag, &mut gathered.faults) } else { None };
        let now = date.unwrap_or(context.at);
        gathered.begin(plan);
        let mut read: Vec<Read> = Vec::new();
        for step in &plan.steps {
            let Some(header) = bag.get(step.index) else { continue };
            let before = gathered.drafts.clone();
            gathered.step(step, bag, now, labels);
            let drafts = touched(&before, &gathered.drafts, step.bucket.map(|(_, key)| key));
            let note = HeaderNote {
                name: shown(header.name),
                value: shown(header.value),
                read_as: match (step.role, step.bucket) {
                    (Role::Other, Some((verb, _))) => verb_word(verb),
                    (role, _) => role_word(role),
                },
                fault: gathered.faults.contains(&step.index),
                ..HeaderNote::default()
            };
            read.push(Read { note, drafts });
        }
        if let Some(text) = context.body {
            let before = gathered.drafts.clone();
            body::read(text, context.status, now, gathered, labels);
            let drafts = touched(&before, &gathered.drafts, None);
            if !drafts.is_empty() {
                let note =
                    HeaderNote { name: BODY.to_owned(), read_as: "error", ..HeaderNote::default() };
                read.push(Read { note, drafts });
            }
        }
        let setting = setting(bag, context, date, &gathered.aside, labels, told);
        let unit = settle::join(&mut gathered.drafts, &setting);
        let mut number = 0;
        let buckets: Vec<BucketNote> = gathered
            .drafts
            .iter()
            .map(|draft| {
                let settled = settle::settled(draft, &setting, unit);
                let limit = settled.as_ref().map(|_| number);
                number += usize::from(settled.is_some());
                let window_from = settled.as_ref().and_then(|reading| reading.window_from);
                let id = settled.map(|reading| reading.id);
                BucketNote {
                    limit,
                    resource: id.map_or(draft.key.resource, |id| id.resource).word(),
                    window_s: id.map_or(draft.window_s(), |id| id.window_s),
                    window_from: window_from.map(window_word),
                }
            })
            .collect();
        let drafts = &gathered.drafts;
        read.into_iter()
            .map(|Read { mut note, drafts: touched }| {
                let family = touched.first().and_then(|at| drafts.get(*at)).map(|d| d.key.family);
                note.family = family.map(|family| family.prefix).filter(|text| !text.is_empty());
                note.dialect = family.map(|family| kin_word(family.kin));
                let of = touched.iter().filter_map(|at| buckets.get(*at).cloned());
                note.buckets = of.collect();
                note
            })
            .collect()
    }
}

/// The drafts that are new or not as they were, and the one with this key.
fn touched(before: &[Draft], after: &[Draft], key: Option<Key>) -> Vec<usize> {
    let differs = |at: usize, draft: &Draft| before.get(at) != Some(draft);
    let is_named = |draft: &Draft| key.is_some_and(|key| draft.key == key);
    let all = after.iter().enumerate();
    all.filter(|(at, draft)| differs(*at, draft) || is_named(draft)).map(|(at, _)| at).collect()
}

const fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Limit => "limit",
        Verb::Remaining => "remaining",
        Verb::Used => "used",
        Verb::Reset => "reset",
        Verb::Ratio => "used ratio",
        Verb::Percent => "used percent",
        Verb::Status => "status",
        Verb::WindowSeconds => "window in seconds",
        Verb::WindowMinutes => "window in minutes",
        Verb::Unlimited => "no limit",
        Verb::Policy => "policy",
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Wait(_) => "wait",
        Role::ShouldRetry => "whether to retry",
        Role::RequestId => "request id",
        Role::Model => "model",
        Role::Organization | Role::Project | Role::Subject => "whose limit",
        Role::PolicyName => "name of the policy",
        Role::RefusedBy => "which limit refused",
        Role::Claim => "the window that binds",
        Role::ClaimReset => "when the window that binds turns",
        Role::GatewayRefused => "refused by the gateway",
        Role::Stopped => "the kill switch that refused",
        Role::Cost => "cost",
        Role::State => "state of limits",
        Role::Policies => "policies",
        Role::Type => "kind of limit",
        Role::TimeRemaining => "reset",
        Role::Date => "clock of the server",
        Role::Other => "nothing",
    }
}

const fn kin_word(kin: Kin) -> &'static str {
    match kin {
        Kin::Suffixed => "suffixed",
        Kin::Trio => "trio",
        Kin::Field => "ietf",
        Kin::Ai => "ai",
        Kin::Body => "body",
        Kin::Plain => "plain",
    }
}

const fn window_word(from: WindowFrom) -> &'static str {
    match from {
        WindowFrom::Header => "header",
        WindowFrom::Name => "name",
        WindowFrom::Policy => "policy",
        WindowFrom::Math => "math",
        WindowFrom::Doc => "doc",
    }
}
