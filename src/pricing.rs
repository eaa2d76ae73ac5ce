//! What a call costs where its log does not say: model + tokens -> nano-USD.
//!
//! Exact integers, rounded up once per call. A model without a price has none:
//! unknown is never 0. This floor knows no log format and keeps no state but a
//! cache of names it has already looked up.

mod model_name;
mod rates;
mod table;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::domain::{
    Cost, CostSource, ErrorKind, FaultReason, Item, Names, NanoUsd, Observation, Outcome, Request,
    Sym, TextRef,
};

pub use rates::{Factor, Ladder, ModelPrice, PerMillion, Price, Rates};
pub use table::{PriceError, PriceTable};

/// Prices observations. Looks a name up once, then answers from a cache.
#[derive(Debug)]
pub struct Pricer {
    table: Arc<PriceTable>,
    names: Names,
    /// Row of the table for a provider and model; `None` is "no price".
    known: FxHashMap<(Option<Sym>, Sym), Option<usize>>,
    most: NanoUsd,
}

impl Pricer {
    /// A pricer over `table` for symbols of `names`.
    #[must_use]
    pub fn new(table: impl Into<Arc<PriceTable>>, names: Names) -> Pricer {
        Pricer { table: table.into(), names, known: FxHashMap::default(), most: NanoUsd(i128::MAX) }
    }

    /// The same, but a call that would cost more than `most` has no price: its
    /// token counts can't be right, and nothing must trip on them.
    #[must_use]
    pub fn up_to(mut self, most: NanoUsd) -> Pricer {
        self.most = most;
        self
    }

    /// The date the table's prices were collected, `YYYY-MM-DD`.
    #[must_use]
    pub fn as_of(&self) -> &str {
        self.table.as_of()
    }

    /// The row for a model as a log names it, by the name it is found under.
    #[must_use]
    pub fn row_name(&self, provider: Option<&str>, model: &str) -> Option<String> {
        self.table.found(provider, model).map(|(name, _)| name)
    }

    /// Give every request that reports no cost, but tokens and a model with a
    /// price, a computed one. Providers charge nothing for what they refuse, although some
    /// gateways log what was asked for.
    ///
    /// Where a price needs a count that its line does not have, that is a fault of the
    /// line; it comes after all that was said of it.
    pub fn price_batch(&mut self, items: &mut Vec<Item>, from: usize) {
        for at in from..items.len() {
            let Some(Item { line, seen: Observation::Request { request, .. } }) = items.get_mut(at)
            else {
                continue;
            };
            if request.cost.is_some() {
                continue;
            }
            let price = self.price(request);
            request.cost = price.usd().map(|usd| Cost { usd, source: CostSource::Computed });
            if price == Price::Incomplete {
                let (reason, what) = (FaultReason::TokensMissing, TextRef::default());
                let fault = Item { line: *line, seen: Observation::Fault { reason, what } };
                items.push(fault);
            }
        }
    }

    fn price(&mut self, request: &Request) -> Price {
        if request.cache_hit == Some(true) {
            return Price::Usd(NanoUsd(0)); // No provider was asked.
        }
        if is_refused(request) {
            return Price::Unknown;
        }
        let Some(model) = request.model else { return Price::Unknown };
        let key = (request.provider, model);
        let row = match self.known.get(&key) {
            Some(row) => *row,
            None => self.look_up(key),
        };
        let Some(row) = row.and_then(|row| self.table.row(row)) else { return Price::Unknown };
        match row.at(request.at).cost(&request.tokens, request.tier) {
            Price::Usd(usd) if usd > self.most => Price::Unknown,
            price => price,
        }
    }

    fn look_up(&mut self, key: (Option<Sym>, Sym)) -> Option<usize> {
        let provider = key.0.map(|sym| self.names.text(sym));
        let row = self.table.find(provider.as_deref(), &self.names.text(key.1));
        self.known.insert(key, row);
        row
    }
}

/// Whether the provider refused a call, so that it charges nothing for it, whatever
/// tokens were logged beside it.
fn is_refused(request: &Request) -> bool {
    let answered = request.tokens.output.is_some_and(|output| output > 0);
    match request.status {
        // Whoever hung up or lost patience (408, 499, 504) may still have to pay.
        Some(400..=407 | 409..=498) => true,
        // These may also have cut a stream that had begun.
        Some(503 | 529) => !answered,
        // A refusal may arrive as 200, or without any status.
        _ => !answered && request.failure.kind.is_some_and(refuses),
    }
}

