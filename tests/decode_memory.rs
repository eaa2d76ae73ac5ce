//! What a decoder remembers of earlier lines makes it fast and nothing else: it
//! reads every line as one that never saw another would.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; a panic is a failed test"
)]

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Names, Wall};

/// Members of lines, by format: how the line begins, what may stand in it, and
/// what may stand in its headers.
struct Dialect {
    format: &'static str,
    start: &'static str,
    fields: &'static [&'static str],
    headers: &'static [&'static str],
}

const VALUES: &[&str] = &[
    r#""500""#,
    "200000",
    "0",
    "-1",
    r#""1, 1""#,
    r#""832ms""#,
    r#""2026-11-20T12:00:30Z""#,
    "null",
    r#""""#,
    r#"["7", "7"]"#,
    r#"["6", null, "5"]"#,
    r#"{"a": 1}"#,
    "true",
    r#""\u0031\u0032""#,
    r#""0.0021""#,
    "0.0021",
    r#""gpt-4o""#,
    r#""req_1""#,
    r#""429""#,
    "200",
    r#""1795176030.123""#,
    r#""-""#,
    r#""é""#,
    "1.5",
];

const DIALECTS: &[Dialect] = &[
    Dialect {
        format: "litellm-standard",
        start: r#""id":"x","trace_id":"t","call_type":"acompletion","startTime":1795176030.5,"endTime":1795176031.5"#,
        fields: &[
            "cache_hit",
            "custom_llm_provider",
            "model",
            "response_cost",
            "status",
            "model_group",
            "prompt_tokens",
            "completion_tokens",
            "end_user",
            "stream",
            "litellm_call_id",
        ],
        headers: &[
            "x-ratelimit-limit-tokens",
            "x_ratelimit_limit_tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
            "llm_provider-x-ratelimit-limit-tokens",
            "llm_provider-x-ratelimit-remaining-tokens",
            "llm_provider-server",
            "server",
            "llm_provider-openai-version",
            "openai-version",
            "llm_provider-x-request-id",
            "via",
            "x-litellm-response-cost",
            "x-ms-region",
            "retry-after",
            "cf-ray",
            "X-RateLimit-Limit-Requests",
        ],
    },
    Dialect {
        format: "nginx-json",
        start: r#""request_time":"1.5","upstream_header_time":"0.5","remote_addr":"10.0.0.1""#,
        fields: &[
            "msec",
            "status",
            "limit_requests",
            "limit_tokens",
            "remaining_requests",
            "remaining_tokens",
            "reset_tokens",
            "retry_after",
            "upstream_http_retry_after",
            "team",
            "key_last4",
            "uri",
            "cost",
            "upstream_http_x_ratelimit_limit_tokens",
            "provider",
            "host",
            "input_tokens",
            "upstream_status",
            "x_litellm_response_cost",
            "model",
            "kill_switch",
        ],
        headers: &[],
    },
];

/// A member: which name, which value.
type Member = (usize, usize);

/// The same few shapes of lines over and over with ever new values; now and then
/// a member comes or goes.
fn conversation() -> impl Strategy<Value = Vec<(usize, Vec<Member>, Vec<Member>)>> {
    let members = || prop::collection::vec((0..64_usize, 0..VALUES.len()), 0..12);
    let shapes = prop::collection::vec((0..DIALECTS.len(), members(), members()), 1..5);
    let values = prop::collection::vec(0..VALUES.len(), 12);
    let change = (any::<prop::sample::Index>(), 0..64_usize, 0..6_u8);
    let turns = prop::collection::vec(
        (any::<prop::sample::Index>(), values.clone(), values, change),
        1..30,
    );
    (shapes, turns).prop_map(|(mut shapes, turns)| {
        let mut all = Vec::new();
        for (which, in_fields, in_headers, (place, name, kind)) in turns {
            let which = which.index(shapes.len());
            let (dialect, fields, headers) = &mut shapes[which];
            let list = if kind % 2 == 0 { &mut *fields } else { &mut *headers };
            match kind {
                0 | 1 if list.len() < 12 => list.insert(place.index(list.len() + 1), (name, 0)),
                2 | 3 if !list.is_empty() => drop(list.remove(place.index(list.len()))),
                _ => {}
            }
            let with = |list: &[Member], values: &[usize]| -> Vec<Member> {
                list.iter().zip(values).map(|((name, _), value)| (*name, *value)).collect()
            };
            all.push((*dialect, with(fields, &in_fields), with(headers, &in_headers)));
        }
        all
    })
}

fn written(members: &[Member], names: &[&str]) -> String {
    let member = |(name, value): &Member| {
        names.get(name % names.len().max(1)).map(|name| format!(",\"{name}\":{}", VALUES[*value]))
    };
    members.iter().filter_map(member).collect()
}

fn line(dialect: &Dialect, fields: &[Member], headers: &[Member]) -> String {
    let mut line = format!("{{{}{}", dialect.start, written(fields, dialect.fields));
    let headers = written(headers, dialect.headers);
    if !dialect.headers.is_empty() {
        let headers = headers.trim_start_matches(',');
        line = format!("{line},\"hidden_params\":{{\"additional_headers\":{{{headers}}}}}");
    }
    line + "}"
}

fn decode(decoder: &mut Decoder, line: &str) -> String {
    let mut batch = Batch::default();
    let at = LineAt { number: 1, offset: 9, received: Wall::from_secs(1_795_190_000) };
    decoder.line(line.as_bytes(), at, &mut batch);
    assert!(!batch.items.is_empty(), "{line}");
    format!("{:?} {:?}", batch.items, batch.text)
}

