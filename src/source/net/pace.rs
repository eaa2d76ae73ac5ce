//! When to ask again: every so often, a little later each time so that a fleet
//! does not ask in step, and more and more seldom while there is no answer.

use std::time::Duration;

use super::Outcome;
use crate::source::jitter::Jitter;

/// A server may not send us away for longer than this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Sources are not all asked at the very first moment.
const SPREAD: Duration = Duration::from_millis(250);

/// The pace of one source.
#[derive(Clone, Debug)]
pub struct Pace {
    every: Duration,
    failures: u32,
    jitter: Jitter,
}

impl Pace {
    /// Once `every` so often, and a little later.
    #[must_use]
    pub fn new(every: Duration, jitter: Jitter) -> Pace {
        Pace { every, failures: 0, jitter }
    }

    /// How long to wait before the first question.
    pub fn first(&mut self) -> Duration {
        self.jitter.up_to(SPREAD.min(self.every / 10))
    }

    /// How long to wait after what came of a question that took so long.
    pub fn after(&mut self, outcome: &Outcome, took: Duration) -> Duration {
        let jittered = self.every + self.jitter.up_to(self.every / 10);
        match outcome {
            Outcome::Answered => {
                self.failures = 0;
                jittered.saturating_sub(took)
            }
            Outcome::Failed { retry_after, .. } | Outcome::Denied { retry_after, .. } => {
                self.failures = self.failures.saturating_add(1);
                let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
                // Full jitter: anything from nothing to the back-off so far.
                let back_off = self.back_off();
                let longer = self.jitter.up_to(back_off);
                (self.every + longer).max(asked + self.jitter.up_to(self.every / 10))
            }
            // Whether there is another key by now.
            Outcome::Barred { .. } => jittered,
            Outcome::Held { rest, .. } => (*rest).max(SPREAD),
        }
    }

    /// Doubles with each failure, up to a time in which a server that is back
    /// should have been noticed.
    fn back_off(&self) -> Duration {
        let most = (self.every * 12).clamp(Duration::from_secs(10), Duration::from_secs(900));
        let doubled = 1u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.every.saturating_mul(doubled).min(most.max(self.every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn failed(retry_after: Option<Duration>) -> Outcome {
        Outcome::Failed { problem: "no".into(), retry_after }
    }

    #[test]
    fn answers_keep_the_pace_and_never_ask_early() {
        for seed in 0..1000 {
            let mut pace = Pace::new(MINUTE, Jitter::of("", seed));
            let wait = pace.after(&Outcome::Answered, Duration::from_secs(2));
            assert!((58..=64).contains(&wait.as_secs()), "{wait:?}");
            assert!(pace.first() <= SPREAD);
        }
    }

    #[test]
    fn failures_back_off_with_full_jitter_and_an_answer_ends_it() {
        let (mut shortest, mut longest) = (Duration::MAX, Duration::ZERO);
        for seed in 0..1000 {
            let mut pace = Pace::new(MINUTE, Jitter::of("", seed));
            for _ in 0..20 {
                let wait = pace.after(&failed(None), Duration::ZERO);
                assert!((MINUTE..=MINUTE * 13).contains(&wait), "{wait:?}");
            }
            let wait = pace.after(&failed(None), Duration::ZERO);
            (shortest, longest) = (shortest.min(wait), longest.max(wait));
            pace.after(&Outcome::Answered, Duration::ZERO);
            assert!(pace.after(&failed(None), Duration::ZERO) <= MINUTE * 2);
        }
        assert!(shortest < MINUTE * 2 && longest > MINUTE * 11, "{shortest:?} {longest:?}");
        let mut often = Pace::new(Duration::from_secs(5), Jitter::of("", 1));
        for _ in 0..100 {
            let wait = often.after(&failed(None), Duration::ZERO);
            assert!(wait <= Duration::from_secs(65), "a server that is back is noticed: {wait:?}");
        }
    }

    #[test]
    fn who_asks_us_to_stay_away_is_obeyed_but_not_for_ever() {
        for seed in 0..100 {
            let mut pace = Pace::new(MINUTE, Jitter::of("", seed));
            let wait = pace.after(&failed(Some(MINUTE * 5)), Duration::ZERO);
            assert!((MINUTE * 5..MINUTE * 6).contains(&wait), "{wait:?}");
            let wait = pace.after(&failed(Some(Duration::from_secs(1))), Duration::ZERO);
            assert!(wait >= MINUTE, "a shorter wish is no reason to ask more often");
            let wait = pace.after(&failed(Some(MINUTE * 600)), Duration::ZERO);
            assert!(wait <= MINUTE * 61, "{wait:?}");
        }
    }
}
