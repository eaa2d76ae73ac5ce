//! Two lines that each tell a part of one call, put together.

use super::{Caller, Failure, Request, Tier, Timing, Tokens};

impl Request {
    /// The call that both lines tell a part of. Where both say something, the one
    /// with the usage is believed; the time is that of the other.
    #[must_use]
    pub fn joined(&self, other: &Request) -> Request {
        let (by_usage, beside) = if self.states_usage() { (self, other) } else { (other, self) };
        let timed = if other.at_logged || !self.at_logged { other } else { self };
        let failed = [by_usage, beside].into_iter().find(|part| part.failure.kind.is_some());
        Request {
            at: timed.at,
            at_logged: timed.at_logged,
            failure: failed.map_or(Failure::default(), |part| part.failure),
            ..by_usage.or(beside)
        }
    }

    /// What this says, and of names, numbers and durations what only the other says.
    #[must_use]
    pub fn or(&self, other: &Request) -> Request {
        Request {
            started_at: self.started_at.or(other.started_at),
            provider: self.provider.or(other.provider),
            model: self.model.or(other.model),
            endpoint: self.endpoint.or(other.endpoint),
            host: self.host.or(other.host),
            caller: self.caller.or(other.caller),
            status: self.status.or(other.status),
            tokens: self.tokens.or(other.tokens),
            tier: if self.tier == Tier::Standard { other.tier } else { self.tier },
            cost: self.cost.or(other.cost),
            timing: self.timing.or(other.timing),
            queue_depth: self.queue_depth.or(other.queue_depth),
            attempt: self.attempt.or(other.attempt),
            stream: self.stream.or(other.stream),
            cache_hit: self.cache_hit.or(other.cache_hit),
            ..*self
        }
    }

    /// Whether it says what was used or paid.
    #[must_use]
    pub fn states_usage(&self) -> bool {
        self.tokens != Tokens::default() || self.cost.is_some()
    }
}

impl Tokens {
    /// What these say, and what only the others say.
    #[must_use]
    pub fn or(self, other: Tokens) -> Tokens {
        Tokens {
            input: self.input.or(other.input),
            output: self.output.or(other.output),
            cached_input: self.cached_input.or(other.cached_input),
            cache_write: self.cache_write.or(other.cache_write),
            cache_write_1h: self.cache_write_1h.or(other.cache_write_1h),
            reasoning: self.reasoning.or(other.reasoning),
            audio_input: self.audio_input.or(other.audio_input),
            audio_output: self.audio_output.or(other.audio_output),
            unreadable: self.unreadable || other.unreadable,
        }
    }
}

impl Timing {
    fn or(self, other: Timing) -> Timing {
        Timing {
            latency_ms: self.latency_ms.or(other.latency_ms),
            ttft_ms: self.ttft_ms.or(other.ttft_ms),
            queue_ms: self.queue_ms.or(other.queue_ms),
        }
    }
}

impl Caller {
    fn or(self, other: Caller) -> Caller {
        Caller {
            key: self.key.or(other.key),
            team: self.team.or(other.team),
            user: self.user.or(other.user),
            environment: self.environment.or(other.environment),
            account: self.account.or(other.account),
            priority: self.priority.or(other.priority),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cost, CostSource, ErrorKind, NanoUsd, Wall};

    fn parts() -> [Request; 2] {
        let mut outcome = Request::at(Wall(5));
        outcome.status = Some(429);
        outcome.failure.kind = Some(ErrorKind::RateLimit);
        outcome.timing.latency_ms = Some(12.0);
        outcome.stream = Some(true);
        let mut usage = Request::at(Wall(7));
        usage.tokens.input = Some(26);
        usage.cost = Some(Cost { usd: NanoUsd(9), source: CostSource::Computed });
        usage.stream = Some(false);
        [outcome, usage]
    }

    #[test]
    fn each_part_adds_what_the_other_lacks_and_usage_is_believed() {
        let [outcome, usage] = parts();
        for (joined, at) in [(outcome.joined(&usage), 7), (usage.joined(&outcome), 5)] {
            assert_eq!((joined.status, joined.tokens.input), (Some(429), Some(26)));
            assert_eq!(joined.failure.kind, Some(ErrorKind::RateLimit));
            assert_eq!((joined.cost, joined.stream), (usage.cost, Some(false)));
            assert_eq!((joined.timing.latency_ms, joined.at), (Some(12.0), Wall(at)));
        }
        let mut untimed = outcome;
        (untimed.at, untimed.at_logged) = (Wall(1), false);
        assert_eq!(untimed.joined(&usage).at, usage.at);
        assert_eq!(usage.joined(&untimed).at, usage.at);
    }

    #[test]
    fn a_part_that_comes_again_adds_nothing() {
        let [mut outcome, usage] = parts();
        outcome.at = usage.at;
        let both = outcome.joined(&usage);
        assert_eq!(both.joined(&usage), both);
        assert_eq!(both.joined(&outcome), both);
    }
}
