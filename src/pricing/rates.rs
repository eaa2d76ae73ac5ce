//! The prices of one model, and the sum for one call.

use crate::domain::{NanoUsd, Tier, Tokens, Wall};

/// Nano-USD for a million tokens: exact for every published price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMillion(u64);

/// What each class of token costs. A class without a price of its own is
/// charged at the class it is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Input tokens, not cached.
    pub input: PerMillion,
    /// Output tokens, reasoning included.
    pub output: PerMillion,
    /// Input tokens read from a cache.
    pub cache_read: Option<PerMillion>,
    /// Input tokens written to a cache.
    pub cache_write: Option<PerMillion>,
    /// Input tokens written to a cache that keeps them for an hour.
    pub cache_write_1h: Option<PerMillion>,
}

/// The rates of one tier, by the length of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Rates of a call of ordinary length.
    pub base: Rates,
    /// Rates for the whole call when its input is larger than so many tokens,
    /// smallest threshold first.
    pub above: Vec<(u64, Rates)>,
}

/// All prices of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPrice {
    /// The ordinary price.
    pub standard: Ladder,
    /// Price of the batch tier.
    pub batch: Option<Ladder>,
    /// Price of the flex tier.
    pub flex: Option<Ladder>,
    /// Price of the priority tier.
    pub priority: Option<Ladder>,
    /// Prices of calls that ended before these times, oldest first.
    pub before: Vec<(Wall, ModelPrice)>,
}

impl PerMillion {
    /// Reads USD per million tokens, a plain decimal with at most nine digits
    /// behind the point.
    #[must_use]
    pub fn parse(usd: &str) -> Option<PerMillion> {
        let NanoUsd(nano) = usd.parse().ok()?;
        u64::try_from(nano).ok().map(PerMillion)
    }

    /// A count as far as the price needs it: what is free need not be known.
    fn needed(self, tokens: Option<u64>) -> Option<u64> {
        tokens.or((self.0 == 0).then_some(0))
    }

    fn times(self, tokens: u64) -> i128 {
        i128::from(self.0) * i128::from(tokens)
    }
}

impl ModelPrice {
    /// A model with one price for everything.
    #[must_use]
    pub const fn flat(rates: Rates) -> ModelPrice {
        let standard = Ladder { base: rates, above: Vec::new() };
        ModelPrice { standard, batch: None, flex: None, priority: None, before: Vec::new() }
    }

    /// The prices that were valid at a time.
    #[must_use]
    pub fn at(&self, at: Wall) -> &ModelPrice {
        self.before.iter().find(|(until, _)| at < *until).map_or(self, |(_, price)| price)
    }

    /// What a call costs, rounded up to the next nano-USD; `None` where a count that it
    /// is made of is not known. Parts for which logs have no field (cached, written) are
    /// none where they are absent.
    #[must_use]
    pub fn cost(&self, tokens: &Tokens, tier: Tier) -> Option<NanoUsd> {
        if tokens.unreadable || (tokens.input.is_none() && tokens.output.is_none()) {
            return None;
        }
        let rates = self.rates_for(tokens.input.unwrap_or(0), tier);
        let input = rates.input.needed(tokens.input)?;
        let output = rates.output.needed(tokens.output)?;
        let cached = tokens.cached_input.unwrap_or(0).min(input);
        let written = tokens.cache_write.unwrap_or(0).min(input - cached);
        let written_1h = tokens.cache_write_1h.unwrap_or(0).min(written);
        let write_rate = rates.cache_write.unwrap_or(rates.input);

        let sum = rates.input.times(input - cached - written)
            + rates.cache_read.unwrap_or(rates.input).times(cached)
            + write_rate.times(written - written_1h)
            + rates.cache_write_1h.unwrap_or(write_rate).times(written_1h)
            + rates.output.times(output);
        Some(NanoUsd(sum.div_euclid(1_000_000) + i128::from(sum.rem_euclid(1_000_000) > 0)))
    }

    /// Where a tier has no price of its own for a long call, the dearer of the
    /// two that would apply is charged: an estimate may trip early, never late.
    fn rates_for(&self, input: u64, tier: Tier) -> Rates {
        let of_tier = match tier {
            Tier::Standard => None,
            Tier::Batch => self.batch.as_ref(),
            Tier::Flex => self.flex.as_ref(),
            Tier::Priority => self.priority.as_ref(),
        };
        let of_length = self.standard.above(input);
        match (of_tier, of_length) {
            (None, of_length) => of_length.unwrap_or(self.standard.base),
            (Some(tier), Some(length)) => {
                tier.above(input).unwrap_or_else(|| tier.base.dearer(length))
            }
            (Some(tier), None) => tier.above(input).unwrap_or(tier.base),
        }
    }
}

impl Ladder {
    fn above(&self, input: u64) -> Option<Rates> {
        self.above.iter().rev().find(|(over, _)| input > *over).map(|(_, rates)| *rates)
    }
}

