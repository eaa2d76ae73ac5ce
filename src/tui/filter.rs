//! The `/` filter: a case-insensitive pattern that keeps rows, or drops them
//! when it starts with `!`.

use regex_lite::{Regex, RegexBuilder};

/// Which rows are shown.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    pattern: Option<Regex>,
    keep: Keep,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Keep {
    #[default]
    Matching,
    Others,
}

impl Filter {
    /// A filter from what was typed. Text that is no valid pattern is taken
    /// literally; empty text shows everything.
    #[must_use]
    pub fn new(text: &str) -> Filter {
        let (pattern, keep) = match text.strip_prefix('!') {
            Some(rest) => (rest, Keep::Others),
            None => (text, Keep::Matching),
        };
        let pattern = (!pattern.is_empty()).then(|| compile(pattern)).flatten();
        Filter { text: text.to_owned(), pattern, keep }
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it can hide anything.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.pattern.is_some()
    }

    /// Whether a row of which this is the text is shown.
    #[must_use]
    pub fn shows(&self, row: &str) -> bool {
        match &self.pattern {
            None => true,
            Some(pattern) => pattern.is_match(row) == (self.keep == Keep::Matching),
        }
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    let build = |text: &str| RegexBuilder::new(text).case_insensitive(true).build();
    build(pattern).or_else(|_| build(&regex_lite::escape(pattern))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_or_drops_rows() {
        for (typed, row, shown) in [
            ("", "anything", true),
            ("!", "anything", true),
            ("gpt", "openai GPT-4o", true),
            ("gpt", "anthropic sonnet", false),
            ("!gpt", "openai gpt-4o", false),
            ("!gpt", "anthropic sonnet", true),
            ("^open.*4o$", "openai gpt-4o", true),
            ("[", "a[b", true),
            ("[", "ab", false),
            ("(((", "x(((y", true),
        ] {
            assert_eq!(Filter::new(typed).shows(row), shown, "{typed:?} on {row:?}");
        }
    }
}
