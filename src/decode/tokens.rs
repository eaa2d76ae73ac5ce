//! Token counts as one meaning, whatever the dialect: `input` holds the cached
//! parts, `output` holds the reasoning.

use super::eval::{Line, Seen};
use super::map::{Field, Map, Spot};
use crate::domain::{Tier, Tokens};

/// More tokens than any call has, or a whole company spends in a month. A sum of
/// what is believed can never leave its type.
const MOST: u64 = 1_000_000_000_000;

/// Token counts of a line.
pub(super) fn tokens(line: Line<'_>, map: &Map<Spot>) -> Tokens {
    if !line.present.any(&Field::TOKENS) {
        return Tokens::default();
    }
    let mut unreadable = false;
    let mut plain = None;
    let mut count = |field| {
        let alts = line.alts(map, field);
        if alts.is_empty() {
            return None;
        }
        let (seen, from) = line.count_from(alts);
        let seen = plausible(seen);
        unreadable |= seen == Seen::Unreadable;
        if field == Field::InputTokens {
            plain = from.and_then(|alt| line.first_of_several(alt));
        }
        seen.ok()
    };
    let mut tokens = Tokens {
        input: count(Field::InputTokens),
        output: count(Field::OutputTokens),
        cached_input: count(Field::CachedInputTokens),
        cache_write: count(Field::CacheWriteTokens),
        cache_write_1h: count(Field::CacheWrite1hTokens),
        reasoning: count(Field::ReasoningTokens),
        audio_input: count(Field::AudioInputTokens),
        audio_output: count(Field::AudioOutputTokens),
        unreadable: false,
    };
    let total = count(Field::TotalTokens);
    tokens.unreadable = unreadable;
    if !unreadable && total.is_some() && total == tokens.input && tokens.output.is_none() {
        // Embeddings have no output, and Gemini leaves out what is zero.
        tokens.output = Some(0);
    }
    let cached = cached(&tokens);
    // A part larger than the whole was counted apart from it, as Anthropic does. A sum holds
    // those of its parts that are called as its first one is.
    let apart = tokens.input.is_some_and(|input| cached > input);
    if map.tokens.add_cache || apart {
        let whole = if apart { plain.or(tokens.input) } else { tokens.input };
        tokens.input = whole.map(|input| input.saturating_add(cached));
    }
    if map.tokens.add_reasoning || reasons_apart(&tokens, total) {
        let reasoning = tokens.reasoning.unwrap_or(0);
        tokens.output = tokens.output.map(|output| output.saturating_add(reasoning));
    }
    tokens
}

/// What fields and the counts of a body say of one call. What a field says stands; but of a
/// part that only the body tells it is sure in the body alone that the whole holds it.
pub(super) fn together(fields: Tokens, body: Tokens) -> Tokens {
    let mut all = fields.or(body);
    if cached(&body) > cached(&fields) {
        let Tokens { input, cached_input, cache_write, cache_write_1h, .. } = larger(fields, body);
        all = Tokens { input, cached_input, cache_write, cache_write_1h, ..all };
    }
    if body.reasoning > fields.reasoning {
        let Tokens { output, reasoning, .. } = larger(fields, body);
        all = Tokens { output, reasoning, ..all };
    }
    all
}

/// Tokens of the input that came from a cache or went into one.
fn cached(tokens: &Tokens) -> u64 {
    tokens.cached_input.unwrap_or(0).saturating_add(tokens.cache_write.unwrap_or(0))
}

/// Whether reasoning was counted apart from the output, as xAI does: it is more
/// than that, or the total says so.
fn reasons_apart(tokens: &Tokens, total: Option<u64>) -> bool {
    let (Some(output), Some(reasoning)) = (tokens.output, tokens.reasoning) else { return false };
    let within = tokens.input.unwrap_or(0).saturating_add(output);
    reasoning > output || (reasoning > 0 && total == within.checked_add(reasoning))
}

fn plausible(count: Seen<u64>) -> Seen<u64> {
    match count {
        Seen::Is(count) if count > MOST => Seen::Unreadable,
        seen => seen,
    }
}

/// The tier a provider calls `word`; its everyday words are the standard tier.
pub(super) fn tier(word: &str) -> Tier {
    Tier::from_word(word).unwrap_or_default()
}

/// The larger of each count. A stream's events count up, but a later one may
/// leave out a part (of the input, what the cache held) that an earlier one had.
pub(super) fn larger(one: Tokens, other: Tokens) -> Tokens {
    Tokens {
        input: one.input.max(other.input),
        output: one.output.max(other.output),
        cached_input: one.cached_input.max(other.cached_input),
        cache_write: one.cache_write.max(other.cache_write),
        cache_write_1h: one.cache_write_1h.max(other.cache_write_1h),
        reasoning: one.reasoning.max(other.reasoning),
        audio_input: one.audio_input.max(other.audio_input),
        audio_output: one.audio_output.max(other.audio_output),
        unreadable: one.unreadable || other.unreadable,
    }
}
