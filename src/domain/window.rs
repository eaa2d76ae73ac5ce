//! What is decided about the window of a limit whose headers do not state it.
//!
//! Readings tell with different weight, and a decision only yields to a weightier
//! one, or to several that agree: one odd reset must not make a minute a second.

use super::amount::SCALE;
use super::limit::{LimitReading, WindowFrom};

/// Readings in a row that must contradict a decision, and agree on another window.
const VOTES: u8 = 3;

/// What is decided so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowDecision {
    known: Option<(u32, WindowFrom)>,
    weight: Weight,
    rival: u32,
    votes: u8,
}

/// How much a reading can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Nothing is left: an overdraft, or a reset that is only a wait, makes the
    /// window look shorter than it is.
    #[default]
    Guess,
    /// The documentation says so.
    Documented,
    /// One at most is used, which the count rounds up: the window may be longer.
    AtLeast,
    /// The numbers fit this window and no other.
    Fits,
    /// A header says so.
    Stated,
}

impl WindowDecision {
    /// Take a reading into account.
    pub fn hear(&mut self, reading: &LimitReading) {
        let Some(heard) = reading.id.window_s.zip(reading.window_from) else { return };
        let weight = weight(reading, heard.1);
        let Some(known) = self.known.filter(|_| weight != Weight::Stated) else {
            return self.decide(heard, weight);
        };
        if known.0 == heard.0 {
            if weight > self.weight {
                self.decide(heard, weight);
            }
            self.votes = 0;
            return;
        }
        let allowed = match weight {
            Weight::Guess => true,
            Weight::Documented => self.weight > Weight::Guess,
            Weight::AtLeast => known.0 > heard.0,
            Weight::Fits | Weight::Stated => false,
        };
        if allowed {
            return;
        }
        let outweighed = self.weight < Weight::Fits;
        self.votes = if self.rival == heard.0 { self.votes + 1 } else { 1 };
        self.rival = heard.0;
        if outweighed || self.votes >= VOTES {
            self.decide(heard, weight);
        }
    }

    /// The window in seconds, and how it was learnt.
    #[must_use]
    pub fn window(&self) -> Option<(u32, WindowFrom)> {
        self.known
    }

    fn decide(&mut self, heard: (u32, WindowFrom), weight: Weight) {
        *self = WindowDecision { known: Some(heard), weight, rival: 0, votes: 0 };
    }
}

fn weight(reading: &LimitReading, from: WindowFrom) -> Weight {
    match from {
        WindowFrom::Header | WindowFrom::Name | WindowFrom::Policy => Weight::Stated,
        WindowFrom::Doc => Weight::Documented,
        WindowFrom::Math => {
            let used = reading.limit.zip(reading.remaining).map(|(limit, left)| limit.0 - left.0);
            match used {
                _ if reading.remaining.is_some_and(|left| left.0 <= 0) => Weight::Guess,
                Some(used) if used <= SCALE => Weight::AtLeast,
                _ => Weight::Fits,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, LimitId, ReadingSource, Resource, Wall};

    fn reading(window_s: u32, from: WindowFrom, remaining: i64) -> LimitReading {
        let id = LimitId { window_s: Some(window_s), ..LimitId::of(Resource::Requests) };
        LimitReading {
            limit: Some(Amount::whole(500)),
            remaining: Some(Amount::whole(remaining)),
            window_from: Some(from),
            ..LimitReading::silent(id, Wall(0), ReadingSource::Header)
        }
    }

    #[test]
    fn a_decision_yields_to_weight_or_to_agreement_and_to_nothing_else() {
        use WindowFrom::{Doc, Header, Math};
        let (fits, one, none) = (250, 499, 0);
        for (heard, decided, why) in [
            (&[(60, Math, fits), (1, Math, none)][..], 60, "a refusal's reset decides nothing"),
            (&[(60, Math, fits), (1, Math, one)], 60, "one call used says at least a second"),
            (&[(1, Math, one), (60, Math, one)], 60, "and at least a minute says more"),
            (&[(1, Math, none), (60, Math, one)], 60, "anything beats a guess but a shorter one"),
            (&[(86_400, Math, none), (60, Math, one)], 86_400, "which at least a minute allows"),
            (&[(86_400, Doc, fits), (60, Math, one)], 86_400, "documentation also"),
            (&[(60, Doc, fits), (86_400, Math, fits)], 86_400, "numbers beat documentation"),
            (&[(86_400, Math, fits), (60, Doc, fits)], 86_400, "not the other way round"),
            (&[(60, Math, fits), (1, Math, fits), (1, Math, fits)], 60, "two are no majority"),
            (
                &[
                    (60, Math, fits),
                    (1, Math, fits),
                    (60, Math, fits),
                    (1, Math, fits),
                    (1, Math, fits),
                ],
                60,
                "nor are three with one between",
            ),
            (
                &[(60, Math, fits), (1, Math, fits), (1, Math, fits), (1, Math, fits)],
                1,
                "three are",
            ),
            (&[(60, Math, fits), (3600, Header, fits)], 3600, "what is stated is stated"),
        ] {
            let mut decision = WindowDecision::default();
            for (window_s, from, remaining) in heard {
                decision.hear(&reading(*window_s, *from, *remaining));
            }
            assert_eq!(decision.window().map(|(window, _)| window), Some(decided), "{why}");
        }
    }
}
