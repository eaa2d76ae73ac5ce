//! What a call costs: what its log or its answer says, else what the one who sold it takes,
//! and nothing that nobody knows.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use std::sync::{Arc, LazyLock};

use assert_cmd::Command;
use serde_json::{Value, json};
use support::at;
use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, Names, Observation, Tier, Tokens, Wall};
use tripline::pricing::{PriceTable, Pricer};

/// The totals of a log, as the program prints them.
fn totals(config: &str, name: &str, log: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let (file, log_file) = (dir.path().join("config.toml"), dir.path().join(name));
    std::fs::write(&file, config).unwrap();
    std::fs::write(&log_file, log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", dir.path()).arg("--config").arg(file);
    let output = command.args(["once", "--json"]).arg(log_file).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let picture: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    picture["totals"].clone()
}

/// Dollars of one call of an application; `None` where it has no price.
fn usd(config: &str, provider: &str, model: &str, more: &Value) -> Option<String> {
    static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Formats::builtin().into());
    let mut call = json!({"at": "2026-11-22T10:00:00Z", "status": 200, "model": model});
    for (name, value) in more.as_object().unwrap() {
        call[name] = value.clone();
    }
    if !provider.is_empty() {
        call["provider"] = provider.into();
    }
    let names = Names::default();
    let (formats, options) = (Arc::clone(&FORMATS), DecodeOptions::default());
    let mut decoder = Decoder::new(formats, &names, options).unwrap();
    let mut batch = Batch::default();
    decoder.line(call.to_string().as_bytes(), at(1, 0, Wall::from_secs(1_795_400_000)), &mut batch);
    let file = ConfigFile::Bytes { name: "config.toml".into(), bytes: config.into() };
    let config = Config::load(&LoadInput { file: Some(file), overrides: Vec::new() }).unwrap();
    let mut table = PriceTable::builtin();
    for (name, price) in config.prices {
        table.set(&name, price);
    }
    Pricer::new(table, names).price_batch(&mut batch.items, 0);
    let mut requests = batch.items.iter().filter_map(|item| match item.seen {
        Observation::Request { request, .. } => Some(request),
        _ => None,
    });
    let request = requests.next().unwrap_or_else(|| panic!("no call: {call}"));
    request.cost.map(|cost| cost.usd.to_string())
}

fn million() -> Value {
    json!({"usage": {"input_tokens": 1_000_000, "output_tokens": 0}})
}

