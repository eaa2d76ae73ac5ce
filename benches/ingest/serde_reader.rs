//! The reference: a struct for `serde_json` that borrows what it can.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;

use serde::Deserialize;

use super::truth::Truth;
use super::{Log, cpu};

#[derive(Deserialize)]
#[allow(dead_code, reason = "read is what costs")]
struct Lean<'a> {
    #[serde(borrow)]
    msec: Cow<'a, str>,
    status: Cow<'a, str>,
    request_time: Cow<'a, str>,
    upstream_header_time: Cow<'a, str>,
    uri: Cow<'a, str>,
    openai_request_id: Cow<'a, str>,
    limit_requests: Cow<'a, str>,
    limit_tokens: Cow<'a, str>,
    remaining_requests: Cow<'a, str>,
    remaining_tokens: Cow<'a, str>,
    reset_requests: Cow<'a, str>,
    reset_tokens: Cow<'a, str>,
    retry_after: Cow<'a, str>,
    key_last4: Cow<'a, str>,
    team: Cow<'a, str>,
}

#[derive(Deserialize)]
#[allow(dead_code, non_snake_case, reason = "read is what costs")]
struct Fat<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    litellm_call_id: Cow<'a, str>,
    status: Cow<'a, str>,
    custom_llm_provider: Cow<'a, str>,
    model: Cow<'a, str>,
    startTime: f64,
    endTime: f64,
    completionStartTime: f64,
    response_cost: f64,
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(borrow)]
    end_user: Cow<'a, str>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    hidden_params: Hidden<'a>,
    #[serde(borrow)]
    error_information: Failure<'a>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read is what costs")]
struct Metadata<'a> {
    #[serde(borrow)]
    user_api_key_alias: Cow<'a, str>,
    user_api_key_team_alias: Cow<'a, str>,
    user_api_key_request_route: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Hidden<'a> {
    #[serde(borrow)]
    additional_headers: Option<Headers<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read is what costs")]
struct Headers<'a> {
    #[serde(borrow, rename = "llm_provider-x-ratelimit-limit-requests")]
    limit_requests: Cow<'a, str>,
    #[serde(borrow, rename = "llm_provider-x-ratelimit-limit-tokens")]
    limit_tokens: Cow<'a, str>,
    #[serde(borrow, rename = "llm_provider-x-ratelimit-remaining-requests")]
    remaining_requests: Cow<'a, str>,
    #[serde(borrow, rename = "llm_provider-x-ratelimit-remaining-tokens")]
    remaining_tokens: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    error_code: Cow<'a, str>,
}

pub fn lean(log: &Log) -> u64 {
    read(log, |line, truth| {
        let line: Lean<'_> = serde_json::from_slice(line).unwrap();
        truth.limited += u64::from(line.status == "429");
        truth.tokens_left += line.remaining_tokens.parse::<u64>().unwrap();
    })
}

pub fn fat(log: &Log) -> u64 {
    read(log, |line, truth| {
        let line: Fat<'_> = serde_json::from_slice(line).unwrap();
        truth.limited += u64::from(line.error_information.error_code == "429");
        truth.input += line.prompt_tokens;
        truth.output += line.completion_tokens;
        #[allow(clippy::cast_possible_truncation, reason = "rounded, a few dollars")]
        let nanos = (line.response_cost * 1e9).round() as i128;
        truth.cost += nanos;
        if let Some(headers) = line.hidden_params.additional_headers {
            truth.tokens_left += headers.remaining_tokens.parse::<u64>().unwrap();
        }
    })
}

fn read(log: &Log, mut line: impl FnMut(&[u8], &mut Truth)) -> u64 {
    let before = cpu::own_ns();
    let mut truth = Truth::default();
    lines(log, |bytes| {
        truth.requests += 1;
        line(bytes, &mut truth);
    });
    let spent = cpu::own_ns() - before;
    assert_eq!(truth, log.truth, "serde_json on {}", log.name);
    spent
}

/// Lines in blocks of 256 KiB.
pub fn lines(log: &Log, mut line: impl FnMut(&[u8])) {
    let mut file = File::open(&log.path).unwrap();
    let (mut buffer, mut filled) = (vec![0; 512 * 1024], 0);
    loop {
        let end = (filled + 256 * 1024).min(buffer.len());
        let read = file.read(buffer.get_mut(filled..end).unwrap()).unwrap();
        if read == 0 {
            assert_eq!(filled, 0, "the last line ends");
            return;
        }
        filled += read;
        let bytes = buffer.get(..filled).unwrap();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            line(bytes.get(start..end).unwrap());
            start = end + 1;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}
