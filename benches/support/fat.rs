//! LiteLLM's standard logging payload, in its own order of keys: the small
//! fields, then prompt and answer, then the headers.

use std::io::{self, Write};

use super::rng::Rng;
use super::truth::Truth;

const MODELS: [&str; 4] = ["gpt-4o-mini", "gpt-4o", "gpt-4.1", "o4-mini"];
const KEYS: [&str; 6] = ["payments-prod", "search-prod", "support-bot", "growth", "eval", "batch"];

/// Plain prose with the escapes it has in JSON.
const PROSE: [&str; 8] = [
    "Please summarise the incident from the notes below and list owners. ",
    "The consumer group is stuck because partition 7 has an uncommitted offset.\\n",
    "Then say \\\"next steps\\\" and stop; do not repeat the log. ",
    "| region | p99 | errors |\\n|---|---|---|\\n| eu-west-1 | 412 ms | 0.3 % |\\n",
    "def handler(event):\\n\\treturn {\\\"statusCode\\\": 200, \\\"body\\\": \\\"ok\\\"}\\n",
    "Caf\u{e9} M\u{fc}nchen \u{2014} \\u00fcber 20 \\u20ac pro Tag. ",
    "https://example.com/runbooks/checkout/restart?from=latest&batch=500 ",
    "It should fall under one thousand within five minutes, otherwise page the owner of the topic. ",
];

/// Wanted names where they mean nothing: in a string, as keys of arguments.
const TRAP_TEXT: &str = concat!(
    r#"{\"response_cost\": 42.5, \"prompt_tokens\": 999999, "#,
    r#"\"hidden_params\": {\"additional_headers\": {\"llm_provider-x-ratelimit-remaining-tokens\": \"1\"}}}"#
);
const TRAP_ARGUMENTS: &str = concat!(
    r#"{"response_cost": 42.5, "completion_tokens": 999999, "status": "failure", "#,
    r#""hidden_params": {"additional_headers": {"llm_provider-x-ratelimit-remaining-tokens": "1"}}}"#
);
const TRAP_KEY: &str = r#""tag\"response_cost": 42.5, "\\\"prompt_tokens": 999999,"#;

/// Lines of 2 to 42 KB, 14 KB in the mean; six of a hundred are traps.
pub struct Fat {
    rng: Rng,
    now_ms: u64,
    tokens_left: u64,
    bulk: String,
}

/// What one line says.
struct Call {
    id: u64,
    failed: bool,
    input: u64,
    output: u64,
    cost: u64,
    trap: Option<u64>,
    model: &'static str,
    key: &'static str,
    started_ms: u64,
    ended_ms: u64,
}

impl Fat {
    pub fn new(start_ms: u64) -> Fat {
        Fat { rng: Rng(11), now_ms: start_ms, tokens_left: 200_000, bulk: String::new() }
    }

    /// Writes the next line.
    pub fn line(&mut self, out: &mut impl Write, truth: &mut Truth) -> io::Result<()> {
        let call = self.call();
        self.tokens_left = self.tokens_left.checked_sub(call.input).unwrap_or(2_000_000);
        let size = 200 + self.rng.below(196) * self.rng.below(196);
        let size = usize::try_from(size).unwrap_or(0);
        head(out, &call)?;
        self.messages(out, &call, size)?;
        self.tail(out, &call)?;
        truth.requests += 1;
        truth.limited += u64::from(call.failed);
        truth.input += call.input;
        truth.output += call.output;
        truth.cost += i128::from(call.cost);
        truth.tokens_left += if call.failed { 0 } else { self.tokens_left };
        Ok(())
    }

    fn call(&mut self) -> Call {
        let rng = &mut self.rng;
        self.now_ms += 1;
        let failed = rng.percent(3);
        let took = 200 + rng.below(5000);
        Call {
            id: rng.next(),
            failed,
            input: if failed { 0 } else { 20 + rng.below(6000) },
            output: if failed { 0 } else { 1 + rng.below(900) },
            // In steps of 100: Python prints what is below 0.0001 with an exponent.
            cost: if failed { 0 } else { 100 * (1 + rng.below(3) * rng.below(90_000)) },
            trap: rng.percent(6).then(|| rng.below(3)),
            model: rng.one_of(&MODELS),
            key: rng.one_of(&KEYS),
            started_ms: self.now_ms.saturating_sub(took),
            ended_ms: self.now_ms,
        }
    }