#[test]
fn only_who_made_a_model_or_sells_it_at_that_price_takes_the_makers_price() {
    let table = PriceTable::builtin();
    let tokens = Tokens { input: Some(1000), output: Some(1000), ..Tokens::default() };
    let usd = |provider, model| table.price(provider, model, &tokens, Tier::Standard);
    let mut wrong = Vec::new();
    for (provider, model) in [
        ("ollama", "deepseek-r1"),
        ("ollama", "deepseek-v3"),
        ("Ollama", "mistral-small"),
        ("together_ai", "deepseek-ai/DeepSeek-V3"),
        ("together", "mistralai/mistral-small"),
        ("fireworks_ai", "accounts/fireworks/models/deepseek-v3"),
        ("vllm", "mistralai/mistral-small"),
        ("hosted_vllm", "deepseek-chat"),
        ("cerebras", "gpt-4o"),
        ("groq", "deepseek-chat"),
        ("deepinfra", "deepseek-ai/DeepSeek-V3"),
        ("LM Studio", "mistral-small"),
        ("mygw", "ollama/deepseek-r1"),
        ("openai", "ollama/deepseek-r1"),
        ("", "ollama/deepseek-r1"),
        ("openrouter", "together_ai/deepseek-ai/DeepSeek-V3"),
    ] {
        if let Some(usd) = usd(Some(provider).filter(|name| !name.is_empty()), model) {
            wrong.push(format!("{provider} {model}: {usd}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (provider, model, maker, its) in [
        ("mygw", "deepseek-chat", "deepseek", "deepseek-chat"),
        ("litellm", "deepseek/deepseek-chat", "deepseek", "deepseek-chat"),
        ("kong", "gpt-4o", "openai", "gpt-4o"),
        // Of a client that speaks somebody's protocol nobody knows to whom.
        ("openai", "deepseek-chat", "deepseek", "deepseek-chat"),
        ("anthropic", "deepseek-chat", "deepseek", "deepseek-chat"),
        ("openai", "anthropic/claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
        ("openrouter", "mistralai/mistral-small", "mistral", "mistral-small"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
        ("azure_ai", "mistral-small", "mistral", "mistral-small"),
        ("vertex_ai", "claude-sonnet-4-5@20250929", "anthropic", "claude-sonnet-4-5"),
        ("mistral_ai", "mistralai/mistral-small", "mistral", "mistral-small"),
        ("deepseek", "deepseek-ai/deepseek-chat", "deepseek", "deepseek-chat"),
        ("groq", "groq/llama-guard-3-8b", "groq", "llama-guard-3-8b"),
        ("bedrock", "anthropic.claude-opus-4-6-v1", "anthropic", "claude-opus-4-6"),
        ("bedrock", "global.anthropic.claude-opus-4-6-v1", "anthropic", "claude-opus-4-6"),
        ("bedrock", "us-east-1/anthropic.claude-opus-4-6-v1", "anthropic", "claude-opus-4-6"),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-6-v1",
            "anthropic",
            "claude-opus-4-6",
        ),
        (
            "bedrock",
            "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic",
            "claude-sonnet-4-5",
        ),
    ] {
        let takes = usd(Some(maker), its);
        assert!(takes.is_some(), "{maker} {its}");
        assert_eq!(usd(Some(provider), model), takes, "{provider} {model}");
    }
    // What looks like a version may be another model.
    assert_eq!(usd(Some("openai"), "gpt-4o-v2"), None);
}

#[test]
fn ones_own_price_without_a_provider_counts_wherever_the_model_runs() {
    let own = "[price.\"deepseek-v3\"]\ninput = 0.25\noutput = 1\n";
    for (provider, model) in [
        ("ollama", "deepseek-v3"),
        ("together_ai", "deepseek-ai/DeepSeek-V3"),
        ("", "together_ai/deepseek-ai/DeepSeek-V3"),
    ] {
        assert_eq!(usd("", provider, model, &million()), None, "{provider} {model}");
        assert_eq!(usd(own, provider, model, &million()).as_deref(), Some("0.250000"));
    }
    let makers = "[price.\"deepseek/deepseek-v3\"]\ninput = 0.25\noutput = 1\n";
    assert_eq!(usd(makers, "ollama", "deepseek-v3", &million()), None, "another's");
}

#[test]
fn a_cost_in_an_answer_is_the_cost_of_the_call() {
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.0425});
    let body = |usage: Value| json!({"id": "gen-1", "model": "x/y", "usage": usage});
    let call = |body: String| json!({"body": body, "url": "https://openrouter.ai/api/v1/chat/completions"});
    let bare = usd("", "openrouter", "x/y", &json!({"usage": usage}));
    assert_eq!(bare.as_deref(), Some("0.042500"));
    let in_body =
        |usage: &Value| usd("", "openrouter", "x/y", &call(body(usage.clone()).to_string()));
    assert_eq!(in_body(&usage), bare);
    // What an answer out of a cache says is what it cost when it was made.
    let cached = json!({"usage": null, "cache_hit": true, "body": body(usage.clone()).to_string()});
    assert_eq!(usd("", "openrouter", "x/y", &cached).as_deref(), Some("0.000000"));
    // Perplexity's has parts.
    let parts = json!({"prompt_tokens": 9, "completion_tokens": 9, "cost": {"input_tokens_cost": 0.01, "total_cost": 0.02}});
    assert_eq!(in_body(&parts).as_deref(), Some("0.020000"));
    let stream = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n",
        json!({"model": "x/y", "choices": [{"delta": {"content": "hi"}}]}),
        body(usage.clone()),
    );
    assert_eq!(usd("", "openrouter", "x/y", &call(stream)), bare);

    let curl = format!(
        "HTTP/2 200 \ndate: Sun, 22 Nov 2026 10:00:00 GMT\ncontent-type: application/json\nx-request-id: a\n\n{}\n",
        body(usage.clone()),
    );
    assert_eq!(totals("", "curl.txt", &curl)["cost_usd"], "0.042500");
    let har = json!({"log": {"version": "1.2", "entries": [{
        "startedDateTime": "2026-11-22T10:00:00Z", "time": 900,
        "request": {"method": "POST", "url": "https://openrouter.ai/api/v1/chat/completions", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"text": body(usage).to_string()}},
    }]}});
    assert_eq!(totals("", "calls.har", &har.to_string())["cost_usd"], "0.042500");

    // As in a line: what can't be right counts nowhere, and is seen.
    let absurd = json!({"prompt_tokens": 1000, "completion_tokens": 10, "cost": -1});
    let line = json!({"at": "2026-11-22T10:00:00Z", "status": 200, "provider": "openrouter",
        "model": "x/y", "body": body(absurd).to_string()});
    let totals = totals("", "app.log", &format!("{line}\n"));
    assert_eq!((&totals["requests"], &totals["quarantined"]), (&json!(0), &json!(1)));
}

