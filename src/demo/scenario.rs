//! The scenarios, as data: who calls what, how often, and what goes wrong.
//!
//! A scenario is a table. What plays it (load, gateway, provider) must not ask
//! which one it is.

mod tables;

use std::ops::Range;
use std::time::Duration;

use super::provider::{Dialect, Latency, ModelLimits, Outage};
use crate::domain::Priority;
use crate::domain::limit::words;

/// What the demo plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A launch: traffic ramps, tokens a minute run out, retries pile up, the
    /// daily cap is reached and the switch stops everything.
    #[default]
    Launch,
    /// A stolen key burns money on the dearest model.
    Leak,
    /// An agent in a loop sends its ever longer history again and again.
    Runaway,
    /// A provider answers 503 and 429 for a while.
    Outage,
    /// Nothing happens.
    Quiet,
}

words!(Scenario {
    Launch = "launch", Leak = "leak", Runaway = "runaway", Outage = "outage", Quiet = "quiet",
});

/// Everything that makes one scenario.
pub(super) struct Profile {
    pub(super) callers: &'static [Caller],
    pub(super) models: &'static [&'static Model],
    pub(super) outage: Option<Outage>,
    /// Share of calls that fail at the provider in ordinary times.
    pub(super) error_rate: f64,
    /// Calls that one gateway runs at once.
    pub(super) at_once: usize,
    /// Calls that may wait in one gateway.
    pub(super) waiting: usize,
    /// Caps and rules for tripline, as TOML.
    pub(super) rules: &'static str,
}

/// A model as the provider offers it.
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    pub(super) rpm: u64,
    pub(super) tpm: u64,
    pub(super) latency: Latency,
}

/// An application with a key of its own.
pub(super) struct Caller {
    pub(super) key_id: &'static str,
    pub(super) team: &'static str,
    pub(super) environment: &'static str,
    pub(super) priority: Priority,
    /// Models by weight.
    pub(super) models: &'static [(&'static Model, f64)],
    /// Calls a second at points in time (seconds), straight lines between them.
    pub(super) pace: &'static [(f64, f64)],
    /// Tokens sent.
    pub(super) input: Range<u64>,
    /// Tokens that each call of this caller sends more than the one before.
    pub(super) input_growth: u64,
    /// Tokens asked for at most.
    pub(super) max_output: Range<u64>,
    /// Share of calls that stream.
    pub(super) streams: f64,
    pub(super) retries: Retries,
}

/// How a caller takes a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retries {
    /// As the SDKs do: waits as long as it is told, stops when told to.
    Polite,
    /// Waits twice as long each time, whatever it is told.
    Backoff,
    /// A home-made loop: tries again almost at once, whatever it is told.
    Hammer,
}

impl Scenario {
    /// Its table.
    pub(super) fn profile(self) -> &'static Profile {
        match self {
            Scenario::Launch => &tables::LAUNCH,
            Scenario::Leak => &tables::LEAK,
            Scenario::Runaway => &tables::RUNAWAY,
            Scenario::Outage => &tables::OUTAGE,
            Scenario::Quiet => &tables::QUIET,
        }
    }
}

impl std::str::FromStr for Scenario {
    type Err = String;

    fn from_str(word: &str) -> Result<Scenario, String> {
        Scenario::from_word(word).ok_or_else(|| {
            let known: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.word()).collect();
            format!("no scenario is called '{word}'; there are {}", known.join(", "))
        })
    }
}

impl Profile {
    /// The provider's limits.
    pub(super) fn limits(&self) -> Vec<ModelLimits> {
        let limits = |model: &&Model| ModelLimits {
            model: model.name.to_owned(),
            rpm: model.rpm,
            tpm: model.tpm,
            latency: model.latency,
        };
        self.models.iter().map(limits).collect()
    }
}

impl Caller {
    /// Calls a second at this time.
    pub(super) fn calls_per_s(&self, at: Duration) -> f64 {
        let at = at.as_secs_f64();
        let mut before: Option<(f64, f64)> = None;
        for &(time, rate) in self.pace {
            if at < time {
                return before.map_or(0.0, |(since, from)| {
                    from + (rate - from) * (at - since) / (time - since)
                });
            }
            before = Some((time, rate));
        }
        before.map_or(0.0, |(_, rate)| rate)
    }
}

#[cfg(test)]
mod tests {
    use super::Scenario;
    use std::time::Duration;

    #[test]
    fn paces_are_straight_lines_between_points() {
        let caller = &Scenario::Launch.profile().callers[0];
        let [(first, start), (second, end), ..] = caller.pace else { panic!("two points") };
        let at = |seconds: f64| caller.calls_per_s(Duration::from_secs_f64(seconds));
        let middle = (start + end) / 2.0;
        assert!((at((first + second) / 2.0) - middle).abs() < 1e-9);
        assert!((at(*first) - start).abs() < 1e-9);
        let last = caller.pace.last().unwrap();
        assert!((at(last.0 + 1e6) - last.1).abs() < 1e-9, "the last pace goes on");
    }

    #[test]
    fn every_scenario_can_be_named_and_uses_models_it_offers() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.word().parse(), Ok(*scenario));
            let profile = scenario.profile();
            for caller in profile.callers {
                for (model, _) in caller.models {
                    let offered = profile.models.iter().any(|offer| offer.name == model.name);
                    assert!(offered, "{} uses {}", caller.key_id, model.name);
                }
            }
        }
        assert!("lunch".parse::<Scenario>().unwrap_err().contains("launch"));
    }
}
