//! Credentials in any field of a log are in no output and in no file of ours.

use serde_json::json;

use super::sandbox::{Sandbox, now};

/// Made-up credentials of many makers, each with a part nobody may ever see.
const SECRETS: [&str; 21] = [
    "sk-proj-Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdPc2Mx7HsJ",
    "sk-ant-api03-Qw8TnYbLr5VdPc2Mx7HsJQw8TnYbLr5VdPc2Mx7HsJ-Qw8TnAA",
    "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "sk-7HsJQw8TnYbLr5VdPc2Mx7",
    "gsk_Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdPc2Mx7HsJ",
    "xai-Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5Vd",
    "AIzaSyZk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnY",
    "AKIAZK3QW8TNYBLR5VDP",
    "ghp_Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr",
    "hf_Zk3QwTnYbLrVdPcMxHsJZkQwTnYbLrVdPc",
    "xoxb-123456789012-123456789012-Zk3Qw8TnYbLr5VdPc2Mx7HsJ",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "Bearer Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8",
    "https://alice:Zk3Qw8TnYbLr5Vd@gateway.internal/v1",
    "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",
    "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",
    "dapi018ad7b30ea3aefc29f6d812badb8638",
    "ak-L8sfxLHMtlw4tUa5zGyYT6",
    "tvly-Zk3Qw8TnYbLr5VdPc2Mx7HsJ",
    "hvs.Zk3Qw8TnYbLr5VdPc2Mx7HsJZk3Qw8TnYbLr5VdPc2Mx7HsJ",
    "openai%2Fsk-proj-Kc4Rv9UmXaMs6WeQd3Ny8JtKKc4Rv9UmXaMs6WeQd3Ny8JtK",
];

/// What must not be seen of one: its body, whatever is shown of its ends.
fn body(secret: &str) -> &str {
    let middle = secret.len() / 2;
    &secret[middle - 4..middle + 4]
}

/// Lines that carry a secret in each of the places a gateway could put it.
fn log() -> String {
    let mut lines = String::new();
    for (n, secret) in SECRETS.iter().enumerate() {
        let base = json!({
            "at": now(), "provider": "openai", "model": "gpt-4o", "endpoint": "/v1/chat/completions",
            "status": 200, "latency_ms": 10, "cost_usd": "0.01", "input_tokens": 1, "output_tokens": 1,
        });
        for field in [
            "key",
            "api_key",
            "key_id",
            "user",
            "team",
            "model",
            "provider",
            "environment",
            "host",
            "endpoint",
            "request_id",
            "finish_reason",
            "priority",
            "error",
            "note",
            "status",
            "cost_usd",
        ] {
            let mut line = base.clone();
            line[field] = json!(secret);
            lines += &format!("{line}\n");
            line[field] = json!(format!("failed with {secret} at once"));
            line["status"] = json!(401);
            lines += &format!("{line}\n");
        }
        let mut line = base.clone();
        line["headers"] = json!({ "authorization": secret, "x-api-key": secret, "x-request-id": secret,
            "x-ratelimit-limit-tokens": secret, "retry-after": secret });
        lines += &format!("{line}\n");
        lines += &format!("{{\"kind\":\"queue\",\"queue\":\"{secret}\",\"depth\":{n}}}\n");
        // Torn, escaped, and no JSON at all.
        lines += &format!("{{\"model\":\"m\",\"cost\":-1,\"key\":\"{secret}\n");
        lines +=
            &format!("{}\n", base.to_string().replace("gpt-4o", &secret.replace('-', "\\u002d")));
        lines += &format!("WARN something about {secret}\n");
    }
    lines
}

#[test]
fn no_output_and_no_file_holds_a_credential() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", log());
    let log = log.to_str().unwrap();
    let mut seen = Vec::new();
    for args in [
        ["once", "--json", log].as_slice(),
        &["once", log],
        &["parse", log],
        &["replay", "--json", log],
        &["replay", log],
    ] {
        let ran = sandbox.run(args).ok();
        seen.push((args.join(" "), [ran.0.stdout, ran.0.stderr].concat()));
    }
    for (n, secret) in SECRETS.iter().enumerate() {
        let scope = format!("key/{secret}");
        let ran = sandbox.run(["switch", "trip", &scope, "--reason", &format!("leaked {secret}")]);
        seen.push((format!("switch trip {n}"), [ran.0.stdout, ran.0.stderr].concat()));
    }
    for args in
        [["switch", "status"].as_slice(), &["switch", "status", "--json"], &["audit", "show"]]
    {
        let ran = sandbox.run(args).ok();
        seen.push((args.join(" "), [ran.0.stdout, ran.0.stderr].concat()));
    }
    seen.push(("the state directory".into(), Sandbox::everything_in(&sandbox.state())));
    let mut leaks = Vec::new();
    for (place, bytes) in &seen {
        let text = String::from_utf8_lossy(bytes);
        leaks.extend(SECRETS.iter().filter(|secret| text.contains(body(secret))).map(|secret| {
            let at = text.find(body(secret)).unwrap();
            let from = text.floor_char_boundary(at.saturating_sub(60));
            let to = text.floor_char_boundary((at + 60).min(text.len()));
            format!("{place}: {secret}: …{}…", &text[from..to])
        }));
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