#[test]
fn coheres_answers_tell_tokens() {
    let billed = json!({"input_tokens": 1000, "output_tokens": 100});
    let all = json!({"input_tokens": 1070, "output_tokens": 100});
    for body in [
        json!({"id": "a", "usage": {"billed_units": billed, "tokens": all, "cached_tokens": 960}}),
        json!({"id": "b", "usage": {"tokens": billed}}),
        json!({"id": "c", "text": "hi", "meta": {"billed_units": billed, "tokens": all}}),
        json!({"id": "d", "text": "hi", "meta": {"tokens": billed}}),
    ] {
        let call = json!({"at": "2026-11-22T10:00:00Z", "status": 200, "provider": "cohere",
            "model": "command-r-08-2024", "body": body.to_string()});
        let said = totals("", "app.log", &format!("{call}\n"));
        assert_eq!((&said["input_tokens"], &said["output_tokens"]), (&json!(1000), &json!(100)));
        assert_eq!((&said["unpriced"], said["cost_usd"].is_string()), (&json!(0), true), "{body}");
        let mut line = call;
        line["body"] = Value::Null;
        for (name, value) in body.as_object().unwrap() {
            line[name] = value.clone();
        }
        let bare = totals("", "app.log", &format!("{line}\n"));
        assert_eq!(bare["input_tokens"], 1000, "{line}");
    }
}

