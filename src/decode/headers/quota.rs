//! Limits that providers state in error bodies only.

use super::body::{contains, fields, put};
use super::draft::Key;
use super::families::BODY;
use super::gather::Gathered;
use super::labels::Labels;
use super::prose;
use super::reset;
use super::vocabulary::Verb;
use crate::domain::time::NANOS_PER_S;
use crate::domain::{Blame, Resource, Scope};
use memchr::memmem;

const MINUTE_NANOS: i64 = 60 * NANOS_PER_S;

/// What quota ids, prose and their abbreviations call things.
const COUNTED: &[(&str, Resource)] = &[
    ("InputToken", Resource::InputTokens),
    ("OutputToken", Resource::OutputTokens),
    ("Token", Resource::Tokens),
    ("Concurrent", Resource::Concurrency),
    ("concurrency", Resource::Concurrency),
    ("Image", Resource::Images),
    ("Request", Resource::Requests),
    ("TP", Resource::Tokens),
    ("RP", Resource::Requests),
];
const WINDOWS: &[(&str, u32)] = &[
    ("PerSecond", 1),
    ("PerMinute", 60),
    ("PerHour", 3600),
    ("PerDay", 86_400),
    ("PerMonth", 2_592_000),
    ("RPS", 1),
    ("TPS", 1),
    ("RPM", 60),
    ("TPM", 60),
    ("RPD", 86_400),
    ("TPD", 86_400),
];

/// Gemini's `QuotaFailure`: everything is in the quota's id. It names all that are used up,
/// and asks for one wait, which is that of a minute's quota also where a day's is gone.
pub(super) fn gemini(body: &[u8], gathered: &mut Gathered, labels: &mut Labels) {
    let waits = || fields(body, "retryDelay").filter_map(|(_, wait)| reset::span(wait));
    let waits_longer = waits().any(|nanos| nanos > MINUTE_NANOS);
    let mut ids = fields(body, "quotaId").peekable();
    while let Some((at, id)) = ids.next() {
        let until = ids.peek().map_or(body.len(), |(next, _)| *next);
        let Some(violation) = body.get(at..until) else { continue };
        let Some((_, value)) = fields(violation, "quotaValue").next() else { continue };
        let mut key = Key::field(&BODY, false);
        key.resource = first_in(COUNTED, id).unwrap_or(Resource::Other);
        key.scope = Scope::Project;
        key.label = labels.label(id);
        key.named = true;
        if let Some(draft) = gathered.draft(key) {
            let window = first_in(WINDOWS, id);
            put(draft, window, &[(Verb::Limit, value)]);
            let outlasts = window.is_some_and(|seconds| seconds > 60) && !waits_longer;
            draft.blame = if outlasts { Blame::Outlasting } else { Blame::Named };
        }
    }
}

/// OpenRouter puts the headers it did not send into the body.
pub(super) fn carried_headers(body: &[u8], gathered: &mut Gathered) {
    let value = |name| fields(body, name).next().map(|(_, value)| value);
    let sent = [
        (Verb::Limit, value("X-RateLimit-Limit")),
        (Verb::Remaining, value("X-RateLimit-Remaining")),
        (Verb::Reset, value("X-RateLimit-Reset")),
    ];
    if sent.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    let mut key = Key::field(&BODY, false);
    // Free models share a quota of the user; other limits are a model's.
    let of_user = contains(body, "free-models-per");
    key.scope = if of_user { Scope::User } else { Scope::Model };
    key.named = !of_user;
    let Some(draft) = gathered.draft(key) else { return };
    let values = sent.map(|(verb, value)| (verb, value.unwrap_or_default()));
    put(draft, prose::window(body), &values);
}

/// Moonshot: `request reached organization max RPM: 3, please try again …`.
pub(super) fn moonshot(body: &[u8], gathered: &mut Gathered, labels: &mut Labels) {
    let Some(text) = after(body, "request reached ") else { return };
    let text = text.strip_prefix(b"organization ").unwrap_or(text);
    let Some(end) = text.iter().position(|b| matches!(b, b':' | b',' | b'"')) else { return };
    let Some((name, rest)) = text.split_at_checked(end) else { return };
    let Some(resource) = first_in(COUNTED, name) else { return };
    let mut key = Key::field(&BODY, false);
    (key.resource, key.scope, key.named) = (resource, Scope::Org, true);
    key.label = labels.label(name);
    let limit = after(rest, "limit:").or(rest.get(1..)).and_then(prose::number);
    let used = after(rest, "current:").and_then(prose::number).map(|(used, _)| used);
    if let (Some((limit, _)), Some(draft)) = (limit, gathered.draft(key)) {
        let values = [(Verb::Limit, limit), (Verb::Used, used.unwrap_or_default())];
        put(draft, first_in(WINDOWS, name), &values);
    }
}

/// xAI: `Tokens per Minute (actual/limit): 65605/16000`.
pub(super) fn xai(body: &[u8], gathered: &mut Gathered) {
    for at in memmem::find_iter(body, "(actual/limit): ") {
        let Some((before, rest)) = body.split_at_checked(at) else { continue };
        let before = before.trim_ascii_end();
        let mut words = before.rsplit(|b| *b == b' ');
        let (window, _per, noun) = (words.next(), words.next(), words.next());
        let resource = noun.and_then(|noun| first_in(COUNTED, noun));
        let Some((used, rest)) = rest.get(16..).and_then(prose::number) else { continue };
        let Some((limit, _)) = rest.strip_prefix(b"/").and_then(prose::number) else { continue };
        let Some(resource) = resource else { continue };
        let mut key = Key::field(&BODY, false);
        (key.resource, key.scope, key.named) = (resource, Scope::Org, true);
        let window = window.and_then(prose::window_word);
        // Several windows of one resource stand side by side.
        key.window_s = window;
        if let Some(draft) = gathered.draft(key) {
            put(draft, window, &[(Verb::Limit, limit), (Verb::Used, used)]);
        }
    }
}

/// Groq: ``for model `x` … on tokens per day (TPD): Limit 100000, Used 99300, Requested 1200``,
/// which no header tells. Where the log has headers, theirs are its limits; and of a
/// request that is larger than the limit, what is used says nothing.
pub(super) fn groq(body: &[u8], gathered: &mut Gathered) {
    let Some(rest) = after(body, "): Limit ").filter(|_| contains(body, "for model `")) else {
        return;
    };
    if !gathered.drafts.is_empty() || prose::asks_too_much(body) {
        return;
    }
    let before = body.get(..body.len() - rest.len()).unwrap_or_default();
    let name = before.rsplit(|byte| *byte == b'(').next().unwrap_or_default();
    let limit = prose::number(rest).map(|(limit, _)| limit);
    let used = after(rest, "Used ").and_then(prose::number).map(|(used, _)| used);
    let (Some(resource), Some(limit), Some(used)) = (first_in(COUNTED, name), limit, used) else {
        return;
    };
    let mut key = Key::field(&BODY, false);
    (key.resource, key.scope, key.named) = (resource, Scope::Org, true);
    if let Some(draft) = gathered.draft(key) {
        put(draft, first_in(WINDOWS, name), &[(Verb::Limit, limit), (Verb::Used, used)]);
    }
}

fn after<'a>(text: &'a [u8], word: &str) -> Option<&'a [u8]> {
    memmem::find(text, word.as_bytes()).and_then(|at| text.get(at + word.len()..))
}

fn first_in<T: Copy>(table: &[(&str, T)], text: &[u8]) -> Option<T> {
    table.iter().find(|(word, _)| contains(text, word)).map(|(_, meaning)| *meaning)
}