impl Rates {
    fn dearer(self, other: Rates) -> Rates {
        Rates {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> PerMillion {
        PerMillion::parse(text).unwrap()
    }

    fn rates(input: &str, output: &str) -> Rates {
        Rates {
            input: usd(input),
            output: usd(output),
            cache_read: None,
            cache_write: None,
            cache_write_1h: None,
        }
    }

    #[test]
    fn prices_are_read_exactly_or_not_at_all() {
        assert_eq!(PerMillion::parse("0.075"), Some(PerMillion(75_000_000)));
        assert_eq!(PerMillion::parse("10"), Some(PerMillion(10_000_000_000)));
        for bad in ["", ".5", "-1", "1e3", "nan", "0.0000000001", "99999999999999999999"] {
            assert_eq!(PerMillion::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_class_of_token_has_its_price_and_the_sum_is_rounded_up_once() {
        let price = ModelPrice::flat(Rates {
            cache_read: Some(usd("0.3")),
            cache_write: Some(usd("3.75")),
            cache_write_1h: Some(usd("6")),
            ..rates("3", "15")
        });
        let tokens = Tokens {
            input: Some(1000),
            output: Some(10),
            cached_input: Some(600),
            cache_write: Some(300),
            cache_write_1h: Some(100),
            reasoning: Some(5),
            unreadable: false,
        };
        // 100*3 + 600*0.3 + 200*3.75 + 100*6 + 10*15 = 1980 USD per million.
        assert_eq!(price.cost(&tokens, Tier::Standard), Some(NanoUsd(1_980_000)));

        let one = Tokens { input: Some(1), ..Tokens::default() };
        let tiny = ModelPrice::flat(rates("0.0001", "0"));
        assert_eq!(tiny.cost(&one, Tier::Standard), Some(NanoUsd(1)), "0.1 nano rounds up");
        assert_eq!(tiny.cost(&Tokens::default(), Tier::Standard), None);
        assert_eq!(price.cost(&one, Tier::Standard), None, "half is no price");
        let damaged = Tokens { unreadable: true, ..tokens };
        assert_eq!(price.cost(&damaged, Tier::Standard), None);
    }

    #[test]
    fn a_call_costs_what_it_cost_when_it_was_made() {
        let day = |n: i64| Wall::from_secs(n * 86_400);
        let price = ModelPrice {
            before: vec![
                (day(10), ModelPrice::flat(rates("5", "5"))),
                (day(20), ModelPrice::flat(rates("4", "4"))),
            ],
            ..ModelPrice::flat(rates("3", "3"))
        };
        let one = Tokens { input: Some(1), output: Some(0), ..Tokens::default() };
        let cost = |n| price.at(day(n)).cost(&one, Tier::Standard).unwrap().0;
        assert_eq!([cost(9), cost(10), cost(19), cost(20)], [5_000, 4_000, 4_000, 3_000]);
    }

    #[test]
    fn parts_larger_than_the_whole_never_make_a_call_cheaper_than_nothing() {
        let price = ModelPrice::flat(rates("3", "15"));
        let tokens = Tokens {
            input: Some(10),
            output: Some(0),
            cached_input: Some(u64::MAX),
            cache_write: Some(u64::MAX),
            ..Tokens::default()
        };
        assert_eq!(price.cost(&tokens, Tier::Standard), Some(NanoUsd(30_000)));
    }

    #[test]
    fn a_long_call_is_charged_whole_and_only_above_the_threshold() {
        let ladder = |base, above| Ladder { base, above };
        let price = ModelPrice {
            standard: ladder(
                rates("3", "15"),
                vec![(200_000, rates("6", "22.5")), (400_000, rates("9", "30"))],
            ),
            batch: Some(ladder(rates("1.5", "7.5"), vec![(200_000, rates("3", "11"))])),
            priority: Some(ladder(rates("7", "20"), Vec::new())),
            ..ModelPrice::flat(rates("3", "15"))
        };
        let cost = |input, tier| {
            let tokens = Tokens { input: Some(input), output: Some(0), ..Tokens::default() };
            price.cost(&tokens, tier).unwrap().0
        };
        assert_eq!(cost(200_000, Tier::Standard), 200_000 * 3_000);
        assert_eq!(cost(200_001, Tier::Standard), 200_001 * 6_000);
        assert_eq!(cost(400_001, Tier::Standard), 400_001 * 9_000);
        assert_eq!(cost(1, Tier::Priority), 7_000);
        assert_eq!(cost(200_001, Tier::Priority), 200_001 * 7_000, "the dearer one");
        assert_eq!(cost(200_001, Tier::Batch), 200_001 * 3_000, "its own price for long calls");
        assert_eq!(cost(1, Tier::Flex), 3_000, "no price of its own: the standard one");
    }
}
