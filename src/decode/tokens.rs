//! Token counts as one meaning, whatever the dialect: `input` holds the cached
//! parts, `output` holds the reasoning.

use super::eval::{Line, Seen};
use super::map::{Field, Map, Spot};
use crate::domain::{Tier, Tokens};

/// Token counts of a line; whether any was there that can't be read.
pub(super) fn tokens(line: Line<'_>, map: &Map<Spot>) -> (Tokens, Seen<()>) {
    let mut state = Seen::Absent;
    let mut count = |field| {
        let alts = line.alts(map, field);
        if alts.is_empty() {
            return None;
        }
        let seen = line.count(alts);
        if seen == Seen::Unreadable {
            state = Seen::Unreadable;
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
    };
    let cached = tokens.cached_input.unwrap_or(0).saturating_add(tokens.cache_write.unwrap_or(0));
    // A part larger than the whole was counted apart from it, as Anthropic does.
    let apart = tokens.input.is_some_and(|input| cached > input);
    if map.tokens.add_cache || apart {
        tokens.input = tokens.input.map(|input| input.saturating_add(cached));
    }
    if map.tokens.add_reasoning {
        let reasoning = tokens.reasoning.unwrap_or(0);
        tokens.output = tokens.output.map(|output| output.saturating_add(reasoning));
    }
    if state == Seen::Absent && tokens != Tokens::default() {
        state = Seen::Is(());
    }
    (tokens, state)
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
    }
}
