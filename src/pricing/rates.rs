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
    /// Input tokens that are sound: no part of it is priced as text.
    pub audio_input: Option<PerMillion>,
    /// Output tokens that are sound.
    pub audio_output: Option<PerMillion>,
}

/// By how many billionths a price is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(u64);

/// What is known of the price of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// This.
    Usd(NanoUsd),
    /// Nothing.
    Unknown,
    /// The call has one of the counts that make it and not the other.
    Incomplete,
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
    /// How much more fast answers cost.
    pub fast: Option<Factor>,
    /// How much more an answer costs that is computed in the United States alone.
    pub us: Option<Factor>,
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

    /// This class where another of its kind costs `part` in place of `whole`.
    #[must_use]
    pub fn in_proportion(self, part: PerMillion, whole: PerMillion) -> PerMillion {
        let scaled = u128::from(self.0) * u128::from(part.0);
        let scaled = scaled.checked_add(u128::from(whole.0) - u128::from(whole.0 > 0));
        let scaled = scaled.and_then(|scaled| scaled.checked_div(whole.0.into()));
        scaled.and_then(|scaled| u64::try_from(scaled).ok()).map_or(self, PerMillion)
    }

    /// A count as far as the price needs it: what is free need not be known.
    fn needed(self, tokens: Option<u64>) -> Option<u64> {
        tokens.or((self.0 == 0).then_some(0))
    }

    fn times(self, tokens: u64) -> i128 {
        i128::from(self.0) * i128::from(tokens)
    }
}

impl Factor {
    const ONE: u64 = 1_000_000_000;

    /// Reads a plain decimal with at most nine digits behind the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Factor> {
        let NanoUsd(billionths) = text.parse().ok()?;
        u64::try_from(billionths).ok().filter(|one| *one > 0).map(Factor)
    }

    fn of(self, sum: i128) -> Option<i128> {
        Some(up(sum.checked_mul(self.0.into())?, Factor::ONE.into()))
    }
}

impl Price {
    /// The price, where it is known.
    #[must_use]
    pub fn usd(self) -> Option<NanoUsd> {
        match self {
            Price::Usd(usd) => Some(usd),
            Price::Unknown | Price::Incomplete => None,
        }
    }
}

impl ModelPrice {
    /// A model with one price for everything.
    #[must_use]
    pub const fn flat(rates: Rates) -> ModelPrice {
        let standard = Ladder { base: rates, above: Vec::new() };
        ModelPrice {
            standard,
            batch: None,
            flex: None,
            priority: None,
            fast: None,
            us: None,
            before: Vec::new(),
        }
    }

    /// The prices that were valid at a time.
    #[must_use]
    pub fn at(&self, at: Wall) -> &ModelPrice {
        self.before.iter().find(|(until, _)| at < *until).map_or(self, |(_, price)| price)
    }

    /// What a call costs, rounded up to the next nano-USD; not known where a count that it
    /// is made of is not, nor where it is of a kind that has no price. Parts for which logs
    /// have no field (cached, written, sound) are none where they are absent.
    #[must_use]
    pub fn cost(&self, tokens: &Tokens, tier: Tier) -> Price {
        if tokens.unreadable || (tokens.input.is_none() && tokens.output.is_none()) {
            return Price::Unknown;
        }
        let Some((rates, factors)) = self.rates_for(tokens.input.unwrap_or(0), tier) else {
            return Price::Unknown;
        };
        let counts = (rates.input.needed(tokens.input), rates.output.needed(tokens.output));
        let (Some(input), Some(output)) = counts else { return Price::Incomplete };
        // Nobody says how much of what was cached is sound: none of it is taken for cheaper.
        let heard = tokens.audio_input.unwrap_or(0).min(input);
        let spoken = tokens.audio_output.unwrap_or(0).min(output);
        let (input, output) = (input - heard, output - spoken);
        let cached = tokens.cached_input.unwrap_or(0).min(input);
        let written = tokens.cache_write.unwrap_or(0).min(input - cached);
        let written_1h = tokens.cache_write_1h.unwrap_or(0).min(written);
        let write_rate = rates.cache_write.unwrap_or(rates.input);
        let audio = |rate: Option<PerMillion>, tokens: u64| match rate {
            Some(rate) => Some(rate.times(tokens)),
            None => (tokens == 0).then_some(0),
        };
        let (heard, spoken) = (audio(rates.audio_input, heard), audio(rates.audio_output, spoken));
        let (Some(heard), Some(spoken)) = (heard, spoken) else { return Price::Unknown };

        let sum = rates.input.times(input - cached - written)
            + rates.cache_read.unwrap_or(rates.input).times(cached)
            + write_rate.times(written - written_1h)
            + rates.cache_write_1h.unwrap_or(write_rate).times(written_1h)
            + rates.output.times(output)
            + heard
            + spoken;
        let sum = factors.into_iter().flatten().try_fold(sum, |sum, factor| factor.of(sum));
        sum.map_or(Price::Unknown, |sum| Price::Usd(NanoUsd(up(sum, 1_000_000))))
    }

