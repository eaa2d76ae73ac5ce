//! Dumps of responses: curl, HAR, SDK debug logs.

use base64::Engine as _;
use serde_json::json;
use tripline::domain::Request;

use crate::check::{Sample, check};
use crate::trace_variants::Read;

const SAMPLES: &[Sample] = &[
    Sample {
        sample: "curl_i_200.txt",
        expect: "curl_i_200.json",
        // The body says 0, which is a number, not an unknown.
        overlook: &["reasoning_tokens"],
    },
    Sample { sample: "curl_i_429.txt", expect: "curl_i_429.json", overlook: &[] },
    Sample {
        sample: "curl_i_anthropic_200.txt",
        expect: "curl_i_anthropic_200.json",
        // The body says 0 here as well.
        overlook: &["cache_write_tokens"],
    },
    Sample {
        sample: "curl_i_stream.txt",
        expect: "curl_i_stream.json",
        // As above.
        overlook: &["reasoning_tokens"],
    },
    Sample {
        sample: "curl_v_200.txt",
        expect: "curl_v_200.json",
        // As above.
        overlook: &["reasoning_tokens"],
    },
    Sample { sample: "curl_trace_ascii.txt", expect: "curl_trace_ascii.json", overlook: &[] },
    Sample { sample: "curl_D_appended.headers", expect: "curl_D_appended.json", overlook: &[] },
    Sample {
        sample: "curl_w_json.jsonl",
        expect: "curl_w_json.json",
        // There is none: a line counts when it is read.
        overlook: &["at"],
    },
    Sample {
        sample: "flows.har",
        expect: "flows.json",
        // The bodies say 0.
        overlook: &["cached_input_tokens", "reasoning_tokens"],
    },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}

const OK: &str = "< HTTP/1.1 200 OK\n< content-type: application/json\n< \n";

fn providers(dump: &str) -> Vec<Option<String>> {
    let read = Read::of(dump.as_bytes());
    let name = |call: &Request| call.provider.map(|sym| read.names.text(sym).to_string());
    read.told().iter().map(name).collect()
}

#[test]
fn the_host_that_curl_asks_names_the_provider() {
    let verbose = |asks: &str| format!("*   Trying 1.2.3.4:443...\n{asks}{OK}");
    for asks in [
        "> POST /v1/chat/completions HTTP/1.1\n> Host: api.openai.com\n> Accept: */*\n> \n",
        "> POST /v1/chat/completions HTTP/2\r\n> host: api.openai.com:443\r\n> \r\n",
        "* [HTTP/2] [1] OPENED stream for https://x\n* [HTTP/2] [1] [:method: POST]\n* [HTTP/2] [1] [:authority: api.openai.com]\n> POST /v1/chat/completions HTTP/2\n> accept: */*\n> \n",
        "* h2h3 [:authority: api.openai.com]\n> POST /v1/chat/completions HTTP/2\n> \n",
    ] {
        assert_eq!(providers(&verbose(asks)), [Some("openai".to_owned())], "{asks}");
    }
    let trace = "=> Send header, 99 bytes (0x63)\n0000: POST /v1/messages HTTP/1.1\n001d: Host: api.anthropic.com\n0036: \n<= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 200 OK\n<= Recv header, 2 bytes (0x2)\n0000: \n";
    assert_eq!(providers(trace), [Some("anthropic".to_owned())]);
    // Each exchange has its own, and one that names none has none of another's.
    let two = format!(
        "{}{}",
        verbose("> POST /a/b HTTP/1.1\n> Host: api.groq.com\n> \n"),
        verbose("* [HTTP/2] [3] [:authority: api.x.ai]\n> POST /a/b HTTP/2\n> \n"),
    );
    let none = verbose("> POST /a/b HTTP/1.1\n> \n");
    assert_eq!(
        providers(&format!("{two}{none}")),
        [Some("groq".to_owned()), Some("xai".to_owned()), None]
    );
}

#[test]
fn an_archives_body_may_be_in_base64_and_groq_has_its_own_place_for_usage() {
    let counted = |body: &str| {
        let packed = base64::engine::general_purpose::STANDARD.encode(body);
        [body, &packed].map(|text| {
            let archive = json!({"log": {"version": "1.2", "entries": [{
                "startedDateTime": "2026-11-20T15:11:17Z", "time": 900,
                "request": {"method": "POST", "url": "https://api.groq.com/openai/v1/chat/completions"},
                "response": {"status": 200, "headers": [],
                    "content": {"text": text, "encoding": "base64"}}}]}});
            let call = Read::lines(&[archive]).one();
            (call.tokens.input, call.tokens.output)
        })
    };
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 5});
    let chunk = json!({"model": "m", "choices": [], "x_groq": {"id": "r", "usage": usage}});
    for body in [
        json!({"model": "m", "usage": usage}).to_string(),
        format!("{:#}", json!({"model": "m", "usage": usage})),
        format!("data: {chunk}\n\ndata: [DONE]\n\n"),
        format!("event: x\ndata: {chunk}\n\n"),
    ] {
        assert_eq!(counted(&body), [(Some(12), Some(5)); 2], "{body}");
    }
}