/// Whether a failure of this kind comes before anything is computed.
fn refuses(kind: ErrorKind) -> bool {
    match kind.outcome() {
        // What a filter stops has been read, and perhaps written.
        Outcome::ClientError => kind != ErrorKind::ContentFilter,
        Outcome::RateLimited
        | Outcome::QuotaExhausted
        | Outcome::Overloaded
        | Outcome::AuthFailed
        | Outcome::Blocked => true,
        Outcome::Ok | Outcome::Failed | Outcome::TimedOut | Outcome::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NameKind, Tokens, Wall};

    fn item(request: &Request) -> Item {
        let none = TextRef::default();
        let seen = Observation::Request {
            request: *request,
            request_id: none,
            dedup_key: none,
            finish_reason: none,
        };
        Item { line: 1, seen }
    }

    fn cost_of(item: &Item) -> Option<Cost> {
        match item.seen {
            Observation::Request { request, .. } => request.cost,
            _ => None,
        }
    }

    #[test]
    fn only_unreported_costs_of_known_models_with_tokens_are_computed() {
        let names = Names::default();
        let mut pricer = Pricer::new(PriceTable::builtin(), names.clone());
        let mut known = Request::at(Wall(0));
        known.provider = Some(names.intern(NameKind::Provider, "openai"));
        known.model = Some(names.intern(NameKind::Model, "gpt-4o-mini"));
        known.tokens = Tokens { input: Some(1000), output: Some(100), ..Tokens::default() };
        let mut reported = known;
        let said = Cost { usd: NanoUsd(7), source: CostSource::Reported };
        reported.cost = Some(said);
        let mut unknown_model = known;
        unknown_model.model = Some(names.intern(NameKind::Model, "in-house-7b"));
        let mut no_tokens = known;
        no_tokens.tokens = Tokens::default();

        let mut items = vec![item(&known), item(&reported), item(&unknown_model), item(&no_tokens)];
        for _ in 0..2 {
            pricer.price_batch(&mut items, 0);
            // 1000 * 0.15 + 100 * 0.6 USD per million.
            let computed = Cost { usd: NanoUsd(210_000), source: CostSource::Computed };
            assert_eq!(cost_of(&items[0]), Some(computed));
            assert_eq!(cost_of(&items[1]), Some(said));
            assert_eq!(cost_of(&items[2]), None);
            assert_eq!(cost_of(&items[3]), None);
        }
    }

    #[test]
    fn refused_calls_and_impossible_counts_have_no_price() {
        let names = Names::default();
        let most = NanoUsd::from_usd(1000);
        let mut pricer = Pricer::new(PriceTable::builtin(), names.clone()).up_to(most);
        let mut call = Request::at(Wall(0));
        call.model = Some(names.intern(NameKind::Model, "gpt-4o-mini"));
        let mut priced = |status, input, output| {
            let tokens = Tokens { input: Some(input), output, ..Tokens::default() };
            let mut items = vec![item(&Request { status: Some(status), tokens, ..call })];
            pricer.price_batch(&mut items, 0);
            cost_of(&items[0]).map(|cost| cost.usd.0)
        };
        assert_eq!(priced(200, 1000, Some(0)), Some(150_000));
        assert_eq!(priced(429, 1000, Some(0)), None);
        assert_eq!(priced(429, 1000, Some(100)), None, "what was asked for, not what was given");
        assert_eq!(priced(529, 1000, Some(100)), Some(210_000), "cut after it had begun");
        assert_eq!(priced(400, 1000, None), None);
        assert_eq!(priced(499, 1000, Some(0)), Some(150_000));
        assert_eq!(priced(500, 1000, Some(100)), Some(210_000), "a stream that broke is charged");
        assert_eq!(priced(200, u64::MAX, Some(1)), None);
        let mut hit = Request { cache_hit: Some(true), ..call };
        hit.tokens.input = Some(1000);
        let mut items = vec![item(&hit)];
        pricer.price_batch(&mut items, 0);
        assert_eq!(cost_of(&items[0]).map(|cost| cost.usd.0), Some(0));
        let mut refused = |kind, output| {
            let tokens = Tokens { input: Some(1000), output, ..Tokens::default() };
            let mut call = Request { status: Some(200), tokens, ..call };
            call.failure.kind = Some(kind);
            let mut items = vec![item(&call)];
            pricer.price_batch(&mut items, 0);
            cost_of(&items[0]).is_none()
        };
        assert!(refused(ErrorKind::RateLimit, None) && refused(ErrorKind::QuotaExhausted, Some(0)));
        assert!(!refused(ErrorKind::RateLimit, Some(9)) && !refused(ErrorKind::Timeout, Some(0)));
    }

    #[test]
    fn half_of_the_counts_is_no_price_but_a_fault() {
        let names = Names::default();
        let mut pricer = Pricer::new(PriceTable::builtin(), names.clone());
        let mut call = Request::at(Wall(0));
        call.model = Some(names.intern(NameKind::Model, "gpt-4o-mini"));
        let mut priced = |tokens| {
            let mut items = vec![item(&Request { tokens, ..call })];
            pricer.price_batch(&mut items, 0);
            let fault = items.get(1).map(|item| match item.seen {
                Observation::Fault { reason, .. } => reason,
                _ => unreachable!("only a fault follows"),
            });
            (cost_of(&items[0]).map(|cost| cost.usd.0), fault)
        };
        let whole = Tokens { input: Some(1000), output: Some(0), ..Tokens::default() };
        let missing = (None, Some(FaultReason::TokensMissing));
        assert_eq!(priced(whole), (Some(150_000), None));
        assert_eq!(priced(Tokens { output: None, ..whole }), missing);
        assert_eq!(priced(Tokens { input: None, ..whole }), missing);
        // The decoder has said so already.
        assert_eq!(priced(Tokens { unreadable: true, ..whole }), (None, None));
        assert_eq!(priced(Tokens::default()), (None, None));
    }
}