proptest! {
    #[test]
    fn what_was_read_before_changes_nothing(lines in conversation(), detected in any::<bool>()) {
        static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Arc::new(Formats::builtin()));
        let names = Names::default();
        let make = |format: Option<&str>| {
            let format = format.map(str::to_owned);
            let options = DecodeOptions { format, ..DecodeOptions::default() };
            Decoder::new(Arc::clone(&FORMATS), &names, options).unwrap()
        };
        let mut by_format: Vec<_> = DIALECTS.iter().map(|d| make(Some(d.format))).collect();
        let mut detecting = make(None);
        for (number, fields, headers) in &lines {
            let dialect = &DIALECTS[*number];
            let line = line(dialect, fields, headers);
            let veteran = if detected { &mut detecting } else { &mut by_format[*number] };
            let fresh = decode(&mut make(Some(dialect.format)), &line);
            prop_assert_eq!(decode(veteran, &line), fresh, "{}", line);
        }
    }
}

/// An access log line as one is like the next, and what may happen to one of them.
#[derive(Clone, Debug)]
struct Turn {
    numbers: Vec<u32>,
    /// Members that say something odd: which, and what.
    odd: Vec<Member>,
    swapped: Option<Member>,
    doubled: Option<usize>,
    left_out: Option<usize>,
}

const USUAL: &[(&str, &str)] = &[
    ("time", "2026-11-20T12:00:00+00:00"),
    ("msec", "1795176000.#"),
    ("remote_addr", "10.0.0.#"),
    ("uri", "/v1/chat/completions"),
    ("status", "200"),
    ("request_time", "1.#"),
    ("upstream_header_time", "0.#"),
    ("limit_requests", "500"),
    ("limit_tokens", "200000"),
    ("remaining_requests", "#"),
    ("remaining_tokens", "1#"),
    ("reset_requests", "#ms"),
    ("reset_tokens", "#ms"),
    ("retry_after", ""),
    ("key_last4", "k#"),
    ("team", "search"),
    ("upstream_http_openai_organization", "acme"),
];

fn turn() -> impl Strategy<Value = Turn> {
    let member = || 0..USUAL.len();
    let seldom = |any| prop::option::weighted(0.1, any);
    (
        prop::collection::vec(0..900_u32, USUAL.len()),
        prop_oneof![
            4 => Just(Vec::new()),
            1 => prop::collection::vec((member(), 0..VALUES.len()), 1..3),
        ],
        prop::option::weighted(0.1, (member(), member())),
        seldom(member()),
        seldom(member()),
    )
        .prop_map(|(numbers, odd, swapped, doubled, left_out)| Turn {
            numbers,
            odd,
            swapped,
            doubled,
            left_out,
        })
}

impl Turn {
    fn line(&self) -> String {
        let value = |(at, (_, usual)): (usize, &(&str, &str))| {
            let odd = self.odd.iter().find(|(member, _)| *member == at);
            let number = self.numbers[at].to_string();
            odd.map_or_else(
                || format!("\"{}\"", usual.replace('#', &number)),
                |(_, value)| VALUES[*value].to_owned(),
            )
        };
        let values: Vec<String> = USUAL.iter().enumerate().map(value).collect();
        let mut order: Vec<usize> =
            (0..USUAL.len()).filter(|at| Some(*at) != self.left_out).collect();
        if let Some((one, other)) = self.swapped {
            let (one, other) = (one % order.len(), other % order.len());
            order.swap(one, other);
        }
        order.extend(self.doubled);
        let member = |at: &usize| format!("\"{}\":{}", USUAL[*at].0, values[*at]);
        format!("{{{}}}", order.iter().map(member).collect::<Vec<_>>().join(","))
    }
}

proptest! {
    #[test]
    fn a_line_like_the_last_is_read_as_if_it_were_the_first(
        turns in prop::collection::vec(turn(), 2..24),
    ) {
        static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Arc::new(Formats::builtin()));
        let names = Names::default();
        let make = || {
            let options =
                DecodeOptions { format: Some("nginx-json".to_owned()), ..DecodeOptions::default() };
            Decoder::new(Arc::clone(&FORMATS), &names, options).unwrap()
        };
        let mut veteran = make();
        for turn in &turns {
            let line = turn.line();
            let fresh = decode(&mut make(), &line);
            prop_assert_eq!(decode(&mut veteran, &line), fresh, "{}", line);
        }
    }
}

#[test]
fn a_field_has_as_many_alternatives_as_a_map_gives_it() {
    let names: Vec<_> = (0..130).map(|number| format!("\"status{number}\"")).collect();
    let map = format!(
        "id = \"many\"\nabout = \"many names\"\ndetect = [[\"many\"]]\n[fields]\nstatus = [{}]\n",
        names.join(", ")
    );
    let formats = Arc::new(Formats::from_toml(&[("many.toml", &map)]).unwrap());
    for (present, status) in
        [(&[0][..], 0), (&[62], 62), (&[63], 63), (&[129, 64], 64), (&[129, 3], 3)]
    {
        let fields: Vec<_> =
            present.iter().map(|number| format!(",\"status{number}\":{}", 200 + number)).collect();
        let fields = fields.concat();
        let options = DecodeOptions { format: Some("many".to_owned()), ..DecodeOptions::default() };
        let mut decoder = Decoder::new(Arc::clone(&formats), &Names::default(), options).unwrap();
        let read = decode(&mut decoder, &format!("{{\"many\":1{fields}}}"));
        assert!(read.contains(&format!("status: Some({})", 200 + status)), "{present:?}: {read}");
    }
}
