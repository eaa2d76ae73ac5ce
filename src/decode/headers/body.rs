//! What only the body of an error says: limits, waits and error codes.
//!
//! A body is an excerpt: maybe cut, maybe a stream, maybe JSON inside a string.
//! So it is searched, not parsed, and what is found counts only on responses
//! that are errors: the rest of a body is other people's text.

use super::draft::Draft;
use super::gather::Gathered;
use super::labels::Labels;
use super::prose;
use super::quota;
use super::retry::Spelling;
use super::vocabulary::Verb;
use crate::domain::{LimitedBy, Wall, WindowFrom};
use memchr::memmem;

/// What a body says about the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub verdict: Option<Verdict>,
    pub limited_by: Option<LimitedBy>,
    /// Over how many seconds that limit counts.
    pub window_s: Option<u32>,
    /// The request alone is larger than the limit.
    pub too_large: bool,
}

/// What an error code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Throttled,
    Overloaded,
    /// The plan's or account's quota is used up.
    OutOfQuota,
    /// The money is.
    OutOfMoney,
    /// A kill switch refused.
    Stopped,
}

/// Words in error codes and messages; the first that is found counts.
const CODES: &[(&str, Verdict)] = &[
    ("llm_kill_switch", Verdict::Stopped),
    ("insufficient_quota", Verdict::OutOfQuota),
    ("exceeded_current_quota_error", Verdict::OutOfQuota),
    ("billing_hard_limit_reached", Verdict::OutOfMoney),
    ("billing_not_active", Verdict::OutOfMoney),
    ("insufficient_balance", Verdict::OutOfMoney),
    ("Insufficient Balance", Verdict::OutOfMoney),
    ("credit balance is too low", Verdict::OutOfMoney),
    ("spending limit", Verdict::OutOfMoney),
    ("used all available credits", Verdict::OutOfMoney),
    ("monthly included credits", Verdict::OutOfMoney),
    ("budget_exceeded", Verdict::OutOfMoney),
    ("ExceededBudget", Verdict::OutOfMoney),
    ("Budget has been exceeded", Verdict::OutOfMoney),
    ("queue_exceeded", Verdict::Overloaded),
    ("overloaded", Verdict::Overloaded),
    ("over capacity", Verdict::Overloaded),
    ("capacity_exceeded", Verdict::Overloaded),
    ("rate_limit", Verdict::Throttled),
    ("rate limit", Verdict::Throttled),
    ("Rate limit", Verdict::Throttled),
    ("RESOURCE_EXHAUSTED", Verdict::Throttled),
    ("resource-exhausted", Verdict::Throttled),
    ("too_many_requests", Verdict::Throttled),
    ("ThrottlingException", Verdict::Throttled),
    ("usage_limit_reached", Verdict::Throttled),
];

/// Fields that hold a wait, and how it is written.
const WAITS: &[(&str, Spelling)] = &[
    ("retryDelay", Spelling::Aside),
    ("quotaResetDelay", Spelling::Aside),
    ("retry_after", Spelling::Aside),
    ("retry_after_seconds", Spelling::Aside),
    ("resets_in_seconds", Spelling::Aside),
];

/// Takes what the body says into the drafts and hints of its response.
pub(super) fn read(
    body: &[u8],
    status: Option<u16>,
    now: Wall,
    gathered: &mut Gathered,
    labels: &mut Labels,
) -> Said {
    let refused = status.is_some_and(|status| status >= 400);
    if !refused && !is_error_event(body) {
        return Said::default();
    }
    let found = CODES.iter().find(|(word, _)| contains(body, word));
    let verdict = found.map(|(_, verdict)| *verdict);
    quota::gemini(body, gathered, labels);
    quota::carried_headers(body, gathered);
    quota::moonshot(body, gathered, labels);
    quota::xai(body, gathered);
    quota::groq(body, gathered);
    let too_large = prose::asks_too_much(body);
    if !too_large {
        wait(body, now, gathered);
    }
    let (limited_by, window_s) = if contains(body, "usage_limit_reached") {
        (Some(LimitedBy::Plan), None)
    } else {
        prose::limited_by(body)
    };
    Said { verdict, limited_by, window_s, too_large }
}

/// The values of every field with this name, however deeply nested or escaped, in JSON or
/// as Python prints it.
pub(super) fn fields<'a>(body: &'a [u8], key: &'a str) -> impl Iterator<Item = (usize, &'a [u8])> {
    memmem::find_iter(body, key).filter_map(move |at| {
        let quote = *body.get(at.checked_sub(1)?).filter(|byte| matches!(byte, b'"' | b'\''))?;
        let end = at + key.len();
        let rest = body.get(end..)?;
        let rest = rest.strip_prefix(b"\\").unwrap_or(rest).strip_prefix(&[quote])?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
        let (text, ends): (&[u8], &[u8]) = match rest {
            [b'"', text @ ..] => (text, b"\"\\"),
            [b'\'', text @ ..] => (text, b"'\\"),
            _ => (rest, b",}]\\ \r\n"),
        };
        let len = text.iter().position(|b| ends.contains(b)).unwrap_or(text.len());
        Some((end, text.get(..len)?))
    })
}

/// Puts a limit into the draft of its bucket.
pub(super) fn put(draft: &mut Draft, window_s: Option<u32>, values: &[(Verb, &[u8])]) {
    draft.window = window_s.map(|seconds| (seconds, WindowFrom::Header));
    for (verb, value) in values {
        // A body is searched on suspicion; what is no number was none of ours.
        let _ = draft.take(*verb, value);
    }
}

pub(super) fn contains(body: &[u8], word: &str) -> bool {
    memmem::find(body, word.as_bytes()).is_some()
}

fn wait(body: &[u8], now: Wall, gathered: &mut Gathered) {
    let mut found = false;
    for (key, spelling) in WAITS {
        for (_, value) in fields(body, key) {
            found |= gathered.aside.retry.see(*spelling, value, now);
        }
    }
    if let (false, Some(nanos)) = (found, prose::wait(body)) {
        gathered.aside.retry.see_nanos(nanos);
    }
}

/// A stream that was accepted and then ended in an error.
fn is_error_event(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let starts =
        ["event: error", "event:error", "{\"error\"", "data: {\"error\"", "{\"type\":\"error\""];
    starts.iter().any(|start| body.starts_with(start.as_bytes()))
        || contains(body, "\nevent: error")
        || contains(body, "\ndata: {\"error\"")
}