    /// Where a tier has no price of its own for a long call, the dearer of the
    /// two that would apply is charged: an estimate may trip early, never late. What is
    /// fast is never as cheap as the rest: without a price of its own it has none.
    fn rates_for(&self, input: u64, tier: Tier) -> Option<(Rates, [Option<Factor>; 2])> {
        let fast = matches!(tier, Tier::Fast | Tier::FastUs);
        let of_tier = match tier {
            Tier::Standard | Tier::Us => None,
            Tier::Batch | Tier::BatchUs => self.batch.as_ref(),
            Tier::Flex => self.flex.as_ref(),
            // Some call fast what is the priority tier.
            Tier::Fast | Tier::FastUs if self.fast.is_some() => None,
            Tier::Fast | Tier::FastUs => Some(self.priority.as_ref()?),
            Tier::Priority => self.priority.as_ref(),
        };
        let of_length = self.standard.above(input);
        let rates = match (of_tier, of_length) {
            (None, of_length) => of_length.unwrap_or(self.standard.base),
            (Some(tier), Some(length)) => {
                tier.above(input).unwrap_or_else(|| tier.base.dearer(length))
            }
            (Some(tier), None) => tier.above(input).unwrap_or(tier.base),
        };
        let in_us = matches!(tier, Tier::Us | Tier::FastUs | Tier::BatchUs);
        let us = self.us.filter(|_| in_us);
        Some((rates, [self.fast.filter(|_| fast), us]))
    }
}

/// A quotient, rounded up.
fn up(sum: i128, by: i128) -> i128 {
    sum.div_euclid(by) + i128::from(sum.rem_euclid(by) > 0)
}

impl Ladder {
    fn above(&self, input: u64) -> Option<Rates> {
        self.above.iter().rev().find(|(over, _)| input > *over).map(|(_, rates)| *rates)
    }
}

impl Rates {
    /// Rates of input and output, of which all that is priced as such is a part.
    #[must_use]
    pub const fn of(input: PerMillion, output: PerMillion) -> Rates {
        Rates {
            input,
            output,
            cache_read: None,
            cache_write: None,
            cache_write_1h: None,
            audio_input: None,
            audio_output: None,
        }
    }

    /// What a part of a row leaves out costs by so much more or less than in the whole as
    /// its input, or its output.
    #[must_use]
    pub fn or(self, base: &Rates) -> Rates {
        let by_input = |class: Option<PerMillion>| {
            class.map(|class| class.in_proportion(self.input, base.input))
        };
        let by_output = |class: Option<PerMillion>| {
            class.map(|class| class.in_proportion(self.output, base.output))
        };
        Rates {
            cache_read: self.cache_read.or(by_input(base.cache_read)),
            cache_write: self.cache_write.or(by_input(base.cache_write)),
            cache_write_1h: self.cache_write_1h.or(by_input(base.cache_write_1h)),
            audio_input: self.audio_input.or(by_input(base.audio_input)),
            audio_output: self.audio_output.or(by_output(base.audio_output)),
            ..self
        }
    }

