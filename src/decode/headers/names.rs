//! Reads a header's name: which family it belongs to, and what it says about
//! which bucket. One grammar over the tables in `families` and `vocabulary`.
//!
//! It runs once per name, see `cards`. It never looks at values.

use super::families::{FAMILIES, Family, Shape};
use super::vocabulary::{DESCRIPTORS, Meaning, PHRASES, VERBS, Verb};
use crate::domain::{Resource, Scope};

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part<'a> {
    pub family: &'static Family,
    pub verb: Verb,
    pub resource: Option<Resource>,
    pub window_s: Option<u32>,
    pub scope: Scope,
    pub label: Label<'a>,
    /// The name carries the noun itself (`-requests`), not only the family.
    pub named: bool,
}

/// The free part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label<'a> {
    None,
    /// A pool from the tables.
    Pool(&'static str),
    /// Text of the name.
    Text(&'a [u8]),
    /// The number of a rule, and what of it the limit is for.
    Pair(&'a [u8], &'a [u8]),
    /// A LiteLLM descriptor: whom the limit is for.
    Descriptor(&'a [u8]),
}

/// Words of a name that are not the verb.
#[derive(Clone, Copy, Debug)]
struct Nouns<'a> {
    resource: Option<Resource>,
    window_s: Option<u32>,
    scope: Scope,
    pool: Option<&'static str>,
    text: Option<&'a [u8]>,
}

/// Reads a normalised name; `sent` is the same with its own separators.
pub(super) fn read<'a>(name: &'a [u8], sent: &'a [u8]) -> Option<Part<'a>> {
    let family = family_of(name)?;
    let at = family.prefix.len();
    let tail = Tail { name: name.get(at..)?, sent: sent.get(at..)? };
    match family.shape {
        Shape::VerbFirst => verb_first(family, tail),
        Shape::VerbLast => verb_last(family, tail),
    }
}

/// A name behind its family's prefix, in both spellings.
#[derive(Clone, Copy)]
struct Tail<'a> {
    name: &'a [u8],
    sent: &'a [u8],
}

impl<'a> Tail<'a> {
    fn cut(self, from: usize, to: usize) -> Option<Tail<'a>> {
        Some(Tail { name: self.name.get(from..to)?, sent: self.sent.get(from..to)? })
    }
}

fn family_of(name: &[u8]) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| name.starts_with(family.prefix.as_bytes()))
}

/// `{descriptor-}verb{-noun}{-window}{-label}`
fn verb_first<'a>(family: &'static Family, tail: Tail<'a>) -> Option<Part<'a>> {
    let Some((start, end, verb)) = first_verb(tail.name) else {
        return bare_limit(family, tail);
    };
    let before = tail.cut(0, start.saturating_sub(1))?;
    let after = tail.cut((end + 1).min(tail.name.len()), tail.name.len())?;
    let mut nouns = nouns(after);
    let mut descriptor = Label::None;
    let mut scope = nouns.scope;
    if !before.name.is_empty() {
        let ahead = self::nouns(before);
        if ahead.resource.is_some() && ahead.text.is_none() {
            nouns.resource = nouns.resource.or(ahead.resource);
            nouns.window_s = nouns.window_s.or(ahead.window_s);
        } else if let Some(index) = before.name.strip_suffix(b"-ratelimit") {
            // APISIX puts the rule's index in front: `x-ai-1-ratelimit-limit`.
            descriptor = nouns.text.map_or(Label::Text(index), |text| Label::Pair(index, text));
        } else {
            nouns.resource?;
            descriptor = Label::Descriptor(before.sent);
            scope = scope_of(before.name);
        }
    } else if family.needs_index {
        return None;
    }
    let label = match (descriptor, nouns.pool, nouns.text) {
        (Label::None, Some(pool), _) => Label::Pool(pool),
        (Label::None, None, Some(text)) => Label::Text(text),
        (descriptor, ..) => descriptor,
    };
    let resource = match (nouns.resource, label) {
        // A limit that somebody gave a name of his own counts something of his own.
        (None, Label::Text(_) | Label::Pair(..)) if family.free_names => Some(Resource::Other),
        (None, _) => verb.resource.or(family.resource),
        (named, _) => named,
    };
    Some(Part {
        family,
        verb: verb.verb,
        resource,
        window_s: nouns.window_s,
        scope: if scope == Scope::Unknown { family.scope } else { scope },
        label,
        named: nouns.resource.is_some(),
    })
}

