//! What a reader remembers of earlier responses makes it fast and nothing else:
//! it reads every response as one that never saw another would.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; a panic is a failed test"
)]

use proptest::prelude::*;
use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::{Names, Wall};

/// Names of every sort: buckets of many families, asides, dates, policies in
/// values, things of no meaning, and spellings that differ in what is equal.
const NAMES: &[&str] = &[
    "x-ratelimit-limit-requests",
    "X-RateLimit-Limit-Requests",
    "x_ratelimit_limit_requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-remaining-tokens_usage_based",
    "x-ratelimit-reset-tokens",
    "llm_provider-x-ratelimit-limit-tokens",
    "llm_provider-x-ratelimit-remaining-tokens",
    "x-ratelimit-limit-minute",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit-policy",
    "ratelimit",
    "x-ratelimit-type",
    "x-ratelimit-timeremaining",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-unified-5h-utilization",
    "x-codex-primary-used-percent",
    "x-ai-ratelimit-limit-minute",
    "x-ai-ratelimit-reset",
    "x-ratelimit-api_key-remaining-tokens",
    "retry-after",
    "retry-after-ms",
    "date",
    "llm_provider-date",
    "x-request-id",
    "x-litellm-response-cost",
    "x-should-retry",
    "x-ms-region",
    "openai-model",
    "server",
    "",
];

const VALUES: &[&str] = &[
    "500",
    "200000",
    "0",
    "1",
    "-1",
    "499",
    "1, 1",
    "60, 59",
    "10,000",
    "832ms",
    "1m26.4s",
    "5",
    "0.25",
    "1e3",
    "007",
    "NaN",
    "",
    "null",
    "-",
    "true",
    "allowed",
    "unlimited",
    "Fri, 20 Nov 2026 12:00:30 GMT",
    "2026-11-20T12:00:30Z",
    "1795176030",
    "10, 10;w=1, 100;w=60",
    "\"a\";q=100;w=60",
    "\"a\";r=5;t=9",
    "limit=100, remaining=50, reset=5",
    "UserByMinute",
    "99999999999999999999999",
];

fn response() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..NAMES.len(), 0..VALUES.len()), 0..14)
}

/// The same few lists of names over and over with ever new values. Now and then a
/// name is put into a list, or takes the place of one that is as long.
fn conversation() -> impl Strategy<Value = Vec<Vec<(usize, usize)>>> {
    let change = (any::<prop::sample::Index>(), 0..NAMES.len(), 0..4_usize);
    let values = prop::collection::vec(0..VALUES.len(), 16);
    let lists = prop::collection::vec(response(), 1..12);
    let turns = prop::collection::vec((any::<prop::sample::Index>(), values, change), 1..60);
    (lists, turns).prop_map(|(mut lists, turns)| {
        let mut all = Vec::new();
        for (which, values, (place, name, kind)) in turns {
            let list = which.get(&lists).clone();
            let mut said: Vec<_> = list.iter().zip(&values).map(|((n, _), v)| (*n, *v)).collect();
            match kind {
                0 if said.len() < values.len() => {
                    said.insert(place.index(said.len() + 1), (name, 0));
                }
                1 | 2 if !said.is_empty() => {
                    let changed = place.get(&said).0;
                    let as_long = |other: &usize| {
                        NAMES[*other].len() == NAMES[changed].len() && *other != changed
                    };
                    let other = (name..NAMES.len()).chain(0..name).find(as_long);
                    let at = place.index(said.len());
                    said[at].0 = other.unwrap_or(changed);
                }
                _ => {}
            }
            let list = which.index(lists.len());
            lists[list].clone_from(&said);
            all.push(said);
        }
        all
    })
}

fn text(of: &'static [&'static str], index: usize) -> &'static str {
    of[index % of.len()]
}

proptest! {
    #[test]
    fn what_was_read_before_changes_nothing(responses in conversation(), status in 0..3_usize) {
        let names = Names::default();
        let mut veteran = HeaderReader::new(&names);
        let (mut bag, mut report) = (HeaderBag::default(), HeaderReport::default());
        for response in &responses {
            let mut fresh_bag = HeaderBag::default();
            bag.clear();
            for (name, value) in response {
                let (name, value) = (text(NAMES, *name), text(VALUES, *value));
                fresh_bag.push(name, value);
                bag.push(name, value);
            }
            let context = HeaderContext {
                at: Wall::from_secs(1_795_176_000),
                status: Some([200, 429, 503][status]),
                provider: Some("openai").filter(|_| response.len() % 2 == 0),
                ..HeaderContext::default()
            };
            let mut fresh = HeaderReport::default();
            HeaderReader::new(&names).read(&fresh_bag, &context, &mut fresh);
            veteran.read(&bag, &context, &mut report);
            prop_assert_eq!(&report, &fresh);
            prop_assert!(report.faults(&bag).eq(fresh.faults(&fresh_bag)));
            prop_assert_eq!(report.request_id(&bag), fresh.request_id(&fresh_bag));
        }
    }
}