#[test]
fn what_costs_more_is_never_priced_as_if_it_did_not() {
    let claude = |model: &str, more: Value| {
        let mut usage = million();
        for (name, value) in more.as_object().unwrap() {
            usage["usage"][name] = value.clone();
        }
        let bare = usd("", "anthropic", model, &usage);
        let body = json!({"model": model, "usage": usage["usage"]}).to_string();
        let in_body = usd("", "anthropic", model, &json!({"body": body}));
        assert_eq!(bare, in_body);
        bare.map(|usd| usd.parse::<f64>().unwrap())
    };
    let plain = claude("claude-opus-4-8", json!({"speed": "standard"})).unwrap();
    for (more, times) in [
        (json!({"speed": "fast", "service_tier": "standard"}), 2.0),
        (json!({"inference_geo": "us"}), 1.1),
        (json!({"speed": "fast", "inference_geo": "us"}), 2.2),
        (json!({"inference_geo": "us", "service_tier": "batch"}), 0.55),
        (json!({"inference_geo": "global"}), 1.0),
    ] {
        let usd = claude("claude-opus-4-8", more.clone()).unwrap();
        assert!((usd - plain * times).abs() < 1e-9, "{more}: {usd}, not {times} times {plain}");
    }
    assert_eq!(claude("claude-sonnet-4-5", json!({"speed": "fast"})), None, "none is known");

    let sound = |model: &str| {
        usd(
            "",
            "openai",
            model,
            &json!({"usage": {
                "prompt_tokens": 1_000_000, "completion_tokens": 1_000_000,
                "prompt_tokens_details": {"audio_tokens": 500_000},
                "completion_tokens_details": {"audio_tokens": 1_000_000},
            }}),
        )
    };
    // Half of 2.50 and of 32, and all of 64.
    assert_eq!(sound("gpt-audio").as_deref(), Some("81.250000"));
    assert_eq!(sound("gpt-4o"), None, "it has no price for sound");
    let gemini = json!({"body": json!({"modelVersion": "gemini-2.5-flash", "usageMetadata": {
        "promptTokenCount": 1_000_000, "candidatesTokenCount": 0, "totalTokenCount": 1_000_000,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 600_000}, {"modality": "AUDIO", "tokenCount": 400_000},
        ],
    }}).to_string()});
    assert_eq!(usd("", "gemini", "gemini-2.5-flash", &gemini).as_deref(), Some("0.580000"));
    // One price for whatever goes in.
    assert_eq!(usd("", "gemini", "gemini-2.5-pro", &gemini).as_deref(), Some("2.500000"));

    // Of a batch, writing to a cache for an hour costs half as well.
    let written = |tier: &str| {
        let usage = json!({"service_tier": tier, "input_tokens": 0, "output_tokens": 0,
            "cache_creation_input_tokens": 1_000_000,
            "cache_creation": {"ephemeral_1h_input_tokens": 1_000_000}});
        usd("", "anthropic", "claude-sonnet-4-5", &json!({"usage": usage})).unwrap()
    };
    assert_eq!((written("standard").as_str(), written("batch").as_str()), ("6.000000", "3.000000"));
}

#[test]
fn ones_own_prices_have_all_classes_that_the_shipped_ones_have() {
    let own = r#"
        [price."openai/m"]
        input = 4.0
        output = 8.0
        cached_input = 1.0
        cache_write = 5.0
        cache_write_1h = 6.0
        audio_input = 40.0
        batch = { input = 2.0, output = 4.0, above_272k = { input = 3.0, output = 6.0 } }
        above_272k = { input = 8.0, output = 12.0 }
        fast = 3.0
    "#;
    let cost = |more: Value| {
        let mut usage = json!({"input_tokens": 100_000, "output_tokens": 0});
        for (name, value) in more.as_object().unwrap() {
            usage[name] = value.clone();
        }
        usd(own, "openai", "m", &json!({"usage": usage})).unwrap()
    };
    let nested = own.replace(
        "above_272k = { input = 8.0, output = 12.0 }",
        "above_200k = { input = 8.0, output = 12.0, above_272k = { input = 9.0, output = 13.0 } }",
    );
    let file = ConfigFile::Bytes { name: "config.toml".into(), bytes: nested.into() };
    let refused = Config::load(&LoadInput { file: Some(file), overrides: Vec::new() }).unwrap_err();
    assert!(refused.to_string().contains("has a length within a length"), "{refused}");
    for (more, expected) in [
        (json!({}), "0.400000"),
        (json!({"input_tokens": 500_000}), "4.000000"),
        (json!({"service_tier": "batch"}), "0.200000"),
        (json!({"service_tier": "batch", "input_tokens": 500_000}), "1.500000"),
        (json!({"speed": "fast"}), "1.200000"),
        (json!({"input_tokens_details": {"cached_tokens": 100_000}}), "0.100000"),
        (
            json!({"input_tokens_details": {"cached_tokens": 100_000}, "service_tier": "batch"}),
            "0.050000",
        ),
        (json!({"input_tokens_details": {"audio_tokens": 50_000}}), "2.200000"),
        (
            json!({"input_tokens": 0, "cache_creation_input_tokens": 100_000,
                "cache_creation": {"ephemeral_1h_input_tokens": 100_000}}),
            "0.600000",
        ),
    ] {
        assert_eq!(cost(more.clone()), expected, "{more}");
    }
}