/// `x-ratelimit-requests: 4000` without a verb is the limit itself.
fn bare_limit<'a>(family: &'static Family, tail: Tail<'a>) -> Option<Part<'a>> {
    let nouns = nouns(tail);
    if nouns.text.is_some() || !family.bare_limit {
        return None;
    }
    Some(Part {
        family,
        verb: Verb::Limit,
        resource: Some(nouns.resource?),
        window_s: nouns.window_s,
        scope: family.scope,
        label: nouns.pool.map_or(Label::None, Label::Pool),
        named: true,
    })
}

/// `{noun or label}-verb`
fn verb_last<'a>(family: &'static Family, tail: Tail<'a>) -> Option<Part<'a>> {
    let word = VERBS.iter().find(|word| ends_with_word(tail.name, word.word))?;
    let counts = matches!(word.verb, Verb::Limit | Verb::Remaining | Verb::Used);
    if counts && word.resource.is_none() && family.resource == Some(Resource::PlanUsage) {
        // Plans are told in shares; `x-codex-active-limit: premium` is a name.
        return None;
    }
    let subject = tail.cut(0, tail.name.len().saturating_sub(word.word.len() + 1))?;
    let nouns = nouns(subject);
    let mut part = Part {
        family,
        verb: word.verb,
        resource: nouns.resource.or(word.resource).or(family.resource),
        window_s: nouns.window_s.or(word.window_s),
        scope: family.scope,
        label: nouns.text.map_or(Label::None, Label::Text),
        named: nouns.resource.is_some(),
    };
    if family.claims {
        claim(&mut part, subject)?;
    } else if word.resource.is_some() && nouns.resource.is_none() {
        // `x-litellm-key-spend`: the subject says whose it is. Anything else
        // with such an ending is not a limit.
        part.scope = scope_of(subject.name);
        part.label = Label::None;
        (part.scope != Scope::Unknown).then_some(())?;
    } else if word.resource.is_some() {
        part.label = Label::None;
    } else if subject.name.is_empty() && family.resource.is_none() {
        return None;
    } else if nouns.resource.is_none() && family.resource.is_none() {
        part.resource = Some(Resource::Other);
    }
    Some(part)
}

/// Subscription windows: `5h`, `7d`, `7d_opus`, and the overage behind them.
/// Other subjects (`slow`, `fallback`, none at all) are not buckets.
fn claim<'a>(part: &mut Part<'a>, subject: Tail<'a>) -> Option<()> {
    part.label = Label::Text(subject.sent);
    if subject.name == b"overage" {
        part.resource = Some(Resource::Spend);
        part.scope = Scope::Org;
        return Some(());
    }
    part.window_s = Some(window_word(subject.name.split(|b| *b == b'-').next()?)?);
    Some(())
}