    fn dearer(self, other: Rates) -> Rates {
        Rates {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            audio_input: self.audio_input.max(other.audio_input),
            audio_output: self.audio_output.max(other.audio_output),
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
        Rates::of(usd(input), usd(output))
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
            ..Tokens::default()
        };
        let cost = |price: &ModelPrice, tokens: &Tokens| price.cost(tokens, Tier::Standard).usd();
        // 100*3 + 600*0.3 + 200*3.75 + 100*6 + 10*15 = 1980 USD per million.
        assert_eq!(cost(&price, &tokens), Some(NanoUsd(1_980_000)));

        let one = Tokens { input: Some(1), ..Tokens::default() };
        let tiny = ModelPrice::flat(rates("0.0001", "0"));
        assert_eq!(cost(&tiny, &one), Some(NanoUsd(1)), "0.1 nano rounds up");
        assert_eq!(tiny.cost(&Tokens::default(), Tier::Standard), Price::Unknown);
        assert_eq!(price.cost(&one, Tier::Standard), Price::Incomplete, "half is no price");
        let damaged = Tokens { unreadable: true, ..tokens };
        assert_eq!(price.cost(&damaged, Tier::Standard), Price::Unknown);
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
        let cost = |n| price.at(day(n)).cost(&one, Tier::Standard).usd().unwrap().0;
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
        assert_eq!(price.cost(&tokens, Tier::Standard), Price::Usd(NanoUsd(30_000)));
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
            price.cost(&tokens, tier).usd().unwrap().0
        };
        assert_eq!(cost(200_000, Tier::Standard), 200_000 * 3_000);
        assert_eq!(cost(200_001, Tier::Standard), 200_001 * 6_000);
        assert_eq!(cost(400_001, Tier::Standard), 400_001 * 9_000);
        assert_eq!(cost(1, Tier::Priority), 7_000);
        assert_eq!(cost(200_001, Tier::Priority), 200_001 * 7_000, "the dearer one");
        assert_eq!(cost(200_001, Tier::Batch), 200_001 * 3_000, "its own price for long calls");
        assert_eq!(cost(1, Tier::Flex), 3_000, "no price of its own: the standard one");
    }

    #[test]
    fn what_is_dearer_is_never_priced_as_if_it_were_not() {
        let million = Some(1_000_000);
        let said = Tokens { input: million, output: Some(0), ..Tokens::default() };
        let heard = Tokens { audio_input: Some(400_000), ..said };
        let text = ModelPrice::flat(rates("1", "2"));
        let sound = ModelPrice::flat(Rates {
            audio_input: Some(usd("10")),
            cache_read: Some(usd("0.5")),
            ..rates("1", "2")
        });
        let cost = |price: &ModelPrice, tokens: &Tokens, tier| {
            price.cost(tokens, tier).usd().map(|usd| usd.0 / 1_000_000)
        };
        assert_eq!(cost(&text, &heard, Tier::Standard), None, "no part of it is text");
        let silent = Tokens { audio_input: Some(0), audio_output: Some(0), ..said };
        assert_eq!(cost(&text, &silent, Tier::Standard), Some(1_000));
        assert_eq!(cost(&sound, &heard, Tier::Standard), Some(600 + 4_000));
        let cached = Tokens { cached_input: million, ..heard };
        assert_eq!(cost(&sound, &cached, Tier::Standard), Some(300 + 4_000));

        let fast = ModelPrice { fast: Factor::parse("2"), us: Factor::parse("1.1"), ..text };
        for (tier, usd) in [(Tier::Fast, 2_000), (Tier::Us, 1_100), (Tier::FastUs, 2_200)] {
            assert_eq!(cost(&fast, &said, tier), Some(usd), "{tier:?}");
        }
        // Older models are computed anywhere at one price, and none of them is fast.
        assert_eq!(cost(&sound, &said, Tier::Us), Some(1_000));
        assert_eq!(cost(&sound, &said, Tier::Fast), None);
        let priority = Some(Ladder { base: rates("3", "6"), above: Vec::new() });
        let called_fast = ModelPrice { priority, ..sound };
        assert_eq!(cost(&called_fast, &said, Tier::Fast), Some(3_000));
    }
}
