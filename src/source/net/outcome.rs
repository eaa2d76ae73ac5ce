//! What came of a question, in words for people, and for how long a key that was
//! refused is not sent again. It must not know what was asked.

use std::time::Duration;

use crate::domain::Mono;
use crate::source::status::SourceState;

/// A key that was refused is tried again after this: what it may do can change at
/// the other side, and nobody tells us.
const REFUSED_FOR: Duration = Duration::from_secs(3600);
/// The same in words.
pub const ASKED_AGAIN: &str = "asked again with another, or once an hour";

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is an answer, and it was read.
    Answered,
    /// There is none, for now.
    Failed {
        /// Why, without anything secret.
        problem: String,
        /// How long the other side asks us to stay away.
        retry_after: Option<Duration>,
    },
    /// We are not welcome, for now.
    Denied {
        /// Why.
        problem: String,
        /// How long the other side asks us to stay away.
        retry_after: Option<Duration>,
    },
    /// It was not asked: the key that we have was refused not long ago.
    Barred {
        /// Why it was refused.
        problem: String,
    },
    /// It was not asked: its own budget is spent, or it was asked only just now
    /// by a run before this one.
    Held {
        /// Why.
        problem: String,
        /// For how long.
        rest: Duration,
    },
}

/// Whether a question had a key with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It had.
    Key,
    /// It had none.
    NoKey,
}

impl Outcome {
    pub fn failed(problem: &impl ToString) -> Outcome {
        Outcome::Failed { problem: problem.to_string(), retry_after: None }
    }

    /// What a status means.
    pub fn of_status(status: u16, retry_after: Option<Duration>, sent: Sent) -> Outcome {
        match status {
            200..=299 => Outcome::Answered,
            300..=399 => Outcome::failed(&format!("HTTP {status}: redirects are not followed")),
            401 | 403 => {
                let problem = match sent {
                    Sent::Key => format!("HTTP {status}: the key is refused; {ASKED_AGAIN}"),
                    Sent::NoKey => format!("HTTP {status}: it is refused, and no key was sent"),
                };
                Outcome::Denied { problem, retry_after }
            }
            _ => {
                let stay_away =
                    retry_after.map(|span| format!(", stay away for {} s", span.as_secs()));
                let problem = format!("HTTP {status}{}", stay_away.unwrap_or_default());
                Outcome::Failed { problem, retry_after }
            }
        }
    }

    pub fn state(&self) -> SourceState {
        match self {
            Outcome::Answered => SourceState::Live,
            Outcome::Failed { .. } => SourceState::Error,
            Outcome::Denied { .. } | Outcome::Barred { .. } => SourceState::Denied,
            Outcome::Held { .. } => SourceState::Waiting,
        }
    }

    pub fn problem(&self) -> Option<&str> {
        match self {
            Outcome::Answered => None,
            Outcome::Failed { problem, .. }
            | Outcome::Denied { problem, .. }
            | Outcome::Barred { problem }
            | Outcome::Held { problem, .. } => Some(problem),
        }
    }
}

/// A key that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    mark: u64,
    at: Mono,
    problem: String,
}

impl Refused {
    /// What is remembered after a question with this key, or none, at this time.
    pub fn after(
        before: Option<Refused>,
        outcome: &Outcome,
        mark: Option<u64>,
        at: Mono,
    ) -> Option<Refused> {
        match outcome {
            Outcome::Answered => None,
            Outcome::Denied { problem, .. } => {
                mark.map(|mark| Refused { mark, at, problem: problem.clone() })
            }
            Outcome::Failed { .. } | Outcome::Barred { .. } | Outcome::Held { .. } => before,
        }
    }

    /// Whether a key with this mark is not to be sent now.
    pub fn bars(&self, mark: u64, now: Mono) -> Option<Outcome> {
        let is_barred = self.mark == mark && now.since(self.at) < REFUSED_FOR;
        is_barred.then(|| Outcome::Barred { problem: format!("not asked: {}", self.problem) })
    }
}