/// `5h` is five hours.
fn window_word(word: &[u8]) -> Option<u32> {
    let (unit, count) = word.split_last()?;
    let unit = match unit {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    number(count)?.checked_mul(unit)
}

fn scope_of(descriptor: &[u8]) -> Scope {
    let found = DESCRIPTORS.iter().find(|(word, _)| word.as_bytes() == descriptor);
    found.map_or(Scope::Unknown, |(_, scope)| *scope)
}

fn first_verb(name: &[u8]) -> Option<(usize, usize, &'static super::vocabulary::VerbWord)> {
    let mut start = 0;
    while start < name.len() {
        let rest = name.get(start..)?;
        if let Some(word) = VERBS.iter().find(|word| starts_with_word(rest, word.word)) {
            return Some((start, start + word.word.len(), word));
        }
        start += rest.iter().position(|b| *b == b'-').map_or(rest.len(), |dash| dash + 1);
    }
    None
}

fn nouns(tail: Tail<'_>) -> Nouns<'_> {
    let mut found =
        Nouns { resource: None, window_s: None, scope: Scope::Unknown, pool: None, text: None };
    let mut text: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(rest) = tail.name.get(at..).filter(|rest| !rest.is_empty()) {
        let word_len = rest.iter().position(|b| *b == b'-').unwrap_or(rest.len());
        let phrase = PHRASES.iter().find(|(phrase, _)| starts_with_word(rest, phrase));
        let mut taken = phrase.map_or(word_len, |(phrase, _)| phrase.len());
        match (phrase.map(|(_, meaning)| *meaning), text) {
            (Some(Meaning::Window(seconds)), _) => found.window_s = Some(seconds),
            (Some(Meaning::Resource(resource)), None) => found.resource = Some(resource),
            (Some(Meaning::Pool(resource, pool)), None) => {
                (found.resource, found.pool) = (Some(resource), Some(pool));
            }
            (Some(Meaning::Label(pool)), None) => found.pool = Some(pool),
            (Some(Meaning::Scope(scope)), None) => found.scope = scope,
            (Some(Meaning::Filler), None) => {}
            _ => match window_number(rest, word_len) {
                Some((seconds, len)) if text.is_none() => {
                    (found.window_s, taken) = (Some(seconds), len);
                }
                _ => text = Some((text.map_or(at, |(start, _)| start), at + taken)),
            },
        }
        at += taken + 1;
    }
    found.text = text.and_then(|(start, end)| tail.sent.get(start..end));
    found
}

/// `30` is thirty seconds, `10-second` is ten, `1d` a day.
fn window_number(rest: &[u8], word_len: usize) -> Option<(u32, usize)> {
    let word = rest.get(..word_len)?;
    if let Some(seconds) = window_word(word) {
        return Some((seconds, word_len));
    }
    let count = number(word)?;
    let unit = rest.get(word_len + 1..).and_then(|next| {
        PHRASES.iter().find_map(|(phrase, meaning)| match meaning {
            Meaning::Window(seconds) if starts_with_word(next, phrase) => {
                Some((*seconds, phrase.len()))
            }
            _ => None,
        })
    });
    match unit {
        Some((seconds, len)) => Some((count.checked_mul(seconds)?, word_len + 1 + len)),
        None => Some((count, word_len)),
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    let text =
        std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    text.parse().ok().filter(|count| *count > 0)
}

fn starts_with_word(text: &[u8], word: &str) -> bool {
    text.strip_prefix(word.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'-', ..]))
}

fn ends_with_word(text: &[u8], word: &str) -> bool {
    text.strip_suffix(word.as_bytes()).is_some_and(|rest| matches!(rest, [] | [.., b'-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `verb resource window scope label` of a name, `none` if it is no limit's.
    fn reading(name: &str) -> String {
        let sent = name.to_ascii_lowercase();
        let Some(part) = read(sent.replace('_', "-").as_bytes(), sent.as_bytes()).map(|part| {
            let label = match part.label {
                Label::None => String::new(),
                Label::Pool(pool) => format!(" {pool}"),
                Label::Text(text) => format!(" {}", String::from_utf8_lossy(text)),
                Label::Pair(whole, part) => {
                    let [whole, part] = [whole, part].map(String::from_utf8_lossy);
                    format!(" {whole}/{part}")
                }
                Label::Descriptor(text) => format!(" ~{}", String::from_utf8_lossy(text)),
            };
            let window = part.window_s.map_or(String::new(), |seconds| format!(" {seconds}s"));
            let resource = part.resource.map_or("-", Resource::word);
            format!("{:?} {resource}{window} {}{label}", part.verb, part.scope.word())
        }) else {
            return "none".to_owned();
        };
        part
    }

    #[test]
    fn names_say_what_they_say() {
        for (name, expected) in [
            ("x-ratelimit-limit-requests", "Limit requests unknown"),
            ("x-ratelimit-limit", "Limit requests unknown"),
            ("x-ratelimit-requests", "Limit requests unknown"),
            ("x-ratelimit-requests-remaining", "Remaining requests unknown"),
            ("x-ratelimit-remaining-tokens_usage_based", "Remaining tokens unknown usage_based"),
            ("x-ratelimit-reset-project-tokens", "Reset tokens project"),
            ("x-ratelimit-renewalperiod-tokens", "WindowSeconds tokens unknown"),
            ("x-ratelimit-limit-req-10-second", "Limit requests 10s unknown"),
            (
                "x-ratelimit-remaining-audio-seconds-month",
                "Remaining audio_seconds 2592000s unknown",
            ),
            ("x-ratelimit-limit-tokens-per-day", "Limit tokens 86400s unknown"),
            (
                "x-ratelimit-limit-tokens-cache-adjusted-prompt",
                "Limit input_tokens unknown uncached",
            ),
            ("x-ratelimit-limit-dynamic", "Limit requests unknown dynamic"),
            ("x-ratelimit-limit-30", "Limit requests 30s unknown"),
            ("x-ratelimit-limit-videos-minute", "Limit other 60s unknown videos"),
            (
                "x-ratelimit-model_per_key-limit-max_parallel_requests",
                "Limit concurrency key ~model_per_key",
            ),
            ("x-ratelimit-team-remaining-tokens", "Remaining tokens team ~team"),
            ("x-ratelimit-tokens-query-cost", "none"),
            ("x-ratelimit-over-limit", "none"),
            ("x-ratelimit-key", "none"),
            ("x-ratelimit-abusepenalty-active", "none"),
            ("anthropic-ratelimit-input-tokens-limit", "Limit input_tokens org"),
            ("anthropic-fast-output-tokens-reset", "Reset output_tokens org"),
            (
                "anthropic-ratelimit-unified-7d_opus-utilization",
                "Ratio plan_usage 604800s user 7d_opus",
            ),
            (
                "anthropic-ratelimit-unified-7d-sonnet-reset",
                "Reset plan_usage 604800s user 7d-sonnet",
            ),
            ("anthropic-ratelimit-unified-overage-status", "Status spend org overage"),
            ("anthropic-ratelimit-unified-slow-status", "none"),
            ("anthropic-ratelimit-unified-slow-retry-after", "none"),
            ("anthropic-ratelimit-unified-reset", "none"),
            ("anthropic-ratelimit-unified-5h-surpassed-threshold", "none"),
            ("x-codex-primary-used-percent", "Percent plan_usage user primary"),
            ("x-codex-secondary-window-minutes", "WindowMinutes plan_usage user secondary"),
            ("x-codex-credits-balance", "Remaining credits user"),
            ("x-codex-plan-type", "none"),
            ("x-codex-active-limit", "none"),
            ("x-ai-ratelimit-limit-90-policy-1", "Limit tokens 90s gateway policy-1"),
            ("x-ai-ratelimit-remaining-hour-openai", "Remaining tokens 3600s gateway openai"),
            ("x-ai-2-ratelimit-reset", "Reset tokens gateway 2"),
            ("x-ai-2-ratelimit-limit-openai-a", "Limit tokens gateway 2/openai-a"),
            ("x-ai-2-ratelimit-remaining-openai-b", "Remaining tokens gateway 2/openai-b"),
            ("x-ai-ratelimit-query-cost", "none"),
            ("x-litellm-key-tpm-limit", "Limit tokens 60s key"),
            ("x-litellm-team-max-budget", "Limit spend team"),
            ("x-litellm-response-cost-original", "none"),
            ("x-litellm-model-id", "none"),
            ("x-endpoint-monthly-call-limit", "Limit requests key"),
            ("ratelimit-remaining", "Remaining requests unknown"),
            ("ratelimit-resettime", "none"),
            ("ratelimit-observed", "none"),
            ("x-request-id", "none"),
            ("authorization", "none"),
            ("", "none"),
        ] {
            assert_eq!(reading(name), expected, "{name}");
        }
    }
}