    /// Prompt and answer, together about `size` bytes.
    fn messages(&mut self, out: &mut impl Write, call: &Call, size: usize) -> io::Result<()> {
        self.prose(size / 8);
        write!(out, r#""messages":[{{"role":"system","content":"{}"}}"#, self.bulk)?;
        if call.trap == Some(1) {
            write!(
                out,
                r#",{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_1","function":{{"name":"bill","arguments":{TRAP_ARGUMENTS}}}}}]}}"#
            )?;
        }
        for _ in 0..4 {
            self.prose(size / 8);
            let trap = if call.trap == Some(0) { TRAP_TEXT } else { "" };
            write!(out, r#",{{"role":"user","content":"{}{trap}"}}"#, self.bulk)?;
        }
        self.prose(size * 3 / 8);
        write!(
            out,
            concat!(
                r#"],"response":{{"id":"chatcmpl-{:x}","created":{},"model":"{}","object":"chat.completion","#,
                r#""choices":[{{"finish_reason":"stop","index":0,"message":{{"content":"{}","role":"assistant","#,
                r#""tool_calls":null,"function_call":null,"annotations":[]}},"provider_specific_fields":{{}}}}],"#,
                r#""usage":{{"completion_tokens":{},"prompt_tokens":{}}},"service_tier":"default"}},"#
            ),
            call.id,
            call.ended_ms / 1000,
            call.model,
            self.bulk,
            call.output,
            call.input,
        )
    }

    fn prose(&mut self, size: usize) {
        self.bulk.clear();
        while self.bulk.len() < size {
            self.bulk.push_str(self.rng.one_of(&PROSE));
        }
    }

    /// What stands behind the bulk.
    fn tail(&mut self, out: &mut impl Write, call: &Call) -> io::Result<()> {
        write!(
            out,
            r#""model_parameters":{{"stream":false,"user":"cust_4411"}},"hidden_params":{{"model_id":"eu","cache_key":null,"#
        )?;
        if call.failed {
            write!(out, r#""additional_headers":null}},"#)?;
        } else {
            write!(
                out,
                concat!(
                    r#""response_cost":{:e},"additional_headers":{{"x_ratelimit_limit_tokens":2000000,"x_ratelimit_remaining_tokens":{},"#,
                    r#""llm_provider-openai-processing-ms":"511","llm_provider-openai-version":"2020-10-01","#,
                    r#""llm_provider-x-ratelimit-limit-requests":"500","llm_provider-x-ratelimit-limit-tokens":"2000000","#,
                    r#""llm_provider-x-ratelimit-remaining-requests":"499","llm_provider-x-ratelimit-remaining-tokens":"{}","#,
                    r#""llm_provider-x-ratelimit-reset-requests":"120ms","llm_provider-x-ratelimit-reset-tokens":"8ms","#,
                    r#""llm_provider-x-request-id":"req_{:x}","llm_provider-set-cookie":"__cf_bm=UCsMehGAkWvj; path=/; HttpOnly","#,
                    r#""llm_provider-content-type":"application/json","llm_provider-server":"cloudflare","#,
                    r#""llm_provider-cf-ray":"19e9cb0eb53f1694-FRA","x-litellm-model-group":"{}","x-litellm-attempted-retries":0,"#,
                    r#""x-ratelimit-api_key-remaining-requests":599,"x-ratelimit-api_key-limit-requests":600}},"#,
                    r#""litellm_overhead_time_ms":98.08,"litellm_model_name":"openai/{}"}},"#
                ),
                decimal(call.cost),
                self.tokens_left,
                self.tokens_left,
                call.id,
                call.model,
                call.model,
            )?;
        }
        write!(
            out,
            r#""model_map_information":{{"model_map_key":"{}","model_map_value":{{"max_tokens":16384"#,
            call.model
        )?;
        for name in [
            "above_128k",
            "above_200k",
            "batches",
            "flex",
            "priority",
            "per_image",
            "per_query",
            "video",
        ] {
            write!(
                out,
                r#","input_cost_per_token_{name}":null,"output_cost_per_token_{name}":null,"cache_read_input_token_cost_{name}":null"#
            )?;
        }
        let error = if call.failed {
            r#""error_code":"429","error_class":"RateLimitError","llm_provider":"openai","error_message":"Rate limit reached"#
        } else {
            r#""error_code":"","error_class":"","llm_provider":"","error_message":""#
        };
        writeln!(
            out,
            r#"}}}},"error_str":null,"error_information":{{{error}","error_provider_request_id":null}},"guardrail_information":null}}"#
        )
    }
}

fn head(out: &mut impl Write, call: &Call) -> io::Result<()> {
    let (status, hash) = (if call.failed { "failure" } else { "success" }, call.key.len() * 7919);
    let metadata_trap = if call.trap == Some(2) { TRAP_KEY } else { "" };
    write!(
        out,
        concat!(
            r#"{{"id":"chatcmpl-{:x}","litellm_call_id":"{:016x}","trace_id":"tr-77aa","session_id":"","#,
            r#""call_type":"acompletion","cache_hit":null,"stream":null,"status":"{}","#,
            r#""status_fields":{{"llm_api_status":"{}","guardrail_status":"not_run"}},"custom_llm_provider":"openai","#,
            r#""saved_cache_cost":0.0,"startTime":{}.{:03},"endTime":{}.{:03},"completionStartTime":{}.{:03},"#,
            r#""response_time":0.97,"model":"openai/{}","metadata":{{{}"user_api_key_hash":"{:064x}","#,
            r#""user_api_key_alias":"{}","user_api_key_spend":412.33,"user_api_key_max_budget":500.0,"#,
            r#""user_api_key_team_id":"team-payments","user_api_key_team_alias":"payments-ml","#,
            r#""user_api_key_end_user_id":"cust_4411","user_api_key_request_route":"/v1/chat/completions","#,
            r#""requester_metadata":{{"tags":["env:prod"],"priority":"high","headers":{{"host":"127.0.0.1:4000","#,
            r#""x-stainless-lang":"python","x-stainless-retry-count":"0"}}}},"#,
            r#""usage_object":{{"completion_tokens":{},"prompt_tokens":{},"#,
            r#""prompt_tokens_details":{{"audio_tokens":0,"cached_tokens":0}}}},"#,
            r#""user_api_key_auth_metadata":{{"environment":"prod"}}}},"cache_key":null,"response_cost":{},"#,
            r#""cost_breakdown":{{"input_cost":3.9e-06,"output_cost":2.52e-05,"service_tier":null}},"#,
            r#""total_tokens":{},"prompt_tokens":{},"completion_tokens":{},"request_tags":["env:prod"],"#,
            r#""end_user":"cust_4411","model_group":"{}","model_id":"openai-eu","user_agent":"OpenAI/Python 2.54.0","#
        ),
        call.id,
        call.id,
        status,
        status,
        call.started_ms / 1000,
        call.started_ms % 1000,
        call.ended_ms / 1000,
        call.ended_ms % 1000,
        call.started_ms / 1000,
        call.started_ms % 1000,
        call.model,
        metadata_trap,
        hash,
        call.key,
        call.output,
        call.input,
        python(call.cost),
        call.input + call.output,
        call.input,
        call.output,
        call.model,
    )
}

#[allow(clippy::cast_precision_loss, reason = "a few digits")]
fn decimal(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Dollars as Python prints them.
fn python(nanos: u64) -> String {
    match nanos {
        0 => "0".into(),
        1..100_000 => format!("{:e}", decimal(nanos)).replace("e-", "e-0"),
        _ => format!("{}", decimal(nanos)),
    }
}
