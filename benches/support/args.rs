//! What was typed behind `--`.

pub struct Args {
    words: Vec<String>,
    /// Small sizes, to see that it works.
    pub quick: bool,
}

impl Args {
    #[allow(clippy::disallowed_methods, reason = "a bench reads its own arguments")]
    pub fn read() -> Args {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let quick = words.iter().any(|word| word == "--quick");
        Args { words, quick }
    }

    /// The number behind a flag.
    pub fn number(&self, flag: &str, otherwise: u64) -> u64 {
        self.text(flag).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// The text behind a flag.
    pub fn text(&self, flag: &str) -> Option<&str> {
        let at = self.words.iter().position(|word| word == flag)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// Whether a part is to be run: all are, unless some are named.
    pub fn wants(&self, part: &str) -> bool {
        let named = |word: &&String| word.starts_with(|c: char| c.is_ascii_lowercase());
        self.words.iter().filter(named).all(|word| word == part)
            || self.words.iter().any(|word| word == part)
    }
}
