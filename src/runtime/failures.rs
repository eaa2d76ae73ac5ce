//! Stops that were asked for and could not be made: traffic passes that should not. They
//! are shown until they are made, or until nobody asks for them any more.

use std::collections::BTreeMap;

use super::gone::Told;

/// All of them, by scope.
#[derive(Debug, Default)]
pub struct Failures {
    rows: BTreeMap<String, Failure>,
}

#[derive(Debug)]
struct Failure {
    why: String,
    /// A rule asks for it, and will say when not any more. A person tries again.
    by_rule: bool,
}

impl Failures {
    /// One more, or one again. Answers whether that was told in these words.
    pub fn add(&mut self, scope: &str, by_rule: bool, why: &str) -> Told {
        let failure = Failure { why: why.to_owned(), by_rule };
        let before = self.rows.insert(scope.to_owned(), failure);
        if before.is_some_and(|before| before.why == why) { Told::Again } else { Told::First }
    }

    /// It is stopped now, or is not to be stopped.
    pub fn settle(&mut self, scope: &str) {
        self.rows.remove(scope);
    }

    /// Forget what rules asked for and do not any more, as `asked` tells. Answers
    /// whether there was any.
    pub fn withdraw(&mut self, asked: impl Fn(&str) -> bool) -> bool {
        let before = self.rows.len();
        self.rows.retain(|scope, failure| !failure.by_rule || asked(scope));
        self.rows.len() < before
    }

    /// Scopes, and why each is not stopped.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|(scope, failure)| (scope.as_str(), failure.why.as_str()))
    }
}
