//! Headers that were made to hurt: each bad value is unknown, not zero and not
//! infinite, its name is reported, and nothing panics.

#![allow(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]

use std::fs;

use proptest::prelude::*;
use tripline::decode::headers::{CallState, HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::{Amount, LimitReading, Names, Resource, Wall};

struct Read {
    bag: HeaderBag,
    report: HeaderReport,
}

impl Read {
    fn of(headers: &[(&str, &str)], status: u16) -> Read {
        let mut bag = HeaderBag::default();
        for (name, value) in headers {
            bag.push(name, value);
        }
        let mut report = HeaderReport::default();
        let context = HeaderContext {
            at: Wall::from_secs(1_795_176_000),
            status: Some(status),
            ..HeaderContext::default()
        };
        HeaderReader::new(&Names::default()).read(&bag, &context, &mut report);
        Read { bag, report }
    }

    fn file(name: &str) -> Read {
        let path = format!("{}/tests/corpus/hostile/http/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines.map_while(|line| line.split_once(':')).collect();
        Read::of(&headers, status)
    }

    fn faults(&self) -> Vec<String> {
        self.report.faults(&self.bag).map(|name| String::from_utf8_lossy(name).into()).collect()
    }

    fn limit(&self, resource: Resource) -> &LimitReading {
        self.report.limits.iter().find(|limit| limit.id.resource == resource).unwrap()
    }
}

#[test]
fn bad_numbers_are_unknown_and_named() {
    let read = Read::file("50-ratelimit.http");
    assert_eq!(read.report.limits.len(), 2, "{:?}", read.report.limits);
    let requests = read.limit(Resource::Requests);
    assert_eq!(requests.remaining, None, "-1 and 5 disagree");
    assert_eq!(requests.reset, None, "NaN");
    assert_eq!(requests.limit, Some(Amount::whole(0)), "zero is a limit");
    let tokens = read.limit(Resource::Tokens);
    assert_eq!((tokens.limit, tokens.remaining), (None, None), "20 digits, 1e999");
    assert!(tokens.reset.is_some(), "6m0s is good");
    assert_eq!(read.report.response_cost, None, "-5, 1e999");
    assert_eq!(
        read.faults(),
        [
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-limit-tokens",
            "x-ratelimit-reset-requests",
            "x-ratelimit-remaining-requests",
            "anthropic-ratelimit-tokens-reset",
            "x-litellm-response-cost",
            "x-litellm-response-cost",
            "x-litellm-key-spend",
        ]
    );
}

#[test]
fn no_bad_wait_becomes_a_wait() {
    let read = Read::file("51-retry-after.http");
    assert_eq!(read.report.retry_after_s, Some(0.0), "only `0` can be read");
    assert_eq!(read.faults(), ["retry-after"; 4], "an empty one is not there");
    assert_eq!(read.report.state, CallState::Throttled);
    assert_eq!(read.report.waiting_helps, Some(true));
}

#[test]
fn a_stated_absence_of_a_limit_is_no_bucket() {
    for headers in [
        &[
            ("x-ratelimit-limit-tokens", "-1"),
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-reset-tokens", "0"),
        ][..],
        &[("x-ratelimit-remaining-tokens", "-1")],
        &[("x-ratelimit-limit-requests", "9223372036854775807")],
        &[("x-ratelimit-limit-requests", "unlimited")],
        &[("x-codex-credits-balance", "0"), ("x-codex-credits-unlimited", "True")],
    ] {
        let read = Read::of(headers, 200);
        assert_eq!(read.report.limits, [], "{headers:?}");
        assert_eq!(read.faults(), [""; 0], "{headers:?}");
    }
}

#[test]
fn overdrafts_are_kept() {
    for (left, status) in [("-1", 429), ("-27689", 200), ("-65038", 429)] {
        let read = Read::of(&[("x-ratelimit-remaining-tokens", left)], status);
        let expected = Amount::whole(left.parse().unwrap());
        assert_eq!(read.limit(Resource::Tokens).remaining, Some(expected));
    }
}

#[test]
fn of_copies_that_disagree_only_possible_ones_count() {
    for (limit, copies, expected) in [
        ("500", &["480", "12"][..], Some(12)),
        ("500", &["480, 12"], Some(12)),
        ("500", &["480, 480"], Some(480)),
        ("500", &["480,480"], None),
        ("500", &["480", "-1"], None),
        ("500", &["480", "501"], None),
        ("20000", &["10,000"], None),
    ] {
        let mut headers = vec![("x-ratelimit-limit-requests", limit)];
        headers.extend(copies.iter().map(|copy| ("x-ratelimit-remaining-requests", *copy)));
        let read = Read::of(&headers, 200);
        let remaining = read.limit(Resource::Requests).remaining;
        assert_eq!(remaining, expected.map(Amount::whole), "{copies:?}");
        assert_eq!(read.faults().is_empty(), copies == ["480, 480"], "{copies:?}");
    }
}

#[test]
fn a_reader_keeps_nothing_of_the_response_before() {
    let names = Names::default();
    let mut reader = HeaderReader::new(&names);
    let mut report = HeaderReport::default();
    let mut bag = HeaderBag::default();
    bag.push("anthropic-ratelimit-tokens-limit", "lots");
    bag.push("retry-after", "5");
    bag.push("x-litellm-response-cost", "1");
    bag.push("date", "Fri, 20 Nov 2026 12:00:00 GMT");
    reader.read(&bag, &HeaderContext::default(), &mut report);
    assert_ne!(report, HeaderReport::default());
    bag.clear();
    reader.read(&bag, &HeaderContext::default(), &mut report);
    assert_eq!(report, HeaderReport::default());
}

/// Names and values out of pieces that mean something, and out of noise.
fn soup() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::collection::vec(
        prop::sample::select(vec![
            "x-ratelimit-",
            "x-rate-limit-",
            "ratelimit",
            "ratelimit-policy",
            "anthropic-ratelimit-",
            "anthropic-ratelimit-unified-",
            "x-codex-",
            "x-ai-",
            "x-ai-ratelimit-",
            "llm_provider-",
            "x-litellm-",
            "helicone-ratelimit-",
            "limit-",
            "remaining-",
            "reset-",
            "requests",
            "tokens-",
            "minute",
            "30-",
            "99999999999-second",
            "5h-",
            "7d_",
            "utilization",
            "policy",
            "-",
            "_",
            "retry-after",
            "date",
            "x-ratelimit-type",
            "é",
            "renewalperiod-",
            "unlimited",
        ]),
        0..5,
    );
    let value = prop_oneof![
        "[0-9.,;:=\"a-zA-Z +µ-]{0,40}",
        any::<String>(),
        prop::collection::vec(
            prop::sample::select(vec![
                "10",
                "-1",
                "9223372036854775807",
                "1e308",
                "99999999999999999999999",
                "1m",
                "0s",
                ", ",
                ";w=",
                ";q=",
                "\"a\"",
                ";r=",
                ";t=",
                "2026-11-20T12:00:00Z",
                "NaN",
                "é",
                ".",
                "0.0000000001",
                "h",
                "Fri, 20 Nov 2026 12:00:00 GMT",
                "limit=",
                "UserByMinute",
            ]),
            0..6,
        )
        .prop_map(|parts| parts.concat()),
    ];
    prop::collection::vec((name.prop_map(|parts| parts.concat()), value), 0..24)
}

/// Bodies out of pieces that the rules look for.
fn body() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "\"",
        "\\\"",
        "error",
        "\"quotaId\"",
        ":",
        "\"quotaValue\"",
        "PerMinute",
        "Token",
        "\"retryDelay\":\"",
        "1h16m0.667s",
        "99999999999999999s",
        "\"X-RateLimit-Limit\":",
        "50",
        "request reached ",
        "organization max RPM: ",
        "limit:",
        "(actual/limit): ",
        "1/",
        "Limit ",
        "Requested ",
        "try again in ",
        "7.s",
        " minutes",
        "event: error",
        "é",
        "insufficient_quota",
    ]);
    prop::collection::vec(pieces, 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_soup_of_headers_panics_or_invents(headers in soup(), body in body(), status in 0_u16..700) {
        let mut bag = HeaderBag::default();
        for (name, value) in &headers {
            bag.push(name, value);
        }
        let mut report = HeaderReport::default();
        let context = HeaderContext {
            at: Wall(i64::MAX),
            status: Some(status),
            provider: Some("azure"),
            body: Some(body.as_bytes()),
            ..HeaderContext::default()
        };
        let mut reader = HeaderReader::new(&Names::default());
        reader.read(&bag, &context, &mut report);
        let first = report.clone();
        reader.read(&bag, &context, &mut report);
        prop_assert_eq!(&first, &report, "the same headers say the same");
        prop_assert!(report.faults(&bag).count() <= bag.len());
        for limit in &report.limits {
            prop_assert!(limit.used_ratio.is_none_or(|ratio| ratio.is_finite() && ratio >= 0.0));
            prop_assert!(limit.id.window_s != Some(0));
            prop_assert!(limit.limit.is_none_or(|limit| limit.0 >= 0));
        }
        prop_assert!(report.retry_after_s.is_none_or(|wait| (0.0..=32.0 * 86_400.0).contains(&wait)));
    }
}
