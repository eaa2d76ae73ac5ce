//! What a reader remembers of earlier responses makes it fast and nothing else:
//! it reads every response as one that never saw another would.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; a panic is a failed test"
)]

use proptest::prelude::*;
use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::{NameKind, Names, Wall};

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
    "openai-organization",
    "openai-project",
    "x-ratelimit-key",
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

/// Lists of names as gateways send them, line after line: whose numbers are read
/// alone, and whose are not, because they come twice or may be part of each other.
const LISTS: &[&[&str]] = &[
    &[
        "x-ratelimit-limit-requests",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-requests",
        "x-ratelimit-reset-tokens",
    ],
    &[
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
        "request-id",
    ],
    &[
        "llm_provider-x-ratelimit-limit-tokens",
        "llm_provider-x-ratelimit-remaining-tokens",
        "llm_provider-x-ratelimit-reset-tokens",
        "llm_provider-x-request-id",
    ],
    &[
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "llm_provider-x-ratelimit-limit-tokens",
        "llm_provider-x-ratelimit-remaining-tokens",
        "llm_provider-x-ratelimit-reset-tokens",
    ],
    &[
        "x_ratelimit_remaining_tokens",
        "llm_provider-x-ratelimit-limit-requests",
        "llm_provider-x-ratelimit-remaining-requests",
        "llm_provider-x-ratelimit-limit-tokens",
        "llm_provider-x-ratelimit-remaining-tokens",
        "x-ratelimit-api_key-remaining-requests",
        "x-ratelimit-api_key-limit-requests",
    ],
    &[
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
        "llm_provider-x-ratelimit-remaining-tokens",
        "llm_provider-x-ratelimit-remaining-tokens-minute",
        "llm_provider-x-ratelimit-reset-tokens",
    ],
    &[
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
        "openai-model",
        "server",
    ],
    &["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "retry-after"],
    &["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ms-region"],
    &["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
    &["x-ratelimit-limit-minute", "x-ratelimit-remaining-minute", "x-ratelimit-limit-tokens"],
    &["x-ratelimit-limit-requests", "x-ratelimit-used-requests"],
    &[
        "openai-organization",
        "openai-project",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
    ],
    &[
        "llm_provider-openai-organization",
        "llm_provider-x-ratelimit-limit-tokens",
        "llm_provider-x-ratelimit-remaining-tokens",
    ],
    &["x-ai-ratelimit-limit-minute-gpt", "x-ai-ratelimit-remaining-minute-gpt", "date"],
];

const COUNTS: &[&str] =
    &["500", "499", "200000", "137126", "0", "1", "9999999999", "99999999999", "0.5"];
const RESETS: &[&str] = &["18.862s", "120ms", "0s", "6m0s", "1m26.4s", "59.9s"];
const OTHER_RESETS: &[&str] = &[
    "2026-11-20T12:00:30Z",
    "1795176030",
    "7",
    "-3",
    "1ms2",
    "5us",
    "0.5",
    "Fri, 20 Nov 2026 12:00:30 GMT",
];
const ACCOUNTS: &[&str] = &["acme", "globex", "acme", ""];
const ODD: &[&str] = &[
    "-1",
    "1e3",
    "007",
    "500, 500",
    "500, 499",
    "10,000",
    "none",
    "",
    "-",
    "unlimited",
    "9007199254740993",
    "18446744073709551615",
    "100;w=60",
    " 12 ",
    "7 ",
    "1s",
];

/// LiteLLM sends its provider's numbers under plain names too.
fn copy_upstream(response: &mut [(&'static str, String)]) {
    for at in 0..response.len() {
        let plain = response[at].0.replace('_', "-");
        let marked = |name: &str| name.strip_prefix("llm_provider-") == Some(plain.as_str());
        let sent = response.iter().find(|(name, _)| marked(name));
        if let Some((_, value)) = sent.cloned() {
            response[at].1 = value;
        }
    }
}

/// Responses under a few lists, again and again. `odd` of a hundred values are none
/// that a gateway should send, and most of what is sent twice is the same.
fn usual() -> impl Strategy<Value = Vec<Vec<(&'static str, String)>>> {
    let lists = prop::collection::vec(prop::sample::select(LISTS), 1..3);
    let value = (any::<prop::sample::Index>(), 0..100_u8, any::<bool>());
    let values = prop::collection::vec(value, 7);
    let turns = prop::collection::vec((any::<prop::sample::Index>(), values, 1..8_u8), 2..40);
    (lists, turns, 0..12_u8).prop_map(|(lists, turns, odd)| {
        let mut which = 0;
        let said = |name: &'static str,
                    (index, chance, dates): &(prop::sample::Index, u8, bool)| {
            let reset = name.ends_with("reset") || name.contains("-reset-");
            let whose = name.ends_with("organization") || name.ends_with("project");
            let of = match (*chance < odd, reset) {
                _ if whose => ACCOUNTS,
                (true, _) => ODD,
                (_, true) if *dates && *chance < 40 => OTHER_RESETS,
                (_, true) => RESETS,
                (_, false) => COUNTS,
            };
            (name, index.get(of).to_string())
        };
        let response = |(other, values, stay): (prop::sample::Index, Vec<_>, u8)| {
            if stay == 1 {
                which = other.index(lists.len());
            }
            let list = lists[which % lists.len()];
            let mut response: Vec<_> =
                list.iter().zip(&values).map(|(name, value)| said(name, value)).collect();
            if stay != 2 {
                copy_upstream(&mut response);
            }
            response
        };
        turns.into_iter().map(response).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn usual_responses_are_read_as_all_are(
        responses in usual(),
        around in prop::collection::vec((0..12_usize, 0..12_usize, 0..12_usize, 0..40_i64), 40),
    ) {
        let names = Names::default();
        let models = ["gpt-4o", "o3"].map(|name| names.intern(NameKind::Model, name));
        let mut veteran = HeaderReader::new(&names);
        let (mut bag, mut report) = (HeaderBag::default(), HeaderReport::default());
        for (response, (status, provider, body, late)) in responses.iter().zip(around) {
            let mut fresh_bag = HeaderBag::default();
            bag.clear();
            for (name, value) in response {
                fresh_bag.push(name, value);
                bag.push(name, value);
            }
            let refused: &[u8] = br#"{"error":{"code":"rate_limit_exceeded"}}"#;
            let context = HeaderContext {
                began: None,
                at: Wall::from_secs(1_795_176_000 + late),
                status: [None, Some(429), Some(500)].get(status).copied().unwrap_or(Some(200)),
                provider: ["anthropic", "groq", "azure"].get(provider).copied().or(Some("openai")),
                url: Some("https://api.mistral.ai/v1").filter(|_| body == 1),
                model: models.get(provider % 7).copied(),
                deployment: models.get(body % 5).copied(),
                body: Some(refused).filter(|_| body == 0),
            };
            let mut fresh = HeaderReport::default();
            HeaderReader::new(&names).read(&fresh_bag, &context, &mut fresh);
            veteran.read(&bag, &context, &mut report);
            prop_assert_eq!(&report, &fresh, "{:?}", response);
            prop_assert!(report.faults(&bag).eq(fresh.faults(&fresh_bag)));
            prop_assert_eq!(report.request_id(&bag), fresh.request_id(&fresh_bag));
            prop_assert_eq!(report.model(&bag), fresh.model(&fresh_bag));
        }
    }
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
